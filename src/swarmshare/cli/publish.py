"""``swarmshare publish``: put a file or folder into the group's catalogue, and share it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from swarmshare.cli.arguments import add_sharing_arguments, add_tracker_argument
from swarmshare.cli.create import now, piece_size, plain_text, tell_lost_folder
from swarmshare.cli.render import plural, size
from swarmshare.common.text import clean

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output
    from swarmshare.storage.sign_ins import SignIn


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "publish",
        parents=[common],
        help="put a file or folder into the group's catalogue",
        description="Hash a file or folder, put it into a tracker's catalogue, and (with --seed) share it.",
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="the file or folder to share")
    parser.add_argument("--seed", action="store_true", help="go on to share it, until interrupted")
    parser.add_argument("--piece-size", type=piece_size, metavar="SIZE", help="a power of two; default: auto")
    parser.add_argument("--hybrid", action="store_true", help="for BitTorrent v1 clients too; takes longer")
    parser.add_argument("--private", action="store_true", help="for members of the tracker only (BEP 27)")
    parser.add_argument("--comment", type=plain_text, default="", metavar="TEXT")
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="GLOB", help="leave out what matches; repeat at will"
    )
    add_tracker_argument(parser)
    add_sharing_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Hash and publish to the catalogue; with ``--seed``, then serve it until interrupted."""
    from swarmshare.app.compose import resume_folder
    from swarmshare.app.publishing import ask_before, describe, hash_path, publish, remember_whole
    from swarmshare.app.signed_in import signed_in_at
    from swarmshare.cli.engine_run import EngineRun
    from swarmshare.cli.seed_download import config_for

    # Whatever can be known is looked at before hashing for hours.
    sign_in = signed_in_at(arguments.tracker)
    arguments.tracker = sign_in.tracker
    before = ask_before(sign_in)
    if arguments.seed:
        _try_listening(arguments)
    about = describe(private=arguments.private, comment=arguments.comment, now=now())
    with output.progress("Hashing") as progress:
        made, folder, plan = hash_path(
            arguments.path,
            about,
            piece_length=arguments.piece_size,
            hybrid=arguments.hybrid,
            exclude=arguments.exclude,
            before=before,
            progress=progress,
        )
    manifest = publish(made, sign_in)
    info_hash = str(manifest.info_hash)
    output.line(f"Published {clean(manifest.name)}: {plural(len(plan.files), 'file')}, {size(plan.total_length)}")
    output.line(f"  {info_hash}")
    tell_lost_folder(plan, manifest, output)
    output.event("published", tracker=sign_in.tracker, info_hash=info_hash, name=clean(manifest.name))
    if not arguments.seed and not _is_served(sign_in, info_hash):
        again = f"swarmshare publish {shlex.quote(clean(str(arguments.path)))} --seed"
        output.line(f"Nobody serves it yet. To share it from here: {again}")
    if arguments.seed:
        remember_whole(manifest, folder, resume_folder())
        EngineRun(arguments, output).run([(manifest, config_for(manifest, folder, arguments))], serve_parts=True)
    return 0


def _try_listening(arguments: argparse.Namespace) -> None:
    """Raise :class:`~swarmshare.errors.StorageError` when another program has the port."""
    import trio

    from swarmshare.app.config import load_settings
    from swarmshare.cli.arguments import sharing_flags
    from swarmshare.engine.config import EngineConfig
    from swarmshare.engine.engine import open_engine

    listen = load_settings(sharing_flags(arguments)).settings.listen

    async def listen_once() -> None:
        async with open_engine(EngineConfig(listen=listen)):
            pass

    trio.run(listen_once)


def _is_served(sign_in: SignIn, info_hash: str) -> bool:
    """Whether somebody in its swarm has all of it: it may have been in the catalogue before."""
    from swarmshare.app.signed_in import open_tracker

    with open_tracker(sign_in.tracker, sign_in.token) as (_, api):
        return api.entry(info_hash).copies > 0
