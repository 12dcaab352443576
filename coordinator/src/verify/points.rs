//! What a point's trials gave, by the same sum that stored it.

use super::finding::{At, Findings, Names};
use crate::{
    store::{self, Db, PointRow, PointValue, Stream, SweepKey, SweepRow, TrialRow, point_value},
    trial::{TrialKind, TrialState},
};

/// Checks every point.
pub(super) fn check(db: &Db, keys: &[SweepKey], names: &Names, findings: &mut Findings) {
    let mut points = store::points::in_order(db);
    let mut trials = store::trials::by_point(db);
    for key in keys {
        // One that cannot be read is told where its trials are looked at.
        let Ok(sweep) = store::sweeps::select(db, *key) else {
            continue;
        };
        let ours = super::sweeps::is_ours(&sweep);
        while let Some((_, row)) = points.next_of(&[key.0]) {
            match row {
                Ok(point) => check_point(&sweep, ours, &point, &mut trials, findings),
                Err(error) => findings.unreadable(names, error),
            }
        }
        findings.all_unreadable(names, points.take_problems());
        findings.all_unreadable(names, trials.take_problems());
    }
}

fn check_point(
    sweep: &SweepRow,
    ours: bool,
    point: &PointRow,
    trials: &mut Stream<'_, TrialRow>,
    findings: &mut Findings,
) {
    let place = point.place;
    let number = i64::try_from(place.point).unwrap_or(i64::MAX);
    let group = trials.group(&[sweep.key.0, i64::from(place.round), number]);
    let Some(mut group) = group else { return };
    group.retain(|trial| trial.kind == TrialKind::Search);
    let at = At {
        of: sweep.id.as_str(),
        table: "points",
        key: format!("{}, {}, {number}", sweep.key.0, place.round),
    };
    // A check or a test is outside the points: nothing is summed up of it.
    let right = match group.is_empty() {
        true => PointValue::default(),
        false => point_value(&group, &sweep.sweep.objective),
    };
    let mut sums = findings.against(at, "a point sums up its trials");
    let stored = point.value;
    sums.same("finished", &stored.finished, &right.finished);
    let sign = if sweep.sweep.objective.maximize {
        1.0
    } else {
        -1.0
    };
    let score = stored.mean.map(|mean| mean * sign);
    sums.close("score", stored.score, score);
    // Until the next rung a promoted trial's point keeps its value, as one does that is tried again.
    let is_under_way = |state| matches!(state, TrialState::Queued | TrialState::Running);
    if !ours || group.iter().any(|trial| is_under_way(trial.state)) {
        return;
    }
    sums.close("mean", stored.mean, right.mean);
    sums.close("spread", stored.spread, right.spread);
    sums.same("repeats", &stored.repeats, &right.repeats);
    sums.same("epochs", &stored.epochs, &right.epochs);
}
