"""What the tests of the live client need: a swarm's port that remembers, and trackers, real and hostile."""

from __future__ import annotations

import threading
from base64 import b64encode
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
import socketio
import trio
from manifest.makers import encoded, folder_doc
from tracker.trackers import PASSWORD, Server
from waiting import TIMEOUT
from werkzeug.serving import WSGIRequestHandler, make_server

from swarmshare.common.bits import bits_of_runs, pieces_of_bits
from swarmshare.engine.announcer import Changes, Member, TransferStats
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from swarmshare.common.address import Address

PIECES = 40
CONTENT = encoded(folder_doc({b"data": PIECES * 2**14}))
MANIFEST = parse_manifest(CONTENT)
HASH = MANIFEST.info_hash.full.hex()


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def bits(pieces: Collection[int], count: int = PIECES) -> bytes:
    return bits_of_runs([range(piece, piece + 1) for piece in sorted(pieces)], count)


class Port:
    """One torrent, as announcers see it; keeps what it was told."""

    def __init__(self, number: int, pieces: Collection[int] = ()) -> None:
        self.manifest = MANIFEST
        self.wire_hashes = (MANIFEST.info_hash.truncated,)
        self.peer_id = b"-SW0100-%012d" % number
        self.port = 7000 + number
        self.held = set(pieces)
        self.members: dict[int, Member] = {}
        self.pieces: dict[int, set[int] | None] = {}
        self.dialled: list[Address] = []
        self.problems: list[str] = []
        self.problem = ""
        self._gained: set[int] = set()
        self._lost: set[int] = set()
        self._liars: set[Address] = set()
        self._something = trio.Event()
        self._told = trio.Event()

    @property
    def complete(self) -> bool:
        return len(self.held) == PIECES

    def stats(self) -> TransferStats:
        return TransferStats(1000, 2000, (PIECES - len(self.held)) * 2**14, 10, 20)

    def bits(self) -> bytes:
        return bits(self.held)

    async def changed(self) -> None:
        await self._something.wait()

    def changes(self) -> Changes:
        changes = Changes(self._gained, self._lost, self._liars)
        self._gained, self._lost, self._liars = set(), set(), set()
        self._something = trio.Event()
        return changes

    def found(self, addresses: Sequence[Address]) -> None:
        self.dialled.extend(addresses)
        self._tell()

    def see(self, number: int, member: Member | None) -> None:
        if member is None:
            del self.members[number], self.pieces[number]
        else:
            self.members[number] = member
            self.pieces[number] = None if member.bits is None else set(pieces_of_bits(member.bits))
        self._tell()

    def see_pieces(self, number: int, gained: Collection[int], lost: Collection[int]) -> None:
        pieces = self.pieces[number]
        assert pieces is not None
        pieces |= set(gained)
        pieces -= set(lost)
        self._tell()

    def report_problem(self, message: str) -> None:
        self.problem = message
        self.problems.append(message)
        self._tell()

    # For tests

    def change(self, gained: Collection[int] = (), lost: Collection[int] = (), liars: Collection[Address] = ()) -> None:
        self.held = (self.held | set(gained)) - set(lost)
        self._gained |= set(gained)
        self._lost |= set(lost)
        self._liars |= set(liars)
        self._something.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until what was told fulfils it."""
        with trio.fail_after(TIMEOUT):
            while not condition():
                await self._told.wait()

    def _tell(self) -> None:
        self._told.set()
        self._told = trio.Event()


class Group:
    """A tracker of its own process, with an organiser, who has published the content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = Server(folder)
        body = {"name": "Olga", "password": PASSWORD, "setup_token": self.server.events["setup"]["setup_token"]}
        answer = requests.post(f"{self.url}/api/v1/accounts", json=body, timeout=TIMEOUT).json()
        self.token: str = answer["token"]["secret"]
        self.publish()

    @property
    def url(self) -> str:
        return self.server.url

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return requests.request(method, f"{self.url}/api/v1{path}", headers=headers, timeout=TIMEOUT, **options)

    def publish(self) -> None:
        headers = {"Content-Type": "application/x-bittorrent"}
        assert self.ask("POST", "/catalogue", data=CONTENT, headers=headers).ok

    def members(self) -> dict[int, dict[str, Any]]:
        """Those of the swarm, by port."""
        answer = self.ask("GET", f"/swarms/{HASH}").json()
        return {member["port"]: member for member in answer.get("members", ())}

    def restart(self) -> None:
        """Again at the same address, after its end."""
        self.server = Server(self.folder, listen=self.server.address)


def answer(**more: Any) -> dict[str, Any]:
    """A state, as a tracker tells it: we are member 1, and alone."""
    return {
        "epoch": 5, "seq": 10, "interval": 5, "member": 1, "seeds": 0, "leeches": 1, "peers": [],
        "availability": base64(bytes(PIECES)), "members": [peer(1)], "bitfields": "", **more,
    }  # fmt: skip


def peer(number: int, **more: Any) -> dict[str, Any]:
    return {
        "member": number, "user": f"user {number}", "addresses": [f"192.0.2.{number}"], "port": 7000, "live": True,
        "holds": "none", "share": 0.0, **more,
    }  # fmt: skip


def push(seq: int, **more: Any) -> dict[str, Any]:
    return {
        "info_hash": HASH, "epoch": 5, "seq": seq, "seeds": 0, "leeches": 1,
        "left": [], "gained": [], "lost": [], **more,
    }  # fmt: skip


class Script:
    """What a hostile tracker answers, and what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"join": answer()}
        """By event; a function is called with the data. What has none is acknowledged with nothing."""
        self.asked: list[tuple[str, Any]] = []
        self.server = socketio.Server(async_mode="threading", ping_interval=5, max_http_buffer_size=2**24)
        self.server.on("*", self._answer, namespace="/swarm")
        self.server.on("connect", self._connect, namespace="/swarm")
        self.auths: list[Any] = []
        self.connections = 0

    def tell(self, data: Any, event: str = "swarm") -> None:
        self.server.emit(event, data, namespace="/swarm")

    def count(self, event: str) -> int:
        return sum(name == event for name, _ in self.asked)

    def _connect(self, session: str, environ: Any, auth: Any) -> None:
        self.auths.append(auth)
        self.connections += 1

    def _answer(self, event: str, session: str, data: Any) -> Any:
        self.asked.append((event, data))
        found = self.answers.get(event, {})
        return found(data) if callable(found) else found


class Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        pass


@contextmanager
def hostile(context: ssl.SSLContext | None = None) -> Iterator[tuple[str, Script]]:
    """A Socket.IO server that says what a test wants, over TLS if it has a context; gives its address."""
    script = Script()
    application = socketio.WSGIApp(script.server)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{server.server_port}", script
    finally:
        script.server.shutdown()
        server.shutdown()
        thread.join()
        server.server_close()
