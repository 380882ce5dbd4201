"""Bytes that the system sends from a file by itself: the right ones, or none."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest
from storage.makers import BLOCK, PIECE, content, fill, pieces_of

from swarmshare.errors import StorageError
from swarmshare.storage import file_part, file_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.storage.file_part import FilePart
    from swarmshare.storage.pieces import TorrentStorage

pytestmark = pytest.mark.skipif(not file_part.CAN_SEND, reason="the system has no sendfile")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def shared(storage: TorrentStorage, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is served, and of which no change can go unnoticed."""
    monkeypatch.setattr(file_record, "CERTAIN_AFTER", -1)
    fill(folder / "top")
    storage.scan()
    storage.file_states()
    return folder / "top/a/deep/large"


def lend(storage: TorrentStorage, number: int, begin: int, length: int) -> FilePart:
    part = storage.lend(pieces_of(storage.manifest, "a/deep/large")[number], begin, length)  # type: ignore[arg-type]
    assert part is not None
    assert len(part) == length
    return part


def send(part: FilePart, pair: tuple[socket.socket, socket.socket]) -> bytes:
    """All of ``part``, through a socket."""
    ours, theirs = pair
    got = b""
    while len(part):
        part = part[part.send(ours.fileno()) :]
        got += theirs.recv(2**20)
    return got


def test_what_is_lent_is_what_is_read(storage: TorrentStorage, shared: Path, pair: Any) -> None:
    large = content("a/deep/large")
    assert send(lend(storage, 1, 0, PIECE), pair) == large[PIECE : 2 * PIECE]
    assert send(lend(storage, 1, BLOCK, 5), pair) == large[PIECE + BLOCK :][:5]
    assert send(lend(storage, 5, 0, 100), pair) == large[5 * PIECE :]
    assert send(lend(storage, 2, 0, PIECE)[100:300][50:60], pair) == large[2 * PIECE + 150 :][:10]


def test_what_is_not_in_the_systems_memory_is_read_from_the_disk(
    storage: TorrentStorage, shared: Path, pair: Any
) -> None:
    with open(shared, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    assert send(lend(storage, 0, 0, PIECE), pair) == content("a/deep/large")[:PIECE]


def test_padding_is_not_lent(storage: TorrentStorage, shared: Path) -> None:
    last = pieces_of(storage.manifest, "a/deep/large")[5]
    assert storage.lend(last, 0, BLOCK) is None  # type: ignore[arg-type]


def test_a_full_connection_takes_more_later(storage: TorrentStorage, shared: Path, pair: Any) -> None:
    part = lend(storage, 0, 0, PIECE)
    sent = 0
    try:
        while sent < 2**30:
            sent += part.send(pair[0].fileno())
    except BlockingIOError:
        pass
    assert 0 < sent < 2**30
    pair[1].recv(sent)
    assert part.send(pair[0].fileno())


@pytest.mark.parametrize("cannot", [errno.EINVAL, errno.EOPNOTSUPP])
def test_where_a_file_system_cannot_it_is_copied(
    storage: TorrentStorage, shared: Path, pair: Any, monkeypatch: pytest.MonkeyPatch, cannot: int
) -> None:
    def refuse(*_: int) -> int:
        raise OSError(cannot, os.strerror(cannot))

    monkeypatch.setattr(os, "sendfile", refuse)
    assert send(lend(storage, 1, 0, PIECE), pair) == content("a/deep/large")[PIECE : 2 * PIECE]
    part = lend(storage, 1, 0, PIECE)
    pair[1].close()
    with pytest.raises(OSError, match=r"[Bb]roken pipe"):
        part.send(pair[0].fileno())


def test_nothing_leaves_of_a_file_that_was_changed_since_it_was_lent(
    storage: TorrentStorage, shared: Path, pair: Any
) -> None:
    part = lend(storage, 1, 0, PIECE)
    first = part.send(pair[0].fileno())
    with open(shared, "r+b") as file:
        file.seek(PIECE + BLOCK)
        file.write(b"123")
    for rest in (part, part[first:], part[5:]):
        with pytest.raises(StorageError, match="large: changed by another program"):
            rest.send(pair[0].fileno())
    assert storage.lend(pieces_of(storage.manifest, "a/deep/large")[1], 0, PIECE) is None  # type: ignore[arg-type]
    assert storage.lost_files()


def test_nothing_is_lent_of_a_file_that_is_gone_or_short(storage: TorrentStorage, shared: Path, pair: Any) -> None:
    part = lend(storage, 5, 0, 100)
    os.truncate(shared, 5 * PIECE)
    with pytest.raises(StorageError):
        part.send(pair[0].fileno())
    storage.close()
    shared.unlink()
    with pytest.raises(StorageError):
        part.send(pair[0].fileno())


def test_what_may_have_changed_unnoticed_is_read_and_verified_first(
    storage: TorrentStorage, shared: Path, pair: Any
) -> None:
    status = shared.stat()
    os.utime(shared, ns=(status.st_atime_ns, status.st_mtime_ns))  # only its time of change is another
    piece = pieces_of(storage.manifest, "a/deep/large")[1]
    assert storage.lend(piece, 0, PIECE) is None  # type: ignore[arg-type]
    storage.read(piece, 0, BLOCK)  # type: ignore[arg-type]
    assert send(lend(storage, 1, 0, PIECE), pair) == content("a/deep/large")[PIECE : 2 * PIECE], "it is proven now"
