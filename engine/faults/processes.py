"""Parts of the cluster as processes: what stopping and starting one of them means."""

from typing import Protocol

import attrs


class Manager(Protocol):
    """Runs controllers by name."""

    def stop_controller(self, name: str) -> None:
        """Stop one."""
        ...

    def start_controller(self, name: str) -> None:
        """Start one that was stopped."""
        ...


@attrs.frozen
class NamedController:
    """One controller, which stays stopped even when its manager begins to lead again."""

    manager: Manager
    name: str

    def start(self) -> None:
        """Let it work again."""
        self.manager.start_controller(self.name)

    def stop(self) -> None:
        """Let it do nothing."""
        self.manager.stop_controller(self.name)
