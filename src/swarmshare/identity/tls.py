"""TLS contexts of a group: for the tracker's server, and for those who trust the group's authority and no other one."""

from __future__ import annotations

import ssl
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from swarmshare.identity.certificates import TRACKER

NOT_THE_TRACKER: Final = "it is no tracker's certificate"
"""The reason of an :class:`ssl.SSLCertVerificationError` when a member poses as the tracker."""

_REFUSED_BY_US: Final = 50
"""``X509_V_ERR_APPLICATION_VERIFICATION`` of OpenSSL."""


def load_certificate(context: ssl.SSLContext, pem: bytes) -> None:
    """Give ``context`` a private key and its certificates, all in ``pem``.

    The library takes them from a file only: they go through one that nobody else may read, and that is gone at once.
    """
    with TemporaryDirectory(prefix="swarmshare-") as folder:  # mode 0700
        path = Path(folder) / "chain.pem"
        path.touch(0o600)
        path.write_bytes(pem)
        context.load_cert_chain(path)


def server_context(certificate: bytes) -> ssl.SSLContext:
    """Return what a tracker serves with: ``certificate`` is its key and its certificates, in PEM form."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load_certificate(context, certificate)
    return context


def tracker_context(authority: bytes) -> ssl.SSLContext:
    """Return what connects to the tracker whose ``authority`` (PEM) is known, and to nothing else.

    By which name or address it is reached says nothing, and may change; that it is the tracker, and no member with a
    certificate of the same authority, says a name that only the tracker's own certificate has.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.decode("ascii"))
    context.sslsocket_class = _TrackerSocket
    return context


class _TrackerSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        names = (self.getpeercert() or {}).get("subjectAltName", ())
        if ("URI", TRACKER) not in names:
            error = ssl.SSLCertVerificationError(1, NOT_THE_TRACKER)
            error.verify_code, error.verify_message = _REFUSED_BY_US, NOT_THE_TRACKER
            raise error
