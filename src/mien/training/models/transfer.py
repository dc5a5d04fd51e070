"""Define transfer: any image-classification backbone of transformers, with new heads.

The backbone is named by the Hugging Face hub or a local folder; timm's backbones are used through transformers' wrapper
if timm is installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from mien.errors import MissingExtraError, RecipeError
from mien.preprocess import InputSpec
from mien.training.models.base import Network, register


@register("transfer")
class Transfer(Network):
    """Classify gray faces by a pre-trained backbone, at its own input size and normalisation, with a new classifier.

    The labels of all heads are one new classifier, whose logits are split into heads.
    """

    class Options(Network.Options):
        backbone: str = Field(
            "google/mobilenet_v2_1.0_224", description="hub name or local folder of an image-classification network"
        )
        pretrained: bool = Field(True, description="false: the backbone's architecture with random weights")
        backbone_size: int = Field(0, ge=0, description="side of the backbone's input in pixels; 0: its own size")
        dropout: float = Field(0.2, ge=0, lt=1, description="dropout probability before the heads")

    any_size = True
    required_input = InputSpec(48, 0.0, 255.0)

    def __init__(self, options: Options, heads: dict[str, int], size: int) -> None:
        super().__init__(options, heads, size)
        self.labels = dict(heads)
        self.backbone = load_backbone(options.backbone, sum(heads.values()), pretrained=options.pretrained)
        reads = backbone_input(options.backbone, self.backbone.config)
        self.side = options.backbone_size or reads.side
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(reads.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(reads.std).view(1, -1, 1, 1), persistent=False)
        classifier = _classifier(self.backbone, sum(heads.values()))
        self._classifier = [classifier]  # in a list, so that it is not registered twice
        classifier.register_forward_pre_hook(_Dropout(options.dropout))
        self._try(options)
        self.train()  # pre-trained backbones are loaded in evaluation mode

    def _try(self, options: Options) -> None:
        """Predict one face, so that an input size that the backbone cannot use is reported before training."""
        try:
            with torch.no_grad():
                self.eval()(torch.zeros(1, 1, self.required_input.size, self.required_input.size))
        except (ValueError, RuntimeError) as error:
            raise RecipeError(
                f"network.backbone {options.backbone!r} cannot read pictures of {self.side} pixels "
                f"({_first_line(error)}). Leave network.backbone_size at 0 for its own size"
            ) from error

    def forward(self, faces: Tensor) -> dict[str, Tensor]:
        pictures = F.interpolate(faces, size=(self.side, self.side), mode="bilinear")
        pictures = (pictures.expand(-1, 3, -1, -1) - self.mean) / self.std
        logits = self.backbone(pixel_values=pictures).logits
        return dict(zip(self.labels, logits.split(list(self.labels.values()), dim=1), strict=True))

    def layers(self) -> list[list[nn.Parameter]]:
        """Return the parameters in groups: before the backbone's blocks, each block, after them, the new classifier."""
        heads = list(self._classifier[0].parameters())
        known = {id(parameter) for parameter in heads}
        layers: list[list[nn.Parameter]] = [[]]
        block_of = {id(p): block for block in _blocks(self.backbone) for p in block.parameters()}
        last: nn.Module | None = None
        for parameter in self.backbone.parameters():
            block = block_of.get(id(parameter))
            if block is not last:
                layers.append([])
                last = block
            if id(parameter) not in known:
                layers[-1].append(parameter)
        return [layer for layer in [*layers, heads] if layer]


@dataclass(frozen=True)
class BackboneInput:
    """Describe a backbone's input.

    Attributes:
        side: height and width in pixels.
        mean: mean of each color channel, 0 to 1.
        std: standard deviation of each color channel, 0 to 1.
    """

    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def load_backbone(name: str, labels: int, *, pretrained: bool) -> Any:
    """Load a backbone with a new classifier.

    Args:
        name: hub name or local folder.
        labels: number of outputs of the classifier.
        pretrained: load the weights; otherwise they are random.

    Raises:
        RecipeError: it cannot be loaded; the message says how to download it.
    """
    transformers = _transformers()
    try:
        if pretrained:
            return transformers.AutoModelForImageClassification.from_pretrained(
                name, num_labels=labels, ignore_mismatched_sizes=True
            )
        config = transformers.AutoConfig.from_pretrained(name, num_labels=labels)
        return transformers.AutoModelForImageClassification.from_config(config)
    except ImportError as error:  # for example timm
        raise RecipeError(f"network.backbone {name!r}: {_first_line(error)}") from error
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"network.backbone: expected an image-classification network of transformers, by hub name or folder, got "
            f"{name!r}, which is neither a folder nor in the cache, and cannot be downloaded "
            f"({_first_line(error)}). On a machine with internet run `hf download {name} --local-dir FOLDER`, then use "
            "--set network.backbone=FOLDER"
        ) from error


def backbone_input(name: str, config: Any) -> BackboneInput:
    """Read the input size and normalisation of a backbone from its processor's config (timm: from its own config).

    Raises:
        RecipeError: they are not there.
    """
    from transformers.image_processing_base import ImageProcessingMixin

    try:
        values, _ = ImageProcessingMixin.get_image_processor_dict(name)
    except (OSError, ValueError) as error:
        values = getattr(config, "pretrained_cfg", None) or {}
        if "input_size" not in values:
            raise RecipeError(
                f"network.backbone {name!r}: expected a preprocessor_config.json, which gives its input size and "
                f"normalisation, got none ({_first_line(error)}). Put the backbone's own into the folder of its weights"
            ) from error
        return BackboneInput(int(values["input_size"][-1]), tuple(values["mean"]), tuple(values["std"]))
    size = (values.get("do_center_crop", True) and values.get("crop_size")) or values.get("size")
    if isinstance(size, dict):
        size = size.get("height") or size.get("shortest_edge")
    plain = not values.get("do_normalize", True)
    mean, std = values.get("image_mean") or (), values.get("image_std") or ()
    if not size or not (plain or (mean and std)):
        raise RecipeError(
            f"network.backbone {name!r}: expected size, image_mean and image_std in its preprocessor_config.json, "
            f"got {size}, {mean} and {std}"
        )
    return (
        BackboneInput(int(size), (0.0,) * 3, (1.0,) * 3) if plain else BackboneInput(int(size), tuple(mean), tuple(std))
    )


class _Dropout:
    """Apply dropout to the input of a layer, as a hook."""

    def __init__(self, chance: float) -> None:
        self.chance = chance

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        first, *rest = inputs
        return (F.dropout(first, self.chance, layer.training), *rest)


def _classifier(backbone: nn.Module, labels: int) -> nn.Module:
    """Return the last layer with as many outputs as there are labels."""
    found = [
        layer
        for layer in backbone.modules()
        if getattr(layer, "out_features", None) == labels or getattr(layer, "out_channels", None) == labels
    ]
    if not found:
        raise RecipeError(f"network.backbone: expected a classifier at the end, got none in {type(backbone).__name__}")
    return found[-1]


def _blocks(module: nn.Module) -> list[nn.Module]:
    """Return the members of the outermost sequences of layers, in order: the stages or blocks of most backbones."""
    found: list[nn.Module] = []
    for child in module.children():
        found += child.children() if isinstance(child, nn.ModuleList | nn.Sequential) else _blocks(child)
    return found


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError("transfer learning", "transfer") from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
