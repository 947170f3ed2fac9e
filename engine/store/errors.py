"""What the store refuses, with the facts a caller needs to decide."""

from engine.errors import EngineError


class StoreError(EngineError):
    """Base of all errors the store raises on purpose."""


class CompactedError(StoreError):
    """The revision asked for is older than what compaction left."""

    def __init__(self, requested: int, compact_revision: int) -> None:
        super().__init__(
            f"revision {requested} has been compacted; the oldest available is {compact_revision}"
        )
        self.requested = requested
        self.compact_revision = compact_revision


class FutureRevisionError(StoreError):
    """The revision asked for does not exist yet."""

    def __init__(self, requested: int, current: int) -> None:
        super().__init__(f"revision {requested} is in the future; the store is at {current}")
        self.requested = requested
        self.current = current


class DuplicateKeyError(StoreError):
    """One transaction would change the same key twice."""

    def __init__(self, key: bytes) -> None:
        super().__init__(f"key {key!r} is changed twice in one transaction")
        self.key = key


class KeyMissingError(StoreError):
    """A put that keeps the old value or lease found no key to keep it from."""

    def __init__(self, key: bytes) -> None:
        super().__init__(f"key {key!r} does not exist, so its value or lease cannot be kept")
        self.key = key


class LeaseNotFoundError(StoreError):
    """There is no lease with this id: never granted, expired or revoked."""

    def __init__(self, lease_id: int) -> None:
        super().__init__(f"lease {lease_id} not found: never granted, expired or revoked")
        self.lease_id = lease_id


class LeaseExistsError(StoreError):
    """A lease with this id is already granted."""

    def __init__(self, lease_id: int) -> None:
        super().__init__(f"lease {lease_id} is already granted")
        self.lease_id = lease_id


class ReadOnlyError(StoreError):
    """The store takes no writes for now; *alarm* says why and what helps."""

    def __init__(self, alarm: str) -> None:
        super().__init__(f"the store is read-only: {alarm}")
        self.alarm = alarm


class DamagedLogError(StoreError):
    """The change log cannot be read; the message says where it is and what to do."""


class NewerFormatError(StoreError):
    """The change log was written by a newer version of Kubarium."""
