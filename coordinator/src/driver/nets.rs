//! PURE: which nets a check looks at: one a combination of choices, every number at its middle.

use serde_json::{Value, json};

use super::spec::{NoSuchPlace, substitute};
use crate::search::{Domain, Kind, Params, combinations};

/// The spec of a check: that of the space's middle, with `nets` beside it when there are choices:
/// `[{"choices": {path: value}, "spec": {…}}]`.
pub fn check_spec(spec: &Value, domains: &[Domain]) -> Result<(Params, Value), NoSuchPlace> {
    let middle: Params = domains
        .iter()
        .map(|domain| (domain.path.clone(), domain.value(0.5)))
        .collect();
    let mut found = substitute(spec, domains, &middle)?;
    let mut nets = Vec::new();
    let choices: Vec<_> = domains
        .iter()
        .filter_map(|domain| match &domain.kind {
            Kind::Choice(values) => Some((domain.path.clone(), values.clone())),
            Kind::Range(_) => None,
        })
        .collect();
    for choices in combinations(&choices) {
        let mut params = middle.clone();
        params.extend(choices.clone());
        nets.push(json!({"choices": choices, "spec": substitute(spec, domains, &params)?}));
    }
    if let (Value::Object(table), false) = (&mut found, nets.is_empty()) {
        table.insert("nets".to_owned(), Value::Array(nets));
    }
    Ok((middle, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(path: &str, values: &[i32]) -> Domain {
        let values = values.iter().map(|value| json!(value)).collect();
        Domain::new(path, Kind::Choice(values))
    }

    #[test]
    fn every_combination_of_choices_is_a_net() {
        let spec = json!({"a": 0, "b": 0});
        let (_, found) =
            check_spec(&spec, &[choice("a", &[1, 2]), choice("b", &[3, 4, 5])]).unwrap();
        let nets = found["nets"].as_array().unwrap();
        assert_eq!(nets.len(), 6);
        assert_eq!(nets[0]["spec"], json!({"a": 1, "b": 3}));
        assert_eq!(nets[5]["choices"], json!({"a": 2, "b": 5}));
    }

    #[test]
    fn without_choices_the_middle_is_the_only_net() {
        let (_, found) = check_spec(&json!({"a": 7}), &[]).unwrap();
        assert_eq!(found, json!({"a": 7}));
    }
}
