//! What a program prints: reports among other lines.

use std::collections::BTreeMap;

use serde_json::Value;

/// A report of one epoch. Numbers may be NaN or infinite here.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EpochLine {
    pub(super) epoch: u32,
    pub(super) metrics: BTreeMap<String, f64>,
}

/// A line that is a JSON object with `epoch`, a whole number from 1, is a report; everything else is not. Its other
/// numbers are metrics. `NaN`, `Infinity` and `-Infinity` are taken as Python's `json` writes them.
pub(super) fn parse(line: &str) -> Option<EpochLine> {
    let line = line.trim();
    if !line.starts_with('{') {
        return None;
    }
    let Value::Object(fields) = serde_json::from_str(&quote_non_finite(line)).ok()? else {
        return None;
    };
    let epoch = fields.get("epoch")?;
    let epoch = epoch.as_u64().or_else(|| {
        epoch
            .as_f64()
            .filter(|e| e.fract() == 0.0)
            .map(|e| e as u64)
    })?;
    let epoch = u32::try_from(epoch).ok().filter(|epoch| *epoch > 0)?;
    let metrics = fields
        .into_iter()
        .filter(|(name, _)| name != "epoch")
        .filter_map(|(name, value)| Some((name, number(&value)?)))
        .collect();
    Some(EpochLine { epoch, metrics })
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
            parse(r#"{"epoch": 3, "loss": 0.5, "note": "fine", "deep": {"a": 1}, "n": 2}"#);
        let report = report.unwrap();
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
            r#"{"epoch": 0, "loss": 1}"#,
            r#"{"epoch": 1.5}"#,
            r#"{"epoch": -1}"#,
            r#"{"epoch": "three"}"#,
            r#"{"epoch": 99999999999}"#,
            r#"["epoch"]"#,
            r#"{"epoch": 1"#,
            "",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn the_words_that_json_lacks_are_numbers_outside_of_strings() {
        let line = r#"{"epoch": 1, "a": NaN, "b": -Infinity, "c": Infinity, "NaN \" Infinity": 4}"#;
        let metrics = parse(line).unwrap().metrics;
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
