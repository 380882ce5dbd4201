"""Bodies and query strings of requests to the HTTP API, with their bounds."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from swarmshare.tracker.config import Registration
from swarmshare.tracker.domain.catalogue import Sort
from swarmshare.tracker.domain.lookup import Role

Name: TypeAlias = Annotated[str, Meta(max_length=160)]
Password: TypeAlias = Annotated[str, Meta(max_length=1024)]
Code: TypeAlias = Annotated[str, Meta(max_length=256)]
Number: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Body(Struct, kw_only=True, forbid_unknown_fields=True):
    """A JSON object. A field that is not known is refused: it was meant to do something."""


class Register(Body):
    """What it takes to make an account."""

    name: Name
    password: Password
    invitation: Code | None = None
    setup_token: Code | None = None
    """Makes the first organiser: the tracker prints it when it starts."""
    label: Annotated[str, Meta(max_length=100)] = ""
    """Of the token that comes with it."""


class SignIn(Body):
    """A name and a password, to get a token."""

    name: Name
    password: Password
    label: Annotated[str, Meta(max_length=100)] = ""
    """What the token is for, to recognise it by in a list."""


class ChangePassword(Body):
    """The old password and a new one."""

    old: Password
    new: Password


class ResetPassword(Body):
    """A new password instead of a forgotten one."""

    name: Name
    invitation: Code
    """One that an organiser made for this account."""
    new: Password


class ChangeAccount(Body):
    """What an organiser may change about an account; null leaves it as it is."""

    suspended: bool | None = None
    role: Role | None = None


class Invite(Body):
    """Whom an invitation is for."""

    account: Number | None = None
    """The account whose password it sets; null: a new one."""


class ChangeSettings(Body):
    """What the organiser decides from now on."""

    registration: Registration


class Page(Struct, kw_only=True, forbid_unknown_fields=True):
    """The part of a list that is wanted."""

    offset: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class FindEntries(Page):
    """The entries of the catalogue that are wanted."""

    search: Annotated[str, Meta(max_length=200, description="Words that the name or the comment has all of.")] = ""
    info_hash: Annotated[
        str, Meta(pattern="^([0-9a-f]{8,64})?$", description="How the info hash begins: 8 digits or more.")
    ] = ""
    name: Annotated[str, Meta(max_length=1024, description="The whole name, letter by letter.")] = ""
    publisher: Annotated[str, Meta(max_length=160, description="The name of an account.")] = ""
    private: Annotated[bool | None, Meta(description="Only private ones, or only those that are not.")] = None
    sort: Sort = Sort.NEWEST


class FindMembers(Page):
    """The members of a swarm that are wanted."""

    pieces: Annotated[bool, Meta(description="Whether to tell which pieces each has.")] = False


class ExportAccounts(Struct, kw_only=True, forbid_unknown_fields=True):
    """How much of the accounts to export."""

    secrets: Annotated[bool, Meta(description="Password hashes and passkeys, too.")] = False
