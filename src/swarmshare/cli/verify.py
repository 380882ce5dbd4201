"""``swarmshare verify``: check data against a manifest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swarmshare.cli.arguments import add_tracker_argument
from swarmshare.cli.find import HELP, METAVAR, find_manifest
from swarmshare.cli.render import Output, plural, size
from swarmshare.common.text import clean
from swarmshare.errors import StorageError
from swarmshare.storage.too_deep import refuse_too_deep
from swarmshare.storage.verify import FileReport, FileVerdict, verify_data
from swarmshare.texts import Text

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs

RANGES_SHOWN: Final = 8
"""Wrong ranges of one file that people get to see; programs get all."""


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "verify",
        parents=[common],
        help="check data against a manifest",
        description="Check every byte of the data on all cores. Exit status 0 when all is right, 1 when not.",
    )
    parser.add_argument("what", metavar=METAVAR, help=HELP)
    parser.add_argument("dir", type=Path, metavar="DIR", help="the folder that contains the manifest's name")
    add_tracker_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Verify; names each file that is not right, with the bytes that are wrong."""
    manifest = find_manifest(arguments.what, arguments.tracker)
    refuse_too_deep(manifest, arguments.dir)
    if not os.path.isdir(arguments.dir):
        raise StorageError(arguments.dir, Text("storage.no-folder"), hint=Text("hint.data-folder"))
    with output.progress("Checking") as progress:
        report = verify_data(manifest, arguments.dir, progress=progress)
    for file in report.bad:
        output.line(_describe(file))
        output.event(
            "file",
            path=clean("/".join(file.file.path)),
            location=clean(str(file.path)),
            verdict=file.verdict.value,
            wrong=file.wrong,
            length=file.file.length,
            actual_length=file.actual_length,
            message=clean(file.error or ""),
        )
    ok = not report.bad
    output.event(
        "verified",
        ok=ok,
        info_hash=str(manifest.info_hash),
        file_count=len(report.files),
        bad_files=len(report.bad),
        total_bytes=manifest.total_length,
        wrong_bytes=sum(span.end - span.start for file in report.bad for span in file.wrong),
    )
    if ok:
        output.line(f"All right: {plural(len(report.files), 'file')}, {size(manifest.total_length)}")
        return 0
    where = arguments.dir / manifest.name
    output.complaint(f"{where}: {len(report.bad):,} of {plural(len(report.files), 'file')} not as the manifest has it")
    return 1


def _describe(report: FileReport) -> str:
    length, actual = report.file.length, report.actual_length or 0
    if report.verdict is FileVerdict.MISSING:
        return f"missing     {report.path}"
    if report.verdict is FileVerdict.UNREADABLE:
        return f"unreadable  {report.error}"
    text = f"{report.verdict.value:<10}  {report.path}: "
    if report.error:
        return text + report.error
    if report.verdict is not FileVerdict.BAD:
        text += f"{actual:,} bytes instead of {length:,}; "
    shown = ", ".join(f"{start:,}-{end - 1:,}" for start, end in report.wrong[:RANGES_SHOWN])
    more = len(report.wrong) - RANGES_SHOWN
    return f"{text}wrong bytes {shown}" + (f" and {more:,} more ranges" if more > 0 else "")
