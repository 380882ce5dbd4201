"""What somebody means who types WHAT: a manifest's file, a magnet link, or an entry of the group's catalogue.

The catalogue is full of names that strangers chose, so none of them may stand for what somebody has or sees elsewhere:

1. ``magnet:`` is a link.
2. What has a folder in it or ends in ``.torrent`` is a file, and only that. So is any other regular file that begins as
   a manifest does. (A download of an entry's name lies about in the folder where it is fetched: it is no manifest.)
3. 8 to 64 hexadecimal digits are how an info hash begins, and never a name.
4. The rest is the whole name of an entry.

What fits several entries is refused, and they are listed; nothing is ever chosen among them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swarmshare import texts
from swarmshare.cli.render import date, plural, size
from swarmshare.errors import ManifestError, SwarmShareError, TrackerError
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.common.address import Address
    from swarmshare.manifest.magnet import Magnet
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.sign_ins import SignIn
    from swarmshare.tracker_client.api import Entry, TrackerApi

METAVAR: Final = "FILE|INFOHASH|NAME|MAGNET"
HELP: Final = (
    "a manifest (.torrent), a magnet link in quotes, or an entry of the group's catalogue: by its name, or by the "
    "first digits of its info hash, 8 or more"
)
DIGITS: Final = 8
"""Fewest digits of an info hash that an entry is found by: 32 bits, so that few entries share them by accident."""
SHOWN: Final = 8
"""Most entries that a refusal lists."""
_HASH_LENGTH: Final = 64
_NAME_SHOWN: Final = 60
"""Characters of a name that a list of entries shows."""
_BEGINS: Final = re.compile(rf"[0-9a-fA-F]{{{DIGITS},{_HASH_LENGTH}}}")


class EntryError(SwarmShareError):
    """What was typed means nothing, or several things."""

    code = "which-entry"


def find_manifest(what: str, tracker: str | None, peers: Sequence[Address] = ()) -> Manifest:
    """Return the manifest that ``what`` means; ``peers`` are asked, too, for what a magnet link names.

    Raises :class:`SwarmShareError`, which says what ``what`` is not.
    """
    from swarmshare.app.signed_in import catalogue_manifest

    if (magnet := magnet_in(what)) is not None:
        return _from_magnet(magnet, tracker, peers)
    if _is_file(what):
        return load_manifest(Path(what))
    sign_in = _sign_in(what, tracker)
    return catalogue_manifest(sign_in, find_entry(what, sign_in).info_hash)


def find_entry(what: str, sign_in: SignIn) -> Entry:
    """Return the entry that ``what`` means in the catalogue at ``sign_in``. Raises as :func:`find_manifest` does."""
    from swarmshare.app.signed_in import open_tracker

    if (magnet := magnet_in(what)) is not None:
        what = str(magnet.info_hash)
    elif _is_file(what):
        what = str(load_manifest(Path(what)).info_hash)
    with open_tracker(sign_in.tracker, sign_in.token) as (url, api):
        if _BEGINS.fullmatch(what):
            found = api.entries_by_hash(what.lower())
            return found[0] if len(found) == 1 else _no_hash(what, url, api, found)
        found = api.entries_by_name(what)
        return found[0] if len(found) == 1 else _no_name(what, url, api, found)


def load_manifest(path: Path) -> Manifest:
    """Return the manifest in a file; an error names the file."""
    from swarmshare.manifest.bencoding import MAX_BYTES
    from swarmshare.manifest.parse import parse_manifest
    from swarmshare.storage.files import read_small

    if path.is_dir():
        raise EntryError(Text("cli.folder-no-manifest", path=repr(str(path))), hint=Text("hint.give-file"))
    try:
        return parse_manifest(read_small(path, MAX_BYTES))
    except ManifestError as error:
        raise ManifestError(error.rule, texts.about(path, error.message), hint=error.hint) from error


def magnet_in(what: str) -> Magnet | None:
    """Return the magnet link that ``what`` is; None when it is none. Raises :class:`~swarmshare.errors.MagnetError`."""
    from swarmshare.manifest.magnet import is_magnet, parse_magnet

    return parse_magnet(what) if is_magnet(what) else None


def _is_file(what: str) -> bool:
    """Whether ``what`` is a manifest's file by rule 2 of the module."""
    if what.endswith(".torrent") or any(separator in what for separator in (os.sep, os.altsep) if separator):
        return True
    if what in (os.curdir, os.pardir):
        return True
    if not os.path.isfile(what):
        return False
    try:
        with open(what, "rb") as file:
            return file.read(1) == b"d"  # of a bencoded dictionary
    except OSError:
        return False


