"""The root of every error that Kubarium raises on purpose.

The tree, by layer::

    EngineError
    ├── ConfigError                  a setting that cannot be used (engine.config, the CLI)
    ├── StoreError                   engine.store.errors: Compacted, FutureRevision, …
    ├── ApiError                     engine.apiserver.errors: NotFound, Conflict, Invalid, …
    │   └── UnavailableError         the API server cannot be reached over this link, or is down
    ├── DecodeError                  engine.api.codec: the wire form is not such an object
    ├── RuntimeFailure               engine.cri.runtime: the container runtime refused or is away
    ├── AdapterError                 the outside world: Podman, nftables, sockets, disks
    └── ScenarioError                engine.scenario: a file that cannot be played, with its place

Anything else that escapes is a bug of ours and ends the run.
"""


class EngineError(Exception):
    """Base of all errors a caller of the engine may want to handle."""


class ConfigError(EngineError):
    """A setting that cannot be used; the message names the setting and what is allowed."""


class AdapterError(EngineError):
    """Something outside of us (Podman, the firewall, a socket, a disk) did not do as asked."""
