"""Token buckets, which limit how often each client may do something."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import Scope

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
        tokens, now = self._filled(client)
        granted = tokens >= 1
        self._buckets.pop(client, None)
        self._buckets[client] = (tokens - granted, now)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if granted else self._wait(tokens)

    def wait(self, client: str) -> float:
        """Return the seconds until a client's next token, 0 if there is one, without taking it."""
        tokens, _ = self._filled(client)
        return 0.0 if tokens >= 1 else self._wait(tokens)

    def _filled(self, client: str) -> tuple[float, float]:
        now = self._clock()
        tokens, filled = self._buckets.get(client, (float(self.rate), now))
        return min(self.rate, tokens + (now - filled) * self.rate / MINUTE), now

    def _wait(self, tokens: float) -> float:
        return (1 - tokens) * MINUTE / self.rate


def address_of(scope: Scope) -> str:
    """Return a client's IPv4 address, or its IPv6 network (/64), which one person may have whole."""
    host = (scope.get("client") or ("", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
