"""``swarmshare create``: hash a file or a folder, write its manifest."""

from __future__ import annotations

import locale
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from swarmshare import __version__
from swarmshare.cli.arguments import wrong_value
from swarmshare.cli.render import Output, plural, size
from swarmshare.common.sizes import read_size
from swarmshare.common.text import clean
from swarmshare.errors import ManifestError, StorageError, SwarmShareError
from swarmshare.texts import Text

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.plan import SharePlan

TRACKER_SCHEMES: Final = ("http", "https", "udp", "ws", "wss")
SKIPPED_SHOWN: Final = 10
_ANOTHER: Final = Text("hint.name-output")


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "create",
        parents=[common],
        help="hash a file or a folder and write its manifest",
        description="Hash a file or a folder on all cores and write its manifest (.torrent).",
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="the file or folder to share")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: NAME.torrent in this folder")
    parser.add_argument("--force", action="store_true", help="replace a manifest that is there already")
    parser.add_argument("--name", type=plain_text, help="what receivers will call it; default: its own name")
    parser.add_argument(
        "--piece-size", type=piece_size, metavar="SIZE", help="such as 1MiB: a power of two; default: auto"
    )
    parser.add_argument("--hybrid", action="store_true", help="for BitTorrent v1 clients too; takes longer")
    parser.add_argument(
        "--tracker",
        type=_tier,
        action="append",
        default=[],
        metavar="URL[,URL]",
        help="announce URL; repeat for a further tier, separate by commas within one",
    )
    parser.add_argument(
        "--web-seed", type=_url, action="append", default=[], metavar="URL", help="a web server with the files"
    )
    parser.add_argument("--private", action="store_true", help="peers come from the tracker only (BEP 27)")
    parser.add_argument(
        "--ssl-cert",
        type=Path,
        metavar="FILE",
        help="only for members of the group whose authority has this certificate (PEM)",
    )
    parser.add_argument("--comment", type=plain_text, default="", metavar="TEXT")
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="GLOB", help="leave out what matches; repeat at will"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Create; the manifest is written only when everything was hashed."""
    from swarmshare.cli.show import summary_fields, summary_rows
    from swarmshare.manifest.build import Description
    from swarmshare.manifest.names import with_ending
    from swarmshare.storage.create import create_manifest
    from swarmshare.storage.files import write_atomic
    from swarmshare.storage.plan import make_plan
    from swarmshare.storage.target import check_target

    name: str = Path(os.path.realpath(arguments.path)).name if arguments.name is None else arguments.name
    target: Path = arguments.output or Path(with_ending(name, ".torrent"))
    plan = make_plan(arguments.path, name=arguments.name, exclude=arguments.exclude, output=target)
    _check_replaceable(target, force=arguments.force)
    for path, reason in plan.skipped[:SKIPPED_SHOWN]:
        output.line(Text("cli.skipped", path=path, reason=reason))
    if len(plan.skipped) > SKIPPED_SHOWN:
        output.line(Text("cli.skipped-more", count=len(plan.skipped) - SKIPPED_SHOWN))

    about = Description(
        trackers=tuple(arguments.tracker),
        web_seeds=tuple(arguments.web_seed),
        private=arguments.private,
        ssl_cert=_authority(arguments.ssl_cert) if arguments.ssl_cert is not None else None,
        comment=arguments.comment,
        created_by=f"SwarmShare {__version__}",
        creation_date=now(),
    )
    with output.progress("Hashing") as progress:
        manifest = create_manifest(
            plan,
            about,
            piece_length=arguments.piece_size,
            hybrid=arguments.hybrid,
            before=lambda length: check_target(target, length, hint=_ANOTHER),
            progress=progress,
        )
    write_atomic(target, manifest.encode())

    output.line(f"Wrote {target}: {plural(len(plan.files), 'file')}, {size(plan.total_length)}")
    output.fields(summary_rows(manifest))
    tell_lost_folder(plan, manifest, output)
    output.event(
        "created",
        file=str(target),
        **summary_fields(manifest),
        skipped=[{"path": clean(str(path)), "reason": reason} for path, reason in plan.skipped],
        excluded=plan.excluded,
    )
    return 0


def _authority(path: Path) -> bytes:
    """Return the certificate in ``path``, byte for byte; there may be nothing else in it, such as a private key."""
    from swarmshare.identity.certificates import IdentityError, read_certificate
    from swarmshare.manifest.parse import MAX_CERTIFICATE, is_one_certificate
    from swarmshare.storage.files import read_small

    certificate = read_small(path, MAX_CERTIFICATE)
    try:
        read_certificate(certificate)
    except IdentityError as error:
        raise StorageError(path, error.message) from error
    if not is_one_certificate(certificate):
        raise StorageError(path, Text("manifest.ssl-cert", limit=MAX_CERTIFICATE))
    return certificate


def tell_lost_folder(plan: SharePlan, manifest: Manifest, output: Output) -> None:
    """Say so when receivers will not get the folder that is shared."""
    if plan.in_folder and not manifest.in_folder:
        output.line(
            f"Note: {plan.name!r} holds one file only; receivers get {manifest.name!r} without a folder around it "
            "(BitTorrent v2 cannot tell the two apart; --hybrid keeps the folder)."
        )
        output.event("folder_lost", folder=clean(plan.name), name=clean(manifest.name))


def now() -> int:
    """Return the time, or the one that a reproducible build asks for."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not epoch:
        return int(time.time())
    if not re.fullmatch("[0-9]{1,12}", epoch):
        raise SwarmShareError(Text("cli.source-date", value=repr(epoch)), hint=Text("hint.unset"))
    return int(epoch)


