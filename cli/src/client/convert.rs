//! Wire to view, once, here. A reply that lacks what it must have is shown as far as it goes: reading never fails.

use hone_proto::v1;
use hone_worker::trainer::{Objective, TrialSpec};
use serde_json::{Map, Value};

use crate::{
    output::{numbers, told::Told},
    view::{
        Attempt, Axis, Best, Counts, CurvePoint, Detail, Event, Hyper, LogLine, Point, Recorded,
        Round, Sweep, Trial, TrialDetail, short_names,
    },
};

/// The word for a sweep's state.
pub fn sweep_state(state: v1::SweepState) -> &'static str {
    match state {
        v1::SweepState::Unspecified => "unknown",
        v1::SweepState::Checking => "checking",
        v1::SweepState::Running => "running",
        v1::SweepState::Paused => "paused",
        v1::SweepState::Stopping => "stopping",
        v1::SweepState::Completed => "completed",
        v1::SweepState::Stopped => "stopped",
        v1::SweepState::Failed => "failed",
    }
}

const TRIAL_STATES: [(v1::TrialState, &str); 8] = [
    (v1::TrialState::Queued, "queued"),
    (v1::TrialState::Running, "running"),
    (v1::TrialState::Waiting, "waiting"),
    (v1::TrialState::Completed, "completed"),
    (v1::TrialState::Pruned, "pruned"),
    (v1::TrialState::Diverged, "diverged"),
    (v1::TrialState::Cancelled, "cancelled"),
    (v1::TrialState::Failed, "failed"),
];

/// The word for a trial's state.
pub fn trial_state(state: v1::TrialState) -> &'static str {
    TRIAL_STATES
        .iter()
        .find(|(s, _)| *s == state)
        .map_or("unknown", |(_, word)| word)
}

/// The state that a word means.
pub fn parse_trial_state(word: &str) -> Option<v1::TrialState> {
    TRIAL_STATES
        .iter()
        .find(|(_, w)| *w == word)
        .map(|(state, _)| *state)
}

fn trial_kind(kind: v1::TrialKind) -> &'static str {
    match kind {
        v1::TrialKind::Check => "check",
        v1::TrialKind::Test => "test",
        v1::TrialKind::Search | v1::TrialKind::Unspecified => "search",
    }
}

fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

fn json(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok()
}

/// Bytes as hex digits; `None` when there are none.
pub fn hex(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| numbers::hex(bytes))
}

