"""Downloads whose place something else has: refused before they start, and started by another name."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from app.sessions import RunningSession, manifest_of, running_session
from app.test_session_transfers import seed

from swarmshare.app.naming import NameTakenError
from swarmshare.errors import ManifestError
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

pytestmark = pytest.mark.usefixtures("own_home")


def holiday(folder: Path, **files: str) -> Manifest:
    """Files of 100 kB, each of the bytes that its text stands for."""
    top = folder / "Holiday"
    top.mkdir(parents=True)
    for name, text in files.items():
        (top / name).write_bytes(random.Random(text).randbytes(100_000))
    return manifest_of(top)


@pytest.fixture
def old(tmp_path: Path) -> Manifest:
    return holiday(tmp_path / "old", photo="1", same="s")


@pytest.fixture
def new(tmp_path: Path) -> Manifest:
    return holiday(tmp_path / "new", photo="2", same="s")


def port_of(ann: RunningSession) -> int:
    return int(ann.session.snapshot().addresses[0].rpartition(":")[2])


async def fetched(ann: RunningSession, manifest: Manifest, source: Path, name: str) -> None:
    async with seed(manifest, source, port_of(ann)):
        await ann.until(lambda: ann.transfers[name].state is TorrentState.SEEDING)


def same(one: Path, two: Path) -> bool:
    return {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in two.iterdir()}


@pytest.mark.parametrize("at_work", [True, False])
async def test_a_new_version_gets_a_name_of_its_own(
    old: Manifest, new: Manifest, tmp_path: Path, at_work: bool
) -> None:
    """Whether the old one is among the transfers, or only its files are there."""
    downloads = tmp_path / "downloads"
    async with running_session() as ann:
        first = await ann.session.open_manifest(old.encode())
        await fetched(ann, old, tmp_path / "old", "Holiday")
        if not at_work:
            await ann.session.transfers.remove([first])
        with pytest.raises(NameTakenError, match=r"Holiday/photo: is there already with other content") as caught:
            await ann.session.open_manifest(new.encode())
        taken = caught.value
        assert (taken.free_name, taken.hint) == ("Holiday (2)", "Move it away, or choose another folder.")
        with pytest.raises(NameTakenError):
            await ann.session.download_as(taken.manifest, taken.folder, "Holiday")
        with pytest.raises(ManifestError):
            await ann.session.download_as(taken.manifest, taken.folder, "../Holiday")
        assert os.listdir(downloads) == ["Holiday"]
        second = await ann.session.download_as(taken.manifest, taken.folder, taken.free_name)
        assert second == str(new.info_hash), "it is the same torrent"
        await fetched(ann, new, tmp_path / "new", "Holiday (2)")
    assert same(downloads / "Holiday", tmp_path / "old" / "Holiday")
    assert same(downloads / "Holiday (2)", tmp_path / "new" / "Holiday")
    async with running_session() as ann:
        await ann.until(lambda: ann.transfers["Holiday (2)"].state is TorrentState.SEEDING)
        await ann.session.transfers.remove([second], delete_data=True)
    assert os.listdir(downloads) == ["Holiday"]
    assert same(downloads / "Holiday", tmp_path / "old" / "Holiday")


async def test_a_name_among_the_transfers_though_nothing_is_there_yet(
    old: Manifest, new: Manifest, tmp_path: Path
) -> None:
    async with running_session() as ann:
        await ann.session.open_manifest(old.encode())
        for expected in ("Holiday (2)", "Holiday (3)"):
            with pytest.raises(NameTakenError) as caught:
                await ann.session.open_manifest(new.encode())
            assert caught.value.free_name == expected
            (tmp_path / "downloads" / "Holiday (2)").mkdir(parents=True, exist_ok=True)


async def test_the_same_data_is_shared_and_stays_when_one_of_them_goes(old: Manifest, tmp_path: Path) -> None:
    """A v2 and a hybrid manifest of the same files, say."""
    (tmp_path / "old" / "Holiday" / "more").write_bytes(b"more")
    larger = manifest_of(tmp_path / "old" / "Holiday")
    async with running_session() as ann:
        first = await ann.session.open_manifest(old.encode(), tmp_path / "old")
        await ann.session.open_manifest(larger.encode(), tmp_path / "old")
        await ann.until(
            lambda: (
                all(t.state is TorrentState.SEEDING for t in ann.session.snapshot().transfers)
                and len(ann.session.snapshot().transfers) == 2
            )
        )
        await ann.session.transfers.remove([first], delete_data=True)
        assert sorted(os.listdir(tmp_path / "old" / "Holiday")) == ["more", "photo", "same"]
        await ann.session.transfers.remove([str(larger.info_hash)], delete_data=True)
    assert os.listdir(tmp_path / "old") == []


async def test_what_was_never_its_own_is_not_deleted(old: Manifest, new: Manifest, tmp_path: Path) -> None:
    """A file that came after the download started, or was too large to be looked into before."""
    downloads = tmp_path / "downloads"
    async with running_session() as ann:
        info_hash = await ann.session.open_manifest(new.encode())
        await ann.until(lambda: ann.transfers["Holiday"].state is TorrentState.DOWNLOADING)
        await ann.session.transfers.pause([info_hash])
        (downloads / "Holiday").mkdir(exist_ok=True)
        (downloads / "Holiday" / "photo").write_bytes((tmp_path / "old" / "Holiday" / "photo").read_bytes())
        await ann.session.transfers.resume([info_hash])
        await ann.until(lambda: ann.transfers["Holiday"].state is TorrentState.WAITING)
        assert "left alone" in ann.transfers["Holiday"].problem
        await ann.session.transfers.remove([info_hash], delete_data=True)
    assert (downloads / "Holiday" / "photo").read_bytes() == (tmp_path / "old" / "Holiday" / "photo").read_bytes()


def test_a_lone_file_keeps_its_ending(tmp_path: Path) -> None:
    from swarmshare.app.naming import refuse_taken

    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / ("f" * 251 + ".mkv")).write_bytes(bytes([number]) * 1000)
    manifest = manifest_of(tmp_path / "1" / ("f" * 251 + ".mkv"))
    with pytest.raises(NameTakenError) as caught:
        refuse_taken(manifest, tmp_path / "2", [])
    assert caught.value.free_name == "f" * 247 + " (2).mkv"
    assert manifest.renamed(caught.value.free_name).encode() == manifest.encode()
    refuse_taken(manifest, tmp_path / "1", [])
    refuse_taken(manifest, tmp_path, [])
