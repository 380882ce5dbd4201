"""Whom a token or a passkey speaks for, and what an info hash names: from memory, as long as nothing changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from sqlalchemy import select

from swarmshare.texts import Text
from swarmshare.tracker.domain.lookup import Identity, Role, SwarmEntry
from swarmshare.tracker.domain.models import AccountRow, EntryRow, TokenRow, WireHashRow
from swarmshare.tracker.domain.refusals import Reason, RefusalError
from swarmshare.tracker.domain.tokens import digest, is_passkey

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.sql import ColumnElement

    from swarmshare.tracker.domain import values
    from swarmshare.tracker.domain.database import Database
    from swarmshare.tracker.domain.unsaved_tokens import UnsavedTokens

CACHED: Final = 20_000
"""Most answers of each kind that are remembered; then all are forgotten. Answers of "there is none" count, too."""

K = TypeVar("K")
V = TypeVar("V")


class Holder(NamedTuple):
    """The account that holds a token, and the state of that token."""

    identity: Identity
    token: int
    expires_at: int
    suspended: bool


class Directory:
    """The :class:`~swarmshare.tracker.domain.lookup.Lookup` of one tracker, with a cache.

    It listens to the tracker's changes: whatever may be affected is forgotten at once, and read anew when asked for.
    """

    def __init__(
        self, database: Database, clock: Callable[[], float], unsaved: UnsavedTokens, *, open_swarms: bool
    ) -> None:
        self._database = database
        self._unsaved = unsaved
        self._clock = clock
        self._open_swarms = open_swarms
        self._holders: _Cache[bytes, Holder | None] = _Cache()
        self._passkeys: _Cache[str, Identity | None] = _Cache()
        self._entries: _Cache[bytes, SwarmEntry | None] = _Cache()
        self._wire_hashes: _Cache[bytes, SwarmEntry | None] = _Cache()

    def holder(self, token: str) -> Holder:
        """Return who holds ``token``; raise a :class:`RefusalError` that says why nobody does."""
        holder = self._holders.get(digest(token), self._find_holder)
        if holder is None:
            raise RefusalError(Reason.BAD_TOKEN, Text("token.unknown"))
        if holder.expires_at <= self._clock():
            raise RefusalError(Reason.TOKEN_EXPIRED, Text("token.expired"))
        if holder.suspended:
            raise RefusalError(Reason.SUSPENDED, Text("account.suspended"))
        return holder

    def identify(self, token: str) -> Identity | None:
        """Return who holds ``token``; None when nobody does, or may not use it now."""
        try:
            return self.holder(token).identity
        except RefusalError:
            return None

    def is_suspended(self, token: str) -> bool:
        """Return whether ``token`` would be good if its account were not suspended."""
        try:
            self.holder(token)
        except RefusalError as refusal:
            return refusal.reason is Reason.SUSPENDED
        return False

    def by_passkey(self, passkey: str) -> Identity | None:
        """Return the account whose announce URL has ``passkey``; what cannot be one is not even looked up."""
        return self._passkeys.get(passkey, self._find_passkey) if is_passkey(passkey) else None

    def entry(self, info_hash: bytes) -> SwarmEntry | None:
        """Return the entry with this full info hash, 32 bytes; None when the catalogue has none."""
        return self._entries.get(info_hash, self._find_by_info_hash)

    def entry_by_wire_hash(self, wire_hash: bytes) -> SwarmEntry | None:
        """Return the entry that ordinary clients know by these 20 bytes; None when there is none.

        With open swarms, any hash has an entry, of which nothing is known but the hash.
        """
        entry = self._wire_hashes.get(wire_hash, self._find_by_wire_hash)
        if entry is None and self._open_swarms:
            # Its length is a bound for what clients claim; its full info hash cannot be that of any manifest.
            return SwarmEntry(wire_hash.ljust(32, b"\0"), (wire_hash,), "", 0, 2**62, private=False)
        return entry

    def accounts_changed(self) -> None:
        """Forgets every account, token and passkey."""
        self._holders.clear()
        self._passkeys.clear()

    def account_cut(self, account: int) -> None:
        """Do nothing: :meth:`accounts_changed` was called before, and forgot it."""

    def published(self, _entry: values.EntryView) -> None:
        """Forgets that the entry was not there."""
        self._forget_entries()

    def withdrawn(self, _info_hash: bytes) -> None:
        """Forgets that the entry was there."""
        self._forget_entries()

    def _forget_entries(self) -> None:
        self._entries.clear()
        self._wire_hashes.clear()

    def _find_holder(self, token_digest: bytes) -> Holder | None:
        wanted = (
            select(AccountRow, TokenRow.id, TokenRow.expires_at)
            .join(TokenRow, TokenRow.account == AccountRow.id)
            .where(TokenRow.digest == token_digest)
        )
        with self._database.read() as session:
            if (unsaved := self._unsaved.find(token_digest)) is not None:
                account, token, expires_at = session.get_one(AccountRow, unsaved.account), *unsaved[1:]
            elif (found := session.execute(wanted).one_or_none()) is not None:
                account, token, expires_at = found
            else:
                return None
            return Holder(_identity(account), token, expires_at, account.suspended_at is not None)

    def _find_passkey(self, passkey: str) -> Identity | None:
        with self._database.read() as session:
            row = session.scalar(
                select(AccountRow).where(AccountRow.passkey == passkey, AccountRow.suspended_at.is_(None))
            )
            return None if row is None else _identity(row)

    def _find_by_info_hash(self, info_hash: bytes) -> SwarmEntry | None:
        return self._find_entry(EntryRow.info_hash == info_hash)

    def _find_by_wire_hash(self, wire_hash: bytes) -> SwarmEntry | None:
        named = select(WireHashRow.entry).where(WireHashRow.hash == wire_hash).scalar_subquery()
        return self._find_entry(EntryRow.id == named)

    def _find_entry(self, condition: ColumnElement[bool]) -> SwarmEntry | None:
        with self._database.read() as session:
            row = session.scalar(select(EntryRow).where(condition))
            if row is None:
                return None
            wire_hashes = session.scalars(
                select(WireHashRow.hash).where(WireHashRow.entry == row.id).order_by(WireHashRow.version.desc())
            ).all()
            return SwarmEntry(
                row.info_hash, tuple(wire_hashes), row.name, row.piece_count, row.total_length, private=row.private
            )


class _Cache(Generic[K, V]):
    """Remembers answers by key. One that was on its way when all were forgotten is not remembered."""

    def __init__(self) -> None:
        self._known: dict[K, V] = {}

    def get(self, key: K, find: Callable[[K], V]) -> V:
        known = self._known
        if key not in known:
            answer = find(key)  # other requests may run meanwhile, and change what this asks for: then ``known`` is old
            if len(known) >= CACHED:
                known.clear()
            known[key] = answer
            return answer
        return known[key]

    def clear(self) -> None:
        self._known = {}


def _identity(row: AccountRow) -> Identity:
    return Identity(row.id, row.name, Role(row.role))
