//! Configuration files: found by extension, read in name order, merged into one tree.

use crate::codec::{self, Builder, Format};
use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::secret::Sealer;
use crate::tree::{DataTree, Plan, validate};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest configuration file: a hundred thousand handlers are a quarter of it.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A configuration file's text and notation.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// Name and text.
    pub source: Arc<Source>,
    /// Its notation, by its extension.
    pub format: Format,
}

/// What was found where people said configuration files are.
#[derive(Debug, Default)]
pub struct Found {
    /// The files, in the order in which they are merged.
    pub files: Vec<ConfigFile>,
    /// What cannot be read or has no known extension, by its name, and why.
    pub unreadable: BTreeMap<String, Diagnostic>,
    /// What is text but for some bytes, which stand replaced: to be looked at for its other faults, never to be loaded.
    broken: Vec<ConfigFile>,
}

impl Found {
    /// Returns the files, where all that was named can be read.
    ///
    /// # Errors
    /// Every path that cannot be read or has no known extension, and what is wrong in the files that can.
    pub fn all(&self, plan: &Arc<Plan>, sealer: &dyn Sealer) -> Result<&[ConfigFile], Diagnostics> {
        if self.unreadable.is_empty() {
            return Ok(&self.files);
        }
        let mut faults = Diagnostics::new();
        faults.extend(self.unreadable.values().cloned());
        // Each file by itself; not the tree as a whole, in which what could not be read is missing.
        let mut builder = Builder::new(DataTree::new(Arc::clone(plan)), sealer);
        for file in self.files.iter().chain(&self.broken) {
            codec::read(&mut builder, file.format, &file.source);
        }
        faults.append(builder.diagnostics);
        Err(faults)
    }
}

/// Finds and reads the files that paths stand for: a file is itself, a folder its files with a known extension, by name.
#[must_use]
pub fn discover(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        let files = if path.is_dir() { folder(path) } else { Ok(vec![path.clone()]) };
        let files = files.unwrap_or_else(|fault| {
            found.unreadable.insert(path.display().to_string(), fault);
            Vec::new()
        });
        for file in files {
            match read(&file) {
                Ok(Text::Whole(read)) => found.files.push(read),
                Ok(Text::Broken(read, fault)) => {
                    found.unreadable.insert(file.display().to_string(), fault);
                    found.broken.push(read);
                }
                Err(fault) => {
                    found.unreadable.insert(file.display().to_string(), fault);
                }
            }
        }
    }
    found
}

