//! Conditions of a child whose parent's hyperparameter has become a constant, or has lost values: what is decided by now goes.

use serde_json::Value;

use super::{
    super::{
        cnn::{get, set, unset},
        domain::{FORMS, same},
    },
    TABLES, inline,
};

/// Takes out the conditions that always hold by now, and the hyperparameters whose conditions never do; what was done, in words.
pub fn settle(file: &mut Value) -> Vec<String> {
    let mut said = Vec::new();
    // What goes may decide about others.
    while let Some((path, on, fate)) = next(file) {
        let now = match get(file, &on) {
            Some(value) if !is_domain(value) => format!("{on} is {}", inline(value)),
            Some(_) => format!("{on} is never that"),
            None => format!("{on} is not there"),
        };
        match fate {
            Fate::Always => {
                take_condition(file, &path, &on);
                said.push(format!("{path} always exists now: {now}"));
            }
            Fate::Never => {
                unset(file, &path);
                said.push(format!("{path} is gone, and has its default: {now}"));
            }
            Fate::Sometimes(values) => {
                let left = inline(&Value::Array(values.clone()));
                set(file, &format!("{path}.if"), with(file, &path, &on, values));
                said.push(format!(
                    "{path} exists where {on} is one of {left}, which are left"
                ));
            }
        }
    }
    said
}

/// What a change elsewhere has made of a condition.
enum Fate {
    Always,
    Never,
    /// These of its values are left.
    Sometimes(Vec<Value>),
}

/// The first condition that is decided: of which hyperparameter, on which key.
fn next(file: &Value) -> Option<(String, String, Fate)> {
    let mut domains = Vec::new();
    for table in TABLES {
        collect(&file[table], table, &mut domains);
    }
    domains.iter().find_map(|(path, conditions)| {
        conditions.iter().find_map(|(on, wanted)| {
            let wanted = wanted.as_array()?;
            Some((path.clone(), on.clone(), fate(get(file, on), wanted)?))
        })
    })
}

fn fate(now: Option<&Value>, wanted: &[Value]) -> Option<Fate> {
    let Some(now) = now else {
        return Some(Fate::Never);
    };
    if !is_domain(now) {
        let holds = wanted.iter().any(|value| same(value, now));
        return Some(if holds { Fate::Always } else { Fate::Never });
    }
    let left: Vec<Value> = wanted
        .iter()
        .filter(|value| may_be(now, value))
        .cloned()
        .collect();
    match left.len() {
        0 => Some(Fate::Never),
        n if n < wanted.len() => Some(Fate::Sometimes(left)),
        _ => None,
    }
}

/// Whether a domain can have a value; of what this file's reader will refuse it says yes.
fn may_be(domain: &Value, value: &Value) -> bool {
    if let Some(choice) = domain.get("choice").and_then(Value::as_array) {
        return choice.iter().any(|other| same(other, value));
    }
    let mut forms = FORMS.iter().filter_map(|form| domain.get(form)?.as_array());
    let ends = forms
        .next()
        .map(|ends| ends.iter().filter_map(Value::as_f64).collect::<Vec<_>>());
    match (ends.as_deref(), value.as_f64()) {
        (Some([low, high]), Some(x)) => (low..=high).contains(&&x),
        (_, x) => x.is_some(),
    }
}

fn is_domain(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|table| table.keys().any(|key| FORMS.contains(&key.as_str())))
}

/// The domains below a value, with their conditions.
fn collect(value: &Value, path: &str, found: &mut Vec<(String, serde_json::Map<String, Value>)>) {
    match value {
        Value::Object(_) if is_domain(value) => {
            if let Some(conditions) = value.get("if").and_then(Value::as_object) {
                found.push((path.to_owned(), conditions.clone()));
            }
        }
        Value::Object(table) => {
            for (key, inner) in table {
                collect(inner, &format!("{path}.{key}"), found);
            }
        }
        Value::Array(items) => {
            for (i, inner) in items.iter().enumerate() {
                collect(inner, &format!("{path}.{i}"), found);
            }
        }
        _ => {}
    }
}

fn take_condition(file: &mut Value, path: &str, on: &str) {
    let mut conditions = get(file, path)
        .and_then(|d| d.get("if"))
        .cloned()
        .unwrap_or_default();
    if let Some(table) = conditions.as_object_mut() {
        table.remove(on);
    }
    let key = format!("{path}.if");
    match conditions.as_object() {
        Some(table) if !table.is_empty() => set(file, &key, conditions),
        _ => unset(file, &key),
    }
}

/// The conditions with other values for one of them.
fn with(file: &Value, path: &str, on: &str, values: Vec<Value>) -> Value {
    let mut conditions = get(file, path)
        .and_then(|d| d.get("if"))
        .cloned()
        .unwrap_or_default();
    conditions[on] = Value::Array(values);
    conditions
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file() -> Value {
        json!({
            "train": {
                "optimizer": { "choice": ["sgd", "adam", "rmsprop"] },
                "momentum": { "uniform": [0.0, 0.9], "if": { "train.optimizer": ["sgd", "rmsprop"] } },
                "nesterov": { "choice": [true, false], "if": { "train.momentum": [0.5], "train.optimizer": ["sgd"] } },
            }
        })
    }

    #[test]
    fn a_constant_decides_its_conditions() {
        let mut child = file();
        assert_eq!(settle(&mut child), Vec::<String>::new());
        assert_eq!(child, file());

        child["train"]["optimizer"] = json!("sgd");
        let said = settle(&mut child);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].contains("train.momentum always exists now: train.optimizer is \"sgd\""),
            "{said:?}"
        );
        assert_eq!(child["train"]["momentum"], json!({ "uniform": [0.0, 0.9] }));
        assert_eq!(
            child["train"]["nesterov"]["if"],
            json!({ "train.momentum": [0.5] })
        );

        let mut child = file();
        child["train"]["optimizer"] = json!("adam");
        let said = settle(&mut child);
        assert_eq!(child["train"], json!({ "optimizer": "adam" }), "{said:?}");
        assert!(said[0].contains("train.momentum is gone"), "{said:?}");
    }

    #[test]
    fn values_that_are_left_out_leave_conditions() {
        let mut child = file();
        child["train"]["optimizer"] = json!({ "choice": ["sgd", "adam"] });
        let said = settle(&mut child);
        assert_eq!(
            child["train"]["momentum"]["if"],
            json!({ "train.optimizer": ["sgd"] })
        );
        assert_eq!(
            said,
            ["train.momentum exists where train.optimizer is one of [\"sgd\"], which are left"]
        );
        child["train"]["momentum"] = json!({ "uniform": [0.6, 0.9] });
        let said = settle(&mut child);
        assert!(child["train"].get("nesterov").is_none(), "{said:?}");
    }
}
