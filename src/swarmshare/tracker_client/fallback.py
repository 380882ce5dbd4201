"""Taking part by ordinary announces, while a tracker is there but no live connection to it gets through."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.errors import TrackerError
from swarmshare.texts import Text, about
from swarmshare.tracker_client.api import TrackerApi
from swarmshare.tracker_client.http import Connection
from swarmshare.tracker_client.http_announce import HttpAnnouncer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.common.address import Address
    from swarmshare.engine.announcer import Changes, TrackerView, TransferStats

_log: Final = logging.getLogger(__name__)


class FallbackAnnouncer:
    """Ordinary announces of one torrent to a SwarmShare tracker, in the name of an account."""

    def __init__(self, tracker: str, token: str, torrent: TrackerView) -> None:
        self._tracker, self._token = tracker, token
        self._torrent = _Told(torrent, about(tracker, Text("tracker.announces")))
        self.runs = False

    async def run(self) -> None:
        """Announces until cancelled; returns when the tracker cannot be asked for the address to announce to."""
        try:
            self.runs = True
            try:
                url = await trio.to_thread.run_sync(self._announce_url, abandon_on_cancel=True)
            except TrackerError:
                return  # the tracker is away, or is none
            _log.info("%s: nothing live gets through: announces now and then", self._tracker)
            await HttpAnnouncer([[url]], random.Random()).run(self._torrent)
        finally:
            self.runs = False

    def _announce_url(self) -> str:
        with Connection(self._tracker, self._token) as connection:
            url = TrackerApi(connection).account().announce_url
        # Whatever it says of itself: only where we found it does anything get through.
        return self._tracker + "/announce" + url.partition("/announce")[2]


class _Told:
    """A torrent that hears after each successful announce how it was made."""

    def __init__(self, torrent: TrackerView, way: Text) -> None:
        self._torrent = torrent
        self._way = way

    @property
    def wire_hashes(self) -> tuple[bytes, ...]:
        return self._torrent.wire_hashes

    @property
    def peer_id(self) -> bytes:
        return self._torrent.peer_id

    @property
    def port(self) -> int:
        return self._torrent.port

    @property
    def complete(self) -> bool:
        return self._torrent.complete

    def stats(self) -> TransferStats:
        return self._torrent.stats()

    async def changed(self) -> None:
        await self._torrent.changed()

    def changes(self) -> Changes:
        return self._torrent.changes()

    def found(self, addresses: Sequence[Address]) -> None:
        self._torrent.found(addresses)

    def report_problem(self, message: str) -> None:
        self._torrent.report_problem(message or self._way)
