//! Domains: what a hyperparameter may be, as `{ log = [1e-4, 1e0] }` says it.

use serde_json::{Value, json};

use super::{
    source::{Problem, Span, nearest},
    tree::{Entry, Kind, Node, Table, number},
};

/// The keys that make a table a domain.
pub const FORMS: [&str; 6] = ["log", "uniform", "int", "log_int", "power_of_two", "choice"];

/// How values lie between the ends of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Log-uniform.
    Log,
    /// Uniform.
    Uniform,
    /// Whole numbers.
    Int,
    /// Whole numbers, log-uniform.
    LogInt,
    /// 16, 32, 64, …
    PowerOfTwo,
}

impl Form {
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "log" => Form::Log,
            "uniform" => Form::Uniform,
            "int" => Form::Int,
            "log_int" => Form::LogInt,
            "power_of_two" => Form::PowerOfTwo,
            _ => return None,
        })
    }

    /// As the sweep file writes it.
    pub fn key(self) -> &'static str {
        match self {
            Form::Log => "log",
            Form::Uniform => "uniform",
            Form::Int => "int",
            Form::LogInt => "log_int",
            Form::PowerOfTwo => "power_of_two",
        }
    }

    /// Values are whole numbers.
    pub fn whole(self) -> bool {
        matches!(self, Form::Int | Form::LogInt | Form::PowerOfTwo)
    }

    /// The axis is logarithmic.
    pub fn log(self) -> bool {
        matches!(self, Form::Log | Form::LogInt | Form::PowerOfTwo)
    }
}

/// The values a hyperparameter may have.
#[derive(Clone, Debug)]
pub enum Values {
    /// Numbers between two ends, both included.
    Range {
        /// How they lie.
        form: Form,
        /// Lower end.
        low: f64,
        /// Upper end, above `low`.
        high: f64,
        /// Values are `low + k · step`.
        step: Option<f64>,
        /// Places of the two ends, for what the trainer has to say about them.
        ends: [Span; 2],
    },
    /// One of these, never empty.
    Choice(Vec<Node>),
}

/// What the grid sampler takes from a domain.
#[derive(Clone, Debug)]
pub enum Grid {
    /// `grid = [v, …]`
    Values(Vec<Value>),
    /// `points = n`
    Points(u32),
}

/// `if = { "train.optimizer" = "sgd" }`: one key of it.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Path of the hyperparameter it looks at, as written.
    pub path: String,
    /// The values that make it hold.
    pub values: Vec<Value>,
    /// Where it stands.
    pub span: Span,
}

/// One hyperparameter of the search space.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Full path: `model.conv.1.filters`.
    pub path: String,
    /// Where the domain stands.
    pub span: Span,
    /// What it may be.
    pub values: Values,
    /// It exists only when all of these hold.
    pub conditions: Vec<Condition>,
    /// For the grid sampler.
    pub grid: Option<Grid>,
}

impl Domain {
    /// A whole-number axis gives whole JSON numbers, so that integer keys can take them.
    pub fn value(form: Form, x: f64) -> Value {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "ends are checked to be whole and below 2^53"
        )]
        if form.whole() {
            json!(x as i64)
        } else {
            json!(x)
        }
    }

    /// The values at which the trainer is asked whether it can train: every choice, or both ends; with their places.
    pub fn probes(&self) -> Vec<(Value, Span)> {
        match &self.values {
            Values::Range {
                form,
                low,
                high,
                ends,
                ..
            } => vec![
                (Self::value(*form, *low), ends[0].clone()),
                (Self::value(*form, *high), ends[1].clone()),
            ],
            Values::Choice(nodes) => nodes
                .iter()
                .map(|n| (n.to_json(), n.span.clone()))
                .collect(),
        }
    }

    /// The middle of the axis; of a choice the middle value.
    pub fn middle(&self) -> Value {
        match &self.values {
            Values::Choice(nodes) => nodes[nodes.len() / 2].to_json(),
            Values::Range {
                form, low, high, ..
            } => {
                let middle = if form.log() {
                    (low * high).sqrt()
                } else {
                    f64::midpoint(*low, *high)
                };
                match form {
                    Form::PowerOfTwo => Self::value(*form, middle.log2().round().exp2()),
                    _ if form.whole() => Self::value(*form, middle.round()),
                    _ => Self::value(*form, middle),
                }
            }
        }
    }

    /// Whether a value may be drawn from here.
    pub fn contains(&self, value: &Value) -> bool {
        match &self.values {
            Values::Choice(nodes) => nodes.iter().any(|n| same(&n.to_json(), value)),
            Values::Range {
                form, low, high, ..
            } => value.as_f64().is_some_and(|x| {
                (*low..=*high).contains(&x) && (!form.whole() || x.fract() == 0.0)
            }),
        }
    }

    /// In words, for messages: `log from 0.0001 to 1`.
    pub fn describe(&self) -> String {
        match &self.values {
            Values::Range {
                form, low, high, ..
            } => {
                format!("{} from {} to {}", form.key(), number(*low), number(*high))
            }
            Values::Choice(nodes) => {
                let values: Vec<String> = nodes.iter().map(|n| n.to_json().to_string()).collect();
                format!("one of {}", values.join(", "))
            }
        }
    }
}

/// Equal as sweep files see it: `1` is `1.0`.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b).is_eq(),
        _ => a == b,
    }
}

/// Whether a table has the shape of a domain.
pub fn is_domain(table: &Table) -> bool {
    table.0.iter().any(|e| FORMS.contains(&e.key.as_str()))
}

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
            let found = nearest(key, known.into_iter().chain(FORMS));
            let help = found.map_or(
                "beside its form a domain takes `step`, `if`, `grid` and `points`".into(),
                |n| format!("did you mean `{n}`?"),
            );
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
    let conditions = conditions(path, table, &mut problems);
    let grid = values
        .as_ref()
        .and_then(|v| grid(path, v, table, &mut problems));
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
    for (i, item) in items.iter().enumerate() {
        if items[..i]
            .iter()
            .any(|earlier| same(&earlier.to_json(), &item.to_json()))
        {
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

fn conditions(path: &str, table: &Table, problems: &mut Vec<Problem>) -> Vec<Condition> {
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

fn grid(path: &str, values: &Values, table: &Table, problems: &mut Vec<Problem>) -> Option<Grid> {
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
