"""Requests to a tracker's HTTP API, and answers, of which every field is checked before it is believed."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from swarmshare.errors import TrackerError
from swarmshare.schema.text_wire import read_text
from swarmshare.texts import Text, about
from swarmshare.tracker_client.failures import IDENTITY, failure, odd_page
from swarmshare.tracker_client.proxies import ProxyUrlError, proxy_for, through
from swarmshare.tracker_client.trust import context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_ANSWER: Final = 16 * 2**20
"""Bytes of an answer."""
MAX_DOWNLOAD: Final = 16 * 2**30
"""Bytes of a file that goes to the disk; with more, it is given up."""
TIMEOUT: Final = 30.0
"""Seconds without a byte."""
_READ: Final = 64 * 1024
_PORTS: Final = {"http": 80, "https": 443}


def tracker_url(text: str) -> str:
    """Return the address of a tracker in one form: ``http://host[:port][/path]``, without a slash at the end.

    Without a scheme it is ``http``. Raises :class:`TrackerError` when it is no address.
    """
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if (
        not host
        or parts.scheme not in _PORTS
        or parts.username is not None
        or parts.query
        or parts.fragment
        or not text.isprintable()
    ):
        raise TrackerError("tracker-url", Text("tracker.url", text=repr(text)), hint=Text("hint.tracker-url"))
    if ":" in host:
        host = f"[{host}]"
    where = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    return f"{parts.scheme}://{where}{parts.path.rstrip('/')}"


class Answer:
    """A JSON object from a tracker, whose fields are checked as they are read.

    Every method raises :class:`TrackerError` for a field that is not there or not what it should be.
    """

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise _no_tracker()
        self._fields = value

    def text(self, name: str) -> str:
        """Return a field that is a text."""
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise _no_tracker(name)
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None where it is null or missing."""
        return None if self._fields.get(name) is None else self.text(name)

    def number(self, name: str) -> int:
        """Return a whole number of at most 64 bits that is not negative."""
        value = self._fields.get(name)
        if type(value) is not int or not 0 <= value < 2**64:
            raise _no_tracker(name)
        return value

    def optional_number(self, name: str) -> int | None:
        """Return a whole number, or None where it is null or missing."""
        return None if self._fields.get(name) is None else self.number(name)

    def flag(self, name: str) -> bool:
        """Return a field that is true or false."""
        value = self._fields.get(name)
        if not isinstance(value, bool):
            raise _no_tracker(name)
        return value

    def share(self, name: str) -> float:
        """Return a part of a whole, 0 to 1."""
        value = self._fields.get(name)
        if isinstance(value, (int, float)) and 0 <= value <= 1:
            return float(value)
        raise _no_tracker(name)

    def binary(self, name: str) -> bytes:
        """Return bytes, which JSON has in base64."""
        try:
            return base64.b64decode(self.text(name), validate=True)
        except ValueError:
            raise _no_tracker(name) from None

    def optional_binary(self, name: str) -> bytes | None:
        """Return bytes, or None where they are null or missing."""
        return None if self._fields.get(name) is None else self.binary(name)

    def texts(self, name: str) -> list[str]:
        """Return a field that is a list of texts."""
        value = self._fields.get(name)
        if not isinstance(value, list):
            raise _no_tracker(name)
        texts = [item for item in value if isinstance(item, str)]
        if len(texts) < len(value):
            raise _no_tracker(name)
        return texts

    def raw(self, name: str) -> object:
        """Whatever it is, unchecked; None where it is missing."""
        return self._fields.get(name)

    def inner(self, name: str) -> Answer:
        """Return a field that is an object, to be checked in turn."""
        return Answer(self._fields.get(name))

    def each(self, name: str) -> Iterator[Answer]:
        """Return the objects of a field that is a list of them, to be checked in turn."""
        value = self._fields.get(name)
        if not isinstance(value, list):
            raise _no_tracker(name)
        return map(Answer, value)


