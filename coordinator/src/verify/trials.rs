//! What the events of a trial say of it: they are replayed by the same state machine that made them.

use super::{finding::Findings, rows::Whole};
use crate::{
    store::{EventRow, command::Millis},
    trial::{
        AttemptState, CRASH_LIMIT, EndCause, Next, StopRequest, TrialEvent, TrialKind, TrialState,
        next,
    },
};

/// What the events of a trial amount to.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub state: Option<TrialState>,
    pub asked: Option<StopRequest>,
    pub cause: Option<EndCause>,
    /// Attempts 1, 2, …
    pub leases: Vec<Lease>,
}

/// An attempt as the events tell it.
#[derive(Debug)]
pub(super) struct Lease {
    pub attempt: u32,
    pub state: AttemptState,
    pub worker: String,
    pub started: Millis,
    pub ended: Option<Millis>,
    pub reason: String,
    pub from_epoch: u32,
    pub to_epoch: u32,
}

/// Replays a trial's events against its row.
pub(super) fn check(whole: &Whole<'_>, findings: &mut Findings) {
    let Some(events) = &whole.events else { return };
    let story = story(whole, events, findings);
    let trial = &whole.trial;
    let mut tell = findings.against(whole.at(), "events tell the trial");
    tell.same("state", &Some(trial.state), &story.state);
    tell.same("asked", &trial.asked, &story.asked);
    let cause = match (trial.cause, story.cause) {
        // Whether its sweep was ended, too, is another rule.
        (stopped @ Some(EndCause::Stopped), Some(EndCause::Cancelled)) => stopped,
        (_, cause) => cause,
    };
    tell.same("cause", &trial.cause, &cause);
    let granted = story.leases.len() as u32;
    tell.same("attempts", &trial.attempts, &granted);
    let started = story.leases.first().map(|lease| lease.started);
    tell.same("started_ms", &trial.started, &started);
    let worker = story.leases.last().map(|lease| lease.worker.clone());
    tell.same("worker", &trial.worker, &worker.unwrap_or_default());
    if let Some(last) = events.last() {
        check_last(whole, last, findings);
    }
    super::attempts::check_leases(whole, &story.leases, findings);
}

/// The newest event repeats what its trial was then; a trial that waits or has ended is still so.
fn check_last(whole: &Whole<'_>, last: &EventRow, findings: &mut Findings) {
    let trial = &whole.trial;
    let mut tells = findings.against(whole.at(), "the newest event tells the trial");
    tells.same("to_epoch", &Some(trial.to_epoch), &last.to_epoch);
    let ended = trial.state.is_terminal();
    if ended || trial.state == TrialState::Waiting {
        tells.same("epoch", &Some(trial.epoch), &last.epoch);
        tells.same("objective", &trial.objective, &last.objective);
    }
    if ended && !trial.reason.ends_with(&last.reason) {
        tells.wrong("reason", &trial.reason, &last.reason);
    }
    if !ended && !trial.reason.is_empty() {
        tells.wrong("reason", &trial.reason, "empty: it has not ended");
    }
    let completes = last.event == "completed" && trial.kind == TrialKind::Search;
    if completes && trial.epoch != trial.to_epoch {
        let right = format!("to_epoch, {}", trial.to_epoch);
        let mut ends = findings.against(whole.at(), "a completed trial is trained to its end");
        ends.wrong("epoch", trial.epoch, right);
    }
    let Some(reports) = &whole.reports else {
        return;
    };
    let reported = reports.last().map(|report| report.at);
    if trial.changed != last.at && Some(trial.changed) != reported {
        let right = match reported {
            Some(reported) => format!("{} or {reported}", last.at),
            None => last.at.to_string(),
        };
        let newest = "a trial changes with its events and reports";
        let mut newest = findings.against(whole.at(), newest);
        newest.wrong("changed_ms", trial.changed, right);
    }
}

