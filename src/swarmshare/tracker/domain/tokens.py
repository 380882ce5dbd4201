"""Secrets that are handed out once and kept as a digest: tokens, invitations, the setup token; and passkeys."""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from typing import NamedTuple


class Minted(NamedTuple):
    """A secret, told once, and the digest of it that is stored."""

    secret: str
    digest: bytes


def mint(kind: str) -> Minted:
    """Return a new secret of 256 random bits; ``kind`` begins it, so that whoever finds it knows what it is."""
    secret = f"{kind}_{secrets.token_urlsafe(32)}"
    return Minted(secret, digest(secret))


def digest(secret: str) -> bytes:
    """Return the SHA-256 of a secret, 32 bytes. It is random, so there is nothing to guess: a fast hash will do."""
    return sha256(secret.encode("utf-8", "replace")).digest()


_PASSKEY = re.compile(r"[0-9a-f]{32}")


def new_passkey() -> str:
    """Return 128 random bits as 32 hexadecimal digits, the form that tracker operators know."""
    return secrets.token_hex(16)


def is_passkey(text: str) -> bool:
    """Whether ``text`` could be a passkey."""
    return _PASSKEY.fullmatch(text) is not None
