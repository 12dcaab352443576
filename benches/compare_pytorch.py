"""`hone model bench` beside PyTorch on this machine, in turns, so that a busy machine treats all alike.

    python benches/compare_pytorch.py --hone target/release/hone --rounds 7            # the reference net, one thread
    python benches/compare_pytorch.py --pair                                           # two one-thread trainings at once
    python benches/compare_pytorch.py --variants --rounds 3 --steps 10                 # one thing exchanged at a time
    python benches/compare_pytorch.py --variants residual 5x5                          # some of them

Prints, for each, the median of the rounds with its range, and hone's ratio to it: median and range of the ratios within a round.
Needs PyTorch (pip install torch) in the Python that runs it.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str((1 << 31) - 1),
    "MALLOC_TOP_PAD_": str(1 << 26),
}
VARIANTS = [
    "relu", "none", "sigmoid", "tanh", "leaky_relu", "prelu", "elu", "gelu", "silu", "momentum", "rmsprop", "adagrad",
    "adam", "adamw", "5x5", "stride_2", "average_pool", "residual", "no_batch_norm", "batch_16", "batch_256", "two_layer",
]
ACTIVATIONS = VARIANTS[:9]
OPTIMIZERS = VARIANTS[10:14]


def sweep(variant, batch):
    """The same net as a sweep file."""
    size = 5 if variant == "5x5" else 3
    more = ", residual = true" if variant == "residual" else ""
    kind = ', pool_kind = "average"' if variant == "average_pool" else ""
    stride = ", stride = 2" if variant == "stride_2" else ""
    conv = (
        f"{{ filters = 32, size = {size}{more} }}, "
        f"{{ filters = 32, size = {size}, pool = 2{stride}{kind}{more} }}, "
        f"{{ filters = 64, size = {size}, pool = 2{kind}{more} }}"
    )
    model = f"conv = [{conv}]"
    if variant == "two_layer":
        model = "hidden = [50]\nbatch_norm = false"
    if variant == "no_batch_norm":
        model += "\nbatch_norm = false"
    if variant in ACTIVATIONS:
        model += f'\nactivation = "{variant}"'
    train = f"batch_size = {batch}\nlearning_rate = 1e-3"
    train += f'\noptimizer = "{variant if variant in OPTIMIZERS else "sgd"}"'
    train += f"\nmomentum = {0.9 if variant == 'momentum' else 0.0}"
    return f"""name = "bench"
[data]
source = "cifar10"
preprocess = "mean-channel"
[model]
{model}
[train]
{train}
[search]
budget = "1 trainings"
full_epochs = 1
strategy = "random"
"""


def measure(command, environment, copies):
    env = {**os.environ, **environment}
    running = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(copies)]
    found = [json.loads(process.communicate()[0].strip().splitlines()[-1]) for process in running]
    if any(process.returncode for process in running):
        sys.exit(f"failed: {' '.join(map(str, command))}")
    key = "train_images_per_second" if "train_images_per_second" in found[0] else "images_per_second"
    return sum(one[key] for one in found), sum(one["eval_images_per_second"] for one in found)


def compare(args, variant):
    batch = {"batch_16": 16, "batch_256": 256}.get(variant, 64)
    copies = 2 if args.pair else 1
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "bench.toml"
        file.write_text(sweep(variant, batch))
        contenders = {"hone": ([args.hone, "model", "bench", file, "--json", "--threads", str(args.threads)], {})}
        for layout in ["channels_last"] if args.variants is not None else ["nchw", "channels_last", "tuned"]:
            command = [sys.executable, HERE / "pytorch_step.py", "--batch", batch, "--steps", args.steps, "--threads",
                       args.threads, "--layout", layout, "--variant", variant]
            contenders[f"PyTorch {layout}"] = (list(map(str, command)), MALLOC if layout == "tuned" else {})
        seen = {name: [] for name in contenders}
        for _ in range(args.rounds):
            for name, (command, environment) in contenders.items():
                seen[name].append(measure(command, environment, copies))
    hone = [train for train, _ in seen["hone"]]
    for name, values in seen.items():
        train = [value for value, _ in values]
        evaluation = statistics.median(value for _, value in values)
        ratios = [ours / theirs for ours, theirs in zip(hone, train)]
        ratio = statistics.median(ratios)
        print(f"{variant:14} {name:22} {statistics.median(train):7.0f} images/s ({min(train):.0f} to {max(train):.0f}), "
              f"evaluation {evaluation:7.0f}, hone/this {ratio:5.2f} ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hone", default="target/release/hone")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pair", action="store_true", help="two trainings at once, one a core; their sum")
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, metavar="NAME",
                        help="the reference net with one thing exchanged: these, or all")
    args = parser.parse_args()
    for variant in ["relu"] if args.variants is None else args.variants or VARIANTS:
        compare(args, variant)


if __name__ == "__main__":
    main()
