"""Where the service's lines go: to standard error, with the time."""

from __future__ import annotations

import logging

LEVELS = {"mien.serve": logging.INFO, "uvicorn": logging.WARNING}


def log_to_stderr() -> None:
    """Sets up the service's own loggers, once in each process.

    Not by `logging.config`, which closes the handlers of every other library, and with absl's standard error itself.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for name, level in LEVELS.items():
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
