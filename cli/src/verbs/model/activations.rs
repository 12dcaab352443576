//! Draws the lecture's histograms: what first weights do to the activations of five layers.

use std::{fmt::Write, path::PathBuf};

use anyhow::Context;
use hone_worker::cnn::{
    activations::{Histogram, experiment},
    config::{ActivationKind, InitKind},
};
use serde_json::json;

use crate::{
    exit::Exit,
    output::{out, style::Style},
};

/// Arguments of `hone model activations`.
#[derive(clap::Args)]
pub struct Args {
    /// Write the histograms as a picture as well
    #[arg(short, long, value_name = "FILE.svg")]
    output: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Seed of inputs and weights
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
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

/// Does it.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let cases: Vec<(&str, Vec<Histogram>)> = CASES
        .iter()
        .map(|(name, activation, init, std)| {
            (*name, experiment(*activation, *init, *std, args.seed))
        })
        .collect();
    if let Some(path) = &args.output {
        std::fs::write(path, picture(&cases)).with_context(|| path.display().to_string())?;
        out::note(format!("wrote {}", path.display()));
    }
    if args.json {
        let cases: Vec<_> = cases
            .iter()
            .map(|(name, layers)| json!({"case": name, "layers": layers}))
            .collect();
        out::json(&cases)?;
    } else {
        out::print(&render(&cases, Style::stdout()))?;
    }
    Ok(Exit::Done)
}

fn render(cases: &[(&str, Vec<Histogram>)], style: Style) -> String {
    let mut text =
        String::from("1000 rows of 100 normal numbers through five layers of 100 units\n");
    for (name, layers) in cases {
        let _ = writeln!(text, "\n{}", style.bold(name));
        for layer in layers {
            let bars = bars(&layer.counts, style);
            let (low, high) = (layer.low, layer.high);
            let _ = writeln!(
                text,
                "  {}  {low:>4} |{bars}| {high:<4} mean {:>9.2e}  deviation {:.2e}",
                layer.layer, layer.mean, layer.deviation
            );
        }
    }
    text
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
fn picture(cases: &[(&str, Vec<Histogram>)]) -> String {
    let (width, height) = PLOT;
    let columns = cases
        .iter()
        .map(|(_, layers)| layers.len())
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
    for (row, (name, layers)) in cases.iter().enumerate() {
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
                "<text x=\"{left}\" y=\"{under}\">{}: {} to {}, deviation {:.2}</text>",
                layer.layer, layer.low, layer.high, layer.deviation
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}
