"""One function for each command: the program, what was given, what to pass on."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Any, Optional

from funcx.version import __version__
from funcx_endpoint.program import Failed, Program, UsageError


def configure(program: Program, given: Namespace, further: Sequence[str]) -> int:
    """Register an endpoint and write its configuration."""
    if given.endpoint_config:
        raise UsageError(
            "a configuration of funcX is Python and cannot be used: leave out --endpoint-config, "
            "and edit the file that this command names"
        )
    name = _name(given)
    made = program.ask("endpoint", "configure", name, *further)
    print(f"Configured the endpoint <{name}> in {made['file']}")
    print(f"Its id is {made['id']}")
    print(f"Start it with: funcx-endpoint start {name}")
    return 0


def start(program: Program, given: Namespace, further: Sequence[str]) -> int:
    """Start an endpoint in the background."""
    if given.endpoint_uuid:
        _look(program, given)
    return _start(program, given, further)


def stop(program: Program, given: Namespace, further: Sequence[str]) -> int:
    """Stop an endpoint; running tasks may finish."""
    return program.run("endpoint", "stop", _name(given), *further)


def restart(program: Program, given: Namespace, further: Sequence[str]) -> int:
    """Start an endpoint anew; running tasks go on."""
    here = _look(program, given).get("here") or {}
    if here.get("state") != "running":
        return _start(program, given, further)
    if given.log_to_console:
        raise UsageError("an endpoint that runs is restarted in the background: stop it first")
    return _say_started(program.ask("endpoint", "restart", _name(given), *program.log, *further))


def status(program: Program, given: Namespace, further: Sequence[str]) -> int:
    """Show how an endpoint is."""
    return program.run("endpoint", "status", _name(given), *further)


def delete(program: Program, given: Namespace, further: Sequence[str]) -> int:
    """Delete an endpoint and its configuration."""
    sure = ["--yes"] if given.yes else []
    return program.run("endpoint", "delete", _name(given), *sure, *further)


def list_endpoints(program: Program, given: Namespace, further: Sequence[str]) -> int:
    """List the endpoints of this machine."""
    missing: Optional[Failed] = None
    try:
        known = program.ask("endpoint", "list", *further)
    except Failed as failed:
        known, missing = failed.answer, failed
        if known is None:
            raise
    here = [endpoint for endpoint in known if endpoint.get("here")]
    if not here:
        print("No endpoints configured! Configure one with: funcx-endpoint configure")
        return 0
    _table(
        ("Endpoint Name", "Status", "Endpoint ID"),
        [(one["name"], _state(one), one["id"]) for one in here],
    )
    if missing is not None:
        raise missing
    return 0


def version(program: Program, given: Namespace, further: Sequence[str]) -> int:
    """Show the version of this package and of yonder."""
    known = program.ask("version", *further)
    print(f"FuncX endpoint version: {__version__} (yonder {known['version']})")
    return 0


def _name(given: Namespace) -> str:
    return str(given.named or given.name)


def _look(program: Program, given: Namespace) -> dict[str, Any]:
    """What is known of the endpoint. Raises UsageError if it has not the id that was named."""
    name, wanted = _name(given), given.endpoint_uuid
    known: dict[str, Any] = program.ask("endpoint", "status", name)
    if wanted and wanted.lower() != known["id"]:
        raise UsageError(
            f"the endpoint {name} has the id {known['id']}, not {wanted}: the service gives out "
            "ids, leave out --endpoint-uuid"
        )
    return known


def _start(program: Program, given: Namespace, further: Sequence[str]) -> int:
    arguments = ["endpoint", "start", _name(given), *program.log, *further]
    if given.log_to_console:
        return program.run(*arguments, "--foreground")
    return _say_started(program.ask(*arguments))


def _say_started(started: dict[str, Any]) -> int:
    print(f"Started the endpoint <{started['name']}>; its id is {started['id']}")
    print(f"Its log is {started['log']}")
    if not started["connected"]:
        print(f"It has not reached the service yet and goes on trying: {started.get('trouble')}")
    return 0


def _state(endpoint: Any) -> str:
    """funcX's word: Running, Stopped, or Disconnected for one that the service does not hear.

    Unknown is one of which the service says nothing, for instance because it was not asked.
    """
    state, service = str(endpoint["here"]["state"]), endpoint.get("service")
    if state not in ("running", "away"):  # away: on a machine that shares the directory
        return state.capitalize()
    if service is None:
        return "Unknown"
    return "Running" if service.get("online") else "Disconnected"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    rule = "+".join(["", *("-" * (width + 2) for width in widths), ""])
    for number, row in enumerate((head, *rows)):
        if number < 2:
            print(rule)
        print("|".join(["", *(f" {cell.ljust(w)} " for cell, w in zip(row, widths)), ""]))
    print(rule)
