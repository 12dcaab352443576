//! A running program: its process group, its output, its end.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};

use super::line::{self, EpochLine};
use crate::logs;

/// Longer lines are cut: a program that prints without line ends must not fill the memory.
const LINE: u64 = 1 << 20;

/// How long output is waited for when the program has ended but something still holds its pipe.
const LAST_OUTPUT: Duration = Duration::from_millis(200);

/// What a program does next.
#[derive(Debug)]
pub(super) enum News {
    Epoch(EpochLine),
    /// A line that was meant as a report, and what is wrong with it.
    Wrong(String),
    /// It printed something else.
    Output,
    /// Nothing in the time given.
    Silence,
    Ended(Exit),
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Code(i32),
    Signal(i32),
}

#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    lines: Receiver<Line>,
    last_words: LastWords,
    exit: Option<Exit>,
}

/// A line as [`line::parse`] has it.
type Line = Result<Option<EpochLine>, String>;

/// The last line that a program wrote to its standard error: where most of them say why they end.
type LastWords = Arc<Mutex<String>>;

/// Characters of it that are kept.
const WORDS: usize = 200;

impl Program {
    /// Starts `command` in a process group of its own. Its lines that are no reports go to the attempt's log.
    pub(super) fn start(command: &str, trial: &Path) -> std::io::Result<Self> {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(command)
            .env("HONE_TRIAL", trial)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let (sender, lines) = channel();
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let last_words = LastWords::default();
        let program = Self {
            child,
            lines,
            last_words: Arc::clone(&last_words),
            exit: None,
        };
        // From here on an error drops the program, which ends its process.
        if let Some(stdout) = stdout {
            reader("program-output", stdout, sender.clone(), None)?;
        }
        if let Some(stderr) = stderr {
            reader("program-errors", stderr, sender, Some(last_words))?;
        }
        Ok(program)
    }

    /// Waits up to `patience` for what comes next.
    pub(super) fn next(&mut self, patience: Duration) -> std::io::Result<News> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => return Ok(news(line)),
            // Both pipes are closed: most likely it has ended, but a daemon may have closed them itself.
            Err(RecvTimeoutError::Disconnected) => {
                if !self.has_ended()? {
                    thread::sleep(patience.min(Duration::from_millis(1)));
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if !self.has_ended()? {
            return Ok(News::Silence);
        }
        // It may have printed between the look at the pipe and its end.
        match self.lines.recv_timeout(LAST_OUTPUT) {
            Ok(line) => Ok(news(line)),
            Err(_) => Ok(self.exit.map_or(News::Silence, News::Ended)),
        }
    }

    /// The last line of its standard error that says something.
    pub(super) fn last_words(&self) -> String {
        let words = self.last_words.lock();
        words.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the whole group to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends the whole group.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn has_ended(&mut self) -> std::io::Result<bool> {
        if self.exit.is_none()
            && let Some(status) = self.child.try_wait()?
        {
            self.exit = Some(Exit::of(status));
            // Whatever it started and left behind.
            self.kill();
        }
        Ok(self.exit.is_some())
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = pid {
            // An error means that nobody is left.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.kill();
            let _ = self.child.wait();
        }
    }
}

fn news(line: Line) -> News {
    match line {
        Ok(Some(line)) => News::Epoch(line),
        Ok(None) => News::Output,
        Err(words) => News::Wrong(words),
    }
}

impl Exit {
    /// A shell that waited for a killed program ends with 128 and the signal's number.
    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code @ 129..=192), _) => Self::Signal(code - 128),
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

/// Reads a pipe to its end on a thread of its own, so that the program never waits for us. Standard error has no reports, but
/// last words.
fn reader(
    name: &str,
    pipe: impl Read + Send + 'static,
    to: Sender<Line>,
    errors: Option<LastWords>,
) -> std::io::Result<()> {
    let attempt = logs::current();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut bytes = Vec::new();
            loop {
                bytes.clear();
                match (&mut pipe).take(LINE).read_until(b'\n', &mut bytes) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
                let text = String::from_utf8_lossy(&bytes);
                let report = match &errors {
                    None => line::parse(&text),
                    Some(last_words) => {
                        remember(last_words, &text);
                        Ok(None)
                    }
                };
                if !matches!(report, Ok(Some(_)))
                    && let Some(attempt) = &attempt
                {
                    attempt.lines.push(&text);
                }
                if to.send(report).is_err() {
                    return;
                }
            }
        })?;
    Ok(())
}

fn remember(last_words: &LastWords, line: &str) {
    let line = line.trim();
    if !line.is_empty() {
        let words = line.chars().take(WORDS).collect();
        *last_words.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }
}
