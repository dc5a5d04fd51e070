"""The exit codes of all commands."""

OK, SOME_FAILED, USAGE = 0, 1, 2
"""Success; some of the work failed, the rest is done; wrong usage."""
