"""How each benchmark's result is shown: a title, and text with tables. What has no view of its own is listed plainly."""

from __future__ import annotations

from typing import Any, Callable

from figures import NAMES, Result, number

Table = Callable[..., str]
# Said by the line below each section.
ELSEWHERE = {"bench", "nproc", "load", "python", "yonder", "system", "date", "versions"}


def single(result: Result, table: Table) -> tuple[str, str]:
    rows = [("**Yonder**", number(result["tasks_per_s"]), "")]
    for name, rate in result["peers_tasks_per_s"].items():
        rows.append((NAMES[name], number(rate), f"{number(result['ratio'][name])} times as many"))
    said = (
        f"{number(result['tasks'])} no-op tasks, one `submit` and one future each, from one client to "
        f"{result['workers']} workers; {number(result['peers_tasks'])} for each of the others. Turns alternate; "
        f"medians of {result['rounds']}.\n\n"
    )
    return "Single tasks", said + table(["", "tasks a second", "Yonder does"], rows)


def latency(result: Result, table: Table) -> tuple[str, str]:
    rows = [("**Yonder**", number(result["p50_ms"]), number(result["p99_ms"]))]
    if link := result.get("link"):
        rows.append(("Yonder, client 25 ms away", number(link["p50_ms"]), number(link["p99_ms"])))
    rows += [(NAMES[n], number(p["p50_ms"]), number(p["p99_ms"])) for n, p in result.get("peers", {}).items()]
    stages = ", ".join(f"{name} {number(ms)}" for name, ms in result["stages_p50_ms"].items())
    said = f"A warm no-op, one at a time, from `submit` to its result, {number(result['calls'])} times.\n\n"
    after = f"\nStages of Yonder's, medians in ms: {stages}.\n"
    return "Latency", said + table(["", "median, ms", "99th percentile, ms"], rows) + after


def payload(result: Result, table: Table) -> tuple[str, str]:
    rows = [
        (
            number(row["bytes"]),
            number(row["tasks_per_s"]),
            number(row.get("parsl_tasks_per_s")),
            number(row.get("ratio")),
            number(row["one_s"] * 1e3),
            number(row["floor_s"] * 1e3),
        )
        for row in result["sizes"]
    ]
    said = (
        f"Calls that carry their argument back, on {result['workers']} workers. The last columns are one call with nothing "
        "beside it, and the least that it could cost: hashing, writing durably and copying, there and back.\n\n"
    )
    head = ["bytes each way", "tasks a second", "Parsl", "ratio", "one, ms", "floor, ms"]
    return "Payloads", said + table(head, rows)


def real(result: Result, table: Table) -> tuple[str, str]:
    rows = [
        ("workers live at once", number(result["live"])),
        ("… after", f"{number(result['all_live_s'])} s"),
        ("memory of each (PSS)", f"{number(result['pss_mib_each'])} MiB"),
        ("sleeps and no-ops after that", number(result["tasks"])),
        ("… in", f"{number(result['mixed_s'])} s"),
        ("lost", number(result["lost"])),
    ]
    said = f"{number(result['workers'])} forked Python workers on one manager; all of them meet before any goes on.\n\n"
    return "Many real workers", said + table(["", ""], rows)


def batching(result: Result, table: Table) -> tuple[str, str]:
    rows = [
        ("one by one: a request each, nothing given ahead", result["single_s"]),
        ("as shipped: what has come together travels together", result["batched_s"]),
        ("as a map: together from the start", result["calls_together_s"]),
    ]
    said = f"{number(result['calls'])} no-ops from one client to four workers (funcX's papers: 118 s and 6.7 s).\n\n"
    return "Batching", said + table(["", "seconds"], [(a, number(b)) for a, b in rows])


