//! What a sweep's row may say: its counters, its definition, and what its events tell.

use hone_proto::v1;

use super::{
    finding::{At, Findings, Names, Shown as _},
    rows::Totals,
};
use crate::{
    definition::{columns, stored, versions},
    ids::is_valid_name,
    store::{Db, EventRow, SweepRow, command::Millis, stream::Stream, trials},
    sweep::SweepState,
    trial::TrialKind,
};

fn at(sweep: &SweepRow) -> At<'_> {
    At {
        of: sweep.id.as_str(),
        table: "sweeps",
        key: sweep.key.0.to_string(),
    }
}

/// Whether this build's search decides as the one that this sweep was begun with; another one may have summed up otherwise.
pub(super) fn is_ours(sweep: &SweepRow) -> bool {
    // One that cannot be read says nothing else.
    stored(&sweep.sweep.definition).map_or(true, |definition| versions(&definition).same_search())
}

/// Compares the row with what its trials add up to and with its definition.
pub(super) fn check(sweep: &SweepRow, totals: &Totals, findings: &mut Findings) {
    if totals.whole {
        check_counters(sweep, totals, findings);
    }
    match stored(&sweep.sweep.definition) {
        Ok(definition) => check_definition(sweep, &definition, findings),
        Err(error) => {
            let can = "a definition can be read";
            let right = "an encoded hone.v1.SweepDefinition";
            findings.wrong(&at(sweep), "definition", can, error.to_string(), right);
        }
    }
}

fn check_counters(sweep: &SweepRow, totals: &Totals, findings: &mut Findings) {
    const COUNT: &str = "counters count";
    let at = at(sweep);
    findings.same(&at, "queued", COUNT, &sweep.queued, &totals.queued);
    findings.same(&at, "running", COUNT, &sweep.running, &totals.running);
    let counts = |counts: [u64; 8]| format!("{counts:?}");
    let (stored, right) = (counts(sweep.counts), counts(totals.counts));
    findings.same(&at, "counts_json", COUNT, &stored, &right);
    findings.same(&at, "trials", COUNT, &sweep.trials, &totals.trials);
    let (stored, right) = (&sweep.epochs_trained, &totals.epochs);
    findings.same(&at, "epochs_trained", COUNT, stored, right);
    let (stored, right) = (&sweep.images_trained, &totals.images);
    findings.same(&at, "images_trained", COUNT, stored, right);
    let (stored, right) = (Some(sweep.training_seconds), Some(totals.seconds));
    findings.close(&at, "training_seconds", COUNT, stored, right);
    // A lost attempt that was taken back has no end any more.
    if sweep.last_end < totals.last_end {
        let right = format!("{} or later", totals.last_end.shown());
        let newest = "the newest end of an attempt";
        findings.wrong(&at, "last_end_ms", newest, sweep.last_end.shown(), right);
    }
    if sweep.state.has_ended() && sweep.queued > 0 {
        let nothing = "an ended sweep has nothing to grant";
        findings.wrong(&at, "queued", nothing, sweep.queued.to_string(), "0");
    }
}

/// The columns that repeat the definition, and the identity, which is the hash of its canonical JSON.
fn check_definition(sweep: &SweepRow, definition: &v1::SweepDefinition, findings: &mut Findings) {
    const REPEAT: &str = "a sweep is what its definition says";
    let at = at(sweep);
    let name = sweep.id.as_str();
    let number = name
        .strip_prefix(&*definition.name)
        .and_then(|rest| rest.strip_prefix('-'));
    let numbered = number.is_some_and(|number| number.parse::<u64>().is_ok_and(|n| n > 1));
    if !is_valid_name(name) || !(name == definition.name || numbered) {
        let right = format!("{0}, or {0}-2, -3, …", definition.name);
        findings.wrong(&at, "name", REPEAT, name, right);
    }
    let canonical = blake3::hash(definition.canonical_json.as_bytes());
    let canonical = canonical.to_hex().to_string();
    let hash = "the identity is the hash of the canonical JSON";
    findings.same(&at, "identity", hash, &sweep.sweep.identity, &canonical);
    let right = match columns(definition) {
        Ok(right) => right,
        Err(error) => {
            let right = "one whose parts are there";
            return findings.wrong(&at, "definition", REPEAT, error.to_string(), right);
        }
    };
    let stored = &sweep.sweep;
    findings.same(&at, "identity", REPEAT, &stored.identity, &right.identity);
    findings.same(&at, "seed", REPEAT, &stored.seed.0, &right.seed.0);
    findings.same(&at, "trainer", REPEAT, &stored.trainer, &right.trainer);
    let (found, given) = (&stored.objective, &right.objective);
    findings.same(&at, "metric", REPEAT, &found.metric, &given.metric);
    findings.same(&at, "maximize", REPEAT, &found.maximize, &given.maximize);
    findings.same(&at, "at_best", REPEAT, &found.at_best, &given.at_best);
    findings.same(&at, "target", REPEAT, &found.target, &given.target);
    let (found, given) = (&stored.data_source, &right.data_source);
    findings.same(&at, "data_source", REPEAT, found, given);
    findings.same(&at, "folds", REPEAT, &stored.folds, &right.folds);
    findings.same(&at, "with_check", REPEAT, &stored.check, &right.check);
}

