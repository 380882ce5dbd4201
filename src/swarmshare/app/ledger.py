"""The saved transfers on the disk: written when something changes, and never an older state after a newer one."""

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
        """Return the saved transfers, the oldest first, and an error for each that cannot be used."""

        def load() -> tuple[list[Transfer], list[StorageError]]:
            found, broken = self._store.load()
            return [
                Transfer(saved, resting_snapshot(saved, self._resume) if saved.paused else None) for saved in found
            ], broken

        transfers, broken = await trio.to_thread.run_sync(load)
        self._written = {transfer.saved.info_hash: transfer.saved for transfer in transfers}
        return transfers, broken

    async def add(self, saved: SavedTransfer) -> None:
        """Save a transfer that is not saved yet."""
        async with self._turn:
            await trio.to_thread.run_sync(self._store.add, saved)
            self._written[saved.info_hash] = saved

    async def save(self, transfers: Collection[Transfer]) -> None:
        """Save those of the transfers that changed since they were last written."""
        async with self._turn:
            there = [transfer.totals for transfer in transfers if transfer.saved.info_hash in self._written]
            changed = [saved for saved in there if self._written[saved.info_hash] != saved]
            if changed:
                await trio.to_thread.run_sync(self._save, changed, abandon_on_cancel=True)

    async def save_what_can_be(self, transfers: Collection[Transfer]) -> None:
        """Save as :meth:`save` does, but leave what the disk refuses to the next time."""
        with suppress(StorageError):
            await self.save(transfers)

    async def forget(self, transfers: Collection[Transfer]) -> None:
        """Delete the saved transfers, but not their resume data, which deleting their files still needs."""
        async with self._turn:
            for transfer in transfers:
                self._written.pop(transfer.saved.info_hash, None)
            await trio.to_thread.run_sync(self._forget, transfers)

    async def forget_pieces(self, transfers: Collection[Transfer]) -> None:
        """Drop the verified pieces from their resume data, so that all is checked again; they must not be running."""
        await trio.to_thread.run_sync(self._forget_pieces, transfers)

    async def forget_resume(self, transfers: Collection[Transfer]) -> None:
        """Delete the resume data of the transfers."""
        await trio.to_thread.run_sync(self._forget_resume, transfers)

    def resume_path(self, transfer: Transfer) -> Path:
        """Return the path of a transfer's resume data."""
        return self._resume / f"{transfer.saved.info_hash}.resume"

    def _save(self, changed: list[SavedTransfer]) -> None:
        for saved in changed:
            self._store.save(saved)
            self._written[saved.info_hash] = saved

    def _forget(self, transfers: Collection[Transfer]) -> None:
        for transfer in transfers:
            self._store.forget(transfer.saved.info_hash)

    def _forget_pieces(self, transfers: Collection[Transfer]) -> None:
        for transfer in transfers:
            forget_pieces(self.resume_path(transfer), transfer.manifest)

    def _forget_resume(self, transfers: Collection[Transfer]) -> None:
        for transfer in transfers:
            path = self.resume_path(transfer)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise StorageError(path, os_reason(error)) from error
