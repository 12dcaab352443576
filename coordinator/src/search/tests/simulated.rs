//! A driver, a store and workers in one place: what runs, in which order it ends, what dies and when the coordinator restarts all come
//! from one seed.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::search::{
    Decision, Definition, NewTrial, Search, SearchBox, TrialEvent, TrialResult, Winner,
    decision::Warning,
};

/// What a training gives after an epoch; `None`: it diverges there.
pub type Curve<'a> = &'a dyn Fn(&NewTrial, u32) -> Option<f64>;

/// After how many epochs a training ends by itself.
pub type Patience<'a> = &'a dyn Fn(&NewTrial) -> u32;

/// How rough the world is.
#[derive(Clone, Copy, Debug)]
pub struct World {
    pub workers: usize,
    pub seed: u64,
    /// Of a hundred steps, how many kill a running training (it is queued again) and how many restart the coordinator.
    pub kills: u64,
    pub restarts: u64,
}

/// What came out, apart from its order.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    pub trials: BTreeMap<u64, NewTrial>,
    pub promoted: BTreeSet<(u64, u32)>,
    pub pruned: BTreeSet<u64>,
    pub boxes: BTreeMap<u32, SearchBox>,
    /// Points of a round that are not repeats of earlier ones, where it was said.
    pub own_points: BTreeMap<u32, u64>,
    pub warnings: BTreeSet<String>,
    /// What was said last about ends of ranges.
    pub edges: Vec<Warning>,
    pub winner: Option<Winner>,
    pub reason: String,
    pub epochs: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Queued,
    Running,
    Waiting,
    Over,
}

struct Row {
    trial: NewTrial,
    state: State,
    epoch: u32,
    to_epoch: u32,
    waits: bool,
    priority: u8,
    events: Vec<TrialEvent>,
}

struct Store {
    rows: BTreeMap<u64, Row>,
    done: BTreeSet<String>,
    outcome: Outcome,
    /// Pruned, and the search has not heard that it is done.
    pruned_running: Vec<u64>,
}

/// Runs a sweep to its end.
pub fn run(definition: &Definition, world: World, curve: Curve) -> Outcome {
    run_patient(definition, world, curve, &|_| u32::MAX)
}

/// The same of trainings that end by themselves after so many epochs.
pub fn run_patient(
    definition: &Definition,
    world: World,
    curve: Curve,
    patience: Patience,
) -> Outcome {
    let mut rng = ChaCha8Rng::seed_from_u64(world.seed);
    let mut search = Search::new(definition.clone()).unwrap();
    let mut store = Store {
        rows: BTreeMap::new(),
        done: BTreeSet::new(),
        outcome: Outcome::default(),
        pruned_running: Vec::new(),
    };
    let mut idle_steps = 0;
    for _ in 0..10_000_000 {
        if rng.next_u64() % 100 < world.restarts {
            search = restart(definition, &store, &mut rng);
        }
        let running = store.count(State::Running);
        let idle = world.workers - running;
        let queued = store.count(State::Queued);
        let want = idle.saturating_sub(queued) + (rng.next_u64() % 3) as usize;
        for decision in search.decide(want) {
            store.carry_out(decision);
        }
        for trial in store.pruned_running.drain(..) {
            search.apply(&TrialResult {
                trial,
                event: TrialEvent::Pruned,
            });
        }
        if !store.outcome.reason.is_empty() {
            store.outcome.epochs = store.rows.values().map(|row| u64::from(row.epoch)).sum();
            return store.outcome;
        }
        store.grant(idle);
        let running = store.numbers(State::Running);
        if running.is_empty() {
            // What was pruned may have been all that ran: the next decisions bring more.
            idle_steps += 1;
            assert!(idle_steps < 1000, "nothing runs and nothing is decided");
            continue;
        }
        idle_steps = 0;
        let number = running[(rng.next_u64() % running.len() as u64) as usize];
        if rng.next_u64() % 100 < world.kills {
            store.row(number).state = State::Queued;
            continue;
        }
        for event in store.train_one_epoch(number, curve, patience) {
            search.apply(&TrialResult {
                trial: number,
                event,
            });
        }
    }
    panic!("the sweep does not end");
}

/// A new search that is told everything that the store knows, trials in any order.
fn restart(definition: &Definition, store: &Store, rng: &mut ChaCha8Rng) -> Search {
    let mut search = Search::new(definition.clone()).unwrap();
    let mut numbers: Vec<u64> = store.rows.keys().copied().collect();
    for i in (1..numbers.len()).rev() {
        numbers.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
    }
    for number in numbers {
        let known = [TrialEvent::Known];
        for event in known.iter().chain(&store.rows[&number].events) {
            search.apply(&TrialResult {
                trial: number,
                event: *event,
            });
        }
    }
    search
}

