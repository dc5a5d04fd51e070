"""One progress bar for everything that runs long, on standard error; nothing is shown where that is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class ProgressBar:
    """A bar with a label, figures, and the time that has passed and that is left; it is removed when it ends.

    Args:
        label: what is being done.
        total: how much there is to do; None: not known yet.
        shown: whether to show it at all; it is never shown where standard error is no terminal.
    """

    def __init__(self, label: str, total: float | None = None, shown: bool = True) -> None:
        self.label = label
        self._total = total
        self._shown = shown
        self._bar: Progress | None = None

    def __enter__(self) -> ProgressBar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        console = Console(stderr=True)
        if self._shown and console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[figures]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(elapsed_when_finished=True),
                console=console,
                transient=True,
            )
            self._bar.add_task(self.label, total=self._total, figures="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    @property
    def visible(self) -> bool:
        """Whether the bar is on a terminal."""
        return self._bar is not None

    def show(
        self, done: float, *, total: float | None = None, label: str | None = None, figures: str | None = None
    ) -> None:
        """Show how much is done.

        Args:
            done: in the unit of `total`.
            total: a new total.
            label: a new label.
            figures: words beside the bar: counts, or the time of a video.
        """
        self.label = label or self.label
        if self._bar is not None:
            changed = {"total": total, "description": label, "figures": figures}
            self._bar.update(
                self._bar.task_ids[0],
                completed=done,
                **{name: value for name, value in changed.items() if value is not None},  # type: ignore[arg-type]
            )


@contextmanager
def share_bar(label: str) -> Iterator[Callable[[float], None]]:
    """Show a bar for work that reports the share that is done, 0 to 1."""
    with ProgressBar(label, 1.0) as bar:
        yield lambda share: bar.show(share, figures=f"{share:.0%}")


@contextmanager
def stage_bar() -> Iterator[Callable[[str, float], None]]:
    """Show a bar for work that reports its stage and the share that is done; in a log each stage is a line."""
    with ProgressBar("starting", 1.0) as bar:

        def show(stage: str, share: float) -> None:
            if not bar.visible and bar.label != stage:
                print(stage, file=sys.stderr, flush=True)
            bar.show(share, label=stage, figures=f"{share:.0%}")

        yield show
