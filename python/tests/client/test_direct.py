"""The shortest way to the service, against a server that answers byte by byte as told."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from yonder.client.client import Client
from yonder.client.direct import Answer, Direct, OddAnswer, read_answer, read_head
from yonder.client.executor import Executor
from yonder.errors import Timeout, Unavailable

from .fake_faults import drop, drop_after, refuse
from .fake_service import FakeService
from .fake_worker import FakeWorker

GOOD = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nretry-after: 7\r\n\r\nok"

Serve = Callable[[socket.socket], None]


@contextlib.contextmanager
def server(*serve: Serve) -> Iterator[str]:
    """A server that gives each connection to the next of ``serve``; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            for one in serve:
                connection, _ = listener.accept()
                with connection:
                    one(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(20)


def answering(*answers: bytes) -> Serve:
    """Read a request for each answer, and give it in single bytes."""

    def serve(connection: socket.socket) -> None:
        for answer in answers:
            request(connection)
            with contextlib.suppress(OSError):  # what is odd is not read to its end
                for at in range(len(answer)):
                    connection.sendall(answer[at : at + 1])

    return serve


def request(connection: socket.socket) -> bytes:
    """A whole request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    size = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    while len(body) < size:
        body += connection.recv(65536)
    return data


def direct(url: str, read_s: float = 20.0, **headers: str) -> Direct:
    return Direct(url, None, {"Authorization": "Bearer t", **headers}, 5.0, read_s)


def test_one_connection_for_all_requests() -> None:
    with server(answering(GOOD, GOOD)) as url:
        way = direct(url + "/below")
        for body in (b"x", b"x" * (1 << 20)):
            answer = way.post("/v1/bundles", "text/plain", body)
            assert answer == Answer(202, {"Content-Length": "2", "Retry-After": "7"}, b"ok")
        way.close()
        assert way.post("/v1/bundles", "text/plain", b"x") is None


def test_what_is_sent() -> None:
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))  # all of it at once
        connection.sendall(GOOD)

    with server(serve) as url:
        direct(url + "/below").post("/v1/bundles", "text/plain", b"body")
    assert seen[0].decode() == (
        f"POST /below/v1/bundles HTTP/1.1\r\nHost: {url[7:]}\r\nAuthorization: Bearer t\r\n"
        "Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody"
    )


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n folded\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" + GOOD,
        b"HTTP/2 what is this\r\n\r\n",
    ],
)
def test_what_is_odd_is_asked_another_way(answer: bytes) -> None:
    with server(answering(answer)) as url:
        way = direct(url)
        assert way.post("/v1/bundles", "text/plain", b"x") is None
        assert way.post("/v1/bundles", "text/plain", b"x") is None  # for good: nobody listens


@pytest.mark.parametrize("kept", [0, 10, len(GOOD) - 1])
def test_a_connection_that_breaks(kept: int) -> None:
    with server(answering(GOOD[:kept]), answering(GOOD)) as url:
        way = direct(url)
        with pytest.raises(Unavailable, match=f"the connection to {url} broke before"):
            way.post("/v1/bundles", "text/plain", b"x")
        answer = way.post("/v1/bundles", "text/plain", b"x")
        assert answer is not None
        assert answer.data == b"ok"


def test_the_rest_of_an_answer_is_not_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(sock: socket.socket) -> Answer:
        assert sock.recv(1) == b"H"
        raise MemoryError

    other = GOOD.replace(b"ok", b"no")
    with server(answering(other), answering(GOOD)) as url:
        way = direct(url)
        with monkeypatch.context() as patch:
            patch.setattr("yonder.client.direct.read_answer", exhausted)
            with pytest.raises(MemoryError):
                way.post("/v1/bundles", "text/plain", b"x")
        answer = way.post("/v1/bundles", "text/plain", b"x")
        assert answer is not None
        assert answer.data == b"ok"


def test_a_connection_that_was_closed_meanwhile() -> None:
    closed = GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with server(answering(GOOD), answering(closed), answering(GOOD)) as url:
        way = direct(url)
        for _ in range(3):
            assert way.post("/v1/bundles", "text/plain", b"x") is not None


def test_no_answer_in_time() -> None:
    over = threading.Event()
    with server(lambda connection: (request(connection), over.wait(20))[0]) as url:  # type: ignore[arg-type,return-value]
        with pytest.raises(Timeout, match="did not answer in time"):
            direct(url, read_s=0.05).post("/v1/bundles", "text/plain", b"x")
        over.set()


def test_one_request_at_a_time() -> None:
    entered, leave = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        request(connection)
        entered.set()
        assert leave.wait(20)
        connection.sendall(GOOD)

    with server(serve) as url:
        way = direct(url)
        first = threading.Thread(target=way.post, args=("/v1/bundles", "text/plain", b"x"))
        first.start()
        assert entered.wait(20)
        assert way.post("/v1/bundles", "text/plain", b"x") is None
        leave.set()
        first.join()


def test_not_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = "http://127.0.0.1:9"
    assert direct(nobody).post("/", "text/plain", b"") is None  # the general client says why
    with server() as url:
        assert direct(url, Odd="a\r\nb: c")._usable is False
        assert direct(url, Odd="ä")._usable is False
        monkeypatch.setenv("http_proxy", "http://proxy:1")
        monkeypatch.setenv("no_proxy", "")
        assert direct(url)._usable is False


def test_damaged_answers_are_odd_or_broken() -> None:
    chosen = random.Random(7)
    for _ in range(3000):
        data = bytearray(GOOD)
        for _ in range(chosen.randint(1, 4)):
            data[chosen.randrange(len(data))] = chosen.choice(b"\r\n :0129aT\x00\xff")
        with contextlib.suppress(OddAnswer):
            status, headers, size = read_head(bytes(data).partition(b"\r\n\r\n")[0])
            assert 200 <= status <= 999
            assert size >= 0
            assert headers


def test_an_answer_without_an_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        writer = threading.Thread(target=_pour, args=(theirs,))
        writer.start()
        with pytest.raises(OddAnswer, match="no end"):
            read_answer(ours)
        ours.close()
        writer.join()


def _pour(into: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for _ in range(64):
            into.sendall(b"HTTP/1.1 200 OK " * 1024)


def test_bundles_go_this_way(
    service: FakeService, client: Client, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[int] = []
    post = Direct.post

    def watched(self: Direct, path: str, type: str, body: bytes) -> object:
        answer = post(self, path, type, body)
        answers.append(answer.status if answer else 0)
        return answer

    monkeypatch.setattr(Direct, "post", watched)
    service.fault("POST", "/v1/bundles", drop, drop_after, refuse(503, "unavailable"))
    with Executor(client=client) as executor:
        assert executor.submit(int, "7").result(20) == 7
    assert answers == [503, 202]
