"""The certificate authority of one group (X.509, RFC 5280): made by its tracker, and the root of all that is proven.

One folder holds it: ``authority.pem`` has its key and its certificate in one file, so that neither is ever there
without the other; ``revoked.pem`` is the revocation list. Keys are ECDSA P-256, signatures over SHA-256.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from swarmshare.errors import StorageError
from swarmshare.identity.certificates import (
    MAX_PEM,
    TRACKER,
    IdentityError,
    key_pem,
    member_uri,
    read_certificate,
    read_key,
    requested_key,
)
from swarmshare.storage.files import make_folder, read_small, write_atomic
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

IDENTITY: Final = "identity"
"""The folder of the authority, within a tracker's data."""
YEARS: Final = 10
"""How long the authority's own certificate is valid."""
SERVER_DAYS: Final = 90
"""How long a server certificate is valid; it is renewed in the last third."""
MEMBER_DAYS: Final = 7
"""How long a member's certificate is valid: a tracker that is down for a weekend stops nobody."""
LIST_DAYS: Final = 8
"""How long a revocation list is valid: longer than any member's certificate that it could name."""
MAX_LIST: Final = 4 * 2**20
"""Bytes of a revocation list: some 100,000 certificates, each for no longer than it would have been valid."""
BEFORE: Final = timedelta(hours=1)
"""How far the clock of another machine may be behind ours when a fresh certificate reaches it."""

_MAX_NAME: Final = 64
"""Bytes of a common name; RFC 5280 (A.1: ``ub-common-name``) allows as many characters, not all libraries do."""
_MAX_NAMES: Final = 100
"""Names and addresses of one server certificate."""


class Issued(NamedTuple):
    """A certificate that was issued."""

    pem: bytes
    serial: int
    expires: datetime


class ServerCertificate(NamedTuple):
    """A certificate of the tracker's server."""

    pem: bytes
    """Its private key, and the certificates that it presents: its own one, then the authority's."""
    expires: datetime