impl Store {
    fn row(&mut self, number: u64) -> &mut Row {
        self.rows.get_mut(&number).unwrap()
    }

    fn numbers(&self, state: State) -> Vec<u64> {
        let in_state = self.rows.iter().filter(|(_, row)| row.state == state);
        in_state.map(|(number, _)| *number).collect()
    }

    fn count(&self, state: State) -> usize {
        self.rows.values().filter(|row| row.state == state).count()
    }

    fn carry_out(&mut self, decision: Decision) {
        let is_new = self.done.insert(id(&decision));
        match decision {
            Decision::Enqueue(mut trial) => {
                // Handed out early or in its own round: that is a matter of when somebody was idle.
                let priority = std::mem::take(&mut trial.priority);
                if let Some(row) = self.rows.get(&trial.number) {
                    assert_eq!(row.trial, trial, "a trial enqueued twice differs");
                    return;
                }
                self.outcome.trials.insert(trial.number, trial.clone());
                self.rows.insert(
                    trial.number,
                    Row {
                        state: State::Queued,
                        epoch: 0,
                        to_epoch: trial.to_epoch,
                        waits: trial.waits_at_end,
                        priority,
                        events: Vec::new(),
                        trial,
                    },
                );
            }
            Decision::Promote(promotion) => {
                if !is_new {
                    return;
                }
                self.outcome
                    .promoted
                    .insert((promotion.trial, promotion.to_epoch));
                let row = self.row(promotion.trial);
                assert_eq!(row.state, State::Waiting, "promoted, but it does not wait");
                row.state = State::Queued;
                row.to_epoch = promotion.to_epoch;
                row.waits = promotion.waits_at_end;
                row.priority = promotion.priority;
            }
            Decision::Prune { trial } => {
                if !is_new {
                    return;
                }
                self.outcome.pruned.insert(trial);
                let row = self.row(trial);
                // A running trial may have ended by itself before it hears of it.
                if row.state != State::Over {
                    row.state = State::Over;
                    row.events.push(TrialEvent::Pruned);
                    self.pruned_running.push(trial);
                }
            }
            Decision::NarrowTo {
                round,
                within,
                points,
            } => {
                self.outcome.own_points.insert(round, points);
                let known = self
                    .outcome
                    .boxes
                    .entry(round)
                    .or_insert_with(|| within.clone());
                assert_eq!(*known, within, "a box decided twice differs");
            }
            Decision::Edges { warnings, .. } => self.outcome.edges = warnings,
            Decision::Warn(warning) => {
                self.outcome.warnings.insert(warning.text);
            }
            Decision::Finish { winner, reason } => {
                self.outcome.winner = winner;
                self.outcome.reason = reason;
            }
        }
    }

    fn grant(&mut self, slots: usize) {
        let mut queued = self.numbers(State::Queued);
        queued.sort_by_key(|number| (self.rows[number].priority, *number));
        for number in queued.into_iter().take(slots) {
            self.row(number).state = State::Running;
        }
    }

    /// One more epoch; what the search hears of it.
    fn train_one_epoch(
        &mut self,
        number: u64,
        curve: Curve,
        patience: Patience,
    ) -> Vec<TrialEvent> {
        let row = self.row(number);
        let epoch = row.epoch + 1;
        let value = curve(&row.trial, epoch);
        let report = value.map(|objective| TrialEvent::Report { epoch, objective });
        let end = match value {
            None => {
                row.state = State::Over;
                Some(TrialEvent::Diverged { epoch })
            }
            Some(objective) if epoch >= patience(&row.trial) => {
                row.epoch = epoch;
                row.state = State::Over;
                Some(TrialEvent::EndedEarly { epoch, objective })
            }
            Some(_) if epoch < row.to_epoch => {
                row.epoch = epoch;
                None
            }
            Some(objective) if row.waits => {
                row.epoch = epoch;
                row.state = State::Waiting;
                Some(TrialEvent::AtRung { epoch, objective })
            }
            Some(objective) => {
                row.epoch = epoch;
                row.state = State::Over;
                Some(TrialEvent::Completed { epoch, objective })
            }
        };
        let events: Vec<TrialEvent> = report.into_iter().chain(end).collect();
        row.events.extend(&events);
        events
    }
}

/// Names a decision: the same after a restart and whatever order results came in.
fn id(decision: &Decision) -> String {
    match decision {
        Decision::Enqueue(trial) => format!("trial {}", trial.number),
        Decision::Promote(promotion) => {
            format!("promote {} to {}", promotion.trial, promotion.to_epoch)
        }
        Decision::Prune { trial } => format!("prune {trial}"),
        Decision::NarrowTo { round, points, .. } => format!("narrow {round}, {points} points"),
        Decision::Warn(warning) => format!("warn {}", warning.key),
        Decision::Edges { after, .. } => format!("edges {after}"),
        Decision::Finish { .. } => "finish".to_owned(),
    }
}
