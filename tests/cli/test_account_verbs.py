"""``register``, ``login``, ``logout``, ``whoami``, ``list`` and ``swarm``, against a real tracker."""

from __future__ import annotations

import base64
import io
import json
import os
import pty
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import requests
from manifest.makers import encoded, folder_doc
from tracker.trackers import PASSWORD
from waiting import TIMEOUT

from swarmshare.cli.command import run_command
from swarmshare.cli.render import Output
from swarmshare.cli.sign_in import warn_in_the_clear
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.sign_ins import SignIn, SignIns

if TYPE_CHECKING:
    from pathlib import Path

    from cli.groups import Group


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def fails(events: list[dict[str, Any]], words: str) -> None:
    assert events[-1]["event"] == "error"
    assert words in events[-1]["message"]


def test_an_account_from_beginning_to_end(run: Any, group: Group, tmp_path: Path, home: Path) -> None:
    code, password = group.invite(), tmp_path / "password"
    (event,) = run(
        "register", "--tracker", group.url + "/", "--user", "Zoe", "--password-file", password, "--invite", code
    )
    assert event["expires_at"] > 1_800_000_000
    del event["expires_at"]
    assert event == {"event": "signed_in", "tracker": group.url, "user": "Zoe", "role": "member"}
    (file,) = (home / "tokens").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    (event,) = run("whoami")
    assert event == {"event": "account", "tracker": group.url, "user": "Zoe", "role": "member"}
    (event,) = run("whoami", "--announce-url")
    assert event["announce_url"].startswith(f"{group.url}/announce/")

    token = json.loads(file.read_text())["token"]
    (event,) = run("token")
    assert event == {"event": "token", "tracker": group.url, "user": "Zoe", "token": token}
    (event,) = run("logout")
    assert event == {"event": "signed_out", "tracker": group.url, "user": "Zoe"}
    assert not list((home / "tokens").iterdir())
    with_old = requests.get(
        f"{group.url}/api/v1/account", headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT
    )
    assert with_old.status_code == 401

    (event,) = run(
        "login", "--tracker", group.url.removeprefix("http://"), "--user", "zoe", "--password-file", password
    )
    assert (event["user"], event["tracker"]) == ("Zoe", group.url)
    run("logout", "--tracker", group.url)


def test_refusals(run: Any, group: Group, tmp_path: Path, home: Path) -> None:
    def register(user: str, *how: str) -> Any:
        file = tmp_path / "password"
        return run("register", "--tracker", group.url, "--user", user, "--password-file", file, *how, expect=1)

    fails(register("new"), "invitation")
    fails(register("olga", "--invite", group.invite()), "taken")
    fails(register("new", "--invite", "invite_nonsense"), "invitation")
    fails(register("new", "--setup-token", "setup_nonsense"), "setup token")
    (tmp_path / "wrong").write_text("not my password")
    fails(
        run("login", "--tracker", group.url, "--user", "olga", "--password-file", tmp_path / "wrong", expect=1),
        "the name or the password is wrong",
    )
    assert not home.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the first line is empty"),
        (b"\nsecond", "the first line is empty"),
        (b"x" * 5000, "longer than 4,096 bytes"),
        (b"\xff\xfe", "not UTF-8 text"),
        (None, "no such file"),
    ],
)
def test_password_files(run: Any, tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "odd"
    if content is not None:
        file.write_bytes(content)
    # Nobody is asked before there is a password: there is no tracker at all.
    events = run("login", "--tracker", "127.0.0.1:1", "--user", "a", "--password-file", file, expect=1)
    fails(events, says)
    fails(events, str(file))


class Stdin(io.TextIOWrapper):
    def isatty(self) -> bool:
        return False


def test_a_password_from_standard_input(run: Any, group: Group, monkeypatch: pytest.MonkeyPatch, member: str) -> None:
    login = ("login", "--tracker", group.url, "--user", member)
    monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(PASSWORD.encode() + b"\r\n")))
    (event,) = run(*login, "--password-file", "-")
    assert event["user"] == member
    fails(run(*login, expect=1), "no terminal")
    monkeypatch.setattr(sys, "stdin", None)
    fails(run(*login, expect=1), "no terminal")
    fails(run(*login, "--password-file", "-", expect=1), "standard input is closed")


