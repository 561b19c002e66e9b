//! Files that must survive a crash: written beside, synced, renamed into place.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Writes a file so that a crash leaves either the old content or the new, and the mode is right from the start.
///
/// # Errors
/// Those of the file system.
pub fn write_atomically(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = parent.join(name);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    File::open(parent)?.sync_all()
}

/// Returns the permission bits of a file.
///
/// # Errors
/// Those of the file system.
pub fn mode(path: &Path) -> io::Result<u32> {
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o7777)
}

/// Creates a folder that only its owner may enter, but not its parents; returns whether it was not there before.
///
/// # Errors
/// Those of the file system: `NotFound` when the folder that it would be in does not exist, `NotADirectory` when
/// something else has the name.
pub fn create_private_leaf(path: &Path) -> io::Result<bool> {
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(_) if path.is_dir() => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(io::ErrorKind::NotADirectory.into()),
        Err(error) => Err(error),
    }
}

/// Creates a folder, with its parents, that only its owner may enter; an existing one is left as it is.
///
/// # Errors
/// Those of the file system.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Returns how many bytes this process may still write to the file system of a folder.
///
/// # Errors
/// Those of the file system.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let found = nix::sys::statvfs::statvfs(folder)?;
    Ok(found.blocks_available().saturating_mul(found.fragment_size()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_private_and_its_parents_are_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let (near, far) = (folder.path().join("near"), folder.path().join("absent/far"));
        assert!(create_private_leaf(&near).unwrap());
        assert_eq!(mode(&near).unwrap(), 0o700);
        assert!(!create_private_leaf(&near).unwrap());
        assert_eq!(create_private_leaf(&far).unwrap_err().kind(), io::ErrorKind::NotFound);
        let file = folder.path().join("file");
        write_atomically(&file, b"", 0o600).unwrap();
        assert_eq!(create_private_leaf(&file).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    }
}
