//! `annunciator schema lint`: whether modules are sound, and what is odd about them.

use super::files::{file_parts, gather};
use crate::daemon::Stopped;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::yang::{CompileOptions, Features, Message, Outline, SchemaTree, compile};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What the verbs of `annunciator schema` are given.
#[derive(Debug, Clone, Default)]
pub struct SchemaOptions {
    /// The modules.
    pub files: Vec<PathBuf>,
    /// Folders in which imports are looked up, with all folders in them, besides those that the files are in.
    pub folders: Vec<PathBuf>,
    /// Features that are on, as module and name; an empty name turns all features of the module off. Modules that are not
    /// in here have all theirs on.
    pub features: Vec<(String, String)>,
    /// Whether to tell what is a matter of good form only.
    pub strict: bool,
    /// The messages that documents may hold, as for [`CompileOptions::message`].
    pub message: Option<Message>,
}

impl SchemaOptions {
    fn features(&self) -> Features {
        if self.features.is_empty() {
            return Features::All;
        }
        let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (module, feature) in &self.features {
            let on = listed.entry(module.clone()).or_default();
            on.extend(Some(feature.clone()).filter(|f| !f.is_empty()));
        }
        Features::Listed(listed)
    }
}

/// A set of modules compiled from files.
pub(super) struct Compiled {
    /// The schema.
    pub(super) tree: SchemaTree,
    /// What is odd about the files named.
    pub(super) warnings: Diagnostics,
    /// The modules and submodules named, in that order.
    pub(super) named: Vec<Named>,
}

/// A module or submodule that was named.
pub(super) struct Named {
    /// Its file.
    pub(super) file: PathBuf,
    /// The name of the module, or of the one that the submodule belongs to.
    pub(super) module: String,
    /// Its own name.
    pub(super) name: String,
    /// Whether it is a submodule.
    pub(super) is_part: bool,
}

/// Compiles the files with what they import, and submodules with the modules they belong to, where these are wanted and found.
pub(super) fn compile_files(options: &SchemaOptions, with_owners: bool) -> Result<Compiled, Stopped> {
    let gathered = gather(&[], &options.files, &options.folders, with_owners).map_err(Stopped::Refused)?;
    let given = gathered.sources.len() - gathered.looked_up;
    let compile_options = CompileOptions {
        features: options.features(),
        looked_up: gathered.looked_up,
        strict: options.strict,
        message: options.message,
        ..CompileOptions::default()
    };
    let (tree, mut warnings) = compile(&gathered.sources, &compile_options).map_err(Stopped::Refused)?;
    let mut named = Vec::new();
    for source in gathered.sources.iter().take(given) {
        let Some(outline) = Outline::read(source) else { continue };
        warnings.extend(misnamed(Path::new(source.name()), &outline));
        let name = outline.name.to_string();
        named.push(Named {
            file: PathBuf::from(source.name()),
            module: outline.belongs_to.as_deref().map_or_else(|| name.clone(), str::to_owned),
            name,
            is_part: outline.belongs_to.is_some(),
        });
    }
    for (module, feature) in &options.features {
        warnings.extend(unknown_feature(&tree, module, feature));
    }
    Ok(Compiled { tree, warnings, named })
}

/// Checks modules; tells that they are sound on `out`, and what is odd about them on `told`.
///
/// # Errors
/// All faults of all modules, or a file that cannot be read.
pub fn lint(options: &SchemaOptions, out: &mut dyn Write, told: &mut dyn Write) -> Result<u8, Stopped> {
    let compiled = compile_files(options, true)?;
    if !compiled.warnings.is_empty() {
        // Where nobody reads there is nobody to tell.
        drop(writeln!(told, "{}\n", compiled.warnings));
    }
    for Named { name, .. } in &compiled.named {
        // Nobody reads any more: the exit code still says it.
        drop(writeln!(out, "{name}: ok"));
    }
    Ok(0)
}

fn misnamed(path: &Path, outline: &Outline) -> Option<Diagnostic> {
    let (name, revision) = file_parts(path)?;
    let shown = path.display();
    if name != *outline.name {
        let what = format!("`{shown}` holds `{}`: whoever imports that does not find it", outline.name);
        return Some(Diagnostic::warning(what).hint(format!("name the file `{}.yang`", outline.name)));
    }
    let latest = outline.revision.as_deref();
    let revision = revision.filter(|stated| latest != Some(stated))?;
    let what = format!("`{shown}` is named for revision {revision}, its latest is {}", latest.unwrap_or("not stated"));
    Some(Diagnostic::warning(what))
}

fn unknown_feature(tree: &SchemaTree, module: &str, feature: &str) -> Option<Diagnostic> {
    let Some(id) = tree.module_by_name(module) else {
        let known = tree.modules().iter().map(|m| &*m.name);
        let fault = Diagnostic::warning(format!("`--feature {module}:{feature}` names no module that is there"));
        return Some(fault.did_you_mean(module, known));
    };
    let features = &tree.module(id).features;
    if feature.is_empty() || features.iter().any(|f| **f == *feature) {
        return None;
    }
    let fault = Diagnostic::warning(format!("module `{module}` has no feature `{feature}`"));
    Some(fault.did_you_mean(feature, features.iter().map(|f| &**f)))
}
