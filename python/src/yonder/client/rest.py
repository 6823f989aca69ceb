"""The service's REST API as methods: each is one request, or one for each page."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Optional, TypeVar, Union

from yonder.client import blobs, endpoints, ids, live, withdraw
from yonder.client.border import bordered
from yonder.client.http import Transport, with_query
from yonder.client.models import (
    Blob,
    Cancelled,
    Endpoint,
    Explanation,
    Function,
    Model,
    Sharing,
    Task,
    Token,
    VersionInfo,
    WhoAmI,
)
from yonder.wire import Buffer

M = TypeVar("M", bound=Model)

PAGE = 1000


@bordered
class Rest:
    """What can be asked of a service. Every method raises the service's error.

    ``limit`` is the most items that a listing returns, newest first.
    """

    transport: Transport

    # -- the service and identities --------------------------------------

    def version(self) -> VersionInfo:
        """The service's version and limits; needs no token."""
        return VersionInfo.from_json(self.transport.json("GET", "/v1/version"))

    def whoami(self) -> WhoAmI:
        """The identity and the token that this client acts with."""
        return WhoAmI.from_json(self.transport.json("GET", "/v1/whoami"))

    def tokens(self, limit: int = PAGE) -> list[Token]:
        """Your tokens, without their secrets."""
        return self._list(Token, "/v1/tokens", limit)

    def create_token(
        self,
        label: str = "",
        scopes: Optional[list[str]] = None,
        expires_in: float = 0,
        identity: Optional[str] = None,
    ) -> Token:
        """A new token that ends in ``expires_in`` seconds, 0 for never. Keep its secret."""
        body: dict[str, Any] = {"label": label, "scopes": scopes, "expires_in_s": int(expires_in)}
        body["identity"] = identity
        body["id"] = ids.new_id()  # it makes repeating the request harmless
        given = {name: value for name, value in body.items() if value}
        return Token.from_json(self.transport.json("POST", "/v1/tokens", given))

    def revoke_token(self, token: str) -> None:
        """End a token, by its id."""
        self.transport.json("DELETE", f"/v1/tokens/{ids.check_id(token)}")

    # -- functions -------------------------------------------------------

    def functions(
        self,
        query: str = "",
        *,
        owner: str = "",
        name: str = "",
        anonymous: bool = False,
        limit: int = PAGE,
    ) -> list[Function]:
        """Functions you may use; ``query`` has words that must all occur in their texts.

        ``anonymous`` lists those, too, that were submitted and not registered.
        """
        found = {"q": query, "owner": owner, "name": name, "all": "true" if anonymous else ""}
        return self._list(Function, "/v1/functions", limit, found)

    def function(self, function: str, version: int = 0) -> Function:
        """A function by its id, in its newest version by default."""
        path = with_query(f"/v1/functions/{ids.check_id(function)}", {"version": version})
        return Function.from_json(self.transport.json("GET", path))

    def share_function(self, function: str, sharing: Sharing) -> Function:
        """Say who besides you may use a function."""
        path = f"/v1/functions/{ids.check_id(function)}/sharing"
        return Function.from_json(self.transport.json("PUT", path, dataclasses.asdict(sharing)))

    def delete_function(self, function: str) -> None:
        """Delete a function with all versions; tasks that were accepted still run."""
        self.transport.json("DELETE", f"/v1/functions/{ids.check_id(function)}")

    # -- endpoints -------------------------------------------------------

    def endpoints(self, *, owner: str = "", name: str = "", limit: int = PAGE) -> list[Endpoint]:
        """Endpoints you may use."""
        return self._list(Endpoint, "/v1/endpoints", limit, {"owner": owner, "name": name})

    # -- tasks -----------------------------------------------------------

    def tasks(
        self,
        *,
        group: str = "",
        state: str = "",
        endpoint: str = "",
        function: str = "",
        limit: int = PAGE,
    ) -> list[Task]:
        """Your tasks, newest first."""
        return list(self._tasks(group, state, endpoint, function, limit))

    def _tasks(
        self, group: str, state: str = "", endpoint: str = "", function: str = "", limit: int = 0
    ) -> Iterator[Task]:
        found = {"group": group, "state": state, "endpoint": endpoint, "function": function}
        return self._pages(Task, "/v1/tasks", found, limit)

    def task(self, task: str) -> Task:
        """A task and its state."""
        return Task.from_json(self.transport.json("GET", f"/v1/tasks/{ids.check_id(task)}"))

    def logs(
        self, task: str, follow: bool = False, attempt: Optional[int] = None
    ) -> live.Following[live.Event]:
        """What a task prints: now, or with ``follow`` to its end. See ``Future.logs``."""
        return live.logs(self.transport, task, follow, attempt)

    def events(self, task: str, only: Iterable[str] = ()) -> live.Following[live.Event]:
        """Everything that a task says, to its end.

        ``only`` may name some of output, progress and values.
        """
        return live.events(self.transport, task, only)

    def progress(self, task: str) -> Optional[live.Progress]:
        """How far a running task is, if it says so with ``yonder.progress``."""
        return live.latest(live.now(self.transport, task, ["progress"]))

    def cancel(self, task: str, reason: str = "") -> Cancelled:
        """Cancel a task; one that runs is stopped where it runs, with all it has started.

        The task's record and its error carry ``reason``, as with every cancel.
        """
        return self._cancel(f"/v1/tasks/{ids.check_id(task)}/cancel", reason)

    def cancel_bundle(self, bundle: str, reason: str = "") -> Cancelled:
        """Cancel all tasks of a bundle that have no result."""
        return self._cancel(f"/v1/bundles/{ids.check_id(bundle)}/cancel", reason)

    def cancel_group(self, group: str, reason: str = "") -> Cancelled:
        """Cancel all tasks of a group that have no result."""
        return self._cancel(f"/v1/groups/{ids.check_id(group)}/cancel", reason)

    def cancel_all(
        self, endpoint: Union[str, Endpoint, None] = None, reason: str = ""
    ) -> Cancelled:
        """Cancel all your tasks, or those at an endpoint: everybody's if it is yours."""
        if endpoint is None:
            return self._cancel("/v1/tasks/cancel", reason)
        return self._cancel(f"/v1/endpoints/{self._endpoint_id(endpoint)}/cancel", reason)

    def _cancel(self, path: str, reason: str) -> Cancelled:
        return withdraw.cancel(self.transport, path, reason)

    # -- why -------------------------------------------------------------

    def explain(self, task: str) -> Explanation:
        """Why a task is where it is, and what to do about it."""
        path = f"/v1/tasks/{ids.check_id(task)}/explain"
        return Explanation.from_json(self.transport.json("GET", path))

    def explain_endpoint(self, endpoint: Union[str, Endpoint]) -> Explanation:
        """How an endpoint is, why it does or does not work, and what to do about it."""
        path = f"/v1/endpoints/{self._endpoint_id(endpoint)}/explain"
        return Explanation.from_json(self.transport.json("GET", path))

    def pause_endpoint(self, endpoint: Union[str, Endpoint], reason: str = "") -> Endpoint:
        """Give an endpoint of yours no more work; what is on its nodes goes on."""
        return self._pause(endpoint, "pause", {"reason": reason})

    def drain_endpoint(
        self, endpoint: Union[str, Endpoint], reason: str = "", exit: bool = False
    ) -> Endpoint:
        """Give it no more work; its agent finishes what it has and lets its nodes go.

        With ``exit`` the agent ends after that.
        """
        return self._pause(endpoint, "drain", {"reason": reason, "exit": exit})

    def resume_endpoint(self, endpoint: Union[str, Endpoint]) -> Endpoint:
        """Give it work again."""
        return self._pause(endpoint, "resume", {})

    def _pause(self, endpoint: Union[str, Endpoint], verb: str, body: dict[str, Any]) -> Endpoint:
        path = f"/v1/endpoints/{self._endpoint_id(endpoint)}/{verb}"
        return Endpoint.from_json(self.transport.json("POST", path, body))

    def _endpoint_id(self, endpoint: Union[str, Endpoint]) -> str:
        """The id of what is named by its id or its name."""
        if isinstance(endpoint, Endpoint):
            return endpoint.id
        if ids.is_id(endpoint):
            return endpoint.lower()
        found = self.endpoints(limit=0)
        return endpoints.by_name(endpoint, found, self.whoami().identity.id).id

    # -- blobs -----------------------------------------------------------

    def upload_blob(self, data: Buffer) -> Blob:
        """Upload bytes."""
        return Blob.from_json(blobs.upload(self.transport, data))

    def download_blob(self, blob: Blob) -> bytearray:
        """The bytes of a blob, checked against its sha256."""
        return blobs.download(self.transport, dataclasses.asdict(blob), blob.size)

    # -- listings --------------------------------------------------------

    def _list(
        self, kind: type[M], path: str, limit: int, query: Optional[dict[str, Any]] = None
    ) -> list[M]:
        return list(self._pages(kind, path, query or {}, limit))

    def _pages(
        self, kind: type[M], path: str, query: dict[str, Any], limit: int = 0
    ) -> Iterator[M]:
        """The items of a listing; at most ``limit``, 0 for all."""
        after, left = "", limit
        while True:
            size = min(left, PAGE) if limit else PAGE
            page = self.transport.json(
                "GET", with_query(path, {**query, "limit": size, "after": after})
            )
            for item in page.get("items") or []:
                yield kind.from_json(item)
            left -= size
            after = page.get("next") or ""
            if not after or (limit and left <= 0):
                return
