"""The languages of the window: chosen, complete, and not stale."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from swarmshare.gui import words
from swarmshare.gui.words import (
    duration,
    language,
    number,
    percent,
    rate,
    read_number,
    size,
    use_language,
    when,
)
from swarmshare.languages import LANGUAGES

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "words.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("words_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["words_script"] = module
    spec.loader.exec_module(module)
    return module


def test_every_sentence_is_translated_and_nothing_is_stale(script: ModuleType) -> None:
    for name in LANGUAGES:
        if name != "en":
            assert script.problems(name) == []


def test_mistakes_are_found(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text('_("Hello {name}")\nngettext("{n} file", "{n} files", n)\n')
    found = script.extract(tmp_path)
    assert list(found) == [("Hello {name}", ""), ("{n} file", "{n} files")]
    found["Hello {name}", ""].said = ["Oi {nome}"]
    assert "fills in other things" in found["Hello {name}", ""].wrong
    (tmp_path / "one.py").write_text("_(f'Hello {name}')")
    with pytest.raises(SystemExit, match="must be literal"):
        script.extract(tmp_path)


def test_a_po_file_is_read_as_it_was_written(script: ModuleType) -> None:
    messages = [
        script.Message('say "{x}"\n', said=['diga "{x}"\n']),
        script.Message("{n} file", "{n} files", ["a.py:1"], ["{n} arquivo", "{n} arquivos"]),
    ]
    found = script.read_po(script.write_po("pt_BR", messages))
    assert [message.said for message in found.values()] == [message.said for message in messages]


def test_a_choice_outweighs_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "en")
    use_language("pt_BR")
    assert words._("Cancel") == "Cancelar"
    assert words.ngettext("{count} transfer", "{count} transfers", 1) == "{count} transferência"
    assert words.ngettext("{count} transfer", "{count} transfers", 2) == "{count} transferências"
    for other in ("xx", None):
        use_language(other)
        assert (language(), words._("Cancel")) == ("en", "Cancel")


def test_numbers_follow_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    assert number(1234.5, 1) == "1,234.5"
    assert [size(count) for count in (0, 1023, 1536, 5 << 30, 150.4 * 2**20)] == [
        *("0 B", "1,023 B", "1.5 KiB", "5 GiB", "150 MiB")
    ]
    assert rate(1536) == "1.5 KiB/s"
    assert [percent(share) for share in (0, 0.0004, 0.5, 0.9999, 1)] == ["0%", "0%", "50%", "99.9%", "100%"]
    assert [duration(seconds) for seconds in (5, 65, 3600, 90_000, 1e9)] == [
        *("5 s", "1 min 5 s", "1 h 0 min", "1 d 1 h", "more than 100 days")
    ]
    assert read_number(" 1,500.5 ") == 1500.5
    use_language("pt_BR")
    assert number(1234.5, 1) == "1.234,5"
    assert size(1536) == "1,5 KiB"
    assert percent(0.123) == "12,3%"
    assert read_number("1.500,5") == 1500.5
    for wrong in ("", "x", "-1", "1e9", "1,5,5", "\u0661"):
        assert read_number(wrong) is None


def test_moments_follow_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 1_700_000_000
    english = when(moment)
    assert english.startswith("2023-11-1")
    use_language("pt_BR")
    assert when(moment)[:10].split("/") == list(reversed(english[:10].split("-")))
    assert when(10**30) == str(10**30)
