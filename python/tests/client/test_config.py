"""Which service, and as whom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from yonder.client import config
from yonder.client.client import Client
from yonder.errors import InvalidConfig, Unauthenticated

HERE = "http://here:8470"
THERE = "https://there.example"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("URL", "TOKEN", "TOKEN_FILE", "CA_FILE", "HOME"):
        monkeypatch.delenv(f"YONDER_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def login(path: Path, url: str = HERE, token: str = "yt_login", mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"url": url, "token": token}))
    path.chmod(mode)
    return path


def given(settings: config.Settings) -> tuple[str, str]:
    return settings.url, settings.token


def test_arguments_go_before_the_environment(home: Path) -> None:
    environ = {"YONDER_URL": THERE, "YONDER_TOKEN": "yt_env\n"}
    assert given(config.load(None, None, environ=environ)) == (THERE, "yt_env")
    assert given(config.load(HERE + "/", None, environ=environ)) == (HERE, "yt_env")
    assert given(config.load(HERE, "yt_arg", environ=environ)) == (HERE, "yt_arg")


def test_a_token_file(home: Path) -> None:
    (home / "token").write_text("yt_file\n")
    environ = {"YONDER_URL": HERE, "YONDER_TOKEN_FILE": str(home / "token")}
    assert given(config.load(environ=environ)) == (HERE, "yt_file")
    (home / "token").write_text("")
    with pytest.raises(InvalidConfig, match="is empty") as caught:
        config.load(environ=environ)
    assert caught.value.field == "YONDER_TOKEN_FILE"
    with pytest.raises(InvalidConfig, match="No such file"):
        config.load(environ={**environ, "YONDER_TOKEN_FILE": "/nowhere"})


@pytest.mark.parametrize(
    ("place", "variable"),
    [
        (".yonder/login.json", ""),
        ("mine/login.json", "YONDER_HOME=mine"),
    ],
)
def test_the_login_file(home: Path, place: str, variable: str) -> None:
    login(home / place)
    name, _, folder = variable.partition("=")
    environ = {name: str(home / folder)} if name else {}
    assert given(config.load(environ=environ)) == (HERE, "yt_login")


def test_a_login_may_name_certificates(home: Path) -> None:
    path = login(home / ".yonder/login.json")
    (home / "ca.pem").write_text("")
    path.write_text(json.dumps({"url": HERE, "token": "t", "ca_file": str(home / "ca.pem")}))
    assert config.load(environ={}).ca_file == str(home / "ca.pem")
    assert config.load(url=HERE, token="t", environ={}).ca_file is None


def test_the_logins_token_is_sent_nowhere_else(home: Path) -> None:
    login(home / ".yonder/login.json")
    assert given(config.load(url=HERE, environ={})) == (HERE, "yt_login")
    with pytest.raises(Unauthenticated, match="is for http://here:8470, not for https://there"):
        config.load(url=THERE, environ={})


def test_nothing_is_configured(home: Path) -> None:
    with pytest.raises(InvalidConfig, match="yonder up"):
        Client()
    with pytest.raises(Unauthenticated, match="YONDER_TOKEN"):
        Client(url=HERE)


def test_a_login_that_others_can_read(home: Path) -> None:
    login(home / ".yonder/login.json", mode=0o644)
    with pytest.raises(InvalidConfig, match="chmod 600"):
        config.load(environ={})


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": "http://x"}', '{"url": 3, "token": "t"}'])
def test_a_damaged_login(home: Path, text: str) -> None:
    path = login(home / ".yonder/login.json")
    path.write_text(text)
    with pytest.raises(InvalidConfig, match="yonder login"):
        config.load(environ={})


@pytest.mark.parametrize(
    "url", ["here", "ftp://here", "http://", "http://here:port", "http://here?x=1", "http://[::1"]
)
def test_what_is_no_url(home: Path, url: str) -> None:
    with pytest.raises(InvalidConfig, match=r"it reads http\(s\)"):
        config.load(url, "t", environ={})


def test_certificates_that_are_not_there(home: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"/nowhere.pem") as caught:
        config.load(HERE, "t", "/nowhere.pem", environ={})
    assert caught.value.field == "ca_file"


def test_the_default_client_is_shared(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YONDER_URL", HERE)
    monkeypatch.setenv("YONDER_TOKEN", "t")
    monkeypatch.setattr(Client, "_shared", None)
    one = Client.default()
    assert Client.default() is one
    one.close()
    assert Client.default() is not one
