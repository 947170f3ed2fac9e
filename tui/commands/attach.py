"""`kubarium attach`: the terminal app on a cluster that runs elsewhere."""

import argparse

from engine.hosting.options import default_kubeconfig


def run(options: argparse.Namespace) -> int:
    """Open the app; it ends when the user leaves it."""
    from tui.app import KubariumApp
    from tui.attached import AttachedSource

    path = options.kubeconfig or default_kubeconfig()
    source = AttachedSource.from_kubeconfig(path, context=options.context or None)
    app = KubariumApp(source)
    app.run()
    return app.return_code or 0
