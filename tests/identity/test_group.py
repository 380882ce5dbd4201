"""Group ids and group links: read as they are written, and as people get them wrong."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.identity.authority import Authority
from swarmshare.identity.certificates import IdentityError
from swarmshare.identity.group_id import GroupId
from swarmshare.identity.group_link import MAX_LINK, GroupLink, is_group_link, parse_group_link

if TYPE_CHECKING:
    from pathlib import Path

ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
ids: Final = st.binary(min_size=32, max_size=32).map(GroupId)
hosts: Final = (
    st.from_regex(r"[a-z0-9_][a-z0-9_-]{0,20}(\.[a-z0-9_][a-z0-9_-]{0,20}){0,2}", fullmatch=True)
    | st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number)))
    | st.integers(2**64, 2**128 - 1).map(lambda number: str(IPv6Address(number)))
)
codes: Final = st.none() | st.from_regex(r"[0-9A-Za-z_-]{1,128}", fullmatch=True)
GROUP: Final = GroupId(bytes(range(32)))


def test_an_id_is_of_the_authoritys_key(tmp_path: Path) -> None:
    one, two = Authority.create(tmp_path / "one"), Authority.create(tmp_path / "two")
    assert GroupId.of(one.certificate_pem) == GroupId.of(Authority.open(tmp_path / "one").certificate_pem)
    assert GroupId.of(one.certificate_pem) != GroupId.of(two.certificate_pem)
    with pytest.raises(IdentityError):
        GroupId.of(b"nothing")


def test_an_id_is_written_as_syncthing_writes_them() -> None:
    """The known id of Syncthing's documentation: its digest, written by us, is its text."""
    text = "P56IOI7-MZJNU2Y-IQGDREY-DM2MGTI-MGL3BXN-PQ6W5BM-TBBZ4TJ-XZWICQ2"
    assert str(GroupId.parse(text)) == text


@given(ids)
def test_an_id_is_read_as_it_is_written(group: GroupId) -> None:
    assert re.fullmatch(r"[A-Z2-7]{7}(-[A-Z2-7]{7}){7}", str(group))
    assert GroupId.parse(str(group)) == group


@given(ids)
def test_an_id_is_read_as_people_type_it(group: GroupId) -> None:
    text = str(group)
    assert GroupId.parse(f" {text.lower().replace('-', ' ')} \n") == group
    assert GroupId.parse(text.replace("-", "")) == group
    assert GroupId.parse(text.translate(str.maketrans("OIB", "018"))) == group


@given(ids, st.integers(0, 62), st.sampled_from(ALPHABET))
def test_a_wrong_character_is_found(group: GroupId, at: int, character: str) -> None:
    text = str(group)
    if text[at] in ("-", character):
        return
    with pytest.raises(IdentityError, match="typing error") as raised:
        GroupId.parse(text[:at] + character + text[at + 1 :])
    part = at // 8 + 1
    assert str(part) in re.findall(r"\d+", str(raised.value))


def test_swapped_neighbours_are_found() -> None:
    text = str(GROUP).replace("-", "")
    for at in range(55):
        swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        if swapped != text and at % 14 < 12:
            with pytest.raises(IdentityError, match="typing error"):
                GroupId.parse(swapped)


@pytest.mark.parametrize("text", ["", "x", str(GROUP)[:-1], str(GROUP) + "A", "ß" * 56, "9" * 56, "-" * 10**6])
def test_what_is_no_id_gets_one_line(text: str) -> None:
    with pytest.raises(IdentityError, match="no group id") as raised:
        GroupId.parse(text)
    assert len(str(raised.value)) < 300


@given(hosts, st.integers(1, 65535), ids, codes)
def test_a_link_is_read_as_it_is_written(host: str, port: int, group: GroupId, code: str | None) -> None:
    link = GroupLink(host, port, group, code)
    assert len(str(link)) <= MAX_LINK
    assert is_group_link(str(link))
    assert parse_group_link(str(link)) == link


@given(st.text(max_size=80))
def test_any_text_is_a_link_or_no_link(text: str) -> None:
    for link in (text, "swarmshare://" + text, f"swarmshare://{text}/{GROUP}", f"swarmshare://h:1/{GROUP}?{text}"):
        with suppress(IdentityError):
            assert is_group_link(str(parse_group_link(link)))


def test_a_link_leads_to_the_tracker_over_tls() -> None:
    link = parse_group_link(f"  SwarmShare://Tracker.Example:6969/{str(GROUP).lower()}/?invite=ab-C&later=1\n")
    assert link == GroupLink("tracker.example", 6969, GROUP, "ab-C")
    assert link.tracker == "https://tracker.example:6969"
    assert parse_group_link(f"swarmshare://[FE80:0::1]:1/{GROUP}").tracker == "https://[fe80::1]:1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no group link"),
        (f"http://h:1/{GROUP}", "no group link"),
        ("swarmshare://h:1", "no group link"),
        ("swarmshare://h:1/", "no group link"),
        (f"swarmshare://h:1/{GROUP}#x", "no group link"),
        (f"swarmshare://h:1/a/{GROUP}", "no group link"),
        (f"swarmshare://h:1/{GROUP}?invite=" + "a" * 600, "no group link"),
        (f"swarmshare://h/{GROUP}", "no HOST:PORT"),
        (f"swarmshare://h:0/{GROUP}", "no HOST:PORT"),
        (f"swarmshare://h:99999/{GROUP}", "no HOST:PORT"),
        (f"swarmshare://user@h:1/{GROUP}", "no HOST:PORT"),
        (f"swarmshare://-h:1/{GROUP}", "no HOST:PORT"),
        (f"swarmshare://::1:1/{GROUP}", "no HOST:PORT"),
        (f"swarmshare://[fe80::1%eth0]:1/{GROUP}", "no HOST:PORT"),
        (f"swarmshare://{'a.' * 130}b:1/{GROUP}", "no HOST:PORT"),
        (f"swarmshare://h:1/{str(GROUP)[:-1]}", "no group id"),
        (f"swarmshare://h:1/A{str(GROUP)[1:]}"[:-1] + "7", "typing error"),
        (f"swarmshare://h:1/{GROUP}?invite=", "one invitation"),
        (f"swarmshare://h:1/{GROUP}?invite=a%20b", "one invitation"),
        (f"swarmshare://h:1/{GROUP}?invite=a&invite=b", "one invitation"),
    ],
)
def test_each_mistake_in_a_link_has_its_line(text: str, said: str) -> None:
    with pytest.raises(IdentityError, match=said) as raised:
        parse_group_link(text)
    assert raised.value.hint is not None
    assert "\n" not in raised.value.advice
