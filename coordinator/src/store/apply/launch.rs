//! Launching: a new sweep, or the same one again.

use std::sync::Arc;

use super::{
    step::Cause,
    sweep::{move_on, record},
};
use crate::{
    ids::{SweepId, is_valid_name},
    store::{
        StoreError,
        command::{LaunchOutcome, LaunchSweep, Launched, USER},
        rows::{Rows, SweepKey, SweepRow, Write},
    },
    sweep::{SweepEvent, SweepState},
};

/// Stores a sweep and starts it, or goes on with the newest of the same identity.
pub(super) fn launch<W: Write>(store: &mut W, launch: &LaunchSweep) -> Rows<Launched> {
    let wanted = &launch.sweep.name;
    if !is_valid_name(wanted) {
        return Err(StoreError::Invalid(format!(
            "`{wanted}` cannot be a sweep's name: 1 to 100 letters, digits, `-` and `_`"
        )));
    }
    let told = |sweep: &SweepRow, outcome| Launched {
        sweep: sweep.id.clone(),
        outcome,
        renamed: sweep.id.as_str() != wanted,
    };
    if let Some(key) = store.sweep_of_request(launch.request)? {
        return Ok(told(&store.sweep(key)?, LaunchOutcome::Started));
    }
    if let Some(key) = store.sweep_of_identity(&launch.sweep.identity)?
        && !launch.again
    {
        let mut same = store.sweep(key)?;
        match same.state {
            SweepState::Completed | SweepState::Stopped => {
                return Ok(told(&same, LaunchOutcome::Ended));
            }
            SweepState::Checking | SweepState::Running | SweepState::Paused => {
                let checked = same.checked;
                let cause = Cause {
                    actor: USER,
                    reason: "launched again",
                    at: launch.at,
                    token: None,
                };
                move_on(store, &mut same, SweepEvent::Resume { checked }, cause)?;
                store.put_sweep(same.clone())?;
                return Ok(told(&same, LaunchOutcome::Continued));
            }
            SweepState::Failed => {}
        }
    }
    let row = new_row(launch, unique_name(store, wanted)?);
    let started = told(&row, LaunchOutcome::Started);
    let key = store.insert_sweep(row)?;
    let cause = Cause {
        actor: USER,
        reason: "",
        at: launch.at,
        token: None,
    };
    let row = store.sweep(key)?;
    record(store, &row, "launched", "", cause)?;
    Ok(started)
}

/// The name, or the name with the first free number behind it.
fn unique_name<W: Write>(store: &W, wanted: &str) -> Rows<SweepId> {
    let mut name = wanted.to_owned();
    let mut n = 1;
    while store.sweep_key(&name)?.is_some() {
        n += 1;
        name = format!("{wanted}-{n}");
    }
    Ok(SweepId::new(&name))
}

fn new_row(launch: &LaunchSweep, id: SweepId) -> SweepRow {
    let check = launch.sweep.check;
    let mut sweep = launch.sweep.clone();
    id.as_str().clone_into(&mut sweep.name);
    SweepRow {
        key: SweepKey(0),
        id,
        sweep: Arc::new(sweep),
        request: launch.request,
        state: if check {
            SweepState::Checking
        } else {
            SweepState::Running
        },
        checked: !check,
        stopping: false,
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
        data: None,
        check_json: "".into(),
        best: None,
        test_accuracy: None,
    }
}
