//! What a person tells a sweep or a trial to do: `hone pause`, `resume`, `stop`, `cancel` and `retry`.
//!
//! An order goes to the coordinator that serves the database. When none runs, one is started for the order alone.

use crate::{
    args::Place,
    client::{self, Order, TrialName, TrialOrder},
    exit::Exit,
    output::out,
};

/// Arguments of an order to a sweep.
#[derive(clap::Args)]
pub struct SweepArgs {
    /// The sweep [default: the latest]
    #[arg(default_value = "", hide_default_value = true)]
    sweep: String,
    #[command(flatten)]
    place: Place,
}

/// Arguments of an order to a trial.
#[derive(clap::Args)]
pub struct TrialArgs {
    /// The trial: SWEEP/17, or 17 of the latest sweep
    #[arg(value_name = "SWEEP/TRIAL")]
    trial: TrialName,
    #[command(flatten)]
    place: Place,
}

/// Tells a sweep to do something.
pub async fn sweep(order: Order, args: SweepArgs) -> anyhow::Result<Exit> {
    let mut orders = client::orders(&args.place).await?;
    let served = orders.is_served();
    let taken = orders.sweeps.order(order, &args.sweep).await;
    orders.done().await;
    let (sweep, state) = taken?;
    out::note(match (order, state) {
        (Order::Pause, "paused") if served => {
            format!("{sweep}: paused; its workers give back what they train")
        }
        (Order::Stop, state) if state != "stopped" => {
            format!("{sweep}: stopping; running trials end at their next epoch")
        }
        (Order::Resume, state) if !served => format!(
            "{sweep}: {state}, but no coordinator runs: give `hone run` its file again, or start `hone coordinator` and \
             `hone worker`"
        ),
        (_, state) => format!("{sweep}: {state}"),
    });
    Ok(Exit::Done)
}

/// Does something to a trial.
pub async fn trial(order: TrialOrder, args: TrialArgs) -> anyhow::Result<Exit> {
    let mut orders = client::orders(&args.place).await?;
    let taken = orders.order(order, &args.trial).await;
    orders.done().await;
    let (asked, (trial, state)) = taken?;
    out::note(match (order, state) {
        (TrialOrder::Cancel, "running") => format!("{trial}: ends at its next epoch"),
        (TrialOrder::Cancel, state) => format!("{trial}: {state}"),
        (TrialOrder::Retry, state) => format!("{trial}: {state}; {asked} again"),
    });
    Ok(Exit::Done)
}
