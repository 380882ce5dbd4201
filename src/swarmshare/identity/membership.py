"""This device as a member of one group: its key and certificate on the disk, TLS between peers, and who may connect.

One folder holds it: ``key.pem`` is the device's private key, which never leaves it; ``certificate.pem`` is what the
group's authority has issued for it, and is renewed; ``revoked.pem`` is the newest revocation list that is known.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from swarmshare.errors import StorageError
from swarmshare.identity.authority import MAX_LIST, revoked_serials
from swarmshare.identity.certificates import (
    MAX_PEM,
    IdentityError,
    MemberName,
    new_key,
    read_certificate,
    read_key,
    read_member,
)
from swarmshare.identity.tls import load_certificate
from swarmshare.storage.files import make_folder, read_small, write_atomic
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from pathlib import Path

KEY: Final = "key.pem"
CERTIFICATE: Final = "certificate.pem"
REVOKED: Final = "revoked.pem"

ANY_TORRENT: Final = "*"
"""The DNS name of a certificate that is good for every torrent of the authority, by libtorrent's rule."""

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2, with forward secrecy and AES-GCM first; those of TLS 1.3 are not ours to choose in Python."""
_BOTH_ENDS: Final = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}


def peer_context(protocol: int) -> ssl.SSLContext:
    """Return a TLS context as peers use it, without any certificate yet.

    Args:
        protocol: ``ssl.PROTOCOL_TLS_CLIENT`` for whoever dials, else ``ssl.PROTOCOL_TLS_SERVER``.
    """
    context = ssl.SSLContext(protocol)
    context.check_hostname = False  # the server name is a hash; what the certificate's names say, is checked by admit
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # Whoever resumed a session would not show his certificate again, which may be revoked meanwhile.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    return context


class Membership:
    """This device's certificate of one group, ready for connections, and what decides who else may have one."""

    def __init__(self, authority: bytes, key: bytes, certificate: bytes) -> None:
        """Take all three in PEM form: the authority's certificate, our private key, and the certificate for it.

        Raises :class:`IdentityError` when one cannot be used: it is none, is of another group, or has expired.
        """
        self.authority = authority
        self.client: ssl.SSLContext
        """What we dial with."""
        self.server: ssl.SSLContext
        """What we answer with."""
        self._certificate = b""
        self._list_number = -1
        self._revoked: frozenset[int] = frozenset()
        self.renew(key, certificate)

    def renew(self, key: bytes, certificate: bytes) -> bool:
        """Use another certificate of ours for all connections from now on; returns whether it is another one.

        The arguments, and what is raised, are as for a new membership; the last certificate then stays in use.
        """
        if certificate == self._certificate:
            return False
        ours, issuer = read_certificate(certificate), read_certificate(self.authority)
        if ours.public_key() != read_key(key).public_key():
            raise IdentityError(Text("identity.other-key"))
        try:
            ours.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise IdentityError(Text("member.own-other-group")) from error
        if ours.not_valid_after_utc <= datetime.now(UTC):
            expired = ours.not_valid_after_utc.strftime("%Y-%m-%d %H:%M UTC")
            raise IdentityError(Text("member.own-expired", when=expired), hint=Text("hint.new-certificate"))
        chain = key + b"\n" + certificate
        self.client, self.server = (
            self._context(ssl.PROTOCOL_TLS_CLIENT, chain),
            self._context(ssl.PROTOCOL_TLS_SERVER, chain),
        )
        self._certificate = certificate
        return True

    def _context(self, protocol: int, chain: bytes) -> ssl.SSLContext:
        context = peer_context(protocol)
        try:
            context.load_verify_locations(cadata=self.authority.decode("ascii"))
            load_certificate(context, chain)
        except (ssl.SSLError, UnicodeError) as error:
            raise IdentityError(Text("identity.no-certificate")) from error
        return context

    def admit(self, certificate: bytes, torrent: str) -> MemberName:
        """Return whom a peer's certificate names, if it may join the torrent with this name.

        Args:
            certificate: In DER form, signed by the group's authority and valid now, which TLS has verified.
            torrent: The name of the torrent, as libtorrent knows it.

        Raises:
            IdentityError: It was revoked, is for another torrent, or is not for both ends of a connection.
        """
        found = read_certificate(certificate)
        if found.serial_number in self._revoked:
            raise IdentityError(Text("member.revoked"))
        try:
            names, usages, user = _names(found), _usages(found), _common_name(found)
        except (x509.DuplicateExtension, ValueError) as error:
            raise IdentityError(Text("identity.no-certificate")) from error
        if not usages >= _BOTH_ENDS:
            raise IdentityError(Text("member.usage"))
        if {ANY_TORRENT, torrent}.isdisjoint(names or [user]):
            raise IdentityError(Text("member.other-torrent"))
        try:
            return read_member(certificate)
        except IdentityError:  # of an authority that is not SwarmShare's
            return MemberName(user, "", "", found.serial_number)

    def is_revoked(self, serial: int) -> bool:
        """Whether the newest list names the certificate with this serial number."""
        return serial in self._revoked

    def take_list(self, crl: bytes) -> bool:
        """Go by another revocation list (PEM) from now on, if it is newer; returns whether it is.

        Raises :class:`IdentityError` for what is no list of the group's authority.
        """
        number, revoked = revoked_serials(crl, self.authority)
        if number <= self._list_number:
            return False
        self._list_number, self._revoked = number, revoked
        return True


