"""The data set on the device: a uint8 tensor of all faces, in batches whose order depends on seed and epoch only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mien.datasets import FaceDataset, plurality, vote_shares
from mien.labels import FERPLUS
from mien.preprocess import InputSpec, to_input
from mien.training.losses import balanced_weights


@dataclass
class FaceTensors:
    """A split as tensors on one device.

    `crops` uint8 `(N, 48, 48)`; `labels` int64 `(N,)`; `targets` float32 `(N, K)`, the labels one-hot;
    `shares` float32 `(N, 8)`, the FER+ votes as shares, all zero for faces without a vote; `plurality` int64 `(N,)`,
    the emotion with most votes, -1 for faces without a vote; `weights` float32 `(N, 1)`, each face's in the loss.
    """

    crops: Tensor
    labels: Tensor
    targets: Tensor
    shares: Tensor
    plurality: Tensor
    weights: Tensor

    @classmethod
    def of(cls, dataset: FaceDataset) -> FaceTensors:
        labels = torch.from_numpy(dataset.labels)
        shares = torch.zeros(len(dataset), len(FERPLUS))
        most_voted = torch.full((len(dataset),), -1)
        if dataset.votes is not None:
            shares = torch.from_numpy(vote_shares(dataset.votes))
            rows, emotions = plurality(dataset.votes)
            most_voted[rows] = torch.from_numpy(emotions)
        weights = torch.ones(len(dataset)) if dataset.weights is None else torch.from_numpy(dataset.weights)
        return cls(
            crops=torch.from_numpy(dataset.faces),
            labels=labels,
            targets=F.one_hot(labels, len(dataset.label_set)).float(),
            shares=shares,
            plurality=most_voted,
            weights=weights[:, None],
        )

    def to(self, device: torch.device) -> FaceTensors:
        return FaceTensors(*(getattr(self, field.name).to(device) for field in fields(self)))

    def inputs(self, spec: InputSpec) -> Tensor:
        """All crops as network input, through the one `to_input`."""
        return torch.from_numpy(to_input(self.crops.cpu().numpy(), spec)).to(self.crops.device)

    def __len__(self) -> int:
        return len(self.crops)


class Batch(NamedTuple):
    """The rows of some faces, as in `FaceTensors`."""

    crops: Tensor
    targets: Tensor
    shares: Tensor
    weights: Tensor


class ShuffledBatches:
    """The batches of one epoch; the last, smaller one is left out.

    `balanced` draws every class as often as any other, with repetition. Of `world` processes each gets the part of
    every batch that its `rank` says, so that all together see what one would.
    """

    def __init__(
        self, faces: FaceTensors, batch_size: int, seed: int, *, balanced: bool = False, rank: int = 0, world: int = 1
    ) -> None:
        self.faces = faces
        self.batch_size = min(batch_size, len(faces))
        self.seed = seed
        self.balanced = balanced
        self.rank, self.world = rank, world

    def __len__(self) -> int:
        return len(self.faces) // self.batch_size

    def __iter__(self) -> Iterator[Batch]:
        faces = self.faces
        order = self._order()[: len(self) * self.batch_size].to(faces.crops.device)
        for batch in order.split(self.batch_size):
            rows = batch[self.rank :: self.world]
            yield Batch(faces.crops[rows], faces.targets[rows], faces.shares[rows], faces.weights[rows])

    def _order(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        if not self.balanced:
            return torch.randperm(len(self.faces), generator=generator)
        labels = self.faces.labels.cpu()
        chances = balanced_weights(labels, self.faces.targets.shape[1])[labels]
        return torch.multinomial(chances, len(labels), replacement=True, generator=generator)


class OrderedBatches:
    """Batches (inputs, row numbers) of a split, in order, made ready once."""

    def __init__(self, inputs: Tensor, batch_size: int) -> None:
        self.inputs = inputs
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.inputs) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor]]:
        for batch in self.inputs.split(self.batch_size):
            yield (batch,)
