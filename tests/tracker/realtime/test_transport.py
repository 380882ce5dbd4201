"""WebSockets under Engine.IO: whole messages both ways, bounds on all that comes and waits, and an end for the dead."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from tracker.realtime.live import ENTRIES, HUGE, SMALL, Serving, peers, serving
from waiting import TIMEOUT
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Message, Ping, Pong, Request, TextMessage
from wsproto.extensions import PerMessageDeflate

from swarmshare.schema.tracker_events import Join, Resync, Stats
from swarmshare.schema.tracker_wire import dump_request, parse_state
from swarmshare.tracker.realtime.transport import MAX_UNPOLLED, MAX_UNSENT, Unpolled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wsproto.events import Event


class Raw:
    """A socket whose every byte the test decides; wsproto's client on top."""

    def __init__(self, server: Serving, *, small_buffer: bool = False) -> None:
        self.sock = socket.socket()
        if small_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**14)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(("127.0.0.1", server.port))
        self.protocol = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []

    def open(self) -> None:
        target = "/socket.io/?EIO=4&transport=websocket"
        self.send(Request("127.0.0.1", target, extensions=[PerMessageDeflate()]))
        accepted = self.event()
        assert isinstance(accepted, AcceptConnection)
        assert not accepted.extensions  # the memory of a compressor for each peer is not to be had
        assert self.message().startswith("0{")

    def enter(self, name: str = "user1") -> None:
        self.open()
        self.say("40/swarm," + json.dumps({"token": f"token of {name}"}))
        assert self.message().startswith("40/swarm")

    def join(self, info_hash: bytes) -> Any:
        count = ENTRIES[info_hash]
        _, wire = dump_request(Join(info_hash, bytes(20), 1, count, bytes(-(-count // 8)), 0))
        bitfield = wire["bitfield"]
        self.say("451-/swarm,1" + json.dumps(["join", wire | {"bitfield": {"_placeholder": True, "num": 0}}]))
        self.send(BytesMessage(bitfield))
        return self.answer()

    def ask(self, event: str, wire: Any) -> None:
        self.say("42/swarm,1" + json.dumps([event, wire]))

    def answer(self) -> Any:
        while not (message := self.message()).startswith("43/swarm,1"):
            assert message.startswith(("42/swarm", "2"))
        return json.loads(message.removeprefix("43/swarm,1"))[0]

    def say(self, text: str) -> None:
        self.send(TextMessage(text))

    def send(self, event: Event) -> None:
        self.sock.sendall(self.protocol.send(event))

    def event(self) -> Event:
        while not self._events:
            self.protocol.receive_data(self.sock.recv(2**16) or None)
            self._events += self.protocol.events()
        return self._events.pop(0)

    def message(self) -> str:
        parts = []
        while True:
            event = self.event()
            assert isinstance(event, Message), event
            parts.append(event.data)
            if event.message_finished:
                return "".join(parts)

    def ended(self) -> int | None:
        """Read until the connection is over; the code that it ended with, if any."""
        try:
            while not isinstance(event := self.event(), CloseConnection):
                pass
        except ConnectionError:
            return None
        return event.code


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving(live_interval=60) as process:
        yield process


@pytest.fixture
def raw(server: Serving) -> Iterator[Raw]:
    with raw_peer(server) as peer:
        yield peer


@contextmanager
def raw_peer(server: Serving, **options: bool) -> Iterator[Raw]:
    peer = Raw(server, **options)
    try:
        yield peer
    finally:
        peer.sock.close()


def until_gone(server: Serving) -> None:
    end = monotonic() + TIMEOUT
    while server.get("/sessions")["engine"]:
        assert monotonic() < end


def test_a_slow_reader_gets_every_byte(server: Serving) -> None:
    with raw_peer(server, small_buffer=True) as raw:
        raw.enter()
        raw.ask("join", {})
        raw.answer()
        raw.join(HUGE)
        count = 2  # each of some 3 MB, far more than fits into the socket's buffers
        for _ in range(count):
            raw.ask(*dump_request(Resync(HUGE)))
        with raw_peer(server) as other:  # meanwhile others are served
            other.enter("user2")
            other.join(SMALL)
        for _ in range(count):
            assert len(parse_state(raw.answer(), ENTRIES[HUGE]).availability) == 2**21


def test_who_never_reads_is_cut_off(server: Serving) -> None:
    with raw_peer(server, small_buffer=True) as raw:
        raw.enter()
        raw.join(HUGE)
        for _ in range(3 + MAX_UNSENT // 2**21):
            raw.ask(*dump_request(Resync(HUGE)))
        until_gone(server)
        assert raw.ended() in {None, 1006}


def test_a_message_in_pieces_and_a_ping_in_between(raw: Raw) -> None:
    raw.enter()
    raw.join(SMALL)
    event, wire = dump_request(Stats(SMALL, 1, 2, 3, 4, 5))
    text = "42/swarm,1" + json.dumps([event, wire])
    raw.send(TextMessage(text[:30], message_finished=False))
    raw.send(Ping(b"there?"))
    raw.send(TextMessage(text[30:60], message_finished=False))
    raw.send(TextMessage(text[60:]))
    while not isinstance(told := raw.event(), Pong):
        pass
    assert told.payload == b"there?"
    assert raw.answer() == {}


def test_many_messages_at_once_are_answered_in_order(raw: Raw) -> None:
    raw.enter()
    event, wire = dump_request(Resync(SMALL))
    frames = [raw.protocol.send(TextMessage(f"42/swarm,{n}" + json.dumps([event, wire]))) for n in range(100)]
    raw.sock.sendall(b"".join(frames))
    for number in range(100):
        assert raw.message().startswith(f"43/swarm,{number}[")


def test_a_message_that_is_too_long(raw: Raw, server: Serving) -> None:
    raw.enter()
    raw.send(TextMessage("4" * 600_000, message_finished=False))
    raw.send(TextMessage("4" * 600_000, message_finished=False))
    assert raw.ended() in {1009, 1006, None}  # what was not read may keep it from hearing the reason
    until_gone(server)


@pytest.mark.parametrize(
    "text",
    [
        "52-/swarm,1" + json.dumps(["join", {}]),
        "59999999999-/swarm,1" + json.dumps(["join", {}]),
        "51-/swarm,1" + json.dumps(["join", {}]) + "x",
        "2/swarm,1" + "[" * 100_000,
        "2/swarm,1[]",
        "2/swarm,1{}",
        "2/swarm,1" + "9" * 5000,
        "9",
        "",
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_packet_ends_the_connection_and_no_other(raw: Raw, server: Serving, text: str) -> None:
    raw.enter()
    with raw_peer(server) as other:
        other.enter("user2")
        raw.say("4" + text)
        assert raw.ended() in {None, 1000, 1006}
        assert other.join(SMALL)["epoch"]


def test_frames_that_break_the_protocol(raw: Raw) -> None:
    raw.enter()
    raw.sock.sendall(b"\x81\x01x")  # not masked
    assert raw.ended() == 1002


def test_a_goodbye_is_answered(raw: Raw, server: Serving) -> None:
    raw.enter()
    raw.send(CloseConnection(1000))
    assert raw.ended() == 1000
    until_gone(server)


@pytest.mark.parametrize("key", ["", "c2hvcnQ=", "x" * 2000])
@pytest.mark.parametrize("version", ["13", "8"])
def test_a_wrong_handshake(server: Serving, key: str, version: str) -> None:
    if not key and version == "13":
        key = "x"
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as sock:
        sock.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: %s\r\nSec-WebSocket-Key: %s\r\n\r\n"
            % (version.encode(), key.encode())
        )
        assert sock.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_connection_costs_one_greenlet(server: Serving) -> None:
    before = server.get("/sessions")
    with peers(server, 10):
        now = server.get("/sessions")
    assert now["engine"] == before["engine"] + 10
    assert now["greenlets"] - before["greenlets"] <= 11  # and one for all their pings


def test_pings_tell_the_dead_from_the_living() -> None:
    with serving(ping_interval=1, ping_timeout=1) as server, raw_peer(server) as dead, raw_peer(server) as stranger:
        stranger.open()
        dead.enter("user2")
        dead.join(SMALL)
        with peers(server, 1) as (alive,):
            alive.join()
            assert dead.message().startswith("42/swarm")
            while (message := dead.message()) != "2":  # it is asked, and never answers
                assert message.startswith("42/swarm")
            alive.until(lambda view: list(view.members) == [alive.number])
            assert dead.ended() in {None, 1000, 1006}
            assert stranger.ended() in {None, 1000, 1006}  # it has a namespace by its first ping, or it is gone
            assert server.get("/sessions")["engine"] == 1


def test_packets_that_nobody_polls_are_dropped() -> None:
    queue = Unpolled()
    for number in range(MAX_UNPOLLED + 5):
        queue.put(number)
    assert queue.qsize() == MAX_UNPOLLED
    queue.put(None)
    assert queue.qsize() == MAX_UNPOLLED + 1


@pytest.mark.parametrize("first", ["2", "5", "2probe"])
def test_a_move_from_polling_that_goes_wrong_leaves_the_polling(server: Serving, first: str) -> None:
    with urlopen(server.url + "/socket.io/?EIO=4&transport=polling", timeout=TIMEOUT) as response:
        name = json.loads(response.read()[1:])["sid"]
    here = f"/socket.io/?EIO=4&sid={name}&transport="
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as sock:
        head = f"GET {here}websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        sock.sendall(head.encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 400 ")
    with raw_peer(server) as raw:
        raw.send(Request("127.0.0.1", here + "websocket"))
        assert isinstance(raw.event(), AcceptConnection)
        raw.say(first)
        if first == "2probe":
            assert raw.message() == "3probe"
            raw.say("2")
        raw.ended()
    body = b'40/swarm,{"token":"token of user1"}'
    with urlopen(server.url + here + "polling", body, timeout=TIMEOUT) as response:
        assert response.read() == b"OK"
    told = b""
    while b"40/swarm" not in told:
        with urlopen(server.url + here + "polling", timeout=TIMEOUT) as response:
            told = response.read()
