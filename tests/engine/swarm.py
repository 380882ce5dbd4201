"""A swarm in one process: engines on loopback or on a network in memory, each with a folder of its own."""

from __future__ import annotations

import random
import shutil
from contextlib import AsyncExitStack, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

import trio
from engine.network import MemoryTransport
from hostile.peer import Content, listening

from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import Engine, open_engine
from swarmshare.manifest.build import Description
from swarmshare.schema.alerts import PeerDropped
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from engine.network import Network
    from hostile.peer import Peer

    from swarmshare.common.address import Address
    from swarmshare.engine.torrent import Torrent
    from swarmshare.identity.membership import Membership
    from swarmshare.manifest.layout import Block
    from swarmshare.manifest.manifest import Manifest


def address(engine: Engine) -> tuple[str, int]:
    host, _, port = engine.addresses[0].rpartition(":")
    return host, int(port)


def banned(engine: Engine) -> set[str]:
    """The addresses of the peers that an engine has banned, by its alerts."""
    return {alert.address for alert in engine.alerts if isinstance(alert, PeerDropped) and alert.banned}


async def until(condition: Callable[[], object], every: float = 0.01) -> None:
    """Wait for what nobody tells of, and look ``every`` so many seconds."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(every)


class Swarm:
    """Makes content, and engines that share it; closes them all at the end.

    With a ``network`` each engine is at a host of its own on it, else all are at loopback.
    """

    def __init__(
        self,
        folder: Path,
        lengths: dict[str, int],
        piece_length: int = 2**16,
        network: Network | None = None,
        ssl_cert: bytes | None = None,
    ) -> None:
        self.folder = folder
        self._network = network
        self._hosts = iter(range(2, 255))
        self.source = folder / "source" / "top"
        rng = random.Random(len(lengths))
        # With one file alone there would be no folder (BEP 52).
        for name, length in (lengths | {"zz": 1}).items():
            file = self.source / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(rng.randbytes(length))
        self.manifest: Manifest = create_manifest(
            make_plan(self.source), Description(ssl_cert=ssl_cert), piece_length=piece_length
        )
        self._stack = AsyncExitStack()

    @cached_property
    def content(self) -> Content:
        """The true bytes, for scripted peers."""
        return Content(self.manifest, self.folder / "source")

    async def __aenter__(self) -> Swarm:
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stack.aclose()

    async def engine(self, **config: Any) -> Engine:
        if self._network is None:
            return await self._stack.enter_async_context(open_engine(EngineConfig(**config)))
        config.setdefault("listen", ((f"10.0.{next(self._hosts)}.1", 6881),))
        opening = open_engine(EngineConfig(**config), transport=MemoryTransport)
        return await self._stack.enter_async_context(opening)

    def add(self, engine: Engine, config: TorrentConfig, manifest: Manifest | None = None) -> Torrent:
        """Let ``engine`` share the content; it dials from where it listens."""
        with self._at(engine):
            return engine.add(manifest or self.manifest, config)

    def _at(self, engine: Engine) -> AbstractContextManager[None]:
        return self._network.at(address(engine)[0]) if self._network is not None else nullcontext()

    async def seed(
        self, name: str, *files: str, membership: Membership | None = None, **config: Any
    ) -> tuple[Engine, Torrent]:
        """A peer that holds ``files``, or all of them, and is ready."""
        folder = self.copy(name, *files)
        engine = await self.engine(**config)
        torrent = self.add(engine, TorrentConfig(folder=folder, membership=membership))
        await torrent.ready.wait()
        return engine, torrent

    async def peer(self, peer: Peer) -> Address:
        """Let a scripted peer accept connections; its address."""
        return await self._stack.enter_async_context(listening(peer.accept))

    def copy(self, name: str, *files: str) -> Path:
        """A folder that has ``files``, or all of them."""
        folder = self.folder / name
        for file in files or [str(path.relative_to(self.source)) for path in self.source.rglob("*") if path.is_file()]:
            (folder / "top" / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.source / file, folder / "top" / file)
        return folder

    async def leech(self, name: str, *peers: Engine | Address, **options: Any) -> tuple[Engine, Torrent]:
        """A peer that dials ``peers``."""
        engine = await self.engine(**options.pop("config", {}))
        addresses = tuple(address(peer) if isinstance(peer, Engine) else peer for peer in peers)
        return engine, self.join(engine, name, peers=addresses, **options)

    def block(self, block: Block) -> bytes:
        """The right bytes of a block."""
        layout = self.manifest.layout
        span = layout.span(layout.index(block.piece))
        with self.source.joinpath(*self.manifest.files[span.file].path).open("rb") as file:
            file.seek(span.offset + block.begin)
            return file.read(block.length).ljust(block.length, b"\0")

    def join(self, engine: Engine, name: str, **options: Any) -> Torrent:
        """Let ``engine`` share the content in the folder ``name``."""
        return self.add(engine, TorrentConfig(folder=self.folder / name, **options))

    def is_whole(self, name: str) -> bool:
        files = [path.relative_to(self.source) for path in self.source.rglob("*") if path.is_file()]
        return all((self.source / f).read_bytes() == (self.folder / name / "top" / f).read_bytes() for f in files)
