//! What a program prints: reports among other lines.

use std::collections::BTreeMap;

use serde_json::Value;

/// A report of one epoch. Numbers may be NaN or infinite here.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EpochLine {
    pub(super) epoch: u32,
    pub(super) metrics: BTreeMap<String, f64>,
    /// What is no number, and what it is instead, by name.
    pub(super) others: BTreeMap<String, String>,
}

/// A line that is a JSON object with `epoch`, a whole number from 1, is a report; everything else is not. Its other
/// numbers are metrics. `NaN`, `Infinity` and `-Infinity` are taken as Python's `json` writes them.
///
/// # Errors
/// What is wrong with a line that is meant as a report.
pub(super) fn parse(line: &str) -> Result<Option<EpochLine>, String> {
    let line = line.trim();
    if !line.starts_with('{') {
        return Ok(None);
    }
    let Ok(Value::Object(fields)) = serde_json::from_str(&quote_non_finite(line)) else {
        return Ok(None);
    };
    let Some(epoch) = fields.get(EPOCH).and_then(whole) else {
        return Ok(None);
    };
    if epoch < 1 {
        return Err(format!("epoch {epoch}: they count from 1"));
    }
    let Ok(epoch) = u32::try_from(epoch) else {
        return Ok(None);
    };
    let mut report = EpochLine {
        epoch,
        metrics: BTreeMap::new(),
        others: BTreeMap::new(),
    };
    for (name, value) in fields.into_iter().filter(|(name, _)| name != EPOCH) {
        if name.contains(char::is_control) {
            return Err(format!(
                "epoch {epoch}: the metric {name:?} has a control character in its name"
            ));
        }
        match number(&value) {
            Some(number) => {
                report.metrics.insert(name, number);
            }
            None => {
                report.others.insert(name, kind(&value));
            }
        }
    }
    Ok(Some(report))
}

const EPOCH: &str = "epoch";

/// A whole number, be it written with a point.
fn whole(value: &Value) -> Option<i64> {
    let with_point = || value.as_f64().filter(|number| number.fract() == 0.0);
    value.as_i64().or_else(|| Some(with_point()? as i64))
}

impl EpochLine {
    /// Why it is no report of `metric`; `None` when it is one.
    pub(super) fn lacks(&self, metric: &str) -> Option<String> {
        if self.metrics.contains_key(metric) {
            return None;
        }
        let epoch = self.epoch;
        if let Some(kind) = self.others.get(metric) {
            return Some(format!(
                "epoch {epoch} was reported without a number for the objective's metric {metric:?}: it is {kind}"
            ));
        }
        let numbers = self.metrics.keys().map(|name| format!("{name:?}"));
        let others = self
            .others
            .iter()
            .map(|(name, kind)| format!("{name:?} ({kind})"));
        let all: Vec<_> = numbers.chain(others).collect();
        Some(missing(epoch, metric, &all))
    }
}

/// What is said of a report that has these in place of `metric`.
pub(crate) fn missing(epoch: u32, metric: &str, there: &[String]) -> String {
    let there = match there {
        [] => "no number at all".to_owned(),
        some => some.join(", "),
    };
    format!("epoch {epoch} was reported without the objective's metric {metric:?}; it has {there}")
}

/// Characters of a text that are quoted.
const QUOTED: usize = 40;

