"""Groups with members' certificates, for tests of connections between peers: the product's own authority signs them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from swarmshare.identity.authority import Authority
from swarmshare.identity.certificates import read_member, signing_request
from swarmshare.identity.membership import REVOKED, Membership, device_key, open_membership, save_certificate
from swarmshare.storage.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path


class Group:
    """An authority, and folders with what each member has of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._later = timedelta()
        self.authority = Authority.create(folder / "authority", self._now)

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._later

    @property
    def certificate(self) -> bytes:
        """The authority's own, as ``ssl-cert`` has it."""
        return self.authority.certificate_pem

    def issue(self, user: str, *, expired: bool = False) -> Path:
        """A folder with the key and a certificate of a new member."""
        folder = self.folder / user
        self._later = timedelta(days=-30) if expired else timedelta()
        issued = self.authority.issue(signing_request(device_key(folder)), user, f"id-{user}", "laptop")
        self._later = timedelta()
        save_certificate(folder, issued.pem)
        return folder

    def member(self, user: str) -> Membership:
        """What a new member's engine has."""
        return open_membership(self.issue(user), self.certificate)

    def revoke(self, *users: str) -> bytes:
        """Revoke the certificates of members; the list that says so."""
        serials = [read_member((self.folder / user / "certificate.pem").read_bytes()).serial for user in users]
        self.authority.revoke(*serials)
        return self.authority.crl()

    def tell(self, user: str) -> None:
        """Put the newest list into the folder of a member."""
        write_atomic(self.folder / user / REVOKED, self.authority.crl(), mode=0o600)
