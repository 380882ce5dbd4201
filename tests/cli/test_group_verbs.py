"""What a group does from a terminal, where it goes wrong; how it goes right is in ``integration/test_terminal_day``."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from cli.terminal import terminal
from manifest.makers import encoded, good_doc
from tracker.trackers import PASSWORD

from swarmshare.app.running import telling_status
from swarmshare.cli import backup
from swarmshare.cli.command import run_command
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.sign_ins import SignIn, SignIns

if TYPE_CHECKING:
    from pathlib import Path

    from cli.groups import Group
    from cli.terminal import Screen, Terminal


@pytest.fixture
def organiser(run: Any, group: Group) -> SignIn:
    """Olga is signed in."""
    sign_in = SignIn(group.url, "Olga", group.token)
    SignIns(swarmshare_home()).save(sign_in)
    return sign_in


def refusal(events: list[dict[str, Any]]) -> str:
    assert events[-1]["event"] == "error"
    message: str = events[-1]["message"]
    return message


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("Yes", 0), ("n", 1), ("", 1), ("yesterday", 1)])
def test_somebody_at_a_terminal_is_asked(
    organiser: SignIn, group: Group, tmp_path: Path, answer: str, status: int
) -> None:
    group.publish(encoded(good_doc()))
    name = parse_manifest(encoded(good_doc())).name
    with terminal(tmp_path, "withdraw", name, columns=120) as shown:
        shown.until(lambda screen: any(line.endswith("[y/N]") for line in screen.lines))
        shown.type(answer.encode() + b"\n")
        assert shown.wait() == status
    assert (f"Withdrawn: '{name}'" in shown.raw) is (status == 0)
    assert ("nothing was changed" in shown.raw) is (status == 1)
    if status:
        assert run_command(["withdraw", name, "--yes"]) == 0


def test_invitations(run: Any, organiser: SignIn, tmp_path: Path) -> None:
    (made,) = run("invite")
    assert made["link"] == f"{made['tracker']}/join/{made['code']}"
    *_, newest, _ = reversed(run("invite", "--list"))
    number = max(event["number"] for event in run("invite", "--list") if event["event"] == "invitation")
    run("invite", "--revoke", number)
    assert "no such invitation" in refusal(run("invite", "--revoke", number, expect=1))
    join = ("register", "--user", "late", "--password-file", tmp_path / "password")
    assert "not one of this tracker's" in refusal(run(*join, "--invite", made["link"], expect=1))
    assert "is an invitation to" in refusal(
        run(*join, "--invite", made["link"], "--tracker", "http://127.0.0.1:1", expect=1)
    )
    assert "not said at which tracker" in refusal(run(*join, "--invite", made["code"], expect=1))
    assert "no account 'nobody'" in refusal(run("invite", "--for", "nobody", expect=1))
    assert newest["event"] in {"invitation", "invitations"}


def test_a_link_is_for_others(organiser: SignIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["invite"]) == 0
    out = capsys.readouterr().out
    if "/join/" in out and "http://127.0.0.1" in out:
        assert "only this machine reaches this tracker" in out


def test_sign_ins_and_password(run: Any, group: Group, member: str, tmp_path: Path) -> None:
    run("login", "--tracker", group.url, "--user", member, "--password-file", tmp_path / "password")
    *devices, summary = run("devices")
    assert summary["count"] == 2
    assert [device["current"] for device in devices] == [True, False]
    assert "swarmshare on " in devices[0]["label"]
    run("devices", "--revoke", devices[1]["number"])
    assert "no such token" in refusal(run("devices", "--revoke", devices[1]["number"], expect=1))
    assert "this is the sign-in of this machine" in refusal(run("devices", "--revoke", devices[0]["number"], expect=1))
    (tmp_path / "new").write_text("another password")
    change = ("password", "--password-file", tmp_path / "new")
    assert "the password until now is another one" in refusal(
        run(*change, "--old-password-file", tmp_path / "new", expect=1)
    )
    assert "no terminal" in refusal(run(*change, expect=1))
    assert run(*change, "--old-password-file", tmp_path / "password")[0]["user"] == member
    assert run("whoami")[0]["user"] == member, "this machine goes on"
    assert "belong together" in refusal(run(*change, "--user", member, expect=1))
    assert "--tracker is missing" in refusal(run(*change, "--user", member, "--invite", "x", expect=1))


def is_asked(shown: Terminal, prompt: str, times: int, _: Screen) -> bool:
    return shown.raw.count(prompt) == times


def test_a_password_is_changed_at_a_terminal(member: str, tmp_path: Path) -> None:
    with terminal(tmp_path, "password", columns=100, rows=40) as shown:
        for prompt, times, typed in (
            ("Password until now: ", 1, PASSWORD), ("Password: ", 1, member), ("Password: ", 2, "battery staple"),
            ("Again: ", 1, "battery staple"),
        ):  # fmt: skip
            shown.until(partial(is_asked, shown, prompt, times))
            shown.type(typed.encode() + b"\n")
        assert shown.wait() == 0
    assert "The password is the name of the account. Try again." in shown.raw
    assert f"The password of {member} at " in shown.raw
    assert "staple" not in shown.raw


def test_an_import_says_what_is_wrong(run: Any, organiser: SignIn, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    assert "no such file" in refusal(run("import", folder, expect=1))
    run("export", folder)
    accounts = json.loads((folder / "accounts.json").read_text())
    assert "password_hash" not in accounts["accounts"][0]
    done = run("import", folder)[-1]
    assert done["accounts"]["added"] == done["catalogue"]["added"] == 0
    for content, says in (
        ("{", "this is not JSON"), ("[]", "it has no list 'accounts'"), ('{"accounts": 1}', "it has no list"),
        ('{"accounts": [1]}', "not all in 'accounts' are objects"), ('{"accounts": [{}]}', ""),
    ):  # fmt: skip
        (folder / "accounts.json").write_text(content)
        message = refusal(run("import", folder, expect=1))
        assert says in message
    (tmp_path / "file").write_text("")
    assert "file" in refusal(run("export", tmp_path / "file", expect=1))


def test_a_large_import_goes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "BATCH", 100)
    records = [{"name": "x" * length} for length in (10, 200, 10, 10, 90)]
    parts = list(backup.batches(records))
    assert [len(part) for part in parts] == [1, 1, 2, 1]
    assert sum(parts, []) == records  # noqa: RUF017
    assert list(backup.batches([])) == [[]]


def test_a_setting_is_changed(run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "home" / "config.toml"
    (event,) = run("config", "set", "limit_up", "5MiB")
    assert event == {"event": "setting", "name": "limit_up", "value": 5 * 2**20, "source": str(path)}
    path.write_text("# mine\n" + path.read_text())
    run("config", "set", "listen", "*:6881, [::1]:6882")
    assert path.read_text() == '# mine\nlimit_up = 5242880\nlisten = ["*:6881", "::1:6882"]\n'.replace(
        "::1:6882", "[::1]:6882"
    )
    (event,) = run("config", "unset", "limit_up")
    assert (event["value"], event["source"]) == (None, "default")
    for arguments, says in (
        (("set", "limit", "5"), "there is no setting 'limit'"), (("unset", "limit"), "there is no setting 'limit'"),
        (("set", "folder", "here"), "folder: 'here' is not the whole path of a folder"),
        (("set", "ca", "here"), "ca: 'here' is not the whole path of a file"),
        (("set", "limit_up", "fast"), "limit_up: 'fast' is not a size"),
    ):  # fmt: skip
        assert says in refusal(run("config", *arguments, expect=1))
    assert run_command(["config", "set", "max_peers", "7"]) == 0
    assert capsys.readouterr().out == f"max_peers is 7 now ({path})\n"


def test_status_in_words(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    torrent = {
        "name": "Film", "state": "downloading", "error": "", "bytes_done": 50, "bytes_total": 200, "rate_down": 10,
        "rate_up": 0, "peers": 1, "tracker_problem": "it is away", "texts": [{"english": "it is away"}],
    }  # fmt: skip
    full = {"english": "the disk is full", "code": "storage.disk-full", "arguments": {}}
    waiting = {**torrent, "name": "Other", "state": "waiting", "error": "the disk is full", "texts": [full]}
    empty = {**torrent, "name": "Empty", "bytes_done": 0, "bytes_total": 0, "rate_down": 0, "texts": []}
    with telling_status("download") as status:
        status.tell(addresses=["127.0.0.1:1"], tracker=None, torrents=[torrent, waiting, empty], torrent_count=5)
        assert run("status")[-1]["processes"] == 1
        assert run_command(["status"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"download \(process \d+, since 20\d\d-.*\)", first)
    assert rest == [
        "  listens on 127.0.0.1:1",
        "  Film: downloading, 25% of 200 B, down 10 B/s, up 0 B/s, 1 peer, 0:15 left",
        "    it is away",
        "  Other: waiting, 25% of 200 B",
        "    the disk is full",
        "  Empty: downloading, nothing to fetch, down 0 B/s, up 0 B/s, 1 peer",
        "  and 2 more",
        "1 process of SwarmShare at work here",
    ]
