//! Names the class of images.

use std::path::PathBuf;

use serde_json::json;

use super::{open_net, trainer_over};
use crate::{
    args::WorkerSetup,
    exit::{Exit, wrong},
    output::out,
};

/// Arguments of `hone model predict`.
#[derive(clap::Args)]
pub struct Args {
    /// The network's file
    #[arg(value_name = "NET.safetensors")]
    net: PathBuf,
    /// Images, PNG or JPEG; resized to the network's input
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    #[command(flatten)]
    setup: WorkerSetup,
    /// One JSON object an image
    #[arg(long)]
    json: bool,
}

/// Runs `hone model predict`.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let net = open_net(&args.net)?;
    let mut executor = trainer_over(&args.setup.data, &args.setup)?.executor(&net.architecture)?;
    for path in &args.images {
        let file = path.display().to_string();
        if path.is_dir() {
            return Err(wrong(format!(
                "{file} is a folder: name its images, as in {}",
                path.join("*.png").display()
            )));
        }
        let prediction = net
            .predict(&mut *executor, path)
            .map_err(|error| wrong(error.to_string()))?;
        if !prediction.changed.is_empty() {
            out::note(format!("{file}: {}", prediction.changed.join(", ")));
        }
        if args.json {
            out::json(
                &json!({"image": file, "label": prediction.label, "probability": prediction.probability}),
            )?;
        } else {
            out::print(&format!(
                "{file}  {}  {:.4}\n",
                prediction.label, prediction.probability
            ))?;
        }
    }
    Ok(Exit::Done)
}
