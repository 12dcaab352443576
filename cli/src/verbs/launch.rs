//! Sends a sweep to a coordinator, and follows it if asked to.

use std::{io::IsTerminal, path::PathBuf};

use tonic::transport::Channel;

use crate::{
    args::Place,
    client::{self, History, How, Launched, Sweeps},
    exit::{Exit, Refusal},
    local::{
        data::DataHere,
        follow::{Follower, PERIOD},
        preflight::{self, Images},
        signals,
    },
    output::{numbers, out, progress::Progress, style::Style},
    sweep_file::{self, SweepFile},
    view::{Counts, Detail},
};

/// Arguments of `hone launch`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep file
    #[arg(value_name = "SWEEP.toml")]
    file: PathBuf,
    /// Follow it until it ends; Ctrl-C ends the watching, not the sweep
    #[arg(long)]
    watch: bool,
    /// Start anew even if the same sweep is there
    #[arg(long)]
    again: bool,
    /// Leave the check out
    #[arg(long)]
    no_check: bool,
    /// With --watch: end by printing the winner and the totals as one JSON object
    #[arg(long, requires = "watch")]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs `hone launch`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let file = sweep_file::read(&args.file)?;
    let data = match preflight::images(&file, &args.file, &[])? {
        Images::Here(checked) => Some(checked.here),
        Images::Elsewhere(_) | Images::None => None,
    };
    let channel = client::running(&args.place).await?;
    let launched = send(channel.clone(), &file, data, !args.no_check, args.again).await?;
    if !args.watch {
        return Ok(Exit::Done);
    }
    watch(
        History::remote(channel),
        launched.sweep,
        launched.how,
        args.json,
    )
    .await
}

/// Sends a sweep, and says what became of it.
pub async fn send(
    channel: Channel,
    file: &SweepFile,
    data: Option<DataHere>,
    check: bool,
    again: bool,
) -> anyhow::Result<Launched> {
    let definition = sweep_file::definition(file, check);
    let mut sweeps = Sweeps::new(channel.clone());
    let launched = sweeps.launch(definition, data.as_ref(), again).await?;
    match (&data, &file.data) {
        (Some(data), _) => data.remember(),
        (None, Some(data)) => out::note(format!(
            "{} is not here, so not checked: the sweep takes the images that the first worker has under that name",
            data.name
        )),
        (None, None) => {}
    }
    let name = &launched.sweep;
    tell_name(file, &launched);
    match launched.how {
        How::Started => out::note(format!("{name}: started")),
        How::Continued if launched.retried > 0 => out::note(retried(&launched)),
        How::Continued => out::note(format!("{name}: goes on")),
        How::Ended => out::note(ended(&History::remote(channel).sweep(name).await?)),
        How::Stopping => out::note(stopping(name)),
    }
    Ok(launched)
}

/// Says what a sweep is called that could not have its file's name, and why.
pub fn tell_name(file: &SweepFile, launched: &Launched) {
    let (wanted, name) = (&file.name, &launched.sweep);
    match &launched.on_other_data {
        Some(other) => out::note(format!(
            "{other} is this file on other images; on these it is another sweep, {name}"
        )),
        None if launched.renamed => {
            out::note(format!(
                "another sweep is called {wanted}; this one is {name}"
            ));
        }
        None => {}
    }
}

/// What is said of a failed sweep that runs again.
pub fn retried(launched: &Launched) -> String {
    let (name, trials) = (&launched.sweep, numbers::plural(launched.retried, "trial"));
    format!("{name}: it had failed; {trials} will be tried again (`hone why {name}`)")
}

/// What is said of a launch that found its sweep over.
pub fn ended(detail: &Detail) -> String {
    let name = &detail.summary.sweep;
    if detail.summary.state != "failed" {
        return format!("{name}: this very sweep has ended; --again starts it anew");
    }
    let mut paths = detail.space.iter().map(|hyper| hyper.path.as_str());
    let rate = paths.find(|path| path.ends_with("learning_rate"));
    let (reason, advice) = (&detail.reason, advice(&detail.counts, rate));
    format!("{name}: this very sweep has failed: {reason}{advice}")
}

/// What to do about a sweep that has failed and that a launch leaves as it is; trials that failed would have been tried again.
fn advice(counts: &Counts, rate: Option<&str>) -> String {
    if counts.diverged == 0 || counts.ended() > counts.diverged + counts.cancelled {
        return "; --again starts it anew".to_owned();
    }
    let change = match rate {
        Some(path) => format!("lower the upper end of `{path}`"),
        None => "lower `train.learning_rate`".to_owned(),
    };
    format!(
        ". The built-in trainer would repeat them to the bit, with --again too. Change the file first: {change}, or set \
         `train.clip_norm`"
    )
}

/// What is said of a launch that found its sweep stopping.
pub fn stopping(sweep: &str) -> String {
    format!(
        "{sweep}: this very sweep is stopping: it ends as stopped with its last running trial; --again starts it anew"
    )
}

async fn watch(history: History, sweep: String, how: How, json: bool) -> anyhow::Result<Exit> {
    let progress = Progress::new(how != How::Ended && std::io::stderr().is_terminal());
    let mut follower = Follower::new(history, sweep, progress);
    if how != How::Started {
        follower.skip_past().await?;
    }
    let mut interrupts = signals::channel()?;
    let mut tick = tokio::time::interval(PERIOD);
    let mut away = false;
    let state = loop {
        tokio::select! {
            _ = tick.tick() => match follower.look().await {
                Ok(detail) => {
                    away = false;
                    if detail.summary.ended() {
                        break detail.summary.state;
                    }
                }
                Err(error) if is_away(&error) => {
                    if !std::mem::replace(&mut away, true) {
                        follower.progress().say(format!("{error:#}; trying again until it does"));
                    }
                }
                Err(error) => return Err(error),
            },
            _ = interrupts.recv() => {
                follower.progress().end();
                out::note("not watching any more; the sweep goes on");
                return Ok(Exit::Interrupted);
            }
        }
    };
    follower.progress().end();
    finish(&follower, state, json, "the same command").await
}

/// A coordinator that is away may come back, and workers train on meanwhile.
fn is_away(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Refusal::Away(_)))
}

/// Prints what a sweep that has come to rest has to say; `next`: what goes on with one that was interrupted.
pub async fn finish(
    follower: &Follower,
    state: &str,
    json: bool,
    next: &str,
) -> anyhow::Result<Exit> {
    if json {
        out::json(&follower.json().await?)?;
        out::note(follower.report(Style::stderr()).await?);
    } else {
        out::print(&follower.report(Style::stdout()).await?)?;
    }
    Ok(match state {
        "failed" => Exit::Failed,
        "completed" | "stopped" => Exit::Done,
        _ => {
            out::note(format!("{next} goes on"));
            Exit::Interrupted
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_is_only_blamed_where_nothing_else_has_ended() {
        let diverged = Counts {
            diverged: 3,
            cancelled: 2,
            ..Counts::default()
        };
        let words = advice(&diverged, Some("train.learning_rate"));
        assert!(
            words.contains("upper end of `train.learning_rate`"),
            "{words}"
        );
        let others = [
            Counts {
                completed: 1,
                ..diverged
            },
            Counts {
                pruned: 1,
                ..diverged
            },
            Counts::default(),
        ];
        for counts in others {
            assert_eq!(advice(&counts, None), "; --again starts it anew");
        }
    }
}
