//! Messages of `Leases`, to and from values.

use std::{collections::BTreeSet, time::Duration};

use hone_proto::v1;

use super::{
    field::{
        attempt, bytes, data_set, hash, json, name, optional_hash, positive, required, session,
    },
    model::{self, blob, blob_ref, milliseconds, optional_blob, trial_id, trial_kind},
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
};

pub fn register(request: v1::RegisterRequest) -> Result<(SessionId, Session), Error> {
    let id = session("session", &request.session)?;
    if request.trainers.is_empty() {
        return Err(Error::input(
            "trainers",
            "is empty: a worker trains something",
        ));
    }
    let offers = request.data.into_iter().map(offer);
    let trainers = request.trainers.into_iter();
    let trainers = trainers.map(|trainer| name("trainers", trainer));
    let session = Session {
        name: name("name", request.name)?,
        trainers: trainers.collect::<Result<_, _>>()?,
        arithmetic: request.arithmetic.into_iter().collect(),
        slots: slots(request.slots)?,
        offers: offers.collect::<Result<_, _>>()?,
        ..Session::default()
    };
    Ok((id, session))
}

fn slots(slots: u32) -> Result<u32, Error> {
    const MOST: u32 = 4096;
    if (1..=MOST).contains(&slots) {
        return Ok(slots);
    }
    let problem = format!("is {slots}, and must be between 1 and {MOST}");
    Err(Error::input("slots", problem))
}

fn offer(offer: v1::DataOffer) -> Result<Offer, Error> {
    let name = name("data.name", offer.name)?;
    let data = if offer.error.is_empty() {
        Ok(data_set(&offer.hash, offer.shape, offer.classes)?)
    } else {
        Err(offer.error)
    };
    Ok(Offer { name, data })
}

pub fn acquire(request: &v1::AcquireRequest) -> Result<Acquire, Error> {
    let local = request.local_checkpoints.iter();
    let local = local.map(|bytes| hash("local_checkpoints", bytes));
    Ok(Acquire {
        session: session("session", &request.session)?,
        request: RequestId(bytes("request_id", &request.request_id)?),
        wait: Duration::from_millis(request.wait_ms),
        local_checkpoints: local.collect::<Result<_, _>>()?,
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
    let (trial, sweep, held) = (granted.trial, granted.sweep, granted.attempt);
    v1::Lease {
        attempt: Some(v1::AttemptRef {
            trial: Some(trial_id(&held.sweep, held.trial)),
            attempt: held.attempt.0,
            token: held.token.0.to_vec().into(),
        }),
        kind: trial_kind(trial.kind).into(),
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
        data_hash: model::bytes(granted.data.map(|data| data.hash)),
        lease_ms: milliseconds(timing.lease),
        waits_at_end: trial.waits_at_end,
    }
}

/// A heartbeat: who, whether it drains, and what it holds.
pub fn heartbeat(request: v1::HeartbeatRequest) -> Result<(SessionId, bool, Vec<Progress>), Error> {
    let session = session("session", &request.session)?;
    // One that nobody here can have granted spoils its own answer alone.
    let attempts = request.attempts.into_iter().map(|said| {
        let attempt = attempt("attempts.attempt", said.attempt).ok();
        let steps = said.steps;
        Progress { attempt, steps }
    });
    Ok((session, request.draining, attempts.collect()))
}

pub fn heartbeat_answer(
    answer: &HeartbeatAnswer,
    of: &[Progress],
    timing: Timing,
) -> v1::HeartbeatReply {
    let attempts = of.iter().zip(&answer.directives);
    let attempts = attempts.map(|(said, wanted)| v1::AttemptDirective {
        trial: said
            .attempt
            .as_ref()
            .map(|held| trial_id(&held.sweep, held.trial)),
        attempt: said.attempt.as_ref().map_or(0, |held| held.attempt.0),
        directive: directive(*wanted).into(),
    });
    v1::HeartbeatReply {
        attempts: attempts.collect(),
        lease_ms: milliseconds(timing.lease),
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
    if !said.seconds.is_finite() || said.seconds < 0.0 {
        let problem = format!("{} is no duration", said.seconds);
        return Err(Error::input("epochs.seconds", problem));
    }
    let checkpoint = optional_blob("epochs.checkpoint", said.checkpoint.as_ref())?;
    let fits = |blob: BlobRef| blob.kind == BlobKind::Checkpoint && blob.epoch == said.epoch;
    if !checkpoint.is_none_or(fits) {
        let problem = format!("is no checkpoint of epoch {}", said.epoch);
        return Err(Error::input("epochs.checkpoint", problem));
    }
    Ok(Epoch {
        epoch: positive("epochs.epoch", said.epoch)?,
        metrics: metrics(said.metrics)?,
        layers: said.layers.into(),
        weights_hash: optional_hash("epochs.weights_hash", &said.weights_hash)?,
        seconds: said.seconds,
        images: said.images,
        checkpoint,
    })
}

fn metrics(said: Vec<v1::Metric>) -> Result<Vec<(String, f64)>, Error> {
    let mut seen = BTreeSet::new();
    let metrics = said.into_iter().map(|metric| {
        let name = name("epochs.metrics.name", metric.name)?;
        if !seen.insert(name.clone()) {
            let problem = format!("{name:?} is there twice");
            return Err(Error::input("epochs.metrics.name", problem));
        }
        Ok((name, metric.value))
    });
    metrics.collect()
}

pub fn finish(request: v1::FinishRequest, at: i64) -> Result<Finish, Error> {
    Ok(Finish {
        diagnosis_json: json("diagnosis_json", request.diagnosis_json)?,
        result_json: json("result_json", request.result_json)?,
        outcome: outcome(required("outcome", request.outcome)?)?,
        attempt: attempt("attempt", request.attempt)?,
        weights: optional_blob("weights", request.weights.as_ref())?,
        epochs: epochs(request.epochs)?,
        lines: request.log.map(lines).unwrap_or_default(),
        at,
    })
}

/// Whether others are connected is for the caller to find out.
fn outcome(said: v1::finish_request::Outcome) -> Result<Outcome, Error> {
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
            others_connected: false,
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

/// One piece on its way in: of which blob, from where in it on.
pub fn piece(request: v1::PutPieceRequest) -> Result<(AttemptRef, BlobRef, u64, Vec<u8>), Error> {
    let attempt = attempt("attempt", request.attempt)?;
    let blob = blob_ref("blob", &required("blob", request.blob)?)?;
    Ok((attempt, blob, request.offset, request.data.into()))
}

pub fn wanted_piece(request: v1::GetPieceRequest) -> Result<(AttemptRef, Hash, u64), Error> {
    let attempt = attempt("attempt", request.attempt)?;
    let hash = hash("hash", &request.hash)?;
    Ok((attempt, hash, request.offset))
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
    let cut = |line: String| line.chars().take(LINE).filter(|c| *c != '\n').collect();
    Lines {
        first: said.first.saturating_add(skip as u64),
        lines: said.lines.into_iter().skip(skip).map(cut).collect(),
    }
}