def _check_replaceable(target: Path, *, force: bool) -> None:
    """Replace a manifest if that was asked for, and never anything else: no slip may cost anyone a file."""
    from swarmshare.manifest.bencoding import MAX_BYTES
    from swarmshare.manifest.parse import parse_manifest
    from swarmshare.storage.files import read_small
    from swarmshare.storage.target import check_target

    check_target(target, hint=_ANOTHER)
    if not os.path.lexists(target):
        return
    try:
        parse_manifest(read_small(target, MAX_BYTES))
    except (ManifestError, StorageError) as error:
        raise StorageError(target, Text("cli.exists-no-manifest"), hint=Text("hint.other-name-or-remove")) from error
    if not force:
        raise StorageError(target, Text("cli.exists"), hint=Text("hint.force"))


def plain_text(text: str) -> str:
    """Text that can be written down: as UTF-8, or as the locale has it."""
    for encoding in ("utf-8", locale.getencoding()):
        try:
            return os.fsencode(text).decode(encoding)
        except (UnicodeError, LookupError):
            pass
    raise wrong_value(Text("cli.not-utf8"))


def piece_size(text: str) -> int | None:
    """Bytes of a piece, such as ``1MiB``; None for ``auto``."""
    from swarmshare.manifest.merkle import BLOCK_LENGTH
    from swarmshare.manifest.parse import MAX_PIECE_LENGTH

    if text == "auto":
        return None
    try:
        length = read_size(f"{text}B" if text.isdecimal() else text)  # a bare number is bytes here, as in other tools
    except ValueError:
        length = 0
    if not BLOCK_LENGTH <= length <= MAX_PIECE_LENGTH or length & (length - 1):
        raise wrong_value(Text("cli.piece-size", text=repr(text)))
    return length


def _tier(text: str) -> tuple[str, ...]:
    return tuple(_url(url, TRACKER_SCHEMES) for url in text.split(","))


def _url(text: str, schemes: tuple[str, ...] = ("http", "https")) -> str:
    try:
        parts = urlsplit(text)
        valid = (
            parts.scheme in schemes
            and bool(parts.hostname)
            and parts.port != 0
            and text.isprintable()
            and " " not in text
        )
    except ValueError:
        valid = False
    if not valid:
        raise wrong_value(Text("cli.url", text=repr(text), schemes=f"{'://, '.join(schemes)}://"))
    return text
