"""Which form of an answer an Accept header asks for."""

import pytest

from engine.adapters.http.negotiation import Form, negotiate
from engine.apiserver.errors import NotAcceptableError


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        pytest.param("", Form(), id="nothing said"),
        pytest.param("application/yaml", Form(is_yaml=True), id="yaml"),
        pytest.param(
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            Form("Table"),
            id="table first",
        ),
        pytest.param(
            "application/vnd.kubernetes.protobuf,application/json", Form(), id="json after protobuf"
        ),
    ],
)
def test_the_first_form_that_can_be_had_is_taken(accept: str, form: Form) -> None:
    """Clients list what they like best first."""
    assert negotiate(accept) == form


def test_a_form_nobody_serves_is_refused() -> None:
    """Better 406 than bytes the client cannot read."""
    with pytest.raises(NotAcceptableError):
        negotiate("application/vnd.kubernetes.protobuf")
