//! Ends a sweep: no new grants, running trials end at their next epoch.

use crate::{
    args::Place,
    client::{self, Order},
    exit::Exit,
    output::out,
};

/// Arguments of `hone stop`.
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
    let (sweep, state) = orders.sweeps.order(Order::Stop, &args.sweep).await?;
    orders.done().await;
    match state {
        "stopped" => out::note(format!("{sweep}: stopped")),
        _ => out::note(format!(
            "{sweep}: stopping; running trials end at their next epoch"
        )),
    }
    Ok(Exit::Done)
}
