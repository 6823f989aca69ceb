"""Writes docs/benchmarks.md from the results in bench/results; needs nothing but Python.

``--check`` writes nothing and fails if the page or a chart is not what the results give.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import figures
import views
from figures import NAMES, Result, number

PAGE = figures.ROOT / "docs" / "benchmarks.md"
IMAGES = figures.ROOT / "docs" / "images"
HEAD = """# Benchmarks

<!-- Made by bench/report from bench/results. Do not edit. -->

What is measured, on one machine, with everything as shipped: every task is written durably by service and endpoint before it
is run, every request is authenticated, and every result is checked by the client. `bench/setup` installs the systems that are
compared with, `bench/run all` measures everything again, and `bench/report` makes this page and its charts from the results.
[How the others are set up](../bench/peers/README.md) favours them where there was a choice. [Performance](performance.md)
says where the time goes.
"""


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def summary(results: dict[str, Result]) -> str:
    rows = []
    for figure in figures.FIGURES:
        value = figure.of(results)
        if value is None:
            continue
        verdict = "" if not figure.aim() else "reached" if figure.reached(value) else "not reached"
        rows.append((figure.label, f"{number(value)} {figure.unit}".strip(), figure.aim(), verdict))
    return "## In short\n\n" + table(["what", "measured", "aim", ""], rows)


def where(result: Result) -> str:
    """The line that says where figures come from."""
    cores, load = result.get("nproc"), result.get("load")
    said = [f"{cores} cores", f"load {load} before", f"Python {result.get('python')}"]
    said += [f"{NAMES.get(name, name)} {version}" for name, version in (result.get("versions") or {}).items()]
    said += [str(result[key]) for key in ("yonder", "date") if result.get(key)]
    busy = isinstance(load, (int, float)) and isinstance(cores, int) and load > cores / 4
    remark = " **Other work ran on the machine: these figures only indicate.**" if busy else ""
    return f"*{', '.join(said)}.*{remark}\n"


def section(name: str, result: Result) -> str:
    title, body = views.VIEWS.get(name, views.plain)(result, table)
    chart = f"![{title}](images/bench-{name}.svg)\n\n" if (IMAGES / f"bench-{name}.svg").exists() else ""
    return f"## {title or name}\n\n{body}\n{chart}{where(result)}"


def page(results: dict[str, Result]) -> str:
    parts = [HEAD, summary(results)]
    order = dict.fromkeys([figure.bench for figure in figures.FIGURES] + list(results))
    parts += [section(name, results[name]) for name in order if name in results]
    return "\n".join(parts)


def stale(results: dict[str, Result]) -> list[str]:
    """What is not as the results give it."""
    found = [] if PAGE.exists() and PAGE.read_text() == page(results) else ["docs/benchmarks.md"]
    for image in sorted(IMAGES.glob("bench-*.svg")):
        result = results.get(image.stem[len("bench-") :])
        if figures.digest(result) not in image.read_text():
            found.append(f"docs/images/{image.name}")
    return found


def main() -> int:
    results = figures.load()
    if "--check" not in sys.argv:
        PAGE.write_text(page(results))
        return 0
    found = stale(results)
    if found:
        print(f"not what bench/results gives: {', '.join(found)}; run bench/report", file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
