"""`mien train`, `mien evaluate` and `mien robustness`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from mien.commands.words import OK, add_data, add_provider, minutes, positive, progress, read_data


def add(commands: Any) -> None:
    _add_train(commands)
    _add_evaluate(commands)
    _add_robustness(commands)


def _add_train(commands: Any) -> None:
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
        "--weights", nargs="+", type=float, metavar="W", help="how much the faces of each --data count (default: 1)"
    )
    parser.add_argument("--leave-out", type=Path, metavar="FILE", help="a list that `mien data clean` wrote")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in --out after its last finished epoch"
    )
    parser.add_argument("--seed", type=int)
    parser.add_argument("--epochs", type=positive)
    parser.add_argument("--batch-size", type=positive)
    parser.add_argument("--precision", choices=["auto", "32-true", "bf16-mixed", "16-mixed"])
    parser.add_argument(
        "--max-time",
        type=minutes,
        metavar="TIME",
        help="train for so long at most, 90m or 1h30m; the schedule ends inside it",
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
    parser.set_defaults(run=_train)


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser("evaluate", help="judge a bundle on labelled faces", description=_evaluate.__doc__)
    parser.add_argument("bundle", metavar="RUN_OR_BUNDLE", help="a run's folder, a bundle's file or a released name")
    add_data(parser)
    parser.add_argument("--split", help="default: PublicTest, or else Test, Validation or Training")
    parser.add_argument("--flip", action="store_true", help="average each face with its mirror image")
    parser.add_argument(
        "--near-copies", action="store_true", help="also without the faces that have a near copy in Training"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write everything as JSON")
    add_provider(parser)
    parser.set_defaults(run=_evaluate)


def _add_robustness(commands: Any) -> None:
    parser = commands.add_parser("robustness", help="judge models on spoilt faces", description=_robustness.__doc__)
    parser.add_argument("models", nargs="+", metavar="RUN_OR_BUNDLE", help="runs' folders, bundles' files or names")
    add_data(parser)
    parser.add_argument("--split", help="default: PublicTest, or else Test, Validation or Training")
    parser.add_argument(
        "--seed", type=int, default=0, help="of noise, and of the sides that faces turn to (default: 0)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write NAME.json of each model, and pictures (extra: report)"
    )
    add_provider(parser)
    parser.set_defaults(run=_robustness)


def _train(options: argparse.Namespace) -> int:
    """Trains a recipe; then calibrates the model, exports it, compares the file with the network, and evaluates it."""
    # Threads that spin while they wait halve the speed of everything, training too, on a machine with other work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from mien.datasets import load_data, with_validation
    from mien.machine import first_process
    from mien.runs import Run
    from mien.training.recipe import load_recipe

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


def _evaluate(options: argparse.Namespace) -> int:
    """Accuracy, calibration and confusion of a bundle, with 95 % bootstrap intervals, with and without the faces that
    have an exact copy in Training; with --votes also on the usual FER+ test sets."""
    from mien.datasets import default_split
    from mien.evaluate import evaluate_bundle
    from mien.runs import open_subject

    bundle = open_subject(options.bundle, providers=options.provider).bundle
    dataset = read_data(options, bundle.heads, set_aside=False)
    split = options.split or default_split(dataset)
    with progress("reading the faces") as bar:
        evaluation = evaluate_bundle(bundle, dataset, split, flip=options.flip, progress=bar, near=options.near_copies)
    print(evaluation.table())
    if options.out:
        evaluation.to_json(options.out)
    return OK


def _robustness(options: argparse.Namespace) -> int:
    """Accuracy under ten corruptions in five strengths each: blur, noise, JPEG, low light, contrast, hidden eyes and
    mouths, rotation, scale and resolution."""
    if options.out:
        from mien.report.robustness import check_models, draw_robustness  # before the work: the extra may be missing

        check_models(options.models)
    from mien.datasets import default_split
    from mien.robustness import measure_robustness
    from mien.runs import open_subject

    subjects = [open_subject(model, providers=options.provider) for model in options.models]
    dataset = read_data(options, subjects[0].bundle.heads, set_aside=False)
    split = options.split or default_split(dataset)
    measured = {}
    for subject in subjects:
        name = subject.name if subject.name not in measured else str(subject.path)
        with progress(f"{name} on spoilt faces") as bar:
            measured[name] = measure_robustness(subject.bundle, dataset, split, bar, options.seed)
        print(f"{name}, {measured[name].n:,} faces of {split}\n\n{measured[name].table()}\n")
    if options.out:
        for path in draw_robustness(measured, dataset.split(split).faces[0], options.out):
            print(f"wrote {path}")
        names: list[str] = []
        for name, robustness in measured.items():
            stem = Path(name).name
            names.append(stem if stem not in names else f"{stem}-{len(names) + 1}")
            print(f"wrote {robustness.to_json(options.out / f'{names[-1]}.json')}")
    return OK
