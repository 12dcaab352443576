//! The JSON Schema of sweep files, generated from the types.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::{tables::SweepFile, walk::data_domain};

/// The schema of a file without domains: what the walk checks values against.
pub fn plain() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let mut schema = schemars::schema_for!(SweepFile).to_value();
        free_params(&mut schema);
        schema
    });
    &SCHEMA
}

/// Domains stand in `[model]` and `[train]` wherever the walk says so, by path. The types of `[params]` are free.
fn free_params(schema: &mut Value) {
    schema["properties"]["params"] = json!({
        "description": "The space for another trainer than `cnn`, in place of `[model]` and `[train]`.",
        "type": "object",
    });
}

/// The schema for editors: a domain is allowed wherever the sweep file takes one.
pub fn full() -> Value {
    let mut schema = plain().clone();
    let mut definitions = schema
        .get("$defs")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for section in ["model", "train"] {
        let mut part = schema["properties"][section].clone();
        allow_below(&mut part, &mut definitions, &mut Vec::new());
        schema["properties"][section] = part;
    }
    allow_in_data(&mut definitions);
    schema["properties"]["params"]["additionalProperties"] = json!(true);
    definitions.insert("Domain".into(), domain());
    schema["$defs"] = Value::Object(definitions);
    schema
}

/// Lets a domain stand in place of every property below a schema; each definition once.
fn allow_below(schema: &mut Value, definitions: &mut Map<String, Value>, seen: &mut Vec<String>) {
    if let Some(name) = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|r| r.strip_prefix("#/$defs/"))
    {
        let name = name.to_owned();
        if !seen.contains(&name)
            && let Some(mut inner) = definitions.get(&name).cloned()
        {
            seen.push(name.clone());
            allow_below(&mut inner, definitions, seen);
            definitions.insert(name, inner);
        }
        return;
    }
    for key in ["anyOf", "oneOf"] {
        for alternative in schema
            .get_mut(key)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            allow_below(alternative, definitions, seen);
        }
    }
    if let Some(items) = schema.get_mut("items") {
        allow_below(items, definitions, seen);
        *items = or_domain(items);
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for property in properties.values_mut() {
            allow_below(property, definitions, seen);
            *property = or_domain(property);
        }
    }
}

fn allow_in_data(definitions: &mut Map<String, Value>) {
    let names = ["Config", "Augment"];
    for (name, prefix) in names.iter().zip(["data", "data.augment"]) {
        let Some(properties) = definitions
            .get_mut(*name)
            .and_then(|d| d.get_mut("properties"))
            .and_then(Value::as_object_mut)
        else {
            continue;
        };
        for (key, property) in properties {
            if data_domain(&format!("{prefix}.{key}")) {
                *property = or_domain(property);
            }
        }
    }
}

fn or_domain(schema: &Value) -> Value {
    let mut wrapped = json!({ "anyOf": [schema, { "$ref": "#/$defs/Domain" }] });
    for key in ["description", "default"] {
        if let Some(value) = schema.get(key) {
            wrapped[key] = value.clone();
        }
    }
    wrapped
}

fn domain() -> Value {
    let ends =
        json!({ "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 });
    let whole =
        json!({ "type": "array", "items": { "type": "integer" }, "minItems": 2, "maxItems": 2 });
    let beside = json!({
        "if": { "type": "object", "description": "It exists only when all of these hold." },
        "grid": { "type": "array", "minItems": 1, "description": "The grid sampler's values." },
        "points": { "type": "integer", "minimum": 2, "description": "So many evenly spaced grid values." },
    });
    let form = |key: &str, values: &Value, description: &str, numeric: bool| {
        let mut properties = beside.as_object().cloned().unwrap_or_default();
        let mut values = values.clone();
        values["description"] = json!(description);
        properties.insert(key.into(), values);
        if numeric {
            let step = json!({ "type": "number", "exclusiveMinimum": 0, "description": "Values are a, a + step, …" });
            properties.insert("step".into(), step);
        }
        json!({
            "type": "object", "required": [key], "additionalProperties": false, "properties": properties,
        })
    };
    let list = json!({ "type": "array", "minItems": 1 });
    json!({
        "description": "What a hyperparameter may be.",
        "anyOf": [
            form("log", &ends, "Log-uniform between two ends above zero.", true),
            form("uniform", &ends, "Uniform between two ends.", true),
            form("int", &whole, "Whole numbers.", true),
            form("log_int", &whole, "Whole numbers, log-uniform.", true),
            form("power_of_two", &whole, "Powers of two.", false),
            form("choice", &list, "One of these values.", false),
        ],
    })
}
