//! A file a verb, by the same name.

mod init;
mod schema;

use clap::Subcommand;

use crate::exit::Exit;

/// What hone can be asked to do.
#[derive(Subcommand)]
pub enum Verb {
    /// Write a commented sweep file to start from
    Init(init::Args),
    /// Print the JSON Schema of sweep files, for editors
    Schema,
}

impl Verb {
    /// Does it.
    pub fn execute(self) -> anyhow::Result<Exit> {
        match self {
            Verb::Init(args) => init::run(&args),
            Verb::Schema => schema::run(),
        }
    }
}
