//! What a sweep's row may say: its counters, its definition, and what its events tell.

use hone_proto::v1;

use super::{
    finding::{At, Findings, Names},
    rows::Totals,
};
use crate::{
    definition::{columns, stored, versions},
    ids::is_valid_name,
    store::{Bind as _, Db, EventRow, Stream, SweepRow, command::Millis, trials},
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
    if !totals.is_broken {
        check_counters(sweep, totals, findings);
    }
    match stored(&sweep.sweep.definition) {
        Ok(definition) => check_definition(sweep, &definition, findings),
        Err(error) => {
            let right = "an encoded hone.v1.SweepDefinition";
            let mut can = findings.against(at(sweep), "a definition can be read");
            can.wrong("definition", error, right);
        }
    }
}

fn check_counters(sweep: &SweepRow, totals: &Totals, findings: &mut Findings) {
    let mut count = findings.against(at(sweep), "counters count");
    count.same("queued", &sweep.queued, &totals.queued);
    count.same("running", &sweep.running, &totals.running);
    count.same("counts_json", &sweep.counts, &totals.counts);
    count.same("trials", &sweep.trials, &totals.trials);
    count.same("epochs_trained", &sweep.epochs_trained, &totals.epochs);
    count.same("images_trained", &sweep.images_trained, &totals.images);
    let (stored, right) = (sweep.training_seconds, totals.seconds);
    count.close("training_seconds", Some(stored), Some(right));
    // A lost attempt that was taken back has no end any more.
    if sweep.last_end < totals.last_end {
        let right = format!("{} or later", totals.last_end.value());
        let mut newest = findings.against(at(sweep), "the newest end of an attempt");
        newest.wrong("last_end_ms", sweep.last_end.value(), right);
    }
    if sweep.state.has_ended() && sweep.queued > 0 {
        let mut nothing = findings.against(at(sweep), "an ended sweep has nothing to grant");
        nothing.wrong("queued", sweep.queued, 0);
    }
}

/// The columns that repeat the definition, and the identity, which is the hash of its canonical JSON.
fn check_definition(sweep: &SweepRow, definition: &v1::SweepDefinition, findings: &mut Findings) {
    let canonical = blake3::hash(definition.canonical_json.as_bytes());
    let canonical = canonical.to_hex().to_string();
    let mut hash = findings.against(at(sweep), "the identity is the hash of the canonical JSON");
    hash.same("identity", &sweep.sweep.identity, &canonical);
    let mut repeat = findings.against(at(sweep), "a sweep is what its definition says");
    let name = sweep.id.as_str();
    let number = name
        .strip_prefix(&*definition.name)
        .and_then(|rest| rest.strip_prefix('-'));
    let numbered = number.is_some_and(|number| number.parse::<u64>().is_ok_and(|n| n > 1));
    if !is_valid_name(name) || !(name == definition.name || numbered) {
        repeat.wrong(
            "name",
            name,
            format!("{0}, or {0}-2, -3, …", definition.name),
        );
    }
    let right = match columns(definition) {
        Ok(right) => right,
        Err(error) => return repeat.wrong("definition", error, "one whose parts are there"),
    };
    let stored = &sweep.sweep;
    repeat.same("identity", &stored.identity, &right.identity);
    repeat.same("seed", &stored.seed, &right.seed);
    repeat.same("trainer", &stored.trainer, &right.trainer);
    let (found, given) = (&stored.objective, &right.objective);
    repeat.same("metric", &found.metric, &given.metric);
    repeat.same("maximize", &found.maximize, &given.maximize);
    repeat.same("at_best", &found.at_best, &given.at_best);
    repeat.same("target", &found.target, &given.target);
    repeat.same("data_source", &stored.data_source, &right.data_source);
    repeat.same("folds", &stored.folds, &right.folds);
    repeat.same("with_check", &stored.check, &right.check);
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
    findings.all_unreadable(names, events.take_problems());
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
    fn follow(&mut self, sweep: &SweepRow, event: &EventRow, findings: &mut Findings) {
        let mut join = findings.against(of_event(sweep, event), "events join");
        let from = self.state.map_or("", SweepState::as_str);
        join.same("from_state", &event.from.as_str(), &from);
        let Some(to) = SweepState::parse(&event.to) else {
            return join.wrong("to_state", &event.to, "a state of a sweep");
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
        let state = self.state.map_or("", SweepState::as_str);
        if !self.state.is_some_and(SweepState::grants) {
            let mut only = findings.against(
                of_event(sweep, told),
                "grants only while checking or running",
            );
            only.wrong("event", "granted", format!("none: the sweep is `{state}`"));
        }
        if self.state != Some(SweepState::Checking) {
            return;
        }
        let number = told.trial.unwrap_or(crate::ids::TrialNumber(0));
        let trial = trials::select(db, (sweep.key, number));
        let kind = trial.ok().flatten().map(|trial| trial.kind);
        if kind.is_some_and(|kind| kind != TrialKind::Check) {
            let mut only = findings.against(
                of_event(sweep, told),
                "only the check runs before it has passed",
            );
            only.wrong("event", "granted", "none yet");
        }
    }

    fn compare(self, sweep: &SweepRow, findings: &mut Findings) {
        let mut tell = findings.against(at(sweep), "events tell the sweep");
        let state = match self.stopping {
            true => SweepState::Stopping.as_str(),
            false => self.state.map_or("", SweepState::as_str),
        };
        tell.same("state", &sweep.state.as_str(), &state);
        tell.same("created_ms", &Some(sweep.created), &self.created);
        tell.same("ended_ms", &sweep.ended, &self.ended);
        tell.same("first_grant_ms", &sweep.first_grant, &self.first_grant);
        tell.same("reason", &sweep.reason, &self.reason);
    }
}
