"""The group that one belongs to: who one is at which tracker, its catalogue, and perhaps the tracker itself."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

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
    from collections.abc import Awaitable, Callable

    from swarmshare.app.facts import Published
    from swarmshare.app.snapshot import LocalTrackerSnapshot
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.sign_ins import SignIn
    from swarmshare.tracker_client.account_api import AccountApi, Person, Token
    from swarmshare.tracker_client.api import SignedIn

R = TypeVar("R")

PROBE: Final = 1.0
"""Seconds that a tracker on this machine has to answer when it is looked for."""
LOOK_BESIDE: Final = 2.0
"""Seconds between looks at what other processes run."""
ASKING: Final = 8
"""Questions to trackers at the same time."""


class Group:
    """The sign-in at one tracker at a time, its catalogue, and a tracker on this machine.

    Every command raises :class:`~swarmshare.errors.SwarmShareError` for what cannot be done.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        tell: Callable[[Published], None],
        settings_tracker: Callable[[], str | None],
        sign_in_changed: Callable[[], Awaitable[None]],
    ) -> None:
        """Nothing runs before :meth:`start`.

        Args:
            nursery: Runs the catalogue and the tracker of this machine.
            tell: Is told of each entry that somebody publishes.
            settings_tracker: Returns the tracker that the settings name now.
            sign_in_changed: Is awaited after each sign-in and sign-out, so that transfers announce by it.
        """
        self.own = OwnTracker()
        self.catalogue: Catalogue | None = None
        """None while nobody is signed in."""
        self._nursery, self._tell = nursery, tell
        self._settings_tracker, self._sign_in_changed = settings_tracker, sign_in_changed
        self._path = swarmshare_home() / "window-trackers.json"
        self._memory = load_memory(self._path)
        self._following: trio.CancelScope | None = None
        self._signed_out = ""
        self._beside: LocalTrackerSnapshot | None = None
        self._asking = trio.CapacityLimiter(ASKING)

    @property
    def local_tracker(self) -> LocalTrackerSnapshot | None:
        """The tracker on this machine: one's own, else one that another process runs."""
        own = self.own.snapshot
        return own if own is not None and not (own.problem and self._beside) else self._beside

    async def look_beside(self) -> None:
        """See what other processes run, from time to time, until cancelled."""
        while True:
            self._beside = await trio.to_thread.run_sync(tracker_beside, self.own.pid)
            await trio.sleep(LOOK_BESIDE)

    @property
    def signed_in(self) -> SignIn | None:
        """The sign-in that is in use; None while there is none."""
        return self.catalogue.sign_in if self.catalogue is not None else None

    @property
    def earlier_user(self) -> str:
        """Who was signed in last, when nobody is any more; else empty."""
        if self.catalogue is None:
            return self._signed_out
        return self.catalogue.sign_in.user if self.catalogue.person is None else ""

    def require_sign_in(self) -> SignIn:
        """Return the sign-in that is in use; raises :class:`TrackerError` when there is none."""
        if self.signed_in is None:
            raise TrackerError("signed-out", Text("account.signed-out"), hint=Text("hint.sign-in-first"))
        return self.signed_in

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Use the sign-in that was used last; else that at the settings' tracker, or the only one there is."""
        self._nursery.start_soon(self.look_beside)
        if self._memory.own_tracker:
            self._nursery.start_soon(self.own.run)
        signed_in = {sign_in.tracker: sign_in for sign_in in SignIns(swarmshare_home()).all()}
        wanted = [self._memory.tracker, self._settings_tracker(), *(signed_in if len(signed_in) == 1 else ())]
        for tracker in wanted:
            if tracker in signed_in:
                self._follow(Catalogue(signed_in[tracker], self._tell))
                return

    def _follow(self, catalogue: Catalogue | None) -> None:
        self._stop_following()
        self.catalogue = catalogue
        if catalogue is not None:
            self._following = trio.CancelScope()
            self._nursery.start_soon(_run_in, self._following, catalogue)

    def _stop_following(self) -> None:
        if self._following is not None:
            self._following.cancel()
            self._following = None

    # ------------------------------------------------------------------ commands

    async def sign_in(self, tracker: str, user: str, password: str) -> None:
        """Sign in at ``tracker`` and follow its catalogue; remembered until :meth:`sign_out`."""
        await self._use_sign_in(*await self._ask(partial(accounts.sign_in, tracker, user, password)))

    async def register(
        self, tracker: str, user: str, password: str, *, invitation: str | None = None, setup_token: str | None = None
    ) -> None:
        """Make an account at ``tracker``, and sign in by it.

        ``invitation`` is a code from an organiser, where the tracker asks for one; ``setup_token`` is the tracker's own
        code for its first account, which becomes an organiser's.
        """
        signed_in = await self._ask(
            partial(accounts.register, tracker, user, password, invitation=invitation, setup_token=setup_token)
        )
        if setup_token is not None:
            self.own.setup_done()  # used up now, whatever becomes of the rest
        await self._use_sign_in(*signed_in)

    async def _ask(self, ask: Callable[[], tuple[SignIn, SignedIn]]) -> tuple[SignIn, SignedIn]:
        return await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self._asking)

    async def _use_sign_in(self, sign_in: SignIn, answer: SignedIn) -> None:
        tracker = sign_in.tracker
        rest = [other for other in self._memory.trackers if other != tracker]
        self._follow(Catalogue(sign_in, self._tell, answer.role))
        await self._remember(tracker=tracker, trackers=(tracker, *rest)[:MAX_TRACKERS])
        await self._sign_in_changed()

    async def sign_out(self) -> None:
        """Forget the sign-in here and end it at the tracker; what is shared goes on without that tracker.

        Raises :class:`TrackerError` when the tracker cannot be told: it is forgotten here all the same.
        """
        sign_in = self.require_sign_in()
        self._signed_out = sign_in.user
        self._follow(None)
        try:
            await trio.to_thread.run_sync(accounts.sign_out, sign_in, abandon_on_cancel=True, limiter=self._asking)
        finally:
            await self._sign_in_changed()

    async def invite(self) -> str:
        """Return a new invitation code, which lets one other person make an account."""
        return await self._ask_accounts(lambda api: api.invite().code)

    async def members(self) -> list[Person]:
        """Return all accounts of the group, the oldest first; a tracker tells them to organisers only."""
        return await self._ask_accounts(lambda api: api.people())

    async def suspend(self, number: int, suspended: bool) -> Person:
        """Shut the account ``number`` out with all of its machines, or let it in again; return it as it is then."""
        return await self._ask_accounts(lambda api: api.suspend(number, suspended))

    async def devices(self) -> list[Token]:
        """Return the sign-ins of one's own account, the newest first."""
        return await self._ask_accounts(lambda api: api.tokens())

    async def sign_device_out(self, number: int) -> None:
        """End the sign-in ``number`` of one's own account, on whichever machine it is."""
        await self._ask_accounts(lambda api: api.revoke_token(number))

    async def change_password(self, old: str, new: str) -> None:
        """Change one's password, which signs all other machines out; this one stays signed in."""
        sign_in, catalogue = self.require_sign_in(), self.catalogue
        self._stop_following()  # the token ends before there is the next: the catalogue would take that for the end
        try:
            signed_in = await self._ask(partial(accounts.change_password, sign_in, old, new))
        except TrackerError:
            self._follow(catalogue)
            raise
        await self._use_sign_in(*signed_in)

    async def _ask_accounts(self, ask: Callable[[AccountApi], R]) -> R:
        sign_in = self.require_sign_in()

        def work() -> R:
            with accounts.open_accounts(sign_in.tracker, sign_in.token) as api:
                return ask(api)

        return await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._asking)

    async def announce_url(self) -> str:
        """Return the URL where this account's other BitTorrent clients announce: a secret, it has the passkey."""
        sign_in = self.require_sign_in()

        def ask() -> str:
            with open_tracker(sign_in.tracker, sign_in.token) as (_, api):
                return api.account().announce_url

        return await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self._asking)

    async def manifest(self, info_hash: str) -> Manifest:
        """Return the manifest of the catalogue's entry ``info_hash`` (64 hexadecimal digits)."""
        return await trio.to_thread.run_sync(
            catalogue_manifest, self.require_sign_in(), info_hash, abandon_on_cancel=True, limiter=self._asking
        )

    async def withdraw(self, info_hash: str) -> None:
        """Take an entry out of the catalogue; those who have it share it on."""
        sign_in = self.require_sign_in()

        def withdraw() -> None:
            with open_tracker(sign_in.tracker, sign_in.token) as (_, api):
                api.withdraw(info_hash)

        await trio.to_thread.run_sync(withdraw, abandon_on_cancel=True, limiter=self._asking)

    async def known_trackers(self) -> list[str]:
        """Return the addresses that a person may mean, the likeliest first.

        That is the settings' tracker, those of earlier sign-ins, and one that answers on this machine.
        """
        settings_tracker = self._settings_tracker()
        found = [settings_tracker] if settings_tracker is not None else []
        found += self._memory.trackers
        found += [sign_in.tracker for sign_in in await trio.to_thread.run_sync(SignIns(swarmshare_home()).all)]
        here = f"http://127.0.0.1:{PORT}"
        with trio.move_on_after(PROBE):
            if await trio.to_thread.run_sync(_answers, here, abandon_on_cancel=True):
                found.append(here)
        return list(dict.fromkeys(found))

    # ------------------------------------------------------------------ a tracker on this machine

    async def start_tracker(self) -> None:
        """Start a tracker on this machine if none of ours runs; if that works, each later window starts it as well."""
        if not self.own.runs and await self._nursery.start(self.own.run):
            await self._remember(own_tracker=True)

    async def stop_tracker(self) -> None:
        """Stop the tracker that this program started, and start it no more with later windows."""
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
