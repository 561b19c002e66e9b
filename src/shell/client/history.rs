//! What was typed before, for each mode on its own, kept between sessions in files that only the owner reads.

use crate::persist;
use rustyline::Config;
use rustyline::history::{FileHistory, History};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Lines kept for each mode.
pub(super) const LINES_MAX: usize = 1000;

/// Modes with a history: the daemon names two; the names become file names.
const MODES_MAX: usize = 8;

/// The histories that are not in the editor's hands.
pub(super) struct Histories {
    folder: Option<PathBuf>,
    config: Config,
    idle: BTreeMap<String, FileHistory>,
    /// The mode whose history the editor has.
    mode: String,
}

impl Histories {
    pub(super) fn new(folder: Option<PathBuf>, config: Config) -> Self {
        let folder = folder.filter(|folder| persist::create_private_folder(folder).is_ok());
        Self { folder, config, idle: BTreeMap::new(), mode: String::new() }
    }

    /// Gives the editor the history of `mode`.
    pub(super) fn switch(&mut self, mode: &str, held: &mut FileHistory) {
        let is_name = !mode.is_empty() && mode.len() <= 32 && mode.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        if self.mode == mode || !is_name || self.idle.len() >= MODES_MAX {
            return;
        }
        let next = self.idle.remove(mode).unwrap_or_else(|| self.load(mode));
        let before = std::mem::replace(held, next);
        let before_mode = std::mem::replace(&mut self.mode, mode.to_owned());
        if !before_mode.is_empty() {
            self.idle.insert(before_mode, before);
        }
    }

    fn path(&self, mode: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(format!("history-{mode}")))
    }

    fn load(&self, mode: &str) -> FileHistory {
        let mut history = FileHistory::with_config(&self.config);
        if let Some(path) = self.path(mode).filter(|path| path.exists())
            && let Err(error) = history.load(&path)
        {
            tracing::debug!(path = %path.display(), %error, "the history cannot be read");
        }
        history
    }

    /// Adds a line to the history that the editor has, and to its file at once: a session may end in any way.
    pub(super) fn add(&self, line: &str, held: &mut FileHistory) {
        let line = line.trim_end();
        if line.is_empty() || !held.add(line).unwrap_or(false) {
            return;
        }
        if let Some(path) = self.path(&self.mode).filter(|_| !self.mode.is_empty())
            && let Err(error) = held.append(&path)
        {
            tracing::debug!(path = %path.display(), %error, "the history cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(history: &FileHistory) -> Vec<String> {
        history.iter().cloned().collect()
    }

    #[test]
    fn each_mode_has_its_own_and_finds_it_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("state");
        for round in 1..=2 {
            let config = Config::default();
            let mut held = FileHistory::with_config(&config);
            let mut histories = Histories::new(Some(folder.clone()), config);
            histories.switch("operational", &mut held);
            histories.add(&format!("show {round}"), &mut held);
            histories.switch("configuration", &mut held);
            histories.add(&format!("set {round}"), &mut held);
            histories.switch("operational", &mut held);
            let expected: Vec<String> = (1..=round).map(|n| format!("show {n}")).collect();
            assert_eq!(lines(&held), expected);
        }
        assert_eq!(persist::mode(&folder.join("history-operational")).unwrap(), 0o600);
        assert_eq!(persist::mode(&folder).unwrap(), 0o700);
    }

    #[test]
    fn a_mode_never_leaves_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::default();
        let mut held = FileHistory::with_config(&config);
        let mut histories = Histories::new(Some(folder.path().join("state")), config);
        histories.switch("../../evil", &mut held);
        histories.add("show", &mut held);
        assert_eq!(std::fs::read_dir(folder.path().join("state")).unwrap().count(), 0);
    }
}
