"""``seed`` and ``download`` as processes that find each other by ``--peer``."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT = 60


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "top"
    folder.mkdir()
    for name, length in (("a.bin", 6_000_000), ("b.bin", 100_000), ("empty", 0)):
        (folder / name).write_bytes(random.Random(name).randbytes(length))
    call(tmp_path, "create", "top")
    return folder


def start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "swarmshare", *map(str, arguments), "--json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "SWARMSHARE_HOME": str(folder / "home")},
    )  # fmt: skip


def event(process: subprocess.Popen[str], name: str) -> dict[str, Any]:
    """The next event of that name."""
    assert process.stdout is not None
    for line in process.stdout:
        found: dict[str, Any] = json.loads(line)
        if found["event"] == name:
            return found
    raise AssertionError(f"no {name!r}: {process.communicate(timeout=TIMEOUT)}")


def call(folder: Path, *arguments: object, expect: int = 0) -> list[dict[str, Any]]:
    process = start(folder, *arguments)
    out, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode == expect, error
    assert "Traceback" not in error
    return [json.loads(line) for line in out.splitlines()]


@contextmanager
def seeding(folder: Path, data: Path, *options: object) -> Iterator[str]:
    """A seed of ``top.torrent``; gives its address, and checks that it stops cleanly."""
    process = start(folder, "seed", "top.torrent", "--data", data, *options)
    try:
        yield event(process, "listening")["address"]
    finally:
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert error.splitlines()[-1] == "swarmshare: interrupted"


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
        paused = event(process, "paused")
        assert (paused["code"], str(small_disk) in paused["message"]) == ("disk-full", True)
        subprocess.run(["mount", "-o", "remount,size=30m", small_disk], check=True)
        event(process, "resumed")
        event(process, "complete")
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert same(top, small_disk / "there" / "top")


def test_mistakes(top: Path, tmp_path: Path) -> None:
    with seeding(tmp_path, tmp_path) as address:
        (error,) = call(tmp_path, "seed", "top.torrent", "--data", ".", "--listen", address, expect=1)
        assert "address already in use" in error["message"]
    call(tmp_path, "seed", "top.torrent", "--data", "nowhere", expect=1)
    for wrong in (
        ["--peer", "x"],
        ["--peer", "x:99999"],
        ["--listen", ":80"],
        ["--limit-up", "fast"],
        ["--limit-up", "-1"],
    ):
        call(tmp_path, "download", "top.torrent", "--to", "there", *wrong, expect=2)
