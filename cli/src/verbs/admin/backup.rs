//! A copy of a database with the files beside it, and the way back.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use hone_coordinator::{
    backup_folder_of, blob_folder_of,
    store::{self, Reader},
};

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

/// Copies a database as of one moment, and then its blobs. A coordinator may run: what it removes in between is not
/// needed any more but by trials that can be trained again from before.
pub async fn backup(args: BackupArgs) -> anyhow::Result<Exit> {
    in_a_folder("FILE", &args.to)?;
    store::backup(&args.db, &args.to)?;
    let copied = copy_blobs(
        &args.to,
        &blob_folder_of(&args.db),
        &backup_folder_of(&args.to),
    )
    .await?;
    tell(&args.to, copied);
    Ok(Exit::Done)
}

/// Makes a backup the database.
pub async fn restore(args: RestoreArgs) -> anyhow::Result<Exit> {
    in_a_folder("--db", &args.db)?;
    store::restore(&args.from, &args.db)?;
    let copied = copy_blobs(
        &args.db,
        &backup_folder_of(&args.from),
        &blob_folder_of(&args.db),
    )
    .await?;
    tell(&args.db, copied);
    Ok(Exit::Done)
}

fn tell(made: &Path, blobs: u64) {
    out::note(format!(
        "wrote {}, and {} of checkpoints and weights",
        made.display(),
        numbers::plural(blobs, "file")
    ));
}

/// Copies those that `database` names and `to` does not have yet; how many.
async fn copy_blobs(database: &Path, from: &Path, to: &Path) -> anyhow::Result<u64> {
    let mut copied = 0;
    for hash in Reader::open(database).await?.blobs().await? {
        let name = hash.to_string();
        if to.join(&name).exists() {
            continue;
        }
        let done = std::fs::create_dir_all(to)
            .and_then(|()| copy_whole(&from.join(&name), &to.join(&name)));
        match done {
            Ok(()) => copied += 1,
            // Not needed any more when its turn came.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context(format!("blob {name} of {}", from.display())),
        }
    }
    Ok(copied)
}

/// A name stands for a whole file, or is not there.
fn copy_whole(from: &Path, to: &Path) -> io::Result<()> {
    let part = to.with_extension("part");
    std::fs::copy(from, &part)?;
    std::fs::File::open(&part)?.sync_all()?;
    std::fs::rename(&part, to)
}
