"""The route that tells the group's identity: public, because whoever asks has not verified anything yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.identity.group_id import GroupId
from swarmshare.texts import Text
from swarmshare.tracker.domain.refusals import Reason, RefusalError
from swarmshare.tracker.http.api import answers
from swarmshare.tracker.http.api.routes import May

if TYPE_CHECKING:
    from swarmshare.tracker.http.api.routes import ApiRoutes
    from swarmshare.tracker.services import Services


def add_routes(routes: ApiRoutes, services: Services) -> None:
    """Add the route of the identity to ``routes``; it calls ``services``."""

    @routes.route("GET", "/identity", may=May.ANYBODY, gives=answers.Identity, refuses=[Reason.NOT_FOUND])
    def identity() -> answers.Identity:
        """Tell the certificate of the group's authority. Believe it only if its group id is the one you were given."""
        if services.authority is None:
            raise RefusalError(Reason.NOT_FOUND, Text("identity.plain"))
        pem = services.authority.certificate_pem
        return answers.Identity(group_id=str(GroupId.of(pem)), authority=pem.decode("ascii"))
