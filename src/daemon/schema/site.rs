//! The modules of a site beside the product's own: `run --schema-dir`.

use super::files::{gather, module_files};
use crate::daemon::{Stopped, Voice, builtin_plan};
use crate::diagnostic::Diagnostic;
use crate::tree::Plan;
use crate::yang::{CompileOptions, Outline, builtin_sources, compile};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Compiles the product's modules together with those in folders: of each the latest revision, and what they import. Their
/// nodes come after the product's own; what is odd about them is told.
///
/// # Errors
/// All faults of all modules, a folder that cannot be read, or a module that has the name of one of the product's.
pub fn plan_with(folders: &[PathBuf], voice: Voice) -> Result<Arc<Plan>, Stopped> {
    if folders.is_empty() {
        return builtin_plan();
    }
    let own = builtin_sources();
    let names: BTreeSet<String> = own.iter().filter_map(Outline::read).map(|o| o.name.to_string()).collect();
    let files: Vec<PathBuf> =
        module_files(folders).map_err(Stopped::Refused)?.into_iter().filter(|f| !is_copy(f, &own)).collect();
    if let Some(clash) =
        files.iter().find(|f| super::files::file_parts(f).is_some_and(|(name, _)| names.contains(&name)))
    {
        let what = format!("`{}` has the name of one of the element's own modules", clash.display());
        return Err(Stopped::Refused(
            Diagnostic::error(what).hint("take it out, or augment the module from another").into(),
        ));
    }
    let gathered = gather(&own, &files, folders, true).map_err(Stopped::Refused)?;
    let options = CompileOptions { looked_up: gathered.looked_up, ..CompileOptions::default() };
    let (tree, warnings) = compile(&gathered.sources, &options).map_err(Stopped::Refused)?;
    voice.warn(&warnings);
    Ok(Plan::new(Arc::new(tree)))
}

/// Returns whether a file is a copy of one of the product's modules, put there for other tools.
fn is_copy(file: &Path, own: &[Arc<crate::diagnostic::Source>]) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| own.iter().any(|source| source.text() == text))
}
