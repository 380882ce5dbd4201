"""The pages: what the tracker is, and the form of the first organiser. And its health and numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracker.trackers import PASSWORD, Tracker, tracker_in

from swarmshare import __version__
from swarmshare.tracker.domain.database import FILE_NAME

if TYPE_CHECKING:
    from pathlib import Path


def without_organiser(tracker: Tracker) -> str:
    """A setup token for a tracker whose organiser is gone."""
    with tracker.services.database.write() as session:
        session.connection().exec_driver_sql("UPDATE account SET role = 'member'")
    return tracker.services.accounts.new_setup_token() or ""


def test_home(tracker: Tracker) -> None:
    page = tracker.http.get("/", headers={"Host": "192.0.2.1:6969"}).text
    for text in ("It is healthy", "--tracker http://192.0.2.1:6969 --user NAME --invite CODE", __version__):
        assert text in page
    assert "Olga" not in page
    for mode, text in (("open", "Anybody may register"), ("closed", "swarmshare login --tracker")):
        tracker.ask("PATCH", "/settings", tracker.organiser, json={"registration": mode})
        page = tracker.http.get("/").text
        assert text in page
        assert "--invite" not in page


def test_setup(tracker: Tracker) -> None:
    path = f"/setup/{without_organiser(tracker)}"
    form = tracker.http.get(path)
    assert form.status_code == 200
    assert f'action="{path}"' in form.text
    weak = tracker.http.post(path, data={"name": 'A"><script>', "password": "x"})
    assert weak.status_code == 422
    assert "<script>" not in weak.text
    assert 'value="A&#34;&gt;&lt;script&gt;"' in weak.text
    assert "A name is made of" in weak.text or "a name is made of" in weak.text
    done = tracker.http.post(path, data={"name": "O'Neill", "password": PASSWORD})
    assert done.status_code == 201
    assert "Welcome, O&#39;Neill" in done.text
    assert tracker.services.sessions.listed(2, 0) == [], "what nobody was told"
    again = tracker.http.post(path, data={"name": "B", "password": PASSWORD})
    assert again.status_code == 403
    signed_in = tracker.ask("POST", "/tokens", json={"name": "o'neill", "password": PASSWORD})
    assert signed_in.json["account"]["role"] == "organiser"


def test_pages_speak_the_language_of_the_browser(tracker: Tracker, tmp_path: Path) -> None:
    portuguese = {"Accept-Language": "pt-BR,pt;q=0.9,en;q=0.1"}

    def page(path: str) -> str:
        return str(tracker.http.get(path, headers=portuguese).text)

    assert '<html lang="pt-BR">' in page("/")
    assert "Para se cadastrar é preciso um convite do organizador:" in page("/")
    assert '<html lang="en">' in tracker.http.get("/").text
    path = f"/join/{tracker.invite()}"
    assert "Este link funciona uma vez" in page(path)
    assert "Crie a conta do organizador" in page("/setup/anything")
    weak = tracker.http.post(path, data={"name": "Ben", "password": "x"}, headers=portuguese)
    assert "uma senha tem de 8 a 256 caracteres." in weak.text
    done = tracker.http.post(path, data={"name": "Ana", "password": PASSWORD}, headers=portuguese)
    assert "Boas-vindas, Ana" in done.text
    assert page("/nowhere") == "404 não há nada neste endereço\n"
    (tmp_path / FILE_NAME).rename(tmp_path / "elsewhere")
    assert "Ele tem um problema: o banco de dados do tracker não responde." in page("/")


def test_setup_from_another_site(tracker: Tracker) -> None:
    path = f"/setup/{without_organiser(tracker)}"
    data = {"name": "Eve", "password": PASSWORD}
    assert tracker.http.post(path, data=data, headers={"Origin": "http://evil.example"}).status_code == 403
    assert tracker.http.post(path, data=data, headers={"Origin": "http://localhost"}).status_code == 201


def test_health(tracker: Tracker, tmp_path: Path) -> None:
    response = tracker.http.get("/healthz")
    assert (response.status_code, response.json) == (200, {"status": "ok", "version": __version__})
    (tmp_path / FILE_NAME).rename(tmp_path / "elsewhere")
    response = tracker.http.get("/healthz")
    assert (response.status_code, response.json["status"]) == (503, "database")
    page = tracker.http.get("/")
    assert page.status_code == 200
    assert "database does not answer" in page.text
    assert not (tmp_path / FILE_NAME).exists()


def test_metrics(tracker: Tracker) -> None:
    tracker.join("Ann")
    tracker.publish(tracker.organiser)
    passkey = tracker.services.accounts.passkey(tracker.organiser.account)
    tracker.http.get(f"/announce/{passkey}?x=1")
    for typed in ("/nothing/1", "/nothing/2"):
        tracker.http.get(typed)
    response = tracker.http.get("/metrics")
    assert response.mimetype == "text/plain"
    numbers = dict(re.findall(r"^(\w+(?:\{[^}]*\})?) (.*)$", response.text, re.MULTILINE))
    assert numbers["swarmshare_accounts"] == "2.0"
    assert numbers["swarmshare_entries"] == "1.0"
    assert numbers["swarmshare_swarms"] == numbers["swarmshare_members"] == "0.0"
    assert numbers['swarmshare_http_seconds_count{method="GET",route="/announce/<passkey>",status="200"}'] == "1.0"
    assert numbers['swarmshare_http_seconds_count{method="any",route="none",status="404"}'] == "2.0"
    assert not re.search(f"{passkey}|Olga|Ann|nothing", response.text)


def test_two_trackers_in_one_process_count_apart(tracker: Tracker, tmp_path: Path) -> None:
    with tracker_in(tmp_path / "other") as other:
        other.join("Ann")
        assert "swarmshare_accounts 1.0" in tracker.http.get("/metrics").text
        assert "swarmshare_accounts 2.0" in other.http.get("/metrics").text


def test_join(tracker: Tracker) -> None:
    path = f"/join/{tracker.invite()}"
    assert f'action="{path}"' in tracker.http.get(path).text
    weak = tracker.http.post(path, data={"name": "Ben", "password": "x"})
    assert weak.status_code == 422
    assert f'action="{path}"' in weak.text
    done = tracker.http.post(path, data={"name": "Ben", "password": PASSWORD})
    assert done.status_code == 201
    assert "Welcome, Ben" in done.text
    assert "organiser" not in done.text
    assert tracker.http.post(path, data={"name": "Eve", "password": PASSWORD}).status_code == 403
    signed_in = tracker.ask("POST", "/tokens", json={"name": "ben", "password": PASSWORD})
    assert signed_in.json["account"]["role"] == "member"
