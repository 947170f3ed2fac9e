"""Runs a journal again on an equal cluster, without the outside world, and compares the history."""

from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import attrs

from engine.adapters.encoded import EncodedObjects
from engine.adapters.http.encoding import Encoder
from engine.adapters.http.verbs import Verbs
from engine.adapters.pki import identity_from_text
from engine.api.load import Load
from engine.api.pod import Pod
from engine.apiserver.errors import ApiError
from engine.bootstrap import publish_apiserver
from engine.cluster import Cluster
from engine.composition.shutdown import shut_nodes_down
from engine.config import ClusterConfig, NodeConfig
from engine.cri.runtime import Emit, Runtime
from engine.errors import ConfigError
from engine.kernel.journal import InputContext
from engine.load.profile import Profile
from engine.load.stats import LoadStats
from engine.replay.journal_file import Recorded, digest_of
from engine.replay.stand_ins import (
    RecordedAnswers,
    RecordedLogs,
    RecordedRuntime,
    RecordedStorage,
    RecordedTraffic,
)
from engine.replay.values import ValueProblem, from_data
from engine.scenario.actions import apply_yaml
from engine.scenario.checks import HttpAnswer
from engine.scenario.loader import parse_scenario
from engine.scenario.player import Player
from engine.scenario.report import Report
from engine.scenario.view import ClusterView

_VERBS = frozenset(("create", "update", "patch", "delete", "evict"))
_AT_ONCE = ("http", "tui", "replay/")


@attrs.frozen(kw_only=True)
class Verdict:
    """How a replay went.

    Attributes:
        inputs: how many inputs were replayed.
        revision: the revision reached.
        compared: how many revisions were compared with the journal.
        differs_at: the first revision that is another than in the journal; None if none is.
        problem: why the replay ended before the run did, if so.
        report: of the scenario that was played, if one was.
    """

    inputs: int
    revision: int
    compared: int
    differs_at: int | None
    problem: str
    report: Report | None = None

    @property
    def is_same(self) -> bool:
        """Whether the history is the journal's, as far as that goes."""
        return self.differs_at is None


