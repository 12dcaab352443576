//! The calls that must arrive, in order, for each attempt.

use hone_proto::v1 as wire;
use prost::Message;

use super::convert::{AttemptRef, Blob, BlobKind, put_piece};
use crate::trainer::Report;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Completed,
    ReachedRung(Option<Blob>),
    EndedEarly,
    Diverged { epoch: u32, reason: String },
    Ended,
    Failed { message: String, crashed: bool },
}

/// What an attempt has not said yet when it ends: it goes with the finish.
#[derive(Debug, Default)]
pub(crate) struct Unsaid {
    epochs: Vec<wire::Epoch>,
    log: Option<wire::Lines>,
}

impl Unsaid {
    /// Of the last report, and the last lines with the number of the first.
    pub(crate) fn new(report: Option<Call>, lines: Option<(u64, Vec<String>)>) -> Self {
        let epochs = match report {
            Some(Call::Report(report)) => report.epochs,
            _ => Vec::new(),
        };
        let log = lines.map(|(first, lines)| wire::Lines { lines, first });
        Self { epochs, log }
    }
}

/// Epochs, and bytes, up to which reports are joined: a coordinator takes messages of four times these bytes.
const MANY: usize = 64;
const LARGE: usize = 1 << 20;

/// A call that must arrive, in its place among the others of its attempt. Kept as the wire's message, so that the
/// spool on disk needs no format of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    Report(wire::ReportRequest),
    Log(wire::LogRequest),
    Finish(wire::FinishRequest),
    Release(wire::ReleaseRequest),
    /// Every piece of a blob; the data stay in their file.
    Put(wire::PutPieceRequest),
}

impl Call {
    pub(crate) fn report(attempt: &AttemptRef, report: &Report, checkpoint: Option<Blob>) -> Self {
        let metrics = report.metrics.iter();
        let epoch = wire::Epoch {
            epoch: report.epoch,
            metrics: metrics
                .map(|(name, value)| wire::Metric {
                    name: name.clone(),
                    value: *value,
                })
                .collect(),
            layers: report.layers.clone().into(),
            weights_hash: report.weights_hash.clone().into(),
            seconds: report.seconds,
            images: report.images,
            checkpoint: checkpoint.map(Blob::to_wire),
        };
        Self::Report(wire::ReportRequest {
            attempt: attempt.to_wire(),
            epochs: vec![epoch],
        })
    }

    /// Takes in what is said later of the same attempt: a report another one, a finish lines. What has no place in it comes
    /// back.
    pub(crate) fn absorb(&mut self, later: Self) -> Option<Self> {
        match (self, later) {
            (Self::Report(report), Self::Report(later)) if fits(report, &later) => {
                report.epochs.extend(later.epochs);
                None
            }
            (Self::Finish(finish), Self::Log(later)) => {
                let more = later.log.unwrap_or_default();
                match &mut finish.log {
                    Some(log) => log.lines.extend(more.lines),
                    none => *none = Some(more),
                }
                None
            }
            (_, later) => Some(later),
        }
    }

    /// Whether it is a report that a finish has room for.
    pub(crate) fn is_small_report(&self) -> bool {
        matches!(self, Self::Report(report) if report.encoded_len() < LARGE)
    }

    pub(crate) fn log(attempt: &AttemptRef, first: u64, lines: Vec<String>) -> Self {
        Self::Log(wire::LogRequest {
            attempt: attempt.to_wire(),
            log: Some(wire::Lines { lines, first }),
        })
    }

    pub(crate) fn put(attempt: &AttemptRef, blob: &Blob) -> Self {
        Self::Put(put_piece(attempt, blob, 0, Vec::new()))
    }

    pub(crate) fn release(attempt: &AttemptRef, checkpoint: Option<Blob>, reason: String) -> Self {
        Self::Release(wire::ReleaseRequest {
            attempt: attempt.to_wire(),
            checkpoint: checkpoint.map(Blob::to_wire),
            reason,
        })
    }

    pub(crate) fn finish(
        attempt: &AttemptRef,
        outcome: Outcome,
        weights: Option<Blob>,
        diagnosis_json: String,
        result_json: String,
        unsaid: Unsaid,
    ) -> Self {
        Self::Finish(wire::FinishRequest {
            attempt: attempt.to_wire(),
            outcome: Some(outcome.into()),
            weights: weights.map(Blob::to_wire),
            diagnosis_json,
            result_json,
            epochs: unsaid.epochs,
            log: unsaid.log,
        })
    }

    /// Whether the last epoch that it reports took less than this.
    pub(crate) fn reports_shorter(&self, seconds: f64) -> bool {
        let Self::Report(request) = self else {
            return false;
        };
        request
            .epochs
            .last()
            .is_some_and(|epoch| epoch.seconds < seconds)
    }

