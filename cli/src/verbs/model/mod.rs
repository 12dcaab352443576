//! Looks at a network by itself: before a sweep, and after one.

mod activations;
mod bench;
mod check;
mod eval;
mod export;
mod predict;
mod spec;
mod summary;
mod train;

use std::{path::Path, sync::Arc};

use clap::Subcommand;
use hone_worker::{
    cnn::{CnnTrainer, Config, SavedNet},
    trainer::{Objective, TrainError, TrialSpec},
};
use serde_json::Value;

use crate::{
    args::WorkerSetup,
    exit::{Exit, wrong},
    local::setup,
    output::hints::quoted,
    sweep_file::{
        self, SweepFile,
        tables::{At, Direction},
    },
};

/// Arguments of `hone model`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// What can be asked about a network.
#[derive(Subcommand)]
enum Verb {
    /// Print shapes, parameters and multiply-adds of a sweep file's network
    Summary(summary::Args),
    /// Check that a sweep file's networks train at all
    Check(check::Args),
    /// Measure how fast a sweep file's network trains on this machine
    Bench(bench::Args),
    /// Draw what first weights do to activations, layer by layer
    Activations(activations::Args),
    /// Train one network and write it to a file
    Train(train::Args),
    /// Write a sweep's trained network to a file
    Export(export::Args),
    /// Evaluate a trained network on a data set
    Eval(eval::Args),
    /// Name the class of images
    Predict(predict::Args),
}

/// Runs `hone model`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::Summary(args) => summary::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Activations(args) => activations::run(&args),
        Verb::Train(args) => train::run(args).await,
        Verb::Export(args) => export::run(args).await,
        Verb::Eval(args) => eval::run(&args),
        Verb::Predict(args) => predict::run(&args),
    }
}

/// Reads a sweep file that the built-in trainer can take, and the configuration at the middle of its space.
fn read(path: &Path) -> anyhow::Result<(SweepFile, Config)> {
    let file = sweep_file::read(path)?;
    if file.trainer != "cnn" {
        return Err(wrong(format!(
            "{}: trainer = \"{}\"; only the built-in trainer's networks can be looked at",
            path.display(),
            file.trainer
        )));
    }
    let config = Config::from_spec(&file.middle())?;
    Ok((file, config))
}

/// The built-in trainer over the data sets that the flags name, and the file's own folder.
fn trainer(file: &SweepFile, setup: &WorkerSetup) -> anyhow::Result<CnnTrainer> {
    match &file.data {
        Some(data) => trainer_over(&setup::with_folder(&setup.data, data), setup),
        None => trainer_over(&setup.data, setup),
    }
}

/// The built-in trainer over these data sets.
fn trainer_over(data: &[String], setup: &WorkerSetup) -> anyhow::Result<CnnTrainer> {
    let threads = usize::from(setup.threads);
    let library = setup::library(data)?.with_threads(threads);
    Ok(CnnTrainer::new(Arc::new(library), threads))
}

/// Reads a trained network; of what is none, says how one is made.
fn open_net(path: &Path) -> anyhow::Result<SavedNet> {
    let shown = path.display().to_string();
    let first = match path.extension() {
        Some(_) => format!(
            "write one first: `hone model export SWEEP -o {}`",
            quoted(&shown)
        ),
        None => format!(
            "write it first: `hone model export {} -o net.safetensors`",
            quoted(&shown)
        ),
    };
    if !path.is_file() {
        let problem = if path.is_dir() {
            "is a folder"
        } else {
            "is no file"
        };
        return Err(wrong(format!(
            "{shown} {problem}, and a network is one; {first}"
        )));
    }
    SavedNet::open(path).map_err(|error| match error {
        TrainError::Checkpoint { reason, .. } => wrong(format!(
            "{shown} is no network of hone's ({reason}); {first}"
        )),
        error => error.into(),
    })
}

/// A trial outside any sweep.
fn trial(file: &SweepFile, spec: Value, epochs: u32) -> TrialSpec {
    TrialSpec {
        id: format!("{}/0", file.name),
        spec,
        seed: file.seed & u64::from(u32::MAX),
        repeat: 0,
        fold: 0,
        folds: file.data.as_ref().map_or(1, |data| data.folds),
        full_epochs: epochs,
        to_epoch: epochs,
        objective: Objective {
            metric: file.objective.metric.clone(),
            maximize: file.objective.direction() == Direction::Maximize,
            best: file.objective.at == At::Best,
        },
    }
}
