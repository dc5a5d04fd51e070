"""API keys: only their hashes are kept, compared in constant time.

A key is 32 random bytes, so a plain SHA-256 cannot be searched through, and costs nothing per request.
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
from mien.serve.middleware.headers import refuse
from mien.serve.problems import ProblemError
from mien.serve.settings import KEY_HASH, ServiceSettings

PREFIX = "mien_"
SUBPROTOCOL = "mien.v1"
_KEY_PROTOCOL = "key."

OPEN_PATHS = ("/", "/healthz", "/readyz")
OPEN_FOLDER = "/static/"


def make_key() -> tuple[str, str]:
    """A new key and its hash."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, hash_of(key)


def hash_of(key: str) -> str:
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def hashes_of(settings: ServiceSettings) -> tuple[str, ...]:
    """All hashes that the settings name. Raises InputError for a file that holds something else."""
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
    """Lets through who has a key; everybody, where there are no keys. The page and the probes are open to all."""

    def __init__(self, app: ASGIApp, hashes: tuple[str, ...]) -> None:
        self.app = app
        self.hashes = hashes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not self.hashes or _open(scope):
            await self.app(scope, receive, send)
            return
        key = key_of(scope)
        if key is None or not self.knows(key):
            expected = "an API key in the header Authorization: Bearer KEY or X-API-Key: KEY"
            detail = f"expected {expected}, got {'none' if key is None else 'one that is not known here'}"
            await refuse(ProblemError(401, detail, "key", {"WWW-Authenticate": "Bearer"}), scope, receive, send)
            return
        await self.app(scope, receive, send)

    def knows(self, key: str) -> bool:
        """Is it one of the keys? Takes the same time whichever it is."""
        digest = hash_of(key)
        return sum(hmac.compare_digest(digest, known) for known in self.hashes) > 0


def _open(scope: Scope) -> bool:
    path = scope["path"]
    return scope.get("method") == "OPTIONS" or path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def key_of(scope: Scope) -> str | None:
    """The key that a request brings; a WebSocket of a browser, which sets no headers, brings it as a subprotocol."""
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
    """Base64url without padding; what is none gives a key that nobody has."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""
