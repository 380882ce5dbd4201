"""What we write is what libtorrent writes, and what libtorrent writes we read right: the judge of the manifests."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmshare.manifest.bencoding import decode_document, encode
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import DEFAULT_EXCLUDES, make_plan
from swarmshare.storage.verify import verify_data

if TYPE_CHECKING:
    from interop.peers import Libtorrent

    from swarmshare.manifest.manifest import Manifest

KIB = 1024
BLOCK = 16 * KIB

# Letters of several scripts, marks that combine, an astral one; no two of them fold together.
names = st.text(
    st.sampled_from("abcdefghXYZ0123 ._-+\u00f1\u4e2d\u6587\u0416\u05d0\u0301\U0001f41d"), min_size=1, max_size=8
).filter(lambda name: name[-1] not in ". " and not any(Path(name).match(glob) for glob in DEFAULT_EXCLUDES))
lengths = st.one_of(
    st.sampled_from([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 4 * BLOCK, 4 * BLOCK + 1, 7 * BLOCK, 8 * BLOCK]),
    st.integers(0, 10 * BLOCK),
)
piece_lengths = st.sampled_from([BLOCK, 2 * BLOCK, 4 * BLOCK, 16 * BLOCK])


@st.composite
def trees(draw: st.DrawFn) -> dict[tuple[str, ...], tuple[int, bool]]:
    """Paths of files that can lie in one folder, each with its length and whether it is executable."""
    chosen = draw(
        st.dictionaries(
            st.lists(names, min_size=1, max_size=4).map(tuple),
            st.tuples(lengths, st.booleans()),
            min_size=1,
            max_size=8,
        )
    )
    folded: set[tuple[str, ...]] = set()
    kept = {}
    for path, what in sorted(chosen.items()):
        key = tuple(part.lower() for part in path)
        below = {key[:depth] for depth in range(1, len(key))}
        if key in folded or below & folded or any(other[: len(key)] == key for other in folded):
            continue
        folded.add(key)
        kept[path] = what
    if not any(length for length, _ in kept.values()):
        kept["content",] = (1, False)
    return kept


def write(folder: Path, tree: dict[tuple[str, ...], tuple[int, bool]]) -> None:
    for number, (path, (length, executable)) in enumerate(tree.items()):
        file = folder.joinpath(*path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((bytes([number + 1]) + bytes(range(251))) * (length // 252 + 1))
        with open(file, "r+b") as stream:
            stream.truncate(length)
        file.chmod(0o755 if executable else 0o644)


def in_order_for_libtorrent(manifest: Manifest) -> bool:
    """Whether libtorrent lists the v1 half of a hybrid in the order of the tree.

    It sorts whole paths, where the separator comes after ``.`` and ``-``; the tree sorts name by name. So of the folder
    ``b`` and the file ``b.txt`` it makes a hybrid that it refuses to load itself. Ours it loads.
    """
    paths = ["/".join(file.path).encode() for file in manifest.files]
    return paths == sorted(paths)


def compare(judge: Libtorrent, root: Path, piece_length: int, hybrid: bool) -> None:
    ours = create_manifest(make_plan(root), Description(), piece_length=piece_length, hybrid=hybrid)
    torrent = bytes.fromhex(judge.ask("create", str(root), piece_length, hybrid))
    theirs: Any = decode_document(torrent).root
    assert dict(ours.piece_layers) == theirs[b"piece layers"]
    if not hybrid or in_order_for_libtorrent(ours):
        assert ours.info == encode(theirs[b"info"])
        read = parse_manifest(torrent)
        assert (read.info_hash, read.info_hash_v1) == (ours.info_hash, ours.info_hash_v1)
        assert (read.files, read.layout.piece_count) == (ours.files, ours.layout.piece_count)

    loaded = judge.ask("load", ours.encode().hex())
    assert loaded["v2"] == str(ours.info_hash)
    assert loaded["v1"] == (ours.info_hash_v1 or bytes(20)).hex()
    assert loaded["name"] == ours.name
    assert loaded["pieces"] == ours.layout.piece_count
    assert not verify_data(ours, root.parent).bad


@settings(max_examples=300)
@given(trees(), piece_lengths, st.booleans())
def test_folders(
    judge: Libtorrent, tree: dict[tuple[str, ...], tuple[int, bool]], piece_length: int, hybrid: bool
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="swarmshare-test-"))
    try:
        write(folder / "top", tree)
        compare(judge, folder / "top", piece_length, hybrid)
    finally:
        shutil.rmtree(folder)


@settings(max_examples=60)
@given(names, lengths.filter(bool), st.booleans(), piece_lengths, st.booleans())
def test_single_files(
    judge: Libtorrent, name: str, length: int, executable: bool, piece_length: int, hybrid: bool
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="swarmshare-test-"))
    try:
        write(folder, {(name,): (length, executable)})
        compare(judge, folder / name, piece_length, hybrid)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("hybrid", [False, True])
def test_names_that_windows_could_not_hold(judge: Libtorrent, tmp_path: Path, hybrid: bool) -> None:
    write(tmp_path / "top", {(name,): (5, False) for name in ("end.", "co:lon", "...", "con", "quest?ion")})
    compare(judge, tmp_path / "top", BLOCK, hybrid)


@pytest.mark.parametrize("hybrid", [False, True])
def test_a_deep_folder_with_long_names(judge: Libtorrent, tmp_path: Path, hybrid: bool) -> None:
    path = (*(["folder"] * 40), "\u00e9" * 100, "x" * 250)
    write(tmp_path / "top", {path: (5, False), (*path[:-1], "y"): (BLOCK, True)})
    compare(judge, tmp_path / "top", BLOCK, hybrid)


@pytest.mark.parametrize("hybrid", [False, True])
def test_a_large_file_in_many_jobs(judge: Libtorrent, tmp_path: Path, hybrid: bool) -> None:
    """Longer than a job and a read, with a tail; and pieces longer than a read."""
    write(tmp_path / "top", {("a",): (20 * 2**20 + 12_345, False), ("b",): (3 * 2**20, False)})
    for piece_length in (BLOCK, 2**20, 16 * 2**20):
        compare(judge, tmp_path / "top", piece_length, hybrid)
