//! Trains a trial again, here, and compares the weights after every epoch with those that were reported.

use std::{path::Path, sync::Arc};

use hone_worker::{
    cnn::{CnnTrainer, Config},
    trainer::{Epoch, Stop, Trainer, Training},
};
use serde_json::json;

use crate::{
    args::{self, Place, WorkerSetup},
    client::{self, TrialName},
    exit::{Exit, wrong},
    local::{data::find_again, setup},
    output::{numbers, out, style::Style},
    view::{CurvePoint, Recorded},
};

/// Arguments of `hone reproduce`.
#[derive(clap::Args)]
pub struct Args {
    /// The trial: SWEEP/17, or 17 of the latest sweep
    #[arg(value_name = "SWEEP/TRIAL")]
    trial: String,
    /// Where data sets are, or NAME=DIR for one set or a folder of images; may be repeated
    #[arg(long, value_name = "DIR|NAME=DIR")]
    data: Vec<String>,
    /// Threads to train with; the result does not depend on it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Does it; the exit code is 1 when something differs.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let trial = args::trial(&args.trial, "`hone trials SWEEP` lists its trials")?;
    let history = client::connect(&args.place).await?;
    let name = history.full_name(&trial).await?;
    let recorded = history.recorded(&name).await?;
    check_kind(&name, &recorded)?;
    let setup = WorkerSetup {
        data: args.data,
        threads: args.threads,
        ..WorkerSetup::default()
    };
    let trainer = trainer(&name, &recorded, &setup)?;
    let trial = recorded.spec.clone();
    // Training blocks: it is kept off the threads that handle messages, as in a worker.
    let training = tokio::task::spawn_blocking(move || {
        trainer.start(&trial, None, Path::new(""), &Stop::default())
    })
    .await??;
    let stored = recorded.detail.curve.clone();
    let diverged = recorded.detail.summary.state == "diverged";
    let verdict =
        tokio::task::spawn_blocking(move || compare(training, &stored, diverged)).await??;
    tell(&name, &verdict, args.json)?;
    Ok(match verdict.differs {
        None => Exit::Done,
        Some(_) => Exit::Failed,
    })
}

/// What came out.
struct Verdict {
    epochs: usize,
    /// The last epoch's hash.
    hash: Option<String>,
    differs: Option<Difference>,
}

/// Where the second training left the first one's path.
struct Difference {
    epoch: u32,
    stored: String,
    here: String,
}

fn check_kind(name: &TrialName, recorded: &Recorded) -> anyhow::Result<()> {
    let detail = &recorded.detail;
    if recorded.trainer != "cnn" {
        return Err(wrong(format!(
            "{name} was trained by the program {:?}; only what the built-in trainer trained can be compared",
            recorded.trainer
        )));
    }
    recorded.trained_as_here()?;
    if detail.kind != "search" {
        return Err(wrong(format!(
            "{name} is a {} trial: it trains nothing that is kept",
            detail.kind
        )));
    }
    if detail.curve.is_empty() && detail.summary.state != "diverged" {
        let state = detail.summary.state;
        return Err(wrong(format!(
            "{name} is {state} and has no epoch to compare"
        )));
    }
    Ok(())
}

/// The built-in trainer, over the very images that the trial was trained on.
fn trainer(
    name: &TrialName,
    recorded: &Recorded,
    setup: &WorkerSetup,
) -> anyhow::Result<CnnTrainer> {
    let config = Config::from_spec(&recorded.spec.spec)?.data;
    let named = find_again(&setup.data, &config.source, recorded.data_hash.as_deref());
    let threads = usize::from(setup.threads);
    let library = Arc::new(setup::library(&named)?.with_threads(threads));
    let set_name = config.set_name();
    let set = library
        .open(&set_name)
        .map_err(|error| wrong(error.to_string()))?;
    let here = numbers::hex(&set.hash);
    match &recorded.data_hash {
        Some(stored) if *stored != here => Err(wrong(format!(
            "{name} was trained on {set_name} with hash {stored}; here it has hash {here}: give --data the folder that was \
             used"
        ))),
        _ => Ok(CnnTrainer::new(library, threads)),
    }
}

/// Trains as far as was reported (and, for a trial that diverged, on into that), epoch by epoch.
fn compare(
    mut training: Box<dyn Training>,
    stored: &[CurvePoint],
    diverged: bool,
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict {
        epochs: 0,
        hash: None,
        differs: None,
    };
    let stop = Stop::default();
    for point in stored {
        let expected = point.weights_hash.clone().unwrap_or_default();
        let here = match training.epoch(&stop)? {
            Epoch::Done(report) | Epoch::Last(report) => numbers::hex(&report.weights_hash),
            other => ended(&other),
        };
        let equal = here == expected;
        let word = if equal { "equal" } else { "differs" };
        out::note(format!("epoch {:>3}  {here}  {word}", point.epoch));
        if !equal {
            verdict.differs = Some(Difference {
                epoch: point.epoch,
                stored: expected,
                here,
            });
            return Ok(verdict);
        }
        verdict.epochs += 1;
        verdict.hash = Some(here);
    }
    if diverged {
        let epoch = stored.last().map_or(0, |point| point.epoch) + 1;
        let end = training.epoch(&stop)?;
        if !matches!(end, Epoch::Diverged { .. }) {
            verdict.differs = Some(Difference {
                epoch,
                stored: "diverged".to_owned(),
                here: ended(&end),
            });
        }
    }
    Ok(verdict)
}

/// How an epoch ended that gave no weights to compare, or should not have given any.
fn ended(epoch: &Epoch) -> String {
    match epoch {
        Epoch::Done(_) | Epoch::Last(_) => "no divergence".to_owned(),
        Epoch::Diverged { reason, .. } => format!("diverged: {reason}"),
        Epoch::Ended | Epoch::Stopped => "the training ended".to_owned(),
    }
}

fn tell(name: &TrialName, verdict: &Verdict, as_json: bool) -> anyhow::Result<()> {
    let differs = verdict.differs.as_ref();
    if as_json {
        return out::json(&json!({
            "sweep": name.sweep,
            "trial": name.trial,
            "equal": differs.is_none(),
            "epochs": verdict.epochs,
            "weights_hash": verdict.hash,
            "differs_at": differs.map(|d| d.epoch),
        }));
    }
    let style = Style::stdout();
    let epochs = numbers::plural(verdict.epochs as u64, "epoch");
    out::print(&match differs {
        None if verdict.epochs == 0 => format!("{name}: {}\n", style.green("diverges again")),
        None => format!("{name}: {}, {epochs}\n", style.green("equal to the bit")),
        Some(d) => format!(
            "{name}: {} at epoch {}: stored {}, trained here {}\n",
            style.red("differs"),
            d.epoch,
            d.stored,
            d.here
        ),
    })
}
