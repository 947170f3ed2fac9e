"""Every key with an id, what it does and what it applies to: keys, footer, help, palette.

A user's own keys (config: ``[keys]``, id to keys) are laid over by Textual's keymap.
"""

import attrs
from textual.binding import Binding

WORKLOADS = ("Deployment",)
RESTARTED = ("Deployment", "StatefulSet", "DaemonSet")
SCALED = ("Deployment", "ReplicaSet", "StatefulSet", "ReplicationController")
LOGGED = ("Pod", *SCALED, "DaemonSet", "Job")
ANY = ("*",)


@attrs.frozen(kw_only=True)
class Action:
    """One thing a person can do.

    *kinds* names the kinds of object it acts on: ``*`` for any, empty for none at all.
    *is_change* marks what ``--readonly`` refuses.
    """

    id: str
    keys: str
    title: str
    help: str
    group: str
    kinds: tuple[str, ...] = ()
    is_change: bool = False
    is_shown: bool = True

    def applies_to(self, kind: str) -> bool:
        """Whether this acts on an object of *kind* (empty: no object)."""
        return not self.kinds or (bool(kind) and (self.kinds == ANY or kind in self.kinds))


_OBJECT = "The selected object"
_CLUSTER = "The cluster"
_AROUND = "Around"
LAB = "The lab"
SCENARIO = "The scenario"

ACTIONS: tuple[Action, ...] = (
    Action(id="describe", keys="d", title="Describe", group=_OBJECT, kinds=ANY,
           help="Everything about it, with its events"),
    Action(id="yaml", keys="y", title="YAML", group=_OBJECT, kinds=ANY,
           help="It as the API server has it"),
    Action(id="logs", keys="l", title="Logs", group=_OBJECT,
           kinds=LOGGED, help="What its containers print, live"),
    Action(id="previous_logs", keys="p", title="Previous logs", group=_OBJECT, kinds=("Pod",),
           help="What the container printed before its last restart", is_shown=False),
    Action(id="scale", keys="s", title="Scale", group=_OBJECT, kinds=SCALED,
           help="Ask for another number of pods", is_change=True),
    Action(id="set_image", keys="i", title="Set image", group=_OBJECT, kinds=WORKLOADS,
           help="Roll out another version", is_change=True),
    Action(id="undo", keys="u", title="Undo", group=_OBJECT, kinds=WORKLOADS,
           help="Roll back to the revision before", is_change=True),
    Action(id="restart", keys="r", title="Restart", group=_OBJECT, kinds=RESTARTED,
           help="Replace all its pods, step by step", is_change=True),
    Action(id="pause_rollout", keys="z", title="Pause/resume", group=_OBJECT, kinds=WORKLOADS,
           help="Hold the rollout, or let it go on", is_change=True, is_shown=False),
    Action(id="cordon", keys="c", title="Cordon", group=_OBJECT, kinds=("Node",),
           help="Place no more pods there, or place them again", is_change=True),
    Action(id="drain", keys="D", title="Drain", group=_OBJECT, kinds=("Node",),
           help="Cordon it and move its pods away", is_change=True),
    Action(id="crash", keys="x", title="Crash/restore", group=_OBJECT, kinds=("Node",),
           help="Cut its power, or boot it again", is_change=True),
    Action(id="cut", keys="n", title="Cut off/heal", group=_OBJECT, kinds=("Node",),
           help="Cut it off from the API server, or connect it again", is_change=True),
    Action(id="kill_containers", keys="x", title="Kill containers", group=_OBJECT, kinds=("Pod",),
           help="Kill its processes; the kubelet starts them again", is_change=True),
    Action(id="delete", keys="ctrl+d", title="Delete", group=_OBJECT, kinds=ANY,
           help="Delete it, after asking", is_change=True),
    Action(id="kill", keys="ctrl+k", title="Kill", group=_OBJECT, kinds=("Pod",),
           help="Delete it at once, without grace", is_change=True, is_shown=False),
    Action(id="what_if", keys="w", title="What if", group=_OBJECT, kinds=("Pod",),
           help="Where it would go if nodes were otherwise (Scheduling)"),
    Action(id="copy_name", keys="C", title="Copy name", group=_OBJECT, kinds=ANY,
           help="Copy its name", is_shown=False),
    Action(id="pause_cluster", keys="P", title="Freeze", group=_CLUSTER,
           help="Stop the cluster's time, or let it run on", is_change=True, is_shown=False),
    Action(id="slower", keys="less_than_sign", title="Slower", group=_CLUSTER,
           help="Half the speed of the cluster's time", is_change=True, is_shown=False),
    Action(id="faster", keys="greater_than_sign", title="Faster", group=_CLUSTER,
           help="Twice the speed of the cluster's time", is_change=True, is_shown=False),
    Action(id="lab_hint", keys="h", title="Hint", group=LAB,
           help="Pay for the next hint of the task"),
    Action(id="lab_answer", keys="a", title="Answer", group=LAB,
           help="Type the answer that the task asks for"),
    Action(id="lab_solution", keys="S", title="Solution", group=LAB,
           help="Open the solution; the task is worth nothing then", is_shown=False),
    Action(id="lab_reset", keys="R", title="Reset", group=LAB,
           help="Put the cluster back to how the task began", is_shown=False),
    Action(id="new_fault", keys="f", title="Break", group=_CLUSTER,
           help="Break something on purpose, for a time: a form with a preview", is_change=True),
    Action(id="panic", keys="exclamation_mark", title="Mend all", group=_CLUSTER,
           help="End every fault that is active, at once", is_change=True),
    Action(id="traffic", keys="t", title="Traffic", group=_OBJECT, kinds=("Service",),
           help="Send requests to it, or stop them", is_change=True),
    Action(id="record", keys="ctrl+r", title="Record", group=_CLUSTER, is_shown=False,
           help="Record what you do into a scenario; again to stop and save it"),
    Action(id="time", keys="H", title="Time", group=_CLUSTER,
           help="A slider over revisions: every view shows the cluster as it was"),
    Action(id="play_pause", keys="comma", title="Play/pause", group=SCENARIO,
           help="Let the scenario go on, or hold it after this step"),
    Action(id="play_step", keys="full_stop", title="Step", group=SCENARIO,
           help="Play one step, then hold"),
    Action(id="play_to", keys="J", title="Go to step", group=SCENARIO,
           help="See a step as it was, or play on until it comes", is_shown=False),
    Action(id="command", keys="colon", title="Command", group=_AROUND,
           help="Go to any kind: :pods, :deploy, :no, :ev kube-system"),
    Action(id="filter", keys="slash", title="Filter", group=_AROUND,
           help="regex, !regex, -l app=web, -f fuzzy"),
    Action(id="palette", keys="ctrl+p", title="Palette", group=_AROUND, help="Every action by name",
           is_shown=False),
    Action(id="help", keys="question_mark", title="Help", group=_AROUND,
           help="The keys that apply here"),
    Action(id="leave", keys="escape", title="Back", group=_AROUND,
           help="Clear the filter, or go back", is_shown=False),
    Action(id="history_back", keys="left_square_bracket", title="Earlier", group=_AROUND,
           help="The place before", is_shown=False),
    Action(id="history_forward", keys="right_square_bracket", title="Later", group=_AROUND,
           help="The place after", is_shown=False),
    Action(id="last_view", keys="minus", title="Last", group=_AROUND, help="Where we were last",
           is_shown=False),
    Action(id="theme", keys="T", title="Theme", group=_AROUND, help="The next of Kubarium's themes",
           is_shown=False),
    Action(id="save_screen", keys="ctrl+s", title="Save screen", group=_AROUND,
           help="Write this screen as an SVG file", is_shown=False),
)  # fmt: skip
"""All actions, in the order of help and footer."""

