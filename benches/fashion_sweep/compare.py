"""A whole sweep on Fashion-MNIST by hone and by Optuna + PyTorch, one after the other on this machine.

    python benches/fashion_sweep/compare.py --hone target/release/hone --data DIR            # DIR/fashion-mnist has the IDX files (.gz)
    python benches/fashion_sweep/compare.py --data DIR --schedule constant --peers hyperband random

Two one-thread trainings at once for each. Prints after how many seconds and epochs the best validation accuracy so far reached 0.90, 0.91,
0.92 and the first peer's end, and how it ended. Needs torch, optuna and numpy in the Python that runs it.
"""

import argparse
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str((1 << 31) - 1),
    "MALLOC_TOP_PAD_": str(1 << 26),
}


def of_hone(hone, data, schedule, trainings):
    """Seconds and accuracy of each epoch, in order of time."""
    with tempfile.TemporaryDirectory() as scratch:
        sweep = pathlib.Path(scratch, "sweep.toml")
        text = (HERE / "sweep.toml").read_text().replace('"one-cycle"', json.dumps(schedule))
        sweep.write_text(text.replace('"180 epochs"', json.dumps(f"{trainings:g} trainings")))
        database = pathlib.Path(scratch, "hone.db")
        begun = time.time()
        subprocess.run([hone, "run", sweep, "--data", data, "--db", database, "--slots", "2"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.time() - begun
        reports = sqlite3.connect(database).execute(
            "SELECT reports.at_ms, reports.objective FROM reports JOIN trials ON trials.sweep = reports.sweep AND trials.number = reports.trial"
            " WHERE kind = 'search' ORDER BY reports.at_ms").fetchall()
        return seconds, [(at / 1000 - begun, value or 0.0) for at, value in reports]


def of_optuna(kind, data, schedule, trainings):
    command = [sys.executable, HERE / "optuna_torch.py", pathlib.Path(data, "fashion-mnist"), "2", str(trainings), kind, schedule]
    begun = time.time()
    done = subprocess.run(command, check=True, env={**os.environ, **MALLOC}, stdout=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return time.time() - begun, sorted((seconds, accuracy) for seconds, _, _, accuracy in lines)


def reached(curve, accuracy):
    for epochs, (seconds, value) in enumerate(curve, 1):
        if value >= accuracy:
            return f"{seconds:.0f} s, {epochs} epochs"
    return "never"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hone", default="target/release/hone")
    parser.add_argument("--data", required=True)
    parser.add_argument("--schedule", default="one-cycle", choices=["one-cycle", "constant"])
    parser.add_argument("--trainings", type=float, default=20)
    parser.add_argument("--peers", nargs="*", default=["hyperband"], help="hyperband, asha, median, none, random")
    parser.add_argument("--curves", type=pathlib.Path, help="keep every run's curve in this file, as soon as it has ended")
    options = parser.parse_args()
    task = options.data, options.schedule, options.trainings
    runs = {}
    for name in ["hone"] + [f"Optuna, {kind}" for kind in options.peers]:
        kind = name.removeprefix("Optuna, ")
        runs[name] = of_hone(options.hone, *task) if name == "hone" else of_optuna(kind, *task)
        if options.curves:
            options.curves.write_text(json.dumps(runs))
    ends = {name: max(value for _, value in curve) for name, (_, curve) in runs.items()}
    marks = [0.90, 0.91, 0.92]
    if options.peers:
        marks.append(ends[f"Optuna, {options.peers[0]}"])
    print("| | " + " | ".join(f"{mark:.4f}" for mark in marks) + " | best | epochs | seconds | images/s |")
    print("|---" * (len(marks) + 5) + "|")
    for name, (seconds, curve) in runs.items():
        times = " | ".join(reached(curve, mark) for mark in marks)
        print(f"| {name} | {times} | {ends[name]:.4f} | {len(curve)} | {seconds:.0f} | {len(curve) * 55000 / seconds:.0f} |")
