"""An ordinary tracker that answers what a test wants, and a torrent that remembers what announcers told it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

import trio
from trio.testing import wait_all_tasks_blocked
from waiting import TIMEOUT

from swarmshare.engine.announcer import Changes, TransferStats
from swarmshare.manifest.bencoding import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from ssl import SSLContext

    from swarmshare.common.address import Address
    from swarmshare.engine.announcer import Member
    from swarmshare.manifest.manifest import Manifest


class Asked(NamedTuple):
    """A request that came."""

    path: str
    fields: dict[str, bytes]
    """Of its query, in their order."""
    headers: str

    @property
    def event(self) -> str:
        return self.fields.get("event", b"").decode()


def page(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer of HTTP."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def reply(**values: Any) -> bytes:
    """A tracker's answer; ``min_interval`` is ``min interval``."""
    return page(encode({name.replace("_", " ").encode(): value for name, value in values.items()}))


def redirect(where: str, status: str = "302 Found") -> bytes:
    return page(b"", status, f"Location: {where}")


class Ordinary:
    """A server whose every answer is made by a function: bytes, or pieces of bytes as long as somebody takes them."""

    def __init__(self, answer: Callable[[Asked], bytes | Iterator[bytes]]) -> None:
        self.answer = answer
        self.asked: SimpleQueue[Asked] = SimpleQueue()
        self.cut: SimpleQueue[None] = SimpleQueue()
        """An entry for each answer whose end nobody took."""
        self.address = ""

    @property
    def url(self) -> str:
        return f"http://{self.address}/announce"

    async def next(self) -> Asked:
        """The next request."""
        return await trio.to_thread.run_sync(partial(self.asked.get, timeout=TIMEOUT))

    async def was_cut(self) -> None:
        await trio.to_thread.run_sync(partial(self.cut.get, timeout=TIMEOUT))


@contextmanager
def ordinary(
    answer: Callable[[Asked], bytes | Iterator[bytes]], *, tls: SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Ordinary]:
    """Such a server, while it runs."""
    tracker = Ordinary(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            pairs = (field.partition("=") for field in parts.query.split("&") if field)
            fields = {name: unquote_to_bytes(value) for name, _, value in pairs}
            asked = Asked(parts.path, fields, str(self.headers))
            tracker.asked.put(asked)
            made = tracker.answer(asked)
            try:
                for piece in [made] if isinstance(made, bytes) else made:
                    self.wfile.write(piece)
            except OSError:
                tracker.cut.put(None)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((host, 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        tracker.address = f"{host}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield tracker
        finally:
            server.shutdown()
            thread.join()


def until_cut(*first: bytes) -> Iterator[bytes]:
    """Some bytes, and then one at a time until nobody takes them: an answer without end."""
    yield from first
    pause = threading.Event()
    while True:
        yield b"1"
        pause.wait(0.01)


@dataclass
class Torrent:
    """A :class:`~swarmshare.engine.announcer.TrackerView` that a test can see and move."""

    manifest: Manifest
    peer_id: bytes = b"-XX0000-abcdefghijkl"
    port: int = 6881
    complete: bool = False
    uploaded: int = 0
    downloaded: int = 0
    questions: int = 0
    """How often it was asked how it stands: once for each request."""
    found_now: list[list[Address]] = field(default_factory=list)
    """What was found, call by call."""
    problems: SimpleQueue[str] = field(default_factory=SimpleQueue)
    """What was told; also the sign that an announce has ended."""
    _news: trio.Event = field(default_factory=trio.Event)

    @property
    def wire_hashes(self) -> tuple[bytes, ...]:
        v1 = self.manifest.info_hash_v1
        return (self.manifest.info_hash.truncated, *((v1,) if v1 else ()))

    def stats(self) -> TransferStats:
        self.questions += 1
        left = 0 if self.complete else self.manifest.total_length - self.downloaded
        return TransferStats(self.uploaded, self.downloaded, left, 0, 0)

    def bits(self) -> bytes:
        raise NotImplementedError

    async def changed(self) -> None:
        await self._news.wait()

    def changes(self) -> Changes:
        self._news = trio.Event()
        return Changes(set(), set(), set())

    def gain(self, *, complete: bool) -> None:
        """A piece has come."""
        self.complete = complete
        self._news.set()

    def found(self, addresses: Sequence[Address]) -> None:
        self.found_now.append(list(addresses))

    def see(self, number: int, member: Member | None) -> None:
        raise NotImplementedError

    def see_pieces(self, number: int, gained: Collection[int], lost: Collection[int]) -> None:
        raise NotImplementedError

    def report_problem(self, message: str) -> None:
        self.problems.put(message)

    async def announced(self) -> str:
        """Wait until the next announce has ended, and its announcer waits; returns the problem that it told."""
        problem = await trio.to_thread.run_sync(partial(self.problems.get, timeout=TIMEOUT))
        await wait_all_tasks_blocked()
        return problem


def contact(host: str, port: int) -> bytes:
    """BEP 23."""
    return bytes(map(int, host.split("."))) + port.to_bytes(2, "big")
