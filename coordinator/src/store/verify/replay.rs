//! Whether the search, told the stored results again, decides what is stored.

use std::collections::BTreeSet;

use super::finding::{At, Findings, Names, Shown as _};
use crate::{
    definition::stored,
    driver::replay::{Decided, Replay},
    ids::TrialNumber,
    store::{
        Db, EventRow, StoreError, SweepKey, SweepRow,
        apply::curve,
        error::Rows,
        events::{self, Step, StepTrial, result},
        history::TrialResult,
        reports, rounds, sweeps, trials,
        values::{NewTrial, Wish},
    },
    sweep::SweepState,
    trial::TrialKind,
};

const PROPOSES: &str = "the search proposes the same trials again";
const PROMOTES: &str = "the search promotes the same trials again";
const PLANS: &str = "the search plans the same rounds again";
const WINS: &str = "the search finds the same winner again";

/// Replays one sweep.
pub(super) fn check(db: &Db, key: SweepKey, names: &Names, findings: &mut Findings) {
    // A row or a definition that cannot be read is told where sweeps are looked at.
    let Ok(sweep) = sweeps::select(db, key) else {
        return;
    };
    if stored(&sweep.sweep.definition).is_err() {
        return;
    }
    let replay = match Replay::new(sweep.id.clone(), &sweep.sweep.definition) {
        Ok(Some(replay)) => replay,
        // Another version decided: its rows hold or not as all do, its decisions are its own.
        Ok(None) => return,
        Err(error) => {
            let at = at(&sweep, "sweeps", key.0.to_string());
            let right = "one that makes a search";
            return findings.wrong(&at, "definition", PROPOSES, error.to_string(), right);
        }
    };
    let course = Course {
        db,
        sweep: &sweep,
        replay,
        promoted: Vec::new(),
        findings,
    };
    if let Err(error) = course.run() {
        findings.unreadable(names, error);
    }
}

fn at<'a>(sweep: &'a SweepRow, table: &'static str, key: String) -> At<'a> {
    At {
        of: sweep.id.as_str(),
        table,
        key,
    }
}

struct Course<'a> {
    db: &'a Db,
    sweep: &'a SweepRow,
    replay: Replay,
    promoted: Vec<Promoted>,
    findings: &'a mut Findings,
}

/// A promotion that was made.
struct Promoted {
    trial: TrialNumber,
    /// What it tries again in the end, or itself.
    original: TrialNumber,
    epoch: u32,
    seq: u64,
    /// What the row says, where it was the trial's last.
    wish: Option<Wish>,
}

