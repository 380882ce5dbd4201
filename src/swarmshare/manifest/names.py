"""Names of files inside a manifest: which are refused, and where each one lands on a disk.

Two separate questions, so that the answer to the second never weakens the first:

* :func:`check_component` refuses what could leave the folder, or lie to the reader's eye, on any system;
* :func:`local_paths` gives each file a place of its own, the same on every machine of a kind, when names that are fine
  by themselves clash (``Makefile`` and ``makefile``) or mean something else to Windows (``aux.txt``, ``a:b``).
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, TypeAlias

from swarmshare.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Iterable

Path: TypeAlias = tuple[str, ...]
"""A relative path as its components: no separators, so no way to disagree about them."""

MAX_COMPONENT_BYTES: Final = 255
"""The longest name that ext4, XFS, Btrfs, APFS and (nearly) NTFS can hold."""
MAX_PATH_BYTES: Final = 3072
"""The longest path, in UTF-8 with separators: what Linux's 4,096 leave when the download folder has its share."""

_SEPARATOR = re.compile(r"[/\\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BIDI_OVERRIDE = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_SUSPECT = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_WINDOWS_ILLEGAL = re.compile(r'[<>:"|?*]')
_WINDOWS_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)", re.IGNORECASE
)


def check_component(raw: bytes, where: str) -> str:
    """One component of a path as text, or :class:`ManifestError` saying why it may not be one.

    ``where`` names what is being read (``"name"``, ``"file tree"``) for the message.
    """
    if not raw:
        raise ManifestError("name-empty", f"{where}: a name is empty")
    if len(raw) > MAX_COMPONENT_BYTES:
        shown = raw[:24].decode("utf-8", "replace")
        raise ManifestError(
            "name-long", f"{where}: the name {shown!r}... is {len(raw):,} bytes, over {MAX_COMPONENT_BYTES}"
        )
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise ManifestError("name-utf8", f"{where}: the name {raw!r} is not valid UTF-8") from None
    if name in {".", ".."}:
        raise ManifestError("name-dots", f"{where}: a file is named {name!r}, which would leave its folder")
    if _SUSPECT.search(name):
        if "\0" in name:
            raise ManifestError("name-nul", f"{where}: the name {name!r} has a NUL byte in it")
        if _SEPARATOR.search(name):
            raise ManifestError("name-separator", f"{where}: the name {name!r} has a path separator in it")
        if _CONTROL.search(name):
            raise ManifestError("name-control", f"{where}: the name {name!r} has a control character in it")
        raise ManifestError("name-bidi", f"{where}: the name {name!a} has a character that reverses how it reads")
    return name


def local_paths(paths: Iterable[Path], *, windows: bool) -> list[Path]:
    """Where each file of ``paths`` (in manifest order) lands below the download folder.

    No two results are the same file, nor one the folder of another, on any file system; the first comer keeps its name
    and a later one becomes ``name.1.ext``, as in libtorrent. With ``windows``, names that Windows cannot hold, or
    takes for a device, get ``_`` in place of what is wrong. A pure function: every machine of a kind agrees.
    """
    wanted = list(paths)
    taken = {key[:depth] for path in wanted for key in _keys(path) for depth in range(1, len(key))}
    last_number: dict[Path, int] = {}
    placed: list[Path] = []
    for path in wanted:
        result = path
        keys = _keys(path)
        if not taken.isdisjoint(keys):
            number = last_number.get(folded(path), 0)
            while not taken.isdisjoint(keys):
                number += 1
                result = (*path[:-1], _numbered(path[-1], number))
                keys = _keys(result)
            last_number[folded(path)] = number
        taken |= keys
        placed.append(_windows(result) if windows else result)
    return placed


def folded(path: Path) -> Path:
    """The path as a file system sees it that knows neither case nor Unicode's ways of writing one letter."""
    return tuple(map(_fold, path))


def _fold(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _keys(path: Path) -> set[Path]:
    """What the path is to a file system that folds, by its own name and by the one that Windows gets."""
    return {folded(path), folded(_windows(path))}


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


def _windows(path: Path) -> Path:
    return tuple(map(_windows_name, path))


def _windows_name(name: str) -> str:
    safe = _WINDOWS_ILLEGAL.sub("_", name)
    if safe[-1] in ". ":
        safe = safe.rstrip(". ").ljust(len(safe), "_")
    if _WINDOWS_RESERVED.match(safe):
        safe = "_" + safe[1:]
    return safe
