//! What people and scripts see of sweeps and trials. The `Serialize` forms are the `--json` interface: a key's name and
//! type here is a promise.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    output::{numbers, told::Told},
    sweep_file::names,
};

/// One sweep in a listing.
#[derive(Clone, Debug, Serialize)]
pub struct Sweep {
    /// Its name.
    pub sweep: String,
    /// `checking running paused stopping completed stopped failed`.
    pub state: &'static str,
    /// A coordinator serves it: without one, what is under way is as the last one left it.
    pub coordinator: bool,
    /// While trials run and a coordinator serves it: since any of their workers was last heard.
    pub last_heard_seconds: Option<f64>,
    /// That is longer than a worker that lives is silent.
    #[serde(skip)]
    pub silent: bool,
    /// Points drawn so far.
    pub points: u64,
    /// Trials so far.
    pub trials: u64,
    /// Best mean of a point so far.
    pub best: Option<f64>,
    /// Why it ended; may be empty.
    pub reason: Told,
    /// Why nothing of it runs while something is queued, and what to do; empty otherwise.
    pub waiting_for: Told,
    /// What its coordinator lacks, what that costs and what to do; empty otherwise, and once it has ended.
    pub shortage: Told,
    /// What `best` is.
    #[serde(skip)]
    pub metric: String,
    /// Unix milliseconds.
    #[serde(skip)]
    pub created_ms: i64,
    /// Unix milliseconds.
    #[serde(skip)]
    pub ended_ms: Option<i64>,
}

impl Sweep {
    /// Nothing more will happen by itself.
    pub fn ended(&self) -> bool {
        matches!(self.state, "completed" | "stopped" | "failed")
    }

    /// What the state alone does not say: that nobody goes on with it, or that nothing is heard of its workers.
    pub fn but(&self) -> Option<String> {
        let under_way = matches!(self.state, "checking" | "running" | "stopping");
        match self.last_heard_seconds {
            _ if !under_way => None,
            _ if !self.coordinator => Some("no coordinator".to_owned()),
            Some(ago) if self.silent => Some(last_heard(ago)),
            _ => None,
        }
    }
}

fn last_heard(ago: f64) -> String {
    format!("last heard {} ago", numbers::duration(ago))
}

/// The point that a sweep recommends.
#[derive(Clone, Debug, Serialize)]
pub struct Best {
    /// The sweep.
    pub sweep: String,
    /// Which point of its round.
    pub point: u64,
    /// The round it was drawn or taken in.
    pub round: u32,
    /// Mean over its trials.
    pub objective: f64,
    /// What that is a mean of.
    pub metric: String,
    /// Standard deviation (n − 1); null for one trial.
    pub spread: Option<f64>,
    /// Half the width of the mean's 95 % confidence interval; null for one trial.
    pub half_width: Option<f64>,
    /// How many trainings the mean is over, the folds of each counted once.
    pub repeats: u32,
    /// Their numbers.
    pub trials: Vec<u64>,
    /// Full paths to values.
    pub params: Map<String, Value>,
    /// Of one trial.
    pub epochs: u32,
    /// Mean over its trials; null without a test part, or before the end.
    pub test_accuracy: Option<f64>,
    /// Other points whose mean cannot be told from this one's.
    pub tied: Vec<Point>,
}

/// Where a point stands.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// From 1; 0: of the sweep named in `from`.
    pub round: u32,
    /// Within its round.
    pub point: u64,
}

/// One trial in a listing.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// The sweep.
    pub sweep: String,
    /// Its number.
    pub trial: u64,
    /// Which point of its round.
    pub point: u64,
    /// From 1.
    pub round: u32,
    /// From 0.
    pub repeat: u32,
    /// From 0.
    pub fold: u32,
    /// `queued running waiting completed pruned diverged cancelled failed`.
    pub state: &'static str,
    /// What it is ranked by, so far.
    pub objective: Option<f64>,
    /// Of the last report; 0 before the first.
    pub epoch: u32,
    /// Of the last report, hex; null before the first.
    pub weights_hash: Option<String>,
    /// Full paths to values.
    pub params: Map<String, Value>,
    /// Leases it has had.
    pub attempts: u32,
    /// Who has or had the last one; null before the first.
    pub worker: Option<Told>,
    /// In epochs, over all attempts.
    pub seconds: f64,
    /// By what it ended: `done patience pruned diverged cancelled stopped failed poisoned`; null before.
    pub cause: Option<Told>,
    /// The state that its diagnosis names first; null without.
    pub diagnosed: Option<Told>,
    /// Its first grant, Unix milliseconds; null before.
    pub started_ms: Option<i64>,
    /// Its end, Unix milliseconds; null before.
    pub ended_ms: Option<i64>,
    /// While it runs: since its worker was last heard; without a coordinator, since what it reported last.
    pub last_heard_seconds: Option<f64>,
    /// That is longer than a worker that lives is silent, or nobody could hear it.
    #[serde(skip)]
    pub silent: bool,
    /// `search`, `check` or `test`.
    #[serde(skip)]
    pub kind: &'static str,
    /// It is trained up to here for now.
    #[serde(skip)]
    pub to_epoch: u32,
    /// The trial that this one does again.
    #[serde(skip)]
    pub retry_of: Option<u64>,
    /// Why it ended so; empty for a plain end.
    #[serde(skip)]
    pub reason: Told,
}

