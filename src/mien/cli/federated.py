"""`mien federated`: simulate, server and client."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from mien.cli.arguments import OK, add_data, positive, read_data
from mien.errors import InputError
from mien.progress import stage_bar


def add(commands: Any) -> None:
    parser = commands.add_parser("federated", help="train where the faces are, on Flower (extra: federated)")
    kinds = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_simulate(kinds)
    _add_server(kinds)
    _add_client(kinds)


def _add_simulate(kinds: Any) -> None:
    parser = kinds.add_parser("simulate", help="server and clients in one process", description=_simulate.__doc__)
    add_data(parser)
    _add_run(parser)
    _add_split(parser)
    parser.add_argument("--no-central", action="store_true", help="do not train on the pooled faces for comparison")
    parser.set_defaults(run=_simulate)


def _add_server(kinds: Any) -> None:
    parser = kinds.add_parser("server", help="averages what clients train", description=_server.__doc__)
    add_data(parser)
    _add_run(parser)
    _add_address(parser)
    parser.add_argument(
        "--tls", nargs=3, type=Path, metavar=("CA", "CERTIFICATE", "KEY"), help="PEM files; needed beyond this machine"
    )
    parser.add_argument(
        "--round-timeout",
        type=positive,
        metavar="SECONDS",
        help="who has not answered by then has failed (default: no)",
    )
    parser.set_defaults(run=_server)


def _add_client(kinds: Any) -> None:
    parser = kinds.add_parser("client", help="trains on its own faces for a server", description=_client.__doc__)
    add_data(parser)
    _add_address(parser)
    parser.add_argument("--tls", type=Path, metavar="CA", help="PEM file that the server's certificate is signed by")
    parser.add_argument("--part", metavar="K/N", help="only the K-th of N parts of Training, to try it out on one csv")
    _add_split(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the division (default: 0)")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.set_defaults(run=_client)


def _add_run(parser: Any) -> None:
    parser.add_argument("--clients", type=positive, default=10, help="default: 10")
    parser.add_argument("--rounds", type=positive, default=20, help="default: 20")
    parser.add_argument("--local-epochs", type=positive, default=1, help="of each client in a round (default: 1)")
    parser.add_argument("--strategy", default="fedavg", choices=["fedavg", "fedprox"])
    parser.add_argument("--mu", type=float, default=0.01, help="FedProx's pull to the common weights (default: 0.01)")
    parser.add_argument("--fraction", type=float, default=1.0, help="share of the clients in a round (default: 1)")
    parser.add_argument(
        "--dp-noise", type=float, metavar="X", help="noise multiplier of differential privacy (default: none)"
    )
    parser.add_argument(
        "--dp-clip", type=float, default=1.0, metavar="NORM", help="largest norm of a client's update (default: 1)"
    )
    parser.add_argument("--recipe", default="mien", help="a shipped recipe's name or a .toml file (default: mien)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any key of the recipe")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out after its last round")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])


def _add_split(parser: Any) -> None:
    parser.add_argument("--split", default="iid", choices=["iid", "dirichlet"], help="default: iid")
    parser.add_argument(
        "--alpha",
        type=float,
        default=0.5,
        help="dirichlet: small for clients that differ, large for alike (default: .5)",
    )


def _add_address(parser: Any) -> None:
    parser.add_argument("--address", default="127.0.0.1:9092", metavar="HOST:PORT", help="default: 127.0.0.1:9092")


def _simulate(options: argparse.Namespace) -> int:
    """Divides the Training faces among clients and trains them round by round; then exports the best round as a bundle,
    trains the same recipe on all faces in one place for as many passes, and writes report/federated.html."""
    plan, recipe = _planned(options, split=options.split, alpha=options.alpha)
    from mien.federated.simulate import simulate

    dataset = read_data(options, set_aside=False)
    with stage_bar() as bar:
        bundle = simulate(
            recipe,
            dataset,
            options.out,
            plan,
            central=not options.no_central,
            resume=options.resume,
            device=options.device,
            progress=bar,
        )
    return _wrote(bundle, options.out)


def _server(options: argparse.Namespace) -> int:
    """Waits for all clients, then sends them the weights, averages what they return, and judges every round on the
    validation faces of --data, which are all that it needs; at the end exports the best round as a bundle."""
    plan, recipe = _planned(options, split=None)
    from mien.federated.history import describe_round
    from mien.federated.network import run_server

    dataset = read_data(options, set_aside=False)
    with stage_bar() as bar:
        bar(f"waiting for {plan.clients} clients at {options.address}", 0.0)
        bundle = run_server(
            recipe,
            dataset,
            options.out,
            plan,
            options.address,
            certificates=tuple(options.tls) if options.tls else None,
            resume=options.resume,
            device=options.device,
            round_timeout=options.round_timeout,
            told=lambda row: bar(describe_round(row, plan.rounds), row["epoch"] / plan.rounds),
        )
    return _wrote(bundle, options.out)


def _client(options: argparse.Namespace) -> int:
    """Trains on the Training faces of --data whenever the server asks, and ends when the server does. The recipe comes
    from the server; the faces stay here."""
    _do_not_spin()
    from mien.datasets import TRAINING
    from mien.federated.network import run_client
    from mien.federated.splits import divide

    faces = read_data(options, set_aside=False).split(TRAINING)
    if options.part:
        part, parts = _part(options.part)
        faces = faces.take(divide(faces.labels, parts, options.split, options.alpha, options.seed)[part - 1])
    with stage_bar() as bar:
        bar(f"{len(faces):,} faces for the server at {options.address}", 0.0)
        run_client(faces, options.address, authority=options.tls, device=options.device, told=bar)
    return OK


def _planned(options: argparse.Namespace, **split: Any) -> tuple[Any, Any]:
    """Plan and recipe, checked before any data are read."""
    _do_not_spin()
    from mien.federated.plan import Plan
    from mien.runs import Run
    from mien.training.recipe import load_recipe

    seed = [] if options.seed is None else [f"seed={options.seed}"]
    names = ("clients", "rounds", "local_epochs", "strategy", "mu", "fraction", "dp_noise", "dp_clip")
    plan = Plan(**{name: getattr(options, name) for name in names}, **split)
    Run(options.out).check_unused(options.resume)
    return plan, load_recipe(options.recipe, [*options.set, *seed])


def _part(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise InputError(f"--part: expected K/N with K from 1 to N, for example 3/10, got {text!r}")
    return int(part), int(parts)


def _do_not_spin() -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in `mien train`


def _wrote(bundle: Path, out: Path) -> int:
    print(f"wrote {bundle} and {out / 'report' / 'federated.html'}")
    return OK
