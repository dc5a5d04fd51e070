"""`mien federated`: simulate federated training, or run its server or a client."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from mien.cli.arguments import add_data, positive, read_data
from mien.cli.exit_codes import OK
from mien.errors import InputError
from mien.progress import stage_bar


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser("federated", help="federated training with Flower (extra: federated)")
    kinds = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_simulate(kinds)
    _add_server(kinds)
    _add_client(kinds)


def _add_simulate(kinds: Any) -> None:
    parser = kinds.add_parser("simulate", help="run server and clients in one process", description=_simulate.__doc__)
    add_data(parser)
    _add_run(parser)
    _add_split(parser)
    parser.add_argument("--no-central", action="store_true", help="do not train on the pooled faces for comparison")
    parser.set_defaults(run=_simulate)


def _add_server(kinds: Any) -> None:
    parser = kinds.add_parser("server", help="average what clients train", description=_server.__doc__)
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
        help="seconds after which a client that has not answered has failed (default: no limit)",
    )
    parser.set_defaults(run=_server)


def _add_client(kinds: Any) -> None:
    parser = kinds.add_parser("client", help="train on local faces for a server", description=_client.__doc__)
    add_data(parser)
    _add_address(parser)
    parser.add_argument("--tls", type=Path, metavar="CA", help="PEM file of the authority that signed the certificate")
    parser.add_argument("--part", metavar="K/N", help="use only the K-th of N parts of Training, to test with one csv")
    _add_split(parser)
    parser.add_argument("--seed", type=int, default=0, help="seed of the partition (default: 0)")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.set_defaults(run=_client)


def _add_run(parser: Any) -> None:
    parser.add_argument("--clients", type=positive, default=10, help="number of clients (default: 10)")
    parser.add_argument("--rounds", type=positive, default=20, help="number of rounds (default: 20)")
    parser.add_argument(
        "--local-epochs", type=positive, default=1, help="epochs of each client in a round (default: 1)"
    )
    parser.add_argument("--strategy", default="fedavg", choices=["fedavg", "fedprox"])
    parser.add_argument("--mu", type=float, default=0.01, help="weight of FedProx's proximal term (default: 0.01)")
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
    parser.add_argument("--resume", action="store_true", help="continue the run in --out after its last round")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])


def _add_split(parser: Any) -> None:
    parser.add_argument("--split", default="iid", choices=["iid", "dirichlet"], help="default: iid")
    parser.add_argument(
        "--alpha",
        type=float,
        default=0.5,
        help="dirichlet: small values make clients differ, large ones make them alike (default: .5)",
    )


def _add_address(parser: Any) -> None:
    parser.add_argument("--address", default="127.0.0.1:9092", metavar="HOST:PORT", help="default: 127.0.0.1:9092")


def _simulate(options: argparse.Namespace) -> int:
    """Simulate federated training: divide the Training faces among clients and train them round by round.

    The best round is exported as a bundle. Then the same recipe is trained on all faces together for as many passes,
    for comparison, and report/federated.html is written.
    """
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
    """Run the server: send the weights to all clients and average what they return, round by round.

    It waits for all clients first. Every round is evaluated on the validation faces of --data, the only faces that the
    server needs; at the end the best round is exported as a bundle.
    """
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
            on_round=lambda row: bar(describe_round(row, plan.rounds), row["epoch"] / plan.rounds),
        )
    return _wrote(bundle, options.out)


def _client(options: argparse.Namespace) -> int:
    """Run a client: train on the Training faces of --data in every round, until the server ends.

    The recipe comes from the server; the faces stay on this machine.
    """
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
        run_client(faces, options.address, authority=options.tls, device=options.device, on_progress=bar)
    return OK


def _planned(options: argparse.Namespace, **split: Any) -> tuple[Any, Any]:
    """Return the plan and the recipe, checked before any data are read."""
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
    """Make idle threads sleep instead of spin, as in `mien train`."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _wrote(bundle: Path, out: Path) -> int:
    print(f"wrote {bundle} and {out / 'report' / 'federated.html'}")
    return OK
