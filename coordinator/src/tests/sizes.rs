//! Numbers of any size are refused at once, by the name of their key and with what would be right.

use std::time::{Duration, Instant};

use hone_proto::v1::{self, budget::Amount, search::Strategy};
use tonic::Code;

use super::harness::{TestCoordinator, id, toy_sweep};

type Edit = fn(&mut v1::SweepDefinition);

const MANY: u32 = u32::MAX;

fn planned_sweep() -> v1::SweepDefinition {
    let mut sweep = toy_sweep("toy", 4);
    search(&mut sweep).strategy = Some(Strategy::Planned(v1::Planned {
        strategy: v1::PlannedStrategy::Random.into(),
        budget: budget(Amount::Epochs(12)),
        full_epochs: 3,
        eta: 3,
        parallel: 2,
        hedge: false,
        widen: false,
        finish: Some(v1::Finish { top: 1, repeats: 1 }),
    }));
    sweep
}

fn search(sweep: &mut v1::SweepDefinition) -> &mut v1::Search {
    sweep.search.as_mut().unwrap()
}

fn planned(sweep: &mut v1::SweepDefinition) -> &mut v1::Planned {
    match search(sweep).strategy.as_mut().unwrap() {
        Strategy::Planned(planned) => planned,
        Strategy::Written(_) => panic!("written rounds"),
    }
}

fn rounds(sweep: &mut v1::SweepDefinition) -> &mut Vec<v1::WrittenRound> {
    *sweep = toy_sweep("toy", 4);
    match search(sweep).strategy.as_mut().unwrap() {
        Strategy::Written(written) => &mut written.rounds,
        Strategy::Planned(_) => panic!("a plan"),
    }
}

fn finish(sweep: &mut v1::SweepDefinition) -> &mut v1::Finish {
    planned(sweep).finish.as_mut().unwrap()
}

fn budget(amount: Amount) -> Option<v1::Budget> {
    Some(v1::Budget {
        amount: Some(amount),
    })
}

/// `domains` that each depend on the next one, of so many `values`.
fn chain(sweep: &mut v1::SweepDefinition, domains: usize, values: usize) {
    let values_json: Vec<_> = (0..values).map(|value| value.to_string()).collect();
    let path = |domain: usize| format!("model.x{domain:04}");
    sweep.domains = (0..domains)
        .map(|domain| v1::Domain {
            path: path(domain),
            kind: Some(v1::domain::Kind::Choice(v1::Choice {
                values_json: values_json.clone(),
            })),
            conditions: (domain + 1 < domains)
                .then(|| v1::Condition {
                    path: path(domain + 1),
                    values_json: vec!["0".to_owned()],
                })
                .into_iter()
                .collect(),
            ..v1::Domain::default()
        })
        .collect();
}

