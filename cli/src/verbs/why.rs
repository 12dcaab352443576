//! Tells the story of a trial or a sweep: what happened, when, who did it, and why.

use tokio_stream::StreamExt;

use crate::{
    args::Place,
    client::{self, History, TrialName},
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

/// Runs `hone why`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let history = client::connect(&args.place).await?;
    let (sweep, trial) = match TrialName::unless_sweep(&args.of)? {
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
    let mut queued: Option<Queued> = None;
    while let Some(event) = rows.next().await {
        let event = event?;
        if args.json {
            out::json(&event)?;
            continue;
        }
        let start = *first.get_or_insert(event.at_ms);
        if trial.is_none() && queued.as_mut().is_some_and(|queued| queued.takes(&event)) {
            continue;
        }
        if let Some(queued) = queued.take() {
            out::print(&queued.line(start, style))?;
        }
        if trial.is_none() && is_new(&event) {
            queued = Some(Queued {
                last: event.trial,
                first: event,
            });
        } else {
            out::print(&line(&event, start, who(&event, trial), style))?;
        }
    }
    if let (Some(queued), Some(start)) = (queued, first) {
        out::print(&queued.line(start, style))?;
    }
    if first.is_none() {
        if let Some(trial) = trial {
            let sweep = sweep.clone();
            // Nothing happens to a trial that is not there, either.
            history.trial(&TrialName { sweep, trial }).await?;
        }
        out::note("nothing has happened yet");
    }
    if !args.json {
        tell_silence(&history, sweep, trial, style).await?;
    }
    Ok(Exit::Done)
}

/// The last event may say that it runs; that nobody is heard, or that nobody can take it, is no event.
async fn tell_silence(
    history: &History,
    sweep: String,
    trial: Option<u64>,
    style: Style,
) -> anyhow::Result<()> {
    let of = history.sweep(&sweep).await?.summary;
    let (state, but, waits) = match trial {
        Some(trial) => {
            let trial = history.trial(&TrialName { sweep, trial }).await?.summary;
            let waits = matches!(trial.state, "queued").then_some(&of.waiting_for);
            (trial.state, trial.but(), waits)
        }
        None => (of.state, of.but(), Some(&of.waiting_for)),
    };
    let waits = waits.filter(|words| !words.is_empty());
    if but.is_none() && waits.is_none() {
        return Ok(());
    }
    let now = style.dim(format!("{:>10}", "now"));
    let why = waits.map_or_else(String::new, |words| format!("  {words}"));
    let state = style.state_but(state, but);
    out::print(&format!("{now:>14}  {state}{why}\n"))?;
    Ok(())
}

/// Whom it happened to, where that is not the trial that was asked for.
fn who(event: &Event, asked: Option<u64>) -> Option<String> {
    let trial = |trial| format!("trial {trial}");
    asked
        .is_none()
        .then(|| event.trial.map_or_else(String::new, trial))
}

/// A decision puts dozens of trials into the queue at once: they are one line of a sweep's story.
struct Queued {
    first: Event,
    last: Option<u64>,
}

impl Queued {
    /// Whether this is the next trial, queued for the same reason.
    fn takes(&mut self, event: &Event) -> bool {
        let same = |of: &Event| (of.actor.clone(), of.reason.clone(), of.event.clone());
        let next = self.last.map(|last| last + 1);
        let takes = is_new(event) && event.trial == next && same(event) == same(&self.first);
        if takes {
            self.last = next;
        }
        takes
    }

    fn line(&self, start: i64, style: Style) -> String {
        let who = match (self.first.trial, self.last) {
            (Some(first), Some(last)) if first < last => Some(format!("trials {first} to {last}")),
            _ => who(&self.first, None),
        };
        line(&self.first, start, who, style)
    }
}

/// A trial that was not there before.
fn is_new(event: &Event) -> bool {
    event.trial.is_some() && event.from.is_empty() && event.to == "queued"
}

/// `  +12.3 s  running → completed  by worker host-7 (attempt 2): reached epoch 12`.
fn line(event: &Event, start: i64, who: Option<String>, style: Style) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a duration for people")]
    let after = numbers::duration((event.at_ms - start) as f64 / 1e3);
    let arrow = if style.unicode { "→" } else { "->" };
    let change = match (event.from.as_str(), event.to.as_str()) {
        ("", "") => event.event.to_string(),
        // Some events are called by the state that they lead to.
        ("", to) if &*event.event == to => style.state(to),
        ("", to) => format!("{} {}", event.event, style.state(to)),
        (from, to) if from == to => format!("{} ({})", event.event, style.state(to)),
        (from, to) if &*event.event == to => format!("{from} {arrow} {}", style.state(to)),
        (from, to) => format!("{} ({from} {arrow} {})", event.event, style.state(to)),
    };
    let mut text = format!("{:>14}  ", style.dim(format!("+{after:>9}")));
    if let Some(who) = who {
        text.push_str(&format!("{who:<11} "));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(trial: u64, reason: &str) -> Event {
        Event {
            seq: trial,
            at_ms: 0,
            trial: Some(trial),
            attempt: None,
            actor: "coordinator".to_owned().into(),
            event: "queued".to_owned().into(),
            from: String::new(),
            to: "queued".to_owned(),
            reason: reason.to_owned().into(),
        }
    }

    #[test]
    fn neighbours_that_were_queued_for_one_reason_are_one_line() {
        let mut run = Queued {
            first: queued(3, ""),
            last: Some(3),
        };
        assert!(run.takes(&queued(4, "")));
        assert!(!run.takes(&queued(6, "")), "one between is missing");
        assert!(!run.takes(&queued(5, "retried")));
        let line = run.line(0, Style::default());
        assert!(line.contains("trials 3 to 4"), "{line}");
    }
}
