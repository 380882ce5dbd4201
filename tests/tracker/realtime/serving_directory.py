"""Accounts and a catalogue that never change, for tests of the swarms alone."""

from __future__ import annotations

from swarmshare.tracker.domain.lookup import Identity, Role, SwarmEntry


class Fixed:
    """A directory that never changes: a token for each name, and entries by the number of their pieces."""

    def __init__(self, names: list[str], entries: dict[str, int]) -> None:
        self.names = names
        self.entries = {bytes.fromhex(info_hash): count for info_hash, count in entries.items()}

    def identify(self, token: str) -> Identity | None:
        name = token.removeprefix("token of ")
        return Identity(self.names.index(name) + 1, name, Role.MEMBER) if name in self.names else None

    def is_suspended(self, token: str) -> bool:
        return token.startswith("suspended ")

    def by_passkey(self, passkey: str) -> Identity | None:
        return self.identify(passkey)

    def entry(self, info_hash: bytes) -> SwarmEntry | None:
        count = self.entries.get(info_hash)
        if count is None:
            return None
        return SwarmEntry(info_hash, (info_hash[:20],), "content", count, 16384 * count, private=False)

    def entry_by_wire_hash(self, wire_hash: bytes) -> SwarmEntry | None:
        return next((self.entry(info_hash) for info_hash in self.entries if info_hash[:20] == wire_hash), None)
