//! Requests of any content: each is taken apart into an answer or an error that names a field, and nothing panics.

use hone_fuzz::{Target, fuzz};
use hone_proto::v1;
use prost::Message;

use super::harness::{id, toy_sweep};
use crate::{
    Error, definition,
    rpc::convert::{field, history, leases},
};

/// Takes the bytes of a request apart: the type of what came out, or what was wrong.
type Parse = fn(&[u8]) -> Result<String, String>;

/// Requests told apart by their first byte.
const REQUESTS: [Parse; 16] = [
    |bytes| with(bytes, leases::register),
    |bytes| {
        with(bytes, |request: v1::AcquireRequest| {
            leases::acquire(&request)
        })
    },
    |bytes| with(bytes, leases::heartbeat),
    |bytes| with(bytes, |request| leases::report(request, 1)),
    |bytes| with(bytes, |request| leases::finish(request, 1)),
    |bytes| with(bytes, |request| leases::release(request, 1)),
    |bytes| with(bytes, leases::piece),
    |bytes| with(bytes, leases::wanted_piece),
    |bytes| with(bytes, leases::log),
    |bytes| {
        with(bytes, |request: v1::LeaveRequest| {
            field::session("session", &request.session)
        })
    },
    |bytes| {
        with(bytes, |request: v1::ListTrialsRequest| {
            history::trial_filter(&request)
        })
    },
    |bytes| {
        with(bytes, |request: v1::GetTrialRequest| {
            field::trial("trial", request.trial)
        })
    },
    |bytes| {
        with(bytes, |request: v1::TrialRequest| {
            field::trial("trial", request.trial)
        })
    },
    |bytes| {
        with(bytes, |request: v1::SweepRequest| {
            Ok(field::sweep("sweep", &request.sweep)?)
        })
    },
    |bytes| {
        with(bytes, |request: v1::GetSweepRequest| {
            field::sweep_or_latest("sweep", &request.sweep)
        })
    },
    |bytes| with(bytes, launch),
];

fn with<Request, Parsed>(
    bytes: &[u8],
    parse: impl FnOnce(Request) -> Result<Parsed, Error>,
) -> Result<String, String>
where
    Request: Message + Default,
{
    let request = Request::decode(bytes).map_err(|error| error.to_string())?;
    let parsed = parse(request).map_err(|error| error.to_string())?;
    Ok(std::any::type_name_of_val(&parsed).to_owned())
}

fn launch(request: v1::LaunchRequest) -> Result<usize, Error> {
    let sweep = field::required("sweep", request.sweep)?;
    let definition = definition::parse(&sweep)?;
    definition.plan()?;
    Ok(definition.search.space.domains().len())
}

fn answer(bytes: &[u8]) -> String {
    let Some((which, request)) = bytes.split_first() else {
        return "empty".to_owned();
    };
    let which = usize::from(*which) % REQUESTS.len();
    match REQUESTS[which](request) {
        Ok(parsed) => format!("{which} {parsed}"),
        // Which request it is must count, and digits do not.
        Err(error) => format!("{} {error}", char::from(b'a' + which as u8)),
    }
}

/// One good request of each kind, in the order of [`REQUESTS`].
fn seeds() -> Vec<Vec<u8>> {
    let attempt = || {
        Some(v1::AttemptRef {
            trial: trial(),
            attempt: 1,
            token: id().into(),
        })
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
    let session = || id().into();
    let sweep = || "toy".to_owned();
    let requests: [Vec<u8>; 16] = [
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
        v1::AcquireRequest {
            session: session(),
            request_id: id().into(),
            wait_ms: 5,
            local_checkpoints: vec![vec![1; 32].into()],
        }
        .encode_to_vec(),
        v1::HeartbeatRequest {
            session: session(),
            attempts: vec![v1::AttemptProgress {
                attempt: attempt(),
                steps: 7,
            }],
            draining: true,
        }
        .encode_to_vec(),
        v1::ReportRequest {
            attempt: attempt(),
            epochs: vec![epoch(3), epoch(4)],
        }
        .encode_to_vec(),
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
        v1::ReleaseRequest {
            attempt: attempt(),
            checkpoint: Some(blob()),
            reason: "drained".to_owned(),
        }
        .encode_to_vec(),
        v1::PutPieceRequest {
            attempt: attempt(),
            blob: Some(blob()),
            offset: 0,
            data: b"abc".to_vec().into(),
        }
        .encode_to_vec(),
        v1::GetPieceRequest {
            attempt: attempt(),
            hash: vec![1; 32].into(),
            offset: 0,
        }
        .encode_to_vec(),
        v1::LogRequest {
            attempt: attempt(),
            log: lines(),
        }
        .encode_to_vec(),
        v1::LeaveRequest {
            session: session(),
            crashed: true,
            reason: "killed".to_owned(),
        }
        .encode_to_vec(),
        v1::ListTrialsRequest {
            sweep: sweep(),
            ..Default::default()
        }
        .encode_to_vec(),
        v1::GetTrialRequest { trial: trial() }.encode_to_vec(),
        v1::TrialRequest { trial: trial() }.encode_to_vec(),
        v1::SweepRequest { sweep: sweep() }.encode_to_vec(),
        v1::GetSweepRequest {
            sweep: sweep(),
            trained: true,
        }
        .encode_to_vec(),
        v1::LaunchRequest {
            sweep: Some(toy_sweep("toy", 6)),
            request_id: id().into(),
            ..v1::LaunchRequest::default()
        }
        .encode_to_vec(),
    ];
    let numbered = (0..).zip(requests);
    numbered
        .map(|(which, request)| [vec![which], request].concat())
        .collect()
}

fn trial() -> Option<v1::TrialId> {
    Some(v1::TrialId {
        sweep: "toy".to_owned(),
        trial: 1,
    })
}

#[test]
fn the_seeds_are_good_requests() {
    for seed in seeds() {
        let answer = answer(&seed);
        assert!(answer.starts_with(|c: char| c.is_ascii_digit()), "{answer}");
    }
}

#[test]
fn fuzz_requests() {
    let target = Target {
        name: "requests",
        seeds: seeds(),
        words: &[
            b"toy",
            b"params.x",
            b"score",
            b"{}",
            b"[",
            b"null",
            b"../",
            b"\0",
            b"%",
        ],
    };
    fuzz(&target, answer);
}
