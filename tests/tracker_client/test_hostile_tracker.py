"""The live client against a Socket.IO server that does what no tracker of ours would."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from engineio.packet import MESSAGE
from manifest.makers import encoded, folder_doc
from tracker_client.answering import answering
from tracker_client.live import HASH, PIECES, Port, Script, answer, base64, bits, hostile, peer, push
from tracker_client.test_http import NOBODY
from waiting import TIMEOUT

from swarmshare.manifest.parse import parse_manifest
from swarmshare.tracker_client import bridge, client, connection, engine_io
from swarmshare.tracker_client.client import TrackerAnnouncer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

OTHER = parse_manifest(encoded(folder_doc({b"other": PIECES * 2**14})))
SOME = {"holds": "some", "share": 0.5}


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (client, "HAVE_INTERVAL"), (client, "RESYNC_INTERVAL"), (client, "SHORTEST_INTERVAL"), (connection, "SHORTEST"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, 0.01)


@asynccontextmanager
async def met(port: Port) -> AsyncIterator[tuple[str, Script]]:
    """A hostile tracker, and a client that takes part; members are 2 and 3, which holds pieces 0 and 1."""
    with hostile() as (url, script):
        members = {"members": [peer(1), peer(2), peer(3, **SOME)], "bitfields": base64(bits({0, 1}))}
        script.answers = {"join": answer(**members), "resync": answer(seq=20, **members)}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(TrackerAnnouncer(url, "token").run, port)
            await port.until(lambda: 3 in port.members)
            yield url, script
            nursery.cancel_scope.cancel()


async def tell(script: Script, *data: Any) -> None:
    for item in data:
        await trio.to_thread.run_sync(script.tell, item)


async def until(condition: Any) -> None:
    with trio.fail_after(TIMEOUT):
        while not condition():  # noqa: ASYNC110
            await trio.sleep(0.01)


async def test_pushes_in_order() -> None:
    port = Port(1)
    async with met(port) as (_, script):
        assert port.pieces == {2: set(), 3: {0, 1}}
        assert port.members[2] == ("user 2", (("192.0.2.2", 7000),), True, bytes(PIECES // 8))
        await tell(
            script,
            push(11, gained=[[2, [5, 2]], [3, [7, 1]], [1, [0, 1]], [99, [0, 1]]], lost=[[3, [0, 1]]]),
            push(12, members=[peer(4, holds="unknown", live=False, share=0.5), peer(1)], bitfields="", left=[2, 77]),
            push(12, left=[3]),
            push(3, left=[3]),
        )
        await port.until(lambda: 4 in port.members)
        await tell(script, push(13, gained=[[3, [9, 1]], [4, [1, 1]]]))
        await port.until(lambda: port.pieces[3] == {1, 7, 9})
        assert port.pieces == {3: {1, 7, 9}, 4: None}
        assert not port.members[4].live
        assert port.dialled == [("192.0.2.4", 7000)]
        assert script.count("resync") == 0
    assert [event for event, _ in script.asked if event != "stats"] == ["join", "leave"]
    assert script.auths == [{"token": "token"}]
    _, join = script.asked[0]
    assert join == {
        "info_hash": HASH, "peer_id": port.peer_id.hex(), "port": port.port, "pieces": PIECES,
        "bitfield": bytes(PIECES // 8), "left": PIECES * 2**14,
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        push(12, left=[2]),
        push(11, left=[2]) | {"epoch": 6},
        push(11) | {"changed": [0, 1], "availability": "AQ=="},
    ],
    ids=["a gap", "another epoch", "another kind"],
)
async def test_what_does_not_follow_is_asked_for(wrong: Any) -> None:
    port = Port(1)
    async with met(port) as (_, script):
        script.answers["resync"] = answer(epoch=6, seq=30, members=[peer(1), peer(8)])
        await tell(script, wrong)
        await port.until(lambda: list(port.members) == [8])
        await tell(script, push(31, gained=[[8, [0, 3]]]) | {"epoch": 6})
        await port.until(lambda: port.pieces[8] == {0, 1, 2})


async def test_our_number_was_somebody_elses() -> None:
    port = Port(1)
    async with met(port) as (_, script):
        script.answers["resync"] = answer(epoch=6, member=3, members=[peer(1), peer(3)])
        await tell(script, push(12))
        await port.until(lambda: list(port.members) == [1])


async def test_pushes_that_come_before_the_answer_that_they_follow() -> None:
    port = Port(1)
    async with met(port) as (_, script):

        def late(_: Any) -> Any:
            script.tell(push(30, gained=[[2, [0, 1]]]))
            script.tell(push(31, gained=[[2, [1, 1]]]))
            return answer(seq=30, members=[peer(1), peer(2)])

        script.answers["resync"] = late
        await tell(script, push(29))
        await port.until(lambda: port.pieces == {2: {1}})
        assert script.count("resync") == 1


async def test_pushes_that_wait_behind_one_that_does_not_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "RESYNC_INTERVAL", 0.5)
    port = Port(1)
    async with met(port) as (_, script):
        await tell(script, push(19))
        await until(lambda: script.count("resync"))
        script.answers["resync"] = answer(seq=30, members=[peer(1), peer(2)])
        await tell(script, push(30), push(31, gained=[[2, [7, 1]]]))
        await port.until(lambda: port.pieces == {2: {7}})


async def test_more_pushes_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_WAITING", 3)
    port = Port(1)
    async with met(port) as (_, script):

        def flood(_: Any) -> Any:
            script.answers["resync"] = answer(seq=40, members=[peer(1), peer(9)])
            for seq in range(31, 37):
                script.tell(push(seq, gained=[[2, [seq - 31, 1]]]))
            return answer(seq=30, members=[peer(1), peer(2)])

        script.answers["resync"] = flood
        await tell(script, push(29))
        await port.until(lambda: list(port.members) == [9])


async def test_few_words_for_many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmshare.tracker_client.view.MAX_CHANGED", 50)
    port = Port(1)
    async with met(port) as (_, script):
        await tell(script, push(11, gained=[[2, [0, 30]], [3, [0, 30]]]))
        await until(lambda: script.count("resync"))
        await tell(script, push(21, gained=[[2, [0, 25]]], lost=[[3, [0, 25]]]))
        await port.until(lambda: port.pieces == {2: set(range(25)), 3: set()})


MALFORMED: list[Any] = [
    None, 5, "text", [], {}, [[]],
    push(11) | {"info_hash": "00" * 32},
    push(11) | {"info_hash": "zz"},
    push(2**60),
    push(-1),
    push(11, gained=[[2, [0, PIECES + 1]]]),
    push(11, gained=[[2, [5, 1, 3, 1]]]),
    push(11, gained=[[0, [0, 1]]]),
    push(11, gained=[[2]]),
    push(11, lost=[2]),
    push(11, left=["2"]),
    push(11, left=[2] * 70_000),
    push(11, members=[peer(4, **SOME)], bitfields=base64(bytes(PIECES // 8 + 1))),
    push(11, members=[peer(4, **SOME)], bitfields=base64(bytes(PIECES // 8 - 1))),
    push(11, members=[peer(4)] * 201, bitfields=""),
    push(11, members=[peer(4, port=70_000)], bitfields=""),
    push(11, members=[peer(4, user="x" * 1000)], bitfields=""),
    push(11, members=[peer(4, holds="lies")], bitfields=""),
    push(11) | {"availability": base64(bytes(9)), "changed": [0, 1]},
]  # fmt: skip


async def test_malformed_pushes() -> None:
    port = Port(1)
    async with met(port) as (_, script):
        before = dict(port.members)
        for data in MALFORMED:
            await tell(script, data)
        await trio.to_thread.run_sync(script.tell, (push(11, left=[2]), push(12, left=[3])))
        await tell(script, push(11, gained=[[2, [8, 1]]]))
        await port.until(lambda: port.pieces[2] == {8})
        assert port.members == before
        assert (script.count("join"), script.count("resync"), port.problem) == (1, 0, "")


@pytest.mark.parametrize(
    "wrong",
    [
        None, 5, [], {}, "x",
        answer(availability=base64(bytes(PIECES - 1))),
        answer(availability="text"),
        answer(members=[peer(2, **SOME)], bitfields=""),
        answer(members=[peer(2, **SOME)], bitfields=base64(bytes(2**20))),
        answer(members=[peer(2)] * 300),
        answer(peers=[peer(2)] * 51),
        answer(peers=[peer(2, addresses=["a"] * 9)]),
        answer(interval=0),
        answer(member=0),
        answer(seq=1.5),
        answer(epoch=2**70),
        {"error": "internal", "message": "line\x1b[2J\nline" + 2000 * "x"},
        {"error": 5},
    ],
)  # fmt: skip
async def test_an_answer_that_cannot_be_used(wrong: Any) -> None:
    port = Port(1)
    with hostile() as (url, script):
        script.answers["join"] = wrong
        async with trio.open_nursery() as nursery:
            nursery.start_soon(TrackerAnnouncer(url, "token").run, port)
            await port.until(lambda: port.problem)
            assert port.problem.startswith(f"{url}: ")
            assert port.problem.isprintable()
            assert len(port.problem) < 300
            assert not port.members
            assert not port.dialled
            script.answers["join"] = answer(members=[peer(1), peer(2)])
            await port.until(lambda: port.members and not port.problem)
            nursery.cancel_scope.cancel()


async def test_a_swarm_too_large_to_tell_of_each() -> None:
    port = Port(1)
    async with met(port) as (_, script):
        script.answers["resync"] = answer(epoch=6, seq=1, members=None, bitfields=None, peers=[peer(5), peer(4)])
        await tell(script, push(50))
        await port.until(lambda: not port.members)
        assert port.dialled == [("192.0.2.5", 7000), ("192.0.2.4", 7000)]
        large = {"info_hash": HASH, "epoch": 6, "seeds": 1, "leeches": 300, "changed": [0, 1], "availability": "Ag=="}
        await tell(script, {**large, "seq": 2}, {**large, "seq": 3})
        port.change(liars={("192.0.2.4", 7000), ("192.0.2.3", 7000)})
        await until(lambda: script.count("report"))
        assert [data["member"] for event, data in script.asked if event == "report"] == [4]
        assert (script.count("resync"), script.count("join")) == (1, 1)


async def test_addresses_that_are_none() -> None:
    port = Port(1)
    with hostile() as (url, script):
        odd = ["tracker.example", "224.0.0.1", "0.0.0.0", "::", "::ffff:192.0.2.9", "127.1", ""]
        script.answers["join"] = answer(peers=[peer(2, addresses=[text]) for text in odd] + [peer(1)])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(TrackerAnnouncer(url, "token").run, port)
            await port.until(lambda: port.dialled)
            nursery.cancel_scope.cancel()
    assert port.dialled == [("192.0.2.9", 7000)]


async def test_what_is_told_and_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MORE_PEERS_INTERVAL", 0.05)
    port = Port(1)
    with hostile() as (url, script):
        script.answers = {"join": answer(interval=1), "peers": {"peers": [peer(7), peer(6)]}}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(TrackerAnnouncer(url, "token").run, port)
            await port.until(lambda: len(port.dialled) >= 2)
            assert port.dialled[:2] == [("192.0.2.7", 7000), ("192.0.2.6", 7000)]
            port.change(gained={1, 2, 9})
            await until(lambda: script.count("have"))
            port.change(gained=range(PIECES))
            await until(lambda: script.count("have") == 2 and script.count("stats"))
            nursery.cancel_scope.cancel()
    told = dict(reversed(script.asked))
    assert told["have"] == {"info_hash": HASH, "gained": [1, 2, 9, 1], "lost": []}
    assert told["stats"].items() >= {"uploaded": 1000, "downloaded": 2000, "rate_up": 10, "rate_down": 20}.items()
    assert told["peers"] == {"info_hash": HASH, "want": 50}


@pytest.mark.parametrize("reason", ["not-joined", "too-fast"])
async def test_a_refusal_that_passes(reason: str) -> None:
    port = Port(1)
    async with met(port) as (_, script):
        script.answers["have"] = {"error": reason, "message": "join again"}
        port.change(gained={4})
        await until(lambda: script.count("join") == 2)
        assert script.asked[-1][1]["bitfield"] == bits({4})
        assert not any(port.problems)


RAW = [
    "451-/swarm,[",
    '4599999-/swarm,["swarm"]',
    '453-/swarm,["swarm",{"_placeholder":true,"num":0}]',
    '451-/swarm,["swarm",{"_placeholder":true,"num":"x"}]',
    "42/swarm,5",
    "42/swarm,{}",
    "42/swarm,",
    "42/swarm,[]",
    "42/swarm,[[]]",
    "42/swarm,[{}]",
    "43/swarm,0",
    "43/swarm,99[]",
    "43/swarm,[1]",
    "49",
    "4[]",
    "4{}",
    "44/swarm,{}",
    "41/swarm,",
    "1",
    "9",
    "b!!",
    "4[" * 5000,
    "42/swarm," + "[" * 100_000,
]


@pytest.mark.parametrize("raw", RAW, ids=lambda raw: raw[:20])
async def test_what_breaks_the_protocol(raw: str) -> None:
    """It is overheard, or the connection is made again: in any case, what comes next is told."""
    port = Port(1)
    async with met(port) as (_, script):
        script.answers["join"] = script.answers["resync"] = answer(seq=50, members=[peer(1), peer(6)])
        await trio.to_thread.run_sync(send_raw, script, raw)
        await tell(script, push(40))
        await port.until(lambda: list(port.members) == [6])


def send_raw(script: Script, raw: str | bytes) -> None:
    for session in list(script.server.eio.sockets.values()):
        session.queue.put(Raw(raw))


class Raw:
    """A packet of Engine.IO that is sent as it is."""

    def __init__(self, data: str | bytes) -> None:
        self.data = data
        self.binary = isinstance(data, bytes)
        self.packet_type = MESSAGE

    def encode(self, b64: bool = False) -> str | bytes:
        return self.data


async def test_no_push_overtakes_another() -> None:
    """Many threads would sooner or later take them in another order."""
    port = Port(1)
    async with met(port) as (_, script):
        for seq in range(11, 311):
            await tell(script, push(seq, members=[peer(3, **SOME)], bitfields=base64(bits({seq % PIECES}))))
        await tell(script, push(311, left=[3]))
        await port.until(lambda: 3 not in port.members)
        assert (script.count("join"), script.count("resync")) == (1, 0)


async def test_messages_that_are_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_EVENT", 10_000)
    port = Port(1)
    async with met(port) as (_, script):
        await tell(script, 9_000 * "x")  # no push at all, and overheard
        await tell(script, push(11, left=[2]))
        await port.until(lambda: 2 not in port.members)
        assert script.connections == 1
        await tell(script, 20_000 * "x")
        await port.until(lambda: 2 in port.members)
        assert script.connections == 2
        await tell(script, push(11, left=[3]))
        await port.until(lambda: 3 not in port.members)


async def test_a_server_that_asks_and_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_io, "MAX_UNSENT", 0)
    port = Port(1)
    with hostile() as (url, script):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(TrackerAnnouncer(url, "token").run, port)
            await port.until(lambda: port.problem)
            monkeypatch.setattr(engine_io, "MAX_UNSENT", 100)
            await port.until(lambda: not port.problem)
            assert script.connections == 1
            nursery.cancel_scope.cancel()


async def test_events_of_the_servers_own_are_not_acknowledged() -> None:
    port = Port(1)
    async with met(port) as (_, script):
        acknowledged: list[Any] = []
        script.server.emit("swarm", push(11, left=[3]), namespace="/swarm", callback=lambda *a: acknowledged.append(a))
        for event in ("connect", "disconnect", "other", "*"):
            await trio.to_thread.run_sync(script.tell, {}, event)
        await port.until(lambda: 3 not in port.members)
        port.change(gained={1})
        await until(lambda: script.count("have"))
        assert not acknowledged
        assert script.count("join") == 1


async def test_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    port = Port(1)
    with hostile() as (url, script):
        silent = threading.Event()
        script.answers["join"] = lambda _: silent.wait()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(TrackerAnnouncer(url, "token").run, port)
                monkeypatch.setattr(bridge, "TIMEOUT", 0.5)
                await port.until(lambda: port.problem)
                assert port.problem == f"{url}: cannot be reached: no answer within 0 s"
                monkeypatch.undo()
                script.answers["join"] = answer()
                await port.until(lambda: not port.problem)
                nursery.cancel_scope.cancel()
        finally:
            silent.set()


async def test_leaving_waits_for_nobody() -> None:
    port, silent = Port(1), threading.Event()
    try:
        with trio.fail_after(bridge.TIMEOUT / 2):
            async with met(port) as (_, script):
                script.answers["leave"] = lambda _: silent.wait()
        assert script.count("leave") == 1
    finally:
        silent.set()


async def test_torrents_of_one_engine_share_a_connection() -> None:
    one, other = Port(1), Port(1)
    other.manifest = OTHER
    async with met(one) as (url, script):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(TrackerAnnouncer(url, "token").run, other)
            await other.until(lambda: 3 in other.members)
            await tell(script, push(11, left=[3]) | {"info_hash": OTHER.info_hash.full.hex()})
            await other.until(lambda: 3 not in other.members)
            nursery.cancel_scope.cancel()
        assert 3 in one.members
        await tell(script, push(11, left=[2]))
        await one.until(lambda: 2 not in one.members)
        assert script.connections == 1
    assert [data["info_hash"] for event, data in script.asked if event == "leave"] == [str(OTHER.info_hash), HASH]


async def test_somebody_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert await problem(url) == f"{url}: cannot be reached: no answer within 0 s"


@pytest.mark.parametrize(
    ("status", "body", "headers", "says"),
    [
        (404, b"no", {}, " (404 Not Found)"),
        (200, b"{}", {}, " (HTTP status 200)"),
        (500, 2**17 * b"x", {}, " (500 Internal Server Error)"),
    ],
)
async def test_whoever_answers_is_no_tracker(status: int, body: bytes, headers: dict[str, str], says: str) -> None:
    with answering(status, body, headers) as (url, _):
        expected = f"{url}: the answer is not a tracker's{says}. Is the address right?"
        assert await problem(url) == expected


async def test_a_token_goes_nowhere_else() -> None:
    with hostile() as (elsewhere, script):
        where = elsewhere.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        with answering(302, b"", {"Location": where}) as (url, _):
            assert f"{url}: it points to '{where}'" in await problem(url)
        assert not script.auths


async def test_tls_where_there_is_none() -> None:
    with answering(200, b"") as (url, _):
        url = url.replace("http://", "https://")
        assert (await problem(url)).startswith(f"{url}: cannot be reached: ")


async def problem(url: str) -> str:
    port = Port(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(TrackerAnnouncer(url, "token").run, port)
        await port.until(lambda: port.problem)
        nursery.cancel_scope.cancel()
    return port.problem


async def test_a_certificate_of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nobody.pem").write_text(NOBODY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "nobody.pem")
    with hostile(context) as (url, script):
        assert "its certificate cannot be trusted (self-signed certificate)" in await problem(url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nobody.pem"))
        assert "its certificate cannot be trusted (IP address mismatch" in await problem(url)
        assert not script.auths
