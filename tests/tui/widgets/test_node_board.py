"""The board shows where pods are and follows them."""

import attrs
from textual.app import App, ComposeResult

from engine.api.pod import Pod
from tests.tui.fixtures import make_node, make_pod
from tui.session import Delta
from tui.themes import DARK
from tui.widgets.node_board import NodeBoard

NODES = [make_node(f"node-{number}", number=number) for number in (1, 2)]


class BoardApp(App[None]):
    """A board and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name

    def compose(self) -> ComposeResult:
        """The board."""
        yield NodeBoard()

    @property
    def board(self) -> NodeBoard:
        """The board."""
        return self.query_one(NodeBoard)


def _text(board: NodeBoard) -> str:
    return "\n".join(board.render_line(y).text for y in range(board.size.height))


def _bound(pod: Pod, node: str) -> Pod:
    return attrs.evolve(pod, spec=attrs.evolve(pod.spec, node_name=node))


async def test_a_pod_moves_from_the_lane_to_its_node() -> None:
    """Before it is bound it waits; then it stands on its node's card."""
    pod = make_pod("web-1", phase="Pending", ready=False)
    app = BoardApp()
    async with app.run_test(size=(120, 30)) as pilot:
        app.board.show(NODES, [pod])
        await pilot.pause()
        assert "web-1" in _text(app.board).splitlines()[0]

        bound = _bound(pod, "node-2")
        app.board.apply(Delta({Pod: {pod.key: (pod, bound)}}), namespace="")
        await pilot.pause()

        lines = _text(app.board).splitlines()
        assert "every pod has a node" in lines[0]
        assert any("web-1" in line for line in lines[1:])


async def test_the_selected_pod_stays_selected() -> None:
    """Others come and go around it; when it goes, a node is selected."""
    pods = [make_pod(f"web-{n}", node="node-1") for n in range(3)]
    app = BoardApp()
    async with app.run_test(size=(120, 30)) as pilot:
        app.board.focus()
        app.board.show(NODES, pods)
        await pilot.press("down", "down")
        chosen = app.board.selected
        assert isinstance(chosen, Pod)

        app.board.apply(Delta({Pod: {pods[0].key: (pods[0], None)}}), namespace="")
        await pilot.pause()
        if chosen is not pods[0]:
            assert app.board.selected is chosen

        app.board.apply(Delta({Pod: {chosen.key: (chosen, None)}}), namespace="")
        await pilot.pause()
        assert app.board.selected in NODES


async def test_a_thousand_nodes_can_be_scrolled() -> None:
    """Only what is in view is painted."""
    nodes = [make_node(f"node-{n}") for n in range(1000)]
    app = BoardApp()
    async with app.run_test(size=(120, 30)) as pilot:
        app.board.focus()
        app.board.show(nodes, [])
        await pilot.pause()
        await pilot.press("end")
        await pilot.pause()

        assert "node-999" in _text(app.board)


async def test_a_tiny_terminal_is_survived() -> None:
    """A card that is wider than the screen is cut, nothing more."""
    app = BoardApp()
    async with app.run_test(size=(120, 30)) as pilot:
        app.board.show(NODES, [make_pod("web-1", node="node-1")])
        for size in ((30, 6), (12, 3), (1, 1), (120, 30)):
            await pilot.resize_terminal(*size)
            await pilot.pause()

        assert "node-1" in _text(app.board)
