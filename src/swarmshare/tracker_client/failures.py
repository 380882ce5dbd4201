"""Failures to talk to a tracker: for each cause, what is wrong and what to do about it."""

from __future__ import annotations

import re
import socket
import ssl
from errno import EHOSTUNREACH, ENETUNREACH, ETIMEDOUT
from http import HTTPStatus
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from swarmshare.common.text import clean
from swarmshare.texts import Text, system_says
from swarmshare.tracker_client.proxies import ProxyUrlError, through
from swarmshare.tracker_client.trust import pinned_group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.identity.group_id import GroupId

IDENTITY: Final = "identity"
"""The rule of an error that says: another group, or nobody who could prove anything, is where a known one was."""
ADDRESS: Final = Text("hint.address")
_PORT: Final = Text("hint.port")
_PORTAL: Final = Text("hint.portal")
_RUNS: Final = Text("hint.runs")
_ALERT: Final = "\x15\x03"
"""How a TLS server answers who does not speak TLS (RFC 8446, 5.1): an alert, of a version that begins with 3."""
_NOT_TLS: Final = {
    "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL",
    "UNEXPECTED_MESSAGE", "BAD_RECORD_TYPE",
}  # fmt: skip
"""What OpenSSL says, by version and by the first bytes, of an answer that is no TLS."""
_TOO_OLD: Final = {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE"}
_EXPIRED, _NOT_YET, _MISMATCH = 10, 9, {62, 64}
"""OpenSSL's codes of what is wrong with a certificate (X509_V_ERR_...)."""
_SAYS_HTTPS: Final = re.compile(rb"(?i)plain http|http request.{0,40}https|ssl-enabled")
"""How nginx, Go's servers and Apache tell who asks without TLS, in a page with status 400."""
_PAGE_LOOKED_AT: Final = 2048
_MAX_WORDS: Final = 200
"""Letters of what a system or a proxy says."""
_QUOTED: Final = 40
"""Letters of what a stranger says that a sentence quotes."""
_BEHIND: Final = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


class Failure(NamedTuple):
    """A cause, told to a user: what is wrong, and what to do."""

    rule: str
    """``unreachable``, ``not-a-tracker``, or :data:`IDENTITY`."""
    what: Text
    hint: Text


def failure(url: str, error: BaseException, timeout: float) -> Failure:
    """Return why there is no answer from ``url``, by the exception that ended the try, or one that it wraps."""
    all_known = (_known(url, found, timeout) for found in _chain(error))
    found = next(filter(None, all_known), None) or Failure("unreachable", Text("tracker.broke"), _RUNS)
    what = through(url, found.what)
    if what is found.what and not isinstance(error, ProxyUrlError):
        return found
    hint = Text("hint.no-proxy", host=urlsplit(url).hostname)
    return Failure(found.rule, what, hint)


def odd_page(url: str, status: int, reason: str, body: bytes, content_type: str = "") -> Failure:
    """Return why an answer that came by HTTP is not a tracker's."""
    head = body[:_PAGE_LOOKED_AT]
    answered = clean(f"{status} {reason}", 100)
    if status == HTTPStatus.BAD_REQUEST and _SAYS_HTTPS.search(head):
        return _wants_tls(url)
    if status in _BEHIND:
        return Failure("not-a-tracker", Text("tracker.proxys-answer", what=answered), Text("hint.behind-proxy"))
    if status == HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED or (
        status == HTTPStatus.OK and ("html" in content_type.lower() or head.lstrip()[:1] == b"<")
    ):
        return Failure("not-a-tracker", Text("tracker.web-page", what=answered), _PORTAL)
    return Failure("not-a-tracker", Text("tracker.no-tracker-but", what=answered), ADDRESS)


def _known(url: str, error: BaseException, timeout: float) -> Failure | None:
    match error:
        case TimeoutError():
            hint = Text("hint.firewall")
            return Failure("unreachable", Text("tracker.no-answer", seconds=round(timeout)), hint)
        case ssl.SSLCertVerificationError():
            return _certificate(url, error)
        case ssl.SSLError():
            return _tls(url, error)
        case RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            hint = Text("hint.https-or-port")
            return Failure("unreachable", Text("tracker.hangs-up"), hint)
        case BadStatusLine() if str(error).startswith(_ALERT):
            return _wants_tls(url)
        case BadStatusLine():
            said = clean(str(error), _QUOTED)
            what = Text("tracker.no-web-server", text=repr(said))
            return Failure("not-a-tracker", what, _PORT)
        case HTTPException():
            return Failure("not-a-tracker", Text("tracker.not-http"), _PORT)
        case socket.gaierror():
            why = Text.received((error.strerror or "unknown").lower(), "system.no-machine", {})
            hint = Text("hint.no-machine")
            return Failure("unreachable", why, hint)
        case OSError() if text := error.strerror or (str(error) if type(error) is OSError else ""):
            what = text if isinstance(text, Text) else system_says(text[:1].lower() + text[1:_MAX_WORDS], error.errno)
            return Failure("unreachable", what, _system_hint(error.errno))
    return None


def changed_identity(known: GroupId) -> Failure:
    """Return what is to be said where the group ``known`` is expected, and something else is there."""
    return Failure(IDENTITY, Text("tracker.identity-changed", group=known), Text("hint.identity-changed"))


def _certificate(url: str, error: ssl.SSLCertVerificationError) -> Failure:
    if error.verify_code not in (_EXPIRED, _NOT_YET) and (known := pinned_group(url)) is not None:
        return changed_identity(known)
    what = Text("tracker.certificate", reason=error.verify_message)
    if error.verify_code in _MISMATCH:
        hint = Text("hint.other-name")
    elif error.verify_code in (_EXPIRED, _NOT_YET):
        hint = Text("hint.clock")
    else:
        hint = Text("hint.own-authority")
    return Failure("unreachable", what, hint)


def _tls(url: str, error: ssl.SSLError) -> Failure:
    reason = error.reason or ""
    if reason in _NOT_TLS:
        what = Text("tracker.no-tls", address=_other_scheme(url))
        return Failure("unreachable", what, ADDRESS)
    if isinstance(error, ssl.SSLEOFError) or "EOF" in reason:
        what = Text("tracker.tls-hangs-up", address=_other_scheme(url))
        return Failure("unreachable", what, _PORT)
    if reason in _TOO_OLD:
        return Failure("unreachable", Text("tracker.old-tls"), Text("hint.update-tracker"))
    words = reason.lower().replace("_", " ") or Text("tracker.tls-unknown")
    return Failure("unreachable", Text("tracker.tls-failed", reason=words), ADDRESS)


def _system_hint(number: int | None) -> Text:
    if number in (EHOSTUNREACH, ENETUNREACH, ETIMEDOUT):
        return Text("hint.network")
    return _RUNS


def _wants_tls(url: str) -> Failure:
    return Failure("not-a-tracker", Text("tracker.wants-tls", address=_other_scheme(url)), ADDRESS)


def _other_scheme(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}://{rest.partition('/')[0].rpartition('@')[2]}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, and those that it wraps; a library may have made a ring of them."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        inner = (argument for argument in found.args if isinstance(argument, BaseException))
        found = found.__cause__ or found.__context__ or next(inner, None)  # urllib3 wraps in either way
