"""Payloads and results that are too large to travel inline."""

from __future__ import annotations

import pytest

from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.models import Blob
from yonder.errors import StorageCorrupt, TooLarge, YonderError

from .fake_faults import drop, refuse
from .fake_routes import Handler
from .fake_service import FakeService
from .fake_worker import FakeWorker

LARGE = "x" * 200_000


def repeat(text: str, n: int) -> str:
    return text * n


def test_a_large_argument(service: FakeService, client: Client, worker: FakeWorker) -> None:
    with Executor(client=client) as executor:
        future = executor.submit(len, LARGE)
        assert future.result(10) == 200_000
        assert future.accepted.is_set()
    (bundle,) = service.state.await_bundles(1)
    assert bundle.columns == [b""]
    assert bundle.header["blobs"]["0"]["size"] > 200_000


def test_a_large_result(service: FakeService, client: Client, worker: FakeWorker) -> None:
    with Executor(client=client) as executor:
        assert executor.submit(repeat, "yo", 100_000).result(10) == "yo" * 100_000
    assert len(service.state.blobs) == 1


def test_a_large_chunk(service: FakeService, client: Client, worker: FakeWorker) -> None:
    with Executor(client=client) as executor:
        found = executor.map(repeat, ["ab" * 20_000, "cd" * 20_000], [1, 2], chunksize=2)
        assert list(found) == ["ab" * 20_000, "cd" * 40_000]
    assert len(service.state.blobs) == 2


def test_a_download_that_breaks_is_begun_again(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    def half(handler: Handler) -> None:
        data = handler.state.blobs[handler.path.rpartition("/")[2]]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[: len(data) // 2])
        drop(handler)

    service.state.store = store(service, half, drop)  # type: ignore[method-assign, assignment]
    with Executor(client=client) as executor:
        assert executor.submit(repeat, "yo", 100_000).result(10) == "yo" * 100_000


def store(service: FakeService, *faults: object) -> object:
    """Store a blob whose download has faults."""
    original = service.state.store

    def faulty(data: bytes) -> dict[str, object]:
        blob = original(data)
        service.fault("GET", f"/v1/blobs/{blob['id']}", *faults)  # type: ignore[arg-type]
        return blob

    return faulty


def test_other_bytes_than_promised(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    def spoil(handler: Handler) -> None:
        handler.state.blobs = {key: b"!" * len(b) for key, b in handler.state.blobs.items()}

    service.state.store = store(service, spoil)  # type: ignore[method-assign, assignment]
    with Executor(client=client) as executor:
        future = executor.submit(repeat, "yo", 100_000)
        small = executor.submit(repeat, "yo", 2)
        error = future.exception(10)
        assert isinstance(error, StorageCorrupt)
        assert error.remote.task_id == future.task_id  # type: ignore[attr-defined]
        assert small.result(10) == "yoyo"


def test_an_upload_that_is_refused(service: FakeService, client: Client) -> None:
    service.fault("POST", "/v1/blobs", refuse(507, "storage_full", "the disk is full"))
    with Executor(client=client) as executor:
        future = executor.submit(len, LARGE)
        with pytest.raises(YonderError, match="the disk is full"):
            future.result(10)
        with pytest.raises(YonderError, match="the disk is full"):
            future.accepted.result(10)


def test_an_upload_is_repeated(service: FakeService, client: Client, worker: FakeWorker) -> None:
    service.fault("POST", "/v1/blobs", drop, refuse(503, "unavailable"))
    with Executor(client=client) as executor:
        assert executor.submit(len, LARGE).result(10) == 200_000


def test_too_large_for_the_service(service: FakeService) -> None:
    service.state.limits["payload_bytes"] = 1000
    client = Client(service.url, service.state.token)
    executor = Executor(client=client)
    with pytest.raises(TooLarge, match="1000 are allowed"):
        executor.submit(len, LARGE)
    client.close()


def piecemeal(data: bytes) -> object:
    """Send this as the answer, without saying how much it is."""

    def send(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for at in range(0, len(data), 70_000):
            piece = data[at : at + 70_000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    return send


@pytest.mark.parametrize("size", [0, 1, 200_000, 9_000_000])
def test_sizes_of_downloads(service: FakeService, client: Client, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    blob = client.upload_blob(data[:size])
    assert client.download_blob(blob) == data[:size]
    service.fault("GET", f"/v1/blobs/{blob.id}", piecemeal(data[:size]))  # type: ignore[arg-type]
    assert client.download_blob(blob) == data[:size]
    service.fault("GET", f"/v1/blobs/{blob.id}", piecemeal(data[: size + 1]))  # type: ignore[arg-type]
    with pytest.raises(StorageCorrupt):
        client.download_blob(blob)


def test_blobs_by_hand(service: FakeService, client: Client) -> None:
    blob = client.upload_blob(b"hello")
    assert isinstance(blob, Blob)
    assert blob.size == 5
    assert client.download_blob(blob) == b"hello"
