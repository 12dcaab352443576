"""The table of a recorded sweep: python record.py hone.db > fashion.csv

One line an epoch of each point: point, its hyperparameters in order of path, epoch, val_accuracy. A point that diverged in its first epoch has
one line with epoch 0.
"""

import json
import sqlite3
import sys

db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
points = {point: json.loads(params) for point, params in db.execute("SELECT point, params_json FROM points WHERE sweep = 1 AND round = 1")}
ended = db.execute("SELECT number, point, state FROM trials WHERE sweep = 1 AND kind = 'search' AND state IN ('completed', 'diverged') ORDER BY point")
paths = sorted(next(iter(points.values())))
print("point", *paths, "epoch", "val_accuracy", sep=",")
for trial, point, _ in ended.fetchall():
    values = [points[point][path] for path in paths]
    # An epoch that was trained again after a loss counts as its last attempt has it.
    reports = db.execute("SELECT epoch, objective FROM reports WHERE sweep = 1 AND trial = ? ORDER BY epoch, attempt", (trial,))
    curve = {epoch: objective for epoch, objective in reports if objective is not None}
    for epoch, accuracy in curve.items() or [(0, "nan")]:
        print(point, *values, epoch, accuracy, sep=",")
