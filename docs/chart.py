"""Draws docs/chart.svg from the first table of docs/benchmarks.md.

python docs/chart.py
"""

from __future__ import annotations

from html import escape
from pathlib import Path

DOCS = Path(__file__).parent
HEAD = "| library | a step |"
NAMES = ["tracklite", "SQLite", "tensorboardX", "MLflow"]
# Panels from left to right: the column of the table and its title.
PANELS = [(1, "log five metrics"), (3, "first read"), (4, "second read"), (5, "size on disk")]
WIDTH, PANEL, LEFT, TOP, ROW, BAR = 900, 200, 105, 44, 26, 118
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #444; }
.title { font-weight: 600; }
.value { fill: #666; }
.bar { fill: #9aa5b1; }
.own { fill: #0d7a5f; }
@media (prefers-color-scheme: dark) { text { fill: #ccc; } .value { fill: #aaa; } .own { fill: #2bb58f; } }
""".strip()


def table() -> list[list[str]]:
    """The cells of the table, without its head."""
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    rows = text[text.index(HEAD) :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in rows]


def number(cell: str) -> float:
    return float(cell.split()[0].replace(",", ""))


def panel(rows: list[list[str]], at: int, column: int, title: str) -> list[str]:
    """The bars of one column, all to one linear scale from zero."""
    left = LEFT + at * PANEL
    largest = max(number(row[column]) for row in rows)
    lines = [f'<text class="title" x="{left}" y="{TOP - 18}">{escape(title)}</text>']
    for index, row in enumerate(rows):
        top = TOP + index * ROW
        length = max(1.0, number(row[column]) / largest * BAR)
        kind = "bar own" if index == 0 else "bar"
        lines.append(
            f'<rect class="{kind}" x="{left}" y="{top}" width="{length:.1f}" height="16" rx="2"/>'
        )
        value = f'<text class="value" x="{left + length + 6:.1f}" y="{top + 12}">'
        lines.append(f"{value}{escape(row[column])}</text>")
    return lines


def main() -> None:
    rows = table()
    height = TOP + len(rows) * ROW + 4
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>tracklite beside SQLite, tensorboardX and MLflow; shorter is better</title>",
        f"<style>{STYLE}</style>",
    ]
    for index, name in enumerate(NAMES):
        assert rows[index][0].startswith(name), f"{rows[index][0]} is not {name}"
        y = TOP + index * ROW + 12
        lines.append(f'<text x="{LEFT - 10}" y="{y}" text-anchor="end">{name}</text>')
    for at, (column, title) in enumerate(PANELS):
        lines += panel(rows, at, column, title)
    (DOCS / "chart.svg").write_text("\n".join([*lines, "</svg>", ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
