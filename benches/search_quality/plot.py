"""Draws the tables of docs/search.md: python benches/search_quality/plot.py > docs/search-quality.svg

One line a strategy, one dot a budget: the geometric mean of the regret over all tasks, as a ratio to random's, with its 95 % interval where
the table has one. The axis is logarithmic.
"""

import math
import pathlib

text = (pathlib.Path(__file__).parents[2] / "docs" / "search.md").read_text()
BUDGETS = {20: "#d08770", 60: "#3b6ea5"}
LEFT, WIDTH, TOP, STEP, LEAST, MOST = 190, 430, 40, 22, 0.15, 1.6


def rows(budget):
    table = text[text.index(f"B = {budget} full trainings;"):]
    lines = [line for line in table.split("\n\n")[1].splitlines()[2:]]
    for line in lines:
        name, mean, interval = [cell.strip() for cell in line.strip("|").split("|")][:3]
        ends = [float(end) for end in interval.split("–")] if interval else None
        yield name.strip("*"), float(mean), ends


def x(ratio):
    return LEFT + WIDTH * math.log(ratio / LEAST) / math.log(MOST / LEAST)


tables = {budget: {name: (mean, ends) for name, mean, ends in rows(budget)} for budget in BUDGETS}
names = sorted(tables[60], key=lambda name: tables[60][name][0])
height = TOP + STEP * len(names) + 30
print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {height}" font-family="sans-serif" font-size="12">')
print(f'<rect width="100%" height="100%" fill="white"/>')
for ratio in (0.2, 0.3, 0.5, 0.7, 1.0, 1.5):
    print(f'<line x1="{x(ratio):.1f}" y1="{TOP - 8}" x2="{x(ratio):.1f}" y2="{height - 24}" stroke="{"#888" if ratio == 1 else "#ddd"}"/>')
    print(f'<text x="{x(ratio):.1f}" y="{height - 8}" text-anchor="middle" fill="#444">{ratio:g}</text>')
for i, (budget, color) in enumerate(BUDGETS.items()):
    print(f'<circle cx="{LEFT + 10 + 180 * i}" cy="14" r="5" fill="{color}"/>')
    print(f'<text x="{LEFT + 22 + 180 * i}" y="18">{budget} full trainings</text>')
for i, name in enumerate(names):
    y = TOP + STEP * i + 6
    weight = ' font-weight="bold"' if name == "zoom" else ""
    print(f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end"{weight}>{name}</text>')
    for budget, color in BUDGETS.items():
        mean, ends = tables[budget][name]
        if ends:
            print(f'<line x1="{x(ends[0]):.1f}" y1="{y}" x2="{x(ends[1]):.1f}" y2="{y}" stroke="{color}" stroke-width="2"/>')
        print(f'<circle cx="{x(mean):.1f}" cy="{y}" r="5" fill="{color}"/>')
print("</svg>")
