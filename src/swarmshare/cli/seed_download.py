"""``swarmshare seed`` and ``swarmshare download``: share with peers, named or known to trackers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from swarmshare.cli.arguments import add_sharing_arguments, add_tracker_argument, require_data_folder
from swarmshare.cli.find import HELP, METAVAR, find_manifest, magnet_in
from swarmshare.common.pieces import Priority
from swarmshare.common.text import clean
from swarmshare.errors import StorageError, SwarmShareError, TakenError
from swarmshare.texts import Text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output
    from swarmshare.common.address import Address
    from swarmshare.engine.config import TorrentConfig
    from swarmshare.identity.membership import Membership
    from swarmshare.manifest.manifest import Manifest


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add both verbs to the command line."""
    seed = verbs.add_parser(
        "seed",
        parents=[common],
        help="serve what is right of some data",
        description="Check the data, then serve whatever is right, even a part of the files, until interrupted.",
    )
    seed.add_argument("files", nargs="+", metavar=METAVAR, help=HELP)
    seed.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder that contains their names")
    seed.set_defaults(run=run_seed)
    download = verbs.add_parser(
        "download",
        parents=[common],
        help="fetch what a manifest names from its peers",
        description="Fetch what a manifest names from several peers at once. What is there already is kept.",
    )
    download.add_argument("what", metavar=METAVAR, help=HELP)
    download.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="made if it is not there; default: the folder of the settings, else the current one",
    )
    download.add_argument("--seed-after", action="store_true", help="go on serving when it is complete")
    download.add_argument(
        "--only", action="append", default=[], metavar="GLOB", help="fetch what matches; repeat at will"
    )
    download.add_argument("--sequential", action="store_true", help="first pieces first, to look at it meanwhile")
    download.set_defaults(run=run_download)
    for parser in (seed, download):
        parser.add_argument(
            "--certificate",
            type=Path,
            metavar="DIR",
            help="the folder with your key.pem and certificate.pem, for what is for members only",
        )
        add_tracker_argument(parser)
        add_sharing_arguments(parser)


def run_seed(arguments: argparse.Namespace, output: Output) -> int:
    """Serve what is right of the data, until interrupted."""
    from swarmshare.cli.engine_run import EngineRun
    from swarmshare.storage.too_deep import refuse_too_deep

    manifests = [find_manifest(what, arguments.tracker, arguments.peer) for what in arguments.files]
    for manifest in manifests:
        refuse_too_deep(manifest, arguments.data)
    require_data_folder(arguments.data)
    memberships = memberships_for(manifests, arguments.certificate)
    torrents = [
        (manifest, config_for(manifest, arguments.data, arguments, membership=membership))
        for manifest, membership in zip(manifests, memberships, strict=True)
    ]
    EngineRun(arguments, output).run(torrents, serve_parts=True, certificate=arguments.certificate)
    return 0


def run_download(arguments: argparse.Namespace, output: Output) -> int:
    """Fetch; ends when it is complete, unless it is to go on seeding."""
    from swarmshare.app.config import load_settings
    from swarmshare.app.magnets import peers_of
    from swarmshare.cli.engine_run import EngineRun
    from swarmshare.storage.too_deep import refuse_too_deep

    magnet = magnet_in(arguments.what)
    manifest = find_manifest(arguments.what, arguments.tracker, arguments.peer)
    folder = (arguments.to or load_settings().settings.folder or Path()).absolute()
    refuse_too_deep(manifest, folder)
    (membership,) = memberships_for([manifest], arguments.certificate)
    priorities = _priorities(manifest, arguments.only)
    output.event("downloading", info_hash=str(manifest.info_hash), name=clean(manifest.name), folder=clean(str(folder)))
    output.line(f"Downloading {manifest.name} to {folder}")
    config = config_for(
        manifest,
        folder,
        arguments,
        peers=peers_of(magnet) if magnet is not None else (),
        priorities=priorities,
        sequential=arguments.sequential,
        membership=membership,
    )
    try:
        EngineRun(arguments, output).run(
            [(manifest, config)], until_complete=not arguments.seed_after, certificate=arguments.certificate
        )
    except TakenError as error:
        error.hint = Text("hint.download-elsewhere")
        raise
    return 0


def config_for(
    manifest: Manifest,
    folder: Path,
    arguments: argparse.Namespace,
    *,
    peers: Iterable[Address] = (),
    priorities: Mapping[int, Priority] | None = None,
    sequential: bool = False,
    membership: Membership | None = None,
) -> TorrentConfig:
    """How to share ``manifest``: with the peers that were named, ``peers``, and whom its trackers know."""
    from swarmshare.app.compose import announcers_for
    from swarmshare.app.signed_in import sign_in_for
    from swarmshare.engine.config import TorrentConfig

    return TorrentConfig(
        folder=folder,
        peers=(*arguments.peer, *peers),
        announcers=announcers_for(manifest, sign_in_for(arguments.tracker)),
        priorities=priorities or {},
        sequential=sequential,
        membership=membership,
    )


def memberships_for(manifests: Sequence[Manifest], folder: Path | None) -> list[Membership | None]:
    """Return for each manifest the membership of its group, by the certificate in ``folder``; None for an open one.

    Raises:
        SwarmShareError: One needs a certificate and there is no folder, or none needs one: then nothing would be
            encrypted, although somebody thinks so.
        StorageError: The certificate is of another group, has expired, or cannot be read.
    """
    from swarmshare.identity.membership import open_membership

    authorities = [manifest.ssl_cert for manifest in manifests]
    if folder is None and any(authorities):
        name = next(manifest.name for manifest in manifests if manifest.ssl_cert is not None)
        raise SwarmShareError(Text("cli.members-only", name=name), hint=Text("hint.certificate-option"))
    if folder is not None and not any(authorities):
        raise SwarmShareError(Text("cli.open-to-all", name=manifests[0].name), hint=Text("hint.no-certificate-option"))
    groups = {authority: open_membership(folder, authority) for authority in authorities if folder and authority}
    return [groups.get(authority or b"") for authority in authorities]


def _priorities(manifest: Manifest, globs: list[str]) -> dict[int, Priority]:
    from swarmshare.manifest.names import matches

    if not globs:
        return {}
    paths = ["/".join(file.path) for file in manifest.files]
    wanted = {number for number, path in enumerate(paths) if matches(path, globs)}
    if not wanted:
        raise StorageError(manifest.name, Text("cli.no-only"), hint=Text("hint.show-files"))
    return {number: Priority.SKIP for number in range(len(paths)) if number not in wanted}
