//! Launching: a new sweep, or the same one again.

use std::sync::Arc;

use super::{
    step::Cause,
    sweep::{move_on, record},
};
use crate::{
    ids::{Hash, LONGEST_NAME, SweepId, SweepKey, is_valid_name},
    store::{
        Db, StoreError, SweepRow,
        command::{LaunchOutcome, LaunchSweep, Launched, USER},
        error::Rows,
        sweeps,
        working::WorkingSet,
    },
    sweep::{SweepEvent, SweepState},
};

/// What a file stands for that is launched with these data.
#[derive(Clone, Debug)]
pub enum Same {
    /// This sweep, the newest of them.
    Sweep(Box<SweepRow>),
    /// No sweep, but these of the same file on other data, newest first.
    OnOtherData(Vec<SweepRow>),
}

/// Finds the sweep of a file. A launcher that cannot read its data goes with any, and any goes with a sweep that nothing is
/// pinned to yet.
pub fn same_sweep(db: &Db, identity: &str, data: Option<Hash>) -> Rows<Same> {
    let mut others = Vec::new();
    for row in sweeps::of_identity(db, identity)? {
        let pinned = row.data.as_ref().map(|set| set.hash);
        if data.is_none() || pinned.is_none() || data == pinned {
            return Ok(Same::Sweep(Box::new(row)));
        }
        others.push(row);
    }
    Ok(Same::OnOtherData(others))
}

/// Stores a sweep and starts it, or goes on with the newest of the same identity.
pub(super) fn launch(store: &mut WorkingSet, launch: &LaunchSweep) -> Rows<Launched> {
    let wanted = &launch.name;
    if !is_valid_name(wanted) {
        return Err(StoreError::Invalid(format!(
            "`{wanted}` cannot be a sweep's name: 1 to 100 letters, digits, `-` and `_`"
        )));
    }
    if let Some(row) = sweeps::by_request(store.file()?, launch.request)? {
        let of_file = sweeps::of_identity(store.file()?, &launch.sweep.identity)?;
        let other = of_file.into_iter().find(|other| other.key < row.key);
        return Ok(Launched {
            on_other_data: other
                .filter(|other| !launch.again && other.data != row.data)
                .map(|other| other.id),
            ..launched(launch, &row, LaunchOutcome::Started)
        });
    }
    if launch.again {
        return start(store, launch);
    }
    let data = launch.data.as_ref().map(|set| set.hash);
    match same_sweep(store.file()?, &launch.sweep.identity, data)? {
        Same::Sweep(same) => go_on(store, launch, *same),
        Same::OnOtherData(others) => {
            refuse_changed_data(launch, &others)?;
            Ok(Launched {
                on_other_data: others.first().map(|row| row.id.clone()),
                ..start(store, launch)?
            })
        }
    }
}

fn launched(launch: &LaunchSweep, row: &SweepRow, outcome: LaunchOutcome) -> Launched {
    Launched {
        sweep: row.id.clone(),
        outcome,
        renamed: row.id.as_str() != launch.name,
        on_other_data: None,
        retried: 0,
    }
}

/// A sweep that has ended is there to be read; another one goes on, pinned to the launcher's data if nothing was before.
fn go_on(store: &mut WorkingSet, launch: &LaunchSweep, mut same: SweepRow) -> Rows<Launched> {
    match same.state {
        SweepState::Completed | SweepState::Stopped | SweepState::Failed => {
            Ok(launched(launch, &same, LaunchOutcome::Ended))
        }
        SweepState::Stopping => Ok(launched(launch, &same, LaunchOutcome::Stopping)),
        SweepState::Checking | SweepState::Running | SweepState::Paused => {
            let checked = same.checked;
            let cause = Cause::new(USER, "launched again", launch.at);
            move_on(store, &mut same, SweepEvent::Resume { checked }, cause)?;
            if same.data.is_none() {
                same.data.clone_from(&launch.data);
            }
            let launched = launched(launch, &same, LaunchOutcome::Continued);
            store.put_sweep(same);
            Ok(launched)
        }
    }
}

/// The same file, in the same place, on other images: nobody means that.
fn refuse_changed_data(launch: &LaunchSweep, others: &[SweepRow]) -> Rows<()> {
    let pinned = |row: &SweepRow| row.data.as_ref().map(|set| set.hash);
    let before = |row: &&SweepRow| pinned(row).is_some_and(|h| launch.data_before.contains(&h));
    let (Some(row), Some(now)) = (others.iter().find(before), &launch.data) else {
        return Ok(());
    };
    let from = pinned(row).map(Hash::short).unwrap_or_default();
    let back = match row.state.has_ended() {
        true => "put them back to read its report",
        false => "put them back and it goes on",
    };
    Err(StoreError::Refused(format!(
        "{}: its images have changed since it was begun, from {from} to {}: {back}, or start anew with --again",
        row.id,
        now.hash.short()
    )))
}

fn start(store: &mut WorkingSet, launch: &LaunchSweep) -> Rows<Launched> {
    let mut row = new_row(launch, unique_name(store, &launch.name)?);
    store.insert_sweep(&mut row)?;
    record(store, &row, "launched", "", Cause::new(USER, "", launch.at));
    Ok(launched(launch, &row, LaunchOutcome::Started))
}

/// The name, or the name with the first free number behind it, cut where that is too long.
fn unique_name(store: &mut WorkingSet, wanted: &str) -> Rows<SweepId> {
    let mut name = wanted.to_owned();
    let mut n = 1;
    while store.sweep_named(&name)?.is_some() {
        n += 1;
        let suffix = format!("-{n}");
        let kept = wanted.len().min(LONGEST_NAME - suffix.len());
        name = format!("{}{suffix}", &wanted[..kept]);
    }
    Ok(SweepId::new(&name))
}

fn new_row(launch: &LaunchSweep, id: SweepId) -> SweepRow {
    let check = launch.sweep.check;
    SweepRow {
        key: SweepKey(0),
        id,
        sweep: Arc::new(launch.sweep.clone()),
        request: launch.request,
        state: if check {
            SweepState::Checking
        } else {
            SweepState::Running
        },
        checked: !check,
        reason: String::new(),
        decisions: 0,
        next_number: 1,
        created: launch.at,
        ended: None,
        first_grant: None,
        last_end: None,
        queued: 0,
        running: 0,
        counts: [0; 8],
        points: 0,
        trials: 0,
        epochs_trained: 0,
        images_trained: 0,
        training_seconds: 0.0,
        epochs_planned: 0,
        trials_planned: 0,
        data: launch.data.clone(),
        check_json: "".into(),
        best: None,
        test_accuracy: None,
    }
}
