"""Passwords: which are accepted, and their argon2id hashes, computed where no other request waits for it."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from swarmshare.texts import Text
from swarmshare.tracker.domain.refusals import Reason, RefusalError

if TYPE_CHECKING:
    from swarmshare.tracker.domain.offload import Offload

MIN_LENGTH: Final = 8
MAX_LENGTH: Final = 256
"""In characters."""


def check_password(password: str, name: str) -> None:
    """Raise :class:`RefusalError` for a password that is too short, too long, or the account's own name."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise RefusalError(
            Reason.PASSWORD_WEAK, Text("password.length", least=MIN_LENGTH, most=MAX_LENGTH), field="password"
        )
    if password.casefold() == name.casefold():
        raise RefusalError(Reason.PASSWORD_WEAK, Text("password.is-name"), field="password")


class Passwords:
    """Hashes and compares passwords with argon2id (RFC 9106)."""

    def __init__(self, offload: Offload, *, memory: int) -> None:
        """Hashes with ``memory`` bytes, and RFC 9106's second recommendation otherwise: three passes, four lanes."""
        self._offload = offload
        self._hasher = PasswordHasher(memory_cost=memory // 1024)
        self._nobody = self._hasher.hash("")

    def hash(self, password: str) -> str:
        """Return a hash of ``password`` that has its salt and parameters in it."""
        return self._offload(self._hasher.hash, _bytes(password))

    def verify(self, hashed: str | None, password: str) -> bool:
        """Whether ``password`` has this hash; it takes as long when there is none, so that time tells nothing."""
        if hashed is None:
            self._offload(_matches, self._hasher, self._nobody, password)
            return False
        return self._offload(_matches, self._hasher, hashed, password)


def is_hash(text: str) -> bool:
    """Whether ``text`` is a hash that :meth:`Passwords.verify` could use, at a cost that we could bear."""
    try:
        cost = extract_parameters(text)
    except InvalidHashError:
        return False
    return cost.type is Type.ID and cost.memory_cost <= 2**20 and cost.time_cost <= 16 and cost.parallelism <= 16


def _matches(hasher: PasswordHasher, hashed: str, password: str) -> bool:
    try:
        return hasher.verify(hashed, _bytes(password))
    except VerifyMismatchError:
        return False


def _bytes(password: str) -> bytes:
    """Return the bytes of a password in NFKC, as RFC 8265 has it: two ways to type ``é`` are one password."""
    return unicodedata.normalize("NFKC", password).encode()
