//! PURE: which nets a check looks at: one a combination of choices, every number at its middle.

use serde_json::{Value, json};

use crate::{
    definition::{DefinitionError, substitute},
    search::{Kind, Params, Space, combinations},
};

/// The spec of a check: that of the space's middle, with `nets` beside it when there are choices:
/// `[{"choices": {path: value}, "spec": {…}}]`. What a choice rules out by an `if` is not there; equal nets stand once.
pub fn check_spec(spec: &Value, space: &Space) -> Result<(Params, Value), DefinitionError> {
    let domains = space.domains();
    let middle = space.assemble(|_, domain| domain.value(0.5));
    let mut found = substitute(spec, domains, &middle)?;
    let mut nets: Vec<Value> = Vec::new();
    let choices: Vec<_> = domains
        .iter()
        .filter_map(|domain| match &domain.kind {
            Kind::Choice(values) => Some((domain.path.clone(), values.clone())),
            Kind::Range(_) => None,
        })
        .collect();
    for mut chosen in combinations(&choices) {
        let params = space.assemble(|_, domain| match chosen.get(&domain.path) {
            Some(value) => value.clone(),
            None => domain.value(0.5),
        });
        chosen.retain(|path, _| params.contains_key(path));
        let net = json!({"choices": chosen, "spec": substitute(spec, domains, &params)?});
        if !nets.contains(&net) {
            nets.push(net);
        }
    }
    if let (Value::Object(table), false) = (&mut found, nets.is_empty()) {
        table.insert("nets".to_owned(), Value::Array(nets));
    }
    Ok((middle, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Condition, Domain};

    fn choice(path: &str, values: &[i32]) -> Domain {
        let values = values.iter().map(|value| json!(value)).collect();
        Domain::new(path, Kind::Choice(values))
    }

    fn space(domains: Vec<Domain>) -> Space {
        Space::new(domains).unwrap()
    }

    #[test]
    fn what_a_choice_rules_out_makes_no_net() {
        let mut b = choice("b", &[3, 4]);
        b.default = Some(json!(9));
        b.conditions = vec![Condition {
            path: "a".to_owned(),
            values: vec![json!(1)],
        }];
        let (_, found) = check_spec(
            &json!({"a": 0, "b": 0}),
            &space(vec![choice("a", &[1, 2]), b]),
        )
        .unwrap();
        let nets = found["nets"].as_array().unwrap();
        let specs: Vec<_> = nets
            .iter()
            .map(|net| (&net["spec"]["a"], &net["spec"]["b"]))
            .collect();
        assert_eq!(
            specs,
            [
                (&json!(1), &json!(3)),
                (&json!(2), &json!(9)),
                (&json!(1), &json!(4))
            ]
        );
    }

    #[test]
    fn every_combination_of_choices_is_a_net() {
        let spec = json!({"a": 0, "b": 0});
        let (_, found) = check_spec(
            &spec,
            &space(vec![choice("a", &[1, 2]), choice("b", &[3, 4, 5])]),
        )
        .unwrap();
        let nets = found["nets"].as_array().unwrap();
        assert_eq!(nets.len(), 6);
        assert_eq!(nets[0]["spec"], json!({"a": 1, "b": 3}));
        assert_eq!(nets[5]["choices"], json!({"a": 2, "b": 5}));
    }

    #[test]
    fn without_choices_the_middle_is_the_only_net() {
        let (_, found) = check_spec(&json!({"a": 7}), &Space::default()).unwrap();
        assert_eq!(found, json!({"a": 7}));
    }
}
