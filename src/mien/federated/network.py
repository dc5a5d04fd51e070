"""Server and clients as processes of their own, over gRPC. Without certificates only on this machine."""

from __future__ import annotations

import ipaddress
import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path

import grpc
from flwr.client import start_client
from flwr.server import ServerConfig, SimpleClientManager, start_server

from mien.datasets import FaceDataset
from mien.errors import InputError, TrainingError
from mien.federated.client import Client
from mien.federated.federation import Federation
from mien.federated.history import RoundResult
from mien.federated.plan import Plan
from mien.federated.report import write_report
from mien.federated.splits import FEWEST
from mien.training.recipe import Recipe
from mien.training.validation import arrange

WAIT = 3600
"""Seconds that a server waits for all its clients, and a client for its server."""


def serve(
    recipe: Recipe,
    dataset: FaceDataset,
    out: str | Path,
    plan: Plan,
    address: str,
    *,
    certificates: tuple[Path, Path, Path] | None = None,
    resume: bool = False,
    device: str = "auto",
    wait: int = WAIT,
    round_timeout: float | None = None,
    told: RoundResult = lambda row: None,
) -> Path:
    """Waits for the plan's clients at `address`, trains with them, and returns the bundle's path.

    Of `dataset` only the validation faces are used. `certificates` are the files of the authority's certificate, the
    server's own and its key. A client that has not answered after `round_timeout` seconds has failed in that round.
    Raises InputError for an address that other machines reach, without certificates.
    """
    _check_address(address, certificates is not None, "--tls CA CERTIFICATE KEY")
    logging.getLogger("flwr").setLevel(logging.ERROR)
    dataset, split = arrange(dataset, recipe)
    federation = Federation(recipe, plan, dataset.split(split), out, resume=resume, device=device, told=told)
    if federation.left > 0:
        files = None if certificates is None else tuple(_content(path) for path in certificates)
        start_server(
            server_address=address,
            server=federation.server(SimpleClientManager(), wait),
            config=ServerConfig(federation.left, round_timeout),
            certificates=files,  # type: ignore[arg-type]
        )
    bundle = federation.finish()
    write_report(Path(out), plan, None, dataset.label_set)
    return bundle


def join(
    faces: FaceDataset,
    address: str,
    *,
    authority: Path | None = None,
    device: str = "auto",
    wait: float = WAIT,
    told: Callable[[str, float], None] = lambda stage, share: None,
) -> None:
    """Trains for the server at `address` whenever it asks, until it says that all is done.

    `faces` are this client's Training faces. `authority` is the certificate that the server's must be signed by.
    `told` is given a line, and the share of all rounds that is done, after each round of this client's.
    Raises InputError for too few faces, and for an address on another machine without a certificate; TrainingError
    where no server answers within `wait` seconds, and when it goes away.
    """
    _check_address(address, authority is not None, "--tls CA")
    if len(faces) < FEWEST:
        raise InputError(f"faces of a client: expected at least {FEWEST}, got {len(faces)}")
    logging.getLogger("flwr").setLevel(logging.ERROR)
    certificate = None if authority is None else _content(authority)
    _await_server(address, wait)
    try:
        start_client(
            server_address=address,
            client=Client(faces, device, told).to_client(),
            root_certificates=certificate,
            insecure=authority is None,
        )
    except grpc.RpcError as error:
        why = error.details() if isinstance(error, grpc.Call) else error
        raise TrainingError(f"{address}: the server went away before it said that all is done ({why})") from error


def _await_server(address: str, wait: float) -> None:
    """Returns when somebody listens; Flower's clients do not wait, and may be started first."""
    host, _, port = address.rpartition(":")
    end = time.monotonic() + wait
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise TrainingError(
                    f"{address}: no server within {wait:g} seconds ({error.strerror or error})"
                ) from error
            time.sleep(0.5)


def _check_address(address: str, secured: bool, words: str) -> None:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or not host:
        raise InputError(f"address: expected HOST:PORT, for example 127.0.0.1:9092, got {address!r}")
    if not secured and not _is_loopback(host.strip("[]")):
        raise InputError(
            f"address: {host} is not this machine alone, and weights would travel in the clear, for anybody to read "
            f"and change. Add {words}, or use 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected a PEM file, got {error.strerror or error}") from error
