//! Reads that are put together from several tables.

use super::{
    Best, Db, OpenAttempt, PointRow, RoundDetail, StoreError, SweepDetail, SweepRow, SweepSummary,
    TrialDetail, TrialFilter, TrialRow, TrialSummary, WinnerRef,
    apply::{curve, gone_on, valued, worth},
    attempts, blobs,
    command::USER,
    error::Rows,
    events, points, reports, rounds, sweeps, trials, warnings,
};
use crate::{
    ids::TrialNumber,
    sweep::SweepState,
    trial::{TrialEvent, TrialKind, TrialState},
};

/// Trials in one page.
const PAGE: u64 = 1000;

/// The sweep of that name; the newest for `None`.
pub(super) fn find(db: &Db, name: Option<&str>) -> Rows<SweepRow> {
    let name = name.unwrap_or_default();
    let found = match name {
        "" => sweeps::newest(db)?,
        name => sweeps::by_name(db, name)?,
    };
    match found {
        Some(row) => Ok(row),
        None => Err(StoreError::NotFound {
            what: "sweep",
            name: name.to_owned(),
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

/// The trial itself, or what it tries again in the end.
pub(super) fn original(db: &Db, row: &SweepRow, number: TrialNumber) -> Rows<TrialNumber> {
    let mut trial = find_trial(db, row, number)?;
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
pub(super) fn missing(db: &Db, row: &SweepRow, diverged: bool) -> Rows<Vec<TrialNumber>> {
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
            TrialState::Cancelled | TrialState::Running => !is_cancelled_by_user(db, row, number)?,
            _ => false,
        };
        if lost {
            missing.push((original(db, row, number)?, number));
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
        && let Some(point) = points::select(db, (row.key, place))?
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

fn best_of(db: &Db, row: &SweepRow, tied: Vec<WinnerRef>) -> Rows<Option<Best>> {
    let Some(point) = best_point(db, row)? else {
        return Ok(None);
    };
    let Some(known) = point.value.mean else {
        return Ok(None);
    };
    let trials = trials::of_point(db, point.key())?;
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
        tied,
        repeats: point.value.repeats,
        trials: counts.into_iter().map(|trial| trial.number).collect(),
        params_json: point.params_json,
        epochs: point.value.epochs,
        test_accuracy: row.test_accuracy,
    }))
}

pub(super) fn sweep(db: &Db, row: SweepRow) -> Rows<SweepDetail> {
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
    let (mut warnings, mut tied) = (Vec::new(), Vec::new());
    for (key, text) in warnings::of_sweep(db, row.key)? {
        match WinnerRef::of_tie_key(&key) {
            Some(place) => tied.push(place),
            None => warnings.push(text),
        }
    }
    Ok(SweepDetail {
        rounds,
        warnings,
        best: best_of(db, &row, tied)?,
        last_event: events::newest(db, row.key)?,
        summary: summary(db, row)?,
    })
}

pub(super) fn trials(db: &Db, row: &SweepRow, filter: &TrialFilter) -> Rows<Vec<TrialSummary>> {
    let limit = filter.limit.unwrap_or(PAGE).min(PAGE);
    trials::list(db, row.key, filter, row.sweep.objective.maximize, limit)
}

fn find_trial(db: &Db, row: &SweepRow, number: TrialNumber) -> Rows<TrialRow> {
    trials::select(db, (row.key, number))?.ok_or_else(|| StoreError::no_trial(&row.id, number))
}

pub(super) fn trial(db: &Db, row: SweepRow, number: TrialNumber) -> Rows<TrialDetail> {
    let trial = find_trial(db, &row, number)?;
    let point = points::select(db, (row.key, trial.place))?
        .ok_or_else(|| StoreError::no_point(&row.id, number))?;
    let ((diagnosis_json, result_json), (diagnosis, ended)) = trials::notes(db, trial.key())?;
    Ok(TrialDetail {
        curve: curve(reports::of_trial(db, trial.key())?, trial.epoch),
        attempts: attempts::of_trial(db, trial.key())?,
        diagnosis_json,
        result_json,
        spec_json: point.spec_json,
        sweep: row.sweep,
        blobs: blobs::of_trial(db, trial.key())?,
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
