//! `annunciator schema validate`: whether documents hold to modules, and the documents as they are understood.

use super::files::named_file;
use super::lint::{SchemaOptions, compile_files};
use super::message;
use crate::codec::{self, Builder, Format, JsonLayout, Rules, XmlFrame, write_json, write_xml, write_yaml};
use crate::daemon::Stopped;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::secret::KeyRing;
use crate::tree::{Contents, DataPath, DataTree, Plan, WithDefaults, validate_as};
use crate::yang::Message;
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a document at most: what readers take.
const DOCUMENT_BYTES_MAX: u64 = 256 << 20;

/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// What `annunciator schema validate` is given.
#[derive(Debug, Clone)]
pub struct ValidateOptions {
    /// The documents.
    pub documents: Vec<PathBuf>,
    /// The modules that they have data of: names, `name@revision`, or files.
    pub modules: Vec<String>,
    /// Folders in which modules are looked up, with all folders in them; where there is none, the current one.
    pub folders: Vec<PathBuf>,
    /// Features that are on, as for [`SchemaOptions::features`].
    pub features: Vec<(String, String)>,
    /// What the documents hold.
    pub contents: DocumentContents,
    /// The data that messages may refer to and look at.
    pub operational: Option<PathBuf>,
    /// The notation to print valid documents in.
    pub format: Option<Format>,
    /// Which values that are defaults are printed.
    pub defaults: WithDefaults,
}

/// What a document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentContents {
    /// Configuration, and state beside it, of which what is mandatory must be there.
    Data,
    /// Configuration only.
    Configuration,
    /// One message.
    Message(Message),
}

/// Judges documents, each for itself; prints them on `out` where that is asked for, and what is odd about the modules and
/// the documents on `told`.
///
/// # Errors
/// All faults of the modules, or of all documents.
pub fn validate_documents(options: &ValidateOptions, out: &mut dyn Write, told: &mut dyn Write) -> Result<u8, Stopped> {
    let plan = plan(options)?;
    let keys = KeyRing::ephemeral().map_err(|e| Stopped::failed("make a key", e))?;
    let mut faults = Diagnostics::new();
    let operational = match &options.operational {
        Some(path) => {
            let refused = |fault: Diagnostic| Stopped::Refused(Diagnostics::from(fault));
            let Builder { tree, diagnostics, .. } = loaded(path, &plan, &keys, true).map_err(refused)?;
            if diagnostics.has_errors() {
                return Err(Stopped::Refused(diagnostics));
            }
            Some(tree)
        }
        None => None,
    };
    for document in &options.documents {
        let mut builder = match loaded(document, &plan, &keys, options.contents != DocumentContents::Configuration) {
            Ok(builder) => builder,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        // What is missing in a tree that could not be read whole says nothing.
        if !builder.diagnostics.has_errors() {
            let in_force = builder.tree.in_force();
            let found = match options.contents {
                DocumentContents::Data => validate_as(&in_force, Contents::Everything),
                DocumentContents::Configuration => validate_as(&in_force, Contents::Configuration),
                DocumentContents::Message(message) => message::judge(&in_force, operational.as_ref(), message),
            };
            builder.validated(found);
        }
        let Builder { tree, diagnostics, .. } = builder;
        if diagnostics.has_errors() {
            faults.append(diagnostics);
            continue;
        }
        if !diagnostics.is_empty() {
            // Where nobody reads there is nobody to tell.
            drop(writeln!(told, "{diagnostics}\n"));
        }
        if let Some(format) = options.format {
            print(&tree, format, options.defaults, out)?;
        }
    }
    if !faults.has_errors() {
        return Ok(0);
    }
    let mut tagged = Diagnostics::new();
    tagged.count_dropped(&faults);
    tagged.extend(faults.into_iter().map(with_app_tag));
    Err(Stopped::Refused(tagged))
}

/// Reads a document into a tree, with the faults that reading found.
fn loaded<'k>(path: &Path, plan: &Arc<Plan>, keys: &'k KeyRing, has_state: bool) -> Result<Builder<'k>, Diagnostic> {
    let (format, source) = read(path)?;
    let rules = Rules { has_state, is_exact: true };
    let mut builder = Builder::new(DataTree::new(Arc::clone(plan)), keys).rules(rules);
    codec::read(&mut builder, format, &source);
    Ok(builder)
}

