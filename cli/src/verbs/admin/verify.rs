//! Runs the invariant checker over a database and the files beside it.

use std::{collections::BTreeMap, path::PathBuf};

use hone_coordinator::verify::{Checked, Files, Finding, Foreign, verify};
use serde_json::{Value, json};

use crate::{
    exit::Exit,
    output::{numbers, out, style::Style},
};

/// Findings of one invariant that are printed; `--json` has all.
const PRINTED: usize = 20;

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
    let checked = verify(&args.db).await?;
    let whole = checked.findings.is_empty();
    if args.json {
        out::json(&object(&args, &checked))?;
    } else {
        out::print(&words(&args, &checked))?;
    }
    if checked.is_of_copy {
        out::note(format!(
            "{} was written by an earlier hone: it stays as it is, and the rows of a migrated copy were checked",
            args.db.display()
        ));
    }
    if let (false, Some(address)) = (args.json, &checked.served) {
        out::note(format!(
            "checked as of one moment: the coordinator at {address} goes on; its blobs were not looked at"
        ));
    }
    Ok(if whole { Exit::Done } else { Exit::Failed })
}

fn object(args: &Args, checked: &Checked) -> Value {
    let list: Vec<_> = checked.findings.iter().map(finding).collect();
    let files = checked.files.as_ref();
    json!({
        "database": args.db,
        "trials": checked.trials,
        "blobs": files.map(|files| files.blobs),
        "absent_blobs": files.map(|files| files.absent),
        "unnamed_files": files.map(|files| &files.unnamed),
        "foreign_files": files.map(|files| files.foreign.iter().map(foreign).collect::<Vec<_>>()),
        "whole": checked.findings.is_empty(),
        "findings": list,
        "findings_left_out": checked.left_out,
    })
}

fn foreign(foreign: &Foreign) -> Value {
    json!({ "folder": foreign.folder, "files": foreign.files, "bytes": foreign.bytes })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "of": finding.of,
        "invariant": finding.invariant,
        "table": finding.table,
        "key": finding.key,
        "column": finding.column,
        "stored": finding.stored,
        "right": finding.right,
        "found": finding.to_string(),
    })
}

fn words(args: &Args, checked: &Checked) -> String {
    let style = Style::stdout();
    let mut looked_at = numbers::plural(checked.trials, "trial");
    if let Some(files) = &checked.files {
        looked_at.push_str(" and ");
        looked_at.push_str(&numbers::plural(files.blobs, "blob"));
    }
    let verdict = match checked.findings.len() as u64 + checked.left_out {
        0 => style.green("every invariant holds"),
        n => style.red(format!("{} found", numbers::plural(n, "violation"))),
    };
    let mut text = format!("{}: {looked_at} checked, {verdict}\n", args.db.display());
    let mut found = BTreeMap::<_, usize>::new();
    for finding in &checked.findings {
        let so_far = found
            .entry((finding.invariant, &finding.table, &finding.column))
            .or_default();
        *so_far += 1;
        if *so_far <= PRINTED {
            text.push_str(&format!("  {finding}\n"));
        }
    }
    for ((invariant, table, column), n) in found.into_iter().filter(|(_, n)| *n > PRINTED) {
        let more = numbers::plural((n - PRINTED) as u64, "more violation");
        text.push_str(&format!(
            "  {more} of {table}.{column}: {invariant} (--json has all)\n"
        ));
    }
    if let Some(files) = &checked.files {
        text.push_str(&beside(files));
    }
    text
}

/// What is no fault, and takes or lacks room.
fn beside(files: &Files) -> String {
    let mut text = String::new();
    if files.absent > 0 {
        text.push_str(&format!(
            "  {} of those that it names: not kept, for want of room, damaged when copied, or on a worker's disk alone\n",
            numbers::plural(files.absent, "blob")
        ));
    }
    for file in &files.unnamed {
        text.push_str(&format!(
            "  {}: no row names it; the next start of a coordinator removes it\n",
            file.display()
        ));
    }
    for foreign in &files.foreign {
        text.push_str(&format!(
            "  {}: {} ({} MB) of no trial here, but of another database of this name, or of an earlier version: remove them if that \
             is not to come back\n",
            foreign.folder.display(),
            numbers::plural(foreign.files, "file"),
            foreign.bytes / 1_000_000
        ));
    }
    text
}
