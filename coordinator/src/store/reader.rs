//! Reads: of a served database, or of a file that no coordinator serves.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[cfg(test)]
use super::working::WorkingSet;
use super::{
    Db, EventRow, LogRow, OpenAttempt, OpenError, StoreError, SweepDetail, SweepRow, SweepSummary,
    TrialDetail, TrialFilter, TrialResult, TrialSummary,
    apply::{Same, same_sweep},
    attempts, blobs,
    error::Rows,
    events, lock, logs, place, queries, sqlite, sweeps,
};
use crate::{
    blob_folder,
    ids::{Hash, SweepId, TrialNumber},
};

/// Reads alone. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {
    source: Source,
    /// The file itself, whatever link led to it.
    path: PathBuf,
}

#[derive(Clone, Debug)]
enum Source {
    File(Arc<Pool>),
    /// A migrated copy of a file of an earlier version, which has no name by which it could be opened once more.
    Copy(Arc<Mutex<Db>>),
    /// The disk of a simulation.
    #[cfg(test)]
    Simulated(Arc<Mutex<WorkingSet>>),
}

/// Read-only connections, opened as they are needed.
#[derive(Debug)]
struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Db>>,
}

/// Reads wait for the disk: they run on the blocking pool.
async fn blocking<T: Send + 'static>(read: impl FnOnce() -> Rows<T> + Send + 'static) -> Rows<T> {
    let read = tokio::task::spawn_blocking(read);
    read.await.unwrap_or(Err(StoreError::Closed))
}

/// Connections kept for the next reads.
const IDLE: usize = 8;

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Vec<Db>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one read, all of it on one snapshot of the file.
    fn read<T>(&self, read: impl FnOnce(&Db) -> Rows<T>) -> Rows<T> {
        let taken = self.idle().pop();
        let db = match taken {
            Some(db) => db,
            None => sqlite::open_for_reading(&self.path)
                .map_err(|error| StoreError::Database(error.to_string()))?,
        };
        let answer = db.on_snapshot(read);
        let mut idle = self.idle();
        if idle.len() < IDLE {
            idle.push(db);
        }
        answer
    }
}

