//! Bugs planted on purpose: the checker must name each, and nothing in what the real store wrote.

use super::bench::{Bench, Disk, both, checkpoint, hash, id};
use crate::{
    ids::{AttemptNumber, TrialNumber},
    store::{
        Memory, Outcome,
        command::{CancelTrial, ChangeSweep, SweepChange},
        rows::{EventRow, Guard, Read, Write},
        verify::{check, check_searches},
    },
    trial::{AttemptState, TrialState},
};

fn found(bench: &Bench) -> Vec<&'static str> {
    let (_, findings) = check(bench.read()).unwrap();
    findings.iter().map(|finding| finding.invariant).collect()
}

fn memory(bench: &mut Bench) -> &mut Memory {
    match &mut bench.disk {
        Disk::Memory(memory) => memory,
        Disk::Sqlite(..) => unreachable!(),
    }
}

/// Trial 1 was lost by one worker and is trained by another.
fn replaced() -> (Bench, crate::store::command::Granted) {
    let mut b = Bench::new(Bench::memory());
    b.with_trials(1);
    let old = b.grant(1).unwrap();
    b.report(&old.attempt, 1, 0.5).unwrap();
    b.expire(&old.attempt).unwrap();
    b.grant(2).unwrap();
    (b, old)
}

#[test]
fn what_the_store_writes_holds() {
    both(|b| {
        b.with_trials(4);
        b.complete(1, 0.9);
        let granted = b.grant(1).unwrap();
        b.report(&granted.attempt, 1, 0.5).unwrap();
        b.release(&granted.attempt, Some(checkpoint(9, 1, true)))
            .unwrap();
        let granted = b.grant(2).unwrap();
        b.report(&granted.attempt, 2, 0.5).unwrap();
        b.expire(&granted.attempt).unwrap();
        b.report(&granted.attempt, 3, 0.5).unwrap();
        b.finish(&granted.attempt, Outcome::Completed).unwrap();
        for _ in 0..3 {
            let granted = b.grant(1).unwrap();
            b.expire(&granted.attempt).unwrap();
        }
        assert_eq!(b.state(3), TrialState::Failed);
        assert_eq!(check(b.read()).unwrap(), (4, Vec::new()));
    });
}

#[test]
fn a_write_of_a_replaced_attempt_is_found() {
    let (mut b, old) = replaced();
    let key = b.read().sweep_key("s").unwrap().unwrap();
    let mut report = b.read().reports(key, TrialNumber(1)).unwrap().remove(0);
    report.point.epoch = 2;
    report.point.attempt = old.attempt.attempt;
    report.at = b.tick();
    memory(&mut b)
        .insert_report(key, TrialNumber(1), &report)
        .unwrap();
    assert!(found(&b).contains(&"no write from a replaced or ended attempt"));
}

#[test]
fn an_attempt_number_that_was_reset_is_found() {
    let (mut b, _) = replaced();
    let key = b.read().sweep_key("s").unwrap().unwrap();
    let mut trial = b.read().trial(key, TrialNumber(1)).unwrap().unwrap();
    let guard = Guard {
        state: trial.state,
        attempts: 2,
        token: None,
    };
    trial.attempts = 0;
    trial.state = TrialState::Queued;
    let mut sweep = b.read().sweep(key).unwrap();
    (sweep.queued, sweep.running) = (1, 0);
    memory(&mut b).update_trial(key, guard, &trial).unwrap();
    memory(&mut b).put_sweep(sweep).unwrap();
    b.grant(3).unwrap();
    assert!(found(&b).contains(&"attempts are 1 to n without reuse"));
}

#[test]
fn a_release_counted_as_a_crash_is_found() {
    let mut b = Bench::new(Bench::memory());
    b.with_trials(1);
    for _ in 0..3 {
        let granted = b.grant(1).unwrap();
        b.release(&granted.attempt, None).unwrap();
    }
    let key = b.read().sweep_key("s").unwrap().unwrap();
    let mut trial = b.read().trial(key, TrialNumber(1)).unwrap().unwrap();
    let guard = Guard {
        state: trial.state,
        attempts: 3,
        token: None,
    };
    trial.state = TrialState::Failed;
    trial.reason = "poisoned".to_owned();
    memory(&mut b).update_trial(key, guard, &trial).unwrap();
    assert!(found(&b).contains(&"releases are no crashes"));
}

