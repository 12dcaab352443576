//! Prints what a trial's worker wrote about it.

use tokio_stream::StreamExt;

use crate::{
    args::{self, Place},
    client,
    exit::Exit,
    output::out,
};

/// Arguments of `hone logs`.
#[derive(clap::Args)]
pub struct Args {
    /// The trial: SWEEP/17, or 17 of the latest sweep
    #[arg(value_name = "SWEEP/TRIAL")]
    trial: String,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs `hone logs`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let trial = args::trial(
        &args.trial,
        "`hone trials SWEEP` lists its trials, `hone why SWEEP` tells what happened to it",
    )?;
    let history = client::connect(&args.place).await?;
    let name = history.full_name(&trial).await?;
    let mut lines = history.logs(&name).await?;
    let mut attempt = 0;
    let mut none = true;
    while let Some(row) = lines.next().await {
        let row = row?;
        none = false;
        if args.json {
            out::json(&row)?;
            continue;
        }
        if row.attempt != attempt {
            attempt = row.attempt;
            let cut = match row.number {
                0 | 1 => String::new(),
                first => format!(", from line {first}: the last ones are kept"),
            };
            out::print(&format!("--- attempt {attempt}{cut}\n"))?;
        }
        out::print(&format!("{}\n", row.line))?;
    }
    if none {
        // Nothing is written of a trial that is not there, either.
        history.trial(&name).await?;
        out::note("nothing was written about this trial");
    }
    Ok(Exit::Done)
}
