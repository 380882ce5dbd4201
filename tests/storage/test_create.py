"""Hashing real files, and what may happen to them meanwhile."""

from __future__ import annotations

import os
from dataclasses import replace
from threading import Event, active_count, get_ident
from typing import TYPE_CHECKING

import pytest
from storage.makers import BeforeEachChunk

from swarmshare.errors import CancelledError, ManifestError, StorageError
from swarmshare.manifest import build
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage import create, hashing
from swarmshare.storage.create import create_manifest
from swarmshare.storage.files import FileIdentity
from swarmshare.storage.hashing import Hashing, Source, hash_sources
from swarmshare.storage.plan import make_plan
from swarmshare.storage.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

BLOCK = 2**14


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "top"
    folder.mkdir()
    for number in range(5):
        (folder / f"file-{number}").write_bytes(bytes([number]) * (number * 3 * BLOCK + 7))
    return folder


def made(root: Path, **options: object) -> Manifest:
    return create_manifest(make_plan(root), Description(), **options)  # type: ignore[arg-type]


def test_the_samples_come_out_as_they_are_stored(samples: object, tmp_path: Path) -> None:
    for sample in samples.SAMPLES:  # type: ignore[attr-defined]
        assert samples.write_manifest(sample, tmp_path) == sample.manifest.read_bytes()  # type: ignore[attr-defined]


def test_what_is_said_beside_the_files(top: Path) -> None:
    about = Description(
        trackers=(("http://a/announce", "http://b/announce"), ("udp://c:1",)),
        web_seeds=("http://seed/",),
        private=True,
        comment="comment \u00e9",
        created_by="me",
        creation_date=5,
    )
    manifest = parse_manifest(create_manifest(make_plan(top), about).encode())
    assert manifest.trackers == about.trackers
    assert manifest.outside[b"announce"] == b"http://a/announce"
    assert (manifest.web_seeds, manifest.private, manifest.comment) == (about.web_seeds, True, about.comment)
    assert (manifest.created_by, manifest.creation_date) == ("me", 5)
    plain = create_manifest(make_plan(top), Description(trackers=(("http://a/announce",),)))
    assert b"announce-list" not in plain.outside
    assert plain.info_hash != manifest.info_hash, "private is part of the info hash"


