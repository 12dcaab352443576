//! A sweep's file made anew from its canonical JSON, with some values set: what `hone fork` writes.

mod conditions;

use serde_json::{Value, json};

use super::{
    cnn::{get, set},
    domain::FORMS,
    names,
    source::nearest,
    tree,
};
use crate::output::told::steers;

/// The tables of a sweep file, in the order in which people read them.
const TABLES: [&str; 6] = ["objective", "data", "model", "train", "params", "search"];

/// The child of a sweep: its file with `PATH=VALUE` set, another seed, and `from` naming the parent; and what else that has changed, in
/// words.
///
/// # Errors
///
/// A path that means no key or several, a value that is no TOML.
pub fn child(
    parent: &str,
    canonical: &Value,
    name: &str,
    settings: &[(String, String)],
) -> Result<(Value, Vec<String>), String> {
    let mut file = canonical.clone();
    let mut paths = Vec::new();
    for table in TABLES {
        collect(&file[table], table, &mut paths);
    }
    paths.extend(["name".to_owned(), "seed".to_owned()]);
    let seed = file["seed"].as_u64().unwrap_or(0);
    file["name"] = json!(name);
    // The parent's points are reused, so other ones are drawn.
    file["seed"] = json!(seed.wrapping_add(1) & i64::MAX.unsigned_abs());
    file["search"]["from"] = json!(parent);
    file["search"]["start"] = Value::Null;
    for (key, text) in settings {
        let path = path_of(key, &paths)?;
        let value = value_of(text).map_err(|problem| format!("--set {key}={text}: {problem}"))?;
        set(&mut file, &path, value);
    }
    let changed = conditions::settle(&mut file);
    Ok((file, changed))
}

/// The full path that a key means: one of the file's, by any unambiguous ending, or a new one below a table of it.
fn path_of(key: &str, paths: &[String]) -> Result<String, String> {
    if let Ok(path) = names::resolve(key, paths.iter().map(String::as_str)) {
        return Ok(path.to_owned());
    }
    let ending = format!(".{key}");
    let found: Vec<&String> = paths
        .iter()
        .filter(|path| path.ends_with(&ending))
        .collect();
    if found.len() > 1 {
        let all: Vec<&str> = found.iter().map(|path| path.as_str()).collect();
        return Err(format!("--set {key}: can mean {}", all.join(" or ")));
    }
    // No key lies deeper, and what is nested without end is not written down.
    const DEEPEST: usize = 20;
    if let Some((table, below)) = key.split_once('.')
        && TABLES.contains(&table)
        && below.split('.').count() < DEEPEST
    {
        // A key that has no default; the reader refuses what there is not.
        return Ok(key.to_owned());
    }
    let ends = paths.iter().filter_map(|path| path.rsplit('.').next());
    Err(match nearest(key, ends) {
        Some(near) => format!("--set {key}: the sweep has no such key; did you mean {near}?"),
        None => format!(
            "--set {key}: the sweep has no such key; a new one takes its full path, such as train.clip_norm"
        ),
    })
}

/// The paths of all keys; a domain is one.
fn collect(value: &Value, path: &str, paths: &mut Vec<String>) {
    paths.push(path.to_owned());
    match value {
        Value::Object(table) if !table.keys().any(|key| FORMS.contains(&key.as_str())) => {
            for (key, inner) in table {
                collect(inner, &format!("{path}.{key}"), paths);
            }
        }
        Value::Array(items) => {
            for (i, inner) in items.iter().enumerate() {
                collect(inner, &format!("{path}.{i}"), paths);
            }
        }
        _ => {}
    }
}

/// A value as TOML has it; a bare word is a string.
fn value_of(text: &str) -> Result<Value, String> {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match tree::parse(&format!("value = {text}")) {
        Ok(root) => Ok(root.to_json()["value"].take()),
        Err(_) if !text.is_empty() && text.chars().all(word) => Ok(json!(text)),
        Err(problem) => Err(problem.message),
    }
}

/// The file as TOML.
pub fn to_toml(file: &Value) -> String {
    let mut out = String::new();
    for key in ["name", "seed", "trainer"] {
        out.push_str(&format!("{key} = {}\n", inline(&file[key])));
    }
    for name in TABLES {
        let Some(table) = file[name].as_object() else {
            continue;
        };
        out.push_str(&format!("\n[{name}]\n"));
        let rounds = (name == "search").then(|| table.get("round")).flatten();
        for (key, value) in table {
            let empty = value.as_array().is_some_and(Vec::is_empty) && name == "search";
            let below = key == "round" && rounds.is_some();
            if value.is_null() || empty || below {
                continue;
            }
            out.push_str(&format!("{} = {}\n", bare(key), inline(value)));
        }
        for round in rounds.and_then(Value::as_array).into_iter().flatten() {
            out.push_str("\n[[search.round]]\n");
            for (key, value) in round.as_object().into_iter().flatten() {
                if !value.is_null() {
                    out.push_str(&format!("{key} = {}\n", inline(value)));
                }
            }
        }
    }
    out
}

fn bare(key: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(word) {
        key.to_owned()
    } else {
        string(key)
    }
}

/// A value on one line. JSON's numbers are TOML's too.
pub fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(table) => {
            let entries: Vec<String> = table
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| format!("{} = {}", bare(key), inline(value)))
                .collect();
            if entries.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", entries.join(", "))
            }
        }
        scalar => scalar.to_string(),
    }
}

/// A string as TOML has it, in which nothing is left that a terminal would obey: it goes to one as often as to a file.
pub fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if steers(c) => out.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

/// Whether a canonical file names a data set of a folder: its path stays with whoever launched it.
pub fn is_folder(file: &Value) -> bool {
    get(file, "data.source")
        .and_then(Value::as_str)
        .is_some_and(|source| !hone_worker::data::is_known_set(source))
}
