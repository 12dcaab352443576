//! A point's values put into the spec that a worker gets.

use serde_json::Value;

use super::DefinitionError;
use crate::search::{Domain, Params};

/// The spec with every domain's place holding this point's value, or its default where the hyperparameter does not
/// exist for this point; without a default the key is left out.
pub fn substitute(
    spec: &Value,
    domains: &[Domain],
    params: &Params,
) -> Result<Value, DefinitionError> {
    let mut spec = spec.clone();
    for domain in domains {
        let value = params.get(&domain.path).or(domain.default.as_ref());
        place(&mut spec, &domain.path, value).map_err(|problem| {
            let words = format!("there is no such place in the spec ({problem})");
            DefinitionError::at(&domain.path, words)
        })?;
    }
    Ok(spec)
}

fn place(spec: &mut Value, path: &str, value: Option<&Value>) -> Result<(), String> {
    let (parents, last) = match path.rsplit_once('.') {
        Some((parents, last)) => (Some(parents), last),
        None => (None, path),
    };
    let mut here = spec;
    for key in parents.into_iter().flat_map(|parents| parents.split('.')) {
        here = step(here, key).ok_or_else(|| format!("`{key}` is missing"))?;
    }
    match (here, value) {
        (Value::Object(table), Some(value)) => {
            table.insert(last.to_owned(), value.clone());
        }
        // The order of the other keys stays, so that equal points give equal text.
        (Value::Object(table), None) => {
            table.shift_remove(last);
        }
        (Value::Array(list), Some(value)) => {
            let length = list.len();
            let slot = last
                .parse::<usize>()
                .ok()
                .and_then(|index| list.get_mut(index));
            *slot.ok_or_else(|| format!("`{last}` is no position of a list of {length}"))? =
                value.clone();
        }
        (Value::Array(_), None) => return Err("a list's place cannot be left out".to_owned()),
        _ => return Err(format!("`{last}` stands below a scalar")),
    }
    Ok(())
}

fn step<'a>(here: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    match here {
        Value::Object(table) => table.get_mut(key),
        Value::Array(list) => list.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::search::Kind;

    fn choice(path: &str, default: Option<Value>) -> Domain {
        Domain {
            default,
            ..Domain::new(path, Kind::Choice(vec![json!(1), json!(2)]))
        }
    }

    #[test]
    fn values_go_to_their_places_in_tables_and_lists() {
        let spec = json!({"model": {"conv": [{"filters": 8}, {"filters": 0}]}, "train": {"learning_rate": 0}});
        let domains = [
            choice("model.conv.1.filters", None),
            choice("train.learning_rate", None),
        ];
        let params = Params::from([
            ("model.conv.1.filters".to_owned(), json!(32)),
            ("train.learning_rate".to_owned(), json!(0.5)),
        ]);
        let filled = substitute(&spec, &domains, &params).unwrap();
        assert_eq!(
            filled,
            json!({"model": {"conv": [{"filters": 8}, {"filters": 32}]}, "train": {"learning_rate": 0.5}})
        );
    }

    #[test]
    fn an_inactive_hyperparameter_gets_its_default_or_leaves_no_key() {
        let spec = json!({"train": {"momentum": 0, "beta1": 0, "optimizer": "adam"}});
        let domains = [
            choice("train.momentum", Some(json!(0.9))),
            choice("train.beta1", None),
        ];
        let filled = substitute(&spec, &domains, &Params::new()).unwrap();
        assert_eq!(
            filled,
            json!({"train": {"momentum": 0.9, "optimizer": "adam"}})
        );
    }

    #[test]
    fn a_path_without_a_place_is_named() {
        let domains = [choice("model.conv.0.filters", None)];
        let error = substitute(&json!({"model": {}}), &domains, &Params::new()).unwrap_err();
        assert_eq!(error.path, "model.conv.0.filters");
    }
}
