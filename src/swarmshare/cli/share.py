"""``swarmshare seed`` and ``swarmshare download``: share with peers that are dialled, or that dial us."""

from __future__ import annotations

import argparse
import os
import signal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.cli.people import people_for
from swarmshare.cli.report import Report
from swarmshare.cli.show import load_manifest
from swarmshare.engine.config import Address, EngineConfig, TorrentConfig
from swarmshare.engine.engine import Engine, open_engine
from swarmshare.engine.unwrap import lone_exception
from swarmshare.errors import StorageError
from swarmshare.storage.files import os_reason
from swarmshare.storage.home import swarmshare_home

if TYPE_CHECKING:
    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output
    from swarmshare.engine.torrent import Torrent
    from swarmshare.manifest.manifest import Manifest

POLL: Final = 0.1
"""Seconds between looks at the engine."""
PROGRESS_EVERY: Final = 1.0
"""Seconds between progress events."""


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add both verbs to the command line."""
    seed = verbs.add_parser(
        "seed",
        parents=[common],
        help="serve what is right of some data",
        description="Check the data, then serve whatever is right, even a part of the files, until interrupted.",
    )
    seed.add_argument("files", nargs="+", type=Path, metavar="FILE", help="manifests (.torrent)")
    seed.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder that contains their names")
    seed.set_defaults(run=run_seed)
    download = verbs.add_parser(
        "download",
        parents=[common],
        help="fetch what a manifest names from its peers",
        description="Fetch what a manifest names from several peers at once. What is there already is kept.",
    )
    download.add_argument("file", type=Path, metavar="FILE", help="the manifest (.torrent)")
    download.add_argument("--to", type=Path, required=True, metavar="DIR", help="made if it is not there")
    download.add_argument("--seed-after", action="store_true", help="go on serving when it is complete")
    download.add_argument(
        "--only", action="append", default=[], metavar="GLOB", help="fetch what matches; repeat at will"
    )
    download.add_argument("--sequential", action="store_true", help="first pieces first, to look at it meanwhile")
    download.set_defaults(run=run_download)
    for parser in (seed, download):
        parser.add_argument(
            "--listen",
            type=_address,
            action="append",
            default=[],
            metavar="HOST:PORT",
            help="where peers can dial us, repeat at will; port 0: any; default: this machine only",
        )
        parser.add_argument(
            "--peer", type=_address, action="append", default=[], metavar="HOST:PORT", help="dial it; repeat at will"
        )
        for way in ("up", "down"):
            parser.add_argument(
                f"--limit-{way}", type=_rate, metavar="RATE", help="such as 5MiB (a second), all torrents together"
            )
        parser.add_argument("--max-peers", type=_count, default=50, metavar="N", help="of each torrent; default: 50")


def run_seed(arguments: argparse.Namespace, output: Output) -> int:
    """Serve until interrupted."""
    manifests = [load_manifest(path) for path in arguments.files]
    if not os.path.isdir(arguments.data):
        raise StorageError(arguments.data, "no such folder", hint="DIR is the folder that contains what is shared.")
    config = TorrentConfig(folder=arguments.data, peers=tuple(arguments.peer))
    _Sharing(arguments, output).run([(manifest, config) for manifest in manifests], until_complete=False)
    return 0


def run_download(arguments: argparse.Namespace, output: Output) -> int:
    """Fetch; ends when it is complete, unless it is to go on seeding."""
    manifest = load_manifest(arguments.file)
    config = TorrentConfig(
        folder=arguments.to,
        peers=tuple(arguments.peer),
        skip_files=_not_wanted(manifest, arguments.only),
        sequential=arguments.sequential,
    )
    _Sharing(arguments, output).run([(manifest, config)], until_complete=not arguments.seed_after)
    return 0


def _not_wanted(manifest: Manifest, globs: list[str]) -> frozenset[int]:
    if not globs:
        return frozenset()
    paths = ["/".join(file.path) for file in manifest.files]
    wanted = {number for number, path in enumerate(paths) if any(fnmatchcase(path, glob) for glob in globs)}
    if not wanted:
        raise StorageError(manifest.name, "no file matches --only", hint="`swarmshare show --files` lists them.")
    return frozenset(range(len(paths))) - wanted


class _Sharing:
    """An engine at work, and who is told of it."""

    def __init__(self, arguments: argparse.Namespace, output: Output) -> None:
        self._output = output
        self._people = people_for(output, as_json=arguments.json)
        self._config = EngineConfig(
            listen=tuple(arguments.listen) or EngineConfig.listen,
            resume_folder=_resume_folder(),
            max_peers=arguments.max_peers,
            limit_up=arguments.limit_up,
            limit_down=arguments.limit_down,
        )

    def run(self, torrents: list[tuple[Manifest, TorrentConfig]], *, until_complete: bool) -> None:
        """Share ``torrents``, until all are complete or for good. Raises KeyboardInterrupt after a clean stop."""
        if trio.run(self._until_signal, torrents, until_complete):
            raise KeyboardInterrupt

    async def _until_signal(self, torrents: list[tuple[Manifest, TorrentConfig]], until_complete: bool) -> bool:
        """Whether a signal ended it."""
        interrupted = False
        with (
            trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals,
            trio.CancelScope() as scope,
            lone_exception(),
        ):
            async with trio.open_nursery() as nursery:

                async def listen() -> None:
                    nonlocal interrupted
                    async for _ in signals:
                        interrupted = True
                        scope.cancel()

                nursery.start_soon(listen)
                await self._share(torrents, until_complete)
                nursery.cancel_scope.cancel()
        return interrupted

    async def _share(self, torrents: list[tuple[Manifest, TorrentConfig]], until_complete: bool) -> None:
        async with open_engine(self._config) as engine:
            added = [engine.add(manifest, config) for manifest, config in torrents]
            try:
                await self._follow(engine, added, until_complete)
            finally:
                self._people.end(engine.snapshot())

    async def _follow(self, engine: Engine, added: list[Torrent], until_complete: bool) -> None:
        report = Report(self._output, self._people, (torrent.manifest for torrent in added))
        to_announce = engine.addresses
        next_event = trio.current_time()
        next_look = next_event + self._people.every  # what is over before that needs no display
        while True:
            done = until_complete and all(torrent.finished.is_set() for torrent in added)
            if to_announce and all(torrent.ready.is_set() for torrent in added):
                report.listening(to_announce)
                to_announce = []
            report.alerts(engine.alerts)
            now = trio.current_time()
            if done or now >= next_event:
                next_event = now + PROGRESS_EVERY
                report.progress(engine.snapshot())
            if done:
                return
            if now >= next_look:
                next_look = now + self._people.every
                # In a thread: a terminal may be slow, or stopped with Ctrl-S.
                await trio.to_thread.run_sync(self._people.show, engine.snapshot())
            await trio.sleep(POLL)


def _resume_folder() -> Path:
    """The folder of resume data, made when it is not there."""
    folder = swarmshare_home() / "resume"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "Set SWARMSHARE_HOME to a folder that you may write to."
        raise StorageError(folder, os_reason(error), hint=hint) from error
    return folder


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _rate(text: str) -> float:
    units = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    number, factor = (text[:-3], units[text[-3:]]) if text[-3:] in units else (text, 1)
    try:
        rate = float(number) * factor
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate such as 500KiB or 5MiB")
    return rate
