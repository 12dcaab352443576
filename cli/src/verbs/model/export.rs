//! Writes a sweep's trained network to a file: weights, architecture, preprocessing and labels.

use std::path::PathBuf;

use anyhow::Context;
use hone_coordinator::{
    ids::{SweepId, TrialNumber},
    store::{BlobKind, Reader},
};
use hone_worker::cnn::SavedNet;

use crate::{
    args::{Place, in_a_folder},
    client::{self, History, TrialName},
    exit::{Exit, wrong},
    output::out,
};

/// Arguments of `hone model export`.
#[derive(clap::Args)]
pub struct Args {
    /// A trial (SWEEP/17), or a sweep whose winner's best trial is meant [default: the latest sweep]
    #[arg(
        value_name = "SWEEP[/TRIAL]",
        default_value = "",
        hide_default_value = true
    )]
    of: String,
    /// Where the network is written
    #[arg(short, long, value_name = "FILE", default_value = "net.safetensors")]
    output: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Runs `hone model export`. The weights lie in `blobs/` beside the database, so the file must be at hand.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    if args.place.coordinator().is_some() {
        return Err(wrong(
            "weights are read from blobs/ beside the database: give --db, on the coordinator's machine",
        ));
    }
    in_a_folder("--output", &args.output)?;
    let history = client::connect(&args.place).await?;
    let name = match TrialName::unless_sweep(&args.of)? {
        Some(name) => history.full_name(&name).await?,
        None => winner(&history, &args.of).await?,
    };
    let reader = Reader::open(args.place.db()).await?;
    let trial = reader
        .trial(&SweepId::new(&name.sweep), TrialNumber(name.trial))
        .await?;
    let recorded = history.recorded(&name).await?;
    if recorded.trainer != "cnn" {
        return Err(wrong(format!(
            "{name} was trained by the program {:?}, and hone keeps no weights of such programs: they are where it wrote them",
            recorded.trainer
        )));
    }
    let kept = trial
        .blobs
        .iter()
        .filter(|blob| blob.kind == BlobKind::Weights && blob.stored)
        .max_by_key(|blob| blob.epoch)
        .with_context(|| {
            format!("{name} has no kept weights: only the last round's finalists keep them")
        })?;
    let blob = reader.blob_path(kept.hash).await?;
    // Opened, and not copied blindly: a damaged file is told here and not at its first use.
    let net = SavedNet::open(&blob)?;
    net.save(&args.output)?;
    out::note(format!(
        "wrote {}: {name}, epoch {}, {} parameters",
        args.output.display(),
        net.about.epoch,
        net.architecture.parameter_count
    ));
    Ok(Exit::Done)
}

/// Of the winner's trials the one with the best objective; the lower number of equals.
pub(super) async fn winner(history: &History, sweep: &str) -> anyhow::Result<TrialName> {
    let (detail, best) = history.best(sweep).await?;
    let mut found: Option<(f64, u64)> = None;
    for &trial in &best.trials {
        let name = TrialName {
            sweep: best.sweep.clone(),
            trial,
        };
        let Some(objective) = history.trial(&name).await?.summary.objective else {
            continue;
        };
        let better = found.is_none_or(|(old, _)| {
            if detail.maximize {
                objective > old
            } else {
                objective < old
            }
        });
        if better {
            found = Some((objective, trial));
        }
    }
    let (_, trial) = found.with_context(|| format!("{} has no finished trial", best.sweep))?;
    Ok(TrialName {
        sweep: best.sweep,
        trial,
    })
}
