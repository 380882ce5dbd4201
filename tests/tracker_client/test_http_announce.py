"""Announces to ordinary trackers: to ours, a process of its own, and to small ones that answer what a test wants."""

from __future__ import annotations

import logging
import random
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from engine.swarm import until
from manifest.makers import encoded, good_doc, hybrid_doc
from tracker.http.test_libtorrent_announce import register, scraped
from tracker.trackers import Server
from tracker_client.ordinary import Torrent, contact, ordinary, page, reply, until_cut
from trio.testing import wait_all_tasks_blocked
from waiting import TIMEOUT

from swarmshare.manifest.bencoding import encode
from swarmshare.manifest.parse import parse_manifest
from swarmshare.tracker_client.announce_codec import MAX_INTERVAL
from swarmshare.tracker_client.http_announce import FIRST_RETRY, HttpAnnouncer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from tracker.http.test_libtorrent_announce import Member
    from tracker_client.ordinary import Asked
    from trio.testing import MockClock

    from swarmshare.manifest.manifest import Manifest

V2 = parse_manifest(encoded(good_doc()))
HYBRID = parse_manifest(encoded(hybrid_doc()))
DEAD = "http://127.0.0.1:1/announce"


def refusal(reason: str) -> bytes:
    return page(encode({b"failure reason": reason.encode()}))


@asynccontextmanager
async def announcing(torrent: Torrent, *tiers: Sequence[str], rng: random.Random | None = None) -> AsyncIterator[None]:
    """A running announcer; at the end it is cancelled, and has said good-bye."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(HttpAnnouncer(tiers, rng or random.Random(1)).run, torrent)
        yield
        nursery.cancel_scope.cancel()


# Our own tracker.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("tracker"), "--registration", "open")
    try:
        yield server
    finally:
        status, error = server.end(signal.SIGTERM)
    assert (status, "Traceback" in error) == (130, False), error


@pytest.fixture(scope="module")
def ann(server: Server) -> Member:
    return register(server, "ann", setup_token=server.events["setup"]["setup_token"])


def published(ann: Member, doc: dict[bytes, Any]) -> Manifest:
    """The manifest as the tracker gives it out, with ann's announce URL."""
    manifest = parse_manifest(encoded(doc))
    ann.publish(manifest)
    return ann.fetch(manifest)


@pytest.mark.parametrize("make", [good_doc, hybrid_doc], ids=["v2", "hybrid"])
@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
async def test_two_find_each_other(ann: Member, make: Callable[[], Any], private: bool) -> None:
    doc = make()
    doc[b"info"] |= {b"source": b"find"} | ({b"private": 1} if private else {})
    manifest = published(ann, doc)
    url = manifest.trackers[0][0]
    hashes = [name for name in (manifest.info_hash.truncated, manifest.info_hash_v1) if name]
    assert len(hashes) == 1 + (make is hybrid_doc)

    async def counted(*counts: int) -> None:
        await until(lambda: all(scraped(url, name) == counts for name in hashes))

    seed = Torrent(manifest, peer_id=b"s" * 20, port=7001, complete=True)
    leech = Torrent(manifest, peer_id=b"l" * 20, port=7002)
    with trio.fail_after(TIMEOUT):
        async with announcing(seed, *manifest.trackers):
            assert await seed.announced() == ""
            assert seed.found_now == []
            await counted(1, 0, 0)
            async with announcing(leech, *manifest.trackers):
                assert await leech.announced() == ""
                assert leech.found_now == [[("127.0.0.1", 7001)]]
                await counted(1, 1, 0)
                leech.gain(complete=True)
                assert await leech.announced() == ""
                await counted(2, 0, 1)
            await counted(1, 0, 1)
        await counted(0, 0, 1)


async def test_a_refusal_of_our_tracker(server: Server) -> None:
    torrent = Torrent(V2)
    url = f"{server.url}/announce/{'x' * 32}"
    with trio.fail_after(TIMEOUT):
        async with announcing(torrent, [url]):
            problem = await torrent.announced()
    assert problem.startswith(f"{server.address}: this passkey is not valid")
    assert "xxx" not in problem


