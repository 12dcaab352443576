use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
use hone_worker::{cnn::CnnTrainer, data::Library, trainer::*};
// explore SPEC.json SEEDS EPOCHS [data root]
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let spec: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&args[1]).unwrap()).unwrap();
    let seeds: u64 = args[2].parse().unwrap();
    let epochs: u32 = args[3].parse().unwrap();
    let threads: usize = args[4].parse().unwrap();
    let library = Arc::new(Library::new(args.get(5).map(PathBuf::from).into_iter().collect(), BTreeMap::new()));
    let trainer = CnnTrainer::new(library, threads);
    for seed in 0..seeds {
        let trial = TrialSpec { id: "x/1".into(), spec: spec.clone(), seed, repeat: 0, fold: 0, folds: 1, full_epochs: epochs, to_epoch: epochs,
            objective: Objective { metric: "val_accuracy".into(), maximize: true, best: true } };
        let start = std::time::Instant::now();
        let mut training = trainer.start(&trial, None, &std::env::temp_dir()).unwrap();
        let mut best: f64 = 0.0; let mut images = 0; let mut line = String::new();
        for _ in 0..epochs {
            match training.epoch(&Stop::default()).unwrap() {
                Epoch::Done(r) | Epoch::Last(r) => { best = best.max(r.metrics["val_accuracy"]); images += r.images; line += &format!(" {:.4}/{:.3}", r.metrics["val_accuracy"], r.metrics["train_loss"]); }
                other => { line += &format!(" {other:?}"); break; }
            }
        }
        let s = start.elapsed().as_secs_f64();
        println!("seed {seed} best {best:.4} {s:.1}s {:.0} img/s:{line}", images as f64 / s);
    }
}
