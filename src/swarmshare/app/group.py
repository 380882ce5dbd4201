"""The group that one belongs to: who one is at which tracker, its catalogue, and perhaps the tracker itself."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.app import accounts
from swarmshare.app.catalogue import Catalogue
from swarmshare.app.local_tracker import PORT, OwnTracker, tracker_beside
from swarmshare.app.signed_in import catalogue_manifest, open_tracker
from swarmshare.errors import TrackerError
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.memory import MAX_TRACKERS, load_memory, save_memory
from swarmshare.storage.sign_ins import SignIns
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.app.facts import Published
    from swarmshare.app.snapshot import LocalTracker
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.sign_ins import SignIn
    from swarmshare.tracker_client.api import SignedIn

PROBE: Final = 1.0
"""Seconds that a tracker on this machine has to answer when it is looked for."""
LOOK_BESIDE: Final = 2.0
"""Seconds between looks at what other processes run."""
ASKING: Final = 8
"""Questions to trackers at the same time."""


class Group:
    """One tracker at a time. Every wish raises :class:`~swarmshare.errors.SwarmShareError`."""

    def __init__(self, tell: Callable[[Published], None]) -> None:
        self.own = OwnTracker()
        self.catalogue: Catalogue | None = None
        """None while nobody is signed in."""
        self._tell = tell
        self._path = swarmshare_home() / "window-trackers.json"
        self._memory = load_memory(self._path)
        self._nursery: trio.Nursery | None = None
        self._following: trio.CancelScope | None = None
        self._beside: LocalTracker | None = None
        self._asking = trio.CapacityLimiter(ASKING)

    @property
    def local_tracker(self) -> LocalTracker | None:
        """The tracker on this machine: one's own, else one that another process runs."""
        own = self.own.snapshot
        return own if own is not None and not (own.problem and self._beside) else self._beside

    async def look_beside(self) -> None:
        """See what other processes run, from time to time, until cancelled."""
        while True:
            self._beside = await trio.to_thread.run_sync(tracker_beside, self.own.pid)
            await trio.sleep(LOOK_BESIDE)

    @property
    def sign_in(self) -> SignIn | None:
        """Where one is signed in, and by what."""
        return self.catalogue.sign_in if self.catalogue is not None else None

    def require_sign_in(self) -> SignIn:
        """The same; raises :class:`TrackerError` when there is none."""
        if self.sign_in is None:
            raise TrackerError("signed-out", Text("account.signed-out"), hint=Text("hint.sign-in-first"))
        return self.sign_in

    # ------------------------------------------------------------------ life

    def start(self, nursery: trio.Nursery, settings_tracker: str | None) -> None:
        """Go on where one was signed in last; else at the tracker of the settings, or at the only one there is."""
        self._nursery = nursery
        nursery.start_soon(self.look_beside)
        if self._memory.own_tracker:
            nursery.start_soon(self.own.run)
        signed_in = {sign_in.tracker: sign_in for sign_in in SignIns(swarmshare_home()).all()}
        wanted = [self._memory.tracker, settings_tracker, *(signed_in if len(signed_in) == 1 else ())]
        for tracker in wanted:
            if tracker in signed_in:
                self._follow(Catalogue(signed_in[tracker], self._tell))
                return

    def _follow(self, catalogue: Catalogue | None) -> None:
        assert self._nursery is not None
        if self._following is not None:
            self._following.cancel()
            self._following = None
        self.catalogue = catalogue
        if catalogue is not None:
            self._following = trio.CancelScope()
            self._nursery.start_soon(_run_in, self._following, catalogue)

    # ------------------------------------------------------------------ wishes

    async def sign_in_at(self, tracker: str, user: str, password: str) -> None:
        """Sign in, and follow the catalogue from now on."""
        await self._signed_in(partial(accounts.sign_in, tracker, user, password))

    async def register(
        self, tracker: str, user: str, password: str, *, invitation: str | None, setup_token: str | None
    ) -> None:
        """Make an account, and sign in."""
        await self._signed_in(
            partial(accounts.register, tracker, user, password, invitation=invitation, setup_token=setup_token)
        )
        if setup_token is not None:
            self.own.settled()

    async def _signed_in(self, ask: Callable[[], tuple[SignIn, SignedIn]]) -> None:
        sign_in, answer = await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self._asking)
        tracker = sign_in.tracker
        others = [other for other in self._memory.trackers if other != tracker]
        self._follow(Catalogue(sign_in, self._tell, answer.role))
        await self._remember(tracker=tracker, trackers=(tracker, *others)[:MAX_TRACKERS])

    async def sign_out(self) -> None:
        """Forget the sign-in, here and, if it can be told, at the tracker: :class:`TrackerError` when not."""
        sign_in = self.require_sign_in()
        self._follow(None)
        await trio.to_thread.run_sync(accounts.sign_out, sign_in, abandon_on_cancel=True, limiter=self._asking)

    async def invite(self) -> str:
        """An invitation for one other person."""
        return await trio.to_thread.run_sync(
            accounts.invite, self.require_sign_in(), abandon_on_cancel=True, limiter=self._asking
        )

    async def announce_url(self) -> str:
        """Where one's other BitTorrent clients announce."""
        sign_in = self.require_sign_in()

        def ask() -> str:
            with open_tracker(sign_in.tracker, sign_in.token) as (_, api):
                return api.account().announce_url

        return await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self._asking)

    async def manifest(self, info_hash: str) -> Manifest:
        """The manifest of an entry."""
        return await trio.to_thread.run_sync(
            catalogue_manifest, self.require_sign_in(), info_hash, abandon_on_cancel=True, limiter=self._asking
        )

    async def withdraw(self, info_hash: str) -> None:
        """Take an entry out of the catalogue."""
        sign_in = self.require_sign_in()

        def withdraw() -> None:
            with open_tracker(sign_in.tracker, sign_in.token) as (_, api):
                api.withdraw(info_hash)

        await trio.to_thread.run_sync(withdraw, abandon_on_cancel=True, limiter=self._asking)

    async def known_trackers(self, settings_tracker: str | None) -> list[str]:
        """Trackers that may be meant, the likeliest first."""
        found = [settings_tracker] if settings_tracker is not None else []
        found += self._memory.trackers
        found += [sign_in.tracker for sign_in in await trio.to_thread.run_sync(SignIns(swarmshare_home()).all)]
        here = f"http://127.0.0.1:{PORT}"
        with trio.move_on_after(PROBE):
            if await trio.to_thread.run_sync(_answers, here, abandon_on_cancel=True):
                found.append(here)
        return list(dict.fromkeys(found))

    # ------------------------------------------------------------------ a tracker on this machine

    async def start_own(self) -> None:
        """Start it, if it does not run; if it can be started, it runs from now on whenever the window does."""
        assert self._nursery is not None
        if not self.own.runs and await self._nursery.start(self.own.run):
            await self._remember(own_tracker=True)

    async def stop_own(self) -> None:
        """Stop it, and start it no more."""
        self.own.stop()
        await self._remember(own_tracker=False)

    async def _remember(self, **changes: object) -> None:
        self._memory = replace(self._memory, **changes)  # type: ignore[arg-type]
        await trio.to_thread.run_sync(save_memory, self._path, self._memory)


async def _run_in(scope: trio.CancelScope, catalogue: Catalogue) -> None:
    with scope:
        await catalogue.follow()


def _answers(tracker: str) -> bool:
    """Whether a tracker is there: it does not tell a stranger who they are, but in its own way."""
    try:
        with open_tracker(tracker) as (_, api):
            api.account()
    except TrackerError as error:
        return error.rule not in {"unreachable", "not-a-tracker"}
    return True
