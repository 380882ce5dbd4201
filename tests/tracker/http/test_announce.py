"""Answers to ordinary clients. View, registry and store are real; only the catalogue is made up."""

from __future__ import annotations

import random
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from werkzeug.exceptions import NotFound
from werkzeug.test import Client

from swarmshare.manifest.bencoding import decode_document
from swarmshare.tracker.domain.lookup import Identity, Role, SwarmEntry
from swarmshare.tracker.http.announce import MAX_NUMWANT, Announces
from swarmshare.tracker.http.metrics import AnswerTimes
from swarmshare.tracker.swarms.registry import SwarmRegistry
from swarmshare.tracker.swarms.store.memory import MemorySwarmStore

if TYPE_CHECKING:
    from swarmshare.manifest.bencoding import Value

V2, V1 = bytes(range(200, 220)), bytes(range(20))
HYBRID = SwarmEntry(V2 + bytes(12), (V2, V1), "hybrid", piece_count=4, total_length=4 * 2**16, private=False)
OTHER = SwarmEntry(b"o" * 32, (b"o" * 20,), "other", piece_count=1, total_length=5, private=False)
PRIVATE = SwarmEntry(b"p" * 32, (b"p" * 20,), "private", piece_count=1, total_length=5, private=True)
ANN = Identity(1, "ann", Role.MEMBER)


class Directory:
    """Three entries, and one account with a passkey."""

    def __init__(self) -> None:
        self.passkeys = {"a" * 32: ANN}

    def identify(self, _token: str) -> Identity | None:
        return None

    def is_suspended(self, token: str) -> bool:
        return False

    def by_passkey(self, passkey: str) -> Identity | None:
        return self.passkeys.get(passkey)

    def entry(self, info_hash: bytes) -> SwarmEntry | None:
        return next((entry for entry in (HYBRID, OTHER, PRIVATE) if entry.info_hash == info_hash), None)

    def entry_by_wire_hash(self, wire_hash: bytes) -> SwarmEntry | None:
        return next((entry for entry in (HYBRID, OTHER, PRIVATE) if wire_hash in entry.wire_hashes), None)


