//! A copy of a database with the files beside it, and the way back.

use std::path::{Path, PathBuf};

use hone_coordinator::store;

use crate::{
    args::in_a_folder,
    exit::Exit,
    output::{numbers, out},
};

/// Arguments of `hone admin backup`.
#[derive(clap::Args)]
pub struct BackupArgs {
    /// The copy; checkpoints and weights go to FILE.blobs/ beside it
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// Database file
    #[arg(long, value_name = "FILE", default_value = "hone.db")]
    db: PathBuf,
}

/// Arguments of `hone admin restore`.
#[derive(clap::Args)]
pub struct RestoreArgs {
    /// What `hone admin backup` wrote
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// The database to make; must not be there yet
    #[arg(long, value_name = "FILE", default_value = "hone.db")]
    db: PathBuf,
}

/// Copies a database as of one moment, with its blobs. A coordinator may run.
pub fn backup(args: &BackupArgs) -> anyhow::Result<Exit> {
    in_a_folder("FILE", &args.to)?;
    tell(&args.to, store::backup(&args.db, &args.to)?);
    Ok(Exit::Done)
}

/// Makes a backup the database.
pub fn restore(args: &RestoreArgs) -> anyhow::Result<Exit> {
    in_a_folder("--db", &args.db)?;
    tell(&args.db, store::restore(&args.from, &args.db)?);
    Ok(Exit::Done)
}

fn tell(made: &Path, blobs: u64) {
    out::note(format!(
        "wrote {}, and {} of checkpoints and weights",
        made.display(),
        numbers::plural(blobs, "file")
    ));
}
