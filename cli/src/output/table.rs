//! Aligned columns.

use super::style::Style;

/// Rows of cells below a header; a cell may be coloured.
#[derive(Debug)]
pub struct Table {
    header: Vec<(&'static str, Align)>,
    names: Vec<String>,
    rows: Vec<Vec<String>>,
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
    pub fn new(header: &[(&'static str, Align)]) -> Self {
        Table {
            header: header.to_vec(),
            names: header.iter().map(|(name, _)| (*name).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// One more column, of numbers, whose name is known only now.
    pub fn column(&mut self, name: &str) {
        self.header.push(("", Align::Right));
        self.names.push(name.to_owned());
    }

    /// One more row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// As text, two spaces between columns, indented.
    pub fn render(&self, style: Style, indent: usize) -> String {
        let mut widths: Vec<usize> = self.names.iter().map(|n| visible(n)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(visible(cell));
            }
        }
        let names: Vec<String> = self.names.iter().map(|n| style.dim(n)).collect();
        let mut out = String::new();
        for row in std::iter::once(&names).chain(&self.rows) {
            let mut line = " ".repeat(indent);
            for (i, cell) in row.iter().enumerate() {
                let room = widths.get(i).map_or(0, |w| w.saturating_sub(visible(cell)));
                let align = self.header.get(i).map_or(Align::Left, |(_, align)| *align);
                let pad = " ".repeat(room);
                let gap = if i == 0 { "" } else { "  " };
                match align {
                    Align::Left => line.push_str(&format!("{gap}{cell}{pad}")),
                    Align::Right => line.push_str(&format!("{gap}{pad}{cell}")),
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Characters that take room: escape sequences do not.
pub fn visible(text: &str) -> usize {
    let mut width = 0;
    let mut escape = false;
    for c in text.chars() {
        match (escape, c) {
            (false, '\x1b') => escape = true,
            (true, 'm') => escape = false,
            (false, _) => width += 1,
            (true, _) => {}
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_take_no_room() {
        let mut table = Table::new(&[("trial", Align::Right), ("state", Align::Left)]);
        table.row(vec!["7".into(), "\x1b[32mdone\x1b[0m".into()]);
        table.row(vec!["12".into(), "running".into()]);
        let text = table.render(Style::default(), 1);
        assert_eq!(
            text,
            " trial  state\n     7  \x1b[32mdone\x1b[0m\n    12  running\n"
        );
    }
}
