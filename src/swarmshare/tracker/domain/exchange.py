"""Accounts and the catalogue as JSON documents, out and in again: for another tracker, or for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta, Struct, json
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from swarmshare.texts import Text
from swarmshare.tracker.domain.account_names import checked_name, folded
from swarmshare.tracker.domain.lookup import Role
from swarmshare.tracker.domain.models import AccountRow, EntryRow, ManifestRow
from swarmshare.tracker.domain.passwords import is_hash
from swarmshare.tracker.domain.refusals import Reason, RefusalError
from swarmshare.tracker.domain.tokens import is_passkey, new_passkey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from swarmshare.manifest.manifest import InfoHash
    from swarmshare.tracker.domain.catalogue import Catalogue
    from swarmshare.tracker.domain.changes import ChangeFeed
    from swarmshare.tracker.domain.database import Database

MAX_REPORTED: Final = 1_000
"""Most names in a report of what an import left alone."""

Time = Annotated[int, Meta(ge=0, le=2**53)]


class AccountRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One account. The two secrets are there when they were asked for."""

    name: str
    role: Role
    created_at: Time
    suspended: bool
    password_hash: str | None = None
    """argon2id. An account without one cannot sign in until an organiser invites it to set a password."""
    passkey: str | None = None


class AccountsDocument(Struct, frozen=True, kw_only=True):
    """All accounts of a tracker."""

    format: Literal["swarmshare-accounts"] = "swarmshare-accounts"
    version: Literal[1] = 1
    accounts: list[AccountRecord]


class EntryRecord(Struct, frozen=True, kw_only=True):
    """One entry of the catalogue. What else is to be known of it is in the manifest."""

    info_hash: str
    name: str
    publisher: str
    published_at: Time
    manifest: bytes
    """In base64."""


class CatalogueDocument(Struct, frozen=True, kw_only=True):
    """The whole catalogue of a tracker, with its manifests."""

    format: Literal["swarmshare-catalogue"] = "swarmshare-catalogue"
    version: Literal[1] = 1
    entries: list[EntryRecord]


class ImportReport(Struct, frozen=True, kw_only=True):
    """How many were added by an import, and which were not."""

    added: int
    skipped: list[str]
    """The names of those that were there already, and stay as they are."""


class Exchange:
    """Export and import for one tracker. An import happens whole or not at all."""

    def __init__(self, database: Database, catalogue: Catalogue, changes: ChangeFeed) -> None:
        self._database = database
        self._catalogue = catalogue
        self._changes = changes

    def export_accounts(self, *, secrets: bool) -> AccountsDocument:
        """Return every account; with ``secrets``, also its password hash and its passkey."""
        with self._database.read() as session:
            return AccountsDocument(
                accounts=[
                    AccountRecord(
                        name=row.name,
                        role=Role(row.role),
                        created_at=row.created_at,
                        suspended=row.suspended_at is not None,
                        password_hash=row.password if secrets else None,
                        passkey=row.passkey if secrets else None,
                    )
                    for row in session.scalars(select(AccountRow).order_by(AccountRow.id))
                ]
            )

    def import_accounts(self, document: AccountsDocument) -> ImportReport:
        """Add the accounts whose names are free; raise :class:`RefusalError` when one of them is not right."""
        rows = [_account_row(record, number) for number, record in enumerate(document.accounts)]
        skipped = []
        try:
            with self._database.write() as session:
                taken = set(session.scalars(select(AccountRow.folded)))
                for row in rows:
                    if row.folded in taken:
                        skipped.append(row.name)
                        continue
                    taken.add(row.folded)
                    session.add(row)
        except IntegrityError:
            raise _refusal(Text("import.same-passkey"), "accounts") from None
        self._changes.accounts_changed()
        return ImportReport(added=len(rows) - len(skipped), skipped=skipped[:MAX_REPORTED])

    def export_catalogue(self) -> Iterator[bytes]:
        """Yield a :class:`CatalogueDocument`, bit by bit: it may be larger than memory."""
        # The document's own encoder writes all but the entries, which come one at a time.
        head, tail = json.encode(CatalogueDocument(entries=[])).split(b"[]")
        yield head + b"["
        after, separator = 0, b"\n"
        while (found := self._next_entry(after)) is not None:
            after, record = found
            yield separator + json.encode(record)
            separator = b",\n"
        yield b"\n]" + tail + b"\n"

    def import_catalogue(self, document: CatalogueDocument, importer: int) -> ImportReport:
        """Add the entries that are not there yet; raises :class:`RefusalError` when a manifest is not right.

        An entry whose publisher has no account here is published by ``importer``.
        """
        manifests = [self._catalogue.parse(record.manifest) for record in document.entries]
        skipped, added = [], []
        try:
            with self._database.write() as session:
                for record, manifest in zip(document.entries, manifests, strict=True):
                    if _is_there(session, manifest.info_hash):
                        skipped.append(manifest.name)
                        continue
                    owner = session.scalar(select(AccountRow.id).where(AccountRow.folded == folded(record.publisher)))
                    self._catalogue.insert(session, manifest, owner or importer, record.published_at)
                    added.append(manifest.info_hash)
        except IntegrityError:
            raise _refusal(Text("import.same-hash"), "entries") from None
        for info_hash in added:
            self._changes.published(self._catalogue.entry(info_hash.full))
        return ImportReport(added=len(added), skipped=skipped[:MAX_REPORTED])

    def _next_entry(self, after: int) -> tuple[int, EntryRecord] | None:
        wanted = (
            select(EntryRow, AccountRow.name, ManifestRow.data)
            .join(AccountRow, AccountRow.id == EntryRow.publisher)
            .join(ManifestRow, ManifestRow.entry == EntryRow.id)
            .where(EntryRow.id > after)
            .order_by(EntryRow.id)
            .limit(1)
        )
        with self._database.read() as session:
            found = session.execute(wanted).one_or_none()
        if found is None:
            return None
        row, publisher, manifest = found
        return row.id, EntryRecord(
            info_hash=row.info_hash.hex(),
            name=row.name,
            publisher=publisher,
            published_at=row.published_at,
            manifest=manifest,
        )


def _account_row(record: AccountRecord, number: int) -> AccountRow:
    where = f"accounts[{number}]"
    try:
        name = checked_name(record.name)
    except RefusalError as error:
        raise _refusal(error.message, f"{where}.name") from None
    if record.password_hash is not None and not is_hash(record.password_hash):
        raise _refusal(Text("import.password-hash"), f"{where}.password_hash")
    if record.passkey is not None and not is_passkey(record.passkey):
        raise _refusal(Text("import.passkey"), f"{where}.passkey")
    return AccountRow(
        name=name,
        folded=folded(name),
        role=record.role,
        password=record.password_hash,
        passkey=record.passkey or new_passkey(),
        created_at=record.created_at,
        suspended_at=record.created_at if record.suspended else None,
    )


def _is_there(session: Session, info_hash: InfoHash) -> bool:
    return session.scalar(select(EntryRow.id).where(EntryRow.info_hash == info_hash.full)) is not None


def _refusal(message: Text, field: str) -> RefusalError:
    return RefusalError(Reason.IMPORT, message, field=field)
