//! The checker: asserts the invariants of `docs/storage.md` over everything that a database holds.

mod attempts;
mod replay;
mod trials;

use std::{fmt, path::Path};

use super::{
    OpenError, StoreError,
    rows::{Read, Rows, SweepRow, TrialRow},
    sqlite,
};
use crate::trial::{TRIAL_STATES, TrialKind};

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `fashion`, `fashion/17`.
    pub of: String,
    /// Which invariant, in a few words.
    pub invariant: &'static str,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.of, self.invariant, self.found)
    }
}

/// Checks a database, served or not; gives the number of trials looked at and what does not hold.
pub async fn verify(database: &Path) -> Result<(u64, Vec<Finding>), OpenError> {
    let path = database.to_owned();
    let problem = |problem: String| OpenError::Database {
        path: database.display().to_string(),
        problem,
    };
    let checked = tokio::task::spawn_blocking(move || {
        let db = sqlite::open_for_reading(&path)?;
        let checked = db.on_snapshot(|store| {
            let (trials, mut findings) = check(store)?;
            findings.extend(check_searches(store)?);
            Ok((trials, findings))
        });
        db.close();
        Ok::<_, OpenError>(checked)
    });
    let checked = checked
        .await
        .map_err(|error| problem(error.to_string()))??;
    checked.map_err(|error: StoreError| problem(error.to_string()))
}

/// Checks everything that rows say.
pub(crate) fn check(store: &dyn Read) -> Rows<(u64, Vec<Finding>)> {
    let mut findings = Findings::default();
    let mut trials = 0;
    for key in store.sweep_keys(false)? {
        let sweep = store.sweep(key)?;
        trials += check_sweep(store, &sweep, &mut findings)?;
    }
    Ok((trials, findings.0))
}

/// Replays every search over the results that are stored.
pub(crate) fn check_searches(store: &dyn Read) -> Rows<Vec<Finding>> {
    let mut findings = Findings::default();
    for key in store.sweep_keys(false)? {
        let sweep = store.sweep(key)?;
        replay::check_search(store, &sweep, &mut findings)?;
    }
    Ok(findings.0)
}

/// Findings so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    /// Notes what does not hold.
    fn expect(
        &mut self,
        holds: bool,
        of: &str,
        invariant: &'static str,
        found: impl FnOnce() -> String,
    ) {
        if !holds {
            self.0.push(Finding {
                of: of.to_owned(),
                invariant,
                found: found(),
            });
        }
    }
}

fn check_sweep(store: &dyn Read, sweep: &SweepRow, findings: &mut Findings) -> Rows<u64> {
    let numbers = store.trials_in(sweep.key, &TRIAL_STATES)?;
    let mut counts = [0; 8];
    let mut epochs = 0;
    let mut search = 0;
    for number in &numbers {
        let Some(trial) = store.trial(sweep.key, *number)? else {
            continue;
        };
        if trial.kind == TrialKind::Search {
            counts[trial.state as usize] += 1;
            search += 1;
            epochs += distinct_epochs(store, sweep, &trial)?;
        }
        trials::check_trial(store, sweep, &trial, findings)?;
        attempts::check_attempts(store, sweep, &trial, findings)?;
    }
    let name = sweep.id.to_string();
    findings.expect(counts == sweep.counts, &name, "counters", || {
        format!("by state {:?}, but there are {counts:?}", sweep.counts)
    });
    findings.expect(search == sweep.trials, &name, "counters", || {
        format!("{} trials, but there are {search}", sweep.trials)
    });
    findings.expect(epochs == sweep.epochs_trained, &name, "counters", || {
        format!(
            "{} epochs trained, but {epochs} reported",
            sweep.epochs_trained
        )
    });
    findings.expect(
        !sweep.state.has_ended() || sweep.queued == 0,
        &name,
        "an ended sweep has nothing to grant",
        || format!("{} queued", sweep.queued),
    );
    trials::check_grants(store, sweep, findings)?;
    Ok(numbers.len() as u64)
}

fn distinct_epochs(store: &dyn Read, sweep: &SweepRow, trial: &TrialRow) -> Rows<u64> {
    let reports = store.reports(sweep.key, trial.number)?;
    let epochs: std::collections::BTreeSet<u32> =
        reports.iter().map(|report| report.point.epoch).collect();
    Ok(epochs.len() as u64)
}
