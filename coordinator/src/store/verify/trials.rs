//! What the events of a trial say of it: they are replayed by the same state machine that made them.

use super::{
    finding::{At, Findings},
    rows::Whole,
};
use crate::{
    store::{EventRow, command::Millis},
    trial::{
        AttemptState, CRASH_LIMIT, Next, StopRequest, TrialEvent, TrialKind, TrialState, next,
    },
};

/// What the events of a trial amount to.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub state: Option<TrialState>,
    pub asked: Option<StopRequest>,
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
    let at = At {
        of: &whole.name,
        table: "trials",
        key: whole.key.clone(),
    };
    const TELL: &str = "events tell the trial";
    let state = story.state.map(TrialState::as_str);
    findings.same(&at, "state", TELL, &Some(trial.state.as_str()), &state);
    let asked = |asked: Option<StopRequest>| asked.map(StopRequest::as_str);
    findings.same(&at, "asked", TELL, &asked(trial.asked), &asked(story.asked));
    let granted = story.leases.len() as u32;
    findings.same(&at, "attempts", TELL, &trial.attempts, &granted);
    let worker = story.leases.last().map(|lease| lease.worker.clone());
    let worker = worker.unwrap_or_default();
    findings.same(&at, "worker", TELL, &trial.worker, &worker);
    if let Some(last) = events.last() {
        check_last(whole, &at, last, findings);
    }
    super::attempts::check_leases(whole, &story.leases, findings);
}

/// The newest event repeats what its trial was then; a trial that waits or has ended is still so.
fn check_last(whole: &Whole<'_>, at: &At<'_>, last: &EventRow, findings: &mut Findings) {
    const TELL: &str = "the newest event tells the trial";
    let trial = &whole.trial;
    findings.same(at, "to_epoch", TELL, &Some(trial.to_epoch), &last.to_epoch);
    let rests = trial.state.is_terminal() || trial.state == TrialState::Waiting;
    if rests {
        findings.same(at, "epoch", TELL, &Some(trial.epoch), &last.epoch);
        findings.same(at, "objective", TELL, &trial.objective, &last.objective);
    }
    let reason_fits = if trial.state.is_terminal() {
        trial.reason.ends_with(&last.reason)
    } else {
        trial.reason.is_empty()
    };
    if !reason_fits {
        let right = match trial.state.is_terminal() {
            true => last.reason.clone(),
            false => "empty: it has not ended".to_owned(),
        };
        findings.wrong(at, "reason", TELL, trial.reason.clone(), right);
    }
    let completes = last.event == "completed" && trial.kind == TrialKind::Search;
    if completes && trial.epoch != trial.to_epoch {
        let right = format!("to_epoch, {}", trial.to_epoch);
        let whole = "a completed trial is trained to its end";
        findings.wrong(at, "epoch", whole, trial.epoch.to_string(), right);
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
        findings.wrong(at, "changed_ms", newest, trial.changed.to_string(), right);
    }
}

/// Follows the events, one after the other.
fn story(whole: &Whole<'_>, events: &[EventRow], findings: &mut Findings) -> Story {
    let mut story = Story::default();
    for told in events {
        let event = told;
        let sweep = whole.key.split(',').next().unwrap_or_default();
        let at = At {
            of: &whole.name,
            table: "events",
            key: format!("{sweep}, {}", event.seq),
        };
        let from = story.state.map_or("", TrialState::as_str);
        let stored = event.from.as_str();
        findings.same(&at, "from_state", "events join", &stored, &from);
        let to = TrialState::parse(&event.to);
        let Some(nexts) = nexts(&story, &event.event) else {
            let right = format!("an event of a trial that is `{from}`");
            let stored = format!("`{}`", event.event);
            findings.wrong(&at, "event", "events follow the states", stored, right);
            story.state = to;
            continue;
        };
        let fits = nexts.iter().find(|next| leads_to(next, story.state) == to);
        if fits.is_none() {
            let right = nexts
                .first()
                .and_then(|next| leads_to(next, story.state))
                .map_or("", TrialState::as_str);
            let stored = event.to.as_str();
            findings.same(&at, "to_state", "events follow the states", &stored, &right);
        }
        story.take(told, fits.or(nexts.first()));
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
    fn take(&mut self, told: &EventRow, next: Option<&Next>) {
        match next {
            Some(Next::Asks(request)) => self.asked = Some(*request),
            Some(Next::Goes { attempt, .. }) => {
                self.asked = None;
                if let Some(state) = attempt {
                    self.lease(told, *state);
                }
            }
            None => self.asked = None,
        }
    }

    fn lease(&mut self, told: &EventRow, state: AttemptState) {
        let event = told;
        if event.event == "granted" {
            self.leases.push(Lease {
                attempt: event.attempt.map_or(0, |attempt| attempt.0),
                state,
                worker: worker(&event.actor),
                started: event.at,
                ended: None,
                reason: String::new(),
                from_epoch: told.epoch.unwrap_or(0),
                to_epoch: told.to_epoch.unwrap_or(0),
            });
        } else if let Some(lease) = self.leases.last_mut() {
            let ended = state != AttemptState::Running;
            lease.state = state;
            lease.ended = ended.then_some(event.at);
            lease.reason = if ended {
                event.reason.clone()
            } else {
                String::new()
            };
        }
    }
}

fn worker(actor: &str) -> String {
    actor.strip_prefix("worker ").unwrap_or(actor).to_owned()
}
