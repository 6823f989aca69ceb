"""Calling a function for the tasks of a run."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from time import time
from types import AsyncGeneratorType, CoroutineType, GeneratorType, TracebackType
from typing import Any, Optional

from yonder import codec, wire
from yonder.context import CurrentTask
from yonder.errors import UnpackError, YonderError
from yonder.worker import columns as quick
from yonder.worker.advice import advise
from yonder.worker.claims import Claims
from yonder.worker.columns import Columns
from yonder.worker.report import CHUNK, EACH, EXCEPTION, FAILED, OK, STREAM, Report, failure
from yonder.worker.teller import Teller
from yonder.worker.yields import Yields

# What a worker has finished and not told is lost if a later task ends the
# process. Single calls are told soon; a chunk's in fewer, larger messages.
TELL_EACH = 0.001
TELL_CHUNK = 0.2
# A chunk's values are told earlier when they take this many bytes.
STRETCH_BYTES = 4 << 20

# In place of a value that has to be packed by itself.
MIXED = object()

# What a function returns that has only begun.
BEGUN = (CoroutineType, GeneratorType, AsyncGeneratorType)


class Run:
    """The tasks ``lo`` to ``hi`` of one lease, one after the other."""

    def __init__(
        self,
        header: dict[str, Any],
        columns: Sequence[wire.Buffer],
        report: Report,
        task: CurrentTask,
        progress: memoryview,
        teller: Teller,
        claims: Claims,
    ) -> None:
        self.header = header
        self.columns = columns
        self.report = report
        self.task = task
        self.progress = progress
        self.teller = teller
        self.claims = claims
        self.stretch: Optional[Stretch] = None
        self.row: Optional[Columns] = None
        self.lo: int = self.header["lo"]
        self.value: Any = MIXED  # what the last call returned, if it cannot change any more
        self.several: bool = self.header["hi"] - self.lo > 1

    def go(self, load: Callable[[], Any]) -> None:
        """Report an outcome for every task, whatever happens."""
        try:
            function = load()
        except BaseException as error:
            self.refuse(error)
            return
        # Its modules stay in place for the whole run, packing included.
        with function.active(), self.watched():
            if self.header["form"] == CHUNK:
                self.chunk(function)
            else:
                self.each(function)

    def watched(self) -> AbstractContextManager[None]:
        """What is gathered is told when a call is slow; a single one gathers nothing."""
        return self.teller.watching(self) if self.several else nullcontext()

    def tell_all(self) -> None:
        """Send all that is finished."""
        with self.report.lock:
            if self.row is not None:
                self.row.tell()
            if self.stretch is not None:
                self.stretch.end()
            self.report.flush()

    def begin(self, index: int) -> float:
        """Note which task runs, for itself and for the manager after a crash."""
        self.progress[1] = index
        return time()

    def each(self, function: Any) -> None:
        """Tasks with payloads of their own."""
        for index in self.claimed():
            began = self.begin(index)
            outcome, payload = self.one(function, index - self.lo)
            ended = time()
            more = index + 1 < self.claims.end
            with self.report.lock:
                kept = more and self.report.kept.add(index, outcome, payload, (began, ended))
                self.report.add(index, index + 1, outcome, EACH, payload, (began, ended))
            if more and (not kept or self.report.quiet() >= TELL_EACH):
                self.report.flush()

    def claimed(self) -> Iterator[int]:
        """The tasks, one by one; each is claimed by the time it comes."""
        index = self.lo
        while index < self.claims.claimed or self.claims.more():
            yield index
            index += 1

    def one(self, function: Any, column: int) -> tuple[str, bytes]:
        """Load the arguments, call, pack the result."""
        try:
            args, kwargs = codec.unpack_args(self.payload(column), function)
        except BaseException as error:
            return FAILED, refusal(error)
        return self.call(function, args, kwargs)

    def chunk(self, function: Any) -> None:
        """Some calls of a chunk: successes in a row make one payload, others stand alone."""
        try:
            calls = codec.unpack_chunk(self.payload(0), function)
            due = self.claims.end
            if len(calls) < due:
                raise UnpackError(f"the chunk has {len(calls)} calls, call {due - 1} is due")
        except BaseException as error:
            self.refuse(error)
            return
        stretch = self.stretch = Stretch(self.report, self.header["codec"] == "pickle")
        if isinstance(calls, codec.Scalars) and self.header["codec"] == "pickle":
            self.row = Columns(self.report, self.progress, stretch.end)
        index = self.lo
        while index < self.claims.claimed or self.claims.more():
            began = self.begin(index)
            outcome, payload = self.element(function, calls, index)
            index = self.progress[1]
            if outcome is None:
                break
            self.took(stretch, index, outcome, payload, (began, time()))
            index += 1
        with self.report.lock:
            stretch.end()

    def element(self, function: Any, calls: Any, index: int) -> tuple[Optional[str], bytes]:
        """Call for a task of a chunk, and for those after it while that is quick.

        Returns the outcome of the last; None if nothing is left.
        """
        if self.row is not None and index + 1 < self.claims.end and self.row.wants():
            left = self.row.fill(function.function, calls.columns, index, self.claims)
            if left is None:
                self.progress[1] = self.claims.end - 1
                return None, b""
            return self.raised(left.error) if left.error else self.returned(left.value)
        try:
            args, kwargs = calls[index]
        except BaseException as error:
            return FAILED, refusal(error)
        return self.call(function, args, kwargs)

    def took(
        self,
        stretch: Stretch,
        index: int,
        outcome: str,
        payload: bytes,
        times: tuple[float, float],
    ) -> None:
        """Take the outcome of a task of a chunk."""
        more = index + 1 < self.claims.end
        with self.report.lock:
            kept = more and self.report.kept.add(index, outcome, payload, times)
            stretch.add(index, outcome, payload, times, self.value)
            if more and (not kept or self.report.quiet() >= TELL_CHUNK):
                stretch.end()
                self.report.flush()

    def at(self) -> Optional[int]:
        """For the teller: the task that is run now, None if there is nothing to send."""
        waits = self.report.entries or (self.stretch is not None and self.stretch.values)
        if waits or (self.row is not None and self.row.waiting()):
            return int(self.progress[1])
        return None

    def late(self) -> bool:
        """For the teller: nothing was sent for so long that whatever there is should be."""
        return self.report.quiet() >= TELL_CHUNK / 2

    def tell(self, at: Optional[int]) -> None:
        """For the teller: send what there is, if that task is still run; None for any."""
        with self.report.lock:
            if at is None or self.progress[1] == at:
                self.tell_all()

    def call(self, function: Any, args: Any, kwargs: Any) -> tuple[str, bytes]:
        """Call and pack. SystemExit and KeyboardInterrupt are the function's own, too."""
        try:
            # Not function(): its modules are in place, and this is the hot path.
            value = function.function(*args, **kwargs)
        except BaseException as error:
            return self.raised(error)
        return self.returned(value)

    def raised(self, error: BaseException, yielded: Sequence[bytes] = ()) -> tuple[str, bytes]:
        """The outcome of a call that raised; of a generator, with its values up to then."""
        advise(error)
        error = error.with_traceback(outside(error.__traceback__))
        return EXCEPTION, codec.pack_error(error, yielded, self.header["codec"])

    def returned(self, value: Any) -> tuple[str, bytes]:
        """The outcome of a call that returned; a coroutine or generator is run first."""
        try:
            if isinstance(value, BEGUN):
                if not isinstance(value, CoroutineType):
                    return self.stream(value)
                value = finish(value)
        except BaseException as error:
            return self.raised(error)
        self.value = value if type(value) in codec.SCALARS else MIXED
        try:
            return OK, codec.pack_value(value, self.header["codec"])
        except BaseException as error:
            return FAILED, failure("unserialisable", text(error))

    def stream(self, generator: Any) -> tuple[str, bytes]:
        """Pack each value as it is yielded, once: for those who follow, and for the result."""
        yields = Yields(self.report.stream, self.header["run"], self.progress[1])
        packed: list[bytes] = []
        if isinstance(generator, AsyncGeneratorType):
            generator = in_step(generator)
        try:
            for value in generator:
                try:
                    packed.append(codec.pack_value(value, self.header["codec"]))
                except BaseException as error:
                    generator.close()
                    reason = f"value {len(packed)} of the generator: {text(error)}"
                    return FAILED, failure("unserialisable", reason)
                yields.add(packed[-1])
        except BaseException as error:
            return self.raised(error, packed)
        finally:
            yields.flush()
        return STREAM, codec.join_stream(packed, self.header["codec"])

    def payload(self, column: int) -> wire.Buffer:
        """A payload: its column, or the file that holds it."""
        path: Optional[str] = (self.header.get("files") or {}).get(str(column))
        if path is None:
            return self.columns[column]
        return mapped(path)

    def refuse(self, error: BaseException) -> None:
        """Fail every task for the same reason."""
        now = time()
        for index in range(self.lo, self.claims.rest()):
            self.report.add(index, index + 1, FAILED, EACH, refusal(error), (now, now))


