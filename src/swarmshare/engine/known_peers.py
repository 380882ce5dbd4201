"""What is known of the other machines of a swarm: by what they tell us themselves, else by what a tracker says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swarmshare.swarm.bitfield import Bitfield

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable

    from swarmshare.engine.address import Address
    from swarmshare.engine.announcer import Member
    from swarmshare.swarm.picker import PiecePicker


class KnownPeers:
    """Members that trackers tell of. Each counts for the rarity of pieces while we are not connected to it."""

    def __init__(self, picker: PiecePicker[Any], piece_count: int) -> None:
        self._picker = picker
        self._piece_count = piece_count
        self.members: dict[Hashable, Member] = {}
        self._bits: dict[Hashable, Bitfield] = {}
        self._by_address: dict[Address, Hashable] = {}
        self._connected: dict[Address, int] = {}
        """How many connections there are to where somebody listens."""

    def see(self, key: Hashable, member: Member | None) -> None:
        """A member is there or is another than it was; None: it is gone."""
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
        """A member gained and lost pieces."""
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
        """Whoever told of these tells no more."""
        for key in list(keys):
            self._forget(key)

    def connected(self, address: Address) -> None:
        """We are connected to who listens at ``address``: it speaks for itself from here on."""
        self._change_connections(address, 1)

    def disconnected(self, address: Address) -> None:
        """One of the connections to ``address`` is gone."""
        self._change_connections(address, -1)

    def is_here(self, address: Address) -> bool:
        """Whether there is a connection to who listens at ``address``, whichever of us dialled."""
        key = self._by_address.get(address)
        return address in self._connected or (key is not None and self.is_connected(key))

    def user_at(self, address: Address | None) -> str:
        """Who listens there, by name; empty when nobody knows."""
        key = self._by_address.get(address) if address else None
        return self.members[key].user if key is not None else ""

    def bits_of(self, key: Hashable) -> Bitfield | None:
        """What a member holds, as far as it is known."""
        return self._bits.get(key)

    def is_connected(self, key: Hashable) -> bool:
        """Whether there is a connection to a member."""
        return any(address in self._connected for address in self.members[key].addresses)

    @property
    def announced_only(self) -> int:
        """How many hold everything by an announce of their own alone."""
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
