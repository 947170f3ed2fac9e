"""Kubeconfigs are read as kubectl reads them."""

import base64
from pathlib import Path

import pytest
import yaml

from engine.errors import ConfigError
from tui.kubeconfig import read_kubeconfig


def _write(folder: Path, **user: str) -> Path:
    data = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "apps"}},
            {"name": "lost", "context": {"cluster": "nowhere", "user": "u"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:6443/"}}],
        "users": [{"name": "u", "user": user}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(data))
    return path


def test_the_current_context_is_used(tmp_path: Path) -> None:
    """Server, namespace and token are those of the current context."""
    access = read_kubeconfig(_write(tmp_path, token="secret"))

    assert (access.context, access.server, access.namespace) == (
        "one", "http://127.0.0.1:6443", "apps",
    )  # fmt: skip
    assert access.headers() == {"Authorization": "Bearer secret"}
    assert "secret" not in repr(access)


def test_certificates_may_be_files_beside_it(tmp_path: Path) -> None:
    """A relative path is relative to the kubeconfig."""
    (tmp_path / "me.pem").write_text("CERTIFICATE")
    path = _write(
        tmp_path,
        **{
            "client-certificate": "me.pem",
            "client-key-data": base64.b64encode(b"KEY").decode(),
        },
    )

    access = read_kubeconfig(path)

    assert (access.certificate, access.key) == ("CERTIFICATE", "KEY")


@pytest.mark.parametrize(
    ("context", "words"),
    [("two", "there is no context 'two'; there is one, lost"), ("lost", "no cluster 'nowhere'")],
)
def test_what_is_missing_is_named(tmp_path: Path, context: str, words: str) -> None:
    """The message names what was asked for and what there is."""
    with pytest.raises(ConfigError, match=words):
        read_kubeconfig(_write(tmp_path), context=context)


def test_no_file_at_all(tmp_path: Path) -> None:
    """The message says how to get one."""
    with pytest.raises(ConfigError, match="start `kubarium serve`"):
        read_kubeconfig(tmp_path / "missing")
