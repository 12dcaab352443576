//! The store under one set of hands, and the values that the tests say little about.

use std::sync::Arc;

use crate::{
    ids::{AttemptRef, Hash, RequestId, Seed, SessionId, SweepId, SweepKey, Token, TrialNumber},
    store::{
        BlobKind, BlobRef, DataSet, Db, NewRound, NewSweep, NewTrial, Objective, OfferedData,
        Outcome, StoreError, SweepRow,
        command::{
            Action, Command, Decide, Decided, Ended, Epoch, ExpireAttempt, Finish, Grant, Granted,
            IsOver, LaunchSweep, Launched, Lines, Operation, Release, Reply, Report, Reported,
        },
        error::Rows,
        events,
        history::{SweepDetail, TrialDetail},
        queries, sqlite,
        working::WorkingSet,
    },
    trial::{TrialKind, TrialState},
    verify::{Finding, check_open},
};

/// What applies commands, a clock, and a sweep called `s`.
pub(super) struct Bench {
    pub set: WorkingSet,
    pub folder: tempfile::TempDir,
    pub at: i64,
    requests: u64,
    /// Before each command it knows only what stands in the file.
    forgets: bool,
}

/// Runs a test twice: with rows kept in memory from command to command, and with each command reading them anew.
pub(super) fn both(test: impl Fn(&mut Bench)) {
    test(&mut Bench::new());
    test(&mut Bench::forgetful());
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            set: open(&folder),
            folder,
            at: 1_000,
            requests: 0,
            forgets: false,
        }
    }

    pub(super) fn forgetful() -> Self {
        Self {
            forgets: true,
            ..Self::new()
        }
    }

    /// The file.
    pub(super) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("hone.db")
    }

    /// Past what the writer has in memory: what is stored counts.
    pub(super) fn read(&self) -> &Db {
        self.set.db()
    }

    /// What the checker finds in the rows. These sweeps are made by hand: nobody has a definition of them.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let (_, findings) = check_open(self.set.db(), false);
        let by_hand = |finding: &Finding| finding.column != "definition";
        findings.into_iter().filter(by_hand).collect()
    }

    pub(super) fn apply<O: Operation>(&mut self, operation: O) -> Rows<O::Answer> {
        let reply = self.apply_command(&operation.into());
        Ok(O::answer(reply?).unwrap())
    }

    pub(super) fn apply_command(&mut self, command: &Command) -> Rows<Reply> {
        if self.forgets {
            self.set.forget();
        }
        self.set
            .apply_group(std::slice::from_ref(command), crate::store::apply::apply)
            .remove(0)
    }

    /// The coordinator ends and another one begins.
    pub(super) fn restart(&mut self) {
        self.set = open(&self.folder);
    }

    pub(super) fn tick(&mut self) -> i64 {
        self.at += 1;
        self.at
    }

    pub(super) fn launch(&mut self) -> Launched {
        self.launch_as("s", sweep("s"))
    }

    pub(super) fn launch_as(&mut self, name: &str, sweep: NewSweep) -> Launched {
        self.launch_on(name, sweep, None, &[]).unwrap()
    }

    /// With the data set of this hash, where sets of those hashes lay before.
    pub(super) fn launch_on(
        &mut self,
        name: &str,
        sweep: NewSweep,
        data: Option<u8>,
        before: &[u8],
    ) -> Rows<Launched> {
        self.requests += 1;
        let request = RequestId(bytes(self.requests));
        let at = self.tick();
        self.apply(LaunchSweep {
            name: name.to_owned(),
            sweep,
            data: data.map(digits),
            data_before: before.iter().map(|byte| digits(*byte).hash).collect(),
            again: false,
            request,
            at,
        })
    }

    pub(super) fn decide(&mut self, actions: Vec<Action>) -> Decided {
        let number = self.row().decisions + 1;
        self.try_decide(number, actions).unwrap()
    }

    pub(super) fn try_decide(&mut self, number: u64, actions: Vec<Action>) -> Rows<Decided> {
        let at = self.tick();
        self.apply(Decide {
            sweep: SweepKey(1),
            number,
            actions,
            at,
        })
    }

    /// A sweep with trials 1 to `n`, each of a point of its own, to epoch 3.
    pub(super) fn with_trials(&mut self, n: u64) {
        self.launch();
        let trials = (1..=n).map(trial).collect();
        self.decide(vec![round(n), Action::Enqueue(trials)]);
    }

    pub(super) fn grant(&mut self, worker: u8) -> Option<Granted> {
        self.requests += 1;
        let request = self.requests;
        self.grant_again(worker, request)
    }

    pub(super) fn grant_again(&mut self, worker: u8, request: u64) -> Option<Granted> {
        let mut ask = self.ask(worker);
        ask.request = RequestId(bytes(request));
        self.apply(ask).unwrap().map(|granted| *granted)
    }

    fn sweeps(&self) -> Vec<SweepId> {
        let sweeps = queries::sweeps(self.read()).unwrap();
        sweeps.into_iter().map(|sweep| sweep.row.id).collect()
    }

    pub(super) fn ask(&mut self, worker: u8) -> Grant {
        self.requests += 1;
        Grant {
            session: SessionId([worker; 16]),
            worker: format!("w{worker}"),
            request: RequestId(bytes(self.requests)),
            token: Token(bytes(self.requests)),
            trainers: vec!["cnn".to_owned()],
            data: vec![OfferedData {
                name: "digits".to_owned(),
                set: digits(7),
            }],
            local_checkpoints: Vec::new(),
            sweeps: self.sweeps(),
            at: self.tick(),
        }
    }

    pub(super) fn report(
        &mut self,
        attempt: &AttemptRef,
        epoch: u32,
        value: f64,
    ) -> Rows<Reported> {
        let report = self.report_of(attempt, epoch, value);
        self.apply(report)
    }

    pub(super) fn report_of(&mut self, attempt: &AttemptRef, epoch: u32, value: f64) -> Report {
        Report {
            attempt: attempt.clone(),
            epochs: vec![epoch_of(epoch, value)],
            at: self.tick(),
        }
    }

    pub(super) fn finish(&mut self, attempt: &AttemptRef, outcome: Outcome) -> Rows<Ended> {
        let finish = self.finish_of(attempt, outcome);
        self.apply(finish)
    }

    pub(super) fn finish_of(&mut self, attempt: &AttemptRef, outcome: Outcome) -> Finish {
        Finish {
            attempt: attempt.clone(),
            outcome,
            weights: None,
            diagnosis_json: String::new(),
            result_json: String::new(),
            epochs: Vec::new(),
            lines: Lines::default(),
            at: self.tick(),
        }
    }

    /// Grants the next trial, reports epochs 1 to 3 and completes it.
    pub(super) fn complete(&mut self, worker: u8, value: f64) -> Granted {
        let granted = self.grant(worker).unwrap();
        for epoch in 1..=granted.trial.to_epoch {
            self.report(&granted.attempt, epoch, value * (f64::from(epoch) / 3.0))
                .unwrap();
        }
        self.finish(&granted.attempt, Outcome::Completed).unwrap();
        granted
    }

    pub(super) fn release(
        &mut self,
        attempt: &AttemptRef,
        checkpoint: Option<BlobRef>,
    ) -> Rows<Ended> {
        let release = self.release_of(attempt, checkpoint);
        self.apply(release)
    }

    pub(super) fn release_of(
        &mut self,
        attempt: &AttemptRef,
        checkpoint: Option<BlobRef>,
    ) -> Release {
        Release {
            attempt: attempt.clone(),
            checkpoint,
            reason: "drained".to_owned(),
            at: self.tick(),
        }
    }

    pub(super) fn expire(&mut self, attempt: &AttemptRef) -> Rows<Ended> {
        let expire = self.expire_of(attempt);
        self.apply(expire)
    }

    pub(super) fn expire_of(&mut self, attempt: &AttemptRef) -> ExpireAttempt {
        ExpireAttempt {
            attempt: attempt.clone(),
            is_over: IsOver(Arc::new(|| true)),
            others_connected: false,
            excused: false,
            at: self.tick(),
        }
    }

    pub(super) fn detail(&self) -> SweepDetail {
        queries::sweep(self.read(), self.row()).unwrap()
    }

    pub(super) fn row(&self) -> SweepRow {
        queries::find(self.read(), Some("s")).unwrap()
    }

    pub(super) fn trial(&self, number: u64) -> TrialDetail {
        queries::trial(self.read(), self.row(), TrialNumber(number)).unwrap()
    }

    pub(super) fn state(&self, number: u64) -> TrialState {
        self.trial(number).summary.row.state
    }

    /// Events of a trial as `from>to`.
    pub(super) fn story(&self, number: u64) -> Vec<String> {
        let key = self.row().key;
        let events = events::select(self.read(), key, Some(TrialNumber(number)), 0, 1000).unwrap();
        events
            .iter()
            .map(|event| format!("{} {}>{}", event.event, event.from, event.to))
            .collect()
    }
}

