"""Federated training on Flower: the faces stay with the clients, only weights travel. Needs the extra `federated`.

Sampling, averaging and the noise of differential privacy are Flower's; recipe, network, loss and metrics are those of
`mien.training`.
"""

from __future__ import annotations

import os

from mien.errors import MissingExtraError

os.environ.setdefault(
    "FLWR_TELEMETRY_ENABLED", "0"
)  # Flower reports each start to its makers, unless it is told not to

try:
    import flwr  # noqa: F401
except ImportError as error:
    raise MissingExtraError("federated training", "federated") from error
