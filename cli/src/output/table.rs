//! Aligned columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{style::Style, told::harmless};

/// Rows of cells below a header; a cell may be coloured.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug)]
struct Column {
    name: String,
    align: Align,
    /// Left out where the terminal is too narrow for all.
    spare: bool,
}

/// Where a cell stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

impl Table {
    /// A table with these columns.
    pub fn new(header: &[(&str, Align)]) -> Self {
        let mut table = Table::default();
        for (name, align) in header {
            table.push(name, *align);
        }
        table
    }

    /// One more column, of numbers, whose name is known only now.
    pub fn column(&mut self, name: &str) {
        self.push(name, Align::Right);
    }

    fn push(&mut self, name: &str, align: Align) {
        self.columns.push(Column {
            name: one_line(name),
            align,
            spare: false,
        });
    }

    /// A column that a narrow terminal can do without.
    pub fn spare(&mut self, name: &str) {
        for column in self.columns.iter_mut().filter(|c| c.name == name) {
            column.spare = true;
        }
    }

    /// One more row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows
            .push(cells.iter().map(|cell| one_line(cell)).collect());
    }

    /// As text, two spaces between columns, indented. On a terminal that is too narrow, names are broken at `_` and `.`, spare
    /// columns go, and at last lines are cut.
    pub fn render(&self, style: Style, indent: usize) -> String {
        let limit = style.limit();
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let mut shape = Shape::of(self, all, false);
        if shape.width(indent) > limit {
            shape = Shape::of(self, shape.shown, true);
        }
        while shape.width(indent) > limit {
            let Some(at) = shape.shown.iter().position(|&i| self.columns[i].spare) else {
                break;
            };
            shape.shown.remove(at);
            shape = Shape::of(self, shape.shown, true);
        }
        let mut out = String::new();
        let names = shape.names.iter().map(|line| {
            let dim = |name: &String| style.dim(name);
            line.iter().map(dim).collect::<Vec<_>>()
        });
        let rows = self.rows.iter().map(|row| {
            let cell = |&i: &usize| row.get(i).cloned().unwrap_or_default();
            shape.shown.iter().map(cell).collect()
        });
        for cells in names.chain(rows) {
            let line = self.line(&shape, &cells, indent);
            out.push_str(&cut(line.trim_end(), limit, style));
            out.push('\n');
        }
        out
    }

    fn line(&self, shape: &Shape, cells: &[String], indent: usize) -> String {
        let mut line = " ".repeat(indent);
        for (at, cell) in cells.iter().enumerate() {
            let pad = " ".repeat(shape.widths[at].saturating_sub(visible(cell)));
            let gap = if at == 0 { "" } else { "  " };
            match self.columns[shape.shown[at]].align {
                Align::Left => line.push_str(&format!("{gap}{cell}{pad}")),
                Align::Right => line.push_str(&format!("{gap}{pad}{cell}")),
            }
        }
        line
    }
}

/// A program may name its metrics as it likes: a row is a line, and as wide as what is shown.
fn one_line(text: &str) -> String {
    harmless(text).replace('\n', " ")
}

/// The text with so many spaces behind it that it takes `width` columns.
pub fn padded(text: &str, width: usize) -> String {
    let pad = " ".repeat(width.saturating_sub(visible(text)));
    format!("{text}{pad}")
}

/// Which columns are shown, and how wide.
struct Shape {
    shown: Vec<usize>,
    widths: Vec<usize>,
    /// The header's lines; a name of one word stands in the last.
    names: Vec<Vec<String>>,
}

impl Shape {
    fn of(table: &Table, shown: Vec<usize>, broken: bool) -> Self {
        let words = |i: &usize| -> Vec<&str> {
            let name = table.columns[*i].name.as_str();
            if broken {
                name.split_inclusive(['_', '.']).collect()
            } else {
                vec![name]
            }
        };
        let headers: Vec<Vec<&str>> = shown.iter().map(words).collect();
        let lines = headers.iter().map(Vec::len).max().unwrap_or(0);
        let names = (0..lines).map(|line| {
            let word = |header: &Vec<&str>| {
                let before = lines - header.len();
                let word = line.checked_sub(before).and_then(|at| header.get(at));
                word.map_or_else(String::new, |word| (*word).to_owned())
            };
            headers.iter().map(word).collect()
        });
        let widths = shown.iter().zip(&headers).map(|(&i, header)| {
            let cells = table.rows.iter().filter_map(|row| row.get(i));
            let cells = cells.map(|cell| visible(cell));
            let names = header.iter().map(|name| visible(name));
            cells.chain(names).max().unwrap_or(0)
        });
        Shape {
            widths: widths.collect(),
            names: names.collect(),
            shown,
        }
    }

