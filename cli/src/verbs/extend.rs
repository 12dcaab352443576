//! Gives a sweep more budget: one round more on the next box, then the finish again.

use crate::{args::Place, client, exit::Exit, output::out, sweep_file::search::Budget};

/// Arguments of `hone extend`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep [default: the latest]
    #[arg(default_value = "", hide_default_value = true)]
    sweep: String,
    /// How much more: "60 epochs", "5 trainings" or "10 min"
    #[arg(long, value_name = "BUDGET")]
    by: Budget,
    #[command(flatten)]
    place: Place,
}

/// Does it.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let mut orders = client::orders(&args.place).await?;
    let (sweep, state) = orders
        .sweeps
        .extend(&args.sweep, client::budget(args.by))
        .await?;
    orders.done().await;
    out::note(format!("{sweep}: {state}"));
    Ok(Exit::Done)
}
