"""Ray Tune under the load of `cargo bench --bench load`: two log-uniform parameters, a few reported values a trial, nothing
trained. Usage: raytune_load.py TRIALS EPOCHS"""

import os
import sys
import tempfile
import time

os.environ["RAY_AIR_NEW_OUTPUT"] = "0"

import ray
from ray import tune


def main():
    trials, epochs = map(int, sys.argv[1:3])
    ray.init(num_cpus=os.cpu_count(), include_dashboard=False, logging_level="ERROR", log_to_driver=False)

    def train(_):
        for _ in range(epochs):
            tune.report({"score": 0.5})

    space = {"lr": tune.loguniform(1e-6, 1e-3), "reg": tune.loguniform(1e-5, 1e5)}
    tuner = tune.Tuner(
        train,
        param_space=space,
        tune_config=tune.TuneConfig(num_samples=trials, metric="score", mode="max"),
        run_config=tune.RunConfig(verbose=0, storage_path=tempfile.mkdtemp()),
    )
    begun = time.perf_counter()
    done = len(tuner.fit())
    seconds = time.perf_counter() - begun
    print(f"\n  ray tune {ray.__version__}: {done / seconds:.2f} trials/s", flush=True)


if __name__ == "__main__":
    main()
