"""The command as users and scripts run it: real processes, exit statuses, one line for each error."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from interop.peers import NEW, need
from manifest.makers import encoded, folder_doc, good_doc, put
from waiting import TIMEOUT

from swarmshare.manifest.parse import parse_manifest

ROOT = Path(__file__).resolve().parents[2]


class Result:
    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def run(*arguments: object, expect: int = 0, **environment: str) -> Result:
        result = Result(
            subprocess.run(
                [sys.executable, "-m", "swarmshare", *map(str, arguments)],
                cwd=tmp_path, capture_output=True, text=True, check=False, timeout=TIMEOUT,
                env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
            )
        )  # fmt: skip
        assert result.status == expect, result.err
        assert "Traceback" not in result.err
        if expect == 1:
            lines = [line for line in result.err.splitlines() if line.startswith("swarmshare: ")]
            assert len(lines) == 1, result.err
        return result

    return run


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "top"
    folder.mkdir()
    (folder / "a.bin").write_bytes(bytes(range(256)) * 200)
    (folder / "caf\u00e9.txt").write_text("hello")
    return folder


def test_without_a_verb_it_says_what_it_can_do(run: Any) -> None:
    assert "swarmshare create PATH" in run().out


def test_wrong_usage(run: Any) -> None:
    for arguments in (
        ["nonsense"],
        ["create"],
        ["create", "x", "--piece-size", "3MiB"],
        ["gui", "nonsense"],
        ["bench"],
    ):
        assert re.fullmatch(r"swarmshare: .+\. See: swarmshare[a-z ]* --help\n", run(*arguments, expect=2).err)


@pytest.mark.parametrize("launcher", ["tracker_app.py", "peer_gui.py"])
def test_launchers_pass_on(launcher: str) -> None:
    command = [sys.executable, str(ROOT / launcher), "--listen", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 2
    assert re.fullmatch(r"swarmshare: argument --listen: .+\n|swarmshare: unrecognized .+\n", done.stderr)


def test_create_show_verify(run: Any, top: Path, tmp_path: Path) -> None:
    assert "Wrote top.torrent" in run("create", "top").out
    manifest = parse_manifest((tmp_path / "top.torrent").read_bytes())
    shown = run("show", "top.torrent").out
    assert str(manifest.info_hash) in shown
    assert "caf\u00e9.txt" in shown
    assert "magnet:?xt=urn:btmh:1220" in shown
    assert "All right: 2 files" in run("verify", "top.torrent", ".").out

    data = bytearray((top / "a.bin").read_bytes())
    data[20_000] ^= 1
    (top / "a.bin").write_bytes(data)
    bad = run("verify", "top.torrent", ".", expect=1)
    assert "top/a.bin: wrong bytes 16,384-32,767" in bad.out
    assert "1 of 2 files not as the manifest has it" in bad.err


def test_events_for_programs(run: Any, top: Path, tmp_path: Path) -> None:
    *progress, created = run("create", "top", "--json").events
    assert {event["event"] for event in progress} == {"progress"}
    assert progress[-1]["bytes_done"] == progress[-1]["bytes_total"] == created["total_bytes"]
    manifest = parse_manifest((tmp_path / "top.torrent").read_bytes())
    assert (created["event"], created["info_hash"], created["file"]) == (
        "created",
        str(manifest.info_hash),
        "top.torrent",
    )

    (shown,) = run("show", "top.torrent", "--json").events
    assert (shown["event"], shown["file_count"], shown["piece_length"]) == ("manifest", 2, 16384)
    *files, shown = run("show", "top.torrent", "--json", "--files").events
    assert [event["path"] for event in files] == ["a.bin", "caf\u00e9.txt"]

    *_, verified = run("verify", "top.torrent", ".", "--json").events
    assert (verified["event"], verified["ok"]) == ("verified", True)
    (top / "caf\u00e9.txt").unlink()
    *_, file, verified = run("verify", "top.torrent", ".", "--json", expect=1).events
    assert (file["event"], file["path"], file["verdict"], file["wrong"]) == (
        "file",
        "caf\u00e9.txt",
        "missing",
        [[0, 5]],
    )
    assert (verified["ok"], verified["bad_files"], verified["wrong_bytes"]) == (False, 1, 5)

    (error,) = run("show", "nowhere.torrent", "--json", expect=1).events
    assert (error["event"], error["code"]) == ("error", "storage")


def test_all_that_create_can_say(run: Any, top: Path, tmp_path: Path) -> None:
    (top / "skip.tmp").write_text("x")
    (top / "link").symlink_to("/etc/passwd")
    out = run(
        "create", "top", "-o", "other.torrent", "--name", "Renamed", "--piece-size", "32KiB", "--hybrid", "--private",
        "--tracker", "http://a/announce,https://b/announce", "--tracker", "udp://c:1", "--web-seed", "http://seed/",
        "--comment", "a comment", "--exclude", "*.tmp", SOURCE_DATE_EPOCH="1700000000",
    ).out  # fmt: skip
    assert f"Skipped {top / 'link'}: a link to something outside" in out
    manifest = parse_manifest((tmp_path / "other.torrent").read_bytes())
    assert (manifest.name, manifest.piece_length, manifest.hybrid, manifest.private) == ("Renamed", 32768, True, True)
    assert manifest.trackers == (("http://a/announce", "https://b/announce"), ("udp://c:1",))
    assert (manifest.web_seeds, manifest.comment) == (("http://seed/",), "a comment")
    assert manifest.creation_date == 1_700_000_000
    assert len(manifest.files) == 2
    shown = run("show", "other.torrent").out
    for words in ("v1 info hash", "private", "tracker 2     udp://c:1", "2023-11-14 22:13 UTC", "a comment"):
        assert words in shown


@pytest.mark.parametrize("size", ["auto", "16KiB", "16384", "64k", "1MiB", "1M", "256MiB"])
def test_piece_sizes(run: Any, top: Path, size: str) -> None:
    run("create", "top", "--piece-size", size)


@pytest.mark.parametrize("size", ["8KiB", "3MiB", "512MiB", "-1", "x", "", "1.5MiB"])
def test_piece_sizes_that_are_none(run: Any, top: Path, size: str) -> None:
    run("create", "top", f"--piece-size={size}", expect=2)


@pytest.mark.parametrize("url", ["", "ftp://a/", "http://", "http://a b/", "a", "http://[/", "http://a/,"])
def test_trackers_that_are_none(run: Any, top: Path, url: str) -> None:
    run("create", "top", f"--tracker={url}", expect=2)


def test_a_manifest_is_replaced_when_asked_for_and_nothing_else(run: Any, top: Path, tmp_path: Path) -> None:
    run("create", "top", "--comment", "first")
    before = (tmp_path / "top.torrent").read_bytes()
    error = run("create", "top", expect=1).err
    assert "top.torrent: exists already. Replace it with --force, or name another file with -o." in error
    assert (tmp_path / "top.torrent").read_bytes() == before
    run("create", "top", "--force")
    assert parse_manifest((tmp_path / "top.torrent").read_bytes()).comment == ""
    precious = tmp_path / "thesis.doc"
    precious.write_text("years of work")
    for options in ([], ["--force"]):
        assert "exists already and is not a manifest" in run("create", "top", "-o", precious, *options, expect=1).err
        assert precious.read_text() == "years of work"
        assert "is a folder" in run("create", "top", "-o", "top", *options, expect=1).err
    assert "no such folder" in run("create", "top", "-o", "nowhere/x.torrent", expect=1).err


def test_the_manifest_inside_the_folder_is_not_part_of_it(run: Any, top: Path) -> None:
    for options in ([], ["--force"]):
        done = run("create", "top", "-o", "top/top.torrent", "--json", *options)
        (created,) = [event for event in done.events if event["event"] == "created"]
        assert created["file_count"] == 2


def test_a_folder_with_one_file(run: Any, top: Path) -> None:
    (top / "a.bin").unlink()
    assert "holds one file only" in run("create", "top").out
    run("verify", "top.torrent", ".")
    assert "holds one file only" not in run("create", "top", "--hybrid", "--force").out
    run("verify", "top.torrent", ".")


def test_errors_name_what_which_and_what_to_do(run: Any, top: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.torrent").write_bytes(encoded(put(good_doc(), "info/name", b"..")))
    error = run("show", "bad.torrent", expect=1).err
    assert error.startswith("swarmshare: bad.torrent: name: a file is named '..'")
    assert "ask whoever made it" in error
    assert "not a bencoded dictionary" in run("verify", "top/a.bin", ".", expect=1).err
    run("create", "top")
    assert "no such folder" in run("verify", "top.torrent", "nowhere", expect=1).err
    assert "no such file" in run("create", "nowhere", expect=1).err
    assert "'.' is a folder, not a manifest" in run("show", ".", expect=1).err
    assert "magnet link" in run("show", "magnet:?xt=urn:btih:x", expect=1).err


def test_debug_shows_where_it_came_from(top: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "swarmshare", "show", "nowhere", "--debug"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_magnet_link(run: Any) -> None:
    link = f"magnet:?xt=urn:btmh:1220{'ab' * 32}&dn=My%20Name&tr=http://t/announce&x.pe=[::1]:80&ws=http://w/"
    out = run("show", link).out
    for words in ("My Name", "ab" * 32, "http://t/announce", "[::1]:80", "http://w/"):
        assert words in out
    (event,) = run("show", link, "--json").events
    assert (event["event"], event["info_hash"], event["peers"]) == ("magnet", "ab" * 32, ["[::1]:80"])
    assert "without a name" in run("show", f"magnet:?xt=urn:btmh:1220{'ab' * 32}").out


def test_a_terminal_is_safe_from_what_strangers_write(run: Any, tmp_path: Path) -> None:
    doc = good_doc() | {b"comment": b"\x1b]0;owned\x07\x1b[2J", b"created by": "\u202eevil".encode()}
    (tmp_path / "x.torrent").write_bytes(encoded(doc))
    for arguments in (
        ["x.torrent"],
        ["x.torrent", "--json"],
        [f"magnet:?xt=urn:btmh:1220{'ab' * 32}&dn=%1b[2J%0aline"],
    ):
        out = run("show", *arguments).out
        assert "\x1b" not in out
        assert "\u202e" not in out


def test_a_date_that_no_calendar_has(run: Any, tmp_path: Path) -> None:
    (tmp_path / "x.torrent").write_bytes(encoded(good_doc() | {b"creation date": 2**62}))
    assert str(2**62) in run("show", "x.torrent").out


def test_a_summary_of_many_files_is_short(run: Any, tmp_path: Path) -> None:
    doc = folder_doc({f"file-{n:04}".encode(): 1 for n in range(3000)})
    (tmp_path / "x.torrent").write_bytes(encoded(doc))
    out = run("show", "x.torrent").out
    assert len(out.splitlines()) < 40
    assert "and 2,980 more: --files lists all" in out
    assert len(run("show", "x.torrent", "--files").out.splitlines()) > 3000


def test_missing_layers_are_told(run: Any, tmp_path: Path) -> None:
    (tmp_path / "x.torrent").write_bytes(encoded(put(good_doc(), "piece layers", {})))
    assert "the piece layers of 1 file: they must come from peers" in run("show", "x.torrent").out


def test_links_and_executables_are_told(run: Any, tmp_path: Path) -> None:
    doc = good_doc()
    doc[b"info"][b"file tree"][b"link"] = {b"": {b"attr": b"l", b"symlink path": [b"a.bin"]}}
    put(doc, "info/file tree/a.bin/<empty>/attr", b"x")
    (tmp_path / "x.torrent").write_bytes(encoded(doc))
    out = run("show", "x.torrent").out
    assert "link -> a.bin" in out
    assert "a.bin (executable)" in out


def test_each_kind_of_damage_is_told(run: Any, top: Path) -> None:
    run("create", "top")
    with open(top / "a.bin", "ab") as file:
        file.write(b"more")
    (top / "caf\u00e9.txt").unlink()
    (top / "caf\u00e9.txt").mkdir()
    out = run("verify", "top.torrent", ".", expect=1).out
    assert "long        top/a.bin: 51,204 bytes instead of 51,200; wrong bytes 51,200-51,203" in out
    assert "unreadable  top/caf\u00e9.txt: not a regular file" in out
    (top / "a.bin").unlink()
    assert "missing     top/a.bin" in run("verify", "top.torrent", ".", expect=1).out


def test_many_wrong_ranges_are_counted(run: Any, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(40 * 2**14))
    run("create", "x")
    (tmp_path / "x").write_bytes((bytes(2**14) + b"\1" + bytes(2**14 - 1)) * 20)
    assert "and 12 more ranges" in run("verify", "x.torrent", ".", expect=1).out


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_leaves_nothing_behind(tmp_path: Path, sign: signal.Signals) -> None:
    with open(tmp_path / "large", "wb") as file:
        file.truncate(2**40)  # sparse, so that it costs no disk and no end is in sight
    with subprocess.Popen(
        [sys.executable, "-m", "swarmshare", "create", "large", "--json"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert '"progress"' in process.stdout.readline()
        process.send_signal(sign)
        _, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert error == "swarmshare: interrupted\n"
    assert os.listdir(tmp_path) == ["large"]


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    doc = folder_doc({f"file-{n:05}".encode(): 1 for n in range(20_000)})
    (tmp_path / "x.torrent").write_bytes(encoded(doc))
    command = f"{sys.executable} -m swarmshare show x.torrent --files | head -n 3"
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    assert len(done.stdout.splitlines()) == 3
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments", ["", "show x.torrent", "show --json x.torrent", "show --json nowhere", "verify --json x.torrent ."]
)
@pytest.mark.parametrize(
    ("target", "status", "words"), [(">/dev/full", 1, "no space left"), (">&-", 0, ""), ("| true", 0, "")]
)
def test_an_output_that_fails(top: Path, tmp_path: Path, arguments: str, target: str, status: int, words: str) -> None:
    (tmp_path / "x.torrent").write_bytes(encoded(good_doc()))
    command = f"{sys.executable} -m swarmshare {arguments} {target}"
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    if "x.torrent ." not in arguments and "nowhere" not in arguments:
        assert done.returncode == status
    assert words in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


def test_errors_with_a_closed_standard_error(top: Path, tmp_path: Path) -> None:
    for arguments, status in (("create top", 0), ("verify top.torrent .", 0), ("show nowhere", 1)):
        command = f"{sys.executable} -m swarmshare {arguments} 2>&-"
        assert subprocess.run(command, shell=True, cwd=tmp_path, check=False, timeout=TIMEOUT).returncode == status


@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_letters_that_the_terminal_does_not_have(run: Any, top: Path, environment: dict[str, str]) -> None:
    run("create", "top")
    assert "caf\\xe9.txt" in run("show", "top.torrent", **{"PYTHONIOENCODING": "ascii", **environment}).out


def test_odd_places(run: Any, top: Path, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for arguments in (
        ["create", "loop"], ["create", "top", "-o", "loop"], ["create", "top", "-o", "loop/x"],
        ["create", "top", "--name", "x" * 256], ["create", "top", "-o", "x" * 300], ["verify", "x" * 300, "."],
        ["create", "/"], ["create", "top", "--name", "a/b"], ["show", "/dev/zero"], ["create", "/dev/null"],
    ):  # fmt: skip
        error = run(*arguments, expect=1).err
        assert "bug" not in error
        assert "hostile" not in error
    run("create", "top", "--comment", b"\xff".decode(errors="surrogateescape"), expect=2)
    assert "SOURCE_DATE_EPOCH" in run("create", "top", expect=1, SOURCE_DATE_EPOCH="abc").err
    run("create", "top", SOURCE_DATE_EPOCH="")
    (tmp_path / "gone").mkdir()
    command = f"cd gone && rmdir ../gone && {sys.executable} -m swarmshare create ."
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_create_dot(run: Any, top: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "swarmshare", "create", "."], cwd=top, check=False, timeout=TIMEOUT)
    assert done.returncode == 0
    assert parse_manifest((top / "top.torrent").read_bytes()).name == "top"
    run("verify", "top/top.torrent", ".")


def test_the_longest_name(run: Any, tmp_path: Path) -> None:
    name = "\U0001f41d" * 63
    (tmp_path / name).write_text("x")
    run("create", name)
    run("verify", name[:61] + ".torrent", ".")


@pytest.mark.parametrize(
    ("arguments", "ratios"),
    [
        (["hash", "--size", "8", "--rounds", "1", "--sparse", "1"], 6),
        (["manifest", "--files", "20", "--rounds", "1"], 1),
        (["transfer", "--size", "4", "--rounds", "1"], 4),
        (["transfer", "--size", "4", "--rounds", "1", "--seeds", "2", "--tls"], 2),
        (["picker", "--pieces", "16", "300", "--rounds", "1"], 0),
        (["start", "--pieces", "20", "--transfers", "2", "--files", "3", "--rounds", "1"], 0),
    ],
)
def test_benches_run(run: Any, arguments: list[str], ratios: int) -> None:
    if ratios:
        need(NEW)  # a ratio is one to libtorrent
    events = run("bench", *arguments, "--json").events
    assert len([e for e in events if e.get("unit", "").startswith("times")]) == ratios
    assert all(e["low"] <= e["mid"] <= e["high"] for e in events if e["event"] == "figure")
