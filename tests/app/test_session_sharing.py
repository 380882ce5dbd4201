"""A client session shares files and folders, and downloads what other people share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import trio
from app.sessions import fill, huge, manifest_of, other_member, running_session
from integration.group import same
from tracker.trackers import PASSWORD
from waiting import TIMEOUT

from swarmshare.app.client_session import JobFailed, Published, Shared, ShareOptions
from swarmshare.app.publishing import ask_before
from swarmshare.app.signed_in import signed_in_at
from swarmshare.errors import ManifestError, StorageError, SwarmShareError, TrackerError
from swarmshare.manifest.magnet import magnet_of
from swarmshare.manifest.parse import parse_manifest
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("own_home")

FILES = {"film.bin": 3_000_000, "sub/photo.jpg": 100_000, "empty": 0}


async def test_from_one_machine_to_another(tracker: str, name: str, tmp_path: Path) -> None:
    folder = fill(tmp_path / "Holiday", FILES)
    async with running_session() as ann, other_member(tracker, f"{name}-friend") as friend:
        await ann.session.group.register(tracker, name, PASSWORD)
        await ann.listed()
        job = await ann.session.jobs.share(ShareOptions(folder, comment="by the sea"))
        shared = await ann.fact(Shared)
        assert (shared.job, shared.name) == (job, "Holiday")
        await ann.until(lambda: ann.transfers["Holiday"].state is TorrentState.SEEDING)
        line = ann.transfers["Holiday"]
        assert (line.bytes_done, line.bytes_total, line.shared, line.folder) == (3_100_000, 3_100_000, True, tmp_path)
        await ann.until(lambda: any(entry.name == "Holiday" for entry in ann.session.snapshot().catalogue))
        assert not [fact for fact in ann.facts if isinstance(fact, Published)], "one's own is no news"

        manifest = parse_manifest(await friend.ask(lambda api: api.torrent(shared.info_hash)))
        assert manifest.comment == "by the sea"
        (tmp_path / "friend").mkdir()
        torrent = friend.share(manifest, tmp_path / "friend")
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        assert same(folder, tmp_path / "friend" / "Holiday")
        await ann.until(lambda: ann.transfers["Holiday"].copies == 1 and not ann.transfers["Holiday"].only_here)
        assert ann.transfers["Holiday"].uploaded >= 3_100_000


async def test_from_the_catalogue_to_this_machine(tracker: str, name: str, tmp_path: Path) -> None:
    source = fill(tmp_path / "theirs" / name, FILES)
    async with running_session() as ann, other_member(tracker, f"{name}-friend") as friend:
        await ann.session.group.register(tracker, name, PASSWORD)
        await ann.listed()
        manifest = await friend.publish(source)
        published = await ann.fact(Published)
        assert (published.name, published.publisher) == (name, f"{name}-friend")
        await ann.session.download(published.info_hash)
        await ann.until(lambda: ann.transfers[name].state is TorrentState.SEEDING)
        assert same(source, tmp_path / "downloads" / name)
        assert not ann.transfers[name].shared
        assert ann.transfers[name].downloaded >= 3_100_000
        with pytest.raises(SwarmShareError, match="among your transfers already"):
            await ann.session.download(published.info_hash)
        await ann.until(lambda: next(e.seeds for e in ann.session.snapshot().catalogue if e.name == name) == 2)
        entries = ann.session.snapshot().catalogue
        assert ann.session.snapshot().catalogue is entries, "as long as nothing changes"

        await friend.ask(lambda api: api.withdraw(str(manifest.info_hash)))
        await ann.until(lambda: all(entry.name != name for entry in ann.session.snapshot().catalogue))
        assert name in ann.transfers, "what is here is shared on"


async def test_only_a_manifest(tmp_path: Path) -> None:
    folder = fill(tmp_path / "top", FILES)
    async with running_session() as ann:
        options = ShareOptions(
            folder, 2**16, private=True, hybrid=True, publish=False, seed=False, save_as=tmp_path / "t"
        )
        await ann.session.jobs.share(options)
        await ann.fact(Shared)
        manifest = parse_manifest((tmp_path / "t").read_bytes())
        assert (manifest.name, manifest.piece_length, manifest.private, manifest.hybrid) == ("top", 2**16, True, True)
        assert not ann.transfers


async def test_a_folder_with_one_file(tmp_path: Path) -> None:
    folder = fill(tmp_path / "lone", {"film.bin": 100_000})
    async with running_session() as ann:
        await ann.session.jobs.share(ShareOptions(folder, publish=False))
        assert (await ann.fact(Shared)).lost_folder == "lone"
        await ann.until(lambda: [line.state for line in ann.transfers.values()] == [TorrentState.SEEDING])
        assert ann.transfers["film.bin"].folder == folder
        ann.facts.clear()
        await ann.session.jobs.share(ShareOptions(folder, publish=False, hybrid=True))
        assert not (await ann.fact(Shared)).lost_folder


async def test_sharing_what_is_shared_already(tmp_path: Path) -> None:
    folder = fill(tmp_path / "top", FILES)
    async with running_session() as ann:
        await ann.session.jobs.share(ShareOptions(folder, publish=False))
        await ann.fact(Shared)
        await ann.session.transfers.pause([ann.session.snapshot().transfers[0].info_hash])
        ann.facts.clear()
        await ann.session.jobs.share(ShareOptions(folder, publish=False))
        await ann.fact(Shared)
        await ann.until(lambda: ann.transfers["top"].state is TorrentState.SEEDING)
        assert len(ann.session.snapshot().transfers) == 1


async def test_what_cannot_be_shared(tracker: str, name: str, tmp_path: Path) -> None:
    async with running_session() as ann:
        with pytest.raises(TrackerError, match="not signed in"):
            await ann.session.jobs.share(ShareOptions(tmp_path))
        with pytest.raises(StorageError, match="no such file"):
            await ann.session.jobs.share(ShareOptions(tmp_path / "nothing", publish=False))
        huge(tmp_path / "film")
        with pytest.raises(ManifestError, match="film: 4,194,304 pieces"):
            await ann.session.jobs.share(ShareOptions(tmp_path / "film", publish=False, piece_length=2**14))
        assert not ann.session.snapshot().jobs, "that is known before anything is hashed"
        job = await ann.session.jobs.share(ShareOptions(tmp_path / "film", publish=False))
        await ann.until(lambda: any(job.bytes_done for job in ann.session.snapshot().jobs))
        os.truncate(tmp_path / "film", 1)
        failed = await ann.fact(JobFailed)
        assert (failed.job, failed.path) == (job, tmp_path / "film")
        assert "became shorter" in failed.message or "changed" in failed.message
        folder = fill(tmp_path / "top", FILES)
        with pytest.raises(StorageError, match="nowhere: no such folder"):
            await ann.session.jobs.share(
                ShareOptions(folder, publish=False, save_as=tmp_path / "nowhere" / "top.torrent")
            )
        await ann.session.group.register(tracker, name, PASSWORD)
        check = await trio.to_thread.run_sync(ask_before, signed_in_at(tracker))
        check(10 * 2**20)
        with pytest.raises(TrackerError, match=r"10,485,761 bytes, and the tracker takes 10,485,760"):
            check(10 * 2**20 + 1)
        assert not ann.session.snapshot().jobs


async def test_what_is_copied_for_others_has_no_passkey(tracker: str, name: str, tmp_path: Path) -> None:
    async with running_session() as ann:
        await ann.session.group.register(tracker, name, PASSWORD)
        hashes = []
        for is_private in (False, True):
            folder = fill(tmp_path / f"{name}-{is_private}", FILES)
            ann.facts.clear()
            await ann.session.jobs.share(ShareOptions(folder, private=is_private))
            hashes.append((await ann.fact(Shared)).info_hash)
        url = await ann.session.group.announce_url()
        assert url.startswith(f"{tracker}/announce/")
        passkey = url.rpartition("/")[2]
        assert passkey in (await ann.session.manifest(hashes[1])).encode().decode(errors="replace"), (
            "it is in the manifest itself"
        )
        public, private = await ann.session.magnets(hashes)
        assert public.startswith(f"magnet:?xt=urn:btmh:1220{hashes[0]}")
        assert "&tr=" in public
        assert private.startswith(f"magnet:?xt=urn:btmh:1220{hashes[1]}")
        assert passkey not in public + private


async def test_a_folder_one_level_too_deep(tmp_path: Path) -> None:
    folder = fill(tmp_path / "data" / "Holiday", FILES)
    async with running_session() as ann:
        with pytest.raises(StorageError, match="this is Holiday itself"):
            await ann.session.open_manifest(manifest_of(folder).encode(), folder)


async def test_a_job_has_progress_and_can_be_given_up(tmp_path: Path) -> None:
    folder = tmp_path / "huge"
    huge(folder / "sparse")
    async with running_session() as ann:
        number = await ann.session.jobs.share(ShareOptions(folder, publish=False))
        await ann.until(lambda: ann.session.snapshot().jobs[0].bytes_done and ann.session.snapshot().jobs[0].eta)
        waiting = await ann.session.jobs.share(ShareOptions(folder, publish=False))
        job = ann.session.snapshot().jobs[0]
        assert (job.number, job.path, job.bytes_total) == (number, folder, 2**36)
        assert 0 < job.bytes_done < 2**36
        assert job.rate > 0
        for one in (number, waiting, 77):
            await ann.session.jobs.cancel(one)
        await ann.until(lambda: not ann.session.snapshot().jobs)
        assert {fact for fact in ann.facts if isinstance(fact, JobFailed)} == {
            JobFailed(number, folder, ""),
            JobFailed(waiting, folder, ""),
        }
        assert not ann.transfers
        await ann.session.jobs.share(ShareOptions(fill(tmp_path / "small", FILES), publish=False))
        await ann.fact(Shared)  # nobody hashes what was given up


async def test_the_end_gives_jobs_up(tmp_path: Path) -> None:
    huge(tmp_path / "sparse")
    async with running_session() as ann:
        await ann.session.jobs.share(ShareOptions(tmp_path / "sparse", publish=False))
        await ann.until(lambda: ann.session.snapshot().jobs[0].bytes_done)


async def test_a_manifest_from_elsewhere(tmp_path: Path) -> None:
    source = fill(tmp_path / "data" / "top", FILES)
    manifest = manifest_of(source)
    async with running_session() as ann:
        info_hash = await ann.session.open_manifest(manifest.encode(), tmp_path / "data")
        assert info_hash == str(manifest.info_hash)
        await ann.until(lambda: ann.transfers["top"].state is TorrentState.SEEDING)
        assert (await ann.session.manifest(info_hash)).encode() == manifest.encode()
        with pytest.raises(SwarmShareError, match="top is among your transfers already"):
            await ann.session.open_manifest(manifest.encode())
        with pytest.raises(ManifestError):
            await ann.session.open_manifest(b"d4:infoe")


async def test_a_magnet_link(tracker: str, name: str, tmp_path: Path) -> None:
    source = fill(tmp_path / "theirs" / name, FILES)
    stranger = magnet_of(manifest_of(fill(tmp_path / "other", FILES)))
    async with running_session() as ann, other_member(tracker, f"{name}-friend") as friend:
        with pytest.raises(SwarmShareError, match="no tracker and no peer"):
            await ann.session.open_magnet(stranger)
        await ann.session.group.register(tracker, name, PASSWORD)
        manifest = await friend.publish(source)
        await ann.until(lambda: any(entry.name == name for entry in ann.session.snapshot().catalogue))
        assert await ann.session.open_magnet(f" {magnet_of(manifest)}\n", tmp_path / "here") == str(manifest.info_hash)
        await ann.until(lambda: ann.transfers[name].state is TorrentState.SEEDING)
        assert same(source, tmp_path / "here" / name)
        with pytest.raises(SwarmShareError, match="no tracker and no peer"):
            await ann.session.open_magnet(stranger)
        with pytest.raises(SwarmShareError, match="magnet"):
            await ann.session.open_magnet("http://example.org")


async def test_ones_own_entry_is_withdrawn(tracker: str, name: str, tmp_path: Path) -> None:
    folder = fill(tmp_path / name, FILES)
    async with running_session() as ann:
        await ann.session.group.register(tracker, name, PASSWORD)
        await ann.session.jobs.share(ShareOptions(folder, private=True))
        info_hash = (await ann.fact(Shared)).info_hash
        await ann.until(lambda: any(entry.name == name for entry in ann.session.snapshot().catalogue))
        entry = next(entry for entry in ann.session.snapshot().catalogue if entry.name == name)
        assert entry.private
        assert entry.publisher == name
        await ann.session.group.withdraw(info_hash)
        await ann.until(lambda: all(entry.name != name for entry in ann.session.snapshot().catalogue))
        await ann.until(lambda: ann.transfers[name].state is TorrentState.SEEDING)
