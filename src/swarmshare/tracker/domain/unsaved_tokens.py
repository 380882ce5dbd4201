"""Tokens that the database could not take: a full disk or a lock must not keep people from signing in."""

from __future__ import annotations

from typing import Final, NamedTuple

from swarmshare.tracker.domain import values
from swarmshare.tracker.domain.tokens import mint

MAX_TOKENS: Final = 1_000
"""Most of them; the oldest makes room for a new one."""
LIFETIME: Final = 86_400
"""Seconds; it ends with the tracker, too."""


class UnsavedToken(NamedTuple):
    """A token without its secret."""

    account: int
    number: int
    """Negative: those in the database count upwards from 1."""
    expires_at: int


class UnsavedTokens:
    """The tokens in memory of one tracker. It listens to the tracker's changes."""

    def __init__(self) -> None:
        self._by_digest: dict[bytes, UnsavedToken] = {}
        self._last = 0

    def issue(self, account: int, now: float) -> values.Secret:
        """Return a new token of ``account``, whose time begins at ``now``, in seconds since 1970."""
        while len(self._by_digest) >= MAX_TOKENS:
            del self._by_digest[next(iter(self._by_digest))]
        token = mint("token")
        self._last -= 1
        issued = UnsavedToken(account, self._last, int(now) + LIFETIME)
        self._by_digest[token.digest] = issued
        return values.Secret(id=issued.number, secret=token.secret, expires_at=issued.expires_at)

    def find(self, token_digest: bytes) -> UnsavedToken | None:
        """Return the token with this digest; None when it is none of these."""
        return self._by_digest.get(token_digest)

    def revoke(self, account: int, number: int) -> bool:
        """End one token of ``account``; False when there is none with this number."""
        found = [digest for digest, token in self._by_digest.items() if token[:2] == (account, number)]
        for digest in found:
            del self._by_digest[digest]
        return bool(found)

    def accounts_changed(self) -> None:
        """Do nothing: tokens end in :meth:`account_cut`."""

    def account_cut(self, account: int) -> None:
        """End every token of ``account``: its password may have changed, or it may be suspended."""
        self._by_digest = {digest: token for digest, token in self._by_digest.items() if token.account != account}

    def published(self, _entry: values.EntryView) -> None:
        """Do nothing: tokens do not depend on the catalogue."""

    def withdrawn(self, _info_hash: bytes) -> None:
        """Do nothing: tokens do not depend on the catalogue."""
