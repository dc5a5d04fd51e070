"""Define a recipe: everything that determines a training run except the data, as a validated TOML file.

Shipped recipes are in `src/mien/recipes`; `docs/training.md` lists every key, from the descriptions below.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mien.errors import RecipeError, suggest
from mien.preprocess import InputSpec
from mien.training.models import NETWORKS


class RecipeSection(BaseModel):
    """A section of a recipe: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NetworkRecipe(BaseModel):
    """Choose a network and its options; the options are checked against the network's `Options`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field("se-resnet", description="a key of `mien.training.models.NETWORKS`")

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in NETWORKS:
            raise ValueError(f"unknown network {name!r}; {suggest(name, NETWORKS)}")
        return name

    @model_validator(mode="after")
    def _known_options(self) -> NetworkRecipe:
        options = NETWORKS[self.name].Options(**self.options)
        if self.model_extra is not None:
            self.model_extra.update(options.model_dump(mode="json"))  # also those with default values
        return self

    @property
    def options(self) -> dict[str, Any]:
        """Return the options of the network, with their default values."""
        return dict(self.model_extra or {})


class DataRecipe(RecipeSection):
    """Define the section `data`: validation, folds and sampling."""

    validation: Literal["own", "held-out"] = Field(
        "own",
        description="own: the data's validation split (PublicTest), or a held-out share of Training if it has none; "
        "held-out: always a held-out share of Training",
    )
    held_out: float = Field(
        0.1, gt=0, lt=1, description="share of Training held out, stratified by label, exact copies kept together"
    )
    folds: int = Field(0, ge=0, description="number of cross-validation folds, copies kept together; 0: none")

    fold: int = Field(0, ge=0, description="index of the fold that is held out, from 0")
    sampling: Literal["natural", "balanced"] = Field(
        "natural", description="balanced: every class is drawn equally often, with repetition"
    )

    @model_validator(mode="after")
    def _fold_of_folds(self) -> DataRecipe:
        if self.folds == 1:
            raise ValueError("folds: expected 0 or at least 2, got 1")
        if self.fold and self.fold >= self.folds:
            raise ValueError(f"fold: expected 0 to {self.folds - 1}, got {self.fold}")
        return self


class InputRecipe(RecipeSection):
    """Define the section `input`: the network's input spec."""

    size: int = Field(44, description="side of the central window of the 48x48 crop that the network reads, in pixels")
    mean: float = Field(128.0, description="subtracted from every pixel (0 to 255)")
    std: float = Field(64.0, description="divides every pixel after the subtraction")

    @model_validator(mode="after")
    def _valid(self) -> InputRecipe:
        self.spec()
        return self

    def spec(self) -> InputSpec:
        """Return the input spec."""
        return InputSpec(size=self.size, mean=self.mean, std=self.std)


class AugmentRecipe(RecipeSection):
    """Define the section `augment`: the augmentation of the training faces."""

    flip: float = Field(0.5, ge=0, le=1, description="probability of a mirror image")
    rotation: float = Field(20.0, ge=0, le=180, description="angle in degrees, drawn from -x to x")
    shift: float = Field(0.08, ge=0, lt=1, description="share of the frame's side, drawn from -x to x on both axes")
    scale: float = Field(0.2, ge=0, lt=1, description="factor of the size, drawn from 1 - x to 1 + x")
    shear: float = Field(5.0, ge=0, lt=60, description="angle in degrees, drawn from -x to x on both axes")
    brightness: float = Field(
        0.2, ge=0, lt=1, description="share of the range from black to white that is added, drawn from -x to x"
    )
    contrast: float = Field(0.3, ge=0, lt=1, description="factor of the contrast, drawn from 1 - x to 1 + x")
    erasing: float = Field(0.25, ge=0, le=1, description="probability of a gray rectangle of 2 to 15 % of the frame")
    blur: float = Field(0.0, ge=0, le=1, description="probability of a Gaussian blur with a sigma of 0.3 to 2 pixels")
    noise: float = Field(0.0, ge=0, le=1, description="probability of Gaussian noise of up to 16 % of the range")
    coarse: float = Field(0.0, ge=0, le=1, description="probability that the resolution falls to 16 to 40 pixels")
    dark: float = Field(0.0, ge=0, le=1, description="probability that contrast or brightness falls to 8 to 60 %")
    mixup: float = Field(0.0, ge=0, description="alpha of the Beta distribution that mixes two faces; 0: no mixup")
    cutmix: float = Field(
        0.0, ge=0, description="alpha of the Beta distribution that pastes a rectangle of another face; 0: no cutmix"
    )


class LossRecipe(RecipeSection):
    """Define the section `loss`."""

    label_smoothing: float = Field(
        0.05, ge=0, lt=1, description="share of the label head's target that is spread over all classes"
    )
    votes_weight: float = Field(
        1.0, ge=0, description="weight of the vote head's cross-entropy; the label head's loss has the weight 1"
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="balanced: the label head's classes count as if each had the same number of faces"
    )
    focus: float = Field(0.0, ge=0, description="exponent of the focal loss on the label head; 0: plain cross-entropy")


