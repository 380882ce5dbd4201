"""SSL torrents between our own: who gets in, who does not and why, and what a revocation does at once."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from engine.swarm import Swarm, address, until
from hostile.peer import listening
from tls import Group
from waiting import TIMEOUT

from swarmshare.engine.config import TorrentConfig, new_peer_id
from swarmshare.engine.handshaking import dial, open_transport
from swarmshare.engine.no_peers import PATIENCE
from swarmshare.engine.tls import MembersOnly, TlsListener, hash_in
from swarmshare.errors import RemoteProtocolError
from swarmshare.identity.membership import peer_context
from swarmshare.identity.tls import load_certificate
from swarmshare.manifest.build import Description
from swarmshare.schema.alerts import ConnectionFailed, PeerDropped
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan
from swarmshare.swarm.diagnosis import Cause, Outcome
from swarmshare.wire.handshake import Handshake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from swarmshare.engine.engine import Engine

REFUSED = {
    "none": "it has no certificate of the group",
    "other-group": "its certificate is of another group",
    "expired": "its certificate has expired",
    "revoked": "its certificate was revoked",
}


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return Group(tmp_path / "group")


def swarm_of(group: Group, tmp_path: Path, length: int = 300_000) -> Swarm:
    return Swarm(tmp_path, {"a": length}, ssl_cert=group.certificate)


def context_of(kind: str, protocol: int, group: Group, tmp_path: Path) -> ssl.SSLContext:
    """What a peer uses that is to be refused for what ``kind`` says, and that itself trusts anybody."""
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if kind != "none":
        signs = Group(tmp_path / "other") if kind == "other-group" else group
        folder = signs.issue(kind, expired=kind == "expired")
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


async def first_bytes(stream: trio.abc.Stream) -> bytes:
    """What the other side sends; nothing, when it ends the connection instead."""
    try:
        return bytes(await stream.receive_some(1))
    except trio.BrokenResourceError:
        return b""


def reasons(engine: Engine) -> list[tuple[Cause, str]]:
    return [(alert.cause, alert.message) for alert in engine.alerts if isinstance(alert, ConnectionFailed)]


async def test_members_share_and_know_each_other_by_name(group: Group, tmp_path: Path) -> None:
    async with swarm_of(group, tmp_path, 3_000_000) as swarm:
        seed, _ = await swarm.seed("seed", membership=group.member("ana"))
        engine, leech = await swarm.leech("leech", seed, membership=group.member("rui"))
        with trio.fail_after(TIMEOUT):
            await until(lambda: leech.sessions)
            (theirs,) = engine.snapshot().torrents[0].peers
            (session,) = leech.sessions
            # A ban is for the device, whichever address and peer id it comes with.
            assert session.marks == (("id-ana/laptop", b"device"), address(seed))
            await until(lambda: seed.snapshot().torrents[0].peers or leech.finished.is_set())
            names = [(peer.user, peer.proven) for peer in seed.snapshot().torrents[0].peers]
            await leech.finished.wait()
        assert (theirs.user, theirs.proven) == ("ana", True)
        assert names in ([("rui", True)], [])
        assert swarm.is_whole("leech")


@pytest.mark.parametrize("members_only", [True, False], ids=["members", "open"])
async def test_nothing_of_it_is_seen_on_the_way(group: Group, tmp_path: Path, members_only: bool) -> None:
    """Somebody between two peers records all; without TLS he sees what he would look for, so that the test can tell."""
    recorded = bytearray()

    async def relay(near: trio.SocketStream) -> None:
        async def copy(source: trio.SocketStream, sink: trio.SocketStream) -> None:
            async for data in source:
                recorded.extend(data)
                await sink.send_all(data)
            nursery.cancel_scope.cancel()

        async with await trio.open_tcp_stream(*seed_address) as far, trio.open_nursery() as nursery:
            nursery.start_soon(copy, near, far)
            await copy(far, near)

    ana, rui = (group.member(user) if members_only else None for user in ("ana-maria", "rui-pedro"))
    authority = group.certificate if members_only else None
    async with listening(relay) as where, Swarm(tmp_path, {"a": 100_000}, ssl_cert=authority) as swarm:
        seed, _ = await swarm.seed("seed", membership=ana)
        seed_address = address(seed)
        _, leech = await swarm.leech("leech", where, membership=rui)
        with trio.fail_after(TIMEOUT):
            await leech.finished.wait()
        content = (swarm.source / "a").read_bytes()
        secrets = [
            b"BitTorrent protocol",
            content[50_000:50_032],
            b"ana-maria",
            b"rui-pedro",
            b"SwarmShare",
            seed.config.peer_id,
        ]
        seen = [secret for secret in secrets if secret in recorded]
        assert len(recorded) > len(content)
        assert seen == ([] if members_only else [secrets[0], secrets[1], *secrets[4:]])


async def test_who_has_no_certificate_dials_nobody_and_is_told_why(group: Group, tmp_path: Path) -> None:
    async with swarm_of(group, tmp_path) as swarm:
        seed, torrent = await swarm.seed("seed", membership=group.member("ana"))
        engine, leech = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await leech.ready.wait()
            leech.peers.alone_since -= PATIENCE
            no_peers = engine.snapshot().torrents[0].no_peers
        assert no_peers is not None
        assert no_peers.cause is Cause.NO_CERTIFICATE
        assert not torrent.sessions


async def test_a_plain_handshake_gets_nobody_in(group: Group, tmp_path: Path) -> None:
    async with swarm_of(group, tmp_path) as swarm:
        seed, torrent = await swarm.seed("seed", membership=group.member("ana"))
        opening = Handshake(swarm.manifest.info_hash.truncated, new_peer_id())
        with trio.fail_after(TIMEOUT), pytest.raises(RemoteProtocolError) as raised:
            await dial(address(seed), [opening])
        assert raised.value.rule == "hung-up"
        assert reasons(seed)[0][0] is Cause.UNPROVEN
        assert not torrent.sessions


async def test_tls_opens_no_torrent_that_is_open_to_all(group: Group, tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 1000}) as swarm:
        seed, _ = await swarm.seed("seed")
        info_hash = swarm.manifest.info_hash.truncated
        members_only = MembersOnly(group.member("rui"), swarm.manifest.torrent_name)
        with trio.fail_after(TIMEOUT), pytest.raises(RemoteProtocolError) as raised:
            await dial(address(seed), [Handshake(info_hash, new_peer_id())], open_transport, members_only)
        assert raised.value.rule == "tls"


async def test_a_certificate_opens_the_torrent_that_was_asked_for_and_no_other(group: Group, tmp_path: Path) -> None:
    """The names in a certificate were compared with the torrent of the server name (SNI)."""
    async with swarm_of(group, tmp_path) as swarm:
        seed, torrent = await swarm.seed("seed", membership=group.member("ana"))
        (tmp_path / "other").write_bytes(b"other")
        manifest = create_manifest(make_plan(tmp_path / "other"), Description(ssl_cert=group.certificate))
        seed.add(manifest, TorrentConfig(folder=tmp_path, membership=torrent.config.membership))
        context = group.member("rui").client
        name = manifest.info_hash.truncated.hex()
        with trio.fail_after(TIMEOUT):
            plain = await trio.open_tcp_stream(*address(seed))
            async with trio.SSLStream(plain, context, server_hostname=name, https_compatible=True) as stream:
                await stream.send_all(Handshake(swarm.manifest.info_hash.truncated, new_peer_id()).encode())
                assert await first_bytes(stream) == b""
        assert not torrent.sessions


@pytest.mark.parametrize("name", ["", "00" * 20, "00" * 19, "not a hash", "\u00e7"])
async def test_a_server_name_that_is_no_torrent_of_ours(group: Group, tmp_path: Path, name: str) -> None:
    async with swarm_of(group, tmp_path) as swarm:
        seed, _ = await swarm.seed("seed", membership=group.member("ana"))
        with trio.fail_after(TIMEOUT):
            plain = await trio.open_tcp_stream(*address(seed))
            context = group.member("rui").client
            stream = trio.SSLStream(plain, context, server_hostname=name or None)
            with pytest.raises((trio.BrokenResourceError, UnicodeError)):
                await stream.do_handshake()
            await trio.aclose_forcefully(stream)
        assert hash_in(name) in {None, bytes(20)}


@pytest.mark.parametrize("data", [b"\x16", b"\x16\x03\x01", bytes([22, 3, 1, 0, 4]) + bytes(200), b"\x16" * 70_000])
async def test_what_begins_as_tls_and_is_none(
    group: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    """Whoever stops half way is not waited for any longer than whoever sends half of a plain handshake."""
    monkeypatch.setattr("swarmshare.engine.engine.HANDSHAKE_TIMEOUT", 0.5)
    async with swarm_of(group, tmp_path) as swarm:
        seed, torrent = await swarm.seed("seed", membership=group.member("ana"))
        with trio.fail_after(TIMEOUT):
            async with await trio.open_tcp_stream(*address(seed)) as stream:
                with suppress(trio.BrokenResourceError):
                    await stream.send_all(data)
                    while await stream.receive_some():
                        pass
        assert not torrent.sessions
        assert not reasons(seed)


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_peer_that_dials_is_refused_and_the_reason_told(group: Group, tmp_path: Path, kind: str) -> None:
    ana = group.member("ana")
    context = context_of(kind, ssl.PROTOCOL_TLS_CLIENT, group, tmp_path)
    if kind == "revoked":
        assert ana.take_list(group.revoke(kind))
    async with swarm_of(group, tmp_path) as swarm:
        seed, torrent = await swarm.seed("seed", membership=ana)
        info_hash = swarm.manifest.info_hash.truncated
        with trio.fail_after(TIMEOUT):
            plain = await trio.open_tcp_stream(*address(seed))
            stream = trio.SSLStream(plain, context, server_hostname=info_hash.hex(), https_compatible=True)
            with suppress(trio.BrokenResourceError):  # by TLS 1.3 we are ready before our certificate was seen
                await stream.send_all(Handshake(info_hash, new_peer_id()).encode())
            assert await first_bytes(stream) == b""
            await trio.aclose_forcefully(stream)
            await until(lambda: reasons(seed))
        assert reasons(seed) == [(Cause.UNPROVEN, REFUSED[kind])]
        assert not torrent.sessions


@asynccontextmanager
async def tls_server(context: ssl.SSLContext) -> AsyncIterator[tuple[str, int]]:
    """A peer that we dial: it answers TLS, and then nothing; its address."""

    async def answer(plain: trio.SocketStream) -> None:
        await first_bytes(trio.SSLStream(plain, context, server_side=True, https_compatible=True))

    async with listening(answer) as where:
        yield where


@pytest.mark.parametrize("kind", [kind for kind in REFUSED if kind != "none"])
async def test_a_peer_that_we_dial_is_refused_and_the_reason_told(group: Group, tmp_path: Path, kind: str) -> None:
    rui = group.member("rui")
    context = context_of(kind, ssl.PROTOCOL_TLS_SERVER, group, tmp_path)
    if kind == "revoked":
        rui.take_list(group.revoke(kind))
    async with tls_server(context) as where, swarm_of(group, tmp_path) as swarm:
        engine, leech = await swarm.leech("leech", where, membership=rui)
        with trio.fail_after(TIMEOUT):
            await until(lambda: leech.dialer.log.recent(trio.current_time()))
        result = leech.dialer.log.recent(trio.current_time())[where]
        assert (result.outcome, result.reason) == (Outcome.CERTIFICATE, REFUSED[kind])
        assert (Cause.CERTIFICATE, REFUSED[kind]) in reasons(engine)
        leech.peers.alone_since -= PATIENCE
        no_peers = engine.snapshot().torrents[0].no_peers
        assert no_peers is not None
        assert REFUSED[kind] in no_peers.message


async def test_a_peer_that_refuses_us_says_why(group: Group, tmp_path: Path) -> None:
    """Its alert comes when we believe that we are connected, by TLS 1.3."""
    strange = group.member("mia")
    strange.server = peer_context(ssl.PROTOCOL_TLS_SERVER)
    load_certificate(strange.server, b"".join(file.read_bytes() for file in (tmp_path / "group" / "mia").iterdir()))
    strange.server.load_verify_locations(cadata=Group(tmp_path / "other").certificate.decode())
    listener = TlsListener(lambda _: MembersOnly(strange, "any"))

    async def answer(plain: trio.SocketStream) -> None:
        with pytest.raises(RemoteProtocolError, match="of another group"):
            await listener.accept(open_transport(plain))

    async with listening(answer) as where, swarm_of(group, tmp_path) as swarm:
        _, leech = await swarm.leech("leech", where, membership=group.member("rui"))
        with trio.fail_after(TIMEOUT):
            await until(lambda: leech.dialer.log.recent(trio.current_time()))
        result = leech.dialer.log.recent(trio.current_time())[where]
        assert (result.outcome, result.reason) == (
            Outcome.CERTIFICATE,
            "it says that our certificate is of another group",
        )


async def test_a_revocation_ends_a_session_at_once(group: Group, tmp_path: Path) -> None:
    ana = group.member("ana")
    async with swarm_of(group, tmp_path, 10_000_000) as swarm:  # it takes minutes
        seed, torrent = await swarm.seed("seed", membership=ana, limit_up=20_000.0)
        _, leech = await swarm.leech("leech", seed, membership=group.member("rui"))
        await swarm.leech("other", seed, membership=group.member("eva"))
        with trio.fail_after(TIMEOUT):
            await until(lambda: len(torrent.sessions) == 2)
            assert ana.take_list(group.revoke("rui"))
            seed.close_revoked()
            await until(lambda: len(torrent.sessions) == 1)
            assert [session.identity.user for session in torrent.sessions if session.identity] == ["eva"]
            dropped = [(alert.user, alert.reason) for alert in seed.alerts if isinstance(alert, PeerDropped)]
            assert dropped == [("rui", REFUSED["revoked"])]
            await until(lambda: not leech.sessions)
            assert not ana.take_list(group.authority.crl())  # it is no newer


async def test_whatever_is_sent_in_parts_arrives_as_it_was(group: Group, tmp_path: Path) -> None:
    """Parts of any length, and buffers of any length, against the records of TLS, with a slow reader."""
    ana, rui = (MembersOnly(group.member(user), "any") for user in ("ana", "rui"))
    listener = TlsListener(lambda _: ana)
    lengths = [0, 1, 13, 2**14, 2**14 - 1, 2**14 + 1, 5, 2**20, 13, 13, 13, 300_000]
    data = [bytes([number]) * length for number, length in enumerate(lengths)]
    received = bytearray()
    done = trio.Event()

    async def receive(stream: trio.SocketStream) -> None:
        with await listener.accept(open_transport(stream)) as transport:
            assert transport.identity is not None
            assert transport.identity.user == "rui"
            sizes = [13, 2**14, 7, 100_000]
            while True:
                buffers = [memoryview(bytearray(size)) for size in sizes]
                try:
                    count = transport.receive_into(buffers)
                except BlockingIOError:
                    await transport.wait_readable()
                    continue
                if not count:
                    break
                received.extend(b"".join(buffers)[:count])
        done.set()

    async with trio.open_nursery() as nursery:
        (server,) = await nursery.start(partial(trio.serve_tcp, receive, 0, host="127.0.0.1"))
        with trio.fail_after(TIMEOUT):
            stream = await trio.open_tcp_stream(*server.socket.getsockname())
            progress: list[None] = []
            with await rui.dial(open_transport(stream), bytes(20)) as transport:
                parts: list[Any] = [part if number % 2 else memoryview(part) for number, part in enumerate(data)]
                await transport.send(parts, lambda: progress.append(None))
                assert parts == []
            await done.wait()
        nursery.cancel_scope.cancel()
    assert bytes(received) == b"".join(data)
    assert len(progress) > 1
