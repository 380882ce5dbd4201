"""Refusals, each with a code of its own: one table, read by the HTTP API and by its documentation."""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING

from swarmshare.errors import SwarmShareError

if TYPE_CHECKING:
    from swarmshare.texts import Text


class Reason(Enum):
    """Why a request is refused: a stable code for programs, and the HTTP status that goes with it."""

    MALFORMED = "malformed", HTTPStatus.BAD_REQUEST
    INVALID = "invalid", HTTPStatus.UNPROCESSABLE_ENTITY
    TOO_LARGE = "too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    WRONG_TYPE = "content-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    RATE_LIMITED = "rate-limited", HTTPStatus.TOO_MANY_REQUESTS

    NO_TOKEN = "token-missing", HTTPStatus.UNAUTHORIZED
    BAD_TOKEN = "token-unknown", HTTPStatus.UNAUTHORIZED
    TOKEN_EXPIRED = "token-expired", HTTPStatus.UNAUTHORIZED
    CREDENTIALS = "credentials", HTTPStatus.UNAUTHORIZED
    SUSPENDED = "suspended", HTTPStatus.FORBIDDEN
    NOT_ORGANISER = "not-organiser", HTTPStatus.FORBIDDEN

    NAME_INVALID = "name-invalid", HTTPStatus.UNPROCESSABLE_ENTITY
    NAME_TAKEN = "name-taken", HTTPStatus.CONFLICT
    PASSWORD_WEAK = "password-weak", HTTPStatus.UNPROCESSABLE_ENTITY
    REGISTRATION_CLOSED = "registration-closed", HTTPStatus.FORBIDDEN
    INVITATION_REQUIRED = "invitation-required", HTTPStatus.FORBIDDEN
    INVITATION_UNKNOWN = "invitation-unknown", HTTPStatus.FORBIDDEN
    INVITATION_USED = "invitation-used", HTTPStatus.FORBIDDEN
    INVITATION_EXPIRED = "invitation-expired", HTTPStatus.FORBIDDEN
    SETUP_TOKEN = "setup-token", HTTPStatus.FORBIDDEN
    LAST_ORGANISER = "last-organiser", HTTPStatus.CONFLICT
    NOT_FOUND = "not-found", HTTPStatus.NOT_FOUND
    TOO_MANY = "too-many", HTTPStatus.CONFLICT

    MANIFEST = "manifest", HTTPStatus.UNPROCESSABLE_ENTITY
    MANIFEST_SIZE = "manifest-size", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    ALREADY_PUBLISHED = "already-published", HTTPStatus.CONFLICT
    UNKNOWN_ENTRY = "unknown-entry", HTTPStatus.NOT_FOUND
    NOT_YOURS = "not-yours", HTTPStatus.FORBIDDEN
    QUOTA = "quota", HTTPStatus.FORBIDDEN
    NO_PASSKEY = "no-passkey", HTTPStatus.CONFLICT
    IMPORT = "import", HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, code: str, status: HTTPStatus) -> None:
        self.code = code
        self.status = status


class RefusalError(SwarmShareError):
    """A request that the tracker does not fulfil; nothing was changed."""

    code = "refused"

    def __init__(self, reason: Reason, message: Text, *, field: str | None = None, retry_after: float = 0) -> None:
        """Says why: ``field`` is the part of the request that is wrong; ``retry_after`` seconds make a difference."""
        super().__init__(message)
        self.reason = reason
        self.field = field
        self.retry_after = retry_after
