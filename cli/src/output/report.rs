//! The report at the end of a sweep.

use serde_json::{Map, Value};

use super::{
    boxes, numbers,
    params::short_value,
    style::Style,
    table::{Align, Table, padded, visible},
    told::{Told, line},
    totals,
};
use crate::view::{Best, Detail, Hyper, Point, Trial};

/// Ties that are named.
const MOST_TIES: usize = 5;
/// Trials that are listed one by one.
const MOST_LISTED: usize = 6;

/// Everything that a finished (or interrupted) sweep has to say; `top`: its best trials.
pub fn render(detail: &Detail, top: &[Trial], style: Style) -> String {
    let mut out = String::from("\n");
    out.push_str(&headline(detail, style));
    match &detail.best {
        Some(best) => out.push_str(&recommended(detail, best, style)),
        None if detail.summary.ended() => out.push_str("\n  no point has a value\n"),
        None => out.push_str(&format!("\n  {}\n", not_yet(detail))),
    }
    let ranked: Vec<Trial> = top
        .iter()
        .filter(|t| t.objective.is_some())
        .cloned()
        .collect();
    if !ranked.is_empty() {
        section(&mut out, "top trials", style);
        out.push_str(&trials(&detail.space, &ranked, style, 2, true));
        if let Some(best) = &detail.best
            && let Some(why) = not_the_first(detail.maximize, best, &ranked[0])
        {
            out.push_str(&format!("  {}\n", style.dim(why)));
        }
    }
    let params = detail.best.as_ref().map(|b| &b.params);
    let drawn = boxes::render(&detail.space, &detail.rounds, params, style);
    if !drawn.is_empty() {
        section(&mut out, "the search space, round by round", style);
        out.push_str(drawn.trim_end());
        out.push('\n');
    }
    out.push_str(&warnings(detail, style));
    out.push('\n');
    out.push_str(&totals::line(detail, style));
    out.push_str(&totals::unserved(detail, style));
    out
}

/// What there is before any point has finished.
fn not_yet(detail: &Detail) -> &'static str {
    match (detail.summary.trials, detail.epochs_trained) {
        (0, _) => "nothing has ended yet: no trial has begun",
        (_, 0) => "nothing has ended yet, no epoch of a trial either",
        _ => "no point has finished yet; this is what there is",
    }
}

fn section(out: &mut String, title: &str, style: Style) {
    out.push_str(&format!("\n{}\n", style.bold(title)));
}

fn headline(detail: &Detail, style: Style) -> String {
    let name = style.bold(&detail.summary.sweep);
    let state = style.state_but(detail.summary.state, detail.summary.but());
    // That the plan is done needs no words; what it lacks all the same does.
    let reason = match detail.reason.strip_prefix("the plan is done") {
        Some(lacks) => Told::from(lacks.trim_start_matches("; ").to_owned()),
        None => detail.reason.clone(),
    };
    let reason = match &*reason {
        "" => String::new(),
        _ => format!(": {reason}"),
    };
    let waiting_for = &detail.summary.waiting_for;
    let waits = match &**waiting_for {
        "" => String::new(),
        _ => format!("  {} {}\n", style.yellow("!"), waiting_for),
    };
    format!("{name} {state}{reason}\n{waits}")
}

/// The objective with the interval of its mean: `val_accuracy 0.9912 ± 0.0052 (95 % of the mean; sd 0.0021)  over 3 trials of 12 epochs`.
pub fn objective_line(best: &Best, style: Style) -> String {
    let value = style.green(style.bold(numbers::metric(best.objective)));
    let plus_minus = if style.unicode { "±" } else { "+-" };
    let width = match (best.half_width, best.spread) {
        (Some(half), Some(spread)) => format!(
            " {plus_minus} {} (95 % of the mean; sd {})",
            numbers::metric(half),
            numbers::metric(spread)
        ),
        _ => String::new(),
    };
    let metric = line(&best.metric);
    format!("{metric} {value}{width}  over {}", trainings(best))
}

/// `3 trials of 12 epochs`.
fn trainings(best: &Best) -> String {
    let trials = numbers::plural(best.trials.len() as u64, "trial");
    let epochs = numbers::plural(u64::from(best.epochs), "epoch");
    format!("{trials} of {epochs}")
}

