"""The tables: accounts, their tokens and invitations, and the catalogue. Times are whole seconds since 1970.

A change here needs a migration beside it; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from swarmshare.tracker.domain.lookup import Role


class Table(DeclarativeBase):
    """The root of all tables. Constraints have names, so that a later migration can change them anywhere."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class AccountRow(Table):
    """An account: somebody who may sign in."""

    __tablename__ = "account"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # SQLAlchemy's way; no number is given out twice

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    folded: Mapped[str] = mapped_column(String(256), unique=True)
    """The name as :func:`~swarmshare.tracker.domain.account_names.folded` has it, which is unique."""
    role: Mapped[str] = mapped_column(String(16), default=Role.MEMBER)
    password: Mapped[str | None] = mapped_column(String(256))
    """An argon2id hash; None after an import without secrets: nobody can sign in until it is set anew."""
    passkey: Mapped[str | None] = mapped_column(String(32), unique=True)
    """In plain: it must be put into each ``.torrent`` that the account fetches. None once it is revoked."""
    created_at: Mapped[int] = mapped_column(BigInteger)
    suspended_at: Mapped[int | None] = mapped_column(BigInteger)


class TokenRow(Table):
    """A token of an account, until it is revoked."""

    __tablename__ = "token"

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """SHA-256 of the token, which is 256 random bits: nothing to guess, so nothing to slow down."""
    label: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class InvitationRow(Table):
    """A code that lets one person register, or set the password of one account anew."""

    __tablename__ = "invitation"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    account: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    """The account whose password it sets; None: it is for a new one."""
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    used_at: Mapped[int | None] = mapped_column(BigInteger)


class SettingRow(Table):
    """What the organiser has set, and the digest of the setup token while there is no organiser."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class EntryRow(Table):
    """A manifest of the catalogue, but for its bytes."""

    __tablename__ = "entry"
    __table_args__ = (Index("ix_entry_publisher_id", "publisher", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    """Rises with each publication."""
    info_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    name: Mapped[str] = mapped_column(Text)
    search: Mapped[str] = mapped_column(Text)
    """Name and comment, folded."""
    comment: Mapped[str] = mapped_column(Text)
    total_length: Mapped[int] = mapped_column(BigInteger)
    piece_length: Mapped[int] = mapped_column(BigInteger)
    piece_count: Mapped[int] = mapped_column(BigInteger)
    file_count: Mapped[int] = mapped_column(BigInteger)
    private: Mapped[bool]
    publisher: Mapped[int] = mapped_column(ForeignKey("account.id"))
    published_at: Mapped[int] = mapped_column(BigInteger)
    manifest_length: Mapped[int] = mapped_column(BigInteger)


class WireHashRow(Table):
    """What ordinary clients call an entry, 20 bytes. Unique: SHA-1 can be made to collide, and must not here."""

    __tablename__ = "wire_hash"

    hash: Mapped[bytes] = mapped_column(LargeBinary(20), primary_key=True)
    entry: Mapped[int] = mapped_column(ForeignKey("entry.id", ondelete="CASCADE"), index=True)
    version: Mapped[int]
    """Of BitTorrent: 2 for the truncated info hash, 1 for a hybrid's other one."""


class ManifestRow(Table):
    """The bytes of a manifest, apart, because lists do without them."""

    __tablename__ = "manifest"

    entry: Mapped[int] = mapped_column(ForeignKey("entry.id", ondelete="CASCADE"), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
