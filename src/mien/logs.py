"""A log handler that writes to whatever standard error is at the time."""

from __future__ import annotations

import logging
import sys


class StandardErrorHandler(logging.Handler):
    """Write log records to standard error, which may have been replaced since the handler was made."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as a line."""
        print(self.format(record), file=sys.stderr, flush=True)
