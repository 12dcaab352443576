//! Requests of any content: each is taken apart into an answer or an error that names a field, and nothing panics.

use std::collections::HashMap;

use hone_fuzz::{Target, fuzz};
use hone_proto::v1;
use prost::Message;

use super::{harness::id, requests};
use crate::{
    Error, definition,
    rpc::convert::{field, history, leases},
};

/// Takes the bytes of a request apart: the type of what came out, or what was wrong.
type Parse = fn(&[u8]) -> Result<String, String>;

/// Requests told apart by their first byte.
const REQUESTS: [(&str, Parse); 16] = [
    ("Leases/Register", |bytes| with(bytes, leases::register)),
    ("Leases/Acquire", |bytes| {
        with(bytes, |request: v1::AcquireRequest| {
            leases::acquire(&request)
        })
    }),
    ("Leases/Heartbeat", |bytes| with(bytes, leases::heartbeat)),
    ("Leases/Report", |bytes| {
        with(bytes, |request| leases::report(request, 1))
    }),
    ("Leases/Finish", |bytes| {
        with(bytes, |request| leases::finish(request, 1))
    }),
    ("Leases/Release", |bytes| {
        with(bytes, |request| leases::release(request, 1))
    }),
    ("Leases/PutPiece", |bytes| with(bytes, leases::piece)),
    ("Leases/GetPiece", |bytes| with(bytes, leases::wanted_piece)),
    ("Leases/Log", |bytes| with(bytes, leases::log)),
    ("Leases/Leave", |bytes| {
        with(bytes, |request: v1::LeaveRequest| {
            field::session("session", &request.session)
        })
    }),
    ("History/ListTrials", |bytes| {
        with(bytes, |request: v1::ListTrialsRequest| {
            history::trial_filter(&request)
        })
    }),
    ("History/GetTrial", |bytes| {
        with(bytes, |request: v1::GetTrialRequest| {
            field::trial("trial", request.trial)
        })
    }),
    ("Sweeps/Cancel", |bytes| {
        with(bytes, |request: v1::TrialRequest| {
            field::trial("trial", request.trial)
        })
    }),
    ("Sweeps/Pause", |bytes| {
        with(bytes, |request: v1::SweepRequest| {
            Ok(field::sweep("sweep", &request.sweep)?)
        })
    }),
    ("History/GetSweep", |bytes| {
        with(bytes, |request: v1::GetSweepRequest| {
            field::sweep_or_latest("sweep", &request.sweep)
        })
    }),
    ("Sweeps/Launch", |bytes| with(bytes, launch)),
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
    let (_, parse) = REQUESTS[which];
    match parse(request) {
        Ok(parsed) => format!("{which} {parsed}"),
        // Which request it is must count, and digits do not.
        Err(error) => format!("{} {error}", char::from(b'a' + which as u8)),
    }
}

/// One good request of each kind, in the order of [`REQUESTS`].
fn seeds() -> Vec<Vec<u8>> {
    let attempt = v1::AttemptRef {
        trial: Some(v1::TrialId {
            sweep: "toy".to_owned(),
            trial: 1,
        }),
        attempt: 1,
        token: id().into(),
    };
    let good: HashMap<_, _> = requests::good(&id(), &attempt).into_iter().collect();
    let numbered = (0..).zip(&REQUESTS);
    numbered
        .map(|(which, (method, _))| [vec![which], good[method].clone()].concat())
        .collect()
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
