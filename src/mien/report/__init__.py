"""Write reports as pictures and one HTML file: what a model was trained on, how good it is, where it fails.

Needs the extra `report`. Torch is imported only inside the functions that compute a network's gradients.
"""

from __future__ import annotations

from mien.errors import MissingExtraError

try:
    import jinja2  # noqa: F401
    import matplotlib  # noqa: F401
    import sklearn  # noqa: F401
except ImportError as error:
    raise MissingExtraError("reporting", "report") from error

from mien.report.history import plot_history
from mien.report.write import write_report

__all__ = ["plot_history", "write_report"]
