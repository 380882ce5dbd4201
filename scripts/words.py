"""Keep the window's translations up to date, with the standard library alone.

    .venv/bin/python scripts/words.py           # take new sentences into each .po, drop old ones, write the .mo
    .venv/bin/python scripts/words.py --check   # say what is missing or stale, and fail if anything is

Sentences are the literals inside ``_(...)``, ``ngettext(...)`` and ``mark(...)`` under src/swarmshare/gui, and the
texts of all layers, in the tables of ``swarmshare.texts``. Of these the .po has the code, and the English as a comment:
when that changes, the translation is dropped, and is to be made again. What argparse says is there, too.
"""

from __future__ import annotations

import ast
import re
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from swarmshare.languages import DOMAIN, LOCALE  # noqa: E402
from swarmshare.texts import ENGLISH  # noqa: E402
from swarmshare.texts.usage import ARGPARSE  # noqa: E402

GUI = ROOT / "src" / "swarmshare" / "gui"
SINGLE, PLURAL = {"_", "mark"}, {"ngettext"}
HEADERS = {
    "pt_BR": "Language: pt_BR\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
    "Content-Transfer-Encoding: 8bit\nPlural-Forms: nplurals=2; plural=(n > 1);\n"
}
FORMS = 2
"""Of a plural, in every language that there is."""
PLACE = re.compile(r"\{\w+\}|%(?:\(\w+\))?[sr]")


@dataclass
class Message:
    """A sentence, where it is used, and what it is in another language."""

    one: str
    many: str = ""
    places: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    english: str = ""
    """Of a text, whose ``one`` is a code."""

    @property
    def key(self) -> tuple[str, str]:
        return self.one, self.many

    @property
    def done(self) -> bool:
        return len(self.said) == (FORMS if self.many else 1) and all(self.said)

    @property
    def wrong(self) -> str:
        """What is wrong with the translation: what is filled in must be the same."""
        one = self.english or self.one
        allowed = set(PLACE.findall(one)) | set(PLACE.findall(self.many))
        for text in self.said:
            if text and (set(PLACE.findall(text)) - allowed or set(PLACE.findall(one)) - set(PLACE.findall(text))):
                return f"{text!r} fills in other things than {one!r}"
        return ""


def extract(folder: Path = GUI) -> dict[tuple[str, str], Message]:
    """All sentences of the window, in the order of its modules."""
    found: dict[tuple[str, str], Message] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in SINGLE | PLURAL:
                continue
            texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            wanted = 1 if node.func.id in SINGLE else 2
            place = f"{path.relative_to(folder).as_posix()}:{node.lineno}"
            strings = [text for text in texts[:wanted] if isinstance(text, str)]
            if len(strings) != wanted:
                if path.name == "words.py" or path.name == "sentences.py":
                    continue  # where the functions themselves are
                raise SystemExit(f"words: {place}: what is inside must be literal")
            message = Message(strings[0], "".join(strings[1:]))
            found.setdefault(message.key, message).places.append(place)
    return found


def texts() -> dict[tuple[str, str], Message]:
    """The texts of all layers, by their codes, and what argparse says."""
    all_texts = [Message(code, places=["texts:0"], english=english) for code, english in sorted(ENGLISH.items())]
    all_texts += [Message(english, places=["argparse:0"]) for english in ARGPARSE]
    return {message.key: message for message in all_texts}


def read_po(text: str) -> dict[tuple[str, str], Message]:
    """The entries of a .po file; its header is left out."""
    found: dict[tuple[str, str], Message] = {}
    for block in re.split(r"\n\s*\n", text):
        parts: dict[str, str] = {}
        current = english = ""
        for line in block.splitlines():
            english = line.removeprefix("#. ") if line.startswith("#. ") else english
            if match := re.match(r'(msg\w+(?:\[\d\])?)\s+(".*")$', line):
                current = match[1]
                parts[current] = ast.literal_eval(match[2])
            elif line.startswith('"'):
                parts[current] += ast.literal_eval(line)
        if parts.get("msgid"):
            said = [text for name, text in sorted(parts.items()) if name.startswith("msgstr")]
            message = Message(parts["msgid"], parts.get("msgid_plural", ""), said=said, english=english)
            found[message.key] = message
    return found


def write_po(language: str, messages: list[Message]) -> str:
    blocks = [f'msgid ""\nmsgstr ""\n{_lines(HEADERS[language])}']
    for message in messages:
        said = message.said or [""] * (FORMS if message.many else 1)
        block = [f"#. {message.english}"] if message.english else []
        block += [*(f"#: {place.rpartition(':')[0]}" for place in sorted(set(message.places))[:1])]
        block.append(f"msgid {_quoted(message.one)}")
        if message.many:
            block.append(f"msgid_plural {_quoted(message.many)}")
            block += [f"msgstr[{number}] {_quoted(text)}" for number, text in enumerate(said)]
        else:
            block.append(f"msgstr {_quoted(said[0])}")
        blocks.append("\n".join(block))
    return "\n\n".join(blocks) + "\n"


def compile_mo(language: str, messages: list[Message]) -> bytes:
    """The .mo file of what is translated: GNU's format, sorted, without a hash table."""
    pairs = {"": HEADERS[language]}
    pairs |= {"\0".join(filter(None, message.key)): "\0".join(message.said) for message in messages if message.done}
    keys = sorted(pairs, key=str.encode)
    ids, texts = [key.encode() for key in keys], [pairs[key].encode() for key in keys]
    start = 7 * 4 + 16 * len(keys)
    tables, data = b"", b""
    for strings in (ids, texts):
        for string in strings:
            tables += struct.pack("<II", len(string), start + len(data))
            data += string + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(keys), 7 * 4, 7 * 4 + 8 * len(keys), 0, start)
    return head + tables + data


def merge(language: str) -> list[Message]:
    """Every sentence of the window, with what ``language`` has for it."""
    path = po_path(language)
    known = read_po(path.read_text(encoding="utf-8")) if path.exists() else {}
    found = extract() | texts()
    for key, message in found.items():
        message.said = known[key].said if key in known and known[key].english == message.english else []
    return list(found.values())


def problems(language: str) -> list[str]:
    """What is missing, wrong or stale."""
    messages = merge(language)
    told = [f"{language}: not translated: {message.one!r}" for message in messages if not message.done]
    told += [f"{language}: {message.wrong}" for message in messages if message.wrong]
    po, mo = po_path(language), po_path(language).with_suffix(".mo")
    if not po.exists() or po.read_text(encoding="utf-8") != write_po(language, messages):
        told.append(f"{language}: the .po is stale: run scripts/words.py")
    if not mo.exists() or mo.read_bytes() != compile_mo(language, messages):
        told.append(f"{language}: the .mo is stale: run scripts/words.py")
    return told


def po_path(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def update(language: str) -> None:
    messages = merge(language)
    path = po_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_po(language, messages), encoding="utf-8")
    path.with_suffix(".mo").write_bytes(compile_mo(language, messages))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _lines(text: str) -> str:
    return "\n".join(_quoted(line) for line in text.splitlines(keepends=True))


def main() -> int:
    if "--check" not in sys.argv[1:]:
        for language in HEADERS:
            update(language)
    told = [problem for language in HEADERS for problem in problems(language)]
    for problem in told:
        print(f"words: {problem}", file=sys.stderr)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
