//! A search trial: epoch after epoch, with reports, checkpoints and an ear for the coordinator.

use std::{path::Path, sync::Arc, time::Instant};

use crate::{
    client::{Directive, Outcome},
    exec::missing,
    outbox::{End, Item, Saved},
    scratch::Purpose,
    slot::stopwatch,
    train::Run,
    trainer::{Epoch, Report, TrainError, Trainer, Training},
};

/// Trains up to the lease's last epoch, or until something ends it before.
pub(crate) fn train(
    run: &Run<'_>,
    trainer: &dyn Trainer,
    scratch: &Path,
) -> Result<End, TrainError> {
    let mut curve = Curve {
        training: start(run, trainer, scratch)?,
        run,
        local: stopwatch(),
        remote: stopwatch(),
    };
    let to_epoch = run.lease.spec.to_epoch;
    while curve.training.epochs_done() < to_epoch {
        match run.attempt.directive() {
            Directive::Continue => {}
            directive => return Ok(curve.interrupted(directive)),
        }
        if curve.training.epochs_done() + 1 == to_epoch {
            let next = Arc::clone(run.next);
            run.attempt.stop.nearly_done_calls(move || next.ask());
        }
        match curve.training.epoch(&run.attempt.stop)? {
            Epoch::Done(report) => {
                if let Some(end) = curve.report(report) {
                    return Ok(end);
                }
            }
            Epoch::Last(report) => {
                let end = curve.report(report);
                return Ok(end.unwrap_or_else(|| curve.finish(Outcome::EndedEarly)));
            }
            Epoch::Ended => return Ok(curve.finish(Outcome::EndedEarly)),
            Epoch::Stopped => return Ok(curve.interrupted(run.attempt.directive())),
            Epoch::Diverged { epoch, reason } => {
                tracing::info!("diverged in epoch {epoch}: {reason}");
                return Ok(curve.finish(Outcome::Diverged { epoch, reason }));
            }
        }
    }
    Ok(if run.lease.waits_at_end {
        curve.finish(Outcome::ReachedRung(None))
    } else {
        curve.finish(Outcome::Completed)
    })
}

/// Goes on from the lease's checkpoint if it can be had, else begins anew: that costs time and gives the same bits.
fn start(
    run: &Run<'_>,
    trainer: &dyn Trainer,
    scratch: &Path,
) -> Result<Box<dyn Training>, TrainError> {
    let spec = &run.lease.spec;
    if let Some(blob) = &run.lease.resume {
        let checkpoints = &run.worker.scratch.checkpoints;
        let _held = checkpoints.using(blob.hash);
        match run.locate(blob) {
            Ok(path) => match trainer.start(spec, Some(&path), scratch, &run.attempt.stop) {
                Ok(training) => {
                    tracing::info!("goes on after epoch {}", training.epochs_done());
                    return Ok(training);
                }
                Err(error @ TrainError::Checkpoint { .. }) => {
                    tracing::warn!("{error}; begins anew");
                }
                Err(error) => return Err(error),
            },
            Err(reason) => tracing::warn!(
                "the checkpoint of epoch {} cannot be had: {reason}; begins anew",
                blob.epoch
            ),
        }
    }
    trainer.start(spec, None, scratch, &run.attempt.stop)
}

struct Curve<'a> {
    run: &'a Run<'a>,
    training: Box<dyn Training>,
    /// When the last checkpoint was written here, and when one was sent.
    local: Instant,
    remote: Instant,
}

impl Curve<'_> {
    /// Hands a report over. Returns the end when its objective cannot be used.
    fn report(&mut self, mut report: Report) -> Option<End> {
        let metric = &self.run.lease.spec.objective.metric;
        let epoch = report.epoch;
        match report.metrics.get(metric) {
            None => {
                let names = report.metrics.keys().map(|name| format!("{name:?}"));
                let message = missing(epoch, metric, &names.collect::<Vec<_>>());
                tracing::warn!("{message}");
                return Some(End::failed(message, false));
            }
            Some(value) if !value.is_finite() => {
                let reason = format!("{metric} is {value}");
                tracing::info!("diverged: {reason}");
                return Some(self.finish(Outcome::Diverged { epoch, reason }));
            }
            Some(_) => report.metrics.retain(|_, value| value.is_finite()),
        }
        let spacing = self.run.worker.config.checkpoints;
        let upload = self.remote.elapsed() >= spacing.remote;
        let due = upload || self.local.elapsed() >= spacing.local;
        let last = epoch >= self.run.lease.spec.to_epoch;
        let checkpoint = (due && !last).then(|| self.save()).flatten();
        if checkpoint.is_some() {
            self.local = stopwatch();
            if upload {
                self.remote = stopwatch();
            }
        }
        self.run.outbox.send(Item::Report {
            report,
            upload,
            checkpoint,
        });
        None
    }

    /// The state after the last epoch that is done. Without one (a full disk, a trainer that has none) the trial is
    /// trained again from an earlier state.
    fn save(&self) -> Option<Saved> {
        let temporary = self.run.worker.scratch.fresh(Purpose::State);
        match self.training.save(&temporary) {
            Ok(()) => Some(Saved {
                temporary,
                epoch: self.training.epochs_done(),
            }),
            Err(error) => {
                tracing::warn!(
                    "no checkpoint of epoch {}: {error}",
                    self.training.epochs_done()
                );
                let _ = std::fs::remove_file(&temporary);
                None
            }
        }
    }

    fn save_best(&self) -> Option<Saved> {
        let temporary = self.run.worker.scratch.fresh(Purpose::Weights);
        match self.training.save_best(&temporary) {
            Ok(true) => Some(Saved {
                temporary,
                epoch: self.training.epochs_done(),
            }),
            Ok(false) => None,
            Err(error) => {
                tracing::warn!("the weights could not be written: {error}");
                let _ = std::fs::remove_file(&temporary);
                None
            }
        }
    }

    fn interrupted(&self, directive: Directive) -> End {
        let epochs = self.training.epochs_done();
        match directive {
            Directive::Fenced => {
                tracing::info!("fenced after epoch {epochs}; dropped");
                End::Dropped
            }
            Directive::Stop | Directive::Prune => {
                tracing::info!("ended by the coordinator after epoch {epochs}");
                self.finish(Outcome::Ended)
            }
            Directive::Continue | Directive::Release => {
                let reason = self.run.release_reason();
                tracing::info!("released after epoch {epochs}: {reason}");
                End::Release {
                    // At epoch 0 there is nothing to go on from.
                    checkpoint: (epochs > 0).then(|| self.save()).flatten(),
                    reason: reason.to_owned(),
                }
            }
        }
    }

    fn finish(&self, outcome: Outcome) -> End {
        let rung = matches!(outcome, Outcome::ReachedRung(_));
        let kept = matches!(
            outcome,
            Outcome::ReachedRung(_) | Outcome::Completed | Outcome::EndedEarly
        );
        End::Finish {
            checkpoint: rung.then(|| self.save()).flatten(),
            weights: (kept && self.run.lease.keep_weights)
                .then(|| self.save_best())
                .flatten(),
            diagnosis_json: self
                .training
                .diagnosis()
                .map_or_else(String::new, |value| value.to_string()),
            result_json: String::new(),
            outcome,
        }
    }
}
