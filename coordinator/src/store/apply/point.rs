//! What a point is worth, and what of its trials' reports is visible.

use std::collections::BTreeMap;

use crate::{
    ids::TrialNumber,
    store::{
        rows::{PointValue, ReportRow, Rows, SweepRow, TrialRow, Write},
        values::{Objective, WinnerRef},
    },
    trial::TrialState,
};

/// Reports as the curve shows them: of each epoch up to `upto` the newest attempt's. Attempts train the same to the
/// bit, so a resume joins what an earlier attempt reported; what lies beyond `upto` was lost with its attempt.
pub(crate) fn curve(reports: Vec<ReportRow>, upto: u32) -> Vec<ReportRow> {
    let mut by_epoch = BTreeMap::<u32, ReportRow>::new();
    for report in reports {
        let epoch = report.point.epoch;
        let newer = by_epoch
            .get(&epoch)
            .is_none_or(|other| other.point.attempt < report.point.attempt);
        if epoch <= upto && newer {
            by_epoch.insert(epoch, report);
        }
    }
    by_epoch.into_values().collect()
}

/// Sets objective, epoch and hash back to what they were after epoch `upto`.
pub(super) fn rewind<W: Write>(
    store: &W,
    sweep: &SweepRow,
    trial: &mut TrialRow,
    upto: u32,
) -> Rows<()> {
    let visible = curve(store.reports(sweep.key, trial.number)?, upto);
    trial.objective = visible.iter().fold(None, |old, report| {
        sweep.sweep.objective.fold(old, report.objective)
    });
    trial.weights_hash = visible.last().and_then(|report| report.point.weights_hash);
    trial.epoch = upto;
    Ok(())
}

/// The trials of a point that count: those that were tried again are replaced by their retries.
pub(crate) fn counted(trials: &[TrialRow]) -> impl Iterator<Item = &TrialRow> {
    trials.iter().filter(|trial| {
        !trials
            .iter()
            .any(|other| other.retry_of == Some(trial.number))
    })
}

/// Trials whose objectives make the point's mean.
pub(crate) fn valued(trials: &[TrialRow]) -> impl Iterator<Item = (TrialNumber, &TrialRow, f64)> {
    counted(trials).filter_map(|trial| match trial.state {
        TrialState::Completed | TrialState::Pruned | TrialState::Waiting => {
            Some((trial.number, trial, trial.objective?))
        }
        _ => None,
    })
}

/// Mean over repeats, each the mean over its folds; a diverged trial makes the point diverged, failed and cancelled
/// ones are left out. `None`: nothing to say yet.
fn value(trials: &[TrialRow], objective: &Objective) -> PointValue {
    let finished = counted(trials).all(|trial| trial.state.is_terminal());
    let nothing = PointValue {
        finished,
        ..PointValue::default()
    };
    if counted(trials).any(|trial| trial.state == TrialState::Diverged) {
        return nothing;
    }
    let mut repeats = BTreeMap::<u32, (f64, f64)>::new();
    let mut epochs = 0;
    for (_, trial, objective) in valued(trials) {
        let (sum, n) = repeats.entry(trial.repeat).or_default();
        *sum += objective;
        *n += 1.0;
        epochs = epochs.max(trial.epoch);
    }
    if repeats.is_empty() {
        return nothing;
    }
    let means: Vec<f64> = repeats.values().map(|(sum, n)| sum / n).collect();
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let squares = means.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    PointValue {
        finished,
        mean: Some(mean),
        spread: (means.len() > 1).then(|| (squares / (n - 1.0)).sqrt()),
        repeats: repeats.len() as u32,
        epochs,
        score: Some(if objective.maximize { mean } else { -mean }),
    }
}

/// A point that had finished gets one more trial.
pub(super) fn reopen<W: Write>(store: &mut W, sweep: &SweepRow, place: WinnerRef) -> Rows<()> {
    let trials = store.trials_of_point(sweep.key, place)?;
    if trials.is_empty() || !counted(&trials).all(|trial| trial.state.is_terminal()) {
        return Ok(());
    }
    if let Some(point) = store.point(sweep.key, place)? {
        let value = PointValue {
            finished: false,
            ..point.value
        };
        store.set_point(sweep.key, place, value)?;
    }
    store.add_finished(sweep.key, place.round, -1)
}

/// Stores what a point is worth after one of its trials went from `old` to `new`.
pub(super) fn refresh<W: Write>(
    store: &mut W,
    sweep: &SweepRow,
    old: &TrialRow,
    new: &TrialRow,
) -> Rows<()> {
    let matters = |state: TrialState| state.is_terminal() || state == TrialState::Waiting;
    if !matters(new.state) {
        // A promoted trial keeps its point's value until the next rung.
        return Ok(());
    }
    let trials = store.trials_of_point(sweep.key, new.place)?;
    let value = value(&trials, &sweep.sweep.objective);
    store.set_point(sweep.key, new.place, value)?;
    let others_done = counted(&trials)
        .filter(|trial| trial.number != new.number)
        .all(|trial| trial.state.is_terminal());
    let (was, is) = (
        old.state.is_terminal() && others_done,
        new.state.is_terminal() && others_done,
    );
    if is != was {
        store.add_finished(sweep.key, new.place.round, if is { 1 } else { -1 })?;
    }
    Ok(())
}
