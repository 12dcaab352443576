//! Delivers what an attempt has to say, in order, while its training goes on.
//!
//! fsync, hashing, uploads and waiting for the coordinator's commits happen here. While the coordinator is away, calls
//! wait in memory and in the attempt's spool.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;
use tonic::Status;

use crate::{
    attempt::Attempt,
    backoff::Backoff,
    client::{self, Blob, BlobKind, Call, Directive, Outcome, Unsaid},
    outbox::{End, Item, Saved},
    scratch::Purpose,
    slot::stopwatch,
    spool::Spool,
    transfer,
    worker::Worker,
};

/// Lines of log go out with the end of an attempt, and no more often than this before it.
const LOG_SPACING: Duration = Duration::from_secs(5);

/// Epochs that take less than this are reported together, those of at most [`GATHERING`] in one call: each call is a
/// durable commit of the coordinator.
const SHORT_SECONDS: f64 = 0.1;
const GATHERING: Duration = Duration::from_millis(200);

/// The calls of one attempt that are still to be made.
pub(crate) struct Delivery {
    worker: Arc<Worker>,
    attempt: Arc<Attempt>,
    pending: VecDeque<Call>,
    /// How many of `pending`, from the front, are in the spool.
    spooled: usize,
    spool: Spool,
    /// This attempt's files, oldest first.
    kept: Vec<Blob>,
    logged: Instant,
    away: bool,
}

impl Delivery {
    pub(crate) fn new(worker: &Arc<Worker>, attempt: &Arc<Attempt>) -> Self {
        Self {
            spool: Spool::new(&worker.scratch.fresh(Purpose::Calls), &worker.serves()),
            worker: Arc::clone(worker),
            attempt: Arc::clone(attempt),
            pending: VecDeque::new(),
            spooled: 0,
            kept: Vec::new(),
            logged: stopwatch(),
            away: false,
        }
    }

    /// Takes items until the attempt's last call is answered, or nobody wants it any more.
    pub(crate) async fn run(mut self, mut items: mpsc::UnboundedReceiver<Item>) {
        self.deliver(&mut items).await;
        for blob in &self.kept {
            self.worker.scratch.checkpoints.release(&blob.hash);
        }
        self.worker.attempts.remove(&self.attempt);
    }

    async fn deliver(&mut self, items: &mut mpsc::UnboundedReceiver<Item>) {
        let mut backoff = Backoff::new();
        loop {
            if self.pending.is_empty() {
                match items.recv().await {
                    Some(item) => self.take(item).await,
                    None => return,
                }
            }
            self.gather(items).await;
            let Some(call) = self.pending.front() else {
                continue;
            };
            match self.make(call).await {
                Ok(directive) => {
                    backoff = Backoff::new();
                    if self.made(directive) {
                        return;
                    }
                }
                Err(status) => match backoff.after(&status, self.worker.client.beats()) {
                    Some(wait) => {
                        self.wait_for_coordinator(&status, wait, items).await;
                        if self.worker.shutdown.is_now() {
                            return;
                        }
                    }
                    None => {
                        backoff = Backoff::new();
                        if self.refused(&status).await {
                            return;
                        }
                    }
                },
            }
        }
    }

    /// Waits for more of what goes in the same call, unless that was tried before.
    async fn gather(&mut self, items: &mut mpsc::UnboundedReceiver<Item>) {
        let enough = tokio::time::sleep(GATHERING);
        tokio::pin!(enough);
        while !self.away
            && self.pending.len() == 1
            && self.pending[0].reports_shorter(SHORT_SECONDS)
        {
            tokio::select! {
                () = &mut enough => return,
                item = items.recv() => match item {
                    Some(item) => self.take(item).await,
                    None => return,
                },
            }
        }
    }

    async fn make(&self, call: &Call) -> Result<Directive, Status> {
        if let Some(blob) = call.blob() {
            let path = self.worker.scratch.checkpoints.path(&blob.hash);
            let (client, attempt) = (&self.worker.client, &self.attempt.reference);
            transfer::put(client, attempt, &blob, &path).await?;
        }
        self.worker.client.call(call).await
    }

