"""Every sentence that a user can meet has a code and a translation: found in the source, and proven by walking it."""

from __future__ import annotations

import argparse
import ast
import copy
import errno
import gettext
import pickle
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from swarmshare.common.text import MAX_TEXT
from swarmshare.languages import DOMAIN, LANGUAGES, LOCALE
from swarmshare.schema import text_wire
from swarmshare.schema.text_wire import dump_text, read_text
from swarmshare.swarm import diagnosis
from swarmshare.texts import ENGLISH, Text, about, advise, fill, os_reason, places, text_of
from swarmshare.texts.usage import ARGPARSE

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent / "src" / "swarmshare"
BY_NUMBER: Final = "system."
"""How the codes begin that are made from the number of an error, and so stand nowhere as a literal."""
FROM_TABLE: Final = {("swarm/diagnosis.py", "code"), ("tracker/http/visitor.py", "code")}
"""Where the code of a text comes from a table, or from the templates of pages, which are walked, too."""
TEMPLATES: Final = ROOT / "tracker" / "http" / "templates"
IN_TEMPLATES: Final = re.compile(r'say\("([^"]+)"((?:, \w+=[\w.]+)*)\)')
"""A text in a page: its code, and its arguments."""
NAMES: Final = {"SwarmShare", "openapi.json", "swarmshare", "list", "login", "register", "NAME", "CODE", "announce"}
"""Words of pages that are the same in every language: names, and what is typed."""
ERRORS: Final = {"message", "reason", "problem", "advice", "error", "tracker_problem", "strerror", "last_words"}
"""Names of variables and attributes that have a text in them."""
NEVER_MET: Final = {
    ".__call__() not defined", "%r is not callable", "'required' is an invalid argument for positionals",
    "cannot merge actions - two groups are named %r", "dest= is required for options like %r",
    "invalid conflict_resolution value: %r", "mutually exclusive arguments must be optional",
    "invalid option string %(option)r: must start with a character %(prefix_chars)r",
    "conflicting option string: %s", "conflicting option strings: %s", "conflicting subparser: %s",
    "conflicting subparser alias: %s", "cannot have multiple subparser arguments", "unexpected option string: %s",
    "%(heading)s:", "usage: ", "positional arguments", "options", "show this help message and exit",
    "argument \"-\" with mode %r", "can't open '%(filename)s': %(error)s",
    "invalid %(type)s value: %(value)r", "expected %s argument", "expected %s arguments",
    "unknown parser %(parser_name)r (choices: %(choices)s)", "%(prog)s: error: %(message)s\n",
}  # fmt: skip
"""What argparse says to programmers, in help, and of what this program's options never are."""
MESSAGES: Final = {"message", "hint", "reason", "what", "why"}
"""Arguments of an error that people read; ``rule`` and the like are for programs."""


class Said(NamedTuple):
    """A text that is made somewhere in the source."""

    place: str
    code: str | None
    arguments: set[str]


@cache
def trees() -> dict[str, ast.Module]:
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}


def calls() -> Iterator[tuple[str, ast.Call]]:
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield name, node


def called(node: ast.Call) -> str:
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


@cache
def imports_texts(module: str) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "swarmshare.texts"
        and any(alias.name == "Text" for alias in node.names)
        for node in ast.walk(trees()[module])
    )


def texts_said() -> Iterator[Said]:
    for module, node in calls():
        if not isinstance(node.func, ast.Name) or node.func.id != "Text" or not imports_texts(module):
            continue  # Rich and Tk have one, too
        first = node.args[0]
        if isinstance(first, ast.Name) and (module, first.id) in FROM_TABLE:
            continue
        code = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
        yield Said(f"{module}:{node.lineno}", code, {str(keyword.arg) for keyword in node.keywords})
    for path in sorted(TEMPLATES.iterdir()):
        for code, arguments in IN_TEMPLATES.findall(path.read_text()):
            yield Said(path.name, code, set(re.findall(r"(\w+)=", arguments)))


@cache
def error_classes() -> set[str]:
    """The names of all classes of the tree of errors."""
    found = {"SwarmShareError"}
    while True:
        more = {
            node.name
            for tree in trees().values()
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") in found for base in node.bases)
        }
        if more <= found:
            return found
        found |= more


def is_plain(node: ast.expr) -> bool:
    """Whether an argument is English that has no code: a sentence, or text that is put together."""
    match node:
        case ast.Constant(value=str() as value):
            return " " in value.strip()
        case ast.JoinedStr() | ast.BinOp():
            return True
        case ast.IfExp():
            return is_plain(node.body) or is_plain(node.orelse)
        case ast.Call(func=ast.Name(id="str" | "repr") | ast.Attribute(attr="format" | "join")):
            return True
    return False


