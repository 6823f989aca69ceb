"""Real work on this machine's own files: hello world, a MapReduce word count, metadata extraction, a failure.

Run it with `make demo`, or against any service with `python examples/demo.py --endpoint NAME` after `yonder login`.
The files are the sources of the Go and Python installations found on this machine, so the endpoint must be on it too.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yonder

WORD = re.compile(r"[A-Za-z]{2,}")
REDUCERS = 8


def hello(name: str) -> str:
    return f"Hello, {name}!"


def read_text(path: str) -> str:
    return Path(path).read_bytes().decode("utf-8", errors="replace").lower()


def count_words(paths: Sequence[str]) -> dict[str, int]:
    """The map step: words of some files."""
    counts: Counter[str] = Counter()
    for path in paths:
        counts.update(WORD.findall(read_text(path)))
    return dict(counts)


def sum_counts(parts: Sequence[dict[str, int]]) -> dict[str, int]:
    """The reduce step: one share of the words, over all maps."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)


def share_of(word: str) -> int:
    # The built-in hash of a string differs from process to process.
    return hashlib.blake2b(word.encode(), digest_size=4).digest()[0] % REDUCERS


def shuffle(mapped: Iterable[dict[str, int]]) -> list[list[dict[str, int]]]:
    shares: list[list[dict[str, int]]] = [[] for _ in range(REDUCERS)]
    for counts in mapped:
        split: list[dict[str, int]] = [{} for _ in range(REDUCERS)]
        for word, n in counts.items():
            split[share_of(word)][word] = n
        for share, part in zip(shares, split):
            share.append(part)
    return shares


def extract_metadata(path: str) -> dict[str, object]:
    """What a data portal would index: type, size, hash, encoding and most frequent words of one file."""
    import mimetypes

    data = Path(path).read_bytes()
    try:
        text, encoding = data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = data.decode("latin-1"), "latin-1"
    if encoding == "utf-8" and data.isascii():
        encoding = "ascii"
    return {
        "path": path,
        "type": mimetypes.guess_type(path)[0] or ("text/plain" if encoding != "latin-1" else "application/octet-stream"),
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "encoding": encoding,
        "top_words": [word for word, _ in Counter(WORD.findall(text.lower())).most_common(5)],
    }


def invert(matrix: list[list[float]]) -> list[list[float]]:
    """Fails on purpose: the matrix it is given has none."""
    (a, b), (c, d) = matrix
    det = a * d - b * c
    return [[d / det, -b / det], [-c / det, a / det]]


