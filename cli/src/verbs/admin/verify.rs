//! Runs the invariant checker over a database and the files beside it.

use std::path::{Path, PathBuf};

use hone_coordinator::{
    blobs::folder_of,
    ids::Hash,
    store::{Finding, Reader, serving_address, verify},
};
use serde_json::json;

use crate::{
    exit::Exit,
    output::{numbers, out, style::Style},
};

/// Arguments of `hone admin verify`.
#[derive(clap::Args)]
pub struct Args {
    /// Database file
    #[arg(long, value_name = "FILE", default_value = "hone.db")]
    db: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Does it; the exit code is 1 when something does not hold.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let (trials, mut findings) = verify(&args.db).await?;
    // A running coordinator removes files that are not needed any more: looking for them would find what is none.
    let served = serving_address(&args.db);
    let blobs = match served {
        Some(_) => None,
        None => Some(Reader::open(&args.db).await?.blobs().await?),
    };
    findings.extend(blobs.iter().flatten().filter_map(|hash| {
        check_file(&folder_of(&args.db), *hash).map(|found| Finding {
            of: hash.to_string(),
            invariant: "a stored blob is whole",
            found,
        })
    }));
    let whole = findings.is_empty();
    if args.json {
        let list: Vec<_> = findings
            .iter()
            .map(|f| json!({"of": f.of, "invariant": f.invariant, "found": f.found}))
            .collect();
        out::json(&json!({
            "database": args.db,
            "trials": trials,
            "blobs": blobs.map(|blobs| blobs.len()),
            "whole": whole,
            "findings": list,
        }))?;
    } else {
        out::print(&words(&args.db, trials, blobs.as_deref(), &findings))?;
        if let Some(address) = served {
            out::note(format!(
                "checked as of one moment: the coordinator at {address} goes on; its blobs were not looked at"
            ));
        }
    }
    Ok(if whole { Exit::Done } else { Exit::Failed })
}

fn words(db: &Path, trials: u64, blobs: Option<&[Hash]>, findings: &[Finding]) -> String {
    let style = Style::stdout();
    let mut looked_at = numbers::plural(trials, "trial");
    if let Some(blobs) = blobs {
        looked_at.push_str(" and ");
        looked_at.push_str(&numbers::plural(blobs.len() as u64, "blob"));
    }
    let verdict = match findings.len() as u64 {
        0 => style.green("every invariant holds"),
        n => style.red(format!("{} found", numbers::plural(n, "violation"))),
    };
    let mut text = format!("{}: {looked_at} checked, {verdict}\n", db.display());
    for finding in findings {
        text.push_str(&format!("  {finding}\n"));
    }
    text
}

/// What is wrong with the file of a blob, if anything is.
fn check_file(folder: &Path, hash: Hash) -> Option<String> {
    let path = folder.join(hash.to_string());
    let hashed = std::fs::File::open(&path).and_then(|file| {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file)?;
        Ok(hasher.finalize().to_hex().to_string())
    });
    match hashed {
        Ok(found) if found == hash.to_string() => None,
        Ok(found) => Some(format!("{} has the hash {found}", path.display())),
        Err(error) => Some(format!("{}: {error}", path.display())),
    }
}
