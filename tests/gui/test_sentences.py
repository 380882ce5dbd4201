"""What lower layers say is a sentence in the window's language."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from swarmshare.errors import DiskFullError, SwarmShareError, TrackerError
from swarmshare.gui.sentences import IN_A_WINDOW, spoken
from swarmshare.gui.words import use_language
from swarmshare.storage.faults import naming
from swarmshare.swarm import diagnosis
from swarmshare.texts import ENGLISH, Text, about, advise, places, system_says
from swarmshare.tracker_client.failures import odd_page

REFUSED = system_says("connection refused", errno.ECONNREFUSED)


@pytest.mark.parametrize(
    ("text", "in_english", "in_portuguese"),
    [
        ("", "", ""),
        (Text("account.credentials"), "The name or the password is wrong.", "O nome ou a senha está errado."),
        (
            advise(about("http://h:1", Text("tracker.unreachable", reason=REFUSED)), Text("hint.runs")),
            "http://h:1: cannot be reached: connection refused. Does it run? Is the address right?",
            "http://h:1: não responde: conexão recusada. Ele está em execução? O endereço está certo?",
        ),
        (Text("account.none"), "There is no such account.", "Não existe essa conta."),
        (system_says("something else is so"), "Something else is so.", "Something else is so."),
        (about("film.mkv", system_says("unheard of")), "film.mkv: unheard of.", "film.mkv: unheard of."),
        (
            Text("storage.disk-full-by", needed=1234567, free=3),
            "The disk is full: 1,234,567 bytes are needed and 3 are free.",
            "O disco está cheio: são necessários 1.234.567 bytes e há 3 livres.",
        ),
        (
            Text.received("a later tracker knows more", "account.some-day", {}),
            "A later tracker knows more.",
            "A later tracker knows more.",
        ),
        (Text.received("half of it", "account.name-taken", {}), "Half of it.", "Half of it."),
    ],
)
def test_sentences(text: str, in_english: str, in_portuguese: str) -> None:
    assert spoken(text) == in_english
    use_language("pt_BR")
    assert spoken(text) == in_portuguese


def test_errors_as_they_are_raised(tmp_path: Path) -> None:
    use_language("pt_BR")
    assert spoken(DiskFullError(Path("x"), 5, 3).advice).startswith("x: o disco está cheio: são necessários 5 bytes")
    error = TrackerError("tracker-url", Text("tracker.url", text="'x y'"), hint=Text("hint.tracker-url"))
    assert (
        spoken(error.advice)
        == "'x y' não é o endereço de um tracker. Escreva-o como http://HOST:PORTA ou https://HOST."
    )
    assert spoken(SwarmShareError(system_says("{braces}")).advice) == "{braces}."
    with pytest.raises(SwarmShareError) as caught, naming(tmp_path / "x"):
        (tmp_path / "x").read_bytes()
    assert spoken(caught.value.message) == f"{tmp_path / 'x'}: não existe."
    assert spoken(caught.value.message, without=tmp_path / "x") == "Não existe."


def test_why_a_page_is_no_trackers() -> None:
    use_language("pt_BR")
    _, what, hint = odd_page("http://h:1", 200, "OK", b"<html>", "text/html")
    assert spoken(advise(what, hint)) == (
        "A resposta não é de um tracker (200 OK), e sim uma página da web. Se esta rede pede antes um "
        "login no navegador (a de um hotel, por exemplo), faça-o; senão, o endereço está errado."
    )


def test_what_means_the_command_line_means_the_window_there() -> None:
    for code, template in IN_A_WINDOW.items():
        assert code in ENGLISH, f"there is no text {code}"
        assert places(template) <= places(ENGLISH[code])
        assert "--" not in template, "a window has no options"
    assert spoken(advise(Text("nobody.only-here"), Text("hint.let-in-network"))) == (
        "Only programs on this machine can connect to it. The settings let in other computers of the network."
    )


@pytest.mark.parametrize("cause", list(diagnosis.Cause))
@pytest.mark.parametrize("who", [["192.168.1.6:4000"], ["[fe80::1%eth0]:4000", "x", "y"]])
def test_why_nobody_is_connected(cause: diagnosis.Cause, who: list[str]) -> None:
    said = diagnosis.worded(cause, who, system_says("no route to host", errno.EHOSTUNREACH)).message
    english = spoken(said)
    assert "--" not in english, "a window has no options"
    use_language("pt_BR")
    words = {word for word in spoken(said).split() if word.isalpha()}
    assert not words & {"the", "is", "and", "it", "more", "who", "to"}, spoken(said)
