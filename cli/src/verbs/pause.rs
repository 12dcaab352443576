//! Pauses a sweep: what runs is given back with a checkpoint.

use crate::{
    args::Place,
    client::{self, Order},
    exit::Exit,
    output::out,
};

/// Arguments of `hone pause`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep [default: the latest]
    #[arg(default_value = "", hide_default_value = true)]
    sweep: String,
    #[command(flatten)]
    place: Place,
}

/// Does it.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let mut orders = client::orders(&args.place).await?;
    let (sweep, state) = orders.sweeps.order(Order::Pause, &args.sweep).await?;
    orders.done().await;
    out::note(format!("{sweep}: {state}"));
    Ok(Exit::Done)
}