class TeacherRecipe(RecipeSection):
    """Define the section `teacher`: the bundles for distillation."""

    bundles: tuple[str, ...] = Field(
        (),
        description="bundles, by file or released name, whose mean prediction for the same augmented face is learnt",
    )
    weight: float = Field(0.5, ge=0, le=1, description="share of each target that is the teachers' prediction")


class OptimizerRecipe(RecipeSection):
    """Define the section `optimizer`."""

    name: Literal["adamw", "adam", "sgd"] = Field("adamw", description="adamw, adam, or sgd with Nesterov momentum")
    learning_rate: float = Field(2e-3, gt=0, description="highest learning rate of the schedule")
    weight_decay: float = Field(0.05, ge=0, description="decay of the weights; biases and norms are not decayed")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of sgd")
    gradient_clip: float = Field(5.0, ge=0, description="largest norm of the whole gradient; 0: no clipping")
    layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="factor between the learning rates of a layer and the next one; the heads have the full rate",
    )
    sam: float = Field(0.0, ge=0, description="radius of sharpness-aware minimisation, which doubles the time; 0: none")


class ScheduleRecipe(RecipeSection):
    """Define the section `schedule`: the learning rate, frozen layers and progressive resizing."""

    name: Literal["cosine", "one-cycle", "plateau", "constant"] = Field(
        "cosine",
        description="cosine: after a linear warm-up; one-cycle: starts at 1/25; plateau: lowered when "
        "`stopping.monitor` does not improve; constant",
    )
    warmup: float = Field(0.08, ge=0, lt=1, description="share of the steps in which the learning rate rises")
    final: float = Field(1e-3, ge=0, le=1, description="share of the learning rate at the end of cosine and one-cycle")
    plateau_factor: float = Field(0.5, gt=0, lt=1, description="factor by which plateau lowers the learning rate")
    plateau_patience: int = Field(3, ge=1, description="epochs without a better value before plateau lowers it")
    frozen: float = Field(
        0.0, ge=0, lt=1, description="share of the run, at its start, in which only the heads are trained"
    )
    small_size: int = Field(
        0,
        ge=0,
        description="side of the input in the first epochs, in pixels (progressive resizing), for networks that accept "
        "any size; 0: full size throughout",
    )
    small_until: float = Field(0.5, ge=0, le=1, description="share of the run, at its start, with `small_size`")


class StoppingRecipe(RecipeSection):
    """Define the section `stopping`: early stopping, and the choice of the best checkpoint."""

    monitor: str = Field(
        "val_accuracy",
        description="logged metric (see history.csv) that decides early stopping and the best checkpoint",
    )
    mode: Literal["max", "min"] = Field("max", description="max: higher is better; min: lower is better")
    patience: int = Field(20, ge=1, description="epochs without a better value before training stops")

    @model_validator(mode="after")
    def _better_is_better(self) -> StoppingRecipe:
        wanted = "min" if self.monitor.endswith(("_loss", "_nll")) else "max"
        if self.mode != wanted:
            raise ValueError(f"{self.monitor} is better when it is {wanted}imal: expected mode {wanted!r}")
        return self


class Recipe(RecipeSection):
    """Define all settings of a training run, except the data.

    Raises:
        ValidationError: a key is unknown or a value is wrong (`make_recipe` raises a RecipeError instead).
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="name of the bundle")
    description: str = Field("", description="one line on what it is for")
    seed: int = Field(0, ge=0, description="seed of the weights, the order of the faces and the augmentation")
    initial: str = Field(
        "",
        description="folder of a run of the same network, whose best weights are the initial ones; empty: random",
    )
    epochs: int = Field(60, ge=1, description="passes over the training split")
    batch_size: int = Field(128, ge=2, description="faces per step")
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = Field(
        "auto", description="auto: bf16-mixed if the hardware multiplies bfloat16 natively, else 32-true"
    )
    compile: bool | Literal["auto"] = Field(
        "auto", description="torch.compile the network, which takes a minute at the start; auto: on a GPU only"
    )
    max_minutes: float = Field(
        0.0,
        ge=0,
        description="training time in minutes; the schedule ends within it, after fewer epochs if necessary; 0: no "
        "limit",
    )
    ema: float = Field(
        0.998, ge=0, lt=1, description="decay of the exponential moving average of the weights; 0: no average"
    )
    swa: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the run, at its end, whose epochs' weights are averaged equally while the learning rate "
        "is constant (stochastic weight averaging, batch norms measured again); 0: none",
    )
    data: DataRecipe = DataRecipe()
    network: NetworkRecipe = NetworkRecipe()
    input: InputRecipe = InputRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    loss: LossRecipe = LossRecipe()
    teacher: TeacherRecipe = TeacherRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    schedule: ScheduleRecipe = ScheduleRecipe()
    stopping: StoppingRecipe = StoppingRecipe()

    @model_validator(mode="after")
    def _parts_fit(self) -> Recipe:
        small = self.schedule.small_size
        if small and not 16 <= small <= self.input.size:
            raise ValueError(f"schedule.small_size: expected 0, or 16 to input.size ({self.input.size})")
        if small and not NETWORKS[self.network.name].any_size:
            raise ValueError(
                f"schedule.small_size: expected 0, since {self.network.name} accepts one size only, got {small}"
            )
        spec, required = self.input.spec(), NETWORKS[self.network.name].required_input
        if required and spec != required:
            raise ValueError(f"input: {self.network.name} needs {required.to_dict()}, got {spec.to_dict()}")
        if self.swa and self.ema:
            raise ValueError("expected ema or swa, got both: set one of them to 0")
        if self.optimizer.sam and self.precision == "16-mixed":
            raise ValueError("optimizer.sam: expected precision 32-true or bf16-mixed, got 16-mixed")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return every value, also the default ones, for JSON and TOML."""
        return self.model_dump(mode="json")


