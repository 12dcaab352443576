//! How often the diagnosis is right: sicknesses made on purpose, and trainings that have none.
//!
//!     HONE_DATA=DIR cargo bench -p hone-worker --bench diagnosis                # the table of docs/diagnosis.md
//!     HONE_DATA=DIR cargo bench -p hone-worker --bench diagnosis -- overfitting # cases with this in their names
//!
//! Digits are embedded; where Fashion-MNIST and CIFAR-10 are not found, their cases are left out, and healthy trainings on
//! digits stand in. `cargo test` runs a short form: two seeds a case, on digits alone.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints its figures and reads its environment"
)]

mod cases;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use cases::Case;
use hone_worker::{
    cnn::{
        CnnTrainer,
        diagnosis::{Diagnosis, State},
    },
    data::Library,
    trainer::{Epoch, Objective, Stop, TrainError, Training, TrialSpec},
};
use serde_json::json;

/// Trainings of every sickness.
const SEEDS: u64 = 10;
/// The same in the short form.
const FEW_SEEDS: u64 = 2;

/// What a training of a case gave.
struct Outcome {
    said: Vec<Diagnosis>,
    /// Time of the epochs, and that part of it which the layers' statistics took.
    trained: Duration,
    observed: Duration,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let full = arguments.iter().any(|argument| argument == "--bench");
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let is_wanted =
        |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let roots = match std::env::var("HONE_DATA") {
        Ok(folders) if full => folders.split(':').map(PathBuf::from).collect(),
        _ => Vec::new(),
    };
    let library = Arc::new(Library::new(roots, BTreeMap::new()));
    let there = |source: &str| library.open(source).is_ok();
    let (seeds, healthy) = if full { (SEEDS, 50) } else { (FEW_SEEDS, 10) };
    let mut good = true;

    println!("| made on purpose | how | found |\n|---|---|---|");
    for case in cases::sick(there) {
        if is_wanted(&name_of(case.state)) {
            good &= made(&case, seeds, &library);
        }
    }
    if is_wanted("healthy") {
        good &= left_alone(&cases::healthy(there, healthy), full, &library);
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Makes a sickness with several seeds; whether it is found in nine of ten.
fn made(case: &Case, seeds: u64, library: &Arc<Library>) -> bool {
    let runs: Vec<(&Case, u64)> = (0..seeds).map(|seed| (case, seed)).collect();
    let outcomes = train_all(&runs, library);
    let is_found = |said: &[Diagnosis]| said.iter().any(|one| one.state == case.state);
    let hits = outcomes.iter().filter(|one| is_found(&one.said)).count();
    println!(
        "| {} | {} | {hits} of {seeds} |",
        name_of(case.state),
        case.how
    );
    for (seed, outcome) in outcomes.iter().enumerate() {
        if !is_found(&outcome.said) {
            println!("    seed {seed}: {}", words(&outcome.said));
        }
    }
    hits as u64 * 10 >= seeds * 9
}

/// Trains what is well; whether at most one in fifty is told otherwise.
fn left_alone(cases: &[Case], full: bool, library: &Arc<Library>) -> bool {
    let runs: Vec<(&Case, u64)> = cases.iter().zip(0..).collect();
    let outcomes = train_all(&runs, library);
    let mut false_words = 0;
    for (case, outcome) in cases.iter().zip(&outcomes) {
        if outcome.said.iter().any(|one| one.state != State::Healthy) {
            false_words += 1;
            println!("    {}: {}", case.how, words(&outcome.said));
        }
    }
    println!(
        "\n{false_words} false words in {} healthy trainings",
        cases.len()
    );
    let sum = |part: fn(&Outcome) -> Duration| outcomes.iter().map(part).sum::<Duration>();
    let share = sum(|one| one.observed).as_secs_f64() / sum(|one| one.trained).as_secs_f64();
    println!(
        "the layers' statistics took {:.2} % of their time",
        100.0 * share
    );
    false_words <= usize::from(full)
}

/// All of them, on every core.
fn train_all(runs: &[(&Case, u64)], library: &Arc<Library>) -> Vec<Outcome> {
    let next = Mutex::new(runs.iter().enumerate());
    let done = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let taken = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((index, (case, seed))) = taken else {
                        break;
                    };
                    let outcome = train(case, *seed, library)
                        .unwrap_or_else(|error| panic!("{}: {error}", case.how));
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.insert(index, outcome);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_values().collect()
}

fn train(case: &Case, seed: u64, library: &Arc<Library>) -> Result<Outcome, TrainError> {
    let trial = TrialSpec {
        id: String::from("diagnosis/1"),
        spec: json!({"data": case.data, "model": case.model, "train": case.train}),
        seed,
        repeat: 0,
        fold: 0,
        folds: 1,
        full_epochs: case.epochs,
        to_epoch: case.epochs,
        objective: Objective {
            metric: String::from("val_accuracy"),
            maximize: true,
            best: true,
        },
    };
    let mut training =
        CnnTrainer::new(Arc::clone(library), 1).begin(&trial, None, &Stop::default())?;
    while training.epochs_done() < case.epochs {
        match training.epoch(&Stop::default())? {
            Epoch::Done(_) => {}
            _ => break,
        }
    }
    let said = training.diagnosis().map(serde_json::from_value);
    let seconds = training.history().iter().map(|report| report.seconds).sum();
    Ok(Outcome {
        said: said.and_then(Result::ok).unwrap_or_default(),
        trained: Duration::from_secs_f64(seconds),
        observed: training.observing(),
    })
}

fn name_of(state: State) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{state:?}"),
    }
}

fn words(said: &[Diagnosis]) -> String {
    let words: Vec<String> = said
        .iter()
        .map(|one| format!("{}: {}", name_of(one.state), one.evidence))
        .collect();
    words.join(" + ")
}
