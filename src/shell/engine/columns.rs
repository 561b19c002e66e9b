//! Tables of text: columns as wide as their widest cell.

use super::alarm_text::Colour;
use super::output::mark;
use std::fmt::{self, Write};

/// Characters of a cell at most, except in the last column: names are shorter, and a hostile one must not push the other
/// columns off the screen.
const CELL_CHARS_MAX: usize = 60;

/// Rows of cells under a line of names.
pub(super) struct Columns<const N: usize> {
    rows: Vec<(Option<Colour>, [String; N])>,
}

impl<const N: usize> Columns<N> {
    /// Builds a table of the columns' names.
    pub(super) fn new(names: [&str; N]) -> Self {
        Self { rows: vec![(None, names.map(str::to_owned))] }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: [String; N]) {
        self.painted_row(None, cells);
    }

    /// Adds a row that is written in a colour.
    pub(super) fn painted_row(&mut self, colour: Option<Colour>, cells: [String; N]) {
        let last = N.saturating_sub(1);
        let mut at = 0;
        let cells = cells.map(|cell| {
            at += 1;
            let cell = one_line(&cell);
            if at <= last { cut(cell) } else { cell }
        });
        self.rows.push((colour, cells));
    }

    /// Writes it; columns in which no row has anything are left out.
    pub(super) fn write(&self, out: &mut dyn Write) -> fmt::Result {
        let mut widths = [0; N];
        let mut is_used = [false; N];
        for (number, (_, row)) in self.rows.iter().enumerate() {
            for ((cell, width), is_used) in row.iter().zip(&mut widths).zip(&mut is_used) {
                *width = (*width).max(cell.chars().count());
                *is_used = *is_used || (number > 0 && !cell.is_empty());
            }
        }
        for (colour, row) in &self.rows {
            let mut line = String::new();
            for ((cell, width), _) in row.iter().zip(widths).zip(is_used).filter(|(_, is_used)| *is_used) {
                write!(line, "{cell:<width$}  ")?;
            }
            match colour {
                Some(colour) => writeln!(out, "{}", mark(*colour, line.trim_end()))?,
                None => writeln!(out, "{}", line.trim_end())?,
            }
        }
        Ok(())
    }
}

/// Makes one line of a text.
pub(super) fn one_line(text: &str) -> String {
    if text.contains(['\n', '\r']) { text.split(['\n', '\r']).collect::<Vec<_>>().join(" ") } else { text.to_owned() }
}

fn cut(cell: String) -> String {
    if cell.chars().count() <= CELL_CHARS_MAX {
        return cell;
    }
    cell.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_empty_ones_are_left_out() {
        let mut columns = Columns::new(["A", "Empty", "Last"]);
        columns.row(["long one".to_owned(), String::new(), "x\ny".to_owned()]);
        columns.row(["é".repeat(70), String::new(), String::new()]);
        let mut text = String::new();
        columns.write(&mut text).unwrap();
        let cut = format!("{}…", "é".repeat(59));
        assert_eq!(text, format!("A{}Last\nlong one{}x y\n{cut}\n", " ".repeat(61), " ".repeat(54)));
    }
}
