"""How requests does TLS here."""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter

from swarmshare.tracker_client.trust import context


class TrustingAdapter(HTTPAdapter):
    """TLS that believes whom all of this process does; requests would decide that by itself, and otherwise."""

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:
        """See there."""
        super().init_poolmanager(*sizes, **options, ssl_context=context())

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """See there: a tunnel ends in TLS as well."""
        return super().proxy_manager_for(proxy, **options, ssl_context=context())

    def build_connection_pool_key_attributes(self, *request: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """See there: without the files that it would add to what the context knows."""
        host, options = super().build_connection_pool_key_attributes(*request)
        return host, {name: value for name, value in options.items() if name not in {"ca_certs", "ca_cert_dir"}}

    def cert_verify(self, conn: Any, *_: Any) -> None:
        """See there."""
        conn.cert_reqs = "CERT_REQUIRED"
