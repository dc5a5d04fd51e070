"""`mien train`: train a network by a recipe on labelled faces."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from mien.cli.arguments import add_data, minutes, positive, read_data
from mien.cli.exit_codes import OK
from mien.cli.train_finder import add_finder, train_on_scenes


def add(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser("train", help="train a model (extra: train)", description=_train.__doc__)
    parser.add_argument("--recipe", default="mien", help="a shipped recipe's name or a .toml file (default: mien)")
    add_data(parser)
    parser.add_argument(
        "--validation",
        action="append",
        type=Path,
        metavar="PATH",
        help="choose the best epoch on these faces (default: the data's own validation split, or a tenth of Training)",
    )
    parser.add_argument(
        "--weights", nargs="+", type=float, metavar="W", help="weight of the faces of each --data (default: 1)"
    )
    parser.add_argument("--leave-out", type=Path, metavar="FILE", help="a list that `mien data clean` wrote")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out after its last finished epoch")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--epochs", type=positive)
    parser.add_argument("--batch-size", type=positive)
    parser.add_argument("--precision", choices=["auto", "32-true", "bf16-mixed", "16-mixed"])
    parser.add_argument(
        "--max-time",
        type=minutes,
        metavar="TIME",
        help="train for at most this time, 90m or 1h30m; the schedule is fitted to it",
    )
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--devices", type=positive, default=1, help="processes on each node (default: 1)")
    parser.add_argument("--nodes", type=positive, default=1, help="machines, each started with torchrun (default: 1)")
    parser.add_argument("--strategy", default="auto", help="Lightning's: auto (default), ddp, ddp_spawn, fsdp, ...")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any key of the recipe, for example augment.mixup=0.2 or, for short, mixup=0.2",
    )
    add_finder(parser)
    parser.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> int:
    """Train a network by a recipe, then calibrate it, export it, compare the file with the network, and evaluate it."""
    # Idle threads that spin halve the speed of training on a machine with other work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from mien.training.detector.recipe import is_finder_recipe

    if is_finder_recipe(options.recipe):
        return train_on_scenes(options)
    from mien.datasets import load_data, with_validation
    from mien.runs import Run, first_process
    from mien.training.recipe import load_recipe
    from mien.training.voice.recipe import is_voice_recipe

    if is_voice_recipe(options.recipe):
        return _train_voice(options)
    direct = {
        "seed": options.seed,
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "max_minutes": options.max_time,
    }
    overrides = [f"{key}={value}" for key, value in direct.items() if value is not None]
    if options.precision:
        overrides.append(f'precision="{options.precision}"')
    if options.validation:
        overrides += ["data.validation=own", "data.folds=0"]
    recipe = load_recipe(options.recipe, [*options.set, *overrides])
    Run(options.out).check_unused(options.resume)
    dataset = read_data(options, weights=options.weights, leave_out=options.leave_out, set_aside=False)
    if options.validation:
        chosen = load_data(options.validation, label_set=dataset.label_set, numbers=options.numbers, set_aside=False)
        dataset = with_validation(dataset, chosen)

    from mien.training.fit import Hardware, train

    hardware = Hardware(options.device, options.devices, options.nodes, options.strategy)
    bundle = train(recipe, dataset, options.out, resume=options.resume, hardware=hardware)
    if first_process():
        print(f"wrote {bundle}")
    return OK


def _train_voice(options: argparse.Namespace) -> int:
    """Train a voice network on folders of clips; options that are of faces only are refused."""
    from mien.errors import InputError
    from mien.training.voice.recipe import load_voice_recipe
    from mien.training.voice.run import train_voice

    of_faces = ("validation", "weights", "leave_out", "labels", "numbers", "max_time", "precision")
    given = [f"--{name.replace('_', '-')}" for name in of_faces if getattr(options, name) is not None]
    given += ["--devices"] if options.devices * options.nodes > 1 else []
    given += ["--device cuda"] if options.device == "cuda" else []
    if given:
        raise InputError(f"{', '.join(given)}: not for voices. Leave it out; --set changes the recipe")
    direct = {"seed": options.seed, "epochs": options.epochs, "batch_size": options.batch_size}
    changes = {name: value for name, value in direct.items() if value is not None}
    recipe = load_voice_recipe(options.recipe, options.set, changes)
    bundle = train_voice(options.data, options.out, recipe, votes=options.votes, resume=options.resume)
    print(f"wrote {bundle}")
    return OK
