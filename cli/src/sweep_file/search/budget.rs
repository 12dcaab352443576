//! How much is trained in all.

/// How much is trained in all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// `"180 epochs"`
    Epochs(u64),
    /// `"20 trainings"`
    Trainings(f64),
    /// `"30 min"`
    Minutes(f64),
}

impl Budget {
    /// In epochs, for full trainings of so many; `None` for minutes, which only a measurement can turn into epochs.
    pub fn epochs(self, full_epochs: u32) -> Option<u64> {
        match self {
            Budget::Epochs(n) => Some(n),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked when parsed"
            )]
            Budget::Trainings(n) => Some((n * f64::from(full_epochs)).round() as u64),
            Budget::Minutes(_) => None,
        }
    }
}

impl std::str::FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = "write \"180 epochs\", \"20 trainings\" or \"30 min\"";
        let digits = text
            .find(|c: char| c != '.' && !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = (&text[..digits], text[digits..].trim());
        let amount: f64 = number
            .parse()
            .map_err(|_| format!("{text:?} is no budget: {right}"))?;
        if !(amount > 0.0 && amount < 1e12) {
            return Err(format!("a budget of {text:?} trains nothing: {right}"));
        }
        match unit {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, in range"
            )]
            "epochs" | "epoch" if amount.fract() == 0.0 => Ok(Budget::Epochs(amount as u64)),
            "epochs" | "epoch" => Err(format!("{text:?}: epochs are whole numbers")),
            "trainings" | "training" => Ok(Budget::Trainings(amount)),
            "min" | "minutes" | "minute" => Ok(Budget::Minutes(amount)),
            "h" | "hours" | "hour" => Ok(Budget::Minutes(amount * 60.0)),
            _ => Err(format!("{text:?} is no budget: {right}")),
        }
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Budget::Epochs(n) => write!(f, "{n} epochs"),
            Budget::Trainings(n) => write!(f, "{n} trainings"),
            Budget::Minutes(n) => write!(f, "{n} min"),
        }
    }
}
