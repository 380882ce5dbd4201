"""Answers of the HTTP API, beyond the :mod:`~swarmshare.tracker.domain.values` themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from swarmshare.schema.text_wire import dump_text
from swarmshare.tracker.domain import values

if TYPE_CHECKING:
    from swarmshare.texts import Text


class SaidAs(Struct, frozen=True, kw_only=True):
    """A sentence for people, without its language."""

    code: str
    """Stable; which sentence it is, such as ``account.name-taken``: there are several to a code of a problem."""
    arguments: dict[str, Any]
    """What is filled in, by name: a text, a whole number, or a sentence with ``english``, ``code``, ``arguments``."""


class ProblemDetails(Struct, frozen=True, kw_only=True):
    """Why something was not done. Nothing was changed."""

    code: str
    """Stable, for programs."""
    message: str
    """One line, for people."""
    text: SaidAs
    """The same for a program that translates it."""
    field: str | None = None
    """The part of the request that is wrong; of a manifest, the rule that it breaks."""


def problem_details(code: str, message: Text, field: str | None = None) -> ProblemDetails:
    """Return a problem, with its message as people read it and as programs translate it."""
    return ProblemDetails(code=code, message=str(message), text=SaidAs(**dump_text(message)), field=field)


class Me(Struct, frozen=True, kw_only=True):
    """The account that sent the request."""

    account: values.Account
    announce_url: str
    """For ordinary clients. It has the account's passkey in it, if there is one: it is a secret."""
    max_manifest: int
    """Bytes of the largest manifest that can be published here."""


class Identity(Struct, frozen=True, kw_only=True):
    """Who the group of this tracker is, for those who know its group id by another way."""

    group_id: str
    """Of the authority: eight parts of seven letters and digits."""
    authority: str
    """Its certificate, in PEM form."""


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
