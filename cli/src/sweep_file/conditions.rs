//! `if` beside a domain: what it refers to must be a domain that can have that value, and there is no cycle.

use super::{
    domain::{Domain, Values, same},
    names,
    source::Problem,
};

/// Turns the names in conditions into full paths, and says what is wrong with them.
pub fn resolve(domains: &mut [Domain]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let all: Vec<Domain> = domains.to_vec();
    for domain in domains.iter_mut() {
        let key = format!("{}.if", domain.path);
        for condition in &mut domain.conditions {
            let path =
                match names::resolve(&condition.path, all.iter().map(|d| d.path.as_str())) {
                    Ok(path) => path.to_owned(),
                    Err(message) => {
                        let problem = Problem::at(&condition.span, key.clone(), message);
                        problems.push(problem.help(
                            "a condition looks at another hyperparameter: a key with a domain",
                        ));
                        continue;
                    }
                };
            if let Some(other) = all.iter().find(|d| d.path == path) {
                for value in &condition.values {
                    if !possible(other, value) {
                        let message =
                            format!("{path} is never {value}: it is {}", other.describe());
                        problems.push(Problem::at(&condition.span, key.clone(), message));
                    }
                }
            }
            condition.path = path;
        }
    }
    if problems.is_empty() {
        problems.extend(cycle(domains));
    }
    problems
}

fn possible(domain: &Domain, value: &serde_json::Value) -> bool {
    match &domain.values {
        Values::Choice(nodes) => nodes.iter().any(|n| same(&n.to_json(), value)),
        Values::Range { .. } => domain.contains(value),
    }
}

/// A domain whose existence hangs on itself.
fn cycle(domains: &[Domain]) -> Option<Problem> {
    domains.iter().find_map(|domain| {
        let mut reached: Vec<&str> = Vec::new();
        let mut open: Vec<&str> = domain.conditions.iter().map(|c| c.path.as_str()).collect();
        while let Some(path) = open.pop() {
            if path == domain.path {
                let message = "this condition depends on the hyperparameter itself";
                let span = &domain.conditions.first()?.span;
                return Some(
                    Problem::at(span, format!("{}.if", domain.path), message)
                        .help(format!("the circle goes through {}", reached.join(", "))),
                );
            }
            if !reached.contains(&path) {
                reached.push(path);
                let next = domains.iter().find(|d| d.path == path)?;
                open.extend(next.conditions.iter().map(|c| c.path.as_str()));
            }
        }
        None
    })
}
