"""ServiceAccount: a pod that names no account gets "default", its pull secrets and a token.

Source: plugin/pkg/admission/serviceaccount, kubernetes v1.34.
"""

from typing import Any

from engine.api.container import Container, VolumeMount
from engine.api.core import ServiceAccount
from engine.api.evolution import evolve
from engine.api.frozen import freeze
from engine.api.meta import LocalObjectReference
from engine.api.pod import Pod, PodSpec
from engine.api.scheme import SCHEME
from engine.api.volume import Volume
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.storage import ObjectStorage

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path

_MIRROR = "kubernetes.io/config.mirror"
_ACCOUNTS = SCHEME.resource_of(ServiceAccount)
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_PROJECTED = freeze(
    {
        "defaultMode": 0o644,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {
                "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                }
            },
            {
                "downwardAPI": {
                    "items": [
                        {
                            "path": "namespace",
                            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                        }
                    ]
                }
            },
        ],
    }
)


class ServiceAccountAdmission:
    """Makes a pod run as an account: names it, gives it pull secrets, mounts its token."""

    kinds = (Pod,)

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The pod with an account."""
        pod = attributes.obj
        if not attributes.is_creation_of(Pod) or _MIRROR in pod.metadata.annotations:
            return pod
        spec = pod.spec
        name = spec.service_account_name or "default"
        if name != spec.service_account_name or "serviceAccount" not in spec.extra:
            extra = spec.extra.with_items({"serviceAccount": name})
            spec = evolve(spec, service_account_name=name, extra=extra)
        account = _account(attributes, storage, name)
        if account is None:
            return evolve(pod, spec=spec)
        if account.image_pull_secrets and not spec.image_pull_secrets:
            secrets = tuple(
                LocalObjectReference(name=str(secret.get("name", "")))
                for secret in account.image_pull_secrets
            )
            spec = evolve(spec, image_pull_secrets=secrets)
        if _wants_token(spec, account):
            spec = _with_token(spec, pod.metadata.uid)
        return pod if spec is pod.spec else evolve(pod, spec=spec)


def _account(attributes: Attributes, storage: ObjectStorage, name: str) -> ServiceAccount | None:
    """The account of that name.

    The default one of a new namespace may be a moment late: it is taken as there if somebody makes
    such accounts at all. None if nobody does, as in a server without controllers.

    Raises:
        ForbiddenError: there is none.
    """
    namespace = attributes.obj.metadata.namespace
    found: ServiceAccount | None = storage.find(_ACCOUNTS, namespace, name)
    if found is not None:
        return found
    if name == "default":
        return storage.find(_ACCOUNTS, "kube-system", "default")
    raise attributes.forbidden(
        f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
    )


def _wants_token(spec: PodSpec, account: ServiceAccount) -> bool:
    """The pod decides, else its account; without a word there is a token."""
    for said in (spec.automount_service_account_token, account.automount_service_account_token):
        if said is not None:
            return said
    return True


def _with_token(spec: PodSpec, uid: str) -> PodSpec:
    """*spec* with the token mounted wherever nothing else is at its path."""
    name = f"kube-api-access-{_suffix(uid)}"
    containers = tuple([_mounted(container, name) for container in spec.containers])
    inits = tuple([_mounted(container, name) for container in spec.init_containers])
    if containers == spec.containers and inits == spec.init_containers:
        return spec
    volume = Volume(name=name, projected=_PROJECTED)
    return evolve(
        spec, containers=containers, init_containers=inits, volumes=(*spec.volumes, volume)
    )


def _mounted(container: Container, name: str) -> Container:
    mounts = container.volume_mounts
    if any(mount.mount_path == TOKEN_PATH for mount in mounts):
        return container
    mount = VolumeMount(name=name, mount_path=TOKEN_PATH, read_only=True)
    return evolve(container, volume_mounts=(*mounts, mount))


def _suffix(uid: str) -> str:
    """Five characters that follow from *uid*, which is random itself."""
    number = int(uid.replace("-", "")[-12:] or "0", 16)
    letters = []
    for _ in range(5):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)
