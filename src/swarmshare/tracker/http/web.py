"""The Flask application as such: how it reads and writes JSON, how it says that something went wrong, its headers."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from flask import Flask, Response, request
from flask.json.provider import JSONProvider
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from swarmshare.texts import Text
from swarmshare.tracker.domain import strict_json
from swarmshare.tracker.domain.database_problem import problem_of
from swarmshare.tracker.domain.refusals import Reason, RefusalError
from swarmshare.tracker.http.api.answers import ProblemDetails, problem_details
from swarmshare.tracker.http.api.routes import PREFIX
from swarmshare.tracker.http.visitor import translated

if TYPE_CHECKING:
    from types import TracebackType

    from werkzeug.datastructures import Headers

_CODES: Final = {
    HTTPStatus.BAD_REQUEST: Reason.MALFORMED.code,
    HTTPStatus.NOT_FOUND: Reason.NOT_FOUND.code,
    HTTPStatus.METHOD_NOT_ALLOWED: "method",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Reason.TOO_LARGE.code,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Reason.WRONG_TYPE.code,
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal",
}
_MESSAGES: Final = {
    HTTPStatus.NOT_FOUND: Text("request.nothing-here"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Text("request.large"),
    HTTPStatus.INTERNAL_SERVER_ERROR: Text("tracker.mistake"),
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Json(JSONProvider):
    """Flask's way to JSON, which is :mod:`~swarmshare.tracker.domain.strict_json`."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """Return ``obj``, which may be a msgspec struct, as JSON."""
        return strict_json.dumps(obj)

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Return the value of a JSON text; raises :class:`ValueError` when it is not exactly JSON."""
        return strict_json.loads(s)


class Web(Flask):
    """A Flask application that answers every error in the form that the API describes."""

    def __init__(self, max_body: int) -> None:
        super().__init__("swarmshare.tracker.http")
        self.json = Json(self)
        self.config["MAX_CONTENT_LENGTH"] = max_body
        self.register_error_handler(RefusalError, _refused)
        self.register_error_handler(HTTPException, _failed)
        self.register_error_handler(SQLAlchemyError, _database_failed)
        self.after_request(_add_headers)

    def log_exception(self, exc_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None]) -> None:
        """Log an error by the route: the path itself may have a passkey or a setup token in it."""
        self.logger.error("%s %s failed", request.method, request.url_rule, exc_info=exc_info)


def _refused(error: RefusalError) -> Response:
    response = _problem(problem_details(error.reason.code, error.message, error.field), error.reason.status)
    if error.retry_after:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.reason.status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _database_failed(error: SQLAlchemyError) -> Response:
    """Answer for a full disk or a server that is away, for whoever runs the tracker; the log has been told."""
    if (problem := problem_of(error)) is None:
        raise error
    if not request.path.startswith(PREFIX):
        return _plain(problem.sentence, HTTPStatus.SERVICE_UNAVAILABLE)
    message = Text("tracker.nothing-changed", what=problem.sentence)
    return _problem(problem_details(problem.code, message), HTTPStatus.SERVICE_UNAVAILABLE)


def _failed(error: HTTPException) -> Response:
    response = error.get_response()
    status = HTTPStatus(response.status_code)
    message = _MESSAGES.get(status, Text("request.failed", status=status.phrase.lower()))
    if status < HTTPStatus.BAD_REQUEST or not request.path.startswith(PREFIX):
        return _plain(message, status, response.headers)
    if status is HTTPStatus.BAD_REQUEST:
        message = Text("request.bad-json")
    problem = _problem(problem_details(_CODES.get(status, "http"), message), status)
    if "Allow" in response.headers:
        problem.headers["Allow"] = response.headers["Allow"]
    return problem


def _plain(text: Text, status: HTTPStatus, headers: Headers | None = None) -> Response:
    return Response(f"{status.value} {translated(text)}\n", status, headers, content_type="text/plain; charset=utf-8")


def _problem(problem: ProblemDetails, status: HTTPStatus) -> Response:
    return Response(msgspec.json.encode(problem), status, mimetype="application/json")


def _add_headers(response: Response) -> Response:
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
