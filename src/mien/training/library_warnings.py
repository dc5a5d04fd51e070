"""Warnings of the libraries that training uses, which are silenced one by one, each for a reason."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

LIGHTNING = {
    r".*does not have many workers": "the faces lie on the device: there is no loader that workers could help",
    r".*You defined a `validation_step` but have no `val_dataloader`": "the module makes its batches itself",
    r"Checkpoint directory .* exists and is not empty": "a resumed run writes into its own folder",
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated": "Lightning's own use of PyTorch",
    r".*The `srun` command is available on your system": "mien is started as its user starts it",
    r".*TensorBoard.*": "TensorBoard's own use of other packages",
}
"""Messages of Lightning, with the reason why each is of no use to somebody who trains."""

EXPORT = {
    r"# The axis name: .* will not be used": "the exporter chooses one of two names of the batch axis",
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated": "the exporter's own use of PyTorch",
}
"""Messages of PyTorch's ONNX exporter."""


@contextmanager
def silenced(messages: dict[str, str], logger_name: str) -> Iterator[None]:
    """Silence these warnings, and the notes of one library's logger below an error, for as long as a `with` lasts."""
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in messages:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        logger.setLevel(level)


def quiet_lightning() -> AbstractContextManager[None]:
    """Silence what Lightning says of hardware, and advice about loaders that are not used here."""
    return silenced(LIGHTNING, "lightning.pytorch")


def quiet_export() -> AbstractContextManager[None]:
    """Silence what the ONNX exporter says of itself, and that torchvision is missing, which is not needed."""
    return silenced(EXPORT, "torch.onnx")
