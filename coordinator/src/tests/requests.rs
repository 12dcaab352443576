//! A good request of every method.

use hone_proto::v1;
use prost::Message;

use super::harness::{id, toy_sweep};

/// Methods with a request each, of this session about this attempt and its sweep. Those that end something come last.
pub fn good(session: &[u8], attempt: &v1::AttemptRef) -> Vec<(&'static str, Vec<u8>)> {
    let trial = attempt.trial.clone();
    let sweep = || attempt.trial.clone().unwrap_or_default().sweep;
    let session = || session.to_vec().into();
    let attempt = || Some(attempt.clone());
    let of_sweep = || v1::SweepRequest { sweep: sweep() }.encode_to_vec();
    let of_trial = || {
        v1::TrialRequest {
            trial: trial.clone(),
        }
        .encode_to_vec()
    };
    let get_trial = || {
        v1::GetTrialRequest {
            trial: trial.clone(),
        }
        .encode_to_vec()
    };
    let get_sweep = || {
        v1::GetSweepRequest {
            sweep: sweep(),
            trained: true,
        }
        .encode_to_vec()
    };
    let blob = || v1::Blob {
        hash: vec![1; 32].into(),
        size: 3,
        kind: v1::BlobKind::Checkpoint.into(),
        epoch: 2,
    };
    let epoch = |epoch| v1::Epoch {
        epoch,
        metrics: vec![v1::Metric {
            name: "score".to_owned(),
            value: 0.5,
        }],
        layers: b"[]".to_vec().into(),
        weights_hash: vec![7; 32].into(),
        seconds: 1.0,
        images: 100,
        checkpoint: Some(v1::Blob { epoch, ..blob() }),
    };
    let lines = || {
        Some(v1::Lines {
            lines: vec!["line".to_owned()],
            first: 4,
        })
    };
    vec![
        (
            "History/ListSweeps",
            v1::ListSweepsRequest {}.encode_to_vec(),
        ),
        ("History/GetSweep", get_sweep()),
        (
            "History/ListTrials",
            v1::ListTrialsRequest {
                sweep: sweep(),
                ..Default::default()
            }
            .encode_to_vec(),
        ),
        ("History/GetTrial", get_trial()),
        ("History/GetBest", get_sweep()),
        (
            "History/ListEvents",
            v1::ListEventsRequest {
                sweep: sweep(),
                trial: Some(1),
                after: 1,
                limit: Some(5),
            }
            .encode_to_vec(),
        ),
        ("History/GetLogs", get_trial()),
        (
            "History/ListWorkers",
            v1::ListWorkersRequest {}.encode_to_vec(),
        ),
        (
            "Leases/Register",
            v1::RegisterRequest {
                session: session(),
                name: "worker".to_owned(),
                trainers: vec!["toy".to_owned()],
                slots: 2,
                data: vec![v1::DataOffer {
                    name: "digits".to_owned(),
                    hash: vec![2; 32].into(),
                    shape: vec![8, 8, 1],
                    classes: 10,
                    error: String::new(),
                }],
                version: String::new(),
                arithmetic: [("toy".to_owned(), 1)].into(),
            }
            .encode_to_vec(),
        ),
        (
            "Leases/Acquire",
            v1::AcquireRequest {
                session: session(),
                request_id: id().into(),
                wait_ms: 5,
                local_checkpoints: vec![vec![1; 32].into()],
            }
            .encode_to_vec(),
        ),
        (
            "Leases/Heartbeat",
            v1::HeartbeatRequest {
                session: session(),
                attempts: vec![v1::AttemptProgress {
                    attempt: attempt(),
                    steps: 7,
                }],
                draining: true,
            }
            .encode_to_vec(),
        ),
        (
            "Leases/Log",
            v1::LogRequest {
                attempt: attempt(),
                log: lines(),
            }
            .encode_to_vec(),
        ),
        (
            "Leases/PutPiece",
            v1::PutPieceRequest {
                attempt: attempt(),
                blob: Some(blob()),
                offset: 0,
                data: b"abc".to_vec().into(),
            }
            .encode_to_vec(),
        ),
        (
            "Leases/GetPiece",
            v1::GetPieceRequest {
                attempt: attempt(),
                hash: vec![1; 32].into(),
                offset: 0,
            }
            .encode_to_vec(),
        ),
        (
            "Leases/Report",
            v1::ReportRequest {
                attempt: attempt(),
                epochs: vec![epoch(3), epoch(4)],
            }
            .encode_to_vec(),
        ),
        (
            "Leases/Finish",
            v1::FinishRequest {
                attempt: attempt(),
                outcome: Some(v1::finish_request::Outcome::ReachedRung(v1::ReachedRung {
                    checkpoint: Some(blob()),
                })),
                weights: Some(blob()),
                diagnosis_json: "{}".to_owned(),
                result_json: r#"{"passed":true}"#.to_owned(),
                epochs: vec![epoch(5)],
                log: lines(),
            }
            .encode_to_vec(),
        ),
        (
            "Leases/Release",
            v1::ReleaseRequest {
                attempt: attempt(),
                checkpoint: Some(blob()),
                reason: "drained".to_owned(),
            }
            .encode_to_vec(),
        ),
        (
            "Leases/Leave",
            v1::LeaveRequest {
                session: session(),
                crashed: true,
                reason: "killed".to_owned(),
            }
            .encode_to_vec(),
        ),
        (
            "Sweeps/Launch",
            v1::LaunchRequest {
                sweep: Some(toy_sweep("toy", 6)),
                request_id: id().into(),
                ..v1::LaunchRequest::default()
            }
            .encode_to_vec(),
        ),
        ("Sweeps/Pause", of_sweep()),
        ("Sweeps/Resume", of_sweep()),
        (
            "Sweeps/Extend",
            v1::ExtendRequest {
                sweep: sweep(),
                by: Some(v1::Budget {
                    amount: Some(v1::budget::Amount::Trainings(2.0)),
                }),
            }
            .encode_to_vec(),
        ),
        ("Sweeps/Retry", of_trial()),
        ("Sweeps/Cancel", of_trial()),
        ("Sweeps/Stop", of_sweep()),
        ("Sweeps/Remove", of_sweep()),
    ]
}
