//! Messages of `Leases`, to and from values.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use hone_proto::v1;

use super::{
    field::{
        attempt, bytes16, data_set, hash, json, optional_hash, positive, read, required, session,
        text, write,
    },
    model::{bytes, trial_id},
};
use crate::{
    Error,
    config::Timing,
    definition::objective_message,
    ids::{AttemptRef, Hash, RequestId, SessionId},
    state::{Acquire, Acquired, Directive, HeartbeatAnswer, Offer, Progress, Session},
    store::{
        BlobKind, BlobRef, Outcome,
        command::{Epoch, Finish, Granted, Lines, Log, Release, Report},
    },
    trial::TrialKind,
};

pub fn register(request: v1::RegisterRequest) -> Result<(SessionId, Session), Error> {
    let id = session("session", &request.session)?;
    if request.trainers.is_empty() {
        return Err(Error::input(
            "trainers",
            "is empty: a worker trains something",
        ));
    }
    let session = Session {
        name: text("name", request.name)?,
        trainers: request.trainers,
        arithmetic: request.arithmetic.into_iter().collect(),
        refused: BTreeMap::new(),
        slots: positive("slots", request.slots)?,
        offers: request
            .data
            .into_iter()
            .map(offer)
            .collect::<Result<_, _>>()?,
        draining: false,
        quarantined: false,
        lost_in_a_row: 0,
        last_seen_ms: 0,
        last_seen: Duration::ZERO,
    };
    Ok((id, session))
}

fn offer(offer: v1::DataOffer) -> Result<Offer, Error> {
    let name = text("data.name", offer.name)?;
    if !offer.error.is_empty() {
        return Ok(Offer {
            name,
            data: Err(offer.error),
        });
    }
    Ok(Offer {
        name,
        data: Ok(data_set(&offer.hash, offer.shape, offer.classes)?),
    })
}

pub fn registered(
    timing: Timing,
    incarnation: [u8; 16],
    refused: Vec<String>,
) -> v1::RegisterReply {
    v1::RegisterReply {
        heartbeat_ms: milliseconds(timing.heartbeat()),
        lease_ms: milliseconds(timing.lease()),
        first_lease_ms: milliseconds(timing.first_lease()),
        incarnation: incarnation.to_vec().into(),
        refused,
    }
}

pub fn acquire(request: &v1::AcquireRequest) -> Result<Acquire, Error> {
    Ok(Acquire {
        session: session("session", &request.session)?,
        request: RequestId(bytes16("request_id", &request.request_id)?),
        wait: Duration::from_millis(request.wait_ms),
        local_checkpoints: request
            .local_checkpoints
            .iter()
            .map(|bytes| hash("local_checkpoints", bytes))
            .collect::<Result<_, _>>()?,
    })
}

pub fn acquired(acquired: Acquired, timing: Timing) -> v1::AcquireReply {
    v1::AcquireReply {
        lease: acquired.granted.map(|granted| lease(*granted, timing)),
        wanted_data: acquired.wanted_data,
        drain: acquired.drain,
        idle: acquired.idle,
    }
}

fn lease(granted: Granted, timing: Timing) -> v1::Lease {
    let (trial, sweep) = (granted.trial, granted.sweep);
    v1::Lease {
        attempt: Some(attempt_ref(&granted.attempt)),
        kind: kind(trial.kind).into(),
        trainer: sweep.trainer.clone(),
        spec_json: granted.spec_json,
        seed: trial.seed,
        round: trial.place.round,
        point: trial.place.point,
        repeat: trial.repeat,
        fold: trial.fold,
        folds: sweep.folds,
        to_epoch: trial.to_epoch,
        full_epochs: trial.full_epochs,
        objective: Some(objective_message(&sweep.objective)),
        resume: granted.resume.map(blob),
        keep_weights: trial.keep_weights,
        weights: granted.weights.map(blob),
        data_source: sweep.data_source.clone().unwrap_or_default(),
        data_hash: bytes(granted.data.map(|data| data.hash)),
        lease_ms: milliseconds(timing.lease()),
        waits_at_end: trial.waits_at_end,
    }
}

fn attempt_ref(attempt: &AttemptRef) -> v1::AttemptRef {
    v1::AttemptRef {
        trial: Some(trial_id(&attempt.sweep, attempt.trial)),
        attempt: attempt.attempt.0,
        token: attempt.token.0.to_vec().into(),
    }
}

pub fn kind(kind: TrialKind) -> v1::TrialKind {
    match kind {
        TrialKind::Search => v1::TrialKind::Search,
        TrialKind::Check => v1::TrialKind::Check,
        TrialKind::Test => v1::TrialKind::Test,
    }
}

