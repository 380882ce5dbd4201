"""One connection after its handshake: what comes and goes, and every number checked.

Sans-I/O: the engine reads into :meth:`PeerConnection.buffers`, tells :meth:`~PeerConnection.received` how much came,
gets messages that are true to the protocol, and sends what :meth:`~PeerConnection.take_output` yields. What a peer says
of itself (what it holds) is passed on; what it owes (blocks for our requests) is kept here, and so is what we owe it
(:mod:`swarmshare.wire.owed`). Which message may come when is a table (:mod:`swarmshare.wire.phases`).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from swarmshare.common.bits import check_bits
from swarmshare.errors import LocalProtocolError, RemoteProtocolError
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.texts import Text
from swarmshare.wire.codec import MessageReader
from swarmshare.wire.extensions import MAX_QUEUE, MAX_REQUEST
from swarmshare.wire.messages import (
    KEEP_ALIVE,
    AllowedFast,
    BitfieldMessage,
    Cancel,
    Choke,
    Extended,
    Hashes,
    HashReject,
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
    Suggest,
    Unchoke,
    encode_piece_heads,
    encode_requests,
)
from swarmshare.wire.owed import OwedBlocks
from swarmshare.wire.phases import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from swarmshare.manifest.layout import Block, PieceLayout
    from swarmshare.wire.phases import Negotiated

MAX_HASH_REQUESTS: Final = 16
"""Hash requests of one peer that wait for an answer. Beyond that they are rejected: each may cost a read of a piece."""
USELESS_ALLOWANCE: Final = 2 * MAX_QUEUE
"""Budget of messages that change nothing; each useful message restores one. An honest peer may have a queue of requests
under way when we choke it, and no more than that; whoever goes on would keep us busy for nothing, and is dropped."""


class FileData(Protocol):
    """The data of a block that whoever sends it takes from a file; never in memory of ours."""

    def __len__(self) -> int:
        """How many bytes."""

    def __getitem__(self, part: slice, /) -> FileData:
        """Return those of them in a slice."""


Output: TypeAlias = "bytes | memoryview | FileData"


_WASTE: Final = memoryview(bytearray(MAX_REQUEST))
"""Where the data of blocks goes that nobody wants any more, on all connections: it is never read."""


class PeerConnection:
    """The state of one connection, on both sides.

    A request of ours is in ``asked`` until it is answered:

    | a request is      | its block comes          | it is rejected | the peer chokes us   | we cancel it         |
    |-------------------|--------------------------|----------------|----------------------|----------------------|
    | wanted (True)     | useful; out              | useful; out    | stays; out w/o BEP 6 | False; out w/o BEP 6 |
    | cancelled (False) | its data is dropped; out | useless; out   | stays                | stays                |
    | not there         | dropped, useless         | useless        |                      |                      |

    A request of the peer is in ``owed`` until we send the block or a rejection; it is refused at once when it is
    choked, longer than we said that we take, there already, or too much.
    """

    def __init__(
        self,
        layout: PieceLayout,
        negotiated: Negotiated,
        place: Callable[[Block], memoryview | None],
    ) -> None:
        """``place`` says where a block that we asked for belongs (a view of just its length), or None to drop its data.

        Until the block has come, it is the same place however often it is asked for.
        """
        self._layout = layout
        self.negotiated = negotiated
        self._place = place
        self._reader = MessageReader(layout.piece_count, self._place_block, self._upcoming)
        self._output: list[Output] = []
        self._useless = USELESS_ALLOWANCE
        self.phase = Phase.HANDSHAKING
        self._permitted = negotiated.permissions(self.phase)
        self.am_choking = self.peer_choking = True
        self.am_interested = self.peer_interested = False
        self.asked: dict[Block, bool] = {}
        """Blocks that the peer owes us; whether each is still wanted (a cancelled one may come all the same)."""
        self.owed = OwedBlocks()
        """Blocks that we owe the peer, oldest first."""
        self.longest = BLOCK_LENGTH
        """Bytes of the longest block that we ask the peer for, and so of the longest that it may send."""
        self._longest_owed = MAX_REQUEST if negotiated.extended else BLOCK_LENGTH
        self.asked_hashes: set[HashRequest] = set()
        self.owed_hashes: dict[HashRequest, None] = {}
        self.allowed_fast: set[int] = set()
        """Pieces that we may request while choked."""
        self.granted_fast: set[int] = set()
        """Pieces that the peer may request while we choke it."""

    def allow_long(self, length: int) -> int:
        """Allow for blocks of up to ``length`` bytes, which the peer says it takes requests for.

        Returns how long requests may be from now on: not longer than ours are ever. What was allowed once stays so,
        since the answer may be on its way.
        """
        length = min(length, MAX_REQUEST)
        self.longest = max(self.longest, length)
        self._reader.allow_long(self.longest)
        return length

    # ------------------------------------------------------------------ receiving

    @property
    def part_length(self) -> int:
        """How many bytes are here of a block that has not come completely."""
        return self._reader.part_length

    def buffers(self) -> list[memoryview]:
        """Where the next bytes of the peer belong, as for ``recvmsg_into``."""
        return self._reader.buffers()

    def received(self, count: int) -> list[Message]:
        """Return what the peer said in the ``count`` bytes that were read into the buffers, as far as it matters.

        A block that was never asked for, a repeated state and the like are counted and left out. A :class:`Piece` means
        that the data is where ``place`` wanted it, unless it was cancelled meanwhile. A choke without BEP 6 means that
        ``asked`` is empty now.

        Raises :class:`RemoteProtocolError`; the connection is CLOSED then.
        """
        try:
            accept = self._accept
            return [message for message in self._reader.received(count) if accept(message)]
        except RemoteProtocolError:
            self.phase = Phase.CLOSED
            raise

    def _upcoming(self, count: int) -> Iterator[tuple[Block, memoryview]]:
        """Yield the blocks that were asked for first, and their places."""
        place = self._place
        for block, wanted in islice(self.asked.items(), count):
            if wanted and (view := place(block)) is not None:
                yield block, view

    def _place_block(self, block: Block) -> memoryview:
        if self.asked.get(block):
            view = self._place(block)
            if view is not None:
                return view
        # Not asked for, or not wanted any more: its bytes have to go somewhere, since others follow them in the stream.
        return _WASTE[: block.length]

    def _accept(self, message: Message) -> bool:
        """Check a message and take note of it; whether it is of use to anybody."""
        # Nearly every message leaves the phase as it is: one look-up in a row of the table is all that it costs.
        phase = self._permitted.get(type(message))
        if phase is not self.phase:
            if phase is None:
                raise self.negotiated.violation(type(message))
            self.phase = phase
            self._permitted = self.negotiated.permissions(phase)
        # A block, as nearly every message of a peer that gives is; then a request, as of one that takes.
        useful = self.asked.pop(message, None) is not None if type(message) is Piece else self._note(message)
        if not useful:
            self._useless -= 1
            if self._useless < 0:
                raise RemoteProtocolError("useless", Text("peer.useless"))
        elif self._useless < USELESS_ALLOWANCE:
            self._useless += 1
        return useful

    def _note(self, message: Message) -> bool:
        match message:
            case Request():
                return self._note_request(message)
            case Have() | Suggest() | AllowedFast():
                self._check_piece(message.piece)
                if isinstance(message, AllowedFast):
                    self.allowed_fast.add(message.piece)
                return True
            case BitfieldMessage(bits):
                try:
                    check_bits(bits, self._layout.piece_count)
                except ValueError:  # the codec knows the size, so it is the spare bits
                    raise RemoteProtocolError("spare-bits", Text("peer.spare-bits")) from None
                return True
            case Choke() | Unchoke():
                changed = self.peer_choking != isinstance(message, Choke)
                self.peer_choking = isinstance(message, Choke)
                # With BEP 6 each request is still rejected one by one; without it a choke drops them all, silently.
                if self.peer_choking and not self.negotiated.fast:
                    self.asked.clear()
                return changed
            case Interested() | NotInterested():
                changed = self.peer_interested != isinstance(message, Interested)
                self.peer_interested = isinstance(message, Interested)
                return changed
            case Cancel():
                # Not there: the block and the cancel crossed, as happens at each end of a download.
                if not self.owed.remove(message):
                    return False
                self._reject(message)
                return True
            case Reject():
                return self.asked.pop(message, False)
            case HashRequest():
                if len(self.owed_hashes) >= MAX_HASH_REQUESTS:
                    self.send_hash_reject(message)
                    return False
                self.owed_hashes[message] = None
                return True
            case Hashes() | HashReject():
                # Hashes that were not asked for prove nothing that we look for, and would cost a climb of the tree.
                known = message.request in self.asked_hashes
                self.asked_hashes.discard(message.request)
                return known
            case _:
                return True

    def _note_request(self, request: Request) -> bool:
        piece, begin, length = request
        self._check_piece(piece)
        # A short piece may be requested with the zeros behind it, in every kind of torrent: v1 clients request the
        # padding of a hybrid (BEP 47), libtorrent up to 2.0.11 whole blocks at the end of each file of a v2-only one.
        if not length or begin + length > self._layout.piece_length:
            raise RemoteProtocolError("request-range", Text("peer.request-range", piece=piece))
        # No violations, because an honest peer may send each of these: requests and our choke cross, libtorrent asks
        # twice in its endgame, and a queue longer than we said is bounded here rather than believed.
        choked = self.am_choking and piece not in self.granted_fast
        if choked or length > self._longest_owed or not self.owed.add(request):
            self._reject(request)
            return False
        return True

    def _check_piece(self, piece: int) -> None:
        if piece >= self._layout.piece_count:
            raise RemoteProtocolError(
                "piece-range", Text("peer.piece-range", piece=piece, count=self._layout.piece_count)
            )

    # ------------------------------------------------------------------ sending

    def take_output(self) -> list[Output]:
        """Return what is to be sent, in order; the caller sends all of it."""
        output, self._output = self._output, []
        return output

    @property
    def has_output(self) -> bool:
        """Whether :meth:`take_output` has anything to send."""
        return bool(self._output)

    @property
    def output_count(self) -> int:
        """How many parts of output wait to be taken: what a peer that does not read lets grow."""
        return len(self._output)

    def keep_alive(self) -> None:
        """Send that we are still here."""
        self._output.append(KEEP_ALIVE)

    def send_opening(self, bits: bytes, *, held: int) -> None:
        """Say what we hold, ``held`` pieces by the bitfield ``bits``; shorter where BEP 6 allows."""
        if self.negotiated.fast and held in {0, self._layout.piece_count}:
            self._output.append((HaveAll() if held else HaveNone()).encode())
        elif held:
            self._output.append(BitfieldMessage(bits).encode())

    def send_have(self, piece: int) -> None:
        """Tell of a piece that we hold now."""
        self._output.append(Have(piece).encode())

    def send_extended(self, message: Extended) -> None:
        """Send a message of an extension; only under an id that the peer gave."""
        self._require(self.negotiated.extended, "an extension message that was not agreed on")
        self._output.append(message.encode())

    def set_choking(self, choking: bool) -> None:
        """Choke or unchoke the peer; what it asked for and will not get is rejected (BEP 6) or forgotten (BEP 3)."""
        if choking == self.am_choking:
            return
        self.am_choking = choking
        self._output.append((Choke() if choking else Unchoke()).encode())
        if choking:
            for request in [request for request in self.owed if request.piece not in self.granted_fast]:
                self.owed.remove(request)
                self._reject(request)

    def set_interested(self, interested: bool) -> None:
        """Say whether we want something of the peer."""
        if interested != self.am_interested:
            self.am_interested = interested
            self._output.append((Interested() if interested else NotInterested()).encode())

    def grant_fast(self, piece: int) -> None:
        """Let the peer request ``piece`` while it is choked, if it knows how."""
        if self.negotiated.fast and piece not in self.granted_fast:
            self.granted_fast.add(piece)
            self._output.append(AllowedFast(piece).encode())

    def suggest(self, piece: int) -> None:
        """Say that ``piece`` would be given if the peer asked for it, if it knows how."""
        if self.negotiated.fast:
            self._output.append(Suggest(piece).encode())

    def request(self, blocks: Collection[Block]) -> None:
        """Ask for ``blocks``, at least one, which are in ``asked`` from here on.

        Raises :class:`LocalProtocolError` for one that is asked for already, or longer than the peer takes, or that its
        choke forbids.
        """
        asked, longest = self.asked, self.longest
        if self.peer_choking and any(block.piece not in self.allowed_fast for block in blocks):
            raise LocalProtocolError(Text("bug.choked"))
        for block in blocks:
            if block in asked:
                raise LocalProtocolError(Text("bug.same-request"))
            if block.length > longest:
                raise LocalProtocolError(Text("bug.send", what="a request that is longer than the peer takes"))
            asked[block] = True
        self._output.append(encode_requests(blocks))

    def cancel(self, block: Block) -> None:
        """Say that a block is not needed any more. It may come all the same, and is dropped then."""
        if self.asked.get(block):
            # The reader may have handed out the block's place as the next to read into; that place may be freed now.
            self._reader.forget()
            # With BEP 6 an answer comes for sure, and until then the request counts.
            if self.negotiated.fast:
                self.asked[block] = False
            else:
                del self.asked[block]
            self._output.append(Cancel._make(block).encode())

    def send_block(self, block: Block, data: Output) -> None:
        """Answer a request of ``owed``; raises :class:`LocalProtocolError` when ``data`` is not what was asked for."""
        if len(data) != block.length:
            raise LocalProtocolError(Text("bug.block-length"))
        if not self.owed.remove(block):
            raise LocalProtocolError(Text("bug.unasked-block"))
        self._output += (encode_piece_heads([block]), data)

    def reject(self, block: Block) -> None:
        """Refuse a request of ``owed``: the piece is not there any more."""
        self._require(self.owed.remove(block), "a rejection of what the peer did not ask for")
        self._reject(block)

    def request_hashes(self, request: HashRequest) -> None:
        """Ask for nodes of a tree (BEP 52)."""
        self._require(self.negotiated.v2, "a hash request on a BitTorrent v1 connection")
        self.asked_hashes.add(request)
        self._output.append(request.encode())

    def send_hashes(self, request: HashRequest, hashes: bytes) -> None:
        """Answer a hash request with what :meth:`HashTree.hashes` gave."""
        self.owed_hashes.pop(request, None)
        self._output.append(
            Hashes(request.root, request.base, request.index, request.length, request.proof_layers, hashes).encode()
        )

    def send_hash_reject(self, request: HashRequest) -> None:
        """Refuse ``request``, of ``owed_hashes`` or one that was never let in (BEP 52)."""
        self.owed_hashes.pop(request, None)
        self._output.append(
            HashReject(request.root, request.base, request.index, request.length, request.proof_layers).encode()
        )

    def _reject(self, block: Block) -> None:
        if self.negotiated.fast:
            self._output.append(Reject._make(block).encode())

    def _require(self, allowed: bool, what: str) -> None:
        if not allowed:
            raise LocalProtocolError(Text("bug.send", what=what))
