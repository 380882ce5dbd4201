"""Who makes room: those of the least use, and nobody for a network that has more places already."""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from swarmshare.swarm.room import IDLE, WAITING, Occupant, PendingHandshakes, who_makes_room

occupants = st.builds(
    Occupant,
    key=st.uuids(),
    network=st.sampled_from("abc"),
    idle=st.sampled_from([0.0, 1.0, IDLE, IDLE + 1, WAITING]),
    exchanged=st.booleans(),
    wanted=st.booleans(),
)


def peer(
    name: str, network: str = "a", idle: float = 0.0, *, exchanged: bool = False, wanted: bool = False
) -> Occupant[str]:
    return Occupant(name, network, idle, exchanged, wanted)


@given(st.lists(occupants, max_size=12), st.sampled_from("abcd"))
def test_whoever_makes_room_is_idle_or_one_of_a_crowd(there: list[Occupant[object]], network: str) -> None:
    found = who_makes_room(there, network)
    gone = next((occupant for occupant in there if occupant.key == found), None)
    count = {name: sum(occupant.network == name for occupant in there) for name in "abcd"}
    over = [one for one in there if one.idle >= (WAITING if one.wanted else IDLE)]
    crowd = [one for one in there if not one.exchanged and count[one.network] > count[network] + 1]
    assert (gone is None) == (not over and not crowd)
    if over:
        assert gone is not None
        assert gone in over
        assert gone.idle == max(one.idle for one in over)
    elif gone is not None:
        assert gone in crowd
        assert count[gone.network] == max(count[one.network] for one in crowd)


def test_one_network_crowds_out_no_other() -> None:
    """However many come from it: they get no further than to one more than the other has."""
    there = [peer(str(number), "many") for number in range(4)]
    assert who_makes_room(there, "few") == "0"
    assert who_makes_room([*there[:2], peer("x", "few")], "few") is None
    assert who_makes_room([peer("x", "few")], "many") is None


def test_who_exchanged_anything_stays_until_it_is_idle() -> None:
    busy = [peer(str(number), exchanged=True) for number in range(5)]
    assert who_makes_room(busy, "b") is None
    assert who_makes_room([*busy, peer("idle", idle=IDLE, exchanged=True)], "b") == "idle"
    assert who_makes_room([peer("waits", idle=IDLE, wanted=True, exchanged=True)], "b") is None
    assert who_makes_room([peer("waits", idle=WAITING, wanted=True)], "b") == "waits"


def test_nobody_is_there() -> None:
    assert who_makes_room([], "a") is None


def test_the_oldest_of_the_largest_network_loses_its_place() -> None:
    handshakes, ended = PendingHandshakes(3), list[str]()

    def come(stack: ExitStack, name: str, network: str) -> None:
        stack.enter_context(handshakes.place(network, lambda: ended.append(name)))

    with ExitStack() as stack:
        for name, network in (("b1", "b"), ("a1", "a"), ("a2", "a")):
            come(stack, name, network)
        assert ended == []
        come(stack, "c1", "c")
        assert ended == ["a1"]
        come(stack, "c2", "c")  # with it, its own network has most
        assert ended == ["a1", "c1"]
        come(stack, "d1", "d")
        assert ended == ["a1", "c1", "b1"]
    with ExitStack() as stack:
        for name in ("x", "y", "z"):
            come(stack, name, "a")
        assert len(ended) == 3, "those that left have given their places back"
