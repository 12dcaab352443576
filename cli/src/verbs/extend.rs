//! Gives a sweep more budget: one round more on the next box, then the finish again.

use hone_coordinator::search::Budget;

use super::orders::UNSERVED;
use crate::{
    args::{Place, no_trial},
    client,
    exit::Exit,
    output::out,
    sweep_file::search::parse_budget,
};

/// Arguments of `hone extend`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep [default: the latest]
    #[arg(default_value = "", hide_default_value = true)]
    sweep: String,
    /// How much more: "60 epochs" or "5 trainings"; "10 min" while workers are connected
    #[arg(long, value_name = "BUDGET", value_parser = parse_budget)]
    by: Budget,
    #[command(flatten)]
    place: Place,
}

/// Runs `hone extend`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    no_trial(
        &args.sweep,
        "`hone extend SWEEP --by \"20 epochs\"` gives its sweep more",
    )?;
    let mut orders = client::orders(&args.place).await?;
    let next = if orders.is_served() { "" } else { UNSERVED };
    let taken = orders.sweeps.extend(&args.sweep, args.by).await;
    orders.done().await;
    let (sweep, state) = taken?;
    out::note(format!("{sweep}: {state}{next}"));
    Ok(Exit::Done)
}
