"""What the fake service answers: a handler with one method for each route."""

from __future__ import annotations

import base64
import json
import re
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import parse_qs, urlsplit

from yonder import wire
from yonder.client import ids

from .fake_state import ME, Bundle, Group, Refusal
from .fake_stream import FakeStream

if TYPE_CHECKING:
    from .fake_service import Server

FRAMES = "application/vnd.yonder.frames"


class Drop(Exception):
    """Close the connection without an answer."""


class Answered(Exception):
    """A fault has answered itself."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one segment for an answer
    server: Server

    def log_message(self, *args: Any) -> None:
        pass

    def do(self) -> None:
        parts = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.state = self.server.fake.state
        with self.state.lock:
            self.state.requests.append((self.command, parts.path))
        try:
            faults = self.server.fake.faults[self.command, parts.path]
            if faults:
                faults.popleft()(self)
            self.route(parts.path)
        except Refusal as refusal:
            self.answer(refusal.status, refusal.body, **refusal.headers)
        except Answered:
            pass
        except Drop:
            self.close_connection = True
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = do

    def route(self, path: str) -> None:
        if path != "/v1/version":
            self.authenticate()
        for method, pattern, handle in ROUTES:
            match = pattern.fullmatch(path)
            if method == self.command and match:
                handle(self, *match.groups())
                return
        raise Refusal(404, "not_found", f"no route {self.command} {path}")

    def authenticate(self) -> None:
        if self.state.token_refusal is not None:
            raise self.state.token_refusal
        if self.headers.get("Authorization") != f"Bearer {self.state.token}":
            raise Refusal(401, "unauthenticated", "the token is not known")

    def answer(self, status: int, value: Any = None, **headers: str) -> None:
        data = b"" if value is None else json.dumps(value).encode()
        self.answer_bytes(status, data, "application/json", **headers)

    def answer_bytes(self, status: int, data: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(data)

    def json(self) -> Any:
        return json.loads(self.body)

    def page(self, items: list[dict[str, Any]]) -> None:
        """A page of a listing, newest first."""
        items = sorted(items, key=lambda item: item["id"], reverse=True)
        after, limit = self.query.get("after"), int(self.query.get("limit", 100))
        rest = [item for item in items if not after or item["id"] < after]
        page = {"items": rest[:limit]}
        if len(rest) > limit:
            page["next"] = rest[limit - 1]["id"]
        self.answer(200, page)

    # -- routes ----------------------------------------------------------

    def version(self) -> None:
        self.answer(
            200,
            {"version": "0.1.0", "wire_oldest": 1, "wire_newest": 1, "limits": self.state.limits},
        )

    def whoami(self) -> None:
        self.answer(
            200,
            {"identity": {"id": ME, "name": "me", "kind": "person"}, "token": {"id": ids.new_id()}},
        )

    def list_endpoints(self) -> None:
        self.page(self.state.endpoints)

    def get_endpoint(self, endpoint: str) -> None:
        for known in self.state.endpoints:
            if known["id"] == endpoint:
                self.answer(200, known)
                return
        raise Refusal(404, "not_found", f"there is no endpoint {endpoint}")

    def register(self) -> None:
        self.answer(201, self.state.register(self.json()))

    def list_functions(self) -> None:
        words = self.query.get("q", "").split()
        texts = {
            f["id"]: f"{f['name']} {f.get('docstring', '')}" for f in self.state.functions.values()
        }
        found = [
            f for f in self.state.functions.values() if all(w in texts[f["id"]] for w in words)
        ]
        if self.query.get("all") != "true":
            found = [f for f in found if not f.get("anonymous")]
        if "name" in self.query:
            found = [f for f in found if f["name"] == self.query["name"]]
        self.page(found)

    def submit(self) -> None:
        assert self.headers["Content-Type"] == FRAMES
        assert len(self.body) <= self.state.limits["request_bytes"]
        frames = [frame for frame in wire.decode_all(self.body) if frame.kind == wire.Kind.BUNDLE]
        bundles = [Bundle(frame.header, [bytes(c) for c in frame.columns]) for frame in frames]
        self.answer(202, {"bundles": self.state.submit(bundles)})

    def list_tasks(self) -> None:
        tasks = []
        for bundle in self.state.bundles.values():
            if self.query.get("group") in (None, bundle.header["group"]):
                for index in range(bundle.header["tasks"]):
                    tasks.append(self.task_json(bundle, index))
        self.page([task for task in tasks if self.query.get("state") in (None, task["state"])])

    def task_json(self, bundle: Bundle, index: int) -> dict[str, Any]:
        task = ids.task_id(bundle.id, index)
        state = "started" if task in self.state.started else "queued"
        done = self.state.done(task)
        if done:
            state = "succeeded" if done[0]["outcome"] == "ok" else "failed"
        named = {name: bundle.header[name] for name in ("group", "endpoint")}
        return {"id": task, **named, "state": state}

    def get_task(self, task: str) -> None:
        self.known(task)
        bundle, index = ids.bundle_of(task)
        found = self.task_json(self.state.bundles[bundle], index)
        self.answer(200, {**found, "attempt": 1})

    def known(self, task: str) -> None:
        bundle, index = ids.bundle_of(task)
        if bundle not in self.state.bundles or index >= self.state.bundles[bundle].header["tasks"]:
            raise Refusal(404, "not_found", f"there is no task {task}")

    def result(self, task: str) -> None:
        self.known(task)
        with self.state.changed:
            wait = float(self.query["wait"].rstrip("s"))
            self.state.changed.wait_for(lambda: self.state.done(task), wait)
            found = self.state.done(task)
        if found is None:
            raise Refusal(404, "not_found", f"task {task} has no result yet: it is started")
        entry, payload = found
        value = {key: entry.get(key) for key in ("outcome", "attempt", "lo", "hi", "form", "blob")}
        value["task"] = task
        if entry["outcome"] == "failed":
            value["error"] = json.loads(payload)
        else:
            value["payload"] = base64.b64encode(payload).decode()
        self.answer(200, value)

    def logs(self, task: str) -> None:
        """One of the scripts for each connection; after it the connection breaks."""
        self.known(task)
        self.state.asked.append(self.query)
        script = self.state.logs.popleft()
        if self.query.get("follow") != "true":
            self.answer(200, {"task": task, "events": script, "next": ""})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, event in enumerate([None, *script]):
            text = ": hello\n\n"
            if callable(event):
                event()
                continue
            if event is not None:
                data = json.dumps(event)
                text = f"event: {event['event']}\nid: 1.{number}.0\ndata: {data}\n\n"
            for part in (text[:7], text[7:]):  # however the network cuts it
                self.wfile.write(f"{len(part.encode()):x}\r\n{part}\r\n".encode())
                self.wfile.flush()
        raise Drop

    def cancel_task(self, task: str) -> None:
        with self.state.changed:
            bundle, index = ids.bundle_of(task)
            if bundle not in self.state.bundles:
                raise Refusal(404, "not_found", f"there is no task {task}")
            self.state.bundles[bundle].cancelled.add(index)
            self.state.cancels.append(task)
            self.state.changed.notify_all()
        self.answer(200, {"cancelled": 1, "stopping": 0, "done": 0})

    def cancel_bundle(self, bundle: str) -> None:
        """What has no outcome is cancelled, task by task."""
        if bundle not in self.state.bundles:
            raise Refusal(404, "not_found", f"there is no bundle {bundle}")
        found = self.state.bundles[bundle]
        tasks = [ids.task_id(bundle, index) for index in range(found.header["tasks"])]
        left = [task for task in tasks if self.state.done(task) is None]
        with self.state.changed:
            found.cancelled.update(ids.bundle_of(task)[1] for task in left)
            self.state.cancels += left
            self.state.changed.notify_all()
        self.answer(200, {"cancelled": len(left), "stopping": 0, "done": len(tasks) - len(left)})

    def create_group(self) -> None:
        body = self.json()
        with self.state.lock:
            group = self.state.groups.setdefault(body["id"], Group(body["id"], body["label"]))
        self.answer(201, group_json(group))

    def list_groups(self) -> None:
        self.page([group_json(group) for group in self.state.groups.values()])

    def get_group(self, group: str) -> None:
        if group not in self.state.groups:
            raise Refusal(404, "not_found", f"there is no group {group}")
        self.answer(200, group_json(self.state.groups[group]))

    def cancel_group(self, group: str) -> None:
        with self.state.changed:
            self.state.cancels.append(group)
            self.state.changed.notify_all()
        self.answer(200, {"cancelled": 1, "stopping": 0, "done": 0})

    def results(self, group: str) -> None:
        assert self.headers["Accept"] == FRAMES
        header, columns = self.state.page(
            group, int(self.query.get("cursor", 0)), int(self.query["limit"])
        )
        parts = wire.encode(wire.Kind.RESULT, header, columns)
        self.answer_bytes(200, b"".join(parts), FRAMES)

    def upload(self) -> None:
        self.answer(201, self.state.store(self.body))

    def download(self, blob: str) -> None:
        if blob not in self.state.blobs:
            raise Refusal(404, "not_found", f"there is no blob {blob}")
        self.answer_bytes(200, self.state.blobs[blob], "application/octet-stream")

    def list_tokens(self) -> None:
        self.page(
            [{"id": ids.new_id(), "label": f"token {n}", "scopes": ["all"]} for n in range(3)]
        )

    def create_token(self) -> None:
        self.answer(201, {"id": ids.new_id(), "secret": "yt_new", **self.json()})

    def delete(self, _: str) -> None:
        self.answer(204)

    def stream(self) -> None:
        self.close_connection = True
        stream = FakeStream(self.state, self.connection, self.headers)
        self.server.fake.streams.append(stream)
        stream.serve()


def group_json(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "label": group.label,
        "owner": ME,
        "tasks": group.tasks,
        "cursor": len(group.log),
    }


ID = r"([0-9a-f-]{36})"
ROUTES: list[tuple[str, re.Pattern[str], Callable[..., None]]] = [
    (method, re.compile(pattern), handle)
    for method, pattern, handle in [
        ("GET", "/v1/version", Handler.version),
        ("GET", "/v1/whoami", Handler.whoami),
        ("GET", "/v1/endpoints", Handler.list_endpoints),
        ("GET", f"/v1/endpoints/{ID}", Handler.get_endpoint),
        ("POST", "/v1/functions", Handler.register),
        ("GET", "/v1/functions", Handler.list_functions),
        ("DELETE", f"/v1/functions/{ID}", Handler.delete),
        ("POST", "/v1/bundles", Handler.submit),
        ("GET", "/v1/tasks", Handler.list_tasks),
        ("GET", f"/v1/tasks/{ID}", Handler.get_task),
        ("GET", f"/v1/tasks/{ID}/result", Handler.result),
        ("GET", f"/v1/tasks/{ID}/logs", Handler.logs),
        ("POST", f"/v1/tasks/{ID}/cancel", Handler.cancel_task),
        ("POST", f"/v1/bundles/{ID}/cancel", Handler.cancel_bundle),
        ("POST", "/v1/groups", Handler.create_group),
        ("GET", "/v1/groups", Handler.list_groups),
        ("GET", f"/v1/groups/{ID}", Handler.get_group),
        ("POST", f"/v1/groups/{ID}/cancel", Handler.cancel_group),
        ("GET", f"/v1/groups/{ID}/results", Handler.results),
        ("POST", "/v1/blobs", Handler.upload),
        ("GET", f"/v1/blobs/{ID}", Handler.download),
        ("GET", "/v1/tokens", Handler.list_tokens),
        ("POST", "/v1/tokens", Handler.create_token),
        ("DELETE", f"/v1/tokens/{ID}", Handler.delete),
        ("GET", "/v1/stream", Handler.stream),
    ]
]
