//! One hyperparameter: its domain and the map between a share of its axis and its values.

use std::collections::HashSet;

use serde_json::Value;

use super::definition_error::DefinitionError;

/// One hyperparameter of the search space.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// Full path, list positions from 0: `model.conv.1.filters`.
    pub path: String,
    /// What its value may be.
    pub kind: Kind,
    /// The hyperparameter exists only where all of these hold.
    pub conditions: Vec<Condition>,
    /// The values that a grid takes.
    pub grid: Option<Grid>,
    /// What the spec gets where the conditions do not hold; `None`: the key is left out.
    pub default: Option<Value>,
}

/// A range of numbers or a list of values.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Numbers between two ends, both included.
    Range(Range),
    /// One of these values: scalars, lists or tables.
    Choice(Vec<Value>),
}

/// A range of numbers, both ends included.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
    /// How values are spread between the ends.
    pub scale: Scale,
    /// Values are whole numbers.
    pub integer: bool,
    /// Values are `low + k * step`.
    pub step: Option<f64>,
}

/// How values are spread over a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// Evenly in the logarithm.
    Log,
    /// Powers of two, each as likely as the other.
    PowerOfTwo,
}

/// `path` must have one of `values`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Path of another domain.
    pub path: String,
    /// The values that satisfy it.
    pub values: Vec<Value>,
}

/// What the grid sampler takes of a domain.
#[derive(Clone, Debug, PartialEq)]
pub enum Grid {
    /// These values.
    Values(Vec<Value>),
    /// So many, evenly spaced on the domain's scale, both ends included.
    Points(u32),
}

impl Domain {
    /// A domain without conditions or grid.
    pub fn new(path: impl Into<String>, kind: Kind) -> Domain {
        Domain {
            path: path.into(),
            kind,
            conditions: Vec::new(),
            grid: None,
            default: None,
        }
    }

    /// The value at share `u` of the axis (0 to 1; a widened range takes more).
    pub fn value(&self, u: f64) -> Value {
        match &self.kind {
            Kind::Range(range) => range.value(u),
            Kind::Choice(values) => values[choice_index(u, values.len())].clone(),
        }
    }

    /// The share of the axis at which `value` lies: the middle of its cell for whole numbers and choices.
    ///
    /// `None` when the value is not of this domain's type or not among its choices. A number outside the range gives a share outside
    /// [0, 1].
    pub fn share(&self, value: &Value) -> Option<f64> {
        match &self.kind {
            Kind::Range(range) => range.share(value.as_f64()?),
            Kind::Choice(values) => {
                let index = values.iter().position(|v| same(v, value))?;
                Some((index as f64 + 0.5) / values.len() as f64)
            }
        }
    }

    /// Whether `value` is one that this domain could have drawn (steps apart).
    pub fn contains(&self, value: &Value) -> bool {
        match &self.kind {
            Kind::Range(range) => value
                .as_f64()
                .is_some_and(|v| v >= range.low && v <= range.high),
            Kind::Choice(values) => values.iter().any(|v| same(v, value)),
        }
    }

    /// How many values it has; `None`: numbers as close as one likes.
    pub(super) fn size(&self) -> Option<u64> {
        match &self.kind {
            Kind::Choice(values) => Some(values.len() as u64),
            Kind::Range(range) => range.size(),
        }
    }

    /// Errors name the path and say what would be right.
    pub(super) fn validate(&self) -> Result<(), DefinitionError> {
        let refuse = |message: String| Err(DefinitionError::at(&self.path, message));
        match &self.kind {
            Kind::Choice(values) if values.is_empty() => {
                refuse("choice has no values: give at least one".into())
            }
            Kind::Choice(values) => match repeated(values) {
                Some(value) => refuse(format!("choice has {value} twice: leave one out")),
                None => Ok(()),
            },
            Kind::Range(range) => match range.fault() {
                Some(message) => refuse(message),
                None => Ok(()),
            },
        }
    }
}

/// The index of `u` among `n` equal cells.
pub(super) fn choice_index(u: f64, n: usize) -> usize {
    ((u * n as f64).floor().max(0.0) as usize).min(n - 1)
}

