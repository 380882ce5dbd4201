"""``swarmshare start``: a tracker, the first account, and what to type next."""

from __future__ import annotations

import shlex
import signal
import socket
import sys
from collections import Counter
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from cli.processes import call, event, start
from cli.terminal import terminal
from tracker.trackers import PASSWORD
from waiting import TIMEOUT

from swarmshare.app.local_tracker import own_url
from swarmshare.cli import start as verb
from swarmshare.cli.command import run_command
from swarmshare.cli.qr_code import show_qr_code
from swarmshare.cli.render import Output
from swarmshare.identity.group_link import parse_group_link
from swarmshare.tracker import own_addresses

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from cli.terminal import Screen, Terminal

HERE = ("start", "--listen", "127.0.0.1:0")


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    return path


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert error.splitlines().count("swarmshare: interrupted") == 1


def introduction(process: subprocess.Popen[str]) -> list[str]:
    """All that it says to people before it only waits."""
    assert process.stderr is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("Ctrl-C"):
        assert process.poll() is None, lines
        lines.append(process.stderr.readline())
    return lines


def is_asked(shown: Terminal, prompt: str, times: int, screen: Screen) -> bool:
    last = next(filter(None, reversed(screen.lines)), "")
    return last.startswith(prompt) and shown.raw.count(prompt) == times


def is_there(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_the_first_account_is_made_at_the_terminal(tmp_path: Path) -> None:
    asked: Counter[str] = Counter()
    with terminal(tmp_path, *HERE, columns=110, rows=40) as shown:
        for prompt, typed in (
            ("Name [", "Olga/"), ("Name [", "Olga"),
            ("Password:", "short"), ("Password:", PASSWORD), ("Again:", PASSWORD + "x"),
            ("Password:", "olga-olga"), ("Again:", PASSWORD), ("Password:", PASSWORD), ("Again:", PASSWORD),
        ):  # fmt: skip
            asked[prompt] += 1
            shown.until(partial(is_asked, shown, prompt, asked[prompt]))
            if prompt == "Password:":
                assert "Choose a password of 8 to 256 characters, not your name" in shown.raw, "told before"
            shown.type(typed.encode() + b"\n")
        shown.until(lambda screen: any(line.startswith("Ctrl-C stops") for line in screen.lines))
        (where,) = [line.split()[2].rstrip(";") for line in shown.screen.lines if line.startswith("Tracker at")]
        assert any(line.startswith(f"Olga (organiser) is signed in at {where}") for line in shown.screen.lines)
        assert PASSWORD not in shown.raw
        assert "short" not in shown.raw
        assert "This is no name: a name is made of letters and digits" in shown.raw
        assert "A password has 8 to 256 characters. Try again." in shown.raw
        assert shown.raw.count("Name [") == 2, "after a password comes no question whose answer can be read"
        assert is_there(where.removeprefix("http://"))
        shown.type(b"\x03")
        assert shown.wait() == 130
    assert not is_there(where.removeprefix("http://"))


def test_without_a_terminal_it_says_what_to_type(tmp_path: Path, password: Path) -> None:
    process = start(tmp_path, *HERE)
    url, setup = event(process, "listening")["url"], event(process, "setup")
    lines = introduction(process)
    told = ("register", "--tracker", url, "--user", "Olga", "--setup-token", setup["setup_token"])
    call(tmp_path, *told, "--password-file", password)
    end(process)
    assert any(line.endswith(f"register --tracker {url} --user NAME --setup-token {told[-1]}\n") for line in lines)
    assert any(setup["url"] in line for line in lines)


def test_it_goes_on_where_it_was(tmp_path: Path, password: Path) -> None:
    first = start(tmp_path, *HERE, "--user", "Olga", "--password-file", password)
    address = event(first, "listening")["address"]
    assert event(first, "signed_in")["role"] == "organiser"
    introduction(first)
    end(first)
    again = start(tmp_path, "start", "--listen", address)
    account = event(again, "account")
    assert (account["user"], account["role"]) == ("Olga", "organiser")
    introduction(again)
    end(again)
    other = start(tmp_path, *HERE)  # another port is another tracker, to those who sign in
    url = event(other, "listening")["url"]
    assert any(line.endswith(f"login --tracker {url} --user NAME\n") for line in introduction(other))
    end(other)


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
    monkeypatch.setattr(own_addresses, "own_addresses", lambda _: own)
    assert own_addresses.host_for_neighbours() == host


def test_a_taken_port_is_named_and_another_one_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as website:
        thread = Thread(target=website.serve_forever)
        thread.start()
        try:
            port = website.server_port
            host, other = verb.free_address(("127.0.0.1", port), Output(as_json=False))
        finally:
            website.shutdown()
            thread.join()
    assert (host, other > port) == ("127.0.0.1", True)
    told = capsys.readouterr().err
    assert f"port {port} is taken: another program is there (http://127.0.0.1:{port}: " in told
    assert f"The tracker takes port {other} instead" in told
    assert verb.free_address(("127.0.0.1", other), Output(as_json=False)) == ("127.0.0.1", other)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("listening", "url"),
    [
        ("0.0.0.0:6969", "http://127.0.0.1:6969"),
        ("[::]:6969", "http://[::1]:6969"),
        ("192.168.1.5:80", "http://192.168.1.5:80"),
    ],
)
def test_this_machine_has_an_address_that_stays(listening: str, url: str) -> None:
    assert own_url(listening) == url


