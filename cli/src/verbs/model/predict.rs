//! Names the class of images.

use std::path::PathBuf;

use hone_worker::cnn::SavedNet;
use serde_json::json;

use super::trainer_over;
use crate::{args::WorkerSetup, exit::Exit, output::out};

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
    let net = SavedNet::open(&args.net)?;
    let mut executor = trainer_over(&args.setup.data, &args.setup)?.executor(&net.architecture)?;
    for path in &args.images {
        let prediction = net.predict(&mut *executor, path)?;
        let file = path.display().to_string();
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
