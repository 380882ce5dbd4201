"""The group's authority: what it signs, what it refuses, and what OpenSSL makes of it on real sockets."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from swarmshare.errors import StorageError
from swarmshare.identity.authority import MAX_LIST, Authority, revoked_serials
from swarmshare.identity.certificates import (
    MAX_PEM,
    TRACKER,
    IdentityError,
    member_uri,
    new_key,
    read_certificate,
    read_key,
    read_member,
    signing_request,
)
from swarmshare.identity.tls import load_certificate, server_context, tracker_context

if TYPE_CHECKING:
    from pathlib import Path

WAIT: Final = 30.0
REQUEST_OF_NOTHING: Final = b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "identity")


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """A TLS handshake over a socket pair; raises what the client raises."""
    ours, theirs = socket.socketpair()
    ours.settimeout(WAIT)
    theirs.settimeout(WAIT)

    def serve() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True) as connection:
                connection.recv(1)
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname="tracker.example") as connection:
            connection.sendall(b"x")
    finally:
        ours.close()
        thread.join()


def test_an_authority_is_the_same_when_it_is_opened_again(tmp_path: Path) -> None:
    made = Authority.create(tmp_path / "new" / "identity")
    opened = Authority.open(tmp_path / "new" / "identity")
    assert opened.certificate == made.certificate
    assert Authority.open_or_create(tmp_path / "new" / "identity").certificate == made.certificate
    assert stat.S_IMODE((tmp_path / "new" / "identity" / "authority.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new" / "identity").stat().st_mode) == 0o700


def test_an_identity_is_never_replaced(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="already"):
        Authority.create(tmp_path / "identity")
    assert Authority.open(tmp_path / "identity").certificate == authority.certificate


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"):
        Authority.create(tmp_path / "file" / "identity")


def test_a_broken_identity_is_no_reason_for_a_new_one(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "identity" / "authority.pem"
    whole = path.read_bytes()
    for broken in (b"", whole[: len(whole) // 2], b"\xff" * 100, authority.certificate_pem):
        path.write_bytes(broken)
        with pytest.raises(StorageError, match=r"authority\.pem"):
            Authority.open_or_create(tmp_path / "identity")
    other = Authority.create(tmp_path / "other")
    path.write_bytes(new_key() + other.certificate_pem)
    with pytest.raises(StorageError, match="belong together"):
        Authority.open(tmp_path / "identity")


def test_the_server_certificate_is_for_all_names_that_are_names(authority: Authority) -> None:
    made = authority.server_certificate(
        ["tracker.example", "a b", "", "x" * 300], ["192.168.1.5", "fe80::1%eth0", "no"]
    )
    found = read_certificate(made.pem).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == ["tracker.example"]
    assert [str(ip) for ip in found.get_values_for_type(x509.IPAddress)] == ["192.168.1.5", "fe80::1"]
    assert found.get_values_for_type(x509.UniformResourceIdentifier) == [TRACKER]


def test_the_tracker_is_believed_by_its_authority_whatever_its_name(authority: Authority) -> None:
    server = server_context(authority.server_certificate([], []).pem)
    shake_hands(tracker_context(authority.certificate_pem), server)


def test_a_tracker_of_another_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    other = Authority.create(tmp_path / "other")
    server = server_context(other.server_certificate(["tracker.example"], []).pem)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tracker_context(authority.certificate_pem), server)


def test_a_member_cannot_pose_as_the_tracker(authority: Authority) -> None:
    key = new_key()
    issued = authority.issue(signing_request(key), "SwarmShare tracker", "7", "1")
    with pytest.raises(ssl.SSLCertVerificationError, match="no tracker's"):
        shake_hands(tracker_context(authority.certificate_pem), server_context(key + issued.pem))


def test_an_expired_tracker_is_refused(tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=200)
    authority = Authority.create(tmp_path, lambda: long_ago)
    server = server_context(authority.server_certificate([], []).pem)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shake_hands(tracker_context(authority.certificate_pem), server)


def test_a_members_certificate_says_who_he_is_and_serves_both_ends(authority: Authority) -> None:
    issued = authority.issue(signing_request(new_key()), "Ana", "7", "laptop_1")
    assert read_member(issued.pem) == ("Ana", "7", "laptop_1", issued.serial)
    certificate = read_certificate(issued.pem)
    certificate.verify_directly_issued_by(authority.certificate)
    extensions = certificate.extensions
    usages = set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert usages == {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["*"]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert timedelta(days=6.9) < issued.expires - datetime.now(UTC) <= timedelta(days=7)
    der = certificate.public_bytes(serialization.Encoding.DER)
    assert read_member(der).user == "Ana"


def test_what_a_request_says_of_its_names_is_ignored(authority: Authority) -> None:
    key = read_key(new_key())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bob")]))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(TRACKER)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    issued = authority.issue(request.public_bytes(serialization.Encoding.PEM), "Ana", "7", "1")
    assert read_member(issued.pem).user == "Ana"
    assert not read_certificate(issued.pem).extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_long_name_is_cut_to_what_a_certificate_may_have(authority: Authority) -> None:
    issued = authority.issue(signing_request(new_key()), "ã" * 100, "7", "1")
    assert read_member(issued.pem).user == "ã" * 32


@pytest.mark.parametrize("ids", [("", "1"), ("7", "1/device/2"), ("7\n", "1"), ("7", "x" * 65)])
def test_an_id_that_could_mean_another_is_refused(ids: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="id"):
        member_uri(*ids)


def rsa_request() -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = builder.sign(rsa.generate_private_key(65537, 2048), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def other_curve_request() -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = builder.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def forged_request() -> bytes:
    der = bytearray(x509.load_pem_x509_csr(signing_request(new_key())).public_bytes(serialization.Encoding.DER))
    at = der.index(bytes.fromhex("06072a8648ce3d0201"))  # of the key's algorithm, which its point follows
    der[at + 40] ^= 1  # a coordinate: mostly no point of the curve any more, else a key that did not sign
    return ssl.DER_cert_to_PEM_cert(bytes(der)).replace("CERTIFICATE", "CERTIFICATE REQUEST").encode()


def resigned_request() -> bytes:
    """A request whose key is another one's: its signature is of who wants it, not of who has the key."""
    first, second = (x509.load_pem_x509_csr(signing_request(new_key())) for _ in range(2))
    point = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    ours, theirs = first.public_key(), second.public_key()
    assert isinstance(ours, ec.EllipticCurvePublicKey)
    assert isinstance(theirs, ec.EllipticCurvePublicKey)
    der = first.public_bytes(serialization.Encoding.DER)
    der = der.replace(ours.public_bytes(*point), theirs.public_bytes(*point))
    return ssl.DER_cert_to_PEM_cert(der).replace("CERTIFICATE", "CERTIFICATE REQUEST").encode()


