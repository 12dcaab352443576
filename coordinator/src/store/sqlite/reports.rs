//! `reports`.

use super::{
    bulk::Bulk,
    cells::{Cells, all, first, int},
    db::{Db, params, row},
    stream::Stream,
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
// Without the layers: a page of them may be large, and nobody here can say what they ought to be.
const IN_ORDER: &str = "SELECT sweep, trial, attempt, epoch, attempt, epoch, objective, metrics_json, x'', weights_hash, \
    seconds, images, at_ms FROM reports WHERE (sweep, trial, attempt, epoch) > (?1, ?2, ?3, ?4) \
    ORDER BY sweep, trial, attempt, epoch LIMIT 500";
static INSERT: Bulk = Bulk::new(
    "INSERT INTO reports (sweep, trial, attempt, epoch, objective, metrics_json, layers, weights_hash, seconds, images, \
     at_ms) VALUES {rows}",
    11,
);

#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, usize)> {
    INSERT
        .statements()
        .chain([(OF_TRIAL, 2), (HASH, 4), (IN_ORDER, 4)])
        .collect()
}

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

/// All reports, by sweep, trial and attempt; their layers are left out.
pub(in crate::store) fn in_order(c: &Db) -> Stream<'_, ReportRow> {
    Stream::new(c, "reports", IN_ORDER, 4, read)
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

/// New reports.
pub(super) fn insert(c: &Db, rows: &[(SweepKey, TrialNumber, ReportRow)]) -> Rows<()> {
    let values = rows.iter().flat_map(|(sweep, trial, row)| {
        let point = &row.point;
        // JSON has no NaN: serde_json writes null for what is not finite.
        let metrics = serde_json::to_string(&point.metrics).unwrap_or_else(|_| "[]".to_owned());
        row![
            sweep.0,
            int(trial.0),
            point.attempt.0,
            point.epoch,
            row.objective,
            metrics,
            point.layers.as_slice(),
            point.weights_hash.map(|hash| hash.0),
            point.seconds,
            int(row.images),
            row.at,
        ]
    });
    INSERT.run(c, values.collect())
}
