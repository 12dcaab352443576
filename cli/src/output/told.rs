//! Text that this program did not make itself: what trainers, workers and coordinators say.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::Serialize;

/// Characters of it that are printed; JSON has all.
const MOST: usize = 4_000;

/// What somebody else said: whole in JSON; printed below one another's first line, and not without end.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Told(String);

impl From<String> for Told {
    fn from(text: String) -> Self {
        Told(text)
    }
}

impl Deref for Told {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&short(&self.0).replace('\n', "\n    "))
    }
}

/// The beginning of a text that is too long to be read, and how long it is.
pub fn short(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => {
            let all = text.chars().count();
            format!("{} … ({all} characters)", &text[..end]).into()
        }
        None => text.into(),
    }
}

/// The text as a terminal may get it: control characters are spelt out, but for line ends, tabs and, with `color`, the
/// sequences that [`Style`](super::style::Style) paints with.
pub fn harmless(text: &str, color: bool) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(steers) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(steers) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match paint(rest).filter(|_| color) {
            Some(length) => {
                out.push_str(&rest[..length]);
                length
            }
            None => {
                let control = rest.chars().next().unwrap_or_default();
                out.extend(control.escape_default());
                control.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    out.push_str(rest);
    out.into()
}

/// How long the colour is that a text begins with.
fn paint(text: &str) -> Option<usize> {
    let code = text.strip_prefix("\x1b[")?;
    let digits = code.bytes().take_while(u8::is_ascii_digit).count();
    (code.as_bytes().get(digits) == Some(&b'm') && digits <= 2).then_some(digits + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_told_steers_the_terminal() {
        let hostile = "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m\r\u{9b}1A\tend\n";
        let shown = harmless(hostile, false);
        assert_eq!(
            shown,
            "\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{1b}[31mred\\u{1b}[0m\\r\\u{9b}1A\tend\n"
        );
        let painted = harmless(hostile, true);
        assert!(painted.contains("[2J\x1b[31mred\x1b[0m\\r"), "{painted}");
        assert_eq!(painted.matches('\x1b').count(), 2, "{painted}");
        assert!(matches!(
            harmless("plain ± text\n", false),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn what_is_told_keeps_to_its_place_and_ends() {
        let told = Told::from("one\ntwo".to_owned());
        assert_eq!(told.to_string(), "one\n    two");
        assert_eq!(serde_json::json!(told), "one\ntwo");
        let long = Told::from("ä".repeat(200_000));
        assert!(long.to_string().ends_with("ä … (200000 characters)"));
        assert_eq!(long.to_string().chars().count(), MOST + 22);
    }
}
