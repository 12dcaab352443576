//! What stands beside a domain's form: `if`, `grid`, `points`.

use super::{
    super::{
        source::Problem,
        tree::{Kind, Node, Table},
    },
    Condition, Domain, Grid, Values,
};

/// The conditions, as written.
pub(super) fn conditions(path: &str, table: &Table, problems: &mut Vec<Problem>) -> Vec<Condition> {
    let Some(node) = table.get("if") else {
        return Vec::new();
    };
    let Some(inner) = node.table() else {
        let message = format!("if takes a table, found {}", node.describe());
        problems.push(
            Problem::at(&node.span, format!("{path}.if"), message)
                .help("for example if = { \"train.optimizer\" = \"sgd\" }"),
        );
        return Vec::new();
    };
    // TOML reads an unquoted dotted key as nested tables; both spellings mean the same path.
    let mut found = Vec::new();
    flatten_conditions("", inner, &mut found);
    found
}

fn flatten_conditions(above: &str, table: &Table, found: &mut Vec<Condition>) {
    for entry in &table.0 {
        let path = if above.is_empty() {
            entry.key.clone()
        } else {
            format!("{above}.{}", entry.key)
        };
        match &entry.node.kind {
            Kind::Table(inner) => flatten_conditions(&path, inner, found),
            Kind::List(items) => found.push(Condition {
                path,
                values: items.iter().map(Node::to_json).collect(),
                span: entry.key_span.clone(),
            }),
            _ => found.push(Condition {
                path,
                values: vec![entry.node.to_json()],
                span: entry.key_span.clone(),
            }),
        }
    }
}

/// What the grid sampler takes.
pub(super) fn grid(
    path: &str,
    values: &Values,
    table: &Table,
    problems: &mut Vec<Problem>,
) -> Option<Grid> {
    match (table.entry("grid"), table.entry("points")) {
        (Some(_), Some(points)) => {
            problems.push(Problem::at(
                &points.key_span,
                path,
                "`grid` and `points` say the same thing twice",
            ));
            None
        }
        (Some(entry), None) => grid_values(path, values, &entry.node, problems),
        (None, Some(entry)) => match (&entry.node.kind, values) {
            (_, Values::Choice(_)) => {
                problems.push(Problem::at(
                    &entry.key_span,
                    path,
                    "a choice is its own grid; it takes no `points`",
                ));
                None
            }
            (Kind::Int(n), values) if values.count().is_some_and(|count| *n as f64 > count) => {
                let count = values.count().unwrap_or_default();
                let message = format!("{n} grid values of a domain that has {count}");
                problems.push(
                    Problem::at(&entry.node.span, format!("{path}.points"), message)
                        .help(format!("at most points = {count}")),
                );
                None
            }
            (Kind::Int(n), _) if (2..=1_000_000).contains(n) => {
                u32::try_from(*n).ok().map(Grid::Points)
            }
            _ => {
                let message = format!(
                    "points takes a whole number, at least 2; found {}",
                    entry.node.describe()
                );
                problems.push(Problem::at(
                    &entry.node.span,
                    format!("{path}.points"),
                    message,
                ));
                None
            }
        },
        (None, None) => None,
    }
}

fn grid_values(
    path: &str,
    values: &Values,
    node: &Node,
    problems: &mut Vec<Problem>,
) -> Option<Grid> {
    let key = format!("{path}.grid");
    let Some(items) = node.list().filter(|items| !items.is_empty()) else {
        let message = format!("grid takes a list of values, found {}", node.describe());
        problems.push(Problem::at(&node.span, key, message));
        return None;
    };
    let domain = Domain {
        path: path.into(),
        span: node.span.clone(),
        values: values.clone(),
        conditions: Vec::new(),
        grid: None,
    };
    for item in items {
        if !domain.contains(&item.to_json()) {
            let message = format!(
                "{} lies outside of the domain ({})",
                item.describe(),
                domain.describe()
            );
            problems.push(Problem::at(&item.span, key.clone(), message));
        }
    }
    Some(Grid::Values(items.iter().map(Node::to_json).collect()))
}
