//! Configuration files: found by extension, read in name order, merged into one tree.

use crate::codec::{self, Builder, Format};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
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
}

impl Found {
    /// Returns the files, where all that was named can be read.
    ///
    /// # Errors
    /// Every path that cannot be read or has no known extension.
    pub fn all(&self) -> Result<&[ConfigFile], Diagnostics> {
        if self.unreadable.is_empty() {
            return Ok(&self.files);
        }
        let mut faults = Diagnostics::new();
        faults.extend(self.unreadable.values().cloned());
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
                Ok(read) => found.files.push(read),
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
        if file.is_file() && !hidden && Format::from_path(&file).is_some() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<ConfigFile, Diagnostic> {
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
            .hint("known are .yaml .yml .json .conf .curly .set")
    })?;
    let fault = |e: std::io::Error| Diagnostic::error(format!("cannot read `{name}`: {e}"));
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(fault)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Diagnostic::error(format!("`{name}` is larger than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        Diagnostic::error(format!(
            "`{name}` is not UTF-8: byte {} is no part of a character",
            e.utf8_error().valid_up_to()
        ))
    })?;
    Ok(ConfigFile { source: Source::new(name.to_string(), text.trim_start_matches('\u{feff}')), format })
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
        let found = validate(&builder.tree);
        builder.validated(found);
        if builder.diagnostics.has_errors() { Err(builder.diagnostics) } else { Ok(Self(builder)) }
    }

    /// Returns the tree.
    pub(super) fn tree(&self) -> &DataTree {
        &self.0.tree
    }

    /// Gives faults that were found later their places in the files.
    pub(super) fn placed(mut self, faults: Diagnostics) -> Diagnostics {
        self.0.diagnostics = Diagnostics::new();
        self.0.validated(faults);
        self.0.diagnostics
    }
}
