"""Write the parts of docs/tracker-api.md that the code knows best: its events, its routes, its refusals.

    .venv/bin/python scripts/tracker_docs.py

Each part stands between `<!-- begin: NAME -->` and `<!-- end: NAME -->`. A test fails when a part is out of date.
"""

from __future__ import annotations

import ast
import json
import re
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swarmshare.schema import tracker_events, tracker_wire
from swarmshare.schema.tracker_events import (
    FindPeers,
    HaveUpdate,
    Holds,
    Join,
    JoinAnswer,
    Leave,
    ListMembers,
    MemberChanges,
    MemberInfo,
    MemberPage,
    MemberPieces,
    Push,
    ReportMember,
    Resync,
    Stats,
)
from swarmshare.tracker.app import create_app
from swarmshare.tracker.config import TrackerConfig
from swarmshare.tracker.domain import exchange, values
from swarmshare.tracker.domain.refusals import Reason
from swarmshare.tracker.http.api import answers, requests
from swarmshare.tracker.http.api.routes import PREFIX
from swarmshare.tracker.realtime import live_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

WIDTH = 120
PAGE = Path(__file__).resolve().parent.parent / "docs" / "tracker-api.md"

HASH = bytes.fromhex("0bc3dd51df5fcbed268c69cfb4ee9339025b4231b299e38b289bb7e4317b1f88")
PIECES = bytes([0b1110_1000])
ANN = MemberInfo(1, "ann", ("192.168.1.5", "fd00::5"), 7000, True, Holds.ALL, 1.0)
BOB = MemberInfo(2, "bob", ("192.168.1.6",), 7000, True, Holds.SOME, 0.8)
CAROL = MemberInfo(3, "", ("192.168.1.7",), 6881, False, Holds.UNKNOWN, 0.4)
HOLDINGS = (MemberPieces(ANN, b"\xf8"), MemberPieces(BOB, PIECES))
EXAMPLES = {
    Join: tracker_wire.dump_request(Join(HASH, b"-SW0100-0123456789ab", 7000, 5, PIECES, 65536)),
    HaveUpdate: tracker_wire.dump_request(HaveUpdate(HASH, (range(3), range(4, 5)), ())),
    Stats: tracker_wire.dump_request(Stats(HASH, 1_000_000, 262_144, 65_536, 500_000, 120_000)),
    Leave: tracker_wire.dump_request(Leave(HASH)),
    Resync: tracker_wire.dump_request(Resync(HASH)),
    FindPeers: tracker_wire.dump_request(FindPeers(HASH, 20)),
    ListMembers: tracker_wire.dump_request(ListMembers(HASH, 0)),
    ReportMember: tracker_wire.dump_request(ReportMember(HASH, 3)),
    JoinAnswer: (None, tracker_wire.dump_state(JoinAnswer(81, 7, 15, 2, 1, 1, (ANN,), b"\2\2\2\1\2", HOLDINGS))),
    MemberPage: (None, tracker_wire.dump_page(MemberPage((*HOLDINGS, MemberPieces(CAROL, None)), more=False))),
    Push: (
        "swarm",
        tracker_wire.dump_push(
            Push(HASH, 81, 8, 1, 2, MemberChanges((MemberPieces(CAROL, None),), (), ((2, (range(3, 4),)),), ()))
        ),
    ),
}
"""What each event looks like, as the code itself writes it."""
EVERYWHERE = {
    "token-missing", "token-unknown", "token-expired", "suspended", "not-organiser", "invalid", "malformed",
    "content-type", "too-large", "host", "origin",
}  # fmt: skip
"""What every route may refuse of those that ask or of what they send."""
REQUESTS = (Join, HaveUpdate, Stats, FindPeers, ListMembers, ReportMember, Resync, Leave)
ANSWERS = (JoinAnswer, MemberPage)
WORDS = (tracker_events.MemberInfo, tracker_events.MemberPieces, tracker_events.Holds)
PUSHES = (Push, tracker_events.MemberChanges, tracker_events.AvailabilityChanges)


def main() -> None:
    PAGE.write_text(render(PAGE.read_text()))


def render(page: str) -> str:
    """``page`` with every part as it should be."""
    document = openapi()
    parts = {
        "routes": "\n".join(routes(document)),
        "schemas": "\n".join(schemas(document)),
        "reasons": "\n".join(f"| `{reason.code}` | {int(reason.status)} |" for reason in Reason),
        "live": markdown(live_namespace.__doc__ or "").partition("\n\n")[2],
        "swarm": markdown(tracker_events.__doc__ or "").partition("\n\n")[2],
        "requests": "\n\n".join(event(kind) for kind in REQUESTS),
        "answers": "\n\n".join(event(kind) for kind in ANSWERS),
        "words": "\n\n".join(event(kind) for kind in WORDS),
        "pushes": "\n\n".join(event(kind) for kind in PUSHES),
        "refusals": "\n".join(refusals()),
    }
    for name, text in parts.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        before, found, rest = page.partition(begin)
        _, found_end, after = rest.partition(end)
        assert found, f"{begin} is not in the page"
        assert found_end, f"{end} is not in the page"
        page = f"{before}{begin}\n{text.strip()}\n{end}{after}"
    return page


