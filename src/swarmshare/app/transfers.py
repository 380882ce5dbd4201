"""All transfers by info hash, and the engine that runs those that are not paused."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.app.naming import in_common
from swarmshare.app.transfer import LOOK_EVERY, LOOKS_A_SECOND, Transfer
from swarmshare.engine.config import TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.errors import StorageError, SwarmShareError
from swarmshare.storage.deleting import delete_files, own_files
from swarmshare.texts import Text, advise

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from swarmshare.app.ledger import Ledger
    from swarmshare.app.snapshot import TransferSnapshot
    from swarmshare.common.pieces import Priority
    from swarmshare.engine.announcer import Announcer
    from swarmshare.engine.config import EngineConfig
    from swarmshare.engine.engine import Engine
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.schema.alerts import Alert
    from swarmshare.schema.snapshot import TorrentSnapshot
    from swarmshare.storage.saved_transfers import SavedTransfer

SAVE_EVERY: Final = 60.0
"""Seconds of counting bytes that a crash costs."""
CLOSING: Final = 0.5
"""Seconds for saving what was counted, when an engine ends."""


class Transfers:
    """The transfers by info hash; info hashes that are not there are ignored.

    Every command raises :class:`~swarmshare.errors.SwarmShareError` for what cannot be done.
    """

    def __init__(self, ledger: Ledger, announcers: Callable[[Manifest], tuple[Announcer, ...]]) -> None:
        """``announcers`` returns the announcers of a manifest, by the sign-in of that moment."""
        self.listen_problem = ""
        """Why no peer can dial us, as a sentence; else empty."""
        self._ledger, self._announcers = ledger, announcers
        self._by_hash: dict[str, Transfer] = {}
        self._deleting: set[str] = set()
        self._engine: Engine | None = None
        self._is_open = trio.Event()
        self._end = trio.Event()
        """Set to close the engine, after which :meth:`run` opens another."""
        self._nursery: trio.Nursery | None = None
        self._turn = trio.Lock()
        """Held while the engine is exchanged and while transfers come and go: neither may see the other half done."""

    # ------------------------------------------------------------------ what is there

    def __contains__(self, info_hash: object) -> bool:
        return info_hash in self._by_hash

    @property
    def addresses(self) -> tuple[str, ...]:
        """``host:port`` of each socket that listens for peers."""
        return tuple(self._engine.addresses) if self._engine is not None else ()

    def __len__(self) -> int:
        return len(self._by_hash)

    def lines(self, most: int | None = None) -> tuple[TransferSnapshot, ...]:
        """Return a line for each transfer, the oldest first; for ``most`` of them, if not None."""
        now, look_every = trio.current_time(), max(LOOK_EVERY, len(self) / LOOKS_A_SECOND)
        return tuple(transfer.line(now, look_every) for transfer in islice(self._by_hash.values(), most))

    def get(self, info_hash: str) -> Transfer | None:
        """Return the transfer with this info hash (hexadecimal); None when there is none."""
        return self._by_hash.get(info_hash)

    def refuse_known(self, info_hash: str) -> None:
        """Raise :class:`SwarmShareError` if there is a transfer of this info hash already."""
        if (transfer := self.get(info_hash)) is not None:
            raise SwarmShareError(Text("transfer.already", name=transfer.manifest.name))

    def all(self) -> list[SavedTransfer]:
        """Return the saved transfers, the oldest first."""
        return [transfer.saved for transfer in self._by_hash.values()]

    def snapshot(self, info_hash: str | None) -> TorrentSnapshot | None:
        """Return everything about one transfer; None when it is not there."""
        transfer = self.get(info_hash) if info_hash is not None else None
        return transfer.snapshot() if transfer is not None else None

    def manifest(self, info_hash: str) -> Manifest | None:
        """Return the manifest of one transfer; None when it is not there."""
        transfer = self.get(info_hash)
        return transfer.manifest if transfer is not None else None

    def alerts(self) -> Iterator[Alert]:
        """Return the engine's alerts since the last call, the oldest first."""
        while self._engine is not None and self._engine.alerts:
            yield self._engine.alerts.popleft()

    # ------------------------------------------------------------------ life

    async def load(self) -> list[StorageError]:
        """Load the saved transfers; return an error for each that cannot be used."""
        transfers, broken = await self._ledger.load()
        self._by_hash = {transfer.saved.info_hash: transfer for transfer in transfers}
        return broken

    async def run(
        self, config: Callable[[], EngineConfig], task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run the engine until cancelled, then save everything; ``config`` returns the configuration of each engine."""
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._save_now_and_then)
            while True:
                async with AsyncExitStack() as stack:
                    self._engine = await self._open(stack, config())
                    for transfer in self._by_hash.values():
                        if not transfer.saved.paused:
                            self._start(transfer)
                    self._is_open.set()
                    task_status.started()
                    task_status = trio.TASK_STATUS_IGNORED
                    try:
                        await self._end.wait()
                    finally:
                        if self._end.is_set():  # another engine follows, and until then there is a line of each
                            for transfer in self._by_hash.values():
                                transfer.stop()
                        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSING):
                            await self._ledger.save_what_can_be(self._by_hash.values())
                self._end = trio.Event()

    async def _save_now_and_then(self) -> None:
        while True:
            await trio.sleep(SAVE_EVERY)
            await self._ledger.save_what_can_be(self._by_hash.values())

    async def _open(self, stack: AsyncExitStack, config: EngineConfig) -> Engine:
        try:
            engine = await stack.enter_async_context(open_engine(config))
        except StorageError as error:
            self.listen_problem = advise(error.message, Text("hint.other-port"))
            return await stack.enter_async_context(open_engine(replace(config, listen=())))
        self.listen_problem = ""
        return engine

    async def reopen(self) -> None:
        """Close the engine and open another: for another port, or other trackers. Returns when it runs."""
        async with self._turn:
            self._is_open = trio.Event()
            self._end.set()
            await self._is_open.wait()

    async def announce_anew(self) -> None:
        """Have running transfers announce to the trackers of the present sign-in."""
        if any(transfer.torrent is not None for transfer in self._by_hash.values()):
            await self.reopen()

    def limit_all(self, up: float | None, down: float | None) -> None:
        """Set the limits of all transfers together, in bytes a second; None: no limit."""
        if self._engine is not None:
            self._engine.limit(up, down)

    def _start(self, transfer: Transfer) -> None:
        assert self._engine is not None
        saved = transfer.saved
        config = TorrentConfig(
            folder=saved.folder,
            peers=saved.peers,
            announcers=self._announcers(saved.manifest),
            priorities=saved.priorities,
            sequential=saved.sequential,
            limit_up=saved.limit_up,
            limit_down=saved.limit_down,
        )
        transfer.start(self._engine.add(saved.manifest, config))

    async def _stop(self, transfer: Transfer) -> None:
        if transfer.torrent is not None and self._engine is not None:
            transfer.look_last(trio.current_time())
            await self._engine.remove(transfer.torrent)  # what is on its way to the disk counts, too
        transfer.stop()

    # ------------------------------------------------------------------ commands

    async def add(self, saved: SavedTransfer) -> None:
        """Save and start a new transfer; raises :class:`SwarmShareError` if it is known or still being deleted."""
        info_hash = saved.info_hash
        async with self._turn:
            self.refuse_known(info_hash)
            if info_hash in self._deleting:
                raise SwarmShareError(
                    Text("transfer.being-deleted", name=saved.manifest.name), hint=Text("hint.in-a-moment")
                )
            await self._ledger.add(saved)
            self._by_hash[info_hash] = transfer = Transfer(saved)
            self._start(transfer)

    async def pause(self, info_hashes: Collection[str]) -> None:
        """Stop transfers until :meth:`resume`, over restarts of the program as well."""
        async with self._turn:
            working = [transfer for transfer in self._of(info_hashes) if not transfer.saved.paused]
            for transfer in working:
                transfer.saved = replace(transfer.saved, paused=True)
            await self._stop_these(working)
            await self._ledger.save(working)

    async def resume(self, info_hashes: Collection[str]) -> None:
        """Start paused transfers again; those that run are left alone."""
        async with self._turn:
            paused = [transfer for transfer in self._of(info_hashes) if transfer.saved.paused]
            for transfer in paused:
                transfer.saved = replace(transfer.saved, paused=False)
                self._start(transfer)
            await self._ledger.save(paused)

    async def remove(self, info_hashes: Collection[str], *, delete_data: bool = False) -> None:
        """Forget transfers, and with ``delete_data`` delete those of their files that no other transfer has."""
        transfers = self._of(info_hashes)
        gone = {transfer.saved.info_hash for transfer in transfers}
        self._deleting |= gone
        try:
            async with self._turn:
                for info_hash in gone:
                    self._by_hash.pop(info_hash, None)
                await self._stop_these(transfers)
                await self._ledger.forget(transfers)
            if delete_data:
                left = [transfer.saved for transfer in self._by_hash.values()]
                paths = [(transfer.saved, self._ledger.resume_path(transfer)) for transfer in transfers]
                await trio.to_thread.run_sync(_delete, paths, left, abandon_on_cancel=True)
            await self._ledger.forget_resume(transfers)
        finally:
            self._deleting -= gone

    async def recheck(self, info_hashes: Collection[str]) -> None:
        """Verify everything on the disk; a paused transfer is paused again afterwards."""
        async with self._turn:
            transfers = self._of(info_hashes)
            await self._stop_these(transfers)
            await self._ledger.forget_pieces(transfers)
            for transfer in transfers:
                self._start(transfer)
                if transfer.saved.paused:
                    assert self._nursery is not None
                    self._nursery.start_soon(self._pause_again, transfer)

    async def _pause_again(self, transfer: Transfer) -> None:
        torrent = transfer.torrent
        assert torrent is not None
        async with trio.open_nursery() as nursery:

            async def until(event: trio.Event) -> None:
                await event.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(until, torrent.ready)
            nursery.start_soon(until, torrent.gone)
        async with self._turn:
            if transfer.saved.paused and transfer.torrent is torrent:
                await self._stop(transfer)

    async def want(self, info_hash: str, files: Mapping[int, Priority]) -> None:
        """Set the priorities of files, by their numbers in the manifest."""
        for transfer in self._of([info_hash]):
            transfer.want(files)
            await self._ledger.save([transfer])

    async def limit(self, info_hashes: Collection[str], up: float | None, down: float | None) -> None:
        """Set the limits of each of the transfers, in bytes a second; None: only those of all together."""
        transfers = self._of(info_hashes)
        for transfer in transfers:
            transfer.saved = replace(transfer.saved, limit_up=up, limit_down=down)
            if transfer.torrent is not None:
                transfer.torrent.limits.set_own(up, down)
        await self._ledger.save(transfers)

    async def sequential(self, info_hashes: Collection[str], wanted: bool) -> None:
        """Request pieces in their order if ``wanted``, else the rarest first."""
        transfers = self._of(info_hashes)
        for transfer in transfers:
            transfer.saved = replace(transfer.saved, sequential=wanted)
            if transfer.torrent is not None:
                transfer.torrent.picker.sequential = wanted
        await self._ledger.save(transfers)

    def _of(self, info_hashes: Collection[str]) -> list[Transfer]:
        return [self._by_hash[info_hash] for info_hash in dict.fromkeys(info_hashes) if info_hash in self._by_hash]

    async def _stop_these(self, transfers: list[Transfer]) -> None:
        async with trio.open_nursery() as nursery:
            for transfer in transfers:
                nursery.start_soon(self._stop, transfer)


def _delete(removed: list[tuple[SavedTransfer, Path]], left: list[SavedTransfer]) -> None:
    """Delete each ``removed`` transfer's own files, by its resume data, that no transfer of ``left`` has."""
    refused: StorageError | None = None
    for saved, resume in removed:
        own = own_files(saved.manifest, saved.folder, resume)
        shared = {number for other in left for number, _ in in_common(saved, other)}
        try:
            delete_files(saved.manifest, saved.folder, own - shared)
        except StorageError as error:
            refused = refused or error
    if refused is not None:
        raise refused
