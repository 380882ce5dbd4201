"""What a folder would share, and what is refused or passed over before anything is hashed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from swarmshare.errors import ManifestError, StorageError
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
    plan = make_plan(top / "b.txt")
    assert (plan.name, plan.in_folder, [file.path for file in plan.files]) == ("b.txt", False, [("b.txt",)])
    assert make_plan(top / "b.txt", name="other").files[0].path == ("other",)


def test_hidden_files_are_shared_and_droppings_are_not(top: Path) -> None:
    for name in (".hidden", ".DS_Store", "Thumbs.db", "._b.txt", "desktop.ini"):
        (top / name).write_text(name)
    (top / "$RECYCLE.BIN").mkdir()
    (top / "$RECYCLE.BIN" / "x").write_text("x")
    plan = make_plan(top)
    assert [file.path for file in plan.files] == [(".hidden",), ("b.txt",)]
    assert plan.excluded == 5


def test_exclude_matches_names_and_paths(top: Path) -> None:
    for name in ("x.tmp", "sub/y.tmp", "sub/keep", "sub/deep/z", "other/deep/z"):
        file = top / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    assert paths(top, exclude=["*.tmp", "sub/deep"]) == ["b.txt", "other/deep/z", "sub/keep"]


def test_the_manifest_about_to_be_written_is_left_out(top: Path) -> None:
    (top / "top.torrent").write_text("old")
    assert paths(top, leave_out=top / "top.torrent") == ["b.txt"]
    assert "top.torrent" in paths(top, leave_out=top / "other.torrent")


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
    plan = make_plan(top)
    assert [file.path for file in plan.files] == [("b.txt",), ("sub", "x"), ("to-file",), ("to-folder", "x")]
    skipped = {path.name: reason for path, reason in plan.skipped}
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
    plan = make_plan(top)
    assert [path.name for path, _ in plan.skipped] == ["pipe"]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (b"new\nline", "name-control"),
        (b"back\\slash", "name-separator"),
        (b"caf\xe9", "name-utf8"),
        ("\u202ex".encode(), "name-bidi"),
    ],
)
def test_names_that_no_manifest_may_have(top: Path, name: bytes, rule: str) -> None:
    Path(os.fsdecode(os.fsencode(top) + b"/" + name)).write_text("x")
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


def test_a_path_too_long(tmp_path: Path) -> None:
    here = os.getcwd()
    folder = tmp_path / "top"
    folder.mkdir()
    try:
        for _ in range(13):
            os.chdir(folder)
            folder = Path("x" * 250)
            folder.mkdir()
        os.chdir(folder)
        Path("file").write_text("x")
    finally:
        os.chdir(here)
    with pytest.raises(ManifestError) as caught:
        make_plan(tmp_path / "top")
    assert caught.value.rule == "path-long"


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
