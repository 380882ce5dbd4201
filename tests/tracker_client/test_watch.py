"""Following a catalogue that a server tells, which is no tracker of ours and says what a test wants."""

from __future__ import annotations

import json
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import socketio
import trio
from tracker_client.live import Quiet
from waiting import TIMEOUT
from werkzeug.serving import make_server

from swarmshare.errors import TrackerError
from swarmshare.schema.tracker_events import LIVE, Refusal
from swarmshare.tracker_client import connection, watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from swarmshare.tracker_client.api import Account, Entry
    from swarmshare.tracker_client.watch import EntryCounts


def entry(number: int, **more: Any) -> dict[str, Any]:
    return {
        "info_hash": f"{number:064x}", "name": f"entry {number}", "comment": "", "publisher": "bob",
        "published_at": number, "total_length": 5, "piece_count": 1, "private": False, "hybrid": False,
        "seeds": 0, "peers": 0, "copies": 0, **more,
    }  # fmt: skip


class Liar:
    """A catalogue over HTTP, and events beside it."""

    def __init__(self) -> None:
        self.entries: Any = [entry(1)]
        self.refusal_by_http: dict[str, str] | None = None
        self.connections = 0
        self.while_listing: Callable[[], None] = lambda: None
        self.refusal: socketio.exceptions.ConnectionRefusedError | None = None
        self.server = socketio.Server(async_mode="threading", max_http_buffer_size=2**24)
        self.server.on("connect", self._connect, namespace=LIVE)

    def _connect(self, *_: Any) -> None:
        self.connections += 1
        if self.refusal is not None:
            raise self.refusal

    def tell(self, event: str, data: Any) -> None:
        self.server.emit(event, data, namespace=LIVE)

    def http(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if self.refusal_by_http is not None:
            start("401 Unauthorized", [("Content-Type", "application/json")])
            return [json.dumps(self.refusal_by_http).encode()]
        if environ["PATH_INFO"].endswith("/account"):
            body: Any = {"account": {"name": "ann", "role": "member"}, "announce_url": "http://x", "max_manifest": 1}
        else:
            self.while_listing()
            body = {"entries": self.entries}
        start("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]


@contextmanager
def lying() -> Iterator[tuple[str, Liar]]:
    liar = Liar()
    application = socketio.WSGIApp(liar.server, liar.http)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", liar
    finally:
        liar.server.shutdown()
        server.shutdown()
        thread.join()
        server.server_close()


class Notes:
    """A watcher that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self._news = trio.Event()

    def _note(self, what: Any) -> None:
        self.told.append(what)
        self._news.set()
        self._news = trio.Event()

    def listed(self, account: Account, entries: list[Entry]) -> None:
        self._note([account.user, *(entry.name for entry in entries)])

    def published(self, entry: Entry) -> None:
        self._note(entry.name)

    def withdrawn(self, info_hash: str) -> None:
        self._note(-int(info_hash, 16))

    def counted(self, counts: list[EntryCounts]) -> None:
        self._note(counts)

    def away(self, error: TrackerError) -> None:
        self._note(error)

    async def until(self, condition: Callable[[], object]) -> None:
        with trio.fail_after(TIMEOUT):
            while not condition():
                await self._news.wait()


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[Notes]:
    notes = Notes()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.watch, url, "token", notes)
        yield notes
        nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SHORTEST", 0.01)


async def test_the_list_and_then_what_changes() -> None:
    with lying() as (url, liar):
        async with watching(url) as notes:
            await notes.until(lambda: notes.told)
            for event, data in (
                ("published", entry(2)),
                ("withdrawn", {"info_hash": f"{1:064x}"}),
                ("swarms", [{"info_hash": f"{2:064x}", "seeds": 1, "peers": 2, "copies": 3}]),
                ("something else", "?"),
                ("published", entry(3)),
            ):
                await trio.to_thread.run_sync(liar.tell, event, data)
            await notes.until(lambda: "entry 3" in notes.told)
            assert notes.told == [["ann", "entry 1"], "entry 2", -1, [(f"{2:064x}", 1, 2, 3)], "entry 3"]


async def test_what_happens_while_the_list_is_fetched_comes_after_it() -> None:
    with lying() as (url, liar):
        liar.while_listing = lambda: liar.tell("withdrawn", {"info_hash": f"{1:064x}"})
        async with watching(url) as notes:
            await notes.until(lambda: len(notes.told) == 2)
            assert notes.told == [["ann", "entry 1"], -1]


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("published", "nonsense"),
        ("published", {**entry(2), "name": 5}),
        ("published", {**entry(2), "seeds": -1}),
        ("withdrawn", {}),
        ("withdrawn", ["x"]),
        ("swarms", {}),
        ("swarms", [5]),
        ("swarms", [{"info_hash": "x", "seeds": 1, "peers": 2}]),
        ("published", {**entry(2), "comment": "x" * (watch.MAX_EVENT + 1)}),
    ],
    ids=range(9),
)
async def test_what_no_tracker_would_tell_ends_the_connection(event: str, data: Any) -> None:
    with lying() as (url, liar):
        async with watching(url) as notes:
            await notes.until(lambda: notes.told)
            await trio.to_thread.run_sync(liar.tell, event, data)
            await notes.until(lambda: len(notes.told) == 2)
            assert notes.told[1] == ["ann", "entry 1"], "all is asked anew, and one break is not told"
            await trio.to_thread.run_sync(liar.tell, event, data)
            await notes.until(lambda: len(notes.told) == 4)
            assert "cannot be reached" in str(notes.told[2])
            assert notes.told[3] == ["ann", "entry 1"]
            assert liar.connections == 3


async def test_too_much_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MAX_WAITING", 3)

    def flood() -> None:
        liar.while_listing = lambda: None
        for number in range(10):
            liar.tell("published", entry(number))
        closed.wait(TIMEOUT)

    closed = threading.Event()
    with lying() as (url, liar):
        liar.server.on("disconnect", lambda *_: closed.set(), namespace=LIVE)
        liar.while_listing = flood
        async with watching(url) as notes:
            await notes.until(lambda: notes.told.count(["ann", "entry 1"]) == 2)
            assert liar.connections == 2


@pytest.mark.parametrize("entries", ["nonsense", [5], [{}], [{**entry(1), "copies": "many"}]], ids=range(4))
async def test_a_list_that_is_none(entries: Any) -> None:
    with lying() as (url, liar):
        liar.entries = entries
        async with watching(url) as notes:
            await notes.until(lambda: len(notes.told) == 2)
            assert all("cannot be used" in str(error) for error in notes.told)


async def test_nobody_there() -> None:
    async with watching("http://127.0.0.1:9") as notes:
        await notes.until(lambda: len(notes.told) == 2)
        assert {error.rule for error in notes.told} == {"unreachable"}


async def test_a_sign_in_that_is_not_valid() -> None:
    with lying() as (url, liar):
        liar.refusal = socketio.exceptions.ConnectionRefusedError("out", {"error": str(Refusal.SIGNED_OUT)})
        with trio.fail_after(TIMEOUT), pytest.raises(TrackerError) as wrong:
            await watch.watch(url, "token", Notes())
        assert wrong.value.rule == "signed-out"


async def test_a_sign_in_that_ends_before_the_list() -> None:
    with lying() as (url, liar):
        liar.refusal_by_http = {"code": "token-unknown", "message": "who are you?"}
        with trio.fail_after(TIMEOUT), pytest.raises(TrackerError, match="who are you"):
            await watch.watch(url, "token", Notes())


async def test_another_refusal_is_tried_again() -> None:
    with lying() as (url, liar):
        liar.refusal = socketio.exceptions.ConnectionRefusedError("too many", {"error": "too-many"})
        async with watching(url) as notes:
            await notes.until(lambda: notes.told)
            assert "too many" in str(notes.told[0])
            liar.refusal = None
            await notes.until(lambda: ["ann", "entry 1"] in notes.told)