/// Which points cannot be told from the best one.
pub fn ties(best: &Best) -> Option<String> {
    let (first, others) = best.tied.split_first()?;
    let place = |tie: &Point| format!("round {}, point {}", tie.round, tie.point);
    let shown: Vec<String> = std::iter::once(first)
        .chain(others)
        .take(MOST_TIES)
        .map(place)
        .collect();
    let more = match best.tied.len() - shown.len() {
        0 => String::new(),
        more => format!("; {more} more"),
    };
    let cannot = match best.half_width {
        Some(_) => "cannot be told from it (95 %)",
        None => "one training cannot tell it from",
    };
    Some(format!("{cannot}: {}{more}", shown.join("; ")))
}

/// Why the best trial is not what is recommended, where it looks better.
fn not_the_first(maximize: bool, best: &Best, first: &Trial) -> Option<String> {
    let value = first.objective?;
    let looks_better = if maximize {
        value > best.objective
    } else {
        value < best.objective
    };
    if !looks_better {
        return None;
    }
    let shown = numbers::metric(value);
    if best.trials.contains(&first.trial) {
        return Some(format!(
            "trial {}'s {shown} is one of the {} that the recommended mean is over",
            first.trial,
            best.trials.len()
        ));
    }
    let single = best.trials.len() == 1;
    if matches!(first.state, "queued" | "running" | "waiting") {
        let (epoch, to) = (first.epoch, first.to_epoch);
        return Some(format!(
            "trial {}'s {shown} is not its last word: epoch {epoch} of {to}",
            first.trial
        ));
    }
    if single && first.epoch == best.epochs {
        return (first.round != best.round).then(|| {
            format!(
                "trial {}'s {shown} is of round {}; what is recommended is the best of round {}",
                first.trial, first.round, best.round
            )
        });
    }
    let epochs = numbers::plural(u64::from(first.epoch), "epoch");
    Some(format!(
        "trial {}'s {shown} is one training of {epochs}; what is recommended goes by {}",
        first.trial,
        match single {
            true => trainings(best),
            false => format!("the mean over {}", trainings(best)),
        }
    ))
}

fn recommended(detail: &Detail, best: &Best, style: Style) -> String {
    let mut out = format!("\n  {}\n", objective_line(best, style));
    if let Some(test) = best.test_accuracy {
        out.push_str(&format!(
            "  test_accuracy {}\n",
            style.bold(numbers::metric(test))
        ));
    }
    let place = format!(
        "round {}, point {}, trials {}",
        best.round,
        best.point,
        listed(&best.trials)
    );
    out.push_str(&format!("  {}\n", style.dim(place)));
    if let Some(ties) = ties(best) {
        out.push_str(&format!("  {}\n", style.dim(ties)));
    }
    out.push('\n');
    out.push_str(&params(&detail.space, &best.params, style));
    out
}

/// `40, 41, 42`; many as `29, 30, 69 to 110`.
fn listed(numbers: &[u64]) -> String {
    let few = numbers.len() <= MOST_LISTED;
    let runs = numbers
        .chunk_by(|a, b| a + 1 == *b)
        .flat_map(|run| match run {
            [first, .., last] if !few && run.len() > 2 => vec![format!("{first} to {last}")],
            run => run.iter().map(u64::to_string).collect(),
        });
    runs.collect::<Vec<_>>().join(", ")
}

/// One hyperparameter a line, names aligned.
pub fn params(space: &[Hyper], params: &Map<String, Value>, style: Style) -> String {
    let widths = params.keys().map(|path| visible(&line(path)));
    let width = widths.max().unwrap_or(0);
    let mut out = String::new();
    // In the order of the file's space; what the space does not know (another version's) comes last.
    let known = space.iter().filter_map(|h| params.get_key_value(&h.path));
    let rest = params
        .iter()
        .filter(|(path, _)| !space.iter().any(|h| h.path == **path));
    for (path, value) in known.chain(rest) {
        let (path, shown) = (padded(&line(path), width), style.bold(exact(value)));
        out.push_str(&format!("    {path}  {shown}\n"));
    }
    out
}

/// Digits enough to type the value again.
fn exact(value: &Value) -> String {
    match value {
        Value::Number(n) if n.is_f64() => {
            let x = n.as_f64().unwrap_or(f64::NAN);
            if x != 0.0 && !(1e-3..1e5).contains(&x.abs()) {
                format!("{x:.5e}")
            } else {
                format!("{x:.6}")
            }
        }
        other => numbers::value(other),
    }
}

