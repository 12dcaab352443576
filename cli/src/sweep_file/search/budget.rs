//! How much is trained in all, as people write it.

use hone_coordinator::{definition::check_budget, search::Budget};

/// `"180 epochs"`, `"20 trainings"`, `"30 min"` or `"2 h"`.
pub fn parse_budget(text: &str) -> Result<Budget, String> {
    let right = "write \"180 epochs\", \"20 trainings\" or \"30 min\"";
    let digits = text
        .find(|c: char| c != '.' && !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    let amount: f64 = number
        .parse()
        .map_err(|_| format!("{text:?} is no budget: {right}"))?;
    if amount <= 0.0 {
        return Err(format!("a budget of {text:?} trains nothing: {right}"));
    }
    let budget = match unit {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole; what is out of range is too large as the largest number, too"
        )]
        "epochs" | "epoch" if amount.fract() == 0.0 => Ok(Budget::Epochs(amount as u64)),
        "epochs" | "epoch" => Err(format!("{text:?}: epochs are whole numbers")),
        "trainings" | "training" => Ok(Budget::Trainings(amount)),
        "min" | "minutes" | "minute" => Ok(Budget::Minutes(amount)),
        "h" | "hours" | "hour" => Ok(Budget::Minutes(amount * 60.0)),
        _ => Err(format!("{text:?} is no budget: {right}")),
    }?;
    check_budget("budget", budget).map_err(|error| error.message)?;
    Ok(budget)
}

/// The same budget in always the same words.
pub fn budget_words(budget: Budget) -> String {
    match budget {
        Budget::Epochs(n) => format!("{n} epochs"),
        Budget::Trainings(n) => format!("{n} trainings"),
        Budget::Minutes(n) => format!("{n} min"),
    }
}
