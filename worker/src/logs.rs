//! What a worker wrote about an attempt, for `hone logs SWEEP/TRIAL`.

use std::{
    cell::RefCell,
    collections::VecDeque,
    fmt::{self, Write as _},
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

use crate::attempt::Attempt;

/// Lines kept for an attempt that nobody has taken yet; older ones go first.
pub(crate) const LINES: usize = 200;

/// Longest line, in characters.
const LENGTH: usize = 2000;

/// The lines of one attempt, numbered from 0.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    first: u64,
    lines: VecDeque<String>,
}

impl Lines {
    pub(crate) fn push(&self, line: &str) {
        let line = line.trim_end();
        let line = match line.char_indices().nth(LENGTH) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line.to_owned(),
        };
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.lines.len() == LINES {
            inner.lines.pop_front();
            inner.first += 1;
        }
        inner.lines.push_back(line);
    }

    /// A line as a warning is written.
    pub(crate) fn warn(&self, text: &str) {
        self.push(&format!("{:5} {text}", Level::WARN));
    }

    /// Takes the lines out, with the number of the first; `None` when there are none.
    pub(crate) fn take(&self) -> Option<(u64, Vec<String>)> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.lines.is_empty() {
            return None;
        }
        let first = inner.first;
        let lines: Vec<String> = inner.lines.drain(..).collect();
        inner.first += lines.len() as u64;
        Some((first, lines))
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Attempt>>> = const { RefCell::new(None) };
}

/// Runs `work` with this thread's events going to the lines of `attempt` as well.
pub(crate) fn on_behalf_of<T>(attempt: &Arc<Attempt>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Arc<Attempt>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let before = self.0.take();
            CURRENT.with(|current| *current.borrow_mut() = before);
        }
    }
    let _restore = Restore(CURRENT.with(|current| current.replace(Some(Arc::clone(attempt)))));
    work()
}

/// The attempt that this thread works for, if any: for threads that read what belongs to it.
pub(crate) fn current() -> Option<Arc<Attempt>> {
    CURRENT.with(|current| current.borrow().clone())
}

/// A layer for the binary's subscriber: events at info and above on a thread that trains become lines of its attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogLayer;

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() > Level::INFO {
            return;
        }
        CURRENT.with(|current| {
            if let Some(attempt) = current.borrow().as_ref() {
                let mut text = Text::default();
                event.record(&mut text);
                let level = event.metadata().level();
                attempt
                    .lines
                    .push(&format!("{level:5} {}{}", text.message, text.fields));
            }
        });
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_stay_and_numbers_go_on() {
        let lines = Lines::default();
        for number in 0..LINES + 5 {
            lines.push(&format!("line {number}\n"));
        }
        let (first, taken) = lines.take().unwrap();
        assert_eq!(
            (first, taken.len(), taken[0].as_str()),
            (5, LINES, "line 5")
        );
        lines.push("next");
        assert_eq!(
            lines.take(),
            Some((LINES as u64 + 5, vec!["next".to_owned()]))
        );
        assert_eq!(lines.take(), None);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let lines = Lines::default();
        lines.push(&"ü".repeat(LENGTH + 10));
        let (_, taken) = lines.take().unwrap();
        assert_eq!(taken[0].chars().count(), LENGTH + 1);
    }
}