def prefetch(result: Result, table: Table) -> tuple[str, str]:
    kinds = list(result["calls"])
    rows = [[row["ahead_per_slot"], *(number(row[f"{kind}_s"]) for kind in kinds)] for row in result["rows"]]
    rows.append(["ideal", *(number(result["ideal_s"][kind]) for kind in kinds)])
    heads = [f"{number(result['calls'][kind])} × {kind.split('_')[1]} ms" for kind in kinds]
    said = (
        f"Seconds for sleeps on {result['managers']} managers with {result['slots']} workers each, by how many tasks a manager "
        "is given ahead for each slot (`managers.prefetch`; at most, by its speed; 128 as shipped).\n\n"
    )
    return "Prefetching", said + table(["ahead per slot", *heads], rows)


def memo(result: Result, table: Table) -> tuple[str, str]:
    said = (
        f"{number(result['calls'])} calls that sleep {number(result['sleep_ms'])} ms, on {result['slots']} workers, by how many of "
        "them had been run before (funcX's papers, 100,000 calls of 1 s: 403.8, 318.5, 233.6, 147.9 and 63.2 s).\n\n"
    )
    rows = [(row["known_percent"], number(row["seconds"]), number(row["ideal_s"])) for row in result["rows"]]
    return "Memo", said + table(["% known", "seconds", "ideal"], rows)


def endpoints(result: Result, table: Table) -> tuple[str, str]:
    rows = [
        ("all connected after", f"{number(result['connected_s'])} s"),
        ("service with nothing but heartbeats", f"{number(result['idle_cores'])} cores, {number(result['idle_gib'])} GiB"),
        ("service with the tasks", f"{number(result['cores'])} cores, {number(result['gib'])} GiB"),
        ("tasks a second", number(result["tasks_per_s"])),
        ("a task, from when it was due: median", f"{number(result['p50_ms'])} ms"),
        ("… 99th percentile", f"{number(result['p99_ms'])} ms"),
    ]
    said = (
        f"{number(result['endpoints'])} endpoints with a connection and a session each; {number(result['tasks'])} no-ops, "
        f"{number(result['rate'])} a second for each endpoint and every one a bundle of its own. Agents are simulated from their journal on, and "
        "share the machine with the service.\n\n"
    )
    return "Many endpoints", said + table(["", ""], rows)


def scaling(title: str, said: str) -> Callable[[Result, Table], tuple[str, str]]:
    def view(result: Result, table: Table) -> tuple[str, str]:
        rows = [
            (
                row["work"],
                number(row["workers"]),
                number(row["calls"]),
                number(row["seconds"]),
                number(row["ideal_s"]),
                number(row["efficiency"]) if row["ideal_s"] else "",
                number(row["funcx_s"]),
                number(row["funcx_efficiency"]) if row["ideal_s"] else "",
            )
            for row in result["table"]
        ]
        head = ["work", "workers", "calls", "seconds", "ideal", "efficiency", "funcX, s", "funcX's efficiency"]
        return title, said + table(head, rows)

    return view


strong = scaling(
    "Strong scaling",
    "The same number of calls on ever more simulated workers, beside what funcX's paper measured with 100,000 on a supercomputer. "
    "Where sleeps would take minutes there are fewer.\n\n",
)
weak = scaling(
    "Weak scaling",
    "Ten calls for each of ever more simulated workers, beside what funcX's paper measured on a supercomputer.\n\n",
)


def plain(result: Result, table: Table) -> tuple[str, str]:
    rows = [(key, show(value)) for key, value in result.items() if key not in ELSEWHERE]
    return str(result.get("bench", "")), table(["", ""], rows)


def show(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {show(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return "; ".join(map(show, value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value)
    return str(value)


VIEWS: dict[str, Callable[[Result, Table], tuple[str, str]]] = {
    "single": single,
    "latency": latency,
    "payload": payload,
    "real": real,
    "batching": batching,
    "prefetch": prefetch,
    "memo": memo,
    "endpoints": endpoints,
    "strong": strong,
    "weak": weak,
}
