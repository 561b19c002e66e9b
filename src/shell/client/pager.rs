//! Counts output rows so that it stops at each full screen: pure.

/// What stands on the last row while the pager waits.
pub(super) const MORE: &str = "--More--";

/// Clears the row that [`MORE`] stands on; the line editor needs a terminal that knows as much.
pub(super) const LESS: &str = "\r\u{1b}[K";

const TAB_STOP: usize = 8;

/// Where in an escape sequence the output is: such characters take no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    Control,
}

/// The rows of output since the last stop.
#[derive(Debug)]
pub(super) struct Pager {
    columns: usize,
    rows: usize,
    used: usize,
    column: usize,
    escape: Escape,
    /// Whether it stops at all.
    pub(super) enabled: bool,
}

impl Pager {
    /// Begins a line's output on a screen; a screen of no size never stops it.
    pub(super) fn new(size: Option<(u16, u16)>, enabled: bool) -> Self {
        let (columns, rows) = size.map_or((0, 0), |(width, height)| (usize::from(width), usize::from(height)));
        // One row is for what is written while it waits; a smaller screen shows nothing between two stops.
        let enabled = enabled && rows >= 2 && columns > 0;
        Self { columns: columns.max(1), rows, used: 0, column: 0, escape: Escape::None, enabled }
    }

    /// Returns how many bytes of `text` may be written before the next stop; all of them when there is none.
    pub(super) fn fits(&mut self, text: &str) -> usize {
        for (at, c) in text.char_indices() {
            if self.escape != Escape::None || c == '\u{1b}' {
                self.escape = next_escape(self.escape, c);
                continue;
            }
            if self.enabled && self.new_row(c).is_some_and(|row| row + 1 >= self.rows) {
                return at;
            }
            self.advance(c);
        }
        text.len()
    }

    /// Returns the number of the row that `c` begins, from 0, if it begins one.
    fn new_row(&self, c: char) -> Option<usize> {
        match c {
            '\r' => None,
            _ if self.column == 0 => Some(self.used),
            '\n' => None,
            _ => (self.column >= self.columns).then_some(self.used + 1),
        }
    }

    fn advance(&mut self, c: char) {
        match c {
            '\n' => (self.used, self.column) = (self.used + 1, 0),
            '\r' => self.column = 0,
            c => {
                if self.column >= self.columns {
                    (self.used, self.column) = (self.used + 1, 0);
                }
                self.column = if c == '\t' { (self.column / TAB_STOP + 1) * TAB_STOP } else { self.column + 1 };
                self.column = self.column.min(self.columns);
            }
        }
    }

    /// Goes on by a whole screen.
    pub(super) fn page(&mut self) {
        self.used = 0;
        self.begin_row();
    }

    /// Goes on by one row.
    pub(super) fn line(&mut self) {
        self.used = self.rows.saturating_sub(2);
        self.begin_row();
    }

    /// What waits was erased, so the next character stands in the first column.
    fn begin_row(&mut self) {
        self.column = 0;
    }

    /// Returns whether the output ended in the middle of a row.
    pub(super) fn is_mid_row(&self) -> bool {
        self.column > 0
    }
}

fn next_escape(escape: Escape, c: char) -> Escape {
    match (escape, c) {
        (Escape::None, _) => Escape::Begun,
        (Escape::Begun, '[') => Escape::Control,
        (Escape::Control, c) if !('\u{40}'..='\u{7e}').contains(&c) => Escape::Control,
        _ => Escape::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(pager: &mut Pager, mut text: &str) -> Vec<String> {
        let mut shown = Vec::new();
        loop {
            let (page, rest) = text.split_at(pager.fits(text));
            shown.push(page.to_owned());
            if rest.is_empty() {
                return shown;
            }
            pager.page();
            text = rest;
        }
    }

    #[test]
    fn a_screen_less_one_row_is_shown_at_a_time() {
        let mut pager = Pager::new(Some((80, 3)), true);
        assert_eq!(pages(&mut pager, "1\n2\n3\n4\n"), ["1\n2\n", "3\n4\n"]);
    }

    #[test]
    fn long_rows_wrap() {
        let mut pager = Pager::new(Some((4, 3)), true);
        assert_eq!(pages(&mut pager, "123456789012"), ["12345678", "9012"]);
    }

    #[test]
    fn escape_sequences_take_no_room() {
        let mut pager = Pager::new(Some((4, 3)), true);
        assert_eq!(pages(&mut pager, "\u{1b}[31mabcd\u{1b}[0m\nb").len(), 1);
    }

    #[test]
    fn enter_goes_on_by_one_row() {
        let mut pager = Pager::new(Some((80, 3)), true);
        assert_eq!(pager.fits("1\n2\n3\n4\n"), 4);
        pager.line();
        assert_eq!(pager.fits("3\n4\n"), 2);
    }

    #[test]
    fn nothing_stops_without_a_screen_or_when_off() {
        for mut pager in [Pager::new(None, true), Pager::new(Some((80, 3)), false), Pager::new(Some((80, 1)), true)] {
            assert_eq!(pager.fits("1\n2\n3\n4\n"), 8);
        }
    }

    proptest::proptest! {
        #[test]
        fn pages_join_to_the_text(text in "[a\n\r\t\u{1b}\\[é]{0,200}", columns in 1u16..6, rows in 2u16..5) {
            let mut pager = Pager::new(Some((columns, rows)), true);
            proptest::prop_assert_eq!(pages(&mut pager, &text).concat(), text);
        }
    }
}
