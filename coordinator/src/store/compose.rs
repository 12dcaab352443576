//! Reads put together from rows, once for both appliers.

use super::{
    StoreError,
    apply::{curve, gone_on, valued, worth},
    command::USER,
    history::{
        AttemptDetail, Best, OpenAttempt, RoundDetail, SweepDetail, SweepSummary, TrialDetail,
        TrialFilter, TrialSummary,
    },
    rows::{PointRow, Read, Rows, SweepKey, SweepRow, TrialRow},
    values::WinnerRef,
};
use crate::{
    ids::{SweepId, TrialNumber},
    sweep::SweepState,
    trial::{TRIAL_STATES, TrialEvent, TrialKind, TrialState},
};

/// Trials in one page.
const PAGE: u64 = 1000;

/// The sweep of that name; the newest for `None`.
pub(super) fn find(store: &dyn Read, name: Option<&str>) -> Rows<SweepKey> {
    let found = match name.filter(|name| !name.is_empty()) {
        Some(name) => store.sweep_key(name)?,
        None => store.newest_sweep()?,
    };
    let Some(key) = found else {
        let mut known = Vec::new();
        for key in store.sweep_keys(false)?.into_iter().rev().take(10) {
            known.push(store.sweep(key)?.id.to_string());
        }
        return Err(StoreError::NotFound {
            what: "sweep",
            name: name.unwrap_or_default().to_owned(),
            known,
        });
    };
    Ok(key)
}

pub(super) fn sweeps(store: &dyn Read) -> Rows<Vec<SweepSummary>> {
    let keys = store.sweep_keys(false)?;
    keys.into_iter()
        .map(|key| {
            let row = store.sweep(key)?;
            summary(store, &row)
        })
        .collect()
}

fn summary(store: &dyn Read, row: &SweepRow) -> Rows<SweepSummary> {
    let best = best_point(store, row)?.and_then(|point| point.value.mean);
    Ok(SweepSummary {
        sweep: row.id.clone(),
        state: row.state,
        points: row.points,
        trials: row
            .trials
            .saturating_sub(store.replaced(row.key)?.iter().sum()),
        best,
        metric: row.sweep.objective.metric.clone(),
        created: row.created,
        ended: row.ended,
        reason: row.reason.clone(),
    })
}

/// Trials that count, by state: of one that was tried again its newest retry.
fn counts(store: &dyn Read, row: &SweepRow) -> Rows<[u64; 8]> {
    let replaced = store.replaced(row.key)?;
    let left = |(all, replaced): (u64, u64)| all.saturating_sub(replaced);
    let mut counts = row.counts;
    for (count, replaced) in counts.iter_mut().zip(replaced) {
        *count = left((*count, replaced));
    }
    Ok(counts)
}

/// The trial itself, or what it tries again in the end.
pub(super) fn original(
    store: &dyn Read,
    sweep: &SweepId,
    number: TrialNumber,
) -> Rows<TrialNumber> {
    let (row, trial) = find_trial(store, sweep, number)?;
    original_of(store, &row, trial)
}

fn original_of(store: &dyn Read, row: &SweepRow, mut trial: TrialRow) -> Rows<TrialNumber> {
    while let Some(of) = trial.retry_of.filter(|of| *of < trial.number) {
        let Some(older) = store.trial(row.key, of)? else {
            break;
        };
        trial = older;
    }
    Ok(trial.number)
}

/// What a failed sweep would have to try again to get on: trials that failed, that its failure cancelled, and with
/// `diverged` those that diverged; its check where nothing else was begun.
/// In the order of the plan.
pub(super) fn missing(store: &dyn Read, sweep: &SweepId, diverged: bool) -> Rows<Vec<TrialNumber>> {
    let row = store.sweep(find(store, Some(sweep.as_str()))?)?;
    let wanted = match row.trials {
        0 => TrialKind::Check,
        _ => TrialKind::Search,
    };
    let mut missing = Vec::new();
    for number in store.trials_in(row.key, &TRIAL_STATES)? {
        let Some(trial) = store.trial(row.key, number)? else {
            continue;
        };
        let lost = match trial.state {
            _ if wanted == TrialKind::Check => true,
            TrialState::Failed => true,
            TrialState::Diverged => diverged,
            TrialState::Cancelled | TrialState::Running => {
                !is_cancelled_by_user(store, &row, number)?
            }
            _ => false,
        };
        if lost && trial.kind == wanted && store.retries_of(row.key, number)?.is_empty() {
            missing.push((original_of(store, &row, trial)?, number));
        }
    }
    missing.sort_unstable();
    Ok(missing.into_iter().map(|(_, number)| number).collect())
}