    /// Whether nothing of the attempt can come after it.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::Finish(_) | Self::Release(_))
    }

    /// Whether it ends the attempt so that another one goes on from its checkpoint.
    pub(crate) fn goes_on(&self) -> bool {
        use wire::finish_request::Outcome as Wire;
        match self {
            Self::Release(_) => true,
            Self::Finish(request) => match &request.outcome {
                Some(Wire::ReachedRung(_)) => true,
                Some(Wire::Failed(failed)) => failed.crashed,
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether it names a checkpoint that takes the place of the attempt's earlier ones.
    pub(crate) fn supersedes(&self) -> bool {
        let Self::Report(request) = self else {
            return false;
        };
        request
            .epochs
            .iter()
            .any(|epoch| epoch.checkpoint.is_some())
    }

    /// What it brings, in words.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Report(_) => "report",
            Self::Log(_) => "log",
            Self::Finish(_) => "end",
            Self::Release(_) => "trial that was given back",
            Self::Put(_) => match self.blob().map(|blob| blob.kind) {
                Some(BlobKind::Weights) => "file of weights",
                _ => "checkpoint",
            },
        }
    }

    /// Whether nothing that comes after it makes sense without it.
    pub(crate) fn is_needed(&self) -> bool {
        !matches!(self, Self::Put(_) | Self::Log(_))
    }

    /// Takes out of it what the coordinator did not take before: a blob cannot be named then.
    pub(crate) fn do_without(&mut self, refused: &Self) {
        use wire::finish_request::Outcome as Wire;
        let Some(blob) = refused.blob() else {
            return;
        };
        let forget = |place: &mut Option<wire::Blob>| {
            place.take_if(|named| named.hash == blob.hash[..]);
        };
        match self {
            Self::Release(request) => forget(&mut request.checkpoint),
            Self::Finish(request) => {
                forget(&mut request.weights);
                if let Some(Wire::ReachedRung(rung)) = &mut request.outcome {
                    forget(&mut rung.checkpoint);
                }
            }
            _ => {}
        }
    }

    /// The attempt that it speaks for.
    pub(crate) fn attempt(&self) -> Option<AttemptRef> {
        let attempt = match self {
            Self::Report(request) => &request.attempt,
            Self::Log(request) => &request.attempt,
            Self::Finish(request) => &request.attempt,
            Self::Release(request) => &request.attempt,
            Self::Put(request) => &request.attempt,
        };
        attempt.clone().map(AttemptRef)
    }

    /// The blob whose pieces it stands for.
    pub(crate) fn blob(&self) -> Option<Blob> {
        match self {
            Self::Put(request) => request
                .blob
                .as_ref()
                .and_then(|blob| Blob::from_wire(blob).ok()),
            _ => None,
        }
    }

    /// As bytes for the spool: a tag and the wire's message.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (tag, bytes) = match self {
            Self::Report(request) => (1, request.encode_to_vec()),
            Self::Log(request) => (2, request.encode_to_vec()),
            Self::Finish(request) => (3, request.encode_to_vec()),
            Self::Release(request) => (4, request.encode_to_vec()),
            Self::Put(request) => (5, request.encode_to_vec()),
        };
        let mut all = Vec::with_capacity(bytes.len() + 1);
        all.push(tag);
        all.extend(bytes);
        all
    }

    /// The way back; `None` for what another version wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, bytes) = bytes.split_first()?;
        match tag {
            1 => wire::ReportRequest::decode(bytes).ok().map(Self::Report),
            2 => wire::LogRequest::decode(bytes).ok().map(Self::Log),
            3 => wire::FinishRequest::decode(bytes).ok().map(Self::Finish),
            4 => wire::ReleaseRequest::decode(bytes).ok().map(Self::Release),
            5 => wire::PutPieceRequest::decode(bytes).ok().map(Self::Put),
            _ => None,
        }
    }
}

fn fits(report: &wire::ReportRequest, later: &wire::ReportRequest) -> bool {
    report.epochs.len() < MANY && report.encoded_len() + later.encoded_len() < LARGE
}

impl From<Outcome> for wire::finish_request::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Completed => Self::Completed(wire::Completed {}),
            Outcome::ReachedRung(checkpoint) => Self::ReachedRung(wire::ReachedRung {
                checkpoint: checkpoint.map(Blob::to_wire),
            }),
            Outcome::EndedEarly => Self::EndedEarly(wire::EndedEarly {}),
            Outcome::Diverged { epoch, reason } => Self::Diverged(wire::Diverged { epoch, reason }),
            Outcome::Ended => Self::Ended(wire::Ended {}),
            Outcome::Failed { message, crashed } => Self::Failed(wire::Failed { message, crashed }),
        }
    }
}
