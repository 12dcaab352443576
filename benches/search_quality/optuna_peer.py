"""Optuna on the same tasks, answered by the bench itself (`--serve`), at equal total epochs.

    python optuna_peer.py BENCH_BINARY OUT.tsv [--seeds N] [--budget B] [--first SEED] [--task NUMBER]

A trial that diverges is pruned, so that TPE learns from it. A study ends when its epochs are spent; a trial that the end cuts short does
not count. Recommended is the best completed trial, which is what `study.best_trial` is.
"""

import argparse
import math
import subprocess
import sys

import optuna

FULL_EPOCHS = 9
PRUNERS = {
    "TPE": lambda: optuna.pruners.NopPruner(),
    "TPE + median": lambda: optuna.pruners.MedianPruner(),
    "TPE + ASHA": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    "TPE + Hyperband": lambda: optuna.pruners.HyperbandPruner(min_resource=1, max_resource=FULL_EPOCHS, reduction_factor=3),
}


class Bench:
    """The task server."""

    def __init__(self, binary):
        self.process = subprocess.Popen([binary, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.tasks = [name.rsplit("|", 1) for name in self.ask("names").split(";")]

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def number(self, *words):
        return float(self.ask(" ".join(str(word) for word in words)))


class Spent(Exception):
    pass


def study(bench, task, dimensions, budget, seed, pruner):
    left = budget * FULL_EPOCHS
    count = 0

    def objective(trial):
        nonlocal left, count
        count += 1
        u = [trial.suggest_float(f"u{i}", 0.0, 1.0) for i in range(dimensions)]
        for epoch in range(1, FULL_EPOCHS + 1):
            if left == 0:
                raise Spent
            left -= 1
            value = bench.number(task, seed * 1_000_003 + count, epoch, *u)
            if math.isnan(value):
                raise optuna.TrialPruned
            trial.report(value, epoch)
            if epoch < FULL_EPOCHS and trial.should_prune():
                raise optuna.TrialPruned
        return value

    found = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner, study_name=f"{task}-{seed}")
    while left > 0:
        try:
            found.optimize(objective, n_trials=1)
        except Spent:
            break
    done = [t for t in found.trials if t.state == optuna.trial.TrialState.COMPLETE]
    if not done:
        return math.nan
    best = min(done, key=lambda t: t.value)
    return bench.number(task, "loss", *(best.params[f"u{i}"] for i in range(dimensions)))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("binary")
    arguments.add_argument("out")
    arguments.add_argument("--seeds", type=int, default=50)
    arguments.add_argument("--first", type=int, default=0)
    arguments.add_argument("--budget", type=int, action="append")
    arguments.add_argument("--task", type=int, action="append", help="from 0; all of them without it")
    given = arguments.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    bench = Bench(given.binary)
    with open(given.out, "a") as out:
        for seed in range(given.first, given.first + given.seeds):
            for budget in given.budget or [20, 60]:
                for task, (name, dimensions) in enumerate(bench.tasks):
                    if given.task and task not in given.task:
                        continue
                    for label, pruner in PRUNERS.items():
                        loss = study(bench, task, int(dimensions), budget, seed, pruner())
                        print(label, task, budget, seed, repr(loss), sep="\t", file=out, flush=True)
            print("seed", seed, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
