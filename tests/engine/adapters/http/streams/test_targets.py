"""Which container a stream is for, and which backend a proxy request."""

import pytest

from engine.adapters.http.streams.port_forward import ports_of
from engine.adapters.http.streams.proxy import split_path
from engine.adapters.http.streams.proxy_targets import (
    Backend,
    ProxyName,
    parse_name,
    pod_backend,
    service_backend,
)
from engine.adapters.http.streams.remote_command import outcome
from engine.adapters.http.streams.targets import container_name, exec_options, running_container
from engine.api.container import Container, ContainerPort
from engine.api.core import Service, ServicePort, ServiceSpec
from engine.api.discovery import Endpoint, EndpointConditions, EndpointSlice, SlicePort
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod, PodSpec, PodStatus
from engine.apiserver.errors import BadRequestError, InternalError, UnavailableError
from engine.cri.streams import StreamFailure


def make_pod(*names: str, inits: tuple[str, ...] = ()) -> Pod:
    """A pod with containers of those names; the first has a port called http."""
    port = ContainerPort(container_port=8080, name="http")
    return Pod(
        metadata=ObjectMeta(name="web", namespace="default"),
        spec=PodSpec(
            containers=tuple(Container(name=name, ports=(port,)) for name in names),
            init_containers=tuple(Container(name=name) for name in inits),
        ),
        status=PodStatus(pod_ip="10.244.1.2"),
    )


def test_the_only_container_need_not_be_named() -> None:
    """Nor an unknown one guessed."""
    assert container_name(make_pod("a", inits=("i",)), "") == "a"
    with pytest.raises(BadRequestError, match="container x is not valid for pod web"):
        container_name(make_pod("a"), "x")


def test_several_containers_are_listed() -> None:
    """In Kubernetes' words."""
    with pytest.raises(BadRequestError) as refused:
        container_name(make_pod("a", "b", inits=("i",)), "")

    assert str(refused.value) == (
        "a container name must be specified for pod web, choose one of: [a b] "
        "or one of the init containers: [i]"
    )


def test_a_container_that_does_not_run_is_not_found() -> None:
    """As a kubelet says it."""
    with pytest.raises(InternalError, match=r'container not found \("a"\)'):
        running_container(make_pod("a"), "a")


def test_a_terminal_has_no_errors_of_its_own() -> None:
    """They come with the output."""
    options = exec_options({"stdout": "true", "stderr": "1", "tty": "true"}, ("sh",))

    assert (options.stdout, options.stderr, options.tty) == (True, False, True)
    with pytest.raises(BadRequestError, match="at least 1 of stdin, stdout, stderr"):
        exec_options({}, ("sh",))


def test_outcomes_are_statuses() -> None:
    """Success, an exit code, a failure."""
    assert outcome(0, None, ["ls"])["status"] == "Success"
    assert outcome(3, None, ["ls"])["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    assert outcome(None, StreamFailure("gone"), ["ls"])["reason"] == "InternalError"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web", ProxyName(name="web")),
        ("web:http", ProxyName(name="web", port="http")),
        ("https:web:443", ProxyName(name="web", port="443", scheme="https")),
        ("https:web:", ProxyName(name="web", scheme="https")),
    ],
)
def test_proxy_names_have_schemes_and_ports(text: str, expected: ProxyName) -> None:
    """Each of their forms."""
    assert parse_name("pod", text) == expected


@pytest.mark.parametrize("text", ["ftp:web:21", ":80", "a:b:c:d"])
def test_bad_proxy_names_are_refused(text: str) -> None:
    """With what was asked."""
    with pytest.raises(BadRequestError, match="invalid pod request"):
        parse_name("pod", text)


@pytest.mark.parametrize(("port", "expected"), [("", 8080), ("http", 8080), ("81", 81)])
def test_ports_of_pods(port: str, expected: int) -> None:
    """By default the first declared, else by name or number."""
    assert pod_backend(make_pod("a"), ProxyName(name="web", port=port)).port == expected


def test_services_lead_to_ready_endpoints() -> None:
    """In turn; without one the answer is 503."""
    service = Service(
        metadata=ObjectMeta(name="web"), spec=ServiceSpec(ports=(ServicePort(name="h", port=80),))
    )
    slice_ = EndpointSlice(
        ports=(SlicePort(name="h", port=8080),),
        endpoints=(
            Endpoint(addresses=("10.0.0.1",)),
            Endpoint(addresses=("10.0.0.2",), conditions=EndpointConditions(ready=False)),
        ),
    )
    wanted = ProxyName(name="web", port="80")

    assert service_backend(service, [slice_], wanted, 5) == Backend(host="10.0.0.1", port=8080)
    with pytest.raises(UnavailableError, match='no endpoints available for service "web"'):
        service_backend(service, [], wanted, 0)
    with pytest.raises(UnavailableError, match='no service port "81" found'):
        service_backend(service, [slice_], ProxyName(name="web", port="81"), 0)


def test_ports_are_numbers() -> None:
    """One each, or several with commas."""
    assert ports_of(["80,81", "82"]) == (80, 81, 82)
    for bad in ("0", "65536", "x", "-1"):
        with pytest.raises(BadRequestError, match="invalid port"):
            ports_of([bad])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/namespaces/n/pods/p/proxy", None),
        ("/api/v1/namespaces/n/pods/p/proxy/", "/"),
        ("/api/v1/namespaces/n/pods/proxy/proxy/a//b/", "/a//b/"),
        ("/api/v1/nodes/proxy/proxy/x", "/x"),
    ],
)
def test_the_path_after_the_proxy_is_passed_on_as_it_is(path: str, expected: str | None) -> None:
    """Even where things are called proxy."""
    assert split_path(path)[1] == expected
