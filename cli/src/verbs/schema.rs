//! Prints the JSON Schema of sweep files.

use crate::{exit::Exit, output::out, sweep_file};

/// Does it.
pub fn run() -> anyhow::Result<Exit> {
    out::file(&format!(
        "{}\n",
        serde_json::to_string_pretty(&sweep_file::json_schema())?
    ))?;
    Ok(Exit::Done)
}