def _sign_in(what: str, tracker: str | None) -> SignIn:
    from swarmshare.app.signed_in import signed_in_at

    try:
        return signed_in_at(tracker)
    except TrackerError as error:
        if error.rule != "signed-out" or tracker is not None:
            raise
        message = Text("cli.no-catalogue", what=repr(what), kind=_no_file(what), reason=error.message)
        raise EntryError(message, hint=error.hint) from error


def _no_hash(what: str, url: str, api: TrackerApi, found: list[Entry]) -> Entry:
    if found:
        shown = _list(found, named=True)
        raise EntryError(
            Text("cli.begins-several", what=repr(what), count=_count(found), names=shown), hint=Text("hint.more-digits")
        )
    message = Text("cli.no-hash-begins", tracker=url, what=repr(what))
    if len(what) == _HASH_LENGTH:
        message = Text("cli.no-such-hash", tracker=url, what=repr(what))
    if len(what) < _HASH_LENGTH and (called := api.entries_by_name(what)):
        hint = Text("hint.called", names=_list(called, named=False))
    else:
        hint = Text("hint.list-withdrawn")
    raise EntryError(message, hint=hint)


def _no_name(what: str, url: str, api: TrackerApi, found: list[Entry]) -> Entry:
    if found:
        shown = _list(found, named=False)
        hint = Text("hint.digits-instead")
        raise EntryError(Text("cli.name-of-several", what=repr(what), count=_count(found), names=shown), hint=hint)
    message = Text("cli.no-such-name", what=repr(what), kind=_no_file(what), tracker=url)
    if re.fullmatch(r"[0-9a-fA-F]+", what):
        too_many = len(what) > _HASH_LENGTH
        how = Text("hint.hash-length", count=_HASH_LENGTH) if too_many else Text("hint.hash-digits", count=DIGITS)
        raise EntryError(message, hint=how)
    similar = api.similar(what, SHOWN)
    hint = Text("hint.similar", names=_list(similar, named=True)) if similar else Text("hint.list")
    raise EntryError(message, hint=hint)


def _no_file(what: str) -> Text:
    if os.path.isdir(what):
        return Text("cli.kind-folder")
    return Text("cli.kind-file") if os.path.exists(what) else Text("cli.kind-nothing")


def _list(entries: list[Entry], *, named: bool) -> str:
    """Entries, each by as many digits as tell it from the others of the list."""
    digits = DIGITS
    while len({entry.info_hash[:digits] for entry in entries}) < len(entries) and digits < _HASH_LENGTH:
        digits += 1
    shown = []
    for entry in entries[:SHOWN]:
        name = entry.name if len(entry.name) <= _NAME_SHOWN else f"{entry.name[:_NAME_SHOWN]}..."
        about = f"{size(entry.total_length)} by {entry.publisher}, {date(entry.published_at)}"
        shown.append(f"{entry.info_hash[:digits]} ({f'{name!r}, ' if named else ''}{about})")
    more = f" and {len(entries) - SHOWN:,} more" if len(entries) > SHOWN else ""
    return "; ".join(shown) + more


def _count(entries: list[Entry]) -> str:
    return plural(len(entries), "entry", "entries")


def _from_magnet(magnet: Magnet, tracker: str | None, peers: Sequence[Address]) -> Manifest:
    from swarmshare.app.magnets import manifest_of
    from swarmshare.app.signed_in import catalogue_manifest, only_sign_in, signed_in_at
    from swarmshare.cli.signals import run_until_signal

    sign_in = signed_in_at(tracker) if tracker is not None else only_sign_in()
    if sign_in is not None:
        try:
            return catalogue_manifest(sign_in, str(magnet.info_hash))
        except TrackerError:
            if not (magnet.peers or magnet.trackers or peers):
                raise
    found: list[Manifest] = []

    async def look() -> None:
        found.append(await manifest_of(magnet, peers))

    run_until_signal(look)
    return found[0]