/// Equality of JSON values in which 1 and 1.0 are the same number.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) => x == y,
        _ => a == b,
    }
}

fn repeated(values: &[Value]) -> Option<&Value> {
    let mut seen = HashSet::new();
    // A sum with 0.0 makes one zero of both.
    let key = |value: &Value| value.as_f64().map(|x| (x + 0.0).to_bits());
    let mut repeated = values
        .iter()
        .filter(|&value| !seen.insert(key(value).ok_or(value)));
    repeated.next()
}

impl Range {
    /// A plain range of numbers.
    pub fn new(scale: Scale, low: f64, high: f64) -> Range {
        Range {
            low,
            high,
            scale,
            integer: scale == Scale::PowerOfTwo,
            step: None,
        }
    }

    /// The value at share `u` of the axis.
    pub fn value(&self, u: f64) -> Value {
        let (a, b) = self.axis_ends();
        let raw = self.from_axis(a + u * (b - a));
        // A widened range goes past its ends; without one, rounding must not.
        let (low, high) = if (0.0..=1.0).contains(&u) {
            (self.low, self.largest())
        } else {
            (f64::NEG_INFINITY, f64::INFINITY)
        };
        self.to_json(self.rounded(raw).clamp(low, high))
    }

    /// The share of the axis at which the number lies; `None` where the axis has no such place (zero on a log axis).
    pub fn share(&self, value: f64) -> Option<f64> {
        let (a, b) = self.axis_ends();
        if self.scale != Scale::Linear && value <= 0.0 {
            return None;
        }
        if a == b {
            return Some(0.5);
        }
        Some((self.to_axis(value) - a) / (b - a))
    }

    /// Ends that no such hyperparameter has values beyond: a range from zero up is of amounts, one within [0, 1] of
    /// shares, and whole numbers from 1 up count things that there is at least one of.
    pub fn natural_ends(&self) -> (Option<f64>, Option<f64>) {
        let linear = self.scale == Scale::Linear;
        let counts = (self.integer || self.scale == Scale::PowerOfTwo) && self.low >= 1.0;
        let low = match () {
            () if counts => Some(1.0),
            () if linear && self.low >= 0.0 => Some(0.0),
            () => None,
        };
        let share = linear && self.low >= 0.0 && self.high <= 1.0;
        (low, share.then_some(1.0))
    }

    /// Where a value lies between the ends themselves: 0 at `low`, 1 at `high`, on the range's scale.
    pub fn position(&self, value: f64) -> f64 {
        let (a, b) = (self.to_axis(self.low), self.to_axis(self.high));
        if a == b {
            0.5
        } else {
            (self.to_axis(value) - a) / (b - a)
        }
    }

    /// The value at a position between the smallest value and the largest: 0 and 1.
    pub fn at_position(&self, position: f64) -> Value {
        let (low, high) = (self.low, self.largest());
        let (a, b) = (self.to_axis(low), self.to_axis(high));
        let raw = self.rounded(self.from_axis(a + position * (b - a)));
        self.to_json(raw.clamp(low, high))
    }

    /// The ends in axis units. Each value of a discrete range owns a cell, so that the ends are as likely as the rest.
    fn axis_ends(&self) -> (f64, f64) {
        let half = self.half_cell();
        let top = self.top();
        if self.scale == Scale::PowerOfTwo {
            return (self.low.log2() - 0.5, top.log2() + 0.5);
        }
        let low = self.low - half;
        let low = if self.scale == Scale::Log && low <= 0.0 {
            self.low
        } else {
            low
        };
        (self.to_axis(low), self.to_axis(top + half))
    }

    /// How many values there are; `None`: they lie as close as one likes.
    pub(crate) fn size(&self) -> Option<u64> {
        let Range { low, high, .. } = *self;
        let steps = match (self.scale, self.step) {
            (Scale::PowerOfTwo, _) => high.log2() - low.log2(),
            (_, Some(step)) => ((high - low) / step + 1e-9).floor(),
            _ if self.integer => high - low,
            _ if low == high => 0.0,
            _ => return None,
        };
        Some((steps as u64).saturating_add(1))
    }

