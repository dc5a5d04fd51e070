"""Run server and clients as separate processes, over gRPC; without certificates only on this machine."""

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
from mien.training.validation import split_for_training

WAIT = 3600
"""Seconds that a server waits for all its clients, and a client for its server."""


def run_server(
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
    on_round: RoundResult = lambda row: None,
) -> Path:
    """Wait for the plan's clients, train with them, and return the bundle's path.

    Args:
        recipe: the recipe.
        dataset: the data, of which only the validation faces are used.
        out: the run's folder.
        plan: the plan.
        address: HOST:PORT to listen at.
        certificates: the files of the authority's certificate, the server's certificate and its key.
        resume: continue an existing run.
        device: "auto", "cpu" or "cuda".
        wait: seconds to wait for all clients.
        round_timeout: seconds after which a client without an answer has failed in a round. None: no limit.
        on_round: called with the metrics of each round.

    Raises:
        InputError: other machines can reach the address, and there are no certificates.
        RecipeError: another run is in `out`, or the recipe cannot be trained by clients.
        TrainingError: not enough clients connect, or no client answers in a round.
    """
    _check_address(address, certificates is not None, "--tls CA CERTIFICATE KEY")
    logging.getLogger("flwr").setLevel(logging.ERROR)
    dataset, split = split_for_training(dataset, recipe)
    federation = Federation(recipe, plan, dataset.split(split), out, resume=resume, device=device, on_round=on_round)
    if federation.rounds_left > 0:
        files = None if certificates is None else tuple(_content(path) for path in certificates)
        start_server(
            server_address=address,
            server=federation.server(SimpleClientManager(), wait),
            config=ServerConfig(federation.rounds_left, round_timeout),
            certificates=files,  # type: ignore[arg-type]
        )
    bundle = federation.finish()
    write_report(Path(out), plan, None, dataset.label_set)
    return bundle


def run_client(
    faces: FaceDataset,
    address: str,
    *,
    authority: Path | None = None,
    device: str = "auto",
    wait: float = WAIT,
    on_progress: Callable[[str, float], None] = lambda stage, share: None,
) -> None:
    """Train for the server at an address until it ends the training.

    Args:
        faces: this client's Training faces.
        address: HOST:PORT of the server.
        authority: certificate of the authority that signed the server's.
        device: "auto", "cpu" or "cuda".
        wait: seconds to wait for the server.
        on_progress: called after each of this client's rounds with a line of text and the share of rounds done, 0 to 1.

    Raises:
        InputError: there are too few faces, or the address is on another machine and there is no certificate.
        TrainingError: no server answers in time, or it disconnects before the end.
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
            client=Client(faces, device, on_progress).to_client(),
            root_certificates=certificate,
            insecure=authority is None,
        )
    except grpc.RpcError as error:
        why = error.details() if isinstance(error, grpc.Call) else error
        raise TrainingError(f"{address}: the server disconnected before the end of the training ({why})") from error


def _await_server(address: str, wait: float) -> None:
    """Return when a server listens; Flower's clients do not wait, and can be started first."""
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
            f"address: {host} is not this machine alone, and weights would travel in the clear, where others can "
            f"read and change them. Add {words}, or use 127.0.0.1"
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
