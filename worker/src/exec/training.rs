//! One attempt by an external program.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    archive,
    line::EpochLine,
    program::{Exit, News, Program},
};
use crate::{
    slot::stopwatch,
    trainer::{Epoch, Report, Stop, TrainError, Training},
};

/// How long a program may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(30);

/// How soon a stop is noticed while the program is silent.
const LOOK: Duration = Duration::from_millis(20);

/// The exit code that says "diverged" (EX_TEMPFAIL of sysexits.h, which no interpreter uses by itself).
const DIVERGED: i32 = 75;

#[derive(Debug)]
pub(super) struct ExecTraining {
    command: String,
    trial: PathBuf,
    checkpoints: PathBuf,
    to_epoch: u32,
    epoch: u32,
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
        command: &str,
        trial: PathBuf,
        checkpoints: PathBuf,
        from_epoch: u32,
        to_epoch: u32,
    ) -> Self {
        Self {
            command: command.to_owned(),
            trial,
            checkpoints,
            to_epoch,
            epoch: from_epoch,
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
            News::Epoch(_) | News::Output => {
                stop.step();
            }
            News::Silence => {}
        }
        Ok(news)
    }

    /// Turns a line into a report, or drops it with a word in the log.
    fn report(&mut self, line: EpochLine) -> Option<Report> {
        let known = self.late.back().map_or(self.epoch, |late| late.epoch);
        if line.epoch <= known || line.epoch > self.to_epoch {
            tracing::warn!(
                "epoch {} was reported; expected are {} to {}",
                line.epoch,
                known + 1,
                self.to_epoch
            );
            return None;
        }
        let seconds = self.since.elapsed().as_secs_f64();
        self.since = stopwatch();
        self.reported = true;
        Some(Report {
            epoch: line.epoch,
            metrics: line.metrics,
            layers: Vec::new(),
            weights_hash: Vec::new(),
            seconds,
            images: 0,
        })
    }

    /// Ends the program as asked: in peace with time for its state, or at once.
    fn end(&mut self, stop: &Stop) -> Result<Epoch, TrainError> {
        let started = stopwatch();
        if let Some(program) = &self.program {
            program.terminate();
        }
        while self.program.is_some() && self.exit.is_none() {
            if (stop.at_once() || started.elapsed() >= GRACE)
                && let Some(program) = &self.program
            {
                program.kill();
            }
            if let News::Epoch(line) = self.next(stop)? {
                let report = self.report(line);
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
                News::Ended(exit) => return self.ended(exit),
                News::Epoch(line) => {
                    self.report(line);
                }
                News::Output | News::Silence => {}
            }
        }
    }

    /// It ended before `to_epoch`.
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
                    let Some(report) = self.report(line) else {
                        continue;
                    };
                    if report.epoch >= self.to_epoch {
                        return self.last(report, stop);
                    }
                    self.epoch = report.epoch;
                    return Ok(Epoch::Done(report));
                }
                News::Ended(exit) => return self.ended(exit),
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
