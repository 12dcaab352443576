//! Shows a sweep, or everything about one trial.

use serde_json::{Value, json};

use crate::{
    args::Place,
    client::{self, History, Sort, TrialName, TrialQuery},
    exit::Exit,
    output::{curve, numbers, out, report, style::Style},
    view::TrialDetail,
};

/// Arguments of `hone show`.
#[derive(clap::Args)]
pub struct Args {
    /// A trial (SWEEP/17, or 17 of the latest sweep) or a sweep [default: the latest sweep]
    #[arg(
        value_name = "SWEEP[/TRIAL]",
        default_value = "",
        hide_default_value = true
    )]
    of: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Does it.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let history = client::connect(&args.place).await?;
    match args.of.parse::<TrialName>() {
        Ok(name) => show_trial(&history, &name, args.json).await,
        Err(_) => show_sweep(&history, &args.of, args.json).await,
    }
}

async fn show_sweep(history: &History, sweep: &str, as_json: bool) -> anyhow::Result<Exit> {
    let detail = history.sweep(sweep).await?;
    if as_json {
        let mut object = json!(detail.summary);
        object["rounds"] = json!(detail.rounds);
        object["warnings"] = json!(detail.warnings);
        object["reason"] = json!(detail.reason);
        object["check"] = json!(detail.check);
        object["epochs_trained"] = json!(detail.epochs_trained);
        object["epochs_planned"] = json!(detail.epochs_planned);
        out::json(&object)?;
        return Ok(Exit::Done);
    }
    let query = TrialQuery {
        sweep: detail.summary.sweep.clone(),
        sort: Sort::Objective,
        limit: Some(10),
        ..TrialQuery::default()
    };
    let top = client::collect(history.trials(query).await?).await?;
    out::print(&report::render(&detail, &top, Style::stdout()))?;
    Ok(Exit::Done)
}

async fn show_trial(history: &History, name: &TrialName, as_json: bool) -> anyhow::Result<Exit> {
    let trial = history.trial(&history.full_name(name).await?).await?;
    if as_json {
        out::json(&trial)?;
        return Ok(Exit::Done);
    }
    let space = history.sweep(&trial.summary.sweep).await?.space;
    let style = Style::stdout();
    let mut text = headline(&trial, style);
    text.push('\n');
    text.push_str(&report::params(&space, &trial.summary.params, style));
    if !trial.curve.is_empty() {
        text.push('\n');
        text.push_str(&picture(&trial, style));
        text.push_str(&curve::table(&trial.curve, style));
    }
    text.push_str(&diagnosis(&trial, style));
    if let Some(result) = &trial.result {
        text.push_str(&format!("\n{}\n  {result}\n", style.bold("result")));
    }
    text.push_str(&leases(&trial, style));
    out::print(&text)?;
    Ok(Exit::Done)
}

fn headline(trial: &TrialDetail, style: Style) -> String {
    let s = &trial.summary;
    let kind = if trial.kind == "search" {
        String::new()
    } else {
        format!("  ({})", trial.kind)
    };
    let reason = if trial.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", trial.reason)
    };
    let name = style.bold(format!("{}/{}", s.sweep, s.trial));
    let mut text = format!("{name} {}{reason}{kind}\n", style.state(s.state));
    let mut place = format!(
        "round {}, point {}, repeat {}, fold {}, seed {}; epoch {} of {}, {}",
        s.round,
        s.point,
        s.repeat,
        s.fold,
        trial.seed,
        s.epoch,
        trial.to_epoch,
        numbers::duration(s.seconds),
    );
    if let Some(of) = trial.retry_of {
        place.push_str(&format!("; a retry of trial {of}"));
    }
    text.push_str(&format!("  {}\n", style.dim(place)));
    let value = style.green(style.bold(numbers::metric_or_dash(s.objective)));
    text.push_str(&format!("  {} {value}\n", trial.metric));
    if let Some(hash) = &s.weights_hash {
        text.push_str(&format!(
            "  {}\n",
            style.dim(format!("weights_hash {hash}"))
        ));
    }
    text
}

fn picture(trial: &TrialDetail, style: Style) -> String {
    let mut text = String::new();
    for name in ["train_loss", trial.metric.as_str()] {
        let values: Vec<f64> = trial
            .curve
            .iter()
            .filter_map(|c| c.metrics.get(name).and_then(Value::as_f64))
            .collect();
        if let (Some(first), Some(last)) = (values.first(), values.last()) {
            let line = style.cyan(curve::sparkline(&values, style));
            let (first, last) = (numbers::metric(*first), numbers::metric(*last));
            text.push_str(&format!("  {name:<14} {first:>8} {line} {last}\n"));
        }
    }
    text.push('\n');
    text
}

/// The trainer's words: `findings` with what was seen and what to try.
fn diagnosis(trial: &TrialDetail, style: Style) -> String {
    let Some(diagnosis) = &trial.diagnosis else {
        return String::new();
    };
    let mut text = format!("\n{}\n", style.bold("diagnosis"));
    let findings = diagnosis
        .get("findings")
        .or(Some(diagnosis))
        .and_then(Value::as_array);
    let Some(findings) = findings else {
        text.push_str(&format!("  {}\n", numbers::value(diagnosis)));
        return text;
    };
    for finding in findings {
        let field = |keys: &[&str]| {
            keys.iter()
                .find_map(|k| finding.get(*k))
                .map(numbers::value)
        };
        let name = field(&["name", "kind", "finding"]).unwrap_or_else(|| numbers::value(finding));
        text.push_str(&format!("  {}", style.yellow(name.replace('_', " "))));
        if let Some(evidence) = field(&["evidence", "message", "text"]) {
            text.push_str(&format!(": {evidence}"));
        }
        text.push('\n');
        if let Some(next) = field(&["next", "try", "advice"]) {
            text.push_str(&format!("    {next}\n"));
        }
    }
    text
}

fn leases(trial: &TrialDetail, style: Style) -> String {
    let mut text = format!("\n{}\n", style.bold("attempts"));
    for lease in &trial.leases {
        let reason = if lease.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", lease.reason)
        };
        #[expect(clippy::cast_precision_loss, reason = "a duration for people")]
        let took = lease.ended_ms.map(|end| {
            format!(
                " after {}",
                numbers::duration((end - lease.started_ms) as f64 / 1e3)
            )
        });
        let (took, state) = (took.unwrap_or_default(), style.state(&lease.state));
        text.push_str(&format!(
            "  {} on {}  {state}{took}{reason}\n",
            lease.attempt, lease.worker
        ));
    }
    if trial.leases.is_empty() {
        text.push_str("  none yet\n");
    }
    text
}
