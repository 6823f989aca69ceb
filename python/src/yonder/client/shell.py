"""Shell functions: commands that run wherever a Python function does."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional, Union

from yonder import codec
from yonder.client.options import check as check_options
from yonder.client.options import names_of
from yonder.errors import InvalidRequest, ShellError
from yonder.wire import Buffer

_TYPES: dict[Any, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "list",
    tuple: "list",
    dict: "json",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SPECIAL = re.compile(r"[{}\0]")


class ShellFunction:
    """A command with parameters, to be submitted like a function.

    ``{name}`` in ``command`` stands for an argument. It is one word of the shell,
    whatever its value holds: no value can become code. Do not put it inside quotes.
    ``{name!raw}`` inserts a value as it is, for code on purpose; ``{{`` and ``}}``
    are braces of the shell::

        count = yonder.ShellFunction("grep -c {word} {file} | head -n {n}", params={"n": int})
        executor.submit(count, "error", "/var/log/syslog", 3).result().stdout

    Parameters take their order from the command, those with a default last.

    - ``params``: types of parameters that are no text: int, float, bool, list (a word for
      each item), dict (anything, as JSON), or their names in the protocol.
    - ``defaults``: values of parameters that a call may leave out.
    - ``outputs``: patterns of files, relative to the working directory, that come back with
      the result; ``**`` matches directories.
    - ``env``: variables to set; ``stdin``: what the command reads. In these and in ``outputs``
      an argument stands as it is.
    - ``success``: return codes that are one; ``check``: raise ShellError for any other.
    - ``keep``: leave the working directory where it is: "failed" or "always".
    - ``dir``: absolute path where working directories are made.
    - ``walltime``: seconds after which a task is stopped, unless it is submitted with another.
    - ``limits``: ``tail_lines`` and ``tail_bytes`` of stdout and stderr that the result holds,
      ``output_files`` and ``output_bytes`` that it may have.

    Raises InvalidRequest for a command that cannot be read.
    """

    __yonder_stays_here__ = True

    def __init__(
        self,
        command: str,
        *,
        name: Optional[str] = None,
        description: str = "",
        params: Optional[Mapping[str, Union[type, str]]] = None,
        defaults: Optional[Mapping[str, Any]] = None,
        outputs: Iterable[str] = (),
        env: Optional[Mapping[str, str]] = None,
        stdin: Optional[str] = None,
        success: Iterable[int] = (0,),
        check: bool = False,
        shell: str = "sh",
        keep: str = "",
        dir: str = "",
        walltime: Optional[float] = None,
        **limits: int,
    ) -> None:
        self.command = command
        self.__name__ = name or _first_word(command)
        self.description = description
        body: dict[str, Any] = {"command": command, "shell": shell}
        optional = {
            "env": dict(env or {}),
            "success": list(success),
            "check": check,
            "outputs": [outputs] if isinstance(outputs, str) else list(outputs),
            "keep": keep,
            "dir": os.fspath(dir),
            "walltime_s": walltime,
            **_limits(limits),
        }
        body.update({key: value for key, value in optional.items() if value})
        if stdin is not None:
            body["stdin"] = stdin
        self.params = _params(body, params or {}, defaults or {})
        _check_quotes(command, {param["name"]: param["type"] for param in self.params})
        if self.params:
            body["params"] = self.params
        self.body = json.dumps(body, sort_keys=True, ensure_ascii=False).encode()

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, in order."""
        return tuple(param["name"] for param in self.params)

    def __call__(self, *args: Any, **kwargs: Any) -> ShellResult:
        """For type checkers: what a task returns. Commands run on endpoints only."""
        raise TypeError("a shell function runs on an endpoint: executor.submit(function, ...)")

    def __repr__(self) -> str:
        return f"ShellFunction({self.command!r})"


_LIMITS = ("tail_lines", "tail_bytes", "output_files", "output_bytes")
_OPTIONS = names_of(ShellFunction.__init__).union(_LIMITS)


def _limits(given: Mapping[str, int]) -> Mapping[str, int]:
    check_options("ShellFunction()", _OPTIONS, given)
    return given


def _first_word(command: str) -> str:
    found = re.search(r"[\w.+-]+", command)
    return found.group()[:200] if found else "shell"


