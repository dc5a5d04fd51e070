"""Tables in docs/, each in its place between two comments."""

from __future__ import annotations

from pathlib import Path

from mien.files import write_atomically

DOCS = Path(__file__).parents[1] / "docs"
END = "<!-- end -->"


def write_table(name: str, heading: list[str], rows: list[list[str]], page: str = "video") -> None:
    """Puts a Markdown table in docs/PAGE.md, in the place of the one that the benchmark of this name made before."""
    path = DOCS / f"{page}.md"
    begin = f"<!-- made by benchmarks.{name} -->\n"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    if not found:
        raise RuntimeError(f"{path} has no place for a table: {begin.strip()} and {END}")
    lines = [f"| {' | '.join(cells)} |" for cells in (heading, ["---"] * len(heading), *rows)]
    write_atomically(path, before + begin + "\n" + "\n".join(lines) + "\n\n" + END + rest.partition(END)[2])
