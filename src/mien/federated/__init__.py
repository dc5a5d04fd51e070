"""Train on Flower: the faces stay with the clients, only weights are sent. Needs the extra `federated`.

Sampling, averaging and the noise of differential privacy are Flower's; recipe, network, loss and metrics are those of
`mien.training`.
"""

from __future__ import annotations

import os

from mien.errors import MissingExtraError

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")  # Flower's telemetry is on by default

try:
    import flwr  # noqa: F401
except ImportError as error:
    raise MissingExtraError("federated training", "federated") from error
