"""One client at one address and port: which member replaces another there, and when the other comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.tracker.swarms.store.base import MemberRecord, SwarmStore


class Replacements:
    """Decides who may be a member at an address and port, which are one machine's.

    A client that was killed comes back with another peer id and takes the place of what it was:

    ==========================  ==========================================================
    the new member              replaces, at the address that it speaks from and its port
    ==========================  ==========================================================
    no account                  clients without one; is none itself next to an account's
    announces for an account    clients of the same account or of none, known by announces
                                only; is none itself next to a connected one
    connected for an account    the same
    ==========================  ==========================================================

    So nobody replaces another's client from behind the same router: two accounts, or two that are connected, are two
    machines. A client without an account proves nothing, so whom it replaced is remembered, and comes back when it
    stops: the other may have been there all the time.
    """

    def __init__(self, store: SwarmStore, clock: Callable[[], float]) -> None:
        """Decide for the members in ``store``; ``clock`` measures time, in seconds."""
        self._store = store
        self._clock = clock
        self._replaced: dict[tuple[bytes, bytes], tuple[MemberRecord, float]] = {}
        """By swarm and id of a member without an account, the other such one whose place it took, and when."""

    def take_place(self, info_hash: bytes, member: MemberRecord) -> bool:
        """Remove the members that ``member`` replaces, before it is put into the store.

        Returns:
            False when whoever is there may not be replaced: ``member`` is then the same machine, and no further member.
        """
        rivals = [
            rival
            for rival in self._store.at(info_hash, member.addresses[0], member.port)
            if rival.member_id != member.member_id
        ]
        if member.account is None:
            taken = any(rival.account is not None for rival in rivals)
        else:
            rivals = [rival for rival in rivals if rival.account in (None, member.account)]
            taken = not member.session and any(rival.session for rival in rivals)
        for rival in rivals if not taken else ():
            if not rival.session:
                self._replace(info_hash, rival, member)
        return not taken

    def remove(self, info_hash: bytes, piece_count: int, member_id: bytes, address: bytes, port: int) -> None:
        """Remove a client that stops, and put the one back whose place it had taken.

        Args:
            info_hash: The full info hash of the swarm.
            piece_count: The number of pieces of its manifest.
            member_id: The client, as the store knows it.
            address: Where it speaks from, 4 or 16 bytes.
            port: Where it listens.
        """
        for member in self._store.at(info_hash, address, port):
            found = self._replaced.get((info_hash, member.member_id))
            if found is not None and found[0].member_id == member_id:
                del self._replaced[info_hash, member.member_id]
        found = self._replaced.pop((info_hash, member_id), None)
        if self._store.remove(info_hash, member_id, "") and found is not None:
            self._store.put(info_hash, piece_count, found[0])

    def forget(self, age: float) -> None:
        """Forget whoever was replaced more than ``age`` seconds ago."""
        now = self._clock()
        self._replaced = {key: (member, at) for key, (member, at) in self._replaced.items() if now - at <= age}

    def _replace(self, info_hash: bytes, rival: MemberRecord, member: MemberRecord) -> None:
        self._store.remove(info_hash, rival.member_id, "")
        now = self._clock()
        older = self._replaced.pop((info_hash, rival.member_id), (rival, now))
        if member.account is None:
            # Two that replace each other in turn must not put each other back.
            self._replaced[info_hash, member.member_id] = (
                (rival, now) if older[0].member_id == member.member_id else older
            )
