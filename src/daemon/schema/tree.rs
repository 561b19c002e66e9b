//! `annunciator schema tree`: modules as the tree diagrams of RFC 8340.

use super::lint::{Named, SchemaOptions, compile_files};
use crate::daemon::Stopped;
use crate::yang::{ModuleId, SchemaTree, diagram};
use std::io::Write;
use std::path::PathBuf;

/// Prints the diagrams of modules, in the order of the files. A submodule is shown as far as it goes alone.
///
/// # Errors
/// All faults of all modules, a file that cannot be read, or that nobody reads.
pub fn tree(options: &SchemaOptions, out: &mut dyn Write) -> Result<u8, Stopped> {
    let compiled = compile_files(options, true)?;
    let shown: Vec<ModuleId> =
        compiled.named.iter().filter(|n| !n.is_part).filter_map(|n| compiled.tree.module_by_name(&n.module)).collect();
    let mut text = String::new();
    for named in &compiled.named {
        let one = if named.is_part {
            alone(options, named)?
        } else {
            let id = compiled.tree.module_by_name(&named.module);
            id.map(|id| diagram::write(&compiled.tree, id, &shown)).unwrap_or_default()
        };
        if !text.is_empty() && !one.is_empty() {
            text.push('\n');
        }
        text.push_str(&one);
    }
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader that has seen enough is none that failed.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Stopped::failed("print the tree", error)),
        _ => Ok(0),
    }
}

/// Returns the diagram of a submodule without the module it belongs to.
fn alone(options: &SchemaOptions, named: &Named) -> Result<String, Stopped> {
    let files: Vec<PathBuf> = vec![named.file.clone()];
    let compiled = compile_files(&SchemaOptions { files, ..options.clone() }, false)?;
    let part = |tree: &SchemaTree| tree.modules().iter().position(|m| m.part.is_some());
    let id = part(&compiled.tree).and_then(|at| compiled.tree.module_ids().nth(at));
    Ok(id.map(|id| diagram::write(&compiled.tree, id, &[id])).unwrap_or_default())
}
