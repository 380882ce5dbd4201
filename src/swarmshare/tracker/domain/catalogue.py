"""The catalogue: the manifests that a group has published, and who published each."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from swarmshare.common.text import REPLACEMENT, clean
from swarmshare.errors import ManifestError
from swarmshare.manifest.parse import parse_manifest
from swarmshare.texts import Text
from swarmshare.tracker.domain import values
from swarmshare.tracker.domain.account_names import folded
from swarmshare.tracker.domain.lookup import Identity, Role, SwarmCounts
from swarmshare.tracker.domain.models import AccountRow, EntryRow, ManifestRow, WireHashRow
from swarmshare.tracker.domain.refusals import Reason, RefusalError
from swarmshare.tracker.domain.torrents import fetched_form, stored_form

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Select
    from sqlalchemy.orm import Session
    from sqlalchemy.sql import ColumnElement

    from swarmshare.manifest.manifest import Manifest
    from swarmshare.tracker.config import TrackerConfig
    from swarmshare.tracker.domain.changes import ChangeFeed
    from swarmshare.tracker.domain.database import Database
    from swarmshare.tracker.domain.offload import Offload

_log: Final = logging.getLogger(__name__)

MAX_COMMENT: Final = 2_000
"""Characters of a comment that lists show; the manifest has all of it."""
MAX_SEARCH_WORDS: Final = 8


class Sort(StrEnum):
    """The order of a list of entries."""

    NEWEST = "newest"
    NAME = "name"
    LARGEST = "largest"


_ORDERS: Final = {
    Sort.NEWEST: (EntryRow.id.desc(),),
    Sort.NAME: (EntryRow.search, EntryRow.id),
    Sort.LARGEST: (EntryRow.total_length.desc(), EntryRow.id),
}


class Wanted(NamedTuple):
    """The conditions that an entry of a list must fulfil, and the order of the list."""

    search: str = ""
    """Words that all must be somewhere in the name or the comment; case does not matter."""
    info_hash: str = ""
    """How the info hash begins, in lower-case hexadecimal digits."""
    name: str = ""
    """The whole name, letter by letter."""
    publisher: str | None = None
    """The name of an account."""
    private: bool | None = None
    sort: Sort = Sort.NEWEST


class Catalogue:
    """The catalogue of one tracker, in its database."""

    def __init__(
        self,
        database: Database,
        changes: ChangeFeed,
        clock: Callable[[], float],
        config: TrackerConfig,
        *,
        offload: Offload,
        counts: Callable[[bytes], SwarmCounts],
    ) -> None:
        """Use what it is given; nothing is read yet.

        Args:
            database: Where entries and manifests are kept.
            changes: Tells the rest of the tracker what was published and withdrawn.
            clock: Tells the time of day, in seconds since 1970.
            config: Has the bounds of manifests and of accounts.
            offload: Parses large manifests elsewhere.
            counts: Returns the numbers of the swarm with a full info hash.
        """
        self._database = database
        self._changes = changes
        self._clock = clock
        self._config = config
        self._offload = offload
        self._counts = counts

    def publish(self, data: bytes, publisher: Identity) -> tuple[values.EntryView, bool]:
        """Put a manifest, the bytes of a ``.torrent``, into the catalogue.

        To publish again what one has published changes nothing.

        Returns:
            Its entry, and whether that is new.

        Raises:
            RefusalError: It is no manifest, too large, somebody else's already, or too much for the account.
        """
        manifest = self.parse(data)
        try:
            with self._database.write() as session:
                owner = session.scalar(select(EntryRow.publisher).where(EntryRow.info_hash == manifest.info_hash.full))
                if owner is None:
                    self.insert(session, manifest, publisher.account, int(self._clock()))
                elif owner != publisher.account:
                    raise _already_published(manifest)
        except IntegrityError:  # another came first, or another manifest has the same SHA-1 info hash
            raise _already_published(manifest) from None
        entry = self.entry(manifest.info_hash.full)
        if owner is None:
            _log.info("%s: published by %s", manifest.info_hash, publisher.name)
            self._changes.published(entry)
        return entry, owner is None

    def parse(self, data: bytes) -> Manifest:
        """Return the manifest in ``data``; raise a :class:`RefusalError` whose field is the rule that it breaks."""
        if len(data) > self._config.max_manifest:
            raise RefusalError(Reason.MANIFEST_SIZE, Text("catalogue.manifest-size", limit=self._config.max_manifest))
        try:
            return self._offload(parse_manifest, data)
        except ManifestError as error:
            raise RefusalError(Reason.MANIFEST, error.message, field=error.rule) from error

    def insert(self, session: Session, manifest: Manifest, publisher: int, published_at: int) -> None:
        """Add an entry in the transaction of ``session``.

        Raises:
            RefusalError: It would be too much for the account of ``publisher``.
            IntegrityError: One of its hashes is there already.
        """
        stored = stored_form(manifest)
        wanted = select(func.count(), func.coalesce(func.sum(EntryRow.manifest_length), 0))
        count, length = session.execute(wanted.where(EntryRow.publisher == publisher)).one()
        if count >= self._config.max_entries_per_account:
            raise RefusalError(Reason.QUOTA, Text("catalogue.entries", limit=self._config.max_entries_per_account))
        if length + len(stored) > self._config.max_manifest_bytes_per_account:
            raise RefusalError(Reason.QUOTA, Text("catalogue.manifests"))
        comment = clean(manifest.comment).strip()[:MAX_COMMENT]
        row = EntryRow(
            info_hash=manifest.info_hash.full,
            name=manifest.name,
            search=folded(f"{manifest.name} {comment}"),
            comment=comment,
            total_length=manifest.total_length,
            piece_length=manifest.piece_length,
            piece_count=manifest.layout.piece_count,
            file_count=len(manifest.files),
            private=manifest.private,
            publisher=publisher,
            published_at=published_at,
            manifest_length=len(stored),
        )
        session.add(row)
        session.flush()
        session.add(WireHashRow(hash=manifest.info_hash.truncated, entry=row.id, version=2))
        if manifest.info_hash_v1 is not None:
            session.add(WireHashRow(hash=manifest.info_hash_v1, entry=row.id, version=1))
        session.add(ManifestRow(entry=row.id, data=stored))
        session.flush()

    def listed(self, wanted: Wanted, *, offset: int, limit: int) -> tuple[int, list[values.EntryView]]:
        """Return how many entries there are as wanted, and up to ``limit`` of them from ``offset`` on."""
        matching = _conditions(wanted)
        counted = select(func.count(EntryRow.id)).join(AccountRow, AccountRow.id == EntryRow.publisher)
        page = _described().where(*matching).order_by(*_ORDERS[wanted.sort]).offset(offset).limit(limit)
        with self._database.read() as session:
            total = session.scalar(counted.where(*matching)) or 0
            return total, [self._value(row, publisher, v1) for row, publisher, v1 in session.execute(page)]

    def entry(self, info_hash: bytes) -> values.EntryView:
        """Return the entry with this full info hash; raise :class:`RefusalError` when there is none."""
        with self._database.read() as session:
            found = session.execute(_described().where(EntryRow.info_hash == info_hash)).one_or_none()
            if found is None:
                raise unknown_entry()
            row, publisher, info_hash_v1 = found
            return self._value(row, publisher, info_hash_v1)

    def torrent(self, info_hash: bytes, announce_url: str, passkey: str | None) -> tuple[str, bytes]:
        """Return the name and the ``.torrent`` of an entry for somebody who announces to ``announce_url``.

        Of a private entry, the URL gets the ``passkey`` in its path (BEP 27).

        Raises:
            RefusalError: There is no such entry, or it is private and there is no passkey.
        """
        wanted = select(ManifestRow.data).join(EntryRow, EntryRow.id == ManifestRow.entry)
        with self._database.read() as session:
            data = session.scalar(wanted.where(EntryRow.info_hash == info_hash))
        if data is None:
            raise unknown_entry()
        manifest = self._offload(parse_manifest, data)
        if manifest.private:
            if passkey is None:
                raise RefusalError(Reason.NO_PASSKEY, Text("catalogue.no-passkey"))
            announce_url = f"{announce_url}/{passkey}"
        return manifest.name, fetched_form(manifest, announce_url)

    def withdraw(self, info_hash: bytes, who: Identity) -> None:
        """Take an entry out; only its publisher or an organiser may. Raises :class:`RefusalError`."""
        with self._database.write() as session:
            row = session.scalar(select(EntryRow).where(EntryRow.info_hash == info_hash))
            if row is None:
                raise unknown_entry()
            if row.publisher != who.account and who.role is not Role.ORGANISER:
                raise RefusalError(Reason.NOT_YOURS, Text("catalogue.not-yours"))
            session.delete(row)
        _log.info("%s: withdrawn by %s", info_hash.hex(), who.name)
        self._changes.withdrawn(info_hash)

    def _value(self, row: EntryRow, publisher: str, info_hash_v1: bytes | None) -> values.EntryView:
        swarm = self._counts(row.info_hash)
        return values.EntryView(
            info_hash=row.info_hash.hex(),
            info_hash_v1=None if info_hash_v1 is None else info_hash_v1.hex(),
            name=row.name,
            comment=row.comment,
            publisher=publisher,
            published_at=row.published_at,
            total_length=row.total_length,
            piece_length=row.piece_length,
            piece_count=row.piece_count,
            file_count=row.file_count,
            private=row.private,
            hybrid=info_hash_v1 is not None,
            seeds=swarm.seeds,
            peers=swarm.peers,
            copies=swarm.copies,
        )


def unknown_entry() -> RefusalError:
    """Return the refusal that says that the catalogue has no such entry."""
    return RefusalError(Reason.UNKNOWN_ENTRY, Text("catalogue.no-entry"))


def _already_published(manifest: Manifest) -> RefusalError:
    return RefusalError(Reason.ALREADY_PUBLISHED, Text("catalogue.published", name=repr(manifest.name)))


def _described() -> Select[EntryRow, str, bytes]:
    """Entries, each with its publisher's name, and its SHA-1 info hash if it is a hybrid."""
    return (
        select(EntryRow, AccountRow.name, WireHashRow.hash)
        .join(AccountRow, AccountRow.id == EntryRow.publisher)
        .outerjoin(WireHashRow, (WireHashRow.entry == EntryRow.id) & (WireHashRow.version == 1))
    )


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    words = folded(clean(wanted.search).replace(REPLACEMENT, " ")).split()[:MAX_SEARCH_WORDS]
    conditions: list[ColumnElement[bool]] = [EntryRow.search.contains(word, autoescape=True) for word in words]
    if wanted.info_hash:
        lowest, highest = (bytes.fromhex(wanted.info_hash.ljust(64, digit)) for digit in "0f")
        conditions.append(EntryRow.info_hash.between(lowest, highest))  # a range, so that the index serves
    if wanted.name:
        conditions.append(EntryRow.name == wanted.name)
    if wanted.publisher is not None:
        conditions.append(AccountRow.folded == folded(clean(wanted.publisher).strip()))
    if wanted.private is not None:
        conditions.append(EntryRow.private == wanted.private)
    return conditions
