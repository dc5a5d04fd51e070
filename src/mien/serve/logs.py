"""Write the service's log to standard error, with the time."""

from __future__ import annotations

import logging

from mien.logs import StandardErrorHandler

LEVELS = {"mien.serve": logging.INFO, "uvicorn": logging.WARNING}


def log_to_stderr() -> None:
    """Set up the loggers of the service; call it once in each process.

    `logging.config` is not used, since it closes the handlers of other libraries, and absl's closes standard error.
    """
    handler = StandardErrorHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for name, level in LEVELS.items():
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