def test_the_walk_finds_what_there_is() -> None:
    assert {"StorageError", "RefusalError", "TrackerError", "LostError", "EventError"} <= error_classes()
    assert len(error_classes()) > 20
    assert len(list(texts_said())) > 300


def test_every_text_that_is_said_is_in_the_tables_with_all_that_it_needs() -> None:
    for said in texts_said():
        assert said.code is not None, f"{said.place}: the code must be a literal"
        assert said.code in ENGLISH, f"{said.place}: there is no text {said.code!r}"
        assert said.arguments == places(ENGLISH[said.code]), f"{said.place}: {said.code} needs other arguments"


def test_every_text_of_the_tables_is_said_somewhere() -> None:
    said = {said.code for said in texts_said()}
    said |= set(literals("nobody."))
    helpers = {"about", "advice"}
    assert not {code for code in ENGLISH if not code.startswith(BY_NUMBER)} - said - helpers
    names = set(errno.errorcode.values())
    for code in ENGLISH:
        if code.startswith(BY_NUMBER) and code not in said:
            assert code.removeprefix(BY_NUMBER) in names | {"says", "no-machine", "silent"}, f"nobody says {code}"


def literals(beginning: str) -> Iterator[str]:
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(beginning):
                yield node.value


def test_no_error_is_raised_with_words_that_have_no_code() -> None:
    """The types hold it too; this says so without them, and of what types do not see."""
    for module, node in calls():
        if called(node) not in error_classes():
            continue
        name = called(node)
        sayings = [keyword.value for keyword in node.keywords if keyword.arg in MESSAGES]
        sayings += node.args
        for argument in sayings:
            if name == "StorageError" and argument is node.args[0]:
                continue  # the path
            assert not is_plain(argument), f"{module}:{node.lineno}: {ast.unparse(argument)} has no code"


def test_no_problem_is_told_with_words_that_have_no_code() -> None:
    told = {
        "report_problem",
        "PeerDropped",
        "ConnectionFailed",
        "TorrentWaiting",
        "FileNotice",
        "NoPeers",
        "DialResult",
    }
    for module, node in calls():
        if called(node) in told:
            for argument in node.args:
                assert not is_plain(argument), f"{module}:{node.lineno}: {ast.unparse(argument)} has no code"


def test_no_complaint_of_the_command_line_is_without_a_code() -> None:
    """What goes to standard error, and what argparse is told of a wrong value."""
    found = 0
    for module, node in calls():
        if not module.startswith("cli/"):
            continue
        if called(node) in {"complaint", "wrong_value", "_complain"}:
            found += 1
            assert not is_plain(node.args[0]), f"{module}:{node.lineno}: {ast.unparse(node.args[0])} has no code"
        if called(node) in {"ArgumentTypeError", "ArgumentError"}:
            found += 1
            said = node.args[-1]
            translated = isinstance(said, ast.Call) and called(said) == "for_people"
            assert translated, f"{module}:{node.lineno}: {ast.unparse(said)} is not translated"
    assert found > 10


def test_no_text_loses_its_code_where_it_is_shown() -> None:
    """In an f-string a text is plain English, so whatever is made of one has to be a text as well."""
    for module, tree in trees().items():
        if not module.startswith(("cli/", "tracker/http/")):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name | ast.Attribute):
                name = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                assert name not in ERRORS, f"{module}:{node.lineno}: {ast.unparse(node.value)} loses its code"


def test_pages_have_no_words_of_their_own() -> None:
    for path in sorted(TEMPLATES.iterdir()):
        shown = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", path.read_text(), flags=re.DOTALL)
        words = {word.strip(".") for word in re.findall(r"(?<![-\w])[A-Za-z][\w.]*", shown)}
        assert words <= NAMES, f"{path.name}: {words - NAMES}"


def test_argparse_says_nothing_that_has_no_translation() -> None:
    tree = ast.parse(Path(argparse.__file__).read_text())
    said = {
        argument.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node) in {"_", "ngettext"}
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    assert said <= set(ARGPARSE) | NEVER_MET, f"a new Python says more (texts/usage.py): {said - NEVER_MET}"
    assert set(ARGPARSE[:5]) <= said


def test_all_of_the_table_of_causes_can_be_said() -> None:
    for cause in diagnosis.Cause:
        told = diagnosis.worded(cause, ["a:1", "b:2"], Text("system.ENETUNREACH")).message
        assert not places(told), f"{cause}: {told}"


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_text_has_a_translation_that_fills_in_the_same(language: str) -> None:
    known = gettext.translation(DOMAIN, LOCALE, [language])
    for code, english in ENGLISH.items():
        said = known.gettext(code)
        assert said != code, f"{code} is not translated: {english}"
        assert Counter(re.findall(r"\{\w+\}", said)) == Counter(re.findall(r"\{\w+\}", english)), code
    for english in ARGPARSE:
        said, place = known.gettext(english), r"%(?:\(\w+\))?[sr]"
        assert said != english, f"{english} is not translated"
        assert re.findall(place, said) == re.findall(place, english), english


