"""Who may reach a cluster's API server from this machine, and how: certificates, files, audit."""

import socket
import ssl
import time
from pathlib import Path

from engine.adapters.http.audit_log import AuditLog, open_audit_log
from engine.adapters.http.kubeconfig import write_kubeconfig
from engine.adapters.pki import client_credentials, server_context
from engine.apiserver.authentication.identity import Identity
from engine.apiserver.authorization.authorizer import Authorizer
from engine.config import ClusterConfig
from engine.errors import ConfigError
from engine.hosting.options import HostOptions, state_folder
from engine.kernel.loop import Loop


def reachable(host: str) -> str:
    """Where a server that listens on *host* is found from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - only compared


def pki_folder(options: HostOptions) -> Path:
    """Where the cluster's certificates and keys are."""
    return (options.data or state_folder()) / "pki"


def server_tls(identity: Identity, config: ClusterConfig, listen: str) -> ssl.SSLContext:
    """TLS of the API server, under every name it is asked by."""
    names = (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{config.cluster_domain}",
        "localhost",
        "127.0.0.1",
        "::1",
        config.api_ip,
        *(node.address for node in config.nodes[:1] if node.address),
        reachable(listen),
        socket.gethostname(),
    )
    return server_context(identity, names, now=time.time())


def save_kubeconfig(path: Path, identity: Identity, *, cluster: str, server: str) -> None:
    """Write the administrator's kubeconfig to *path*.

    Raises:
        ConfigError: it cannot be written.
    """
    admin = client_credentials(identity, "kubernetes-admin", ("system:masters",), now=time.time())
    try:
        write_kubeconfig(path, server=server, name=cluster, ca=identity.ca, credentials=admin)
    except OSError as error:
        msg = f"the kubeconfig cannot be written to {path}: {error.strerror}"
        raise ConfigError(msg) from error


def audit_log(options: HostOptions, loop: Loop, authorizer: Authorizer | None) -> AuditLog | None:
    """The audit log that was asked for; None for none. It says what *authorizer* decides, and why.

    Raises:
        ConfigError: there is a policy but no file, or one of them cannot be used.
    """
    if options.audit_log is None:
        if options.audit_policy is not None:
            raise ConfigError("--audit-policy needs --audit-log beside it: where to write")
        return None
    log = open_audit_log(options.audit_log, options.audit_policy, loop)
    log.explain = authorizer.explain if authorizer is not None else None
    return log