/// Follows the events, one after the other.
fn story(whole: &Whole<'_>, events: &[EventRow], findings: &mut Findings) -> Story {
    let mut story = Story::default();
    for event in events {
        let mut join = findings.against(whole.at_event(event), "events join");
        let from = story.state.map_or("", TrialState::as_str);
        join.same("from_state", &event.from.as_str(), &from);
        let to = TrialState::parse(&event.to);
        let mut follow = findings.against(whole.at_event(event), "events follow the states");
        if let Some(nexts) = nexts(&story, &event.event) {
            let fits = nexts.iter().find(|next| leads_to(next, story.state) == to);
            let next = fits.or(nexts.first());
            if fits.is_none() {
                let right = next.and_then(|next| leads_to(next, story.state));
                let right = right.map_or("", TrialState::as_str);
                follow.same("to_state", &event.to.as_str(), &right);
            }
            story.take(event, next);
        } else {
            let right = format!("an event of a trial that is `{from}`");
            follow.wrong("event", format!("`{}`", event.event), right);
        }
        story.state = to;
    }
    story
}

/// Where an event may lead; `None`: the trial cannot take it. Whether a crash was one too many is told by the attempts.
fn nexts(story: &Story, word: &str) -> Option<Vec<Next>> {
    let Some(state) = story.state else {
        return (word == "queued").then(|| {
            vec![Next::Goes {
                trial: TrialState::Queued,
                attempt: None,
                cause: None,
            }]
        });
    };
    let found: Vec<Next> = TRIAL_EVENTS
        .iter()
        .filter(|event| event.as_str() == word)
        .filter_map(|event| next(state, *event, story.asked).ok())
        .collect();
    (!found.is_empty()).then_some(found)
}

const TRIAL_EVENTS: [TrialEvent; 16] = [
    TrialEvent::Granted,
    TrialEvent::Completed,
    TrialEvent::ReachedRung,
    TrialEvent::EndedEarly,
    TrialEvent::Diverged,
    TrialEvent::Ended,
    TrialEvent::Failed,
    TrialEvent::Crashed { in_a_row: 0 },
    TrialEvent::Crashed {
        in_a_row: CRASH_LIMIT,
    },
    TrialEvent::Lost { in_a_row: 0 },
    TrialEvent::Lost {
        in_a_row: CRASH_LIMIT,
    },
    TrialEvent::Released,
    TrialEvent::TakenBack,
    TrialEvent::Promoted,
    TrialEvent::Pruned,
    TrialEvent::Cancelled,
];

fn leads_to(next: &Next, from: Option<TrialState>) -> Option<TrialState> {
    match next {
        Next::Goes { trial, .. } => Some(*trial),
        Next::Asks(_) => from,
    }
}

impl Story {
    fn take(&mut self, event: &EventRow, next: Option<&Next>) {
        match next {
            Some(Next::Asks(request)) => self.asked = Some(*request),
            Some(Next::Goes { attempt, cause, .. }) => {
                (self.asked, self.cause) = (None, *cause);
                if let Some(state) = attempt {
                    self.lease(event, *state);
                }
            }
            None => self.asked = None,
        }
    }

    fn lease(&mut self, event: &EventRow, state: AttemptState) {
        if event.event == "granted" {
            self.leases.push(Lease {
                attempt: event.attempt.map_or(0, |attempt| attempt.0),
                state,
                worker: worker(&event.actor),
                started: event.at,
                ended: None,
                reason: String::new(),
                from_epoch: event.epoch.unwrap_or(0),
                to_epoch: event.to_epoch.unwrap_or(0),
            });
        } else if let Some(lease) = self.leases.last_mut() {
            let end = (state != AttemptState::Running).then_some(event);
            lease.state = state;
            lease.ended = end.map(|end| end.at);
            lease.reason = end.map(|end| end.reason.clone()).unwrap_or_default();
        }
    }
}

fn worker(actor: &str) -> String {
    actor.strip_prefix("worker ").unwrap_or(actor).to_owned()
}