const BLOB_KINDS: [(v1::BlobKind, BlobKind); 2] = [
    (v1::BlobKind::Checkpoint, BlobKind::Checkpoint),
    (v1::BlobKind::Weights, BlobKind::Weights),
];

pub fn blob(blob: BlobRef) -> v1::Blob {
    v1::Blob {
        hash: blob.hash.0.to_vec().into(),
        size: blob.size,
        kind: write(&BLOB_KINDS, blob.kind),
        epoch: blob.epoch,
    }
}

/// `stored` is for the caller to find out: the wire does not say where a blob lies.
pub fn blob_ref(field: &str, value: &v1::Blob) -> Result<BlobRef, Error> {
    Ok(BlobRef {
        hash: hash(&format!("{field}.hash"), &value.hash)?,
        size: value.size,
        kind: read(&format!("{field}.kind"), &BLOB_KINDS, value.kind)?,
        epoch: value.epoch,
        stored: false,
    })
}

fn optional_blob(field: &str, value: Option<&v1::Blob>) -> Result<Option<BlobRef>, Error> {
    value.map(|value| blob_ref(field, value)).transpose()
}

/// A heartbeat: who, whether it drains, and what it holds.
pub fn heartbeat(request: v1::HeartbeatRequest) -> Result<(SessionId, bool, Vec<Progress>), Error> {
    let attempts = request
        .attempts
        .into_iter()
        .map(|progress| {
            Ok(Progress {
                attempt: attempt("attempts.attempt", progress.attempt)?,
                steps: progress.steps,
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok((
        session("session", &request.session)?,
        request.draining,
        attempts,
    ))
}

pub fn heartbeat_answer(
    answer: &HeartbeatAnswer,
    of: &[Progress],
    timing: Timing,
) -> v1::HeartbeatReply {
    let attempts = of
        .iter()
        .zip(&answer.directives)
        .map(|(progress, wanted)| v1::AttemptDirective {
            trial: Some(trial_id(&progress.attempt.sweep, progress.attempt.trial)),
            attempt: progress.attempt.attempt.0,
            directive: directive(*wanted).into(),
        })
        .collect();
    v1::HeartbeatReply {
        attempts,
        lease_ms: milliseconds(timing.lease()),
        drain: answer.drain,
        unknown_session: answer.unknown_session,
    }
}

pub fn directive(directive: Directive) -> v1::Directive {
    match directive {
        Directive::Continue => v1::Directive::Continue,
        Directive::Stop => v1::Directive::Stop,
        Directive::Prune => v1::Directive::Prune,
        Directive::Release => v1::Directive::Release,
        Directive::Fenced => v1::Directive::Fenced,
    }
}

pub fn report(request: v1::ReportRequest, at: i64) -> Result<Report, Error> {
    let attempt = attempt("attempt", request.attempt)?;
    if request.epochs.is_empty() {
        return Err(Error::input("epochs", "is empty: a report tells of one"));
    }
    Ok(Report {
        attempt,
        epochs: epochs(request.epochs)?,
        at,
    })
}

/// Epochs of one call at most.
const EPOCHS: usize = 1024;

fn epochs(said: Vec<v1::Epoch>) -> Result<Vec<Epoch>, Error> {
    if said.len() > EPOCHS {
        let problem = format!("has {} entries; a call brings at most {EPOCHS}", said.len());
        return Err(Error::input("epochs", problem));
    }
    if !said.is_sorted_by(|one, next| one.epoch < next.epoch) {
        return Err(Error::input("epochs", "do not grow"));
    }
    said.into_iter().map(epoch).collect()
}

/// No epoch has so many images; more would not fit into what is summed up of them.
const IMAGES: u64 = 1 << 40;

fn epoch(said: v1::Epoch) -> Result<Epoch, Error> {
    if said.images > IMAGES {
        let problem = format!("is {}, and can be {IMAGES} at the most", said.images);
        return Err(Error::input("epochs.images", problem));
    }
    Ok(Epoch {
        epoch: positive("epochs.epoch", said.epoch)?,
        metrics: metrics(said.metrics)?,
        layers: said.layers.into(),
        weights_hash: optional_hash("epochs.weights_hash", &said.weights_hash)?,
        seconds: finite("epochs.seconds", said.seconds)?,
        images: said.images,
        checkpoint: checkpoint_of(said.epoch, said.checkpoint.as_ref())?,
    })
}

fn metrics(said: Vec<v1::Metric>) -> Result<Vec<(String, f64)>, Error> {
    let mut seen = BTreeSet::new();
    let mut metrics = Vec::with_capacity(said.len());
    for metric in said {
        let name = text("epochs.metrics.name", metric.name)?;
        if !seen.insert(name.clone()) {
            let problem = format!("{name:?} is there twice");
            return Err(Error::input("epochs.metrics.name", problem));
        }
        metrics.push((name, metric.value));
    }
    Ok(metrics)
}

fn checkpoint_of(epoch: u32, said: Option<&v1::Blob>) -> Result<Option<BlobRef>, Error> {
    let blob = optional_blob("epochs.checkpoint", said)?;
    match blob {
        Some(blob) if blob.kind != BlobKind::Checkpoint || blob.epoch != epoch => {
            let problem = format!("is no checkpoint of epoch {epoch}");
            Err(Error::input("epochs.checkpoint", problem))
        }
        blob => Ok(blob),
    }
}

fn finite(field: &str, value: f64) -> Result<f64, Error> {
    if !value.is_finite() || value < 0.0 {
        return Err(Error::input(field, format!("{value} is no duration")));
    }
    Ok(value)
}

pub fn finish(
    request: v1::FinishRequest,
    others_connected: impl FnOnce(&AttemptRef) -> bool,
    at: i64,
) -> Result<Finish, Error> {
    json("diagnosis_json", &request.diagnosis_json)?;
    json("result_json", &request.result_json)?;
    let said = required("outcome", request.outcome)?;
    let attempt = attempt("attempt", request.attempt)?;
    Ok(Finish {
        outcome: outcome(said, || others_connected(&attempt))?,
        attempt,
        weights: optional_blob("weights", request.weights.as_ref())?,
        diagnosis_json: request.diagnosis_json,
        result_json: request.result_json,
        epochs: epochs(request.epochs)?,
        lines: request.log.map(lines).unwrap_or_default(),
        at,
    })
}

fn outcome(
    said: v1::finish_request::Outcome,
    others_connected: impl FnOnce() -> bool,
) -> Result<Outcome, Error> {
    use v1::finish_request::Outcome as Said;
    Ok(match said {
        Said::Completed(_) => Outcome::Completed,
        Said::ReachedRung(reached) => Outcome::ReachedRung {
            checkpoint: optional_blob("reached_rung.checkpoint", reached.checkpoint.as_ref())?,
        },
        Said::EndedEarly(_) => Outcome::EndedEarly,
        Said::Diverged(diverged) => Outcome::Diverged {
            // The one under way: they count from 1.
            epoch: positive("diverged.epoch", diverged.epoch)?,
            reason: diverged.reason,
        },
        Said::Ended(_) => Outcome::Ended,
        Said::Failed(failed) if failed.crashed => Outcome::Crashed {
            message: failed.message,
            others_connected: others_connected(),
        },
        Said::Failed(failed) => Outcome::Failed {
            message: failed.message,
        },
    })
}

pub fn release(request: v1::ReleaseRequest, at: i64) -> Result<Release, Error> {
    Ok(Release {
        attempt: attempt("attempt", request.attempt)?,
        checkpoint: optional_blob("checkpoint", request.checkpoint.as_ref())?,
        reason: request.reason,
        at,
    })
}

/// One piece on its way in.
#[derive(Debug)]
pub struct Piece {
    pub attempt: AttemptRef,
    pub blob: BlobRef,
    pub offset: u64,
    pub data: Vec<u8>,
}

pub fn piece(request: v1::PutPieceRequest) -> Result<Piece, Error> {
    Ok(Piece {
        attempt: attempt("attempt", request.attempt)?,
        blob: blob_ref("blob", &required("blob", request.blob)?)?,
        offset: request.offset,
        data: request.data.into(),
    })
}

pub fn wanted_piece(request: v1::GetPieceRequest) -> Result<(AttemptRef, Hash, u64), Error> {
    Ok((
        attempt("attempt", request.attempt)?,
        hash("hash", &request.hash)?,
        request.offset,
    ))
}

/// Lines of one call, and characters of one line, at most; the rest is cut.
const LINES: usize = 1000;
const LINE: usize = 4000;

pub fn log(request: v1::LogRequest) -> Result<Log, Error> {
    Ok(Log {
        attempt: attempt("attempt", request.attempt)?,
        lines: lines(required("log", request.log)?),
    })
}

fn lines(said: v1::Lines) -> Lines {
    let skip = said.lines.len().saturating_sub(LINES);
    Lines {
        first: said.first.saturating_add(skip as u64),
        lines: said
            .lines
            .into_iter()
            .skip(skip)
            .map(|line| line.chars().take(LINE).filter(|c| *c != '\n').collect())
            .collect(),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
