//! Follows a sweep until it ends, showing what happens.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::{
    client::{self, History, Sort, TrialQuery},
    output::{progress::Progress, report, style::Style},
    view::{Detail, Trial},
};

/// How often a running sweep is looked at.
pub const PERIOD: Duration = Duration::from_millis(250);

/// At most so many running trials are shown one by one.
const SHOWN: u64 = 8;

/// What has been seen of a sweep so far.
#[derive(Debug)]
pub struct Follower {
    history: History,
    sweep: String,
    progress: Progress,
    last_event: u64,
    started: Instant,
    /// When it was looked at last, since then.
    looked: Duration,
    /// How long it was seen going on.
    watched: Duration,
    trained_before: Option<(u64, u64)>,
}

impl Follower {
    /// Follows a sweep from its beginning, or from where it is.
    pub fn new(history: History, sweep: String, progress: Progress) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "a stopwatch for people: epochs a second since this command began"
        )]
        let started = Instant::now();
        Follower {
            history,
            sweep,
            progress,
            last_event: 0,
            started,
            looked: Duration::ZERO,
            watched: Duration::ZERO,
            trained_before: None,
        }
    }

    /// The sweep's name.
    pub fn sweep(&self) -> &str {
        &self.sweep
    }

    /// The live picture, to say something through.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Skips what happened before: a sweep that goes on does not tell its trials again.
    pub async fn skip_past(&mut self) -> anyhow::Result<()> {
        let detail = self.look_quietly().await?;
        self.last_event = detail.last_event;
        self.progress.skip(detail.counts.ended());
        Ok(())
    }

    /// Looks once, shows what is new, and gives the sweep as it is.
    pub async fn look(&mut self) -> anyhow::Result<Detail> {
        let detail = self.history.sweep(&self.sweep).await?;
        let ended = self.ended_since().await?;
        let running = if detail.counts.running > 0 && self.progress.is_live() {
            self.running().await?
        } else {
            Vec::new()
        };
        let now = self.started.elapsed();
        // A pause is no time of training: rates and the time left go on after it as they were.
        if matches!(detail.summary.state, "checking" | "running") {
            self.watched += now - self.looked;
        }
        self.looked = now;
        let seconds = self.watched.as_secs_f64();
        let before = *self
            .trained_before
            .get_or_insert((detail.epochs_trained, detail.images));
        self.progress
            .update(&detail, &ended, &running, seconds, before);
        Ok(detail)
    }

    /// The sweep as it is, without showing anything.
    pub async fn look_quietly(&self) -> anyhow::Result<Detail> {
        self.history.sweep(&self.sweep).await
    }

    /// Trials that have ended since the last look, in the order of their ends.
    async fn ended_since(&mut self) -> anyhow::Result<Vec<Trial>> {
        let events = client::collect(
            self.history
                .events(&self.sweep, None, self.last_event)
                .await?,
        )
        .await?;
        let mut numbers = Vec::new();
        let mut seen = BTreeSet::new();
        for event in &events {
            self.last_event = self.last_event.max(event.seq);
            let ends = matches!(
                event.to.as_str(),
                "completed" | "pruned" | "diverged" | "failed" | "cancelled"
            );
            if let Some(trial) = event.trial.filter(|t| ends && seen.insert(*t)) {
                numbers.push(trial);
            }
        }
        let mut trials = Vec::with_capacity(numbers.len());
        for trial in numbers {
            let name = client::TrialName {
                sweep: self.sweep.clone(),
                trial,
            };
            let trial = self.history.trial(&name).await?.summary;
            if trial.kind == "search" {
                trials.push(trial);
            }
        }
        Ok(trials)
    }

    async fn running(&self) -> anyhow::Result<Vec<Trial>> {
        let query = TrialQuery {
            sweep: self.sweep.clone(),
            states: client::parse_trial_state("running").into_iter().collect(),
            limit: Some(SHOWN),
            ..TrialQuery::default()
        };
        client::collect(self.history.trials(query).await?).await
    }

    /// The report of what there is.
    pub async fn report(&self, style: Style) -> anyhow::Result<String> {
        let detail = self.history.sweep_with_times(&self.sweep).await?;
        let query = TrialQuery {
            sweep: self.sweep.clone(),
            sort: Sort::Objective,
            limit: Some(10),
            ..TrialQuery::default()
        };
        let top = client::collect(self.history.trials(query).await?).await?;
        Ok(report::render(&detail, &top, style))
    }

    /// The object of `hone best` (before any point has a value: its `best` is null), and beside it where the sweep stands and the totals.
    pub async fn json(&self) -> anyhow::Result<serde_json::Value> {
        let detail = self.history.sweep_with_times(&self.sweep).await?;
        let mut object = match &detail.best {
            Some(best) => serde_json::json!(best),
            None => serde_json::json!({"sweep": detail.summary.sweep, "best": null}),
        };
        object["state"] = serde_json::json!(detail.summary.state);
        object["reason"] = serde_json::json!(detail.reason);
        object["counts"] = serde_json::json!(detail.counts);
        object["seconds"] = serde_json::json!(detail.trained_seconds.unwrap_or(0.0));
        object["wall_seconds"] = serde_json::json!(detail.wall_seconds.unwrap_or(0.0));
        object["slot_seconds"] = serde_json::json!(detail.slot_seconds);
        object["points_total"] = serde_json::json!(detail.points());
        object["trials_total"] = serde_json::json!(detail.summary.trials);
        object["epochs_trained"] = serde_json::json!(detail.epochs_trained);
        object["images_per_second"] = serde_json::json!(detail.images_per_second());
        Ok(object)
    }
}
