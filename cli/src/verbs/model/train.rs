//! Trains one network with given params and writes it to a file.

use std::path::PathBuf;

use hone_worker::trainer::{Epoch, Stop, Training};

use super::{read, spec, trainer, trial};
use crate::{
    args::WorkerSetup,
    exit::Exit,
    output::{numbers, out},
};

/// Arguments of `hone model train`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep file; domains stand at their middle unless --set says otherwise
    #[arg(value_name = "SWEEP.toml")]
    file: PathBuf,
    /// A hyperparameter's value, such as train.learning_rate=0.05; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Epochs [default: search.full_epochs, or those of the last round]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Train on the validation part too; the last epoch's weights are then kept
    #[arg(long)]
    all_data: bool,
    /// Where the network is written
    #[arg(short, long, value_name = "FILE", default_value = "net.safetensors")]
    output: PathBuf,
    #[command(flatten)]
    setup: WorkerSetup,
}

/// Does it.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let (file, _) = read(&args.file)?;
    let mut values = file.middle();
    for text in &args.set {
        spec::place(&file, &mut values, text)?;
    }
    let trainer = trainer(Some(&file), &args.setup)?;
    let trial = trial(
        &file,
        values,
        args.epochs.unwrap_or_else(|| spec::epochs(&file)),
    );
    let mut training = if args.all_data {
        trainer.begin_on_everything(&trial)?
    } else {
        trainer.begin(&trial, None)?
    };
    for _ in 0..trial.to_epoch {
        let (Epoch::Done(report) | Epoch::Last(report)) = training.epoch(&Stop::default())? else {
            anyhow::bail!("the training diverged; a lower train.learning_rate may help");
        };
        let metrics: Vec<String> = report
            .metrics
            .iter()
            .map(|(name, value)| format!("{name} {}", numbers::metric(*value)))
            .collect();
        out::note(format!("epoch {:>3}  {}", report.epoch, metrics.join("  ")));
    }
    training.save_best(&args.output)?;
    out::note(format!("wrote {}", args.output.display()));
    Ok(Exit::Done)
}
