"""Draws what two sweeps have tried along one axis (the lecture's picture), from what `hone trials --json` prints.

    hone trials grid --json > grid.jsonl
    hone trials random --json > random.jsonl
    python3 plot.py grid.jsonl random.jsonl train.learning_rate train.weight_decay > grid-against-random.svg
"""

import json
import math
import sys

WIDTH, HEIGHT, LEFT, TOP, SIDE, STRIP, GAP = 760, 470, 70, 60, 280, 90, 90
INK, FAINT, DOT, LINE = "#333", "#bbb", "#0b6aa2", "#d1602b"


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def places(low, high):
    """The powers of ten between two ends."""
    return [10.0**k for k in range(round(math.log10(low)), round(math.log10(high)) + 1)]


def panel(out, title, trials, useful, useless, left, ends):
    (x0, x1), (y0, y1) = ends
    x = lambda v: left + SIDE * (math.log10(v) - math.log10(x0)) / (math.log10(x1) - math.log10(x0))
    y = lambda v: TOP + STRIP + SIDE - SIDE * (math.log10(v) - math.log10(y0)) / (math.log10(y1) - math.log10(y0))
    out(f'<text x="{left}" y="{TOP - 28}" font-size="15" font-weight="bold" fill="{INK}">{title}</text>')
    out(f'<rect x="{left}" y="{TOP + STRIP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="{FAINT}"/>')
    for v in places(x0, x1):
        out(f'<text x="{x(v):.1f}" y="{TOP + STRIP + SIDE + 16}" font-size="11" text-anchor="middle" fill="{INK}">{v:g}</text>')
    for v in places(y0, y1):
        out(f'<text x="{left - 6}" y="{y(v) + 4:.1f}" font-size="11" text-anchor="end" fill="{INK}">{v:g}</text>')
    out(f'<text x="{left + SIDE / 2}" y="{TOP + STRIP + SIDE + 34}" font-size="12" text-anchor="middle" fill="{INK}">{useful}</text>')
    # Above: how good each place of the useful axis was; a trial without a value (diverged) stands on the floor.
    rates = sorted({t["params"][useful] for t in trials})
    for t in trials:
        value = t["objective"] or 0.0
        cx = x(t["params"][useful])
        out(f'<line x1="{cx:.1f}" x2="{cx:.1f}" y1="{TOP + STRIP - 8}" y2="{TOP + STRIP - 8 - (STRIP - 16) * value:.1f}" stroke="{LINE}" stroke-width="3" opacity="0.6"/>')
        out(f'<circle cx="{cx:.1f}" cy="{y(t["params"][useless]):.1f}" r="5" fill="{DOT}"/>')
    best = max((t["objective"] or 0.0) for t in trials)
    out(f'<text x="{left}" y="{TOP - 10}" font-size="12" fill="{INK}">{len(trials)} trials, {len(rates)} values of {useful}; best {best:.3f}</text>')


def main():
    grid, random, useful, useless = read(sys.argv[1]), read(sys.argv[2]), sys.argv[3], sys.argv[4]
    both = grid + random
    ends = []
    for axis in (useful, useless):
        values = [t["params"][axis] for t in both]
        ends.append((10 ** math.floor(math.log10(min(values)) + 1e-9), 10 ** math.ceil(math.log10(max(values)) - 1e-9)))
    out = print
    out(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">')
    out(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
    panel(out, "grid", grid, useful, useless, LEFT, ends)
    panel(out, "random", random, useful, useless, LEFT + SIDE + GAP, ends)
    out(f'<text x="18" y="{TOP + STRIP + SIDE / 2}" font-size="12" fill="{INK}" text-anchor="middle" transform="rotate(-90 18 {TOP + STRIP + SIDE / 2})">{useless}</text>')
    out("</svg>")


main()
