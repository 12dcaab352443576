//! The attempts under way: what slots, heartbeats and outboxes share.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU8, Ordering},
};

use crate::{
    client::{AttemptId, AttemptRef, Directive},
    logs::Lines,
    trainer::Stop,
};

/// One attempt under way, from its grant to the answer to its last call.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) reference: AttemptRef,
    pub(crate) id: AttemptId,
    pub(crate) stop: Stop,
    pub(crate) lines: Lines,
    directive: AtomicU8,
}

impl Attempt {
    pub(crate) fn new(reference: AttemptRef) -> Self {
        Self {
            id: reference.id(),
            reference,
            stop: Stop::default(),
            lines: Lines::default(),
            directive: AtomicU8::new(Directive::Continue as u8),
        }
    }

    /// Takes up what the coordinator (or the operator) wants. A more pressing wish is never replaced by a lesser one:
    /// a prune that was asked for stays one when the worker is drained.
    pub(crate) fn direct(&self, directive: Directive) {
        let before = self.directive.fetch_max(directive as u8, Ordering::AcqRel);
        if before < directive as u8 {
            tracing::debug!(trial = %self.id, ?directive, "directive");
        }
        // A stop lets the epoch under way end, so that its report is not lost; the others end it between two steps.
        match directive {
            Directive::Continue => {}
            Directive::Stop => self.stop.request_after_epoch(),
            Directive::Release | Directive::Prune => self.stop.request(),
            Directive::Fenced => self.stop.request_at_once(),
        }
    }

    /// The most pressing wish so far.
    pub(crate) fn directive(&self) -> Directive {
        match self.directive.load(Ordering::Acquire) {
            0 => Directive::Continue,
            1 => Directive::Release,
            2 => Directive::Stop,
            3 => Directive::Prune,
            _ => Directive::Fenced,
        }
    }
}

/// All attempts of this process. None goes by its name: where a sweep is removed and its name given again, two that are called alike
/// are under way at once.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Vec<Arc<Attempt>>>);

impl Attempts {
    pub(crate) fn insert(&self, attempt: Arc<Attempt>) {
        self.lock().push(attempt);
    }

    pub(crate) fn remove(&self, attempt: &Arc<Attempt>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, attempt));
    }

    pub(crate) fn all(&self) -> Vec<Arc<Attempt>> {
        self.lock().clone()
    }

    pub(crate) fn direct_all(&self, directive: Directive) {
        for attempt in self.all() {
            attempt.direct(directive);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Attempt>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
