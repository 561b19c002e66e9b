//! Tests of the engine as a whole: module texts in, schema or diagnostics out.

mod builtin;
mod faults;
mod hostile;
mod schema;

use super::{CompileOptions, SchemaTree, compile};
use crate::diagnostic::{Diagnostics, Source, Span};
use std::sync::Arc;

/// Wraps statements into a module `m` with prefix `m`.
fn module(body: &str) -> String {
    format!("module m {{ yang-version 1.1; namespace \"urn:m\"; prefix m;\n{body}\n}}")
}

fn sources(texts: &[&str]) -> Vec<Arc<Source>> {
    texts.iter().enumerate().map(|(at, text)| Source::new(format!("{}.yang", at + 1), *text)).collect()
}

fn compile_all(texts: &[&str]) -> SchemaTree {
    match compile(&sources(texts), &CompileOptions::default()) {
        Ok((tree, _)) => tree,
        Err(faults) => panic!("{faults}"),
    }
}

fn faults_of(texts: &[&str]) -> Diagnostics {
    match compile(&sources(texts), &CompileOptions::default()) {
        Ok((_, warnings)) => panic!("compiled, with {warnings}"),
        Err(faults) => faults,
    }
}

/// Writes each fault as `file:line:column message [hint]`.
fn lines(faults: &Diagnostics) -> Vec<String> {
    faults
        .iter()
        .map(|fault| {
            let place = fault.span.as_ref().map_or_else(String::new, Span::to_string);
            let hint = fault.hint.as_ref().map_or_else(String::new, |hint| format!(" [{hint}]"));
            format!("{} {}{hint}", place.replace(".yang", ""), fault.message)
        })
        .collect()
}
