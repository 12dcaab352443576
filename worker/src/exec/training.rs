//! One attempt by an external program.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    ExecTrainer, archive,
    line::EpochLine,
    program::{Exit, News, Program},
};
use crate::{
    slot::stopwatch,
    trainer::{Epoch, Report, Stop, TrainError, Training, TrialSpec},
};

/// How long a program may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(30);

/// How long a stop may come after the end of a program: a signal that ends everything here reaches the program and this process
/// each in its own time.
const HEARD: Duration = Duration::from_millis(500);

/// How soon a stop is noticed while the program is silent.
const LOOK: Duration = Duration::from_millis(20);

/// The exit code that says "diverged" (EX_TEMPFAIL of sysexits.h, which no interpreter uses by itself).
const DIVERGED: i32 = 75;

#[derive(Debug)]
pub(super) struct ExecTraining {
    command: String,
    trial: PathBuf,
    checkpoints: PathBuf,
    metric: String,
    from_epoch: u32,
    to_epoch: u32,
    epoch: u32,
    stateless: Arc<AtomicBool>,
    /// None before the first epoch is asked for.
    program: Option<Program>,
    exit: Option<Exit>,
    /// Reports that came while it was ending.
    late: VecDeque<Report>,
    reported: bool,
    since: Instant,
}

impl ExecTraining {
    pub(super) fn new(
        trainer: &ExecTrainer,
        spec: &TrialSpec,
        trial: PathBuf,
        checkpoints: PathBuf,
        from_epoch: u32,
    ) -> Self {
        Self {
            command: trainer.command.clone(),
            trial,
            checkpoints,
            metric: spec.objective.metric.clone(),
            from_epoch,
            to_epoch: spec.to_epoch,
            epoch: from_epoch,
            stateless: Arc::clone(&trainer.stateless),
            program: None,
            exit: None,
            late: VecDeque::new(),
            reported: from_epoch > 0,
            since: stopwatch(),
        }
    }

    fn program(&mut self) -> Result<&mut Program, TrainError> {
        match &mut self.program {
            Some(program) => Ok(program),
            none => {
                tracing::info!("starting {:?}", self.command);
                let program = Program::start(&self.command, &self.trial).map_err(worker)?;
                Ok(none.insert(program))
            }
        }
    }

    /// The next thing that it does, once it runs.
    fn next(&mut self, stop: &Stop) -> Result<News, TrainError> {
        if let Some(exit) = self.exit {
            return Ok(News::Ended(exit));
        }
        let news = self.program()?.next(LOOK).map_err(worker)?;
        match &news {
            News::Ended(exit) => self.exit = Some(*exit),
            News::Epoch(_) | News::Wrong(_) | News::Output => {
                stop.step();
            }
            News::Silence => {}
        }
        Ok(news)
    }

    /// Turns a line into a report, or drops it with a word in the log.
    fn report(&mut self, line: EpochLine) -> Result<Option<Report>, TrainError> {
        let known = self.late.back().map_or(self.epoch, |late| late.epoch);
        if line.epoch <= self.from_epoch {
            self.trained_again();
            return Ok(None);
        }
        if line.epoch <= known || line.epoch > self.to_epoch {
            tracing::warn!(
                "epoch {} was reported; expected are {} to {}",
                line.epoch,
                known + 1,
                self.to_epoch
            );
            return Ok(None);
        }
        if let Some(words) = line.lacks(&self.metric) {
            return Err(TrainError::Trial(words));
        }
        let seconds = self.since.elapsed().as_secs_f64();
        self.since = stopwatch();
        self.reported = true;
        Ok(Some(Report {
            epoch: line.epoch,
            metrics: line.metrics,
            layers: Vec::new(),
            weights_hash: Vec::new(),
            seconds,
            images: 0,
        }))
    }

