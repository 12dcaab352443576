//! TOML as a tree that remembers where each value stands.

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::source::{Problem, Span};

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// Of the value; for `[section]` the header.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// TOML's types.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `true`
    Bool(bool),
    /// `64`
    Int(i64),
    /// `1e-3`
    Float(f64),
    /// `"sgd"`
    Str(String),
    /// Dates and times: nothing in a sweep file takes one.
    Time(String),
    /// `[16, 32]`
    List(Vec<Node>),
    /// `{ … }` or `[section]`
    Table(Table),
}

/// Keys in the order of the text.
#[derive(Clone, Debug, Default)]
pub struct Table(pub Vec<Entry>);

/// One `key = value`.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key without quotes.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Its value.
    pub node: Node,
}

impl Table {
    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|e| e.key == key)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.node)
    }
}

impl Node {
    /// What it is, for messages: `a string`, `the number 3`.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Bool(b) => b.to_string(),
            Kind::Int(i) => i.to_string(),
            // Its point tells it from a whole number.
            Kind::Float(x) if x.fract() == 0.0 && x.abs() < 1e6 => format!("{x:?}"),
            Kind::Float(x) => number(*x),
            Kind::Str(s) => format!("{s:?}"),
            Kind::Time(t) => format!("the time {t}"),
            Kind::List(_) => "a list".into(),
            Kind::Table(_) => "a table".into(),
        }
    }

    /// As a number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self.kind {
            #[expect(
                clippy::cast_precision_loss,
                reason = "ends of ranges are far below 2^53"
            )]
            Kind::Int(i) => Some(i as f64),
            Kind::Float(x) => Some(x),
            _ => None,
        }
    }

    /// As a table, if it is one.
    pub fn table(&self) -> Option<&Table> {
        match &self.kind {
            Kind::Table(table) => Some(table),
            _ => None,
        }
    }

    /// As a list, if it is one.
    pub fn list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The same value as JSON.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Bool(b) => Value::from(*b),
            Kind::Int(i) => Value::from(*i),
            Kind::Float(x) => Value::from(*x),
            Kind::Str(s) | Kind::Time(s) => Value::from(s.clone()),
            Kind::List(items) => items.iter().map(Node::to_json).collect(),
            Kind::Table(table) => Value::Object(
                table
                    .0
                    .iter()
                    .map(|e| (e.key.clone(), e.node.to_json()))
                    .collect(),
            ),
        }
    }

    /// The place of `path` below this node, or of the nearest thing above it that is written.
    pub fn place(&self, path: &str) -> Span {
        let mut node = self;
        let mut span = None;
        for segment in path.split('.').filter(|s| !s.is_empty()) {
            let next = match &node.kind {
                Kind::Table(table) => table.entry(segment).map(|e| (&e.node, &e.key_span)),
                Kind::List(items) => segment
                    .parse::<usize>()
                    .ok()
                    .and_then(|i| items.get(i))
                    .map(|n| (n, &n.span)),
                _ => None,
            };
            let Some((next, _)) = next else { break };
            node = next;
            span = Some(node.span.clone());
        }
        span.unwrap_or_else(|| self.span.clone())
    }
}

/// A number as people write it: `0.001`, `1e-5`, `64`.
pub fn number(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 || (1e-3..1e6).contains(&size) {
        x.to_string()
    } else {
        format!("{x:e}")
    }
}

/// Parses TOML.
pub fn parse(text: &str) -> Result<Node, Problem> {
    match DeTable::parse(text) {
        Ok(table) => {
            let span = table.span();
            Ok(Node {
                span,
                kind: Kind::Table(convert_table(table.into_inner())?),
            })
        }
        Err(error) => Err(Problem {
            span: error.span(),
            key: String::new(),
            message: format!("not TOML: {}", error.message().trim().replace('\n', ", ")),
            help: None,
        }),
    }
}

fn convert_table(table: DeTable<'_>) -> Result<Table, Problem> {
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        entries.push(Entry {
            key_span: key.span(),
            key: key.into_inner().into_owned(),
            node: convert(value)?,
        });
    }
    entries.sort_by_key(|e| e.key_span.start);
    Ok(Table(entries))
}

fn convert(value: Spanned<DeValue<'_>>) -> Result<Node, Problem> {
    let span = value.span();
    let kind = match value.into_inner() {
        DeValue::Boolean(b) => Kind::Bool(b),
        DeValue::String(s) => Kind::Str(s.into_owned()),
        DeValue::Datetime(t) => Kind::Time(t.to_string()),
        DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix())
            .map(Kind::Int)
            .map_err(|_| Problem::at(&span, "", "this whole number does not fit 64 bits"))?,
        DeValue::Float(x) => x
            .as_str()
            .parse()
            .map(Kind::Float)
            .map_err(|_| Problem::at(&span, "", "this is no number"))?,
        DeValue::Array(items) => {
            Kind::List(items.into_iter().map(convert).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Kind::Table(convert_table(table)?),
    };
    Ok(Node { span, kind })
}
