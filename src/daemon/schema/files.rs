//! Module texts from files: those named, and what they import and include, looked up in folders.

use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::yang::{Outline, TEXT_BYTES_MAX, Wanted};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Deepest nesting of folders that is looked into: published collections stay below ten, and links may run in circles.
const FOLDER_DEPTH_MAX: usize = 16;

/// Files of one folder that are looked at: the largest published collections have a tenth of it.
const FILES_MAX: usize = 500_000;

/// The texts of a set of modules.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// Those named, in the order named, then those that others ask for.
    pub sources: Vec<Arc<Source>>,
    /// How many of them are there only because others ask for them.
    pub looked_up: usize,
}

/// Reads files, and what they ask for from the folders they are in and from `folders` with all folders in these. `known`
/// are texts that are there already: they come first, and satisfy imports. Submodules bring the module they belong to along
/// when `with_owners` says so.
///
/// # Errors
/// Every file or folder that cannot be read. What is asked for and not found is left to the compiler to tell.
pub fn gather(
    known: &[Arc<Source>],
    files: &[PathBuf],
    folders: &[PathBuf],
    with_owners: bool,
) -> Result<Gathered, Diagnostics> {
    let mut faults = Diagnostics::new();
    let mut search = Search::default();
    for source in known {
        search.add(source);
    }
    let mut seen = HashSet::new();
    for file in files {
        match read(file) {
            // A file that is named twice, or is the same in two places, is one text.
            Ok(source) if seen.insert(source.text().to_owned()) => search.add(&source),
            Ok(_) => {}
            Err(fault) => faults.push(fault),
        }
        let beside = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let beside = if beside.as_os_str().is_empty() { PathBuf::from(".") } else { beside };
        search.list_once(&beside, 1, &mut faults);
    }
    for folder in folders {
        search.list_once(folder, FOLDER_DEPTH_MAX, &mut faults);
    }
    if faults.has_errors() {
        return Err(faults);
    }
    let named = search.sources.len();
    search.satisfy(with_owners, &mut faults);
    let looked_up = search.sources.len() - named;
    if faults.has_errors() { Err(faults) } else { Ok(Gathered { sources: search.sources, looked_up }) }
}

/// Returns the module files that folders hold, the latest revision of each, by name.
///
/// # Errors
/// Every folder that cannot be read.
pub(super) fn module_files(folders: &[PathBuf]) -> Result<Vec<PathBuf>, Diagnostics> {
    let mut faults = Diagnostics::new();
    let mut search = Search::default();
    for folder in folders {
        search.list_once(folder, FOLDER_DEPTH_MAX, &mut faults);
    }
    let mut names: Vec<String> = search.files.keys().cloned().collect();
    names.sort();
    let mut found = Vec::new();
    for name in names {
        match search.choose(&Wanted { name: Arc::from(name), revision: None }) {
            Ok(Some((path, outline))) if outline.belongs_to.is_none() => found.push(path),
            Ok(_) => {}
            Err(fault) => faults.push(fault),
        }
    }
    if faults.has_errors() { Err(faults) } else { Ok(found) }
}

/// Splits `name@revision.yang`; `None` for a file of another kind.
pub(super) fn file_parts(path: &Path) -> Option<(String, Option<String>)> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".yang")?;
    Some(match stem.split_once('@') {
        Some((name, revision)) => (name.to_owned(), Some(revision.to_owned())),
        None => (stem.to_owned(), None),
    })
}

/// What is there, and what is still asked for.
#[derive(Default)]
struct Search {
    sources: Vec<Arc<Source>>,
    outlines: Vec<Outline>,
    /// The files in the folders, by the name that theirs say, in the order found.
    files: HashMap<String, Vec<PathBuf>>,
    listed: HashSet<PathBuf>,
    /// How many outlines had their wishes looked at: first those for any revision, then those for one.
    looked_at: [usize; 2],
}

impl Search {
    fn add(&mut self, source: &Arc<Source>) {
        self.sources.push(Arc::clone(source));
        self.outlines.extend(Outline::read(source));
    }

