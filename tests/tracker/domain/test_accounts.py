"""Accounts over HTTP: who may make one, signing in, tokens, passkeys, and what the organiser decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tracker.trackers import PASSWORD, Person, Tracker, person, problem, tracker_in

from swarmshare.tracker.config import Rate
from swarmshare.tracker.domain import invitations, sessions

if TYPE_CHECKING:
    from pathlib import Path


DAY = 86_400


def register(tracker: Tracker, name: str, password: str = PASSWORD, **more: str) -> Any:
    return tracker.ask("POST", "/accounts", json={"name": name, "password": password, **more})


def sign_in(tracker: Tracker, name: str, password: str = PASSWORD) -> Any:
    return tracker.ask("POST", "/tokens", json={"name": name, "password": password})


def set_registration(tracker: Tracker, mode: str) -> None:
    response = tracker.ask("PATCH", "/settings", tracker.organiser, json={"registration": mode})
    assert (response.status_code, response.json) == (200, {"registration": mode})


# The organiser


def test_the_first_organiser(tracker: Tracker) -> None:
    me = tracker.get("/account", tracker.organiser)
    assert (me["account"]["name"], me["account"]["role"]) == ("Olga", "organiser")
    assert tracker.services.accounts.new_setup_token() is None


def test_a_setup_token_is_used_once(tracker: Tracker, tmp_path: Path) -> None:
    with tracker_in(tmp_path / "other") as other:
        # The last organiser is gone: as after an import that had none.
        with other.services.database.write() as session:
            session.connection().exec_driver_sql("UPDATE account SET role = 'member'")
        first, second = other.services.accounts.new_setup_token(), other.services.accounts.new_setup_token()
        assert first is not None
        assert second is not None
        assert problem(register(other, "A", setup_token=first)) == (403, "setup-token", "setup_token")
        assert problem(register(other, "A", setup_token="")) == (403, "setup-token", "setup_token")
        assert problem(register(tracker, "A", setup_token=second)) == (403, "setup-token", "setup_token")
        # What is wrong about the rest does not use it up.
        assert problem(register(other, "olga", setup_token=second))[1] == "name-taken"
        assert problem(register(other, "A", "short", setup_token=second))[1] == "password-weak"
        assert register(other, "A", setup_token=second).json["account"]["role"] == "organiser"
        assert problem(register(other, "B", setup_token=second)) == (403, "setup-token", "setup_token")


def test_two_that_use_one_setup_token_at_once(tmp_path: Path) -> None:
    """The second comes while the password of the first is being hashed."""
    with tracker_in(tmp_path) as tracker:
        with tracker.services.database.write() as session:
            session.connection().exec_driver_sql("UPDATE account SET role = 'member'")
        token = tracker.services.accounts.new_setup_token() or ""
        first: list[int] = []
        tracker.work.meanwhile = lambda: first.append(register(tracker, "First", setup_token=token).status_code)
        assert problem(register(tracker, "Second", setup_token=token))[1] == "setup-token"
        assert first == [201]
        assert problem(sign_in(tracker, "Second"))[1] == "credentials"


# Registering


def test_open(tracker: Tracker) -> None:
    set_registration(tracker, "open")
    signed_in = register(tracker, "Ann").json
    assert signed_in["account"]["role"] == "member"
    assert signed_in["account"]["created_at"] == tracker.clock.now
    assert tracker.get("/account", Person("Ann", 0, signed_in["token"]["secret"]))["account"]["name"] == "Ann"


def test_closed(tracker: Tracker) -> None:
    code = tracker.invite()
    set_registration(tracker, "closed")
    assert problem(register(tracker, "Ann"))[:2] == (403, "registration-closed")
    assert problem(register(tracker, "Ann", invitation=code))[:2] == (403, "registration-closed")


def test_closed_makes_no_invitation_that_would_be_refused(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    set_registration(tracker, "closed")
    assert problem(tracker.ask("POST", "/invitations", tracker.organiser, json={}))[:2] == (403, "registration-closed")
    reset = tracker.ask("POST", "/invitations", tracker.organiser, json={"account": ann.account})
    assert reset.status_code == 201, "a password can still be set anew"


def test_invited(tracker: Tracker) -> None:
    assert problem(register(tracker, "Ann")) == (403, "invitation-required", "invitation")
    assert problem(register(tracker, "Ann", invitation="x")) == (403, "invitation-unknown", "invitation")
    code = tracker.invite()
    assert register(tracker, "Ann", invitation=code).status_code == 201
    assert problem(register(tracker, "Ben", invitation=code)) == (403, "invitation-used", "invitation")
    set_registration(tracker, "open")  # whoever brings one is held to it
    assert problem(register(tracker, "Ben", invitation=code))[1] == "invitation-used"


@pytest.mark.parametrize(("name", "password"), [("Olga", PASSWORD), ("a@b", PASSWORD), ("Ann", "short")])
def test_who_is_not_invited_learns_nothing(tracker: Tracker, name: str, password: str) -> None:
    assert problem(register(tracker, name, password))[1] == "invitation-required"


def test_two_that_use_one_invitation_at_once(tracker: Tracker) -> None:
    code = tracker.invite()
    first: list[int] = []
    tracker.work.meanwhile = lambda: first.append(register(tracker, "First", invitation=code).status_code)
    assert problem(register(tracker, "Second", invitation=code))[1] == "invitation-used"
    assert first == [201]
    assert problem(sign_in(tracker, "Second"))[1] == "credentials"


def test_the_database_knows_who_was_first(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lets two transactions run side by side shows both of them an invitation that is not used yet."""
    code = tracker.invite()
    with tracker.services.database.read() as session:
        stale = invitations.check(session, code, 0)
    assert register(tracker, "First", invitation=code).status_code == 201
    monkeypatch.setattr(invitations, "check", lambda *_, **__: stale)
    assert problem(register(tracker, "Second", invitation=code))[1] == "invitation-used"
    monkeypatch.setattr(tracker.services.accounts, "_check_admission", lambda *_: None)
    assert problem(register(tracker, "Second", setup_token="x"))[1] == "setup-token"
    assert tracker.get("/accounts", tracker.organiser)["total"] == 2


