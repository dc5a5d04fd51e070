"""Define the sections of a recipe: data, network, input, augmentation, loss, optimizer, schedule, calibration."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mien.errors import suggest
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


class CalibrationRecipe(RecipeSection):
    """Define how the probabilities of the exported bundle are calibrated."""

    class_scaling: bool = Field(
        True,
        description="let each class have an offset (and a factor, where the loss is lower), which changes some labels; "
        "false: only a temperature, which changes none",
    )
