"""The recipe of a face finder: everything that decides a run but the data, as a validated TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from mien.errors import RecipeError
from mien.training.recipe_sections import RecipeSection

SHIPPED = Path(__file__).with_name("mien-face.toml")
KIND = "face-finder"


class FinderNetworkRecipe(RecipeSection):
    """Channels and layers, from the finest map to the coarsest."""

    stem: tuple[int, int] = Field((8, 32), description="channels of the layers at strides 2 and 4")
    stem_separable: int = Field(0, ge=0, description="separable layers at stride 4, with shortcuts")
    stages: tuple[int, int, int] = Field((48, 64, 48), description="channels at strides 8, 16 and 32")
    plain: tuple[int, int, int] = Field(
        (2, 0, 0), description="layers of each stage with full 3x3 kernels, after the one that halves the map"
    )
    separable: tuple[int, int, int] = Field(
        (0, 2, 2), description="layers of each stage with one 3x3 kernel per channel, after those"
    )
    neck: int = Field(48, ge=1, description="channels of the maps that the heads read")


class FinderAugmentRecipe(RecipeSection):
    """How training crops are made; chances are per crop, or per face where it says so."""

    size: int = Field(256, ge=64, multiple_of=64, description="side of a crop in pixels")
    smallest: float = Field(7.0, gt=0, description="side of the smallest face that counts, in pixels of the crop")
    mosaic: float = Field(0.25, ge=0, le=1, description="chance of four pictures in one crop")
    closeup: float = Field(0.14, ge=0, le=1, description="chance that a picture is a close face, where there are any")
    background: float = Field(0.2, ge=0, le=1, description="chance that a picture is a scene at a random place")
    mistaken: float = Field(
        0.18, ge=0, le=1, description="chance that a picture is a place that an earlier network took for a face"
    )
    enlarged: float = Field(3.0, gt=0, description="how far a scene is enlarged at most")
    turned: float = Field(0.15, ge=0, le=1, description="chance of a turn of up to 45 degrees; the others: up to 12")
    stretched: float = Field(
        0.2, ge=0, le=1, description="chance that a picture is made wider or higher, by up to 1.57"
    )
    pasted: float = Field(0.12, ge=0, le=1, description="chance that small close faces are pasted into the crop")
    gray: float = Field(0.12, ge=0, le=1, description="chance of a picture without colour")
    dark: float = Field(0.06, ge=0, le=1, description="chance of little light, with noise")
    blurred: float = Field(0.1, ge=0, le=1, description="chance of blur")
    compressed: float = Field(0.06, ge=0, le=1, description="chance of strong JPEG compression")
    noisy: float = Field(0.06, ge=0, le=1, description="chance of noise")
    covered: float = Field(0.06, ge=0, le=1, description="chance, per face, of a mask, glasses or something in front")


class FinderDistillRecipe(RecipeSection):
    """How a teacher's answers for every cell count, where there is a teacher."""

    trust: float = Field(
        0.65, ge=0, le=1, description="share of the labels in a cell's score; the rest is the teacher's"
    )
    score: float = Field(1.0, ge=0, description="weight of the cross-entropy of the scores")
    box: float = Field(2.0, ge=0, description="weight of the EIoU loss of the boxes")
    landmarks: float = Field(4.0, ge=0, description="weight of the smooth L1 loss of the landmarks, by the face's size")
    hint: float = Field(1.0, ge=0, description="weight of the distance from the features of the teacher's neck")


class FinderLossRecipe(RecipeSection):
    """How much each loss counts."""

    score: float = Field(1.0, ge=0, description="of the quality focal loss of the scores")
    box: float = Field(2.0, ge=0, description="of the EIoU loss of the boxes")
    landmarks: float = Field(4.0, ge=0, description="of the smooth L1 loss of the landmarks, by the face's size")


class FinderRecipe(RecipeSection):
    """A whole run."""

    kind: Literal["face-finder"] = Field("face-finder", description="tells such recipes from those of emotions")
    name: str = Field("mien-face", description="name of the bundle")
    seed: int = Field(0, ge=0, description="of weights and crops")
    batch_size: int = Field(24, ge=1, description="crops a step")
    steps: int = Field(400_000, ge=1, description="steps of the whole run, unless its time is over before")
    learning_rate: float = Field(2.5e-3, gt=0, description="the highest, after the warm-up")
    final_rate: float = Field(0.02, gt=0, le=1, description="the last learning rate as a share of the highest")
    warm_up: float = Field(0.02, ge=0, lt=1, description="share of the run in which the learning rate rises")
    weight_decay: float = Field(0.01, ge=0, description="of kernels only")
    gradient_clip: float = Field(10.0, gt=0, description="largest norm of all gradients")
    ema: float = Field(0.998, gt=0, lt=1, description="share that the averaged weights keep at each step")
    network: FinderNetworkRecipe = FinderNetworkRecipe()
    augment: FinderAugmentRecipe = FinderAugmentRecipe()
    loss: FinderLossRecipe = FinderLossRecipe()
    distill: FinderDistillRecipe = FinderDistillRecipe()


def is_finder_recipe(source: str | Path) -> bool:
    """Tell whether a recipe's name or file is a face detector's; a file that cannot be read is not."""
    if str(source) == SHIPPED.stem:
        return True
    try:
        return tomllib.loads(Path(source).read_text(encoding="utf-8")).get("kind") == KIND
    except (OSError, ValueError):
        return False


def load_finder_recipe(source: str | Path = SHIPPED, overrides: Sequence[str] = ()) -> FinderRecipe:
    """Read a recipe by its shipped name or from a TOML file, and change some of its keys.

    Args:
        source: "mien-face", or the path of a file.
        overrides: changes as text with dotted keys, "augment.mosaic=0.2".

    Raises:
        RecipeError: there is no such file, or something in it is unknown or out of range.
    """
    path = SHIPPED if str(source) == SHIPPED.stem else Path(source)
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        for override in overrides:
            _change(values, override)
        return FinderRecipe(**values)
    except OSError as error:
        raise RecipeError(f"{path}: expected a recipe's TOML file, got no readable file ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: expected TOML, got {error}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise RecipeError(f"{path}: {problems}. See the descriptions in mien.training.detector.recipe") from error


def _change(values: dict[str, Any], override: str) -> None:
    """Set one key of nested values."""
    key, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set {override!r}: expected key=value, for example --set augment.mosaic=0.2")
    *sections, last = key.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {})
    values[last] = tomllib.loads(f"value = {text}")["value"]
