"""The progress bar of all long tasks. It is drawn on standard error, and only if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class ProgressBar:
    """A progress bar with a label, figures, elapsed and remaining time; used in a `with`, whose end removes it.

    Args:
        label: the task.
        total: the amount of work, in any unit; None: not known yet.
        shown: whether to show the bar, if standard error is a terminal.
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
        """Whether the bar is shown."""
        return self._bar is not None

    def show(
        self, done: float, *, total: float | None = None, label: str | None = None, figures: str | None = None
    ) -> None:
        """Update the bar.

        Args:
            done: the amount of work that is done, in the unit of `total`.
            total: a new total; None: unchanged, as for the next two.
            label: a new label.
            figures: the text after the bar: counts, or the time of a video.
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
    """Show a bar, and yield a function to call with the share that is done, 0 to 1."""
    with ProgressBar(label, 1.0) as bar:
        yield lambda share: bar.show(share, figures=f"{share:.0%}")


@contextmanager
def stage_bar() -> Iterator[Callable[[str, float], None]]:
    """Show a bar, and yield a function to call with the stage and the share that is done, 0 to 1.

    Without a terminal each new stage is printed as a line.
    """
    with ProgressBar("starting", 1.0) as bar:

        def show(stage: str, share: float) -> None:
            if not bar.visible and bar.label != stage:
                print(stage, file=sys.stderr, flush=True)
            bar.show(share, label=stage, figures=f"{share:.0%}")

        yield show
