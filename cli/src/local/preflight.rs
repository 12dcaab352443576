//! What can be known to fail before anything is stored: `run`, `plan` and `launch` refuse the same, in the same words.

use std::path::Path;

use hone_worker::{
    cnn::{
        Config,
        check::{Severity, missing},
    },
    data::{self, ConfigProblem, DataError, DataSet, Inventory, Split, given_already},
};

use super::data::DataHere;
use crate::{
    output::{style::Style, told::line},
    sweep_file::{self, SweepFile, domain::Domain},
};

/// What is known of a sweep's images on this machine.
pub enum Images {
    /// The file's trainer is no CNN.
    None,
    /// They are not on this machine, so nothing was checked; the reason.
    Elsewhere(String),
    /// They were read, and every net of the space can be trained on them.
    Here(Box<Checked>),
}

/// Images that were read and found right for a sweep.
pub struct Checked {
    /// The set, and where it lies.
    pub here: DataHere,
    /// Its split; the first fold's with `folds`.
    pub split: Split,
    /// What there is to say about it.
    pub inventory: Inventory,
}

impl Images {
    /// What was read, if it was.
    pub fn checked(&self) -> Option<&Checked> {
        match self {
            Images::Here(checked) => Some(checked),
            Images::None | Images::Elsewhere(_) => None,
        }
    }
}

/// Reads the images of the sweep file at `path`, with the places that `--data` names.
///
/// # Errors
/// The images are here and something of the sweep would fail on them.
pub fn images(file: &SweepFile, path: &Path, named: &[String]) -> anyhow::Result<Images> {
    let Some(data) = &file.data else {
        return Ok(Images::None);
    };
    let here = match DataHere::find(file, data, named) {
        Ok(Ok(here)) => here,
        Ok(Err(elsewhere)) => return Ok(Images::Elsewhere(elsewhere)),
        Err(error) => {
            return Err(match error.downcast::<DataError>() {
                Ok(broken) => file.problem(path, "data.source", broken.to_string()),
                Err(flag) => flag,
            });
        }
    };
    let set = &*here.set;
    file.check_images(path, set)?;
    if let (Some(value), Some(_)) = (
        file.written["data"].get("validation"),
        set.given_validation(),
    ) {
        let message = format!("{value}: {}", given_already(set));
        return Err(file.problem(path, "data.validation", message));
    }
    let mut warnings = Vec::new();
    let mut smallest = usize::MAX;
    let mut first = None;
    for config in configs(file)? {
        for fold in 0..data.folds {
            let split = split(set, &config.data, fold, &mut warnings)
                .map_err(|error| at_its_place(file, path, &error))?;
            smallest = smallest.min(split.train.len());
            first.get_or_insert((split, config.data.clone()));
        }
    }
    warnings.extend(batch_size(file, path, smallest)?);
    let Some((split, config)) = first else {
        return Ok(Images::None);
    };
    let mut inventory = split.inventory(set, &config);
    inventory.warnings.extend(warnings);
    Ok(Images::Here(Box::new(Checked {
        here,
        split,
        inventory,
    })))
}

/// The middle of the space, and every end and choice of what decides over the images.
fn configs(file: &SweepFile) -> anyhow::Result<Vec<Config>> {
    let mut configs = vec![Config::from_spec(&file.middle())?];
    let about_data = |domain: &&Domain| domain.path.starts_with("data.");
    for domain in file.domains.iter().filter(about_data) {
        for (value, _) in domain.probes() {
            let mut spec = file.middle();
            sweep_file::set(&mut spec, &domain.path, value);
            configs.push(Config::from_spec(&spec)?);
        }
    }
    Ok(configs)
}

/// Splits as a trial would, and refuses what the check would fail.
fn split(
    set: &DataSet,
    config: &data::Config,
    fold: u32,
    warnings: &mut Vec<String>,
) -> Result<Split, DataError> {
    config.fits(set.shape)?;
    let split = Split::new(set, config, fold)?;
    let (train, test) = (split.train.len(), set.test.as_ref());
    let copies = train + split.validation.len() + test.map_or(0, |test| test.len());
    config
        .fit_cost(set.shape, train, copies)
        .map_err(DataError::Config)?;
    for finding in missing(set, &split, config) {
        let text = format!("{}: {}", finding.message, finding.advice);
        match finding.severity {
            Severity::Failure => {
                return Err(DataError::Config(ConfigProblem {
                    key: "source",
                    value: set.name.clone(),
                    message: text,
                }));
            }
            Severity::Warning if !warnings.contains(&text) => warnings.push(text),
            Severity::Warning => {}
        }
    }
    Ok(split)
}

fn at_its_place(file: &SweepFile, path: &Path, error: &DataError) -> anyhow::Error {
    match error {
        DataError::Config(problem) => {
            let key = format!("data.{}", problem.key);
            let message = format!("{}: {}", problem.value, problem.message);
            file.problem(path, &key, message)
        }
        error => file.problem(path, "data.source", error.to_string()),
    }
}

/// No batch is larger than the training part. A size that was written is refused; the default is only remarked on.
fn batch_size(file: &SweepFile, path: &Path, images: usize) -> anyhow::Result<Option<String>> {
    const KEY: &str = "train.batch_size";
    let domain = file.domains.iter().find(|domain| domain.path == KEY);
    let probes = domain.map_or(Vec::new(), Domain::probes);
    let ends = probes.iter().filter_map(|(value, _)| value.as_u64());
    let middle = Config::from_spec(&file.middle())?.train.batch_size as u64;
    let largest = ends.fold(middle, u64::max);
    if largest <= images as u64 {
        return Ok(None);
    }
    let message =
        format!("{largest}: the training part has {images} images, and no batch has more");
    if file.written["train"].get("batch_size").is_some() {
        return Err(file.problem(path, KEY, message));
    }
    Ok(Some(format!(
        "train.batch_size = {message}: every step takes all of them"
    )))
}

/// The facts as lines below a title, warnings marked.
pub fn render(inventory: &Inventory, style: Style) -> String {
    let mut out = format!("\n{}\n", style.bold("data"));
    for fact in inventory.lines() {
        out.push_str(&format!("  {}\n", line(&fact)));
    }
    for warning in &inventory.warnings {
        out.push_str(&format!("  {} {}\n", style.yellow("!"), line(warning)));
    }
    out
}