def _params(
    body: Mapping[str, Any], types: Mapping[str, Any], defaults: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The parameters: by place in the templates, those with defaults last."""
    texts = [body["command"], *([body["stdin"]] if "stdin" in body else [])]
    texts += [value for _, value in sorted(body.get("env", {}).items())]
    found: dict[str, None] = {}
    for text in [*texts, *body.get("outputs", [])]:
        found.update(dict.fromkeys(placeholders(text)))
    for name in [*types, *defaults]:
        if name not in found:
            raise InvalidRequest(f"there is no {{{name}}} in the command", field="params")
    params: list[dict[str, Any]] = []
    for name in sorted(found, key=lambda name: name in defaults):
        param = {"name": name, "type": _type(name, types.get(name, str))}
        if name in defaults:
            param["default"] = plain(defaults[name])
        params.append(param)
    return params


def _type(name: str, given: Any) -> str:
    kind = _TYPES.get(given, given)
    if not isinstance(kind, str):
        raise InvalidRequest(
            f"the parameter {name} has the type {given!r}: choose str, int, float, bool, list "
            "or dict",
            field="params",
        )
    return kind


def placeholders(text: str) -> list[str]:
    """The names in a template, in order; InvalidRequest says where it cannot be read."""
    names: list[str] = []
    at = 0
    while found := _SPECIAL.search(text, at):
        at = found.start()
        if text[at : at + 2] in ("{{", "}}"):
            at += 2
            continue
        names.append(_placeholder(text, at))
        at = text.index("}", at) + 1
    return names


def _placeholder(text: str, at: int) -> str:
    if text[at] != "{":
        raise _wrong(text, at, "}} stands for a brace of the shell, and \\0 for nothing")
    inside, closed, _ = text[at + 1 :].partition("}")
    if not closed:
        raise _wrong(text, at, "a { without a }: write {{ for a brace of the shell")
    name, marked, how = inside.partition("!")
    if not _NAME.fullmatch(name) or (marked and how != "raw"):
        raise _wrong(
            text, at, f"{{{inside[:40]}}} is not {{name}} or {{name!raw}}: {{{{ and }}}} are braces"
        )
    if at and text[at - 1] == "$":
        raise _wrong(text, at - 1, f"write {{{name}}}, or ${{{{{name}}}}} for the shell's variable")
    return name


def _wrong(text: str, at: int, what: str) -> InvalidRequest:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return InvalidRequest(f"line {line}, column {column}: {what}", field="command")


# Numbers are the same inside quotes and outside.
_NUMBERS = ("integer", "number", "boolean")
# Where quotes begin or end, or something that only a shell's parser understands.
_QUOTES = re.compile(r"""\\.|'|"|`|\$[('{]|<<|\(\(|\[\[|\#|\{\{|\}\}|\{(\w+)(!raw)?\}""", re.DOTALL)


def _check_quotes(command: str, types: Mapping[str, str]) -> None:
    """Refuse a placeholder inside quotes, where its value would be cut into words or more.

    The service parses the command when it is registered, and has the last word: what is
    not plain to see here is left to it.
    """
    quote = ""
    for found in _QUOTES.finditer(command):
        token, name = found.group(), found.group(1)
        if token[0] == "\\" or token in ("{{", "}}"):
            continue
        if token in ("'", '"'):
            quote = token if not quote else "" if token == quote else quote
        elif found.group(2) or (not name and quote != "'"):
            return
        elif name and quote and types.get(name) not in _NUMBERS:
            raise _wrong(
                command,
                found.start(),
                f"the placeholder {token} stands inside quotes: its value is quoted already, so "
                f'write it outside, as in --title="My "{token}',
            )


def plain(value: Any) -> Any:
    """Paths as texts, also within lists."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


@dataclass(frozen=True)
class ShellResult:
    """What a command left.

    ``stdout`` and ``stderr`` are the ends of what it wrote, after ``…_omitted`` bytes.
    ``files`` are its output files by name. ``cmd`` is the command with its arguments, for
    people. A signal that ended the command is a negative ``returncode``. ``dir`` is the
    working directory on the endpoint, if it was kept.
    """

    returncode: int
    success: bool
    stdout: str
    stderr: str
    cmd: str
    files: dict[str, bytes] = field(default_factory=dict)
    stdout_omitted: int = 0
    stderr_omitted: int = 0
    dir: str = ""

    def check(self) -> ShellResult:
        """This result; raises ShellError if its return code is no success."""
        if self.success:
            return self
        last = self.stderr.strip().rpartition("\n")[2].strip()
        message = f"the command ended with return code {self.returncode}"
        error = ShellError(f"{message}: {last}" if last else message, type="ShellError")
        error.result = self
        raise error

    def save(self, directory: Union[str, os.PathLike[str]]) -> list[Path]:
        """Write the output files below a directory, and return their paths."""
        base = Path(directory).resolve()
        saved = []
        for name, data in self.files.items():
            path = base.joinpath(*name.split("/")).resolve()
            if base not in path.parents:
                raise InvalidRequest(f"the file {name!r} would lie outside of {base}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            saved.append(path)
        return saved

    def __repr__(self) -> str:
        parts = [f"returncode={self.returncode}", f"cmd={_short(self.cmd)}"]
        parts += [
            f"{name}={_short(text)}"
            for name, text in (("stdout", self.stdout), ("stderr", self.stderr))
            if text
        ]
        if self.files:
            parts.append(f"files={list(self.files)}")
        return f"ShellResult({', '.join(parts)})"


def _short(text: str) -> str:
    return repr(text if len(text) <= 200 else "…" + text[-200:])


def result_of(value: Any) -> Any:
    """A value as it is, or the ShellResult that it stands for."""
    if not isinstance(value, dict) or value.get("kind") != "shell_result":
        return value
    files = {
        str(file["name"]): base64.b64decode(file.get("data") or "")
        for file in value.get("files") or ()
    }
    known = {name: value[name] for name in ShellResult.__dataclass_fields__ if name in value}
    return ShellResult(**{**known, "files": files})


def error_of(payload: Buffer, unpack: Callable[[Buffer], BaseException]) -> BaseException:
    """The exception of a payload; a command's with its result."""
    error = unpack(payload)
    if getattr(error, "type", "") != "ShellError":
        return error
    value = codec.unpack_value(payload)
    found = ShellError(
        str(value.get("message") or ""), type="ShellError", module=ShellError.__module__
    )
    found.result = result_of(value.get("result"))
    return found
