"""What lower layers say is a sentence in the window's language, as far as it is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarmshare.errors import DiskFullError, SwarmShareError, TrackerError
from swarmshare.gui.sentences import spoken
from swarmshare.gui.words import use_language
from swarmshare.swarm import diagnosis


@pytest.mark.parametrize(
    ("text", "in_english", "in_portuguese"),
    [
        ("", "", ""),
        ("the name or the password is wrong", "The name or the password is wrong.", "O nome ou a senha está errado."),
        (
            "http://h:1: cannot be reached: connection refused. Does it run? Is the address right?",
            "http://h:1: cannot be reached: connection refused. Does it run? Is the address right?",
            "http://h:1: não responde: conexão recusada. Ele está em execução? O endereço está certo?",
        ),
        (
            "http://h:1: the answer is not a tracker's (200 OK) but a web page. If this network wants a sign-in in the "
            "browser first (a hotel's, say), do that; else the address is wrong.",
            "http://h:1: the answer is not a tracker's (200 OK) but a web page. If this network wants a sign-in in the "
            "browser first (a hotel's, say), do that; else the address is wrong.",
            "http://h:1: a resposta não é de um tracker (200 OK), e sim uma página da web. Se esta rede pede antes um "
            "login no navegador (a de um hotel, por exemplo), faça-o; senão, o endereço está errado.",
        ),
        (
            "http://h:1: what answers there wants TLS, which is https: use https://h:1. Is the address right?",
            "http://h:1: what answers there wants TLS, which is https: use https://h:1. Is the address right?",
            "http://h:1: quem responde ali quer TLS, isto é, https: use https://h:1. O endereço está certo?",
        ),
        ("/srv/x: no such file or directory", "/srv/x: no such file or directory.", "/srv/x: não existe."),
        ("something else is so", "Something else is so.", "Something else is so."),
        ("film.mkv: unheard of", "film.mkv: unheard of.", "film.mkv: unheard of."),
    ],
)
def test_sentences(text: str, in_english: str, in_portuguese: str) -> None:
    assert spoken(text) == in_english
    use_language("pt_BR")
    assert spoken(text) == in_portuguese


def test_errors_as_they_are_raised() -> None:
    use_language("pt_BR")
    assert spoken(DiskFullError(Path("x"), 5, 3).advice).startswith("x: o disco está cheio: são necessários 5 bytes")
    error = TrackerError(
        "tracker-url", "'x y' is no address of a tracker", hint="Write it as http://HOST:PORT or https://HOST."
    )
    assert (
        spoken(error.advice)
        == "'x y' não é o endereço de um tracker. Escreva-o como http://HOST:PORTA ou https://HOST."
    )
    assert spoken(SwarmShareError("{braces}").advice) == "{braces}."


@pytest.mark.parametrize("cause", list(diagnosis.Cause))
@pytest.mark.parametrize("who", ["192.168.1.6:4000", "[fe80::1%eth0]:4000 (and 2 more)"])
def test_why_nobody_is_connected(cause: diagnosis.Cause, who: str) -> None:
    said = diagnosis._SAYS[cause].format(who=who, reason="no route to host")
    english = spoken(said)
    assert "--" not in english, "a window has no options"
    use_language("pt_BR")
    words = {word for word in spoken(said).split() if word.isalpha()}
    assert not words & {"the", "is", "and", "it", "more", "who", "to"}, spoken(said)


def test_why_nobody_is_connected_in_other_words() -> None:
    use_language("pt_BR")
    for said in (diagnosis._HUNG_UP_HYBRID.format(who="x:1"), diagnosis._NOBODY_ASKS):
        assert not {"the", "is", "it", "who"} & set(spoken(said).split())
