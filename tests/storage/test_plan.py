"""What a folder would share, and what is refused or passed over before anything is hashed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from swarmshare.errors import ManifestError, StorageError
from swarmshare.storage import plan
from swarmshare.storage.plan import make_plan


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "top"
    folder.mkdir()
    (folder / "b.txt").write_text("b")
    return folder


def paths(root: Path, **options: Any) -> list[str]:
    return ["/".join(file.path) for file in make_plan(root, **options).files]


def test_canonical_order_is_by_bytes_folder_by_folder(top: Path) -> None:
    for name in ("a/z", "a.b", "a-b", "B", "\u00e9", "z", "a/\U0001f41d", "a/\uffee"):
        file = top / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
    assert paths(top) == ["B", "a/z", "a/\uffee", "a/\U0001f41d", "a-b", "a.b", "b.txt", "z", "\u00e9"]


def test_a_single_file(top: Path) -> None:
    result = make_plan(top / "b.txt")
    assert (result.name, result.in_folder, [file.path for file in result.files]) == ("b.txt", False, [("b.txt",)])
    assert make_plan(top / "b.txt", name="other").files[0].path == ("other",)


def test_hidden_files_are_shared_and_droppings_are_not(top: Path) -> None:
    for name in (".hidden", ".DS_Store", "Thumbs.db", "._b.txt", "desktop.ini"):
        (top / name).write_text(name)
    (top / "$RECYCLE.BIN").mkdir()
    (top / "$RECYCLE.BIN" / "x").write_text("x")
    result = make_plan(top)
    assert [file.path for file in result.files] == [(".hidden",), ("b.txt",)]
    assert result.excluded == 5


def test_exclude_matches_names_and_paths(top: Path) -> None:
    for name in ("x.tmp", "sub/y.tmp", "sub/keep", "sub/deep/z", "other/deep/z"):
        file = top / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    assert paths(top, exclude=["*.tmp", "sub/deep"]) == ["b.txt", "other/deep/z", "sub/keep"]


def test_the_manifest_about_to_be_written_is_left_out(top: Path) -> None:
    (top / "top.torrent").write_text("old")
    assert paths(top, output=top / "top.torrent") == ["b.txt"]
    assert "top.torrent" in paths(top, output=top / "other.torrent")


def test_links_are_followed_inside_the_folder_only(top: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("x")
    (top / "sub").mkdir()
    (top / "sub" / "x").write_text("x")
    (top / "to-file").symlink_to("b.txt")
    (top / "to-folder").symlink_to("sub")
    (top / "to-secret").symlink_to("../secret")
    (top / "to-absolute").symlink_to(tmp_path / "outside")
    (top / "to-nothing").symlink_to("nowhere")
    (top / "sub" / "to-itself").symlink_to("to-itself")
    (top / "sub" / "to-parent").symlink_to("..")
    (top / "two-hops").symlink_to("to-secret")
    result = make_plan(top)
    assert [file.path for file in result.files] == [("b.txt",), ("sub", "x"), ("to-file",), ("to-folder", "x")]
    skipped = {path.name: reason for path, reason in result.skipped}
    assert set(skipped) == {"to-secret", "to-absolute", "to-nothing", "to-itself", "to-parent", "two-hops"}
    assert "outside" in skipped["to-secret"]
    assert "that it is in" in skipped["to-parent"]


def test_the_root_may_be_a_link(top: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to("top")
    assert paths(tmp_path / "alias") == ["b.txt"]
    (tmp_path / "alias-file").symlink_to("top/b.txt")
    assert make_plan(tmp_path / "alias-file", name="alias-file").files[0].path == ("alias-file",)


def test_pipes_are_passed_over_without_waiting(top: Path) -> None:
    os.mkfifo(top / "pipe")
    result = make_plan(top)
    assert [path.name for path, _ in result.skipped] == ["pipe"]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (b"new\nline", "name-control"),
        (b"back\\slash", "name-separator"),
        (b"caf\xe9", "name-utf8"),
        ("\u202ex".encode(), "name-bidi"),
    ],
)
@pytest.mark.parametrize("folder", [False, True])
def test_names_that_no_manifest_may_have(top: Path, name: bytes, rule: str, folder: bool) -> None:
    path = Path(os.fsdecode(os.fsencode(top) + b"/" + name))
    if folder:
        path.mkdir()
    else:
        path.write_text("x")
    with pytest.raises(ManifestError) as caught:
        make_plan(top)
    assert caught.value.rule == rule
    assert "--exclude" in caught.value.hint


@pytest.mark.parametrize("name", ["..", "a/b", "", "x" * 300, "a\nb"])
def test_a_name_of_ones_own_is_checked_too(top: Path, name: str) -> None:
    with pytest.raises(ManifestError):
        make_plan(top, name=name)


def test_two_names_that_are_one_elsewhere(top: Path) -> None:
    (top / "B.txt").write_text("B")
    with pytest.raises(ManifestError, match="is the same as another name to Windows or macOS") as caught:
        make_plan(top)
    assert caught.value.rule == "name-clash"


def test_too_many_folders_in_one_another(top: Path) -> None:
    (top / "/".join(["d"] * 120)).mkdir(parents=True)
    with pytest.raises(ManifestError, match="in more than 90 folders") as caught:
        make_plan(top)
    assert caught.value.rule == "path-deep"


def test_links_that_multiply_are_stopped(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        folder = top / f"d{number}"
        folder.mkdir()
        for name in ("a", "b"):
            (folder / name).symlink_to(f"../d{number + 1}")
    monkeypatch.setattr(plan, "MAX_ENTRIES", 1000)
    with pytest.raises(StorageError, match="more than 1,000 files and folders"):
        make_plan(top)


def test_the_file_to_share_may_not_be_the_manifest(top: Path) -> None:
    (top / "alias").symlink_to("b.txt")
    for root, output in (
        (top / "b.txt", top / "b.txt"),
        (top / "alias", top / "alias"),
        (top / "alias", top / "b.txt"),
    ):
        with pytest.raises(StorageError, match="manifest written over it"):
            make_plan(root, output=output)


def test_the_manifest_is_left_out_by_whatever_link(top: Path) -> None:
    (top / "x.torrent").write_text("old")
    (top / "y").symlink_to("x.torrent")
    (top / "z.torrent").symlink_to("b.txt")
    assert paths(top, output=top / "x.torrent") == ["b.txt", "z.torrent"]
    assert paths(top, output=top / "z.torrent") == ["b.txt", "x.torrent", "y"]


def test_links_do_not_lead_round_an_exclusion(top: Path) -> None:
    (top / "secret").mkdir()
    (top / "secret" / "key").write_text("key")
    (top / "ok").symlink_to("secret/key")
    (top / "s2").symlink_to("secret")
    result = make_plan(top, exclude=["secret"])
    assert [file.path for file in result.files] == [("b.txt",)]
    assert {reason for _, reason in result.skipped} == {"a link to something that is left out"}


def test_nothing_to_share(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "file").touch()
    for root in (tmp_path / "empty", tmp_path / "empty" / "file"):
        with pytest.raises(StorageError, match="no file with any bytes"):
            make_plan(root)


def test_what_is_not_there_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file"):
        make_plan(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StorageError):
        make_plan(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="neither a file nor a folder"):
        make_plan(tmp_path / "pipe")


def test_a_folder_that_may_not_be_read(top: Path, as_nobody: Any) -> None:
    (top / "closed").mkdir(mode=0o700)
    (top / "closed" / "x").write_text("x")
    (top / "closed").chmod(0)
    for parent in (top, *top.parents):
        if parent.owner() == top.owner() and str(parent).startswith("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)

    def attempt() -> str:
        try:
            make_plan(top)
        except StorageError as error:
            return str(error)
        return "no error"

    assert as_nobody(attempt) == f"{top / 'closed'}: permission denied"