impl Reader {
    /// Opens the file for reading only; changes nothing in it and needs no coordinator. One of an earlier version is copied.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let path = &place::resolve(path)?;
        lock::refuse_network(path)?;
        let file = path.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let db = sqlite::open_for_reading(&file)?;
            Ok(match sqlite::migrated_copy(&file, &db)? {
                Some(copy) => Self {
                    source: Source::Copy(Arc::new(Mutex::new(copy))),
                    path: file,
                },
                None => Self::pooled(&file, vec![db]),
            })
        });
        let opened = opened.await;
        opened.map_err(|error| OpenError::database(path, error))?
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn of_file(path: &Path) -> Self {
        Self::pooled(path, Vec::new())
    }

    fn pooled(path: &Path, idle: Vec<Db>) -> Self {
        Self {
            source: Source::File(Arc::new(Pool {
                path: path.to_owned(),
                idle: Mutex::new(idle),
            })),
            path: path.to_owned(),
        }
    }

    /// Whether the file is of an earlier version, and a migrated copy of it is read.
    pub fn is_of_copy(&self) -> bool {
        matches!(self.source, Source::Copy(_))
    }

    #[cfg(test)]
    pub(super) fn of_working_set(memory: Arc<Mutex<WorkingSet>>) -> Self {
        Self {
            source: Source::Simulated(memory),
            path: PathBuf::new(),
        }
    }

    /// Closes the connections that no read uses now: with them open, the writer's end could not fold in the log.
    pub(super) fn close_idle(&self) {
        match &self.source {
            Source::File(pool) => {
                let idle = std::mem::take(&mut *pool.idle());
                idle.into_iter().for_each(Db::close);
            }
            Source::Copy(_) => {}
            #[cfg(test)]
            Source::Simulated(_) => {}
        }
    }

    /// Files are read on the blocking pool; memory at once, so that a simulation stays deterministic.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> Rows<T> + Send + 'static,
    ) -> Rows<T> {
        match &self.source {
            #[cfg(test)]
            Source::Simulated(set) => read(set.lock().unwrap_or_else(PoisonError::into_inner).db()),
            Source::File(pool) => {
                let pool = Arc::clone(pool);
                blocking(move || pool.read(read)).await
            }
            Source::Copy(db) => {
                let db = Arc::clone(db);
                let alone = move || {
                    let db = db.lock().unwrap_or_else(PoisonError::into_inner);
                    db.on_snapshot(read)
                };
                blocking(alone).await
            }
        }
    }

    /// A read about the sweep of that name.
    async fn read_of<T: Send + 'static>(
        &self,
        sweep: &SweepId,
        read: impl FnOnce(&Db, SweepRow) -> Rows<T> + Send + 'static,
    ) -> Rows<T> {
        let sweep = sweep.clone();
        self.read(move |db| read(db, queries::find(db, Some(sweep.as_str()))?))
            .await
    }

    /// The sweep that a launch of this identity with these data would go on with.
    pub async fn same_sweep(&self, identity: &str, data: Option<Hash>) -> Rows<Option<SweepRow>> {
        let identity = identity.to_owned();
        self.read(move |db| {
            Ok(match same_sweep(db, &identity, data)? {
                Same::Sweep(row) => Some(*row),
                Same::OnOtherData(_) => None,
            })
        })
        .await
    }

    /// All sweeps, oldest first.
    pub async fn sweeps(&self) -> Rows<Vec<SweepSummary>> {
        self.read(queries::sweeps).await
    }

    /// The sweep of that name; the newest for `None` or an empty one.
    pub async fn find_sweep(&self, name: Option<&str>) -> Rows<SweepId> {
        let name = name.map(str::to_owned);
        self.read(move |db| Ok(queries::find(db, name.as_deref())?.id))
            .await
    }

    /// Everything about a sweep that does not grow with its trials.
    pub async fn sweep(&self, sweep: &SweepId) -> Rows<SweepDetail> {
        self.read_of(sweep, queries::sweep).await
    }

    /// Time in which anything of it was trained; reads all its attempts.
    pub async fn trained_ms(&self, sweep: &SweepId) -> Rows<u64> {
        self.read_of(sweep, |db, row| attempts::trained_ms(db, row.key))
            .await
    }

    /// One page of trials, at most 1,000 whatever `filter.limit` says: go on with `filter.past`.
    pub async fn trials(&self, sweep: &SweepId, filter: &TrialFilter) -> Rows<Vec<TrialSummary>> {
        let filter = filter.clone();
        self.read_of(sweep, move |db, row| queries::trials(db, &row, &filter))
            .await
    }

    /// The next page of the trials that a filter takes, which is moved on; `None` after the last.
    pub(crate) async fn next_trials(
        &self,
        sweep: &SweepId,
        filter: &mut TrialFilter,
    ) -> Rows<Option<Vec<TrialSummary>>> {
        let page = self.trials(sweep, filter).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        filter.after = last.row.number.0;
        Ok(Some(page))
    }

    /// Everything about one trial.
    pub async fn trial(&self, sweep: &SweepId, trial: TrialNumber) -> Rows<TrialDetail> {
        self.read_of(sweep, move |db, row| queries::trial(db, row, trial))
            .await
    }

    /// Events of a sweep, or of one trial, after `after`, oldest first, at most `limit`.
    pub async fn events(
        &self,
        sweep: &SweepId,
        trial: Option<TrialNumber>,
        after: u64,
        limit: u64,
    ) -> Rows<Vec<EventRow>> {
        let read = move |db: &Db, row: SweepRow| events::select(db, row.key, trial, after, limit);
        self.read_of(sweep, read).await
    }

    /// What workers wrote about a trial, oldest first: the last lines of each attempt.
    pub async fn logs(&self, sweep: &SweepId, trial: TrialNumber) -> Rows<Vec<LogRow>> {
        self.read_of(sweep, move |db, row| logs::of_trial(db, (row.key, trial)))
            .await
    }

    /// The trial itself, or what it tries again in the end.
    pub(crate) async fn original(&self, sweep: &SweepId, trial: TrialNumber) -> Rows<TrialNumber> {
        self.read_of(sweep, move |db, row| queries::original(db, &row, trial))
            .await
    }

    /// What a failed sweep would have to try again to get on; with `diverged` those trials too.
    pub(crate) async fn missing(&self, sweep: &SweepId, diverged: bool) -> Rows<Vec<TrialNumber>> {
        self.read_of(sweep, move |db, row| queries::missing(db, &row, diverged))
            .await
    }

    /// Where a sweep stands.
    pub(crate) async fn row(&self, sweep: &SweepId) -> Rows<SweepRow> {
        self.read_of(sweep, |_, row| Ok(row)).await
    }

    /// Results in order of arrival with a greater `seq`: what the search is replayed from.
    pub async fn results(&self, sweep: &SweepId, after: u64) -> Rows<Vec<TrialResult>> {
        Ok(self.news(sweep, after).await?.1)
    }

    /// Where a sweep stands, and its [`results`](Self::results) after `after`, both as of one moment.
    pub(crate) async fn news(
        &self,
        sweep: &SweepId,
        after: u64,
    ) -> Rows<(SweepRow, Vec<TrialResult>)> {
        self.read_of(sweep, move |db, row| {
            let results = events::results(db, row.key, after)?;
            Ok((row, results))
        })
        .await
    }

    /// Sweeps that have not ended, oldest first.
    pub async fn live_sweeps(&self) -> Rows<Vec<SweepId>> {
        self.read(|db| Ok(sweeps::live(db)?.into_iter().map(|row| row.id).collect()))
            .await
    }

    /// Sweeps that have ended and have blobs.
    pub async fn ended_sweeps_with_blobs(&self) -> Rows<Vec<SweepId>> {
        self.read(sweeps::ended_with_blobs).await
    }

    /// Hashes of all blobs that lie in the folder beside the database.
    pub async fn blobs(&self) -> Rows<Vec<Hash>> {
        self.read(blobs::stored).await
    }

    /// Those of these blobs that no row names.
    pub(crate) async fn unneeded(&self, hashes: Vec<Hash>) -> Rows<Vec<Hash>> {
        self.read(move |db| {
            let mut unneeded = Vec::new();
            for hash in hashes {
                if !blobs::needed(db, hash)? {
                    unneeded.push(hash);
                }
            }
            Ok(unneeded)
        })
        .await
    }

    /// Where a blob lies that the database names as stored.
    pub async fn blob_path(&self, hash: Hash) -> Rows<PathBuf> {
        let path = self.path().to_owned();
        self.read(move |db| Ok(blob_folder::find(&path, &sqlite::incarnation(db)?, hash)))
            .await
    }

    /// Attempts that run.
    pub async fn open_attempts(&self) -> Rows<Vec<OpenAttempt>> {
        self.read(queries::open_attempts).await
    }
}