class Tracker:
    """The announce view, and a clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.directory = Directory()
        self.registry = SwarmRegistry(
            MemorySwarmStore(random.Random(1), lambda: self.now),
            clock=lambda: self.now,
            later=lambda _seconds, _call: None,
            rng=random.Random(1),
        )
        announces = Announces(self.registry, self.directory, AnswerTimes(CollectorRegistry()))
        self._client = Client(announces.before(NotFound()))

    def get(self, path: str, query: bytes = b"", *, source: str = "192.168.1.1") -> dict[bytes, Any]:
        """The decoded answer, which is as strict a document as there can be."""
        environ: dict[str, Any] = {"REMOTE_ADDR": source, "QUERY_STRING": query.decode("latin-1")}
        response = self._client.get(path, environ_overrides=environ)
        assert (response.status_code, response.mimetype) == (200, "text/plain")
        document = decode_document(response.data)
        assert not document.disordered
        root: dict[bytes, Value] = document.root
        return root

    def announce(
        self,
        number: int,
        *,
        wire_hash: bytes = V2,
        path: str = "/announce",
        source: str = "192.168.1.1",
        left: int = 5,
        extra: bytes = b"",
    ) -> dict[bytes, Any]:
        """An announce of client ``number``, on port 6000 + ``number``."""
        return self.get(path, query(number, wire_hash, left) + extra, source=source)


def query(number: int, wire_hash: bytes = V2, left: int = 5) -> bytes:
    hashed = b"".join(b"%%%02x" % byte for byte in wire_hash)
    return b"info_hash=%b&peer_id=-XX0001-%012d&port=%d&uploaded=0&downloaded=0&left=%d&key=%08X" % (
        hashed, number, 6000 + number, left, number
    )  # fmt: skip


def contact(address: str, number: int) -> bytes:
    return ip_address(address).packed + (6000 + number).to_bytes(2, "big")


@pytest.fixture
def tracker() -> Tracker:
    return Tracker()


def failure(answer: dict[bytes, Any]) -> str:
    assert set(answer) == {b"failure reason"}
    reason: bytes = answer[b"failure reason"]
    return reason.decode("ascii")


def test_two_clients_find_each_other(tracker: Tracker) -> None:
    first = tracker.announce(1, left=0, extra=b"&event=started&compact=1")
    assert first == {
        b"interval": 300,
        b"min interval": first[b"min interval"],
        b"complete": 1,
        b"incomplete": 0,
        b"downloaded": 0,
        b"external ip": ip_address("192.168.1.1").packed,
        b"peers": b"",
        b"peers6": b"",
    }
    assert 0 < first[b"min interval"] <= 300
    second = tracker.announce(2, source="192.168.1.2", extra=b"&event=started&compact=1")
    assert second[b"peers"] == contact("192.168.1.1", 1)
    assert (second[b"complete"], second[b"incomplete"]) == (1, 1)
    assert tracker.announce(1, left=0)[b"peers"] == contact("192.168.1.2", 2)


def test_ipv6_and_ipv4_clients_find_each_other(tracker: Tracker) -> None:
    tracker.announce(1, source="fd00::1")
    answer = tracker.announce(2, source="::ffff:10.0.0.2")
    assert answer[b"external ip"] == ip_address("10.0.0.2").packed
    assert (answer[b"peers"], answer[b"peers6"]) == (b"", contact("fd00::1", 1))
    answer = tracker.announce(1, source="fd00::1")
    assert answer[b"external ip"] == ip_address("fd00::1").packed
    assert (answer[b"peers"], answer[b"peers6"]) == (contact("10.0.0.2", 2), b"")


def test_one_client_that_announces_by_both_protocols(tracker: Tracker) -> None:
    tracker.announce(1, source="fd00::1")
    tracker.announce(1, source="10.0.0.1")
    answer = tracker.announce(2, source="10.0.0.2")
    assert answer[b"incomplete"] == 2
    assert (answer[b"peers"], answer[b"peers6"]) == (contact("10.0.0.1", 1), contact("fd00::1", 1))


def test_a_client_with_another_port_for_each_protocol(tracker: Tracker) -> None:
    """A member has one port: rather its last address alone than one with the port of the other."""
    tracker.announce(1, source="fd00::1")
    other_port = query(1).replace(b"port=6001", b"port=9999")
    tracker.get("/announce", other_port, source="10.0.0.1")
    answer = tracker.announce(2, source="10.0.0.2")
    assert answer[b"peers"] == ip_address("10.0.0.1").packed + (9999).to_bytes(2, "big")
    assert answer[b"peers6"] == b""


def test_the_dictionary_form(tracker: Tracker) -> None:
    tracker.announce(1, source="fd00::1")
    tracker.announce(2, source="10.0.0.2")
    answer = tracker.announce(3, extra=b"&compact=0")
    assert b"peers6" not in answer
    assert sorted(answer[b"peers"], key=lambda peer: peer[b"port"]) == [
        {b"ip": b"fd00::1", b"peer id": b"-XX0001-%012d" % 1, b"port": 6001},
        {b"ip": b"10.0.0.2", b"peer id": b"-XX0001-%012d" % 2, b"port": 6002},
    ]
    answer = tracker.announce(3, extra=b"&compact=0&no_peer_id=1")
    assert all(set(peer) == {b"ip", b"port"} for peer in answer[b"peers"])


def test_no_more_peers_than_wanted_or_sensible(tracker: Tracker) -> None:
    for number in range(1, 301):
        tracker.announce(number)
    for numwant, gets in ((b"", 50), (b"&numwant=-1", 50), (b"&numwant=0", 0), (b"&numwant=7", 7)):
        assert len(tracker.announce(1, extra=numwant)[b"peers"]) == 6 * gets
    assert len(tracker.announce(1, extra=b"&numwant=99999999")[b"peers"]) == 6 * MAX_NUMWANT
    assert tracker.announce(1, extra=b"&numwant=0")[b"incomplete"] == 300


def test_stopped(tracker: Tracker) -> None:
    tracker.announce(1)
    tracker.announce(2)
    answer = tracker.announce(1, extra=b"&event=stopped&numwant=50")
    assert (answer[b"peers"], answer[b"incomplete"]) == (b"", 1)
    assert tracker.announce(2)[b"peers"] == b""


def test_nobody_can_stop_another(tracker: Tracker) -> None:
    """A peer id is known to whoever spoke to the peer, so it proves nothing; the key does."""
    tracker.announce(1)
    tracker.announce(2)
    forged = query(1).replace(b"key=00000001", b"key=00000002") + b"&event=stopped"
    tracker.get("/announce", forged, source="192.168.1.66")
    assert tracker.announce(2)[b"peers"] == contact("192.168.1.1", 1)


def test_a_hybrid_is_one_swarm_under_two_names(tracker: Tracker) -> None:
    """libtorrent announces both hashes of a hybrid, as one client."""
    for wire_hash in (V1, V2):
        tracker.announce(1, wire_hash=wire_hash, left=0)
        tracker.announce(2, wire_hash=wire_hash)
    for wire_hash in (V1, V2):
        answer = tracker.announce(2, wire_hash=wire_hash)
        assert (answer[b"complete"], answer[b"incomplete"]) == (1, 1)
        assert answer[b"peers"] == contact("192.168.1.1", 1)
    for wire_hash in (V1, V2):
        tracker.announce(2, wire_hash=wire_hash, left=0, extra=b"&event=completed")
    counts = {b"complete": 2, b"incomplete": 0, b"downloaded": 1}
    for wire_hash in (V1, V2):
        assert scrape(tracker, wire_hash) == {wire_hash: counts}


def test_who_knows_the_v1_hash_only_is_told_to_those_who_dial_with_it(tracker: Tracker) -> None:
    """libtorrent dials whom it got for a v2 info hash with that one, and never with the other."""
    tracker.announce(1, wire_hash=V1, left=0)
    tracker.announce(2, wire_hash=V2, left=0, source="192.168.1.2")
    by_v1 = tracker.announce(3, wire_hash=V1)
    assert sorted(by_v1[b"peers"][at : at + 6] for at in (0, 6)) == [
        contact("192.168.1.1", 1),
        contact("192.168.1.2", 2),
    ]
    by_v2 = tracker.announce(3, wire_hash=V2)
    assert by_v2[b"peers"] == contact("192.168.1.2", 2)
    assert by_v2[b"complete"] == 2
    tracker.announce(1, wire_hash=V2, left=0)  # it can both, after all
    assert len(tracker.announce(3, wire_hash=V2)[b"peers"]) == 12
    tracker.announce(1, wire_hash=V1, left=0)
    assert len(tracker.announce(3, wire_hash=V2)[b"peers"]) == 12


def scrape(tracker: Tracker, *hashes: bytes, path: str = "/scrape") -> dict[bytes, Any]:
    asked = b"&".join(b"info_hash=" + b"".join(b"%%%02x" % byte for byte in wire_hash) for wire_hash in hashes)
    files: dict[bytes, Any] = tracker.get(path, asked)[b"files"]
    return files


def test_scrape_of_several(tracker: Tracker) -> None:
    tracker.announce(1, left=0)
    tracker.announce(1, wire_hash=b"o" * 20)
    nobody = {b"complete": 0, b"incomplete": 0, b"downloaded": 0}
    assert scrape(tracker, b"o" * 20, V2, b"unknown".ljust(20)) == {
        b"o" * 20: {**nobody, b"incomplete": 1},
        V2: {**nobody, b"complete": 1},
    }
    assert "info_hash is missing" in failure(tracker.get("/scrape"))


def test_a_private_swarm(tracker: Tracker) -> None:
    hidden, key = b"p" * 20, "a" * 32
    assert "private" in failure(tracker.announce(1, wire_hash=hidden))
    assert scrape(tracker, hidden) == {}
    tracker.announce(1, wire_hash=hidden, path=f"/announce/{key}")
    answer = tracker.announce(2, wire_hash=hidden, path=f"/announce/{key}")
    assert answer[b"peers"] == contact("192.168.1.1", 1)
    assert scrape(tracker, hidden, path=f"/scrape/{key}")[hidden][b"incomplete"] == 2


@pytest.mark.parametrize("wire_hash", [V2, b"p" * 20])
@pytest.mark.parametrize("passkey", ["b" * 32, "x", "%00", "%ff%fe", "a" * 3000])
def test_a_passkey_of_nobody(tracker: Tracker, wire_hash: bytes, passkey: str) -> None:
    assert "passkey" in failure(tracker.announce(1, wire_hash=wire_hash, path=f"/announce/{passkey}"))
    assert "passkey" in failure(tracker.get(f"/scrape/{passkey}", b"info_hash=" + b"o" * 20))
    assert tracker.registry.counts(HYBRID.info_hash).leeches == 0


def test_a_passkey_that_is_revoked(tracker: Tracker) -> None:
    path = "/announce/" + "a" * 32
    assert b"peers" in tracker.announce(1, wire_hash=b"p" * 20, path=path)
    tracker.directory.passkeys.clear()
    assert "not valid" in failure(tracker.announce(1, wire_hash=b"p" * 20, path=path))


def test_an_info_hash_that_nobody_published(tracker: Tracker) -> None:
    assert "no such info hash" in failure(tracker.announce(1, wire_hash=b"u" * 20))


def test_a_query_that_cannot_be_read(tracker: Tracker) -> None:
    assert failure(tracker.get("/announce")) == "info_hash is missing"
    assert failure(tracker.get("/announce", query(1) + b"&port=5")) == "port is there twice"


def test_an_address_that_the_proxy_hides(tracker: Tracker) -> None:
    assert "address" in failure(tracker.announce(1, source=""))
    assert "address" in failure(tracker.announce(1, source="unix:"))


@pytest.mark.parametrize(
    ("source", "claim", "told"),
    [
        ("192.168.1.1", b"&ipv6=fd00::1", True),  # a machine with both, in one network
        ("192.168.1.1", b"&ipv6=2600::1&ipv6=2600::2&ipv6=fd00::1", True),  # the first that is to be believed
        ("fd00::1", b"&ipv4=192.168.1.1", True),
        ("127.0.0.1", b"&ipv6=::1", True),
        ("fd00::1", b"&ip=192.168.1.1", True),
        ("192.168.1.1", b"&ipv6=2600::1", False),
        ("192.168.1.1", b"&ip=192.168.1.66", False),
        ("8.8.8.8", b"&ipv6=fd00::1", False),
        ("8.8.8.8", b"&ipv6=2600::1", False),
        ("2600::1", b"&ipv4=8.8.8.8", False),
        ("127.0.0.1", b"&ipv6=fd00::1", False),
    ],
)
def test_which_claimed_addresses_are_told(tracker: Tracker, source: str, claim: bytes, told: bool) -> None:
    tracker.announce(1, source=source, extra=claim)
    answer = tracker.announce(2, source="127.0.0.2")  # may be told of everything
    addresses = {source} | ({claim.rpartition(b"=")[2].decode()} if told else set())
    contacts = [contact(address, 1) for address in addresses]
    assert answer[b"peers"] == b"".join(found for found in contacts if len(found) == 6)
    assert answer[b"peers6"] == b"".join(found for found in contacts if len(found) == 18)


def test_nobody_is_sent_to_itself_or_to_a_stranger(tracker: Tracker) -> None:
    tracker.announce(1, source="127.0.0.1")
    tracker.announce(2, source="10.0.0.2")
    tracker.announce(3, source="8.8.8.8")
    seen = {
        source: tracker.announce(number, source=source)[b"peers"]
        for number, source in ((4, "127.0.0.4"), (5, "10.0.0.5"), (6, "9.9.9.9"))
    }
    assert len(seen["127.0.0.4"]) == 3 * 6
    assert sorted(seen["10.0.0.5"][at : at + 6] for at in (0, 6)) == [contact("8.8.8.8", 3), contact("10.0.0.2", 2)]
    assert seen["9.9.9.9"] == contact("8.8.8.8", 3)


def test_a_client_without_metadata_is_a_leech(tracker: Tracker) -> None:
    for number, left in enumerate((16384, 2**63 - 1, 2**64 - 1), 1):
        assert tracker.announce(number, left=left)[b"incomplete"] == number
    detail = tracker.registry.detail(HYBRID.info_hash)
    assert detail is not None
    everything = HYBRID.total_length
    told = [(member.share, member.left) for member in detail.members]
    assert told == [(0.75, 16384), (0, everything), (0, everything)]


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["", "started", "completed", "stopped"]), st.booleans())))
def test_counts_are_those_of_the_clients(announces: list[tuple[int, str, bool]]) -> None:
    """Whatever clients say in whatever order, and under either name."""
    tracker = Tracker()
    there: dict[int, bool] = {}
    for number, event, by_v1 in announces:
        complete = event == "completed" or there.get(number, False)
        answer = tracker.announce(
            number, wire_hash=V1 if by_v1 else V2, left=0 if complete else 5, extra=b"&event=" + event.encode()
        )
        there[number] = complete
        if event == "stopped":
            del there[number]
        assert (answer[b"complete"], answer[b"incomplete"]) == (
            sum(there.values()), len(there) - sum(there.values()),
        )  # fmt: skip


@given(query=st.binary(max_size=300), path=st.sampled_from(["/announce", "/scrape"]))
def test_no_bytes_do_more_than_be_refused(query: bytes, path: str) -> None:
    failure(Tracker().get(path, query))