def test_progress_ends_at_the_whole(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmshare.storage.progress.INTERVAL", 0.0)
    monkeypatch.setattr(hashing, "JOB_LENGTH", BLOCK)
    seen: list[Progress] = []
    manifest = made(top, piece_length=BLOCK, progress=seen.append)
    assert len(seen) > 5
    assert [p.bytes_done for p in seen] == sorted(p.bytes_done for p in seen)
    assert (seen[-1].bytes_done, seen[-1].bytes_total) == (manifest.total_length,) * 2
    assert (seen[-1].files_done, seen[-1].files_total) == (5, 5)
    assert seen[-1].rate > 0
    assert seen[-1].eta == 0
    assert Progress(0, 5, 0, 1, 0.0).eta is None


def test_small_jobs_give_the_same_hashes(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = [made(top, piece_length=length, hybrid=True) for length in (BLOCK, 4 * BLOCK)]
    monkeypatch.setattr(hashing, "JOB_LENGTH", BLOCK)
    monkeypatch.setattr(hashing, "JOB_FILES", 2)
    monkeypatch.setattr(hashing, "BUFFER_LENGTH", BLOCK)
    monkeypatch.setattr(hashing, "_ZEROS", memoryview(bytes(100)))
    assert [made(top, piece_length=length, hybrid=True) for length in (BLOCK, 4 * BLOCK)] == large


def test_cancelling(top: Path) -> None:
    cancel = Event()
    cancel.set()
    before = active_count()
    with pytest.raises(CancelledError):
        made(top, cancel=cancel)
    assert active_count() == before


def test_cancelling_half_way(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmshare.storage.progress.INTERVAL", 0.0)
    monkeypatch.setattr(hashing, "JOB_LENGTH", BLOCK)
    cancel = Event()
    with pytest.raises(CancelledError):
        made(top, piece_length=BLOCK, cancel=cancel, progress=lambda _: cancel.set())


def test_leaving_early_stops_the_threads(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "JOB_LENGTH", BLOCK)
    file = top / "file-4"
    source = Source(file, file.stat().st_size, FileIdentity.of(file.stat()))
    before = active_count()
    results = hash_sources([source], Hashing(BLOCK))
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert active_count() == before


def test_leaving_early_does_not_wait_for_long_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "JOB_FILES", 1)
    monkeypatch.setattr(hashing, "JOB_LENGTH", 2**30)
    sources = []
    for name, length in (("small", 1), ("large", 2**27)):
        with open(tmp_path / name, "wb") as file:
            file.truncate(length)
        sources.append(Source(tmp_path / name, length, FileIdentity.of((tmp_path / name).stat())))
    leaving, chunks = Event(), list[int]()

    def wait_for_leaving() -> None:
        if get_ident() in chunks:  # the small file has one chunk, so this is the large one
            leaving.wait()
        chunks.append(get_ident())

    results = hash_sources(sources, Hashing(BLOCK), BeforeEachChunk(wait_for_leaving))
    next(results)
    leaving.set()
    results.close()  # type: ignore[attr-defined]
    assert len(chunks) < 2**27 // hashing.BUFFER_LENGTH


def test_a_file_that_changes(top: Path) -> None:
    plan = make_plan(top)
    (top / "file-2").write_bytes(b"other")
    with pytest.raises(StorageError, match=r"file-2: changed while it was being read"):
        create_manifest(plan, Description())


def test_a_file_of_the_same_size_and_another_time(top: Path) -> None:
    plan = make_plan(top)
    status = (top / "file-2").stat()
    os.utime(top / "file-2", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    with pytest.raises(StorageError, match=r"file-2: changed"):
        create_manifest(plan, Description())


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    cancel = BeforeEachChunk(lambda: os.utime(tmp_path / "file"))
    with pytest.raises(StorageError, match=r"file: changed while it was being read"):
        made(tmp_path, cancel=cancel)


def test_a_file_that_becomes_shorter(tmp_path: Path) -> None:
    """Shorter between the check and the read: only the read can tell."""
    (tmp_path / "file").write_bytes(b"content")
    cancel = BeforeEachChunk(lambda: os.truncate(tmp_path / "file", 5))
    with pytest.raises(StorageError, match=r"file: became shorter"):
        made(tmp_path, cancel=cancel)


def test_a_file_that_vanishes(top: Path) -> None:
    plan = make_plan(top)
    (top / "file-1").unlink()
    with pytest.raises(StorageError, match=r"file-1: no such file"):
        create_manifest(plan, Description())


def test_a_file_swapped_for_a_link_or_a_pipe(top: Path, tmp_path: Path) -> None:
    plan = make_plan(top)
    (tmp_path / "secret").write_bytes((top / "file-1").read_bytes())
    (top / "file-1").unlink()
    (top / "file-1").symlink_to(tmp_path / "secret")
    with pytest.raises(StorageError, match=r"file-1: too many levels of symbolic links"):
        create_manifest(plan, Description())
    (top / "file-1").unlink()
    os.mkfifo(top / "file-1")
    with pytest.raises(StorageError, match=r"file-1: not a regular file"):
        create_manifest(plan, Description())


def test_too_many_pieces(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create, "MAX_PIECES", 10)
    with pytest.raises(ManifestError, match="pieces of 16,384 bytes; a manifest may have 10") as caught:
        made(top, piece_length=BLOCK)
    assert "--piece-size" in caught.value.hint


def test_what_no_manifest_may_have_is_told_before_hashing(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(top)
    evil = replace(plan, files=(*plan.files, replace(plan.files[0], path=("x" * 250,) * 13)))
    monkeypatch.setattr(create, "hash_sources", None)
    with pytest.raises(ManifestError, match="top: the path") as caught:
        create_manifest(evil, Description())
    assert (caught.value.rule, "--exclude" in caught.value.hint) == ("path-long", True)


def test_the_manifest_is_read_again_before_anyone_gets_it(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(top)
    evil = replace(plan, files=(replace(plan.files[0], path=("..", "evil")), *plan.files[1:]))
    with pytest.raises(ManifestError):
        create_manifest(evil, Description())
    monkeypatch.setattr(create, "_rehearse", lambda *_: None)
    with pytest.raises(ManifestError):
        create_manifest(evil, Description())
    monkeypatch.setattr(build, "parse_manifest", lambda data: data)
    assert isinstance(create_manifest(evil, Description()), bytes)
