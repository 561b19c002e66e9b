//! Configuration files: found by extension, read in name order, merged into one tree.

use crate::codec::{self, Builder, Format};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::secret::Sealer;
use crate::tree::{DataTree, Plan, validate};
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

/// Finds and reads the files that paths stand for: a file is itself, a folder its files with a known extension, by name.
///
/// # Errors
/// Every path that cannot be read or has no known extension.
pub fn discover(paths: &[PathBuf]) -> Result<Vec<ConfigFile>, Diagnostics> {
    let mut faults = Diagnostics::new();
    let mut files = Vec::new();
    for path in paths {
        let found = if path.is_dir() { folder(path) } else { Ok(vec![path.clone()]) };
        match found {
            Ok(found) => files.extend(found.iter().filter_map(|file| read(file).map_err(|d| faults.push(d)).ok())),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.has_errors() { Err(faults) } else { Ok(files) }
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
    if let Err(error) = fs::metadata(path) {
        // Before its name is judged: what is not there has no notation either.
        let said = Diagnostic::error(format!("cannot read `{name}`: {error}"));
        return Err(said.hint("name a configuration file, or a folder of them, that is there"));
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
    let mut builder = Builder::new(DataTree::new(Arc::clone(plan)), sealer);
    for file in files {
        codec::read(&mut builder, file.format, &file.source);
    }
    let found = validate(&builder.tree);
    builder.validated(found);
    let Builder { tree, diagnostics, .. } = builder;
    diagnostics.into_result(tree)
}