impl Trial {
    /// What the state alone does not say: that nothing is heard of its worker.
    pub fn but(&self) -> Option<String> {
        self.last_heard_seconds
            .filter(|_| self.silent)
            .map(last_heard)
    }
}

/// One axis of a round's box.
#[derive(Clone, Debug, Serialize)]
pub struct Axis {
    /// Full path of the hyperparameter.
    pub path: String,
    /// Ends in the hyperparameter's own values.
    pub low: Option<f64>,
    /// Ends in the hyperparameter's own values.
    pub high: Option<f64>,
    /// Where the box begins on the original (log) axis, 0 to 1.
    pub low_share: f64,
    /// Where it ends.
    pub high_share: f64,
    /// Values still in the box, for choices.
    pub values: Vec<Value>,
}

/// One round.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// From 1.
    pub round: u32,
    /// Planned.
    pub points: u64,
    /// Done.
    pub points_finished: u64,
    /// Epochs of each rung, ascending.
    pub rungs: Vec<u32>,
    /// How many points each rung takes.
    pub rung_points: Vec<u64>,
    /// Trials of each point.
    pub repeats: u32,
    /// It took so many of the round before.
    pub top: Option<u32>,
    /// Where its points were drawn.
    pub axes: Vec<Axis>,
    /// Best mean of one of its points.
    pub best: Option<f64>,
}

/// Trials by state.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// Being trained.
    pub running: u64,
    /// To be trained.
    pub queued: u64,
    /// At a rung.
    pub waiting: u64,
    /// Trained to the end.
    pub completed: u64,
    /// Ended at a rung.
    pub pruned: u64,
    /// Loss left the range of sense.
    pub diverged: u64,
    /// By a person.
    pub cancelled: u64,
    /// By an error.
    pub failed: u64,
}

impl Counts {
    /// Trials that will not be trained further.
    pub fn ended(&self) -> u64 {
        self.completed + self.pruned + self.diverged + self.cancelled + self.failed
    }
}

/// Everything about one sweep that does not grow with its trials.
#[derive(Clone, Debug)]
pub struct Detail {
    /// As in a listing.
    pub summary: Sweep,
    /// The hyperparameters.
    pub space: Vec<Hyper>,
    /// Larger objectives are better.
    pub maximize: bool,
    /// By state.
    pub counts: Counts,
    /// Known so far.
    pub rounds: Vec<Round>,
    /// The round under way.
    pub round: u32,
    /// In words.
    pub warnings: Vec<Told>,
    /// Why it failed or stopped.
    pub reason: Told,
    /// Each (trial, epoch) once.
    pub epochs_trained: u64,
    /// As far as known.
    pub epochs_planned: u64,
    /// As far as known.
    pub trials_planned: u64,
    /// Training images seen.
    pub images: u64,
    /// First grant to last end, with all pauses.
    pub wall_seconds: Option<f64>,
    /// Time in which anything was trained; `None` unless asked for.
    pub trained_seconds: Option<f64>,
    /// Time in epochs, summed over all slots.
    pub slot_seconds: f64,
    /// The check's result.
    pub check: Option<Value>,
    /// The recommended point so far.
    pub best: Option<Best>,
    /// Number of its newest event.
    pub last_event: u64,
}

impl Detail {
    /// Points drawn in all rounds.
    pub fn points(&self) -> u64 {
        self.summary.points
    }

    /// Images a second while anything was trained.
    pub fn images_per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        match self.trained_seconds {
            Some(seconds) if seconds > 0.0 => self.images as f64 / seconds,
            _ => 0.0,
        }
    }
}

/// One hyperparameter, as far as showing its values goes.
#[derive(Clone, Debug)]
pub struct Hyper {
    /// Full path.
    pub path: String,
    /// The shortest ending that means it alone.
    pub short: String,
    /// Its axis is logarithmic.
    pub log: bool,
    /// Its values are whole numbers.
    pub whole: bool,
    /// Ends of the axis, for numbers.
    pub range: Option<(f64, f64)>,
    /// Values, for choices.
    pub choice: Vec<Value>,
}

