//! A sweep as it runs: a live picture on a terminal, one line a trial without one.

use std::{collections::BTreeSet, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::{
    numbers, out,
    params::{params_line, short_value},
    picture,
    style::Style,
    table::{cut, padded, visible},
    told::{Told, line},
};
use crate::view::{Detail, Hyper, Round, Trial};

/// Seconds that a sweep may wait without a word.
const PATIENCE: f64 = 5.0;

/// Shows a sweep while it runs. Everything goes to standard error.
#[derive(Debug)]
pub struct Progress {
    style: Style,
    live: Option<ProgressBar>,
    /// Trials whose end was shown.
    shown: BTreeSet<u64>,
    /// Trials that had ended before this command began.
    before: u64,
    best: Option<f64>,
    rounds: usize,
    /// What the sweep waits for, since when, and whether that was said.
    waiting: (Told, f64, bool),
    warned: usize,
}

impl Progress {
    /// A live picture if standard error is a terminal.
    pub fn new(live: bool) -> Self {
        let live = live.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(
                ProgressStyle::with_template("{msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Progress {
            style: Style::stderr(),
            live,
            shown: BTreeSet::new(),
            before: 0,
            best: None,
            rounds: 0,
            waiting: (Told::default(), 0.0, false),
            warned: 0,
        }
    }

    /// Whether there is a picture, which shows running trials one by one.
    pub fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// So many trials ended before: the count of the others goes on from there.
    pub fn skip(&mut self, trials: u64) {
        self.before = trials;
    }

    /// A line that stays.
    pub fn say(&self, text: impl std::fmt::Display) {
        match &self.live {
            Some(bar) => bar.println(out::shown(&text.to_string())),
            None => out::note(text),
        }
    }

    /// Removes the live picture.
    pub fn end(&self) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }

    /// The sweep as it is now: `ended` are trials that have ended since, `running` some of those under way; `before`:
    /// epochs and images that were trained before this command began, `seconds` ago.
    pub fn update(
        &mut self,
        detail: &Detail,
        ended: &[Trial],
        running: &[Trial],
        seconds: f64,
        before: (u64, u64),
    ) {
        // A window may have another size by now.
        self.style = Style::stderr();
        for trial in ended {
            if self.shown.insert(trial.trial) {
                self.trial(detail, trial);
            }
        }
        self.changes(detail, seconds);
        if let Some(bar) = &self.live {
            let picture = picture::draw(detail, running, seconds, before, self.style);
            bar.set_message(out::shown(&picture));
        }
    }

    fn trial(&mut self, detail: &Detail, trial: &Trial) {
        let done = self.before + self.shown.len() as u64;
        if self.live.is_none() {
            out::note(lecture_line(detail, trial, done));
            return;
        }
        let better = match (trial.objective, self.best) {
            (Some(new), Some(old)) if detail.maximize => new > old,
            (Some(new), Some(old)) => new < old,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if better {
            self.best = trial.objective;
            let value = self.style.green(numbers::metric_or_dash(trial.objective));
            let place = self.style.dim(format!("trial {:>4}", trial.trial));
            let line = format!("  {value}  {place}  {}", params_line(&detail.space, trial));
            self.say(cut(&line, self.style.limit(), self.style));
        }
    }

    /// A round that begins, what the sweep waits for, and warnings: once each.
    fn changes(&mut self, detail: &Detail, seconds: f64) {
        let begun = detail
            .rounds
            .iter()
            .filter(|round| round.round <= detail.round);
        for round in begun.skip(self.rounds) {
            let line = round_line(round, detail, self.style);
            self.say(cut(&line, self.style.limit(), self.style));
            self.rounds += 1;
        }
        let waiting_for = &detail.summary.waiting_for;
        if *waiting_for != self.waiting.0 {
            self.waiting = (waiting_for.clone(), seconds, false);
        }
        // Workers that are just starting are not worth a word.
        let (words, since, said) = &mut self.waiting;
        if !words.is_empty() && !*said && seconds - *since > PATIENCE {
            *said = true;
            let words = words.clone();
            self.say(self.style.yellow(words));
        }
        for warning in detail.warnings.iter().skip(self.warned) {
            self.say(format!("{} {warning}", self.style.yellow("!")));
        }
        self.warned = self.warned.max(detail.warnings.len());
    }
}

/// `round 2  12 points of 6 epochs   learning_rate 0.0457 to 0.482`: what it trains, and which axes have narrowed.
fn round_line(round: &Round, detail: &Detail, style: Style) -> String {
    let what = match round.top {
        Some(top) => format!(
            "the best {top} with {} each",
            numbers::plural(u64::from(round.repeats), "trial")
        ),
        None => numbers::plural(round.points, "point"),
    };
    let rungs: Vec<String> = round.rungs.iter().map(u32::to_string).collect();
    let epochs = match round.rungs[..] {
        [only] => numbers::plural(u64::from(only), "epoch"),
        _ => rungs.join(if style.unicode { " → " } else { " -> " }) + " epochs",
    };
    let mut text = style.bold(format!("round {}  {what}, {epochs}", round.round));
    for axis in &round.axes {
        let short = detail
            .space
            .iter()
            .find(|h| h.path == axis.path)
            .map(|h| &h.short);
        if let (Some(short), Some(low), Some(high)) = (short, axis.low, axis.high)
            && axis.high_share - axis.low_share < 0.95
        {
            let axis = format!(
                "   {} {} to {}",
                line(short),
                numbers::short(low),
                numbers::short(high)
            );
            text.push_str(&style.dim(axis));
        }
    }
    text
}

/// `val_acc: 0.527000, lr: 5.340517e-04, reg: 4.097824e-01, (1 / 100)`, with this sweep's names.
pub fn lecture_line(detail: &Detail, trial: &Trial, done: u64) -> String {
    let metric = line(&detail.summary.metric).replace("accuracy", "acc");
    let value = match (trial.state, trial.objective) {
        ("diverged" | "failed" | "cancelled", _) => trial.state.to_owned(),
        (_, Some(x)) => numbers::metric_in_full(x),
        (_, None) => "-".into(),
    };
    let mut text = format!("{metric}: {value:<8}, ");
    for hyper in &detail.space {
        let value = trial.params.get(&hyper.path);
        let name = line(&hyper.short);
        text.push_str(&format!("{name}: {}, ", in_its_column(hyper, value)));
    }
    let total = detail.trials_planned.max(detail.summary.trials);
    let width = total.to_string().len();
    text.push_str(&format!("({done:>width$} / {total})"));
    text
}

/// A value in a column as wide as its domain needs.
fn in_its_column(hyper: &Hyper, value: Option<&Value>) -> String {
    let text = |v: &Value| match v {
        Value::Number(n) if !hyper.whole && hyper.range.is_some() => {
            numbers::scientific(n.as_f64().unwrap_or(f64::NAN))
        }
        other => short_value(other),
    };
    let shown = value.map_or_else(|| "-".into(), text);
    let width = match hyper.range {
        Some((low, high)) if hyper.whole => low.to_string().len().max(high.to_string().len()),
        Some((low, _)) => 12 + usize::from(low < 0.0),
        None => hyper
            .choice
            .iter()
            .map(|v| visible(&text(v)))
            .max()
            .unwrap_or(0),
    };
    if hyper.range.is_some() {
        format!("{shown:>width$}")
    } else {
        padded(&shown, width)
    }
}
