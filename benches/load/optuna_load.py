"""Optuna's storages under the load of `cargo bench --bench load`: two log-uniform parameters, a few reported values a
trial, nothing trained. Usage: optuna_load.py journal|sqlite|grpc WORKERS TRIALS EPOCHS"""

import multiprocessing
import sys
import tempfile
import time

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
PORT = 13998


def open_storage(kind, folder):
    if kind == "sqlite":
        return optuna.storages.RDBStorage(f"sqlite:///{folder}/optuna.db")
    if kind == "journal":
        backend = optuna.storages.journal.JournalFileBackend(f"{folder}/optuna.log")
        return optuna.storages.JournalStorage(backend)
    return optuna.storages.GrpcStorageProxy(host="127.0.0.1", port=PORT)


def serve(folder):
    database = optuna.storages.RDBStorage(f"sqlite:///{folder}/optuna.db")
    optuna.storages.run_grpc_proxy_server(database, host="127.0.0.1", port=PORT)


def work(kind, folder, trials, epochs):
    def objective(trial):
        trial.suggest_float("lr", 1e-6, 1e-3, log=True)
        trial.suggest_float("reg", 1e-5, 1e5, log=True)
        for epoch in range(epochs):
            trial.report(0.5, epoch)
        return 0.5

    study = optuna.load_study(
        study_name="load", storage=open_storage(kind, folder), sampler=optuna.samplers.RandomSampler()
    )
    study.optimize(objective, n_trials=trials)


def main():
    kind, workers, trials, epochs = sys.argv[1], *map(int, sys.argv[2:5])
    folder = tempfile.mkdtemp()
    if kind == "grpc":
        multiprocessing.Process(target=serve, args=(folder,), daemon=True).start()
        time.sleep(3)
    optuna.create_study(study_name="load", storage=open_storage(kind, folder), direction="maximize")
    begun = time.perf_counter()
    share = trials // workers
    crowd = [multiprocessing.Process(target=work, args=(kind, folder, share, epochs)) for _ in range(workers)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join()
    seconds = time.perf_counter() - begun
    done = share * workers
    print(f"  optuna {optuna.__version__} {kind}, {workers} workers: {done / seconds:.1f} trials/s", flush=True)


if __name__ == "__main__":
    main()
