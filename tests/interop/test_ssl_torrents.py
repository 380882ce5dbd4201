"""SSL torrents with libtorrent, which invented them: both ways, and the four who are refused, by either side."""

from __future__ import annotations

import random
import ssl
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from interop.peers import NEW, Libtorrent, digests, need, seeds, until
from tls import Group
from waiting import TIMEOUT

from swarmshare.engine.config import EngineConfig, TorrentConfig, new_peer_id
from swarmshare.engine.engine import open_engine
from swarmshare.engine.handshaking import dial, open_transport
from swarmshare.engine.tls import MembersOnly
from swarmshare.errors import RemoteProtocolError
from swarmshare.identity.membership import peer_context
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.schema.alerts import ConnectionFailed
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan
from swarmshare.wire.handshake import Handshake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.engine.engine import Engine
    from swarmshare.manifest.manifest import Manifest

each_kind = pytest.mark.parametrize("hybrid", [False, True], ids=["v2", "hybrid"])


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return Group(tmp_path / "group")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "shared" / "m\u00fasica"
    folder.mkdir(parents=True)
    rng = random.Random(3)
    for name, length in (("empty", 0), ("large.bin", 3_000_000), ("small", 7)):
        (folder / name).write_bytes(rng.randbytes(length))
    return folder


@pytest.fixture
def libtorrent() -> Iterator[Libtorrent]:
    need(NEW)
    with Libtorrent(NEW) as peer:
        yield peer


def manifest_of(path: Path, group: Group, *, hybrid: bool = False) -> Manifest:
    return create_manifest(make_plan(path), Description(ssl_cert=group.certificate), piece_length=2**16, hybrid=hybrid)


def refusals(engine: Engine) -> list[str]:
    return [alert.message for alert in engine.alerts if isinstance(alert, ConnectionFailed)]


def certify(peer: Libtorrent, folder: Path) -> None:
    peer.ask("certify", str(folder / "certificate.pem"), str(folder / "key.pem"))


@each_kind
@pytest.mark.parametrize("they_dial", [False, True], ids=["we-dial", "they-dial"])
async def test_libtorrent_seeds(
    group: Group, shared: Path, tmp_path: Path, libtorrent: Libtorrent, hybrid: bool, they_dial: bool
) -> None:
    manifest = manifest_of(shared, group, hybrid=hybrid)
    with trio.fail_after(TIMEOUT):
        libtorrent.open("127.0.0.1:0s")
        libtorrent.add(manifest, shared.parent, seed=True)
        certify(libtorrent, group.issue("ana"))
        await seeds(libtorrent)
        async with open_engine(EngineConfig()) as engine:
            peers = () if they_dial else (libtorrent.address,)
            config = TorrentConfig(folder=tmp_path / "here", peers=peers, membership=group.member("rui"))
            torrent = engine.add(manifest, config)
            await torrent.ready.wait()
            if they_dial:
                libtorrent.connect(engine.addresses[0])
            await torrent.finished.wait()
    assert digests(tmp_path / "here" / shared.name) == digests(shared)


@each_kind
async def test_libtorrent_leeches(
    group: Group, shared: Path, tmp_path: Path, libtorrent: Libtorrent, hybrid: bool
) -> None:
    """The manifest, too, is made by it: ``ssl-cert`` is where it puts it."""
    made = libtorrent.ask("create", str(shared), 2**16, hybrid, False, group.certificate.decode())
    manifest = parse_manifest(bytes.fromhex(made))
    assert manifest.ssl_cert == group.certificate
    assert manifest.hybrid is hybrid
    with trio.fail_after(TIMEOUT):
        async with open_engine(EngineConfig()) as engine:
            config = TorrentConfig(folder=shared.parent, membership=group.member("rui"))
            torrent = engine.add(manifest, config)
            await torrent.finished.wait()
            libtorrent.open("127.0.0.1:0s")
            libtorrent.add(manifest, tmp_path / "there")
            certify(libtorrent, group.issue("ana"))
            libtorrent.connect(engine.addresses[0])
            await until(lambda: torrent.sessions)
            assert [(peer.user, peer.proven) for peer in engine.snapshot().torrents[0].peers] == [("ana", True)]
            await until(lambda: libtorrent.is_seeding)
        await until(lambda: digests(tmp_path / "there" / shared.name) == digests(shared))


async def test_we_refuse_libtorrent_and_say_why(
    group: Group, shared: Path, tmp_path: Path, libtorrent: Libtorrent
) -> None:
    manifest = manifest_of(shared, group)
    rui = group.member("rui")
    other = Group(tmp_path / "other")
    folders = {
        "it has no certificate of the group": None,
        "its certificate is of another group": other.issue("eva"),
        "its certificate has expired": group.issue("mia", expired=True),
        "its certificate was revoked": group.issue("leo"),
    }
    rui.take_list(group.revoke("leo"))
    libtorrent.open("127.0.0.1:0s")
    libtorrent.add(manifest, tmp_path / "there")
    for reason, folder in folders.items():
        if folder is not None:
            certify(libtorrent, folder)
        with trio.fail_after(TIMEOUT):
            async with open_engine(EngineConfig()) as engine:
                torrent = engine.add(manifest, TorrentConfig(folder=shared.parent, membership=rui))
                await torrent.finished.wait()
                libtorrent.connect(engine.addresses[0])
                await until(partial(refusals, engine))
                assert refusals(engine) == [reason]
                assert not torrent.sessions
    assert libtorrent.status["num_pieces"] == 0


async def test_libtorrent_refuses_what_is_not_valid(
    group: Group, shared: Path, tmp_path: Path, libtorrent: Libtorrent
) -> None:
    """It knows no revocation lists; of the other three it ends the connection, and by TLS 1.3 says which."""
    manifest = manifest_of(shared, group)
    libtorrent.open("127.0.0.1:0s")
    libtorrent.add(manifest, shared.parent, seed=True)
    certify(libtorrent, group.issue("ana"))
    opening = Handshake(manifest.info_hash.truncated, new_peer_id())
    folders = {
        None: "it wants a certificate of the group, and got none of ours",
        Group(tmp_path / "other").issue("eva"): "it says that our certificate is of another group",
        group.issue("mia", expired=True): "it says that our certificate has expired",
    }
    with trio.fail_after(TIMEOUT):
        await seeds(libtorrent)
        members_only = MembersOnly(group.member("rui"), manifest.torrent_name)
        transport, theirs, _ = await dial(libtorrent.address, [opening], open_transport, members_only)
        with transport:
            assert theirs.info_hash == manifest.info_hash.truncated
        for folder, reason in folders.items():
            context = members_only.membership.client = peer_context(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=group.certificate.decode())
            if folder is not None:
                context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
            with pytest.raises(RemoteProtocolError) as raised:
                await dial(libtorrent.address, [opening], open_transport, members_only)
            assert str(raised.value) in {reason, "the peer hangs up without a word"}
