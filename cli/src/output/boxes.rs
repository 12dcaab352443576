//! The box of every round on the axes of the search space, so that one sees the space narrow.

use serde_json::{Map, Value};

use super::{
    numbers,
    params::short_value,
    style::Style,
    table::{padded, visible},
    told::line,
};
use crate::view::{Axis, Hyper, Round};

/// All axes, one below the other; `best` marks the recommended point.
pub fn render(
    space: &[Hyper],
    rounds: &[Round],
    best: Option<&Map<String, Value>>,
    style: Style,
) -> String {
    let mut out = String::new();
    for hyper in space {
        let boxes: Vec<(&Round, &Axis)> = rounds
            .iter()
            .filter_map(|r| Some((r, r.axes.iter().find(|a| a.path == hyper.path)?)))
            .collect();
        let best = best.and_then(|params| params.get(&hyper.path));
        if boxes.is_empty() {
            continue;
        }
        match hyper.range {
            Some(range) => range_axis(&mut out, hyper, range, &boxes, best, style),
            None => choice_axis(&mut out, hyper, &boxes, best, style),
        }
    }
    out
}

struct Marks {
    edge: &'static str,
    bar: &'static str,
    best: &'static str,
}

fn marks(style: Style) -> Marks {
    if style.unicode {
        Marks {
            edge: "┊",
            bar: "━",
            best: "▲",
        }
    } else {
        Marks {
            edge: "|",
            bar: "=",
            best: "^",
        }
    }
}

fn range_axis(
    out: &mut String,
    hyper: &Hyper,
    (low, high): (f64, f64),
    boxes: &[(&Round, &Axis)],
    best: Option<&Value>,
    style: Style,
) {
    let width = style.width.saturating_sub(44).clamp(20, 60);
    let marks = marks(style);
    let edge = style.dim(marks.edge);
    let (left, right) = (numbers::short(low), numbers::short(high));
    let scale = if hyper.log { "  (log)" } else { "" };
    let room = (width + 2).saturating_sub(left.len() + right.len());
    out.push_str(&format!(
        "  {}{}\n",
        style.bold(line(&hyper.short)),
        style.dim(scale)
    ));
    let ends = format!("{left}{}{right}", " ".repeat(room));
    out.push_str(&format!("             {}\n", style.dim(ends)));
    let mut drawn = |label: String, before: usize, bar: String, after: usize, text: String| {
        let (before, after) = (" ".repeat(before), " ".repeat(after));
        let line = format!("    {label:<9}{edge}{before}{bar}{after}{edge}  {text}");
        out.push_str(line.trim_end());
        out.push('\n');
    };
    for (round, axis) in boxes {
        let from = cell(axis.low_share, width);
        let to = cell(axis.high_share, width).max(from + 1).min(width);
        let from = from.min(to - 1);
        let text = match (axis.low, axis.high) {
            (Some(low), Some(high)) => {
                format!("{} to {}", numbers::short(low), numbers::short(high))
            }
            _ => String::new(),
        };
        let bar = style.cyan(marks.bar.repeat(to - from));
        drawn(
            format!("round {}", round.round),
            from,
            bar,
            width - to,
            style.dim(text),
        );
    }
    if let Some(x) = best.and_then(Value::as_f64) {
        let at = cell(share(hyper.log, low, high, x), width).min(width - 1);
        drawn(
            "best".into(),
            at,
            style.green(marks.best),
            width - at - 1,
            style.bold(numbers::short(x)),
        );
    }
    out.push('\n');
}

/// Where a share of the axis lies among `width` characters.
fn cell(share: f64, width: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "clamped to the axis"
    )]
    let at = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    at
}

/// Where a value lies on its axis, 0 to 1.
fn share(log: bool, low: f64, high: f64, x: f64) -> f64 {
    if log && low > 0.0 && x > 0.0 {
        (x / low).ln() / (high / low).ln()
    } else {
        (x - low) / (high - low)
    }
}

fn choice_axis(
    out: &mut String,
    hyper: &Hyper,
    boxes: &[(&Round, &Axis)],
    best: Option<&Value>,
    style: Style,
) {
    let names: Vec<String> = hyper.choice.iter().map(short_value).collect();
    out.push_str(&format!("  {}\n", style.bold(line(&hyper.short))));
    let gone = if style.unicode { "·" } else { "." };
    for (round, axis) in boxes {
        let cells: Vec<String> = hyper
            .choice
            .iter()
            .zip(&names)
            .map(|(value, name)| {
                if axis.values.is_empty() || axis.values.contains(value) {
                    style.cyan(name)
                } else {
                    style.dim(padded(gone, visible(name)))
                }
            })
            .collect();
        out.push_str(format!("    round {:<3}{}", round.round, cells.join("  ")).trim_end());
        out.push('\n');
    }
    if let Some(value) = best {
        out.push_str(&format!(
            "    best     {}\n",
            style.green(short_value(value))
        ));
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hyper(log: bool) -> Hyper {
        Hyper {
            path: "train.learning_rate".into(),
            short: "learning_rate".into(),
            log,
            whole: false,
            range: Some((1e-4, 1.0)),
            choice: Vec::new(),
        }
    }

    fn round(number: u32, low_share: f64, high_share: f64) -> Round {
        let axis = Axis {
            path: "train.learning_rate".into(),
            low: Some(10f64.powf(-4.0 + 4.0 * low_share)),
            high: Some(10f64.powf(-4.0 + 4.0 * high_share)),
            low_share,
            high_share,
            values: Vec::new(),
        };
        Round {
            round: number,
            points: 8,
            points_finished: 8,
            rungs: vec![1],
            rung_points: vec![8],
            repeats: 1,
            top: None,
            axes: vec![axis],
            best: None,
        }
    }

    #[test]
    fn boxes_stand_where_they_are_on_the_log_axis() {
        let style = Style {
            color: false,
            unicode: false,
            width: 84,
            ..Style::default()
        };
        let mut best = Map::new();
        best.insert("train.learning_rate".into(), Value::from(0.01));
        let text = render(
            &[hyper(true)],
            &[round(1, 0.0, 1.0), round(2, 0.25, 0.75)],
            Some(&best),
            style,
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "  learning_rate  (log)");
        assert_eq!(
            lines[2],
            format!("    round 1  |{}|  1e-4 to 1", "=".repeat(40))
        );
        assert_eq!(
            lines[3],
            format!(
                "    round 2  |{}{}{}|  0.001 to 0.1",
                " ".repeat(10),
                "=".repeat(20),
                " ".repeat(10)
            )
        );
        assert_eq!(
            lines[4],
            format!("    best     |{}^{}|  0.01", " ".repeat(20), " ".repeat(19))
        );
    }

    #[test]
    fn a_box_of_no_width_is_still_seen() {
        let style = Style {
            color: false,
            unicode: false,
            width: 84,
            ..Style::default()
        };
        let text = render(&[hyper(true)], &[round(1, 1.0, 1.0)], None, style);
        assert!(text.contains("=|"), "{text}");
    }
}
