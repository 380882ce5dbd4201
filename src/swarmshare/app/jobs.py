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
from swarmshare.app.publishing import ask_before, describe, hash_path, publish, remember_whole
from swarmshare.app.snapshot import JobSnapshot
from swarmshare.errors import SwarmShareError
from swarmshare.storage.create import check_plan
from swarmshare.storage.files import write_atomic
from swarmshare.storage.plan import make_plan
from swarmshare.storage.saved_transfers import SavedTransfer
from swarmshare.storage.target import check_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from swarmshare.app.facts import ShareOptions
    from swarmshare.app.publishing import Hashed
    from swarmshare.app.transfers import Transfers
    from swarmshare.manifest.build import Description
    from swarmshare.storage.progress import Progress
    from swarmshare.storage.sign_ins import SignIn


@dataclass
class _Running:
    options: ShareOptions
    before: Callable[[int], None] | None
    progress: Progress | None = None
    stop: Event = field(default_factory=Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class Jobs:
    """The running jobs, by number: each hashes a file or folder and then publishes, seeds or saves the manifest."""

    def __init__(
        self,
        nursery: trio.Nursery,
        transfers: Transfers,
        resume: Path,
        tell: Callable[[Shared | JobFailed], None],
        sign_in: Callable[[], SignIn],
    ) -> None:
        """``sign_in`` says at which tracker to publish, and raises :class:`TrackerError` when there is none."""
        self._nursery, self._transfers, self._resume = nursery, transfers, resume
        self._tell, self._sign_in = tell, sign_in
        self._running: dict[int, _Running] = {}
        self._last = 0
        self._one_at_a_time = trio.CapacityLimiter(1)  # two at once would only make a disk seek

    def snapshots(self) -> tuple[JobSnapshot, ...]:
        """Return how far each running job is, the oldest first."""
        return tuple(_snapshot(number, running) for number, running in self._running.items())

    async def share(self, options: ShareOptions) -> int:
        """Start to hash and then share a file or folder, and return the job's number.

        What can fail without hashing is checked before this returns.

        Raises :class:`TrackerError` when there is nowhere to publish, :class:`StorageError` when the manifest cannot be
        saved where it should, and what :func:`~swarmshare.storage.create.check_plan` raises.
        """
        before = None
        if options.save_as is not None:
            await trio.to_thread.run_sync(check_target, options.save_as)
        if options.publish:
            before = await trio.to_thread.run_sync(ask_before, self._sign_in())
        await trio.to_thread.run_sync(_check, options, before, abandon_on_cancel=True)
        self._last += 1
        self._running[self._last] = running = _Running(options, before)
        self._nursery.start_soon(self._run, self._last, running)
        return self._last

    async def cancel(self, number: int) -> None:
        """Cancel the job ``number`` if it is still running; it is told as :class:`JobFailed` without a message."""
        if (running := self._running.get(number)) is not None:
            running.scope.cancel()

    async def _run(self, number: int, running: _Running) -> None:
        path = running.options.path
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
        options = running.options
        hashed = await trio.to_thread.run_sync(
            partial(_hash, running), abandon_on_cancel=True, limiter=self._one_at_a_time
        )
        manifest = hashed.manifest
        if options.publish:
            manifest = await trio.to_thread.run_sync(publish, manifest, self._sign_in(), abandon_on_cancel=True)
        if options.save_as is not None:
            await trio.to_thread.run_sync(write_atomic, options.save_as, manifest.encode())
        if options.seed:
            await trio.to_thread.run_sync(self._remember, hashed)
            saved = SavedTransfer(manifest=manifest, folder=hashed.folder, added_at=int(time.time()), shared=True)
            if saved.info_hash in self._transfers:
                await self._transfers.resume([saved.info_hash])
            else:
                await self._transfers.add(saved)
        lost = hashed.plan.name if hashed.plan.in_folder and not manifest.in_folder else ""
        return Shared(number, str(manifest.info_hash), manifest.name, lost, options.path)

    def _remember(self, hashed: Hashed) -> None:
        with suppress(SwarmShareError):  # it is hashed once more, then
            remember_whole(hashed.manifest, hashed.folder, self._resume)


def _check(options: ShareOptions, before: Callable[[int], None] | None) -> None:
    plan, about = make_plan(options.path), _description(options)
    check_plan(plan, about, piece_length=options.piece_length, hybrid=options.hybrid, before=before)


def _description(options: ShareOptions) -> Description:
    return describe(private=options.private, comment=options.comment, now=int(time.time()))


def _hash(running: _Running) -> Hashed:
    options = running.options

    def note(progress: Progress) -> None:
        running.progress = progress

    return hash_path(
        options.path,
        _description(options),
        piece_length=options.piece_length,
        hybrid=options.hybrid,
        before=running.before,
        progress=note,
        cancel=running.stop,
    )


def _snapshot(number: int, running: _Running) -> JobSnapshot:
    progress = running.progress
    if progress is None:
        return JobSnapshot(number, running.options.path, 0, 0, 0.0, None)
    return JobSnapshot(
        number, running.options.path, progress.bytes_done, progress.bytes_total, progress.rate, progress.eta
    )
