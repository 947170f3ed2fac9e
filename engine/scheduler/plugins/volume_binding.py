"""VolumeBinding: a pod goes where its volumes are, or where they can be had.

Source: volumebinding/volume_binding.go and binder.go, kubernetes v1.34.
"""

from typing import ClassVar

import attrs
import numpy as np

from engine.api.frozen import EMPTY
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.wire import Json
from engine.scheduler.columns import Ints, Mask, Rows
from engine.scheduler.framework import Verdict
from engine.scheduler.node_selection import any_term
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.volume_view import SELECTED_NODE, VolumeView

REASON_CONFLICT = "node(s) didn't match PersistentVolume's node affinity"
REASON_NONE = "node(s) didn't find available persistent volumes to bind"
REASON_FULL = "node(s) did not have enough free storage"
_CONFLICT, _NONE, _NOWHERE, _FULL = 1, 2, 4, 8
_REASONS = {_CONFLICT: REASON_CONFLICT, _NONE: REASON_NONE, _FULL: REASON_FULL}


@attrs.frozen(kw_only=True)
class BindingPlan:
    """What has to be written before a pod is bound to a node: which volume for which claim.

    *provision* are the claims for which a volume is to be made there.
    """

    bind: tuple[tuple[PersistentVolumeClaim, PersistentVolume], ...] = ()
    provision: tuple[PersistentVolumeClaim, ...] = ()


@attrs.define(eq=False)
class VolumeBinding:
    """Filters by the node affinity of bound volumes, and by what unbound claims could get."""

    NAME: ClassVar[str] = "VolumeBinding"
    IS_LOCAL: ClassVar[bool] = True
    READS_PODS: ClassVar[bool] = False

    view: VolumeView

    def applies(self, info: PodInfo) -> bool:
        """Whether the pod has claims."""
        return bool(info.claims)

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """Rows fail that a volume cannot be reached from, or where none can be had."""
        claims = self.view.claims_of(info)
        codes = np.zeros(len(rows), np.int64)
        if claims.problem:
            codes[:] = _NOWHERE
            words = (claims.problem,)
            return Verdict(codes, lambda _code: words, everywhere=claims.problem)
        for _, volume in claims.bound:
            codes[~reachable(volume, table, rows)] |= _CONFLICT
        if len(claims.delayed) == 1:
            codes |= self._lacks(claims.delayed[0], table, rows)
        elif claims.delayed:
            for index, row in enumerate(rows):
                if table.nodes[row] is not None:
                    found = self._plan(claims.delayed, table, row)
                    codes[index] |= found if isinstance(found, int) else 0

        def reasons(code: int) -> tuple[str, ...]:
            return tuple(words for bit, words in _REASONS.items() if code & bit)

        return Verdict(codes, reasons)

    def plan(self, info: PodInfo, table: NodeTable, node_name: str) -> BindingPlan:
        """What has to be written for a pod that goes to a node which passed."""
        delayed = self.view.claims_of(info).delayed
        found = self._plan(delayed, table, table.rows[node_name]) if delayed else 0
        return found if isinstance(found, BindingPlan) else BindingPlan()

    def _plan(
        self, claims: tuple[PersistentVolumeClaim, ...], table: NodeTable, row: int
    ) -> BindingPlan | int:
        """What has to be written for a node, or what it lacks."""
        rows = np.array([row], np.intp)
        bind: list[tuple[PersistentVolumeClaim, PersistentVolume]] = []
        provision: list[PersistentVolumeClaim] = []
        taken: set[str] = set()
        for claim in sorted(claims, key=lambda claim: claim.metadata.name):
            selected = claim.metadata.annotations.get(SELECTED_NODE)
            if selected is not None:
                if selected != table.names[row]:
                    return _NONE
                provision.append(claim)
                continue
            for volume in self.view.available_for(claim):
                name = volume.metadata.name
                if name not in taken and reachable(volume, table, rows)[0]:
                    taken.add(name)
                    bind.append((claim, volume))
                    break
            else:
                lacks = self._cannot_be_made(claim, table, rows)[0]
                if lacks:
                    return int(lacks)
                provision.append(claim)
        return BindingPlan(bind=tuple(bind), provision=tuple(provision))

    def _lacks(self, claim: PersistentVolumeClaim, table: NodeTable, rows: Rows) -> Ints:
        selected = claim.metadata.annotations.get(SELECTED_NODE)
        if selected is not None:
            return np.where(rows == table.rows.get(selected, -1), 0, _NONE)
        lacks = self._cannot_be_made(claim, table, rows)
        for volume in self.view.available_for(claim):
            if not lacks.any():
                break
            lacks[reachable(volume, table, rows)] = 0
        return lacks

    def _cannot_be_made(self, claim: PersistentVolumeClaim, table: NodeTable, rows: Rows) -> Ints:
        """Why no volume can be made for a claim, by row: 0 where one can."""
        lacks = np.zeros(len(rows), np.int64)
        found = self.view.class_of(claim)
        if found is None or not self.view.is_provisionable(claim):
            lacks[:] = _NONE
            return lacks
        if found.allowed_topologies:
            terms = [_as_term(item) for item in found.allowed_topologies]
            lacks[~any_term(terms, table, rows)] = _NONE
        places = self.view.places_with_room(claim)
        if places is not None:
            for index, row in enumerate(rows):
                node = table.nodes[row]
                labels = node.metadata.labels if node is not None else EMPTY
                if not lacks[index] and not any(place.matches(labels) for place in places):
                    lacks[index] = _FULL
        return lacks


def reachable(volume: PersistentVolume, table: NodeTable, rows: Rows) -> Mask:
    """From which of *rows* a volume can be reached."""
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None:
        return np.ones(len(rows), np.bool_)
    return any_term(affinity.required.get("nodeSelectorTerms") or (), table, rows)


def _as_term(topology: Json) -> Json:
    return {
        "matchExpressions": [
            {"key": item.get("key"), "operator": "In", "values": item.get("values")}
            for item in topology.get("matchLabelExpressions") or ()
        ]
    }
