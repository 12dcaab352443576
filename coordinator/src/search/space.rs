//! The search space: all hyperparameters in order of path, and how shares of their axes become params.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    definition_error::DefinitionError,
    domain::{Domain, Kind, same},
};

/// Where conditions branch more often than this, combinations are not counted.
const MOST_BRANCHES: u32 = 100_000;

/// One set of values of the space, by full path, in order of path. Inactive hyperparameters are absent.
pub type Params = BTreeMap<String, Value>;

/// The hyperparameters in order of path. The i-th keeps the i-th dimension of every sampler, active or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Space {
    domains: Vec<Domain>,
    /// Positions of `domains` so that every condition's domain comes before those that it governs.
    evaluation_order: Vec<usize>,
}

impl Space {
    /// Sorts the domains by path and checks each of them and their conditions.
    ///
    /// # Errors
    ///
    /// An empty or reversed range, a log range that touches zero, a path that stands twice, a condition on what is no domain, a cycle.
    pub fn new(mut domains: Vec<Domain>) -> Result<Space, DefinitionError> {
        domains.sort_by(|a, b| a.path.cmp(&b.path));
        for pair in domains.windows(2) {
            if pair[0].path == pair[1].path {
                return Err(DefinitionError::at(&pair[0].path, "has two domains"));
            }
            if pair[1].path.starts_with(&format!("{}.", pair[0].path)) {
                return Err(DefinitionError::at(
                    &pair[1].path,
                    format!("stands inside the domain of {}", pair[0].path),
                ));
            }
        }
        for domain in &domains {
            domain.validate()?;
        }
        let evaluation_order = evaluation_order(&domains)?;
        Ok(Space {
            domains,
            evaluation_order,
        })
    }

    /// The hyperparameters, in order of path.
    pub fn domains(&self) -> &[Domain] {
        &self.domains
    }

    /// How many hyperparameters there are: the dimensions of a sampler.
    pub fn dimensions(&self) -> usize {
        self.domains.len()
    }

    /// The position of a path.
    pub fn position(&self, path: &str) -> Option<usize> {
        self.domains
            .binary_search_by(|domain| domain.path.as_str().cmp(path))
            .ok()
    }

    /// Params whose values come from `value(axis, domain)`; it is asked for active hyperparameters only.
    pub fn assemble(&self, value: impl Fn(usize, &Domain) -> Value) -> Params {
        let mut params = Params::new();
        for &axis in &self.evaluation_order {
            let domain = &self.domains[axis];
            if is_active(domain, &params) {
                params.insert(domain.path.clone(), value(axis, domain));
            }
        }
        params
    }

    /// Whether these params are a point of this space: every active hyperparameter has a value in its domain, and nothing else is there.
    pub fn contains(&self, params: &Params) -> bool {
        let mut active = 0;
        for domain in &self.domains {
            match (is_active(domain, params), params.get(&domain.path)) {
                (true, Some(value)) if domain.contains(value) => active += 1,
                (false, None) => {}
                _ => return false,
            }
        }
        active == params.len()
    }

    /// The shares of each axis at which params lie; `None` for the inactive.
    pub fn shares(&self, params: &Params) -> Vec<Option<f64>> {
        self.domains
            .iter()
            .map(|domain| params.get(&domain.path).and_then(|v| domain.share(v)))
            .collect()
    }

    /// How many different sets of params there are; `None`: without end, or too many conditions to count them.
    pub fn combinations(&self) -> Option<u64> {
        let mut steps = MOST_BRANCHES;
        self.count(0, &mut Params::new(), &mut steps)
    }

    /// The same of the domains from position `at` of the order of evaluation on, after these values.
    fn count(&self, at: usize, chosen: &mut Params, steps: &mut u32) -> Option<u64> {
        *steps = steps.checked_sub(1)?;
        let Some(&axis) = self.evaluation_order.get(at) else {
            return Some(1);
        };
        let domain = &self.domains[axis];
        if !is_active(domain, chosen) {
            return self.count(at + 1, chosen, steps);
        }
        let size = domain.size()?;
        // What no condition names is alike; so are all values without one of their own.
        let conditions = self.domains.iter().flat_map(|domain| &domain.conditions);
        let mut named: Vec<&Value> = Vec::new();
        for value in conditions
            .filter(|c| c.path == domain.path)
            .flat_map(|c| &c.values)
        {
            if domain.contains(value) && !named.iter().any(|known| same(known, value)) {
                named.push(value);
            }
        }
        let mut sum: u64 = 0;
        for value in &named {
            chosen.insert(domain.path.clone(), (*value).clone());
            sum = sum.saturating_add(self.count(at + 1, chosen, steps)?);
        }
        chosen.insert(domain.path.clone(), Value::Null);
        let others = size.saturating_sub(named.len() as u64);
        if others > 0 {
            sum = sum.saturating_add(others.saturating_mul(self.count(at + 1, chosen, steps)?));
        }
        chosen.remove(&domain.path);
        Some(sum)
    }

