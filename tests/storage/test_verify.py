"""Which files are right, and which bytes of the rest are wrong."""

from __future__ import annotations

import os
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storage.makers import BeforeEachChunk

from swarmshare.errors import CancelledError
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan
from swarmshare.storage.verify import ByteRange, FileReport, FileVerdict, verify_data

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

BLOCK = 2**14
LENGTHS = {"empty": 0, "large": 10 * BLOCK + 100, "small": 5, "whole": 4 * BLOCK}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "top"
    folder.mkdir()
    for name, length in LENGTHS.items():
        (folder / name).write_bytes(bytes(i % 253 for i in range(length)))
    return folder


def manifest_of(root: Path, piece_length: int = BLOCK) -> Manifest:
    return create_manifest(make_plan(root), Description(), piece_length=piece_length)


def check(manifest: Manifest, folder: Path) -> dict[str, FileReport]:
    return {report.file.path[-1]: report for report in verify_data(manifest, folder).bad}


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x80
    path.write_bytes(data)


def test_all_right(top: Path) -> None:
    report = verify_data(manifest_of(top), top.parent)
    assert not report.bad
    assert [file.verdict for file in report.files] == [FileVerdict.OK] * 4


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.data(), st.sampled_from([BLOCK, 2 * BLOCK, 4 * BLOCK]))
def test_one_flipped_byte_anywhere_is_found(top: Path, data: st.DataObject, piece_length: int) -> None:
    manifest = manifest_of(top, piece_length)
    name = data.draw(st.sampled_from([name for name, length in LENGTHS.items() if length]))
    at = data.draw(st.integers(0, LENGTHS[name] - 1))
    flip(top / name, at)
    (report,) = check(manifest, top.parent).values()
    flip(top / name, at)
    start = at - at % piece_length
    assert (report.file.path, report.verdict) == ((name,), FileVerdict.BAD)
    assert report.wrong == (ByteRange(start, min(start + piece_length, LENGTHS[name])),)


def test_neighbouring_pieces_are_one_range(top: Path) -> None:
    manifest = manifest_of(top)
    for piece in (0, 1, 2, 5, 10):
        flip(top / "large", piece * BLOCK + 50)
    end = LENGTHS["large"]
    assert check(manifest, top.parent)["large"].wrong == (
        (0, 3 * BLOCK), (5 * BLOCK, 6 * BLOCK), (10 * BLOCK, end),
    )  # fmt: skip


def test_short_long_missing_and_not_a_file(top: Path) -> None:
    manifest = manifest_of(top)
    os.truncate(top / "large", 3 * BLOCK + 5)
    with open(top / "small", "ab") as file:
        file.write(b"more")
    (top / "whole").unlink()
    (top / "empty").unlink()
    (top / "empty").mkdir()
    bad = check(manifest, top.parent)
    assert (bad["large"].verdict, bad["large"].wrong) == (FileVerdict.SHORT, ((3 * BLOCK, LENGTHS["large"]),))
    assert bad["large"].actual_length == 3 * BLOCK + 5
    assert (bad["small"].verdict, bad["small"].wrong) == (FileVerdict.LONG, ((5, 9),))
    assert (bad["whole"].verdict, bad["whole"].wrong) == (FileVerdict.MISSING, ((0, 4 * BLOCK),))
    assert (bad["empty"].verdict, bad["empty"].wrong) == (FileVerdict.UNREADABLE, ())
    assert "not a regular file" in (bad["empty"].error or "")


def test_an_empty_file_must_be_empty(top: Path) -> None:
    manifest = manifest_of(top)
    (top / "empty").write_text("not any more")
    assert check(manifest, top.parent)["empty"].verdict is FileVerdict.LONG


def test_everything_missing(top: Path, tmp_path: Path) -> None:
    bad = check(manifest_of(top), tmp_path / "elsewhere")
    assert {report.verdict for report in bad.values()} == {FileVerdict.MISSING}
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "top").write_text("a file where a folder should be")
    assert {report.verdict for report in check(manifest_of(top), tmp_path / "file").values()} == {FileVerdict.MISSING}


def test_links_may_not_lead_out(top: Path, tmp_path: Path) -> None:
    manifest = manifest_of(top)
    (tmp_path / "elsewhere").mkdir()
    os.rename(top / "whole", tmp_path / "elsewhere" / "whole")
    (top / "whole").symlink_to("../elsewhere/whole")
    assert not check(manifest, tmp_path), "a link inside the folder that was named"
    bad = check(manifest, tmp_path)
    (top / "whole").unlink()
    (top / "whole").symlink_to("/etc/passwd")
    bad = check(manifest, tmp_path)
    assert (bad["whole"].verdict, "leads outside" in (bad["whole"].error or "")) == (FileVerdict.UNREADABLE, True)
    (top / "whole").unlink()
    (top / "whole").symlink_to("whole")
    assert check(manifest, tmp_path)["whole"].verdict is FileVerdict.UNREADABLE


def test_without_its_layer_a_file_is_one_claim(top: Path) -> None:
    whole = manifest_of(top)
    manifest = parse_manifest(
        whole.encode().replace(b"12:piece layers", b"12:piece Layers")  # an unknown key, in its place
    )
    assert len(manifest.missing_layers) == 2
    assert not check(manifest, top.parent)
    flip(top / "large", 5)
    os.truncate(top / "whole", 3 * BLOCK)
    bad = check(manifest, top.parent)
    assert bad["large"].wrong == ((0, LENGTHS["large"]),)
    assert (bad["whole"].verdict, bad["whole"].wrong) == (FileVerdict.SHORT, ((0, 4 * BLOCK),))


def test_a_file_that_changes_meanwhile(top: Path) -> None:
    manifest = manifest_of(top)
    cancel = BeforeEachChunk(lambda: os.utime(top / "large"))
    bad = {"/".join(each.file.path): each for each in verify_data(manifest, top.parent, cancel=cancel).bad}
    assert list(bad) == ["large"]
    assert "changed while it was being read" in (bad["large"].error or "")


def test_a_file_that_may_not_be_read(top: Path, as_nobody: Any) -> None:
    manifest = manifest_of(top).encode()
    (top / "large").chmod(0)
    for parent in (top, *top.parents):
        if parent.owner() == top.owner() and str(parent).startswith("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    bad = as_nobody(
        lambda: [(r.file.path, r.verdict.value, r.error) for r in verify_data(parse_manifest(manifest), top.parent).bad]
    )
    assert bad == [(("large",), "unreadable", f"{top / 'large'}: permission denied")]


def test_a_folder_with_one_file_is_found_in_its_folder_too(tmp_path: Path) -> None:
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "only.bin").write_bytes(b"content")
    manifest = manifest_of(tmp_path / "top")
    assert (manifest.name, manifest.in_folder) == ("only.bin", False)
    assert not check(manifest, tmp_path), "as the sharer has it"
    (tmp_path / "top" / "only.bin").rename(tmp_path / "only.bin")
    assert not check(manifest, tmp_path), "as receivers get it"
    (tmp_path / "only.bin").unlink()
    assert check(manifest, tmp_path)["only.bin"].path == tmp_path / "only.bin"


def test_a_folder_with_one_file_of_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "foo").mkdir()
    (tmp_path / "foo" / "foo").write_bytes(b"content")
    assert not check(manifest_of(tmp_path / "foo"), tmp_path)


def test_cancelling(top: Path) -> None:
    cancel = Event()
    cancel.set()
    with pytest.raises(CancelledError):
        verify_data(manifest_of(top), top.parent, cancel=cancel)
