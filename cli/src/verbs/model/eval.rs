//! Evaluates a trained network on a data set.

use std::{path::PathBuf, sync::Arc};

use hone_worker::{
    cnn::{SavedNet, evaluate::evaluate},
    data::Part,
};
use serde_json::json;

use super::trainer;
use crate::{
    args::WorkerSetup,
    exit::Exit,
    output::{numbers, out},
};

/// Arguments of `hone model eval`.
#[derive(clap::Args)]
pub struct Args {
    /// The network's file
    #[arg(value_name = "NET.safetensors")]
    net: PathBuf,
    /// The data set [default: the one that the network was trained on]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    #[command(flatten)]
    setup: WorkerSetup,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Evaluates it on the test part where the set has one; else, of the set that it was trained on, on its own validation part,
/// and of another set on all images.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let net = SavedNet::open(&args.net)?;
    let trainer = trainer(None, &args.setup)?;
    let own = net.about.config.data.set_name();
    let name = args.source.clone().unwrap_or_else(|| own.clone());
    let set = trainer.library().open(&name)?;
    let mut executor = trainer.executor(&net.architecture)?;
    let prepared = net.prepare(Arc::clone(&set))?;
    let (part, images, label) = match &set.test {
        Some(test) => {
            let all = (0..u32::try_from(test.labels.len())?).collect();
            (Part::Test, all, "test")
        }
        None if name == own => {
            let own = trainer.library().prepare(&net.about.config.data, 0)?;
            (Part::Train, own.split.validation.clone(), "validation")
        }
        None => (Part::Train, prepared.split.train.clone(), "whole"),
    };
    let weights = (&net.parameters[..], &net.statistics[..]);
    let Some(score) = evaluate(&mut *executor, weights, &prepared, part, &images, || false)? else {
        anyhow::bail!("{name} has no images to evaluate");
    };
    if args.json {
        out::json(&json!({
            "source": name, "part": label, "images": images.len(), "accuracy": score.accuracy, "loss": score.loss,
        }))?;
    } else {
        out::print(&format!(
            "{name}, {label} part, {} images: accuracy {}, loss {}\n",
            numbers::count(images.len() as u64),
            numbers::metric(score.accuracy),
            numbers::metric(score.loss)
        ))?;
    }
    Ok(Exit::Done)
}