/// What a value is that is no number.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => {
            let short: String = text.chars().take(QUOTED).collect();
            format!("text, {short:?}")
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Object(fields) => {
            let names: Vec<_> = fields
                .keys()
                .take(4)
                .map(|name| format!("{name:?}"))
                .collect();
            format!(
                "an object with {}: only a line's own numbers count",
                names.join(", ")
            )
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// Puts quotes around the three words that JSON does not have, outside of strings.
fn quote_non_finite(line: &str) -> String {
    const WORDS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];
    let mut quoted = String::with_capacity(line.len());
    let mut rest = line;
    let mut in_string = false;
    while let Some(next) = rest.chars().next() {
        if !in_string && let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) {
            quoted.push('"');
            quoted.push_str(word);
            quoted.push('"');
            rest = &rest[word.len()..];
            continue;
        }
        quoted.push(next);
        rest = &rest[next.len_utf8()..];
        match next {
            '"' => in_string = !in_string,
            '\\' if in_string => {
                if let Some(escaped) = rest.chars().next() {
                    quoted.push(escaped);
                    rest = &rest[escaped.len_utf8()..];
                }
            }
            _ => {}
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_told_from_other_lines() {
        let report =
            report(r#"{"epoch": 3, "loss": 0.5, "note": "fine", "deep": {"a": 1}, "n": 2}"#);
        assert_eq!(report.epoch, 3);
        let expected = [("loss", 0.5), ("n", 2.0)];
        assert_eq!(
            report.metrics,
            expected
                .map(|(name, value)| (name.to_owned(), value))
                .into()
        );
        for line in [
            "epoch 3: loss 0.5",
            r#"{"loss": 0.5}"#,
            r#"{"epoch": 1.5}"#,
            r#"{"epoch": "three"}"#,
            r#"{"epoch": 99999999999}"#,
            r#"["epoch"]"#,
            r#"{"epoch": 1"#,
            "",
        ] {
            assert_eq!(parse(line), Ok(None), "{line}");
        }
    }

    fn report(line: &str) -> EpochLine {
        parse(line).unwrap().unwrap()
    }

    #[test]
    fn what_was_meant_as_a_report_and_is_none_is_told() {
        for (line, why) in [
            (r#"{"epoch": 0, "loss": 1}"#, "epoch 0: they count from 1"),
            (r#"{"epoch": 0.0}"#, "epoch 0: they count from 1"),
            (r#"{"epoch": -1}"#, "epoch -1: they count from 1"),
            (
                r#"{"epoch": 2, "lo\u001b[2Jss": 1}"#,
                r#"epoch 2: the metric "lo\u{1b}[2Jss" has a control character in its name"#,
            ),
        ] {
            assert_eq!(parse(line), Err(why.to_owned()), "{line}");
        }
    }

    #[test]
    fn a_report_without_the_metric_says_what_is_there_instead() {
        for (fields, why) in [
            (r#""score": 1"#, None),
            (r#""score": NaN"#, None),
            (r#""score": "0.93""#, Some(r#"it is text, "0.93""#)),
            (r#""score": null"#, Some("it is null")),
            (r#""score": [1]"#, Some("it is a list")),
            (r#""acc": 1, "loss": 2"#, Some(r#"it has "acc", "loss""#)),
            (
                r#""val": {"score": 1}"#,
                Some(r#"it has "val" (an object with "score": only a line's own numbers count)"#),
            ),
            (r#""more": true"#, Some(r#"it has "more" (true)"#)),
        ] {
            let line = format!(r#"{{"epoch": 1, {fields}}}"#);
            let lacks = report(&line).lacks("score");
            match why {
                None => assert_eq!(lacks, None, "{line}"),
                Some(why) => assert!(lacks.as_ref().unwrap().ends_with(why), "{line}: {lacks:?}"),
            }
        }
        let bare = report(r#"{"epoch": 1}"#).lacks("score").unwrap();
        assert!(bare.ends_with("it has no number at all"), "{bare}");
    }

    #[test]
    fn the_words_that_json_lacks_are_numbers_outside_of_strings() {
        let line = r#"{"epoch": 1, "a": NaN, "b": -Infinity, "c": Infinity, "NaN \" Infinity": 4}"#;
        let metrics = report(line).metrics;
        assert!(metrics["a"].is_nan());
        assert_eq!(metrics["b"], f64::NEG_INFINITY);
        assert_eq!(metrics["c"], f64::INFINITY);
        assert_eq!(metrics["NaN \" Infinity"], 4.0);
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_too_odd(line in ".{0,80}") {
            let _ = parse(&line);
            let _ = parse(&format!("{{{line}"));
        }
    }
}
