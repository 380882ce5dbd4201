"""One torrent at work: what it holds, whom it talks to, and the way of a block from a peer to the disk.

All of it runs on one trio thread, so plain calls need no locks; only files are touched from worker threads, one call
for each piece. The way of a block is told in docs/DESIGN.md.
"""

from __future__ import annotations

import random
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, cast

import trio

from swarmshare.engine.blocks import PieceBuffers
from swarmshare.engine.suspects import Suspects
from swarmshare.engine.uploads import ChunkCache, HashServer
from swarmshare.errors import RemoteProtocolError, StorageError
from swarmshare.manifest.layout import PieceIndex
from swarmshare.schema.alerts import (
    Alert,
    PeerDropped,
    PieceFailed,
    PieceVerified,
    TorrentComplete,
    TorrentPaused,
    TorrentResumed,
)
from swarmshare.schema.snapshot import PeerSnapshot, TorrentSnapshot, TorrentState
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.resume import load_resume, save_resume
from swarmshare.swarm.bitfield import Bitfield
from swarmshare.swarm.choker import Candidate, choose_optimistic, choose_unchoked
from swarmshare.swarm.picker import Block, PiecePicker, PieceState, Priority
from swarmshare.swarm.rates import RateMeter
from swarmshare.wire import extensions
from swarmshare.wire.messages import (
    AllowedFast,
    BitfieldMessage,
    Cancel,
    Choke,
    Extended,
    Hashes,
    HashRequest,
    Have,
    HaveAll,
    HaveNone,
    Interested,
    Message,
    NotInterested,
    Piece,
    Reject,
    Request,
    Unchoke,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from swarmshare.engine.config import EngineConfig, TorrentConfig
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.manifest.manifest import Manifest

DISK_JOBS: Final = 4
"""Pieces that wait for the disk. When there are more, readers wait, and TCP makes the peers wait."""
DISK_WORKERS: Final = 2
"""Pieces that are verified and written at the same time."""
TICK: Final = 1.0
"""Seconds between looks at who is silent, snubbed or to be told that we are here."""
IDLE_TIMEOUT: Final = 120.0
"""Seconds of silence after which a peer is given up (BEP 3 suggests two minutes)."""
KEEP_ALIVE_AFTER: Final = 60.0
"""Seconds without a word of ours after which we send that we are here."""
CHOKE_INTERVAL: Final = 10.0
"""Seconds between choices of whom to serve (BEP 3)."""
NEWCOMER: Final = 60.0
"""Seconds for which a peer is new."""
OPTIMISTIC_TURNS: Final = 3
"""Choices for which an optimistic unchoke lasts (BEP 3: 30 seconds)."""
RETRY_AFTER: Final = 2.0
"""Seconds after which a write that failed is tried again."""
MAX_REFUSALS: Final = 100
"""Blocks of one piece that a peer may reject while it does not choke us: more than one full queue of a large piece."""
SAVE_INTERVAL: Final = 30.0
"""Seconds of bookkeeping that a power cut costs: what was written since is verified again."""
MIN_REFILL: Final = 8
"""Requests that are sent together: one at a time would cost a system call each."""


class Torrent:
    """A manifest, its files, and its swarm."""

    def __init__(
        self,
        manifest: Manifest,
        config: TorrentConfig,
        engine: EngineConfig,
        *,
        alert: Callable[[Alert], None],
        limit_up: Callable[[int], Awaitable[None]],
        limit_down: Callable[[int], Awaitable[None]],
    ) -> None:
        self.manifest = manifest
        self.config = config
        self.layout = manifest.layout
        self.limit_up, self.limit_down = limit_up, limit_down
        self.sessions: set[PeerSession] = set()
        self.ready = trio.Event()
        """Set when the data on the disk was checked: before that we know of nothing that we hold."""
        self.finished = trio.Event()
        """Set when all that was asked for is here."""
        self.banned: set[str | bytes] = set()
        """Addresses and peer ids that gave wrong data. Not whole hosts: several peers may share one."""
        self._engine = engine
        self._alert = alert
        self._rng = random.Random()
        self._storage = TorrentStorage(manifest, config.folder)
        self._picker = PiecePicker(self.layout, self._rng)
        self._buffers = PieceBuffers(self.layout)
        self._chunks = ChunkCache(self._storage, self.layout)
        self._hashes = HashServer(manifest, self.read_block)
        self._suspects = Suspects(manifest, self._storage)
        self._complete: deque[tuple[int, bytearray]] = deque()
        """Pieces whose blocks are all here, on their way to the disk."""
        self._idle_workers = trio.lowlevel.ParkingLot()
        self._waiting_readers = trio.lowlevel.ParkingLot()
        self._files_left = [set(self.layout.file_pieces(file)) for file in range(len(manifest.files))]
        self._unfinished = set(range(len(manifest.files))) - config.skip_files
        """Wanted files that have not got their final name yet: all pieces of the last one may be here before it has."""
        self._state = self._state_before = TorrentState.CHECKING
        """And what it was before it was PAUSED."""
        self._error = ""
        self._meter_down, self._meter_up = RateMeter(), RateMeter()
        self._downloaded = self._uploaded = 0
        self._optimistic: PeerSession | None = None
        self._unsaved = False

    # ------------------------------------------------------------------ life

    async def run(self) -> None:
        """Check what is there, then share, until cancelled; then save what we know and close the files."""
        try:
            await self._start()
            async with trio.open_nursery() as nursery:
                for _ in range(DISK_WORKERS):
                    nursery.start_soon(self._write_pieces)
                nursery.start_soon(self._tick)
                nursery.start_soon(self._choke)
                nursery.start_soon(self._save_now_and_then)
        finally:
            for session in list(self.sessions):
                session.close()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1.0):
                await trio.to_thread.run_sync(self._save_and_close, abandon_on_cancel=True)

    async def _start(self) -> None:
        wanted = sorted(self._unfinished)
        held = Bitfield(self.layout.piece_count)
        for piece in await trio.to_thread.run_sync(self._check):
            held.set(piece)
            self._files_left[self.layout.span(PieceIndex(piece)).file].discard(piece)
        self._picker = PiecePicker(self.layout, self._rng, held)
        self._picker.sequential = self.config.sequential
        for file in self.config.skip_files:
            for piece in self.layout.file_pieces(file):
                self._picker.set_priority(piece, Priority.SKIP)
        missing = [file for file in wanted if self._files_left[file] or not self.manifest.files[file].length]
        await self._persist(lambda: self._storage.prepare(missing))
        await self._finish_files([file for file in wanted if not self._files_left[file]])
        self._state = TorrentState.DOWNLOADING
        self._look_for_the_end()
        self.ready.set()

    def _check(self) -> set[int]:
        """What is on the disk, by resume data as far as that can be trusted, else by hashing."""
        path = self._resume_path
        if path is None:
            return set(self._storage.scan())
        resume = load_resume(path, self.manifest, self._storage)
        return set(resume.held) | set(self._storage.scan(only_files=resume.recheck))

    @property
    def _resume_path(self) -> Path | None:
        folder = self._engine.resume_folder
        return folder / f"{self.manifest.info_hash}.resume" if folder else None

    def _save(self) -> None:
        path = self._resume_path
        if path is not None and self.ready.is_set():
            path.parent.mkdir(parents=True, exist_ok=True)
            save_resume(path, self.manifest, self._picker.held.to_wire(), self._storage.file_states())

    def _save_and_close(self) -> None:
        try:
            self._save()
        except (StorageError, OSError):
            pass  # then it is verified again: nothing is lost but time
        finally:
            self._storage.close()

    async def _save_now_and_then(self) -> None:
        while True:
            await trio.sleep(SAVE_INTERVAL)
            if self._unsaved:
                self._unsaved = False
                await self._persist(self._save)

    async def _persist(self, work: Callable[[], object]) -> None:
        """Do something with files, in a thread, until it works: a full disk or a lost folder pauses the torrent."""
        while True:
            try:
                await trio.to_thread.run_sync(work)
            except StorageError as error:
                if self._state is not TorrentState.PAUSED:
                    self._state_before = self._state
                    self._state, self._error = TorrentState.PAUSED, str(error)
                    self._alert(TorrentPaused(self.manifest.info_hash.full, error.code, str(error)))
                await trio.sleep(RETRY_AFTER)
            else:
                if self._state is TorrentState.PAUSED:
                    self._state, self._error = self._state_before, ""
                    self._alert(TorrentResumed(self.manifest.info_hash.full))
                return

    # ------------------------------------------------------------------ sessions

    def add_session(self, session: PeerSession) -> bool:
        """Take a new connection, unless there is no room or one to the same peer already; says whether it was."""
        known = {other.peer_id for other in self.sessions} | {self._engine.peer_id}
        if len(self.sessions) >= self._engine.max_peers or session.peer_id in known:
            return False
        if not self.banned.isdisjoint((session.address, session.peer_id)):
            return False
        self.sessions.add(session)
        connection = session.connection
        self._picker.peer_joined(session.has)
        if connection.settled.extended:
            handshake = extensions.ExtendedHandshake(
                client=self._engine.client, upload_only=self._state is TorrentState.SEEDING
            )
            connection.send_extended(handshake.encode())
        held = self._picker.held
        connection.send_opening(held.to_wire(), held=held.held)
        session.wake()
        return True

    def session_ended(self, session: PeerSession, reason: str) -> None:
        """Forget a connection; what it owed us is free for others."""
        if session not in self.sessions:
            return
        self.sessions.remove(session)
        self._picker.peer_gone(session)
        self._picker.peer_left(session.has)
        self._buffers.session_ended(session)
        if self._optimistic is session:
            self._optimistic = None
        if reason:
            self._alert(PeerDropped(self.manifest.info_hash.full, session.address, reason))
        self._rechoke()
        self._refill_all()

    def handle(self, session: PeerSession, message: Message) -> None:
        """One message of a peer. A plain call: nothing in it waits."""
        match message:
            case Piece():
                self._on_block(session, message)
            case Have(piece):
                if session.has.set(piece):
                    self._picker.peer_has(piece)
                    self._update_interest(session)
            case BitfieldMessage(bits):
                self._set_bits(session, Bitfield.from_wire(bits, self.layout.piece_count))
            case HaveAll():
                self._set_bits(session, Bitfield.full(self.layout.piece_count))
            case HaveNone() | Unchoke() | AllowedFast():
                pass
            case Choke():
                # With BEP 6 each request is rejected by a message of its own.
                if not session.connection.asked:
                    self._picker.peer_gone(session)
                session.pipeline.on_choked()
            case Reject(piece, begin, length):
                self._picker.returned(session, Block(piece, begin, length))
                session.pipeline.on_returned(session.last_received, 1)
                if not session.connection.peer_choking:
                    self._count_refusal(session, piece)
            case Interested() | NotInterested():
                self._rechoke()
            case Request() | Cancel():
                session.wake()
            case HashRequest():
                session.wake()
            case Hashes():
                self._blame(message)
            case Extended():
                self._on_extended(session, message)
            case _:
                pass

    def _count_refusal(self, session: PeerSession, piece: int) -> None:
        """A peer that refuses a piece again and again, unchoked, does not have it: asking on would never end."""
        session.refusals[piece] = session.refusals.get(piece, 0) + 1
        if session.refusals[piece] >= MAX_REFUSALS and session.has.clear(piece):
            self._picker.peer_lost(piece)
            self._update_interest(session)

    def _set_bits(self, session: PeerSession, bits: Bitfield) -> None:
        self._picker.peer_left(session.has)
        session.has = bits
        self._picker.peer_joined(bits)
        self._update_interest(session)
        self._close_if_useless(session)

    def _on_extended(self, session: PeerSession, message: Extended) -> None:
        if message.ext_id == extensions.HANDSHAKE_ID:
            handshake = extensions.decode_extended_handshake(message.payload)
            if handshake is not None:
                session.client, session.ids = handshake.client, handshake.ids
                session.pipeline.peer_limit = handshake.queue
        elif message.ext_id == extensions.OUR_IDS[extensions.DONT_HAVE]:
            piece = extensions.decode_dont_have(message.payload)
            if piece >= self.layout.piece_count:
                raise RemoteProtocolError("piece-range", f"piece {piece:,} of {self.layout.piece_count:,}")
            if session.has.clear(piece):
                self._picker.peer_lost(piece)
                self._update_interest(session)

    def _update_interest(self, session: PeerSession) -> None:
        session.connection.set_interested(self._picker.is_interesting(session.has))
        session.wake()

    def _close_if_useless(self, session: PeerSession) -> None:
        """Two seeds have nothing to give each other."""
        if self._state is TorrentState.SEEDING and session.has.is_full and self._picker.held.is_full:
            session.close()

    # ------------------------------------------------------------------ downloading

    def refill(self, session: PeerSession) -> None:
        """Ask a peer for as much as keeps it busy."""
        connection, now = session.connection, trio.current_time()
        if connection.peer_choking or not connection.am_interested:
            return
        room = session.pipeline.room(now)
        if room < min(MIN_REFILL, session.pipeline.target(now) // 2 + 1):
            return
        sent = 0
        for block in self._picker.pick(session, session.has, room):
            if Request(block.piece, block.begin, block.length) in connection.asked:
                self._picker.returned(session, block)  # cancelled, and the answer is still to come
                continue
            connection.request(block.piece, block.begin, block.length)
            sent += 1
        if sent:
            session.pipeline.on_sent(now, sent)
            session.wake()

    def _refill_all(self) -> None:
        for session in self.sessions:
            self.refill(session)

    def place(self, session: PeerSession, block: Piece) -> memoryview:
        """Where the data of a block that we asked for belongs."""
        return self._buffers.place(session, block.piece, block.begin, block.length)

    def count_down(self, session: PeerSession) -> None:
        """Note what came from a peer since the last time: once for many blocks."""
        length = session.downloaded - session.counted
        if length:
            session.counted = session.downloaded
            self._downloaded += length
            session.meter_down.add(session.last_received, length)
            self._meter_down.add(session.last_received, length)

    def _on_block(self, session: PeerSession, block: Piece) -> None:
        now = session.last_received
        session.downloaded += block.length
        session.pipeline.on_block(now, block.length)
        asked = Block(block.piece, block.begin, block.length)
        received = self._picker.received(session, asked)
        self._buffers.arrived(session, block.piece, block.begin, wanted=received.wanted)
        for key in received.cancel:
            other = cast("PeerSession", key)
            other.connection.cancel(*asked)
            other.pipeline.on_returned(now, 1)
            other.wake()
        if received.piece_complete:
            self._complete.append((block.piece, self._buffers.take(block.piece)))
            self._idle_workers.unpark()

    async def disk_has_room(self) -> None:
        """Wait while the disk has more to do than it can: whoever reads from a peer calls this before it reads on."""
        while len(self._complete) > DISK_JOBS:
            await self._waiting_readers.park()

    async def _write_pieces(self) -> None:
        while True:
            while not self._complete:
                await self._idle_workers.park()
            piece, data = self._complete.popleft()
            if len(self._complete) <= DISK_JOBS:
                self._waiting_readers.unpark_all()
            right = await trio.to_thread.run_sync(self._storage.check, PieceIndex(piece), data)
            if right:
                await self._persist(partial(self._storage.write, PieceIndex(piece), data))
                await self._piece_verified(piece)
            else:
                self._piece_failed(piece, data)

    async def _piece_verified(self, piece: int) -> None:
        self._picker.verified(piece)
        self._unsaved = True
        file = self.layout.span(PieceIndex(piece)).file
        self._files_left[file].discard(piece)
        if not self._files_left[file]:
            await self._finish_files([file])
        self._alert(PieceVerified(self.manifest.info_hash.full, piece))
        for session in list(self.sessions):
            session.connection.send_have(piece)
            self._update_interest(session)
        self._look_for_the_end()

    async def _finish_files(self, files: list[int]) -> None:
        for file in files:
            await self._persist(partial(self._storage.finish, file))
            self._unfinished.discard(file)

    def _piece_failed(self, piece: int, data: bytearray) -> None:
        by_block = {begin: cast("PeerSession", key) for begin, key in self._picker.contributors(piece).items()}
        contributors = set(by_block.values())
        self._picker.failed(piece)
        liar = contributors.pop() if len(contributors) == 1 else None
        self._alert(PieceFailed(self.manifest.info_hash.full, piece, liar.address if liar else None))
        if liar is not None:
            self._ban(liar)
        else:
            request = self._suspects.accuse(piece, data, by_block)
            for session in self.sessions:
                if session.connection.settled.v2 and session.has.has(piece):
                    session.connection.request_hashes(request)
                    session.wake()
        self._refill_all()

    def _blame(self, message: Hashes) -> None:
        """The leaves of a piece that failed came: they say which blocks were wrong, and so who lied."""
        for liar in self._suspects.convict(message):
            self._ban(liar)

    def _ban(self, session: PeerSession) -> None:
        if session.address not in self.banned:
            self.banned |= {session.address, session.peer_id}
            self._alert(PeerDropped(self.manifest.info_hash.full, session.address, "it sent wrong data", banned=True))
            session.close()

    def _look_for_the_end(self) -> None:
        if not self._unfinished and self._state is not TorrentState.SEEDING:
            self._state = TorrentState.SEEDING
            self._alert(TorrentComplete(self.manifest.info_hash.full))
            self.finished.set()
            for session in list(self.sessions):
                self._close_if_useless(session)

    # ------------------------------------------------------------------ uploading

    async def answer_hashes(self, session: PeerSession) -> None:
        """Answer what a peer asked about trees."""
        for request in list(session.connection.owed_hashes):
            hashes = await self._hashes.answer(request)
            if hashes is None:
                session.connection.send_hash_reject(request)
            else:
                session.connection.send_hashes(request, hashes)

    async def read_block(self, piece: int, begin: int, length: int) -> memoryview | None:
        """A block to send; None when we do not hold its piece."""
        if self._picker.state(piece) is not PieceState.HELD:
            return None
        return await self._chunks.read(piece, begin, length)

    def count_up(self, length: int) -> None:
        """Note that a block was sent."""
        self._uploaded += length
        self._meter_up.add(trio.current_time(), length)

    async def _choke(self) -> None:
        turn = 0
        while True:
            if turn % OPTIMISTIC_TURNS == 0:
                self._optimistic = cast("PeerSession | None", choose_optimistic(self._candidates(), self._rng))
            turn += 1
            self._rechoke()
            await trio.sleep(CHOKE_INTERVAL)

    def _candidates(self) -> list[Candidate]:
        now = trio.current_time()
        return [
            Candidate(
                key=session,
                interested=session.connection.peer_interested,
                rate_from=session.meter_down.rate(now),
                rate_to=session.meter_up.rate(now),
                unchoked=not session.connection.am_choking,
                seconds=now - session.slot_changed,
                is_new=now - session.since < NEWCOMER,
            )
            for session in self.sessions
        ]

    def _rechoke(self) -> None:
        chosen = choose_unchoked(
            self._candidates(),
            self._engine.upload_slots,
            self._optimistic,
            seeding=self._state is TorrentState.SEEDING,
            rng=self._rng,
        )
        for session in self.sessions:
            if session.connection.am_choking == (session in chosen):
                session.slot_changed = trio.current_time()
            session.connection.set_choking(session not in chosen)
            session.wake()

    async def _tick(self) -> None:
        while True:
            await trio.sleep(TICK)
            now = trio.current_time()
            for session in list(self.sessions):
                if now - session.last_received > IDLE_TIMEOUT and self._state is not TorrentState.PAUSED:
                    session.close()
                elif now - session.last_sent > KEEP_ALIVE_AFTER:
                    session.connection.keep_alive()
                    session.wake()
                if session.pipeline.is_snubbed(now) and session.connection.asked:
                    self._free_blocks(session)
                self.refill(session)

    def _free_blocks(self, session: PeerSession) -> None:
        """A peer that sends nothing keeps its blocks from nobody."""
        blocks = self._picker.blocks_of(session)
        self._picker.peer_gone(session)
        for block in blocks:
            session.connection.cancel(*block)
        session.pipeline.on_returned(trio.current_time(), len(blocks))

    # ------------------------------------------------------------------ looking at it

    @property
    def pieces_done(self) -> int:
        """How many pieces are verified."""
        return self._picker.held.held

    def snapshot(self) -> TorrentSnapshot:
        """How things stand."""
        now = trio.current_time()
        wanted = [file for number, file in enumerate(self.manifest.files) if number not in self.config.skip_files]
        left = sum(
            self.layout.span(PieceIndex(piece)).length
            for number, pieces in enumerate(self._files_left)
            if number not in self.config.skip_files
            for piece in pieces
        )
        total = sum(file.length for file in wanted)
        return TorrentSnapshot(
            info_hash=self.manifest.info_hash.full,
            name=self.manifest.name,
            state=self._state,
            error=self._error,
            bytes_total=total,
            bytes_done=total - left,
            pieces_total=self.layout.piece_count,
            pieces_done=self.pieces_done,
            rate_down=self._meter_down.rate(now),
            rate_up=self._meter_up.rate(now),
            downloaded=self._downloaded,
            uploaded=self._uploaded,
            peers=tuple(self._peer_snapshot(session, now) for session in self.sessions),
            bits=self._picker.held.to_wire(),
        )

    def _peer_snapshot(self, session: PeerSession, now: float) -> PeerSnapshot:
        return PeerSnapshot(
            address=session.address,
            client=session.client,
            pieces=session.has.held,
            rate_down=session.meter_down.rate(now),
            rate_up=session.meter_up.rate(now),
            downloaded=session.downloaded,
            uploaded=session.uploaded,
            choking_us=session.connection.peer_choking,
            interested=session.connection.peer_interested,
            bits=session.has.to_wire(),
        )
