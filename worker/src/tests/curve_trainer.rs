//! A trainer whose curve is a formula: its state is a number that each epoch stirs with the seed.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, mpsc},
};

use std::sync::Mutex;

use crate::trainer::{Epoch, Report, Stop, TrainError, Trainer, Training, TrialSpec};

/// What it does beside its curve.
#[derive(Clone, Debug, Default)]
pub(super) struct CurveTrainer {
    /// Each epoch waits for one permit, if there is a gate.
    pub(super) gate: Option<Gate>,
}

/// Lets epochs through one by one.
#[derive(Clone, Debug)]
pub(super) struct Gate(Arc<Mutex<mpsc::Receiver<()>>>);

impl Gate {
    pub(super) fn new() -> (mpsc::Sender<()>, Self) {
        let (open, gate) = mpsc::channel();
        (open, Self(Arc::new(Mutex::new(gate))))
    }

    /// Waits for a permit or for the stop. A closed gate stands open.
    fn pass(&self, stop: &Stop) -> bool {
        loop {
            let tick = std::time::Duration::from_millis(1);
            match self.0.lock().unwrap().recv_timeout(tick) {
                Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => return true,
                Err(mpsc::RecvTimeoutError::Timeout) if stop.wanted() => return false,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

struct CurveTraining {
    trainer: CurveTrainer,
    trial: TrialSpec,
    epoch: u32,
    state: [u8; 32],
}

impl Trainer for CurveTrainer {
    fn start(
        &self,
        trial: &TrialSpec,
        resume: Option<&Path>,
        _: &Path,
        stop: &Stop,
    ) -> Result<Box<dyn Training>, TrainError> {
        prepare(trial, stop)?;
        let mut training = CurveTraining {
            trainer: self.clone(),
            epoch: 0,
            state: *blake3::hash(&trial.seed.to_le_bytes()).as_bytes(),
            trial: trial.clone(),
        };
        if let Some(path) = resume {
            let bytes = fs::read(path).unwrap();
            let (epoch, state) = bytes
                .split_first_chunk::<4>()
                .ok_or(TrainError::Checkpoint {
                    path: path.to_owned(),
                    reason: "too short".to_owned(),
                })?;
            training.epoch = u32::from_le_bytes(*epoch);
            training.state = state.try_into().map_err(|_| TrainError::Checkpoint {
                path: path.to_owned(),
                reason: "no state".to_owned(),
            })?;
        }
        Ok(Box::new(training))
    }

    fn check(&self, trial: &TrialSpec, stop: &Stop) -> Result<serde_json::Value, TrainError> {
        prepare(trial, stop)?;
        Ok(serde_json::json!({"passed": true, "findings": []}))
    }

    fn test(
        &self,
        _: &TrialSpec,
        weights: &Path,
        _: &Stop,
    ) -> Result<Option<BTreeMap<String, f64>>, TrainError> {
        let size = fs::read(weights).unwrap().len();
        Ok(Some(BTreeMap::from([(
            "test_accuracy".to_owned(),
            size as f64,
        )])))
    }
}

/// Takes for ever, as fitting a preprocessing may seem to, where the trial says so.
fn prepare(trial: &TrialSpec, stop: &Stop) -> Result<(), TrainError> {
    if trial.spec.get("act").is_none_or(|act| act != "prepare") {
        return Ok(());
    }
    while !stop.wanted_after_epoch() {
        stop.step();
        std::thread::yield_now();
    }
    match trial.spec.get("breaks") {
        Some(_) => Err(TrainError::Worker("planted".to_owned())),
        None => Err(TrainError::Stopped),
    }
}

impl Training for CurveTraining {
    fn epochs_done(&self) -> u32 {
        self.epoch
    }

    fn epoch(&mut self, stop: &Stop) -> Result<Epoch, TrainError> {
        // Epochs of no length are always nearly done.
        stop.remaining(std::time::Duration::ZERO);
        if let Some(gate) = &self.trainer.gate
            && !gate.pass(stop)
        {
            return Ok(Epoch::Stopped);
        }
        if stop.step() {
            return Ok(Epoch::Stopped);
        }
        let act = self.trial.spec.get("act").and_then(|act| act.as_str());
        let at = self.trial.spec.get("at").and_then(|at| at.as_u64());
        let now = at == Some(u64::from(self.epoch) + 1);
        match act {
            Some("panic") if now => panic!("planted"),
            Some("diverge") if now => {
                return Ok(Epoch::Diverged {
                    epoch: self.epoch + 1,
                    reason: "planted".to_owned(),
                });
            }
            Some("fail") if now => return Err(TrainError::Trial("planted".to_owned())),
            _ => {}
        }
        self.epoch += 1;
        self.state = *blake3::hash(&self.state).as_bytes();
        let value = match act {
            Some("nan") if now => f64::NAN,
            _ => f64::from(self.state[0]) / 255.0,
        };
        let metric = match act {
            Some("silent") if now => "another",
            _ => "val_accuracy",
        };
        let report = Report {
            epoch: self.epoch,
            metrics: BTreeMap::from([(metric.to_owned(), value)]),
            layers: Vec::new(),
            weights_hash: self.state.to_vec(),
            seconds: 0.0,
            images: 1,
        };
        Ok(match act {
            Some("patience") if now => Epoch::Last(report),
            _ => Epoch::Done(report),
        })
    }

    fn save(&self, to: &Path) -> Result<(), TrainError> {
        let bytes = [&self.epoch.to_le_bytes()[..], &self.state].concat();
        fs::write(to, bytes).map_err(|error| TrainError::Worker(error.to_string()))
    }

    fn save_best(&self, to: &Path) -> Result<bool, TrainError> {
        // More than one piece.
        fs::write(to, vec![self.state[0]; (5 << 20) / 2])
            .map_err(|error| TrainError::Worker(error.to_string()))?;
        Ok(true)
    }
}
