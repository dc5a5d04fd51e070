"""Hold a data set on a device as one uint8 tensor, and make batches whose order depends on seed and epoch only."""

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
    """Hold the faces of a split as tensors on one device.

    Attributes:
        crops: gray, uint8 (N, 48, 48).
        labels: int64 (N,).
        targets: the labels one-hot, float32 (N, K).
        shares: the FER+ votes as shares, float32 (N, 8); all 0 for a face without votes.
        plurality: the emotion with the most votes, int64 (N,); -1 for a face without votes.
        weights: the weight of each face in the loss, float32 (N, 1).
    """

    crops: Tensor
    labels: Tensor
    targets: Tensor
    shares: Tensor
    plurality: Tensor
    weights: Tensor

    @classmethod
    def of(cls, dataset: FaceDataset) -> FaceTensors:
        """Build the tensors of a data set, on the CPU."""
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
        """Return the tensors on another device."""
        return FaceTensors(*(getattr(self, field.name).to(device) for field in fields(self)))

    def inputs(self, spec: InputSpec) -> Tensor:
        """Return all crops as network input, float32 (N, 1, size, size), made by `to_input`."""
        return torch.from_numpy(to_input(self.crops.cpu().numpy(), spec)).to(self.crops.device)

    def __len__(self) -> int:
        return len(self.crops)


class Batch(NamedTuple):
    """Hold the crops, targets, shares and weights of some faces, as in `FaceTensors`."""

    crops: Tensor
    targets: Tensor
    shares: Tensor
    weights: Tensor


class ShuffledBatches:
    """Yield the batches of one epoch in random order; a last, smaller batch is dropped.

    Args:
        faces: the faces of the training split.
        batch_size: faces per batch, over all processes.
        seed: seed of the order.
        balanced: draw every class equally often, with repetition.
        rank: index of this process. Each process gets its part of every batch.
        world: number of processes.
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
    """Yield batches of network inputs in their order."""

    def __init__(self, inputs: Tensor, batch_size: int) -> None:
        self.inputs = inputs
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.inputs) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor]]:
        for batch in self.inputs.split(self.batch_size):
            yield (batch,)