    /// Whether there may be params that a draw gives twice: without an axis of numbers that lie as close as one likes.
    pub(super) fn recurs(&self) -> bool {
        let always = self
            .domains
            .iter()
            .filter(|domain| domain.conditions.is_empty());
        always.map(Domain::size).all(|size| size.is_some())
    }

    /// What tells these params from all others of this space, whether a number is written 1 or 1.0; `None` where a draw does not give them
    /// twice.
    pub(super) fn recurring(&self, params: &Params) -> Option<Vec<u64>> {
        let countable =
            |domain: &Domain| !params.contains_key(&domain.path) || domain.size().is_some();
        self.domains.iter().all(countable).then(|| self.key(params))
    }

    /// What tells these params from all others of this space.
    pub(super) fn key(&self, params: &Params) -> Vec<u64> {
        const ABSENT: u64 = u64::MAX;
        let part = |domain: &Domain| match (&domain.kind, params.get(&domain.path)) {
            (_, None) => ABSENT,
            (Kind::Choice(values), Some(value)) => {
                let index = values.iter().position(|known| same(known, value));
                index.map_or(ABSENT - 1, |index| index as u64)
            }
            // The sum makes −0 and 0 one.
            (Kind::Range(_), Some(value)) => (value.as_f64().unwrap_or(f64::NAN) + 0.0).to_bits(),
        };
        self.domains.iter().map(part).collect()
    }

    /// Checks params that a person gave for some of the paths (`start`).
    pub(super) fn check_partial(&self, params: &Params) -> Result<(), DefinitionError> {
        for (path, value) in params {
            let Some(axis) = self.position(path) else {
                return Err(DefinitionError::at(
                    "search.start",
                    format!("{path} is no hyperparameter of this sweep"),
                ));
            };
            if !self.domains[axis].contains(value) {
                return Err(DefinitionError::at(
                    "search.start",
                    format!("{path} = {value} lies outside its domain"),
                ));
            }
        }
        Ok(())
    }
}

fn is_active(domain: &Domain, params: &Params) -> bool {
    domain.conditions.iter().all(|condition| {
        params
            .get(&condition.path)
            .is_some_and(|value| condition.values.iter().any(|wanted| same(wanted, value)))
    })
}

/// Of domains in order of path.
fn evaluation_order(domains: &[Domain]) -> Result<Vec<usize>, DefinitionError> {
    let mut order = Vec::with_capacity(domains.len());
    let mut placed = vec![false; domains.len()];
    let at = |path: &str| domains.binary_search_by(|domain| domain.path.as_str().cmp(path));
    let parents_of = |domain: &Domain| {
        let positions = domain.conditions.iter().map(|condition| {
            at(&condition.path).map_err(|_| {
                let words = format!("`if` names {}, which is no domain", condition.path);
                DefinitionError::at(&domain.path, words)
            })
        });
        positions.collect::<Result<Vec<usize>, _>>()
    };
    let parents: Vec<_> = domains.iter().map(parents_of).collect::<Result<_, _>>()?;
    while order.len() < domains.len() {
        let before = order.len();
        for (axis, parents) in parents.iter().enumerate() {
            if !placed[axis] && parents.iter().all(|&parent| placed[parent]) {
                placed[axis] = true;
                order.push(axis);
            }
        }
        if order.len() == before {
            let stuck: Vec<&str> = domains
                .iter()
                .zip(&placed)
                .filter(|(_, placed)| !**placed)
                .map(|(domain, _)| domain.path.as_str())
                .collect();
            return Err(DefinitionError::at(
                stuck[0],
                format!("`if` goes round in a circle: {}", stuck.join(", ")),
            ));
        }
    }
    Ok(order)
}
