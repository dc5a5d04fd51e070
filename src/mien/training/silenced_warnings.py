"""Silence warnings of the libraries that training uses, one by one, each for a reason."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

LIGHTNING = {
    r".*does not have many workers": "the faces are on the device already: workers would not help",
    r".*You defined a `validation_step` but have no `val_dataloader`": "the module makes its batches itself",
    r"Checkpoint directory .* exists and is not empty": "a resumed run writes into its own folder",
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated": "Lightning's own use of PyTorch",
    r".*The `srun` command is available on your system": "the user chooses how mien is started",
    r".*TensorBoard.*": "TensorBoard's own use of other packages",
}
"""Messages of Lightning -> why the user does not need them."""

EXPORT = {
    r"# The axis name: .* will not be used": "the exporter chooses one of two names of the batch axis",
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated": "the exporter's own use of PyTorch",
}
"""Messages of PyTorch's ONNX exporter -> why the user does not need them."""


@contextmanager
def ignore_warnings(messages: dict[str, str], logger_name: str) -> Iterator[None]:
    """Silence these warnings, and a library's log messages below the level of an error, inside a `with` block.

    Args:
        messages: regular expressions of the warnings -> the reason.
        logger_name: name of the library's logger.
    """
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
    """Silence Lightning's messages on hardware, and its advice on data loaders, which are not used here."""
    return ignore_warnings(LIGHTNING, "lightning.pytorch")


def quiet_export() -> AbstractContextManager[None]:
    """Silence the ONNX exporter's messages, for example that torchvision, which is not needed, is missing."""
    return ignore_warnings(EXPORT, "torch.onnx")
