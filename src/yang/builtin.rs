//! The modules of the product itself, compiled into the binary.

use super::{CompileOptions, SchemaTree, compile};
use crate::diagnostic::{Diagnostics, Source};
use std::sync::Arc;

/// The product's modules in the order in which their nodes are shown, by name and text.
static BUILTIN: &[(&str, &str)] = &[
    ("annunciator-extensions", include_str!("../../schema/annunciator-extensions.yang")),
    ("annunciator-types", include_str!("../../schema/annunciator-types.yang")),
    ("annunciator-environments", include_str!("../../schema/annunciator-environments.yang")),
    ("annunciator-facilities", include_str!("../../schema/annunciator-facilities.yang")),
    ("annunciator-alarms", include_str!("../../schema/annunciator-alarms.yang")),
    ("annunciator-system", include_str!("../../schema/annunciator-system.yang")),
];

/// Returns the product's modules, by name and text.
#[must_use]
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    BUILTIN
}

/// Returns whether a module is one of the product's.
#[must_use]
pub fn is_builtin(name: &str) -> bool {
    BUILTIN.iter().any(|(known, _)| *known == name)
}

/// Returns the product's modules as sources named for their files.
#[must_use]
pub fn builtin_sources() -> Vec<Arc<Source>> {
    BUILTIN.iter().map(|(name, text)| Source::new(format!("{name}.yang"), *text)).collect()
}

/// Compiles the product's modules.
///
/// # Errors
/// The faults found, which a build that passes its tests does not have.
pub fn builtin_schema() -> Result<Arc<SchemaTree>, Diagnostics> {
    compile(&builtin_sources(), &CompileOptions::default()).map(|(tree, _)| Arc::new(tree))
}
