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

from pydantic import BaseModel, Field, ValidationError, model_validator

from mien.errors import RecipeError
from mien.training.models import NETWORKS
from mien.training.recipe_sections import (
    AugmentRecipe,
    CalibrationRecipe,
    DataRecipe,
    InputRecipe,
    LossRecipe,
    NetworkRecipe,
    OptimizerRecipe,
    RecipeSection,
    ScheduleRecipe,
    StoppingRecipe,
    TeacherRecipe,
)


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
        description="folder of a run of the same network, whose best weights are the initial ones, a released bundle's "
        "name, or a bundle's file; empty: random",
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
    calibration: CalibrationRecipe = CalibrationRecipe()

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
