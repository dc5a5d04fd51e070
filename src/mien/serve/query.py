"""Refuse query parameters that a route does not have."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from mien.errors import suggest
from mien.serve.problems import ProblemError


def refuse_unknown_query(connection: HTTPConnection) -> None:
    """Raise a 422 (ProblemError) that names the nearest parameter, if a query parameter is none of the route's.

    A WebSocket checks its own.
    """
    dependant = getattr(connection.scope.get("route"), "dependant", None)
    if dependant is None or connection.scope["type"] != "http":
        return
    known = [each.alias for each in dependant.query_params]
    for name in connection.query_params:
        if name not in known:
            hint = suggest(name, known) if known else "it has none"
            raise ProblemError(422, f"query: this address has no parameter {name[:50]!r}; {hint}", "input")
