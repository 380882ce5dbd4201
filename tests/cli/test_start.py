"""``swarmshare start``: a tracker, the first account, and what to type next."""

from __future__ import annotations

import json
import signal
import socket
from typing import TYPE_CHECKING, Any

import pytest
from cli.processes import TIMEOUT, call, event, start
from cli.terminal import terminal
from tracker.trackers import PASSWORD

from swarmshare.cli import start as verb
from swarmshare.cli.command import run_command

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

HERE = ("start", "--listen", "127.0.0.1:0")


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    return path


def end(process: subprocess.Popen[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Stops it; what it told, and its lines for people."""
    process.send_signal(signal.SIGTERM)
    out, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert error.splitlines().count("swarmshare: interrupted") == 1
    return [json.loads(line) for line in out.splitlines()], error.splitlines()


def is_there(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_the_first_account_is_made_at_the_terminal(tmp_path: Path) -> None:
    with terminal(tmp_path, *HERE, columns=110) as shown:
        for prompt, typed in (
            (": Name [", "Olga"), ("Password:", "short"), ("Again:", "short"),
            ("Name [", "Olga"), ("Password:", PASSWORD), ("Again:", PASSWORD + "x"),
            ("Name [", "Olga"), ("Password:", PASSWORD), ("Again:", PASSWORD),
        ):  # fmt: skip
            asked = prompt.removeprefix(": ")
            shown.until(lambda picture, asked=asked: asked in next(filter(None, reversed(picture.lines)), ""))
            shown.type(typed.encode() + b"\n")
        shown.until(lambda picture: any(line.startswith("Ctrl-C stops") for line in picture.lines))
        (where,) = [line.split()[2].rstrip(";") for line in shown.picture.lines if line.startswith("Tracker at")]
        assert any(line.startswith(f"Olga (organiser) is signed in at {where}") for line in shown.picture.lines)
        assert PASSWORD not in shown.raw
        assert is_there(where.removeprefix("http://"))
        shown.type(b"\x03")
        assert shown.wait() == 130
    assert not is_there(where.removeprefix("http://"))


def test_without_a_terminal_it_says_what_to_type(tmp_path: Path, password: Path) -> None:
    process = start(tmp_path, *HERE)
    url, setup = event(process, "listening")["url"], event(process, "setup")
    told = ("register", "--tracker", url, "--user", "Olga", "--setup-token", setup["setup_token"])
    call(tmp_path, *told, "--password-file", password)
    _, lines = end(process)
    assert any(line.endswith(f"register --tracker {url} --user NAME --setup-token {told[-1]}") for line in lines)
    assert any(setup["url"] in line for line in lines)


def test_it_goes_on_where_it_was(tmp_path: Path, password: Path) -> None:
    first = start(tmp_path, *HERE, "--user", "Olga", "--password-file", password)
    address = event(first, "listening")["address"]
    assert event(first, "signed_in")["role"] == "organiser"
    end(first)
    again = start(tmp_path, "start", "--listen", address)
    account = event(again, "account")
    assert (account["user"], account["role"]) == ("Olga", "organiser")
    end(again)
    other = start(tmp_path, *HERE)  # another port is another tracker, to those who sign in
    url = event(other, "listening")["url"]
    _, lines = end(other)
    assert any(line.endswith(f"login --tracker {url} --user NAME") for line in lines)


def test_mistakes(tmp_path: Path, password: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        (error,) = call(tmp_path, "start", "--listen", where, expect=1)
    assert "address already in use" in error["message"]
    password.write_text("short")
    events = call(tmp_path, *HERE, "--user", "Olga", "--password-file", password, expect=1)
    assert events[-1]["event"] == "error"
    with pytest.raises(SystemExit):
        run_command(["start", "--listen", "nowhere"])


@pytest.mark.parametrize(
    ("own", "host"),
    [
        (("192.168.1.5",), "0.0.0.0"),
        (("100.64.0.7",), "0.0.0.0"),
        ((), "0.0.0.0"),
        (("8.8.8.8",), "127.0.0.1"),
        (("192.168.1.5", "2a00::1"), "127.0.0.1"),
    ],
)
def test_the_internet_is_let_in_on_demand_only(
    own: tuple[str, ...], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "own_addresses", lambda _: own)
    assert verb._default() == (host, verb.PORT)


@pytest.mark.parametrize(
    ("listening", "url"),
    [
        ("0.0.0.0:6969", "http://127.0.0.1:6969"),
        ("[::]:6969", "http://[::1]:6969"),
        ("192.168.1.5:80", "http://192.168.1.5:80"),
    ],
)
def test_this_machine_has_an_address_that_stays(listening: str, url: str) -> None:
    assert verb._own_url(listening) == url


@pytest.mark.parametrize("registration", ["open", "invited", "closed"])
def test_others_are_told_how_to_come_in(
    registration: str, tmp_path: Path, password: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(
        tmp_path, "start", "--listen", "0.0.0.0:0", "--registration", registration,
        "--user", "Olga", "--password-file", password,
    )  # fmt: skip
    url = event(process, "listening")["url"]
    event(process, "signed_in")
    assert process.stderr is not None
    lines = []
    while not lines or not lines[-1].startswith("Ctrl-C"):
        lines.append(process.stderr.readline())
    how = [line.split() for line in lines if line.startswith("  swarmshare register")]
    if url.startswith("http://127."):
        assert not how  # this machine is in no network
    elif registration == "closed":
        assert not how
    else:
        code = how[0][how[0].index("--invite") + 1 :] if registration == "invited" else []
        monkeypatch.setenv("SWARMSHARE_HOME", str(tmp_path / "other"))
        invited = ("--invite", *code) if code else ()
        assert run_command(
            ["register", "--tracker", url, "--user", "Zoe", "--password-file", str(password), *invited]
        ) == 0  # fmt: skip
    end(process)
