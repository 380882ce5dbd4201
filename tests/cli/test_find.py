"""What WHAT means, in every verb: a file, a magnet link, an entry by digits of its info hash or by its name."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from manifest.makers import encoded, folder_doc

from swarmshare.app import signed_in
from swarmshare.cli.find import EntryError, find_entry
from swarmshare.manifest.magnet import magnet_of
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.sign_ins import SignIn
from swarmshare.tracker_client.api import Entry, TrackerApi

if TYPE_CHECKING:
    from pathlib import Path

    from cli.groups import Group

    from swarmshare.manifest.manifest import Manifest


def manifest(name: str, length: int) -> Manifest:
    doc = folder_doc({b"a": length, b"b": 1})
    doc[b"info"][b"name"] = name.encode()
    return parse_manifest(encoded(doc))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def refusal(events: list[dict[str, Any]]) -> str:
    assert events[-1]["event"] == "error"
    message: str = events[-1]["message"]
    return message


def test_an_entry_by_digits_and_by_name(run: Any, group: Group, member: str, here: Path) -> None:
    film, other = manifest("film", 40_000), manifest("other", 5)
    group.publish(film.encode())
    group.publish(other.encode())
    digits = str(film.info_hash)
    for what in (digits, digits[:8], digits[:8].upper(), digits[:40], "film", magnet_of(film)):
        assert run("swarm", what)[-1]["name"] == "film", what
    for verb in (["show"], ["verify"]):
        for what in (digits[:8], "film"):
            folder = [here] if verb == ["verify"] else []
            assert run(*verb, what, *folder, expect=len(folder))[-1]["info_hash"] == digits
    (here / "film.torrent").write_bytes(film.encode())
    assert run("swarm", "film.torrent")[-1]["info_hash"] == digits
    assert refusal(run("swarm", digits[:7], expect=1)).startswith(f"'{digits[:7]}' is no file here, no info hash")
    assert refusal(run("seed", "nothing", "--data", here, expect=1)).startswith("'nothing' is no file here, no info")
    assert "no such file" in refusal(run("download", "nothing.torrent", expect=1))
    assert "no such file" in refusal(run("download", "in/nothing", expect=1))


def test_one_of_several_is_never_chosen(
    run: Any, group: Group, member: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anybody may publish under any name: what somebody else wants to be taken for."""
    twins = [manifest("twin", length) for length in (100, 200)]
    for twin in twins:
        group.publish(twin.encode())
    message = refusal(run("swarm", "twin", expect=1))
    assert message.startswith("'twin' is the name of 2 entries: ")
    for twin in twins:
        assert str(twin.info_hash)[:8] in message
    assert " by Olga, 20" in message
    message = refusal(run("swarm", "twi", expect=1))
    assert "not the name of what" in message


def test_a_name_that_looks_like_something_else_stands_for_nothing(
    run: Any, group: Group, member: str, here: Path
) -> None:
    mine = manifest("mine", 1000)
    (here / "mine").write_bytes(mine.encode())
    for name in ("feedbeef", "mine", "else.torrent"):
        group.publish(manifest(name, 77).encode())
    assert "shares nothing whose info hash begins with 'feedbeef'" in refusal(run("show", "feedbeef", expect=1))
    assert run("show", "mine")[-1]["info_hash"] == str(mine.info_hash), "a manifest on the disk is meant"
    assert "no such file" in refusal(run("show", "else.torrent", expect=1))
    # But what a download leaves behind is no manifest.
    (here / "mine").write_bytes(b"the content")
    assert run("show", "mine")[-1]["info_hash"] == str(manifest("mine", 77).info_hash)
    (here / "mine").unlink()
    (here / "mine").mkdir()
    assert run("show", "mine")[-1]["info_hash"] == str(manifest("mine", 77).info_hash)


def test_nobody_is_signed_in(run: Any, here: Path) -> None:
    assert refusal(run("download", "film", expect=1)) == (
        "'film' is no file here, and you are not signed in anywhere, so there is no catalogue to find it in"
    )
    (here / "film").write_text("the content")
    assert refusal(run("show", "film", expect=1)).startswith("'film' is a file, but no manifest (.torrent)")
    assert refusal(run("show", ".", expect=1)).startswith("'.' is a folder, not a manifest (.torrent)")


def test_where_downloads_go(run: Any, here: Path, top: Path, tmp_path: Path) -> None:
    content = tmp_path / "top.torrent"
    shutil.copytree(top, here / "top")  # all of it is there: the download is over at once
    assert run("download", content)[0]["folder"] == str(here)
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / "config.toml").write_text(f'folder = "{tmp_path}"\n')
    assert run("download", content)[0]["folder"] == str(tmp_path)


class Answering(TrackerApi):
    """A catalogue as no tracker can be made to have one: info hashes that begin alike."""

    def __init__(self, *entries: Entry) -> None:
        self._entries = entries

    def entries_by_hash(self, digits: str) -> list[Entry]:
        return [entry for entry in self._entries if entry.info_hash.startswith(digits)]

    def entries_by_name(self, name: str) -> list[Entry]:
        return [entry for entry in self._entries if entry.name == name]

    def similar(self, text: str, limit: int) -> list[Entry]:
        return [entry for entry in self._entries if text in entry.name][:limit]


def entry(info_hash: str, name: str) -> Entry:
    return Entry(info_hash.ljust(64, "0"), name, "", "ann", 1_790_000_000, 2048, 1, False, False, 0, 0, 0)


@pytest.mark.parametrize(
    ("what", "says", "advises"),
    [
        (
            "aaaaaaaa",
            "'aaaaaaaa' begins the info hashes of 2 entries: aaaaaaaa11 ('one', 2 KiB by ann, 2026-09-21 ",
            "Give more digits.",
        ),
        ("aaaaaaaa1", "; aaaaaaaa12 ('two', ", "Give more digits."),
        ("bbbbbbbb", "whose info hash begins with 'bbbbbbbb'", "is found by its info hash: cccccccc (2 KiB by ann"),
        ("dddddddd", "whose info hash begins with 'dddddddd'", "perhaps it was withdrawn"),
        ("tw", "not the name of what", "There is aaaaaaaa ('two', 2 KiB by ann"),
        ("0123", "not the name of what", "If these are digits of an info hash: give 8 or more."),
        ("0" * 65, "not the name of what", "If these are digits of an info hash: an info hash has 64."),
        ("many", "'many' is the name of 20 entries: ", "Give the digits"),
        ("many", " and 12 more", ""),
        ("nothing", "not the name of what", "`swarmshare list` shows"),
    ],
)
def test_what_is_not_clear_is_refused(
    what: str, says: str, advises: str, monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    from contextlib import nullcontext

    api = Answering(
        entry("aaaaaaaa11", "one"), entry("aaaaaaaa12", "two"), entry("cccccccc", "bbbbbbbb"),
        *(entry(f"{number:x}".rjust(20, "e"), "many") for number in range(20)),
    )  # fmt: skip
    monkeypatch.setattr(signed_in, "open_tracker", lambda *_: nullcontext(("http://t", api)))
    with pytest.raises(EntryError) as caught:
        find_entry(what, SignIn("http://t", "me", "token"))
    assert says in str(caught.value)
    assert advises in (caught.value.hint or "")
