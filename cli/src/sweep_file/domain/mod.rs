//! Domains: what a hyperparameter may be, as `{ log = [1e-4, 1e0] }` says it.

use serde_json::{Value, json};

mod beside;
mod parse;

pub use parse::parse;

use super::{
    source::Span,
    tree::{Node, Table, number},
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
    /// As the sweep file calls it; none for a choice.
    pub fn of(key: &str) -> Option<Self> {
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

impl Values {
    /// How many there are, where that can be said.
    pub fn count(&self) -> Option<f64> {
        match self {
            Values::Choice(nodes) => Some(nodes.len() as f64),
            Values::Range {
                form,
                low,
                high,
                step,
                ..
            } => match (form, step) {
                (Form::PowerOfTwo, _) => Some((high / low).log2().round() + 1.0),
                (_, Some(step)) => Some(((high - low) / step + 1e-9).floor() + 1.0),
                (form, None) if form.whole() => Some(high - low + 1.0),
                _ => None,
            },
        }
    }
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

    /// Values that are written out: its own, those of its grid and of its conditions.
    pub fn listed(&self) -> usize {
        let own = match &self.values {
            Values::Choice(nodes) => nodes.len(),
            Values::Range { .. } => 0,
        };
        let grid = match &self.grid {
            Some(Grid::Values(values)) => values.len(),
            Some(Grid::Points(_)) | None => 0,
        };
        let conditions = self.conditions.iter();
        own + grid + conditions.map(|c| 1 + c.values.len()).sum::<usize>()
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
                form,
                low,
                high,
                step,
                ..
            } => {
                let (low, high) = (number(*low), number(*high));
                let steps = step.map(|step| format!(" in steps of {}", number(step)));
                format!(
                    "{} from {low} to {high}{}",
                    form.key(),
                    steps.unwrap_or_default()
                )
            }
            Values::Choice(nodes) => format!("one of {}", listed(nodes.iter().map(Node::to_json))),
        }
    }
}

/// Values in words: many lose their middle.
pub fn listed(values: impl Iterator<Item = Value>) -> String {
    const MOST: usize = 30;
    let mut all: Vec<String> = values.map(|value| value.to_string()).collect();
    if all.len() > MOST {
        let left_out = all.len() - MOST + 1;
        let middle = format!("({left_out} more)");
        all.splice(MOST - 2..all.len() - 1, [middle]);
    }
    all.join(", ")
}

/// Equal as sweep files see it: `1` is `1.0`.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b).is_eq(),
        _ => a == b,
    }
}

/// What two values share if they are the [`same`], and only then.
fn key(value: Value) -> Result<u64, Value> {
    value.as_f64().map(f64::to_bits).ok_or(value)
}

/// Whether a table has the shape of a domain.
pub fn is_domain(table: &Table) -> bool {
    table.0.iter().any(|e| FORMS.contains(&e.key.as_str()))
}
