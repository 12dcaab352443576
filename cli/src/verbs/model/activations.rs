//! Draws what first weights do to activations: a net of one's own, and the lecture's five layers beside it.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use hone_worker::{
    cnn::{
        activations::{Histogram, IMAGES, experiment, of_net},
        config::{ActivationKind, InitKind},
    },
    trainer::Stop,
};
use serde_json::json;

use super::{read, trainer};
use crate::{
    args::WorkerSetup,
    exit::Exit,
    output::{out, style::Style},
};

/// Arguments of `hone model activations`.
#[derive(clap::Args)]
pub struct Args {
    /// A sweep file whose network is drawn above the lecture's; domains stand at their middle
    #[arg(value_name = "SWEEP.toml")]
    file: Option<PathBuf>,
    /// Write the histograms as a picture as well
    #[arg(short, long, value_name = "FILE.svg")]
    output: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Seed of inputs and weights
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    setup: WorkerSetup,
}

/// A row of histograms, one a layer.
struct Case {
    name: String,
    layers: Vec<Histogram>,
}

/// The cases that the lecture shows.
const CASES: [(&str, ActivationKind, InitKind, f64); 5] = [
    (
        "tanh, weights of 0.01",
        ActivationKind::Tanh,
        InitKind::Normal,
        0.01,
    ),
    (
        "tanh, weights of 1",
        ActivationKind::Tanh,
        InitKind::Normal,
        1.0,
    ),
    ("tanh, Xavier", ActivationKind::Tanh, InitKind::Xavier, 0.0),
    ("ReLU, Xavier", ActivationKind::Relu, InitKind::Xavier, 0.0),
    ("ReLU, He", ActivationKind::Relu, InitKind::He, 0.0),
];

/// Runs `hone model activations`.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut cases = Vec::new();
    if let Some(path) = &args.file {
        cases.push(own(path, args)?);
    }
    cases.extend(CASES.iter().map(|(name, activation, init, std)| Case {
        name: (*name).to_owned(),
        layers: experiment(*activation, *init, *std, args.seed),
    }));
    if let Some(path) = &args.output {
        std::fs::write(path, picture(&cases)).with_context(|| path.display().to_string())?;
        out::note(format!("wrote {}", path.display()));
    }
    if args.json {
        let cases: Vec<_> = cases
            .iter()
            .map(|case| json!({"case": case.name, "layers": case.layers}))
            .collect();
        out::json(&cases)?;
    } else {
        out::print(&render(&cases, args.file.is_some(), Style::stdout()))?;
    }
    Ok(Exit::Done)
}

/// The network of a sweep file, over images of its data set.
fn own(path: &Path, args: &Args) -> anyhow::Result<Case> {
    let (file, config) = read(path)?;
    let trainer = trainer(&file, &args.setup)?;
    let prepared = trainer
        .library()
        .prepare(&config.data, 0, &Stop::default())?;
    let images = prepared.split.train.len().min(IMAGES);
    Ok(Case {
        name: format!("{} before training ({images} training images)", file.name),
        layers: of_net(&config, &prepared, args.seed)?,
    })
}

fn render(cases: &[Case], own: bool, style: Style) -> String {
    let lecture = "1000 rows of 100 normal numbers through five layers of 100 units";
    let mut text = String::new();
    for (index, case) in cases.iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        if index == usize::from(own) {
            let _ = writeln!(text, "{gap}{lecture}\n");
        } else {
            text.push_str(gap);
        }
        let _ = writeln!(text, "{}", style.bold(&case.name));
        let names = case.layers.iter().map(|layer| layer.layer.len());
        let width = names.max().unwrap_or(0);
        for layer in &case.layers {
            let bars = bars(&layer.counts, style);
            let (name, low, high) = (&layer.layer, layer.low, layer.high);
            let _ = writeln!(
                text,
                "  {name:width$}  {low:>4} |{bars}| {high:<4} mean {:>9.2e}  deviation {:.2e}{}",
                layer.mean,
                layer.deviation,
                zeros(layer)
            );
        }
    }
    text
}

/// How many are exactly 0, which no bar shows: a ReLU's half.
fn zeros(layer: &Histogram) -> String {
    match layer.zero_share() {
        0.0 => String::new(),
        share => format!(", zero {:.0} %", 100.0 * share),
    }
}

/// One character a bar.
fn bars(counts: &[u64], style: Style) -> String {
    let steps: Vec<char> = if style.unicode {
        " ▁▂▃▄▅▆▇█"
    } else {
        " .:-=+*#@"
    }
    .chars()
    .collect();
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let top = steps.len() as u64 - 1;
    counts
        .iter()
        .map(|count| {
            steps
                .get(usize::try_from((count * top).div_ceil(most)).unwrap_or(0))
                .copied()
                .unwrap_or(' ')
        })
        .collect()
}

const PLOT: (usize, usize) = (150, 90);
const MARGIN: usize = 30;

/// A grid of histograms: a row a case, a column a layer.
#[expect(clippy::cast_precision_loss, reason = "a picture")]
fn picture(cases: &[Case]) -> String {
    let (width, height) = PLOT;
    let columns = cases
        .iter()
        .map(|case| case.layers.len())
        .max()
        .unwrap_or(0);
    let (total_width, total_height) = (
        columns * (width + MARGIN) + MARGIN,
        cases.len() * (height + 2 * MARGIN) + MARGIN,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total_width}\" height=\"{total_height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (row, Case { name, layers }) in cases.iter().enumerate() {
        let top = MARGIN + row * (height + 2 * MARGIN);
        let _ = writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{}\" font-weight=\"bold\">{name}</text>",
            top - 8
        );
        for (column, layer) in layers.iter().enumerate() {
            let left = MARGIN + column * (width + MARGIN);
            let most = layer.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
            let bar = width as f64 / layer.counts.len().max(1) as f64;
            for (index, &count) in layer.counts.iter().enumerate() {
                let tall = height as f64 * count as f64 / most;
                let x = left as f64 + index as f64 * bar;
                let y = (top + height) as f64 - tall;
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{bar:.1}\" height=\"{tall:.1}\" fill=\"#4477aa\"/>"
                );
            }
            let under = top + height + 14;
            let _ = writeln!(
                svg,
                "<text x=\"{left}\" y=\"{under}\">{}: {} to {}</text>\n<text x=\"{left}\" y=\"{}\">deviation {:.1e}{}</text>",
                layer.layer,
                layer.low,
                layer.high,
                under + 13,
                layer.deviation,
                zeros(layer)
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}
