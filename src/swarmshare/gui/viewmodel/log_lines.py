"""What happened, in words, as many lines as one can look through. Pure: the clock is an argument."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.app.facts import JobFailed, Problem, Published, Shared
from swarmshare.common.text import clean, with_user
from swarmshare.gui.sentences import spoken, translate
from swarmshare.gui.words import _, ngettext, number
from swarmshare.schema.alerts import (
    ConnectionFailed,
    FileNotice,
    OpenFilesLimit,
    PeerDropped,
    PieceFailed,
    PiecesFound,
    PiecesLost,
    PieceVerified,
    TorrentComplete,
    TorrentRecovered,
    TorrentWaiting,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.app.facts import Fact
    from swarmshare.gui.viewmodel.cells import Tone

MAX_LINES: Final = 1000


class Line(NamedTuple):
    """One line of the log."""

    number: int
    at: float
    """When it happened, in seconds since 1970."""
    info_hash: str
    """What it is about; empty: no transfer."""
    text: str
    icon: str
    tone: Tone


class Log:
    """The log of everything, bounded; the newest first."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=MAX_LINES)
        self._numbers = count()

    def note(self, facts: Sequence[Fact], now: float) -> None:
        """Add facts, as of ``now``."""
        for fact in facts:
            self._lines.appendleft(Line(next(self._numbers), now, _about(fact), *_in_words(fact)))

    def lines(self, info_hash: str | None) -> list[Line]:
        """Those about one transfer; None: all."""
        return [line for line in self._lines if info_hash is None or line.info_hash in ("", info_hash)]


def limit_in_words(limit: int) -> str:
    """Return a sentence that the system allows ``limit`` open files and connections, which is too few."""
    text = _("The system allows only {limit} open files and connections: some people have to wait")
    return text.format(limit=number(limit))


def _about(fact: Fact) -> str:
    match fact:
        case Shared() | Published():
            return fact.info_hash
        case JobFailed() | Problem() | OpenFilesLimit():
            return ""
        case ConnectionFailed(info_hash=about):
            return about.hex() if about is not None else ""
        case _:
            return fact.info_hash.hex()


def _in_words(fact: Fact) -> tuple[str, str, Tone]:
    match fact:
        case PieceFailed(piece=piece, blamed=None):
            return (
                _("Piece {piece} came wrong, and is asked for again").format(piece=number(piece)),
                "x-circle",
                "warning",
            )
        case PieceFailed(piece=piece, blamed=peer):
            text = _("Piece {piece} came wrong from {peer}, and is asked of others")
            return text.format(piece=number(piece), peer=clean(str(peer))), "x-circle", "warning"
        case PeerDropped(address=address, reason=reason, banned=banned, user=user):
            text = _("{peer} is banned: {reason}") if banned else _("{peer} was dropped: {reason}")
            return text.format(peer=with_user(user, clean(address)), reason=translate(reason)), "person-x", "warning"
        case ConnectionFailed(address=address, message=message):
            text = _("No connection with {peer}: {reason}")
            return text.format(peer=clean(address), reason=spoken(message)), "plug", "warning"
        case TorrentWaiting(message=message):
            return _("It waits: {reason}").format(reason=translate(message)), "exclamation-triangle", "danger"
        case FileNotice(message=message):
            return spoken(message), "exclamation-triangle", "warning"
        case TorrentRecovered():
            return _("It goes on"), "play-circle", "success"
        case PiecesLost(count=lost, files=files):
            text = ngettext("{n} piece is gone from the disk", "{n} pieces are gone from the disk", lost)
            return f"{text.format(n=number(lost))}: {', '.join(map(clean, files))}", "exclamation-triangle", "danger"
        case PiecesFound(count=found):
            text = ngettext("{n} piece is on the disk again", "{n} pieces are on the disk again", found)
            return text.format(n=number(found)), "check", "success"
        case OpenFilesLimit(limit=limit):
            return limit_in_words(limit), "exclamation-triangle", "warning"
        case TorrentComplete():
            return _("Everything is here, and verified"), "check-circle-fill", "success"
        case Shared():
            return shared(fact), "share", "success"
        case Published(name=name, publisher=publisher):
            text = _("{person} shared {name}").format(person=clean(publisher), name=clean(name))
            return text, "collection", "info"
        case JobFailed(path=path, message=message):
            if not message:
                return _("Sharing {path} was cancelled").format(path=clean(str(path))), "x-circle", "muted"
            reason = translate(message, without=path)
            text = _("{path} could not be shared: {reason}").format(path=clean(str(path)), reason=reason)
            return text, "x-circle", "danger"
        case Problem(message=message):
            return clean(message), "exclamation-triangle", "warning"
        case PieceVerified(piece=piece):
            return _("Piece {piece} is right").format(piece=number(piece)), "check", "muted"


def shared(fact: Shared) -> str:
    """Return a sentence that something is shared, and what receivers will not get of it."""
    if not fact.lost_folder:
        return _("{name} is shared").format(name=clean(fact.name))
    text = _(
        "{name} is shared, without the folder {folder} around it: BitTorrent v2 knows no folder with one file only"
    )
    return text.format(name=clean(fact.name), folder=clean(fact.lost_folder))
