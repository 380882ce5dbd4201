"""The allowed fast set (BEP 6)."""

from __future__ import annotations

from swarmshare.wire.fast import allowed_fast_set


def test_the_example_of_bep_6() -> None:
    seven = [1059, 431, 808, 1217, 287, 376, 1188]
    assert allowed_fast_set("80.4.4.200", b"\xaa" * 20, 1313, 7) == seven
    assert allowed_fast_set("80.4.4.200", b"\xaa" * 20, 1313, 9) == [*seven, 353, 508]


def test_one_network_has_one_set() -> None:
    assert allowed_fast_set("80.4.4.1", b"\xaa" * 20, 1313) == allowed_fast_set("80.4.4.200", b"\xaa" * 20, 1313)
    assert allowed_fast_set("80.4.5.1", b"\xaa" * 20, 1313) != allowed_fast_set("80.4.4.200", b"\xaa" * 20, 1313)


def test_few_pieces_and_other_addresses() -> None:
    assert sorted(allowed_fast_set("127.0.0.1", b"\xaa" * 20, 3)) == [0, 1, 2]
    assert allowed_fast_set("127.0.0.1", b"\xaa" * 20, 0) == []
    assert allowed_fast_set("::1", b"\xaa" * 20, 100) == []
