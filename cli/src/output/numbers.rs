//! Numbers as people read them.

use serde_json::Value;

use super::told::line;

/// Two hex digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Numbers from here on are not written out.
const GREAT: f64 = 1e7;

/// A metric or objective: four decimals, more when it is small, with an exponent when it is great.
pub fn metric(x: f64) -> String {
    if x != 0.0 && !(1e-3..GREAT).contains(&x.abs()) {
        format!("{x:.3e}")
    } else {
        format!("{x:.4}")
    }
}

/// The same to six decimals.
pub fn metric_in_full(x: f64) -> String {
    if x.abs() < GREAT {
        format!("{x:.6}")
    } else {
        scientific(x)
    }
}

/// A metric, or a dash.
pub fn metric_or_dash(x: Option<f64>) -> String {
    x.map_or_else(|| "-".into(), metric)
}

/// A hyperparameter's value, short: `0.0123`, `3.1e-4`, `64`, `relu`.
pub fn value(value: &Value) -> String {
    match value {
        Value::Number(n) if n.is_f64() => short(n.as_f64().unwrap_or(f64::NAN)),
        Value::String(s) => line(s).into_owned(),
        other => other.to_string(),
    }
}

/// Three significant digits, without a tail of zeros.
pub fn short(x: f64) -> String {
    if x == 0.0 {
        return "0".into();
    }
    let size = x.abs();
    if !(1e-3..1e5).contains(&size) {
        let text = format!("{x:.2e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trim(mantissa));
    }
    let digits: usize = match size {
        s if s >= 100.0 => 0,
        s if s >= 10.0 => 1,
        s if s >= 1.0 => 2,
        s if s >= 0.1 => 3,
        s if s >= 0.01 => 4,
        _ => 5,
    };
    trim(&format!("{x:.digits$}")).to_owned()
}

fn trim(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// As the lecture prints it, and C: `5.340517e-04`.
pub fn scientific(x: f64) -> String {
    let text = format!("{x:.6e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// `12.3 s`, `4 min 05 s`, `2 h 13 min`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "-".into();
    }
    if seconds < 1.0 {
        return format!("{:.0} ms", seconds * 1e3);
    }
    if seconds < 99.95 {
        return format!("{seconds:.1} s");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive and for people"
    )]
    let whole = seconds.round() as u64;
    if whole < 3600 {
        return format!("{} min {:02} s", whole / 60, whole % 60);
    }
    if whole < 48 * 3600 {
        return format!("{} h {:02} min", whole / 3600, whole % 3600 / 60);
    }
    format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600)
}

/// `0:07`, `12:34`, `3:12:34`.
pub fn clock(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped above zero, for people"
    )]
    let whole = seconds.max(0.0).round() as u64;
    match whole / 3600 {
        0 => format!("{}:{:02}", whole / 60, whole % 60),
        hours => format!("{hours}:{:02}:{:02}", whole % 3600 / 60, whole % 60),
    }
}

/// Thousands apart: `12 345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) && digits.len() > 4 {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// A rate: `0.42`, `12.3`, `15 400`.
pub fn rate(x: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive and for people"
    )]
    match x {
        x if !x.is_finite() || x < 0.0 => "-".into(),
        x if x < 10.0 => format!("{x:.2}"),
        x if x < 100.0 => format!("{x:.1}"),
        x => count(x.round() as u64),
    }
}

/// One of many: `1 trial`, `3 trials`.
pub fn plural(n: u64, word: &str) -> String {
    if n == 1 {
        format!("1 {word}")
    } else {
        format!("{} {word}s", count(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_their_meaning() {
        assert_eq!(short(0.012_345), "0.0123");
        assert_eq!(short(0.1), "0.1");
        assert_eq!(short(3.14e-4), "3.14e-4");
        assert_eq!(short(1e-5), "1e-5");
        assert_eq!(short(1.0), "1");
        assert_eq!(short(128.0), "128");
        assert_eq!(count(1234), "1234");
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(clock(3725.0), "1:02:05");
        assert_eq!(duration(245.0), "4 min 05 s");
        assert_eq!(plural(1, "trial"), "1 trial");
        assert_eq!(metric(-1e308), "-1.000e308");
        assert_eq!(metric(5e-324), "4.941e-324");
        assert_eq!(metric_in_full(1e308), "1.000000e+308");
    }

    #[test]
    fn scientific_is_the_lectures() {
        assert_eq!(scientific(5.340_517e-4), "5.340517e-04");
        assert_eq!(scientific(4.097_824e-1), "4.097824e-01");
        assert_eq!(scientific(0.0), "0.000000e+00");
    }
}
