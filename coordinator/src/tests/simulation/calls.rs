//! What a simulated worker says, and what it trains: formulas of the trial alone.

use std::time::Duration;

use hone_proto::v1::{self, finish_request::Outcome};
use tonic::{Code, Request, Status};

/// An answer later than this is given up.
const DEADLINE: Duration = Duration::from_secs(20);

/// A call that must arrive, in its place among the others of its attempt.
#[derive(Clone, Debug)]
pub enum Call {
    Report(v1::ReportRequest),
    Put(v1::PutPieceRequest),
    Finish(v1::FinishRequest),
    Release(v1::ReleaseRequest),
}

impl Call {
    pub fn attempt(&self) -> v1::AttemptRef {
        let attempt = match self {
            Call::Report(call) => &call.attempt,
            Call::Put(call) => &call.attempt,
            Call::Finish(call) => &call.attempt,
            Call::Release(call) => &call.attempt,
        };
        attempt.clone().unwrap_or_default()
    }

    /// Takes a later call of the same attempt in, as the real worker does where epochs are short.
    pub fn absorb(&mut self, later: &Call) -> bool {
        match (&mut *self, later) {
            (Call::Report(report), Call::Report(later)) => {
                report.epochs.extend(later.epochs.iter().cloned());
                true
            }
            (Call::Report(report), Call::Finish(finish)) => {
                let mut finish = finish.clone();
                finish
                    .epochs
                    .splice(0..0, std::mem::take(&mut report.epochs));
                *self = Call::Finish(finish);
                true
            }
            _ => false,
        }
    }

    pub fn is_end(&self) -> bool {
        matches!(self, Call::Finish(_) | Call::Release(_))
    }
}

/// The state after an epoch: what a resume from it must find.
pub fn checkpoint(seed: u64, epoch: u32) -> (v1::Blob, Vec<u8>) {
    let content = format!("trial with seed {seed} after epoch {epoch}").into_bytes();
    let blob = v1::Blob {
        hash: blake3::hash(&content).as_bytes().to_vec().into(),
        size: content.len() as u64,
        kind: v1::BlobKind::Checkpoint.into(),
        epoch,
    };
    (blob, content)
}

/// Whether the same call may succeed later, as the real worker sees it.
pub fn is_passing(status: &Status) -> bool {
    !matches!(
        status.code(),
        Code::NotFound | Code::FailedPrecondition | Code::InvalidArgument | Code::DataLoss
    )
}

/// The score after an epoch, and whether the training diverges in it: a formula of the trial alone.
pub fn score(lease: &v1::Lease, epoch: u32) -> (f64, bool) {
    let spec: serde_json::Value = serde_json::from_str(&lease.spec_json).unwrap();
    let x = spec["params"]["x"].as_f64().unwrap();
    let luck = (lease.seed % 100) as f64 / 1e4;
    let score = 1.0 - (x - 0.3).powi(2) - 0.5 / f64::from(epoch) + luck;
    (score, x > 0.9)
}

/// What is said of an epoch.
pub fn report(
    attempt: &v1::AttemptRef,
    epoch: u32,
    score: f64,
    seed: u64,
    checkpoint: Option<v1::Blob>,
) -> v1::ReportRequest {
    let weights = blake3::hash(format!("{seed} {epoch}").as_bytes());
    v1::ReportRequest {
        attempt: Some(attempt.clone()),
        epochs: vec![v1::Epoch {
            epoch,
            metrics: vec![v1::Metric {
                name: "score".to_owned(),
                value: score,
            }],
            layers: Vec::new().into(),
            weights_hash: weights.as_bytes().to_vec().into(),
            seconds: 1.0,
            images: 100,
            checkpoint,
        }],
    }
}

/// A whole checkpoint, which is small.
pub fn put(attempt: &v1::AttemptRef, blob: &v1::Blob, content: Vec<u8>) -> Call {
    Call::Put(v1::PutPieceRequest {
        attempt: Some(attempt.clone()),
        blob: Some(blob.clone()),
        offset: 0,
        data: content.into(),
    })
}

/// The end.
pub fn finish(attempt: &v1::AttemptRef, outcome: Outcome) -> Call {
    Call::Finish(v1::FinishRequest {
        attempt: Some(attempt.clone()),
        outcome: Some(outcome),
        ..Default::default()
    })
}

/// With a deadline.
pub fn within<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}
