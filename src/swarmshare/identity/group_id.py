"""The id of a group: the hash of its authority's key, written so that people can read it out, compare and type it.

It is SHA-256 over the SubjectPublicKeyInfo of the authority's certificate, in base32 (RFC 4648), as Syncthing writes
the ids of devices: after each 13 characters there is one to check them (Luhn's algorithm modulo 32), which finds every
single wrong character, and nearly all that were swapped. The 56 characters are shown as eight groups of seven.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives import serialization

from swarmshare.common.sizes import shown
from swarmshare.identity.certificates import IdentityError, read_certificate
from swarmshare.texts import Text

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CHECKED: Final = 13
_LENGTH: Final = 56
_SHOWN: Final = 7
_MISREAD: Final = str.maketrans("018", "OIB", " -")
"""What base32 does not have is what looks like it; what only separates is left out."""
_MAX_TEXT: Final = 200
"""Characters of what somebody typed."""


@dataclass(frozen=True)
class GroupId:
    """Which group: two are the same when the keys of their authorities are."""

    digest: bytes
    """32 bytes."""

    @classmethod
    def of(cls, authority: bytes) -> GroupId:
        """Return the id of the group with this ``authority``, a certificate in PEM or DER form.

        Raises :class:`IdentityError` when it is none.
        """
        key = read_certificate(authority).public_key()
        info = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return cls(sha256(info).digest())

    @classmethod
    def parse(cls, text: str) -> GroupId:
        """Return the id that somebody typed: in any case, with spaces and dashes or without.

        Raises :class:`IdentityError` with a sentence for the user, which says where a wrong character is.
        """
        typed = text.strip().upper().translate(_MISREAD) if len(text) <= _MAX_TEXT else ""
        if len(typed) != _LENGTH or set(typed) - set(_ALPHABET):
            raise IdentityError(Text("identity.group-id", text=shown(text)), hint=Text("hint.group-id"))
        data = ""
        for number, at in enumerate(range(0, _LENGTH, _CHECKED + 1)):
            part, check = typed[at : at + _CHECKED], typed[at + _CHECKED]
            if _check_character(part) != check:
                first = 2 * number + 1
                raise IdentityError(Text("identity.group-typo", first=first, second=first + 1), hint=_COMPARE)
            data += part
        digest = base64.b32decode(f"{data}====")
        if _base32(digest) != data:  # 52 characters have four bits more than 32 bytes
            raise IdentityError(Text("identity.group-typo", first=7, second=8), hint=_COMPARE)
        return cls(digest)

    def __str__(self) -> str:
        data = _base32(self.digest)
        parts = (data[at : at + _CHECKED] for at in range(0, len(data), _CHECKED))
        text = "".join(part + _check_character(part) for part in parts)
        return "-".join(text[at : at + _SHOWN] for at in range(0, _LENGTH, _SHOWN))


_COMPARE: Final = Text("hint.compare-group-id")


def _base32(digest: bytes) -> str:
    return base64.b32encode(digest).decode("ascii").rstrip("=")


def _check_character(part: str) -> str:
    total = 0
    for place, character in enumerate(part):
        value = _ALPHABET.index(character) << (place % 2)
        total += value // len(_ALPHABET) + value % len(_ALPHABET)
    return _ALPHABET[-total % len(_ALPHABET)]
