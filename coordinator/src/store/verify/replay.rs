//! Whether the search, told the stored results again, proposes and promotes what is stored.

use std::collections::BTreeSet;

use super::Findings;
use crate::{
    driver::replay::Replay,
    ids::TrialNumber,
    store::{
        apply::curve,
        history::{Event, TrialResult},
        rows::{Read, Rows, SweepRow, TrialRow},
        values::NewTrial,
    },
    sweep::SweepState,
    trial::TrialKind,
};

const PROPOSALS: &str = "the search proposes the same trials again";
const PROMOTIONS: &str = "the search promotes the same trials again";

/// Replays one sweep.
pub(super) fn check_search(
    store: &dyn Read,
    sweep: &SweepRow,
    findings: &mut Findings,
) -> Rows<()> {
    let name = sweep.id.to_string();
    let mut replay = match Replay::new(sweep.id.clone(), &sweep.sweep.definition) {
        Ok(Some(replay)) => replay,
        Ok(None) => return Ok(()),
        Err(error) => {
            findings.expect(false, &name, PROPOSALS, || error.to_string());
            return Ok(());
        }
    };
    let mut results = store.results(sweep.key, 0)?.into_iter().peekable();
    let mut promoted = BTreeSet::new();
    let events = store.events(sweep.key, None, 0, u64::MAX)?;
    let is_extension = |event: &&Event| event.trial.is_none() && event.event == "extend";
    let extended = events.iter().filter(is_extension).map(|event| event.seq);
    let newest_extension = extended.max().unwrap_or(0);
    for event in events {
        while let Some(result) = results.next_if(|result| result.seq <= event.seq) {
            take(store, sweep, &mut replay, &result)?;
        }
        if event.trial.is_none() && event.event == "extend" {
            replay.extended(|number| Ok(store.trial(sweep.key, number)?.is_some()))?;
        }
        let Some(number) = event.trial else { continue };
        match event.event.as_str() {
            // New trials alone: one that was given back is queued by another event.
            "queued" if event.actor == "search" => {
                // The stored definition has the added budget: to the replay an earlier end, and so its tests, never came.
                let is_test = store
                    .trial(sweep.key, number)?
                    .is_some_and(|trial| trial.kind == TrialKind::Test);
                if is_test && event.seq < newest_extension {
                    continue;
                }
                check_proposal(store, sweep, &mut replay, number, findings)?;
            }
            "queued" => {
                // By a person: a retry.
                let trial = store.trial(sweep.key, number)?;
                if let Some(of) = trial.and_then(|trial| trial.retry_of) {
                    replay.retried(number, of);
                }
            }
            "promoted" => {
                let original = replay.original(number);
                promoted.extend(promotion(&event).map(|epoch| (original, epoch)));
            }
            _ => {}
        }
    }
    check_promotions(sweep, &name, replay, &promoted, findings);
    Ok(())
}

fn take(store: &dyn Read, sweep: &SweepRow, replay: &mut Replay, result: &TrialResult) -> Rows<()> {
    if let Some(metric) = replay.reports() {
        for report in curve(store.reports(sweep.key, result.number)?, result.epoch) {
            let metrics = &report.point.metrics;
            if let Some((_, value)) = metrics.iter().find(|(name, _)| *name == metric) {
                replay.epoch(result.number, report.point.epoch, *value);
            }
        }
    }
    replay.result(result);
    Ok(())
}

fn check_proposal(
    store: &dyn Read,
    sweep: &SweepRow,
    replay: &mut Replay,
    number: TrialNumber,
    findings: &mut Findings,
) -> Rows<()> {
    let Some(trial) = store.trial(sweep.key, number)? else {
        return Ok(());
    };
    let name = format!("{}/{number}", sweep.id);
    let Some(proposed) = replay.proposal(number) else {
        findings.expect(false, &name, PROPOSALS, || {
            "it is proposed no more".to_owned()
        });
        return Ok(());
    };
    let same = (
        trial.place.round,
        trial.place.point,
        trial.repeat,
        trial.fold,
        trial.seed,
    ) == (
        proposed.round,
        proposed.point,
        proposed.repeat,
        proposed.fold,
        proposed.seed,
    );
    findings.expect(same, &name, PROPOSALS, || place_of(&trial, &proposed));
    if let Some(point) = store.point(sweep.key, trial.place)? {
        let same = point.params_json == proposed.params_json;
        findings.expect(same, &name, PROPOSALS, || {
            format!(
                "with {}, it was {}",
                proposed.params_json, point.params_json
            )
        });
    }
    Ok(())
}

fn place_of(trial: &TrialRow, proposed: &NewTrial) -> String {
    format!(
        "round {}, point {}, repeat {}, fold {}, seed {}; it was round {}, point {}, repeat {}, fold {}, seed {}",
        proposed.round,
        proposed.point,
        proposed.repeat,
        proposed.fold,
        proposed.seed,
        trial.place.round,
        trial.place.point,
        trial.repeat,
        trial.fold,
        trial.seed
    )
}

/// Every promotion that was made must follow from the results; of a completed sweep, every one that follows was made.
fn check_promotions(
    sweep: &SweepRow,
    name: &str,
    replay: Replay,
    promoted: &BTreeSet<(TrialNumber, u32)>,
    findings: &mut Findings,
) {
    if replay.reports().is_some() {
        // What a pruner ends depends on the order in which epochs were heard, which is not stored.
        return;
    }
    let (again, before) = replay.promotions();
    let unfounded: Vec<_> = promoted
        .difference(&again)
        .filter(|one| !before.contains(one))
        .collect();
    findings.expect(unfounded.is_empty(), name, PROMOTIONS, || {
        format!("(trial, epoch) {unfounded:?} were promoted, and would not be")
    });
    if sweep.state == SweepState::Completed {
        let missing: Vec<_> = again.difference(promoted).collect();
        findings.expect(missing.is_empty(), name, PROMOTIONS, || {
            format!("(trial, epoch) {missing:?} would be promoted, and were not")
        });
    }
}

/// Up to which epoch: the event's reason says it.
fn promotion(event: &Event) -> Option<u32> {
    event.reason.strip_prefix("to epoch ")?.parse().ok()
}
