"""Continue the training of the face finder from the committed weights and labels, and export the calibrated result.

`python -m benchmarks finder_training --scenes scenes.tar --closeups wild.tar --out DIR --minutes 150`. The same command
continues a stopped run; a new DIR starts a new cosine from the weights. DIR/run/weights.pt is what to keep.
"""

from __future__ import annotations

import argparse
import gzip
import logging
import tarfile
from pathlib import Path

from mien.logs import StandardErrorHandler
from mien.training.detector.augment import Pictures
from mien.training.detector.data import FaceScenes, load_scenes
from mien.training.detector.export import export_calibrated
from mien.training.detector.network import FaceNetwork
from mien.training.detector.recipe import load_finder_recipe
from mien.training.detector.train import load_weights, train

KEPT = Path(__file__).parent / "data" / "finder"
UNENDING = 10**6
"""Steps: the minutes end the run, not these."""


def main() -> None:
    """Train for the given minutes and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=Path, required=True, metavar="TAR", help="the scenes")
    parser.add_argument("--closeups", type=Path, required=True, metavar="TAR", help="the close faces")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="pictures, labels and the run")
    parser.add_argument("--minutes", type=float, required=True, metavar="N", help="the schedule ends after them")
    options = parser.parse_args()
    logger = logging.getLogger("mien")
    logger.addHandler(StandardErrorHandler())
    logger.setLevel(logging.INFO)
    scenes, closeups = (unpacked(tar, options.out / tar.stem) for tar in (options.scenes, options.closeups))
    recipe = load_finder_recipe().model_copy(update={"steps": UNENDING, "warm_up": 0.004})
    weights = train(
        Pictures.load(labelled("scenes-train", options.out, scenes)),
        Pictures.load(labelled("closeups-train", options.out, closeups)),
        options.out / "run",
        recipe,
        seconds=60 * options.minutes,
        initial=KEPT / "weights.pt",
        resume=True,
    )
    network = FaceNetwork(recipe.network)
    load_weights(network, weights)
    held = labelled("scenes-validation", options.out, scenes)
    plain = held.select([row for row, file in enumerate(held.files) if not file.name.startswith("crowd")])
    card = {"minutes": options.minutes, "initial": "benchmarks/data/finder/weights.pt"}
    print(f"wrote {export_calibrated(network, options.out / 'mien-face.onnx', plain, card)}")


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
