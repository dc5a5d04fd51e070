"""Limit the rate of each client's requests by token buckets."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from mien.serve.middleware.headers import refuse
from mien.serve.middleware.keys import hash_of, key_of
from mien.serve.middleware.metrics import ServiceMetrics
from mien.serve.problems import ProblemError, retry_after

MINUTE = 60.0
MOST_CLIENTS = 10_000
"""Most clients whose buckets are kept; beyond it the one that was inactive longest is dropped."""


class TokenBuckets:
    """One token bucket per client, which refills within a minute.

    Args:
        rate: tokens of a full bucket.
        clock: returns the time in seconds.
    """

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Take a token of a client; return 0, or the seconds until the next token if there is none."""
        now = self._clock()
        tokens, filled = self._buckets.pop(client, (float(self.rate), now))
        tokens = min(self.rate, tokens + (now - filled) * self.rate / MINUTE)
        granted = tokens >= 1
        self._buckets[client] = (tokens - granted, now)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if granted else (1 - tokens) * MINUTE / self.rate


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
            seconds = self.buckets.take(self._client(scope))
            if seconds:
                self._metrics.refused.labels("rate").inc()
                detail = (
                    f"expected at most {self.buckets.rate:,} requests in a minute, got more. Try again in "
                    f"{seconds:.1f} s"
                )
                await refuse(ProblemError(429, detail, "rate", retry_after(seconds)), scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _client(self, scope: Scope) -> str:
        """Return the client's identity: its verified key, its IPv4 address, or its IPv6 network (/64)."""
        if self._keyed:
            return hash_of(key_of(scope) or "")
        host = (scope.get("client") or ("", 0))[0]
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return str(host)
        return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
