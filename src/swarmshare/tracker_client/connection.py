"""One engine's connection to one tracker: shared by its torrents, made when one needs it, made again when it broke."""

from __future__ import annotations

import logging
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import trio

from swarmshare.errors import TrackerError
from swarmshare.schema.fields import EventError
from swarmshare.schema.tracker_events import MAX_MEMBERS, NAMESPACE, PUSH, Refusal
from swarmshare.schema.tracker_wire import parse_push
from swarmshare.texts import Text
from swarmshare.tracker_client.bridge import open_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from swarmshare.schema.tracker_events import Push
    from swarmshare.tracker_client.bridge import Link

_log: Final = logging.getLogger(__name__)

SHORTEST: Final = 0.5
LONGEST: Final = 30.0
"""Seconds between two attempts."""
PART: Final = 8
"""An attempt waits for at most this part of the time since things went well: after a restart of 20 s, all of a group
are back within 3 s, and not all at one moment."""
MAX_EVENT: Final = 2 * 2**20
"""Bytes of all but the bitfields and the availability of the longest answer or push."""


class SwarmListener(Protocol):
    """The part of a torrent's membership that its connection calls."""

    @property
    def piece_count(self) -> int:
        """The number of pieces of the swarm's manifest. Called in any thread."""

    def pushed(self, push: Push) -> None:
        """Take what the tracker told of the swarm."""

    def away(self, error: TrackerError) -> None:
        """Hears that the tracker cannot be reached, or does not let us in."""


class Backoff:
    """Pauses after failures: the longer nothing works the longer, and random, so that not all come back at once."""

    def __init__(self) -> None:
        self._rng = random.Random()
        self._failing = 0.0
        """For how many seconds nothing has worked."""

    def pause(self, worked: float) -> float:
        """Return the seconds to wait now, when things went well for ``worked`` seconds before they failed."""
        self._failing = 0.0 if worked > LONGEST else self._failing + worked
        ceiling = min(max(2 * SHORTEST, self._failing / PART), LONGEST)
        pause = self._rng.uniform(ceiling / 2, ceiling)
        self._failing += pause
        return pause


class TrackerConnection:
    """The live connection to one tracker in the name of one account, made again whenever it breaks."""

    def __init__(self, tracker: str, token: str) -> None:
        self.tracker = tracker
        self.token = token
        self._listeners: dict[bytes, SwarmListener] = {}
        self._link: Link | None = None
        self._since: float | None = None
        """When the last attempt began; None when there was none, or it was we who ended the connection."""
        self._backoff = Backoff()
        self._turn = trio.Lock()
        self._trio = trio.lowlevel.current_trio_token()

    @asynccontextmanager
    async def listening(self, info_hash: bytes, listener: SwarmListener) -> AsyncIterator[None]:
        """Tells ``listener`` what is pushed; the connection ends with the last listener."""
        self._listeners[info_hash] = listener
        try:
            yield
        finally:
            if self._listeners.get(info_hash) is listener:
                del self._listeners[info_hash]
            if not self._listeners and self._link is not None:
                if not self._link.closed:
                    self._since = None
                link, self._link = self._link, None
                await link.aclose()

    async def link(self) -> Link:
        """Wait for a connection that is up, and return it; meanwhile, listeners are told why there is none."""
        async with self._turn:
            while self._link is None or self._link.closed:
                if self._since is not None:
                    await trio.sleep(self._backoff.pause(trio.current_time() - self._since))
                self._since = trio.current_time()
                try:
                    self._link = await open_link(
                        self.tracker, self.token, NAMESPACE, {PUSH: self._push}, self._max_message()
                    )
                except TrackerError as error:
                    _log.info("%s: no connection: %s", self.tracker, error)
                    for listener in list(self._listeners.values()):
                        listener.away(error)
                else:
                    _log.info("%s: connected, %s", self.tracker, "by long polling" if self._link.polls else "live")
            self._link.max_message = self._max_message()
            return self._link

    def _max_message(self) -> int:
        count = max((listener.piece_count for listener in self._listeners.values()), default=0)
        bits = MAX_MEMBERS * -(-count // 8) + count
        return MAX_EVENT + 4 * -(-bits // 3)  # base64

    def _push(self, data: object) -> None:
        """In the link's thread, so that parsing takes no time of trio's."""
        try:
            push = parse_push(data, self._piece_count)
        except EventError:
            return  # its seq will be missed
        trio.from_thread.run_sync(self._hand_over, push, trio_token=self._trio)

    def _piece_count(self, info_hash: bytes) -> int:
        listener = self._listeners.get(info_hash)
        if listener is None:
            raise EventError(Refusal.UNKNOWN_SWARM, Text("event.not-asked"))
        return listener.piece_count

    def _hand_over(self, push: Push) -> None:
        if (listener := self._listeners.get(push.info_hash)) is not None:
            listener.pushed(push)


_Key: TypeAlias = tuple[str, str, bytes]
_connections: Final[trio.lowlevel.RunVar[dict[_Key, TrackerConnection]]] = trio.lowlevel.RunVar("connections")


def connection_to(tracker: str, token: str, peer_id: bytes) -> TrackerConnection:
    """Return the connection that all torrents of one engine, which is known by ``peer_id``, share."""
    try:
        connections = _connections.get()
    except LookupError:
        connections = {}
        _connections.set(connections)
    return connections.setdefault((tracker, token, peer_id), TrackerConnection(tracker, token))
