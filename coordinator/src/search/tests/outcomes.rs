//! Definitions and curves that several tests use.

use crate::search::{
    Budget, Definition, Domain, Finish, Kind, NewTrial, Objective, Planned, PlannedKind, Pruner,
    Range, RoundPoints, Sampler, Scale, Space, Strategy, WrittenRound,
};

/// A learning rate over four decades and a dropout.
pub fn space() -> Space {
    Space::new(vec![
        Domain::new(
            "train.learning_rate",
            Kind::Range(Range::new(Scale::Log, 1e-4, 1.0)),
        ),
        Domain::new(
            "model.dropout",
            Kind::Range(Range::new(Scale::Linear, 0.0, 0.5)),
        ),
    ])
    .unwrap()
}

pub fn definition(strategy: Strategy) -> Definition {
    Definition {
        seed: 7,
        space: space(),
        objective: Objective {
            metric: "val_accuracy".into(),
            maximize: true,
            at_best: true,
            target: None,
        },
        strategy,
        sampler: Sampler::Sobol,
        folds: 1,
        start: Vec::new(),
        earlier: Vec::new(),
        extensions: Vec::new(),
    }
}

pub fn written(rounds: &[(RoundPoints, u32, u32)]) -> Strategy {
    let round = |&(points, epochs, repeats): &(RoundPoints, u32, u32)| WrittenRound {
        points,
        epochs,
        repeats,
        pruner: Pruner::None,
    };
    Strategy::Written(rounds.iter().map(round).collect())
}

pub fn zoom(epochs: u64, full_epochs: u32) -> Planned {
    Planned {
        kind: PlannedKind::Zoom,
        budget: Budget::Epochs(epochs),
        full_epochs,
        eta: 3,
        parallel: 4,
        hedge: false,
        widen: false,
        finish: Some(Finish { top: 3, repeats: 3 }),
    }
}

/// Accuracy that peaks at a rate of 0.01 and little dropout, rises with epochs, differs a little by seed, and diverges above 0.3.
pub fn curve(trial: &NewTrial, epoch: u32) -> Option<f64> {
    let rate = trial.params["train.learning_rate"].as_f64().unwrap();
    let dropout = trial.params["model.dropout"].as_f64().unwrap();
    if rate > 0.3 && epoch >= 2 {
        return None;
    }
    let distance = (rate.log10() + 2.0).abs() / 4.0 + dropout;
    let ids = [
        trial.round.into(),
        trial.point,
        trial.repeat.into(),
        trial.fold.into(),
    ];
    let noise = ids.iter().fold(epoch.into(), |h: u64, &id| {
        (h ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)
    });
    let noise = (noise >> 40) as f64 / (1u64 << 24) as f64;
    Some(0.95 - 0.3 * distance - 0.2 / f64::from(epoch) + 0.01 * noise)
}