# What is asked, and when. Time passes when a test says so.


async def test_what_is_told(mock_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="swarmshare.tracker_client")
    torrent = Torrent(V2, uploaded=7, downloaded=12)
    with ordinary(lambda asked: reply(interval=100, tracker_id=b"\0&" + asked.event.encode())) as tracker:
        async with announcing(torrent, [tracker.url + "?pass=key"]):
            first = await tracker.next()
            assert list(first.fields) == [
                "pass", "info_hash", "peer_id", "port", "uploaded", "downloaded", "left", "key",
                "numwant", "compact", "no_peer_id", "event",
            ]  # fmt: skip
            assert first.fields["info_hash"] == V2.info_hash.truncated
            assert first.fields["peer_id"] == torrent.peer_id
            assert [first.fields[name] for name in ("port", "uploaded", "downloaded", "left", "event", "compact")] == [
                b"6881", b"7", b"12", str(V2.total_length - 12).encode(), b"started", b"1",
            ]  # fmt: skip
            await torrent.announced()

            torrent.gain(complete=False)
            await pass_until_asked(torrent, mock_clock, 100)
            second = await tracker.next()
            assert "event" not in second.fields
            assert second.fields["trackerid"] == b"\0&started"
            await torrent.announced()

            torrent.gain(complete=True)
            third = await tracker.next()
            assert (third.event, third.fields["left"], third.fields["numwant"]) == ("completed", b"0", b"200")
            await torrent.announced()

            mock_clock.jump(100)
            assert (await tracker.next()).event == ""
            await torrent.announced()
        last = await tracker.next()
        assert (last.event, last.fields["numwant"], last.fields["key"]) == ("stopped", b"0", first.fields["key"])
        assert tracker.asked.empty()
        host = tracker.url.partition("://")[2].partition("/")[0]
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        f"{V2.info_hash.truncated.hex()}: tracker {host}: announced ({event}): 0 peers"
        for event in ("started", "regular", "completed", "regular", "stopped")
    ], "one an announce, and no passkey or key"


async def test_whoever_has_all_from_the_start_does_not_complete(mock_clock: MockClock) -> None:
    torrent = Torrent(V2, complete=True)
    with ordinary(lambda _: reply(interval=100)) as tracker:
        async with announcing(torrent, [tracker.url]):
            assert (await tracker.next()).event == "started"
            await torrent.announced()
            torrent.gain(complete=True)
            mock_clock.jump(100)
            assert (await tracker.next()).event == ""
            await torrent.announced()


async def test_completing_is_told_later_if_the_tracker_is_gone(mock_clock: MockClock) -> None:
    torrent = Torrent(V2)
    answers = iter([reply(interval=100), page(b"", "503 Gone"), reply(interval=100), reply(interval=100)])
    with ordinary(lambda _: next(answers)) as tracker:
        async with announcing(torrent, [tracker.url]):
            assert (await tracker.next()).event == "started"
            await torrent.announced()
            torrent.gain(complete=True)
            assert (await tracker.next()).event == "completed"
            assert await torrent.announced() == (
                f"{tracker.address}: the answer is not a tracker's (503 Gone) but a proxy's. "
                "The tracker behind it does not answer: does it run?"
            )
            mock_clock.jump(FIRST_RETRY)
            assert (await tracker.next()).event == "completed"
            assert await torrent.announced() == ""


class Share(random.Random):
    """Chance that always falls at one end."""

    def __init__(self, share: float) -> None:
        super().__init__(1)
        self._share = share

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self._share


