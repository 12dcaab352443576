//! The live picture of a sweep that runs: where it is, a bar over all epochs, what is being trained, the best so far.

use super::{
    numbers,
    params::{params_line, short_value},
    style::Style,
    table::{cut, visible},
    told::line,
};
use crate::view::{Detail, Trial};

/// Everything, line by line, each as long as the terminal is wide at most. `before`: epochs and images that were trained
/// before this command began, `seconds` ago.
pub fn draw(
    detail: &Detail,
    running: &[Trial],
    seconds: f64,
    before: (u64, u64),
    style: Style,
) -> String {
    let mut lines = vec![
        String::new(),
        where_it_is(detail, style),
        bar_line(detail, seconds, before, style),
    ];
    for trial in running {
        let value = numbers::metric_or_dash(trial.objective);
        let place = format!(
            "trial {:>4}  epoch {:>2}/{:<2}",
            trial.trial, trial.epoch, trial.to_epoch
        );
        let but = trial
            .but()
            .map_or_else(String::new, |but| style.yellow(format!("  {but}")));
        let line = format!(
            "    {}  {value:>6}{but}  {}",
            style.dim(place),
            style.dim(params_line(&detail.space, trial))
        );
        lines.push(line);
    }
    let shown = running.len() as u64;
    if detail.counts.running > shown && shown > 0 {
        let more = detail.counts.running - shown;
        lines.push(style.dim(format!("    and {more} more")));
    }
    if let Some(best) = &detail.best {
        let value = style.green(style.bold(numbers::metric(best.objective)));
        let mut text = format!("  best {value} ");
        for hyper in &detail.space {
            if let Some(value) = best.params.get(&hyper.path) {
                text.push_str(&format!(
                    " {} {}",
                    style.dim(line(&hyper.short)),
                    short_value(value)
                ));
            }
        }
        lines.push(text);
    }
    lines
        .iter()
        .map(|line| cut(line, style.width, style))
        .collect::<Vec<_>>()
        .join("\n")
}

fn where_it_is(detail: &Detail, style: Style) -> String {
    let c = detail.counts;
    let state = if detail.summary.state == "running" {
        format!(
            "round {} of {}",
            detail.round,
            detail.rounds.len().max(detail.round as usize)
        )
    } else {
        detail.summary.state.to_owned()
    };
    let mut parts = vec![
        format!(
            "{} {}",
            style.bold(&detail.summary.sweep),
            style.cyan(state)
        ),
        format!("{} running", c.running),
        format!(
            "{} of {} trials done",
            c.ended(),
            detail.trials_planned.max(detail.summary.trials)
        ),
    ];
    if c.diverged > 0 {
        parts.push(style.yellow(format!("{} diverged", c.diverged)));
    }
    if c.failed > 0 {
        parts.push(style.red(format!("{} failed", c.failed)));
    }
    let separator = style.dim(if style.unicode { " · " } else { " - " });
    format!("  {}", parts.join(&separator))
}

/// The bar takes what the numbers leave: the time left must be seen on a narrow terminal too.
#[expect(clippy::cast_precision_loss, reason = "shares and rates for people")]
fn bar_line(detail: &Detail, seconds: f64, before: (u64, u64), style: Style) -> String {
    let planned = detail.epochs_planned.max(detail.epochs_trained).max(1);
    let share = detail.epochs_trained as f64 / planned as f64;
    let epochs = detail.epochs_trained.saturating_sub(before.0) as f64 / seconds.max(1e-9);
    let images = detail.images.saturating_sub(before.1) as f64 / seconds.max(1e-9);
    let left = match epochs {
        rate if rate > 0.0 => {
            let rest = (planned - detail.epochs_trained) as f64 / rate;
            format!(", left {}", numbers::clock(rest))
        }
        _ => String::new(),
    };
    let numbers = format!(
        "{:>3.0} %  {}/{planned} epochs  {}{left}  {} epochs/s  {} images/s",
        share * 100.0,
        detail.epochs_trained,
        numbers::clock(seconds),
        numbers::rate(epochs),
        numbers::rate(images),
    );
    let width = style
        .width
        .saturating_sub(visible(&numbers) + 4)
        .clamp(6, 40);
    format!("  {} {numbers}", bar(share, width, style))
}

/// A bar with eighths of a character where the terminal can show them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to the bar"
)]
fn bar(share: f64, width: usize, style: Style) -> String {
    let share = share.clamp(0.0, 1.0);
    if !style.unicode {
        let full = (share * width as f64).round() as usize;
        return format!("[{}{}]", "#".repeat(full), "-".repeat(width - full));
    }
    let eighths = (share * width as f64 * 8.0).round() as usize;
    let (full, part) = (eighths / 8, eighths % 8);
    let mut filled = "█".repeat(full);
    if part > 0 {
        filled.push(['▏', '▎', '▍', '▌', '▋', '▊', '▉'][part - 1]);
    }
    let rest = width - full - usize::from(part > 0);
    format!("{}{}", style.cyan(filled), style.dim("░".repeat(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_in_the_end_and_as_wide_as_asked_always() {
        let style = Style {
            unicode: true,
            ..Style::default()
        };
        assert_eq!(bar(0.5, 4, style), "██░░");
        assert_eq!(bar(0.56, 4, style), "██▎░");
        assert_eq!(bar(1.0, 4, style), "████");
        assert_eq!(bar(0.5, 4, Style::default()), "[##--]");
    }
}
