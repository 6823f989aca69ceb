"""``funcx-endpoint``: funcX's commands and flags, carried out by ``yonder endpoint``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Callable, Optional

from funcx_endpoint import commands
from funcx_endpoint.program import Failed, Program, UsageError

Command = Callable[[Program, argparse.Namespace, Sequence[str]], int]

EPILOG = (
    "What a command does not know itself it passes on to `yonder endpoint`: see "
    "`yonder endpoint configure --help`."
)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command; the exit code is that of ``yonder``."""
    arguments, further = _parser().parse_known_args(argv)
    try:
        program = Program(arguments.config_dir, arguments.debug, arguments.no_color)
        return int(arguments.run(program, arguments, further))
    except UsageError as error:
        print(f"funcx-endpoint: {error}", file=sys.stderr)
        return 2
    except Failed as error:
        print(f"funcx-endpoint: {error}", file=sys.stderr)
        return error.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="funcx-endpoint", description=__doc__, epilog=EPILOG, allow_abbrev=False
    )
    parser.add_argument("-c", "--config-dir", help="where endpoints are, instead of $YONDER_HOME")
    # Everywhere, as funcX has them after the command.
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument("--debug", action="store_true", help="log more")
    common.add_argument("--no-color", action="store_true", help="no colours")
    named = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    named.add_argument("name", nargs="?", default="default", help="name of the endpoint (default)")
    named.add_argument("-n", "--name", dest="named", metavar="NAME", help="the same, as a flag")
    starting = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    starting.add_argument("--endpoint-uuid", help="fail unless the endpoint has this id")
    starting.add_argument("--log-to-console", action="store_true", help="run in this terminal")
    configuring = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    configuring.add_argument("--endpoint-config", metavar="FILE", help="refused: it is Python")
    deleting = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    deleting.add_argument("--yes", action="store_true", help="do not ask")
    every = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Command, *parents: argparse.ArgumentParser) -> None:
        about = (run.__doc__ or "").rstrip(".")
        made = every.add_parser(
            name, parents=[common, *parents], help=about, description=about, allow_abbrev=False
        )
        made.set_defaults(run=run)

    command("configure", commands.configure, named, configuring)
    command("start", commands.start, named, starting)
    command("stop", commands.stop, named)
    command("restart", commands.restart, named, starting)
    command("status", commands.status, named)
    command("delete", commands.delete, named, deleting)
    command("list", commands.list_endpoints)
    command("version", commands.version)
    return parser