class Authority:
    """The authority of one group, open to sign."""

    def __init__(
        self,
        folder: Path,
        key: ec.EllipticCurvePrivateKey,
        certificate: x509.Certificate,
        clock: Callable[[], datetime],
    ) -> None:
        self._folder = folder
        self._key = key
        self._clock = clock
        self.certificate = certificate
        self._revoked, self._number = _read_list(folder / "revoked.pem", certificate)

    @classmethod
    def create(cls, folder: Path, clock: Callable[[], datetime] | None = None) -> Authority:
        """Make a new authority in ``folder``, which must have none; ``clock`` tells the time in UTC.

        Raises :class:`StorageError` when there is one, or the disk refuses.
        """
        path = folder / "authority.pem"
        if path.exists():
            raise StorageError(path, Text("identity.is-there"))
        try:
            make_folder(folder, mode=0o700)
        except OSError as error:
            raise StorageError(folder, os_reason(error)) from error
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _self_signed(key, (clock or _now)())
        write_atomic(path, key_pem(key) + _pem(certificate), mode=0o600)
        return cls(folder, key, certificate, clock or _now)

    @classmethod
    def open(cls, folder: Path, clock: Callable[[], datetime] | None = None) -> Authority:
        """Open the authority that is in ``folder``. Raises :class:`StorageError` when there is none to be used."""
        path = folder / "authority.pem"
        try:
            pem = read_small(path, MAX_PEM)
            key, certificate = read_key(pem), read_certificate(pem)
        except IdentityError as error:
            raise StorageError(path, error.message, hint=Text("hint.identity-backup")) from error
        if certificate.public_key() != key.public_key():
            raise StorageError(path, Text("identity.other-key"), hint=Text("hint.identity-backup"))
        return cls(folder, key, certificate, clock or _now)

    @classmethod
    def open_or_create(cls, folder: Path, clock: Callable[[], datetime] | None = None) -> Authority:
        """Open the authority in ``folder``; make one where there is none. Raises :class:`StorageError`."""
        return (cls.open if (folder / "authority.pem").exists() else cls.create)(folder, clock)

    @property
    def certificate_pem(self) -> bytes:
        """The authority's own certificate in PEM form: what clients pin, and what ``ssl-cert`` of a manifest has."""
        return _pem(self.certificate)

    def server_certificate(self, names: Iterable[str], addresses: Iterable[str]) -> ServerCertificate:
        """Return a fresh key and a certificate of the tracker's server.

        Args:
            names: DNS names by which it may be reached; what is none is left out.
            addresses: IP addresses at which it may be reached, as text; what is none is left out.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        found: list[x509.GeneralName] = [x509.UniformResourceIdentifier(TRACKER)]
        found += (x509.IPAddress(ip) for ip in dict.fromkeys(map(_ip, addresses)) if ip is not None)
        found += (x509.DNSName(name) for name in dict.fromkeys(names) if _is_dns_name(name))
        expires = self._clock() + timedelta(days=SERVER_DAYS)
        builder = self._builder(key.public_key(), "SwarmShare tracker", expires).add_extension(
            x509.SubjectAlternativeName(found[:_MAX_NAMES]), critical=False
        )
        certificate = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        ).sign(self._key, hashes.SHA256())
        return ServerCertificate(key_pem(key) + _pem(certificate) + self.certificate_pem, expires)

    def issue(self, request: bytes, user: str, user_id: str, device_id: str, days: int = MEMBER_DAYS) -> Issued:
        """Return a member's certificate for the key of a signing request.

        Args:
            request: PKCS #10 in PEM form, from a stranger; nothing but its key is used.
            user: The account's name, of which a certificate has the first 64 bytes.
            user_id: The account's id.
            device_id: The id of the device, or of the sign-in, that has the key.
            days: How long it is valid.

        Raises:
            IdentityError: The request is none, is for another kind of key, or is not signed by it.
        """
        key = requested_key(request)
        expires = self._clock() + timedelta(days=days)
        names = [x509.DNSName("*"), x509.UniformResourceIdentifier(member_uri(user_id, device_id))]
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]  # libtorrent refuses one alone
        certificate = (
            self._builder(key, user.encode()[:_MAX_NAME].decode(errors="ignore"), expires)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Issued(_pem(certificate), certificate.serial_number, expires)

    def revoke(self, *serials: int) -> None:
        """Revoke certificates by their serial numbers, from now on and on the disk. Raises :class:`StorageError`."""
        now = self._clock()
        kept = {serial: when for serial, when in self._revoked.items() if when > now - timedelta(days=LIST_DAYS)}
        self._revoked = dict.fromkeys(serials, now) | kept
        self._number += 1
        write_atomic(self._folder / "revoked.pem", self.crl(), mode=0o600)

    def crl(self) -> bytes:
        """Return the revocation list (RFC 5280, 5) in PEM form, signed now; its number grows with each revocation."""
        now = self._clock()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - BEFORE)
            .next_update(now + timedelta(days=LIST_DAYS))
            .add_extension(x509.CRLNumber(self._number), critical=False)
            .add_extension(self._key_identifier(), critical=False)
        )
        for serial, when in self._revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _builder(self, key: ec.EllipticCurvePublicKey, name: str, expires: datetime) -> x509.CertificateBuilder:
        """Return what is the same in all certificates that are not of an authority."""
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._clock() - BEFORE)
            .not_valid_after(expires)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(self._key_identifier(), critical=False)
        )

    def _key_identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())


def revoked_serials(crl: bytes, authority: bytes) -> tuple[int, frozenset[int]]:
    """Return the number of a revocation list, and the serial numbers of the certificates that it revokes.

    Args:
        crl: The list in PEM form, from a stranger.
        authority: The certificate, in PEM form, of the authority that must have signed it.

    Raises:
        IdentityError: It is no list, too long, or signed by somebody else.
    """
    number, revoked = _parse_list(crl, read_certificate(authority))
    return number, frozenset(revoked)


def _read_list(path: Path, authority: x509.Certificate) -> tuple[dict[int, datetime], int]:
    if not path.exists():
        return {}, 0
    try:
        number, revoked = _parse_list(read_small(path, MAX_LIST), authority)
    except IdentityError as error:
        # To go on without it would give everybody back what was taken from them.
        raise StorageError(path, error.message, hint=Text("hint.identity-backup")) from error
    return revoked, number


def _parse_list(crl: bytes, authority: x509.Certificate) -> tuple[int, dict[int, datetime]]:
    key = authority.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        found = x509.load_pem_x509_crl(crl) if len(crl) <= MAX_LIST else None
        if found is None or not found.is_signature_valid(key):
            raise IdentityError(Text("identity.no-list"))
        number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        return number, {entry.serial_number: entry.revocation_date_utc for entry in found}
    except (ValueError, TypeError, x509.ExtensionNotFound) as error:
        raise IdentityError(Text("identity.no-list")) from error


def _self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    public = key.public_key()
    digest = x509.SubjectKeyIdentifier.from_public_key(public)
    # A name of its own for each: OpenSSL finds an issuer by its name, and two groups must not be taken for one.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"SwarmShare group {digest.digest.hex()[:16]}")])
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(digest, critical=False)
        .sign(key, hashes.SHA256())
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _now() -> datetime:
    return datetime.now(UTC)


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _is_dns_name(name: str) -> bool:
    labels = name.rstrip(".").split(".")
    return (
        name.isascii()
        and len(name) <= 253
        and all(0 < len(label) <= 63 and label.replace("-", "a").replace("_", "a").isalnum() for label in labels)
    )
