//! Trains one network, with a sweep's winning params or with those of a sweep file, and writes it to a file.

use std::path::{Path, PathBuf};

use hone_worker::{
    cnn::{CnnTrainer, Config},
    trainer::{Epoch, Stop, Training, TrialSpec},
};

use super::{export, read, spec, trainer, trainer_over, trial};
use crate::{
    args::{Place, WorkerSetup, in_a_folder},
    client::{self, TrialName},
    exit::{Exit, wrong},
    local::data::find_again,
    output::{
        numbers::{self, hex},
        out,
    },
    sweep_file,
};

/// Arguments of `hone model train`.
#[derive(clap::Args)]
pub struct Args {
    /// A sweep, for its winner's params, or a trial (SWEEP/17), for that one's; or a sweep file, whose domains stand at
    /// their middle unless --set says otherwise
    #[arg(value_name = "SWEEP[/TRIAL]|SWEEP.toml")]
    of: String,
    /// A hyperparameter's value in place of the file's middle, such as train.learning_rate=0.05; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Epochs, and the schedule's horizon [default: the trial's, or the file's search.full_epochs or last round]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Train on the validation part too, drawn or the set's own; the last epoch's weights are then kept
    #[arg(long)]
    all_data: bool,
    /// Where the network is written
    #[arg(short, long, value_name = "FILE", default_value = "net.safetensors")]
    output: PathBuf,
    #[command(flatten)]
    setup: WorkerSetup,
    #[command(flatten)]
    place: Place,
}

/// Runs `hone model train`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    in_a_folder("--output", &args.output)?;
    let path = Path::new(&args.of);
    let is_file = path
        .extension()
        .is_some_and(|extension| extension == "toml");
    let (trainer, mut trial) = if is_file || path.is_file() {
        of_file(path, &args)?
    } else {
        of_sweep(&args).await?
    };
    if let Some(epochs) = args.epochs {
        (trial.full_epochs, trial.to_epoch) = (epochs, epochs);
    }
    // Training blocks: it is kept off the threads that handle messages, as in a worker.
    tokio::task::spawn_blocking(move || train(&trainer, &trial, args.all_data, &args.output))
        .await?
}

fn of_file(path: &Path, args: &Args) -> anyhow::Result<(CnnTrainer, TrialSpec)> {
    let (file, _) = read(path)?;
    let mut values = file.middle();
    for text in &args.set {
        spec::set_hyperparameter(&file, &mut values, text)?;
    }
    let params = file.domains.iter().filter_map(|domain| {
        let value = sweep_file::get(&values, &domain.path)?;
        Some(format!("{} = {}", domain.path, numbers::value(value)))
    });
    let params: Vec<String> = params.collect();
    if !params.is_empty() {
        out::note(format!("with {}", params.join(", ")));
    }
    let trial = trial(&file, values, spec::epochs(&file));
    Ok((trainer(&file, &args.setup)?, trial))
}

/// The trial that `hone model export` would export: with the same images and epochs it comes out bit by bit.
async fn of_sweep(args: &Args) -> anyhow::Result<(CnnTrainer, TrialSpec)> {
    if !args.set.is_empty() {
        return Err(wrong(
            "--set goes with a sweep file; a sweep's winner has a value for everything",
        ));
    }
    let history = client::connect(&args.place).await?;
    let name = match TrialName::unless_sweep(&args.of)? {
        Some(name) => history.full_name(&name).await?,
        None => export::winner(&history, &args.of).await?,
    };
    let recorded = history.recorded(&name).await?;
    if recorded.trainer != "cnn" {
        return Err(wrong(format!(
            "{name} was trained by the program {:?}; only the built-in trainer's networks can be trained alone",
            recorded.trainer
        )));
    }
    recorded.trained_as_here()?;
    let mut trial = recorded.spec;
    trial.to_epoch = trial.full_epochs;
    let params = recorded.detail.summary.params.iter();
    let params = params.map(|(path, value)| format!("{path} = {}", numbers::value(value)));
    let params: Vec<String> = params.collect();
    out::note(format!(
        "params, seed and epochs of {name}: {}",
        params.join(", ")
    ));
    let data = Config::from_spec(&trial.spec)?.data;
    let pinned = recorded.data_hash.as_deref();
    let named = find_again(&args.setup.data, &data.source, pinned);
    let trainer = trainer_over(&named, &args.setup)?;
    let here = hex(&trainer.library().open(&data.set_name())?.hash);
    if pinned.is_some_and(|pinned| pinned != here) {
        out::note(format!(
            "{} has other images here than {name} was trained on: another network comes of it",
            data.source
        ));
    }
    Ok((trainer, trial))
}

fn train(
    trainer: &CnnTrainer,
    trial: &TrialSpec,
    all_data: bool,
    output: &Path,
) -> anyhow::Result<Exit> {
    let stop = Stop::default();
    let mut training = if all_data {
        trainer.begin_on_everything(trial, &stop)?
    } else {
        trainer.begin(trial, None, &stop)?
    };
    out::note(training.sizes());
    while training.epochs_done() < trial.to_epoch {
        let (report, last) = match training.epoch(&stop)? {
            Epoch::Done(report) => (report, false),
            Epoch::Last(report) => (report, true),
            Epoch::Diverged { reason, .. } => {
                anyhow::bail!(
                    "the training diverged ({reason}); a lower train.learning_rate may help"
                )
            }
            Epoch::Ended | Epoch::Stopped => break,
        };
        let metrics: Vec<String> = report
            .metrics
            .iter()
            .map(|(name, value)| format!("{name} {}", numbers::metric(*value)))
            .collect();
        out::note(format!(
            "epoch {:>3}  {}  {:.1} s",
            report.epoch,
            metrics.join("  "),
            report.seconds
        ));
        if last {
            break;
        }
    }
    training.save_best(output)?;
    out::note(format!("wrote {}", output.display()));
    Ok(Exit::Done)
}
