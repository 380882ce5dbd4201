"""Answers of the HTTP API, beyond the :mod:`~swarmshare.tracker.domain.values` themselves."""

from __future__ import annotations

from msgspec import Struct

from swarmshare.tracker.domain import values


class ProblemDetails(Struct, frozen=True, kw_only=True):
    """Why something was not done. Nothing was changed."""

    code: str
    """Stable, for programs."""
    message: str
    """One line, for people."""
    field: str | None = None
    """The part of the request that is wrong; of a manifest, the rule that it breaks."""


class Me(Struct, frozen=True, kw_only=True):
    """The account that sent the request."""

    account: values.Account
    announce_url: str
    """For ordinary clients. It has the account's passkey in it, if there is one: it is a secret."""
    max_manifest: int
    """Bytes of the largest manifest that can be published here."""


class AnnounceUrl(Struct, frozen=True, kw_only=True):
    """What ordinary clients announce to."""

    announce_url: str


class Accounts(Struct, frozen=True, kw_only=True):
    """A part of the accounts."""

    total: int
    accounts: list[values.Account]


class Tokens(Struct, frozen=True, kw_only=True):
    """The tokens of an account."""

    tokens: list[values.Token]


class Invitations(Struct, frozen=True, kw_only=True):
    """All invitations that are remembered."""

    invitations: list[values.Invitation]


class Entries(Struct, frozen=True, kw_only=True):
    """A part of the catalogue."""

    total: int
    entries: list[values.EntryView]


class Health(Struct, frozen=True, kw_only=True):
    """Whether the tracker works as it should."""

    status: str
    """``ok``, or the part that does not work."""
    version: str
