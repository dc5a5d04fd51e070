"""The settings of the service: one option per field, checked on construction.

The fields define the options of `mien serve`, the environment variables (`MIEN_SERVE_` and the field's name in
capitals) and the table in docs/service.md. This module imports only the standard library and `mien.errors`, because
every `mien` command imports it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

from mien.errors import InputError, suggest
from mien.options import help_of, option, same_option
from mien.pipeline_options import ESTIMATE, TRAINING, PipelineOptions, parse_prior

PREFIX = "MIEN_SERVE_"
KEY_HASH = re.compile(r"sha256:[0-9a-f]{64}")
BURST_SECONDS = 60
"""Seconds over which the requests of a client are counted."""

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def number_of_bytes(text: str) -> int:
    """Convert "20MB", "20M", "1.5 GB" or a plain number to bytes; units are powers of 1000. Raises ValueError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?)b?\s*", text, re.IGNORECASE)
    if not found:
        raise ValueError(f"expected bytes like 20MB, got {text}")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def switch(text: str) -> bool:
    """Convert "true", "yes", "on", "1" and their opposites to a bool. Raises ValueError."""
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.strip().lower() not in words:
        raise ValueError(f"expected true or false, got {text}")
    return words[text.strip().lower()]


def several(text: str) -> tuple[str, ...]:
    """Split a text at commas and spaces."""
    return tuple(word for word in re.split(r"[\s,]+", text) if word)


def request_prior(text: str) -> str | dict[str, float]:
    """Convert the text of a prior; raise InputError for what is none, and for one that is estimated."""
    try:
        prior = parse_prior(text)
    except ValueError as error:
        raise InputError(f"prior: {error}") from error
    if prior == ESTIMATE:
        raise InputError("prior: expected training, uniform or weights, since a request has too few faces to estimate")
    return prior


