//! A new trial of the same point.

use crate::{
    args::Place,
    client::{self, TrialName},
    exit::Exit,
    output::out,
};

/// Arguments of `hone retry`.
#[derive(clap::Args)]
pub struct Args {
    /// The trial: SWEEP/17, or 17 of the latest sweep
    #[arg(value_name = "SWEEP/TRIAL")]
    trial: TrialName,
    #[command(flatten)]
    place: Place,
}

/// Does it.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let mut orders = client::orders(&args.place).await?;
    let name = orders.history.full_name(&args.trial).await?;
    let (trial, state) = orders.sweeps.retry(&name).await?;
    orders.done().await;
    out::note(format!("{trial}: {state}"));
    Ok(Exit::Done)
}