def test_invitations_end(tracker: Tracker) -> None:
    code = tracker.invite()
    tracker.clock.leap(7 * DAY)
    assert problem(register(tracker, "Ann", invitation=code)) == (403, "invitation-expired", "invitation")
    (kept,) = tracker.get("/invitations", tracker.organiser)["invitations"]
    assert kept["used_at"] is None
    tracker.clock.leap(7 * DAY)
    tracker.invite()  # the old one is forgotten
    assert len(tracker.get("/invitations", tracker.organiser)["invitations"]) == 1


def test_invitations_are_withdrawn(tracker: Tracker) -> None:
    code = tracker.invite()
    (made,) = tracker.get("/invitations", tracker.organiser)["invitations"]
    path = f"/invitations/{made['id']}"
    assert tracker.ask("DELETE", path, tracker.organiser).status_code == 204
    assert problem(tracker.ask("DELETE", path, tracker.organiser))[:2] == (404, "not-found")
    assert problem(register(tracker, "Ann", invitation=code))[1] == "invitation-unknown"


def test_invitations_are_bounded(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MAX_OPEN", 2)
    tracker.join("Ann")
    tracker.invite()
    tracker.invite()
    assert problem(tracker.ask("POST", "/invitations", tracker.organiser, json={}))[:2] == (409, "too-many")


@pytest.mark.parametrize("name", ["olga", "\uff2f\uff2c\uff27\uff21", "OLGA"])
def test_names_are_unique(tracker: Tracker, name: str) -> None:
    code = tracker.invite()
    assert problem(register(tracker, name, invitation=code)) == (409, "name-taken", "name")
    assert register(tracker, "Ann", invitation=code).status_code == 201, "the invitation was not used up"


def test_names_are_kept_composed(tracker: Tracker) -> None:
    assert register(tracker, "Zoe\u0308", invitation=tracker.invite()).json["account"]["name"] == "Zoë"
    assert sign_in(tracker, "ZOE\u0308").status_code == 201


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("1234567", "password-weak"),
        ("x" * 257, "password-weak"),
        ("ANNE LISTER", "password-weak"),
        ("x" * 2000, "invalid"),
    ],
)
def test_passwords_must_be_worth_it(tracker: Tracker, password: str, code: str) -> None:
    response = register(tracker, "Anne Lister", password, invitation=tracker.invite())
    assert problem(response) == (422, code, "password")


