//! Text that this program did not make itself: what trainers, workers, coordinators, files and people's own words say.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::Serialize;

use super::style;

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

/// Whether a terminal does something else with a character than show it: control characters, line and paragraph separators, and what has no
/// width, so that it hides or turns the direction of writing (Unicode's `Default_Ignorable_Code_Point`, without the variation selectors
/// that emoji are written with).
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text as it may be shown: what [`steers`] a terminal is spelt out, a tab is a space; line ends stay, and so do the marks that
/// [`Style`](style::Style) paints with.
pub fn harmless(text: &str) -> Cow<'_, str> {
    spelt(text, |c| c == '\n')
}

/// The same on one line: a line end is spelt out, too.
pub fn line(text: &str) -> Cow<'_, str> {
    spelt(text, |_| false)
}

fn spelt(text: &str, stays: fn(char) -> bool) -> Cow<'_, str> {
    let wanted = |c: char| steers(c) && !stays(c);
    if !text.contains(wanted) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(wanted) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let length = if let Some(length) = style::mark(from) {
            out.push_str(&from[..length]);
            length
        } else {
            let control = from.chars().next().unwrap_or_default();
            match control {
                '\t' => out.push(' '),
                other => out.extend(other.escape_default()),
            }
            control.len_utf8()
        };
        rest = &from[length..];
    }
    out.push_str(rest);
    out.into()
}

/// JSON that means the same and steers no terminal: outside of strings there is nothing to spell, and in them every character may be.
pub fn harmless_json(json: &str) -> Cow<'_, str> {
    if !json.contains(steers) {
        return json.into();
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if steers(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::style::Style;

    #[test]
    fn nothing_that_is_told_steers_the_terminal() {
        let hostile = "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m\r\u{9b}1A\tend\n";
        let spelt = "\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{1b}[31mred\\u{1b}[0m\\r\\u{9b}1A end\n";
        assert_eq!(harmless(hostile), spelt);
        assert_eq!(
            line("one\n\u{202e}two\u{200b}\u{2028}"),
            "one\\n\\u{202e}two\\u{200b}\\u{2028}"
        );
        assert!(matches!(harmless("plain ± text\n"), Cow::Borrowed(_)));
        // Once is enough.
        assert_eq!(harmless(spelt), spelt);
    }

    #[test]
    fn only_this_program_paints() {
        let style = Style {
            color: true,
            ..Style::default()
        };
        let painted = style.red("\x1b[31mred\x1b[0m");
        let shown = style::shown(&harmless(&painted));
        assert_eq!(shown, "\x1b[31m\\u{1b}[31mred\\u{1b}[0m\x1b[0m");
    }

    #[test]
    fn json_means_the_same_and_is_harmless() {
        let value = serde_json::json!({"a\u{9b}": "\x1b\u{7f}\u{202e}\u{e0041}±\n"});
        let text = value.to_string();
        let shown = harmless_json(&text);
        assert!(!shown.contains(steers), "{shown:?}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"),
            value
        );
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
