"""Task groups, and joining them from elsewhere."""

from __future__ import annotations

import pytest

from yonder import codec
from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.groups import Group

from .fake_service import FakeService
from .fake_worker import FakeWorker


def half(x: int) -> float:
    return x / 2


def test_groups(service: FakeService, client: Client, worker: FakeWorker) -> None:
    group = client.create_group("night run")
    assert client.group(group.id) == group
    assert [g.label for g in client.groups()] == ["night run"]
    with Executor(client=client, group=group.id) as executor:
        executor.submit(half, 1).result(10)
    assert group.refresh().tasks == 1
    assert group.cancel().cancelled == 1
    assert service.state.cancels == [group.id]
    with pytest.raises(ValueError, match="not made by a client"):
        Group("x").refresh()


def test_attach_from_elsewhere(service: FakeService, client: Client) -> None:
    executor = Executor(client=client)
    singles = [executor.submit(half, i) for i in range(3)]
    executor.flush()
    executor.map(half, range(4), chunksize=4)
    executor.flush()
    chunk = list(service.state.bundles.values())[-1]
    assert chunk.header["form"] == "chunk"
    done = codec.join_values([codec.pack_value(10), codec.pack_value(11)])
    service.state.finish(chunk, 0, 2, "ok", done)
    with Client(service.url, service.state.token) as elsewhere:
        futures = Executor.attach(executor.group, elsewhere)
        assert len(futures) == 7
        assert [f.task_id for f in futures[:3]] == [single.task_id for single in singles]
        found = {f.task_id: f.result() for f in futures if f.done()}
        assert found == {f"{chunk.id[:-1]}{i}": 10 + i for i in (0, 1)}
        assert all(f.accepted.is_set() for f in futures)
        with pytest.raises(TimeoutError, match="the service has task"):
            futures[0].result(0)
        for i in range(3):
            bundle = service.state.bundles[(singles[i].task_id or "")[:-4] + "0000"]
            index = int((singles[i].task_id or "")[-4:], 16)
            service.state.finish(bundle, index, index + 1, "ok", codec.pack_value(i))
        assert [f.result(10) for f in futures[:3]] == [0, 1, 2]
        assert [f.result(10) for f in singles] == [0, 1, 2]
        assert futures[-1].cancel()
        assert service.state.await_cancels(1) == [futures[-1].task_id]
    executor.shutdown(wait=False, cancel_futures=True)


def test_attach_where_the_group_is_followed(
    service: FakeService, client: Client, worker: FakeWorker
) -> None:
    with Executor(client=client) as executor:
        values = list(executor.map(half, range(50), chunksize=1))
        again = client.group(executor.group).futures()
        assert sorted(f.result(10) for f in again) == values


def test_attach_to_nothing(client: Client) -> None:
    assert client.create_group().futures() == []
