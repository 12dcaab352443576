//! Measures how fast a network trains here, on synthetic images: no data set is needed.

use std::path::PathBuf;

use hone_worker::{
    cnn::fused::bench::{Bench, bench},
    data::Shape,
};

use crate::{
    args::WorkerSetup,
    exit::Exit,
    output::{
        numbers, out,
        style::Style,
        table::{Align, Table},
    },
};

/// Arguments of `hone model bench`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep file; domains stand at their middle
    #[arg(value_name = "SWEEP.toml")]
    file: PathBuf,
    /// Steps that are timed
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(3..))]
    steps: u16,
    #[command(flatten)]
    setup: WorkerSetup,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Runs `hone model bench`.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let (file, config) = super::read(&args.file)?;
    let ([height, width, channels], classes) = super::summary::images(&file, &args.setup)?;
    let shape = Shape {
        height,
        width,
        channels,
    };
    let found = bench(
        &config,
        shape,
        classes,
        usize::from(args.setup.threads),
        usize::from(args.steps),
    )?;
    if args.json {
        out::json(&serde_json::to_value(&found)?)?;
    } else {
        out::print(&render(&found, Style::stdout()))?;
    }
    Ok(Exit::Done)
}

fn render(found: &Bench, style: Style) -> String {
    let mut table = Table::new(&[
        ("layer", Align::Left),
        ("forward ms", Align::Right),
        ("backward ms", Align::Right),
    ]);
    for layer in &found.layers {
        table.row(vec![
            layer.name.clone(),
            format!("{:.2}", layer.forward),
            format!("{:.2}", layer.backward),
        ]);
    }
    let mut text = table.render(style, 2);
    let rate = style.bold(numbers::rate(found.train_images_per_second));
    let evaluation = numbers::rate(found.eval_images_per_second);
    text.push_str(&format!(
        "\n  {rate} images a second in training, {evaluation} in evaluation; {:.2} ms a step\n",
        found.milliseconds_per_step
    ));
    text.push_str(&format!(
        "  {:.0} % of what {} can do here; {:.1} MB a slot beside the data; statistics cost {:.1} %\n",
        found.share_of_peak * 100.0,
        found.isa,
        found.slot_bytes as f64 / 1e6,
        found.statistics_share * 100.0
    ));
    text
}
