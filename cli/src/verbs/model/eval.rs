//! Evaluates a trained network on a data set.

use std::{path::PathBuf, sync::Arc};

use hone_worker::{
    cnn::{
        CnnTrainer, SavedNet,
        evaluate::{Score, evaluate},
        saved_net::TrainedOn,
    },
    data::{DataSet, Part, Prepared, Split, is_known_set, plain_name},
    trainer::Stop,
};
use serde_json::json;

use super::{open_net, trainer_over};
use crate::{
    args::WorkerSetup,
    exit::{Exit, wrong},
    local::data::find_again,
    output::{
        numbers::{self, hex},
        out,
    },
};

/// Arguments of `hone model eval`.
#[derive(clap::Args)]
pub struct Args {
    /// The network's file
    #[arg(value_name = "NET.safetensors")]
    net: PathBuf,
    /// A data set's name, or a folder of images [default: what the network was trained on]
    #[arg(long, value_name = "NAME|DIR")]
    source: Option<String>,
    #[command(flatten)]
    setup: WorkerSetup,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Images to be judged by, and what they are to the network.
struct Judged {
    part: &'static str,
    about: String,
    images: Vec<(Part, Vec<u32>)>,
}

/// Evaluates it: on the test part where the set has one; else, of the set that it was trained on, on what was held out; of any
/// other folder on all its images.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let net = open_net(&args.net)?;
    let (trainer, name) = trainer(args, &net)?;
    let set = trainer
        .library()
        .open(&name)
        .map_err(|error| wrong(error.to_string()))?;
    let judged = judged(&net, &set, args)?;
    let crew = trainer.library().crew(&Stop::default())?;
    let prepared = net.prepare(Arc::clone(&set), &judged.images, &crew)?;
    let score = score(&net, &trainer, &prepared, &judged.images)?;
    let images: usize = judged.images.iter().map(|(_, images)| images.len()).sum();
    let (Some(score), plain) = (score, set.name.trim_end_matches('/')) else {
        anyhow::bail!("{name} has no images to evaluate");
    };
    if args.json {
        out::json(&json!({
            "source": plain, "part": judged.part, "images": images, "accuracy": score.accuracy, "loss": score.loss,
        }))?;
    } else {
        out::print(&format!(
            "{plain}, {}, {} images: accuracy {}, loss {}\n",
            judged.about,
            numbers::count(images as u64),
            numbers::metric(score.accuracy),
            numbers::metric(score.loss)
        ))?;
    }
    Ok(Exit::Done)
}

/// The trainer over the sets that the flags name, and the name of the one that is asked for.
fn trainer(args: &Args, net: &SavedNet) -> anyhow::Result<(CnnTrainer, String)> {
    let own = &net.about.config.data;
    let setup = &args.setup;
    let Some(source) = &args.source else {
        let hash = net.about.trained_on.as_ref().map(|on| on.data.as_str());
        let named = find_again(&setup.data, &own.source, hash);
        return Ok((trainer_over(&named, setup)?, own.set_name()));
    };
    let plain = plain_name(source);
    let mut named = setup.data.clone();
    if !is_known_set(source) && std::path::Path::new(source).is_dir() {
        named.push(format!("{plain}={source}"));
    }
    // Images of another folder are brought to the size that the network takes.
    let [height, width, _] = net.about.shape;
    let name = match own.size {
        Some(_) if !is_known_set(source) => format!("{plain}@{height}x{width}"),
        _ => plain,
    };
    Ok((trainer_over(&named, setup)?, name))
}

fn judged(net: &SavedNet, set: &DataSet, args: &Args) -> anyhow::Result<Judged> {
    let all = |count: usize| (0..u32::try_from(count).unwrap_or(u32::MAX)).collect::<Vec<u32>>();
    let own = is_own(net, set, args.source.is_none());
    let test = set.test.as_ref().map(|test| (Part::Test, all(test.len())));
    if let Some(test) = test.clone().filter(|_| own || is_known_set(&set.name)) {
        return Ok(Judged {
            part: "test",
            about: "test part".to_owned(),
            images: vec![test],
        });
    }
    let trained_on = net.about.trained_on.as_ref();
    if !own {
        return Ok(Judged {
            part: "whole",
            about: "the whole set".to_owned(),
            images: [(Part::Train, all(set.train.len()))]
                .into_iter()
                .chain(test)
                .collect(),
        });
    }
    if trained_on.is_some_and(|on| on.everything) {
        return Ok(Judged {
            part: "training",
            about: "the very images that it was trained on, which says nothing about others"
                .to_owned(),
            images: vec![(Part::Train, all(set.train.len()))],
        });
    }
    let fold = trained_on.map_or(0, |on| on.fold);
    let split = Split::new(set, &net.about.config.data, fold)?;
    let doubt = match trained_on {
        Some(_) => "",
        None => " (if it was not trained with --all-data: this file is too old to say)",
    };
    Ok(Judged {
        part: "validation",
        about: format!("validation part{doubt}"),
        images: vec![(Part::Train, split.validation.clone())],
    })
}

/// Whether these are the images of its training: by their hash, or, where an old file does not say, by their name.
fn is_own(net: &SavedNet, set: &DataSet, by_name: bool) -> bool {
    match &net.about.trained_on {
        Some(TrainedOn { data, .. }) => *data == hex(&set.hash),
        None => by_name,
    }
}

/// Over all images of all parts.
fn score(
    net: &SavedNet,
    trainer: &CnnTrainer,
    prepared: &Prepared,
    images: &[(Part, Vec<u32>)],
) -> anyhow::Result<Option<Score>> {
    let mut executor = trainer.executor(&net.architecture)?;
    let weights = (&net.parameters[..], &net.statistics[..]);
    let mut scores = Vec::new();
    for (part, images) in images {
        let score = evaluate(&mut *executor, weights, prepared, *part, images, || false)?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 images")]
        scores.extend(score.map(|score| (images.len() as f64, score)));
    }
    let together = |(n, a): (f64, Score), (m, b): (f64, Score)| {
        let mean = |a: f64, b: f64| (a * n + b * m) / (n + m);
        let score = Score {
            loss: mean(a.loss, b.loss),
            accuracy: mean(a.accuracy, b.accuracy),
        };
        (n + m, score)
    };
    Ok(scores.into_iter().reduce(together).map(|(_, score)| score))
}
