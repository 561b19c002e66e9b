//! `annunciator schema tree`: modules as the tree diagrams of RFC 8340.

use super::lint::{Compiled, Named, SchemaOptions, compile_files};
use crate::daemon::Stopped;
use crate::yang::{Module, ModuleId, SchemaTree, diagram};
use std::io::Write;

/// Prints the diagrams of modules, in the order of the files. A submodule is shown as far as it goes without the module it
/// belongs to, unless that is there too.
///
/// # Errors
/// All faults of all modules, a file that cannot be read, or that nobody reads.
pub fn tree(options: &SchemaOptions, out: &mut dyn Write) -> Result<u8, Stopped> {
    let compiled = compile_files(options, false)?;
    let mut text = String::new();
    let mut has_one_before = false;
    for named in &compiled.named {
        let one = match diagram_of(&compiled, named, &compiled.named) {
            Some(one) => one,
            None => alone(options, named, &compiled.named)?,
        };
        if has_one_before {
            text.push('\n');
        }
        has_one_before = !one.is_empty();
        text.push_str(&one);
    }
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader that has seen enough is none that failed.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Stopped::failed("print the tree", error)),
        _ => Ok(0),
    }
}

/// Returns the diagram of a module or submodule; `None` for a submodule that the set has no place for.
fn diagram_of(compiled: &Compiled, named: &Named, all: &[Named]) -> Option<String> {
    let tree = &compiled.tree;
    let ids = all.iter().filter_map(|n| tree.module_by_name(&n.module));
    let shown: Vec<ModuleId> = ids.collect();
    if !named.is_part {
        let id = tree.module_by_name(&named.module);
        return Some(id.map(|id| diagram::write(tree, id, None, &shown)).unwrap_or_default());
    }
    let name = &*named.name;
    if let Some(id) = find(tree, |m| m.part.as_deref() == Some(name)) {
        return Some(diagram::write(tree, id, None, &shown));
    }
    let owner = find(tree, |m| m.implemented && m.part.is_none() && m.submodules.iter().any(|s| *s.name == *name))?;
    Some(diagram::write(tree, owner, Some(name), &shown))
}

fn find(tree: &SchemaTree, is_it: impl Fn(&Module) -> bool) -> Option<ModuleId> {
    tree.modules().iter().zip(tree.module_ids()).find(|(module, _)| is_it(module)).map(|(_, id)| id)
}

/// Returns the diagram of a submodule in a set of its own.
fn alone(options: &SchemaOptions, named: &Named, all: &[Named]) -> Result<String, Stopped> {
    let compiled = compile_files(&SchemaOptions { files: vec![named.file.clone()], ..options.clone() }, false)?;
    Ok(diagram_of(&compiled, named, all).unwrap_or_default())
}