def device_key(folder: Path) -> bytes:
    """Return the private key (PEM) of this device that is in ``folder``, after making one where there is none.

    Raises :class:`StorageError` when the disk refuses, or what is there is no key.
    """
    path = folder / KEY
    if not path.exists():
        try:
            make_folder(folder, mode=0o700)
        except OSError as error:
            raise StorageError(folder, os_reason(error)) from error
        write_atomic(path, new_key(), mode=0o600)
    key = read_small(path, MAX_PEM)
    try:
        read_key(key)
    except IdentityError as error:
        raise StorageError(path, error.message) from error
    return key


def save_certificate(folder: Path, certificate: bytes) -> None:
    """Keep ``certificate`` (PEM) in ``folder`` in the place of the last one. Raises :class:`StorageError`."""
    write_atomic(folder / CERTIFICATE, certificate, mode=0o600)


def open_membership(folder: Path, authority: bytes) -> Membership:
    """Open the key, the certificate and the revocation list in ``folder`` for the group of ``authority`` (PEM).

    Raises :class:`StorageError` when one of them cannot be read or used; a list there need not be.
    """
    try:
        membership = Membership(authority, *_read_pair(folder))
    except IdentityError as error:
        raise StorageError(folder / CERTIFICATE, error.message, hint=error.hint) from error
    read_list(membership, folder)
    return membership


def refresh(membership: Membership, folder: Path) -> bool:
    """Take a renewed certificate and a newer revocation list, if they are in ``folder``; returns whether a list was.

    Raises :class:`StorageError` for what cannot be read or used; what was in use before stays in use then.
    """
    is_newer = read_list(membership, folder)
    try:
        membership.renew(*_read_pair(folder))
    except IdentityError as error:
        raise StorageError(folder / CERTIFICATE, error.message, hint=error.hint) from error
    return is_newer


def _read_pair(folder: Path) -> tuple[bytes, bytes]:
    """Return the key and the certificate in ``folder``."""
    return read_small(folder / KEY, MAX_PEM), read_small(folder / CERTIFICATE, MAX_PEM)


def read_list(membership: Membership, folder: Path) -> bool:
    """Take the revocation list that is in ``folder``, if there is one; returns whether it is newer than the last one.

    Raises :class:`StorageError` when it cannot be read, or is none of this group.
    """
    path = folder / REVOKED
    if not path.exists():
        return False
    try:
        return membership.take_list(read_small(path, MAX_LIST))
    except IdentityError as error:
        raise StorageError(path, error.message) from error


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)


def _usages(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    try:
        return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return set(_BOTH_ENDS)  # it says nothing, and so it is for everything


def _common_name(certificate: x509.Certificate) -> str:
    """Return the last common name: as long as there is no DNS name, libtorrent goes by that."""
    values = [name.value for name in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    return values[-1] if values and isinstance(values[-1], str) else ""
