//! Between the wire's messages and the worker's own types.

use std::fmt;

use hone_proto::v1 as wire;
use tonic::Status;

use super::Beaten;
use crate::{
    config::DataSet,
    trainer::{Objective, TrialSpec},
};

/// One attempt of one trial, without the right to speak for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AttemptId {
    pub(crate) sweep: String,
    pub(crate) trial: u64,
    pub(crate) attempt: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.sweep, self.trial)
    }
}

/// An attempt and its token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AttemptRef(pub(super) wire::AttemptRef);

impl AttemptRef {
    pub(crate) fn id(&self) -> AttemptId {
        let trial = self.0.trial.clone().unwrap_or_default();
        AttemptId {
            sweep: trial.sweep,
            trial: trial.trial,
            attempt: self.0.attempt,
        }
    }

    #[cfg(test)]
    pub(crate) fn for_test(sweep: &str, trial: u64, attempt: u32) -> Self {
        Self(wire::AttemptRef {
            trial: Some(wire::TrialId {
                sweep: sweep.to_owned(),
                trial,
            }),
            attempt,
            token: vec![7; 16].into(),
        })
    }

    pub(super) fn to_wire(&self) -> Option<wire::AttemptRef> {
        Some(self.0.clone())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Search,
    Check,
    Test,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlobKind {
    Checkpoint,
    Weights,
}

/// Content-addressed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blob {
    /// blake3.
    pub(crate) hash: [u8; 32],
    pub(crate) size: u64,
    pub(crate) kind: BlobKind,
    pub(crate) epoch: u32,
}

impl Blob {
    pub(super) fn to_wire(self) -> wire::Blob {
        let kind = match self.kind {
            BlobKind::Checkpoint => wire::BlobKind::Checkpoint,
            BlobKind::Weights => wire::BlobKind::Weights,
        };
        wire::Blob {
            hash: self.hash.to_vec().into(),
            size: self.size,
            kind: kind.into(),
            epoch: self.epoch,
        }
    }

    pub(super) fn from_wire(blob: &wire::Blob) -> Result<Self, Status> {
        Ok(Self {
            hash: blob
                .hash
                .as_ref()
                .try_into()
                .map_err(|_| missing("a blob's hash of 32 bytes"))?,
            size: blob.size,
            kind: match blob.kind() {
                wire::BlobKind::Weights => BlobKind::Weights,
                _ => BlobKind::Checkpoint,
            },
            epoch: blob.epoch,
        })
    }
}

/// The right and the duty to train one trial.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) attempt: AttemptRef,
    pub(crate) kind: Kind,
    pub(crate) trainer: String,
    pub(crate) spec: TrialSpec,
    pub(crate) resume: Option<Blob>,
    pub(crate) keep_weights: bool,
    pub(crate) weights: Option<Blob>,
    pub(crate) data_source: String,
    /// Empty on a sweep's first grant.
    pub(crate) data_hash: Vec<u8>,
    pub(crate) waits_at_end: bool,
}

impl Lease {
    pub(super) fn from_wire(lease: wire::Lease) -> Result<Self, Status> {
        let kind = match lease.kind() {
            wire::TrialKind::Check => Kind::Check,
            wire::TrialKind::Test => Kind::Test,
            _ => Kind::Search,
        };
        let attempt = lease.attempt.ok_or_else(|| missing("lease.attempt"))?;
        let attempt = AttemptRef(attempt);
        let objective = lease.objective.ok_or_else(|| missing("lease.objective"))?;
        let spec = serde_json::from_str(&lease.spec_json)
            .map_err(|error| Status::invalid_argument(format!("lease.spec_json: {error}")))?;
        Ok(Self {
            spec: TrialSpec {
                id: attempt.id().to_string(),
                spec,
                seed: lease.seed,
                repeat: lease.repeat,
                fold: lease.fold,
                folds: lease.folds.max(1),
                full_epochs: lease.full_epochs,
                to_epoch: lease.to_epoch,
                objective: Objective {
                    maximize: objective.direction() != wire::Direction::Minimize,
                    best: objective.at() != wire::At::Last,
                    metric: objective.metric,
                },
            },
            attempt,
            kind,
            trainer: lease.trainer,
            resume: lease.resume.as_ref().map(Blob::from_wire).transpose()?,
            keep_weights: lease.keep_weights,
            weights: lease.weights.as_ref().map(Blob::from_wire).transpose()?,
            data_source: lease.data_source,
            data_hash: lease.data_hash.into(),
            waits_at_end: lease.waits_at_end,
        })
    }
}

fn missing(what: &str) -> Status {
    Status::invalid_argument(format!("the coordinator's answer lacks {what}"))
}

/// What the coordinator wants of an attempt, the more pressing the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Directive {
    Continue = 0,
    Release = 1,
    Stop = 2,
    Prune = 3,
    Fenced = 4,
}

impl Directive {
    pub(super) fn from_wire(directive: i32) -> Self {
        match wire::Directive::try_from(directive) {
            Ok(wire::Directive::Release) => Self::Release,
            Ok(wire::Directive::Stop) => Self::Stop,
            Ok(wire::Directive::Prune) => Self::Prune,
            Ok(wire::Directive::Fenced) => Self::Fenced,
            _ => Self::Continue,
        }
    }
}

/// A data set as this worker found it, or why it cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) name: String,
    pub(crate) found: Result<DataSet, String>,
}

impl Offer {
    pub(super) fn to_wire(&self) -> wire::DataOffer {
        let name = self.name.clone();
        match &self.found {
            Ok(set) => wire::DataOffer {
                name,
                hash: set.hash.clone().into(),
                shape: set.shape.to_vec(),
                classes: set.classes,
                error: String::new(),
            },
            Err(error) => wire::DataOffer {
                name,
                error: error.clone(),
                ..wire::DataOffer::default()
            },
        }
    }
}

pub(super) fn progress((attempt, steps): &(AttemptRef, u64)) -> wire::AttemptProgress {
    wire::AttemptProgress {
        attempt: attempt.to_wire(),
        steps: *steps,
    }
}

/// The answer to a heartbeat that named these attempts: it is in the order of the question, which tells apart two of one name.
pub(super) fn beaten(reply: wire::HeartbeatReply, asked: &[(AttemptRef, u64)]) -> Beaten {
    let mut answers = reply.attempts.into_iter();
    let directives = asked.iter().map(|(AttemptRef(asked), _)| {
        let is_its = |said: &wire::AttemptDirective| {
            said.trial == asked.trial && said.attempt == asked.attempt
        };
        let said = answers.next().filter(is_its);
        said.map_or(Directive::Continue, |said| {
            Directive::from_wire(said.directive)
        })
    });
    Beaten {
        directives: directives.collect(),
        drain: reply.drain,
        unknown_session: reply.unknown_session,
    }
}

pub(super) fn put_piece(
    attempt: &AttemptRef,
    blob: &Blob,
    offset: u64,
    data: Vec<u8>,
) -> wire::PutPieceRequest {
    wire::PutPieceRequest {
        attempt: attempt.to_wire(),
        blob: Some(blob.to_wire()),
        offset,
        data: data.into(),
    }
}

pub(super) fn get_piece(attempt: &AttemptRef, blob: &Blob, offset: u64) -> wire::GetPieceRequest {
    wire::GetPieceRequest {
        attempt: attempt.to_wire(),
        hash: blob.hash.to_vec().into(),
        offset,
    }
}
