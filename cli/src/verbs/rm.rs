//! Removes an ended sweep and all that belongs to it, after a question.

use std::io::{BufRead, IsTerminal};

use super::orders::of_a_trial;
use crate::{
    args::{Place, no_trial},
    client::{self, Order},
    exit::{Exit, wrong},
    output::{numbers, out},
};

/// Arguments of `hone rm`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep
    sweep: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs `hone rm`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    if args.sweep.is_empty() {
        return Err(wrong("name the sweep to remove"));
    }
    no_trial(&args.sweep, of_a_trial(Order::Remove))?;
    let detail = client::connect(&args.place)
        .await?
        .sweep(&args.sweep)
        .await?;
    if !detail.summary.ended() {
        let sweep = &args.sweep;
        return Err(wrong(match detail.summary.state {
            "stopping" => format!(
                "{sweep} is stopping: it can be removed when its last running trial has ended"
            ),
            state => format!("{sweep} is {state}; stop it first: `hone stop {sweep}`"),
        }));
    }
    if !args.yes && !confirmed(&args.sweep, detail.summary.trials)? {
        out::note("nothing removed");
        return Ok(Exit::Failed);
    }
    let mut orders = client::orders(&args.place).await?;
    let taken = orders.sweeps.order(Order::Remove, &args.sweep).await;
    orders.done().await;
    let (sweep, _) = taken?;
    out::note(format!("{sweep}: removed"));
    Ok(Exit::Done)
}

fn confirmed(sweep: &str, trials: u64) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(wrong(
            "removing asks first, and nobody can answer here: give --yes",
        ));
    }
    let trials = numbers::plural(trials, "trial");
    out::ask(format!(
        "remove {sweep} with {trials}, their curves and weights? [y/N] "
    ));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
