//! `start`: the first points of round 1.

use serde_json::{Map, Value};

use super::{
    super::{domain::Domain, names, tables::Search, walk::join},
    check::Check,
};

impl Check<'_> {
    /// With full paths, each value inside its domain.
    pub(super) fn start(&mut self, search: &Search, domains: &[Domain]) -> Vec<Map<String, Value>> {
        let mut start = Vec::new();
        for (i, point) in search.start.iter().enumerate() {
            let mut flat = Vec::new();
            flatten("", point, domains, &mut flat);
            let mut full = Map::new();
            for (name, value) in flat {
                let key = format!("search.start.{i}");
                match names::resolve(&name, domains.iter().map(|d| d.path.as_str())) {
                    Err(message) => self.wrong(
                        &key,
                        message,
                        "start names hyperparameters: what has a domain",
                    ),
                    Ok(path) => {
                        let domain = domains.iter().find(|d| d.path == path);
                        if let Some(domain) = domain.filter(|d| !d.contains(&value)) {
                            let message = format!("{path} = {value} lies outside of its domain");
                            self.wrong(&key, message, format!("it is {}", domain.describe()));
                        }
                        full.insert(path.to_owned(), value);
                    }
                }
            }
            start.push(full);
        }
        start
    }
}

/// `{ train = { learning_rate = 0.1 } }` and `{ "train.learning_rate" = 0.1 }` mean the same point.
fn flatten(
    above: &str,
    point: &Map<String, Value>,
    domains: &[Domain],
    out: &mut Vec<(String, Value)>,
) {
    for (key, value) in point {
        let path = join(above, key);
        match value {
            Value::Object(inner) if !domains.iter().any(|d| d.path == path) => {
                flatten(&path, inner, domains, out);
            }
            _ => out.push((path, value.clone())),
        }
    }
}