def load_recipe(source: str | Path, overrides: Sequence[str] = (), settings: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe by a shipped name ("mien") or the path of a `.toml` file, and change some of its keys.

    Keys are dotted ("augment.mixup"); the last word is enough if only one section has it.

    Args:
        source: the name or the path.
        overrides: changes as text, "augment.mixup=0.2", applied in order. Values are TOML; any other text is a string.
        settings: changes as values, {"augment.mixup": 0.2}, applied after the overrides.

    Raises:
        RecipeError: the recipe does not exist, a key is unknown or a value is wrong; the message names it.
    """
    path, shipped, called = Path(source), shipped_recipes(), str(source)
    if called in shipped:
        path, called = shipped[called], f"recipe {called!r}"
    if not path.is_file():
        raise RecipeError(f"no recipe {str(source)!r}: neither a .toml file nor one of {', '.join(shipped)}")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: expected TOML, got {error}") from error
    values.setdefault("name", path.stem)
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise RecipeError(f"--set {override!r}: expected key=value, for example --set augment.mixup=0.2")
        _put(values, _full(key.strip(), values).split("."), _toml_value(value.strip()), f"--set {override!r}")
    changes = dict(settings or {})
    for key, value in changes.items():
        _put(values, _full(key, values).split("."), value, f"settings[{key!r}]")
    return make_recipe(values, ", ".join([called, *overrides, *(f"{key}={value!r}" for key, value in changes.items())]))


def make_recipe(values: dict[str, Any], source: str = "recipe") -> Recipe:
    """Build a recipe from nested values.

    Args:
        values: the values by section and key.
        source: where they come from, for error messages.

    Raises:
        RecipeError: a key is unknown (the message names the nearest known key) or a value is wrong.
    """
    try:
        return Recipe(**values)
    except ValidationError as error:
        network = _network_of(values)
        lines = [_complaint(problem, network) for problem in error.errors()]
        if any(line.startswith("unknown key") and "did you mean" not in line for line in lines):
            lines.append(f"known keys: {', '.join(keys(network))}")
        raise RecipeError(f"{source}: " + "; ".join(lines)) from error


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes in the package: name -> path."""
    folder = Path(str(resources.files("mien"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def keys(network: str = "", model: type[BaseModel] = Recipe, prefix: str = "") -> dict[str, str]:
    """Return every dotted key of a recipe with its description.

    Args:
        network: the network whose options are listed as `network.x`. Unknown or empty: the options of all networks.
        model: the section to list.
        prefix: the prefix of the section's keys.
    """
    found: dict[str, str] = {}
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            found |= keys(network, info.annotation, f"{prefix}{name}.")
        else:
            found[prefix + name] = info.description or ""
    if model is NetworkRecipe:
        for known in [network] if network in NETWORKS else NETWORKS:
            found |= keys(network, NETWORKS[known].Options, prefix)
    return found


def _complaint(problem: Any, network: str) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}{_nearest_key(key, network)}"
    if problem["type"] == "value_error":  # raised above; its text says what was given
        return f"{key or 'recipe'}: {problem['ctx']['error']}"
    return f"{key or 'recipe'}: {problem['msg']}, got {problem['input']!r}"


def _nearest_key(key: str, network: str) -> str:
    """Return a hint with the nearest key or section, also if only the section is wrong; "" if none is near."""
    full = list(keys(network))
    known = {name.rpartition(".")[2]: name for name in full} | {name.rpartition(".")[0]: "" for name in full}
    known |= {name: name for name in full}
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.75)
    close = close or difflib.get_close_matches(key.rpartition(".")[2], known, n=1, cutoff=0.75)
    return f"; did you mean {known[close[0]] or close[0]!r}?" if close else ""


def _network_of(values: dict[str, Any]) -> str:
    section = values.get("network", {})
    return str(section.get("name", NetworkRecipe().name)) if isinstance(section, dict) else ""


def _full(key: str, values: dict[str, Any]) -> str:
    """Return the dotted key that a single word stands for, if exactly one key ends in it."""
    known = keys(_network_of(values))
    meant = [full for full in known if full.rpartition(".")[2] == key]
    return key if key in known or "." in key or len(meant) != 1 else meant[0]


def _put(values: dict[str, Any], parts: list[str], value: Any, override: str) -> None:
    for part in parts[:-1]:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise RecipeError(f"{override}: {part!r} is a value, not a section")
    values[parts[-1]] = value


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
