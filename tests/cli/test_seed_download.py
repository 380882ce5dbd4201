"""``seed`` and ``download`` as processes that find each other by ``--peer``."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from cli.processes import call, event, seeding, start
from waiting import TIMEOUT

from swarmshare.cli.command import run_command
from swarmshare.manifest.magnet import Magnet
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def same(first: Path, second: Path) -> bool:
    return all((second / path.name).read_bytes() == path.read_bytes() for path in first.iterdir())


def test_seed_and_download(top: Path, tmp_path: Path) -> None:
    with seeding(tmp_path, tmp_path) as address:
        events = call(tmp_path, "download", "top.torrent", "--to", "new/folder", "--peer", address)
    assert {"listening", "complete", "progress"} <= {event["event"] for event in events}
    last = events[-1]
    assert (last["event"], last["bytes_done"], last["bytes_total"]) == ("progress", 6_100_000, 6_100_000)
    assert same(top, tmp_path / "new" / "folder" / "top")


def test_only_some_files(top: Path, tmp_path: Path) -> None:
    with seeding(tmp_path, tmp_path) as address:
        call(tmp_path, "download", "top.torrent", "--to", "there", "--peer", address, "--only", "b.*", "--sequential")
    assert sorted(path.name for path in (tmp_path / "there" / "top").iterdir()) == ["b.bin"]
    (error,) = call(tmp_path, "download", "top.torrent", "--to", "there", "--only", "nothing", expect=1)
    assert error["event"] == "error"


def test_a_download_that_seeds_after(top: Path, tmp_path: Path) -> None:
    with seeding(tmp_path, tmp_path) as address:
        middle = start(tmp_path, "download", "top.torrent", "--to", "middle", "--peer", address, "--seed-after")
        middle_address = event(middle, "listening")["address"]
        event(middle, "complete")
    call(tmp_path, "download", "top.torrent", "--to", "last", "--peer", middle_address)
    middle.send_signal(signal.SIGINT)
    middle.communicate(timeout=TIMEOUT)
    assert middle.returncode == 130
    assert same(top, tmp_path / "last" / "top")


def test_killed_half_way_it_goes_on_where_it_was(top: Path, tmp_path: Path) -> None:
    with seeding(tmp_path, tmp_path, "--limit-up", "4MiB") as address:
        first = start(tmp_path, "download", "top.torrent", "--to", "there", "--peer", address)
        before = 0
        while before < 2_000_000:
            before = event(first, "progress")["bytes_done"]
        first.kill()
        first.communicate(timeout=TIMEOUT)
        events = call(tmp_path, "download", "top.torrent", "--to", "there", "--peer", address)
    assert same(top, tmp_path / "there" / "top")
    assert events[-1]["downloaded"] <= 6_100_000 - before


def test_seeding_a_part(top: Path, tmp_path: Path) -> None:
    """What is right is served, and what is missing waits."""
    (tmp_path / "half" / "top").mkdir(parents=True)
    (tmp_path / "half" / "top" / "b.bin").write_bytes((top / "b.bin").read_bytes())
    with seeding(tmp_path, tmp_path / "half") as address:
        call(tmp_path, "download", "top.torrent", "--to", "there", "--peer", address, "--only", "b.bin")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB, and a way to make it larger."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True, check=False
    ).returncode:
        pytest.skip("a disk of its own can only be mounted as root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_pauses_and_room_resumes(top: Path, tmp_path: Path, small_disk: Path) -> None:
    with seeding(tmp_path, tmp_path) as address:
        process = start(tmp_path, "download", "top.torrent", "--to", small_disk / "there", "--peer", address)
        waiting = event(process, "paused")
        assert (waiting["code"], str(small_disk) in waiting["message"]) == ("disk-full", True)
        subprocess.run(["mount", "-o", "remount,size=30m", small_disk], check=True)
        event(process, "resumed")
        event(process, "complete")
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert same(top, small_disk / "there" / "top")


def test_programs_are_told_from_the_first_check_on(top: Path, tmp_path: Path) -> None:
    process = start(tmp_path, "seed", "top.torrent", "--data", ".", "--listen", "127.0.0.1:0", "--listen", "[::1]:0")
    first = event(process, "progress")
    assert set(first) == {
        "event", "info_hash", "state", "checked", "bytes_done", "bytes_total", "pieces_done", "pieces_total",
        "downloaded", "uploaded", "rate_down", "rate_up", "peers", "seeds", "members",
        "copies_elsewhere", "announced_only", "only_here", "tracker_problem",
    }  # fmt: skip
    assert (first["state"], first["checked"], first["bytes_total"]) == ("checking", 0, 6_100_000)
    hosts = [event(process, "listening")["address"].rpartition(":")[0] for _ in range(2)]
    assert hosts == ["127.0.0.1", "[::1]"]
    while first["state"] != "seeding":
        first = event(process, "progress")
    assert (first["checked"], first["bytes_done"], first["seeds"]) == (1, 6_100_000, 0)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=TIMEOUT)


def test_resume_data_is_kept_at_home(top: Path, tmp_path: Path) -> None:
    with seeding(tmp_path, tmp_path) as address:
        call(tmp_path, "download", "top.torrent", "--to", "there", "--peer", address)
    assert [path.suffix for path in (tmp_path / "home" / "resume").iterdir()] == [".resume"]


def test_a_home_that_cannot_be(top: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"")
    process = start(tmp_path, "seed", "top.torrent", "--data", ".")
    out, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert '"event": "error"' in out
    assert error.endswith("/home/resume: not a directory. Set SWARMSHARE_HOME to a folder that you may write to.\n")


def test_mistakes(top: Path, tmp_path: Path) -> None:
    with seeding(tmp_path, tmp_path) as address:
        (error,) = call(tmp_path, "seed", "top.torrent", "--data", ".", "--listen", address, expect=1)
        assert "address already in use" in error["message"]
    call(tmp_path, "seed", "top.torrent", "--data", "nowhere", expect=1)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--peer", "x"),
        ("--peer", "x:99999"),
        ("--listen", ":80"),
        ("--limit-up", "fast"),
        ("--limit-up", "-1"),
        ("--limit-down", "0"),
        ("--limit-down", "1e999"),
        ("--limit-down", "9" * 20 + "MiB"),
        ("--max-peers", "0"),
        ("--max-peers", "many"),
    ],
)
def test_wrong_usage(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_status:
        run_command(["download", "top.torrent", "--to", "there", option, value])
    assert exit_status.value.code == 2
    said = capsys.readouterr().err
    assert re.search(f"argument {option}: {re.escape(repr(value))}(: a port is a number from 1 to| is not )", said)


@pytest.mark.parametrize("place", ["top.torrent", "top.torrent/below", "locked/there", "/proc/there"])
def test_a_place_that_cannot_be_ends_a_download(top: Path, tmp_path: Path, place: str) -> None:
    """What only a person can put right is no reason to wait."""
    (tmp_path / "locked").symlink_to("locked")
    events = call(tmp_path, "download", "top.torrent", "--to", place, expect=1)
    error = events[-1]
    assert (error["event"], error["code"]) == ("error", "storage")
    assert place.removesuffix("/below").removesuffix("/there") in error["message"]
    assert "paused" not in {event["event"] for event in events}


def test_a_name_that_is_taken_ends_a_download_and_a_seed_of_nothing(top: Path, tmp_path: Path) -> None:
    for name in ("there/top/a.bin", "there/top/b.bin"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"somebody's")
    for verb in (["download", "top.torrent", "--to"], ["seed", "top.torrent", "--data"]):
        error = call(tmp_path, *verb, "there", expect=1)[-1]
        assert (error["event"], "a.bin: there is such a file already" in error["message"]) == ("error", True)
    (tmp_path / "there" / "top" / "b.bin").write_bytes((top / "b.bin").read_bytes())
    with seeding(tmp_path, tmp_path / "there") as address:  # and says what is wrong with the rest
        call(tmp_path, "download", "top.torrent", "--to", "new", "--peer", address, "--only", "b.bin")


def test_recheck_finds_what_the_resume_data_does_not_know_of(top: Path, tmp_path: Path) -> None:
    with seeding(tmp_path, tmp_path):
        pass
    status = (top / "b.bin").stat()
    data = (top / "b.bin").read_bytes()
    (top / "b.bin").write_bytes(bytes(len(data)))
    os.utime(top / "b.bin", ns=(status.st_atime_ns, status.st_mtime_ns))
    done = call(tmp_path, "recheck", "top.torrent", "--data", ".")[-1]
    assert (done["event"], done["pieces_total"] - done["pieces_done"] >= 1) == ("rechecked", True)
    (top / "b.bin").write_bytes(data)
    os.utime(top / "b.bin", ns=(status.st_atime_ns, status.st_mtime_ns))
    done = call(tmp_path, "recheck", "top.torrent", "--data", ".")[-1]
    assert done["pieces_total"] == done["pieces_done"]
    with seeding(tmp_path, tmp_path) as address:
        call(tmp_path, "download", "top.torrent", "--to", "there", "--peer", address)
    (error,) = call(tmp_path, "recheck", "top.torrent", "--data", "nowhere", expect=1)
    assert error["event"] == "error"


def test_the_peers_of_a_magnet_have_more_than_the_manifest(top: Path, tmp_path: Path) -> None:
    manifest = parse_manifest((tmp_path / "top.torrent").read_bytes())
    with seeding(tmp_path, tmp_path) as address:
        link = str(Magnet(info_hash=manifest.info_hash, peers=(address, "nonsense", address)))
        call(tmp_path, "download", link, "--to", "there")
    assert same(top, tmp_path / "there" / "top")


@pytest.mark.parametrize("verb", ["download", "seed", "publish", "mirror"])
def test_a_limit_says_its_unit(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A bare 2 would be bytes to us, and KiB to who comes from another client: nothing moves, and nobody knows why."""
    with pytest.raises(SystemExit, match="2"):
        run_command([verb, "--limit-down", "2"])
    assert "argument --limit-down: '2' has no unit: write it as 2KiB or 2MiB" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        run_command([verb, "--limit-up", "2B"])
    assert "argument --limit-up: '2B' is less than 1,024 bytes a second" in capsys.readouterr().err


def test_a_quota_says_its_unit(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_command(["mirror", "--quota", "500"])
    assert "argument --quota: '500' has no unit" in capsys.readouterr().err
