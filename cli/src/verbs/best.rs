//! Shows the params that a sweep recommends.

use crate::{
    args::{Place, no_trial},
    client,
    exit::Exit,
    output::{out, report, style::Style},
};

/// Arguments of `hone best`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep [default: the latest]
    #[arg(default_value = "", hide_default_value = true)]
    sweep: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs `hone best`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    no_trial(&args.sweep, "`hone show TRIAL` shows a trial")?;
    let history = client::connect(&args.place).await?;
    let (detail, best) = history.best(&args.sweep).await?;
    if args.json {
        out::json(&best)?;
        return Ok(Exit::Done);
    }
    let style = Style::stdout();
    let mut text = format!(
        "{}  {}\n",
        style.bold(&best.sweep),
        report::objective_line(&best, style)
    );
    if let Some(test) = best.test_accuracy {
        text.push_str(&format!(
            "test_accuracy {}\n",
            crate::output::numbers::metric(test)
        ));
    }
    if let Some(ties) = report::ties(&best) {
        text.push_str(&format!("{}\n", style.dim(ties)));
    }
    text.push_str(&report::params(&detail.space, &best.params, style));
    out::print(&text)?;
    Ok(Exit::Done)
}
