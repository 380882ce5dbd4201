"""``swarmshare recheck``: forget what was known of some data, and verify all of it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from swarmshare.cli.arguments import add_tracker_argument, require_data_folder
from swarmshare.cli.find import HELP, METAVAR, find_manifest
from swarmshare.cli.render import plural
from swarmshare.common.text import clean

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "recheck",
        parents=[common],
        help="verify again what seed and download know already",
        description="Forget which pieces were right, verify all of the data on all cores, and remember the result: the "
        "next seed or download goes on from there, and writes what others have over files that were changed since they "
        "were complete. Stop whatever shares it first.",
    )
    parser.add_argument("what", metavar=METAVAR, help=HELP)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder that contains its name")
    add_tracker_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Verify and remember; a part that is missing is no failure, it is fetched by the next download."""
    from swarmshare.app.compose import resume_folder
    from swarmshare.common.bitfield import Bitfield
    from swarmshare.storage.pieces import TorrentStorage
    from swarmshare.storage.resume import forget_pieces, load_resume, save_resume

    manifest = find_manifest(arguments.what, arguments.tracker)
    require_data_folder(arguments.data)
    path = resume_folder() / f"{manifest.info_hash}.resume"
    forget_pieces(path, manifest)  # also when this is interrupted
    storage = TorrentStorage(manifest, arguments.data)
    load_resume(path, manifest, storage)  # which files are its own is not forgotten: only these are to be mended
    held = Bitfield(manifest.layout.piece_count)
    with output.progress("Checking") as progress:
        for piece in storage.scan(progress):
            held.set(piece)
    save_resume(path, manifest, held.to_wire(), storage.file_states())
    storage.close()
    output.event(
        "rechecked",
        info_hash=str(manifest.info_hash),
        pieces_done=held.held,
        pieces_total=len(held),
    )
    output.line(f"{clean(manifest.name)}: {held.held:,} of {plural(len(held), 'piece')} right")
    return 0
