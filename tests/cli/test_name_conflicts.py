"""Two torrents of one name in one folder, each by a command of its own."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from cli.processes import call, event, seeding, start
from waiting import TIMEOUT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unmeasured

SIZE = 1_000_000
OLD = {"photo": b"1" * SIZE, "same": b"s" * SIZE}


@pytest.fixture(params=[SIZE, SIZE + 1], ids=["equal sizes", "different sizes"])
def new(request: pytest.FixtureRequest) -> dict[str, bytes]:
    """A new version of ``OLD``."""
    return {"photo": b"2" * request.param, "same": OLD["same"]}


def publish(tmp_path: Path, version: str, files: dict[str, bytes]) -> Path:
    """A folder that has ``top`` and its manifest, beside each other."""
    folder = tmp_path / version
    (folder / "top").mkdir(parents=True)
    for name, data in files.items():
        (folder / "top" / name).write_bytes(data)
    call(folder, "create", "top")
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_new_version_into_the_same_folder(tmp_path: Path, new: dict[str, bytes]) -> None:
    first, second = publish(tmp_path, "first", OLD), publish(tmp_path, "second", new)
    there = tmp_path / "there"
    with seeding(first, first) as address:
        call(first, "download", "top.torrent", "--to", there, "--peer", address)
    with seeding(second, second) as address:
        process = start(second, "download", "top.torrent", "--to", there, "--peer", address)
        _, complaint = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 1
        assert str(there / "top" / "photo") in complaint
        assert "left alone" in complaint
        assert "--to" in complaint
        assert read(there / "top") == OLD, "nothing is touched, and nothing is left behind"
        call(second, "download", "top.torrent", "--to", tmp_path / "elsewhere", "--peer", address)
    assert read(tmp_path / "elsewhere" / "top") == new
    call(first, "verify", "top.torrent", there)


def test_both_at_once(tmp_path: Path, new: dict[str, bytes]) -> None:
    """Whoever has a file first gives it its name; the other is told so, and what it has stays its own."""
    first, second = publish(tmp_path, "first", OLD), publish(tmp_path, "second", new)
    there = tmp_path / "there"
    limit = ("--limit-up", "1MiB")
    with seeding(first, first, *limit) as one, seeding(second, second, *limit) as two:
        processes = [
            start(folder, "download", "top.torrent", "--to", there, "--peer", address)
            for folder, address in ((first, one), (second, two))
        ]
        for process in processes:
            while not event(process, "progress")["bytes_done"]:
                pass
        for process in processes:
            process.communicate(timeout=TIMEOUT)
    codes = [process.returncode for process in processes]
    assert sorted(codes) == [0, 1], "the second to end"
    winner = first if codes[0] == 0 else second
    call(winner, "verify", "top.torrent", there)


def test_a_changed_file_of_a_seed_is_neither_written_nor_in_the_way(tmp_path: Path, new: dict[str, bytes]) -> None:
    """A seed serves what is right, though one file of its folder is of another version."""
    first, second = publish(tmp_path, "first", OLD), publish(tmp_path, "second", new)
    with seeding(first, first) as address:
        process = start(first, "seed", "top.torrent", "--data", second, "--peer", address)
        try:
            own = event(process, "listening")["address"]
            told = event(process, "paused")
            assert told["code"] == "taken"
            assert str(second / "top" / "photo") in told["message"]
            call(first, "download", "top.torrent", "--to", tmp_path / "there", "--peer", own, "--only", "same")
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=TIMEOUT)
    assert read(second / "top") == new


def test_the_same_torrent_twice_at_once(tmp_path: Path) -> None:
    """They write the same bytes to the same parts: both end, and what is there is right."""
    folder, there = publish(tmp_path, "first", OLD), tmp_path / "there"
    with seeding(folder, folder, "--limit-up", "2MiB") as address:
        processes = [
            start(folder, "download", "top.torrent", "--to", there, "--peer", address, "--sequential") for _ in range(2)
        ]
        for process in processes:
            _, complaint = process.communicate(timeout=TIMEOUT)
            assert process.returncode == 0, complaint
    assert read(there / "top") == OLD


def test_ones_own_file_is_mended_after_a_recheck(tmp_path: Path) -> None:
    """A player writes into a file that was downloaded: it is left alone, and yet known to be this torrent's."""
    folder, there = publish(tmp_path, "first", OLD), tmp_path / "there"
    with seeding(folder, folder) as address:
        call(folder, "download", "top.torrent", "--to", there, "--peer", address)
        with open(there / "top" / "photo", "r+b") as file:
            file.write(b"new")
        error = call(folder, "download", "top.torrent", "--to", there, "--peer", address, expect=1)[-1]
        assert "was changed by another program after it was complete, and is left alone" in error["message"]
        assert (there / "top" / "photo").read_bytes().startswith(b"new")
        call(folder, "recheck", "top.torrent", "--data", there)
        call(folder, "download", "top.torrent", "--to", there, "--peer", address)
    assert read(there / "top") == OLD
