//! Standard output, where only data goes.

use std::io::{ErrorKind, Write};

use serde::Serialize;

/// Writes text to standard output.
///
/// A reader that has seen enough (`hone trials | head`) is no error: the process ends, successfully.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        result => Ok(result?),
    }
}

/// One JSON object on a line of its own.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string(value)?))
}

/// A line on standard error: for people who watch. A closed one does not matter.
pub fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
