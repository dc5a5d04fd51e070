"""Tables of docs/video.md, each in its place between two comments."""

from __future__ import annotations

from pathlib import Path

from mien.files import write_atomically

PAGE = Path(__file__).parents[1] / "docs" / "video.md"
END = "<!-- end -->"


def write_table(name: str, heading: list[str], rows: list[list[str]]) -> None:
    """Puts a Markdown table in the place of the one that the benchmark of this name made before."""
    begin = f"<!-- made by benchmarks.{name} -->\n"
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    if not found:
        raise RuntimeError(f"{PAGE} has no place for a table: {begin.strip()} and {END}")
    lines = [f"| {' | '.join(cells)} |" for cells in (heading, ["---"] * len(heading), *rows)]
    write_atomically(PAGE, before + begin + "\n" + "\n".join(lines) + "\n\n" + END + rest.partition(END)[2])
