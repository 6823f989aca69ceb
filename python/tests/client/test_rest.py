"""The REST API as methods, and what goes wrong with requests."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from yonder.client import http, ids, proxies
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.future import ResultTimeout
from yonder.client.models import Endpoint, Requirements, Sharing
from yonder.errors import (
    Forbidden,
    InternalError,
    InvalidID,
    InvalidRequest,
    MalformedFrame,
    NotFound,
    TokenExpired,
    Unauthenticated,
    Unavailable,
    UnsupportedWire,
)

from .fake_faults import drop, refuse
from .fake_routes import Answered, Handler
from .fake_service import FakeService, serving
from .fake_state import OTHER, Refusal, endpoint
from .fake_worker import FakeWorker

WHOAMI = ("GET", "/v1/whoami")


def double(x: int) -> int:
    """Twice as much."""
    return 2 * x


def test_version_and_identity(client: Client) -> None:
    assert client.version().limits.bundle_tasks == 65_536
    assert client.whoami().identity.name == "me"


def test_functions(client: Client) -> None:
    function = client.register_function(
        double,
        name="twofold",
        description="for tests",
        requirements=Requirements(packages=["numpy"]),
        sharing=Sharing(everyone=True),
    )
    assert (function.name, function.version) == ("twofold", 1)
    assert function.docstring == "Twice as much."
    assert function.signature is not None
    assert [(p.name, p.required) for p in function.signature.params] == [("x", True)]
    assert function.requirements == Requirements("", ["numpy"])
    assert function.sharing.everyone
    assert client.register_function(double, name="twofold").id == function.id
    client.register_function(lambda: 1)
    assert [f.id for f in client.functions("Twice")] == [function.id]
    assert len(client.functions()) == 2
    client.delete_function(function.id)


def test_listings_have_pages(
    service: FakeService, client: Client, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yonder.client.rest.PAGE", 10)
    with Executor(client=client) as executor:
        list(executor.map(double, range(35), chunksize=1))
    tasks = client.tasks(group=executor.group, limit=1000)
    assert len({task.id for task in tasks}) == 35
    assert len(client.tasks(limit=12)) == 12
    assert len(client.tasks(limit=35)) == 35
    assert len(client.endpoints(limit=0)) == 1


def test_tokens(client: Client) -> None:
    assert [token.label for token in client.tokens()] == ["token 2", "token 1", "token 0"]
    made = client.create_token("ci", ["submit"], expires_in=3600)
    assert (made.label, made.scopes, made.secret) == ("ci", ["submit"], "yt_new")
    assert "yt_new" not in repr(made)
    client.revoke_token(made.id)


def test_endpoints_by_id_and_name(service: FakeService, client: Client) -> None:
    service.state.endpoints = [
        endpoint("lab"),
        endpoint("lab", owner=OTHER),
        endpoint("hpc", owner=OTHER),
        endpoint("gpu", owner=OTHER),
        endpoint("gpu", owner=OTHER),
    ]
    mine, _, hpc, gpu, _ = service.state.endpoints
    assert client.endpoint(hpc["id"]).name == "hpc"
    assert client.endpoint(hpc["id"].upper()).name == "hpc"
    assert client.endpoint("hpc").owner_name == "somebody"
    assert client.endpoint("lab").id == mine["id"]
    with pytest.raises(InvalidRequest, match=f"2 endpoints are called 'gpu'.*{gpu['id']}"):
        client.endpoint("gpu")
    with pytest.raises(NotFound, match="no endpoint 'laptop'; there are: gpu of somebody"):
        client.endpoint("laptop")
    made = client.endpoint("lab").created
    assert made == datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=timezone.utc)


def test_the_endpoint_of_the_environment(
    service: FakeService, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.state.endpoints = [endpoint("lab"), endpoint("second")]
    monkeypatch.setenv("YONDER_ENDPOINT", "second")
    assert Executor(client=client).endpoint.name == "second"
    assert Executor("lab", client).endpoint.name == "lab"


def test_the_only_endpoint(service: FakeService, client: Client) -> None:
    service.state.endpoints = [
        endpoint("old", online=False),
        endpoint("theirs", owner=OTHER),
        endpoint("lab"),
    ]
    assert Executor(client=client).endpoint.name == "lab"
    assert Executor(Endpoint(id=ids.new_id()), client).endpoint.name == ""
    service.state.endpoints.append(endpoint("second"))
    with pytest.raises(InvalidRequest, match=r"you have 2 endpoints online: .* lab .* second "):
        Executor(client=client)
    service.state.endpoints = service.state.endpoints[:2]
    with pytest.raises(NotFound, match=r"no endpoint online.*theirs of somebody.*old of me"):
        Executor(client=client)
    service.state.endpoints = []
    with pytest.raises(NotFound, match=r"yonder endpoint start.*you may use no other"):
        Executor(client=client)


def test_result(service: FakeService, client: Client, worker: FakeWorker) -> None:
    with Executor(client=client) as executor:
        future = executor.submit(double, 4)
        large = executor.submit(lambda: "x" * 100_000)
        wrong = executor.submit(lambda: 1 // 0)
        executor.flush()
        assert client.result(future.task_id or "", 10) == 8
        assert client.result(large.task_id or "", 10) == "x" * 100_000
        with pytest.raises(ZeroDivisionError):
            client.result(wrong.task_id or "", 10)
        chunk = executor.map(double, range(3), chunksize=3)
        assert list(chunk) == [0, 2, 4]
    bundle = service.state.await_bundles(4)[-1]
    assert bundle.header["form"] == "chunk"
    assert client.result(f"{bundle.id[:-1]}2", 10) == 4


def test_a_result_that_does_not_come(service: FakeService, client: Client) -> None:
    executor = Executor(client=client)
    future = executor.submit(double, 4)
    future.accepted.result(10)
    with pytest.raises(ResultTimeout, match=r"within 0.05 s: task .* has no result yet: it is"):
        client.result(future.task_id or "", 0.05)
    with pytest.raises(NotFound, match="there is no task"):
        client.result(ids.new_id(), 10)


def test_cancel(service: FakeService, client: Client) -> None:
    future = Executor(client=client).submit(double, 4)
    future.accepted.result(10)
    assert client.cancel(future.task_id or "").cancelled == 1
    assert client.task(future.task_id or "").state == "queued"


@pytest.mark.parametrize(
    "text", ["", "../tokens", "lab", "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000/x", None]
)
def test_what_is_no_id(client: Client, text: Any) -> None:
    with pytest.raises(InvalidID):
        client.task(text)


def test_ids() -> None:
    one, other = ids.new_id(), ids.new_id()
    assert ids.is_id(one)
    assert one[14] == "7"
    assert one[19] in "89ab"
    assert one < other
    assert sorted(made := [ids.new_id() for _ in range(1000)]) == made
    bundle = ids.new_bundle_id()
    assert bundle.endswith("0000")
    assert ids.task_id(bundle, 65_535).endswith("ffff")
    assert ids.bundle_of(ids.task_id(bundle, 300)) == (bundle, 300)


def test_a_service_that_is_down(service: FakeService) -> None:
    service.stop()
    client = Client(service.url, "t", patience=60)
    with pytest.raises(Unavailable, match=r"no service answers .*`yonder up`"):
        client.whoami()  # at once: it never answered
    service.start()


def test_idempotent_requests_are_repeated(service: FakeService, client: Client) -> None:
    busy = refuse(503, "unavailable", "starting", Retry_After="0.01")
    service.fault(*WHOAMI, drop, busy, drop)
    assert client.whoami().identity.name == "me"
    assert service.state.count(*WHOAMI) == 4


def test_other_requests_are_not_repeated(service: FakeService, client: Client) -> None:
    service.fault("POST", "/v1/tokens", drop)
    with pytest.raises(Unavailable, match="broke before the answer"):
        client.transport.json("POST", "/v1/tokens", {"label": "x"}, idempotent=False)
    assert service.state.count("POST", "/v1/tokens") == 1


def test_a_token_is_made_once_however_often_it_is_asked_for(
    service: FakeService, client: Client
) -> None:
    service.fault("POST", "/v1/tokens", drop)
    assert client.create_token("x").secret
    assert service.state.count("POST", "/v1/tokens") == 2


def test_patience_ends(service: FakeService) -> None:
    with Client(service.url, service.state.token, patience=0.2) as client:
        service.fault(*WHOAMI, *[refuse(503, "unavailable", "starting")] * 100)
        with pytest.raises(Unavailable, match="starting") as caught:
            client.whoami()
    assert caught.value.status == 503
    assert 1 < service.state.count(*WHOAMI) < 100


def test_refusals(service: FakeService, client: Client) -> None:
    service.fault(*WHOAMI, refuse(403, "forbidden", "ask the owner"))
    with pytest.raises(Forbidden, match="ask the owner"):
        client.whoami()
    service.fault(*WHOAMI, refuse(418, "teapot", "short and stout"))
    with pytest.raises(InternalError, match="short and stout") as caught:
        client.whoami()
    assert (caught.value.code, caught.value.status) == ("teapot", 418)
    service.state.token_refusal = Refusal(401, "token_expired", "get a new one", field="token")
    with pytest.raises(TokenExpired) as expired:
        Executor(client=client)
    assert isinstance(expired.value, Unauthenticated)
    assert expired.value.field == "token"


def test_answers_of_something_in_between(service: FakeService) -> None:
    def html(handler: Handler) -> None:
        handler.answer_bytes(502, b"<h1>Bad Gateway</h1>", "text/html")
        raise Answered

    def redirect(handler: Handler) -> None:
        handler.answer_bytes(302, b"", "text/html", Location="https://login.example")
        raise Answered

    def no_json(handler: Handler) -> None:
        handler.answer_bytes(200, b"hello", "text/plain")
        raise Answered

    with Client(service.url, service.state.token, patience=0) as client:
        service.fault(*WHOAMI, html, redirect, no_json)
        with pytest.raises(Unavailable, match="status 502 and no reason"):
            client.whoami()
        with pytest.raises(InternalError, match=r"redirected to https://login.example"):
            client.whoami()
        with pytest.raises(MalformedFrame, match="no JSON"):
            client.whoami()


def test_a_service_of_another_wire_version(service: FakeService, client: Client) -> None:
    def newer(handler: Handler) -> None:
        handler.answer(200, {"version": "9", "wire_oldest": 8, "wire_newest": 9, "limits": {}})
        raise Answered

    service.fault("GET", "/v1/version", newer)
    with pytest.raises(UnsupportedWire, match="upgrade the older one"):
        _ = client.engine


def test_a_proxy_from_the_environment(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    seen: list[str] = []

    def proxied(handler: Handler) -> None:
        seen.append(handler.path)
        handler.answer(200, {"identity": {"name": "through the proxy"}})
        raise Answered

    # The fake service plays the proxy: it is asked with the whole URL.
    service.fault("GET", "/v1/whoami", proxied)
    monkeypatch.setenv("http_proxy", f"localhost:{service.port}")
    with Client("http://far.example:1", service.state.token) as client:
        assert client.whoami().identity.name == "through the proxy"
    assert seen == ["http://far.example:1/v1/whoami"]
    monkeypatch.setenv("no_proxy", "far.example")
    assert proxies.proxy_for("http://far.example:1") is None


def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with: apt-get install openssl")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command += f" -addext subjectAltName=DNS:localhost -keyout {key} -out {cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with serving(tls=context) as service:
        FakeWorker(service.state)
        with pytest.raises(Unavailable, match="YONDER_CA_FILE"):
            Client(service.url, service.state.token).whoami()
        client = Client(service.url, service.state.token, ca_file=str(cert))
        with Executor(client=client) as executor:
            assert executor.submit(double, 2).result(10) == 4
        client.close()


def test_repeating_waits_longer_each_time() -> None:
    assert http.backoff.delay(0) <= 0.05
    assert all(5.0 <= http.backoff.delay(n) <= 10.0 for n in (20, 1000, 10**6))
