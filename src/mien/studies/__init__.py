"""Analyze studies: from rows of videos to tables, statistics, a report and files for other programs.

Needs the extra `study`. Everything works on pandas' frames.
"""

from __future__ import annotations

from mien.errors import MissingExtraError

try:
    import pandas  # noqa: F401
    import pyarrow  # noqa: F401
    import scipy  # noqa: F401
except ImportError as error:
    raise MissingExtraError("analyzing a study", "study") from error