    /// It has begun anew although hone has heard of some epochs. That is right, and costs time; it is said once a program.
    fn trained_again(&self) {
        if !self.stateless.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the program keeps no state in checkpoint_dir: wherever a trial goes on, it trains the epochs before that again, \
                 here {} of {}; they are not counted twice",
                self.from_epoch,
                self.to_epoch
            );
        }
    }

    /// Ends the program as asked: in peace with time for its state, or at once.
    fn end(&mut self, stop: &Stop) -> Result<Epoch, TrainError> {
        let started = stopwatch();
        if let (Some(program), None) = (&self.program, self.exit) {
            program.terminate();
        }
        while self.program.is_some() && self.exit.is_none() {
            if (stop.at_once() || started.elapsed() >= GRACE)
                && let Some(program) = &self.program
            {
                program.kill();
            }
            if let News::Epoch(line) = self.next(stop)? {
                // What it says wrong now is no reason to lose what it has done.
                let report = self.report(line).ok().flatten();
                self.late.extend(report);
            }
        }
        Ok(self.take_late().map_or(Epoch::Stopped, Epoch::Done))
    }

    fn take_late(&mut self) -> Option<Report> {
        let report = self.late.pop_front()?;
        self.epoch = report.epoch;
        Some(report)
    }

    /// After the last epoch: the program writes its checkpoint and ends by itself.
    fn last(&mut self, report: Report, stop: &Stop) -> Result<Epoch, TrainError> {
        loop {
            if stop.wanted() {
                self.late.push_back(report);
                return self.end(stop);
            }
            match self.next(stop)? {
                News::Ended(Exit::Code(0)) => {
                    self.epoch = report.epoch;
                    return Ok(Epoch::Done(report));
                }
                News::Ended(exit) => {
                    if self.was_stopped(stop) {
                        self.late.push_back(report);
                        return self.end(stop);
                    }
                    return self.ended(exit);
                }
                News::Epoch(line) => {
                    self.report(line)?;
                }
                News::Wrong(words) => return Err(TrainError::Trial(words)),
                News::Output | News::Silence => {}
            }
        }
    }

    /// Whether it has ended because everything here is to: then neither its exit nor its last words say anything about the
    /// trial.
    fn was_stopped(&self, stop: &Stop) -> bool {
        let begun = stopwatch();
        while !stop.wanted() && begun.elapsed() < HEARD {
            thread::sleep(LOOK);
        }
        stop.wanted()
    }

    /// It ended before `to_epoch`, by itself.
    fn ended(&self, exit: Exit) -> Result<Epoch, TrainError> {
        match exit {
            Exit::Code(0) if self.reported => Ok(Epoch::Ended),
            Exit::Code(0) => Err(TrainError::Trial(
                "the program ended without a report: a line on its standard output that is a JSON object with \"epoch\""
                    .to_owned(),
            )),
            Exit::Code(DIVERGED) => Ok(Epoch::Diverged {
                epoch: self.epoch + 1,
                reason: format!(
                    "the program ended with exit code {DIVERGED}{}",
                    self.last_words()
                ),
            }),
            Exit::Code(code) => Err(TrainError::Trial(format!(
                "the program ended with exit code {code}{}",
                self.last_words()
            ))),
            Exit::Signal(signal) => Err(TrainError::Worker(format!(
                "the program was killed by signal {signal}{}",
                self.last_words()
            ))),
        }
    }

    fn last_words(&self) -> String {
        match self.program.as_ref().map(Program::last_words) {
            Some(words) if !words.is_empty() => format!(": {words}"),
            _ => String::new(),
        }
    }
}

impl Training for ExecTraining {
    fn epochs_done(&self) -> u32 {
        self.epoch
    }

    fn epoch(&mut self, stop: &Stop) -> Result<Epoch, TrainError> {
        loop {
            if let Some(report) = self.take_late() {
                return Ok(Epoch::Done(report));
            }
            if stop.wanted() {
                return self.end(stop);
            }
            match self.next(stop)? {
                News::Epoch(line) => {
                    let Some(report) = self.report(line)? else {
                        continue;
                    };
                    if report.epoch >= self.to_epoch {
                        return self.last(report, stop);
                    }
                    self.epoch = report.epoch;
                    return Ok(Epoch::Done(report));
                }
                News::Ended(_) if self.was_stopped(stop) => return self.end(stop),
                News::Ended(exit) => return self.ended(exit),
                News::Wrong(words) => return Err(TrainError::Trial(words)),
                News::Output | News::Silence => {}
            }
        }
    }

    fn save(&self, to: &Path) -> Result<(), TrainError> {
        archive::pack(&self.checkpoints, self.epoch, to).map_err(TrainError::Worker)
    }

    fn save_best(&self, _: &Path) -> Result<bool, TrainError> {
        Ok(false)
    }
}

fn worker(error: std::io::Error) -> TrainError {
    TrainError::Worker(format!("the program: {error}"))
}