TABLE = (
    Binding("down,j", "move(1)", "Down", show=False),
    Binding("up,k", "move(-1)", "Up", show=False),
    Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
    Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
    Binding("home,g", "jump(0)", "First", show=False),
    Binding("end,G", "jump(-1)", "Last", show=False),
    Binding("enter", "open", "Open", show=False),
    Binding("space", "toggle_mark", "Mark", show=False),
    Binding("o", "sort_next", "Order", show=False),
    Binding("O", "sort_turn", "Reverse", show=False),
)
"""The keys of a table of objects."""

BY_ID = {action.id: action for action in ACTIONS}


def bindings() -> list[Binding]:
    """Key bindings of all actions; an action that does not apply is skipped by `check_action`."""
    # What always applies comes first, so that a narrow footer still shows the way to help.
    ordered = sorted(ACTIONS, key=lambda action: action.group != _AROUND)
    made = [Binding(a.keys, f"do('{a.id}')", a.title, show=a.is_shown, id=a.id) for a in ordered]
    made += [
        Binding(
            str(number), f"namespace({number})", "Namespace", show=False, id=f"namespace_{number}"
        )
        for number in range(10)
    ]
    return made


def key_label(keys: str) -> str:
    """A key as people write it: ``ctrl-d``, ``:``, ``?``."""
    names = {
        "colon": ":", "slash": "/", "question_mark": "?", "left_square_bracket": "[",
        "right_square_bracket": "]", "minus": "-", "less_than_sign": "<",
        "greater_than_sign": ">", "escape": "esc", "comma": ",", "full_stop": ".",
        "exclamation_mark": "!",
    }  # fmt: skip
    return " ".join(names.get(key, key.replace("+", "-")) for key in keys.split(","))