/// Trials as a table with a column a hyperparameter.
pub fn trials(
    space: &[Hyper],
    trials: &[Trial],
    style: Style,
    indent: usize,
    short: bool,
) -> String {
    let mut table = Table::new(&[
        ("trial", Align::Right),
        ("round", Align::Right),
        ("point", Align::Right),
        ("state", Align::Left),
        ("objective", Align::Right),
        ("epoch", Align::Right),
    ]);
    if !short {
        table.column("seconds");
    }
    for hyper in space {
        table.column(&hyper.short);
    }
    for name in ["point", "round", "seconds"] {
        table.spare(name);
    }
    for trial in trials {
        let point = if trial.repeat > 0 || trial.fold > 0 {
            format!("{}.{}", trial.point, trial.repeat.max(trial.fold))
        } else {
            trial.point.to_string()
        };
        let mut row = vec![
            trial.trial.to_string(),
            trial.round.to_string(),
            point,
            style.state_but(trial.state, trial.but()),
            style.bold(numbers::metric_or_dash(trial.objective)),
            format!("{}/{}", trial.epoch, trial.to_epoch),
        ];
        if !short {
            row.push(format!("{:.1}", trial.seconds));
        }
        for hyper in space {
            let value = trial.params.get(&hyper.path);
            row.push(value.map_or_else(|| "-".into(), short_value));
        }
        table.row(row);
    }
    table.render(style, indent)
}

fn warnings(detail: &Detail, style: Style) -> String {
    if detail.warnings.is_empty() {
        return String::new();
    }
    let mut out = String::new();
    section(&mut out, "warnings", style);
    for warning in &detail.warnings {
        out.push_str(&format!("  {} {warning}\n", style.yellow("!")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(round: u32, objective: f64) -> Best {
        Best {
            sweep: "own".into(),
            point: 0,
            round,
            objective,
            metric: "val_accuracy".into(),
            spread: None,
            half_width: None,
            repeats: 1,
            trials: vec![9],
            params: Map::new(),
            epochs: 3,
            test_accuracy: None,
            tied: Vec::new(),
        }
    }

    fn trial(state: &'static str, epoch: u32) -> Trial {
        Trial {
            sweep: "own".into(),
            trial: 4,
            point: 1,
            round: 1,
            repeat: 0,
            fold: 0,
            state,
            objective: Some(0.8),
            epoch,
            weights_hash: None,
            params: Map::new(),
            attempts: 1,
            worker: None,
            seconds: 0.0,
            cause: None,
            diagnosed: None,
            started_ms: None,
            ended_ms: None,
            last_heard_seconds: None,
            silent: false,
            kind: "search",
            to_epoch: 3,
            retry_of: None,
            reason: Told::default(),
        }
    }

    #[test]
    fn a_better_first_row_is_explained_by_what_differs() {
        let said = |round, of: &Trial| not_the_first(true, &best(round, 0.7), of);
        assert_eq!(said(1, &trial("completed", 3)), None);
        for (round, of, words) in [
            (
                1,
                trial("running", 2),
                "trial 4's 0.8000 is not its last word: epoch 2 of 3",
            ),
            (
                2,
                trial("completed", 3),
                "trial 4's 0.8000 is of round 1; what is recommended is the best of round 2",
            ),
            (
                2,
                trial("pruned", 1),
                "trial 4's 0.8000 is one training of 1 epoch; what is recommended goes by 1 trial of 3 epochs",
            ),
        ] {
            assert_eq!(said(round, &of).as_deref(), Some(words));
        }
    }

    #[test]
    fn a_tie_after_one_training_has_no_confidence() {
        let mut best = best(1, 0.7);
        best.tied = vec![Point { round: 1, point: 2 }];
        let of = |best: &Best| ties(best).expect("a tie");
        assert_eq!(
            of(&best),
            "one training cannot tell it from: round 1, point 2"
        );
        best.half_width = Some(0.1);
        assert_eq!(of(&best), "cannot be told from it (95 %): round 1, point 2");
    }

    #[test]
    fn many_trials_are_listed_in_runs() {
        assert_eq!(listed(&[40, 41, 42]), "40, 41, 42");
        assert_eq!(listed(&[2, 3, 5, 6, 7, 8, 12]), "2, 3, 5 to 8, 12");
    }
}
