"""This device's certificate, and whom it lets in: the rules of libtorrent, the revocation list, files on the disk."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tls import Group

from swarmshare.errors import StorageError
from swarmshare.identity.certificates import IdentityError, new_key, read_certificate, read_member
from swarmshare.identity.membership import (
    CERTIFICATE,
    KEY,
    REVOKED,
    Membership,
    device_key,
    open_membership,
    read_list,
    refresh,
)

if TYPE_CHECKING:
    from pathlib import Path

BOTH = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return Group(tmp_path / "group")


def der(pem: bytes) -> bytes:
    return read_certificate(pem).public_bytes(serialization.Encoding.DER)


def made(user: str | None, *extensions: x509.ExtensionType) -> bytes:
    """A certificate as other programs make them, in DER form; whether its signature is right, TLS has looked at."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)] if user is not None else [])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(5).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_member_is_known_by_name_until_revoked(group: Group) -> None:
    ana = group.member("ana")
    group.issue("rui")
    rui = (group.folder / "rui" / CERTIFICATE).read_bytes()
    named = ana.admit(der(rui), "any torrent")
    assert (named.user, named.user_id, named.device_id) == ("rui", "id-rui", "laptop")
    assert named == read_member(rui)
    assert not ana.is_revoked(named.serial)
    assert ana.take_list(group.revoke("rui"))
    assert ana.is_revoked(named.serial)
    with pytest.raises(IdentityError, match="was revoked"):
        ana.admit(der(rui), "any torrent")


def test_an_old_list_takes_nothing_back(group: Group, tmp_path: Path) -> None:
    ana = group.member("ana")
    group.issue("rui")
    before = group.authority.crl()
    after = group.revoke("rui")
    assert ana.take_list(after)
    assert not ana.take_list(before)
    assert ana.is_revoked(read_member((group.folder / "rui" / CERTIFICATE).read_bytes()).serial)
    with pytest.raises(IdentityError, match="no revocation list"):
        ana.take_list(Group(tmp_path / "other").authority.crl())


def test_the_tracker_is_no_peer(group: Group) -> None:
    """Its certificate is of the same authority, and on machines that anybody may break into."""
    served = group.authority.server_certificate(["*"], [])
    with pytest.raises(IdentityError, match="both ends"):
        group.member("ana").admit(der(served.pem), "top")


@pytest.mark.parametrize(
    ("user", "names", "torrent"),
    [
        ("rui", ["*"], "top"),
        ("rui", ["other", "top"], "top"),
        ("top", None, "top"),
        ("*", None, "top"),
    ],
)
def test_who_comes_with_a_certificate_of_another_program(
    group: Group, user: str, names: list[str] | None, torrent: str
) -> None:
    """By libtorrent's rule it is good for all torrents (``*``), or for those that its DNS names name."""
    extensions: list[x509.ExtensionType] = [x509.ExtendedKeyUsage(BOTH)]
    if names is not None:
        extensions.append(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]))
    assert group.member("ana").admit(made(user, *extensions), torrent) == (user, "", "", 5)


@pytest.mark.parametrize(
    ("extensions", "user"),
    [
        ([x509.SubjectAlternativeName([x509.DNSName("to"), x509.DNSName("*.top")])], "top"),
        ([], "rui"),
        ([], None),
    ],
)
def test_a_certificate_for_another_torrent(
    group: Group, extensions: list[x509.ExtensionType], user: str | None
) -> None:
    with pytest.raises(IdentityError, match="for another torrent"):
        group.member("ana").admit(made(user, *extensions), "top")


@pytest.mark.parametrize("usage", BOTH)
def test_a_certificate_for_one_end_only(group: Group, usage: x509.ObjectIdentifier) -> None:
    star = x509.SubjectAlternativeName([x509.DNSName("*")])
    with pytest.raises(IdentityError, match="both ends"):
        group.member("ana").admit(made("rui", star, x509.ExtendedKeyUsage([usage])), "top")


def test_names_that_cannot_be_read(group: Group) -> None:
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\x30\x05\x82")
    with pytest.raises(IdentityError, match="no certificate"):
        group.member("ana").admit(made("rui", broken), "top")


def test_the_key_of_a_device_is_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "device"
    key = device_key(folder)
    assert device_key(folder) == key
    assert stat.S_IMODE((folder / KEY).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / KEY).write_bytes(b"nothing")
    with pytest.raises(StorageError, match="no private key"):
        device_key(folder)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        device_key(tmp_path / "file" / "below")


def test_what_is_in_the_folder_is_used_only_if_it_fits(group: Group, tmp_path: Path) -> None:
    folder = group.issue("ana")
    group.tell("ana")
    membership = open_membership(folder, group.certificate)
    assert not read_list(membership, folder)  # it was read already
    assert not read_list(membership, tmp_path)
    assert stat.S_IMODE((folder / CERTIFICATE).stat().st_mode) == 0o600
    with pytest.raises(StorageError, match="of another group"):
        open_membership(folder, Group(tmp_path / "other").certificate)
    (folder / REVOKED).write_bytes(b"nothing")
    with pytest.raises(StorageError, match="no revocation list"):
        open_membership(folder, group.certificate)
    with pytest.raises(StorageError, match="has expired"):
        open_membership(group.issue("mia", expired=True), group.certificate)


def test_a_renewed_certificate_is_used_and_a_worse_one_is_not(group: Group, tmp_path: Path) -> None:
    folder = group.issue("ana")
    membership = open_membership(folder, group.certificate)
    before = membership.client, membership.server
    assert not refresh(membership, folder)
    assert (membership.client, membership.server) == before
    group.issue("ana")
    group.tell("ana")
    assert refresh(membership, folder)  # there is a list now
    after = membership.client, membership.server
    assert not set(after) & set(before)
    group.issue("ana", expired=True)
    with pytest.raises(StorageError, match="has expired"):
        refresh(membership, folder)
    assert (membership.client, membership.server) == after


def test_a_key_of_something_else(group: Group) -> None:
    certificate = (group.issue("ana") / CERTIFICATE).read_bytes()
    with pytest.raises(IdentityError, match="do not belong together"):
        Membership(group.certificate, new_key(), certificate)


def test_an_authority_with_other_text(group: Group) -> None:
    key, certificate = ((group.issue("ana") / name).read_bytes() for name in (KEY, CERTIFICATE))
    with pytest.raises(IdentityError, match="no certificate"):
        Membership("\u00e9\n".encode() + group.certificate, key, certificate)
