//! From TOML to a domain: its form and its ends.

use std::collections::HashSet;

use super::{
    super::{
        dialects,
        fork::inline,
        source::{Problem, Span, nearest},
        tree::{Entry, Kind, Node, Table, number},
    },
    Domain, FORMS, Form, Values, beside, is_domain, key,
};

/// Reads a domain; a table that [`is_domain`].
pub fn parse(path: &str, node: &Node, table: &Table) -> Result<Domain, Vec<Problem>> {
    let mut problems = Vec::new();
    let forms: Vec<&Entry> = table
        .0
        .iter()
        .filter(|e| FORMS.contains(&e.key.as_str()))
        .collect();
    if let [_, second, ..] = forms[..] {
        problems.push(Problem::at(
            &second.key_span,
            path,
            format!(
                "a domain has one form, this one has `{}` and `{}`",
                forms[0].key, second.key
            ),
        ));
    }
    let numeric = forms[0].key != "choice";
    for entry in &table.0 {
        let known = ["step", "if", "grid", "points"];
        let key = entry.key.as_str();
        if !FORMS.contains(&key) && !known.contains(&key) {
            let found = match dialects::same(key, ["q"].into_iter()) {
                Some(_) => Some("step"),
                None => nearest(key, known.into_iter().chain(FORMS)),
            };
            let starts = matches!(
                key,
                "default" | "initial" | "initial_value" | "init" | "start"
            );
            let help = found.filter(|_| !starts).map_or(
                "beside its form a domain takes `step`, `if`, `grid` and `points`".into(),
                |n| format!("did you mean `{n}`?"),
            );
            let help = match starts {
                true => format!(
                    "the first points stand in [search]: start = [{{ {path:?} = {} }}]",
                    inline(&entry.node.to_json())
                ),
                false => help,
            };
            problems.push(
                Problem::at(
                    &entry.key_span,
                    format!("{path}.{key}"),
                    "unknown key in a domain",
                )
                .help(help),
            );
        }
    }
    let values = match Form::of(&forms[0].key) {
        Some(form) => range(path, form, &forms[0].node, table.get("step"), &mut problems),
        None => choice(path, &forms[0].node, &mut problems),
    };
    if !numeric && let Some(step) = table.entry("step") {
        problems.push(Problem::at(&step.key_span, path, "a choice has no `step`"));
    }
    let conditions = beside::conditions(path, table, &mut problems);
    let grid = values
        .as_ref()
        .and_then(|v| beside::grid(path, v, table, &mut problems));
    match values {
        Some(values) if problems.is_empty() => Ok(Domain {
            path: path.into(),
            span: node.span.clone(),
            values,
            conditions,
            grid,
        }),
        _ => Err(problems),
    }
}

