"""Why nobody is connected: which of the causes is told, in words and to programs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from swarmshare.swarm.diagnosis import (
    NO_LISTENING,
    Cause,
    DialResult,
    ListenReach,
    NoPeers,
    Outcome,
    Situation,
    explain,
)
from swarmshare.texts import system_says

BEN, CHO, HERE = ("192.168.1.6", 4000), ("2001:db8::7", 4001), ("127.0.0.1", 4002)


def told(**changes: Any) -> NoPeers | None:
    usual: dict[str, Any] = {"complete": False, "hybrid": False, "reach": ListenReach.NETWORK, "has_tracker": True}
    if "dials" in changes:
        changes["dials"] = {address: DialResult(outcome) for address, outcome in changes["dials"].items()}
    return explain(Situation(**usual | changes))


def cause(**changes: Any) -> Cause | None:
    found = told(**changes)
    assert found is None or (found.message and "{" not in found.message)
    return found.cause if found else None


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.NOT_WANTED])
def test_every_outcome_of_a_dial_is_a_cause(outcome: Outcome) -> None:
    found = told(dials={BEN: outcome})
    assert found is not None
    assert found.cause.value == outcome.value
    assert "192.168.1.6:4000" in found.message


def test_the_nearest_miss_is_told() -> None:
    outcomes = list(Outcome)
    for number, near in enumerate(outcomes[:-2]):
        for far in outcomes[number + 1 :]:
            assert cause(dials={CHO: far, BEN: near}) == Cause(near.value)


def test_where_there_are_several() -> None:
    found = told(dials={CHO: Outcome.REFUSED, BEN: Outcome.REFUSED, HERE: Outcome.NO_ANSWER})
    assert found is not None
    assert found.message.startswith("[2001:db8::7]:4001 (and 1 more) refuses connections. ")


def test_what_the_system_says() -> None:
    dials = {BEN: DialResult(Outcome.UNREACHABLE, system_says("no route to host"))}
    found = explain(Situation(complete=False, hybrid=False, reach=ListenReach.NETWORK, has_tracker=True, dials=dials))
    assert found == (Cause.UNREACHABLE, "there is no way to 192.168.1.6:4000: no route to host")


def test_v1_is_no_reason_where_it_is_spoken() -> None:
    for hybrid in (False, True):
        found = told(dials={BEN: Outcome.HUNG_UP}, hybrid=hybrid)
        assert found is not None
        assert ("v1" in found.message) is not hybrid


def test_who_is_known_to_want_encryption_or_to_be_a_stranger_comes_first() -> None:
    turned_away = {"encrypted": [BEN[0]], "strangers": [CHO[0]]}
    assert cause(dials={BEN: Outcome.HUNG_UP, CHO: Outcome.NO_ANSWER}, **turned_away) == Cause.ENCRYPTED
    assert cause(dials={CHO: Outcome.NO_ANSWER}, **turned_away) == Cause.STRANGER
    assert cause(members=[[CHO]], **turned_away) == Cause.STRANGER
    # Of others it is not known whether they wanted this.
    assert cause(dials={HERE: Outcome.REFUSED}, **turned_away) == Cause.REFUSED
    assert cause(**turned_away) == Cause.ENCRYPTED
    assert cause(strangers=[CHO[0]]) == Cause.STRANGER


def test_what_members_have_to_prove() -> None:
    assert cause(no_certificate=True, dials={BEN: Outcome.REFUSED}, encrypted=[BEN[0]]) == Cause.NO_CERTIFICATE
    assert cause(unproven=[BEN[0]], members=[[BEN]]) == Cause.UNPROVEN
    assert cause(unproven=[BEN[0]]) == Cause.UNPROVEN
    assert cause(unproven=[BEN[0]], dials={CHO: Outcome.REFUSED}) == Cause.REFUSED


def test_a_seed_that_lets_in_this_machine_only() -> None:
    for reach in (ListenReach.NOWHERE, ListenReach.MACHINE):
        shut = {"complete": True, "reach": reach}
        assert cause(dials={BEN: Outcome.NO_ANSWER}, **shut) == Cause.ONLY_HERE
        assert cause(members=[[("seed.example", 1)]], **shut) == Cause.ONLY_HERE
        assert cause(has_tracker=False, **shut) == Cause.ONLY_HERE
        # Here all are on one machine.
        assert cause(dials={HERE: Outcome.REFUSED}, members=[[("localhost", 5)]], **shut) == Cause.REFUSED


def test_those_who_do_not_listen() -> None:
    assert cause(dials={(BEN[0], NO_LISTENING): Outcome.REFUSED}) == Cause.NOT_LISTENING
    assert cause(dials={BEN: Outcome.REFUSED, (CHO[0], NO_LISTENING): Outcome.REFUSED}) == Cause.REFUSED
    assert cause(members=[[], []]) == Cause.NOT_LISTENING


def test_nobody_is_there() -> None:
    assert cause() == Cause.NOBODY_ONLINE
    assert cause(members=[[BEN]]) == Cause.NOBODY_ONLINE
    assert cause(dials={BEN: Outcome.NOT_WANTED}) == Cause.NOBODY_ONLINE
    assert cause(tracker_away=True) == Cause.TRACKER_AWAY
    assert cause(has_tracker=False) == Cause.NOBODY_KNOWN


def test_a_seed_that_nobody_needs() -> None:
    for fields in ({}, {"dials": {BEN: Outcome.CONNECTED}}, {"has_tracker": False}):
        found = told(complete=True, **fields)
        assert found is not None
        assert found.message.startswith("nobody who is online needs it")
    assert cause(complete=True, members=[[BEN]]) is None


def test_the_documents_have_every_cause() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "network.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)[1:] == [cause.value for cause in Cause]
