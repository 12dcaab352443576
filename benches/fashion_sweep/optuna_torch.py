"""What one would do without hone: Optuna and PyTorch on Fashion-MNIST, processes of one thread that share a journal.

    python optuna_torch.py FOLDER PROCESSES TRAININGS hyperband|asha|median|none|random one-cycle|constant

FOLDER has the IDX files (.gz). Space, network, first weights, size of the split, schedule and budget in epochs are those of sweep.toml.
One line of JSON an epoch on standard output: seconds since the start, trial, epoch, validation accuracy.
"""

import gzip, json, math, multiprocessing, os, sys, tempfile, time

import numpy as np

EPOCHS, BATCH, HELD_OUT = 9, 64, 5000


def images(folder, part):
    pixels = np.frombuffer(gzip.open(f"{folder}/{part}-images-idx3-ubyte.gz").read(), np.uint8, offset=16)
    labels = np.frombuffer(gzip.open(f"{folder}/{part}-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)
    return pixels.reshape(-1, 1, 28, 28).astype(np.float32) / 255, labels.astype(np.int64)


def split(folder):
    x, y = images(folder, "train")
    order = np.random.default_rng(7).permutation(len(x))
    train, held_out = order[HELD_OUT:], order[:HELD_OUT]
    x -= x[train].mean(0)
    return x[train], y[train], x[held_out], y[held_out]


def network(nn, dropout):
    layers = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1568, 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, 10),
    )
    for layer in layers:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    layers[-1].weight.data *= 0.1
    return layers


def study(journal, kind):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruners = optuna.pruners
    pruner = {
        "hyperband": lambda: pruners.HyperbandPruner(1, EPOCHS, 3),
        "asha": lambda: pruners.SuccessiveHalvingPruner(1, 3),
        "median": pruners.MedianPruner,
    }.get(kind, pruners.NopPruner)()
    samplers = optuna.samplers
    sampler = samplers.RandomSampler(seed=os.getpid()) if kind == "random" else samplers.TPESampler(seed=os.getpid())
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(journal))
    return optuna.create_study(
        study_name="fashion", storage=storage, pruner=pruner, sampler=sampler, direction="maximize", load_if_exists=True)


def search(folder, journal, kind, schedule, budget, spent, begun):
    """One process: trials until the epochs of all processes together are spent."""
    import optuna, torch

    torch.set_num_threads(1)
    x, y, x_held, y_held = (torch.from_numpy(np.ascontiguousarray(part)) for part in split(folder))
    steps = len(x) // BATCH
    layout = {"memory_format": torch.channels_last}
    loss_of = torch.nn.CrossEntropyLoss()

    def objective(trial):
        rate = trial.suggest_float("learning_rate", 1e-4, 1.0, log=True)
        decay = trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True)
        net = network(torch.nn, trial.suggest_float("dropout", 0, 0.5)).to(**layout)
        sgd = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, weight_decay=decay)
        cycle = None
        if schedule == "one-cycle":
            cycle = torch.optim.lr_scheduler.OneCycleLR(sgd, rate, total_steps=EPOCHS * steps, cycle_momentum=False)
        for epoch in range(1, EPOCHS + 1):
            with spent.get_lock():
                if spent.value >= budget:
                    trial.study.stop()
                    raise optuna.TrialPruned()
                spent.value += 1
            net.train()
            order = torch.randperm(len(x))
            for step in range(steps):
                batch = order[step * BATCH:(step + 1) * BATCH]
                loss = loss_of(net(x[batch].contiguous(**layout)), y[batch])
                sgd.zero_grad()
                loss.backward()
                sgd.step()
                if cycle:
                    cycle.step()
                if step % 100 == 0 and not torch.isfinite(loss):
                    trial.report(0.0, epoch - 1)
                    return 0.0
            net.eval()
            with torch.no_grad():
                right = [(net(x_held[i:i + 500]).argmax(1) == y_held[i:i + 500]).sum().item() for i in range(0, len(x_held), 500)]
            accuracy = sum(right) / len(x_held)
            # One write: the processes share the pipe, and print's text and its line end may come apart.
            os.write(1, f"{json.dumps([time.time() - begun, trial.number, epoch, accuracy])}\n".encode())
            trial.report(accuracy, epoch - 1)
            if epoch < EPOCHS and trial.should_prune():
                raise optuna.TrialPruned()
        return accuracy

    study(journal, kind).optimize(objective)


if __name__ == "__main__":
    folder, processes, trainings, kind, schedule = sys.argv[1:]
    begun = time.time()
    with tempfile.TemporaryDirectory() as scratch:
        journal = f"{scratch}/journal"
        study(journal, kind)
        spent = multiprocessing.Value("i", 0)
        arguments = (folder, journal, kind, schedule, math.floor(float(trainings) * EPOCHS), spent, begun)
        started = [multiprocessing.Process(target=search, args=arguments) for _ in range(int(processes))]
        for process in started:
            process.start()
        for process in started:
            process.join()
