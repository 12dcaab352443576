//! Asks the built-in trainer about every value that its part of the file can take.

use hone_worker::cnn::{Architecture, Config, ConfigError};
use serde_json::Value;

use super::{
    domain::{Domain, same},
    source::{Problem, Span},
    tree::Node,
};

/// At most so many combinations of a net's choices and ends are tried; beyond, one after the other.
const COMBINATIONS: usize = 2_000;

const BATCH_SIZE: &str = "train.batch_size";

/// What has a say where a batch has one image.
const BATCH_NORM: [&str; 3] = [BATCH_SIZE, "model.batch_norm", "model.hidden"];

/// What is known of the images.
#[derive(Clone, Copy, Debug)]
pub struct Images {
    /// Height, width and channels.
    pub shape: [usize; 3],
    /// Number of classes.
    pub classes: usize,
}

/// Puts `value` at a dotted path; makes the tables on its way, never list entries.
pub fn set(spec: &mut Value, path: &str, value: Value) {
    let mut at = spec;
    for segment in path.split('.') {
        at = match at {
            Value::Array(items) => {
                match segment.parse::<usize>().ok().and_then(|i| items.get_mut(i)) {
                    Some(item) => item,
                    None => return,
                }
            }
            other => {
                if !other.is_object() {
                    *other = Value::Object(serde_json::Map::new());
                }
                match other.as_object_mut() {
                    Some(object) => object.entry(segment).or_insert(Value::Null),
                    None => return,
                }
            }
        };
    }
    *at = value;
}

/// Takes away the key at a dotted path; a list entry stays.
pub fn unset(spec: &mut Value, path: &str) {
    let (above, key) = path.rsplit_once('.').unwrap_or(("", path));
    let pointer = format!("/{}", above.replace('.', "/"));
    if let Some(table) = spec.pointer_mut(&pointer).and_then(Value::as_object_mut) {
        table.remove(key);
    }
}

/// The value at a dotted path.
pub fn get<'a>(spec: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(spec, |at, segment| match at {
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        other => other.get(segment),
    })
}

/// The space and the spec with the first value of every domain in its place.
pub struct Space<'a> {
    /// The whole file, for places.
    pub root: &'a Node,
    /// The hyperparameters.
    pub domains: &'a [Domain],
    /// `data`, `model`, `train` as written, a value in each domain's place.
    pub base: Value,
}

impl<'a> Space<'a> {
    /// Puts the first value of every domain into its place.
    pub fn new(root: &'a Node, domains: &'a [Domain], mut spec: Value) -> Self {
        for domain in domains {
            if let Some((value, _)) = domain.probes().into_iter().next() {
                set(&mut spec, &domain.path, value);
            }
        }
        Space {
            root,
            domains,
            base: spec,
        }
    }

    /// The trainer's view of the base, or what is wrong with any value that can be drawn.
    ///
    /// With the images' shape the nets' geometry is tried too.
    pub fn check(&self, images: Option<Images>) -> Result<Config, Vec<Problem>> {
        let mut problems = Vec::new();
        for picks in self.combinations() {
            let mut spec = self.base.clone();
            for (domain, pick) in &picks {
                if excluded(domain, &picks) {
                    unset(&mut spec, &domain.path);
                } else {
                    set(&mut spec, &domain.path, pick.0.clone());
                }
            }
            let result = Config::from_spec(&spec).and_then(|config| match &images {
                Some(images) => {
                    Architecture::of(&config, images.shape.into(), images.classes, usize::MAX)
                        .map(drop)
                }
                None => Ok(()),
            });
            if let Err(error) = result {
                let problem = self.problem(&error, &picks);
                // One word about each place: the first combination that fails there stands for the others.
                if !problems.iter().any(|p: &Problem| p.key == problem.key) {
                    problems.push(problem);
                }
            }
        }
        match Config::from_spec(&self.base) {
            Ok(config) if problems.is_empty() => Ok(config),
            _ => Err(problems),
        }
    }

    /// Every combination of the net's choices and ends while they are few, and every other value on its own.
    fn combinations(&self) -> Vec<Vec<(&'a Domain, (Value, Span))>> {
        let mut all = vec![Vec::new()];
        let nets: Vec<&Domain> = self
            .domains
            .iter()
            .filter(|d| self.decides_with_others(&d.path))
            .collect();
        let product = nets
            .iter()
            .try_fold(1usize, |n, d| n.checked_mul(d.probes().len()));
        let few = product.is_some_and(|n| n <= COMBINATIONS);
        if few {
            for &domain in &nets {
                let mut next = Vec::with_capacity(all.len() * 2);
                for picks in &all {
                    for probe in domain.probes() {
                        let mut more: Vec<_> = picks.clone();
                        more.push((domain, probe));
                        next.push(more);
                    }
                }
                all = next;
            }
        }
        let alone = |d: &&Domain| !few || !self.decides_with_others(&d.path);
        for domain in self.domains.iter().filter(alone) {
            for probe in domain.probes().into_iter().skip(1) {
                all.push(vec![(domain, probe)]);
            }
        }
        all
    }

    /// Whether a value that is right by itself may be wrong beside another hyperparameter's.
    fn decides_with_others(&self, path: &str) -> bool {
        shapes_net(path) || (BATCH_NORM.contains(&path) && self.has_batches_of_one())
    }

    fn has_batches_of_one(&self) -> bool {
        let mut sizes = self.domains.iter().filter(|d| d.path == BATCH_SIZE);
        let one = |(value, _): (Value, Span)| value.as_u64() == Some(1);
        sizes.any(|domain| domain.probes().into_iter().any(one))
    }

    /// The trainer's error at its place in the file: the value of a domain, when it is about one.
    fn problem(&self, error: &ConfigError, picks: &[(&'a Domain, (Value, Span))]) -> Problem {
        let under = |path: &str| {
            error.path == path
                || error
                    .path
                    .strip_prefix(path)
                    .is_some_and(|rest| rest.starts_with('.'))
        };
        let pick = picks.iter().find(|(domain, _)| under(&domain.path));
        let span = match pick {
            Some((_, (_, span))) => span.clone(),
            None => self
                .domains
                .iter()
                .find(|d| under(&d.path))
                .and_then(|d| d.probes().into_iter().next())
                .map_or_else(|| self.root.place(&error.path), |(_, span)| span),
        };
        let mut message = error.message.clone();
        if !error.value.is_empty() && error.value.len() <= 60 {
            message = format!("{}: {message}", error.value);
        }
        let with: Vec<String> = picks
            .iter()
            .filter(|(domain, _)| {
                self.decides_with_others(&domain.path) && domain.path != error.path
            })
            .map(|(domain, (value, _))| format!("{} = {value}", domain.path))
            .collect();
        let problem = Problem::at(&span, error.path.clone(), message);
        if with.is_empty() {
            problem
        } else {
            problem.help(format!("with {}", with.join(", ")))
        }
    }
}

/// Whether these values rule a hyperparameter out: one of its conditions looks at one of them, and does not hold.
fn excluded(domain: &Domain, picks: &[(&Domain, (Value, Span))]) -> bool {
    domain.conditions.iter().any(|condition| {
        picks
            .iter()
            .find(|(other, _)| other.path == condition.path)
            .is_some_and(|(other, (value, _))| {
                !condition.values.iter().any(|wanted| same(wanted, value)) || excluded(other, picks)
            })
    })
}

/// Whether a hyperparameter changes the sizes of a net's layers.
fn shapes_net(path: &str) -> bool {
    path == "model.conv" || path.starts_with("model.conv.") || path == "model.global_pool"
}
