"""``swarmshare export`` and ``import``: a group's accounts and catalogue as files, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from swarmshare.cli.arguments import add_tracker_argument
from swarmshare.cli.render import plural, size
from swarmshare.common.text import clean
from swarmshare.errors import StorageError
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output
    from swarmshare.tracker_client.account_api import AccountApi

DOCUMENTS: Final = {"accounts": "accounts.json", "catalogue": "catalogue.json"}
"""The documents of an export, in the order in which they are imported, and the names of their files."""
LISTS: Final = {"accounts": "accounts", "catalogue": "entries"}
"""The list in each document."""
MAX_DOCUMENT: Final = 2 * 2**30
"""Bytes of a file that is imported: it is read into memory."""
BATCH: Final = 16 * 2**20
"""Characters of one request of an import; a tracker takes four times that, and entries are as large as they are."""


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add both verbs to the command line."""
    export = verbs.add_parser(
        "export",
        parents=[common],
        help="write the group's accounts and catalogue to files",
        description="For organisers: write accounts.json and catalogue.json into a folder that only you may read.",
    )
    export.add_argument(
        "--secrets", action="store_true", help="with password hashes and passkeys, so that nobody has to sign up anew"
    )
    export.set_defaults(run=run_export)
    import_ = verbs.add_parser(
        "import",
        parents=[common],
        help="add the accounts and the catalogue of such files",
        description="For organisers: add what such a folder has and the tracker has not. What is there stays as it is.",
    )
    import_.set_defaults(run=run_import)
    for parser in (export, import_):
        parser.add_argument("folder", type=Path, metavar="DIR", help="the folder of the two files")
        add_tracker_argument(parser)


def run_export(arguments: argparse.Namespace, output: Output) -> int:
    """Write both files, each whole or not at all."""
    from swarmshare.app.accounts import open_accounts
    from swarmshare.app.signed_in import signed_in_at
    from swarmshare.storage.files import replacing

    sign_in = signed_in_at(arguments.tracker)
    folder: Path = arguments.folder
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(folder, os_reason(error)) from error
    for name in DOCUMENTS.values():
        if (folder / name).exists():
            raise StorageError(folder / name, Text("cli.there-already"), hint=Text("hint.other-folder-or-move"))
    with open_accounts(sign_in.tracker, sign_in.token) as api:
        for what, name in DOCUMENTS.items():
            with replacing(folder / name, mode=0o600) as file:
                api.export(what, file.write, secrets=arguments.secrets and what == "accounts")
    sizes = {what: (folder / name).stat().st_size for what, name in DOCUMENTS.items()}
    for what, name in DOCUMENTS.items():
        output.line(f"{folder / name}: the {what}, {size(sizes[what])}")
    if arguments.secrets:
        output.line("Keep this folder secret: it has the passkeys and password hashes of all.")
    output.event("exported", tracker=sign_in.tracker, folder=clean(str(folder)), secrets=arguments.secrets, bytes=sizes)
    return 0


def run_import(arguments: argparse.Namespace, output: Output) -> int:
    """Add what is not there yet, the accounts first: they are the publishers."""
    from swarmshare.app.accounts import open_accounts
    from swarmshare.app.signed_in import signed_in_at

    sign_in = signed_in_at(arguments.tracker)
    documents = {what: _read(arguments.folder / name, LISTS[what]) for what, name in DOCUMENTS.items()}
    results: dict[str, dict[str, int]] = {}
    with open_accounts(sign_in.tracker, sign_in.token) as api:
        for what, document in documents.items():
            results[what] = _import(api, what, document)
            added, skipped = results[what]["added"], results[what]["skipped"]
            output.line(f"{what}: {added:,} added, {skipped:,} were there already")
    lacking = sum("password_hash" not in record for record in documents["accounts"]["accounts"])
    if lacking:
        output.line(f"{plural(lacking, 'account')} came without a password. For each: swarmshare invite --for NAME")
    output.event("imported", tracker=sign_in.tracker, **results)
    return 0


def _read(path: Path, name: str) -> dict[str, Any]:
    hint = Text("hint.exported")
    try:
        if (length := path.stat().st_size) > MAX_DOCUMENT:
            raise StorageError(path, Text("cli.document-large", length=length, limit=MAX_DOCUMENT))
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise StorageError(path, os_reason(error), hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise StorageError(path, Text("cli.not-json"), hint=hint) from error
    if not isinstance(document, dict) or not isinstance(document.get(name), list):
        raise StorageError(path, Text("cli.no-list", name=repr(name)), hint=hint)
    if not all(isinstance(record, dict) for record in document[name]):
        raise StorageError(path, Text("cli.not-objects", name=repr(name)), hint=hint)
    return document


def _import(api: AccountApi, what: str, document: dict[str, Any]) -> dict[str, int]:
    """In as many requests as it takes: each counts whole or not at all, and to repeat one does no harm."""
    name = LISTS[what]
    added = skipped = 0
    for records in batches(document[name]):
        done = api.import_(what, json.dumps({**document, name: records}).encode())
        added += done.added
        skipped += len(records) - done.added
    return {"added": added, "skipped": skipped}


def batches(records: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield ``records`` in parts of about :data:`BATCH` characters; one part, of nothing, when there are none."""
    part: list[dict[str, Any]] = []
    length = 0
    for record in records:
        weight = len(json.dumps(record))
        if part and length + weight > BATCH:
            yield part
            part, length = [], 0
        part.append(record)
        length += weight
    yield part