def mapped(path: str) -> wire.Buffer:
    """The bytes of a file that nobody changes; what is loaded from them is the only copy."""
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return b""
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def finish(coroutine: Any) -> Any:
    """Run what an async function has begun."""
    import asyncio  # slow to load, and few need it

    return asyncio.run(coroutine)


def in_step(generator: Any) -> Iterator[Any]:
    """The values of an async generator."""
    import asyncio

    loop = asyncio.new_event_loop()
    try:
        while True:
            try:
                value = loop.run_until_complete(generator.__anext__())
            except StopAsyncIteration:
                return
            yield value
    finally:
        loop.run_until_complete(generator.aclose())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def outside(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    """A traceback without the frames that lead to the function, which come first."""
    while trace is not None and trace.tb_frame.f_code.co_filename in (__file__, quick.__file__):
        trace = trace.tb_next
    return trace


class Stretch:
    """Values of consecutive tasks on their way into one payload."""

    def __init__(self, report: Report, pickled: bool) -> None:
        self.report = report
        self.pickled = pickled
        self.values: list[bytes] = []
        self.plain: list[Any] = []  # the same values, as long as all of them are scalars
        self.size = 0
        self.lo = 0
        self.times = (0.0, 0.0)

    def add(
        self,
        index: int,
        outcome: str,
        payload: bytes,
        times: tuple[float, float],
        value: Any = MIXED,
    ) -> None:
        """Take a task's outcome, and its value if that cannot change any more."""
        if outcome != OK:
            self.end()
            self.report.add(index, index + 1, outcome, EACH, payload, times)
            return
        if not self.values:
            self.lo, self.times = index, times
        self.values.append(payload)
        if value is not MIXED:
            self.plain.append(value)
        self.size += len(payload)
        self.times = (self.times[0], times[1])
        if self.size >= STRETCH_BYTES:
            self.end()

    def end(self) -> None:
        """Report what there is."""
        if self.values:
            self.report.add(
                self.lo, self.lo + len(self.values), OK, CHUNK, self.joined(), self.times
            )
            self.values, self.plain, self.size = [], [], 0

    def joined(self) -> bytes:
        """One payload of all values; scalars are loaded together many times as fast."""
        if self.pickled and len(self.plain) == len(self.values):
            return codec.pack_scalars(self.plain)
        return codec.join_values(self.values)


def refusal(error: BaseException) -> bytes:
    """Why a task was not called at all."""
    code = error.code if isinstance(error, YonderError) else "codec_mismatch"
    return failure(code, text(error))


def text(error: BaseException) -> str:
    """An error as one sentence; those that are not ours with their class."""
    if isinstance(error, YonderError):
        return str(error)
    return f"{type(error).__name__}: {error}"
