//! Tables of text: columns as wide as their widest cell, or narrower where a screen is.

use super::alarm_text::Colour;
use super::output::mark;
use std::fmt::{self, Write};

/// Characters of a cell at most, except in the last column: names are shorter, and a hostile one must not push the other
/// columns off the screen.
const CELL_CHARS_MAX: usize = 60;

/// Characters between two columns.
const GAP: usize = 2;

/// What a column may lose where the screen is too narrow for the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Give {
    /// Nothing.
    Nothing,
    /// What is beyond so many characters.
    Cut(usize),
    /// What is beyond so many characters; then it is left out, those of lower rank first.
    Out(usize, u8),
}

/// Rows of cells under a line of names.
pub(super) struct Columns<const N: usize> {
    rows: Vec<(Option<Colour>, [String; N])>,
    fit: Option<(usize, [Give; N])>,
}

impl<const N: usize> Columns<N> {
    /// Builds a table of the columns' names.
    pub(super) fn new(names: [&str; N]) -> Self {
        Self { rows: vec![(None, names.map(str::to_owned))], fit: None }
    }

    /// Lets no row be wider than a screen, when there is one; says what each column may lose for it.
    pub(super) fn fit(self, width: Option<usize>, gives: [Give; N]) -> Self {
        Self { fit: width.map(|width| (width, gives)), ..self }
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
            if at <= last { cut(&cell, CELL_CHARS_MAX) } else { cell }
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
        if let Some((screen, gives)) = &self.fit {
            narrow(*screen, gives, &mut widths, &mut is_used);
        }
        for (colour, row) in &self.rows {
            let mut line = String::new();
            for ((cell, width), _) in row.iter().zip(widths).zip(is_used).filter(|(_, is_used)| *is_used) {
                write!(line, "{:<width$}{:GAP$}", cut(cell, width), "")?;
            }
            let line = match self.fit {
                // A screen that is too narrow even so.
                Some((screen, _)) => cut(line.trim_end(), screen),
                None => line.trim_end().to_owned(),
            };
            match colour {
                Some(colour) => writeln!(out, "{}", mark(*colour, &line))?,
                None => writeln!(out, "{line}")?,
            }
        }
        Ok(())
    }
}

/// Takes from columns what they may lose until all fit: first from the widest, down to what each keeps, then whole ones.
fn narrow<const N: usize>(screen: usize, gives: &[Give; N], widths: &mut [usize; N], is_used: &mut [bool; N]) {
    let natural = *widths;
    loop {
        *widths = natural;
        let used = is_used.iter().filter(|is_used| **is_used).count();
        let room = screen.saturating_sub(used.saturating_sub(1).saturating_mul(GAP));
        loop {
            let wide: usize =
                widths.iter().zip(&*is_used).filter(|(_, is_used)| **is_used).map(|(width, _)| *width).sum();
            if wide <= room {
                return;
            }
            let elastic =
                widths.iter_mut().zip(gives).zip(&*is_used).filter_map(|((width, give), is_used)| match give {
                    Give::Cut(least) | Give::Out(least, _) if *is_used && *width > *least => Some(width),
                    _ => None,
                });
            match elastic.max_by_key(|width| **width) {
                Some(widest) => *widest = widest.saturating_sub(1),
                None => break,
            }
        }
        let rank = |give: &Give| if let Give::Out(_, rank) = give { Some(*rank) } else { None };
        let first =
            gives.iter().zip(&*is_used).filter(|(_, is_used)| **is_used).filter_map(|(give, _)| rank(give)).min();
        let Some(first) = first else { return };
        for (give, is_used) in gives.iter().zip(&mut *is_used) {
            *is_used = *is_used && rank(give) != Some(first);
        }
    }
}

/// Makes one line of a text.
pub(super) fn one_line(text: &str) -> String {
    if text.contains(['\n', '\r']) { text.split(['\n', '\r']).collect::<Vec<_>>().join(" ") } else { text.to_owned() }
}

/// Cuts a text behind so many characters, and says that it did.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
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

    #[test]
    fn on_a_narrow_screen_the_widest_is_cut_and_what_matters_least_left_out() {
        let written = |screen: Option<usize>| {
            let gives = [Give::Nothing, Give::Cut(6), Give::Out(4, 1), Give::Out(4, 2)];
            let mut columns = Columns::new(["No", "Resource", "Type", "Note"]).fit(screen, gives);
            columns.row(["1", "a-long-resource", "a-type", "some note"].map(str::to_owned));
            let mut text = String::new();
            columns.write(&mut text).unwrap();
            text
        };
        assert_eq!(written(None), "No  Resource         Type    Note\n1   a-long-resource  a-type  some note\n");
        assert_eq!(written(Some(34)), "No  Resource     Type    Note\n1   a-long-res…  a-type  some note\n");
        assert_eq!(written(Some(19)), "No  Resour…  Note\n1   a-long…  some …\n");
        assert_eq!(written(Some(10)), "No  Resou…\n1   a-lon…\n");
        assert!(written(Some(5)).lines().all(|line| line.chars().count() <= 5));
    }

    proptest::proptest! {
        #[test]
        fn no_row_is_wider_than_the_screen(
            screen in 0_usize..90, rows in proptest::collection::vec(proptest::array::uniform3(".{0,70}"), 0..6),
        ) {
            let mut columns = Columns::new(["First", "Second", "Third"]).fit(Some(screen), [Give::Nothing, Give::Cut(5), Give::Out(3, 1)]);
            for row in rows {
                columns.row(row);
            }
            let mut text = String::new();
            columns.write(&mut text).unwrap();
            proptest::prop_assert!(text.split_terminator('\n').all(|line| line.chars().count() <= screen.max(1)));
        }
    }
}
