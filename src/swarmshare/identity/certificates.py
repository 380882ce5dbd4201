"""Keys, signing requests and names of certificates: what a device makes, and what anybody reads out of one.

A member's certificate serves both ends of a connection between peers, as libtorrent demands (``*`` as DNS name, and
both extended key usages). It must never pass for the tracker's own: that has the URI :data:`TRACKER` in its names,
which no member can get, because the authority takes nothing but the public key from a signing request.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from swarmshare.errors import SwarmShareError
from swarmshare.texts import Text

MAX_PEM: Final = 16 * 1024
"""Bytes of a key, a request or a certificate that is read: ours take less than one tenth."""
TRACKER: Final = "swarmshare:tracker"
"""The URI among the names of a tracker's certificate, and of no other one."""

_MEMBER: Final = re.compile(r"swarmshare:user/([0-9A-Za-z_-]{1,64})/device/([0-9A-Za-z_-]{1,64})")
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")


class IdentityError(SwarmShareError):
    """A key, certificate, signing request, group id or group link that cannot be used."""

    code = "identity"


class MemberName(NamedTuple):
    """Whom a member's certificate names."""

    user: str
    """The account's name."""
    user_id: str
    """Of the account: it stays when the name changes."""
    device_id: str
    serial: int
    """Of the certificate, as revocation lists name it."""


def member_uri(user_id: str, device_id: str) -> str:
    """Return the URI that names a member in a certificate; :class:`ValueError` for ids that are not plain words."""
    if not (_ID.fullmatch(user_id) and _ID.fullmatch(device_id)):
        raise ValueError("an id has 1 to 64 letters, digits, _ and -")
    return f"swarmshare:user/{user_id}/device/{device_id}"


def new_key() -> bytes:
    """Return a fresh private key (ECDSA P-256) in PEM form (PKCS #8), for a file with mode 0600."""
    return key_pem(ec.generate_private_key(ec.SECP256R1()))


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key in PEM form (PKCS #8), not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def read_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the private key in ``pem``; raise :class:`IdentityError` when there is none for ECDSA P-256."""
    try:
        key = serialization.load_pem_private_key(pem[:MAX_PEM], password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise IdentityError(Text("identity.no-key")) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise IdentityError(Text("identity.no-key"))
    return key


def signing_request(key: bytes) -> bytes:
    """Return a signing request (PKCS #10, PEM) for a private key in PEM form; it proves that we have the key."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))  # names are the authority's to give
    return builder.sign(read_key(key), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    """Return the public key of a stranger's signing request, and nothing else of it.

    Raises :class:`IdentityError` when it is too long, no request, for another kind of key than ECDSA P-256, or not
    signed by that key.
    """
    if len(request) > MAX_PEM:
        raise IdentityError(Text("identity.request-long", limit=MAX_PEM))
    try:
        found = x509.load_pem_x509_csr(request)
        key = found.public_key()
        signed = isinstance(key, ec.EllipticCurvePublicKey) and found.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise IdentityError(Text("identity.no-request")) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise IdentityError(Text("identity.request-key"))
    if not signed:
        raise IdentityError(Text("identity.request-unsigned"))
    return key


def read_certificate(data: bytes) -> x509.Certificate:
    """Return the first certificate of a PEM file, or one in DER form. Raises :class:`IdentityError`."""
    try:
        if b"-----BEGIN" in data[:MAX_PEM]:
            return x509.load_pem_x509_certificate(data[:MAX_PEM])
        return x509.load_der_x509_certificate(data[:MAX_PEM])
    except ValueError as error:
        raise IdentityError(Text("identity.no-certificate")) from error


def read_member(data: bytes) -> MemberName:
    """Return whom a member's certificate (PEM or DER) names; that it is valid must have been verified before.

    Raises :class:`IdentityError` for any other certificate, such as a tracker's own.
    """
    certificate = read_certificate(data)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        users = [name.value for name in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise IdentityError(Text("identity.no-member")) from error
    matches = [match for uri in uris if (match := _MEMBER.fullmatch(uri))]
    if len(matches) != 1 or len(uris) != 1 or len(users) != 1 or not isinstance(users[0], str):
        raise IdentityError(Text("identity.no-member"))
    return MemberName(users[0], matches[0][1], matches[0][2], certificate.serial_number)
