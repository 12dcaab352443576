//! How well a plan keeps workers busy, by playing it through.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    decision::{Decision, TrialEvent, TrialResult},
    definition::Definition,
    fold::Search,
    keyed::{self, Purpose},
    plan::{Plan, RoundPlan},
};

/// Plans with more points than this are not played: `None`. Rounds of that size keep any usual number of workers busy.
const MOST_POINTS: u64 = 4_000;

/// Priority, trial, the epochs that it goes from and to, and whether it waits there.
type Queued = (u8, u64, u32, u32, bool);

/// Predicted share of time that each of `counts` workers is used, when every epoch takes equally long.
///
/// Who wins is drawn at random; nothing diverges. A plan of more than 4,000 points is taken to keep everybody busy (1.0).
pub fn shares_used(search: &Search, counts: &[u32]) -> Vec<(u32, f64)> {
    let (definition, plan) = (search.definition(), search.plan());
    let share = |&workers: &u32| (workers, share_used(definition, plan, workers));
    counts.iter().map(share).collect()
}

/// The same for one number of workers.
pub(super) fn share_used(definition: &Definition, plan: &Plan, workers: u32) -> f64 {
    let points: u64 = plan.rounds.iter().map(RoundPlan::points).sum();
    if points > MOST_POINTS {
        return 1.0;
    }
    // Who wins moves the share by a percent or two: a few plays are enough.
    const PLAYS: u64 = 5;
    let sum: f64 = (0..PLAYS)
        .map(|play| played(definition, plan, workers, play))
        .sum();
    sum / PLAYS as f64
}

fn played(definition: &Definition, plan: &Plan, workers: u32, play: u64) -> f64 {
    // Only the counts of the plan matter here: no values are drawn, no earlier sweep is looked at.
    let mut search = Search::of_plan(definition.without_space(), plan.clone());
    let mut queue: BinaryHeap<Reverse<Queued>> = BinaryHeap::new();
    let mut running: BinaryHeap<Reverse<(u64, u64, u32, bool)>> = BinaryHeap::new();
    let (mut now, mut used) = (0, 0);
    loop {
        let idle = workers as usize - running.len();
        for decision in search.decide(idle.saturating_sub(queue.len())) {
            match decision {
                Decision::Enqueue(t) => {
                    queue.push(Reverse((
                        t.priority,
                        t.number,
                        0,
                        t.to_epoch,
                        t.waits_at_end,
                    )));
                }
                Decision::Promote(p) => {
                    let rungs = search.rungs_of(p.trial);
                    let from = rungs
                        .iter()
                        .copied()
                        .filter(|&e| e < p.to_epoch)
                        .max()
                        .unwrap_or(0);
                    queue.push(Reverse((
                        p.priority,
                        p.trial,
                        from,
                        p.to_epoch,
                        p.waits_at_end,
                    )));
                }
                _ => {}
            }
        }
        while running.len() < workers as usize
            && let Some(Reverse((_, trial, from, to, waits))) = queue.pop()
        {
            used += u64::from(to - from);
            running.push(Reverse((now + u64::from(to - from), trial, to, waits)));
        }
        let Some(Reverse((end, trial, epoch, waits))) = running.pop() else {
            return used as f64 / (now.max(1) * u64::from(workers)) as f64;
        };
        now = end;
        let objective = keyed::number(play, Purpose::Simulation, &[trial, epoch.into()]) as f64;
        let event = if waits {
            TrialEvent::AtRung { epoch, objective }
        } else {
            TrialEvent::Completed { epoch, objective }
        };
        search.apply(&TrialResult { trial, event });
    }
}
