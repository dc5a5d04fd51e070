"""API keys: only their hashes are stored, and they are compared in constant time.

A key is 32 random bytes, so that a plain SHA-256 cannot be reversed by search, and is fast.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from mien.errors import InputError
from mien.serve.middleware.buckets import TokenBuckets, address_of
from mien.serve.middleware.headers import refuse
from mien.serve.problems import ProblemError, retry_after
from mien.serve.settings import KEY_HASH, ServiceSettings

PREFIX = "mien_"
SUBPROTOCOL = "mien.v1"
_KEY_PROTOCOL = "key."

WRONG_KEYS = 30
"""Most requests with a wrong key that a client may send in a minute."""

OPEN_PATHS = ("/", "/docs", "/healthz", "/readyz")
OPEN_FOLDER = "/static/"


def make_key() -> tuple[str, str]:
    """Return a new key and its hash."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, hash_of(key)


def hash_of(key: str) -> str:
    """Return the hash of a key, "sha256:" and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def hashes_of(settings: ServiceSettings) -> tuple[str, ...]:
    """Return all hashes of the settings and of the key file.

    Raises:
        InputError: the file holds something else than hashes.
    """
    hashes = list(settings.keys)
    if settings.key_file:
        lines = Path(settings.key_file).read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            words = line.partition("#")[0].strip()
            if words and not KEY_HASH.fullmatch(words):
                raise InputError(
                    f"{settings.key_file}, line {number}: expected a hash like sha256:..., got something else. "
                    "Make one with `mien serve --new-key`"
                )
            hashes += [words] if words else []
    return tuple(hashes)


class KeyAuthentication:
    """Require an API key, if there are hashes; the page and the probes need none.

    Args:
        app: the application.
        hashes: the hashes of the accepted keys; empty: no key is required.
    """

    def __init__(self, app: ASGIApp, hashes: tuple[str, ...]) -> None:
        self.app = app
        self.hashes = hashes
        self.failures = TokenBuckets(WRONG_KEYS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not self.hashes or _open(scope):
            await self.app(scope, receive, send)
            return
        client = address_of(scope)
        if seconds := self.failures.wait(client):
            detail = f"expected at most {WRONG_KEYS} wrong keys in a minute, got more. Try again in {seconds:.1f} s"
            await refuse(ProblemError(429, detail, "rate", retry_after(seconds)), scope, receive, send)
            return
        key = key_of(scope)
        if key is None or not self.knows(key):
            if key is not None:
                self.failures.take(client)
            expected = "an API key in the header Authorization: Bearer KEY or X-API-Key: KEY"
            detail = f"expected {expected}, got {'none' if key is None else 'one that is not known here'}"
            await refuse(ProblemError(401, detail, "key", {"WWW-Authenticate": "Bearer"}), scope, receive, send)
            return
        await self.app(scope, receive, send)

    def knows(self, key: str) -> bool:
        """Return whether it is an accepted key; the time does not depend on which one it is."""
        digest = hash_of(key)
        return sum(hmac.compare_digest(digest, known) for known in self.hashes) > 0


def _open(scope: Scope) -> bool:
    path = scope["path"]
    return scope.get("method") == "OPTIONS" or path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def key_of(scope: Scope) -> str | None:
    """Return the key of a request, or None.

    It is in the header Authorization or X-API-Key; a browser, which cannot set headers of a WebSocket, sends it as a
    subprotocol.
    """
    headers = Headers(scope=scope)
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    if headers.get("x-api-key"):
        return headers["x-api-key"]
    for protocol in scope.get("subprotocols", ()):
        if protocol.startswith(_KEY_PROTOCOL):
            return _decoded(protocol.removeprefix(_KEY_PROTOCOL))
    return None


def _decoded(text: str) -> str:
    """Decode base64url without padding; invalid text gives "", which is never a valid key."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""
