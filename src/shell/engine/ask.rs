//! Questions that a command asks the person in front of it.

use super::fault::Fault;
use super::line::Call;
use crate::codec::lex;
use crate::diagnostic::{Diagnostic, Source, printable};
use crate::shell::AskKind;
use crate::tree::{DataPath, DataTree};
use crate::yang::{BaseType, NodeKind, Type};

/// Members of an enumeration that a question lists at most.
const LISTED_MAX: usize = 8;

/// The module of the statement that marks leaves whose values have several lines.
const EXTENSIONS: &str = "annunciator-extensions";

/// Says something and asks for yes or no.
pub(super) fn ask_yes_no(said: &str, question: &str, call: &mut Call<'_>) -> Result<bool, Fault> {
    if !said.is_empty() {
        call.terminal.write(said)?;
    }
    Ok(call.terminal.ask(AskKind::YesNo, question)? == "yes")
}

/// Asks for the value of a leaf, or the values of a leaf-list; an empty answer keeps what is set.
pub(super) fn ask_value(tree: &DataTree, path: &DataPath, call: &mut Call<'_>) -> Result<Vec<String>, Fault> {
    let node = tree.schema().node(path.schema_id());
    let Some(ty) = node.ty() else { return Ok(Vec::new()) };
    let current = tree.get(path).and_then(|node| node.value()).filter(|_| !node.is_secret());
    let shown = current.map_or_else(String::new, |value| format!(" ({value})"));
    let is_multiline = node.extension(EXTENSIONS, "multiline").is_some();
    let (kind, prompt) = if is_multiline {
        (AskKind::Multiline, format!("({}): paste the lines, then press Ctrl-D", expected(ty)))
    } else {
        let kind = if node.is_secret() { AskKind::Secret } else { AskKind::Line };
        (kind, format!("({}){shown}: ", expected(ty)))
    };
    let prompt = printable(&prompt);
    let answer = call.terminal.ask(kind, &prompt)?;
    if answer.is_empty() {
        return match tree.get(path) {
            Some(_) => Ok(Vec::new()),
            None => Err(Fault::failed(format!("no value was given for `{}`", node.name))),
        };
    }
    match node.kind {
        NodeKind::LeafList(_) => words(&answer),
        _ => Ok(vec![answer]),
    }
}

fn expected(ty: &Type) -> String {
    match &ty.base {
        BaseType::Enumeration(members) if members.len() <= LISTED_MAX => {
            members.iter().map(|member| &*member.name).collect::<Vec<_>>().join(",")
        }
        BaseType::Boolean => "true,false".to_owned(),
        _ => format!("<{}>", ty.name.split_once(':').map_or(&*ty.name, |(_, name)| name)),
    }
}

fn words(answer: &str) -> Result<Vec<String>, Fault> {
    let source = Source::new("answer", answer);
    let (tokens, faults) = lex(&source, 0, answer.len());
    let bare = |fault: &Diagnostic| Diagnostic { span: None, ..fault.clone() };
    if let Some(fault) = faults.iter().next() {
        return Err(Fault::Failed(bare(fault)));
    }
    Ok(tokens.iter().filter_map(|token| token.word().map(str::to_owned)).collect())
}