@pytest.mark.parametrize("share", [0, 1])
async def test_tries_become_rare(mock_clock: MockClock, share: float) -> None:
    torrent = Torrent(V2)
    answer = refusal("not today")
    with ordinary(lambda _: answer) as tracker:
        async with announcing(torrent, [tracker.url], rng=Share(share)):
            for seconds in [FIRST_RETRY * 2**number for number in range(10)] + [MAX_INTERVAL, MAX_INTERVAL]:
                assert await torrent.announced() == f"{tracker.address}: not today"
                await pass_until_asked(torrent, mock_clock, seconds * (1 + share) / 2)
            answer = reply(interval=100)
            await torrent.announced()
            mock_clock.jump(MAX_INTERVAL)
            assert await torrent.announced() == ""
            answer = refusal("not today")
            await pass_until_asked(torrent, mock_clock, 100)
            assert await torrent.announced() == f"{tracker.address}: not today"
            await pass_until_asked(torrent, mock_clock, FIRST_RETRY * (1 + share) / 2)
            await torrent.announced()


async def pass_until_asked(torrent: Torrent, clock: MockClock, seconds: float) -> None:
    """Let time pass: not before ``seconds``, but then, somebody announces."""
    before = torrent.questions
    clock.jump(seconds - 0.25)
    await wait_all_tasks_blocked()
    assert torrent.questions == before
    clock.jump(0.25)
    await wait_all_tasks_blocked()
    assert torrent.questions == before + 1


async def test_a_hybrid_is_announced_by_both_hashes() -> None:
    torrent = Torrent(HYBRID)
    hashes = {HYBRID.info_hash.truncated, HYBRID.info_hash_v1}
    with ordinary(lambda asked: reply(peers=contact("10.0.0.1", asked.fields["info_hash"][0] + 1))) as tracker:
        async with announcing(torrent, [tracker.url]):
            asked = [await tracker.next(), await tracker.next()]
            assert {one.fields["info_hash"] for one in asked} == hashes
            assert [one.event for one in asked] == ["started", "started"]
            assert len({one.fields["key"] for one in asked}) == 1
            await torrent.announced()
            assert [sorted(found) for found in torrent.found_now] == [
                sorted(("10.0.0.1", name[0] + 1) for name in hashes if name)
            ]
        asked = [await tracker.next(), await tracker.next()]
        assert {one.fields["info_hash"] for one in asked if one.event == "stopped"} == hashes


async def test_one_hash_of_a_hybrid_is_enough() -> None:
    def answer(asked: Asked) -> bytes:
        return refusal("unknown") if asked.fields["info_hash"] == HYBRID.info_hash.truncated else reply()

    torrent = Torrent(HYBRID)
    with ordinary(answer) as tracker:
        async with announcing(torrent, [tracker.url]):
            assert await torrent.announced() == ""
            assert [(await tracker.next()).event for _ in range(2)] == ["started", "started"]
        assert (await tracker.next()).fields["info_hash"] == HYBRID.info_hash_v1
        assert tracker.asked.empty()


# Several trackers.


async def test_what_works_comes_first(mock_clock: MockClock) -> None:
    torrent = Torrent(V2)
    bad: set[str] = set()

    def answer(asked: Asked) -> bytes:
        return refusal("no") if asked.path in bad else reply(interval=100)

    with ordinary(answer) as tracker:
        a, b, c = (f"{tracker.url}/{name}" for name in "abc")
        bad |= {"/announce/a", "/announce/c"}
        async with announcing(torrent, [a], [b], [c]):
            assert [(await tracker.next()).path[-1] for _ in range(2)] == ["a", "b"]
            assert await torrent.announced() == ""
        assert [(await tracker.next()).path[-1]] == ["b"]
        assert tracker.asked.empty()

        # In one tier they are shuffled, so that c is tried first by some; then b keeps its place before all.
        for seed in range(5):
            async with announcing(torrent, [a, b, c], rng=random.Random(seed)):
                await torrent.announced()
                while (await tracker.next()).path[-1] != "b":
                    pass
                mock_clock.jump(100)
                assert (await tracker.next()).path[-1] == "b"
                await torrent.announced()
                bad.add("/announce/b")
                bad.remove("/announce/a")
                mock_clock.jump(100)
                assert (await tracker.next()).path[-1] == "b"
                await torrent.announced()
                while (asked := await tracker.next()).path[-1] != "a":
                    pass
                assert asked.event == "started"
                bad ^= {"/announce/a", "/announce/b"}
            while not tracker.asked.empty():
                await tracker.next()