@pytest.mark.parametrize(
    ("request_of", "said"),
    [
        (lambda: b"", "no signing request"),
        (lambda: b"\xff" * 100, "no signing request"),
        (
            lambda: REQUEST_OF_NOTHING,
            "no signing request",
        ),
        (lambda: new_key(), "no signing request"),
        (lambda: signing_request(new_key()) + b" " * MAX_PEM, "longer than"),
        (rsa_request, "another kind of key"),
        (other_curve_request, "another kind of key"),
        (resigned_request, "not signed by its own key"),
        (forged_request, "signing request"),
    ],
)
def test_a_hostile_request_gets_one_line(authority: Authority, request_of: object, said: str) -> None:
    assert callable(request_of)
    with pytest.raises(IdentityError, match=said) as raised:
        authority.issue(request_of(), "Ana", "7", "1")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("key", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\0" * 9])
def test_what_is_no_key_gets_one_line(key: bytes) -> None:
    with pytest.raises(IdentityError, match="no private key"):
        signing_request(key)


def test_a_key_of_another_curve_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(IdentityError, match="P-256"):
        read_key(key)


def test_only_a_members_certificate_names_a_member(authority: Authority) -> None:
    for other in (authority.certificate_pem, authority.server_certificate([], []).pem):
        with pytest.raises(IdentityError, match="no member's"):
            read_member(other)
    for junk in (b"", b"\x30\x03abc", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(IdentityError, match="no certificate"):
            read_member(junk)


def test_revoked_certificates_are_listed_and_stay_so(authority: Authority, tmp_path: Path) -> None:
    one, two = (authority.issue(signing_request(new_key()), "Ana", "7", device).serial for device in ("1", "2"))
    assert revoked_serials(authority.crl(), authority.certificate_pem) == (0, frozenset())
    authority.revoke(one)
    assert revoked_serials(authority.crl(), authority.certificate_pem) == (1, frozenset({one}))
    again = Authority.open(tmp_path / "identity")
    again.revoke(two)
    assert revoked_serials(again.crl(), authority.certificate_pem) == (2, frozenset({one, two}))


def test_openssl_refuses_what_the_list_revokes(authority: Authority, tmp_path: Path) -> None:
    key = new_key()
    issued = authority.issue(signing_request(key), "Ana", "7", "1")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(cadata=authority.certificate_pem.decode())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_certificate(server, key + issued.pem)
    shake_hands(client, server)
    authority.revoke(issued.serial)
    (tmp_path / "crl.pem").write_bytes(authority.crl())
    client.load_verify_locations(tmp_path / "crl.pem")
    client.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    with pytest.raises(ssl.SSLCertVerificationError, match="revoked"):
        shake_hands(client, server)


def test_the_list_forgets_what_has_expired_anyway(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = Authority.create(tmp_path, lambda: now)
    authority.revoke(1)
    now += timedelta(days=9)
    authority.revoke(2)
    assert revoked_serials(authority.crl(), authority.certificate_pem) == (2, frozenset({2}))


def test_a_list_of_somebody_else_is_none(authority: Authority, tmp_path: Path) -> None:
    other = Authority.create(tmp_path / "other")
    other.revoke(5)
    for hostile in (other.crl(), b"", b"\xff" * 50, authority.crl() + b" " * MAX_LIST):
        with pytest.raises(IdentityError, match="revocation list"):
            revoked_serials(hostile, authority.certificate_pem)
    (tmp_path / "identity" / "revoked.pem").write_bytes(other.crl())
    with pytest.raises(StorageError, match=r"revoked\.pem"):
        Authority.open(tmp_path / "identity")
