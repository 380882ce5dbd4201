"""How a route of the HTTP API is made: who may use it, what it takes and gives, and how it says no.

Each route declares these once; the checks and the OpenAPI document both come from that declaration.
"""

from __future__ import annotations

import re
from collections import defaultdict
from enum import Enum
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from flask import Blueprint, Response, request
from spectree import Response as Responses
from spectree import SpecTree
from spectree.model_adapter.msgspec_adapter import MsgspecModelAdapter
from spectree.models import SecureType, SecurityScheme, SecuritySchemeData
from werkzeug.exceptions import RequestEntityTooLarge

from swarmshare import __version__
from swarmshare.texts import Text
from swarmshare.tracker.domain.lookup import Role
from swarmshare.tracker.domain.refusals import Reason, RefusalError
from swarmshare.tracker.http.api.answers import ProblemDetails

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spectree.model_adapter.protocol import SchemaMode

    from swarmshare.tracker.domain.directory import Directory, Holder

    View = TypeVar("View", bound=Callable[..., object])

PREFIX: Final = "/api/v1"
BEARER: Final = "Bearer "
_BINARY: Final = {"type": "string", "format": "binary"}

_AT = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_NAMED = re.compile(r"(?:required|unknown) field `(?P<name>[^`]*)`")


class May(Enum):
    """Who may use a route; the reasons for which everybody else is refused."""

    ANYBODY = ()
    MEMBER = (Reason.NO_TOKEN, Reason.BAD_TOKEN, Reason.TOKEN_EXPIRED, Reason.SUSPENDED)
    ORGANISER = (*MEMBER, Reason.NOT_ORGANISER)


class Raw(NamedTuple):
    """A body that is no JSON."""

    types: tuple[str, ...]
    """Its media types; the first is the one to use."""
    limit: int
    """In bytes."""
    too_large: Reason
    """Why a larger one is refused."""


class _ModelAdapter(MsgspecModelAdapter):
    """What SpecTree has for msgspec, which makes the schema of a model once instead of at each route that names it."""

    def __init__(self) -> None:
        super().__init__()
        self._schemas: dict[type[Any], dict[str, Any]] = {}

    def json_schema(self, model: type[Any], *, ref_template: str, mode: SchemaMode = "validation") -> dict[str, Any]:
        """Return the JSON schema of ``model``; SpecTree copies it before it changes anything in it."""
        if model not in self._schemas:
            self._schemas[model] = super().json_schema(model, ref_template=ref_template, mode=mode)
        return self._schemas[model]


_MODEL_ADAPTER: Final[Any] = _ModelAdapter()


