//! Whether the search, told the stored results again, decides what is stored.

use std::collections::BTreeSet;

use super::finding::{Against, At, Findings, Names};
use crate::{
    definition::stored,
    driver::replay::{Decided, Replay},
    ids::TrialNumber,
    store::{
        Db, EventRow, Rows, SweepKey, SweepRow, TrialResult, WinnerRef, Wish, curve,
        events::{self, Step, StepTrial, result},
        reports, rounds, sweeps, trials,
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
            let mut proposes = findings.against(at, PROPOSES);
            return proposes.wrong("definition", error, "one that makes a search");
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
        if self.replay.reports().is_some() {
            let reports = reports::of_trial(self.db, (self.sweep.key, result.number))?;
            for report in curve(reports, result.epoch) {
                let value = report.objective.unwrap_or(f64::NAN);
                self.replay.epoch(result.number, report.epoch, value);
            }
        }
        self.replay.result(result);
        Ok(())
    }

    fn check_proposal(&mut self, number: TrialNumber, told: &EventRow, trial: &StepTrial) {
        let name = format!("{}/{number}", self.sweep.id);
        let of = name.as_str();
        let key = self.sweep.key.0;
        let at = |table, key| At { of, table, key };
        let findings = &mut *self.findings;
        let mut row = findings.against(at("trials", format!("{key}, {number}")), PROPOSES);
        let Some(right) = self.replay.proposal(number) else {
            return row.wrong("number", number, "no trial");
        };
        row.same("kind", &trial.of.kind, &right.kind);
        row.same("round", &trial.of.round, &right.round);
        row.same("point", &trial.of.point, &right.point);
        row.same("repeat", &trial.of.repeat, &right.repeat);
        row.same("fold", &trial.of.fold, &right.fold);
        row.same("seed", &trial.seed, &right.seed);
        row.same("full_epochs", &trial.full_epochs, &right.full_epochs);
        row.same("weights_of", &trial.weights_of, &right.weights_of);
        if trial.to_epoch == right.to_epoch {
            let wish = Wish {
                queue_order: right.queue_order,
                waits_at_end: right.waits_at_end,
                keep_weights: right.keep_weights,
            };
            check_wish(row, trial.wish, wish);
        }
        let mut event = findings.against(at("events", format!("{key}, {}", told.seq)), PROPOSES);
        event.same("to_epoch", &told.to_epoch, &Some(right.to_epoch));
        let place = format!("{key}, {}, {}", trial.of.round, trial.of.point);
        let mut point = findings.against(at("points", place), PROPOSES);
        point.same("params_json", &trial.params_json, &Some(right.params_json));
        point.same("spec_json", &trial.spec_json, &Some(right.spec_json));
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
                findings.against(at, PROMOTES).wrong("event", stored, right);
                continue;
            };
            if let Some(stored) = made.wish {
                let at = at(sweep, "trials", format!("{key}, {number}"));
                check_wish(findings.against(at, PROMOTES), stored, *wish);
            }
            made_places.insert(place);
        }
        if sweep.state != SweepState::Completed {
            return Ok(());
        }
        let unmade = again.promoted.keys().filter(|p| !made_places.contains(p));
        for (number, epoch) in unmade {
            let at = at(sweep, "trials", format!("{}, {number}", sweep.key.0));
            let mut promotes = findings.against(at, PROMOTES);
            let right = format!("{epoch}: the results earn it");
            promotes.wrong("to_epoch", "not promoted", right);
        }
        compare_sweep(sweep, &again, findings);
        compare_rounds(db, sweep, &again, findings)
    }
}

fn check_wish(mut trial: Against<'_>, stored: Wish, right: Wish) {
    trial.same("queue_order", &stored.queue_order, &right.queue_order);
    trial.same("waits_at_end", &stored.waits_at_end, &right.waits_at_end);
    trial.same("keep_weights", &stored.keep_weights, &right.keep_weights);
}

fn compare_sweep(sweep: &SweepRow, again: &Decided, findings: &mut Findings) {
    let at = || at(sweep, "sweeps", sweep.key.0.to_string());
    if let Some((trials, epochs)) = again.plan {
        let mut plans = findings.against(at(), PLANS);
        plans.same("trials_planned", &sweep.trials_planned, &trials);
        plans.same("epochs_planned", &sweep.epochs_planned, &epochs);
    }
    let shown = |best: Option<WinnerRef>| best.map(|at| format!("{}, {}", at.round, at.point));
    let mut wins = findings.against(at(), WINS);
    wins.same("best_point", &shown(sweep.best), &shown(again.best));
}

fn compare_rounds(db: &Db, sweep: &SweepRow, again: &Decided, findings: &mut Findings) -> Rows<()> {
    for round in rounds::of_sweep(db, sweep.key)? {
        let planned = round.planned;
        let number = planned.round;
        let at = at(sweep, "rounds", format!("{}, {number}", sweep.key.0));
        let mut plans = findings.against(at, PLANS);
        let Some(right) = again.rounds.get(&number) else {
            plans.wrong("round", number, "no round");
            continue;
        };
        plans.same("points", &planned.points, &right.points);
        plans.same("rungs_json", &planned.rungs, &right.rungs);
        plans.same("repeats", &planned.repeats, &right.repeats);
        plans.same("top", &planned.top, &right.top);
        plans.same("box_json", &planned.box_json, &right.box_json);
    }
    Ok(())
}
