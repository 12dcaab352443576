//! What a person tells a sweep or a trial to do: `hone pause`, `resume`, `stop`, `cancel` and `retry`.
//!
//! An order goes to the coordinator that serves the database. When none runs, one is started for the order alone.

use crate::{
    args::{self, Place, no_trial},
    client::{self, History, Order, TrialOrder, TrialQuery},
    exit::Exit,
    output::{numbers, out, told::Told},
    view::Trial,
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
    trial: String,
    #[command(flatten)]
    place: Place,
}

/// What is said of something that is to be trained, where the order's own coordinator was the only one.
pub const UNSERVED: &str = ", but no coordinator runs: give `hone run` its file again, or start `hone coordinator` and `hone worker`";

/// Tells a sweep to do something.
pub async fn sweep(order: Order, args: SweepArgs) -> anyhow::Result<Exit> {
    no_trial(&args.sweep, of_a_trial(order))?;
    let mut orders = client::orders(&args.place).await?;
    let served = orders.is_served();
    let taken = match orders.sweeps.order(order, &args.sweep).await {
        Ok((sweep, state)) => running(&orders.history, &sweep)
            .await
            .map(|running| (sweep, state, running)),
        Err(error) => Err(error),
    };
    orders.done().await;
    let (sweep, state, running) = taken?;
    out::note(match (order, state) {
        (Order::Pause | Order::Stop, "paused" | "stopping") => {
            format!("{sweep}: {state}{}", to_come(order, &running, served))
        }
        (Order::Resume, state) if !served => format!("{sweep}: {state}{UNSERVED}"),
        (_, state) => format!("{sweep}: {state}"),
    });
    Ok(Exit::Done)
}

/// What is done with a trial in place of this order to its sweep.
pub fn of_a_trial(order: Order) -> &'static str {
    match order {
        Order::Stop => "`hone cancel TRIAL` ends a trial",
        Order::Pause => {
            "`hone cancel TRIAL` ends a trial, `hone pause SWEEP` pauses all of its sweep"
        }
        Order::Resume => {
            "`hone retry TRIAL` trains one again, `hone resume SWEEP` goes on with its sweep"
        }
        Order::Remove => "`hone rm SWEEP` removes all of its sweep",
    }
}

/// Trials that run, of every kind.
async fn running(history: &History, sweep: &str) -> anyhow::Result<Vec<Trial>> {
    let query = TrialQuery {
        sweep: sweep.to_owned(),
        states: client::parse_trial_state("running").into_iter().collect(),
        all_kinds: true,
        ..TrialQuery::default()
    };
    client::collect(history.trials(query).await?).await
}

/// What becomes of the trials that run: those whose worker is heard obey, the others wait for their lease's end.
fn to_come(order: Order, running: &[Trial], served: bool) -> String {
    let trials = |n: usize| numbers::plural(n as u64, "running trial");
    if running.is_empty() {
        return String::new();
    }
    if !served {
        return format!(
            "; {} of workers that no coordinator hears: start `hone coordinator`, which hears them or lets their leases expire",
            trials(running.len())
        );
    }
    let (silent, heard): (Vec<&Trial>, Vec<&Trial>) = running.iter().partition(|t| t.silent);
    let mut words = String::new();
    if !heard.is_empty() {
        let how = match order {
            Order::Stop => "to end at the next epoch",
            _ => "to be given back",
        };
        words.push_str(&format!("; waiting for {} {how}", trials(heard.len())));
    }
    for trial in silent {
        words.push_str(&format!(
            "; trial {} ends with its lease, {} was {}",
            trial.trial,
            trial
                .worker
                .as_ref()
                .map_or("its worker".to_owned(), Told::to_string),
            trial.but().unwrap_or_default()
        ));
    }
    words
}

/// Does something to a trial.
pub async fn trial(order: TrialOrder, args: TrialArgs) -> anyhow::Result<Exit> {
    let of_a_sweep = match order {
        TrialOrder::Cancel => "`hone stop SWEEP` ends the whole sweep",
        TrialOrder::Retry => "`hone trials SWEEP --state failed` lists those that failed",
    };
    let trial = args::trial(&args.trial, of_a_sweep)?;
    let mut orders = client::orders(&args.place).await?;
    let next = if orders.is_served() { "" } else { UNSERVED };
    let taken = orders.order(order, &trial).await;
    orders.done().await;
    let (asked, (trial, state)) = taken?;
    out::note(match (order, state) {
        (TrialOrder::Cancel, "running") => format!("{trial}: ends at its next epoch"),
        (TrialOrder::Cancel, state) => format!("{trial}: {state}"),
        (TrialOrder::Retry, state) => format!("{trial}: {state}; {asked} again{next}"),
    });
    Ok(Exit::Done)
}