def test_a_text_is_its_english_and_remembers_its_parts() -> None:
    text = Text("storage.disk-full-by", needed=12345, free=6)
    assert text == "the disk is full: 12,345 bytes are needed and 6 are free"
    for made in (copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert (made, made.code, made.arguments) == (text, text.code, text.arguments)
    whole = advise(about("x", text), Text("hint.make-room"))
    assert whole == "x: the disk is full: 12,345 bytes are needed and 6 are free. " + ENGLISH["hint.make-room"]
    assert whole.arguments["hint"] == Text("hint.make-room")
    assert text_of(ValueError(text)) is text
    assert text_of(ValueError("braces {x}")).code == "system.says"


def test_nothing_but_names_is_filled_in() -> None:
    secret = Text("system.silent")
    template = "{x.__class__} {x[0]} {x!r} {x:>99} {y} {x}"
    assert fill(template, {"x": secret}, str) == f"{{x.__class__}} {{x[0]}} {{x!r}} {{x:>99}} {{y}} {secret}"


def test_systems_are_heard_by_their_numbers() -> None:
    assert os_reason(PermissionError(errno.EACCES, "Permission denied")).code == "system.EACCES"
    assert os_reason(TimeoutError("timed out")).code == "system.ETIMEDOUT"
    assert os_reason(OSError("something else")).code == "system.says"
    assert os_reason(OSError(errno.EDOM, "Odd")) == "odd"
    assert os_reason(OSError(0, Text("storage.gone"))).code == "storage.gone"


class TestOverTheNetwork:
    """A tracker's texts, and a stranger's."""

    def test_there_and_back(self) -> None:
        text = about("x", Text("account.name-taken", name="'ana'"))
        read = read_text(str(text), dump_text(text))
        assert (read, read.code, read.arguments["subject"]) == (text, "about", "x")
        inner = read.arguments["what"]
        assert isinstance(inner, Text)
        assert (inner.code, inner.arguments) == ("account.name-taken", {"name": "'ana'"})

    @pytest.mark.parametrize(
        "dumped",
        [
            None,
            "account.none",
            {},
            {"code": "account.name-taken"},
            {"code": "account.name-taken", "arguments": {}},
            {"code": "account.name-taken", "arguments": []},
            {"code": "account.name-taken", "arguments": {"name": None}},
            {"code": "account.name-taken", "arguments": {"name": 1.5}},
            {"code": "account.name-taken", "arguments": {"name": True}},
            {"code": "account.name-taken", "arguments": {"name": 2**64}},
            {"code": "account.name-taken", "arguments": {"name": "x" * 301}},
            {"code": "account.name-taken", "arguments": {"name": {"english": "y" * (MAX_TEXT + 1)}}},
            {"code": "account.name-taken", "arguments": {"name": {"english": None}}},
            {"code": "account.name-taken", "arguments": {"name": "x", **{f"a{n}": 1 for n in range(8)}}},
            {"code": "never.heard-of", "arguments": {}},
            {"code": ["about"], "arguments": {}},
        ],
    )
    def test_what_is_no_text_of_ours_is_a_strangers_words(self, dumped: object) -> None:
        read = read_text("no \x1b[31m{code}\n\u202eway", dumped)
        assert (read.code, read) == ("tracker.says", "no \ufffd[31m{code} \ufffdway")

    def test_arguments_are_cleaned_and_others_left_out(self) -> None:
        read = read_text("x", {"code": "account.name-taken", "arguments": {"name": "a\x1b\u202eb", "other": "y"}})
        assert read.arguments == {"name": "a\ufffd\ufffdb"}

    def test_texts_in_texts_have_an_end(self) -> None:
        dumped: dict[str, object] = {"english": "deep", "code": "hint.make-folder", "arguments": {"hint": "x"}}
        for _ in range(50):
            dumped = {"english": "deep", "code": "hint.make-folder", "arguments": {"hint": dumped}}
        depth, read = 0, read_text("deep", dumped)
        while isinstance(inner := read.arguments["hint"], Text):
            depth, read = depth + 1, inner
        assert depth < text_wire.MAX_DEPTH

    def test_a_long_sentence_is_cut(self) -> None:
        assert len(read_text("x" * 10**6, None)) == MAX_TEXT