/// A sweep's change, and how the refusal begins.
const HOSTILE: &[(&str, Edit)] = &[
    ("search.budget: 0.0 epochs", |s| {
        planned(s).budget = budget(Amount::Epochs(0));
    }),
    ("search.budget: 1431655765 trials to pay", |s| {
        planned(s).budget = budget(Amount::Epochs(1 << 32));
    }),
    ("search.budget: 1.8446744073709552e19 epochs", |s| {
        planned(s).budget = budget(Amount::Epochs(u64::MAX));
    }),
    ("search.budget: 0.0", |s| {
        planned(s).budget = budget(Amount::Trainings(0.0));
    }),
    ("search.budget: NaN", |s| {
        planned(s).budget = budget(Amount::Trainings(f64::NAN));
    }),
    ("search.budget: 1e308", |s| {
        planned(s).budget = budget(Amount::Trainings(1e308));
    }),
    ("search.budget: 0.0", |s| {
        planned(s).budget = budget(Amount::Minutes(0.0));
    }),
    ("search.budget: -1.0", |s| {
        planned(s).budget = budget(Amount::Minutes(-1.0));
    }),
    ("search.budget: 1e308", |s| {
        planned(s).budget = budget(Amount::Minutes(1e308));
    }),
    ("search.budget: inf", |s| {
        planned(s).budget = budget(Amount::Minutes(f64::INFINITY));
    }),
    ("search.full_epochs: 0", |s| {
        planned(s).full_epochs = 0;
    }),
    ("search.full_epochs: 4294967295", |s| {
        planned(s).full_epochs = MANY;
    }),
    ("search.eta: 0", |s| {
        planned(s).eta = 0;
    }),
    ("search.eta: 1 must be at least 2", |s| {
        planned(s).eta = 1;
    }),
    ("search.eta: 4294967295", |s| {
        planned(s).eta = MANY;
    }),
    ("search.parallel: 0", |s| {
        planned(s).parallel = 0;
    }),
    ("search.parallel: 4294967295", |s| {
        planned(s).parallel = MANY;
    }),
    ("search.finish.top: 0", |s| {
        finish(s).top = 0;
    }),
    ("search.finish.top: 4294967295", |s| {
        finish(s).top = MANY;
    }),
    ("search.finish.repeats: 0", |s| {
        finish(s).repeats = 0;
    }),
    ("search.finish.repeats: 4294967295", |s| {
        finish(s).repeats = MANY;
    }),
    ("data.folds: 0", |s| {
        s.folds = 0;
    }),
    ("data.folds: 4294967295", |s| {
        s.folds = MANY;
    }),
    ("search.round.0.points", |s| {
        rounds(s)[0].points = Some(0);
    }),
    ("search.round: 4294967298 trials", |s| {
        rounds(s)[0].points = Some(1 << 32);
    }),
    ("search.round: 18446744073709551615 trials", |s| {
        rounds(s)[1].points = Some(u64::MAX);
    }),
    ("search.round.1.top: must", |s| {
        let round = &mut rounds(s)[1];
        (round.points, round.top) = (None, Some(0));
    }),
    ("search.round.0.epochs: 0", |s| {
        rounds(s)[0].epochs = 0;
    }),
    ("search.round.0.epochs: 4294967295", |s| {
        rounds(s)[0].epochs = MANY;
    }),
    ("search.round.1.repeats: 0", |s| {
        rounds(s)[1].repeats = 0;
    }),
    ("search.round.1.repeats: 4294967295", |s| {
        rounds(s)[1].repeats = MANY;
    }),
    ("search.round: 100000 entries", |s| {
        let round = rounds(s)[0];
        rounds(s).resize(100_000, round);
    }),
    ("search.start: 100000 entries", |s| {
        search(s).start_json = vec!["{}".to_owned(); 100_000];
    }),
    ("params.x.points: 0", |s| {
        s.domains[0].grid_points = Some(0);
    }),
    ("params.x.points: 4294967295", |s| {
        s.domains[0].grid_points = Some(MANY);
    }),
    ("search.sampler: 1000000000000 points", |s| {
        search(s).sampler = v1::Sampler::Grid.into();
        s.domains[0].grid_points = Some(1_000_000);
        s.domains.push(v1::Domain {
            path: "params.y".to_owned(),
            ..s.domains[0].clone()
        });
    }),
    ("sweep.domains: 5000 entries", |s| {
        chain(s, 5_000, 1);
    }),
    ("sweep.domains: 100000 values", |s| {
        chain(s, 1, 100_000);
    }),
    // As large as may be, and wrong for another reason: how long that takes to find is bounded, too.
    ("model.x0000: there is no such place", |s| {
        chain(s, 1_000, 8);
    }),
    ("sweep.spec_json: 2000002 bytes", |s| {
        s.spec_json = format!("\"{}\"", "x".repeat(2_000_000));
    }),
    ("sweep.settled", |s| {
        s.settled = Some(v1::Settled::default());
    }),
];

/// Until when the answer must be there: a debug build on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(5);

#[expect(
    clippy::disallowed_methods,
    reason = "how long it takes is the question"
)]
#[tokio::test]
async fn a_launch_of_a_hostile_size_is_refused_at_once() {
    let coordinator = TestCoordinator::start().await;
    let mut wrong = Vec::new();
    for (begins, edit) in HOSTILE {
        let mut sweep = planned_sweep();
        edit(&mut sweep);
        let request = v1::LaunchRequest {
            sweep: Some(sweep),
            request_id: id().into(),
            ..v1::LaunchRequest::default()
        };
        let began = Instant::now();
        let answer = coordinator.sweeps().launch(request).await;
        let refused = answer.expect_err(begins);
        let is_right =
            refused.code() == Code::InvalidArgument && refused.message().starts_with(begins);
        if !is_right || began.elapsed() > AT_ONCE {
            wrong.push(format!("{begins}: {refused}, {:?}", began.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut history = coordinator.history();
    let listed = history.list_sweeps(v1::ListSweepsRequest {});
    let mut rows = listed.await.unwrap().into_inner();
    assert!(
        rows.message().await.unwrap().is_none(),
        "nothing was stored"
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long it takes is the question"
)]
#[tokio::test]
async fn an_extension_of_a_hostile_size_is_refused_at_once() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(planned_sweep()).await;
    let worker = coordinator.worker("one").await;
    worker.work(&coordinator, &sweep).await;
    let stored = coordinator.sweep(&sweep).await.definition;
    for (begins, amount) in [
        ("by: 0.0 epochs", Amount::Epochs(0)),
        ("search.budget: 1431655769 trials", Amount::Epochs(1 << 32)),
        ("by: 1.8446744073709552e19 epochs", Amount::Epochs(u64::MAX)),
        ("by: 0.0", Amount::Trainings(0.0)),
        ("by: 1e308", Amount::Trainings(1e308)),
        ("by: 0.0", Amount::Minutes(0.0)),
        ("by: 1e308", Amount::Minutes(1e308)),
        ("by: NaN", Amount::Minutes(f64::NAN)),
    ] {
        let request = v1::ExtendRequest {
            sweep: sweep.clone(),
            by: budget(amount),
        };
        let began = Instant::now();
        let refused = coordinator.sweeps().extend(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{begins}: {refused}");
        assert!(refused.message().starts_with(begins), "{begins}: {refused}");
        assert!(began.elapsed() < AT_ONCE, "{begins}: {:?}", began.elapsed());
    }
    let detail = coordinator.sweep(&sweep).await;
    assert_eq!(detail.definition, stored, "nothing was settled");
    assert_eq!(detail.summary.unwrap().state(), v1::SweepState::Completed);
}
