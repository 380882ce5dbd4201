"""Links of the manifest (BEP 47): made inside the folder, told when they cannot be, and verified."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from manifest.makers import encoded, file_node, good_doc, payload

from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.preparing import MAX_NOTICES
from swarmshare.storage.verify import FileVerdict, verify_data

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

LINKS = {
    "to-file": (b"a.bin", "a.1.bin"),
    "sub/up": (b"b.txt", "../b.txt"),
    "sub/deep/to-folder": (b"other", "../../other"),
    "lib.so": (b"lib.so.1", "lib.so.1"),
    "lib.so.1": (b"other/data", "other/data"),
    "through": (b"sub/deep/to-folder/data", "other/data"),
    "clash": (b"A.BIN", "A.BIN"),
}
"""What each leads to, and what it says."""


def manifest_with(targets: dict[str, bytes]) -> Manifest:
    doc = good_doc()
    tree = doc[b"info"][b"file tree"]
    tree[b"other"] = {b"data": file_node(5)}
    tree[b"A.BIN"] = file_node(7)  # the first comer: a.bin becomes a.1.bin
    for path, target in targets.items():
        *folders, name = path.encode().split(b"/")
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        node[name] = {b"": {b"attr": b"l", b"symlink path": target.split(b"/")}}
    return parse_manifest(encoded(doc))


def fill(top: Path) -> None:
    (top / "other").mkdir(parents=True, exist_ok=True)
    for name, length in (("a.1.bin", 40_000), ("A.BIN", 7), ("b.txt", 12), ("other/data", 5)):
        (top / name).write_bytes(payload(length))


@pytest.fixture
def manifest() -> Manifest:
    return manifest_with({path: target for path, (target, _) in LINKS.items()})


def prepared(manifest: Manifest, folder: Path) -> list[str]:
    """What is told of the links, when all else is here."""
    storage = TorrentStorage(manifest, folder)
    storage.scan()
    return list(map(str, storage.prepare().notices))


def verdicts(manifest: Manifest, folder: Path) -> dict[str, FileVerdict]:
    return {"/".join(report.file.path): report.verdict for report in verify_data(manifest, folder).bad}


def test_links_are_made_before_what_they_lead_to_is_here(manifest: Manifest, folder: Path) -> None:
    storage = TorrentStorage(manifest, folder)
    assert storage.prepare() == ([], {})
    said = {path: os.readlink(folder / "top" / path) for path in LINKS}
    assert said == {path: text for path, (_, text) in LINKS.items()}
    fill(folder / "top")
    for number, file in enumerate(manifest.files):
        if file.symlink is not None:
            storage.finish(number)
            assert (folder / "top" / "/".join(file.path)).exists(), "it leads there"
    assert storage.scan() == set(range(manifest.layout.piece_count))
    assert storage.prepare() == ([], {}), "they are as they should be"
    assert verify_data(manifest, folder).bad == ()
    os.rename(folder / "top", folder / "moved")
    assert (folder / "moved" / "sub" / "up").read_bytes() == payload(12), "the folder can be moved"
    storage.close()


def test_only_wanted_links_are_made(manifest: Manifest, folder: Path) -> None:
    names = ["/".join(file.path) for file in manifest.files]
    TorrentStorage(manifest, folder).prepare([names.index("sub/up")])
    assert [path.name for path in folder.rglob("*")] == ["top", "sub", "up"]


def test_a_link_that_says_it_otherwise_is_right(manifest: Manifest, folder: Path) -> None:
    fill(folder / "top")
    (folder / "top" / "to-file").symlink_to(folder / "top" / "a.1.bin")
    (folder / "top" / "through").symlink_to("./other/../other/data")
    assert prepared(manifest, folder) == []
    assert verify_data(manifest, folder).bad == ()


@pytest.mark.usefixtures("untouched")
def test_what_bears_the_name_of_a_link_is_left_alone(manifest: Manifest, folder: Path, outside: Path) -> None:
    top = folder / "top"
    fill(top)
    (top / "to-file").write_bytes(b"")
    (top / "lib.so").mkdir()
    (top / "lib.so.1").symlink_to(outside / "secret")
    (top / "through").symlink_to("b.txt")
    assert prepared(manifest, folder) == [
        f"{top}/lib.so: is not a link to lib.so.1, and is left alone",
        f"{top}/lib.so.1: is a link to {outside}/secret instead of other/data, and is left alone",
        f"{top}/through: is a link to b.txt instead of other/data, and is left alone",
        f"{top}/to-file: is not a link to a.1.bin, and is left alone",
    ]
    assert os.path.isdir(top / "lib.so")
    wrong = dict.fromkeys(("lib.so", "lib.so.1", "through", "to-file"), FileVerdict.BAD)
    assert verdicts(manifest, folder) == wrong


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("parent", ["sub", "other"])
def test_a_folder_that_is_a_link_of_somebodys_leads_no_link_outside(
    manifest: Manifest, folder: Path, outside: Path, parent: str
) -> None:
    """Neither is a link made in a folder elsewhere, nor one that leads there."""
    (folder / "top").mkdir()
    (folder / "top" / parent).symlink_to(outside)
    names = ["/".join(file.path) for file in manifest.files]
    notices = TorrentStorage(manifest, folder).prepare([names.index("sub/up"), names.index("lib.so.1")]).notices
    assert len(notices) == 1
    assert str(notices[0]).startswith(f"{folder}/top/{'sub' if parent == 'sub' else 'lib.so.1'}: ")
    assert "link" in str(notices[0])


def test_a_link_is_no_way_around_the_folder_of_the_torrent(manifest: Manifest, folder: Path) -> None:
    (folder / "neighbour").mkdir()
    (folder / "top").mkdir()
    (folder / "top" / "other").symlink_to("../neighbour")
    names = ["/".join(file.path) for file in manifest.files]
    (notice,) = TorrentStorage(manifest, folder).prepare([names.index("lib.so.1")]).notices
    assert "outside the folder" in str(notice)
    assert not os.path.lexists(folder / "top" / "lib.so.1")


def test_a_system_that_makes_no_links(manifest: Manifest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows without the right to, and FAT."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "symlink", refuse)
    many = manifest_with({f"link-{number}": b"b.txt" for number in range(20)})
    notices = TorrentStorage(many, folder).prepare().notices
    assert len(notices) == MAX_NOTICES
    assert str(notices[0]) == f"{folder}/top/link-0: the link cannot be made: operation not permitted"
    assert "without it" in (notices[0].hint or "")
    fill(folder / "top")
    assert set(verdicts(many, folder).values()) == {FileVerdict.MISSING}


def test_windows_is_told_which_kind_of_link(manifest: Manifest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, bool] = {}
    symlink = os.symlink

    def note(text: str, name: str, target_is_directory: bool = False, *, dir_fd: int | None = None) -> None:
        made[name] = target_is_directory
        symlink(text, name, target_is_directory, dir_fd=dir_fd)

    monkeypatch.setattr(os, "symlink", note)
    TorrentStorage(manifest, folder).prepare()
    assert [name for name, to_folder in made.items() if to_folder] == ["to-folder"]


def test_a_link_that_cannot_be_looked_at(manifest: Manifest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder / "top")
    prepared(manifest, folder)

    def refuse(path: object) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os.path, "lexists", refuse)
    assert set(verdicts(manifest, folder).values()) == {FileVerdict.UNREADABLE}
