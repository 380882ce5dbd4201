"""What the disk knows of the transfers: it is written when something changes, and never anything older after it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from swarmshare.app.resting import resting_snapshot
from swarmshare.app.transfer import Transfer
from swarmshare.errors import StorageError
from swarmshare.storage.resume import forget_pieces
from swarmshare.texts import os_reason

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from swarmshare.storage.saved_transfers import SavedTransfer, SavedTransfers


class Ledger:
    """Works in threads. Every method raises :class:`StorageError` for what the disk refuses."""

    def __init__(self, store: SavedTransfers, resume: Path) -> None:
        """``resume`` is the folder of resume data."""
        self._store, self._resume = store, resume
        self._written: dict[str, SavedTransfer] = {}
        self._turn = trio.Lock()

    async def load(self) -> tuple[list[Transfer], list[StorageError]]:
        """What was begun before, the oldest first, and what is wrong with what cannot be used of it."""

        def load() -> tuple[list[Transfer], list[StorageError]]:
            found, broken = self._store.load()
            return [
                Transfer(saved, resting_snapshot(saved, self._resume) if saved.paused else None) for saved in found
            ], broken

        works, broken = await trio.to_thread.run_sync(load)
        self._written = {transfer.saved.info_hash: transfer.saved for transfer in works}
        return works, broken

    async def add(self, saved: SavedTransfer) -> None:
        """Remember a new one."""
        async with self._turn:
            await trio.to_thread.run_sync(self._store.add, saved)
            self._written[saved.info_hash] = saved

    async def save(self, works: Collection[Transfer]) -> None:
        """Remember how they are now."""
        async with self._turn:
            there = [transfer.totals for transfer in works if transfer.saved.info_hash in self._written]
            changed = [saved for saved in there if self._written[saved.info_hash] != saved]
            if changed:
                await trio.to_thread.run_sync(self._save, changed, abandon_on_cancel=True)

    async def save_what_can_be(self, works: Collection[Transfer]) -> None:
        """The same; what the disk refuses now is tried again the next time."""
        with suppress(StorageError):
            await self.save(works)

    async def forget(self, works: Collection[Transfer]) -> None:
        """Remember them no more, but for what they hold: see :meth:`forget_resume`."""
        async with self._turn:
            for transfer in works:
                self._written.pop(transfer.saved.info_hash, None)
            await trio.to_thread.run_sync(self._forget, works)

    async def forget_pieces(self, works: Collection[Transfer]) -> None:
        """Believe no more what they hold, but for which files are their own; they must not be at work."""
        await trio.to_thread.run_sync(self._forget_pieces, works)

    async def forget_resume(self, works: Collection[Transfer]) -> None:
        """Remember nothing any more of what they held."""
        await trio.to_thread.run_sync(self._forget_resume, works)

    def resume_path(self, transfer: Transfer) -> Path:
        """Where the resume data of a transfer is."""
        return self._resume / f"{transfer.saved.info_hash}.resume"

    def _save(self, changed: list[SavedTransfer]) -> None:
        for saved in changed:
            self._store.save(saved)
            self._written[saved.info_hash] = saved

    def _forget(self, works: Collection[Transfer]) -> None:
        for transfer in works:
            self._store.forget(transfer.saved.info_hash)

    def _forget_pieces(self, works: Collection[Transfer]) -> None:
        for transfer in works:
            forget_pieces(self.resume_path(transfer), transfer.manifest)

    def _forget_resume(self, works: Collection[Transfer]) -> None:
        for transfer in works:
            path = self.resume_path(transfer)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise StorageError(path, os_reason(error)) from error
