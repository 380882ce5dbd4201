"""Taking part by ordinary announces, while a tracker is there but no live connection to it gets through."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import trio

from swarmshare.errors import TrackerError
from swarmshare.texts import Text, about
from swarmshare.tracker_client.api import TrackerApi
from swarmshare.tracker_client.http import Connection
from swarmshare.tracker_client.http_announce import HttpAnnouncer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.engine.address import Address
    from swarmshare.engine.announcer import Changes, TrackerView, TransferStats


class FallbackAnnouncer:
    """One torrent's announces to a tracker of ours, in the name of an account."""

    def __init__(self, tracker: str, token: str, port: TrackerView) -> None:
        self._tracker, self._token = tracker, token
        self._port = _Told(port, about(tracker, Text("tracker.announces")))
        self.runs = False

    async def run(self) -> None:
        """Announce until cancelled; return where the tracker cannot be asked for the address to announce to."""
        try:
            self.runs = True
            try:
                url = await trio.to_thread.run_sync(self._announce_url, abandon_on_cancel=True)
            except TrackerError:
                return  # the tracker is away, or is none
            await HttpAnnouncer([[url]], random.Random()).run(self._port)
        finally:
            self.runs = False

    def _announce_url(self) -> str:
        with Connection(self._tracker, self._token) as connection:
            url = TrackerApi(connection).account().announce_url
        # Whatever it says of itself: only where we found it does anything get through.
        return self._tracker + "/announce" + url.partition("/announce")[2]


class _Told:
    """A torrent to which each success of an announce says how it was made."""

    def __init__(self, port: TrackerView, way: Text) -> None:
        self._port = port
        self._way = way

    @property
    def wire_hashes(self) -> tuple[bytes, ...]:
        return self._port.wire_hashes

    @property
    def peer_id(self) -> bytes:
        return self._port.peer_id

    @property
    def port(self) -> int:
        return self._port.port

    @property
    def complete(self) -> bool:
        return self._port.complete

    def stats(self) -> TransferStats:
        return self._port.stats()

    async def changed(self) -> None:
        await self._port.changed()

    def changes(self) -> Changes:
        return self._port.changes()

    def found(self, addresses: Sequence[Address]) -> None:
        self._port.found(addresses)

    def tell_problem(self, message: str) -> None:
        self._port.tell_problem(message or self._way)
