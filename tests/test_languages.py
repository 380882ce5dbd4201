"""Which language somebody is spoken to in, and what a text is in it."""

from __future__ import annotations

import pytest

from swarmshare.languages import accepted_language, html_language, say, system_language, write_number
from swarmshare.texts import Text, about


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "en"),
        ({"LANG": "pt_BR.UTF-8"}, "pt_BR"),
        ({"LANG": "pt_PT"}, "pt_BR"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "C"}, "en"),
        ({"LANGUAGE": "de:pt:en", "LANG": "en_US"}, "pt_BR"),
        ({"LC_ALL": "en_GB", "LANG": "pt_BR"}, "en"),
        ({"LANG": "ptolemaic"}, "en"),
        ({"LANGUAGE": "pt_BR", "LC_ALL": "C"}, "en"),
        ({"LANGUAGE": "pt_BR", "LANG": "C.UTF-8"}, "pt_BR"),
    ],
)
def test_the_system_chooses(variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert system_language() == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "en"),
        ("pt-BR", "pt_BR"),
        ("pt", "pt_BR"),
        ("PT-pt;q=0.8, de", "pt_BR"),
        ("en-GB,pt;q=0.9", "en"),
        ("en;q=0.3 , pt-BR;q=0.7", "pt_BR"),
        ("pt;q=0", "en"),
        ("pt;q=2", "en"),
        ("de, *", "en"),
        ("ptx", "en"),
        ("x," * 600 + "pt", "en"),
        ("pt\x00;;q=,,,", "en"),
    ],
)
def test_the_browser_chooses(header: str, expected: str) -> None:
    assert accepted_language(header) == expected


def test_texts_and_numbers_in_both_languages() -> None:
    text = about("a{b}", Text("storage.disk-full-by", needed=1234, free=0))
    assert say(text, "en") == str(text)
    assert say(text, "pt_BR") == "a{b}: o disco está cheio: são necessários 1.234 bytes e há 0 livres"
    assert say(text, "pt_BR", {"about": "{what} ({subject})"}.get).endswith("0 livres (a{b})")
    assert say(Text.received("as it came", "nobody.knows", {}), "pt_BR") == "as it came"
    assert say("plain", "pt_BR") == "plain"
    assert (write_number(1234.5, "en", 1), write_number(1234.5, "pt_BR", 1)) == ("1,234.5", "1.234,5")
    assert (html_language("pt_BR"), html_language("en")) == ("pt-BR", "en")
