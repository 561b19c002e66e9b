//! The terminal outside the line editor: its modes, single keys, and what must be put right when all ends at once.

use nix::sys::termios::{self, LocalFlags, SetArg, SpecialCharacterIndices, Termios};
use std::io::{self, Write};

/// Ends the mode in which a terminal marks pasted text.
const PASTE_MARKS_OFF: &str = "\u{1b}[?2004l";

/// What stands for no key among a terminal's special characters (POSIX, `_POSIX_VDISABLE`).
const DISABLED: u8 = 0;

/// How the terminal was.
#[derive(Debug)]
pub(super) struct Saved(Option<Termios>);

impl Saved {
    pub(super) fn now() -> Self {
        Self(termios::tcgetattr(io::stdin()).ok())
    }

    /// Puts the terminal back as it was, whoever changed it.
    pub(super) fn restore(&self) {
        if let Some(saved) = &self.0
            && let Err(error) = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, saved)
        {
            tracing::debug!(%error, "the terminal cannot be put back");
        }
        // A terminal that is gone needs no repair.
        drop(io::stdout().write_all(PASTE_MARKS_OFF.as_bytes()));
        drop(io::stdout().flush());
    }
}

/// The terminal does not show what is typed, until this is dropped.
#[derive(Debug)]
pub(super) struct Unseen(Option<Termios>);

impl Unseen {
    pub(super) fn begin() -> Self {
        let before = termios::tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut mode = before.clone();
            mode.local_flags.remove(LocalFlags::ECHO);
            // Enter still ends the row.
            mode.local_flags.insert(LocalFlags::ECHONL);
            // These keys would end or suspend the process and leave the terminal mute.
            for key in [SpecialCharacterIndices::VQUIT, SpecialCharacterIndices::VSUSP] {
                if let Some(slot) = mode.control_chars.get_mut(key as usize) {
                    *slot = DISABLED;
                }
            }
            if let Err(error) = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &mode) {
                tracing::debug!(%error, "the terminal goes on showing what is typed");
            }
        }
        Self(before)
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        if let Some(before) = &self.0
            && let Err(error) = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, before)
        {
            tracing::debug!(%error, "the terminal cannot be put back");
        }
    }
}

/// A key that the pager knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// A whole screen more.
    Page,
    /// A row more.
    Line,
    /// No more of this output.
    Quit,
    /// No more of this command.
    Interrupt,
}

/// Waits for a key that the pager knows; `show` says that it waits, once no key is echoed any more.
pub(super) fn pager_key(show: impl FnOnce()) -> Key {
    let Ok(before) = termios::tcgetattr(io::stdin()) else { return Key::Quit };
    let key = raw(&before).and_then(|()| {
        show();
        loop_keys(&before)
    });
    if let Err(error) = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &before) {
        tracing::debug!(%error, "the terminal cannot be put back");
    }
    key.unwrap_or(Key::Quit)
}

/// Keys come one at a time, unseen, Ctrl-C as any other.
fn raw(before: &Termios) -> nix::Result<()> {
    set(before, 1, 0)
}

fn set(before: &Termios, at_least: u8, tenths: u8) -> nix::Result<()> {
    let mut mode = before.clone();
    mode.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG | LocalFlags::IEXTEN);
    for (index, value) in [(SpecialCharacterIndices::VMIN, at_least), (SpecialCharacterIndices::VTIME, tenths)] {
        if let Some(slot) = mode.control_chars.get_mut(index as usize) {
            *slot = value;
        }
    }
    termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &mode)
}

fn loop_keys(before: &Termios) -> nix::Result<Key> {
    loop {
        match byte()? {
            Some(3) => return Ok(Key::Interrupt),
            None | Some(b'q' | b'Q' | 4) => return Ok(Key::Quit),
            Some(b' ' | b'f') => return Ok(Key::Page),
            Some(b'\r' | b'\n' | b'j') => return Ok(Key::Line),
            Some(0x1b) => {
                // The rest of a function key's sequence is there at once; a lone Escape has none.
                set(before, 0, 1)?;
                let mut rest = Vec::new();
                while let Some(next) = byte()? {
                    rest.push(next);
                    if rest.len() > 1 && (0x40..=0x7e).contains(&next) {
                        break;
                    }
                }
                raw(before)?;
                match rest.as_slice() {
                    b"[B" | b"OB" => return Ok(Key::Line),
                    b"[6~" => return Ok(Key::Page),
                    _ => {}
                }
            }
            Some(_) => {}
        }
    }
}

fn byte() -> nix::Result<Option<u8>> {
    let mut bytes = [0];
    loop {
        match nix::unistd::read(io::stdin(), &mut bytes) {
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error),
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(bytes.first().copied()),
        }
    }
}
