"""Announces judged by libtorrent: sessions that know nothing of each other but our announce URL."""

from __future__ import annotations

import random
import signal
import socket
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_from_bytes, urlsplit

import pytest
import requests
import trio
from interop.peers import NEW, Libtorrent, digests, need, until
from tracker.trackers import PASSWORD, Server
from waiting import TIMEOUT

from swarmshare.manifest.bencoding import decode_document
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

pytestmark = pytest.mark.unmeasured

PLAIN = 2
"""libtorrent's ``enc_policy.pe_disabled``."""


class Member(NamedTuple):
    """Somebody who has an account."""

    api: str
    token: str

    def ask(self, method: str, path: str, data: bytes | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/x-bittorrent"}
        response = requests.request(method, self.api + path, headers=headers, data=data, timeout=TIMEOUT)
        assert response.ok, response.text
        return response.content

    def publish(self, manifest: Manifest) -> None:
        self.ask("POST", "/catalogue", manifest.encode())

    def fetch(self, manifest: Manifest) -> Manifest:
        """The same manifest, with the announce URL that the tracker gave to this member."""
        return parse_manifest(self.ask("GET", f"/catalogue/{manifest.info_hash}/torrent"))


def register(server: Server, name: str, **admission: str) -> Member:
    api = f"{server.url}/api/v1"
    body = {"name": name, "password": PASSWORD, **admission}
    return Member(api, requests.post(f"{api}/accounts", json=body, timeout=TIMEOUT).json()["token"]["secret"])


class Group(NamedTuple):
    """A tracker and two of its members."""

    host: str
    ann: Member
    bob: Member

    @property
    def listen(self) -> str:
        """Where a libtorrent session listens so that it announces from the tracker's side of the machine."""
        return f"{self.host}:0"


@pytest.fixture(scope="module", params=["127.0.0.1", "[::1]"])
def group(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    need(NEW)
    host: str = request.param
    if host == "[::1]" and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    server = Server(tmp_path_factory.mktemp("tracker"), "--registration", "open", listen=f"{host}:0")
    try:
        ann = register(server, "ann", setup_token=server.events["setup"]["setup_token"])
        yield Group(host, ann, register(server, "bob"))
    finally:
        status, error = server.end(signal.SIGTERM)
    assert status == 130, error
    assert "Traceback" not in error


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "source" / "shared"
    folder.mkdir(parents=True)
    rng = random.Random(str(tmp_path))  # other content in each test, so another swarm
    for name, length in (("large", 3_000_000), ("small", 5)):
        (folder / name).write_bytes(rng.randbytes(length))
    return folder


def manifest_of(folder: Path, *, hybrid: bool = False, private: bool = False) -> Manifest:
    return create_manifest(make_plan(folder), Description(private=private), piece_length=2**16, hybrid=hybrid)


def session(group: Group, version: str = NEW, **settings: object) -> Libtorrent:
    return Libtorrent(version).open(group.listen, **settings)


def announces_to(client: Libtorrent, url: str) -> None:
    client.ask("call", "replace_trackers", [{"url": url, "tier": 0}])
    client.ask("call", "force_reannounce")


def scraped(announce_url: str, wire_hash: bytes) -> tuple[int, int, int] | None:
    """What ``scrape`` says: complete, incomplete, downloaded."""
    url = announce_url.replace("/announce", "/scrape")
    answer = requests.get(f"{url}?info_hash={quote_from_bytes(wire_hash)}", timeout=TIMEOUT)
    root: Any = decode_document(answer.content).root
    counts = root[b"files"].get(wire_hash)
    return counts and (counts[b"complete"], counts[b"incomplete"], counts[b"downloaded"])


def wire_hashes(manifest: Manifest) -> list[bytes]:
    return [manifest.info_hash.truncated] + ([manifest.info_hash_v1] if manifest.info_hash_v1 else [])


async def alert(client: Libtorrent, kind: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found.extend(alert for alert in client.ask("alerts") if alert["kind"] == kind)
        return bool(found)

    await until(look)
    return found[0]


@pytest.mark.parametrize("private", [False, True], ids=["public", "passkey"])
@pytest.mark.parametrize("hybrid", [False, True], ids=["v2", "hybrid"])
async def test_two_find_each_other(
    group: Group, shared: Path, tmp_path: Path, version: str, hybrid: bool, private: bool
) -> None:
    group.ann.publish(manifest_of(shared, hybrid=hybrid, private=private))
    manifests = [member.fetch(manifest_of(shared, hybrid=hybrid, private=private)) for member in (group.ann, group.bob)]
    urls = [manifest.trackers[0][0] for manifest in manifests]
    assert [urlsplit(url).path.count("/") for url in urls] == ([2, 2] if private else [1, 1])
    hashes = wire_hashes(manifests[0])
    with session(group, version) as seed, session(group, version) as leech, trio.fail_after(TIMEOUT):
        seed.add(manifests[0], shared.parent, seed=True)
        await until(lambda: all(scraped(urls[0], wire_hash) == (1, 0, 0) for wire_hash in hashes))
        leech.add(manifests[1], tmp_path / "there")
        await until(lambda: leech.is_seeding)
        await until(lambda: all(scraped(urls[1], wire_hash) == (2, 0, 1) for wire_hash in hashes))

        leech.ask("call", "scrape_tracker")
        assert await alert(leech, "scrape") == {"kind": "scrape", "complete": 2, "incomplete": 0}

        seed.ask("call", "pause")
        await until(lambda: all(scraped(urls[1], wire_hash) == (1, 0, 1) for wire_hash in hashes))
        await until(lambda: digests(tmp_path / "there" / "shared") == digests(shared))


@pytest.mark.parametrize("hybrid", [False, True], ids=["v2", "hybrid"])
async def test_a_private_swarm_refuses_strangers(group: Group, shared: Path, tmp_path: Path, hybrid: bool) -> None:
    manifest = manifest_of(shared, hybrid=hybrid, private=True)
    group.ann.publish(manifest)
    mine, theirs = group.ann.fetch(manifest), group.bob.fetch(manifest)
    group.bob.ask("POST", "/account/passkey")  # a new one, so the one in that manifest is void
    with session(group) as seed, trio.fail_after(TIMEOUT):
        seed.add(mine, shared.parent, seed=True)
        await until(lambda: scraped(mine.trackers[0][0], manifest.info_hash.truncated) == (1, 0, 0))
        for number, (url, says) in enumerate(
            (
                (theirs.trackers[0][0], "not valid"),
                (theirs.trackers[0][0].rpartition("/")[0], "private"),
                (theirs.trackers[0][0] + "x", "not valid"),
            )
        ):
            with session(group) as stranger:
                stranger.add(manifest, tmp_path / str(number))
                announces_to(stranger, url)
                assert says in (await alert(stranger, "tracker error"))["reason"]
                assert stranger.status["list_peers"] == 0


async def test_who_has_no_passkey_any_more(group: Group, shared: Path) -> None:
    """Revoking one ends what it was good for, and a new one lets its owner in again."""
    manifest = manifest_of(shared, private=True)
    group.ann.publish(manifest)
    mine = group.bob.fetch(manifest)
    wire_hash = manifest.info_hash.truncated
    group.bob.ask("DELETE", "/account/passkey")
    with session(group) as client, trio.fail_after(TIMEOUT):
        client.add(mine, shared.parent, seed=True)
        assert "passkey" in (await alert(client, "tracker error"))["reason"]
        group.bob.ask("POST", "/account/passkey")
        url = group.bob.fetch(manifest).trackers[0][0]
        announces_to(client, url)
        await until(lambda: scraped(url, wire_hash) == (1, 0, 0))


async def test_who_knows_a_hybrid_by_v1_only_is_dialled_with_that(group: Group, shared: Path, tmp_path: Path) -> None:
    """libtorrent would dial it with the v2 info hash if it were told of it for that one, and be hung up on for ever."""
    manifest = manifest_of(shared, hybrid=True)
    group.ann.publish(manifest)
    url = group.ann.fetch(manifest).trackers[0][0]
    v1 = manifest.info_hash_v1
    assert v1 is not None
    (old,) = await trio.open_tcp_listeners(0, host=group.host.strip("[]"))
    with session(group, min_reconnect_time=1, out_enc_policy=PLAIN) as client, trio.fail_after(TIMEOUT):
        async with old:
            announce(url, v1, old.socket.getsockname()[1])
            client.add(group.bob.fetch(manifest), tmp_path / "there")
            # It may dial before it has both answers, and dials again when it is hung up on.
            assert [await dialled(old), await dialled(old)] == [v1, v1]


def announce(url: str, wire_hash: bytes, port: int) -> None:
    seed = f"info_hash={quote_from_bytes(wire_hash)}&peer_id={'x' * 20}&port={port}&uploaded=0&downloaded=0&left=0"
    assert b"failure reason" not in requests.get(f"{url}?{seed}", timeout=TIMEOUT).content


async def dialled(listener: trio.SocketListener) -> bytes:
    """The info hash with which somebody dials, and is hung up on."""
    async with await listener.accept() as stream:
        handshake = b""
        while len(handshake) < 48:
            handshake += await stream.receive_some()
    return handshake[28:48]
