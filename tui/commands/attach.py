"""`kubarium attach`: the terminal app on a cluster that runs elsewhere."""

import argparse

from engine.hosting.options import default_kubeconfig


def run(options: argparse.Namespace) -> int:
    """Open the app; it ends when the user leaves it.

    Who chooses a scenario or lab of the course gets a cluster for it next, then this one again.
    """
    from tui.app import KubariumApp
    from tui.attached import AttachedSource
    from tui.cli import main
    from tui.commands.open import offer_course

    path = options.kubeconfig or default_kubeconfig()
    while True:
        source = AttachedSource.from_kubeconfig(path, context=options.context or None)
        app = KubariumApp(source)
        offer_course(app)
        app.run()
        if not app.next_command:
            return app.return_code or 0
        # Its own address and kubeconfig: those of the cluster that we are attached to are in use.
        own = default_kubeconfig().with_name("course.kubeconfig")
        main([*app.next_command, "--listen", "127.0.0.1:0", "--kubeconfig", str(own)])
