//! Standard output, where only data goes.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use super::{style::Style, told::harmless};

/// Writes text to standard output, whoever made parts of it.
pub fn print(text: &str) -> anyhow::Result<()> {
    write(&harmless(text, Style::stdout().color))
}

/// A reader that has seen enough (`hone trials | head`) is no error: the process ends, successfully.
fn write(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        result => Ok(result?),
    }
}

/// One JSON object on a line of its own, whole.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    write(&format!("{}\n", serde_json::to_string(value)?))
}

/// A line on standard error: for people who watch. A closed one does not matter.
pub fn note(text: impl std::fmt::Display) {
    let text = text.to_string();
    let text = harmless(&text, Style::stderr().color);
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
