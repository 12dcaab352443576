//! Lists sweeps.

use tokio_stream::StreamExt;

use crate::{
    args::Place,
    client,
    exit::Exit,
    output::{
        numbers, out,
        style::Style,
        table::{Align, Table},
    },
    view::Sweep,
};

/// Arguments of `hone sweeps`.
#[derive(clap::Args)]
pub struct Args {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Characters of a reason that a listing shows.
const MOST: usize = 100;

/// Runs `hone sweeps`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let mut rows = client::connect(&args.place).await?.sweeps().await?;
    let style = Style::stdout();
    let mut table = Table::new(&[
        ("sweep", Align::Left),
        ("state", Align::Left),
        ("points", Align::Right),
        ("trials", Align::Right),
        ("best", Align::Right),
        ("", Align::Left),
        ("took", Align::Right),
        ("", Align::Left),
    ]);
    let mut none = true;
    while let Some(sweep) = rows.next().await {
        let sweep = sweep?;
        none = false;
        if args.json {
            out::json(&sweep)?;
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "a duration for people")]
        let took = sweep.ended_ms.map_or_else(String::new, |end| {
            numbers::duration((end - sweep.created_ms) as f64 / 1e3)
        });
        table.row(vec![
            style.bold(&sweep.sweep),
            style.state_but(sweep.state, sweep.but()),
            numbers::count(sweep.points),
            numbers::count(sweep.trials),
            numbers::metric_or_dash(sweep.best),
            style.dim(if sweep.best.is_some() {
                &sweep.metric
            } else {
                ""
            }),
            took,
            style.dim(why(&sweep)),
        ]);
    }
    if none {
        out::note("no sweeps yet; `hone run SWEEP.toml` starts one");
    } else if !args.json {
        out::print(&table.render(style, 0))?;
    }
    Ok(Exit::Done)
}

/// Why it failed, or waits, or what its coordinator lacks, as far as it fits a line.
fn why(sweep: &Sweep) -> String {
    let all: &str = match sweep.state {
        "failed" => &sweep.reason,
        _ if sweep.waiting_for.is_empty() => &sweep.shortage,
        _ => &sweep.waiting_for,
    };
    let line = all.lines().next().unwrap_or_default();
    let mut words: String = line.chars().take(MOST).collect();
    if words.len() < all.len() {
        words.push('…');
    }
    words
}
