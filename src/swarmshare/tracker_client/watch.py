"""Following a tracker's catalogue: the whole list over HTTP, then what changes, live; and again after each break."""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

import trio

from swarmshare.errors import TrackerError
from swarmshare.schema.tracker_events import LIVE, Refusal
from swarmshare.texts import Text, about
from swarmshare.tracker_client.api import Account, Entry, TrackerApi, read_counts, read_entry
from swarmshare.tracker_client.bridge import NOT_LIVE, open_link
from swarmshare.tracker_client.connection import LONGEST, Backoff
from swarmshare.tracker_client.http import Answer, Connection

if TYPE_CHECKING:
    from collections.abc import Callable

_log: Final = logging.getLogger(__name__)

MAX_EVENT: Final = 2 * 2**20
"""Bytes of the longest event: counts of a thousand swarms, or an entry."""
ASK_EVERY: Final = 30.0
"""Seconds between two times that the list is fetched, where nothing live gets through."""
MAX_WAITING: Final = 10_000
"""Events that come while the list is fetched; with more, it is fetched anew."""
_SIGNED_OUT: Final = {Refusal.SIGNED_OUT, "token-unknown", "token-expired"}

_Read = TypeVar("_Read")


class EntryCounts(NamedTuple):
    """The numbers of an entry's swarm at this moment."""

    info_hash: str
    seeds: int
    peers: int
    copies: int


class Watcher(Protocol):
    """Hears of the catalogue. All methods are called in trio's thread."""

    def listed(self, account: Account, entries: list[Entry]) -> None:
        """Take the whole catalogue, the newest first, and the account that asked for it."""

    def published(self, entry: Entry) -> None:
        """Hears of a new entry; perhaps it was listed already."""

    def withdrawn(self, info_hash: str) -> None:
        """Hears that the entry with this info hash is gone."""

    def counted(self, counts: list[EntryCounts]) -> None:
        """Hears of swarms whose numbers changed."""

    def away(self, error: TrackerError) -> None:
        """Hears that the tracker cannot be reached, or not live, or does not let us in; it is tried again."""


async def watch(tracker: str, token: str, watcher: Watcher) -> None:
    """Follows a catalogue until cancelled. Raises :class:`TrackerError` when the sign-in is not valid (any more)."""
    backoff, broke_before = Backoff(), False
    while True:
        since = trio.current_time()
        try:
            error = await _follow(tracker, token, watcher)
            # A tracker cuts all connections of an account when one of its devices is signed out. One break is not told:
            # the next connection is there in a moment, or its own failure is told.
            if broke_before and trio.current_time() - since < LONGEST:
                watcher.away(error)
            broke_before = True
        except TrackerError as error:
            _log.info("%s: the catalogue is not followed: %s", tracker, error)
            if error.rule in _SIGNED_OUT:
                raise
            if error.rule == NOT_LIVE and await _ask(tracker, token, watcher):
                await trio.sleep(ASK_EVERY)
                continue
            watcher.away(error)
        await trio.sleep(backoff.pause(trio.current_time() - since))


async def _ask(tracker: str, token: str, watcher: Watcher) -> bool:
    """Fetch the list, where nothing live gets through; return whether that worked."""
    try:
        listed = await _listed(tracker, token)
    except TrackerError as error:
        if error.rule in _SIGNED_OUT:
            raise
        return False
    watcher.listed(*listed)
    watcher.away(TrackerError(NOT_LIVE, about(tracker, Text("tracker.asked-every", seconds=round(ASK_EVERY)))))
    return True


async def _follow(tracker: str, token: str, watcher: Watcher) -> TrackerError:
    """Follows over one connection, and returns how it broke; raises :class:`TrackerError` when there was none."""
    inbox = _Inbox(watcher)
    pushes = {
        "published": partial(inbox.take, lambda data: read_entry(Answer(data)), watcher.published),
        "withdrawn": partial(inbox.take, lambda data: _info_hash(Answer(data)), watcher.withdrawn),
        "swarms": partial(inbox.take, _counts, watcher.counted),
    }
    link = await open_link(tracker, token, LIVE, pushes, MAX_EVENT)
    try:
        # Only now, so that nothing that happens meanwhile is missed.
        watcher.listed(*await _listed(tracker, token))
        inbox.open()
        _log.info("%s: follows the catalogue", tracker)
        if link.way:
            watcher.away(TrackerError(NOT_LIVE, link.way))
        try:
            await link.last()
        except TrackerError as broke:
            return broke
    finally:
        await link.aclose()


async def _listed(tracker: str, token: str) -> tuple[Account, list[Entry]]:
    limiter = trio.CapacityLimiter(1)
    return await trio.to_thread.run_sync(_list, tracker, token, abandon_on_cancel=True, limiter=limiter)


def _list(tracker: str, token: str) -> tuple[Account, list[Entry]]:
    with Connection(tracker, token) as connection:
        api = TrackerApi(connection)
        return api.account(), list(api.entries())


class _Inbox:
    """Keeps events until the list has been fetched, then passes them on at once."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._waiting: deque[Callable[[], None]] | None = deque()
        self._trio = trio.lowlevel.current_trio_token()

    def take(self, read: Callable[[object], _Read], tell: Callable[[_Read], None], data: object) -> None:
        """Read an event, and pass it on. Called in the link's thread; what it raises ends the connection."""
        what = read(data)
        trio.from_thread.run_sync(self._hand_over, partial(tell, what), trio_token=self._trio)

    def open(self) -> None:
        """Pass on what waits, now that the list has been told."""
        waiting, self._waiting = self._waiting, None
        for tell in waiting or ():
            tell()

    def _hand_over(self, tell: Callable[[], None]) -> None:
        if self._waiting is None:
            tell()
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(tell)
        else:
            raise TrackerError("not-a-tracker", Text("tracker.tells-too-much"))


def _info_hash(answer: Answer) -> str:
    return answer.text("info_hash")


def _counts(data: object) -> list[EntryCounts]:
    return [EntryCounts(_info_hash(swarm), *read_counts(swarm)) for swarm in Answer({"swarms": data}).each("swarms")]