impl Course<'_> {
    fn run(mut self) -> Rows<()> {
        let newest_extension = events::extended(self.db, self.sweep.key)?;
        let mut steps = events::steps(self.db, self.sweep.key);
        while let Some((_, step)) = steps.next_of(&[self.sweep.key.0]) {
            self.follow(&step?, newest_extension)?;
        }
        if let Some(problem) = steps.take_problems().pop() {
            return Err(problem);
        }
        self.compare()
    }

    fn follow(&mut self, step: &Step, newest_extension: u64) -> Rows<()> {
        let event = &step.event;
        let Some(number) = event.trial else {
            if event.event == "extend" {
                let (db, key) = (self.db, self.sweep.key);
                self.replay
                    .extended(|number| Ok(trials::select(db, (key, number))?.is_some()))?;
            }
            return Ok(());
        };
        // That a trial is not there is told by a rule.
        let Some(trial) = &step.trial else {
            return Ok(());
        };
        if let Some(result) = result(event, &trial.of) {
            self.take(&result)?;
        }
        match event.event.as_str() {
            // New trials alone: one that was given back is queued by another event. The stored definition has the added
            // budget: to the replay an earlier end, and so its tests, never came.
            "queued"
                if event.actor == "search"
                    && trial.of.kind == TrialKind::Test
                    && event.seq < newest_extension => {}
            "queued" if event.actor == "search" => self.check_proposal(number, event, trial),
            // By a person: a retry.
            "queued" => {
                if let Some(of) = trial.of.retry_of {
                    self.replay.retried(number, of);
                }
            }
            "promoted" => {
                let epoch = event.to_epoch.unwrap_or(0);
                self.promoted.push(Promoted {
                    trial: number,
                    original: self.replay.original(number),
                    epoch,
                    seq: event.seq,
                    wish: (trial.to_epoch == epoch).then_some(trial.wish),
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self, result: &TrialResult) -> Rows<()> {
        if let Some(metric) = self.replay.reports() {
            let reports = reports::of_trial(self.db, (self.sweep.key, result.number))?;
            for report in curve(reports, result.epoch) {
                let metrics = &report.metrics;
                if let Some((_, value)) = metrics.iter().find(|(name, _)| *name == metric) {
                    self.replay.epoch(result.number, report.epoch, *value);
                }
            }
        }
        self.replay.result(result);
        Ok(())
    }

    fn check_proposal(&mut self, number: TrialNumber, told: &EventRow, trial: &StepTrial) {
        let name = format!("{}/{number}", self.sweep.id);
        let key = self.sweep.key.0;
        let at = At {
            of: &name,
            table: "trials",
            key: format!("{key}, {number}"),
        };
        let findings = &mut *self.findings;
        let Some(right) = self.replay.proposal(number) else {
            return findings.wrong(&at, "number", PROPOSES, number.0.to_string(), "no trial");
        };
        findings.same(
            &at,
            "kind",
            PROPOSES,
            &trial.of.kind.as_str(),
            &right.kind.as_str(),
        );
        findings.same(&at, "round", PROPOSES, &trial.of.round, &right.round);
        findings.same(&at, "point", PROPOSES, &trial.of.point, &right.point);
        findings.same(&at, "repeat", PROPOSES, &trial.of.repeat, &right.repeat);
        findings.same(&at, "fold", PROPOSES, &trial.of.fold, &right.fold);
        findings.same(&at, "seed", PROPOSES, &trial.seed, &right.seed);
        findings.same(
            &at,
            "full_epochs",
            PROPOSES,
            &trial.full_epochs,
            &right.full_epochs,
        );
        let of = |number: Option<TrialNumber>| number.map(|number| number.0);
        let (stored, again) = (of(trial.weights_of), of(right.weights_of));
        findings.same(&at, "weights_of", PROPOSES, &stored, &again);
        if trial.to_epoch == right.to_epoch {
            let wish = Wish {
                queue_order: right.queue_order,
                waits_at_end: right.waits_at_end,
                keep_weights: right.keep_weights,
            };
            check_wish(&at, trial.wish, wish, PROPOSES, findings);
        }
        let at = At {
            of: &name,
            table: "events",
            key: format!("{key}, {}", told.seq),
        };
        findings.same(
            &at,
            "to_epoch",
            PROPOSES,
            &told.to_epoch,
            &Some(right.to_epoch),
        );
        check_point(&name, key, trial, right, findings);
    }

    /// Every promotion that was made must follow from the results; of a completed sweep, everything that follows was done.
    fn compare(self) -> Rows<()> {
        let Self {
            db,
            sweep,
            replay,
            promoted,
            findings,
        } = self;
        if replay.reports().is_some() {
            // What a pruner ends depends on the order in which epochs were heard, which is not stored.
            return Ok(());
        }
        let again = replay.decided();
        let mut made_places = BTreeSet::new();
        for made in promoted {
            let (number, key) = (made.trial, sweep.key.0);
            let place = (made.original, made.epoch);
            let Some(wish) = again.promoted.get(&place) else {
                if again.promoted_before.contains_key(&place) {
                    continue;
                }
                let at = at(sweep, "events", format!("{key}, {}", made.seq));
                let stored = format!("`promoted` of {number} to epoch {}", made.epoch);
                let right = "none: the results do not earn it";
                findings.wrong(&at, "event", PROMOTES, stored, right);
                continue;
            };
            if let Some(stored) = made.wish {
                let at = at(sweep, "trials", format!("{key}, {number}"));
                check_wish(&at, stored, *wish, PROMOTES, findings);
            }
            made_places.insert(place);
        }
        if sweep.state != SweepState::Completed {
            return Ok(());
        }
        let unmade = again.promoted.keys().filter(|p| !made_places.contains(p));
        for (number, epoch) in unmade {
            let at = at(sweep, "trials", format!("{}, {number}", sweep.key.0));
            let right = format!("{epoch}: the results earn it");
            findings.wrong(&at, "to_epoch", PROMOTES, "not promoted", right);
        }
        compare_sweep(sweep, &again, findings);
        compare_rounds(db, sweep, &again, findings)
    }
}

fn check_wish(
    at: &At<'_>,
    stored: Wish,
    right: Wish,
    invariant: &'static str,
    findings: &mut Findings,
) {
    let (found, again) = (&stored.queue_order, &right.queue_order);
    findings.same(at, "queue_order", invariant, found, again);
    let (found, again) = (&stored.waits_at_end, &right.waits_at_end);
    findings.same(at, "waits_at_end", invariant, found, again);
    let (found, again) = (&stored.keep_weights, &right.keep_weights);
    findings.same(at, "keep_weights", invariant, found, again);
}

fn check_point(
    name: &str,
    sweep: i64,
    trial: &StepTrial,
    right: NewTrial,
    findings: &mut Findings,
) {
    let at = At {
        of: name,
        table: "points",
        key: format!("{sweep}, {}, {}", trial.of.round, trial.of.point),
    };
    let (params, spec) = (Some(right.params_json), Some(right.spec_json));
    findings.same(&at, "params_json", PROPOSES, &trial.params_json, &params);
    findings.same(&at, "spec_json", PROPOSES, &trial.spec_json, &spec);
}

fn compare_sweep(sweep: &SweepRow, again: &Decided, findings: &mut Findings) {
    let at = at(sweep, "sweeps", sweep.key.0.to_string());
    if let Some((trials, epochs)) = again.plan {
        findings.same(&at, "trials_planned", PLANS, &sweep.trials_planned, &trials);
        findings.same(&at, "epochs_planned", PLANS, &sweep.epochs_planned, &epochs);
    }
    if sweep.best != again.best {
        let shown = |best: Option<crate::store::WinnerRef>| {
            best.map(|best| format!("{}, {}", best.round, best.point))
                .shown()
        };
        let (stored, right) = (shown(sweep.best), shown(again.best));
        findings.wrong(&at, "best_point", WINS, stored, right);
    }
}

fn compare_rounds(
    db: &Db,
    sweep: &SweepRow,
    again: &Decided,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    for round in rounds::of_sweep(db, sweep.key)? {
        let planned = round.planned;
        let number = planned.round;
        let at = at(sweep, "rounds", format!("{}, {number}", sweep.key.0));
        let Some(right) = again.rounds.get(&number) else {
            findings.wrong(&at, "round", PLANS, number.to_string(), "no round");
            continue;
        };
        findings.same(&at, "points", PLANS, &planned.points, &right.points);
        findings.same(&at, "repeats", PLANS, &planned.repeats, &right.repeats);
        findings.same(&at, "top", PLANS, &planned.top, &right.top);
        let rungs = |rungs: &[(u32, u64)]| {
            let (epochs, points): (Vec<u32>, Vec<u64>) = rungs.iter().copied().unzip();
            format!("{epochs:?} epochs, {points:?} points")
        };
        let (stored, again) = (rungs(&planned.rungs), rungs(&right.rungs));
        findings.same(&at, "rungs_json", PLANS, &stored, &again);
        findings.same(&at, "box_json", PLANS, &planned.box_json, &right.box_json);
    }
    Ok(())
}