async def test_a_tier_is_shuffled() -> None:
    with ordinary(lambda _: reply()) as tracker:
        first = set()
        for seed in range(8):
            torrent = Torrent(V2)
            async with announcing(torrent, [f"{tracker.url}/{name}" for name in "abc"], rng=random.Random(seed)):
                first.add((await tracker.next()).path)
                await torrent.announced()
            await tracker.next()
        assert len(first) > 1


async def test_trackers_over_udp_are_a_problem_only_if_nothing_else_works() -> None:
    udp = "udp://tracker.example:6969/announce"
    torrent = Torrent(V2)
    with ordinary(lambda _: reply()) as tracker:
        async with announcing(torrent, [udp], [tracker.url]):
            assert await torrent.announced() == ""
    only = "only trackers with an http or https address are used"
    async with announcing(torrent, [udp, "http://[::1"]):
        assert await torrent.announced() == f"tracker.example:6969: {only} (and 1 more trackers of no use)"
    async with announcing(torrent, [udp], [DEAD]):
        assert await torrent.announced() == (
            "127.0.0.1:1: connection refused (and 1 more trackers of no use). Does it run? Is the address right?"
        )
    async with announcing(torrent):
        assert await torrent.announced() == ""


# What trackers do to us.

PORTAL = "If this network wants a sign-in in the browser first (a hotel's, say), do that; else the address is wrong."


async def test_a_warning_is_told_and_its_peers_are_taken() -> None:
    torrent = Torrent(V2)
    peers = contact("127.0.0.1", 7000) + contact("127.0.0.1", 0) + contact("127.0.0.1", 7000) + b"\1"
    with ordinary(lambda _: reply(warning_message=b"\x1b[2Jold\nclient", peers=peers)) as tracker:
        async with announcing(torrent, [tracker.url]):
            assert await torrent.announced() == f"{tracker.address}: \ufffd[2Jold client"
    assert torrent.found_now == [[("127.0.0.1", 7000)]]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (page(b"<html>"), f"the answer is not a tracker's (200 OK) but a web page. {PORTAL}"),
        (page(b"5:other"), "the answer is not a tracker's"),
        (
            page(b"<html>", "404 \x1b[31mNowhere"),
            "the answer is not a tracker's (404 \ufffd[31mNowhere). Is the address right?",
        ),
        (page(b"d14:failure reason4:why?e", "403 Forbidden"), "why?"),
        (
            b"SSH-2.0-OpenSSH\r\n",
            "what answers there is no web server; it says 'SSH-2.0-OpenSSH'. "
            "This port may be another program's: which is the tracker's?",
        ),
    ],
)
async def test_what_goes_wrong_is_told(answer: bytes, says: str) -> None:
    torrent = Torrent(V2)
    with ordinary(lambda _: answer) as tracker:
        async with announcing(torrent, [tracker.url.replace("//", "//user:secret@") + "/secret"]):
            assert await torrent.announced() == f"{tracker.address}: {says}"
    assert torrent.found_now == []


async def test_a_silent_tracker_is_left_when_it_is_time_to_go() -> None:
    torrent = Torrent(V2)
    with ordinary(lambda asked: reply() if asked.event == "stopped" else until_cut()) as tracker:
        async with announcing(torrent, [tracker.url]):
            await tracker.next()
        # It may have heard of us, so it hears that we leave.
        assert (await tracker.next()).event == "stopped"
        await tracker.was_cut()


async def test_leaving_takes_a_second_at_most(mock_clock: MockClock) -> None:
    torrent = Torrent(V2)
    scope = trio.CancelScope()

    async def run() -> None:
        with scope:
            await HttpAnnouncer([[tracker.url]], random.Random(1)).run(torrent)

    with ordinary(lambda asked: until_cut() if asked.event == "stopped" else reply()) as tracker:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            assert (await tracker.next()).event == "started"
            await torrent.announced()
            scope.cancel()
            assert (await tracker.next()).event == "stopped"
            mock_clock.jump(1)
        await tracker.was_cut()
