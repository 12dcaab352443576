//! Which tables belong to which trainer.

use super::{
    domain, names,
    source::Problem,
    tree::{Kind, Node},
    walk,
};

/// What stands in the wrong table, or is missing; `meant`: what stands there under another name.
pub fn problems(root: &Node, meant: &[String]) -> Vec<Problem> {
    let Kind::Table(table) = &root.kind else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    if let Some(Kind::Str(name)) = table.get("name").map(|n| &n.kind)
        && let Some(message) = names::name_problem(name)
    {
        problems.push(Problem::at(&root.place("name"), "name", message));
    }
    let trainer = match table.get("trainer").map(|n| &n.kind) {
        Some(Kind::Str(name)) => name.as_str(),
        _ => "cnn",
    };
    let (wrong, help): (&[&str], &str) = if trainer == "cnn" {
        (
            &["params"],
            "[params] is the space of another trainer: set `trainer`, or use [model] and [train]",
        )
    } else {
        (
            &["data", "model", "train"],
            "another trainer than `cnn` gets its space from [params]",
        )
    };
    for key in wrong {
        if let Some(entry) = table.entry(key) {
            let message = format!("no table of the trainer {trainer:?}");
            problems.push(Problem::at(&entry.key_span, *key, message).help(help));
        }
    }
    if let Some(node) = table.get("trainer").filter(|_| !names::is_trainer(trainer)) {
        let message = format!("{trainer:?} is no name of a trainer: it has no spaces, `/` or `=`");
        let help = "call it for example \"mine\"; `hone run FILE --exec mine='python train.py'` says what it runs";
        problems.push(Problem::at(&node.span, "trainer", message).help(help));
    }
    let needed = if trainer == "cnn" { "data" } else { "params" };
    // Who has written the other one means another trainer.
    let other = trainer == "cnn" && table.get("params").is_some();
    if table.get(needed).is_none() && !other && !meant.iter().any(|path| path == needed) {
        let help = if trainer == "cnn" {
            "for example [data] with source = \"digits\""
        } else {
            help
        };
        problems.push(Problem {
            span: None,
            key: needed.into(),
            message: "this table is required".into(),
            help: Some(help.into()),
        });
    }
    if trainer != "cnn" {
        problems.extend(dotted_params(root));
    }
    problems
}

/// A dot in a key of `[params]` would make full paths ambiguous.
fn dotted_params(root: &Node) -> Vec<Problem> {
    fn visit(node: &Node, path: &str, problems: &mut Vec<Problem>) {
        let Kind::Table(table) = &node.kind else {
            return;
        };
        if domain::is_domain(table) {
            return;
        }
        for entry in &table.0 {
            let at = walk::join(path, &entry.key);
            if entry.key.contains('.') || entry.key.is_empty() {
                problems.push(Problem::at(
                    &entry.key_span,
                    at,
                    "a name of a hyperparameter has no dot in it",
                ));
            } else {
                visit(&entry.node, &at, problems);
            }
        }
    }
    let mut problems = Vec::new();
    if let Some(params) = root.table().and_then(|t| t.get("params")) {
        visit(params, "params", &mut problems);
    }
    problems
}
