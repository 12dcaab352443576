//! Prints shapes, parameters and multiply-adds, layer by layer.

use std::path::PathBuf;

use hone_worker::cnn::{Architecture, architecture::LayerSummary};
use serde_json::json;

use super::read;
use crate::{
    args::WorkerSetup,
    exit::Exit,
    local::setup,
    output::{
        numbers, out,
        style::Style,
        table::{Align, Table},
    },
    sweep_file::{KNOWN_SETS, SweepFile},
};

/// Arguments of `hone model summary`.
#[derive(clap::Args)]
pub struct Args {
    /// The sweep file; domains stand at their middle
    #[arg(value_name = "SWEEP.toml")]
    file: PathBuf,
    #[command(flatten)]
    setup: WorkerSetup,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Runs `hone model summary`.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let (file, config) = read(&args.file)?;
    let (shape, classes) = images(&file, &args.setup)?;
    let net = Architecture::new(&config.model, shape.into(), classes)?;
    let lines = net.summary();
    if args.json {
        out::json(&json!({
            "input": shape, "classes": classes, "layers": lines,
            "parameters": net.parameter_count, "multiply_adds": net.multiply_adds(),
        }))?;
    } else {
        out::print(&render(&net, &lines, Style::stdout()))?;
    }
    Ok(Exit::Done)
}

/// Shape and classes of the file's images; known sets need no files for that.
pub(super) fn images(file: &SweepFile, flags: &WorkerSetup) -> anyhow::Result<([usize; 3], usize)> {
    let data = file.data.as_ref();
    let name = data.map_or("", |data| data.name.as_str());
    if let Some((_, shape, classes)) = KNOWN_SETS.iter().find(|(known, ..)| *known == name) {
        return Ok((*shape, *classes));
    }
    let named = data.map_or_else(
        || flags.data.clone(),
        |data| setup::with_folder(&flags.data, data),
    );
    let set = setup::library(&named)?.open(data.map_or("", |data| data.set.as_str()))?;
    let shape = [set.shape.height, set.shape.width, set.shape.channels];
    Ok((shape, set.classes.len()))
}

fn render(net: &Architecture, lines: &[LayerSummary], style: Style) -> String {
    let mut table = Table::new(&[
        ("layer", Align::Left),
        ("output", Align::Right),
        ("parameters", Align::Right),
        ("multiply-adds", Align::Right),
        ("size", Align::Left),
    ]);
    let by = if style.unicode { "×" } else { "x" };
    let number = |count: usize| {
        if count == 0 {
            String::new()
        } else {
            numbers::count(count as u64)
        }
    };
    for line in lines {
        let mut size = line.arithmetic.clone().unwrap_or_default();
        let [rows, columns] = line.dropped;
        if rows + columns > 0 {
            size.push_str(&format!(
                "; drops a border of {rows} rows, {columns} columns"
            ));
        }
        table.row(vec![
            line.name.clone(),
            line.output.map(|side| side.to_string()).join(by),
            number(line.parameters),
            number(line.multiply_adds),
            size,
        ]);
    }
    let input =
        [net.input.height, net.input.width, net.input.channels].map(|side| side.to_string());
    format!(
        "input {}\n\n{}\n{} parameters, {} multiply-adds an image\n",
        input.join(by),
        table.render(style, 0),
        numbers::count(net.parameter_count as u64),
        numbers::count(net.multiply_adds() as u64)
    )
}