fn is_cancelled_by_user(store: &dyn Read, row: &SweepRow, number: TrialNumber) -> Rows<bool> {
    let events = store.events(row.key, Some(number), 0, u64::MAX)?;
    let cancel = TrialEvent::Cancelled.as_str();
    Ok(events
        .iter()
        .any(|event| event.event == cancel && event.actor == USER))
}

/// The point that the search named; before it named one, the best of the last round that has a value.
fn best_point(store: &dyn Read, row: &SweepRow) -> Rows<Option<PointRow>> {
    if let Some(place) = row.best
        && let Some(point) = store.point(row.key, place)?
        && point.value.mean.is_some()
    {
        return Ok(Some(point));
    }
    for round in store.rounds(row.key)?.iter().rev() {
        if let Some(point) = store.best_point(row.key, round.planned.round)? {
            return Ok(Some(point));
        }
    }
    Ok(None)
}

pub(super) fn best(store: &dyn Read, sweep: &SweepId) -> Rows<Option<Best>> {
    let row = store.sweep(find(store, Some(sweep.as_str()))?)?;
    best_of(store, &row)
}

fn best_of(store: &dyn Read, row: &SweepRow) -> Rows<Option<Best>> {
    let Some(point) = best_point(store, row)? else {
        return Ok(None);
    };
    let Some(known) = point.value.mean else {
        return Ok(None);
    };
    let trials = store.trials_of_point(row.key, point.place)?;
    let worth = worth(&trials);
    let counts: Vec<&TrialRow> = match worth {
        Some(_) => valued(&trials).collect(),
        None => gone_on(&trials, point.value).collect(),
    };
    Ok(Some(Best {
        sweep: row.id.clone(),
        place: point.place,
        // Of a promoted trial that is trained on the last rung's value stands.
        objective: worth.as_ref().map_or(known, |worth| worth.mean),
        spread: worth
            .as_ref()
            .map_or(point.value.spread, |worth| worth.spread),
        half_width: worth.and_then(|worth| worth.half_width),
        tied: findings(store, row.key)?.tied,
        repeats: point.value.repeats,
        trials: counts.into_iter().map(|trial| trial.number).collect(),
        params_json: point.params_json,
        epochs: point.value.epochs,
        test_accuracy: row.test_accuracy,
    }))
}

/// What is stored as a sweep's warnings.
struct Findings {
    /// In words, oldest first.
    warnings: Vec<String>,
    /// Points whose mean cannot be told from the best one's.
    tied: Vec<WinnerRef>,
}

fn findings(store: &dyn Read, sweep: SweepKey) -> Rows<Findings> {
    let mut findings = Findings {
        warnings: Vec::new(),
        tied: Vec::new(),
    };
    for (key, text) in store.warnings(sweep)? {
        match WinnerRef::of_tie_key(&key) {
            Some(place) => findings.tied.push(place),
            None => findings.warnings.push(text),
        }
    }
    Ok(findings)
}

pub(super) fn sweep(store: &dyn Read, sweep: &SweepId) -> Rows<SweepDetail> {
    let row = store.sweep(find(store, Some(sweep.as_str()))?)?;
    let sign = if row.sweep.objective.maximize {
        1.0
    } else {
        -1.0
    };
    let mut rounds = Vec::new();
    for round in store.rounds(row.key)? {
        let best = store.best_point(row.key, round.planned.round)?;
        rounds.push(RoundDetail {
            best: best.and_then(|point| Some(point.value.score? * sign)),
            planned: round.planned,
            points_finished: round.finished,
        });
    }
    Ok(SweepDetail {
        summary: summary(store, &row)?,
        round: rounds.last().map_or(0, |round| round.planned.round),
        rounds,
        warnings: findings(store, row.key)?.warnings,
        best: best_of(store, &row)?,
        sweep: (*row.sweep).clone(),
        counts: counts(store, &row)?,
        reason: row.reason,
        decisions: row.decisions,
        checked: row.checked,
        next_number: row.next_number,
        epochs_trained: row.epochs_trained,
        epochs_planned: row.epochs_planned,
        trials_planned: row.trials_planned,
        images_trained: row.images_trained,
        training_seconds: row.training_seconds,
        first_grant: row.first_grant,
        last_end: row.last_end,
        data: row.data,
        check_json: row.check_json.to_string(),
        queued: row.queued,
        running: row.running,
    })
}