    /// The front call has been answered. Returns whether that was all.
    fn made(&mut self, directive: Directive) -> bool {
        self.attempt.direct(directive);
        if self.away {
            self.away = false;
            tracing::info!(trial = %self.attempt.id, calls = self.pending.len(), "handing over what was kept");
        }
        let Some(call) = self.pending.pop_front() else {
            return false;
        };
        self.spooled = self.spooled.saturating_sub(1);
        if self.pending.is_empty() {
            self.spool.clear();
        }
        if call.supersedes() {
            self.drop_files(1);
        }
        if call.is_end() {
            if !call.goes_on() {
                self.drop_files(0);
            }
            return true;
        }
        directive == Directive::Fenced
    }

    /// The front call was refused for good. Returns whether the attempt is over.
    async fn refused(&mut self, status: &Status) -> bool {
        let Some(call) = self.pending.pop_front() else {
            return false;
        };
        self.spooled = self.spooled.saturating_sub(1);
        if !call.is_needed() {
            self.leave_out(&call, status);
            return false;
        }
        let (what, why) = (call.word(), client::explain(status));
        tracing::warn!(trial = %self.attempt.id, "given up: the coordinator does not take the {what}: {why}");
        self.attempt.direct(Directive::Fenced);
        self.pending.clear();
        self.spool.clear();
        self.drop_files(0);
        if client::is_about_content(status) {
            self.say_why(format!("the coordinator does not take its {what}: {why}"))
                .await;
        }
        true
    }

    /// A checkpoint costs time, never truth, and weights cost a test: what comes later goes without them. If the attempt is
    /// fenced, that is refused.
    fn leave_out(&mut self, call: &Call, status: &Status) {
        let what = match call.blob() {
            Some(blob) => format!("the {} of epoch {}", call.word(), blob.epoch),
            None => format!("the {}", call.word()),
        };
        let words = format!("{what} is left out: {}", client::explain(status));
        tracing::warn!(trial = %self.attempt.id, "{words}");
        for later in &mut self.pending {
            later.do_without(call);
        }
        if call.blob().is_none() {
            return;
        }
        self.attempt.lines.warn(&words);
        // An end that waits has taken the lines before this one with it.
        if let Some(mut end) = self.pending.pop_back_if(|last| last.is_end()) {
            if let Some((first, lines)) = self.attempt.lines.take() {
                let log = Call::log(&self.attempt.reference, first, lines);
                self.pending.extend(end.absorb(log));
            }
            self.pending.push_back(end);
        }
    }

    /// The attempt's last words: its trial is not to wait for its expiry, and to say why.
    async fn say_why(&mut self, message: String) {
        let outcome = Outcome::Failed {
            message,
            crashed: true,
        };
        let unsaid = Unsaid::new(None, self.attempt.lines.take());
        let reference = &self.attempt.reference;
        let last = Call::finish(
            reference,
            outcome,
            None,
            String::new(),
            String::new(),
            unsaid,
        );
        let client = &self.worker.client;
        let mut backoff = Backoff::new();
        while let Err(status) = client.call(&last).await {
            let Some(wait) = backoff.after(&status, client.beats()) else {
                return;
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.worker.shutdown.now_token().cancelled() => return,
            }
        }
    }

