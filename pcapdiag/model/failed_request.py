"""The request of a connection that a verdict is about."""

from __future__ import annotations

from pcapdiag.model.report import Connection
from pcapdiag.model.report_http import HttpExchange


def failed_exchange(connection: Connection) -> HttpExchange | None:
    """Return the request that the verdict is about; None where it is about none, or not listed."""
    return listed_exchange(connection, connection.verdict.exchange)


def listed_exchange(connection: Connection, index: int | None) -> HttpExchange | None:
    """Return the request of that number, if there is one and it is listed."""
    if index is None or connection.http is None:
        return None
    return next((one for one in connection.http.exchanges if one.index == index), None)
