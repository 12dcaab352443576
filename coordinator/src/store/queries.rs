//! Reads that are put together from several tables.

use super::{
    Db, StoreError,
    apply::{curve, gone_on, valued, worth},
    attempts, blobs,
    command::USER,
    error::Rows,
    events,
    history::{Best, OpenAttempt, RoundDetail, SweepDetail, SweepSummary, TrialDetail},
    listing::TrialFilter,
    points::{self, PointRow},
    reports, rounds,
    sweeps::{self, SweepRow},
    trials::{self, TrialRow, TrialSummary},
    values::WinnerRef,
    warnings,
};
use crate::{
    ids::{SweepId, SweepKey, TrialNumber},
    sweep::SweepState,
    trial::{TrialEvent, TrialKind, TrialState},
};

/// Trials in one page.
const PAGE: u64 = 1000;

/// The sweep of that name; the newest for `None`.
pub(super) fn find(db: &Db, name: Option<&str>) -> Rows<SweepKey> {
    let found = match name.filter(|name| !name.is_empty()) {
        Some(name) => sweeps::by_name(db, name)?,
        None => sweeps::newest(db)?,
    };
    match found {
        Some(key) => Ok(key),
        None => Err(StoreError::NotFound {
            what: "sweep",
            name: name.unwrap_or_default().to_owned(),
            known: sweeps::newest_names(db)?,
        }),
    }
}

pub(super) fn sweeps(db: &Db) -> Rows<Vec<SweepSummary>> {
    let rows = sweeps::all(db)?.into_iter();
    rows.map(|row| summary(db, row)).collect()
}

fn summary(db: &Db, row: SweepRow) -> Rows<SweepSummary> {
    let mut counts = row.counts;
    for (count, replaced) in counts.iter_mut().zip(trials::replaced(db, row.key)?) {
        *count = count.saturating_sub(replaced);
    }
    let best = best_point(db, &row)?.and_then(|point| point.value.mean);
    Ok(SweepSummary { row, counts, best })
}

/// The sweep of that name.
pub(super) fn sweep_row(db: &Db, sweep: &SweepId) -> Rows<SweepRow> {
    sweeps::select(db, find(db, Some(sweep.as_str()))?)
}

/// The trial itself, or what it tries again in the end.
pub(super) fn original(db: &Db, sweep: &SweepId, number: TrialNumber) -> Rows<TrialNumber> {
    let (row, trial) = find_trial(db, sweep, number)?;
    original_of(db, &row, trial)
}

fn original_of(db: &Db, row: &SweepRow, mut trial: TrialRow) -> Rows<TrialNumber> {
    while let Some(of) = trial.retry_of.filter(|of| *of < trial.number) {
        let Some(older) = trials::select(db, (row.key, of))? else {
            break;
        };
        trial = older;
    }
    Ok(trial.number)
}

/// What a failed sweep would have to try again to get on: trials that failed, that its failure cancelled, and with
/// `diverged` those that diverged; its check where nothing else was begun.
/// In the order of the plan.
pub(super) fn missing(db: &Db, sweep: &SweepId, diverged: bool) -> Rows<Vec<TrialNumber>> {
    let row = sweep_row(db, sweep)?;
    let wanted = match row.trials {
        0 => TrialKind::Check,
        _ => TrialKind::Search,
    };
    let mut missing = Vec::new();
    for trial in trials::without_result(db, row.key, wanted)? {
        let number = trial.number;
        let lost = match trial.state {
            _ if wanted == TrialKind::Check => true,
            TrialState::Failed => true,
            TrialState::Diverged => diverged,
            TrialState::Cancelled | TrialState::Running => !is_cancelled_by_user(db, &row, number)?,
            _ => false,
        };
        if lost {
            missing.push((original_of(db, &row, trial)?, number));
        }
    }
    missing.sort_unstable();
    Ok(missing.into_iter().map(|(_, number)| number).collect())
}

fn is_cancelled_by_user(db: &Db, row: &SweepRow, number: TrialNumber) -> Rows<bool> {
    let events = events::select(db, row.key, Some(number), 0, u64::MAX)?;
    let cancel = TrialEvent::Cancelled.as_str();
    Ok(events
        .iter()
        .any(|event| event.event == cancel && event.actor == USER))
}

/// The point that the search named; before it named one, the best of the last round that has a value.
fn best_point(db: &Db, row: &SweepRow) -> Rows<Option<PointRow>> {
    if let Some(place) = row.best
        && let Some(point) = points::select(db, row.key, place)?
        && point.value.mean.is_some()
    {
        return Ok(Some(point));
    }
    for round in rounds::of_sweep(db, row.key)?.iter().rev() {
        if let Some(point) = points::best(db, row.key, round.planned.round)? {
            return Ok(Some(point));
        }
    }
    Ok(None)
}

