"""Routes that carry everything out of a tracker, and into another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response

from swarmshare.tracker.domain.exchange import AccountsDocument, CatalogueDocument, ImportReport
from swarmshare.tracker.domain.refusals import Reason
from swarmshare.tracker.http.api import requests
from swarmshare.tracker.http.api.routes import May

if TYPE_CHECKING:
    from swarmshare.tracker.domain.directory import Holder
    from swarmshare.tracker.http.api.routes import ApiRoutes
    from swarmshare.tracker.services import Services


def add_routes(routes: ApiRoutes, services: Services) -> None:
    """Add the routes about export and import to ``routes``; they call ``services``."""
    limit = services.config.max_import

    @routes.route("GET", "/export/accounts", may=May.ORGANISER, asks=requests.ExportAccounts, gives=AccountsDocument)
    def export_accounts(query: requests.ExportAccounts, who: Holder) -> AccountsDocument:
        """Export all accounts, with their secrets if asked."""
        return services.exchange.export_accounts(secrets=query.secrets)

    @routes.route(
        "POST",
        "/import/accounts",
        may=May.ORGANISER,
        takes=AccountsDocument,
        gives=ImportReport,
        limit=limit,
        refuses=[Reason.IMPORT],
    )
    def import_accounts(json: AccountsDocument, who: Holder) -> ImportReport:
        """Add the accounts whose names are free; those that exist stay as they are. All or nothing."""
        return services.exchange.import_accounts(json)

    @routes.route("GET", "/export/catalogue", may=May.ORGANISER, gives="application/json")
    def export_catalogue(who: Holder) -> Response:
        """Return the whole catalogue, with every manifest in base64: what ``/import/catalogue`` takes."""
        return Response(services.exchange.export_catalogue(), mimetype="application/json")

    @routes.route(
        "POST",
        "/import/catalogue",
        may=May.ORGANISER,
        takes=CatalogueDocument,
        gives=ImportReport,
        limit=limit,
        refuses=[Reason.IMPORT, Reason.MANIFEST, Reason.MANIFEST_SIZE, Reason.QUOTA],
    )
    def import_catalogue(json: CatalogueDocument, who: Holder) -> ImportReport:
        """Add the entries that are not there yet. All or nothing."""
        return services.exchange.import_catalogue(json, who.identity.account)
