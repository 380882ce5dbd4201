"""Ordinary trackers: announces over HTTP and HTTPS, by the tiers of a manifest (BEP 3, 12, 27)."""

from __future__ import annotations

import logging
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import trio

from swarmshare.common.text import MAX_TEXT, clean
from swarmshare.errors import TrackerError
from swarmshare.texts import Text, about, advise
from swarmshare.tracker_client.announce_codec import MAX_INTERVAL, AnnounceRequest, Event, Reply, parse_reply
from swarmshare.tracker_client.failures import ADDRESS, odd_page
from swarmshare.tracker_client.fetch import Page, get
from swarmshare.tracker_client.proxies import through

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from swarmshare.engine.announcer import AnnounceContext

_log: Final = logging.getLogger(__name__)

FIRST_RETRY: Final = 5.0
"""Seconds to the next try when no tracker worked; twice as long after each, up to ``MAX_INTERVAL``."""
GOODBYE: Final = 1.0
"""Seconds for telling the trackers that we leave."""


class HttpAnnouncer:
    """Announces one torrent to the trackers of its manifest: an :class:`~swarmshare.engine.announcer.Announcer`.

    One tracker at a time: the first that works, by tiers (BEP 12), as a private swarm needs it (BEP 27). A hybrid is
    announced by both its hashes.
    """

    def __init__(self, tiers: Sequence[Sequence[str]], rng: Random) -> None:
        """Announces to ``tiers`` of announce URLs; ``rng`` mixes each tier, makes the key, and spreads the tries."""
        self._tiers = tiers
        self._rng = rng

    async def run(self, torrent: AnnounceContext) -> None:
        """Announces ``torrent`` until cancelled; then tells the trackers that we leave, within a second."""
        announces = _Announces(self._tiers, self._rng, torrent)
        try:
            await announces.go_on()
        finally:
            with trio.move_on_after(GOODBYE, shield=True):
                await announces.leave()


class _Tracker:
    """One announce URL, and what its tracker knows of us."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.tracker_id: bytes | None = None
        self.told: dict[bytes, bool] = {}
        """The hashes that we are a member by, and whether it knows that we have all."""
        self.asking: set[bytes] = set()
        """The hashes of an announce under way, or cancelled: it may have arrived."""

    @property
    def name(self) -> str:
        """The host, for users: not the path, which may have somebody's passkey in it."""
        return clean(self.url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2], MAX_TEXT)

    @property
    def usable(self) -> bool:
        """Whether its address is of a kind that is spoken here."""
        try:
            return urlsplit(self.url).scheme in ("http", "https")
        except ValueError:
            return False


