//! Who competes.

use hone_coordinator::search::{
    Budget, Definition, Finish, Objective, Planned, PlannedKind, Pruner, RoundPoints, Sampler,
    Strategy, WrittenRound,
};

use crate::tasks::{FULL_EPOCHS, Task};

/// A way to search, by the name that it has in the report.
pub struct Contender {
    pub name: &'static str,
    make: fn(u64) -> (Strategy, Sampler),
}

/// All of them; the first is what the others are compared with.
pub const CONTENDERS: [Contender; 11] = [
    Contender {
        name: "random",
        make: |b| planned(PlannedKind::Random, b, Sampler::Random),
    },
    Contender {
        name: "random, twice the budget",
        make: |b| planned(PlannedKind::Random, 2 * b, Sampler::Random),
    },
    Contender {
        name: "Sobol",
        make: |b| planned(PlannedKind::Random, b, Sampler::Sobol),
    },
    Contender {
        name: "TPE",
        make: |b| planned(PlannedKind::Random, b, Sampler::Tpe),
    },
    Contender {
        name: "TPE, median",
        make: |b| pruned(b, Sampler::Tpe, Pruner::Median),
    },
    Contender {
        name: "TPE, ASHA",
        make: |b| pruned(b, Sampler::Tpe, Pruner::Asha),
    },
    Contender {
        name: "early cut",
        make: |b| planned(PlannedKind::EarlyCut, b, Sampler::Sobol),
    },
    Contender {
        name: "coarse to fine",
        make: coarse_to_fine,
    },
    Contender {
        name: "zoom",
        make: |b| planned(PlannedKind::Zoom, b, Sampler::Sobol),
    },
    Contender {
        name: "zoom, hedge",
        make: |b| zoom(b, true, Some(Finish { top: 3, repeats: 3 })),
    },
    Contender {
        name: "zoom, no finish",
        make: |b| zoom(b, false, None),
    },
];

impl Contender {
    /// Where a play ends even if the sweep would go on: rounds with a pruner have more points than the budget pays.
    pub fn most_epochs(&self, trainings: u64) -> u64 {
        let factor = if self.name.contains("twice") { 2 } else { 1 };
        factor * trainings * u64::from(FULL_EPOCHS)
    }

    /// The sweep on a task with a budget in full trainings.
    pub fn sweep(&self, task: &Task, trainings: u64, seed: u64) -> Definition {
        let (strategy, sampler) = (self.make)(trainings * u64::from(FULL_EPOCHS));
        Definition {
            seed,
            space: task.space(),
            objective: Objective {
                metric: "loss".into(),
                maximize: false,
                at_best: false,
                target: None,
            },
            strategy,
            sampler,
            folds: 1,
            start: Vec::new(),
            earlier: Vec::new(),
            extensions: Vec::new(),
        }
    }
}

fn planned(kind: PlannedKind, epochs: u64, sampler: Sampler) -> (Strategy, Sampler) {
    let finish = (kind == PlannedKind::Zoom).then_some(Finish { top: 3, repeats: 3 });
    let planned = Planned {
        kind,
        budget: Budget::Epochs(epochs),
        full_epochs: FULL_EPOCHS,
        eta: 3,
        parallel: 4,
        hedge: false,
        widen: false,
        finish,
    };
    (Strategy::Planned(planned), sampler)
}

fn zoom(epochs: u64, hedge: bool, finish: Option<Finish>) -> (Strategy, Sampler) {
    let (strategy, sampler) = planned(PlannedKind::Zoom, epochs, Sampler::Sobol);
    match strategy {
        Strategy::Planned(planned) => (
            Strategy::Planned(Planned {
                hedge,
                finish,
                ..planned
            }),
            sampler,
        ),
        written => (written, sampler),
    }
}

/// Full trainings that a pruner cuts short: more points than the budget pays, and the play ends when it is spent.
fn pruned(epochs: u64, sampler: Sampler, pruner: Pruner) -> (Strategy, Sampler) {
    let round = WrittenRound {
        points: RoundPoints::Drawn(epochs),
        epochs: FULL_EPOCHS,
        repeats: 1,
        pruner,
    };
    (Strategy::Written(vec![round]), sampler)
}

/// The lecture's way with full trainings: three rounds, each on the box of the best quarter.
fn coarse_to_fine(epochs: u64) -> (Strategy, Sampler) {
    let trainings = epochs / u64::from(FULL_EPOCHS);
    let round = |points| WrittenRound {
        points: RoundPoints::Drawn(points),
        epochs: FULL_EPOCHS,
        repeats: 1,
        pruner: Pruner::None,
    };
    let later = trainings / 4;
    let rounds = vec![round(trainings - 2 * later), round(later), round(later)];
    (Strategy::Written(rounds), Sampler::Sobol)
}
