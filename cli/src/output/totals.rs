//! The last lines of a report: what was trained in what time, and that nobody goes on with it.

use super::{numbers, style::Style};
use crate::view::Detail;

/// Who goes on with a sweep that no coordinator serves.
pub const GOES_ON: &str =
    "goes on with the same `hone run`, or with `hone coordinator` and `hone worker`";

/// `30 points, 39 trials (4 diverged), 273 epochs in 21.3 s; 18 400 images a second`: the time in which anything was trained.
pub fn line(detail: &Detail, style: Style) -> String {
    let counts = detail.counts;
    let mut kinds = Vec::new();
    for (n, word) in [
        (counts.pruned, "pruned"),
        (counts.diverged, "diverged"),
        (counts.failed, "failed"),
        (counts.cancelled, "cancelled"),
        (counts.running, "running"),
        (counts.waiting + counts.queued, "not finished"),
    ] {
        if n > 0 {
            kinds.push(format!("{n} {word}"));
        }
    }
    let kinds = if kinds.is_empty() {
        String::new()
    } else {
        format!(" ({})", kinds.join(", "))
    };
    let time = time(detail);
    let speed = match detail.images_per_second() {
        x if x > 0.0 => format!("; {} images a second", numbers::rate(x)),
        _ => String::new(),
    };
    let line = format!(
        "{}, {}{kinds}, {}{time}{speed}",
        numbers::plural(detail.points(), "point"),
        numbers::plural(detail.summary.trials, "trial"),
        numbers::plural(detail.epochs_trained, "epoch"),
    );
    format!("{}\n", style.dim(line))
}

/// Time of training, and beside it the time from the first grant to the last end where pauses have made that another.
fn time(detail: &Detail) -> String {
    let Some(trained) = detail.trained_seconds.filter(|s| *s > 0.0) else {
        return String::new();
    };
    let with_pauses = match detail.wall_seconds {
        Some(wall) if wall > 1.0 + 1.05 * trained => {
            format!(" ({} with pauses)", numbers::duration(wall))
        }
        _ => String::new(),
    };
    format!(" in {}{with_pauses}", numbers::duration(trained))
}

/// That nobody goes on with what is under way, and who would.
pub fn unserved(detail: &Detail, style: Style) -> String {
    let sweep = &detail.summary;
    if sweep.coordinator || sweep.but().is_none() {
        return String::new();
    }
    let state = sweep.state;
    // What nobody can go on with says so itself.
    let who = match &*sweep.waiting_for {
        "" => format!(", and {GOES_ON}"),
        _ => String::new(),
    };
    let text = format!("no coordinator runs: it was {state} when its last one ended{who}");
    format!("{}\n", style.yellow(text))
}
