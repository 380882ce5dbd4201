"""What the disk knows of the transfers: it is written when something changes, and never anything older after it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from swarmshare.app.resting import resting_snapshot
from swarmshare.app.transfer import Work
from swarmshare.errors import StorageError
from swarmshare.storage.files import os_reason
from swarmshare.storage.resume import forget_pieces

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from swarmshare.storage.begun import Begun, BegunStore


class Ledger:
    """Works in threads. Every method raises :class:`StorageError` for what the disk refuses."""

    def __init__(self, store: BegunStore, resume: Path) -> None:
        """``resume`` is the folder of resume data."""
        self._store, self._resume = store, resume
        self._written: dict[str, Begun] = {}
        self._turn = trio.Lock()

    async def load(self) -> tuple[list[Work], list[StorageError]]:
        """What was begun before, the oldest first, and what is wrong with what cannot be used of it."""

        def load() -> tuple[list[Work], list[StorageError]]:
            found, broken = self._store.load()
            return [
                Work(begun, resting_snapshot(begun, self._resume) if begun.paused else None) for begun in found
            ], broken

        works, broken = await trio.to_thread.run_sync(load)
        self._written = {work.begun.info_hash: work.begun for work in works}
        return works, broken

    async def add(self, begun: Begun) -> None:
        """Remember a new one."""
        async with self._turn:
            await trio.to_thread.run_sync(self._store.add, begun)
            self._written[begun.info_hash] = begun

    async def save(self, works: Collection[Work]) -> None:
        """Remember how they are now."""
        async with self._turn:
            there = [work.totals for work in works if work.begun.info_hash in self._written]
            changed = [begun for begun in there if self._written[begun.info_hash] != begun]
            if changed:
                await trio.to_thread.run_sync(self._save, changed, abandon_on_cancel=True)

    async def save_what_can_be(self, works: Collection[Work]) -> None:
        """The same; what the disk refuses now is tried again the next time."""
        with suppress(StorageError):
            await self.save(works)

    async def forget(self, works: Collection[Work]) -> None:
        """Remember them no more, but for what they hold: see :meth:`forget_resume`."""
        async with self._turn:
            for work in works:
                self._written.pop(work.begun.info_hash, None)
            await trio.to_thread.run_sync(self._forget, works)

    async def forget_pieces(self, works: Collection[Work]) -> None:
        """Believe no more what they hold, but for which files are their own; they must not be at work."""
        await trio.to_thread.run_sync(self._forget_pieces, works)

    async def forget_resume(self, works: Collection[Work]) -> None:
        """Remember nothing any more of what they held."""
        await trio.to_thread.run_sync(self._forget_resume, works)

    def resume_path(self, work: Work) -> Path:
        """Where the resume data of a transfer is."""
        return self._resume / f"{work.begun.info_hash}.resume"

    def _save(self, changed: list[Begun]) -> None:
        for begun in changed:
            self._store.save(begun)
            self._written[begun.info_hash] = begun

    def _forget(self, works: Collection[Work]) -> None:
        for work in works:
            self._store.forget(work.begun.info_hash)

    def _forget_pieces(self, works: Collection[Work]) -> None:
        for work in works:
            forget_pieces(self.resume_path(work), work.manifest)

    def _forget_resume(self, works: Collection[Work]) -> None:
        for work in works:
            path = self.resume_path(work)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise StorageError(path, os_reason(error)) from error