fn choice(path: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<Values> {
    let Some(items) = node.list() else {
        let message = format!("choice takes a list of values, found {}", node.describe());
        problems.push(
            Problem::at(&node.span, path, message).help("for example { choice = [16, 32, 64] }"),
        );
        return None;
    };
    if items.is_empty() {
        problems.push(
            Problem::at(&node.span, path, "an empty choice").help("write at least one value"),
        );
        return None;
    }
    let mut seen = HashSet::new();
    for item in items {
        if !seen.insert(key(item.to_json())) {
            problems.push(Problem::at(
                &item.span,
                path,
                format!("{} stands twice in this choice", item.describe()),
            ));
        }
        if let Some(inner) = inner_domain(item) {
            problems.push(
                Problem::at(&inner, path, "a domain inside a choice")
                    .help("a choice is one hyperparameter; no domain may stand inside"),
            );
        }
    }
    Some(Values::Choice(items.to_vec()))
}

/// The first domain at or below a node.
fn inner_domain(node: &Node) -> Option<Span> {
    match &node.kind {
        Kind::Table(table) if is_domain(table) => Some(node.span.clone()),
        Kind::Table(table) => table.0.iter().find_map(|e| inner_domain(&e.node)),
        Kind::List(items) => items.iter().find_map(inner_domain),
        _ => None,
    }
}

fn range(
    path: &str,
    form: Form,
    node: &Node,
    step: Option<&Node>,
    problems: &mut Vec<Problem>,
) -> Option<Values> {
    let key = form.key();
    let ends: Option<Vec<(f64, &Node)>> = node
        .list()
        .filter(|items| items.len() == 2)
        .and_then(|items| items.iter().map(|n| Some((n.number()?, n))).collect());
    let Some([(low, low_node), (high, high_node)]) = ends
        .as_deref()
        .and_then(|e| <&[_; 2]>::try_from(e).ok())
        .copied()
    else {
        let message = format!(
            "{key} takes two numbers, the lower and the upper end; found {}",
            node.describe()
        );
        problems.push(
            Problem::at(&node.span, path, message).help(format!("for example {}", example(form))),
        );
        return None;
    };
    let before = problems.len();
    for (x, end) in [(low, low_node), (high, high_node)] {
        if let Some(message) = end_problem(form, x) {
            problems.push(
                Problem::at(&end.span, path, message)
                    .help(format!("for example {}", example(form))),
            );
        }
    }
    if low > high {
        let right = format!("{{ {key} = [{}, {}] }}", number(high), number(low));
        let message = format!("reversed range: {} is above {}", number(low), number(high));
        problems.push(
            Problem::at(&node.span, path, message)
                .help(format!("the lower end stands first: {right}")),
        );
    } else if low.total_cmp(&high).is_eq() {
        let message = format!("empty range: both ends are {}", number(low));
        problems.push(
            Problem::at(&node.span, path, message)
                .help(format!("for one value write {}", number(low))),
        );
    }
    let step = step.and_then(|node| read_step(path, form, high - low, node, problems));
    let ends = [low_node.span.clone(), high_node.span.clone()];
    (problems.len() == before).then_some(Values::Range {
        form,
        low,
        high,
        step,
        ends,
    })
}

fn example(form: Form) -> &'static str {
    match form {
        Form::Log => "{ log = [1e-4, 1e-1] }",
        Form::Uniform => "{ uniform = [0.0, 0.5] }",
        Form::Int => "{ int = [1, 6] }",
        Form::LogInt => "{ log_int = [8, 256] }",
        Form::PowerOfTwo => "{ power_of_two = [16, 256] }",
    }
}

/// What is wrong with one end of a range.
fn end_problem(form: Form, x: f64) -> Option<String> {
    let shown = number(x);
    if !x.is_finite() {
        return Some(format!("an end of a range must be finite, found {shown}"));
    }
    if form.whole() && (x.fract() != 0.0 || x.abs() > 9e15) {
        return Some(format!("{} takes whole numbers, found {shown}", form.key()));
    }
    if form.log() && x <= 0.0 {
        return Some(format!(
            "a log axis has no place for {shown}: both ends must be above zero"
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and positive here"
    )]
    if form == Form::PowerOfTwo && !(x as u64).is_power_of_two() {
        return Some(format!("{shown} is no power of two"));
    }
    None
}

fn read_step(
    path: &str,
    form: Form,
    width: f64,
    node: &Node,
    problems: &mut Vec<Problem>,
) -> Option<f64> {
    let message = match node.number() {
        None => format!("step takes a number, found {}", node.describe()),
        Some(_) if form == Form::PowerOfTwo => "powers of two have no `step`".into(),
        Some(x) if !x.is_finite() || x <= 0.0 => {
            format!("step must be above zero, found {}", number(x))
        }
        Some(x) if form.whole() && x.fract() != 0.0 => {
            format!(
                "{} takes whole numbers, so its step is one too; found {}",
                form.key(),
                number(x)
            )
        }
        Some(x) if x > width => {
            format!(
                "a step of {} is wider than the range, which is {} wide",
                number(x),
                number(width)
            )
        }
        Some(x) => return Some(x),
    };
    problems.push(Problem::at(&node.span, format!("{path}.step"), message));
    None
}
