//! One lease from its grant to its end, on a slot's thread.

use std::{
    any::Any,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;

use crate::{
    attempt::Attempt,
    client::{Blob, Directive, Kind, Lease, Outcome},
    curve, logs,
    outbox::{End, Item, Outbox},
    scratch::Purpose,
    slot::{Next, stopwatch},
    trainer::{TrainError, Trainer},
    transfer,
    worker::Worker,
};

/// Trains, checks or tests what the lease says, and hands its end to the outbox; `next` is asked for a little before.
/// Never panics and never fails: what went wrong is an end too.
pub(crate) fn lease(worker: &Arc<Worker>, lease: &Lease, next: &Arc<Next>) {
    let attempt = Arc::new(Attempt::new(lease.attempt.clone()));
    worker.attempts.insert(Arc::clone(&attempt));
    if worker.shutdown.is_draining() {
        // The drain may have gone over the table before this attempt was in it.
        attempt.direct(Directive::Release);
    }
    let outbox = Outbox::open(worker, &attempt);
    // Of the highest level: a warning says which trial it is about, however little else is logged.
    let span = tracing::error_span!("trial", trial = %attempt.id, attempt = attempt.id.attempt);
    span.in_scope(|| {
        logs::on_behalf_of(&attempt, || {
            let run = Run {
                worker,
                lease,
                attempt: &attempt,
                outbox: &outbox,
                next,
            };
            let begun = stopwatch();
            tracing::info!("{}", run.told());
            let end = catch_unwind(AssertUnwindSafe(|| run.to_end())).unwrap_or_else(|panic| {
                let message = format!("the trainer panicked: {}", panic_message(&*panic));
                tracing::error!("{message}");
                End::failed(message, true)
            });
            tracing::info!(
                "{} after {:.2} s",
                end.word(),
                begun.elapsed().as_secs_f64()
            );
            outbox.send(Item::End(end));
        });
    });
}

/// A lease being worked on.
pub(crate) struct Run<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) lease: &'a Lease,
    pub(crate) attempt: &'a Arc<Attempt>,
    pub(crate) outbox: &'a Outbox,
    pub(crate) next: &'a Arc<Next>,
}

impl Run<'_> {
    /// The lease in words: the first line of an attempt's log.
    fn told(&self) -> String {
        let (lease, spec) = (self.lease, &self.lease.spec);
        let what = match lease.kind {
            Kind::Check => "check".to_owned(),
            Kind::Test => "test".to_owned(),
            Kind::Search => {
                let from = lease.resume.as_ref().map_or(0, |blob| blob.epoch) + 1;
                let to = spec.to_epoch;
                format!(
                    "epochs {from} to {to} of {}, seed {}",
                    spec.full_epochs, spec.seed
                )
            }
        };
        let (trainer, worker) = (&lease.trainer, &self.worker.config.name);
        match lease.data_source.as_str() {
            "" => format!("{what}; trainer {trainer}; worker {worker}"),
            set => format!("{what}; trainer {trainer}, data {set}; worker {worker}"),
        }
    }

    fn to_end(&self) -> End {
        let lease = self.lease;
        let Some(trainer) = self.worker.config.trainers.get(&lease.trainer) else {
            let message = format!("this worker has no trainer {:?}", lease.trainer);
            return End::failed(message, true);
        };
        let offered = self
            .worker
            .offers
            .check(&lease.data_source, &lease.data_hash);
        if let Err(message) = offered {
            return End::failed(message, true);
        }
        let directory = Directory::make(self.worker.scratch.fresh(Purpose::Attempt));
        let ended = directory.and_then(|directory| match lease.kind {
            Kind::Search => curve::train(self, trainer.as_ref(), &directory.0),
            Kind::Check => self.check(trainer.as_ref()),
            Kind::Test => self.test(trainer.as_ref()),
        });
        ended.unwrap_or_else(|error| match error {
            TrainError::Stopped => self.interrupted(self.attempt.directive()),
            // What breaks while everything here ends is nobody's fault.
            error @ TrainError::Worker(_) if self.attempt.stop.wanted() => {
                tracing::info!("stopped: {error}");
                self.interrupted(self.attempt.directive())
            }
            error => self.failed(&error),
        })
    }

    fn failed(&self, error: &TrainError) -> End {
        if self.attempt.directive() == Directive::Fenced {
            return End::Dropped;
        }
        tracing::warn!("failed: {error}");
        End::failed(error.to_string(), !matches!(error, TrainError::Trial(_)))
    }

    fn check(&self, trainer: &dyn Trainer) -> Result<End, TrainError> {
        let found = trainer.check(&self.lease.spec, &self.attempt.stop)?;
        Ok(match self.attempt.directive() {
            Directive::Continue => completed_with(&found),
            directive => self.interrupted(directive),
        })
    }

    fn test(&self, trainer: &dyn Trainer) -> Result<End, TrainError> {
        let Some(weights) = &self.lease.weights else {
            let why = "its weights were not kept";
            return Ok(completed_with(&json!({ "untested": why })));
        };
        let path = match self.locate(weights) {
            Ok(path) => path,
            Err(reason) => return Err(TrainError::Worker(format!("weights: {reason}"))),
        };
        let _held = self.worker.scratch.checkpoints.using(weights.hash);
        let metrics = trainer.test(&self.lease.spec, &path, &self.attempt.stop)?;
        Ok(completed_with(&json!(metrics.unwrap_or_default())))
    }

    /// How an attempt ends that was stopped before it had anything to keep.
    fn interrupted(&self, directive: Directive) -> End {
        match directive {
            Directive::Fenced => End::Dropped,
            Directive::Stop | Directive::Prune => End::finish(Outcome::Ended),
            Directive::Continue | Directive::Release => End::Release {
                checkpoint: None,
                reason: self.release_reason().to_owned(),
            },
        }
    }

    pub(crate) fn release_reason(&self) -> &'static str {
        if self.worker.shutdown.is_draining() {
            "the worker drains"
        } else {
            "the coordinator wants it back"
        }
    }

    /// The file of a blob: on this disk, or fetched from the coordinator. Its hash is right.
    pub(crate) fn locate(&self, blob: &Blob) -> Result<PathBuf, String> {
        let checkpoints = &self.worker.scratch.checkpoints;
        if let Some(path) = checkpoints.find(blob) {
            return Ok(path);
        }
        let temporary = self.worker.scratch.fresh(Purpose::Fetched);
        let fetched = self.worker.runtime.block_on(transfer::get(
            &self.worker.client,
            &self.attempt.reference,
            blob,
            temporary,
            || !self.attempt.stop.wanted(),
        ))?;
        let kept = checkpoints
            .keep(&fetched, blob.kind, blob.epoch)
            .map_err(|error| error.to_string())?;
        checkpoints.release(&kept.hash);
        if kept.hash != blob.hash {
            checkpoints.remove(&kept.hash);
            return Err("what the coordinator sent has another hash".to_owned());
        }
        Ok(checkpoints.path(&blob.hash))
    }
}

fn completed_with(result: &serde_json::Value) -> End {
    End::Finish {
        outcome: Outcome::Completed,
        checkpoint: None,
        weights: None,
        diagnosis_json: String::new(),
        result_json: result.to_string(),
    }
}

/// A directory that goes when the attempt ends, however it ends.
struct Directory(PathBuf);

impl Directory {
    fn make(path: PathBuf) -> Result<Self, TrainError> {
        fs::create_dir_all(&path).map_err(|error| worker_error(&path, &error))?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn worker_error(path: &Path, error: &std::io::Error) -> TrainError {
    TrainError::Worker(format!("{}: {error}", path.display()))
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
