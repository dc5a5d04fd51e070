"""Map the parts of a face that a prediction depends on: by Grad-CAM, or by occlusion.

Grad-CAM (Selvaraju et al. 2017), from the gradient of a class's logit on the last feature map, needs torch and the
network; occlusion (Zeiler and Fergus 2014) needs only predictions. All maps are float32 (N, 48, 48) on the whole crop,
0 to 1. The maximum of each map is 1, or 0 if nothing supports the class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from mien.errors import BundleError, InputError
from mien.preprocess import FRAME, InputSpec, to_input
from mien.runs import ModelSource

if TYPE_CHECKING:
    from torch import Tensor, nn

FaceArray = npt.NDArray[np.uint8]
Maps = npt.NDArray[np.float32]

PATCH, STEP = 12, 4
"""Side and step in pixels of the square that occlusion hides."""


class LogitsModel(Protocol):
    """Define what occlusion needs; `mien.bundle.Bundle` has it."""

    def logits(self, crops: FaceArray) -> dict[str, npt.NDArray[np.float32]]: ...


def load_network(subject: ModelSource) -> nn.Module:
    """Load the network of a run with its best weights, on the CPU, in evaluation mode. Needs torch.

    Raises:
        InputError: `subject` is a bundle without a run.
        BundleError: the weights do not fit the network.
    """
    import torch

    from mien.training.models import build

    if subject.checkpoint is None:
        raise InputError(f"{subject.path}: a network needs a run with checkpoints/best.ckpt, got a bundle alone")
    heads = {head.name: len(head.labels) for head in subject.bundle.metadata.heads}
    recipe = subject.recipe["network"]
    options = {key: value for key, value in recipe.items() if key != "name"}
    if "pretrained" in options or recipe["name"] == "transfer":
        options["pretrained"] = False  # the weights come from the checkpoint
    network = build(recipe["name"], options, heads, subject.bundle.metadata.input.size)
    state = torch.load(subject.checkpoint, map_location="cpu", weights_only=False)["state_dict"]
    prefix = "network."
    try:
        network.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    except RuntimeError as error:
        raise BundleError(
            f"{subject.checkpoint}: its weights do not fit the network {recipe['name']!r} of this mien. Use "
            f"the version that wrote it ({subject.facts.get('commit') or subject.facts.get('mien')})"
        ) from error
    return network.eval().requires_grad_(False)


def grad_cam(
    network: nn.Module, crops: FaceArray, head: str, classes: npt.NDArray[np.integer], spec: InputSpec, batch: int = 64
) -> Maps:
    """Compute Grad-CAM of one class per face.

    The feature map is the last one of the size of the last convolution's output, after its normalisation, attention and
    activation.

    Args:
        network: the network.
        crops: gray, uint8 (N, 48, 48).
        head: name of the head.
        classes: the class of each face, int (N,).
        spec: the network's input spec.
        batch: faces per batch.

    Returns:
        Maps, float32 (N, 48, 48), 0 to 1.

    Raises:
        InputError: the network has no convolutional feature map.
    """
    import torch

    target = last_features(network, spec.size)
    kept: list[Tensor] = []

    def keep(_: Any, __: Any, output: Tensor) -> Tensor:
        kept[:] = [output.detach().clone().requires_grad_()]  # the gradient is computed from here on
        return kept[0] * 1  # so that an in-place layer does not change the kept tensor

    maps = []
    with torch.enable_grad():
        hook = target.register_forward_hook(keep)
        try:
            for start in range(0, len(crops), batch):
                chosen = torch.from_numpy(np.asarray(classes[start : start + batch], np.int64))
                logits = network(torch.from_numpy(to_input(crops[start : start + batch], spec)))[head]
                (slopes,) = torch.autograd.grad(logits.gather(1, chosen[:, None]).sum(), kept[0])
                cam = (slopes.mean((2, 3), keepdim=True) * kept[0]).sum(1).clamp_min(0)
                maps.append(cam.detach().numpy())
        finally:
            hook.remove()
    return _highest_one(on_frame(np.concatenate(maps), spec))


def last_features(network: nn.Module, size: int) -> nn.Module:
    """Return the module whose output Grad-CAM uses: the last one of the size of the last convolution's output.

    Raises:
        InputError: the network has no convolutional feature map.
    """
    import torch

    outputs: list[tuple[Any, tuple[int, ...]]] = []

    def note(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
            outputs.append((module, tuple(output.shape)))

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    with torch.no_grad():
        network(torch.zeros(1, 1, size, size))
    for hook in hooks:
        hook.remove()
    sizes = [shape[2:] for module, shape in outputs if isinstance(module, torch.nn.Conv2d) and not _cuts(module)]
    if not sizes:
        raise InputError("Grad-CAM: expected a network with a convolutional feature map, got one without")
    last: nn.Module = next(module for module, shape in reversed(outputs) if shape[2:] == sizes[-1] and shape[1] > 1)
    return last


def _cuts(convolution: Any) -> bool:
    """Return whether a convolution only cuts the picture into patches, as a vision transformer's first layer does."""
    return bool(convolution.kernel_size == convolution.stride and max(convolution.stride) > 1)


