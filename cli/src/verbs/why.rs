//! Tells the story of a trial or a sweep: what happened, when, who did it, and why.

use tokio_stream::StreamExt;

use crate::{
    args::Place,
    client::{self, TrialName},
    exit::Exit,
    output::{numbers, out, style::Style},
    view::Event,
};

/// Arguments of `hone why`.
#[derive(clap::Args)]
pub struct Args {
    /// A trial (SWEEP/17, or 17 of the latest sweep) or a sweep [default: the latest sweep]
    #[arg(
        value_name = "SWEEP[/TRIAL]",
        default_value = "",
        hide_default_value = true
    )]
    of: String,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Does it.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let history = client::connect(&args.place).await?;
    let name: Option<TrialName> = args.of.parse().ok();
    let (sweep, trial) = match name {
        Some(name) => (name.sweep, Some(name.trial)),
        None => (args.of, None),
    };
    let sweep = if sweep.is_empty() {
        history.sweep("").await?.summary.sweep
    } else {
        sweep
    };
    let mut rows = history.events(&sweep, trial, 0).await?;
    let style = Style::stdout();
    let mut first = None;
    while let Some(event) = rows.next().await {
        let event = event?;
        if args.json {
            out::json(&event)?;
        } else {
            let start = *first.get_or_insert(event.at_ms);
            out::print(&line(&event, start, trial.is_none(), style))?;
        }
    }
    if first.is_none() && !args.json {
        out::note("nothing has happened yet");
    }
    Ok(Exit::Done)
}

/// `  +12.3 s  running → completed  by worker host-7 (attempt 2): reached epoch 12`.
fn line(event: &Event, start: i64, trials: bool, style: Style) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a duration for people")]
    let after = numbers::duration((event.at_ms - start) as f64 / 1e3);
    let arrow = if style.unicode { "→" } else { "->" };
    let change = match (event.from.as_str(), event.to.as_str()) {
        ("", "") => event.event.clone(),
        // Some events are called by the state that they lead to.
        ("", to) if event.event == to => style.state(to),
        ("", to) => format!("{} {}", event.event, style.state(to)),
        (from, to) if from == to => format!("{} ({})", event.event, style.state(to)),
        (from, to) if event.event == to => format!("{from} {arrow} {}", style.state(to)),
        (from, to) => format!("{} ({from} {arrow} {})", event.event, style.state(to)),
    };
    let mut text = format!("{:>14}  ", style.dim(format!("+{after:>9}")));
    if trials {
        let trial = event
            .trial
            .map_or_else(String::new, |t| format!("trial {t}"));
        text.push_str(&format!("{trial:<11}"));
    }
    text.push_str(&change);
    if !event.actor.is_empty() {
        let attempt = event
            .attempt
            .map(|a| format!(", attempt {a}"))
            .unwrap_or_default();
        text.push_str(&style.dim(format!("  by {}{attempt}", event.actor)));
    }
    if !event.reason.is_empty() {
        text.push_str(&format!(": {}", event.reason));
    }
    text.push('\n');
    text
}
