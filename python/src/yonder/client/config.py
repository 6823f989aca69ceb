"""Which service to talk to, and as whom.

Taken from arguments, else the environment, else the login file. The login
file's token is for the login file's service: it is never sent elsewhere.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional
from urllib.parse import urlsplit

from yonder.errors import InvalidConfig, Unauthenticated

_NOTHING = (
    "no service is configured: start one with `yonder up`, sign in to one with `yonder login`, "
    "set YONDER_URL and YONDER_TOKEN, or pass url= and token="
)


@dataclass(frozen=True)
class Settings:
    """Where the service is, and the token to show there."""

    url: str
    token: str = field(repr=False)
    ca_file: Optional[str] = None


def load(
    url: Optional[str] = None,
    token: Optional[str] = None,
    ca_file: Optional[str] = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Settings from arguments, environment and login file, in this order.

    Raises InvalidConfig, which names what is wrong or missing.
    """
    url = url or environ.get("YONDER_URL") or None
    token = token or _token_of(environ)
    login = None if url and token else find_login(environ)
    url, token = _complete(url, token, login)
    ca_file = ca_file or environ.get("YONDER_CA_FILE") or None
    if login is not None and url == login.url:
        ca_file = ca_file or login.ca_file
    if ca_file and not os.path.isfile(ca_file):
        raise InvalidConfig(f"there is no file of certificates at {ca_file}", field="ca_file")
    return Settings(check_url(url), token, ca_file)


def _complete(
    url: Optional[str], token: Optional[str], login: Optional[Settings]
) -> tuple[str, str]:
    if url and token:
        return url, token
    if login is None:
        if url is None:
            raise InvalidConfig(_NOTHING, field="url")
        raise Unauthenticated(
            f"there is no token for {url}: set YONDER_TOKEN or YONDER_TOKEN_FILE, or pass token="
        )
    if token is None and url is not None and check_url(url) != login.url:
        raise Unauthenticated(
            f"the login file's token is for {login.url}, not for {url}: set YONDER_TOKEN or "
            "YONDER_TOKEN_FILE, or pass token="
        )
    return url or login.url, token or login.token


def check_url(url: object) -> str:
    """The URL without a slash at its end."""
    if not isinstance(url, str):
        raise InvalidConfig(f"{url!r} is not the URL of a service", field="url")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        raise InvalidConfig(
            f"{url!r} is not the URL of a service: it reads http(s)://host:port", field="url"
        )
    return url.rstrip("/")


def _token_of(environ: Mapping[str, str]) -> Optional[str]:
    if environ.get("YONDER_TOKEN"):
        return environ["YONDER_TOKEN"].strip()
    path = environ.get("YONDER_TOKEN_FILE")
    if not path:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise InvalidConfig(
            f"cannot read the token file: {error}", field="YONDER_TOKEN_FILE"
        ) from None
    if not text:
        raise InvalidConfig(f"the token file {path} is empty", field="YONDER_TOKEN_FILE")
    return text


def login_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The login file, in the one directory that the command line uses too."""
    home = environ.get("YONDER_HOME")
    return (Path(home) if home else Path.home() / ".yonder") / "login.json"


def find_login(environ: Mapping[str, str] = os.environ) -> Optional[Settings]:
    """The settings of the login file, None if there is none."""
    return read_login(login_path(environ))


def read_login(path: Path) -> Optional[Settings]:
    """The login file's settings, None if there is none. Others must not be able to read it."""
    try:
        with path.open("rb") as file:
            if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise InvalidConfig(
                    f"others can read {path}, which holds a token: chmod 600 {path}"
                )
            value = json.load(file)
        return Settings(check_url(value["url"]), str(value["token"]), value.get("ca_file") or None)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidConfig(f"cannot read the login file: {error}") from None
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InvalidConfig) and not error.field:
            raise
        raise InvalidConfig(
            f"the login file {path} is damaged ({error!r}): sign in again with `yonder login`"
        ) from None