class ApiRoutes:
    """The routes below ``/api/v1``, and the document that describes them."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
        self._raw: dict[tuple[str, str], dict[str, Any]] = {}
        self._spec = SpecTree(
            "flask",
            title="SwarmShare tracker",
            version=__version__,
            mode="strict",
            model_adapter=_MODEL_ADAPTER,
            naming_strategy=lambda model: model.__name__,
            nested_naming_strategy=lambda _parent, name: name,
            validation_error_model=ProblemDetails,
            before=_refuse_invalid,
            security_schemes=[
                SecurityScheme(name="token", data=SecuritySchemeData(type=SecureType.HTTP, scheme="bearer"))
            ],
        )

    def route(
        self,
        method: str,
        path: str,
        *,
        may: May,
        gives: type | str | None = None,
        status: HTTPStatus = HTTPStatus.OK,
        or_status: HTTPStatus | None = None,
        takes: type | Raw | None = None,
        asks: type | None = None,
        limit: int | None = None,
        refuses: Sequence[Reason] = (),
    ) -> Callable[[View], View]:
        """Make a view the one for ``method`` and ``path``.

        ``gives`` is what it returns, or the media type of a body that is no JSON; None is an empty answer. The status
        is ``status``, or ``or_status`` when the view returns that beside the answer. ``takes`` is its body, of at most
        ``limit`` bytes when that is not the usual bound; ``asks`` is its query string. The view is called with ``json``
        or ``body``, with ``query``, with the parts of its path, and with ``who`` holds the token unless
        :attr:`May.ANYBODY` may.
        """
        reasons = [*may.value, *refuses]
        if isinstance(takes, Raw):
            reasons += [Reason.WRONG_TYPE, takes.too_large]
        elif takes is not None:
            reasons += [Reason.MALFORMED, Reason.WRONG_TYPE, Reason.TOO_LARGE]

        def decorate(view: View) -> View:
            answer_model = gives if isinstance(gives, type) else None
            json = takes if isinstance(takes, type) else None

            @wraps(view)
            def answered(**arguments: Any) -> Any:
                answer = view(**arguments)
                return answer if isinstance(answer, (Response, tuple)) else (answer or "", status)

            # SpecTree passes on what it has validated by these; of a view it could not resolve them.
            answered.__annotations__ = {name: model for name, model in (("query", asks), ("json", json)) if model}
            validated = self._spec.validate(
                resp=_responses(answer_model, [status, *([or_status] if or_status else [])], reasons),
                security={"token": []} if may is not May.ANYBODY else None,
                operation_id=view.__name__,
                tags=[path.split("/")[1]],
            )(answered)
            # Validating an answer reads all of it; what is not made from a schema may be a stream.
            inner = answered if isinstance(gives, str) else validated

            @wraps(validated)
            def checked(**arguments: Any) -> Any:
                if may is not May.ANYBODY:
                    arguments["who"] = self._holder(may)
                if limit is not None:
                    request.max_content_length = limit
                if isinstance(takes, Raw):
                    arguments["body"] = _raw_body(takes)
                elif takes is not None:
                    _check_json()
                return inner(**arguments)

            self.blueprint.add_url_rule(path, view.__name__, checked, methods=[method])
            self._note_raw(method, path, status, takes, gives)
            return view

        return decorate

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document of all routes, as JSON."""
        document: dict[str, Any] = self._spec.spec
        for (path, method), parts in self._raw.items():
            operation = document["paths"][path][method]
            operation["responses"].update(parts.pop("responses", {}))
            operation.update(parts)
        return document

    def _holder(self, may: May) -> Holder:
        header = request.headers.get("Authorization", "")
        if not header.startswith(BEARER):
            raise RefusalError(Reason.NO_TOKEN, Text("request.no-token"))
        holder = self._directory.holder(header.removeprefix(BEARER).strip())
        if may is May.ORGANISER and holder.identity.role is not Role.ORGANISER:
            raise RefusalError(Reason.NOT_ORGANISER, Text("request.organisers-only"))
        return holder

    def _note_raw(
        self, method: str, path: str, status: HTTPStatus, takes: type | Raw | None, gives: type | str | None
    ) -> None:
        """Add what SpecTree cannot say: bodies that are no JSON."""
        parts: dict[str, Any] = {}
        if isinstance(takes, Raw):
            content = {media_type: {"schema": _BINARY} for media_type in takes.types}
            parts["requestBody"] = {"content": content, "required": True}
        if isinstance(gives, str):
            content = {gives: {"schema": _BINARY if gives != "application/json" else {"type": "object"}}}
            parts["responses"] = {str(int(status)): {"description": status.phrase, "content": content}}
        if parts:
            plain = re.sub(r"<(?:[^:<>]+:)?([a-z_]+)>", r"{\1}", path)
            self._raw[PREFIX + plain, method.lower()] = parts


def _responses(model: type | None, statuses: Sequence[HTTPStatus], reasons: Sequence[Reason]) -> Responses:
    by_status: dict[HTTPStatus, list[str]] = defaultdict(list)
    for reason in (*reasons, Reason.INVALID):
        by_status[reason.status].append(f"`{reason.code}`")
    # What stands before every operation, and asks none of them: the guard.
    by_status[HTTPStatus.FORBIDDEN].append("`origin`")
    by_status[HTTPStatus.MISDIRECTED_REQUEST].append("`host`")
    answers: dict[str, Any] = {
        f"HTTP_{refused.value}": (ProblemDetails, f"{refused.phrase}: {', '.join(codes)}")
        for refused, codes in by_status.items()
    }
    return Responses(**{f"HTTP_{status.value}": model for status in statuses}, **answers)


def _refuse_invalid(_request: object, _response: object, error: Exception | None, *_: object) -> None:
    """Say what is wrong with a body or a query string, in the one form that all refusals have."""
    if error is None:
        return
    text = str(error)
    at, named = _AT.search(text), _NAMED.search(text)
    parts = [match for match in (at and at["path"], named and named["name"]) if match]
    message = Text("request.invalid", reason=_AT.sub("", text).replace("`", "'"))
    raise RefusalError(Reason.INVALID, message, field=".".join(parts) or None)


def _check_json() -> None:
    """Refuse a body that is no JSON object, in so many words: what reads it later is lenient."""
    if not request.is_json:
        raise RefusalError(Reason.WRONG_TYPE, Text("request.not-json"))
    if not isinstance(request.get_json(), dict):
        raise RefusalError(Reason.INVALID, Text("request.no-object"))


def _raw_body(raw: Raw) -> bytes:
    if request.mimetype not in raw.types:
        raise RefusalError(Reason.WRONG_TYPE, Text("request.content-type", type=raw.types[0]))
    request.max_content_length = raw.limit
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise RefusalError(raw.too_large, Text("request.too-large", limit=raw.limit)) from None
