//! `reports`.

use super::{
    cells::{Cells, all, first, int, run},
    db::{Db, params},
};
use crate::{
    ids::{AttemptNumber, Hash, TrialNumber},
    store::{
        history::CurvePoint,
        rows::{ReportRow, Rows, SweepKey},
    },
};

const OF_TRIAL: &str = "SELECT attempt, epoch, objective, metrics_json, layers, weights_hash, seconds, images, at_ms \
    FROM reports WHERE sweep = ?1 AND trial = ?2 ORDER BY attempt, epoch";
const HASH: &str = "SELECT weights_hash FROM reports WHERE sweep = ?1 AND trial = ?2 AND attempt = ?3 AND epoch = ?4";
const INSERT: &str = "INSERT INTO reports (sweep, trial, attempt, epoch, objective, metrics_json, layers, \
    weights_hash, seconds, images, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, usize)] = &[(OF_TRIAL, 2), (HASH, 4), (INSERT, 11)];

fn read(cells: &mut Cells<'_>) -> Rows<ReportRow> {
    let attempt = AttemptNumber(cells.number("attempt")?);
    let epoch = cells.number("epoch")?;
    let objective = cells.get("objective")?;
    let metrics: Vec<(String, Option<f64>)> = cells.json("metrics_json")?;
    let point = CurvePoint {
        epoch,
        attempt,
        metrics: metrics
            .into_iter()
            .map(|(name, value)| (name, value.unwrap_or(f64::NAN)))
            .collect(),
        layers: cells.get("layers")?,
        weights_hash: cells.optional_hash("weights_hash")?,
        seconds: cells.get("seconds")?,
    };
    Ok(ReportRow {
        point,
        objective,
        images: cells.number("images")?,
        at: cells.get("at_ms")?,
    })
}

pub(super) fn of_trial(c: &Db, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<ReportRow>> {
    all(c, "reports", OF_TRIAL, params![sweep.0, int(trial.0)], read)
}

pub(super) fn hash(
    c: &Db,
    sweep: SweepKey,
    trial: TrialNumber,
    attempt: AttemptNumber,
    epoch: u32,
) -> Rows<Option<Option<Hash>>> {
    let params = params![sweep.0, int(trial.0), attempt.0, epoch];
    first(c, "reports", HASH, params, |cells| {
        cells.optional_hash("weights_hash")
    })
}

pub(super) fn insert(c: &Db, sweep: SweepKey, trial: TrialNumber, row: &ReportRow) -> Rows<()> {
    // JSON has no NaN: serde_json writes null for what is not finite.
    let metrics = serde_json::to_string(&row.point.metrics).unwrap_or_else(|_| "[]".to_owned());
    let params = params![
        sweep.0,
        int(trial.0),
        row.point.attempt.0,
        row.point.epoch,
        row.objective,
        metrics,
        row.point.layers.as_slice(),
        row.point.weights_hash.map(|hash| hash.0),
        row.point.seconds,
        int(row.images),
        row.at,
    ];
    run(c, INSERT, params).map(drop)
}
