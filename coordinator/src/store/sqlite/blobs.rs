//! `blobs`.

use super::{
    bulk::Bulk,
    cells::{Cells, all, first, int, run},
    db::{Db, params, row},
    stream::Stream,
};
use crate::{
    ids::{AttemptNumber, Hash, TrialNumber},
    store::{
        rows::{Rows, SweepKey},
        values::{BlobKind, BlobRef},
    },
};

const OF_TRIAL: &str = "SELECT trial, hash, size, kind, epoch, stored FROM blobs WHERE sweep = ?1 AND trial = ?2 ORDER BY hash";
const OF_SWEEP: &str = "SELECT trial, hash, size, kind, epoch, stored FROM blobs WHERE sweep = ?1 ORDER BY trial, hash";
const STORED: &str = "SELECT DISTINCT hash FROM blobs WHERE stored = 1 ORDER BY hash";
const NEEDED: &str = "SELECT 1 FROM blobs WHERE hash = ?1 LIMIT 1";
const IN_ORDER: &str = "SELECT sweep, trial, hash, trial, hash, size, kind, epoch, stored FROM blobs \
    WHERE (sweep, trial, hash) > (?1, ?2, ?3) ORDER BY sweep, trial, hash LIMIT 500";
const STORED_WHOLE: &str =
    "SELECT min(sweep), min(trial), hash, max(size) FROM blobs WHERE stored = 1 GROUP BY hash";
static PUT: Bulk = Bulk::new(
    "INSERT INTO blobs (sweep, trial, hash, attempt, kind, size, epoch, stored, at_ms) VALUES {rows} \
     ON CONFLICT (sweep, trial, hash) DO UPDATE SET stored = max(stored, excluded.stored)",
    9,
);
const DELETE: &str = "DELETE FROM blobs WHERE sweep = ?1 AND trial = ?2 AND hash = ?3";

#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, usize)> {
    let others = [
        (OF_TRIAL, 2),
        (OF_SWEEP, 1),
        (STORED, 0),
        (NEEDED, 1),
        (DELETE, 3),
        (IN_ORDER, 3),
        (STORED_WHOLE, 0),
    ];
    PUT.statements().chain(others).collect()
}

fn read(cells: &mut Cells<'_>) -> Rows<(TrialNumber, BlobRef)> {
    let trial = TrialNumber(cells.number("trial")?);
    let blob = BlobRef {
        hash: Hash(cells.get("hash")?),
        size: cells.number("size")?,
        kind: cells.word("kind", BlobKind::parse)?,
        epoch: cells.number("epoch")?,
        stored: cells.flag("stored")?,
    };
    Ok((trial, blob))
}

pub(super) fn of_trial(c: &Db, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<BlobRef>> {
    let rows = all(c, "blobs", OF_TRIAL, params![sweep.0, int(trial.0)], read)?;
    Ok(rows.into_iter().map(|(_, blob)| blob).collect())
}

pub(super) fn of_sweep(c: &Db, sweep: SweepKey) -> Rows<Vec<(TrialNumber, BlobRef)>> {
    all(c, "blobs", OF_SWEEP, params![sweep.0], read)
}

/// All blobs, by sweep and trial.
pub(in crate::store) fn in_order(c: &Db) -> Stream<'_, BlobRef> {
    Stream::new(c, "blobs", IN_ORDER, 3, |cells| {
        read(cells).map(|(_, blob)| blob)
    })
}

pub(super) fn stored(c: &Db) -> Rows<Vec<Hash>> {
    all(c, "blobs", STORED, params![], |cells| {
        Ok(Hash(cells.get("hash")?))
    })
}

/// A blob that the coordinator has, and a trial that names it.
#[derive(Clone, Debug)]
pub(in crate::store) struct StoredBlob {
    pub sweep: i64,
    pub trial: i64,
    pub hash: Hash,
    pub size: u64,
}

/// All blobs that the coordinator has, by hash.
pub(in crate::store) fn stored_whole(c: &Db) -> Rows<Vec<StoredBlob>> {
    all(c, "blobs", STORED_WHOLE, params![], |cells| {
        Ok(StoredBlob {
            sweep: cells.get("sweep")?,
            trial: cells.get("trial")?,
            hash: Hash(cells.get("hash")?),
            size: cells.number("size")?,
        })
    })
}

pub(super) fn needed(c: &Db, hash: Hash) -> Rows<bool> {
    Ok(first(c, "blobs", NEEDED, params![hash.0], |_| Ok(()))?.is_some())
}

/// Committed blobs; the same again may only become `stored`.
pub(super) fn put(
    c: &Db,
    rows: impl Iterator<Item = ((SweepKey, TrialNumber, AttemptNumber), BlobRef, i64)>,
) -> Rows<()> {
    let values = rows.flat_map(|((sweep, trial, attempt), blob, at)| {
        row![
            sweep.0,
            int(trial.0),
            blob.hash.0,
            attempt.0,
            blob.kind.as_str(),
            int(blob.size),
            blob.epoch,
            blob.stored,
            at,
        ]
    });
    PUT.run(c, values.collect())
}

pub(super) fn delete(c: &Db, sweep: SweepKey, trial: TrialNumber, hash: Hash) -> Rows<()> {
    run(c, DELETE, params![sweep.0, int(trial.0), hash.0]).map(drop)
}