@attrs.define(eq=False, repr=False)
class Replayer:
    """One journal on one cluster. *on_progress* hears of each input."""

    recorded: Recorded
    on_progress: Callable[[int], None] = lambda _number: None
    cluster: Cluster = attrs.field(init=False)
    player: Player | None = attrs.field(default=None, init=False)
    digests: dict[int, str] = attrs.field(factory=dict, init=False)
    _runtimes: dict[str, RecordedRuntime] = attrs.field(factory=dict, init=False)
    _traffic: dict[str, RecordedTraffic] = attrs.field(factory=dict, init=False)
    _answers: RecordedAnswers = attrs.field(factory=RecordedAnswers, init=False)
    _logs: RecordedLogs = attrs.field(factory=RecordedLogs, init=False)
    _handlers: dict[str, Callable[[Any], Any]] = attrs.field(factory=dict, init=False)

    def run(self) -> Verdict:
        """Replay it all, or up to where it is cut off.

        Raises:
            ConfigError: the header describes no cluster.
        """
        self.cluster = self._make_cluster()
        self.cluster.store.watch(b"/", b"0", deliver=self._record)
        self._make_player()
        self._connect()
        self.cluster.loop.now = self._start_time()
        self.cluster.start()
        problem, done = self.recorded.problem, 0
        for line in self.recorded.lines:
            try:
                payload = from_data(line.payload, self.cluster.server.scheme)
            except ValueProblem as error:
                problem = f"input {done + 1} ({line.channel}): {error}"
                break
            self._advance(line.time, line.revision)
            self._enter(done + 1, line.channel, payload)
            done += 1
            self.on_progress(done)
        if self.recorded.end is not None and not problem:
            self._advance(*self.recorded.end)
        return self._verdict(done, problem)

    def _verdict(self, done: int, problem: str) -> Verdict:
        known = self.recorded.digests
        common = sorted(revision for revision in known if revision in self.digests)
        differs = next((r for r in common if known[r] != self.digests[r]), None)
        last = max(known, default=0)
        if differs is None and not problem and self.cluster.store.revision < last:
            differs = self.cluster.store.revision + 1
        return Verdict(
            inputs=done,
            revision=self.cluster.store.revision,
            compared=len(common),
            differs_at=differs,
            problem=problem,
            report=self.player.report() if self.player is not None else None,
        )

    def _start_time(self) -> float:
        """When the parts began to work: a moment after the cluster was made."""
        try:
            return float.fromhex(self.recorded.header["start"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"the journal's header is damaged: {error}") from error

    def _make_cluster(self) -> Cluster:
        header = self.recorded.header
        try:
            config = from_data(header["config"])
            if not isinstance(config, ClusterConfig):
                raise ConfigError("the journal's header describes no cluster")
            self._runtimes = {
                name: RecordedRuntime(from_data(facts)) for name, facts in header["real"].items()
            }
            identity = identity_from_text(header["keys"])
        except (KeyError, TypeError, ValueError, ValueProblem) as error:
            raise ConfigError(f"the journal's header is damaged: {error}") from error
        is_real = bool(self._runtimes)

        def make_runtime(node: NodeConfig, _index: int, _emit: Emit) -> Runtime | None:
            return self._runtimes.get(node.name)

        return Cluster(
            config=config,
            identity=identity,
            make_runtime=make_runtime if is_real else None,
            make_storage=(lambda _answer: RecordedStorage()) if header.get("storage") else None,
            send_load=self._begin_traffic if is_real else None,
        )

    def _begin_traffic(self, load: Load, profile: Profile) -> RecordedTraffic:
        found = LoadStats().as_status(age=0.0, phase="Running")
        made = self._traffic[load.metadata.uid] = RecordedTraffic(load, profile, found)
        return made

    def _make_player(self) -> None:
        given: Mapping[str, Any] | None = self.recorded.header.get("scenario")
        if given is None:
            return
        scenario = parse_scenario(given["text"], variables=given["variables"])
        client = self.cluster.client("scenario", groups=("system:masters",))
        fetch = self._answers.fetch if self._runtimes else self._fetch
        view = ClusterView(client, fetch, self._logs.read, broken=self.cluster.monitor.broken)
        self.player = Player(scenario, client, view)
        self._handlers["play"] = lambda _payload: self._play()
        self._handlers["player"] = lambda action: getattr(self.player, action)()

    def _play(self) -> None:
        if self.player is not None:
            self.player.start()

    def _fetch(self, url: str, done: Callable[[HttpAnswer], None]) -> None:
        self.cluster.modelled.get(
            url, lambda answer: done(HttpAnswer(status=answer.status, body=answer.body))
        )

    def _connect(self) -> None:
        cluster = self.cluster
        client = cluster.client("tui", user="kubernetes-admin", groups=("system:masters",))

        def from_screen(call: tuple[str, tuple[Any, ...], dict[str, Any]]) -> None:
            verb, arguments, options = call
            if verb in _VERBS:
                getattr(client, verb)(*arguments, **options)

        def manifests(found: tuple[str, tuple[Pod, ...]]) -> None:
            cluster.nodes[found[0]].kubelet.set_manifests(found[1])

        def state(found: tuple[str, Any, Any]) -> None:
            runtime = self._runtimes[found[0]]
            runtime.images, runtime.used = found[1], found[2]

        def report(found: tuple[str, dict[str, Any]]) -> None:
            if found[0] in self._traffic:
                self._traffic[found[0]].found = found[1]

        self._handlers |= {
            "http": Verbs(cluster.server, Encoder(EncodedObjects())).handle,
            "store/compact": cluster.store.compact,
            "tui": from_screen,
            "manifests": manifests,
            "http-answer": self._answers.take,
            "scenario/log": self._logs.take,
            "load": report,
            "replay/state": state,
            "replay/publish": lambda at: publish_apiserver(cluster.admin, at[0], at[1]),
            "replay/shutdown": lambda _: shut_nodes_down(cluster.nodes),
            "replay/demo": lambda _nothing: self._deploy_demo(),
        }

    def _deploy_demo(self) -> None:
        text = resources.files("scenarios").joinpath("demo.yaml").read_text(encoding="utf-8")
        apply_yaml(self.cluster.admin, text, "default")

    def _advance(self, time: float, revision: int) -> None:
        """Run everything before *time*, and at *time* what led to *revision*."""
        loop, store = self.cluster.loop, self.cluster.store
        while (following := loop.next_time()) is not None and following <= time:
            if following == time and store.revision >= revision:
                break
            loop.run_step(time)
        loop.now = max(loop.now, time)

    def _enter(self, number: int, channel: str, payload: Any) -> None:
        handler = self._handlers.get(channel) or self._of_cluster(channel)
        if handler is None:
            return
        loop = self.cluster.loop
        context = InputContext(number, channel)
        try:
            if channel.startswith(_AT_ONCE) or channel.endswith("/files"):
                loop.run_now(handler, payload, context=context)
            else:
                outer, loop.context = loop.context, context
                loop.call_soon(handler, payload)
                loop.context = outer
        except ApiError:
            # Refused then too.
            return

    def _of_cluster(self, channel: str) -> Callable[[Any], Any] | None:
        return self.cluster.journal._handlers.get(channel)  # noqa: SLF001 - what the cluster registered

    def _record(self, batch: Any) -> None:
        by_revision: dict[int, list[Any]] = {}
        for change in batch.changes:
            by_revision.setdefault(change.revision, []).append(change)
        for revision, changes in by_revision.items():
            self.digests[revision] = digest_of(changes)