def test_an_invitation_lets_somebody_in(tmp_path: Path, password: Path) -> None:
    process = start(
        tmp_path, "start", "--listen", "0.0.0.0:0", "--user", "Olga", "--password-file", password
    )  # fmt: skip
    url = event(process, "listening")["url"]
    how = [line.split() for line in introduction(process) if line.startswith("  swarmshare register")]
    end(process)
    if url.startswith("http://127."):
        pytest.skip("this machine is in no network")
    link = parse_group_link(shlex.split(" ".join(how[0]))[3])
    assert (link.invite or "").startswith("invite_")


@pytest.mark.parametrize(
    ("url", "registration", "says"),
    [
        ("http://192.168.1.5:6969", "open", "  swarmshare register --tracker http://192.168.1.5:6969 --user NAME"),
        ("http://192.168.1.5:6969", "invited", "--user NAME --invite CODE"),
        ("http://192.168.1.5:6969", "closed", "to those who have an account: http://192.168.1.5:6969"),
        ("http://127.0.0.1:6969", "open", "Only this machine reaches it. "),
    ],
)
def test_others_are_told_how_to_come_in(
    url: str, registration: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    verb.introduce(url, "http://127.0.0.1:1", registration, Output(as_json=False), None)
    out = capsys.readouterr().out
    assert says in out
    assert ("register" in out) == (says.lstrip().startswith(("swarmshare", "--user")))


@pytest.mark.parametrize(
    ("registration", "says"),
    [
        ("open", "register --tracker swarmshare://h:1/GROUP --user NAME\n"),
        ("invited", "register --tracker 'swarmshare://h:1/GROUP?invite=CODE' --user NAME\n"),
        ("closed", "to those who have an account: swarmshare://h:1/GROUP\n"),
    ],
)
def test_a_group_link_is_all_that_others_need(registration: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    url, own = "http://192.168.1.5:6969", "http://127.0.0.1:1"
    verb.introduce(url, own, registration, Output(as_json=False), "swarmshare://h:1/GROUP")
    assert says in capsys.readouterr().out


def test_a_group_link_is_shown_as_a_qr_code_where_it_can_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    show_qr_code("swarmshare://h:1/GROUP", Output(as_json=False))
    assert capsys.readouterr().out == "", "no terminal"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show_qr_code("swarmshare://h:1/GROUP", Output(as_json=False))
    lines = capsys.readouterr().out.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) > 10
