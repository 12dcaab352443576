//! What the events of a trial may say.

use super::Findings;
use crate::{
    store::{
        history::Event,
        rows::{Read, Rows, SweepRow, TrialRow},
    },
    sweep::SweepState,
    trial::{TrialKind, TrialState},
};

/// Replays a trial's events against its row.
pub(super) fn check_trial(
    store: &dyn Read,
    sweep: &SweepRow,
    trial: &TrialRow,
    findings: &mut Findings,
) -> Rows<()> {
    let name = format!("{}/{}", sweep.id, trial.number);
    let events = store.events(sweep.key, Some(trial.number), 0, u64::MAX)?;
    let mut state = "";
    let mut ended = false;
    let mut asked = false;
    for event in &events {
        findings.expect(
            !ended,
            &name,
            "nothing happens after a terminal event",
            || told(event),
        );
        findings.expect(event.from == state, &name, "events join", || {
            format!("{} after `{state}`", told(event))
        });
        let stays_queued = asked && event.to == TrialState::Queued.as_str();
        findings.expect(!stays_queued, &name, "a stop wins over the queue", || {
            told(event)
        });
        asked = event.from == event.to && (asked || is_ask(event));
        state = &event.to;
        ended = TrialState::parse(state).is_some_and(TrialState::is_terminal);
    }
    findings.expect(
        state == trial.state.as_str(),
        &name,
        "events tell the state",
        || {
            format!(
                "the events end in `{state}`, the trial is {}",
                trial.state.as_str()
            )
        },
    );
    Ok(())
}

/// Nothing is granted unless the sweep is checking or running, and before the check has passed only the check.
pub(super) fn check_grants(
    store: &dyn Read,
    sweep: &SweepRow,
    findings: &mut Findings,
) -> Rows<()> {
    let mut state = None;
    for event in store.events(sweep.key, None, 0, u64::MAX)? {
        let Some(number) = event.trial else {
            state = SweepState::parse(&event.to).or(state);
            continue;
        };
        if event.event != "granted" {
            continue;
        }
        let name = format!("{}/{number}", sweep.id);
        let may = state.is_some_and(SweepState::grants);
        findings.expect(may, &name, "grants only while checking or running", || {
            format!("{} while the sweep is {state:?}", told(&event))
        });
        let kind = store.trial(sweep.key, number)?.map(|trial| trial.kind);
        let early = state == Some(SweepState::Checking) && kind != Some(TrialKind::Check);
        findings.expect(
            !early,
            &name,
            "only the check runs before it has passed",
            || told(&event),
        );
    }
    Ok(())
}

/// An event that leaves the state and asks for a stop.
fn is_ask(event: &Event) -> bool {
    event.from == event.to && (event.event == "cancelled" || event.event == "pruned")
}

fn told(event: &Event) -> String {
    format!(
        "event {} `{}` from `{}` to `{}` by {}",
        event.seq, event.event, event.from, event.to, event.actor
    )
}