    /// Spools, and takes what the slot hands over meanwhile.
    async fn wait_for_coordinator(
        &mut self,
        status: &Status,
        wait: Duration,
        items: &mut mpsc::UnboundedReceiver<Item>,
    ) {
        if !self.away {
            self.away = true;
            tracing::warn!(
                trial = %self.attempt.id,
                "the coordinator does not take a call ({}); training goes on",
                client::explain(status)
            );
        }
        self.write_spool();
        let now = self.worker.shutdown.now_token().clone();
        let pause = tokio::time::sleep(wait);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return,
                () = now.cancelled() => return,
                Some(item) = items.recv() => {
                    self.take(item).await;
                    self.write_spool();
                }
            }
        }
    }

    fn write_spool(&mut self) {
        match self.spool.append(self.pending.iter().skip(self.spooled)) {
            Ok(()) => self.spooled = self.pending.len(),
            Err(error) => {
                tracing::warn!(trial = %self.attempt.id, "spool: {error}; reports are kept in memory alone");
            }
        }
    }

    /// Makes calls of an item: its files become durable first.
    async fn take(&mut self, item: Item) {
        let reference = self.attempt.reference.clone();
        match item {
            Item::Report {
                report,
                checkpoint,
                upload,
            } => {
                let blob = self.keep(checkpoint, BlobKind::Checkpoint).await;
                self.say(Call::report(&reference, &report, blob));
                if let Some(blob) = blob.filter(|_| upload) {
                    self.pending.push_back(Call::put(&reference, &blob));
                }
                self.take_lines(false);
            }
            Item::End(end) => self.take_end(end).await,
        }
    }

    /// Adds a call, or joins it to the last one.
    fn say(&mut self, call: Call) {
        let in_memory = self.pending.len() > self.spooled;
        let left = match self.pending.back_mut().filter(|_| in_memory) {
            Some(last) => last.absorb(call),
            None => Some(call),
        };
        self.pending.extend(left);
    }

    async fn take_end(&mut self, end: End) {
        let reference = self.attempt.reference.clone();
        match end {
            End::Finish {
                mut outcome,
                checkpoint,
                weights,
                diagnosis_json,
                result_json,
            } => {
                let unsaid = self.unsaid(checkpoint.is_some());
                let state = self.keep_and_put(checkpoint, BlobKind::Checkpoint).await;
                if let Outcome::ReachedRung(checkpoint) = &mut outcome {
                    *checkpoint = state;
                }
                let weights = self.keep_and_put(weights, BlobKind::Weights).await;
                self.pending.push_back(Call::finish(
                    &reference,
                    outcome,
                    weights,
                    diagnosis_json,
                    result_json,
                    unsaid,
                ));
            }
            End::Release { checkpoint, reason } => {
                self.take_lines(true);
                let state = self.keep_and_put(checkpoint, BlobKind::Checkpoint).await;
                self.pending
                    .push_back(Call::release(&reference, state, reason));
            }
            End::Dropped => {
                self.pending.clear();
                self.spool.clear();
                self.drop_files(0);
            }
        }
    }

    async fn keep_and_put(&mut self, saved: Option<Saved>, kind: BlobKind) -> Option<Blob> {
        let blob = self.keep(saved, kind).await?;
        self.pending
            .push_back(Call::put(&self.attempt.reference, &blob));
        Some(blob)
    }

    async fn keep(&mut self, saved: Option<Saved>, kind: BlobKind) -> Option<Blob> {
        let Saved { temporary, epoch } = saved?;
        let checkpoints = Arc::clone(&self.worker.scratch.checkpoints);
        let kept =
            tokio::task::spawn_blocking(move || checkpoints.keep(&temporary, kind, epoch)).await;
        match kept {
            Ok(Ok(blob)) => {
                self.kept.push(blob);
                Some(blob)
            }
            Ok(Err(error)) => {
                tracing::warn!(trial = %self.attempt.id, "a checkpoint could not be kept: {error}");
                None
            }
            Err(_) => None,
        }
    }

    fn take_lines(&mut self, last: bool) {
        if !last && self.logged.elapsed() < LOG_SPACING {
            return;
        }
        if let Some((first, lines)) = self.attempt.lines.take() {
            self.logged = stopwatch();
            self.pending
                .push_back(Call::log(&self.attempt.reference, first, lines));
        }
    }

    /// Takes what can go with the finish: the last lines, and the last report if it is not in the spool. A state that is
    /// sent before the finish must not be ahead of the reports: they go first then.
    fn unsaid(&mut self, state_goes_first: bool) -> Unsaid {
        let in_memory = self.pending.len() > self.spooled;
        let report = self
            .pending
            .pop_back_if(|last| in_memory && !state_goes_first && last.is_small_report());
        Unsaid::new(report, self.attempt.lines.take())
    }

    /// Removes this attempt's files but for the newest `but`.
    fn drop_files(&mut self, but: usize) {
        let checkpoints = &self.worker.scratch.checkpoints;
        let old = self.kept.len().saturating_sub(but);
        for blob in self.kept.drain(..old) {
            checkpoints.release(&blob.hash);
            checkpoints.remove(&blob.hash);
        }
    }
}
