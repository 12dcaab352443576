//! The text of a sweep file, and problems that point into it.

use std::{fmt, ops::Range};

use crate::output::{
    table::visible,
    told::{line, short},
};

/// A place in the text, in bytes.
pub type Span = Range<usize>;

/// A sweep file as it was read: its name as the user typed it, and its text.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// As typed on the command line.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// One thing wrong in a sweep file.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Where; `None` when something is missing altogether.
    pub span: Option<Span>,
    /// Full path of the key: `train.learning_rate`. Empty for the file as a whole.
    pub key: String,
    /// What is wrong, with the value.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at a place.
    pub fn at(span: &Span, key: impl Into<String>, message: impl Into<String>) -> Self {
        Problem {
            span: Some(span.clone()),
            key: key.into(),
            message: message.into(),
            help: None,
        }
    }

    /// The same, saying what would be right.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Problems that are shown; whoever has more mends these first.
const MOST: usize = 20;

/// Characters of a line that are shown before and behind the place.
const AROUND: usize = 100;

/// Everything wrong in one sweep file, in the order of the text.
#[derive(Clone, Debug)]
pub struct SweepFileError {
    source: Source,
    problems: Vec<Problem>,
}

impl SweepFileError {
    /// Sorts the problems by place.
    pub fn new(source: &Source, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|p| p.span.as_ref().map_or(0, |s| s.start));
        problems.dedup();
        SweepFileError {
            source: source.clone(),
            problems,
        }
    }

    /// What is wrong, in the order of the text.
    #[cfg(test)]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl std::error::Error for SweepFileError {}

impl fmt::Display for SweepFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().take(MOST).enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write_problem(f, &self.source, problem)?;
        }
        match self.problems.len().saturating_sub(MOST) {
            0 => Ok(()),
            more => write!(f, "\n\n{}: {more} more of that sort", self.source.path),
        }
    }
}

/// `sweep.toml:12: train.learning_rat: unknown key`, then the line with a caret below the place.
fn write_problem(f: &mut fmt::Formatter<'_>, source: &Source, problem: &Problem) -> fmt::Result {
    let place = problem.span.as_ref().map(|span| locate(&source.text, span));
    f.write_str(&source.path)?;
    if let Some(place) = &place {
        write!(f, ":{}", place.line)?;
    }
    if !problem.key.is_empty() {
        write!(f, ": {}", line(&problem.key))?;
    }
    write!(f, ": {}", short(&problem.message))?;
    if let Some(place) = place {
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        write!(f, "\n {margin} |\n {number} | {}", place.text)?;
        let (indent, carets) = (" ".repeat(place.column), "^".repeat(place.width));
        write!(f, "\n {margin} | {indent}{carets}")?;
        if let Some(help) = &problem.help {
            write!(f, "\n {margin} = {help}")?;
        }
    } else if let Some(help) = &problem.help {
        write!(f, "\n  = {help}")?;
    }
    Ok(())
}

struct Place {
    /// From 1.
    line: usize,
    /// As it is shown; of a long one what stands around the place.
    text: String,
    /// In columns, from 0.
    column: usize,
    width: usize,
}

fn locate(text: &str, span: &Span) -> Place {
    let start = floor_boundary(text, span.start);
    let end = floor_boundary(text, span.end.max(start));
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
    let end = end.min(line_end);
    let (before_it, it) = (&text[line_start..start], &text[start..end]);
    let behind_it = text[end..line_end].trim_end_matches('\r');
    let left = match before_it.char_indices().nth_back(AROUND) {
        Some((at, _)) => format!("…{}", line(&before_it[at..])),
        None => line(before_it).into_owned(),
    };
    let (it, cut) = first(it);
    let (behind_it, behind_cut) = if cut { ("", true) } else { first(behind_it) };
    let it = line(it);
    let more = if behind_cut { "…" } else { "" };
    Place {
        line: before.matches('\n').count() + 1,
        column: visible(&left),
        width: visible(&it).max(1),
        text: format!("{left}{it}{}{more}", line(behind_it)),
    }
}

/// The beginning of a text that is too long for a line, and whether it is.
fn first(text: &str) -> (&str, bool) {
    match text.char_indices().nth(AROUND) {
        Some((end, _)) => (&text[..end], true),
        None => (text, false),
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The candidate that a mistyped word most likely means, if one is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&word.to_lowercase(), c), c))
        .filter(|(distance, c)| *distance <= (word.len().max(c.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_line_with_a_caret() {
        let source = Source {
            path: "sweep.toml".into(),
            text: "name = \"é\"\n[train]\nlearning_rat = 0.1\n".into(),
        };
        let start = source.text.find("learning").expect("in the text");
        let problem = Problem::at(&(start..start + 12), "train.learning_rat", "unknown key")
            .help("did you mean `learning_rate`?");
        let shown = SweepFileError::new(&source, vec![problem]).to_string();
        assert_eq!(
            shown,
            "sweep.toml:3: train.learning_rat: unknown key\n   |\n 3 | learning_rat = 0.1\n   | ^^^^^^^^^^^^\n   = did you mean `learning_rate`?"
        );
    }

    #[test]
    fn the_caret_stands_below_what_is_shown() {
        let text = format!("\t\"深\u{202e}\" = [{}]", "1, ".repeat(10_000));
        let source = Source {
            path: "sweep.toml".into(),
            text,
        };
        let start = source.text.find('[').expect("in the text");
        let problem = Problem::at(&(start..start + 1), "a\nb", "is wrong");
        let shown = SweepFileError::new(&source, vec![problem]).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "sweep.toml:1: a\\nb: is wrong");
        assert!(
            lines[2].starts_with(" 1 |  \"深\\u{202e}\" = [1, 1, "),
            "{shown}"
        );
        assert!(
            lines[2].ends_with('…') && visible(lines[2]) < 150,
            "{shown}"
        );
        let caret = lines[3].find('^').expect("a caret");
        assert_eq!(
            caret,
            visible(&lines[2][..lines[2].find('[').expect("shown")])
        );
    }

    #[test]
    fn a_hundred_problems_are_twenty_and_a_number() {
        let source = Source {
            path: "sweep.toml".into(),
            text: "x".repeat(100),
        };
        let problems = (0..100).map(|at| Problem::at(&(at..at + 1), "x", "is wrong"));
        let shown = SweepFileError::new(&source, problems.collect()).to_string();
        assert_eq!(shown.matches("is wrong").count(), MOST);
        assert!(
            shown.ends_with("\n\nsweep.toml: 80 more of that sort"),
            "{shown}"
        );
    }

    #[test]
    fn nearest_is_near_or_nothing() {
        assert_eq!(nearest("filtres", ["filters", "size"]), Some("filters"));
        assert_eq!(nearest("warmupp", ["warmup", "gamma"]), Some("warmup"));
        assert_eq!(nearest("banana", ["warmup", "gamma"]), None);
    }
}
