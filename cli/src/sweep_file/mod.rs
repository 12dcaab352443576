//! The sweep file: from TOML to a checked search, or to an error that names line, key and what would be right.
//!
//! In reading order: [`source`] shows problems, [`tree`] is TOML with places, [`tables`] are hone's own keys, [`walk`]
//! checks the tree against the types' schema and finds the [`domain`]s, [`search`] fills in `[search]`, [`cnn`] asks the
//! trainer about every value, [`canonical`] is what makes two files the same sweep. [`definition`] is what goes over the wire.

mod canonical;
mod cnn;
mod conditions;
mod definition;
pub mod domain;
pub mod fork;
pub mod names;
mod reading;
mod schema;
pub mod search;
mod sections;
pub mod source;
pub mod tables;
mod tree;
mod walk;

use std::path::{Path, PathBuf};

use hone_worker::{data::DataSet, user_file};
use serde_json::Value;

pub use cnn::{get, set};
pub use definition::{arithmetic, definition, definition_of_epochs};
use domain::Domain;
pub use hone_worker::data::KNOWN_SETS;
pub use schema::full as json_schema;
use search::SearchPlan;
use source::{Problem, Source, SweepFileError};
use tables::Objective;
use tree::Node;

use crate::exit::wrong;

/// A sweep file, read and checked.
#[derive(Clone, Debug)]
pub struct SweepFile {
    /// The sweep's name.
    pub name: String,
    /// Seed of everything random in it.
    pub seed: u64,
    /// `cnn`, or the name of an external program.
    pub trainer: String,
    /// With its direction known.
    pub objective: Objective,
    /// The search space, in order of path.
    pub domains: Vec<Domain>,
    /// What a trial's spec has for a domain whose conditions do not hold, beside `domains`.
    pub defaults: Vec<Option<Value>>,
    /// `objective` with `data`, `model`, `train` or `params`; defaults filled in, some value in each domain's place.
    pub spec: Value,
    /// As written, without defaults: what `hone plan` looks at to name keys that nothing uses.
    pub written: Value,
    /// How it is searched.
    pub search: SearchPlan,
    /// The images; `None` for another trainer.
    pub data: Option<Data>,
    /// Defaults filled in, domains in place, keys sorted.
    pub canonical: Value,
    /// Hash of `canonical`, hex.
    pub identity: String,
}

impl SweepFile {
    /// The spec at the middle of every axis, for estimates.
    pub fn middle(&self) -> Value {
        let mut spec = self.spec.clone();
        for domain in &self.domains {
            set(&mut spec, &domain.path, domain.middle());
        }
        spec
    }

    /// Whether every net of the space fits these images: for data sets that only their files can tell.
    pub fn check_images(&self, path: &Path, set: &DataSet) -> anyhow::Result<()> {
        let (source, root) = tree_of(path)?;
        let space = cnn::Space::new(&root, &self.domains, self.written.clone());
        let images = cnn::Images {
            shape: [set.shape.height, set.shape.width, set.shape.channels],
            classes: set.classes.len(),
        };
        space
            .check(Some(images))
            .map_err(|problems| SweepFileError::new(&source, problems))?;
        Ok(())
    }

    /// An error at a key of this file, of what only its images can tell.
    pub fn problem(&self, path: &Path, key: &str, message: String) -> anyhow::Error {
        match tree_of(path) {
            Ok((source, root)) => {
                let problem = Problem::at(&root.place(key), key, message);
                SweepFileError::new(&source, vec![problem]).into()
            }
            Err(error) => error,
        }
    }
}

/// The text of a file that was read before, with places.
fn tree_of(path: &Path) -> anyhow::Result<(Source, Node)> {
    let source = source(path)?;
    match tree::parse(&source.text) {
        Ok(root) => Ok((source, root)),
        Err(problem) => Err(SweepFileError::new(&source, vec![problem]).into()),
    }
}

/// Where a sweep's images come from.
#[derive(Clone, Debug)]
pub struct Data {
    /// The name under which workers offer the set.
    pub set: String,
    /// The name without a size: what `--data NAME=DIR` is about.
    pub name: String,
    /// A known set's name that is also the name of a folder beside the file, as a path that would mean that folder.
    pub namesake: Option<String>,
    /// The folder as this machine sees it, when the source is a path.
    pub folder: Option<PathBuf>,
    /// Cross-validation folds, 1 without.
    pub folds: u32,
    /// Evaluate the winner on the test part.
    pub test: bool,
}

/// No sweep file is longer.
const LARGEST: u64 = 4 << 20;

/// Reads and checks a sweep file.
pub fn read(path: &Path) -> anyhow::Result<SweepFile> {
    let source = source(path)?;
    Ok(parse(&source, path.parent().unwrap_or(Path::new(".")))?)
}

fn source(path: &Path) -> anyhow::Result<Source> {
    let read = user_file::read(path, LARGEST).map_err(|error| error.to_string());
    let text = read.and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| format!("it is no text: {error}"))
    });
    let text = text.map_err(|error| {
        wrong(format!(
            "cannot read the sweep file {}: {error}",
            path.display()
        ))
    })?;
    Ok(Source {
        path: path.display().to_string(),
        text,
    })
}

/// Checks the text of a sweep file; `beside` is where a relative folder of images starts.
pub fn parse(source: &Source, beside: &Path) -> Result<SweepFile, SweepFileError> {
    check(source, beside).map_err(|problems| SweepFileError::new(source, problems))
}

fn check(source: &Source, beside: &Path) -> Result<SweepFile, Vec<Problem>> {
    let root = tree::parse(&source.text).map_err(|problem| vec![problem])?;
    let shape = schema::plain();
    let mut walk = walk::Walk::new(shape);
    walk.value("", &root, shape, false);
    let walk::Found {
        mut domains,
        mut problems,
    } = walk.finish();
    domains.sort_by_cached_key(|d| names::sort_key(&d.path));
    problems.extend(conditions::resolve(&mut domains));
    problems.extend(sections::problems(&root));
    if !problems.is_empty() {
        return Err(problems);
    }
    let file = reading::Reading {
        root: &root,
        domains,
        beside,
    }
    .finish()?;
    match plan_problem(&root, &file) {
        Some(problem) => Err(vec![problem]),
        None => Ok(file),
    }
}

/// What the planner has against the file, at its place: the coordinator would refuse it with the same words.
fn plan_problem(root: &Node, file: &SweepFile) -> Option<Problem> {
    let error = hone_coordinator::definition::search(&definition(file, true)).err()?;
    let key = error.path.strip_prefix("sweep.").unwrap_or(&error.path);
    Some(Problem::at(&root.place(key), key, error.message))
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
