"""`kubarium explain`: why a pod is where it is, or nowhere, and what would help."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson

from engine.errors import ConfigError


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("target", metavar="pod/NAME", help="the pod")
    parser.add_argument("-n", "--namespace", default="", help="its namespace (default)")
    parser.add_argument(
        "--what-if",
        action="append",
        default=[],
        metavar="CHANGE",
        help="ask for the decision if nodes were otherwise, without changing anything; may be"
        " repeated: 'NODE cpu=+1', 'NODE memory=16Gi', 'NODE taint=KEY-', 'NODE label=KEY=VALUE',"
        " 'NODE uncordon', 'NODE remove', '+node', '+3 nodes', '+node like NODE'",
    )
    parser.add_argument(
        "-o", "--output", choices=("text", "json", "yaml"), default="text", help="the form (text)"
    )
    parser.add_argument(
        "--attempt", type=int, default=0, metavar="N", help="an earlier attempt (the last one)"
    )
    parser.add_argument("--all", action="store_true", help="show every node, however many")
    parser.add_argument(
        "--kubeconfig", type=Path, metavar="PATH", help="what `kubarium serve` wrote"
    )
    parser.add_argument("--context", default="", help="which context of the kubeconfig")


def run(options: argparse.Namespace) -> int:
    """Print one decision, or the answer to a question."""
    return asyncio.run(_explain(options))


async def _explain(options: argparse.Namespace) -> int:
    from engine.api.codec import encode
    from engine.hosting.options import default_kubeconfig
    from tui.attached import AttachedSource
    from tui.render.decision_text import explain, explain_what_if
    from tui.what_if import what_if

    kind, _, name = options.target.rpartition("/")
    if kind not in ("", "pod", "pods", "po"):
        raise ConfigError(f"{options.target}: only pods are scheduled; say pod/NAME")
    questions: list[str] = options.what_if
    path = options.kubeconfig or default_kubeconfig()
    source = AttachedSource.from_kubeconfig(path, context=options.context or None)
    namespace = options.namespace or source.access.namespace or "default"
    question = what_if(namespace, name, questions) if questions else None
    limit = sys.maxsize if options.all else 40
    await source.start(lambda *_change: None)
    try:
        if question is not None:
            answer: Any = await source.create(question)
            text = explain_what_if(answer, questions, limit=limit)
        else:
            answer = await _decision(source, name, namespace, options.attempt)
            text = explain(answer, now=source.info.now, limit=limit)
    finally:
        await source.stop()
    if options.output == "json":
        print(orjson.dumps(encode(answer), option=orjson.OPT_INDENT_2).decode())
    elif options.output == "yaml":
        import yaml

        print(yaml.safe_dump(orjson.loads(orjson.dumps(encode(answer))), sort_keys=False), end="")
    else:
        print(text)
    return 0


async def _decision(source: Any, name: str, namespace: str, attempt: int) -> Any:
    from engine.api.kubarium import Decision
    from engine.api.pod import Pod
    from engine.apiserver.errors import NotFoundError

    try:
        wanted = f"{name}.{attempt}" if attempt else name
        return await source.get(Decision, wanted, namespace)
    except NotFoundError:
        pod = await source.get(Pod, name, namespace)
        where = f"on {pod.spec.node_name}" if pod.spec.node_name else "on no node"
        raise ConfigError(
            f"pod/{name} in {namespace} is {where}, but no such decision is kept: it was made"
            " before this process started, by another scheduler, or too long ago;"
            " --what-if asks for a new one"
        ) from None