/// What a sweep's events amount to.
#[derive(Default)]
struct Course {
    state: Option<SweepState>,
    /// A stop waits for running trials. Earlier builds had no state for that, and their events do not tell one.
    stopping: bool,
    created: Option<Millis>,
    ended: Option<Millis>,
    reason: String,
    first_grant: Option<Millis>,
}

/// Follows the events of a sweep, and compares the row with where they end.
pub(super) fn check_events(
    db: &Db,
    sweep: &SweepRow,
    events: &mut Stream<'_, EventRow>,
    names: &Names,
    findings: &mut Findings,
) {
    let mut course = Course::default();
    let mut whole = true;
    while let Some((_, row)) = events.next_of(&[sweep.key.0]) {
        match row {
            Ok(told) if told.trial.is_none() => course.follow(sweep, &told, findings),
            Ok(told) if told.event == "granted" => {
                course.granted(db, sweep, &told, findings);
            }
            Ok(_) => {}
            Err(error) => {
                findings.unreadable(names, error);
                whole = false;
            }
        }
    }
    for problem in events.take_problems() {
        findings.unreadable(names, problem);
    }
    if whole && !events.is_broken() {
        course.compare(sweep, findings);
    }
}

fn of_event<'a>(sweep: &'a SweepRow, told: &EventRow) -> At<'a> {
    At {
        of: sweep.id.as_str(),
        table: "events",
        key: format!("{}, {}", sweep.key.0, told.seq),
    }
}

impl Course {
    fn follow(&mut self, sweep: &SweepRow, told: &EventRow, findings: &mut Findings) {
        let (event, at) = (told, of_event(sweep, told));
        let from = self.state.map_or("", SweepState::as_str);
        let stored = event.from.as_str();
        findings.same(&at, "from_state", "events join", &stored, &from);
        let Some(to) = SweepState::parse(&event.to) else {
            let right = "a state of a sweep";
            return findings.wrong(&at, "to_state", "events join", event.to.clone(), right);
        };
        self.created = self.created.or(Some(event.at));
        self.stopping = !to.has_ended() && (self.stopping || event.event == "stop");
        let had_ended = self.state.is_some_and(SweepState::has_ended);
        if self.state != Some(to) {
            self.ended = to.has_ended().then_some(event.at);
        }
        // One that is to stop keeps its reason, whatever comes before its end.
        if to.has_ended() || event.event == "stop" {
            self.reason.clone_from(&event.reason);
        } else if had_ended {
            self.reason.clear();
        }
        self.state = Some(to);
    }

    /// Nothing is granted unless the sweep is checking or running, and before the check has passed only the check.
    fn granted(&mut self, db: &Db, sweep: &SweepRow, told: &EventRow, findings: &mut Findings) {
        self.first_grant = self.first_grant.or(Some(told.at));
        let at = of_event(sweep, told);
        let state = self.state.map_or("", SweepState::as_str);
        if !self.state.is_some_and(SweepState::grants) {
            let only = "grants only while checking or running";
            let right = format!("none: the sweep is `{state}`");
            findings.wrong(&at, "event", only, "granted", right);
        }
        if self.state != Some(SweepState::Checking) {
            return;
        }
        let number = told.trial.unwrap_or(crate::ids::TrialNumber(0));
        let trial = trials::select(db, (sweep.key, number));
        let kind = trial.ok().flatten().map(|trial| trial.kind);
        if kind.is_some_and(|kind| kind != TrialKind::Check) {
            let only = "only the check runs before it has passed";
            findings.wrong(&at, "event", only, "granted", "none yet");
        }
    }

    fn compare(self, sweep: &SweepRow, findings: &mut Findings) {
        const TELL: &str = "events tell the sweep";
        let at = at(sweep);
        let state = match self.stopping {
            true => SweepState::Stopping.as_str(),
            false => self.state.map_or("", SweepState::as_str),
        };
        findings.same(&at, "state", TELL, &sweep.state.as_str(), &state);
        let created = Some(sweep.created);
        findings.same(&at, "created_ms", TELL, &created, &self.created);
        findings.same(&at, "ended_ms", TELL, &sweep.ended, &self.ended);
        let (stored, right) = (&sweep.first_grant, &self.first_grant);
        findings.same(&at, "first_grant_ms", TELL, stored, right);
        findings.same(&at, "reason", TELL, &sweep.reason, &self.reason);
    }
}
