//! A copy of a database with the files beside it, and the way back.

use std::path::{Path, PathBuf};

use hone_coordinator::store::{self, Copied};

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
    /// Leave out checkpoints and weights that are damaged, and say which
    #[arg(long)]
    without_damaged: bool,
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
    /// Leave out checkpoints and weights that are damaged, and say which
    #[arg(long)]
    without_damaged: bool,
}

/// Copies a database as of one moment, with its blobs. A coordinator may run.
pub fn backup(args: &BackupArgs) -> anyhow::Result<Exit> {
    in_a_folder("FILE", &args.to)?;
    let copied = store::backup(&args.db, &args.to, args.without_damaged)?;
    tell(&args.to, copied);
    Ok(Exit::Done)
}

/// Makes a backup the database.
pub fn restore(args: &RestoreArgs) -> anyhow::Result<Exit> {
    in_a_folder("--db", &args.db)?;
    let copied = store::restore(&args.from, &args.db, args.without_damaged)?;
    tell(&args.db, copied);
    Ok(Exit::Done)
}

fn tell(made: &Path, copied: Copied) {
    for left_out in copied.left_out {
        out::note(format!("left out: {left_out}"));
    }
    out::note(format!(
        "wrote {}, and {} of checkpoints and weights",
        made.display(),
        numbers::plural(copied.blobs, "file")
    ));
}
