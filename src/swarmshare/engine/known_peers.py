"""The members of a swarm that trackers know, and which of them we are connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swarmshare.common.bitfield import Bitfield

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable

    from swarmshare.common.address import Address
    from swarmshare.engine.announcer import Member
    from swarmshare.swarm.picker import PiecePicker


class KnownPeers:
    """Members that trackers report. Each counts for the rarity of pieces while we are not connected to it.

    Keys are the announcers' own: any hashable value that stands for one member of one tracker.
    """

    def __init__(self, picker: PiecePicker[Any], piece_count: int) -> None:
        """Start with no member; what members hold is counted in ``picker``, which has ``piece_count`` pieces."""
        self._picker = picker
        self._piece_count = piece_count
        self.members: dict[Hashable, Member] = {}
        self._bits: dict[Hashable, Bitfield] = {}
        self._by_address: dict[Address, Hashable] = {}
        self._connected: dict[Address, int] = {}
        """How many connections there are to where somebody listens."""

    def see(self, key: Hashable, member: Member | None) -> None:
        """Note a member that is new or has changed, or (None) is gone."""
        self._forget(key)
        if member is None:
            return
        self.members[key] = member
        for address in member.addresses:
            self._by_address[address] = key
        if member.bits is not None:
            try:
                self._bits[key] = Bitfield.from_wire(member.bits, self._piece_count)
            except ValueError:
                return  # a tracker's word is a hint; this one is none
            if self._is_counted(key):
                self._picker.peer_joined(self._bits[key])

    def see_pieces(self, key: Hashable, gained: Collection[int], lost: Collection[int]) -> None:
        """Note the pieces that a member, whose bits are known, has gained and lost."""
        bits = self._bits.get(key)
        if bits is None:
            return
        counted = self._is_counted(key)
        for piece in gained:
            if 0 <= piece < self._piece_count and bits.set(piece) and counted:
                self._picker.peer_has(piece)
        for piece in lost:
            if 0 <= piece < self._piece_count and bits.clear(piece) and counted:
                self._picker.peer_lost(piece)

    def forget_all(self, keys: Iterable[Hashable]) -> None:
        """Forget these members: whoever reported them does so no longer."""
        for key in list(keys):
            self._forget(key)

    def connected(self, address: Address) -> None:
        """Note a session with the peer that listens at ``address``: it says itself what it holds from here on."""
        self._change_connections(address, 1)

    def disconnected(self, address: Address) -> None:
        """Note that one of the sessions with the peer that listens at ``address`` has ended."""
        self._change_connections(address, -1)

    def is_here(self, address: Address) -> bool:
        """Return whether there is a session with who listens at ``address``, whichever of us dialled."""
        key = self._by_address.get(address)
        return address in self._connected or (key is not None and self.is_connected(key))

    def user_at(self, address: Address | None) -> str:
        """Return the name of the account whose machine listens at ``address``; empty when it is not known."""
        key = self._by_address.get(address) if address else None
        return self.members[key].user if key is not None else ""

    def bits_of(self, key: Hashable) -> Bitfield | None:
        """Return what a member holds, by its tracker; None when that is not known."""
        return self._bits.get(key)

    def is_connected(self, key: Hashable) -> bool:
        """Return whether there is a session with a member, at any of its addresses."""
        return any(address in self._connected for address in self.members[key].addresses)

    @property
    def announced_only(self) -> int:
        """How many members hold everything by their own announce alone: neither the tracker nor we are connected."""
        return sum(
            bits.is_full and not self.members[key].live and not self.is_connected(key)
            for key, bits in self._bits.items()
        )

    def _is_counted(self, key: Hashable) -> bool:
        return key in self._bits and not self.is_connected(key)

    def _change_connections(self, address: Address, by: int) -> None:
        key = self._by_address.get(address)
        before = key is not None and self._is_counted(key)
        count = self._connected.get(address, 0) + by
        if count:
            self._connected[address] = count
        else:
            self._connected.pop(address, None)
        if key is None or (after := self._is_counted(key)) == before:
            return
        if after:
            self._picker.peer_joined(self._bits[key])
        else:
            self._picker.peer_left(self._bits[key])

    def _forget(self, key: Hashable) -> None:
        member = self.members.get(key)
        if member is None:
            return
        if self._is_counted(key):
            self._picker.peer_left(self._bits[key])
        self._bits.pop(key, None)
        del self.members[key]
        for address in member.addresses:
            if self._by_address.get(address) == key:
                del self._by_address[address]
