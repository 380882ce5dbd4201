"""All transfers: what was begun, and the engine that works on what is not paused."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.app.naming import in_common
from swarmshare.app.transfer import Transfer
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
    from swarmshare.engine.announcer import Announcer
    from swarmshare.engine.config import EngineConfig
    from swarmshare.engine.engine import Engine
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.schema.alerts import Alert
    from swarmshare.schema.snapshot import TorrentSnapshot
    from swarmshare.storage.saved_transfers import SavedTransfer
    from swarmshare.swarm.picker import Priority

SAVE_EVERY: Final = 60.0
"""Seconds of counting bytes that a crash costs."""
CLOSING: Final = 0.5
"""Seconds for saving what was counted, when an engine ends."""


class Transfers:
    """What was begun, by info hash. Every wish raises :class:`~swarmshare.errors.SwarmShareError`."""

    def __init__(self, ledger: Ledger, announcers: Callable[[Manifest], tuple[Announcer, ...]]) -> None:
        """``announcers`` tells which trackers a manifest talks to."""
        self.listen_problem = ""
        """Why nobody can reach us; empty when all is well."""
        self._ledger, self._announcers = ledger, announcers
        self._works: dict[str, Transfer] = {}
        self._deleting: set[str] = set()
        self._engine: Engine | None = None
        self._stands = trio.Event()
        self._end = trio.Event()
        """Of the engine, which another will follow."""
        self._nursery: trio.Nursery | None = None
        self._turn = trio.Lock()
        """Held while the engine is exchanged, and while transfers are added or removed."""

    # ------------------------------------------------------------------ what is there

    def __contains__(self, info_hash: object) -> bool:
        return info_hash in self._works

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where we listen."""
        return tuple(self._engine.addresses) if self._engine is not None else ()

    def lines(self) -> tuple[TransferSnapshot, ...]:
        """A line for each transfer, the oldest first."""
        now = trio.current_time()
        return tuple(transfer.line(now) for transfer in self._works.values())

    def refuse_known(self, info_hash: str) -> None:
        """Raises :class:`SwarmShareError` for what is here already."""
        if (transfer := self._works.get(info_hash)) is not None:
            raise SwarmShareError(Text("transfer.already", name=transfer.manifest.name))

    def all(self) -> list[SavedTransfer]:
        """What was begun, the oldest first."""
        return [transfer.saved for transfer in self._works.values()]

    def snapshot(self, info_hash: str | None) -> TorrentSnapshot | None:
        """All about one of them."""
        transfer = self._works.get(info_hash) if info_hash is not None else None
        return transfer.snapshot() if transfer is not None else None

    def manifest(self, info_hash: str) -> Manifest | None:
        """The manifest of one of them."""
        transfer = self._works.get(info_hash)
        return transfer.manifest if transfer is not None else None

    def alerts(self) -> Iterator[Alert]:
        """What the engine has told since the last call."""
        while self._engine is not None and self._engine.alerts:
            yield self._engine.alerts.popleft()

    # ------------------------------------------------------------------ life

    async def load(self) -> list[StorageError]:
        """Take up what was begun before; what is wrong with those that cannot be used."""
        works, broken = await self._ledger.load()
        self._works = {transfer.saved.info_hash: transfer for transfer in works}
        return broken

    async def run(
        self, config: Callable[[], EngineConfig], task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Work, until cancelled; then save everything. ``config`` is asked for each engine."""
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._save_now_and_then)
            while True:
                async with AsyncExitStack() as stack:
                    self._engine = await self._open(stack, config())
                    for transfer in self._works.values():
                        if not transfer.saved.paused:
                            self._start(transfer)
                    self._stands.set()
                    task_status.started()
                    task_status = trio.TASK_STATUS_IGNORED
                    try:
                        await self._end.wait()
                    finally:
                        for transfer in self._works.values():
                            transfer.stop()
                        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSING):
                            await self._ledger.save_what_can_be(self._works.values())
                self._end = trio.Event()

    async def _save_now_and_then(self) -> None:
        while True:
            await trio.sleep(SAVE_EVERY)
            await self._ledger.save_what_can_be(self._works.values())

    async def _open(self, stack: AsyncExitStack, config: EngineConfig) -> Engine:
        try:
            engine = await stack.enter_async_context(open_engine(config))
        except StorageError as error:
            self.listen_problem = advise(error.message, Text("hint.other-port"))
            return await stack.enter_async_context(open_engine(replace(config, listen=())))
        self.listen_problem = ""
        return engine

    async def reopen(self) -> None:
        """Begin anew with another engine: for another port, or other trackers."""
        async with self._turn:
            self._stands = trio.Event()
            self._end.set()
            await self._stands.wait()

    async def announce_anew(self) -> None:
        """Other trackers are to be told of what is at work."""
        if any(transfer.torrent is not None for transfer in self._works.values()):
            await self.reopen()

    def limit(self, up: float | None, down: float | None) -> None:
        """Bytes a second, all together."""
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

    # ------------------------------------------------------------------ wishes

    async def add(self, saved: SavedTransfer) -> None:
        """Begin one."""
        info_hash = saved.info_hash
        async with self._turn:
            self.refuse_known(info_hash)
            if info_hash in self._deleting:
                raise SwarmShareError(
                    Text("transfer.being-deleted", name=saved.manifest.name), hint=Text("hint.in-a-moment")
                )
            await self._ledger.add(saved)
            self._works[info_hash] = transfer = Transfer(saved)
            self._start(transfer)

    async def pause(self, info_hashes: Collection[str]) -> None:
        """Stop, until :meth:`resume`."""
        async with self._turn:
            working = [transfer for transfer in self._of(info_hashes) if not transfer.saved.paused]
            for transfer in working:
                transfer.saved = replace(transfer.saved, paused=True)
            await self._stop_these(working)
            await self._ledger.save(working)

    async def resume(self, info_hashes: Collection[str]) -> None:
        """Go on."""
        async with self._turn:
            resting = [transfer for transfer in self._of(info_hashes) if transfer.saved.paused]
            for transfer in resting:
                transfer.saved = replace(transfer.saved, paused=False)
                self._start(transfer)
            await self._ledger.save(resting)

    async def remove(self, info_hashes: Collection[str], *, delete_data: bool) -> None:
        """Forget them, and with ``delete_data`` delete their files."""
        works = self._of(info_hashes)
        gone = {transfer.saved.info_hash for transfer in works}
        self._deleting |= gone
        try:
            async with self._turn:
                for info_hash in gone:
                    self._works.pop(info_hash, None)
                await self._stop_these(works)
                await self._ledger.forget(works)
            if delete_data:
                others = [transfer.saved for transfer in self._works.values()]
                paths = [(transfer.saved, self._ledger.resume_path(transfer)) for transfer in works]
                await trio.to_thread.run_sync(_delete, paths, others, abandon_on_cancel=True)
            await self._ledger.forget_resume(works)
        finally:
            self._deleting -= gone

    async def recheck(self, info_hashes: Collection[str]) -> None:
        """Verify all that is on the disk; a paused one is paused again afterwards."""
        async with self._turn:
            works = self._of(info_hashes)
            await self._stop_these(works)
            await self._ledger.forget_pieces(works)
            for transfer in works:
                self._start(transfer)
                if transfer.saved.paused:
                    assert self._nursery is not None
                    self._nursery.start_soon(self._rest_again, transfer)

    async def _rest_again(self, transfer: Transfer) -> None:
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
        """Want files more or less."""
        for transfer in self._of([info_hash]):
            transfer.want(files)
            await self._ledger.save([transfer])

    async def limit_each(self, info_hashes: Collection[str], up: float | None, down: float | None) -> None:
        """Bytes a second, for each of them."""
        works = self._of(info_hashes)
        for transfer in works:
            transfer.saved = replace(transfer.saved, limit_up=up, limit_down=down)
            if transfer.torrent is not None:
                transfer.torrent.limits.set_own(up, down)
        await self._ledger.save(works)

    async def sequential(self, info_hashes: Collection[str], wanted: bool) -> None:
        """Fetch pieces in their order, or the rarest first."""
        works = self._of(info_hashes)
        for transfer in works:
            transfer.saved = replace(transfer.saved, sequential=wanted)
            if transfer.torrent is not None:
                transfer.torrent.picker.sequential = wanted
        await self._ledger.save(works)

    def _of(self, info_hashes: Collection[str]) -> list[Transfer]:
        return [self._works[info_hash] for info_hash in dict.fromkeys(info_hashes) if info_hash in self._works]

    async def _stop_these(self, works: list[Transfer]) -> None:
        async with trio.open_nursery() as nursery:
            for transfer in works:
                nursery.start_soon(self._stop, transfer)


def _delete(removed: list[tuple[SavedTransfer, Path]], others: list[SavedTransfer]) -> None:
    """Delete what each of ``removed`` has for itself, by its resume data, and the ``others`` do not share."""
    refused: StorageError | None = None
    for saved, resume in removed:
        own = own_files(saved.manifest, saved.folder, resume)
        shared = {number for other in others for number, _ in in_common(saved, other)}
        try:
            delete_files(saved.manifest, saved.folder, own - shared)
        except StorageError as error:
            refused = refused or error
    if refused is not None:
        raise refused
