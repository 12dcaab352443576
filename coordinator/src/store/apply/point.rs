//! What a point is worth, and what of its trials' reports is visible.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::TrialNumber,
    search::{self, TrialValue, Worth},
    store::{
        Objective, PointValue, ReportRow, SweepRow, TrialRow, WinnerRef, error::Rows, reports,
        working::WorkingSet,
    },
    trial::TrialState,
};

/// Reports as the curve shows them: of each epoch up to `upto` the newest attempt's. Attempts train the same to the
/// bit, so a resume joins what an earlier attempt reported; what lies beyond `upto` was lost with its attempt.
pub(crate) fn curve(reports: Vec<ReportRow>, upto: u32) -> Vec<ReportRow> {
    let mut by_epoch = BTreeMap::<u32, ReportRow>::new();
    for report in reports {
        let epoch = report.epoch;
        let newer = by_epoch
            .get(&epoch)
            .is_none_or(|other| other.attempt < report.attempt);
        if epoch <= upto && newer {
            by_epoch.insert(epoch, report);
        }
    }
    by_epoch.into_values().collect()
}

/// Sets objective, epoch and hash back to what they were after epoch `upto`.
pub(super) fn rewind(
    store: &mut WorkingSet,
    sweep: &SweepRow,
    trial: &mut TrialRow,
    upto: u32,
) -> Rows<()> {
    let visible = curve(reports::of_trial(store.file()?, trial.key())?, upto);
    trial.objective = visible.iter().fold(None, |old, report| {
        sweep.sweep.objective.fold(old, report.objective)
    });
    trial.weights_hash = visible.last().and_then(|report| report.weights_hash);
    trial.epoch = upto;
    Ok(())
}

/// The trials of a point that count: those that were tried again are replaced by their retries.
pub(crate) fn counted(trials: &[TrialRow]) -> Vec<&TrialRow> {
    let replaced: BTreeSet<TrialNumber> =
        trials.iter().filter_map(|trial| trial.retry_of).collect();
    let counts = |trial: &&TrialRow| !replaced.contains(&trial.number);
    trials.iter().filter(counts).collect()
}

/// What a trial says of its point, and the epochs that this stands for: a full training's, or those of the rung that it has
/// come to. What a pruner ended on its way stands for the training that it was to be.
fn said(trial: &TrialRow) -> (u32, TrialValue) {
    match (trial.state, trial.objective) {
        (TrialState::Diverged, _) => (trial.full_epochs, TrialValue::Diverged),
        (TrialState::Completed, Some(value)) => (trial.full_epochs, TrialValue::Value(value)),
        (TrialState::Pruned, Some(value)) if trial.epoch < trial.to_epoch => {
            (trial.full_epochs, TrialValue::Pruned(value))
        }
        (TrialState::Pruned | TrialState::Waiting, Some(value)) => {
            (trial.epoch, TrialValue::Value(value))
        }
        _ => (trial.epoch, TrialValue::Nothing),
    }
}

/// Trials whose objectives make the point's mean: those of the longest trainings. What was ended at a lower rung is no part of it.
pub(crate) fn valued(trials: &[TrialRow]) -> Vec<&TrialRow> {
    let mut valued = counted(trials);
    valued.retain(|trial| matches!(said(trial).1, TrialValue::Value(_) | TrialValue::Pruned(_)));
    let most = valued.iter().map(|trial| said(trial).0).max();
    valued.retain(|trial| Some(said(trial).0) == most);
    valued
}

/// What the point's trials come to, those that diverged included; `None`: nothing to say yet.
pub(crate) fn worth(trials: &[TrialRow]) -> Option<Worth> {
    let mut telling = counted(trials);
    telling.retain(|trial| trial.state == TrialState::Diverged);
    telling.extend(valued(trials));
    search::worth(telling.into_iter().map(|trial| said(trial).1)).ok()
}

/// Trials that gave a point its value and have gone on since: promoted ones, until the next rung.
pub(crate) fn gone_on(trials: &[TrialRow], value: PointValue) -> Vec<&TrialRow> {
    let mut gone_on = counted(trials);
    gone_on.retain(|trial| {
        let trains = matches!(trial.state, TrialState::Queued | TrialState::Running);
        trains && trial.to_epoch > value.epochs && trial.most_epochs >= value.epochs
    });
    gone_on
}

/// What a point's trials gave, and whether all of them have ended.
pub(crate) fn value(trials: &[TrialRow], objective: &Objective) -> PointValue {
    let finished = counted(trials)
        .iter()
        .all(|trial| trial.state.is_terminal());
    let Some(worth) = worth(trials) else {
        return PointValue {
            finished,
            ..PointValue::default()
        };
    };
    let valued = valued(trials);
    let repeats: BTreeSet<u32> = valued.iter().map(|trial| trial.repeat).collect();
    PointValue {
        finished,
        mean: Some(worth.mean),
        spread: worth.spread,
        repeats: repeats.len() as u32,
        epochs: valued.iter().map(|trial| trial.epoch).max().unwrap_or(0),
        score: Some(if objective.maximize {
            worth.mean
        } else {
            -worth.mean
        }),
    }
}

/// A point that had finished gets one more trial.
pub(super) fn reopen(store: &mut WorkingSet, sweep: &SweepRow, place: WinnerRef) -> Rows<()> {
    let point = (sweep.key, place);
    let trials = store.trials_of_point(point)?;
    let finished = counted(&trials)
        .iter()
        .all(|trial| trial.state.is_terminal());
    if trials.is_empty() || !finished {
        return Ok(());
    }
    if let Some(row) = store.point(point)? {
        let value = PointValue {
            finished: false,
            ..row.value
        };
        store.set_point(point, value)?;
    }
    store.add_finished(sweep.key, place.round, -1);
    Ok(())
}

/// Stores what a point is worth after one of its trials left the state `from`.
pub(super) fn refresh(
    store: &mut WorkingSet,
    sweep: &SweepRow,
    from: TrialState,
    trial: &TrialRow,
) -> Rows<()> {
    if !trial.state.is_terminal() && trial.state != TrialState::Waiting {
        // A promoted trial keeps its point's value until the next rung.
        return Ok(());
    }
    let point = (sweep.key, trial.place);
    let trials = store.trials_of_point(point)?;
    store.set_point(point, value(&trials, &sweep.sweep.objective))?;
    let mut others = counted(&trials);
    if !others.iter().any(|other| other.number == trial.number) {
        // It was tried again while it ran: its point goes by the retry.
        return Ok(());
    }
    others.retain(|other| other.number != trial.number);
    let others_done = others.iter().all(|other| other.state.is_terminal());
    if others_done && from.is_terminal() != trial.state.is_terminal() {
        let by = if trial.state.is_terminal() { 1 } else { -1 };
        store.add_finished(sweep.key, trial.place.round, by);
    }
    Ok(())
}