pub(super) fn best(db: &Db, sweep: &SweepId) -> Rows<Option<Best>> {
    let row = sweep_row(db, sweep)?;
    best_of(db, &row)
}

fn best_of(db: &Db, row: &SweepRow) -> Rows<Option<Best>> {
    let Some(point) = best_point(db, row)? else {
        return Ok(None);
    };
    let Some(known) = point.value.mean else {
        return Ok(None);
    };
    let trials = trials::of_point(db, row.key, point.place)?;
    let worth = worth(&trials);
    let counts: Vec<&TrialRow> = match worth {
        Some(_) => valued(&trials),
        None => gone_on(&trials, point.value),
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
        tied: findings(db, row.key)?.tied,
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

fn findings(db: &Db, sweep: SweepKey) -> Rows<Findings> {
    let mut findings = Findings {
        warnings: Vec::new(),
        tied: Vec::new(),
    };
    for (key, text) in warnings::of_sweep(db, sweep)? {
        match WinnerRef::of_tie_key(&key) {
            Some(place) => findings.tied.push(place),
            None => findings.warnings.push(text),
        }
    }
    Ok(findings)
}

pub(super) fn sweep(db: &Db, sweep: &SweepId) -> Rows<SweepDetail> {
    let row = sweep_row(db, sweep)?;
    let sign = if row.sweep.objective.maximize {
        1.0
    } else {
        -1.0
    };
    let mut rounds = Vec::new();
    for round in rounds::of_sweep(db, row.key)? {
        let best = points::best(db, row.key, round.planned.round)?;
        rounds.push(RoundDetail {
            best: best.and_then(|point| Some(point.value.score? * sign)),
            row: round,
        });
    }
    Ok(SweepDetail {
        rounds,
        warnings: findings(db, row.key)?.warnings,
        best: best_of(db, &row)?,
        last_event: events::newest(db, row.key)?,
        summary: summary(db, row)?,
    })
}

pub(super) fn trials(db: &Db, sweep: &SweepId, filter: &TrialFilter) -> Rows<Vec<TrialSummary>> {
    let row = sweep_row(db, sweep)?;
    let limit = filter.limit.unwrap_or(PAGE).min(PAGE);
    trials::list(db, row.key, filter, row.sweep.objective.maximize, limit)
}

/// A sweep's key and a trial of it.
fn find_trial(db: &Db, sweep: &SweepId, number: TrialNumber) -> Rows<(SweepRow, TrialRow)> {
    let row = sweep_row(db, sweep)?;
    match trials::select(db, (row.key, number))? {
        Some(trial) => Ok((row, trial)),
        None => Err(StoreError::NotFound {
            what: "trial",
            name: format!("{sweep}/{number}"),
            known: Vec::new(),
        }),
    }
}

pub(super) fn trial(db: &Db, sweep: &SweepId, number: TrialNumber) -> Rows<TrialDetail> {
    let (row, trial) = find_trial(db, sweep, number)?;
    let point = points::select(db, row.key, trial.place)?.ok_or_else(|| StoreError::Damaged {
        table: "points",
        column: "point".to_owned(),
        row: format!("{sweep}/{number}"),
        problem: "the trial's point is not there".to_owned(),
    })?;
    let ((diagnosis_json, result_json), (diagnosis, ended)) = trials::notes(db, trial.key())?;
    Ok(TrialDetail {
        curve: curve(reports::of_trial(db, row.key, number)?, trial.epoch),
        attempts: attempts::of_trial(db, row.key, number)?,
        diagnosis_json,
        result_json,
        spec_json: point.spec_json,
        sweep: row.sweep,
        blobs: blobs::of_trial(db, row.key, number)?,
        summary: TrialSummary {
            row: trial,
            params_json: point.params_json,
            diagnosis,
            ended,
        },
    })
}

pub(super) fn open_attempts(db: &Db) -> Rows<Vec<OpenAttempt>> {
    let mut open = Vec::new();
    for row in attempts::open(db)? {
        let sweep = sweeps::select(db, row.sweep)?;
        // That an attempt's trial is there is a rule of the file.
        if let Some(trial) = trials::select(db, (row.sweep, row.trial))? {
            open.push(OpenAttempt {
                row,
                trial,
                sweep: sweep.id,
                paused: sweep.state == SweepState::Paused,
            });
        }
    }
    Ok(open)
}
