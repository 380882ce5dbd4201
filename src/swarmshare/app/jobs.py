"""Files and folders on their way to being shared: each is hashed in a thread, with progress, and can be given up."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

import trio

from swarmshare.app.facts import JobFailed, Shared
from swarmshare.app.picture import Job
from swarmshare.app.publishing import ask_before, describe, hash_path, publish, remember_whole
from swarmshare.errors import SwarmShareError
from swarmshare.storage.begun import Begun
from swarmshare.storage.create import check_plan
from swarmshare.storage.files import write_atomic
from swarmshare.storage.plan import make_plan
from swarmshare.storage.target import check_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from swarmshare.app.facts import ShareWish
    from swarmshare.app.publishing import Hashed
    from swarmshare.app.transfers import Transfers
    from swarmshare.manifest.build import Description
    from swarmshare.storage.progress import Progress
    from swarmshare.storage.sign_ins import SignIn


@dataclass
class _Running:
    wish: ShareWish
    before: Callable[[int], None] | None
    progress: Progress | None = None
    stop: Event = field(default_factory=Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class Jobs:
    """Those that are under way, by number."""

    def __init__(
        self,
        transfers: Transfers,
        resume: Path,
        tell: Callable[[Shared | JobFailed], None],
        sign_in: Callable[[], SignIn],
    ) -> None:
        """``sign_in`` says at which tracker to publish, and raises :class:`TrackerError` when there is none."""
        self._transfers, self._resume, self._tell, self._sign_in = transfers, resume, tell, sign_in
        self._running: dict[int, _Running] = {}
        self._last = 0
        self._one_at_a_time = trio.CapacityLimiter(1)  # two at once would only make a disk seek

    def pictures(self) -> tuple[Job, ...]:
        """How each gets on."""
        return tuple(_picture(number, running) for number, running in self._running.items())

    async def begin(self, wish: ShareWish, nursery: trio.Nursery) -> int:
        """Begin one; its number. What can be known before hours of hashing is looked at here.

        Raises :class:`TrackerError` when there is nowhere to publish, :class:`StorageError` when the manifest cannot be
        saved where it should, and what :func:`~swarmshare.storage.create.check_plan` raises.
        """
        before = None
        if wish.save_as is not None:
            await trio.to_thread.run_sync(check_target, wish.save_as)
        if wish.publish:
            before = await trio.to_thread.run_sync(ask_before, self._sign_in())
        await trio.to_thread.run_sync(_check, wish, before, abandon_on_cancel=True)
        self._last += 1
        self._running[self._last] = running = _Running(wish, before)
        nursery.start_soon(self._run, self._last, running)
        return self._last

    def cancel(self, number: int) -> None:
        """Give one up, if it is still under way."""
        if (running := self._running.get(number)) is not None:
            running.scope.cancel()

    async def _run(self, number: int, running: _Running) -> None:
        path = running.wish.path
        fact: Shared | JobFailed = JobFailed(number, path, "")
        try:
            with running.scope:
                fact = await self._share(number, running)
        except SwarmShareError as error:
            fact = JobFailed(number, path, error.advice)
        finally:
            running.stop.set()
            del self._running[number]
        self._tell(fact)

    async def _share(self, number: int, running: _Running) -> Shared:
        wish = running.wish
        hashed = await trio.to_thread.run_sync(
            partial(_hash, running), abandon_on_cancel=True, limiter=self._one_at_a_time
        )
        manifest = hashed.manifest
        if wish.publish:
            manifest = await trio.to_thread.run_sync(publish, manifest, self._sign_in(), abandon_on_cancel=True)
        if wish.save_as is not None:
            await trio.to_thread.run_sync(write_atomic, wish.save_as, manifest.encode())
        if wish.seed:
            await trio.to_thread.run_sync(self._remember, hashed)
            begun = Begun(manifest=manifest, folder=hashed.folder, added_at=int(time.time()), shared=True)
            if begun.info_hash in self._transfers:
                await self._transfers.resume([begun.info_hash])
            else:
                await self._transfers.add(begun)
        lost = hashed.plan.name if hashed.plan.in_folder and not manifest.in_folder else ""
        return Shared(number, str(manifest.info_hash), manifest.name, lost, wish.path)

    def _remember(self, hashed: Hashed) -> None:
        with suppress(SwarmShareError):  # it is hashed once more, then
            remember_whole(hashed.manifest, hashed.folder, self._resume)


def _check(wish: ShareWish, before: Callable[[int], None] | None) -> None:
    plan, about = make_plan(wish.path), _description(wish)
    check_plan(plan, about, piece_length=wish.piece_length, hybrid=wish.hybrid, before=before)


def _description(wish: ShareWish) -> Description:
    return describe(private=wish.private, comment=wish.comment, now=int(time.time()))


def _hash(running: _Running) -> Hashed:
    wish = running.wish

    def note(progress: Progress) -> None:
        running.progress = progress

    return hash_path(
        wish.path,
        _description(wish),
        piece_length=wish.piece_length,
        hybrid=wish.hybrid,
        before=running.before,
        progress=note,
        cancel=running.stop,
    )


def _picture(number: int, running: _Running) -> Job:
    progress = running.progress
    if progress is None:
        return Job(number, running.wish.path, 0, 0, 0.0, None)
    return Job(number, running.wish.path, progress.bytes_done, progress.bytes_total, progress.rate, progress.eta)
