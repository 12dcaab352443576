//! Runs a sweep's preflight by itself.

use std::path::PathBuf;

use hone_worker::{
    cnn::check::{CheckReport, Severity, check},
    trainer::Stop,
};

use super::{read, spec, trainer, trial};
use crate::{
    args::WorkerSetup,
    exit::Exit,
    output::{out, style::Style},
};

/// Arguments of `hone model check`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep file
    #[arg(value_name = "SWEEP.toml")]
    file: PathBuf,
    #[command(flatten)]
    setup: WorkerSetup,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Runs `hone model check`.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let (file, _) = read(&args.file)?;
    let trainer = trainer(&file, &args.setup)?;
    let trial = trial(&file, spec::of_check(&file), 1);
    let Some(report) = check(&trainer, &trial, &Stop::default())? else {
        return Ok(Exit::Failed);
    };
    if args.json {
        out::json(&report)?;
    } else {
        out::print(&render(&report, Style::stdout()))?;
    }
    Ok(if report.passed {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn render(report: &CheckReport, style: Style) -> String {
    let mut text = String::new();
    for (index, net) in report.nets.iter().enumerate() {
        let choices: Vec<String> = net
            .choices
            .iter()
            .map(|(path, value)| format!("{path} = {value}"))
            .collect();
        let verdict = if net.passed {
            style.green("ok")
        } else {
            style.red("fails")
        };
        text.push_str(&format!(
            "net {}  {verdict}  {}\n",
            index + 1,
            style.dim(choices.join(", "))
        ));
        text.push_str(&format!(
            "  first loss {:.4} (chance {:.4}), with regularisation {:.4}\n",
            net.first_loss, net.chance_loss, net.first_loss_regularised
        ));
        text.push_str(&format!(
            "  {} examples: accuracy {:.2} after {} epochs at rate {:e}\n",
            net.overfit.examples,
            net.overfit.accuracy,
            net.overfit.epochs,
            net.overfit.learning_rate
        ));
        let gradients: Vec<String> = net
            .gradients
            .iter()
            .map(|(name, norm)| format!("{name} {norm:.1e}"))
            .collect();
        text.push_str(&format!("  gradients: {}\n", gradients.join(", ")));
    }
    for finding in &report.findings {
        let mark = match finding.severity {
            Severity::Failure => style.red("failure"),
            Severity::Warning => style.yellow("warning"),
        };
        text.push_str(&format!(
            "{mark}: {}: {}\n  try: {}\n",
            finding.subject, finding.message, finding.advice
        ));
    }
    let verdict = if report.passed {
        style.green("passed")
    } else {
        style.red("failed")
    };
    text.push_str(&format!(
        "{verdict}; one slot trains {:.2} epochs a second\n",
        report.epochs_per_second
    ));
    text
}