class Connection:
    """An HTTP connection to one tracker, kept open from one request to the next. For one thread at a time."""

    def __init__(self, tracker: str, token: str | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        """Connect at the first request to ``tracker``, as :func:`tracker_url` gives it.

        Args:
            tracker: Its address.
            token: Says who asks.
            tls: Checks its certificate; None: as everywhere in this process (:mod:`swarmshare.tracker_client.trust`).
        """
        self.tracker = tracker
        self._token = token
        self._session = requests.Session()
        if tracker.startswith("https:"):
            self._session.mount("https://", _TrustingAdapter(tls or context(tracker)))
        # Also without a token: otherwise requests would send what ~/.netrc has for this host.
        self._session.auth = self._sign

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Json] | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> Answer:
        """Return the answer to one request; an empty one to what has none.

        Args:
            method: Of HTTP.
            path: From the tracker's address on.
            body: A JSON object.
            query: Parameters of the URL.

        Raises:
            TrackerError: There is no answer, or it is a refusal, whose code is the rule of the error.
        """
        return self._answer(self._exchange(method, path, json=body, params=query))

    def send(self, method: str, path: str, content: bytes, content_type: str) -> Answer:
        """Send a file, and return the answer to it. Raises as :meth:`ask` does."""
        return self._answer(self._exchange(method, path, data=content, headers={"Content-Type": content_type}))

    def fetch(self, path: str) -> bytes:
        """Return a file of up to :data:`MAX_ANSWER` bytes. Raises as :meth:`ask` does."""
        response, content = self._exchange("GET", path)
        if not response.ok:
            self._answer((response, content))
        return content

    def download(self, path: str, take: Callable[[bytes], object]) -> None:
        """Pass a file of up to :data:`MAX_DOWNLOAD` bytes to ``take`` in chunks. Raises as :meth:`ask` does."""
        response, content = self._exchange("GET", path, take=take)
        if not response.ok:
            self._answer((response, content))

    def _exchange(
        self, method: str, path: str, *, take: Callable[[bytes], object] | None = None, **what: Any
    ) -> tuple[requests.Response, bytes]:
        try:
            with self._session.request(
                method,
                self.tracker + path,
                timeout=TIMEOUT,
                allow_redirects=False,  # a password or token must not go where nobody sent it
                stream=True,
                proxies=self._proxies(),
                **what,
            ) as response:
                if take is None or not response.ok:
                    return response, self._content(response)
                self._pass_on(response, take)
                return response, b""
        except (requests.RequestException, ProxyUrlError, UnicodeError) as error:
            raise self._unreachable(error) from error

    def _proxies(self) -> dict[str, Any]:
        """Return our choice for :mod:`requests`, which would take any proxy of the environment, if told of none."""
        proxy = proxy_for(self.tracker)
        return dict.fromkeys(("http", "https", "all"), proxy.url if proxy else None)

    def _answer(self, exchange: tuple[requests.Response, bytes]) -> Answer:
        response, content = exchange
        if response.status_code == requests.codes.no_content:
            return Answer({})
        try:
            answer = Answer(json.loads(content))
        except (ValueError, RecursionError, TrackerError):
            raise self._odd(response, content) from None
        if not response.ok:
            raise self._refused(answer, response, content)
        return answer

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _content(self, response: requests.Response) -> bytes:
        content = bytearray()
        for chunk in response.iter_content(_READ):
            content += chunk
            if len(content) > MAX_ANSWER:
                raise TrackerError("not-a-tracker", about(self.tracker, Text("tracker.answer-long", limit=MAX_ANSWER)))
        return bytes(content)

    def _pass_on(self, response: requests.Response, take: Callable[[bytes], object]) -> None:
        length = 0
        for chunk in response.iter_content(_READ):
            length += len(chunk)
            if length > MAX_DOWNLOAD:
                raise TrackerError(
                    "not-a-tracker", about(self.tracker, Text("tracker.answer-long", limit=MAX_DOWNLOAD))
                )
            take(chunk)

    def _refused(self, answer: Answer, response: requests.Response, content: bytes) -> TrackerError:
        try:
            code, message = answer.text("code"), read_text(answer.text("message"), answer.raw("text"))
        except TrackerError:
            return self._odd(response, content)
        hint = None
        # A wrong password is no reason to sign in again: the token is not what was refused.
        if response.status_code == requests.codes.unauthorized and self._token is not None and code != "credentials":
            hint = Text("hint.sign-in-again", tracker=self.tracker)
        return TrackerError(code, message, hint=hint)

    def _odd(self, response: requests.Response, content: bytes) -> TrackerError:
        if response.is_redirect:
            where = response.headers.get("Location", "")
            hint = Text("hint.that-address")
            return TrackerError(
                "not-a-tracker", about(self.tracker, Text("tracker.points-to", address=repr(where[:200]))), hint=hint
            )
        kind = response.headers.get("Content-Type", "")
        rule, what, hint = odd_page(self.tracker, response.status_code, response.reason or "", content, kind)
        return TrackerError(rule, about(self.tracker, through(self.tracker, what)), hint=hint)

    def _unreachable(self, error: Exception) -> TrackerError:
        cause = TimeoutError() if isinstance(error, requests.Timeout) else error
        rule, what, hint = failure(self.tracker, cause, TIMEOUT)
        return TrackerError(rule, about(self.tracker, Text("tracker.unreachable", reason=what)), hint=hint)


class _TrustingAdapter(HTTPAdapter):
    """TLS by a context of ours; requests would choose its authorities by itself."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        super().__init__()

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:
        """Make the connections of this adapter check certificates by our context."""
        super().init_poolmanager(*sizes, **{**options, **self._checks()})

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return what connects by a proxy, with our context: a tunnel ends in TLS as well."""
        return super().proxy_manager_for(proxy, **options, **self._checks())

    def _checks(self) -> dict[str, Any]:
        # urllib3 would compare names by itself where our context does not: the pin of a group says more than a name.
        return {"ssl_context": self._tls} | ({} if self._tls.check_hostname else {"assert_hostname": False})

    def build_connection_pool_key_attributes(self, *request: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the options of a connection, without the files that requests would add to our context."""
        host, options = super().build_connection_pool_key_attributes(*request)
        return host, {name: value for name, value in options.items() if name not in {"ca_certs", "ca_cert_dir"}}

    def cert_verify(self, conn: Any, *_: Any) -> None:
        """Require a certificate, whatever requests was told."""
        conn.cert_reqs = "CERT_REQUIRED"


def what_answers(tracker: str) -> TrackerError | None:
    """Return why what is at ``tracker`` is none, by a request that tells it nothing; None when it is one."""
    try:
        with Connection(tracker) as connection:
            connection.ask("GET", "/api/v1/account")
    except TrackerError as error:
        return error if error.rule in {"unreachable", "not-a-tracker", "ca", IDENTITY} else None
    return None


def _no_tracker(name: str = "") -> TrackerError:
    what = Text("tracker.field", name=repr(name)) if name else Text("tracker.no-object")
    return TrackerError("not-a-tracker", what, hint=Text("hint.version"))