    fn list_once(&mut self, folder: &Path, depth: usize, faults: &mut Diagnostics) {
        if self.listed.insert(folder.to_owned())
            && let Err(error) = self.list(folder, depth, &mut 0)
        {
            faults.push(Diagnostic::error(format!("cannot read the folder `{}`: {error}", folder.display())));
        }
    }

    fn list(&mut self, folder: &Path, depth: usize, count: &mut usize) -> std::io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder)? {
            entries.push(entry?.path());
        }
        entries.sort();
        let mut folders = Vec::new();
        for path in entries {
            *count += 1;
            if *count > FILES_MAX {
                return Err(std::io::Error::other(format!("it holds more than {FILES_MAX} files")));
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Some((name, _)) = file_parts(&path) {
                self.files.entry(name).or_default().push(path);
            }
        }
        for inner in folders.iter().filter(|_| depth > 1) {
            self.list(inner, depth - 1, count)?;
        }
        Ok(())
    }

    /// Adds what is asked for until nothing more is found. Wishes for any revision come first: what is there already
    /// satisfies them, and one for a certain revision then finds whether it is there.
    fn satisfy(&mut self, with_owners: bool, faults: &mut Diagnostics) {
        let mut missed = HashSet::new();
        loop {
            let which = usize::from(self.looked_at[0] >= self.outlines.len());
            let Some(outline) = self.outlines.get(self.looked_at[which]) else { return };
            self.looked_at[which] += 1;
            let is_exact = which == 1;
            let mut wishes: Vec<Wanted> = outline.imports.iter().chain(&outline.includes).cloned().collect();
            let owner = outline.belongs_to.iter().filter(|_| with_owners);
            wishes.extend(owner.map(|name| Wanted { name: Arc::clone(name), revision: None }));
            for wish in wishes.into_iter().filter(|w| w.revision.is_some() == is_exact) {
                if self.has(&wish) || missed.contains(&wish) {
                    continue;
                }
                match self.choose(&wish).and_then(|found| found.map(|(path, _)| read(&path)).transpose()) {
                    Ok(Some(source)) => self.add(&source),
                    Ok(None) => {
                        missed.insert(wish);
                    }
                    Err(fault) => {
                        faults.push(fault);
                        missed.insert(wish);
                    }
                }
            }
        }
    }

    fn has(&self, wish: &Wanted) -> bool {
        self.outlines.iter().any(|o| o.name == wish.name && (wish.revision.is_none() || o.revision == wish.revision))
    }

    /// Chooses the file of a module: of the revision asked for, else of the latest; the first found of equal ones.
    fn choose(&self, wish: &Wanted) -> Result<Option<(PathBuf, Outline)>, Diagnostic> {
        let mut best: Option<(PathBuf, Outline)> = None;
        for path in self.files.get(&*wish.name).into_iter().flatten() {
            let stated = file_parts(path).and_then(|(_, revision)| revision);
            if stated.is_some() && wish.revision.is_some() && stated.as_deref() != wish.revision.as_deref() {
                continue;
            }
            // Whatever the file's name says, the text says what it is.
            let Some(outline) = Outline::read(&read(path)?) else { continue };
            if outline.name != wish.name || (wish.revision.is_some() && outline.revision != wish.revision) {
                continue;
            }
            if best.as_ref().is_none_or(|(_, b)| b.revision < outline.revision) {
                best = Some((path.clone(), outline));
            }
        }
        Ok(best)
    }
}

fn read(path: &Path) -> Result<Arc<Source>, Diagnostic> {
    let name = path.display();
    let fault = |e: std::io::Error| Diagnostic::error(format!("cannot read `{name}`: {e}"));
    let limit = TEXT_BYTES_MAX as u64;
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(fault)?.take(limit + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > limit {
        return Err(Diagnostic::error(format!("`{name}` is larger than {} MiB", limit >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = e.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1;
        Diagnostic::error(format!(
            "`{name}` is not UTF-8: line {line}, byte {at} of the file, is no part of a character"
        ))
        .hint("YANG modules are UTF-8 (RFC 7950 §6)")
    })?;
    Ok(Source::new(name.to_string(), text))
}