    fn width(&self, indent: usize) -> usize {
        let gaps = 2 * self.widths.len().saturating_sub(1);
        indent + self.widths.iter().sum::<usize>() + gaps
    }
}

/// Cuts a line that may hold colours to a number of columns, with a mark where something is missing.
pub fn cut(line: &str, width: usize, style: Style) -> String {
    if visible(line) <= width {
        return line.to_owned();
    }
    let mark = if style.unicode { "…" } else { "" };
    let room = width.saturating_sub(visible(mark));
    let mut out = String::new();
    let (mut seen, mut escape, mut full) = (0, false, false);
    for c in harmless(line).chars() {
        if c == '\x1b' {
            escape = true;
        }
        if escape {
            out.push(c);
            escape = c != 'm';
        } else if !full {
            seen += c.width().unwrap_or(0);
            full = seen > room;
            match full {
                true => out.push_str(mark),
                false => out.push(c),
            }
        }
    }
    out
}

/// Columns that a text takes once it is shown: our colours take none, and what would steer the terminal is spelt out.
pub fn visible(text: &str) -> usize {
    let text = harmless(text);
    let mut parts = text.split('\x1b');
    let first = parts.next().map_or(0, UnicodeWidthStr::width);
    let behind_colours = parts.filter_map(|part| part.split_once('m'));
    first + behind_colours.map(|(_, text)| text.width()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(width: usize) -> Style {
        Style {
            unicode: true,
            terminal: true,
            width,
            ..Style::default()
        }
    }

    #[test]
    fn a_narrow_terminal_gets_what_matters() {
        let mut table = Table::new(&[("trial", Align::Right), ("point", Align::Right)]);
        table.column("learning_rate");
        table.spare("point");
        table.row(vec!["7".into(), "3".into(), "0.001".into()]);
        let wide = "trial  point  learning_rate\n    7      3          0.001\n";
        assert_eq!(table.render(terminal(27), 0), wide);
        let broken = "              learning_\ntrial  point       rate\n    7      3      0.001\n";
        assert_eq!(table.render(terminal(26), 0), broken);
        let without = "       learning_\ntrial       rate\n    7      0.001\n";
        assert_eq!(table.render(terminal(22), 0), without);
        assert!(table.render(terminal(15), 0).contains("    7      0.0…\n"));
        // What goes to a file or a program is whole.
        let file = Style {
            width: 10,
            ..Style::default()
        };
        assert_eq!(table.render(file, 0), wide);
    }

    #[test]
    fn a_line_is_cut_where_it_is_seen() {
        let style = Style {
            color: true,
            ..terminal(80)
        };
        assert_eq!(cut(&style.dim("abcdef"), 4, style), style.dim("abc…"));
        assert_eq!(cut("abcd", 4, style), "abcd");
        assert_eq!(cut("深度学习", 5, style), "深度…");
    }

    #[test]
    fn colours_take_no_room() {
        let mut table = Table::new(&[("trial", Align::Right), ("state", Align::Left)]);
        let style = Style {
            color: true,
            ..Style::default()
        };
        let done = style.green("done");
        table.row(vec!["7".into(), done.clone()]);
        table.row(vec!["12".into(), "running".into()]);
        let text = table.render(Style::default(), 1);
        let wanted = format!(" trial  state\n     7  {done}\n    12  running\n");
        assert_eq!(text, wanted);
    }

    #[test]
    fn columns_are_as_wide_as_what_is_shown() {
        let mut table = Table::new(&[("a", Align::Left), ("b", Align::Left)]);
        table.row(vec!["\x1b[2J".into(), "one".into()]);
        table.row(vec!["深度".into(), "two\nlines".into()]);
        assert_eq!(
            table.render(Style::default(), 0),
            "a          b\n\\u{1b}[2J  one\n深度       two lines\n"
        );
    }
}