fn folder(path: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let fault = |e: std::io::Error| Diagnostic::error(format!("cannot read the folder `{}`: {e}", path.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(fault)? {
        let file = entry.map_err(fault)?.path();
        let hidden = file.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        // What is there under the name of a configuration file and cannot be read is told, not left out.
        if !file.is_dir() && !hidden && Format::from_path(&file).is_some() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// What a file holds.
enum Text {
    Whole(ConfigFile),
    /// Not only characters: the first place that is none.
    Broken(ConfigFile, Diagnostic),
}

fn read(path: &Path) -> Result<Text, Diagnostic> {
    let name = path.display();
    match fs::metadata(path) {
        // Anything else may never end, and keep a start from being ended, too.
        Ok(about) if !about.is_file() => return Err(Diagnostic::error(format!("`{name}` is not a regular file"))),
        Ok(_) => {}
        Err(error) => {
            // Before its name is judged: what is not there has no notation either.
            let said = Diagnostic::error(format!("cannot read `{name}`: {error}"));
            return Err(said.hint("name a configuration file, or a folder of them, that is there"));
        }
    }
    let format = Format::from_path(path).ok_or_else(|| {
        Diagnostic::error(format!("`{name}` has no extension of a known notation"))
            .hint("known are .yaml .yml .json .xml .conf .curly .set")
    })?;
    let fault = |e: std::io::Error| Diagnostic::error(format!("cannot read `{name}`: {e}"));
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(fault)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Diagnostic::error(format!("`{name}` is larger than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    let named = |text: &str| Source::new(name.to_string(), text.trim_start_matches('\u{feff}'));
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Text::Whole(ConfigFile { source: named(&text), format })),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(at).copied().unwrap_or_default();
            // Up to the first bad byte the replacing text is the same.
            let text = String::from_utf8_lossy(error.as_bytes());
            let source = named(&text);
            let start = at.saturating_sub(text.len() - source.text().len());
            let said = Diagnostic::error(format!("byte {at} (0x{byte:02x}) is no part of a character of UTF-8"));
            let said = said.at(Span::new(&source, start, start + char::REPLACEMENT_CHARACTER.len_utf8()));
            let said = said.hint("save the file as UTF-8");
            Ok(Text::Broken(ConfigFile { source, format }, said))
        }
    }
}

/// Merges files into one valid tree.
///
/// # Errors
/// All faults of all files, and of the tree as a whole.
pub fn load(
    files: &[ConfigFile],
    plan: &Arc<Plan>,
    sealer: &dyn Sealer,
) -> Result<(DataTree, Diagnostics), Diagnostics> {
    let Loaded(Builder { tree, diagnostics, .. }) = Loaded::from_files(files, plan, sealer)?;
    Ok((tree, diagnostics))
}

/// A valid tree that knows where in the files its nodes came from.
pub(super) struct Loaded<'s>(Builder<'s>);

impl<'s> Loaded<'s> {
    /// Merges files into one valid tree.
    pub(super) fn from_files(
        files: &[ConfigFile],
        plan: &Arc<Plan>,
        sealer: &'s dyn Sealer,
    ) -> Result<Self, Diagnostics> {
        let mut builder = Builder::new(DataTree::new(Arc::clone(plan)), sealer);
        for file in files {
            codec::read(&mut builder, file.format, &file.source);
        }
        let found = validate(&builder.tree.in_force());
        builder.validated(found);
        if builder.diagnostics.has_errors() { Err(builder.diagnostics) } else { Ok(Self(builder)) }
    }

    /// Returns the tree.
    pub(super) fn tree(&self) -> &DataTree {
        &self.0.tree
    }

    /// Takes what was worth telling when the files were read.
    pub(super) fn take_warnings(&mut self) -> Diagnostics {
        std::mem::take(&mut self.0.diagnostics)
    }

    /// Gives faults that were found later their places in the files.
    pub(super) fn placed(mut self, faults: Diagnostics) -> Diagnostics {
        self.0.diagnostics = Diagnostics::new();
        self.0.validated(faults);
        self.0.diagnostics
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::builtin_plan;
    use crate::persist::write_atomically;
    use crate::secret::KeyRing;

    fn faults(folder: &Path) -> Vec<String> {
        let found = discover(&[folder.to_owned()]);
        let keys = KeyRing::ephemeral().unwrap();
        let faults = found.all(&builtin_plan().unwrap(), &keys).unwrap_err();
        faults.iter().map(|fault| fault.to_string().replace(&folder.display().to_string(), "F")).collect()
    }

    #[test]
    fn a_folder_leaves_nothing_out_that_is_named_like_a_configuration_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("nowhere", at("a.yaml")).unwrap();
        std::os::unix::fs::symlink("b.set", at("b.set")).unwrap();
        nix::unistd::mkfifo(&at("c.json"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        write_atomically(&at("d.set"), b"set nothing 1\n", 0o600).unwrap();
        write_atomically(&at(".e.set"), b"set nothing 1\n", 0o600).unwrap();
        let faults = faults(folder.path());
        assert_eq!(faults.len(), 4, "{faults:?}");
        for (fault, said) in
            faults.iter().zip(["`F/a.yaml`: No such", "`F/b.set`: Too many", "`F/c.json` is not a", "F/d.set:1:5"])
        {
            assert!(fault.contains(said), "{fault}");
        }
    }

    #[test]
    fn a_file_with_a_byte_that_is_no_character_is_told_at_its_place_with_its_other_faults() {
        let folder = tempfile::tempdir().unwrap();
        let text = b"\xef\xbb\xbfset nothing 1\nset a \xff\xfe b\nset nowhere 2\n";
        write_atomically(&folder.path().join("a.set"), text, 0o600).unwrap();
        let faults = faults(folder.path());
        assert!(faults[0].contains("0xff") && faults[0].contains("--> F/a.set:2:7"), "{faults:?}");
        assert!(faults.iter().any(|fault| fault.contains("F/a.set:1:5")), "{faults:?}");
        assert!(faults.iter().any(|fault| fault.contains("F/a.set:3:5")), "{faults:?}");
    }
}