fn open(folder: &tempfile::TempDir) -> WorkingSet {
    let db = sqlite::open_for_writing(&folder.path().join("hone.db")).unwrap();
    // What these tests ask of SQLite does not hang on a disk's speed.
    db.script("PRAGMA synchronous = off").unwrap();
    WorkingSet::writing(db).unwrap()
}

/// Sixteen bytes that tell numbers apart.
fn bytes(n: u64) -> [u8; 16] {
    (u128::from(n) + (1 << 64)).to_le_bytes()
}

pub(super) fn id() -> SweepId {
    SweepId::new("s")
}

pub(super) fn fenced<T: std::fmt::Debug>(result: Rows<T>) {
    assert_eq!(result.unwrap_err(), StoreError::Fenced);
}

pub(super) fn epoch_of(epoch: u32, value: f64) -> Epoch {
    Epoch {
        epoch,
        metrics: vec![
            ("train_loss".to_owned(), 1.0 / f64::from(epoch)),
            ("val_accuracy".to_owned(), value),
        ],
        layers: vec![1, 2],
        weights_hash: Some(hash(epoch as u8)),
        seconds: 0.5,
        images: 100,
        checkpoint: None,
    }
}

pub(super) fn hash(n: u8) -> Hash {
    Hash([n; 32])
}

