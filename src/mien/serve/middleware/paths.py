"""What happens to a request's path, method and Host before it is routed."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mien.serve.middleware.headers import refuse
from mien.serve.problems import ProblemError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Hosts under which a browser on this machine reaches a service that only this machine can reach."""


class HostCheck:
    """Refuse requests whose header Host names another machine: a page of an attacker whose name leads here.

    Such a page would be of the same origin as the service (DNS rebinding).

    Args:
        app: the application.
        allowed: the accepted hosts, without a port; empty: any.
    """

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        self.app = app
        self.allowed = frozenset(host.lower().strip("[]") for host in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and self.allowed:
            host = host_of(Headers(scope=scope).get("host", ""))
            if host and host not in self.allowed:
                problem = ProblemError(
                    421,
                    "expected one of this service's own names in the header Host, got another. Name it with "
                    "--allowed-host",
                    "host",
                )
                await refuse(problem, scope, receive, send)
                return
        await self.app(scope, receive, send)


def host_of(text: str) -> str:
    """Return the host of a Host header in lower case, without port and brackets."""
    try:
        return (urlsplit(f"//{text}").hostname or "").lower()
    except ValueError:
        return text.lower()


class RootPath:
    """Take the prefix of a reverse proxy from the paths of requests, where the proxy has left it.

    Args:
        app: the application.
        root: the prefix, like "/mien"; empty: none.
    """

    def __init__(self, app: ASGIApp, root: str) -> None:
        self.app = app
        self.root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and self.root:
            path = scope["path"]
            if path == self.root and scope["type"] == "http":  # relative addresses of the page need the slash
                await RedirectResponse(f"{self.root}/", 308)(scope, receive, send)
                return
            if path.startswith(f"{self.root}/"):
                path = path.removeprefix(self.root)
                scope = {**scope, "path": path, "raw_path": path.encode()}
        await self.app(scope, receive, send)


class HeadAsGet:
    """Answer HEAD where GET is answered, with the same headers and no body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, without_body)
