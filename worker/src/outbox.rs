//! What a slot has to say about an attempt. It hands items over and trains the next epoch; see `delivery`.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::mpsc;

use crate::{
    attempt::Attempt, client::Outcome, delivery::Delivery, trainer::Report, worker::Worker,
};

/// A file that a training has written and that is not yet durable.
#[derive(Debug)]
pub(crate) struct Saved {
    pub(crate) temporary: PathBuf,
    pub(crate) epoch: u32,
}

/// What a slot hands over.
#[derive(Debug)]
pub(crate) enum Item {
    Report {
        report: Report,
        checkpoint: Option<Saved>,
        /// The checkpoint goes to the coordinator too.
        upload: bool,
    },
    End(End),
}

/// The last item of an attempt.
#[derive(Debug)]
pub(crate) enum End {
    Finish {
        outcome: Outcome,
        /// With [`Outcome::ReachedRung`]: its state.
        checkpoint: Option<Saved>,
        weights: Option<Saved>,
        diagnosis_json: String,
        result_json: String,
    },
    Release {
        checkpoint: Option<Saved>,
        reason: String,
    },
    /// Nobody wants to hear of this attempt any more.
    Dropped,
}

impl End {
    pub(crate) fn finish(outcome: Outcome) -> Self {
        Self::Finish {
            outcome,
            checkpoint: None,
            weights: None,
            diagnosis_json: String::new(),
            result_json: String::new(),
        }
    }

    /// How an attempt ended, for its log; the reason stands in a line before.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Finish { outcome, .. } => match outcome {
                Outcome::Completed => "completed",
                Outcome::ReachedRung(_) => "at its rung",
                Outcome::EndedEarly => "ended by its own patience",
                Outcome::Diverged { .. } => "diverged",
                Outcome::Ended => "ended as asked",
                Outcome::Failed { .. } => "failed",
            },
            Self::Release { .. } => "given back",
            Self::Dropped => "dropped",
        }
    }

    pub(crate) fn failed(message: impl Into<String>, crashed: bool) -> Self {
        Self::finish(Outcome::Failed {
            message: message.into(),
            crashed,
        })
    }
}

/// The slot's side.
#[derive(Debug)]
pub(crate) struct Outbox(mpsc::UnboundedSender<Item>);

impl Outbox {
    /// Starts the delivery of one attempt.
    pub(crate) fn open(worker: &Arc<Worker>, attempt: &Arc<Attempt>) -> Self {
        let (sender, items) = mpsc::unbounded_channel();
        let delivery = Delivery::new(worker, attempt);
        worker
            .outboxes
            .spawn_on(delivery.run(items), &worker.runtime);
        Self(sender)
    }

    /// Hands an item over; never waits. An item for an attempt that was fenced is dropped.
    pub(crate) fn send(&self, item: Item) {
        let _ = self.0.send(item);
    }
}