pub(super) fn trials(
    store: &dyn Read,
    sweep: &SweepId,
    filter: &TrialFilter,
) -> Rows<Vec<TrialSummary>> {
    let row = store.sweep(find(store, Some(sweep.as_str()))?)?;
    let limit = filter.limit.unwrap_or(PAGE).min(PAGE);
    let maximize = row.sweep.objective.maximize;
    let listed = store.list_trials(row.key, filter, maximize, limit)?;
    Ok(listed
        .into_iter()
        .map(|(trial, params)| trial_summary(trial, params))
        .collect())
}

fn trial_summary(trial: TrialRow, params_json: String) -> TrialSummary {
    TrialSummary {
        number: trial.number,
        kind: trial.kind,
        round: trial.place.round,
        point: trial.place.point,
        repeat: trial.repeat,
        fold: trial.fold,
        state: trial.state,
        objective: trial.objective,
        epoch: trial.epoch,
        weights_hash: trial.weights_hash,
        params_json,
        attempts: trial.attempts,
        worker: trial.worker,
        seconds: trial.seconds,
        images: trial.images,
        to_epoch: trial.to_epoch,
        retry_of: trial.retry_of,
        reason: trial.reason,
        changed: trial.changed,
    }
}

/// A sweep's key and a trial of it.
fn find_trial(
    store: &dyn Read,
    sweep: &SweepId,
    number: TrialNumber,
) -> Rows<(SweepRow, TrialRow)> {
    let row = store.sweep(find(store, Some(sweep.as_str()))?)?;
    match store.trial(row.key, number)? {
        Some(trial) => Ok((row, trial)),
        None => Err(StoreError::NotFound {
            what: "trial",
            name: format!("{sweep}/{number}"),
            known: Vec::new(),
        }),
    }
}

pub(super) fn trial(store: &dyn Read, sweep: &SweepId, number: TrialNumber) -> Rows<TrialDetail> {
    let (row, trial) = find_trial(store, sweep, number)?;
    let point = store
        .point(row.key, trial.place)?
        .ok_or_else(|| StoreError::Damaged {
            table: "points",
            column: "point",
            row: format!("{sweep}/{number}"),
            problem: "the trial's point is not there".to_owned(),
        })?;
    let (diagnosis_json, result_json) = store.trial_notes(row.key, number)?;
    let visible = curve(store.reports(row.key, number)?, trial.epoch);
    let attempts = store.attempts(row.key, number)?;
    Ok(TrialDetail {
        curve: visible.into_iter().map(|report| report.point).collect(),
        attempts: attempts
            .into_iter()
            .map(|attempt| AttemptDetail {
                attempt: attempt.attempt,
                worker: attempt.worker,
                state: attempt.state,
                started: attempt.started,
                ended: attempt.ended,
                reason: attempt.reason,
                from_epoch: attempt.from_epoch,
            })
            .collect(),
        diagnosis_json,
        result_json,
        spec_json: point.spec_json,
        seed: trial.seed,
        full_epochs: trial.full_epochs,
        objective: row.sweep.objective.clone(),
        trainer: row.sweep.trainer.clone(),
        folds: row.sweep.folds,
        blobs: store.blobs(row.key, number)?,
        summary: trial_summary(trial, point.params_json),
    })
}

pub(super) fn open_attempts(store: &dyn Read) -> Rows<Vec<OpenAttempt>> {
    store
        .open_attempts(None)?
        .into_iter()
        .map(|(key, number, attempt)| {
            let row = store.sweep(key)?;
            let trial = store.trial(key, number)?;
            Ok(OpenAttempt {
                sweep: row.id,
                trial: number,
                attempt: attempt.attempt,
                token: attempt.token,
                session: attempt.session,
                worker: attempt.worker,
                changed: trial
                    .as_ref()
                    .map_or(attempt.started, |trial| trial.changed),
                asked: trial.and_then(|trial| trial.asked),
                paused: row.state == SweepState::Paused,
            })
        })
        .collect()
}