def source_files(limit_bytes: int) -> list[str]:
    """Sources of the Go and Python installations, half of the bytes each if both are there."""
    roots = [(Path(sysconfig.get_paths()["stdlib"]), "*.py")]
    if shutil.which("go"):
        root = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=True).stdout.strip()
        roots.append((Path(root) / "src", "*.go"))
    files: list[str] = []
    for root, pattern in roots:
        files.extend(take_bytes(sorted(root.rglob(pattern)), limit_bytes // len(roots)))
    return files


def take_bytes(paths: Iterable[Path], limit: int) -> Iterator[str]:
    for path in paths:
        if not path.is_file():
            continue
        limit -= path.stat().st_size
        if limit < 0:
            return
        yield str(path)


def batches(items: Sequence[str], n: int) -> list[list[str]]:
    size = max(1, math.ceil(len(items) / n))
    return [list(items[i : i + size]) for i in range(0, len(items), size)]


@dataclass
class Row:
    """One line of the closing table; latencies in seconds from submit to result."""

    name: str
    tasks: int
    wall: float
    latencies: list[float] = field(default_factory=list)

    def cells(self) -> list[str]:
        p50, p99 = "–", "–"
        if len(self.latencies) > 1:
            cuts = statistics.quantiles(self.latencies, n=100, method="inclusive")
            p50, p99 = f"{cuts[49] * 1e3:.1f} ms", f"{cuts[98] * 1e3:.1f} ms"
        return [self.name, f"{self.tasks:,}", f"{self.wall:.2f} s", f"{self.tasks / self.wall:,.0f}", p50, p99]


class Demo:
    """Runs the parts and keeps a row of figures for each."""

    def __init__(self, executor: yonder.Executor, files: list[str]) -> None:
        self.executor = executor
        self.files = files
        self.rows: list[Row] = []

    def submit_all(self, name: str, function: Callable[..., object], arguments: Sequence[object]) -> list[object]:
        """One task per argument, with a progress bar and each task's latency."""
        began = time.perf_counter()
        sent: list[float] = []
        took: dict[int, float] = {}
        futures = []
        for i, argument in enumerate(arguments):
            sent.append(time.perf_counter())
            future = self.executor.submit(function, argument)
            future.add_done_callback(lambda _, i=i: took.setdefault(i, time.perf_counter() - sent[i]))
            futures.append(future)
        for _ in yonder.as_completed(futures, progress=True):
            pass
        results = [future.result() for future in futures]
        self.rows.append(Row(name, len(futures), time.perf_counter() - began, list(took.values())))
        return results

    def hello(self, rounds: int) -> None:
        began = time.perf_counter()
        print(self.executor.submit(hello, "world").result())
        latencies = []
        for _ in range(rounds):
            start = time.perf_counter()
            self.executor.submit(hello, "world").result()
            latencies.append(time.perf_counter() - start)
        self.rows.append(Row("hello, one at a time", rounds + 1, time.perf_counter() - began, latencies))

    def word_count(self) -> None:
        mapped = self.submit_all("word count, map", count_words, batches(self.files, 32))
        reduced = self.submit_all("word count, reduce", sum_counts, shuffle(mapped))  # type: ignore[arg-type]  # dicts of counts
        total = {word: n for share in reduced for word, n in share.items()}  # type: ignore[attr-defined]  # same
        expected = count_words(self.files)
        if total != expected:
            raise SystemExit("the word count differs from a single process's: this is a bug")
        most = ", ".join(f"{word} {n:,}" for word, n in Counter(total).most_common(5))
        print(f"{sum(total.values()):,} words, {len(total):,} distinct, as a single process counts them: {most}")

    def metadata(self) -> None:
        began = time.perf_counter()
        records = list(self.executor.map(extract_metadata, self.files, progress=True))
        self.rows.append(Row("metadata, Executor.map", len(records), time.perf_counter() - began))
        kinds = Counter(str(record["type"]) for record in records)
        size = sum(int(str(record["size"])) for record in records)
        print(f"{len(records):,} files, {size / 1e6:.1f} MB: {dict(kinds)}")

    def failure(self) -> None:
        future = self.executor.submit(invert, [[1.0, 2.0], [2.0, 4.0]])
        error = future.exception()
        if not isinstance(error, ZeroDivisionError):
            raise SystemExit(f"expected the function's own ZeroDivisionError, got {error!r}")
        print(f"a function that raises gives its own exception, {error!r}, with the remote traceback:")
        print("  " + str(error.__cause__).strip().replace("\n", "\n  "))


def print_table(rows: Sequence[Row]) -> None:
    head = ["work", "tasks", "wall time", "tasks/s", "p50", "p99"]
    lines = [head, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        first, *rest = (cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths)))
        print("  ".join([first, *rest]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", help="name or id of the endpoint (default: the only one online)")
    parser.add_argument("--megabytes", type=int, default=24, help="how much text to work on")
    options = parser.parse_args()
    files = source_files(options.megabytes * 1_000_000)
    print(f"{len(files):,} source files of the Go and Python installations on this machine\n")
    with yonder.Executor(endpoint=options.endpoint) as executor:
        demo = Demo(executor, files)
        demo.hello(200)
        demo.word_count()
        demo.metadata()
        demo.failure()
    print()
    print_table(demo.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
