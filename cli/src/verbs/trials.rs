//! Lists the trials of a sweep.

use tokio_stream::StreamExt;

use crate::{
    args::{Place, no_trial},
    client::{self, History, Sort, TrialQuery},
    exit::{Exit, wrong},
    output::{numbers, out, report, style::Style},
    view::Detail,
};

/// Arguments of `hone trials`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep [default: the latest]
    #[arg(default_value = "", hide_default_value = true)]
    sweep: String,
    /// The order: number, objective (best first) or recent (newest change first)
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = Sort::Number, hide_possible_values = true)]
    sort: Sort,
    /// At most so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Only trials in this state: queued, running, waiting, completed, pruned, diverged, cancelled, failed; may be repeated
    #[arg(long, value_name = "STATE")]
    state: Vec<String>,
    /// Only trials of this round
    #[arg(long, value_name = "N")]
    round: Option<u32>,
    /// Check and test trials too
    #[arg(long)]
    all: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs `hone trials`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    no_trial(&args.sweep, "`hone show TRIAL` shows it")?;
    let mut states = Vec::new();
    for word in args.state.iter().flat_map(|s| s.split(',')) {
        let state = client::parse_trial_state(word).ok_or_else(|| {
            wrong(format!(
                "--state {word}: states are queued, running, waiting, completed, pruned, diverged, cancelled, failed"
            ))
        })?;
        states.push(state);
    }
    let history = client::connect(&args.place).await?;
    let detail = history.sweep(&args.sweep).await?;
    let query = TrialQuery {
        sweep: detail.summary.sweep.clone(),
        sort: args.sort,
        // One more tells whether there are more.
        limit: args.limit.map(|limit| limit.saturating_add(1)),
        states,
        round: args.round,
        all_kinds: args.all,
    };
    let mut rows = history.trials(query).await?;
    let mut trials = Vec::new();
    let mut count = 0;
    while let Some(trial) = rows.next().await {
        let trial = trial?;
        if args.limit == Some(count) {
            out::note(cut(&args, &history, &detail).await?);
            break;
        }
        count += 1;
        if args.json {
            out::json(&trial)?;
        } else {
            trials.push(trial);
        }
    }
    if args.json {
        return Ok(Exit::Done);
    }
    if trials.is_empty() {
        out::note(format!("{}: no such trials", detail.summary.sweep));
    } else {
        out::print(&report::trials(
            &detail.space,
            &trials,
            Style::stdout(),
            0,
            false,
        ))?;
    }
    Ok(Exit::Done)
}

/// That a limit has left trials out, and of how many of a whole sweep's. A sweep's own count is another: of a trial that was tried
/// again only the newest retry is in it, and the listing has both.
async fn cut(args: &Args, history: &History, detail: &Detail) -> anyhow::Result<String> {
    let shown = numbers::count(args.limit.unwrap_or_default());
    if !args.state.is_empty() || args.round.is_some() || args.all {
        return Ok(format!("{shown} trials, and there are more of that sort"));
    }
    let all = TrialQuery {
        sweep: detail.summary.sweep.clone(),
        ..TrialQuery::default()
    };
    let mut rows = history.trials(all).await?;
    let mut count = 0;
    while let Some(trial) = rows.next().await {
        trial?;
        count += 1;
    }
    Ok(format!("{shown} of {}", numbers::plural(count, "trial")))
}