@dataclass(frozen=True)
class ServiceSettings:
    """The settings of the service; each field has its description. Raises InputError for wrong values."""

    host: str = option("127.0.0.1", "address to listen on; one that other machines can reach needs keys", parse=str)
    port: int = option(8000, "port to listen on; 0: any free one", parse=int)
    workers: int = option(1, "number of processes", parse=int, metavar="N")
    model: str = same_option(PipelineOptions, "model")
    provider: str = option("cpu", "what computes the model: cpu, cuda, openvino, ...", parse=str, metavar="NAME")
    labels: str | None = same_option(PipelineOptions, "labels")
    detector: str = same_option(PipelineOptions, "detector")
    size: int | None = same_option(PipelineOptions, "size")
    min_face: float = same_option(PipelineOptions, "min_face")
    min_confidence: float = same_option(PipelineOptions, "min_confidence")
    prior: str = option(TRAINING, help_of(PipelineOptions, "prior"), parse=str, metavar="PRIOR")
    set_coverage: float = same_option(PipelineOptions, "set_coverage")
    set_kind: str = same_option(PipelineOptions, "set_kind")
    threads: int = option(0, "processor threads of each process; 0: all", parse=int, metavar="N")
    keys: tuple[str, ...] = option((), "hashes of API keys, as --new-key prints them", parse=several, metavar="HASH")
    key_file: str = option("", "a file with a hash in each line", parse=str, metavar="FILE")
    no_keys: bool = option(False, "accept requests of other machines without keys", parse=switch)
    cors: tuple[str, ...] = option((), "web origins whose pages may call the service", parse=several, metavar="ORIGIN")
    proxy: tuple[str, ...] = option(
        (),
        "addresses of reverse proxies whose X-Forwarded-For and -Proto are trusted",
        parse=several,
        metavar="ADDRESS",
    )
    allowed_host: tuple[str, ...] = option(
        (),
        "further names in the header Host that are accepted; a service for this machine alone accepts localhost, "
        "127.0.0.1 and [::1]",
        parse=several,
        metavar="HOST",
    )
    root_path: str = option("", "prefix of all paths behind a reverse proxy, like /mien", parse=str, metavar="PATH")
    max_body: int = option(20_000_000, "most bytes of a request with pictures", parse=number_of_bytes, metavar="BYTES")
    max_pixels: int = option(
        40_000_000, "most pixels of a picture or of a video's frame", parse=number_of_bytes, metavar="PIXELS"
    )
    max_images: int = option(32, "most pictures of a request", parse=int, metavar="N")
    max_memory: int = option(
        100_000_000,
        "most bytes of all bodies that are in memory at the same time",
        parse=number_of_bytes,
        metavar="BYTES",
    )
    body_seconds: float = option(
        30.0, "most seconds that a body with pictures may take to arrive", parse=float, metavar="S"
    )
    head_seconds: float = option(
        10.0, "most seconds that a request's head may take to arrive", parse=float, metavar="S"
    )
    idle_seconds: float = option(
        15.0, "most seconds that a connection stays open after an answer", parse=float, metavar="S"
    )
    rate: int = option(6000, "most requests of one client in a minute; 0: any number", parse=int, metavar="N")
    queue: int = option(
        256, "most pictures that wait or are processed; beyond it the answer is 503", parse=int, metavar="N"
    )
    request_seconds: float = option(
        60.0, "most seconds that a request's pictures may wait and be processed", parse=float, metavar="S"
    )
    picture_processes: int = option(
        1, "number of processes for pictures of more than half a megapixel", parse=int, metavar="N"
    )
    picture_memory: int = option(
        900_000_000, "most bytes of memory of each of these", parse=number_of_bytes, metavar="BYTES"
    )
    batch: int = option(16, "most pictures of a batch of the network", parse=int, metavar="N")
    batch_wait: float = option(
        2.0, "most milliseconds that a picture waits for others of its batch", parse=float, metavar="MS"
    )
    max_streams: int = option(16, "most live streams at the same time", parse=int, metavar="N")
    max_frame: int = option(4_000_000, "most bytes of a live stream's frame", parse=number_of_bytes, metavar="BYTES")
    max_frame_pixels: int = option(
        9_000_000, "most pixels of a live stream's frame", parse=number_of_bytes, metavar="PIXELS"
    )
    stream_seconds: float = option(
        60.0, "seconds without a frame after which a live stream is closed", parse=float, metavar="S"
    )
    max_video: int = option(500_000_000, "most bytes of a video", parse=number_of_bytes, metavar="BYTES")
    max_video_seconds: float = option(1200.0, "most seconds that a video may last", parse=float, metavar="S")
    upload_seconds: float = option(600.0, "most seconds that a video may take to arrive", parse=float, metavar="S")
    analysis_seconds: float = option(
        3600.0, "most seconds that the analysis of a video may take", parse=float, metavar="S"
    )
    analysis_memory: int = option(
        800_000_000, "most bytes of memory of the process that analyzes a video", parse=number_of_bytes, metavar="BYTES"
    )
    max_jobs: int = option(8, "most videos that wait or are analyzed", parse=int, metavar="N")
    max_client_jobs: int = option(4, "most of these of one client", parse=int, metavar="N")
    kept_seconds: float = option(
        3600.0, "seconds after which the results of a video are removed", parse=float, metavar="S"
    )
    folder: str = option(
        "",
        "folder for uploaded videos and their results; empty: a temporary one",
        parse=str,
        metavar="DIR",
    )
    grace_seconds: float = option(
        30.0, "most seconds that open requests may take to finish at shutdown", parse=float, metavar="S"
    )

    def __post_init__(self) -> None:
        self._check_numbers()
        request_prior(self.prior)
        for key in self.keys:
            if not KEY_HASH.fullmatch(key):  # its text is not repeated: it may be a key
                raise InputError("keys: expected hashes like sha256:..., got something else. Make one with --new-key")
        for origin in self.cors:
            if not re.fullmatch(r"https?://[^/\s*?#@]+", origin):
                raise InputError(f"cors: expected an origin like https://example.com, got {origin}")
        if self.root_path and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", self.root_path):
            raise InputError(f"root_path: expected a path like /mien, got {self.root_path}")
        if self.key_file and not Path(self.key_file).is_file():
            raise InputError(f"key_file: expected a file with a hash in each line, got none at {self.key_file}")
        if not self.is_local and not self.keys and not self.key_file and not self.no_keys:
            raise InputError(
                f"host {self.host} can be reached from other machines: expected API keys, got none. Make one with "
                "`mien serve --new-key`, or use --no-keys if a proxy or platform authenticates the callers"
            )

    def _check_numbers(self) -> None:
        zero_is_fine = {"port", "min_face", "min_confidence", "threads", "rate", "batch_wait"}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            least = 0 if each.name in zero_is_fine else 1 if isinstance(value, int) else 1e-3
            if not least <= value < float("inf"):
                raise InputError(f"{each.name}: expected a number from {least:g}, got {value}")
        if self.port > 65535:
            raise InputError(f"port: expected a number up to 65535, got {self.port}")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], where: str = "settings") -> ServiceSettings:
        """Make the settings of texts.

        Args:
            texts: the texts of some fields, by the field's name; the others have their defaults.
            where: the origin of the texts, for messages.

        Raises:
            InputError: a name is unknown or a value is wrong.
        """
        known = {each.name: each for each in fields(cls)}
        values = {}
        for name, text in texts.items():
            if name not in known:
                raise InputError(f"{where}: no option {name}; {suggest(name, known)}")
            values[name] = parsed(known[name], text)
        return cls(**values)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ServiceSettings:
        """Make the settings of variables like MIEN_SERVE_PORT=9000; the other fields have their defaults.

        Raises:
            InputError: a name is unknown or a value is wrong.
        """
        return cls.from_texts(texts_of(environment), "environment")

    def to_environment(self) -> dict[str, str]:
        """Return the variables from which `from_environment` makes the same settings."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) is not None}
        texts = {name: ",".join(value) if isinstance(value, tuple) else str(value) for name, value in values.items()}
        return {PREFIX + name.upper(): text for name, text in texts.items()}


def texts_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of fields in an environment, by the field's name."""
    return {name.removeprefix(PREFIX).lower(): text for name, text in environment.items() if name.startswith(PREFIX)}


def parsed(each: Field[Any], text: str) -> Any:
    """Convert the text of a field to its value; raise InputError if it is wrong."""
    try:
        return each.metadata["parse"](text)
    except ValueError as error:
        kind = {int: "a whole number", float: "a number"}.get(each.metadata["parse"])
        reason = f"expected {kind}, got {text}" if kind else str(error)
        raise InputError(f"{each.name}: {reason}") from error
