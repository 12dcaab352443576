//! What a worker does when the coordinator, the network or a former worker is at fault.

use std::{sync::Arc, time::Duration};

use hone_proto::v1::{self as wire, finish_request::Outcome};
use tonic::{Code, Status};

use super::{
    config,
    coordinator::{Coordinator, lease},
    curve_trainer::{CurveTrainer, Gate},
    pair, start,
};
use crate::{Error, config::DataSet, config::DataSets};

#[tokio::test(flavor = "multi_thread")]
async fn training_goes_on_while_the_coordinator_is_away_and_reports_arrive_in_order() {
    let (open, gate) = Gate::new();
    let (coordinator, worker, scratch) = pair(CurveTrainer { gate: Some(gate) }).await;
    coordinator.with(|state| state.leases.push_back(lease(1, 6, "{}")));
    open.send(()).unwrap();
    coordinator.until(|state| state.reports.len() == 1).await;
    coordinator.with(|state| state.away = true);
    drop(open);
    // The whole trial fits into the absence: its end is on disk.
    let sessions = scratch.path().join("sessions");
    until_spooled(&sessions).await;
    coordinator.with(|state| {
        assert_eq!(state.epochs(), [1]);
        state.away = false;
    });
    coordinator.until(|state| state.finishes.len() == 1).await;
    worker.drain().await;
    coordinator.with(|state| assert_eq!(state.epochs(), [1, 2, 3, 4, 5, 6]));
    assert!(walk(&sessions).is_empty(), "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_worker_hands_over_what_a_dead_one_spooled() {
    let (open, gate) = Gate::new();
    let (coordinator, worker, scratch) = pair(CurveTrainer { gate: Some(gate) }).await;
    coordinator.with(|state| state.leases.push_back(lease(1, 3, "{}")));
    open.send(()).unwrap();
    coordinator.until(|state| state.reports.len() == 1).await;
    coordinator.with(|state| state.away = true);
    drop(open);
    until_spooled(&scratch.path().join("sessions")).await;
    worker.shutdown.now();
    worker.ended.await.unwrap().unwrap();
    coordinator.with(|state| state.away = false);

    let next = start(config(
        &coordinator.address(),
        scratch.path(),
        CurveTrainer::default(),
    ));
    coordinator.until(|state| state.finishes.len() == 1).await;
    next.drain().await;
    coordinator.with(|state| {
        assert_eq!(state.epochs(), [1, 2, 3]);
        let outcome = state.finishes[0].outcome.as_ref().unwrap();
        assert_eq!(*outcome, Outcome::Completed(wire::Completed {}));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fenced_attempt_is_dropped_and_the_slot_takes_the_next() {
    let (open, gate) = Gate::new();
    let (coordinator, worker, _scratch) = pair(CurveTrainer { gate: Some(gate) }).await;
    coordinator.with(|state| {
        state.fenced = false;
        state.leases.push_back(lease(1, 9, "{}"));
    });
    open.send(()).unwrap();
    coordinator.until(|state| state.reports.len() == 1).await;
    coordinator.with(|state| state.fenced = true);
    open.send(()).unwrap();
    // The refused report ends the training; the next question for work is refused too and asked again.
    coordinator.until(|state| state.acquires.len() >= 2).await;
    coordinator.with(|state| {
        state.fenced = false;
        state.leases.push_back(lease(2, 1, "{}"));
    });
    drop(open);
    coordinator.until(|state| state.finishes.len() == 1).await;
    worker.drain().await;
    coordinator.with(|state| {
        let finished = state.finishes[0].attempt.as_ref().unwrap();
        assert_eq!(finished.trial.as_ref().unwrap().trial, 2);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_blob_costs_neither_the_rung_nor_the_end() {
    // The last one says nothing: it is tried again for a while.
    for code in [
        Code::FailedPrecondition,
        Code::InvalidArgument,
        Code::Internal,
    ] {
        let (coordinator, worker, _scratch) = pair(CurveTrainer::default()).await;
        coordinator.with(|state| {
            state.refuse_blobs = Some(code);
            let mut rung = lease(1, 2, "{}");
            rung.waits_at_end = true;
            rung.keep_weights = true;
            state.leases.push_back(rung);
        });
        coordinator.until(|state| state.finishes.len() == 1).await;
        worker.drain().await;
        coordinator.with(|state| {
            let finish = &state.finishes[0];
            let outcome = finish.outcome.clone().unwrap();
            let bare = Outcome::ReachedRung(wire::ReachedRung { checkpoint: None });
            assert_eq!((outcome, &finish.weights), (bare, &None));
            assert_eq!(state.epochs(), [1, 2]);
            let log = finish.log.clone().unwrap_or_default().lines.join("\n");
            for what in ["checkpoint", "file of weights"] {
                let words = format!("the {what} of epoch 2 is left out: no room");
                assert!(log.contains(&words), "{log}");
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_without_weights_says_why_there_is_no_result() {
    let (coordinator, worker, _scratch) = pair(CurveTrainer::default()).await;
    let mut test = lease(1, 1, "{}");
    test.kind = wire::TrialKind::Test.into();
    coordinator.with(|state| state.leases.push_back(test));
    coordinator.until(|state| state.finishes.len() == 1).await;
    worker.drain().await;
    coordinator.with(|state| {
        let finish = &state.finishes[0];
        assert_eq!(finish.outcome, Some(Outcome::Completed(wire::Completed {})));
        let result = r#"{"untested":"its weights were not kept"}"#;
        assert_eq!(finish.result_json, result);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_is_given_back_without_the_state_that_was_refused() {
    let (open, gate) = Gate::new();
    let (coordinator, worker, _scratch) = pair(CurveTrainer { gate: Some(gate) }).await;
    coordinator.with(|state| {
        state.refuse_blobs = Some(Code::FailedPrecondition);
        state.leases.push_back(lease(1, 9, "{}"));
    });
    open.send(()).unwrap();
    coordinator.until(|state| state.reports.len() == 1).await;
    worker.drain().await;
    coordinator.with(|state| {
        assert_eq!(state.releases.len(), 1);
        assert_eq!(state.releases[0].checkpoint, None);
        assert_eq!(state.order, ["report", "log", "release"]);
        assert!(state.logs[0].lines[0].contains("is left out: no room"));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_never_taken_ends_the_attempt_with_words() {
    for code in [Code::Internal, Code::Unimplemented, Code::InvalidArgument] {
        let (open, gate) = Gate::new();
        let (coordinator, worker, _scratch) = pair(CurveTrainer { gate: Some(gate) }).await;
        coordinator.with(|state| {
            state.refuse_reports = Some(code);
            state.leases.push_back(lease(1, 9, "{}"));
        });
        open.send(()).unwrap();
        coordinator.until(|state| state.finishes.len() == 1).await;
        // The slot is free for the next trial.
        coordinator.with(|state| {
            state.refuse_reports = None;
            state.leases.push_back(lease(2, 1, "{}"));
        });
        drop(open);
        coordinator.until(|state| state.finishes.len() == 2).await;
        worker.drain().await;
        coordinator.with(|state| match &state.finishes[0].outcome {
            Some(Outcome::Failed(failed)) => {
                assert!(failed.crashed);
                let words = "the coordinator does not take its report: no idea";
                assert_eq!(failed.message, words);
            }
            other => panic!("{other:?}"),
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_attempts_of_one_name_are_told_apart() {
    let scratch = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::start(Duration::from_millis(50)).await;
    let (open, gate) = Gate::new();
    let mut config = config(
        &coordinator.address(),
        scratch.path(),
        CurveTrainer { gate: Some(gate) },
    );
    config.slots = 2;
    let worker = start(config);
    // As after `rm` of a sweep that has failed, and the launch of another one by its name.
    let mut other = lease(1, 9, "{}");
    other.attempt.as_mut().unwrap().token = vec![2; 16].into();
    coordinator.with(|state| state.leases.extend([lease(1, 9, "{}"), other]));
    let named = |state: &super::coordinator::State| {
        let last = state.heartbeats.last();
        last.map_or(0, |beat| beat.attempts.len())
    };
    coordinator.until(|state| named(state) == 2).await;
    coordinator.with(|state| {
        let fenced = wire::Directive::Fenced.into();
        state.directives.insert(vec![1; 16], fenced);
    });
    coordinator.until(|state| named(state) == 1).await;
    drop(open);
    coordinator.until(|state| !state.finishes.is_empty()).await;
    worker.drain().await;
    coordinator.with(|state| {
        let tokens = state.finishes.iter().map(|finish| {
            let attempt = finish.attempt.clone().unwrap();
            attempt.token.to_vec()
        });
        assert_eq!(tokens.collect::<Vec<_>>(), [vec![2; 16]]);
        assert_eq!(state.epochs(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_questions_are_not_understood_ends_and_says_so() {
    let undecoded = "failed to decode Protobuf message: buffer underflow";
    for status in [
        Status::unimplemented("no idea"),
        Status::invalid_argument("no idea"),
        Status::internal(undecoded),
    ] {
        let coordinator = Coordinator::start(Duration::from_millis(50)).await;
        coordinator.with(|state| state.refuse_acquires = Some(status.clone()));
        let scratch = tempfile::tempdir().unwrap();
        let address = coordinator.address();
        let worker = start(config(&address, scratch.path(), CurveTrainer::default()));
        let ended = tokio::time::timeout(Duration::from_secs(20), worker.ended).await;
        let error = ended.expect("it ends").unwrap().unwrap_err().to_string();
        assert!(
            error.contains(&address) && error.contains(status.message()),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_asks_on_while_the_coordinator_has_a_fault_of_its_own() {
    let (coordinator, worker, _scratch) = pair(CurveTrainer::default()).await;
    coordinator.with(|state| {
        state.refuse_acquires = Some(Status::internal("a row contradicts itself"));
        state.leases.push_back(lease(1, 1, "{}"));
    });
    coordinator.until(|state| state.acquires.len() >= 3).await;
    coordinator.with(|state| state.refuse_acquires = None);
    coordinator.until(|state| state.finishes.len() == 1).await;
    worker.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_nobody_comes_for_is_not_kept_for_ever() {
    let scratch = tempfile::tempdir().unwrap();
    let sessions = scratch.path().join("sessions");
    let spool = |session: char, days: u64| {
        let directory = sessions.join(session.to_string().repeat(32));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("calls-0.abcd.spool");
        let file = std::fs::File::create(&path).unwrap();
        let age = Duration::from_secs(days * 24 * 3600);
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_modified(modified - age).unwrap();
        path
    };
    let (old, young) = (spool('a', 31), spool('b', 29));
    let coordinator = Coordinator::start(Duration::from_millis(50)).await;
    let worker = start(config(
        &coordinator.address(),
        scratch.path(),
        CurveTrainer::default(),
    ));
    until(|| !old.parent().unwrap().exists()).await;
    coordinator.with(|state| state.leases.push_back(lease(1, 1, "{}")));
    coordinator.until(|state| state.finishes.len() == 1).await;
    worker.drain().await;
    assert!(young.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_another_coordinator_leaves_a_spool_to_those_whom_it_is_for() {
    let scratch = tempfile::tempdir().unwrap();
    let coordinator = async |incarnation: u8, lease: wire::Lease| {
        let coordinator = Coordinator::start(Duration::from_millis(50)).await;
        coordinator.with(|state| {
            state.incarnation = vec![incarnation; 16];
            state.leases.push_back(lease);
        });
        coordinator
    };
    let worker_of = |coordinator: &Coordinator, trainer: CurveTrainer| {
        start(config(&coordinator.address(), scratch.path(), trainer))
    };
    let (open, gate) = Gate::new();
    let one = coordinator(1, lease(1, 3, "{}")).await;
    let worker = worker_of(&one, CurveTrainer { gate: Some(gate) });
    open.send(()).unwrap();
    one.until(|state| state.reports.len() == 1).await;
    one.with(|state| state.away = true);
    drop(open);
    until_spooled(&scratch.path().join("sessions")).await;
    worker.shutdown.now();
    worker.ended.await.unwrap().unwrap();
    one.with(|state| state.away = false);

    let other = coordinator(2, lease(7, 2, "{}")).await;
    let worker = worker_of(&other, CurveTrainer::default());
    other.until(|state| !state.finishes.is_empty()).await;
    worker.drain().await;
    other.with(|state| {
        let trials: Vec<_> = state.reports.iter().map(|told| told.trial).collect();
        assert_eq!(
            trials,
            [7, 7],
            "it heard of a trial that is none of its own"
        );
        assert_eq!(state.finishes.len(), 1);
    });

    let worker = worker_of(&one, CurveTrainer::default());
    // What was handed over is removed once its last call is answered, which is after it was heard.
    until(|| {
        !walk(&scratch.path().join("sessions"))
            .iter()
            .any(|path| is_spool(path))
    })
    .await;
    one.with(|state| {
        assert_eq!(state.epochs(), [1, 2, 3]);
        assert_eq!(state.finishes.len(), 1);
    });
    worker.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_session_registers_again() {
    let (coordinator, worker, _scratch) = pair(CurveTrainer::default()).await;
    coordinator
        .until(|state| !state.heartbeats.is_empty())
        .await;
    coordinator.with(|state| state.forget_sessions = true);
    coordinator
        .until(|state| state.registrations.len() >= 2)
        .await;
    coordinator.with(|state| state.leases.push_back(lease(1, 1, "{}")));
    coordinator.until(|state| state.finishes.len() == 1).await;
    worker.drain().await;
    coordinator.with(|state| {
        let sessions: Vec<_> = state.registrations.iter().map(|r| &r.session).collect();
        assert!(sessions.iter().all(|session| *session == sessions[0]));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_come_while_a_slot_trains_and_count_its_steps() {
    let (open, gate) = Gate::new();
    let (coordinator, worker, _scratch) = pair(CurveTrainer { gate: Some(gate) }).await;
    coordinator.with(|state| state.leases.push_back(lease(1, 9, "{}")));
    let beats_of = |state: &super::coordinator::State, steps: u64| {
        let beats = state.heartbeats.iter().flat_map(|beat| &beat.attempts);
        beats.filter(|progress| progress.steps == steps).count()
    };
    coordinator.until(|state| beats_of(state, 0) >= 2).await;
    open.send(()).unwrap();
    coordinator.until(|state| beats_of(state, 1) >= 2).await;
    worker.drain().await;
}

#[derive(Debug)]
struct Sets;

impl DataSets for Sets {
    fn open(&self, name: &str) -> Result<DataSet, String> {
        match name {
            "digits" => Ok(DataSet {
                hash: vec![4; 32],
                shape: [8, 8, 1],
                classes: 10,
            }),
            _ => Err(format!("no files for {name}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wanted_data_sets_are_opened_and_offered_or_the_reason_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::start(Duration::from_millis(50)).await;
    coordinator.with(|state| {
        state.wanted_data = vec!["digits".to_owned(), "flowers".to_owned()];
        let mut pinned = lease(1, 1, "{}");
        pinned.data_source = "digits".to_owned();
        pinned.data_hash = vec![4; 32].into();
        let mut other = lease(2, 1, "{}");
        other.data_source = "digits".to_owned();
        other.data_hash = vec![5; 32].into();
        state.leases.extend([pinned, other]);
    });
    let mut config = config(
        &coordinator.address(),
        scratch.path(),
        CurveTrainer::default(),
    );
    config.data = Arc::new(Sets);
    let worker = start(config);
    coordinator.until(|state| state.finishes.len() == 2).await;
    worker.drain().await;
    coordinator.with(|state| {
        let offers = &state.registrations.last().unwrap().data;
        assert_eq!(offers[0].shape, [8, 8, 1]);
        assert_eq!(offers[1].error, "no files for flowers");
        let failed = state
            .finishes
            .iter()
            .find_map(|finish| match &finish.outcome {
                Some(Outcome::Failed(failed)) => Some(failed),
                _ => None,
            });
        let failed = failed.expect("the pinned hash is another");
        assert!(
            failed.crashed && failed.message.contains("0505"),
            "{failed:?}"
        );
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_never_comes_is_an_error_that_names_it() {
    // A port that was free a moment ago; nobody listens there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let scratch = tempfile::tempdir().unwrap();
    let mut config = config(&address, scratch.path(), CurveTrainer::default());
    config.connect_timeout = Some(Duration::from_millis(300));
    let error = start(config).ended.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Coordinator { .. }));
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_does_not_wait_for_what_is_no_coordinator() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut greeting = [0; 24];
            let _ = std::io::Read::read_exact(&mut stream, &mut greeting);
            let answer = b"HTTP/1.0 505 HTTP Version Not Supported\r\n\r\n";
            let _ = std::io::Write::write_all(&mut stream, answer);
        }
    });
    let scratch = tempfile::tempdir().unwrap();
    let worker = start(config(&address, scratch.path(), CurveTrainer::default()));
    let ended = tokio::time::timeout(Duration::from_secs(20), worker.ended).await;
    let error = ended.expect("it ends").unwrap().unwrap_err().to_string();
    let words = "what listens there speaks no HTTP/2: it is no hone coordinator";
    assert_eq!(error, format!("coordinator {address}: {words}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scratch_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let config = config("http://127.0.0.1:1", &file, CurveTrainer::default());
    let error = start(config).ended.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("file/"), "{error}");
}

/// Waits until the end of a trial is on disk.
async fn until_spooled(sessions: &std::path::Path) {
    until(|| {
        walk(sessions)
            .iter()
            .filter(|path| is_spool(path))
            .flat_map(|path| crate::spool::read(path).unwrap())
            .any(|call| call.is_end())
    })
    .await;
}

fn is_spool(path: &std::path::Path) -> bool {
    crate::spool::of(path).is_some()
}

/// Looks until it is so.
async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    entries
        .flatten()
        .flat_map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
