"""Reports of a running engine: its alerts and snapshots as events for programs, and as sentences for people."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from swarmshare.cli.render import TRIED_AGAIN, plural, sentence
from swarmshare.cli.torrent_text import files_named, named, safety
from swarmshare.common.text import clean, with_user
from swarmshare.schema.alerts import (
    ConnectionFailed,
    FileNotice,
    OpenFilesLimit,
    PeerDropped,
    PieceFailed,
    PiecesFound,
    PiecesLost,
    TorrentComplete,
    TorrentRecovered,
    TorrentWaiting,
)
from swarmshare.swarm.diagnosis import ListenReach
from swarmshare.texts import Text, about, advise

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable, Sequence

    from swarmshare.cli.display import Display
    from swarmshare.cli.render import Output
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.schema.alerts import Alert
    from swarmshare.schema.snapshot import EngineSnapshot, TorrentSnapshot

_FOR: Final = {
    ListenReach.NOWHERE: "for nobody",
    ListenReach.MACHINE: "for this machine only",
    ListenReach.NETWORK: "for this network only",
    ListenReach.ANYWHERE: "for everybody who reaches it",
}
"""Who may connect."""


REPEAT_AFTER: Final = 600.0
"""Seconds after which the same problem with a tracker is told again, if it is still there or is back."""
MAX_REPORTED: Final = 1000
"""Most problems that are remembered; further ones are not told: there is enough to read."""


class EngineReport:
    """Turns alerts and snapshots into events, and into sentences."""

    def __init__(
        self,
        output: Output,
        display: Display,
        manifests: Iterable[Manifest],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output, self._display, self._clock = output, display, clock
        self._told_at: dict[tuple[str, str], float] = {}
        """Which problem with a tracker was told of which torrent, and when."""
        self._told: dict[str, set[str]] = {}
        self._names = {manifest.info_hash.full: named(manifest) for manifest in manifests}

    def listening(self, addresses: Sequence[str], reach: ListenReach) -> None:
        """Say that it accepts connections now, from as far as ``reach``."""
        for address in addresses:
            self._output.event("listening", address=address, reach=reach.value)
        self._display.say(f"Listening on {' and '.join(addresses)}, {_FOR[reach]}" if addresses else "Not listening")

    def alerts(self, alerts: deque[Alert]) -> None:
        """Take all alerts that wait, and report each."""
        while alerts:
            self._tell(alerts.popleft())

    def _tell(self, alert: Alert) -> None:
        if isinstance(alert, OpenFilesLimit):
            self._output.event("open_files_limit", limit=alert.limit)
            self._display.say(advise(Text("cli.open-files", limit=alert.limit), Text("hint.open-files-or-less")))
            return
        event, say = self._output.event, self._display.say
        if isinstance(alert, ConnectionFailed):
            self._connection_failed(alert)
            return
        name, info_hash = self._names[alert.info_hash], alert.info_hash.hex()
        match alert:
            case TorrentComplete():
                event("complete", info_hash=info_hash)
                say(f"{name}: complete")
            case TorrentWaiting(_, code, message):
                # Programs that wait for this event know it by the name it always had.
                event("paused", info_hash=info_hash, code=code, message=clean(message))
                say(Text("cli.waiting", name=name, what=sentence(message), hint=TRIED_AGAIN))
            case TorrentRecovered():
                event("resumed", info_hash=info_hash)
                say(f"{name}: goes on")
            case FileNotice(_, message):
                event("file_notice", info_hash=info_hash, message=clean(message))
                say(about(name, message))
            case PeerDropped(_, address, reason, banned, user):
                who, proven = with_user(user, address), clean(user)
                event("peer_dropped", info_hash=info_hash, address=address, reason=reason, banned=banned, user=proven)
                if banned:
                    say(Text("cli.banned", name=name, address=who, reason=reason))
                else:
                    self._display.note(Text("cli.dropped", name=name, address=who, reason=reason))
            case PiecesLost(_, count, files):
                event("pieces_lost", info_hash=info_hash, count=count, files=[clean(file) for file in files])
                changed = files_named(files)
                one = Text("cli.piece-lost", files=changed)
                lost = one if count == 1 else Text("cli.pieces-lost", count=count, files=changed)
                say(about(name, advise(lost, Text("hint.put-back-or-publish"))))
            case PiecesFound(_, count):
                event("pieces_found", info_hash=info_hash, count=count)
                say(f"{name}: {plural(count, 'piece')} found on the disk again")
            case PieceFailed(_, piece, blamed):
                event("piece_failed", info_hash=info_hash, piece=piece, blamed=blamed)
            case _:
                pass

    def _connection_failed(self, alert: ConnectionFailed) -> None:
        """Say what may have been about any torrent, or none of ours."""
        info_hash = alert.info_hash
        self._output.event(
            "connection_failed",
            info_hash=info_hash.hex() if info_hash is not None else None,
            address=alert.address,
            cause=alert.cause.value,
            message=alert.message,
        )
        what = Text("cli.no-connection", address=alert.address, reason=alert.message)
        self._display.note(what if info_hash is None else about(self._names[info_hash], what))

    def progress(self, snapshot: EngineSnapshot) -> None:
        """Report how far each torrent has come: an event for programs, and for people what is new."""
        for torrent in snapshot.torrents:
            self._output.event("progress", **_fields(torrent))
            self._tell_news(torrent)

    def _is_news(self, name: str, problem: str) -> bool:
        """Whether it was not told of late: a tracker that comes and goes would fill a log with two sentences."""
        now, key = self._clock(), (name, problem)
        for old in [old for old, at in self._told_at.items() if now - at >= REPEAT_AFTER]:
            del self._told_at[old]
        if not problem or key in self._told_at or len(self._told_at) >= MAX_REPORTED:
            return False
        self._told_at[key] = now
        return True

    def _tell_news(self, torrent: TorrentSnapshot) -> None:
        """Say what has changed for those who share, once each time."""
        name, alone = named(torrent.manifest), torrent.no_peers
        # Of one cause there may be ever new words: the addresses in them change.
        cause = alone.cause.value if alone is not None else ""
        told = self._told.get(name, ())
        if safety(torrent) and safety(torrent) not in told:
            self._display.say(f"{name}: {safety(torrent)}")
        if torrent.tracker_problem not in told and self._is_news(name, torrent.tracker_problem):
            self._display.say(about(name, torrent.tracker_problem))
        if alone is not None and cause not in told:
            info_hash, message = str(torrent.manifest.info_hash), clean(alone.message)
            self._output.event("no_peers", info_hash=info_hash, cause=cause, message=message)
            self._display.say(about(name, Text("cli.nobody-connected", reason=alone.message)))
        self._told[name] = {safety(torrent), torrent.tracker_problem, cause}


def _fields(torrent: TorrentSnapshot) -> dict[str, object]:
    return {
        "info_hash": str(torrent.manifest.info_hash),
        "state": torrent.state.value,
        "checked": round(torrent.checked, 4),
        "bytes_done": torrent.bytes_done,
        "bytes_total": torrent.bytes_total,
        "pieces_done": torrent.pieces_done,
        "pieces_total": torrent.manifest.layout.piece_count,
        "downloaded": torrent.downloaded,
        "uploaded": torrent.uploaded,
        "rate_down": round(torrent.rate_down),
        "rate_up": round(torrent.rate_up),
        "peers": len(torrent.peers),
        "seeds": torrent.seeds,
        "members": len(torrent.members),
        "copies_elsewhere": torrent.copies_elsewhere,
        "announced_only": torrent.announced_only,
        "only_here": torrent.only_here,
        "tracker_problem": clean(torrent.tracker_problem),
    }
