//! One sweep on one task: the search and a worker that answers from the task.

use std::collections::VecDeque;

use hone_coordinator::search::{
    Decision, Definition, NewTrial, Params, Promotion, Search, Space, TrialEvent, TrialResult,
};

use crate::tasks::{SEED_NOISE, Task, mix};

/// What a sweep came to.
#[derive(Clone, Copy, Debug)]
pub struct Played {
    /// Loss of the recommended point without noise, at least a tenth of the seed noise.
    pub regret: f64,
    /// Epochs trained.
    pub epochs: u64,
}

/// The score of a point: below a tenth of the seed noise nobody can tell points apart.
pub fn regret(loss: Option<f64>) -> f64 {
    // Nothing recommended, or a point that diverges, counts as a median point.
    loss.unwrap_or(1.0).max(SEED_NOISE / 10.0)
}

/// Runs the sweep with one worker to its end, or until the epochs are spent: then what it would recommend counts.
pub fn play(task: &Task, definition: Definition, most_epochs: u64) -> Result<Played, String> {
    let space = definition.space.clone();
    let seed = definition.seed;
    let mut search = Search::new(definition).map_err(|error| error.to_string())?;
    let mut queue = VecDeque::new();
    let mut trials: Vec<(u64, Vec<f64>)> = Vec::new();
    let mut epochs = 0;
    let mut winner = None;
    loop {
        for decision in search.decide(usize::from(queue.is_empty())) {
            match decision {
                Decision::Enqueue(trial) => {
                    let trial_seed = mix(seed ^ mix(trial.number));
                    trials.push((trial.number, shares(&space, &trial.params)));
                    queue.push_back(Run::first(&trial, trials.len() - 1, trial_seed));
                }
                Decision::Promote(promotion) => {
                    queue.push_front(resumed(&trials, seed, &promotion));
                }
                Decision::Finish { winner: found, .. } => winner = found,
                Decision::Prune { .. }
                | Decision::NarrowTo { .. }
                | Decision::Edges { .. }
                | Decision::Warn(_) => {}
            }
        }
        if winner.is_some() {
            break;
        }
        let Some(run) = queue.pop_front() else { break };
        let (event, trained) = train(task, &trials[run.trial].1, &run, &mut search);
        epochs += trained;
        search.apply(&TrialResult {
            trial: run.number,
            event,
        });
        if epochs >= most_epochs && !search.is_finished() {
            winner = search.best();
        }
    }
    let loss = winner.and_then(|winner| task.loss(&shares(&space, &winner.params)));
    Ok(Played {
        regret: regret(loss),
        epochs,
    })
}

struct Run {
    trial: usize,
    number: u64,
    seed: u64,
    from: u32,
    to: u32,
    waits: bool,
}

impl Run {
    fn first(trial: &NewTrial, index: usize, seed: u64) -> Run {
        Run {
            trial: index,
            number: trial.number,
            seed,
            from: 0,
            to: trial.to_epoch,
            waits: trial.waits_at_end,
        }
    }
}

fn resumed(trials: &[(u64, Vec<f64>)], seed: u64, promotion: &Promotion) -> Run {
    let trial = trials
        .iter()
        .rposition(|(number, _)| *number == promotion.trial)
        .unwrap_or(0);
    Run {
        trial,
        number: promotion.trial,
        seed: mix(seed ^ mix(promotion.trial)),
        from: u32::MAX,
        to: promotion.to_epoch,
        waits: promotion.waits_at_end,
    }
}

/// Trains to the end of the lease; the pruners of written rounds hear of every epoch.
fn train(task: &Task, u: &[f64], run: &Run, search: &mut Search) -> (TrialEvent, u64) {
    let from = match run.from {
        u32::MAX => search
            .rungs_of(run.number)
            .into_iter()
            .filter(|&epochs| epochs < run.to)
            .max()
            .unwrap_or(0),
        from => from,
    };
    let mut last = f64::NAN;
    for epoch in from + 1..=run.to {
        let trained = u64::from(epoch - from);
        let Some(loss) = task.report(u, run.seed, epoch) else {
            return (TrialEvent::Diverged { epoch }, trained);
        };
        last = loss;
        search.apply(&TrialResult {
            trial: run.number,
            event: TrialEvent::Report {
                epoch,
                objective: loss,
            },
        });
        let out = Decision::Prune { trial: run.number };
        if search.decide(0).contains(&out) {
            return (TrialEvent::Pruned, trained);
        }
    }
    let event = match run.waits {
        true => TrialEvent::AtRung {
            epoch: run.to,
            objective: last,
        },
        false => TrialEvent::Completed {
            epoch: run.to,
            objective: last,
        },
    };
    (event, u64::from(run.to - from))
}

fn shares(space: &Space, params: &Params) -> Vec<f64> {
    space
        .shares(params)
        .into_iter()
        .map(|share| share.unwrap_or(0.5))
        .collect()
}
