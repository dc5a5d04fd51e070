"""Augment a whole batch on its device, with kornia, and mix faces together with their targets."""

from __future__ import annotations

from collections.abc import Callable

import kornia.augmentation as K
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mien.preprocess import InputSpec
from mien.training.recipe_sections import AugmentRecipe


class Augment(nn.Module):
    """Augment crops uint8 (N, 48, 48) to frames float32 (N, 1, 48, 48) in [0, 1], each face at random.

    `degrade` spoils frames, `window` turns them into the network's input. The geometry is changed on the full frame
    and the central window is cut out afterwards, so that a rotated or shifted face is filled up with real pixels where
    the frame has them.
    """

    def __init__(self, recipe: AugmentRecipe, spec: InputSpec) -> None:
        super().__init__()
        self.spec = spec
        self.size = spec.size
        steps: list[nn.Module] = [K.RandomHorizontalFlip(p=recipe.flip)]
        if recipe.rotation or recipe.shift or recipe.scale or recipe.shear:
            steps.append(
                K.RandomAffine(
                    degrees=recipe.rotation,
                    translate=(recipe.shift, recipe.shift),
                    scale=(1 - recipe.scale, 1 + recipe.scale),
                    shear=(-recipe.shear, recipe.shear, -recipe.shear, recipe.shear),
                    padding_mode="border",
                    p=1.0,
                )
            )
        if recipe.brightness:
            steps.append(K.RandomBrightness((1 - recipe.brightness, 1 + recipe.brightness), p=1.0))
        if recipe.contrast:
            steps.append(K.RandomContrast((1 - recipe.contrast, 1 + recipe.contrast), p=1.0))
        if recipe.erasing:
            steps.append(K.RandomErasing((0.02, 0.15), (0.4, 2.5), value=0.5, p=recipe.erasing))
        self.steps = nn.Sequential(*steps)
        degradations: list[nn.Module] = []
        if recipe.coarse:
            degradations.append(RandomApply(recipe.coarse, lower_resolution))
        if recipe.blur:
            degradations.append(K.RandomGaussianBlur((9, 9), (0.3, 2.0), p=recipe.blur))
        if recipe.dark:
            degradations.append(RandomApply(recipe.dark, reduce_light))
        if recipe.noise:
            degradations.append(RandomApply(recipe.noise, add_noise))
        self.degradations = nn.Sequential(*degradations)

    def forward(self, crops: Tensor) -> Tensor:
        """Return the augmented frames, float32 (N, 1, 48, 48) in [0, 1], of crops uint8 (N, 48, 48)."""
        return self.steps(crops[:, None].float() / 255)  # type: ignore[no-any-return]

    def degrade(self, frames: Tensor) -> Tensor:
        """Degrade frames at random: low resolution, blur, little light, noise. Teachers get the frames before this."""
        return self.degradations(frames)  # type: ignore[no-any-return]

    def window(self, frames: Tensor) -> Tensor:
        """Return frames as network input, float32 (N, 1, size, size)."""
        faces = self.spec.normalize(self.spec.window(frames) * 255)
        if self.size != self.spec.size:
            faces = F.interpolate(faces, size=(self.size, self.size), mode="bilinear", antialias=True)
        return faces.contiguous(memory_format=torch.channels_last)


class RandomApply(nn.Module):
    """Apply a change to each frame, float32 (N, 1, H, W) in [0, 1], with the same probability."""

    def __init__(self, chance: float, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.chance, self.change = chance, change

    def forward(self, frames: Tensor) -> Tensor:
        chosen = torch.rand(len(frames), 1, 1, 1, device=frames.device) < self.chance
        return torch.where(chosen, self.change(frames), frames)


def lower_resolution(frames: Tensor) -> Tensor:
    """Shrink frames to a side of 16 to 40 pixels, the same for the whole batch, and enlarge them again."""
    side = int(torch.randint(16, 41, ()))
    small = F.interpolate(frames, size=(side, side), mode="bilinear", antialias=True)
    return F.interpolate(small, size=frames.shape[-2:], mode="bilinear")


def reduce_light(frames: Tensor) -> Tensor:
    """Reduce the contrast around the frame's mean or around black, by a factor of 0.08 to 0.6 (log-uniform)."""
    draws = torch.rand(2, len(frames), 1, 1, 1, device=frames.device)
    share = 0.08 * (0.6 / 0.08) ** draws[0]
    around = frames.mean((2, 3), keepdim=True) * (draws[1] < 0.5)
    return around + share * (frames - around)


def add_noise(frames: Tensor) -> Tensor:
    """Add Gaussian noise; its strength is drawn for each face, up to 0.16 of the range."""
    strength = 0.16 * torch.rand(len(frames), 1, 1, 1, device=frames.device)
    return (frames + strength * torch.randn_like(frames)).clamp(0, 1)


def mix(recipe: AugmentRecipe, faces: Tensor, targets: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Apply the recipe's mixup or cutmix; if it has both, one of them at random.

    Args:
        recipe: the augmentation.
        faces: float32 (N, 1, H, W).
        targets: tensors (N, K) that are mixed like the faces.

    Returns:
        The mixed faces and the mixed targets.
    """
    if recipe.mixup and (not recipe.cutmix or torch.rand(()) < 0.5):
        return mixup(recipe.mixup, faces, targets)
    return cutmix(recipe.cutmix, faces, targets) if recipe.cutmix else (faces, targets)


def mixup(alpha: float, faces: Tensor, targets: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Mix each face, and its targets (N, K), with those of another face of the batch (Zhang et al. 2018)."""
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    other = torch.randperm(len(faces), device=faces.device)
    return faces.lerp(faces[other], 1 - share), [target.lerp(target[other], 1 - share) for target in targets]


def cutmix(alpha: float, faces: Tensor, targets: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Paste a rectangle of another face into each face, and mix the targets (N, K) by its area (Yun et al. 2019)."""
    height, width = faces.shape[-2:]
    side = (1 - float(torch.distributions.Beta(alpha, alpha).sample())) ** 0.5
    middle = torch.rand(2)
    low = [max(0, round(float(at) * n - side * n / 2)) for at, n in zip(middle, (height, width), strict=True)]
    high = [min(n, round(float(at) * n + side * n / 2)) for at, n in zip(middle, (height, width), strict=True)]
    other = torch.randperm(len(faces), device=faces.device)
    pasted = faces.clone()
    rows, columns = slice(low[0], high[0]), slice(low[1], high[1])
    pasted[..., rows, columns] = faces[other][..., rows, columns]
    share = (high[0] - low[0]) * (high[1] - low[1]) / (height * width)
    return pasted, [target.lerp(target[other], share) for target in targets]
