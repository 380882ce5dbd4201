"""Running an engine for a verb: until all is complete, or until somebody stops it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.app.compose import engine_config, resume_folder, trackers_of
from swarmshare.app.config import load_settings
from swarmshare.app.running import EVERY, telling_status, torrent_fields
from swarmshare.app.signed_in import sign_in_for
from swarmshare.cli.arguments import sharing_flags
from swarmshare.cli.display import display_for
from swarmshare.cli.engine_report import EngineReport
from swarmshare.cli.network import serves_other_machines
from swarmshare.cli.signals import run_until_signal
from swarmshare.engine.engine import Engine, open_engine
from swarmshare.errors import StorageError
from swarmshare.identity.membership import refresh
from swarmshare.schema.snapshot import EngineSnapshot

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from swarmshare.app.running import Status
    from swarmshare.cli.render import Output
    from swarmshare.engine.config import EngineConfig, TorrentConfig
    from swarmshare.engine.torrent import Torrent
    from swarmshare.manifest.manifest import Manifest

POLL: Final = 0.1
"""Seconds between looks at the engine."""
PROGRESS_EVERY: Final = 1.0
"""Seconds between progress events."""


class EngineRun:
    """One run of an engine, reported as events and on a display."""

    def __init__(self, arguments: argparse.Namespace, output: Output) -> None:
        self._output = output
        self._verb: str = arguments.verb
        self._display = display_for(output, as_json=arguments.json)
        self._settings = load_settings(sharing_flags(arguments))
        self._resume = resume_folder()
        self._sign_in = sign_in_for(arguments.tracker)
        self._certificate: Path | None = None
        """The folder of the certificate that we connect with, if any."""

    def run(
        self,
        torrents: list[tuple[Manifest, TorrentConfig]],
        *,
        until_complete: bool = False,
        serve_parts: bool = False,
        certificate: Path | None = None,
    ) -> None:
        """Share ``torrents``, until all are complete or for good. Raises KeyboardInterrupt after a clean stop.

        Raises :class:`~swarmshare.errors.StorageError` for what only a person can put right, such as a folder that may
        not be written to; with ``serve_parts`` not as long as there is anything to serve. In the folder ``certificate``
        a new revocation list is looked for all the time.
        """
        trackers = {url for manifest, _ in torrents for url in trackers_of(manifest, self._sign_in)}
        config = engine_config(self._settings, self._resume, for_network=any(map(serves_other_machines, trackers)))
        self._certificate = certificate
        run_until_signal(partial(self._share, config, torrents, until_complete, serve_parts))

    async def _share(
        self,
        config: EngineConfig,
        torrents: list[tuple[Manifest, TorrentConfig]],
        until_complete: bool,
        serve_parts: bool,
    ) -> None:
        with telling_status(self._verb) as status:
            async with open_engine(config) as engine:
                added = [engine.add(manifest, config) for manifest, config in torrents]
                failed = False
                try:
                    await self._follow(engine, added, until_complete, serve_parts, status)
                except StorageError:
                    failed = True
                    raise
                finally:
                    # The error says it all; how far each came would only push it out of sight.
                    self._display.end(EngineSnapshot((), ()) if failed else engine.snapshot())

    async def _follow(
        self, engine: Engine, added: list[Torrent], until_complete: bool, serve_parts: bool, status: Status
    ) -> None:
        report = EngineReport(self._output, self._display, (torrent.manifest for torrent in added))
        to_announce = True
        next_event = next_status = trio.current_time()
        next_look = next_event + self._display.every  # what is over before that needs no display
        while True:
            _refuse_what_needs_a_person(added, serve_parts=serve_parts)
            done = until_complete and all(torrent.finished.is_set() for torrent in added)
            if to_announce and all(torrent.ready.is_set() for torrent in added):
                report.listening(engine.addresses, engine.listening.reach)
                to_announce = False
            report.alerts(engine.alerts)
            now = trio.current_time()
            if done or now >= next_event:
                next_event = now + PROGRESS_EVERY
                report.progress(engine.snapshot())
                if self._certificate is not None and await trio.to_thread.run_sync(self._refresh_certificate, added):
                    engine.close_revoked()
            if now >= next_status:
                next_status = now + EVERY
                # In a thread, as below: the home may be on a disk that is away.
                await trio.to_thread.run_sync(self._tell_status, status, engine.snapshot())
            if done:
                return
            if now >= next_look:
                next_look = now + self._display.every
                # In a thread: a terminal may be slow, or stopped with Ctrl-S.
                await trio.to_thread.run_sync(self._display.show, engine.snapshot())
            await trio.sleep(POLL)

    def _refresh_certificate(self, added: list[Torrent]) -> bool:
        """Look for a renewed certificate and a newer revocation list; returns whether there is one.

        What cannot be used changes nothing: it may be on its way there.
        """
        assert self._certificate is not None
        found = False
        with suppress(StorageError):
            for membership in {
                torrent.members_only.membership for torrent in added if torrent.members_only is not None
            }:
                found = refresh(membership, self._certificate) or found
        return found

    def _tell_status(self, status: Status, snapshot: EngineSnapshot) -> None:
        tracker = self._sign_in.tracker if self._sign_in is not None else None
        torrents = torrent_fields(snapshot.torrents)
        status.tell(
            addresses=snapshot.addresses, tracker=tracker, torrents=torrents, torrent_count=len(snapshot.torrents)
        )


def _refuse_what_needs_a_person(added: list[Torrent], *, serve_parts: bool) -> None:
    """Raise what a disk says that will not change by itself, unless there is something to serve in spite of it."""
    if serve_parts and any(torrent.picker.held.held for torrent in added):
        return
    for torrent in added:
        problem = torrent.disk.problem
        if problem is not None and problem.needs_person and not torrent.is_complete:
            raise problem