/// The shortest ending of each path that means it alone.
pub fn short_names(paths: &[String]) -> Vec<String> {
    paths
        .iter()
        .map(|path| {
            let starts: Vec<usize> = path
                .match_indices('.')
                .map(|(i, _)| i + 1)
                .rev()
                .chain([0])
                .collect();
            starts
                .iter()
                .map(|&start| &path[start..])
                .filter(|ending| !ending.starts_with(|c: char| c.is_ascii_digit()))
                .find(|ending| {
                    names::resolve(ending, paths.iter().map(String::as_str)) == Ok(path.as_str())
                })
                .unwrap_or(path)
                .to_owned()
        })
        .collect()
}

/// One epoch of a trial.
#[derive(Clone, Debug, Serialize)]
pub struct CurvePoint {
    /// From 1.
    pub epoch: u32,
    /// Which lease trained it.
    pub attempt: u32,
    /// By name.
    pub metrics: Map<String, Value>,
    /// Hex.
    pub weights_hash: Option<String>,
    /// Of this epoch.
    pub seconds: f64,
    /// Per-layer statistics, if the trainer gave any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Value>,
}

/// One lease of a trial.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// From 1.
    pub attempt: u32,
    /// Who had it.
    pub worker: Told,
    /// `running finished lost released crashed`.
    pub state: String,
    /// Unix milliseconds.
    pub started_ms: i64,
    /// Unix milliseconds.
    pub ended_ms: Option<i64>,
    /// Why it ended so.
    pub reason: Told,
}

/// Everything about one trial.
#[derive(Clone, Debug, Serialize)]
pub struct TrialDetail {
    /// As in a listing.
    #[serde(flatten)]
    pub summary: Trial,
    /// `search`, `check` or `test`.
    pub kind: &'static str,
    /// It is trained up to here for now.
    pub to_epoch: u32,
    /// The horizon of schedules.
    pub full_epochs: u32,
    /// Of everything random in it.
    pub seed: u64,
    /// The metric it is ranked by.
    pub metric: String,
    /// Why it ended so; empty for a plain end.
    pub reason: Told,
    /// The trial that this one does again.
    pub retry_of: Option<u64>,
    /// Epoch by epoch.
    pub curve: Vec<CurvePoint>,
    /// Lease by lease.
    pub leases: Vec<Attempt>,
    /// What the curves say is wrong.
    pub diagnosis: Option<Value>,
    /// Of a check or a test.
    pub result: Option<Value>,
    /// What the trainer got.
    pub spec: Value,
}

/// What it takes to train a trial again, and what came out.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// `cnn`, or the name of an external program.
    pub trainer: String,
    /// Version of the arithmetic that trained it, if it was the built-in trainer's.
    pub arithmetic: u32,
    /// The data set that its sweep is pinned to, hex.
    pub data_hash: Option<String>,
    /// What the trainer was told.
    pub spec: hone_worker::trainer::TrialSpec,
    /// What came out.
    pub detail: TrialDetail,
}

impl Recorded {
    /// Refuses what another arithmetic has trained: it would come to other bits here, though nothing is wrong.
    pub fn trained_as_here(&self) -> anyhow::Result<()> {
        let here = hone_worker::cnn::ARITHMETIC;
        if self.trainer != "cnn" || self.arithmetic == here {
            return Ok(());
        }
        let Trial { sweep, trial, .. } = &self.detail.summary;
        Err(crate::exit::wrong(format!(
            "{sweep}/{trial} was trained by arithmetic {}, this hone has {here}: it would come to other bits. Its history \
             stays, and a hone of that version repeats it",
            self.arithmetic
        )))
    }
}

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// Grows over the whole database.
    pub seq: u64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// The trial, if it is about one.
    pub trial: Option<u64>,
    /// The attempt, if it is about one.
    pub attempt: Option<u32>,
    /// Who did it.
    pub actor: Told,
    /// What.
    pub event: Told,
    /// State before.
    pub from: String,
    /// State after.
    pub to: String,
    /// Why.
    pub reason: Told,
}

/// A line that a trial's worker wrote.
#[derive(Clone, Debug, Serialize)]
pub struct LogLine {
    /// About which lease.
    pub attempt: u32,
    /// From 1 in its attempt; the first ones of a long log are not kept.
    pub number: u64,
    /// What it says.
    pub line: Told,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_the_shortest_that_are_not_shared() {
        let paths = [
            "model.conv.0.filters",
            "model.conv.1.filters",
            "train.learning_rate",
        ]
        .map(String::from);
        assert_eq!(
            short_names(&paths),
            ["conv.0.filters", "conv.1.filters", "learning_rate"]
        );
    }
}
