"""``swarmshare publish``: put a file or folder into the group's catalogue, and share it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from swarmshare import __version__
from swarmshare.cli.arguments import add_sharing_arguments, add_tracker_argument
from swarmshare.cli.create import now, piece_size, plain_text
from swarmshare.cli.render import clean, plural, size
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.plan import make_plan
from swarmshare.storage.resume import save_resume
from swarmshare.swarm.bitfield import Bitfield

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.plan import Plan


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
    """Publish, then perhaps share."""
    from swarmshare.cli.share import config_for
    from swarmshare.cli.sharing import Sharing, resume_folder
    from swarmshare.cli.signed_in import open_tracker, signed_in_at

    sign_in = signed_in_at(arguments.tracker)  # before hashing for an hour
    arguments.tracker = sign_in.tracker
    plan = make_plan(arguments.path, exclude=arguments.exclude)
    about = Description(
        private=arguments.private,
        comment=arguments.comment,
        created_by=f"SwarmShare {__version__}",
        creation_date=now(),
    )
    with output.progress("Hashing") as progress:
        made = create_manifest(
            plan, about, piece_length=arguments.piece_size, hybrid=arguments.hybrid, progress=progress
        )
    with open_tracker(sign_in.tracker, sign_in.token) as (tracker, api):
        entry = api.publish(made.encode())
        manifest = parse_manifest(api.torrent(entry.info_hash))
    output.line(f"Published {clean(manifest.name)}: {plural(len(plan.files), 'file')}, {size(plan.total_length)}")
    output.line(f"  {entry.info_hash}")
    output.event("published", tracker=tracker, info_hash=entry.info_hash, name=clean(manifest.name))
    if arguments.seed:
        folder = _folder(arguments.path, plan, manifest)
        _remember(manifest, folder, resume_folder() / f"{manifest.info_hash}.resume")
        Sharing(arguments, output).run([(manifest, config_for(manifest, folder, arguments))], until_complete=False)
    return 0


def _folder(path: Path, plan: Plan, manifest: Manifest) -> Path:
    """The folder that contains the manifest's name. A folder with one file only is that file, to BitTorrent v2."""
    whole = Path(os.path.realpath(path))
    return whole if plan.in_folder and not manifest.in_folder else whole.parent


def _remember(manifest: Manifest, folder: Path, path: Path) -> None:
    """Resume data that says what hashing has just shown: everything is there."""
    bits = Bitfield.full(manifest.layout.piece_count).to_wire()
    save_resume(path, manifest, bits, TorrentStorage(manifest, folder).file_states())
