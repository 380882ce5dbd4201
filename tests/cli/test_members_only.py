"""What is for members of a group only, from the command line: made, shown, shared with a certificate, and refused."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest
from cli.processes import call, event, start
from tls import Group
from waiting import TIMEOUT

from swarmshare.identity.group_id import GroupId
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def members(tmp_path: Path) -> Group:
    """A group whose authority's certificate is in ``group.pem``."""
    group = Group(tmp_path / "group")
    (tmp_path / "group.pem").write_bytes(group.certificate)
    return group


@pytest.fixture
def manifest(tmp_path: Path, members: Group, run: Any) -> Path:
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "a.bin").write_bytes(bytes(3_000_000))
    (tmp_path / "top" / "b.bin").write_bytes(b"b")
    path = tmp_path / "top.torrent"
    run("create", tmp_path / "top", "-o", path, "--ssl-cert", tmp_path / "group.pem")
    return path


def test_create_and_show(tmp_path: Path, members: Group, manifest: Path, run: Any) -> None:
    assert parse_manifest(manifest.read_bytes()).ssl_cert == members.certificate
    (shown,) = run("show", manifest)
    assert shown["group"] == str(GroupId.of(members.certificate))
    run("create", tmp_path / "top", "-o", tmp_path / "open.torrent")
    (shown,) = run("show", tmp_path / "open.torrent")
    assert shown["group"] is None


@pytest.mark.parametrize("kind", ["nothing", "key", "text"])
def test_a_private_key_gets_into_no_manifest(tmp_path: Path, members: Group, run: Any, kind: str) -> None:
    (tmp_path / "top").write_bytes(b"x")
    file = tmp_path / "given.pem"
    if kind == "key":
        file.write_bytes((members.folder / "authority" / "authority.pem").read_bytes())
    elif kind == "text":
        file.write_bytes(members.certificate.replace(b"MII", b"mii"))
    (error,) = run("create", tmp_path / "top", "-o", tmp_path / "x.torrent", "--ssl-cert", file, expect=1)
    assert str(file) in error["message"]
    assert not (tmp_path / "x.torrent").exists()


def test_what_a_certificate_must_be(tmp_path: Path, members: Group, manifest: Path, run: Any) -> None:
    share = ("download", manifest, "--to", tmp_path / "there")
    (error,) = run(*share, expect=1)
    assert "members of a group only" in error["message"]
    for folder, said in (
        (Group(tmp_path / "other").issue("eva"), "of another group"),
        (members.issue("mia", expired=True), "has expired"),
        (tmp_path / "nowhere", "no such file"),
    ):
        (error,) = run(*share, "--certificate", folder, expect=1)
        assert said in error["message"].lower()
    run("create", tmp_path / "top", "-o", tmp_path / "open.torrent")
    seed = ("seed", tmp_path / "open.torrent", "--data", tmp_path, "--certificate", members.issue("rui"))
    (error,) = run(*seed, expect=1)
    assert "open to all" in error["message"]


def test_members_share_until_one_is_revoked(tmp_path: Path, members: Group, manifest: Path) -> None:
    ana, rui = members.issue("ana"), members.issue("rui")
    # So slow that it is not done when the list comes.
    seed = start(tmp_path, "seed", manifest, "--data", tmp_path, "--certificate", ana, "--limit-up", "300KiB")
    try:
        address = event(seed, "listening")["address"]
        leech = start(tmp_path, "download", manifest, "--to", "there", "--peer", address, "--certificate", rui)
        try:
            while not event(leech, "progress")["bytes_done"]:
                pass
            members.revoke("rui")
            members.tell("ana")
            assert event(seed, "peer_dropped")["reason"] == "its certificate was revoked"
            assert event(seed, "connection_failed")["message"] == "its certificate was revoked"
        finally:
            leech.send_signal(signal.SIGINT)
            leech.communicate(timeout=TIMEOUT)
        call(tmp_path, "download", manifest, "--to", "here", "--only", "b.bin", "--peer", address, "--certificate", ana)
    finally:
        seed.send_signal(signal.SIGINT)
        seed.communicate(timeout=TIMEOUT)
    assert (tmp_path / "here" / "top" / "b.bin").read_bytes() == b"b"
