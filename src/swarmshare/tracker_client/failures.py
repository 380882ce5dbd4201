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
from swarmshare.tracker_client.proxies import ProxyUrlError, through

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS: Final = "Is the address right?"
_PORT: Final = "This port may be another program's: which is the tracker's?"
_PORTAL: Final = (
    "If this network wants a sign-in in the browser first (a hotel's, say), do that; else the address is wrong."
)
_RUNS: Final = "Does it run? Is the address right?"
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
    """``unreachable`` or ``not-a-tracker``."""
    what: str
    hint: str


def failure(url: str, error: BaseException, timeout: float) -> Failure:
    """Returns why there is no answer from ``url``, by the exception that ended the try, or one that it wraps."""
    all_known = (_known(url, found, timeout) for found in _chain(error))
    found = next(filter(None, all_known), None) or Failure("unreachable", "the connection broke", _RUNS)
    between = through(url)
    if not between and not isinstance(error, ProxyUrlError):
        return found
    hint = f"With no_proxy={urlsplit(url).hostname} in the environment, it is asked directly."
    return Failure(found.rule, between + found.what, hint)


def odd_page(url: str, status: int, reason: str, body: bytes, content_type: str = "") -> Failure:
    """Returns why an answer that came by HTTP is not a tracker's."""
    head = body[:_PAGE_LOOKED_AT]
    answered = f"the answer is not a tracker's ({clean(f'{status} {reason}', 100)})"
    if status == HTTPStatus.BAD_REQUEST and _SAYS_HTTPS.search(head):
        return _wants_tls(url)
    if status in _BEHIND:
        return Failure(
            "not-a-tracker", f"{answered} but a proxy's", "The tracker behind it does not answer: does it run?"
        )
    if status == HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED or (
        status == HTTPStatus.OK and ("html" in content_type.lower() or head.lstrip()[:1] == b"<")
    ):
        return Failure("not-a-tracker", f"{answered} but a web page", _PORTAL)
    return Failure("not-a-tracker", answered, ADDRESS)


def _known(url: str, error: BaseException, timeout: float) -> Failure | None:
    match error:
        case TimeoutError():
            hint = "Does it run? Does a firewall stand between?"
            return Failure("unreachable", f"no answer within {timeout:.0f} s", hint)
        case ssl.SSLCertVerificationError():
            return _certificate(error)
        case ssl.SSLError():
            return _tls(url, error)
        case RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            hint = "Does it want https? Or is this another program's port?"
            return Failure("unreachable", "it hangs up without an answer", hint)
        case BadStatusLine() if str(error).startswith(_ALERT):
            return _wants_tls(url)
        case BadStatusLine():
            said = clean(str(error), _QUOTED)
            what = f"what answers there is no web server; it says {said!r}"
            return Failure("not-a-tracker", what, _PORT)
        case HTTPException():
            return Failure("not-a-tracker", "the answer is not HTTP", _PORT)
        case socket.gaierror():
            why = (error.strerror or "unknown").lower()
            hint = "There is no machine of that name, as far as this one knows: is it spelled right?"
            return Failure("unreachable", why, hint)
        case OSError() if text := error.strerror or (str(error) if type(error) is OSError else ""):
            return Failure("unreachable", text[:1].lower() + text[1:_MAX_WORDS], _system_hint(error.errno))
    return None


def _certificate(error: ssl.SSLCertVerificationError) -> Failure:
    what = f"its certificate cannot be trusted ({error.verify_message})"
    if error.verify_code in _MISMATCH:
        hint = "It is for another name: use that one, or ask the organiser."
    elif error.verify_code in (_EXPIRED, _NOT_YET):
        hint = "Is this machine's clock right? Else the organiser has to renew it."
    else:
        hint = "If the group has an authority of its own, add --ca FILE with its certificate, or set SSL_CERT_FILE."
    return Failure("unreachable", what, hint)


def _tls(url: str, error: ssl.SSLError) -> Failure:
    reason = error.reason or ""
    if reason in _NOT_TLS:
        what = f"what answers there speaks no TLS, which https needs: try {_other_scheme(url)}"
        return Failure("unreachable", what, ADDRESS)
    if isinstance(error, ssl.SSLEOFError) or "EOF" in reason:
        what = f"it hangs up in the midst of the TLS handshake: try {_other_scheme(url)}"
        return Failure("unreachable", what, _PORT)
    if reason in _TOO_OLD:
        return Failure("unreachable", "it speaks no TLS that is safe", "Its organiser has to bring it up to date.")
    words = reason.lower().replace("_", " ") or "for an unknown reason"
    return Failure("unreachable", f"TLS failed ({words})", ADDRESS)


def _system_hint(number: int | None) -> str:
    if number in (EHOSTUNREACH, ENETUNREACH, ETIMEDOUT):
        return "Is this machine in the right network? Is the address right?"
    return _RUNS


def _wants_tls(url: str) -> Failure:
    return Failure("not-a-tracker", f"what answers there wants TLS, which is https: use {_other_scheme(url)}", ADDRESS)


def _other_scheme(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}://{rest.partition('/')[0].rpartition('@')[2]}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception, and those that it wraps; a library may have made a ring of them."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        inner = (argument for argument in found.args if isinstance(argument, BaseException))
        found = found.__cause__ or found.__context__ or next(inner, None)  # urllib3 wraps in either way
