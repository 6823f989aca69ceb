"""What the fake service knows: the same nouns as the real one, in memory."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from yonder.client import ids

ME = ids.new_id()
OTHER = ids.new_id()


class Refusal(Exception):
    """An error that the service answers with."""

    def __init__(self, status: int, code: str, message: str = "because", **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, **more}
        self.headers: dict[str, str] = {}


@dataclass
class Bundle:
    header: dict[str, Any]
    columns: list[bytes]
    cancelled: set[int] = field(default_factory=set)

    @property
    def id(self) -> str:
        return str(self.header["id"])


@dataclass
class Group:
    id: str
    label: str = ""
    tasks: int = 0
    log: list[tuple[dict[str, Any], bytes]] = field(default_factory=list)


class State:
    """Everything that survives a restart of the fake service."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.limits = {
            "inline_bytes": 64 << 10,
            "payload_bytes": 64 << 20,
            "request_bytes": 16 << 20,
            "bundle_tasks": 65_536,
        }
        self.fragment = 1 << 30  # bytes of a page in one frame of the WebSocket
        self.token = "yt_secret"
        self.token_refusal: Optional[Refusal] = None
        self.endpoints: list[dict[str, Any]] = [endpoint("lab", slots=4)]
        self.functions: dict[str, dict[str, Any]] = {}
        self.bodies: dict[str, bytes] = {}
        self.bundles: dict[str, Bundle] = {}
        self.groups: dict[str, Group] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.submissions: list[list[Bundle]] = []
        self.cancels: list[str] = []
        self.started: set[str] = set()
        self.logs: deque[list[Any]] = deque()  # what tasks say, by connection
        self.asked: list[dict[str, str]] = []
        self.on_bundle: Callable[[Bundle], None] = lambda bundle: None

    # -- functions and bundles -------------------------------------------

    def register(self, body: dict[str, Any]) -> dict[str, Any]:
        data = base64.b64decode(body.pop("body"))
        digest = hashlib.sha256(data).hexdigest()
        with self.lock:
            same = [f for f in self.functions.values() if f["name"] == body["name"]]
            if not body.get("anonymous"):
                same = [f for f in same if not f.get("anonymous")]
            for known in sorted(same, key=lambda f: "anonymous" in f):
                if known["hash"] == digest:
                    return known
            if body.get("anonymous"):
                same = []
            new = {
                "id": ids.new_id(),
                "version": len(same) + 1,
                "hash": digest,
                "owner": ME,
                **body,
            }
            self.functions[new["id"]] = new
            self.bodies[new["id"]] = data
            return new

    def submit(self, bundles: list[Bundle]) -> list[dict[str, Any]]:
        with self.changed:
            for bundle in bundles:
                self._check(bundle)
            answers = []
            new = [bundle for bundle in bundles if bundle.id not in self.bundles]
            for bundle in bundles:
                group = self.groups.setdefault(
                    bundle.header["group"], Group(bundle.header["group"])
                )
                answer = {"id": bundle.id, "group": group.id, "tasks": bundle.header["tasks"]}
                if bundle in new:
                    self.bundles[bundle.id] = bundle
                    group.tasks += bundle.header["tasks"]
                else:
                    answer["duplicate"] = True
                answers.append(answer)
            self.submissions.append(bundles)
            self.changed.notify_all()
        for bundle in new:
            self.on_bundle(bundle)
        return answers

    def _check(self, bundle: Bundle) -> None:
        header = bundle.header
        assert header["id"].endswith("0000")
        assert len(bundle.columns) == (header["tasks"] if header["form"] == "each" else 1)
        assert all(len(column) <= self.limits["inline_bytes"] for column in bundle.columns)
        for place, blob in header.get("blobs", {}).items():
            assert not bundle.columns[int(place)]
            assert blob["id"] in self.blobs
        if header["function"] not in self.functions:
            raise Refusal(404, "not_found", f"there is no function {header['function']}")
        if header["endpoint"] not in [e["id"] for e in self.endpoints]:
            raise Refusal(404, "not_found", f"there is no endpoint {header['endpoint']}")
        signature = self.functions[header["function"]].get("signature")
        for shape in header["shapes"] if signature else []:
            if shape["positional"] + len(shape["keywords"]) > len(signature["params"]):
                raise Refusal(422, "invalid_arguments", "too many arguments")

    # -- results ---------------------------------------------------------

    def finish(
        self, bundle: Bundle, lo: int, hi: int, outcome: str, payload: bytes, **more: Any
    ) -> None:
        """Accept an outcome, and wake who follows the group."""
        with self.changed:
            group = self.groups[bundle.header["group"]]
            entry = {
                "bundle": bundle.id,
                "attempt": 1,
                "lo": lo,
                "hi": hi,
                "outcome": outcome,
                "form": "each" if hi - lo == 1 else "chunk",
                "started_us": 30,
                "finished_us": 40,
                "worker": "node1/w1",
                "cursor": len(group.log) + 1,
                "endpoint": bundle.header["endpoint"],
                "submitted_us": 10,
                "accepted_us": 50,
                **more,
            }
            if len(payload) > self.limits["inline_bytes"] and "blob" not in more:
                entry["blob"], payload = self.store(payload), b""
            group.log.append((entry, payload))
            self.changed.notify_all()

    def store(self, data: bytes) -> dict[str, Any]:
        blob = {"id": ids.new_id(), "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        with self.lock:
            self.blobs[blob["id"]] = data
        return blob

    def page(self, group: str, cursor: int, limit: int) -> tuple[dict[str, Any], list[bytes]]:
        with self.lock:
            log = self.groups[group].log[cursor : cursor + limit]
            at = cursor + len(log)
            header = {"group": group, "cursor": at, "entries": [entry for entry, _ in log]}
            return header, [payload for _, payload in log]

    def done(self, task: str) -> Optional[tuple[dict[str, Any], bytes]]:
        bundle, index = ids.bundle_of(task)
        with self.lock:
            for group in self.groups.values():
                for entry, payload in group.log:
                    if entry["bundle"] == bundle and entry["lo"] <= index < entry["hi"]:
                        return entry, payload
        return None

    # -- for tests -------------------------------------------------------

    def await_bundles(self, n: int, timeout: float = 10.0) -> list[Bundle]:
        """The first n bundles, once they were accepted."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.bundles) >= n, timeout), self.bundles
            return list(self.bundles.values())[:n]

    def await_cancels(self, n: int, timeout: float = 10.0) -> list[str]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.cancels) >= n, timeout), self.cancels
            return list(self.cancels)

    def count(self, method: str, path: str) -> int:
        with self.lock:
            return self.requests.count((method, path))


def endpoint(name: str, *, owner: str = ME, online: bool = True, slots: int = 0) -> dict[str, Any]:
    return {
        "id": ids.new_id(),
        "name": name,
        "owner": owner,
        "owner_name": "me" if owner == ME else "somebody",
        "online": online,
        "status": {"slots": slots, "managers": 1},
        "created": "2026-01-02T03:04:05.123456789Z",
        "from_the_future": True,
    }
