//! The data folder at a start: locked, its key read, and what is missing of it told before it is made anew.

use super::{KEY_FILE_NAME, Stopped, Voice};
use crate::datastore::stored_secrets;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::persist;
use crate::secret::KeyRing;
use crate::store::{FolderLock, JOURNAL_NAME, RECORDS_NAME, Store, StoreError};
use crate::tree::Plan;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Secrets named when their key is lost: enough to see which ones they are.
const LOST_SHOWN_MAX: usize = 5;

/// A data folder that this process has.
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    had_journal: bool,
    had_key: bool,
}

impl DataFolder {
    /// Locks the folder, creating it where only it is missing, and tells which of its files are lost.
    pub(super) fn take(path: &Path, voice: Voice) -> Result<(Self, FolderLock), Stopped> {
        let lock = FolderLock::take(path).map_err(|error| refused(path, error))?;
        let has = |name: &str| path.join(name).exists();
        let (had_journal, had_records, had_key) = (has(JOURNAL_NAME), has(RECORDS_NAME), has(KEY_FILE_NAME));
        let mut lost = Diagnostics::new();
        let put_back = "if it is not meant to be: stop, and put it back from a backup";
        if !had_journal && (had_records || had_key) {
            let left = if had_records { RECORDS_NAME } else { KEY_FILE_NAME };
            lost.push(
                Diagnostic::warning(format!(
                    "`{}` is missing, and `{left}` is there: the configuration, its revisions and what was not yet \
                     delivered are lost, and begin anew",
                    path.join(JOURNAL_NAME).display()
                ))
                .hint(put_back),
            );
        }
        if had_journal && !had_records {
            let said = format!(
                "`{}` is missing, and `{JOURNAL_NAME}` is there: the alarm list begins anew with what the journal still has",
                path.join(RECORDS_NAME).display()
            );
            lost.push(Diagnostic::warning(said).hint(put_back));
        }
        lost.extend(open_to_others(path));
        voice.warn(&lost);
        Ok((Self { path: path.to_owned(), had_journal, had_key }, lock))
    }

    /// Reads the key, or makes one where none can be missed; `is_new_wanted` makes one all the same, `is_override`
    /// says that what is stored is about to be replaced.
    pub(super) fn keys(
        &self,
        store: &Store,
        plan: &Arc<Plan>,
        is_new_wanted: bool,
        is_override: bool,
    ) -> Result<KeyRing, Stopped> {
        let path = self.path.join(KEY_FILE_NAME);
        if self.had_journal && !self.had_key && !is_new_wanted && !is_override {
            let secrets = stored_secrets(store, plan)?;
            if !secrets.is_empty() {
                return Err(key_lost(&path, &secrets));
            }
        }
        KeyRing::load_or_create(&path).map_err(|e| Stopped::caused("use the key", &e))
    }
}

/// Bits of a mode by which others than the owner may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Warns of a data folder that others may write to: they could put another database or key in it.
fn open_to_others(path: &Path) -> Option<Diagnostic> {
    let mode = persist::mode(path).ok().filter(|mode| mode & WRITABLE_BY_OTHERS != 0)?;
    let said = format!("others may write to the data folder `{}` (mode {mode:04o})", path.display());
    Some(Diagnostic::warning(said).hint(format!("close it: `chmod go-w {}`", path.display())))
}

fn key_lost(path: &Path, secrets: &[String]) -> Stopped {
    let count = secrets.len();
    let mut shown = secrets.iter().take(LOST_SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    if count > LOST_SHOWN_MAX {
        shown.push_str(&format!(" and {} more", count - LOST_SHOWN_MAX));
    }
    let (secrets, were) = if count == 1 { ("secret", "is") } else { ("secrets", "are") };
    Stopped::failed_with_hint(
        "open the stored secrets",
        format!(
            "the key file `{}` is missing, and {count} stored {secrets} {were} encrypted with it: {shown}",
            path.display()
        ),
        "put the key file back from a backup; or start once with `--new-key`, which gives them up, and set them again",
    )
}

/// Creates the folder that a socket is to be in, where only it is missing.
pub(super) fn socket_folder(socket: &Path) -> Result<(), Stopped> {
    let Some(folder) = socket.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    match persist::create_private_leaf(folder) {
        Ok(is_new) => {
            if is_new {
                say_created(folder, "for the shell's socket");
            }
            Ok(())
        }
        Err(error) => Err(uncreated("create the folder of the shell's socket", folder, &error)),
    }
}

/// Says which folder is new, so that a mistyped one is noticed.
pub(super) fn say_created(folder: &Path, what_for: &str) {
    tracing::info!("created the folder `{}` {what_for}, mode 0700", folder.display());
}

fn refused(path: &Path, error: StoreError) -> Stopped {
    match error {
        StoreError::Io { doing: "create the data folder", source, .. } => {
            uncreated("create the data folder", path, &source)
        }
        error => error.into(),
    }
}

fn uncreated(doing: &'static str, folder: &Path, error: &std::io::Error) -> Stopped {
    match (error.kind(), folder.parent()) {
        (ErrorKind::NotFound, Some(parent)) => Stopped::failed_with_hint(
            doing,
            format!("`{}`: there is no folder `{}`", folder.display(), parent.display()),
            "create that one first: only the last folder of a path is created, so that a mistyped one is noticed",
        ),
        _ => Stopped::failed(doing, format!("`{}`: {error}", folder.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_that_others_may_write_to_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(open_to_others(folder.path()), None);
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let said = open_to_others(folder.path()).unwrap().to_string();
        assert!(said.starts_with("warning: others may write") && said.contains("(mode 0777)"), "{said}");
    }
}