pub(super) fn digits(n: u8) -> DataSet {
    DataSet {
        hash: hash(n),
        shape: vec![8, 8, 1],
        classes: 10,
    }
}

pub(super) fn checkpoint(n: u8, epoch: u32, stored: bool) -> BlobRef {
    BlobRef {
        hash: hash(n),
        size: 10,
        kind: BlobKind::Checkpoint,
        epoch,
        stored,
    }
}

pub(crate) fn sweep(name: &str) -> NewSweep {
    NewSweep {
        identity: format!("identity of {name}"),
        seed: Seed(u64::MAX),
        trainer: "cnn".to_owned(),
        objective: Objective {
            metric: "val_accuracy".to_owned(),
            maximize: true,
            at_best: true,
            target: None,
        },
        data_source: Some("digits".to_owned()),
        folds: 1,
        check: false,
        definition: vec![1, 2, 3],
    }
}

/// The first round, of so many points.
pub(super) fn round(points: u64) -> Action {
    Action::Round(NewRound {
        round: 1,
        points,
        rungs: vec![(3, points)],
        repeats: 1,
        top: None,
        box_json: "[]".to_owned(),
    })
}

pub(crate) fn trial(number: u64) -> NewTrial {
    NewTrial {
        number: TrialNumber(number),
        kind: TrialKind::Search,
        round: 1,
        point: number - 1,
        repeat: 0,
        fold: 0,
        params_json: format!("{{\"train.learning_rate\":0.{number}}}"),
        spec_json: format!("{{\"train\":{{\"learning_rate\":0.{number}}}}}"),
        seed: number * 17,
        to_epoch: 3,
        full_epochs: 9,
        queue_order: 1,
        waits_at_end: false,
        keep_weights: false,
        weights_of: None,
    }
}
