//! The sweep file: from TOML to a checked search, or to an error that names line, key and what would be right.
//!
//! In reading order: [`source`] shows problems, [`tree`] is TOML with places, [`tables`] are hone's own keys, [`walk`]
//! checks the tree against the types' schema and finds the [`domain`]s ([`dialects`]: as other tools write them), [`search`] fills in `[search]`, [`cnn`] asks the
//! trainer about every value, [`canonical`] is what makes two files the same sweep. [`definition`] is what goes over the wire.

mod canonical;
mod cnn;
mod conditions;
mod definition;
mod dialects;
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

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use hone_worker::{
    data::{DataSet, is_known_set},
    user_file,
};
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
pub use tree::number;

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

/// A domain as a file has it.
pub fn domain_json(domain: &Domain) -> Value {
    canonical::domain_json(domain, Value::clone)
}

/// Reads and checks a sweep file.
pub fn read(path: &Path) -> anyhow::Result<SweepFile> {
    let source = source(path)?;
    Ok(parse(&source, path.parent().unwrap_or(Path::new(".")))?)
}

fn source(path: &Path) -> anyhow::Result<Source> {
    let shown = path.display().to_string();
    match text(path) {
        Ok(text) => Ok(Source { path: shown, text }),
        Err(problem) => Err(wrong(format!(
            "cannot read the sweep file {shown}: {problem}"
        ))),
    }
}

/// The whole text of a file that is one, and no larger than a sweep may be.
fn text(path: &Path) -> Result<String, String> {
    use hone_coordinator::definition::MOST_BYTES;
    // What is named in place of a file to run can often be made one.
    let init = format!(
        "; `hone init {} > sweep.toml` writes one to start from",
        path.display()
    );
    if path.is_dir() {
        return Err(format!("it is a folder{init}"));
    }
    let bytes = user_file::read(path, MOST_BYTES as u64).map_err(|error| match error.kind() {
        ErrorKind::NotFound if is_known_set(&path.to_string_lossy()) => {
            format!("there is no such file{init}")
        }
        _ => error.to_string(),
    })?;
    String::from_utf8(bytes).map_err(|error| format!("it is no text: {error}"))
}

/// Checks the text of a sweep file; `beside` is where a relative folder of images starts.
pub fn parse(source: &Source, beside: &Path) -> Result<SweepFile, SweepFileError> {
    check(source, beside).map_err(|problems| SweepFileError::new(source, problems))
}

fn check(source: &Source, beside: &Path) -> Result<SweepFile, Vec<Problem>> {
    let root =
        tree::parse(&source.text).map_err(|problem| vec![of_another_kind(source, problem)])?;
    let shape = schema::plain();
    let mut walk = walk::Walk::new(shape);
    walk.value("", &root, shape, false);
    let walk::Found {
        mut domains,
        mut problems,
        meant,
    } = walk.finish();
    problems.extend(sections::problems(&root, &meant));
    // Whatever follows may take its time with each of them.
    if problems.is_empty() {
        problems.extend(too_many(&root, &domains));
    }
    if problems.is_empty() {
        domains.sort_by_cached_key(|d| names::sort_key(&d.path));
        problems.extend(conditions::resolve(&mut domains));
    }
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

/// Files for other tools have other endings.
fn of_another_kind(source: &Source, problem: Problem) -> Problem {
    let is_toml = Path::new(&source.path)
        .extension()
        .is_some_and(|ending| ending == "toml");
    if is_toml {
        return problem;
    }
    problem.help("a sweep file is TOML, and usually ends in .toml; `hone init digits` prints one")
}

/// Within the coordinator's bounds, in its words.
fn too_many(root: &Node, domains: &[Domain]) -> Option<Problem> {
    let values = domains.iter().map(Domain::listed).sum();
    let error = hone_coordinator::definition::check_space(domains.len(), values).err()?;
    Some(refused(root, error))
}

/// What the planner has against the file, at its place: the coordinator would refuse it with the same words.
fn plan_problem(root: &Node, file: &SweepFile) -> Option<Problem> {
    let error = hone_coordinator::definition::search(&definition(file, true)).err()?;
    Some(refused(root, error))
}

fn refused(root: &Node, error: hone_coordinator::definition::DefinitionError) -> Problem {
    let key = error.path.strip_prefix("sweep.").unwrap_or(&error.path);
    Problem::at(&root.place(key), key, error.message)
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
