"""Train networks: recipes, architectures, augmentation, the fit and the export. Needs the extra `train`."""

from __future__ import annotations

from mien.errors import MissingExtraError

try:
    import kornia  # noqa: F401
    import lightning  # noqa: F401
    import pydantic  # noqa: F401
    import torch  # noqa: F401
except ImportError as error:
    raise MissingExtraError("training", "train") from error
