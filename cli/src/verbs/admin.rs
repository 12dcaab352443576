//! Care of a database: is it whole, a copy of it, and back from the copy.

mod backup;
mod verify;

use clap::Subcommand;

use crate::exit::Exit;

/// Arguments of `hone admin`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// What can be done with a database as a whole.
#[derive(Subcommand)]
enum Verb {
    /// Check every invariant over everything that a database holds, served or not
    Verify(verify::Args),
    /// Copy a database with its checkpoints and weights, served or not
    Backup(backup::BackupArgs),
    /// Make a backup the database; workers of the time before cannot write to it
    Restore(backup::RestoreArgs),
}

/// Runs `hone admin`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::Verify(args) => verify::run(args).await,
        Verb::Backup(args) => backup::backup(&args),
        Verb::Restore(args) => backup::restore(&args),
    }
}
