"""A SwarmShare tracker as an :class:`~swarmshare.engine.announcer.Announcer`: live, over Socket.IO.

All of it is hints for the download, which goes on whatever the tracker does: it may be slow, wrong, hostile or away.
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.errors import TrackerError
from swarmshare.schema.fields import EventError
from swarmshare.schema.tracker_events import (
    MAX_PEERS,
    MAX_RUNS,
    FindPeers,
    HaveUpdate,
    Join,
    Leave,
    Refusal,
    ReportMember,
    Resync,
    Stats,
)
from swarmshare.schema.tracker_wire import dump_request, parse_answer, parse_peers, parse_state
from swarmshare.texts import about
from swarmshare.tracker_client.bridge import NOT_LIVE
from swarmshare.tracker_client.connection import Backoff, connection_to
from swarmshare.tracker_client.fallback import FallbackAnnouncer
from swarmshare.tracker_client.view import SwarmView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from swarmshare.common.address import Address
    from swarmshare.common.bits import Runs
    from swarmshare.engine.announcer import TrackerView
    from swarmshare.schema.tracker_events import Push, SwarmRequest
    from swarmshare.tracker_client.bridge import Link
    from swarmshare.tracker_client.connection import TrackerConnection

_log: Final = logging.getLogger(__name__)

HAVE_INTERVAL: Final = 0.25
"""Seconds between two tellings of what we gained."""
SHORTEST_INTERVAL: Final = 5
"""Seconds between two signs of life, whatever a tracker wants."""
MORE_PEERS_INTERVAL: Final = 30.0
RESYNC_INTERVAL: Final = 1.0
"""Seconds between two questions for the whole state, at least."""
MAX_WAITING: Final = 64
"""Pushes that wait for us; when there are more, they are dropped, and the whole state is asked for."""
MAX_LIARS: Final = 256
"""Addresses that wait to be reported; more are not."""
HEARSAY: Final = 60.0
"""Seconds for which what a tracker said of peers counts after it is gone."""
GOODBYE: Final = 0.8
"""Seconds that it may take to leave."""
_QUIET: Final = {Refusal.NOT_JOINED, Refusal.TOO_FAST}
"""Refusals that pass when we join again."""


class TrackerAnnouncer:
    """Takes part in swarms of one tracker, for any number of torrents."""

    def __init__(self, tracker: str, token: str) -> None:
        """Announces to ``tracker``, as :func:`~swarmshare.tracker_client.http.tracker_url` gives it, with ``token``."""
        self._tracker, self._token = tracker, token

    async def run(self, torrent: TrackerView) -> None:
        """Take part in the swarm of ``torrent`` until cancelled, and tell it of peers and problems."""
        await _Membership(torrent, connection_to(self._tracker, self._token, torrent.peer_id)).run()


class _Membership:
    """Our membership in one swarm of one tracker.

    ================  =======================================================  ===================================
    state             what happens                                             next state
    ================  =======================================================  ===================================
    not connected     a live connection comes up                               joining
    not connected     nothing live gets through, but HTTP does                 the same, with ordinary announces
    joining           the tracker answers with the whole swarm                 in step
    in step           a push with the next ``seq``                             in step
    in step           a push is missing, or too many wait                      resync
    resync            the whole swarm comes again                              in step
    any connected     the connection ends                                      not connected
    any connected     a request is refused (expired, too fast, withdrawn)      not connected, after a pause
    ================  =======================================================  ===================================
    """

    def __init__(self, torrent: TrackerView, connection: TrackerConnection) -> None:
        self.piece_count = torrent.manifest.layout.piece_count
        self._torrent = torrent
        self._connection = connection
        self._info_hash = torrent.manifest.info_hash.full
        self._name = torrent.manifest.info_hash
        """For the log."""
        self._view = SwarmView(torrent)
        self._liars: deque[Address] = deque(maxlen=MAX_LIARS)
        self._waiting: deque[Push] = deque()
        self._missed = False
        self._news = trio.Event()
        self._link: Link | None = None
        self._nursery: trio.Nursery | None = None
        """Of what is done while there is no live connection."""
        self._fallback = FallbackAnnouncer(connection.tracker, connection.token, torrent)
        self._joined = False
        """Over this connection."""
        self._lost_at = 0.0
        """When the last connection ended."""

    async def run(self) -> None:
        """Take part until cancelled; then leave, within :data:`GOODBYE` seconds."""
        backoff = Backoff()
        async with self._connection.listening(self._info_hash, self):
            try:
                while True:
                    self._link = await self._live()
                    since = trio.current_time()
                    end = await self._take_part(self._link)
                    self._lost_at = trio.current_time()
                    _log.info("%s: tracker %s: no longer connected: %s", self._name, self._connection.tracker, end)
                    if isinstance(end, EventError):
                        if end.reason not in _QUIET:
                            self._torrent.report_problem(about(self._connection.tracker, end.message))
                        await trio.sleep(backoff.pause(trio.current_time() - since))
                    elif not self._joined:
                        self.away(end)
            finally:
                with trio.move_on_after(GOODBYE, shield=True):
                    await self._leave()

    async def _live(self) -> Link:
        """Return a live connection, as soon as there is one; ordinary announces meanwhile, where these get through."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                return await self._connection.link()
            finally:
                self._nursery = None
                nursery.cancel_scope.cancel()

    # What the connection tells

    def pushed(self, push: Push) -> None:
        """Keep a push until it is taken; when too many wait, the whole swarm is asked for instead."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(push)
        else:
            self._missed = True
        self._news.set()

    def away(self, error: TrackerError) -> None:
        """Tells the torrent why there is no connection, and begins ordinary announces if these may get through."""
        if trio.current_time() - self._lost_at > HEARSAY:
            self._view.forget_all()
        if self._nursery is not None and error.rule == NOT_LIVE and not self._fallback.runs:
            self._nursery.start_soon(self._fallback.run)
        if not self._fallback.runs:
            self._torrent.report_problem(error.advice)

    # What we do

    async def _take_part(self, link: Link) -> EventError | TrackerError:
        """Over one connection; returns what ended it."""
        ended: list[EventError | TrackerError] = []
        self._joined = False
        self._view.lose_place()
        self._waiting.clear()
        self._missed = False

        async def do(duty: Callable[[], Awaitable[None]]) -> None:
            try:
                await duty()
            except (EventError, TrackerError) as error:
                ended.append(error)
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            await do(self._join)
            for duty in (self._tell_pieces, self._keep_in_step, self._tell_stats, self._find_more, link.last):
                nursery.start_soon(do, duty)
        return ended[0]

    async def _join(self) -> None:
        self._liars.extend(self._torrent.changes().liars)
        join = Join(
            self._info_hash,
            self._torrent.peer_id,
            self._torrent.port,
            self.piece_count,
            self._torrent.bits(),
            self._torrent.stats().left,
        )
        self._view.start(parse_state(await self._ask(join), self.piece_count))
        self._joined = True
        _log.info("%s: tracker %s: joined", self._name, self._connection.tracker)
        self._torrent.report_problem((self._link.way if self._link is not None else None) or "")

    async def _tell_pieces(self) -> None:
        while True:
            await self._report_liars()
            await self._torrent.changed()
            changes = self._torrent.changes()
            self._liars.extend(changes.liars)
            gained, lost = _runs(changes.gained), _runs(changes.lost)
            if max(len(gained), len(lost)) > MAX_RUNS:
                await self._join()
            elif gained or lost:
                parse_answer("have", await self._ask(HaveUpdate(self._info_hash, gained, lost)))
            await trio.sleep(HAVE_INTERVAL)

    async def _report_liars(self) -> None:
        while self._liars:
            number = self._view.number(self._liars.popleft())
            if number is not None:
                try:
                    parse_answer("report", await self._ask(ReportMember(self._info_hash, number)))
                except EventError as refusal:
                    if refusal.reason != Refusal.UNKNOWN_MEMBER:
                        raise

    async def _keep_in_step(self) -> None:
        while True:
            await self._news.wait()
            self._news = trio.Event()
            if not await self._catch_up():
                self._missed = False
                _log.debug("%s: tracker %s: missed a push", self._name, self._connection.tracker)
                answer = await self._ask(Resync(self._info_hash))
                self._view.start(parse_state(answer, self.piece_count))
                self._news.set()  # what waits still may go on from there
                await trio.sleep(RESYNC_INTERVAL)

    async def _catch_up(self) -> bool:
        """Take the pushes that wait; False when one is missing."""
        while self._waiting and not self._missed:
            if not self._view.apply(self._waiting.popleft()):
                return False
            await trio.lowlevel.checkpoint()
        return not self._missed

    async def _tell_stats(self) -> None:
        while True:
            await trio.sleep(max(SHORTEST_INTERVAL, self._view.interval))
            parse_answer("stats", await self._ask(Stats(self._info_hash, *self._torrent.stats())))

    async def _find_more(self) -> None:
        while True:
            await trio.sleep(MORE_PEERS_INTERVAL)
            if not self._torrent.complete:
                self._view.find(parse_peers(await self._ask(FindPeers(self._info_hash, MAX_PEERS))))

    async def _leave(self) -> None:
        if self._link is not None:
            with suppress(EventError, TrackerError):
                await self._ask(Leave(self._info_hash))

    async def _ask(self, request: SwarmRequest) -> object:
        assert self._link is not None
        return await self._link.ask(*dump_request(request))


def _runs(pieces: Iterable[int]) -> Runs:
    runs: list[range] = []
    for piece in sorted(pieces):
        if runs and runs[-1].stop == piece:
            runs[-1] = range(runs[-1].start, piece + 1)
        else:
            runs.append(range(piece, piece + 1))
    return tuple(runs)
