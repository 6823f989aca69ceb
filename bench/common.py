"""What the benchmarks share: options, medians of alternating turns, other systems, and the JSON object at the end.

A benchmark is a file ``bench/NAME.py`` that runs as a program. ``bench/run`` starts a service and an endpoint for it; a
line ``# up: FLAGS`` in the file gives flags for ``yonder up``, ``# up: none`` asks for nothing to be started. Its last
line of output is one JSON object with ``bench``, its figures, and what ``machine`` tells.
"""

from __future__ import annotations

import argparse
import bisect
import contextlib
import json
import os
import pathlib
import platform
import re
import select
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ("dask", "ray", "parsl", "celery")
# A peer that has not answered by then is given up; the benchmark goes on without it.
PATIENCE_S = 300.0
_LOAD = os.getloadavg()[0]  # before the benchmark adds its own


def parser(description: str | None) -> argparse.ArgumentParser:
    """Options that every benchmark has."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", action="store_true", help="print only the JSON object")
    return made


def machine() -> dict[str, Any]:
    """Where figures come from. ``load`` is the average of the minute before the benchmark."""
    program = ROOT / "bin" / "yonder"
    version = subprocess.run([program, "version"], capture_output=True, text=True).stdout if program.exists() else ""
    return {
        "nproc": os.cpu_count(),
        "load": round(_LOAD, 2),
        "python": platform.python_version(),
        "yonder": version.strip(),
        "system": f"{platform.system()} {platform.release()}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def finish(result: Mapping[str, Any], quiet: bool, *lines: str) -> None:
    """Print what people read, unless ``quiet``, and then the JSON object."""
    if not quiet:
        print(*lines, sep="\n")
    print(json.dumps({**result, **machine()}), flush=True)


def say(text: str) -> None:
    """Tell how far a benchmark is, beside its output."""
    print(text, file=sys.stderr, flush=True)


def percentiles(values: list[float]) -> tuple[float, float]:
    """The 50th and the 99th, rounded."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return round(cuts[49], 3), round(cuts[98], 3)


def alternate(turns: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Give each its turn, ``rounds`` times over, so that what disturbs the machine disturbs all alike.

    One that fails says why and has no turn any more.
    """
    values: dict[str, list[float]] = {name: [] for name in turns}
    failed: set[str] = set()
    for number in range(1, rounds + 1):
        for name, turn in turns.items():
            if name in failed:
                continue
            try:
                values[name].append(turn())
            except PeerError as error:
                failed.add(name)
                say(f"{name}: {error}")
                continue
            say(f"round {number} of {rounds}: {name} {values[name][-1]:,.3f}")
    return {name: found for name, found in values.items() if found}


def medians(values: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(found) for name, found in values.items()}


def peers_option(made: argparse.ArgumentParser, names: tuple[str, ...] = PEERS) -> None:
    """``--peers``: which other systems to compare with; those that are not installed are left out, and said to be."""
    made.add_argument(
        "--peers",
        type=lambda text: [name for name in text.split(",") if name],
        default=list(names),
        help=f"others to compare with, with commas between them (default {','.join(names)}; bench/setup installs them)",
    )


class PeerError(Exception):
    """Another system cannot be measured; the message says why."""


class Peer:
    """Another system with its workers, in a process and an environment of its own."""

    def __init__(self, name: str, workers: int) -> None:
        environment = ROOT / ".cache" / "bench" / name / "bin"
        if not (environment / "python").exists():
            raise PeerError(f"not installed: bench/setup {name}")
        self.name = name
        self._process = subprocess.Popen(
            [environment / "python", "-P", ROOT / "bench" / "peers" / "driver.py", name, str(workers)],
            env={**os.environ, "PATH": f"{environment}:{os.environ['PATH']}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.version: str = self._answer()["version"]
        except PeerError:
            self.close()
            raise

    def ask(self, do: str, **values: Any) -> dict[str, Any]:
        """Have ``driver.py`` do something; raises PeerError, also for a wrong result."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **values}).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._answer()
        if answer["wrong"]:
            raise PeerError(f"{answer['wrong']} results of {do} are wrong")
        return answer

    def _answer(self) -> dict[str, Any]:
        stream = self._process.stdout
        assert stream is not None
        # One answer at a time is under way, so nothing is ever left in the buffer.
        if not select.select([stream], [], [], PATIENCE_S)[0]:
            raise PeerError(f"no answer within {PATIENCE_S:g} s")
        line = stream.readline()
        if not line:
            raise PeerError(f"ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def peer(name: str, workers: int) -> Iterator[Peer]:
    """A peer that is warm, for one turn: idle systems would take from the others' turns."""
    other = Peer(name, workers)
    try:
        other.ask("single", tasks=125 * workers)
        yield other
    finally:
        other.close()


def processes(home: str) -> dict[str, list[pathlib.Path]]:
    """Directories in ``/proc`` of the processes of a home, by what they are; workers are those below a manager."""
    found: dict[str, list[pathlib.Path]] = {}
    below: dict[str, list[pathlib.Path]] = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            ours = f"YONDER_HOME={home}".encode() in (entry / "environ").read_bytes().split(b"\0")
            kind = (entry / "cmdline").read_bytes().decode().split("\0")[1]
            below.setdefault((entry / "stat").read_text().rpartition(")")[2].split()[1], []).append(entry)
        except (OSError, ValueError, IndexError):
            continue
        if ours and kind in ("up", "serve", "agent", "manager"):
            found.setdefault(kind, []).append(entry)
    workers = [child for manager in found.get("manager", []) for child in below.get(manager.name, [])]
    for parent in workers:  # grows
        workers += below.get(parent.name, [])
    return found | {"workers": workers}


def family(pid: int) -> list[pathlib.Path]:
    """The directory in ``/proc`` of a process, and those of its children."""
    found = [pathlib.Path("/proc") / str(pid)]
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if (entry / "stat").read_text().rpartition(")")[2].split()[1] == str(pid):
                found.append(entry)
    return found


def processor_s(process: pathlib.Path) -> float:
    """The processor time that the threads of a process have used."""
    spent = 0
    for thread in (process / "task").iterdir():
        with contextlib.suppress(OSError):  # it has ended
            spent += int((thread / "schedstat").read_text().split()[0])
    return spent / 1e9


def pss_gib(process: pathlib.Path) -> float:
    """Memory of a process, with its part of what it shares."""
    found = re.search(r"Pss:\s+(\d+)", (process / "smaps_rollup").read_text())
    return round(int(found[1]) / 2**20, 3) if found else 0.0


class Meter:
    """Watches how a process uses the processor, while it is entered."""

    def __init__(self, process: pathlib.Path, every_s: float = 0.05) -> None:
        self._process, self._every = process, every_s
        self._points: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Meter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self._points.append((time.time(), processor_s(self._process)))
            if self._over.wait(self._every):
                break
        self._points.append((time.time(), processor_s(self._process)))

    def until(self, moment: float) -> float:
        """Processor time up to a moment of the time that was watched."""
        after = bisect.bisect_right(self._points, (moment, float("inf")))
        (t0, s0), (t1, s1) = self._points[max(after - 1, 0)], self._points[min(after, len(self._points) - 1)]
        return s0 if t1 <= t0 else s0 + (s1 - s0) * (moment - t0) / (t1 - t0)