/// Returns a fault that says the schema's name for it: whoever judges documents may look for that.
fn with_app_tag(fault: Diagnostic) -> Diagnostic {
    match fault.app_tag.clone() {
        Some(app_tag) => Diagnostic { message: format!("{} (error-app-tag `{app_tag}`)", fault.message), ..fault },
        None => fault,
    }
}

fn plan(options: &ValidateOptions) -> Result<Arc<Plan>, Stopped> {
    let here = [PathBuf::from(".")];
    let folders = if options.folders.is_empty() { &here[..] } else { &options.folders };
    let mut files = Vec::new();
    let mut faults = Diagnostics::new();
    for module in &options.modules {
        match named_file(module, folders) {
            Ok(file) => files.push(file),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.has_errors() {
        return Err(Stopped::Refused(faults));
    }
    let message = match options.contents {
        DocumentContents::Message(message) => Some(message),
        DocumentContents::Data | DocumentContents::Configuration => None,
    };
    let features = options.features.clone();
    let schema = SchemaOptions { files, folders: folders.to_vec(), features, strict: false, message };
    Ok(Plan::new(Arc::new(compile_files(&schema, true)?.tree)))
}

fn read(path: &Path) -> Result<(Format, Arc<Source>), Diagnostic> {
    let name = path.display();
    let fault = |e: std::io::Error| Diagnostic::error(format!("cannot read `{name}`: {e}"));
    let mut bytes = Vec::new();
    let is_standard = path.as_os_str() == STANDARD_INPUT;
    let mut input: Box<dyn Read> =
        if is_standard { Box::new(std::io::stdin()) } else { Box::new(std::fs::File::open(path).map_err(fault)?) };
    input.by_ref().take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(Diagnostic::error(format!("`{name}` is larger than {} MiB", DOCUMENT_BYTES_MAX >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Diagnostic::error(format!("`{name}` is not UTF-8: byte {at} is no part of a character"))
    })?;
    let known = Format::from_path(path).filter(|format| matches!(format, Format::Json | Format::Xml | Format::Yaml));
    let format = known.unwrap_or_else(|| match text.trim_start_matches('\u{feff}').trim_start().chars().next() {
        Some('<') => Format::Xml,
        Some('{' | '[') => Format::Json,
        _ => Format::Yaml,
    });
    Ok((format, Source::new(if is_standard { "<stdin>".to_owned() } else { name.to_string() }, text)))
}

fn print(tree: &DataTree, format: Format, defaults: WithDefaults, out: &mut dyn Write) -> Result<(), Stopped> {
    let tree = tree.with_defaults(defaults).map_err(|e| Stopped::failed("print the document", e))?.tree;
    let mut lines = Lines { out, error: None };
    let written = match format {
        Format::Xml => write_xml(&mut lines, &tree, &DataPath::ROOT, XmlFrame::Bare),
        Format::Yaml => write_yaml(&mut lines, &tree, &DataPath::ROOT),
        _ => write_json(&mut lines, &tree, &DataPath::ROOT, JsonLayout::Indented(2))
            .and_then(|()| fmt::Write::write_str(&mut lines, "\n")),
    };
    match (written, lines.error) {
        // A reader that has seen enough is none that failed.
        (Err(_), Some(error)) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Stopped::failed("print the document", error))
        }
        (Err(error), None) => Err(Stopped::failed("print the document", error)),
        _ => Ok(()),
    }
}

/// Takes text for a sink of bytes and keeps why that refused it.
struct Lines<'o> {
    out: &'o mut dyn Write,
    error: Option<std::io::Error>,
}

impl fmt::Write for Lines<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.write_all(text.as_bytes()).map_err(|error| {
            self.error = Some(error);
            fmt::Error
        })
    }
}