def test_registering_is_limited_by_address(tmp_path: Path) -> None:
    with tracker_in(tmp_path, register_per_address=Rate(3, 60)) as tracker:
        codes = [problem(register(tracker, f"A{number}"))[1] for number in range(4)]
        assert codes == ["invitation-required"] * 2 + ["rate-limited"] * 2  # the organiser registered, too
        response = tracker.ask(
            "POST", "/accounts", json={"name": "A", "password": PASSWORD}, environ_base={"REMOTE_ADDR": "192.0.2.7"}
        )
        assert problem(response)[1] == "invitation-required"
        limited = register(tracker, "A")
        assert limited.headers["Retry-After"] == "20"
        tracker.clock.advance(20)
        assert problem(register(tracker, "A"))[1] == "invitation-required"


# Signing in


def test_signing_in_and_out(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    again = person(sign_in(tracker, "ann"))
    assert (again.name, again.account) == ("Ann", ann.account)
    listed = tracker.get("/tokens", again)["tokens"]
    assert [token["current"] for token in listed] == [True, False]
    assert tracker.ask("DELETE", "/tokens/current", again).status_code == 204
    assert problem(tracker.ask("GET", "/account", again))[:2] == (401, "token-unknown")
    assert tracker.get("/account", ann)["account"]["name"] == "Ann"


@pytest.mark.parametrize(("name", "password"), [("Ann", "wrong password"), ("Nobody", PASSWORD), ("", ""), ("Ann", "")])
def test_signing_in_takes_both(tracker: Tracker, name: str, password: str) -> None:
    tracker.join("Ann")
    assert problem(sign_in(tracker, name, password)) == (401, "credentials", None)


def test_a_password_may_be_typed_in_two_ways(tracker: Tracker) -> None:
    register(tracker, "Ann", "caf\u00e9 olé!", invitation=tracker.invite())
    assert sign_in(tracker, "Ann", "cafe\u0301 ole\u0301!").status_code == 201


def test_tokens_are_kept_as_digests_only(tracker: Tracker, tmp_path: Path) -> None:
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Olga" in kept
    assert tracker.organiser.token.encode() not in kept
    assert PASSWORD.encode() not in kept


def test_tokens_end(tracker: Tracker) -> None:
    tracker.clock.leap(90 * DAY - 1)
    assert tracker.ask("GET", "/account", tracker.organiser).status_code == 200
    tracker.clock.advance(1)
    response = tracker.ask("GET", "/account", tracker.organiser)
    assert problem(response) == (401, "token-expired", None)
    assert response.headers["WWW-Authenticate"] == "Bearer"
    sign_in(tracker, "Olga")  # those that ended are forgotten
    assert problem(tracker.ask("GET", "/account", tracker.organiser))[1] in {"token-expired", "token-unknown"}


def test_tokens_are_bounded(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_TOKENS", 3)
    people = [person(sign_in(tracker, "Olga")) for _ in range(4)]
    assert len(tracker.get("/tokens", people[-1])["tokens"]) == 3
    assert [tracker.ask("GET", "/account", who).status_code for who in people] == [401, 200, 200, 200]


def test_a_token_of_another_is_not_mine_to_revoke(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    (token,) = tracker.get("/tokens", tracker.organiser)["tokens"]
    path = f"/tokens/{token['id']}"
    assert problem(tracker.ask("DELETE", path, ann))[:2] == (404, "not-found")
    assert tracker.ask("DELETE", path, tracker.organiser).status_code == 204


def test_signing_in_is_limited_by_account(tmp_path: Path) -> None:
    with tracker_in(tmp_path, sign_in_per_account=Rate(3, 60)) as tracker:
        tracker.join("Ann")
        assert [sign_in(tracker, "Olga", "wrong").status_code for _ in range(4)] == [401, 401, 401, 429]
        assert problem(sign_in(tracker, "OLGA"))[:2] == (429, "rate-limited"), "the right password comes too late"
        assert [sign_in(tracker, "Ann").status_code for _ in range(10)] == [201] * 10, "success costs nothing"
        tracker.clock.advance(21)
        assert sign_in(tracker, "Olga").status_code == 201


def test_signing_in_is_limited_by_address(tmp_path: Path) -> None:
    with tracker_in(tmp_path, sign_in_per_address=Rate(5, 60)) as tracker:
        assert [sign_in(tracker, f"A{n}").status_code for n in range(6)] == [401] * 5 + [429]
        elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
        body = {"name": "Olga", "password": PASSWORD}
        assert tracker.ask("POST", "/tokens", json=body, environ_base=elsewhere).status_code == 201


def test_a_password_changed_while_another_is_checked(tracker: Tracker) -> None:
    """Whoever knew the old one gets no token that outlives it."""
    accounts = tracker.services.accounts
    tracker.work.meanwhile = lambda: accounts.change_password("Olga", PASSWORD, "another one", address="")
    assert problem(sign_in(tracker, "Olga"))[:2] == (401, "credentials")


# One's own account


def test_changing_the_password_ends_every_token(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    wrong = {"old": "wrong password", "new": "another one"}
    assert problem(tracker.ask("PUT", "/account/password", ann, json=wrong))[:2] == (401, "credentials")
    weak = {"old": PASSWORD, "new": "short"}
    assert problem(tracker.ask("PUT", "/account/password", ann, json=weak))[:2] == (422, "password-weak")
    good = {"old": PASSWORD, "new": "another one"}
    assert tracker.ask("PUT", "/account/password", ann, json=good).status_code == 204
    assert problem(tracker.ask("GET", "/account", ann))[1] == "token-unknown"
    assert sign_in(tracker, "Ann").status_code == 401
    assert sign_in(tracker, "Ann", "another one").status_code == 201


def test_a_forgotten_password(tracker: Tracker) -> None:
    ann, ben = tracker.join("Ann"), tracker.join("Ben")
    made = tracker.ask("POST", "/invitations", tracker.organiser, json={"account": ann.account}).json
    (listed, *_) = tracker.get("/invitations", tracker.organiser)["invitations"]
    assert listed["account"] == "Ann"

    def reset(name: str, invitation: str, new: str = "another one") -> Any:
        return tracker.ask("POST", "/password-resets", json={"name": name, "invitation": invitation, "new": new})

    code = made["secret"]
    for name, invitation in (("Ben", code), ("Nobody", code), ("Ann", "x"), ("Ann", tracker.invite())):
        assert problem(reset(name, invitation)) == (403, "invitation-unknown", "invitation")
    assert problem(register(tracker, "Cid", invitation=code))[1] == "invitation-unknown"
    assert problem(reset("Ann", code, "short"))[1] == "password-weak"
    assert reset("ann", code).status_code == 204
    assert problem(reset("Ann", code))[1] == "invitation-used"
    assert problem(tracker.ask("GET", "/account", ann))[1] == "token-unknown"
    assert sign_in(tracker, "Ann", "another one").status_code == 201
    assert tracker.ask("GET", "/account", ben).status_code == 200
    nobody = tracker.ask("POST", "/invitations", tracker.organiser, json={"account": 999})
    assert problem(nobody) == (404, "not-found", "account")


def test_passkeys(tracker: Tracker) -> None:
    directory = tracker.services.directory

    def passkey() -> str:
        url: str = tracker.get("/account", tracker.organiser)["announce_url"]
        return url.removeprefix("http://localhost/announce").removeprefix("/")

    first = passkey()
    identity = directory.by_passkey(first)
    assert identity is not None
    assert identity.name == "Olga"
    renewed = tracker.ask("POST", "/account/passkey", tracker.organiser).json["announce_url"]
    assert renewed == f"http://localhost/announce/{passkey()}"
    assert passkey() != first
    assert directory.by_passkey(first) is None
    assert directory.by_passkey(passkey()) == identity
    assert tracker.ask("DELETE", "/account/passkey", tracker.organiser).status_code == 204
    assert passkey() == ""
    assert directory.by_passkey("") is None


# What organisers do


def test_accounts_are_listed_in_parts(tracker: Tracker) -> None:
    for name in ("Ann", "Ben"):
        tracker.join(name)
    answer = tracker.get("/accounts?offset=1&limit=1", tracker.organiser)
    assert (answer["total"], [account["name"] for account in answer["accounts"]]) == (3, ["Ann"])


def test_suspending(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    passkey = tracker.services.accounts.passkey(ann.account) or ""
    path = f"/accounts/{ann.account}"
    assert tracker.ask("PATCH", path, tracker.organiser, json={"suspended": True}).json["suspended"] is True
    assert problem(tracker.ask("GET", "/account", ann)) == (403, "suspended", None)
    assert problem(sign_in(tracker, "Ann"))[:2] == (403, "suspended")
    assert problem(sign_in(tracker, "Ann", "wrong password"))[:2] == (401, "credentials"), "told to Ann only"
    assert tracker.services.directory.by_passkey(passkey) is None
    assert tracker.ask("PATCH", path, tracker.organiser, json={"suspended": False}).json["suspended"] is False
    assert tracker.ask("GET", "/account", ann).status_code == 200
    assert tracker.services.directory.by_passkey(passkey) is not None


def test_roles(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    assert problem(tracker.ask("GET", "/accounts", ann))[:2] == (403, "not-organiser")
    own = f"/accounts/{tracker.organiser.account}"
    for change in ({"role": "member"}, {"suspended": True}):
        assert problem(tracker.ask("PATCH", own, tracker.organiser, json=change))[:2] == (409, "last-organiser")
    promoted = tracker.ask("PATCH", f"/accounts/{ann.account}", tracker.organiser, json={"role": "organiser"})
    assert promoted.json["role"] == "organiser"
    assert tracker.ask("PATCH", own, ann, json={"role": "member"}).json["role"] == "member"
    assert problem(tracker.ask("GET", "/accounts", tracker.organiser))[:2] == (403, "not-organiser")
    assert problem(tracker.ask("PATCH", "/accounts/999", ann, json={}))[:2] == (404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/accounts", None),
        ("PATCH", "/accounts/1", {"role": "member"}),
        ("POST", "/invitations", {}),
        ("GET", "/invitations", None),
        ("DELETE", "/invitations/1", None),
        ("GET", "/settings", None),
        ("PATCH", "/settings", {"registration": "open"}),
        ("GET", "/export/accounts", None),
        ("GET", "/export/catalogue", None),
        ("POST", "/import/accounts", {"accounts": []}),
        ("POST", "/import/catalogue", {"entries": []}),
    ],
)
def test_what_organisers_do_is_theirs(tracker: Tracker, method: str, path: str, body: object) -> None:
    ann = tracker.join("Ann")
    before = tracker.state()
    assert problem(tracker.ask(method, path, ann, json=body))[:2] == (403, "not-organiser")
    assert problem(tracker.ask(method, path, json=body))[:2] == (401, "token-missing")
    assert tracker.state() == before
