//! A file whose keys and types are right: what remains is their sense.

use std::path::{Path, PathBuf};

use hone_worker::data::{is_known_set, plain_name};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    Data, KNOWN_SETS, SweepFile, canonical, cnn,
    cnn::get,
    dialects,
    domain::Domain,
    search::{self, SearchPlan},
    source::{Problem, nearest},
    tables::{self, Direction, Objective},
    tree::Node,
    walk,
};

/// A file on its way to a [`SweepFile`].
pub struct Reading<'a> {
    /// The whole file, for places.
    pub root: &'a Node,
    /// Its search space, in order of path.
    pub domains: Vec<Domain>,
    /// Where a relative folder of images starts.
    pub beside: &'a Path,
}

impl Reading<'_> {
    /// The file with its defaults, or what is wrong with it.
    pub fn finish(mut self) -> Result<SweepFile, Vec<Problem>> {
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
        let search = match search::resolve(self.root, &search, &self.domains) {
            Ok(search) => search,
            Err(more) => return Err([problems, more].concat()),
        };
        let defaults = self.defaults(trainer == "cnn", &written, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let parts = Parts {
            name,
            seed,
            trainer,
            objective,
            spec,
            written,
            search,
            data,
            defaults,
        };
        Ok(parts.assemble(self.domains))
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
                let near = || {
                    nearest(&objective.metric, names).map(|near| format!("did you mean {near:?}?"))
                };
                let help = dialects::word("objective.metric", &objective.metric).map(str::to_owned);
                let help = help.or_else(near).unwrap_or(format!("it reports {all}"));
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
        if let Some(folder) = &folder {
            // The path stays on this machine; the sweep knows the set by the folder's last name.
            written["data"]["source"] = json!(folder_name(&source, folder));
        }
        // A share written as 1.0 would be read as one image: numbers carry no kind on their way.
        if written["data"]
            .get("validation")
            .is_some_and(|v| v.is_f64() && v.as_f64() == Some(1.0))
        {
            let place = self.root.place("data.validation");
            let message = "validation = 1.0 would hold out everything";
            return Err(vec![Problem::at(&place, "data.validation", message).help(
                "a share is below 1, such as 0.2; a count is a whole number of images, such as 500",
            )]);
        }
        if let (Some(_), Some(validation)) = (
            written["data"].get("folds"),
            written["data"].get("validation"),
        ) {
            let message = format!("validation = {validation} beside folds");
            let place = self.root.place("data.validation");
            return Err(vec![Problem::at(&place, "data.validation", message).help(
                "with folds every part is held out once; leave out one of the two",
            )]);
        }
        let space = cnn::Space::new(self.root, &self.domains, written);
        let known = KNOWN_SETS.iter().find(|(name, ..)| *name == source);
        let config =
            space.check(known.map(|&(_, shape, classes)| cnn::Images { shape, classes }))?;
        let own = Path::new(".").join(&source);
        let data = Data {
            set: config.data.set_name(),
            name: config.data.source.clone(),
            namesake: (folder.is_none() && self.beside.join(&source).is_dir())
                .then(|| own.display().to_string()),
            folder,
            folds: config.data.folds.unwrap_or(1),
            test: config.data.test,
        };
        Ok((json!(config), space.base, Some(data)))
    }

    /// The folder that a source names, if it is no known set. It need not exist here: workers may have it.
    fn folder(&self, source: &str) -> Result<Option<PathBuf>, Vec<Problem>> {
        if is_known_set(source) {
            return Ok(None);
        }
        let known = KNOWN_SETS.map(|(name, ..)| name);
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

    /// What a trial's spec has where a hyperparameter's conditions do not hold; `None`: the key is left out.
    fn defaults(
        &self,
        cnn: bool,
        written: &Value,
        problems: &mut Vec<Problem>,
    ) -> Vec<Option<Value>> {
        let mut defaults = Vec::new();
        for domain in &self.domains {
            let default = default_of(cnn, written, &domain.path);
            if let (Err(message), Some(condition)) = (&default, domain.conditions.first()) {
                let key = format!("{}.if", domain.path);
                let help = "where a condition does not hold, the key keeps its default";
                problems.push(Problem::at(&condition.span, key, message.clone()).help(help));
            }
            defaults.push(default.unwrap_or(None));
        }
        defaults
    }
}

/// The name of a folder's set: of the source as it is written, so that it is the same on every machine; of the folder itself where
/// the source ends in dots.
fn folder_name(source: &str, folder: &Path) -> String {
    match plain_name(source).as_str() {
        "" | ".." => {
            let last = folder.file_name().unwrap_or_default();
            match plain_name(&format!("{}/", last.to_string_lossy())) {
                // The root of the file system has no name.
                name if name.is_empty() => "root".to_owned(),
                name => name,
            }
        }
        name => name.to_owned(),
    }
}

/// What a sweep file is made of, each part checked.
struct Parts {
    name: String,
    seed: u64,
    trainer: String,
    objective: Objective,
    spec: Value,
    written: Value,
    search: SearchPlan,
    data: Option<Data>,
    defaults: Vec<Option<Value>>,
}

impl Parts {
    fn assemble(mut self, domains: Vec<Domain>) -> SweepFile {
        let mut space = self.spec.clone();
        for domain in &domains {
            let full = |value: &Value| match self.trainer.as_str() {
                "cnn" => canonical::full_value(&self.written, &domain.path, value, full_spec),
                _ => value.clone(),
            };
            cnn::set(
                &mut space,
                &domain.path,
                canonical::domain_json(domain, full),
            );
        }
        self.spec["objective"] = json!(self.objective);
        space["objective"] = json!(self.objective);
        space["name"] = json!(self.name);
        space["seed"] = json!(self.seed);
        space["trainer"] = json!(self.trainer);
        space["search"] = self.search.to_json();
        let canonical = canonical::sorted(&space);
        let identity = canonical::identity(&canonical);
        SweepFile {
            name: self.name,
            seed: self.seed,
            trainer: self.trainer,
            objective: self.objective,
            domains,
            defaults: self.defaults,
            spec: self.spec,
            written: self.written,
            search: self.search,
            data: self.data,
            canonical,
            identity,
        }
    }
}

/// A spec as the built-in trainer reads it, defaults filled in.
fn full_spec(spec: &Value) -> Option<Value> {
    hone_worker::cnn::Config::from_spec(spec)
        .ok()
        .map(|config| json!(config))
}

/// What the trainer takes when the key at `path` is not there; an error where it cannot do without.
fn default_of(cnn: bool, spec: &Value, path: &str) -> Result<Option<Value>, String> {
    let (above, key) = path.rsplit_once('.').unwrap_or(("", path));
    if !get(spec, above).is_some_and(Value::is_object) {
        return Err(
            "a place in a list cannot be left out, so no condition may stand here".to_owned(),
        );
    }
    if !cnn {
        return Ok(None);
    }
    let mut without = spec.clone();
    cnn::unset(&mut without, path);
    let full = full_spec(&without).ok_or_else(|| {
        format!("`{key}` has no default, so it must exist: no condition may stand here")
    })?;
    Ok(get(&full, path).cloned())
}
