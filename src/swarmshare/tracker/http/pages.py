"""The few pages that a browser can see: what this is, and the forms by which people make their accounts.

Each is in the language that the browser asks for. Templates have no words of their own: ``say`` has all of them.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Blueprint, render_template, request

from swarmshare import __version__
from swarmshare.languages import html_language
from swarmshare.tracker.config import Registration
from swarmshare.tracker.domain.passwords import MIN_LENGTH
from swarmshare.tracker.domain.refusals import RefusalError
from swarmshare.tracker.http.visitor import translated, translated_code, visitor_language

if TYPE_CHECKING:
    from swarmshare.tracker.services import Services


def blueprint(services: Services) -> Blueprint:
    """Return the pages ``/``, ``/setup/TOKEN`` and ``/join/CODE``, which call ``services``."""
    pages = Blueprint("pages", __name__)

    @pages.context_processor
    def words() -> dict[str, object]:
        language = html_language(visitor_language())
        return {"say": translated_code, "translated": translated, "language": language, "least": MIN_LENGTH}

    @pages.get("/")
    def home() -> str:
        problem = services.database.look()
        registration = Registration.CLOSED if problem else services.accounts.settings().registration
        url = services.base_url()
        return render_template(
            "home.html", version=__version__, problem=problem and problem.sentence, url=url, registration=registration
        )

    @pages.get("/setup/<token>")
    def setup_form(token: str) -> str:
        return render_template("setup.html", name="", problem=None)

    @pages.post("/setup/<token>")
    def setup(token: str) -> tuple[str, int]:
        return make_account("setup.html", setup_token=token)

    @pages.get("/join/<code>")
    def join_form(code: str) -> str:
        return render_template("join.html", name="", problem=None)

    @pages.post("/join/<code>")
    def join(code: str) -> tuple[str, int]:
        return make_account("join.html", invitation=code)

    def make_account(form: str, *, setup_token: str | None = None, invitation: str | None = None) -> tuple[str, int]:
        name, password = request.form.get("name", ""), request.form.get("password", "")
        try:
            signed_in = services.accounts.register(
                name,
                password,
                address=request.remote_addr or "",
                invitation=invitation,
                setup_token=setup_token,
                label="browser",
            )
        except RefusalError as error:
            return render_template(form, name=name, problem=error.message), error.reason.status
        services.sessions.revoke(signed_in.account.id, signed_in.token.id)  # a page without scripts cannot keep it
        page = render_template("welcome.html", account=signed_in.account, url=services.base_url())
        return page, HTTPStatus.CREATED

    return pages
