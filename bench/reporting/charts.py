"""Draws docs/images/bench-NAME.svg from the results in bench/results; runs in the environment ``charts`` of bench/setup.

Each chart carries the digest of the result that it was drawn from, so that page.py can tell whether it is still true.
"""

from __future__ import annotations

import figures
import matplotlib
from figures import NAMES, Result

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

OURS, OTHERS = "#1f6f8b", "#b8b8b8"
plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "yonder", "font.size": 9, "axes.axisbelow": True})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3})


def bars(axes: plt.Axes, values: dict[str, float], label: str) -> None:
    names = list(values)
    drawn = axes.barh([NAMES[n] for n in names], values.values(), color=[OURS if n == "yonder" else OTHERS for n in names])
    axes.bar_label(drawn, [figures.number(v) for v in values.values()], padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(label)


def single(axes: plt.Axes, result: Result) -> None:
    bars(axes, {"yonder": result["tasks_per_s"], **result["peers_tasks_per_s"]}, "single tasks a second")


def latency(axes: plt.Axes, result: Result) -> None:
    peers = {name: took["p50_ms"] for name, took in result.get("peers", {}).items()}
    bars(axes, {"yonder": result["p50_ms"], **peers}, "milliseconds of a warm no-op, median")


def payload(axes: plt.Axes, result: Result) -> None:
    rows = [row for row in result["sizes"] if row["bytes"]]
    for key, name, colour in (("tasks_per_s", "Yonder", OURS), ("parsl_tasks_per_s", "Parsl", OTHERS)):
        points = [(row["bytes"], row[key]) for row in rows if key in row]
        axes.plot(*zip(*points), marker="o", color=colour, label=name)
    axes.set(xscale="log", yscale="log", xlabel="bytes in and out", ylabel="tasks a second")
    axes.legend(frameon=False)


def prefetch(axes: plt.Axes, result: Result) -> None:
    for kind, calls in result["calls"].items():
        seconds = [row[f"{kind}_s"] for row in result["rows"]]
        axes.plot(range(len(seconds)), seconds, marker="o", label=f"{calls:,} × {kind.split('_')[1]} ms")
    axes.set_xticks(range(len(result["rows"])), [str(row["ahead_per_slot"]) for row in result["rows"]])
    axes.set(xlabel="tasks given ahead, for each slot", ylabel="seconds", ylim=0)
    axes.legend(frameon=False)


def main() -> None:
    results = figures.load()
    for draw in (single, latency, payload, prefetch):
        name = draw.__name__
        file = figures.ROOT / "docs" / "images" / f"bench-{name}.svg"
        file.unlink(missing_ok=True)
        if name not in results:
            continue
        figure, axes = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
        draw(axes, results[name])
        figure.savefig(file, metadata={"Date": None, "Description": figures.digest(results[name])})
        plt.close(figure)
        # Trailing blanks of the library's would be all that changes from one drawing to the next.
        file.write_text("\n".join(line.rstrip() for line in file.read_text().splitlines()) + "\n")


if __name__ == "__main__":
    main()
