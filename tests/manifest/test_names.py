"""Where files land: distinct places inside the folder, whatever the names."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifest.makers import encoded, good_doc

from swarmshare.errors import ManifestError
from swarmshare.manifest.names import (
    MAX_COMPONENT_BYTES,
    Path,
    check_component,
    folded,
    folders_of,
    local_paths,
    matches,
    with_ending,
)
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Callable


def composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


# How file systems that do not tell all names apart see a name; said in other words than the code's.
FILE_SYSTEMS: dict[str, Callable[[str], str]] = {
    "ext4": lambda name: name,
    "NTFS": lambda name: name.upper(),
    "vfat on Linux": lambda name: name.upper().rstrip(". "),
    "APFS": lambda name: composed(composed(name).casefold()),
    "HFS+": lambda name: composed(re.sub("[\u200b-\u200f\u00ad\ufe0f\ufeff]", "", composed(name)).casefold()),
}


def key(path: Path) -> Path:
    return tuple(map(folded, path))


# Characters that fold, compose, are reserved somewhere, or are simply there.
tricky = st.text(
    st.sampled_from('aAbB.: ?<>|*"1_-sS\u00df\u017f\u212a\u00e9\u0301e\u0338\u226e=\u0130\u0131\u03c3\u03c2\ufb01~$')
    | st.characters(codec="utf-8"),
    min_size=1,
    max_size=6,
)


def acceptable(name: str) -> bool:
    try:
        return check_component(name.encode(), "test") == name
    except ManifestError:
        return False


names = (tricky | st.sampled_from(["con", "CON", "aux.txt", "NUL", "com1", "lpt9.x", "a", "A", "a.1", "A.1"])).filter(
    acceptable
)


@st.composite
def trees(draw: st.DrawFn) -> list[Path]:
    """Paths of a tree: all different, none the folder of another."""
    paths = draw(st.lists(st.lists(names, min_size=1, max_size=3).map(tuple), min_size=1, max_size=12, unique=True))
    folders = {path[:depth] for path in paths for depth in range(1, len(path))}
    return sorted(path for path in paths if path not in folders)


@given(trees(), st.booleans())
def test_every_file_has_a_place_of_its_own(paths: list[Path], windows: bool) -> None:
    placed = local_paths(paths, windows=windows)
    for name, seen in FILE_SYSTEMS.items():
        if name == "NTFS" and not windows:
            continue
        keys = {tuple(map(seen, path)) for path in placed}
        assert len(keys) == len(paths), name
        assert not folders_of(keys) & keys, name
    for path in placed:
        for part in path:
            assert acceptable(part)
    if windows:
        for part in (part for path in placed for part in path):
            assert not set(part) & set('<>:"|?*')
            assert part[-1] not in ". "
            stem = part.split(".")[0].rstrip(" ").lower()
            assert stem not in {"con", "prn", "aux", "nul", *(f"{dev}{n}" for dev in ("com", "lpt") for n in range(10))}


@given(trees())
def test_what_clashes_with_nothing_keeps_its_name(paths: list[Path]) -> None:
    keys = [key(path) for path in paths]
    folders = folders_of(keys)
    windows = local_paths(paths, windows=True)
    for path, own, placed, safe in zip(paths, keys, local_paths(paths, windows=False), windows, strict=True):
        if keys.count(own) == 1 and own not in folders and path == safe:
            assert placed == path


@given(trees())
def test_it_is_the_same_every_time(paths: list[Path]) -> None:
    assert local_paths(paths, windows=True) == local_paths(iter(paths), windows=True)


@pytest.mark.parametrize(
    ("paths", "posix", "windows"),
    [
        ([("Makefile",), ("makefile",)], ["Makefile", "makefile.1"], ["Makefile", "makefile.1"]),
        ([("a.txt",), ("A.TXT",), ("A.txt",)], ["a.txt", "A.1.TXT", "A.2.txt"], ["a.txt", "A.1.TXT", "A.2.txt"]),
        ([("a.1.txt",), ("a.txt",), ("A.txt",)], ["a.1.txt", "a.txt", "A.2.txt"], ["a.1.txt", "a.txt", "A.2.txt"]),
        ([("caf\u00e9",), ("cafe\u0301",)], ["caf\u00e9", "cafe\u0301.1"], ["caf\u00e9", "cafe\u0301.1"]),
        ([("stra\u00dfe",), ("strasse",)], ["stra\u00dfe", "strasse.1"], ["stra\u00dfe", "strasse.1"]),
        ([("A", "x"), ("a",)], ["A/x", "a.1"], ["A/x", "a.1"]),
        ([("a:b",), ("a?b",)], ["a:b", "a?b.1"], ["a_b", "a_b.1"]),
        ([("<\u0338",), ("\u226e",)], ["<\u0338", "\u226e.1"], ["_\u0338", "\u226e.1"]),
        (
            [("con",), ("CON.txt",), ("lpt1.tar.gz",)],
            ["con", "CON.txt", "lpt1.tar.gz"],
            ["_on", "_ON.txt", "_pt1.tar.gz"],
        ),
        ([("console",), ("com10",), ("aux2.c",)], ["console", "com10", "aux2.c"], ["console", "com10", "aux2.c"]),
        ([("end. .",), ("...",)], ["end. .", "..."], ["end", "_"]),
        ([("a",), ("a.",)], ["a", "a.1."], ["a", "a.1"]),
        ([(".git",), (".g\u200cit",)], [".git", ".g\u200cit.1"], [".git", ".g\u200cit.1"]),
        ([(".hidden",), (".HIDDEN",)], [".hidden", ".HIDDEN.1"], [".hidden", ".HIDDEN.1"]),
    ],
)
def test_examples(paths: list[Path], posix: list[str], windows: list[str]) -> None:
    assert ["/".join(path) for path in local_paths(paths, windows=False)] == posix
    assert ["/".join(path) for path in local_paths(paths, windows=True)] == windows


@pytest.mark.parametrize(
    "name",
    ["x" * 255, "\u00e9" * 127, "x" * 250 + ".txt", "x." + "y" * 253, "." + "y" * 254],
    ids=lambda name: name[:3],
)
def test_a_number_fits_into_the_longest_name(name: str) -> None:
    first, second = local_paths([(name.lower(),), (name.upper(),)], windows=False)
    assert first == (name.lower(),)
    assert len(second[0].encode()) <= MAX_COMPONENT_BYTES
    assert ".1" in second[0]
    assert key(first) != key(second)


def test_thousands_of_clashes_cost_no_more_than_each_its_turn() -> None:
    letters = "abcdefghijklm"
    paths = [
        ("".join(c.upper() if n >> i & 1 else c for i, c in enumerate(letters)),) for n in range(2 ** len(letters))
    ]
    placed = local_paths(paths, windows=False)
    assert len({key(path) for path in placed}) == len(paths)
    assert placed[-1] == (f"ABCDEFGHIJKLM.{len(paths) - 1}",)


def test_deep_folders_cost_each_folder_once() -> None:
    """A manifest can name a deep folder once and put any number of files in it."""
    chain = tuple(f"folder-{depth}" for depth in range(80))
    paths = [(*chain, f"file-{n}") for n in range(2000)]
    assert len(folders_of(paths)) == 80
    assert local_paths(paths, windows=True) == paths
    assert folders_of([("a",), ("b", "c", "d")]) == {("b",), ("b", "c")}


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("top", "top.torrent"),
        ("x" * 247, "x" * 247 + ".torrent"),
        ("x" * 255, "x" * 247 + ".torrent"),
        ("\u6f22" * 85, "\u6f22" * 82 + ".torrent"),
        ("\u6f22" * 82 + "y" * 9, "\u6f22" * 82 + "y.torrent"),
    ],
)
def test_an_ending_has_its_room(name: str, whole: str) -> None:
    assert with_ending(name, ".torrent") == whole
    assert len(whole.encode()) <= MAX_COMPONENT_BYTES


def test_a_pattern_fits_a_name_in_either_encoding_of_its_letters() -> None:
    apart, on = "e\u0301te\u0301/1.jpg", "\u00e9t\u00e9/1.jpg"
    for name in (apart, on):
        for pattern in ("\u00e9*", "e\u0301*", "\u00e9t?/*.jpg", "[\u00e9]*"):
            assert matches(name, ["no", pattern])
        assert not matches(name, ["e*", "\u00c9*", "*.JPG"])
    assert not matches(on, [])


def test_another_name_changes_where_it_lands_and_nothing_that_is_hashed() -> None:
    manifest = parse_manifest(encoded(good_doc()))
    other = manifest.renamed("Holiday (2)")
    assert (other.encode(), other.info_hash) == (manifest.encode(), manifest.info_hash)
    assert {path[0] for path in other.local_paths(windows=False)} == {"Holiday (2)"}
    with pytest.raises(ManifestError):
        manifest.renamed("..")
