"""``swarmshare verify``: check data against a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from swarmshare.cli.arguments import add_tracker_argument, require_data_folder
from swarmshare.cli.find import HELP, METAVAR, find_manifest
from swarmshare.cli.render import Output, for_people, number, plural, size
from swarmshare.common.text import clean
from swarmshare.texts import Text, about

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.storage.verify import FileReport

RANGES_SHOWN: Final = 8
"""Wrong ranges of one file that people get to see; programs get all."""


_VERDICTS: Final = {
    "ok": Text("verdict.ok"),
    "bad": Text("verdict.bad"),
    "short": Text("verdict.short"),
    "long": Text("verdict.long"),
    "missing": Text("verdict.missing"),
    "unreadable": Text("verdict.unreadable"),
}
"""The words for each :class:`~swarmshare.storage.verify.FileVerdict`, by its value."""
_COLUMN: Final = 12
"""Characters that a verdict and the space after it take."""


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
    from swarmshare.storage.too_deep import refuse_too_deep
    from swarmshare.storage.verify import verify_data

    manifest = find_manifest(arguments.what, arguments.tracker)
    refuse_too_deep(manifest, arguments.dir)
    require_data_folder(arguments.dir)
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
    one = Text("cli.one-not-as-manifest")
    several = Text("cli.not-as-manifest", bad=len(report.bad), count=len(report.files))
    output.complaint(about(where, one if len(report.files) == 1 else several))
    return 1


def _describe(report: FileReport) -> Text:
    from swarmshare.storage.verify import FileVerdict

    if report.verdict is FileVerdict.UNREADABLE:
        what = report.error or Text("storage.not-there")
    elif report.verdict is FileVerdict.MISSING:
        what = Text("cli.path", path=report.path)
    else:
        what = about(report.path, report.error or _wrong_bytes(report))
    return Text("cli.verdict", verdict=f"{for_people(_VERDICTS[report.verdict.value]):<{_COLUMN}}", what=what)


def _wrong_bytes(report: FileReport) -> Text:
    from swarmshare.storage.verify import FileVerdict

    ranges = Text(
        "cli.ranges",
        ranges=", ".join(f"{number(start)}-{number(end - 1)}" for start, end in report.wrong[:RANGES_SHOWN]),
    )
    if (more := len(report.wrong) - RANGES_SHOWN) > 0:
        ranges = Text("cli.more-ranges", ranges=ranges, count=more)
    if report.verdict is FileVerdict.BAD:
        return ranges
    return Text("cli.other-length", length=report.file.length, actual=report.actual_length or 0, ranges=ranges)