/// A sweep in a listing; whether a coordinator serves it is known to who asked.
pub fn sweep(s: v1::SweepSummary) -> Sweep {
    Sweep {
        state: sweep_state(s.state()),
        sweep: s.sweep,
        points: s.points,
        trials: s.trials,
        best: s.best,
        reason: s.reason.into(),
        waiting_for: s.waiting_for.into(),
        shortage: s.shortage.into(),
        metric: s.metric,
        created_ms: s.created_ms,
        ended_ms: s.ended_ms,
        coordinator: false,
        last_heard_seconds: s.last_heard_ms.map(seconds),
        silent: s.silent,
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds fit 2^53")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1e3
}

/// The recommended point.
pub fn best(b: v1::Best) -> Best {
    Best {
        sweep: b.sweep,
        point: b.point,
        round: b.round,
        objective: b.objective,
        metric: b.metric,
        spread: b.spread,
        repeats: b.repeats,
        trials: b.trials,
        params: object(&b.params_json),
        epochs: b.epochs,
        test_accuracy: b.test_accuracy,
        half_width: b.half_width,
        tied: b
            .tied
            .into_iter()
            .map(|tie| Point {
                round: tie.round,
                point: tie.point,
            })
            .collect(),
    }
}

/// A trial in a listing.
pub fn trial(t: v1::TrialSummary) -> Trial {
    let (state, kind) = (trial_state(t.state()), trial_kind(t.kind()));
    let id = t.trial.unwrap_or_default();
    Trial {
        sweep: id.sweep,
        trial: id.trial,
        point: t.point,
        round: t.round,
        repeat: t.repeat,
        fold: t.fold,
        state,
        objective: t.objective,
        epoch: t.epoch,
        weights_hash: hex(&t.weights_hash),
        params: object(&t.params_json),
        attempts: t.attempts,
        worker: told(t.worker),
        seconds: t.seconds,
        last_heard_seconds: t.last_heard_ms.map(seconds),
        silent: t.silent,
        kind,
        to_epoch: t.to_epoch,
        retry_of: t.retry_of,
        reason: t.reason.into(),
        cause: told(t.cause),
        diagnosed: told(t.diagnosis),
        started_ms: t.started_ms,
        ended_ms: t.ended_ms,
    }
}

/// What was said; `None` where nothing was.
fn told(words: String) -> Option<Told> {
    (!words.is_empty()).then(|| words.into())
}

fn round(r: v1::RoundSummary) -> Round {
    Round {
        round: r.round,
        points: r.points,
        points_finished: r.points_finished,
        rungs: r.rungs,
        rung_points: r.rung_points,
        repeats: r.repeats,
        top: r.top,
        axes: r
            .r#box
            .into_iter()
            .map(|a| Axis {
                path: a.path,
                low: a.low,
                high: a.high,
                low_share: a.low_share,
                high_share: a.high_share,
                values: a.values_json.iter().filter_map(|v| json(v)).collect(),
            })
            .collect(),
        best: r.best,
    }
}

fn space(domains: &[v1::Domain]) -> Vec<Hyper> {
    let paths: Vec<String> = domains.iter().map(|d| d.path.clone()).collect();
    let shorts = short_names(&paths);
    domains
        .iter()
        .zip(shorts)
        .map(|(domain, short)| {
            let mut hyper = Hyper {
                path: domain.path.clone(),
                short,
                log: false,
                whole: false,
                range: None,
                choice: Vec::new(),
            };
            match &domain.kind {
                Some(v1::domain::Kind::Range(range)) => {
                    hyper.log = range.scale() == v1::Scale::Log || range.power_of_two;
                    hyper.whole = range.integer || range.power_of_two;
                    hyper.range = Some((range.low, range.high));
                }
                Some(v1::domain::Kind::Choice(choice)) => {
                    hyper.choice = choice.values_json.iter().filter_map(|v| json(v)).collect();
                }
                None => {}
            }
            hyper
        })
        .collect()
}

/// Everything about one sweep.
pub fn detail(d: v1::SweepDetail) -> Detail {
    let definition = d.definition.unwrap_or_default();
    let objective = definition.objective.unwrap_or_default();
    let counts = d.trials.unwrap_or_default();
    let wall_seconds = match (d.first_grant_ms, d.last_end_ms) {
        (Some(first), Some(last)) if last > first => Some(seconds(last.abs_diff(first))),
        _ => None,
    };
    Detail {
        summary: sweep(d.summary.unwrap_or_default()),
        space: space(&definition.domains),
        maximize: objective.direction() != v1::Direction::Minimize,
        counts: Counts {
            running: counts.running,
            queued: counts.queued,
            waiting: counts.waiting,
            completed: counts.completed,
            pruned: counts.pruned,
            diverged: counts.diverged,
            cancelled: counts.cancelled,
            failed: counts.failed,
        },
        round: under_way(&d.rounds).unwrap_or(d.round),
        rounds: d.rounds.into_iter().map(round).collect(),
        warnings: d.warnings.into_iter().map(Into::into).collect(),
        reason: d.reason.into(),
        epochs_trained: d.epochs_trained,
        epochs_planned: d.epochs_planned,
        trials_planned: d.trials_planned,
        images: d.images_trained,
        wall_seconds,
        trained_seconds: d.trained_ms.map(seconds),
        slot_seconds: d.training_seconds,
        check: json(&d.check_json),
        best: d.best.map(best),
        last_event: d.last_event,
    }
}

/// The first round with a point that is not through; after all of them the last. A round whose box is known comes after all that are
/// over, though one of their points may be trained once more.
fn under_way(rounds: &[v1::RoundSummary]) -> Option<u32> {
    let newest = rounds.iter().rposition(|r| !r.r#box.is_empty());
    let mut left = rounds[newest.unwrap_or(0)..].iter();
    let open = left.find(|r| r.points_finished < r.points);
    open.or(rounds.last()).map(|r| r.round)
}

/// Everything about one trial.
pub fn trial_detail(t: v1::TrialDetail) -> TrialDetail {
    let summary = trial(t.summary.unwrap_or_default());
    TrialDetail {
        kind: summary.kind,
        to_epoch: summary.to_epoch,
        full_epochs: t.full_epochs,
        seed: t.seed,
        metric: t.objective.map(|o| o.metric).unwrap_or_default(),
        reason: summary.reason.clone(),
        retry_of: summary.retry_of,
        summary,
        curve: t.curve.into_iter().map(curve_point).collect(),
        leases: t.attempts.into_iter().map(attempt).collect(),
        diagnosis: json(&t.diagnosis_json),
        result: json(&t.result_json),
        spec: json(&t.spec_json).unwrap_or_default(),
    }
}

/// What a trainer was told about a trial, put together from what is stored of it and of its sweep.
pub fn recorded(sweep: v1::SweepDetail, trial: v1::TrialDetail) -> Recorded {
    let definition = sweep.definition.unwrap_or_default();
    let objective = trial.objective.clone().unwrap_or_default();
    let detail = trial_detail(trial);
    let summary = &detail.summary;
    Recorded {
        trainer: definition.trainer,
        // Who wrote none knew of no version.
        arithmetic: definition.arithmetic_version.max(1),
        data_hash: hex(&sweep.data_hash),
        spec: TrialSpec {
            id: format!("{}/{}", summary.sweep, summary.trial),
            spec: detail.spec.clone(),
            seed: detail.seed,
            repeat: summary.repeat,
            fold: summary.fold,
            folds: definition.folds.max(1),
            full_epochs: detail.full_epochs,
            to_epoch: detail.to_epoch,
            objective: Objective {
                maximize: objective.direction() != v1::Direction::Minimize,
                best: objective.at() != v1::At::Last,
                metric: objective.metric,
            },
        },
        detail,
    }
}

fn curve_point(c: v1::CurvePoint) -> CurvePoint {
    CurvePoint {
        epoch: c.epoch,
        attempt: c.attempt,
        metrics: c
            .metrics
            .into_iter()
            .map(|m| (m.name, Value::from(m.value)))
            .collect(),
        weights_hash: hex(&c.weights_hash),
        seconds: c.seconds,
        layers: serde_json::from_slice(&c.layers).ok(),
    }
}

fn attempt(a: v1::Attempt) -> Attempt {
    Attempt {
        attempt: a.attempt,
        worker: a.worker.into(),
        state: a.state,
        started_ms: a.started_ms,
        ended_ms: a.ended_ms,
        reason: a.reason.into(),
    }
}

/// One thing that happened.
pub fn event(e: v1::Event) -> Event {
    Event {
        seq: e.seq,
        at_ms: e.at_ms,
        trial: e.trial,
        attempt: e.attempt,
        actor: e.actor.into(),
        event: e.event.into(),
        from: e.from_state,
        to: e.to_state,
        reason: e.reason.into(),
    }
}

/// A line of an attempt's log.
pub fn log_line(l: v1::LogLine) -> LogLine {
    LogLine {
        attempt: l.attempt,
        number: l.number,
        line: l.line.into(),
    }
}

/// A sweep's name and its file, as canonical JSON.
pub fn file(d: v1::SweepDetail) -> serde_json::Result<(String, Value)> {
    let file = serde_json::from_str(&d.definition.unwrap_or_default().canonical_json)?;
    Ok((d.summary.unwrap_or_default().sweep, file))
}