def occlusion(
    bundle: LogitsModel,
    crops: FaceArray,
    head: str,
    classes: npt.NDArray[np.integer],
    progress: Callable[[float], None] | None = None,
) -> Maps:
    """Compute how much a class's logit falls when a square of the crop is replaced by the crop's mean gray.

    Every pixel gets the mean over the squares that cover it, slightly smoothed.

    Args:
        bundle: the model.
        crops: gray, uint8 (N, 48, 48).
        head: name of the head.
        classes: the class of each face, int (N,).
        progress: called with the share done, 0 to 1.

    Returns:
        Maps, float32 (N, 48, 48), 0 to 1.
    """
    rows = np.arange(len(crops))
    before = bundle.logits(crops)[head][rows, classes]
    gray = crops.mean(axis=(1, 2)).round().astype(np.uint8)
    total, covered = np.zeros(crops.shape, np.float64), np.zeros((FRAME, FRAME))
    corners = [(y, x) for y in range(0, FRAME - PATCH + 1, STEP) for x in range(0, FRAME - PATCH + 1, STEP)]
    for number, (y, x) in enumerate(corners, 1):
        hidden = crops.copy()
        hidden[:, y : y + PATCH, x : x + PATCH] = gray[:, None, None]
        fall = before - bundle.logits(hidden)[head][rows, classes]
        total[:, y : y + PATCH, x : x + PATCH] += fall[:, None, None]
        covered[y : y + PATCH, x : x + PATCH] += 1
        if progress:
            progress(number / len(corners))
    smooth = [cv2.GaussianBlur(each, (0, 0), STEP / 2) for each in np.clip(total / covered, 0, None)]
    return _highest_one(np.stack(smooth))


def overlay(face: FaceArray, heat: Maps) -> FaceArray:
    """Draw a map over a face; warmer colors mean more influence.

    Args:
        face: gray, uint8 (48, 48).
        heat: float32 (48, 48), 0 to 1.

    Returns:
        RGB, uint8 (96, 96, 3).
    """
    side = 2 * FRAME
    gray = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)[..., None]
    strength = np.clip(cv2.resize(heat, (side, side), interpolation=cv2.INTER_LINEAR), 0, 1)
    colors = cv2.applyColorMap((255 * strength).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    share = 0.62 * strength[..., None] ** 0.8
    return np.asarray((1 - share) * gray + share * colors, np.uint8)


def on_frame(maps: npt.NDArray[np.floating], spec: InputSpec) -> Maps:
    """Resize maps (N, h, w) to the network's window, and place them on the whole crop, (N, 48, 48)."""
    frame = np.zeros((len(maps), FRAME, FRAME), np.float32)
    inside = slice(spec.margin, FRAME - spec.margin)
    for place, each in enumerate(maps):
        grown = cv2.resize(each.astype(np.float32), (spec.size, spec.size), interpolation=cv2.INTER_LINEAR)
        frame[place, inside, inside] = grown
    return frame


def _highest_one(maps: npt.NDArray[Any]) -> Maps:
    highest = maps.max(axis=(1, 2), keepdims=True)
    return np.asarray(maps / np.where(highest > 0, highest, 1), np.float32)