#[test]
fn a_stop_lost_at_expiry_is_found() {
    let mut b = Bench::new(Bench::memory());
    b.with_trials(1);
    let granted = b.grant(1).unwrap();
    let cancel = CancelTrial {
        sweep: id(),
        trial: TrialNumber(1),
        actor: "user".to_owned(),
        at: 5,
    };
    b.apply(cancel).unwrap();
    let key = b.read().sweep_key("s").unwrap().unwrap();
    let mut trial = b.read().trial(key, TrialNumber(1)).unwrap().unwrap();
    let guard = Guard {
        state: trial.state,
        attempts: 1,
        token: None,
    };
    trial.asked = None;
    memory(&mut b).update_trial(key, guard, &trial).unwrap();
    b.expire(&granted.attempt).unwrap();
    assert_eq!(found(&b), ["a stop wins over the queue"]);
}

#[test]
fn a_second_running_attempt_is_found() {
    let (mut b, _) = replaced();
    let key = b.read().sweep_key("s").unwrap().unwrap();
    let first = AttemptNumber(1);
    let mut attempt = b
        .read()
        .attempt(key, TrialNumber(1), first)
        .unwrap()
        .unwrap();
    let was = attempt.state;
    attempt.state = AttemptState::Running;
    attempt.ended = None;
    memory(&mut b)
        .update_attempt(key, TrialNumber(1), was, &attempt)
        .unwrap();
    assert!(found(&b).contains(&"at most one attempt runs"));
}

#[test]
fn trainings_that_differ_are_found() {
    let (mut b, _) = replaced();
    let key = b.read().sweep_key("s").unwrap().unwrap();
    let mut report = b.read().reports(key, TrialNumber(1)).unwrap().remove(0);
    report.point.attempt = AttemptNumber(2);
    report.point.weights_hash = Some(hash(77));
    memory(&mut b)
        .insert_report(key, TrialNumber(1), &report)
        .unwrap();
    assert!(found(&b).contains(&"attempts train the same to the bit"));
}

#[test]
fn a_lost_acknowledgement_is_found() {
    // Answered before the commit: the report is gone, its sweep's counter or its trial's epoch tells.
    let mut b = Bench::new(Bench::memory());
    b.with_trials(1);
    let granted = b.grant(1).unwrap();
    let before = match &b.disk {
        Disk::Memory(memory) => memory.clone(),
        Disk::Sqlite(..) => unreachable!(),
    };
    b.report(&granted.attempt, 1, 0.5).unwrap();
    b.disk = Disk::Memory(before);
    b.report(&granted.attempt, 2, 0.5).unwrap();
    assert!(found(&b).contains(&"the curve is joined"));
}

#[test]
fn a_grant_of_a_paused_sweep_and_a_write_after_the_end_are_found() {
    let mut b = Bench::new(Bench::memory());
    b.with_trials(2);
    b.complete(1, 0.5);
    let pause = ChangeSweep {
        sweep: id(),
        change: SweepChange::Pause,
        actor: "user".to_owned(),
        reason: String::new(),
        at: 6,
    };
    b.apply(pause).unwrap();
    let key = b.read().sweep_key("s").unwrap().unwrap();
    let events = b.read().events(key, Some(TrialNumber(1)), 0, 100).unwrap();
    let granted = events
        .iter()
        .find(|event| event.event == "granted")
        .unwrap();
    let again = EventRow {
        sweep: Some(key),
        event: granted.clone(),
        result: None,
    };
    memory(&mut b).append_event(again).unwrap();
    let found = found(&b);
    assert!(found.contains(&"grants only while checking or running"));
    assert!(found.contains(&"nothing happens after a terminal event"));
}

fn found_of_search(memory: &Memory) -> Vec<&'static str> {
    let findings = check_searches(memory).unwrap();
    findings.iter().map(|finding| finding.invariant).collect()
}

#[test]
fn a_trial_that_the_search_did_not_propose_is_found() {
    let mut memory = crate::tests::simulation::undisturbed();
    assert_eq!(check_searches(&memory).unwrap(), []);
    let key = memory.sweep_key("toy").unwrap().unwrap();
    let mut trial = memory.trial(key, TrialNumber(3)).unwrap().unwrap();
    let guard = Guard {
        state: trial.state,
        attempts: trial.attempts,
        token: None,
    };
    trial.seed += 1;
    memory.update_trial(key, guard, &trial).unwrap();
    assert_eq!(
        found_of_search(&memory),
        ["the search proposes the same trials again"]
    );
}

#[test]
fn a_promotion_that_the_results_do_not_earn_is_found() {
    let mut memory = crate::tests::simulation::undisturbed();
    let key = memory.sweep_key("toy").unwrap().unwrap();
    let events = memory.events(key, None, 0, u64::MAX).unwrap();
    let mut promoted = events
        .into_iter()
        .find(|event| event.event == "promoted")
        .unwrap();
    promoted.reason = "to epoch 8".to_owned();
    let event = EventRow {
        sweep: Some(key),
        event: promoted,
        result: None,
    };
    memory.append_event(event).unwrap();
    assert_eq!(
        found_of_search(&memory),
        ["the search promotes the same trials again"]
    );
}
