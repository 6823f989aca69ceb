"""``@yonder.function``: a function that can also be run elsewhere."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator
from typing import Any, Callable, Generic, Optional, TypeVar, Union, overload

from yonder.client.client import Client
from yonder.client.executor import Executor
from yonder.client.future import Future
from yonder.client.models import Endpoint, Function, Requirements, Sharing
from yonder.client.options import check, names_of

T = TypeVar("T")

# Its own options, and those of the executor behind it.
_NAMES = {"name", "description", "requirements", "sharing"} | names_of(Executor.__init__)


class RemoteFunction(Generic[T]):
    """A function with ``submit``, ``map`` and ``register`` beside the usual call.

    Calling it runs it here. It travels, as an argument or inside another function,
    as the plain function that it wraps.
    """

    def __init__(
        self,
        fn: Callable[..., T],
        *,
        endpoint: Union[str, Endpoint, None] = None,
        client: Optional[Client] = None,
        name: Optional[str] = None,
        description: str = "",
        requirements: Optional[Requirements] = None,
        sharing: Optional[Sharing] = None,
        memo: Optional[str] = None,
        **options: Any,
    ) -> None:
        if not callable(fn):
            raise TypeError(f"@yonder.function takes a function, not {fn!r}")
        check("@yonder.function", _NAMES, options)
        functools.update_wrapper(self, fn)
        self._fn = fn
        self.requirements = requirements
        self.memo = memo
        self._about = {"name": name, "description": description, "sharing": sharing}
        self._endpoint = endpoint
        self._client = client
        self._options = options
        self._executor: Optional[Executor] = None

    @property
    def __yonder_function__(self) -> Callable[..., T]:
        """The plain function: what the rest of the package looks for."""
        return self._fn

    def __call__(self, *args: Any, **kwargs: Any) -> T:
        """Call it here."""
        return self._fn(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    @property
    def executor(self) -> Executor:
        """The executor that ``submit`` and ``map`` use; made when it is first needed."""
        made = self._executor
        if made is None or made.client is not (self._client or Client.default()):
            client = self._client or Client.default()
            made = self._executor = Executor(self._endpoint, client, **self._options)
        return made

    def submit(self, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a call on the endpoint; see ``Executor.submit``. The future can be awaited."""
        return self.executor.submit(self, *args, **kwargs)

    def map(self, *iterables: Iterable[Any], **options: Any) -> Iterator[T]:
        """Run a call for each set of arguments; see ``Executor.map``."""
        return self.executor.map(self, *iterables, **options)

    def on(
        self, endpoint: Union[str, Endpoint], client: Optional[Client] = None, **options: Any
    ) -> RemoteFunction[T]:
        """The same function bound to another endpoint, with other options of its executor."""
        return RemoteFunction(
            self._fn,
            endpoint=endpoint,
            client=client or self._client,
            requirements=self.requirements,
            memo=self.memo,
            **{**self._about, **self._options, **options},
        )

    def register(self, client: Optional[Client] = None) -> Function:
        """Register it with the service; the same code under the same name is the same version."""
        return (client or self._client or Client.default()).register_function(
            self._fn,
            requirements=self.requirements,
            memo=self.memo,
            **self._about,  # type: ignore[arg-type]
        )

    def __repr__(self) -> str:
        where = f" on {self._endpoint}" if self._endpoint else ""
        return f"<yonder function {self._fn.__qualname__}{where}>"


@overload
def function(fn: Callable[..., T]) -> RemoteFunction[T]: ...


@overload
def function(
    *,
    endpoint: Union[str, Endpoint, None] = None,
    client: Optional[Client] = None,
    name: Optional[str] = None,
    description: str = "",
    requirements: Optional[Requirements] = None,
    sharing: Optional[Sharing] = None,
    memo: Optional[str] = None,
    **options: Any,
) -> Callable[[Callable[..., T]], RemoteFunction[T]]: ...


def function(fn: Any = None, **options: Any) -> Any:
    """Make a function one that can also be run elsewhere.

    ::

        @yonder.function(endpoint="lab", walltime=60)
        def simulate(steps): ...

        simulate(10)                        # here, as usual
        simulate.submit(1000).result()      # on the endpoint
        list(simulate.map(range(100)))
        simulate.on("cluster").submit(10)   # on another one
        simulate.register()                 # for others, under its name

    ``endpoint`` is a name, an id, or by default the only online one that you own.
    ``name``, ``description``, ``requirements`` and ``sharing`` are for registering;
    the requirements hold for ``submit`` too, and so does ``memo``, see
    ``Client.register_function``. Other options are those of ``Executor``.
    """
    if fn is None:
        return lambda fn: RemoteFunction(fn, **options)
    return RemoteFunction(fn, **options)
