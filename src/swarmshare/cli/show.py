"""``swarmshare show``: what a manifest or a magnet link says."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from swarmshare.cli.arguments import add_tracker_argument
from swarmshare.cli.find import HELP, METAVAR, find_manifest
from swarmshare.cli.render import Output, date, plural, size
from swarmshare.common.text import clean

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.manifest.magnet import Magnet
    from swarmshare.manifest.manifest import FileEntry, Manifest

FILES_SHOWN: Final = 20
"""Files that a summary lists."""


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "show", parents=[common], help="what a manifest or magnet link says", description="Show what it says."
    )
    parser.add_argument("what", metavar=METAVAR, help=HELP)
    parser.add_argument("--files", action="store_true", help=f"list all files, not only the first {FILES_SHOWN}")
    add_tracker_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Show; a manifest is validated in full before a word of it is printed."""
    from swarmshare.manifest.magnet import is_magnet, parse_magnet

    if is_magnet(arguments.what):
        _show_magnet(parse_magnet(arguments.what), output)
        return 0
    manifest = find_manifest(arguments.what, arguments.tracker)
    output.line(manifest.name + ("/" if manifest.in_folder else ""))
    output.fields(summary_rows(manifest))
    shown = len(manifest.files) if arguments.files else FILES_SHOWN
    output.line()
    for file in islice(manifest.files, shown):
        output.line(f"  {size(file.length):>10}  {_describe(file)}")
        if arguments.files:
            root = file.pieces_root.hex() if file.pieces_root else None
            output.event("file", path=clean("/".join(file.path)), length=file.length, pieces_root=root)
    if (more := len(manifest.files) - shown) > 0:
        output.line(f"  {'':>10}  ... and {more:,} more: --files lists all")
    output.event("manifest", **summary_fields(manifest))
    return 0


def summary_rows(manifest: Manifest) -> list[tuple[str, str]]:
    """Return the labels and values of a manifest that people get to see; a row without a value is left out."""
    from swarmshare.manifest.magnet import magnet_of

    lacking = len(manifest.missing_layers)
    return [
        (
            "size",
            f"{size(manifest.total_length)} ({manifest.total_length:,} bytes) in {plural(len(manifest.files), 'file')}",
        ),
        ("pieces", f"{manifest.layout.piece_count:,} of {size(manifest.piece_length)}"),
        ("info hash", str(manifest.info_hash)),
        ("on the wire", manifest.info_hash.truncated.hex()),
        ("v1 info hash", manifest.info_hash_v1.hex() if manifest.info_hash_v1 else ""),
        ("members only", f"yes: group {_group(manifest)}" if manifest.ssl_cert else ""),
        ("private", "yes: peers come from its trackers only" if manifest.private else ""),
        *((f"tracker {tier}", ", ".join(urls)) for tier, urls in enumerate(manifest.trackers, 1)),
        *(("web seed", url) for url in manifest.web_seeds),
        ("comment", manifest.comment),
        ("created by", manifest.created_by),
        ("created on", date(manifest.creation_date) if manifest.creation_date is not None else ""),
        ("lacks", f"the piece layers of {plural(lacking, 'file')}: they must come from peers" if lacking else ""),
        ("magnet", magnet_of(manifest)),
    ]


def _group(manifest: Manifest) -> str | None:
    """Return the id of the group that it is for; empty when its certificate cannot be read, None when it has none."""
    from swarmshare.identity.certificates import IdentityError
    from swarmshare.identity.group_id import GroupId

    if manifest.ssl_cert is None:
        return None
    try:
        return str(GroupId.of(manifest.ssl_cert))
    except IdentityError:
        return ""


def summary_fields(manifest: Manifest) -> dict[str, object]:
    """Return the fields of the event that describes a manifest to programs."""
    from swarmshare.manifest.magnet import magnet_of

    return {
        "name": manifest.name,
        "in_folder": manifest.in_folder,
        "info_hash": str(manifest.info_hash),
        "info_hash_truncated": manifest.info_hash.truncated.hex(),
        "info_hash_v1": manifest.info_hash_v1.hex() if manifest.info_hash_v1 else None,
        "total_bytes": manifest.total_length,
        "file_count": len(manifest.files),
        "piece_length": manifest.piece_length,
        "piece_count": manifest.layout.piece_count,
        "hybrid": manifest.hybrid,
        "private": manifest.private,
        "group": _group(manifest),
        "trackers": manifest.trackers,
        "web_seeds": manifest.web_seeds,
        "comment": manifest.comment,
        "created_by": manifest.created_by,
        "creation_date": manifest.creation_date,
        "missing_layers": len(manifest.missing_layers),
        "magnet": magnet_of(manifest),
    }


def _show_magnet(magnet: Magnet, output: Output) -> None:
    output.line(magnet.name or "(a magnet link without a name)")
    output.fields(
        [
            ("info hash", str(magnet.info_hash)),
            ("on the wire", magnet.info_hash.truncated.hex()),
            *(("tracker", url) for url in magnet.trackers),
            *(("web seed", url) for url in magnet.web_seeds),
            *(("peer", peer) for peer in magnet.peers),
        ]
    )
    output.event(
        "magnet",
        name=magnet.name,
        info_hash=str(magnet.info_hash),
        info_hash_truncated=magnet.info_hash.truncated.hex(),
        trackers=magnet.trackers,
        web_seeds=magnet.web_seeds,
        peers=magnet.peers,
    )


def _describe(file: FileEntry) -> str:
    path = "/".join(file.path)
    if file.symlink is not None:
        return f"{path} -> {'/'.join(file.symlink)}"
    return path + (" (executable)" if file.executable else "")
