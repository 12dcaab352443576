//! A trial's learning curve: a table, and a small picture of one metric.

use super::{
    numbers,
    style::Style,
    table::{Align, Table},
};
use crate::view::CurvePoint;

/// Epochs as rows, metrics as columns; long curves lose rows in the middle.
pub fn table(curve: &[CurvePoint], style: Style) -> String {
    let names: Vec<&String> = curve
        .first()
        .map(|c| c.metrics.keys().collect())
        .unwrap_or_default();
    let mut table = Table::new(&[("epoch", Align::Right)]);
    for name in &names {
        table.column(name);
    }
    table.column("seconds");
    let long = curve.len() > 24;
    for (i, point) in curve.iter().enumerate() {
        if long && i == 10 {
            table.row(vec!["…".into()]);
        }
        if long && (10..curve.len() - 10).contains(&i) {
            continue;
        }
        let mut row = vec![point.epoch.to_string()];
        for name in &names {
            let value = point.metrics.get(*name).and_then(serde_json::Value::as_f64);
            row.push(numbers::metric_or_dash(value));
        }
        row.push(format!("{:.2}", point.seconds));
        table.row(row);
    }
    table.render(style, 2)
}

/// One metric over the epochs in a line of blocks: `▁▃▅▆▇█`.
pub fn sparkline(values: &[f64], style: Style) -> String {
    let marks: &[char] = if style.unicode {
        &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    } else {
        &['_', '.', '-', '=', '^']
    };
    let finite = || values.iter().copied().filter(|x| x.is_finite());
    let (low, high) = (
        finite().fold(f64::INFINITY, f64::min),
        finite().fold(f64::NEG_INFINITY, f64::max),
    );
    let step = values.len().div_ceil(80).max(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a handful of marks"
    )]
    let mark = |x: f64| {
        if !x.is_finite() {
            return '?';
        }
        // Of halves: two numbers may lie further apart than any number is great.
        let share = if high > low {
            (x / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
        } else {
            0.5
        };
        marks[((share * (marks.len() - 1) as f64).round() as usize).min(marks.len() - 1)]
    };
    values.iter().step_by(step).map(|x| mark(*x)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rising_curve_rises() {
        let style = Style {
            color: false,
            unicode: true,
            width: 80,
            ..Style::default()
        };
        assert_eq!(sparkline(&[0.1, 0.5, 0.9], style), "▁▅█");
        assert_eq!(sparkline(&[1.0, f64::NAN, 1.0], style), "▅?▅");
        assert_eq!(sparkline(&[-1e308, 0.0, 1e308], style), "▁▅█");
    }
}