class _Announces:
    """One torrent's announces, from start to stop."""

    def __init__(self, tiers: Sequence[Sequence[str]], rng: Random, torrent: AnnounceContext) -> None:
        self._torrent = torrent
        self._rng = rng
        self._key = f"{rng.getrandbits(32):08X}"
        self._hashes = torrent.wire_hashes
        trackers = [[_Tracker(url) for url in dict.fromkeys(tier)] for tier in tiers]
        self._tiers = [[tracker for tracker in tier if tracker.usable] for tier in trackers]
        self._unusable = [tracker.name for tier in trackers for tracker in tier if not tracker.usable]
        for tier in self._tiers:
            rng.shuffle(tier)

    async def go_on(self) -> None:
        """Announces at each interval, and once when the torrent is complete."""
        retry = FIRST_RETRY
        while True:
            told_complete = self._torrent.complete
            interval = await self._announce()
            if interval is None:
                # Somewhere in the second half: those whom a tracker lost at one time do not come back at one time.
                pause = retry * self._rng.uniform(0.5, 1)
                retry = min(2 * retry, MAX_INTERVAL)
            else:
                pause, retry = interval, FIRST_RETRY
            with trio.move_on_after(pause):
                while told_complete or not self._torrent.complete:
                    await self._torrent.changed()
                    self._torrent.changes()

    async def leave(self) -> None:
        """Announces ``stopped`` wherever we are a member."""
        async with trio.open_nursery() as nursery:
            for tracker in (tracker for tier in self._tiers for tracker in tier):
                for wire_hash in tracker.told.keys() | tracker.asking:
                    nursery.start_soon(self._part, tracker, wire_hash)

    async def _part(self, tracker: _Tracker, wire_hash: bytes) -> None:
        with suppress(TrackerError):
            await self._ask(tracker, wire_hash, "stopped")

    async def _announce(self) -> float | None:
        """Announces to the first tracker that works; returns the seconds to the next announce, or None if none does."""
        problems: list[Text] = []
        hint: Text | None = None
        for tier in self._tiers:
            for tracker in tier:
                try:
                    replies = await self._tell(tracker)
                except TrackerError as error:
                    if not problems:
                        hint = error.hint
                    problems.append(about(tracker.name, error.message))
                    continue
                tier.remove(tracker)
                tier.insert(0, tracker)
                self._hear(tracker, replies)
                return max(reply.interval for reply in replies)
        problems += [about(name, Text("tracker.only-http")) for name in self._unusable]
        if len(problems) > 1:
            problems[0] = Text("tracker.and-more", what=problems[0], count=len(problems) - 1)
        self._torrent.report_problem(advise(problems[0], hint) if problems else "")
        return None

    def _hear(self, tracker: _Tracker, replies: list[Reply]) -> None:
        warning = next((reply.warning for reply in replies if reply.warning), "")
        self._torrent.report_problem(about(tracker.name, Text("tracker.says", text=warning)) if warning else "")
        if found := list(dict.fromkeys(peer for reply in replies for peer in reply.peers)):
            self._torrent.found(found)

    async def _tell(self, tracker: _Tracker) -> list[Reply]:
        """Announces all hashes to one tracker, of which one must be accepted."""
        replies: list[Reply] = []
        failures: list[TrackerError] = []
        for wire_hash in self._hashes:
            try:
                replies.append(await self._tell_hash(tracker, wire_hash))
            except TrackerError as error:
                failures.append(error)
                if error.rule != "refused":  # whoever was silent once would be again
                    break
        if not replies:
            raise failures[0]
        return replies

    async def _tell_hash(self, tracker: _Tracker, wire_hash: bytes) -> Reply:
        complete = self._torrent.complete
        event: Event = ""
        if wire_hash not in tracker.told:
            event = "started"
        elif complete and not tracker.told[wire_hash]:
            event = "completed"
        tracker.asking.add(wire_hash)
        try:
            reply = await self._ask(tracker, wire_hash, event)
        except TrackerError as error:
            if error.rule == "refused":
                tracker.told.pop(wire_hash, None)
            tracker.asking.discard(wire_hash)
            raise
        tracker.asking.discard(wire_hash)
        tracker.told[wire_hash] = complete or tracker.told.get(wire_hash, False)
        return reply

    async def _ask(self, tracker: _Tracker, wire_hash: bytes, event: Event) -> Reply:
        torrent, peer_id = self._torrent, self._torrent.peer_id
        request = AnnounceRequest(
            wire_hash, peer_id, torrent.port, torrent.stats(), self._key, event, tracker.tracker_id
        )
        # The tracker by its host: somebody's passkey may be in its URL.
        name, event_name = tracker.name, event or "regular"
        try:
            reply = await get(request.url(tracker.url), lambda page: read_reply(tracker.url, page, peer_id))
        except TrackerError as error:
            _log.debug("%s: tracker %s: announce (%s) failed: %s", wire_hash.hex(), name, event_name, error.rule)
            raise
        _log.debug("%s: tracker %s: announced (%s): %d peers", wire_hash.hex(), name, event_name, len(reply.peers))
        tracker.tracker_id = reply.tracker_id or tracker.tracker_id
        return reply


def read_reply(url: str, page: Page, peer_id: bytes) -> Reply:
    """Return the reply that is in ``page``, what ``url`` answered; our own ``peer_id`` is left out of its peers.

    Raises:
        TrackerError: It refuses, or answers with something that is no reply.
    """
    try:
        return parse_reply(page.body, peer_id, from_loopback=page.from_loopback)
    except TrackerError as error:
        if error.rule == "refused":
            raise
        rule, what, hint = odd_page(url, page.status, page.reason, page.body)
        if page.status == HTTPStatus.OK and hint == ADDRESS:
            raise  # what is wrong with it is said better there
        raise TrackerError(rule, through(page.url, what), hint=hint) from error
