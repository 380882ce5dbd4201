"""``swarmshare mirror``: a machine that holds the newest of what a group shares, and serves it."""

from __future__ import annotations

from functools import partial
from math import inf, isinf
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swarmshare.cli.arguments import LISTEN_HELP, add_tracker_argument, address, byte_size, peer_count, rate
from swarmshare.cli.render import plural, sentence, size
from swarmshare.common.text import clean
from swarmshare.texts import Text

if TYPE_CHECKING:
    import argparse

    from swarmshare.app.config import Configuration
    from swarmshare.app.mirror import News, Status
    from swarmshare.app.mirror_store import MirrorStore
    from swarmshare.cli import Verbs
    from swarmshare.cli.engine_report import EngineReport
    from swarmshare.cli.render import Output
    from swarmshare.engine.engine import Engine
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.sign_ins import SignIn
    from swarmshare.tracker_client.api import TrackerApi

EVERY: Final = 1.0
"""Seconds between status events."""
LINE_EVERY: Final = 60.0
"""Seconds between lines about an unchanged number of entries."""


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "mirror",
        parents=[common],
        help="hold and serve the newest of what the group shares",
        description=(
            "Follow a tracker's catalogue: download the newest that the quota has room for, and serve it, until "
            "interrupted. To make room, only that is deleted which another live machine holds the whole of."
        ),
    )
    add_tracker_argument(parser)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="for the mirror alone; made if it is not there"
    )
    parser.add_argument(
        "--quota", type=byte_size, default=inf, metavar="SIZE", help="such as 500GiB; default: no limit"
    )
    parser.add_argument(
        "--match", action="append", default=[], metavar="GLOB", help="only entries of such a name; repeat at will"
    )
    parser.add_argument("--listen", type=address, action="append", metavar="HOST:PORT", help=LISTEN_HELP)
    parser.add_argument("--max-peers", type=peer_count, metavar="N", help="of each entry")
    for way in ("up", "down"):
        parser.add_argument(
            f"--limit-{way}", type=rate, metavar="RATE", help="such as 5MiB (a second), all entries together"
        )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Hold and serve the newest entries of the catalogue, until interrupted."""
    from swarmshare.app.config import load_settings
    from swarmshare.app.mirror_store import open_store
    from swarmshare.app.signed_in import open_tracker, signed_in_at
    from swarmshare.cli.signals import run_until_signal

    names = ("tracker", "listen", "max_peers", "limit_up", "limit_down")
    flags = {name: getattr(arguments, name) for name in names}
    if flags["listen"]:
        flags["listen"] = tuple(flags["listen"])
    configuration = load_settings(flags)
    sign_in = signed_in_at(configuration.settings.tracker)
    with open_store(arguments.data) as store, open_tracker(sign_in.tracker, sign_in.token) as (_, api):
        run_until_signal(partial(_mirror, arguments, output, configuration, sign_in, store, api))
    return 0


async def _mirror(
    arguments: argparse.Namespace,
    output: Output,
    configuration: Configuration,
    sign_in: SignIn,
    store: MirrorStore,
    api: TrackerApi,
) -> None:
    import trio

    from swarmshare.app.compose import announcers_for, engine_config
    from swarmshare.app.mirror import Mirror
    from swarmshare.cli.network import serves_other_machines
    from swarmshare.engine.engine import open_engine

    for_network = serves_other_machines(sign_in.tracker)
    config = engine_config(configuration, store.resume_folder, for_network=for_network)
    async with open_engine(config) as engine, trio.open_nursery() as nursery:
        nursery.start_soon(_tell_status, engine, sign_in.tracker)
        report = _MirrorReport(output, engine, arguments.quota)
        mirror = Mirror(
            engine,
            api,
            store,
            user=sign_in.user,
            announcers=partial(announcers_for, sign_in=sign_in),
            quota=arguments.quota,
            match=arguments.match,
            tell=report.tell,
        )
        report.listening()
        nursery.start_soon(mirror.run)
        while True:
            report.look(mirror.status(), trio.current_time())
            await trio.sleep(EVERY)


async def _tell_status(engine: Engine, tracker: str) -> None:
    import trio

    from swarmshare.app.running import EVERY as EVERY_STATUS
    from swarmshare.app.running import telling_status, torrent_fields

    with telling_status("mirror") as status:
        while True:
            snapshot = engine.snapshot()
            torrents = torrent_fields(snapshot.torrents)
            count = len(snapshot.torrents)
            told = partial(
                status.tell, addresses=snapshot.addresses, tracker=tracker, torrents=torrents, torrent_count=count
            )
            await trio.to_thread.run_sync(told)  # the home may be on a disk that is away
            await trio.sleep(EVERY_STATUS)


class _MirrorReport:
    """The reports of a running mirror: events for programs, lines for people."""

    def __init__(self, output: Output, engine: Engine, quota: float) -> None:
        from swarmshare.cli.display import LogDisplay

        self._output, self._engine, self._quota = output, engine, quota
        self._display = LogDisplay(output)
        self._manifests: dict[bytes, Manifest] = {}
        """Of all that was shared so far: alerts come late."""
        self._counts = (0, 0)
        self._line_due = 0.0

    def listening(self) -> None:
        """Report the addresses that it accepts connections at."""
        self._report().listening(self._engine.addresses, self._engine.listening.reach)

    def tell(self, news: News) -> None:
        """Report that the mirror started or ended sharing something, or has a problem."""
        from swarmshare.app.mirror import Deleted, Problem, Sharing

        say, event = self._display.say, self._output.event
        match news:
            case Sharing(manifest, new):
                self._manifests[manifest.info_hash.full] = manifest
                if new:
                    event("fetching", **_fields(manifest), total_bytes=manifest.total_length)
                    say(f"{clean(manifest.name)}: {size(manifest.total_length)} to fetch")
            case Deleted(manifest, holder):
                event("deleted", **_fields(manifest), holder=clean(holder))
                say(f"{clean(manifest.name)}: deleted to make room; {holder} holds all of it")
            case Problem(message):
                event("problem", message=clean(message))
                say(Text("cli.problem", what=sentence(message)) if message else "All is well again")

    def look(self, status: Status, now: float) -> None:
        """Report how much it holds: an event each time, and a line when that changed or a minute has passed."""
        if self._engine.alerts:
            self._report().alerts(self._engine.alerts)
        quota = None if isinf(self._quota) else int(self._quota)
        self._output.event(
            "mirror",
            entries=status.entries,
            complete=status.complete,
            bytes_held=status.bytes_held,
            quota=quota,
            rate_down=round(status.rate_down),
            rate_up=round(status.rate_up),
        )
        counts = status.entries, status.complete
        busy = status.rate_down or status.rate_up
        if counts != self._counts or (busy and now >= self._line_due):
            self._counts, self._line_due = counts, now + LINE_EVERY
            room = size(status.bytes_held) + (f" of {size(quota)}" if quota is not None else "")
            rates = f"down {size(round(status.rate_down))}/s, up {size(round(status.rate_up))}/s"
            held = f"{plural(status.entries, 'entry', 'entries')}, {status.complete:,} complete"
            self._display.say(f"{held}, {room}; {rates}")

    def _report(self) -> EngineReport:
        from swarmshare.cli.engine_report import EngineReport

        return EngineReport(self._output, self._display, self._manifests.values())


def _fields(manifest: Manifest) -> dict[str, str]:
    return {"info_hash": str(manifest.info_hash), "name": clean(manifest.name)}
