//! The sweep file: from TOML to a checked search, or to an error that names line, key and what would be right.
//!
//! In reading order: [`source`] shows problems, [`tree`] is TOML with places, [`tables`] are hone's own keys, [`walk`]
//! checks the tree against the types' schema and finds the [`domain`]s, [`search`] fills in `[search]`, [`cnn`] asks the
//! trainer about every value, [`canonical`] is what makes two files the same sweep, [`define`] is what goes over the wire.

mod canonical;
mod cnn;
mod conditions;
pub mod define;
pub mod domain;
pub mod names;
mod not_yet;
mod schema;
pub mod search;
pub mod source;
pub mod tables;
mod tree;
mod walk;

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

pub use cnn::{get, set as place};
use domain::Domain;
pub use schema::full as json_schema;
use search::SearchPlan;
use source::{Problem, Source, SweepFileError, nearest};
use tables::{Direction, Objective};
use tree::{Kind, Node};

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
            cnn::set(&mut spec, &domain.path, domain.middle());
        }
        spec
    }

    /// Whether every net of the space fits images of this shape: for data sets that only their files can tell.
    pub fn check_images(
        &self,
        path: &Path,
        shape: [usize; 3],
        classes: usize,
    ) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(path)?;
        let source = Source {
            path: path.display().to_string(),
            text,
        };
        let refuse = |problems| SweepFileError::new(&source, problems);
        let root = tree::parse(&source.text).map_err(|problem| refuse(vec![problem]))?;
        let space = cnn::Space::new(&root, &self.domains, self.written.clone());
        space.check(Some((shape, classes))).map_err(refuse)?;
        Ok(())
    }
}

/// Where a sweep's images come from.
#[derive(Clone, Debug)]
pub struct Data {
    /// The name under which workers offer the set.
    pub set: String,
    /// The name without a size: what `--data NAME=DIR` is about.
    pub name: String,
    /// The folder as this machine sees it, when the source is a path.
    pub folder: Option<PathBuf>,
    /// Cross-validation folds, 1 without.
    pub folds: u32,
    /// Evaluate the winner on the test part.
    pub test: bool,
}

/// The sets that hone knows by name, with the shape of an image and the number of classes.
pub const KNOWN_SETS: [(&str, [usize; 3], usize); 5] = [
    ("digits", [8, 8, 1], 10),
    ("mnist", [28, 28, 1], 10),
    ("fashion-mnist", [28, 28, 1], 10),
    ("cifar10", [32, 32, 3], 10),
    ("xor", [1, 1, 2], 2),
];

/// Reads and checks a sweep file.
pub fn read(path: &Path) -> anyhow::Result<SweepFile> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the sweep file {}", path.display()))?;
    let source = Source {
        path: path.display().to_string(),
        text,
    };
    Ok(parse(&source, path.parent().unwrap_or(Path::new(".")))?)
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
    problems.extend(sections(&root));
    if !problems.is_empty() {
        return Err(problems);
    }
    Reading {
        root: &root,
        domains,
        beside,
    }
    .finish()
}

/// What belongs to which trainer.
fn sections(root: &Node) -> Vec<Problem> {
    let Kind::Table(table) = &root.kind else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    if let Some(Kind::Str(name)) = table.get("name").map(|n| &n.kind)
        && let Some(message) = names::name_problem(name)
    {
        problems.push(Problem::at(&root.place("name"), "name", message));
    }
    let trainer = match table.get("trainer").map(|n| &n.kind) {
        Some(Kind::Str(name)) => name.as_str(),
        _ => "cnn",
    };
    let (wrong, help): (&[&str], &str) = if trainer == "cnn" {
        (
            &["params"],
            "[params] is the space of another trainer: set `trainer`, or use [model] and [train]",
        )
    } else {
        (
            &["data", "model", "train"],
            "another trainer than `cnn` gets its space from [params]",
        )
    };
    for key in wrong {
        if let Some(entry) = table.entry(key) {
            let message = format!("no table of the trainer {trainer:?}");
            problems.push(Problem::at(&entry.key_span, *key, message).help(help));
        }
    }
    let needed = if trainer == "cnn" { "data" } else { "params" };
    if table.get(needed).is_none() {
        let help = if trainer == "cnn" {
            "for example [data] with source = \"digits\""
        } else {
            help
        };
        problems.push(Problem {
            span: None,
            key: needed.into(),
            message: "this table is required".into(),
            help: Some(help.into()),
        });
    }
    if trainer != "cnn" {
        problems.extend(dotted_params(root));
    }
    problems
}

