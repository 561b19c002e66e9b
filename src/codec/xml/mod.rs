//! XML (XML 1.0 with namespaces) as RFC 7950 fills it with instance data: a strict reader that keeps positions, a
//! streaming writer.

mod any;
mod characters;
mod parse;
mod scope;
mod tag;
#[cfg(test)]
mod tests;
mod tokens;
mod write;

pub(super) use parse::parse;
pub use write::{XmlFrame, write_xml};

/// Namespace of the attribute `json`, which says that an element's text is JSON: what `anydata` from another notation may
/// hold and XML has no form for, such as numbers, lists of one item, and names that are none in XML.
const JSON_NAMESPACE: &str = "urn:annunciator:json";