def at_a_terminal(*arguments: str, types: list[str]) -> tuple[int, str, str]:
    """Runs a verb that asks at a terminal, and types; gives its status, what was shown there, and what it said."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "swarmshare", *arguments],
        stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = b""
    for text in types:
        while not said.endswith(b": "):
            heard = process.stderr.read(1)
            assert heard, said
            said += heard
        said += b"\n"
        os.write(master, text.encode() + b"\n")
    out, error = process.communicate(timeout=TIMEOUT)
    os.set_blocking(master, False)
    try:
        shown = os.read(master, 4096)
    except BlockingIOError:  # nothing at all
        shown = b""
    os.close(master)
    os.close(slave)
    return process.returncode, shown.decode(), (said + error + out).decode()


def test_a_password_typed_at_a_terminal(group: Group, member: str) -> None:
    status, shown, said = at_a_terminal("login", "--tracker", group.url, "--user", member, types=[PASSWORD])
    assert status == 0, said
    assert f"{member} (member) is signed in at {group.url} until" in said
    assert PASSWORD not in shown


def test_a_new_password_is_typed_twice(group: Group) -> None:
    register = ("register", "--tracker", group.url, "--user", "typed", "--invite", group.invite())
    # What is wrong is asked for again: where the verb ended, the next try would be typed for all to read.
    status, shown, said = at_a_terminal(
        *register, types=["short", "typed", PASSWORD, PASSWORD + "x", PASSWORD, PASSWORD]
    )
    assert status == 0, said
    assert PASSWORD not in shown
    assert said.index("Choose a password of 8 to 256 characters") < said.index("Password: ")
    assert said.count("A password has 8 to 256 characters. Try again.") == 2
    assert said.count("The two passwords are not the same. Try again.") == 1


def test_nobody_is_signed_in(run: Any, group: Group) -> None:
    for verb in (["whoami"], ["token"], ["logout"], ["list"], ["swarm", "0" * 64]):
        fails(run(*verb, expect=1), "you are not signed in anywhere")
        fails(run(*verb, "--tracker", group.url, expect=1), f"you are not signed in at {group.url}")
        fails(run(*verb, "--tracker", "ftp://x", expect=1), "is no address of a tracker")


def test_signed_in_at_two_trackers(run: Any, group: Group, member: str) -> None:
    SignIns(swarmshare_home()).save(SignIn("http://127.0.0.1:1", "me", "token"))
    fails(run("whoami", expect=1), "several trackers")
    (event,) = run("whoami", "--tracker", group.url)
    assert event["user"] == member


def test_a_token_that_the_tracker_does_not_know(run: Any, group: Group, capsys: pytest.CaptureFixture[str]) -> None:
    SignIns(swarmshare_home()).save(SignIn(group.url, "me", "token_nonsense"))
    assert run_command(["token"]) == 1
    assert run_command(["whoami"]) == 1
    assert f"Sign in again: swarmshare login --tracker {group.url} --user NAME" in capsys.readouterr().err
    (event,) = run("logout")  # it ended long ago
    assert event["event"] == "signed_out"


def test_signing_out_of_a_tracker_that_is_gone(run: Any, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SignIns(swarmshare_home()).save(SignIn("http://127.0.0.1:1", "me", "token"))
    assert run_command(["logout"]) == 1
    assert "the tracker still takes it until it expires" in capsys.readouterr().err
    assert not list((home / "tokens").iterdir())


def named(name: str, length: int) -> Any:
    doc = folder_doc({b"a": length, b"b": 1})
    doc[b"info"][b"name"] = name.encode()
    return doc


def test_the_list_and_a_swarm(
    run: Any, group: Group, member: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (summary,) = run("list")
    assert summary == {"event": "catalogue", "tracker": group.url, "entries": 0, "total_bytes": 0}
    run_command(["list"])
    assert capsys.readouterr().out == "Nothing is shared here yet.\n"

    manifests = [parse_manifest(encoded(doc)) for doc in (named("one", 40_000), named("two", 5))]
    for manifest in manifests:
        group.publish(manifest.encode())
    first, second = manifests
    *entries, summary = run("list")
    assert [entry["info_hash"] for entry in entries] == [str(second.info_hash), str(first.info_hash)]
    assert (summary["entries"], summary["total_bytes"]) == (2, first.total_length + second.total_length)
    (entry, _) = run("list", "--search", first.name)
    assert (entry["name"], entry["publisher"], entry["private"]) == (first.name, "Olga", False)
    assert (entry["seeds"], entry["peers"], entry["copies"]) == (0, 0, 0)

    group.announce(first.info_hash.truncated, 7001, 0)
    group.announce(first.info_hash.truncated, 7002, first.total_length)
    *members, swarm = run("swarm", str(first.info_hash).upper())
    assert [(found["port"], found["share"], found["live"]) for found in members] == [(7001, 1, False), (7002, 0, False)]
    availability = base64.b64decode(swarm.pop("availability"))
    assert availability == b"\1" * first.layout.piece_count
    assert swarm == {
        "event": "swarm",
        "info_hash": str(first.info_hash),
        "name": first.name,
        "piece_count": first.layout.piece_count,
        "seeds": 1,
        "leeches": 1,
        "downloaded": 0,
        "copies": 1,
        "members": 2,
    }

    run_command(["list"])
    shown = capsys.readouterr().out
    assert "by Olga: 1 seed, 1 leech, every piece on 1 machine or more\n" in shown
    assert "by Olga: nobody is sharing it now\n" in shown
    assert f"\n  {first.info_hash}\n" in shown
    run_command(["swarm", str(first.info_hash)])
    shown = capsys.readouterr().out
    assert "100%  somebody at 127.0.0.1:7001, by announce\n" in shown
    run_command(["swarm", str(second.info_hash)])
    assert "held by nobody that the tracker knows of" in capsys.readouterr().out
    fails(run("swarm", "0" * 64, expect=1), f"{group.url} shares nothing whose info hash is '{'0' * 64}'")

    film = tmp_path / "a film"
    film.write_bytes(b"film")
    told = f"Nobody serves it yet. To share it from here: swarmshare publish '{film}' --seed\n"
    run_command(["publish", str(film)])
    assert told in capsys.readouterr().out
    group.announce(bytes.fromhex(run("publish", film)[-1]["info_hash"])[:20], 7003, 0)
    run_command(["publish", str(film)])
    shown = capsys.readouterr().out
    assert "Published a film" in shown
    assert "Nobody serves it" not in shown, "somebody does by now"


def test_a_password_is_never_an_argument() -> None:
    with pytest.raises(SystemExit):
        run_command(["login", "--tracker", "x", "--user", "a", "--password", "secret"])


@pytest.mark.parametrize(
    ("tracker", "warned"),
    [
        ("http://127.0.0.1:6969", False),
        ("http://192.168.1.5", False),
        ("http://[fd00::1]:1", False),
        ("http://tracker", False),
        ("http://tracker.local", False),
        ("https://tracker.example", False),
        ("http://tracker.example", True),
        ("http://8.8.8.8:6969", True),
    ],
)
def test_a_note_where_strangers_could_listen(tracker: str, warned: bool, capsys: pytest.CaptureFixture[str]) -> None:
    warn_in_the_clear(tracker, Output(as_json=False))
    assert ("unencrypted" in capsys.readouterr().out) is warned
