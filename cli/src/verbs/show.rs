//! Shows a sweep, or everything about one trial.

use serde_json::{Value, json};

use crate::{
    args::Place,
    client::{self, History, Sort, TrialName, TrialQuery},
    exit::Exit,
    local::preflight,
    output::{
        curve, numbers, out, report,
        style::Style,
        table::padded,
        told::{Told, line, short},
        totals,
    },
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

/// Runs `hone show`.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let history = client::connect(&args.place).await?;
    match TrialName::unless_sweep(&args.of)? {
        Some(name) => show_trial(&history, &name, args.json).await,
        None => show_sweep(&history, &args.of, args.json).await,
    }
}

async fn show_sweep(history: &History, sweep: &str, as_json: bool) -> anyhow::Result<Exit> {
    let detail = history.sweep_with_times(sweep).await?;
    if as_json {
        let mut object = json!(detail.summary);
        object["winner"] = json!(detail.best);
        object["rounds"] = json!(detail.rounds);
        object["warnings"] = json!(detail.warnings);
        object["reason"] = json!(detail.reason);
        object["counts"] = json!(detail.counts);
        object["check"] = json!(detail.check);
        object["epochs_trained"] = json!(detail.epochs_trained);
        object["epochs_planned"] = json!(detail.epochs_planned);
        object["seconds"] = json!(detail.trained_seconds.unwrap_or(0.0));
        object["wall_seconds"] = json!(detail.wall_seconds.unwrap_or(0.0));
        object["slot_seconds"] = json!(detail.slot_seconds);
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
    let style = Style::stdout();
    let text = report::render(&detail, &top, style);
    out::print(&(text + &data(detail.check.as_ref(), style)))?;
    Ok(Exit::Done)
}

/// What the check was told of the data; nothing for a sweep that was checked before checks said so.
fn data(check: Option<&Value>, style: Style) -> String {
    let data = check.and_then(|check| check.get("data")).cloned();
    let inventory = data.and_then(|data| serde_json::from_value(data).ok());
    inventory.map_or_else(String::new, |inventory| {
        preflight::render(&inventory, style)
    })
}

async fn show_trial(history: &History, name: &TrialName, as_json: bool) -> anyhow::Result<Exit> {
    let trial = history.trial(&history.full_name(name).await?).await?;
    if as_json {
        out::json(&trial)?;
        return Ok(Exit::Done);
    }
    let sweep = history.sweep(&trial.summary.sweep).await?;
    let space = sweep.space;
    let style = Style::stdout();
    let mut text = headline(&trial, style);
    if trial.summary.state == "running" && !sweep.summary.coordinator {
        text.push_str(&format!(
            "  {}\n",
            style.yellow(format!(
                "no coordinator runs: its sweep {}",
                totals::GOES_ON
            ))
        ));
    }
    text.push('\n');
    text.push_str(&report::params(&space, &trial.summary.params, style));
    if !trial.curve.is_empty() {
        text.push('\n');
        text.push_str(&picture(&trial, style));
        text.push_str(&curve::table(&trial.curve, style));
    }
    text.push_str(&diagnosis(&trial, style));
    if let Some(result) = &trial.result {
        let result = result.to_string();
        text.push_str(&format!(
            "\n{}\n  {}\n",
            style.bold("result"),
            short(&result)
        ));
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
    let state = style.state_but(s.state, s.but());
    let mut text = format!("{name} {state}{reason}{kind}\n");
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
    let best = trial.curve.iter().find(|point| {
        let metric = point.metrics.get(&trial.metric).and_then(Value::as_f64);
        metric.is_some() && metric == s.objective
    });
    let at = best.map(|point| format!("  at epoch {}", point.epoch));
    text.push_str(&format!(
        "  {} {value}{}\n",
        line(&trial.metric),
        at.unwrap_or_default()
    ));
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
            let curve = style.cyan(curve::sparkline(&values, style));
            let (first, last) = (numbers::metric(*first), numbers::metric(*last));
            let name = padded(&line(name), 14);
            text.push_str(&format!("  {name} {first:>8} {curve} {last}\n"));
        }
    }
    text.push('\n');
    text
}

/// The trainer's words: what it is, the numbers that say so, the next move.
fn diagnosis(trial: &TrialDetail, style: Style) -> String {
    let Some(diagnosis) = &trial.diagnosis else {
        return String::new();
    };
    let mut text = format!("\n{}\n", style.bold("diagnosis"));
    let one = std::slice::from_ref(diagnosis);
    for finding in diagnosis.as_array().map_or(one, Vec::as_slice) {
        let field = |key| finding.get(key).and_then(Value::as_str);
        let told = |key| field(key).map(|words| Told::from(words.to_owned()));
        let Some(state) = field("state") else {
            text.push_str(&format!("  {}\n", short(&finding.to_string())));
            continue;
        };
        let name = match state {
            "healthy" => style.green(state),
            sick => style.yellow(short(&sick.replace(['-', '\n'], " "))),
        };
        let evidence = told("evidence").map(|e| format!(": {e}"));
        text.push_str(&format!("  {name}{}\n", evidence.unwrap_or_default()));
        if let Some(advice) = told("advice").filter(|_| state != "healthy") {
            text.push_str(&format!("    try: {advice}\n"));
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
        let but = trial.summary.but().filter(|_| lease.ended_ms.is_none());
        let but = but.map_or_else(String::new, |but| style.yellow(format!(", {but}")));
        text.push_str(&format!(
            "  {} on {}  {state}{but}{took}{reason}\n",
            lease.attempt, lease.worker
        ));
    }
    if trial.leases.is_empty() {
        let yet = match trial.summary.state {
            "queued" | "waiting" | "running" => " yet",
            _ => "",
        };
        text.push_str(&format!("  none{yet}\n"));
    }
    text
}
