"""One torrent as one announcer sees it: the engine's implementation of :class:`~.announcer.TrackerView`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.engine.announcer import TransferStats
from swarmshare.engine.context import AnnounceQueue
from swarmshare.swarm.diagnosis import NO_LISTENING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from swarmshare.common.address import Address
    from swarmshare.engine.announcer import Changes, Member
    from swarmshare.engine.torrent import Torrent


_log: Final = logging.getLogger(__name__)


class TorrentView:
    """What one announcer may know of a torrent, and report to it."""

    def __init__(self, torrent: Torrent, peer_id: bytes) -> None:
        """Create the view of ``torrent``, which has the ``peer_id`` of 20 bytes."""
        self.manifest = manifest = torrent.manifest
        self.wire_hashes = (manifest.info_hash.truncated, *((manifest.info_hash_v1,) if manifest.info_hash_v1 else ()))
        self.peer_id = peer_id
        self.queue = AnnounceQueue()
        """What the torrent wants announced; the owner of the view puts it into the torrent's context."""
        self._torrent = torrent
        self._known_peers = torrent.context.known_peers
        self._seen: set[int] = set()

    @property
    def port(self) -> int:
        """The TCP port to announce as ours, as it is now."""
        return self._torrent.listening.port or NO_LISTENING

    @property
    def complete(self) -> bool:
        """Whether we hold all that we want."""
        return self._torrent.is_complete

    def stats(self) -> TransferStats:
        """Return the torrent's traffic as of now."""
        torrent, now = self._torrent, trio.current_time()
        return TransferStats(
            torrent.uploads.sent,
            torrent.downloads.received,
            torrent.disk.bytes_left,
            round(torrent.uploads.meter.rate(now)),
            round(torrent.downloads.meter.rate(now)),
        )

    def bits(self) -> bytes:
        """Return what we hold, as a bitfield message has it (BEP 3)."""
        return self._torrent.picker.held.to_wire()

    async def changed(self) -> None:
        """Wait until :meth:`changes` has something to return."""
        await self.queue.wait()

    def changes(self) -> Changes:
        """Return what changed since the last call."""
        return self.queue.take()

    def found(self, addresses: Sequence[Address]) -> None:
        """Pass on peers that may be dialled, the most useful first."""
        _log.debug("%s: tracker: %d peers found", self.manifest.info_hash, len(addresses))
        self._torrent.dialer.found(addresses)

    def see(self, number: int, member: Member | None) -> None:
        """Note a member that is new or has changed, or (None) is gone."""
        self._known_peers.see((self, number), member)
        if member is None:
            self._seen.discard(number)
        else:
            self._seen.add(number)

    def see_pieces(self, number: int, gained: Collection[int], lost: Collection[int]) -> None:
        """Note the pieces that a member has gained and lost."""
        self._known_peers.see_pieces((self, number), gained, lost)

    def report_problem(self, message: str) -> None:
        """Note why the tracker cannot be reached or refuses; empty: it answers again."""
        if message != self.queue.problem:
            _log.warning("%s: tracker: %s", self.manifest.info_hash, message or "it answers")
        self.queue.problem = message

    def close(self) -> None:
        """Forget the members that the announcer has reported: it runs no longer."""
        self._known_peers.forget_all((self, number) for number in self._seen)
