"""Names of files inside a manifest: which are refused, and where each one lands on a disk.

Two separate questions, so that the answer to the second never weakens the first:

* :func:`check_component` refuses what could leave the folder, or lie to the reader's eye, on any system;
* :func:`local_paths` gives each file a place of its own, the same on every machine of a kind, when names that are fine
  by themselves clash (``Makefile`` and ``makefile``) or mean something else to Windows (``aux.txt``, ``a:b``).
"""

from __future__ import annotations

import re
import unicodedata
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, TypeAlias

from swarmshare.common.text import BIDI_OVERRIDES, CONTROL
from swarmshare.errors import ManifestError
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

Path: TypeAlias = tuple[str, ...]
"""A relative path as its components: no separators, so no way to disagree about them."""

MAX_COMPONENT_BYTES: Final = 255
"""The longest name that ext4, XFS, Btrfs, APFS and (nearly) NTFS can hold."""
MAX_DEPTH: Final = 90
"""Most components of a path: bencoding may nest 100 deep, and a file tree begins and ends with some of its own."""
MAX_PATH_BYTES: Final = 3072
"""The longest path, in UTF-8 with separators: what Linux's 4,096 leave when the download folder has its share."""

_SEPARATOR = re.compile(r"[/\\]")
_CONTROL = re.compile(f"[{CONTROL}]")
_SUSPECT = re.compile(rf"[/\\{CONTROL}{BIDI_OVERRIDES}]")

# Unicode's Default_Ignorable_Code_Point, but for the reversing ones above, which are refused.
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_WINDOWS_ILLEGAL = re.compile(r'[<>:"|?*]')
_WINDOWS_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)", re.IGNORECASE
)


def check_component(raw: bytes, where: str) -> str:
    """One component of a path as text, or :class:`ManifestError` saying why it may not be one.

    ``where`` names what is being read (``"name"``, ``"file tree"``) for the message.
    """
    if not raw:
        raise ManifestError("name-empty", Text("name.empty", where=where))
    if len(raw) > MAX_COMPONENT_BYTES:
        shown = raw[:24].decode("utf-8", "replace")
        raise ManifestError(
            "name-long", Text("name.long", where=where, name=repr(shown), length=len(raw), limit=MAX_COMPONENT_BYTES)
        )
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise ManifestError("name-utf8", Text("name.utf8", where=where, name=repr(raw))) from None
    if name in {".", ".."}:
        raise ManifestError("name-dots", Text("name.dots", where=where, name=repr(name)))
    if _SUSPECT.search(name):
        if "\0" in name:
            raise ManifestError("name-nul", Text("name.nul", where=where, name=repr(name)))
        if _SEPARATOR.search(name):
            raise ManifestError("name-separator", Text("name.separator", where=where, name=repr(name)))
        if _CONTROL.search(name):
            raise ManifestError("name-control", Text("name.control", where=where, name=repr(name)))
        raise ManifestError("name-bidi", Text("name.bidi", where=where, name=ascii(name)))
    return name


def folders_of(paths: Iterable[Path]) -> set[Path]:
    """Every folder that holds one of ``paths``, at any depth; each is looked at once, however many files it holds."""
    folders: set[Path] = set()
    for path in paths:
        folder = path[:-1]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder[:-1]
    return folders


def local_paths(paths: Iterable[Path], *, windows: bool) -> list[Path]:
    """Where each file of ``paths`` (in manifest order) lands below the download folder.

    No two results are the same file, nor one the folder of another, on any file system; the first comer keeps its name
    and a later one becomes ``name.1.ext``. With ``windows``, names that Windows cannot hold, or takes for a device, are
    changed as little as makes them fit. A pure function: every machine of a kind agrees.
    """
    wanted = list(paths)
    # Folders that fold to one are one, so a folder is a number: that of its parent and its own folded name.
    numbers: dict[Path, int] = {(): 0}
    taken: dict[tuple[int, str], int] = {}
    for folder in sorted(folders_of(wanted), key=len):
        key = (numbers[folder[:-1]], folded(folder[-1]))
        numbers[folder] = taken.setdefault(key, len(taken) + 1)
    last_tried: dict[tuple[int, str], int] = {}
    placed: list[Path] = []
    for path in wanted:
        name, number = path[-1], 0
        first = key = (numbers[path[:-1]], folded(name))
        if key in taken:
            number = last_tried.get(first, 0)
            while key in taken:
                number += 1
                name = _numbered(path[-1], number)
                key = (first[0], folded(name))
            last_tried[first] = number
        taken[key] = 0
        result = (*path[:-1], name) if number else path
        placed.append(windows_path(result) if windows else result)
    return placed


def windows_path(path: Path) -> Path:
    """``path`` as Windows can hold it: the same object if it can, so that very many of them are there once."""
    safe = tuple(map(_windows_name, path))
    return path if safe == path else safe


def folded(name: str) -> str:
    """Return what is left of a name on the least discerning file systems: two names that fold to one may be one there.

    Unicode's canonical caseless match (APFS, HFS+, ext4 with casefold) without the characters that it calls ignorable,
    and then as Windows would get it.
    """
    if not name.isascii():
        name = _IGNORABLE.sub("", unicodedata.normalize("NFD", name))
        # Decomposed, so that what Windows cannot hold is found inside of composed characters too.
        name = unicodedata.normalize("NFD", name.casefold())
    return _windows_name(name.lower())


def with_ending(name: str, ending: str) -> str:
    """``name`` with ``ending`` after it, cut on a whole character where a file could not be called that."""
    room = MAX_COMPONENT_BYTES - len(ending.encode())
    return name.encode(errors="surrogateescape")[:room].decode(errors="ignore") + ending


def matches(text: str, patterns: Iterable[str]) -> bool:
    """Whether one of these shell patterns fits a name or a path, however each encodes its letters (NFC, NFD).

    macOS writes names decomposed, and keyboards type them composed. Capitals are not small letters here.
    """
    composed = unicodedata.normalize("NFC", text)
    return any(fnmatchcase(composed, unicodedata.normalize("NFC", pattern)) for pattern in patterns)


def _numbered(name: str, number: int) -> str:
    """``name`` with ``.number`` before its extension, cut to the longest allowed on a whole character."""
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    tail = f".{number}{dot}{extension}"
    room = MAX_COMPONENT_BYTES - len(tail.encode())
    if room < 1:  # an extension as long as a name: number the end instead
        tail = f".{number}"
        stem, room = name, MAX_COMPONENT_BYTES - len(tail)
    return stem.encode()[:room].decode(errors="ignore") + tail


def _windows_name(name: str) -> str:
    safe = _WINDOWS_ILLEGAL.sub("_", name).rstrip(". ") or "_"
    if _WINDOWS_RESERVED.match(safe):
        safe = "_" + safe[1:]
    return safe