    /// The value at this place among those of a range that has a [`size`](Self::size), the smallest first.
    pub(super) fn nth(&self, index: u64) -> Value {
        let index = index as f64;
        let raw = match (self.scale, self.step) {
            (Scale::PowerOfTwo, _) => self.low * index.exp2(),
            (_, Some(step)) => tidy(self.low + index * step, step),
            _ => self.low + index,
        };
        self.to_json(raw)
    }

    /// The largest value: below the upper end where a step does not hit it.
    pub fn largest(&self) -> f64 {
        self.step.map_or(self.high, |step| tidy(self.top(), step))
    }

    /// The largest value that the step reaches.
    fn top(&self) -> f64 {
        match self.step {
            Some(step) => self.low + ((self.high - self.low) / step + 1e-9).floor() * step,
            None => self.high,
        }
    }

    fn half_cell(&self) -> f64 {
        match self.step {
            Some(step) => step / 2.0,
            None if self.integer => 0.5,
            None => 0.0,
        }
    }

    fn rounded(&self, raw: f64) -> f64 {
        match (self.scale, self.step) {
            (Scale::PowerOfTwo, _) => raw.log2().round().exp2(),
            // Rounding the count and then multiplying keeps 0.1 steps free of digits such as 0.30000000000000004.
            (_, Some(step)) => tidy(self.low + ((raw - self.low) / step).round() * step, step),
            _ if self.integer => raw.round(),
            _ => raw,
        }
    }

    fn to_axis(&self, x: f64) -> f64 {
        match self.scale {
            Scale::Linear => x,
            Scale::Log => x.ln(),
            Scale::PowerOfTwo => x.log2(),
        }
    }

    #[expect(
        clippy::wrong_self_convention,
        reason = "the counterpart of to_axis: it converts a number, not the range"
    )]
    fn from_axis(&self, x: f64) -> f64 {
        match self.scale {
            Scale::Linear => x,
            Scale::Log => x.exp(),
            Scale::PowerOfTwo => x.exp2(),
        }
    }

    fn to_json(&self, x: f64) -> Value {
        if self.integer {
            Value::from(x as i64)
        } else {
            Value::from(x)
        }
    }

    fn fault(&self) -> Option<String> {
        let Range { low, high, .. } = *self;
        if !low.is_finite() || !high.is_finite() {
            return Some(format!("the range [{low}, {high}] must have finite ends"));
        }
        if low > high {
            return Some(format!(
                "the range [{low}, {high}] is reversed: write [{high}, {low}]"
            ));
        }
        if self.scale != Scale::Linear && low <= 0.0 {
            return Some(format!(
                "a log range cannot touch zero: [{low}, {high}] must start above 0"
            ));
        }
        if self.integer && (low.fract() != 0.0 || high.fract() != 0.0) {
            return Some(format!("the ends of [{low}, {high}] must be whole numbers"));
        }
        if self.scale == Scale::PowerOfTwo
            && (low.log2().fract() != 0.0 || high.log2().fract() != 0.0)
        {
            return Some(format!(
                "the ends of [{low}, {high}] must be powers of two, such as 16 and 256"
            ));
        }
        match self.step {
            Some(step) if !(step.is_finite() && step > 0.0) => {
                Some(format!("step = {step} must be above 0"))
            }
            Some(step) if step > high - low && high > low => Some(format!(
                "step = {step} is wider than the range [{low}, {high}]"
            )),
            Some(step) if self.integer && step.fract() != 0.0 => Some(format!(
                "step = {step} must be a whole number, as the range is"
            )),
            Some(_) if self.scale == Scale::PowerOfTwo => {
                Some("a range of powers of two takes no step".into())
            }
            _ => None,
        }
    }
}

/// Rounds `x` to twelve digits below the size of `step`.
fn tidy(x: f64, step: f64) -> f64 {
    let digits = (12.0 - step.abs().log10().ceil()).clamp(0.0, 15.0) as i32;
    let scale = 10f64.powi(digits);
    let rounded = (x * scale).round() / scale;
    if rounded.is_finite() { rounded } else { x }
}
