"""Tunes scikit-learn's MLPClassifier on its digits, one line of JSON an epoch: all that hone asks of a program.

    hone run --exec mlp='python examples/exec/train.py' examples/exec/mlp.toml
"""

import json, os, pickle, signal, sys, warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

# SIGTERM means stop: between two epochs, with the state written.
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
warnings.filterwarnings("ignore")

trial = json.load(open(os.environ["HONE_TRIAL"]))
params = trial["params"]

images, labels = load_digits(return_X_y=True)
# The split is the same for every trial, so that they can be compared; the seed is the training's.
x, x_val, y, y_val = train_test_split(images / 16, labels, test_size=360, stratify=labels, random_state=0)

checkpoint = os.path.join(trial["checkpoint_dir"], "state.pickle")
if os.path.exists(checkpoint):
    epoch, net, rng = pickle.load(open(checkpoint, "rb"))
    print(f"goes on after epoch {epoch}")  # not JSON: a line of log
else:
    epoch, rng = 0, np.random.RandomState(trial["seed"])
    net = MLPClassifier(
        hidden_layer_sizes=[params["hidden"]] * params["layers"],
        alpha=params["alpha"],
        batch_size=params["batch_size"],
        learning_rate_init=params["learning_rate"],
        random_state=rng,
    )

while epoch < trial["to_epoch"] and not stopped:
    order = rng.permutation(len(x))
    net.partial_fit(x[order], y[order], classes=np.arange(10))
    epoch += 1
    # The state first, whole (a new name, then a rename), the line after it: so a stop in between loses nothing.
    with open(checkpoint + ".new", "wb") as file:
        pickle.dump((epoch, net, rng), file)
    os.replace(checkpoint + ".new", checkpoint)
    report = {"epoch": epoch, "train_loss": net.loss_, "val_accuracy": net.score(x_val, y_val)}
    print(json.dumps(report), flush=True)
    if not np.isfinite(net.loss_):
        sys.exit(75)  # diverged