def openapi() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(TrackerConfig(data=Path(folder)), later=lambda _seconds, _call: None)
        try:
            return app.test_client().get("/api/v1/openapi.json").get_json()
        finally:
            app.extensions["swarmshare"].close()


def routes(document: Any) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            gives, refuses = [], []
            for status, answer in sorted(route["responses"].items()):
                if status.startswith("2"):
                    gives.append(f"{status} {content(answer['content']) if answer.get('content') else ''}".strip())
                else:
                    refuses += re.findall(r"`([^`]+)`", answer["description"])
            may = "anybody" if not route.get("security") else "organisers" if "not-organiser" in refuses else "members"
            told = markdown(" ".join(filter(None, (route["summary"], route.get("description")))))
            query = [parameter["name"] for parameter in route.get("parameters", ()) if parameter["in"] == "query"]
            asks = f"Asks {', '.join(f'`{name}`' for name in query)}. " if query else ""
            takes = f"Takes {content(route['requestBody']['content'])}. " if "requestBody" in route else ""
            own = ", ".join(f"`{code}`" for code in refuses if code not in EVERYWHERE)
            yield f"* **`{method.upper()} {path.removeprefix(PREFIX)}`** ({may})\n"
            yield wrapped(f"  {told} {asks}{takes}Gives {' or '.join(gives)}." + (f" Refuses {own}." if own else ""))
            yield ""


def content(types: Any) -> str:
    return " or ".join(
        f"`{kind}`" if "$ref" not in body["schema"] else link(body["schema"]["$ref"]) for kind, body in types.items()
    )


def link(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def schemas(document: Any) -> Iterator[str]:
    meanings = {
        **field_docs(values), **field_docs(answers), **field_docs(requests), **field_docs(exchange)
    }  # fmt: skip
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"#### {name}\n"
        if "enum" in schema:
            yield "One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + ".\n"
            continue
        yield markdown(schema.get("description", "")) + "\n"
        for field, kind in schema.get("properties", {}).items():
            meaning = meanings.get((name, field)) or kind.get("description", "")
            optional = "" if field in schema.get("required", ()) else ", optional"
            yield wrapped(f"* `{field}` ({described(kind)}{optional}) {markdown(meaning)}".strip())
        yield ""


def described(kind: Any) -> str:
    """A JSON schema in words."""
    if "$ref" in kind:
        return link(kind["$ref"])
    if "anyOf" in kind:
        return " or ".join(described(one) for one in kind["anyOf"])
    if "enum" in kind:
        return " or ".join(f"`{json.dumps(value)}`" for value in kind["enum"])
    if kind.get("type") == "array":
        return f"list of {described(kind['items'])}"
    if "contentEncoding" in kind:
        return str(kind["contentEncoding"])
    if "maxLength" in kind:
        return f"string, at most {kind['maxLength']} characters"
    if "maximum" in kind:
        return f"integer, {kind.get('minimum', '')} to {kind['maximum']}"
    return str(kind.get("type", "anything"))


def event(kind: type) -> str:
    """A class of the events: its docstring, what its fields mean, and an example."""
    name, wire = EXAMPLES.get(kind, (None, None))
    lines = [f"#### `{name}`\n" if kind in REQUESTS else f"#### {kind.__name__}\n", markdown(kind.__doc__ or ""), ""]
    for (owner, field), meaning in field_docs(tracker_events).items():
        if owner == kind.__name__:
            # Members of an enumeration are known by their values.
            label = str(getattr(kind, field)) if issubclass(kind, str) else field
            lines.append(wrapped(f"* `{label}`: {markdown(meaning)}"))
    if wire is not None:
        shown = json.dumps(wire, default=lambda data: f"<{data.hex()}>")
        lines += ["", "```", wrapped(f"{name} {shown}" if name else shown), "```"]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def refusals() -> Iterator[str]:
    meanings = field_docs(tracker_events)
    for refusal in tracker_events.Refusal:
        yield f"| `{refusal}` | {markdown(meanings.get(('Refusal', refusal.name), ''))} |"


def field_docs(module: ModuleType) -> dict[tuple[str, str], str]:
    """The docstrings that follow fields, by class and field."""
    found = {}
    assert module.__file__ is not None
    for node in ast.parse(Path(module.__file__).read_text()).body:
        if isinstance(node, ast.ClassDef):
            for field, text in zip(node.body, node.body[1:], strict=False):
                targets = field.targets if isinstance(field, ast.Assign) else [getattr(field, "target", None)]
                match targets[0], text:
                    case ast.Name(name), ast.Expr(ast.Constant(str(meaning))):
                        found[node.name, name] = meaning
    return found


def wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def markdown(text: str) -> str:
    """Turn the text of a docstring into Markdown: roles and double backticks become code."""
    text = re.sub(r":[a-z]+:`[~]?(?:[A-Za-z_.]*\.)?([A-Za-z_]+)`", r"`\1`", text)
    lines = [line.strip() for line in text.replace("``", "`").strip().splitlines()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
