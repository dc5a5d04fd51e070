"""Limit the rate of each client's requests by token buckets."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from mien.serve.middleware.buckets import TokenBuckets, address_of
from mien.serve.middleware.headers import refuse
from mien.serve.middleware.keys import hash_of, key_of
from mien.serve.middleware.metrics import ServiceMetrics
from mien.serve.problems import ProblemError, retry_after


class RateLimiter:
    """Answer 429 to a client that exceeds the rate of API requests; each process counts separately.

    Args:
        app: the application.
        rate: most requests per minute; 0: no limit.
        keyed: identify clients by API key instead of address.
        metrics: counts refused requests.
    """

    def __init__(self, app: ASGIApp, rate: int, keyed: bool, metrics: ServiceMetrics) -> None:
        self.app = app
        self.buckets = TokenBuckets(rate)
        self._keyed = keyed
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and self.buckets.rate and scope["path"].startswith("/v1/"):
            seconds = self.buckets.take(client_of(scope, keyed=self._keyed))
            if seconds:
                self._metrics.refused.labels("rate").inc()
                detail = (
                    f"expected at most {self.buckets.rate:,} requests in a minute, got more. Try again in "
                    f"{seconds:.1f} s"
                )
                await refuse(ProblemError(429, detail, "rate", retry_after(seconds)), scope, receive, send)
                return
        await self.app(scope, receive, send)


def client_of(scope: Scope, *, keyed: bool) -> str:
    """Return a client's identity: its verified key, its IPv4 address, or its IPv6 network (/64)."""
    return hash_of(key_of(scope) or "") if keyed else address_of(scope)
