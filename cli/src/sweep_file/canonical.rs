//! The canonical JSON of a sweep: defaults filled in, keys sorted. Its hash is the sweep's identity.

use serde_json::{Map, Value, json};

use super::{
    cnn::{get, set},
    domain::{Domain, Grid, Values},
};

/// A domain as it stands in the canonical JSON; `full` gives a choice's value with its own defaults filled in.
pub fn domain_json(domain: &Domain, full: impl Fn(&Value) -> Value) -> Value {
    let mut out = Map::new();
    match &domain.values {
        Values::Range {
            form,
            low,
            high,
            step,
            ..
        } => {
            out.insert(form.key().into(), json!([low, high]));
            if let Some(step) = step {
                out.insert("step".into(), json!(step));
            }
        }
        Values::Choice(nodes) => {
            let values: Vec<Value> = nodes.iter().map(|n| full(&n.to_json())).collect();
            out.insert("choice".into(), Value::Array(values));
        }
    }
    if !domain.conditions.is_empty() {
        let conditions: Map<String, Value> = domain
            .conditions
            .iter()
            .map(|c| (c.path.clone(), Value::Array(c.values.clone())))
            .collect();
        out.insert("if".into(), Value::Object(conditions));
    }
    match &domain.grid {
        Some(Grid::Values(values)) => out.insert("grid".into(), Value::Array(values.clone())),
        Some(Grid::Points(n)) => out.insert("points".into(), json!(n)),
        None => None,
    };
    Value::Object(out)
}

/// A choice's value as the trainer writes it, defaults filled in: `full_spec` maps a whole spec.
pub fn full_value(
    base: &Value,
    path: &str,
    value: &Value,
    full_spec: impl Fn(&Value) -> Option<Value>,
) -> Value {
    let mut spec = base.clone();
    set(&mut spec, path, value.clone());
    full_spec(&spec)
        .as_ref()
        .and_then(|full| get(full, path))
        .unwrap_or(value)
        .clone()
}

/// The same value with the keys of every table in order, so that equal files have equal text.
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            Value::Object(
                keys.into_iter()
                    .map(|k| (k.clone(), sorted(&map[k])))
                    .collect(),
            )
        }
        scalar => scalar.clone(),
    }
}

/// blake3 of the canonical text, as hex.
pub fn identity(canonical: &Value) -> String {
    blake3::hash(canonical.to_string().as_bytes())
        .to_hex()
        .to_string()
}
