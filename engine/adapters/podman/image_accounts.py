"""Users and groups as an image's own /etc/passwd and /etc/group have them.

Podman gives a user all its groups in the image, or none as soon as a group is named; Kubernetes
has other rules (supplementalGroupsPolicy).

Source: withUser and generateContainerUser of containerd 2, KEP-3619.
"""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from engine.adapters.podman.client import PodmanClient
from engine.adapters.podman.image_volumes import layers_of
from engine.cri.commands import Security
from engine.cri.status import ProcessUser
from engine.errors import AdapterError


@attrs.frozen(kw_only=True)
class Accounts:
    """The two files of an image, and as whom it runs (``user`` or ``user:group``)."""

    passwd: str = ""
    group: str = ""
    user: str = ""

    def find(self, user: str) -> ProcessUser | None:
        """The *user* (a number or a name) with its primary and other groups; None if unknown.

        A number that the image does not know is in group 0 and in no other.
        """
        for entry in _entries(self.passwd, 4):
            if user in (entry[0], entry[2]):
                groups = (
                    int(group[2])
                    for group in _entries(self.group, 4)
                    if entry[0] in group[3].split(",")
                )
                return ProcessUser(uid=int(entry[2]), gid=int(entry[3]), groups=tuple(groups))
        return ProcessUser(uid=int(user), gid=0, groups=()) if user.isdigit() else None

    def group_number(self, group: str) -> int | None:
        """The number of *group* (a number or a name); None if there is none."""
        if group.isdigit():
            return int(group)
        return next((int(item[2]) for item in _entries(self.group, 3) if item[0] == group), None)


@attrs.define(eq=False)
class ImageAccounts:
    """The accounts of every image asked for."""

    client: PodmanClient
    _known: dict[str, Accounts] = attrs.field(factory=dict, init=False)

    async def settled(self, security: Security, image: str) -> Security:
        """*security* with the user and groups that Kubernetes means, where Podman takes others.

        As it is where the image's files cannot be read, as on another machine.
        """
        if not security.is_strict_about_groups and security.run_as_group is None:
            return security
        if image not in self._known:
            try:
                self._known[image] = await self._read(image)
            except AdapterError:
                return security
        return settle(security, self._known[image])

    async def _read(self, image: str) -> Accounts:
        found = await self.client.get(f"/images/{image}/json")
        layers = [Path(layer) for layer in layers_of(found)]
        user = str((found.get("Config") or {}).get("User") or found.get("User") or "")
        passwd, group = await asyncio.to_thread(read_files, layers, ("passwd", "group"))
        return Accounts(passwd=passwd, group=group, user=user)


def settle(security: Security, accounts: Accounts) -> Security:
    """*security* with the user and groups as numbers, for an image with *accounts*."""
    name, _, group = accounts.user.partition(":")
    if security.run_as_user is not None:
        name, group = str(security.run_as_user), ""
    found = accounts.find(name or "0")
    if found is None:
        return security  # Podman says so
    primary = security.run_as_group
    if primary is None:
        named = accounts.group_number(group) if group else None
        primary = found.gid if named is None else named
    others = () if security.is_strict_about_groups else found.groups
    return attrs.evolve(
        security,
        run_as_user=found.uid,
        run_as_group=primary,
        supplemental_groups=tuple(dict.fromkeys((*security.supplemental_groups, *others))),
    )


def read_files(layers: Sequence[Path], names: Iterable[str]) -> list[str]:
    """What the files *names* in /etc hold, each in the uppermost of *layers* that has it."""
    found = []
    for name in names:
        text = ""
        for layer in layers:
            folder = layer / "etc"
            path = folder / name
            if folder.is_symlink() or path.is_symlink():
                break  # it may lead out of the image
            if path.exists():
                text = path.read_text(errors="replace") if path.is_file() else ""
                break
        found.append(text)
    return found


def _entries(text: str, least: int) -> list[list[str]]:
    """The lines of such a file as fields, where there are at least so many, with numbers."""
    lines = [line.strip().split(":") for line in text.splitlines()]
    return [
        entry
        for entry in lines
        if len(entry) >= least
        and entry[2].isdigit()
        and (least < 4 or len(entry) == 4 or entry[3].isdigit())
    ]
