//! Where everything goes that this program says: data to standard output, all else to standard error. What a terminal may get is decided
//! here, once, whoever made the text.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use super::{
    hints, style,
    told::{harmless, harmless_json},
};

/// A text for people as a terminal may get it, with our own colours, and with commands that can be pasted.
pub fn shown(text: &str) -> String {
    style::shown(&harmless(&hints::complete(text)))
}

/// Writes text for people to standard output, whoever made parts of it.
pub fn print(text: &str) -> anyhow::Result<()> {
    write(&shown(text))
}

/// Writes a text that is to become a file: nothing is added to it.
pub fn file(text: &str) -> anyhow::Result<()> {
    write(&harmless(text))
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
    let text = serde_json::to_string(value)?;
    write(&format!("{}\n", harmless_json(&text)))
}

/// A line on standard error: for people who watch. A closed one does not matter.
pub fn note(text: impl std::fmt::Display) {
    to_stderr(&format!("{text}\n"));
}

/// A question on standard error, which is answered on its line.
pub fn ask(question: impl std::fmt::Display) {
    to_stderr(&question.to_string());
}

fn to_stderr(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err
        .write_all(shown(text).as_bytes())
        .and_then(|()| err.flush());
}