/// A dot in a key of `[params]` would make full paths ambiguous.
fn dotted_params(root: &Node) -> Vec<Problem> {
    fn visit(node: &Node, path: &str, problems: &mut Vec<Problem>) {
        let Kind::Table(table) = &node.kind else {
            return;
        };
        if domain::is_domain(table) {
            return;
        }
        for entry in &table.0 {
            let at = walk::join(path, &entry.key);
            if entry.key.contains('.') || entry.key.is_empty() {
                problems.push(Problem::at(
                    &entry.key_span,
                    at,
                    "a name of a hyperparameter has no dot in it",
                ));
            } else {
                visit(&entry.node, &at, problems);
            }
        }
    }
    let mut problems = Vec::new();
    if let Some(params) = root.table().and_then(|t| t.get("params")) {
        visit(params, "params", &mut problems);
    }
    problems
}

/// A file whose keys and types are right; what remains is their sense.
struct Reading<'a> {
    root: &'a Node,
    domains: Vec<Domain>,
    beside: &'a Path,
}

impl Reading<'_> {
    fn finish(mut self) -> Result<SweepFile, Vec<Problem>> {
        let name: String = self.table("name")?;
        let seed: u64 = self.table("seed")?;
        let trainer = match self.json("trainer") {
            Value::String(name) => name,
            _ => "cnn".into(),
        };
        let mut problems = Vec::new();
        let mut objective: Objective = self.table("objective")?;
        problems.extend(self.objective(&mut objective, &trainer));
        let (spec, written, data) = if trainer == "cnn" {
            self.cnn()
                .map_err(|more| [problems.clone(), more].concat())?
        } else {
            let written = json!({ "params": self.json("params") });
            let space = cnn::Space::new(self.root, &self.domains, written.clone());
            (space.base, written, None)
        };
        let search: tables::Search = self.table("search")?;
        let folds = data.as_ref().map_or(1, |d| d.folds);
        let search = match search::resolve(self.root, &search, &self.domains, folds) {
            Ok(search) => search,
            Err(more) => return Err([problems, more].concat()),
        };
        problems.extend(not_yet::problems(self.root, &search, &self.domains));
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(self.assemble(name, seed, trainer, objective, spec, written, search, data))
    }

    fn json(&self, key: &str) -> Value {
        self.root
            .table()
            .and_then(|t| t.get(key))
            .map_or(Value::Null, Node::to_json)
    }

    /// A table of hone's own; an absent one is its default.
    fn table<T: DeserializeOwned + Default>(&self, key: &str) -> Result<T, Vec<Problem>> {
        let value = self.json(key);
        if value.is_null() {
            return Ok(T::default());
        }
        serde_path_to_error::deserialize(&value).map_err(|error| {
            let path = walk::join(key, &error.path().to_string());
            vec![Problem::at(
                &self.root.place(&path),
                path,
                error.inner().to_string(),
            )]
        })
    }

    fn objective(&self, objective: &mut Objective, trainer: &str) -> Vec<Problem> {
        let known = [
            ("val_accuracy", Direction::Maximize),
            ("train_accuracy", Direction::Maximize),
            ("val_loss", Direction::Minimize),
            ("train_loss", Direction::Minimize),
        ];
        let found = known.iter().find(|(name, _)| *name == objective.metric);
        let place = self.root.place("objective.metric");
        let names = known.iter().map(|(name, _)| *name);
        let wrong = |message: String, help: String| {
            vec![Problem::at(&place, "objective.metric", message).help(help)]
        };
        match (found, objective.direction) {
            (Some((_, direction)), None) => objective.direction = Some(*direction),
            (None, _) if trainer == "cnn" => {
                let all = names.clone().collect::<Vec<_>>().join(", ");
                let help = nearest(&objective.metric, names)
                    .map_or(format!("it reports {all}"), |near| {
                        format!("did you mean {near:?}?")
                    });
                return wrong(
                    format!("the trainer cnn reports no {:?}", objective.metric),
                    help,
                );
            }
            (None, None) => {
                let message = format!(
                    "hone does not know whether a larger {:?} is better",
                    objective.metric
                );
                return wrong(
                    message,
                    "write direction = \"maximize\" or \"minimize\" in [objective]".into(),
                );
            }
            _ => {}
        }
        Vec::new()
    }

    /// `data`, `model` and `train`: the trainer's view with defaults, what was written, and where the images are.
    fn cnn(&mut self) -> Result<(Value, Value, Option<Data>), Vec<Problem>> {
        let mut written = Map::new();
        for key in ["data", "model", "train"] {
            let value = self.json(key);
            written.insert(key.into(), if value.is_null() { json!({}) } else { value });
        }
        let mut written = Value::Object(written);
        let source = written["data"]["source"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let folder = self.folder(&source)?;
        if let Some(last) = folder.as_ref().and_then(|f| f.file_name()) {
            // The path stays on this machine; the sweep knows the set by the folder's last name.
            written["data"]["source"] = json!(last.to_string_lossy());
        }
        let space = cnn::Space::new(self.root, &self.domains, written);
        let known = KNOWN_SETS.iter().find(|(name, ..)| *name == source);
        let config = space.check(known.map(|(_, shape, classes)| (*shape, *classes)))?;
        let data = Data {
            set: config.data.set_name(),
            name: config.data.source.clone(),
            folder,
            folds: config.data.folds.unwrap_or(1),
            test: config.data.test,
        };
        Ok((json!(config), space.base, Some(data)))
    }

    /// The folder that a source names, if it is no known set. It need not exist here: workers may have it.
    fn folder(&self, source: &str) -> Result<Option<PathBuf>, Vec<Problem>> {
        let known = KNOWN_SETS.map(|(name, ..)| name);
        if known.contains(&source) {
            return Ok(None);
        }
        let path = self.beside.join(source);
        let path = path.canonicalize().unwrap_or(path);
        let is_path = source.contains(['/', '\\']) || path.is_dir();
        match nearest(source, known) {
            Some(near) if !is_path => {
                let message = format!("no data set and no folder {source:?}");
                let help = format!(
                    "did you mean {near:?}? Known are {}, or the path of a folder",
                    known.join(", ")
                );
                Err(vec![
                    Problem::at(&self.root.place("data.source"), "data.source", message).help(help),
                ])
            }
            _ => Ok(Some(path)),
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one struct, each checked on its own"
    )]
    fn assemble(
        self,
        name: String,
        seed: u64,
        trainer: String,
        objective: Objective,
        mut spec: Value,
        written: Value,
        search: SearchPlan,
        data: Option<Data>,
    ) -> SweepFile {
        let cnn = trainer == "cnn";
        let full_spec = |spec: &Value| {
            hone_worker::cnn::Config::from_spec(spec)
                .ok()
                .map(|c| json!(c))
        };
        let mut defaults = Vec::new();
        let mut space = spec.clone();
        for domain in &self.domains {
            let full = |value: &Value| match cnn {
                true => canonical::full_value(&written, &domain.path, value, full_spec),
                false => value.clone(),
            };
            cnn::set(
                &mut space,
                &domain.path,
                canonical::domain_json(domain, full),
            );
            defaults.push(if cnn {
                default_of(&written, &domain.path, full_spec)
            } else {
                None
            });
        }
        spec["objective"] = json!(objective);
        space["objective"] = json!(objective);
        space["name"] = json!(name);
        space["seed"] = json!(seed);
        space["trainer"] = json!(trainer);
        space["search"] = search.to_json();
        let canonical = canonical::sorted(&space);
        let identity = canonical::identity(&canonical);
        SweepFile {
            name,
            seed,
            trainer,
            objective,
            domains: self.domains,
            defaults,
            spec,
            written,
            search,
            data,
            canonical,
            identity,
        }
    }
}

/// What the trainer takes when the key at `path` is not there.
fn default_of(
    spec: &Value,
    path: &str,
    full_spec: impl Fn(&Value) -> Option<Value>,
) -> Option<Value> {
    let mut without = spec.clone();
    let (above, key) = path.rsplit_once('.')?;
    let pointer = format!("/{}", above.replace('.', "/"));
    without.pointer_mut(&pointer)?.as_object_mut()?.remove(key);
    get(&full_spec(&without)?, path).cloned()
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
