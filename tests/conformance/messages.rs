//! Documents that are messages: written ones with the verdict on each, and yanglint's.

use super::folder;
use crate::peers::ask;
use annunciator::daemon::{DocumentContents, Stopped, ValidateOptions, validate_documents};
use annunciator::tree::WithDefaults;
use annunciator::yang::Message;
use std::path::{Path, PathBuf};

fn modules() -> [PathBuf; 2] {
    ["messages.yang", "messages-more.yang"].map(|name| folder().join("documents").join(name))
}

/// Returns our verdict, with what is said when a message is refused.
fn ours(file: &Path, message: Message, operational: Option<&PathBuf>) -> Result<(), String> {
    let options = ValidateOptions {
        documents: vec![file.to_owned()],
        modules: modules().iter().map(|path| path.display().to_string()).collect(),
        folders: Vec::new(),
        features: Vec::new(),
        contents: DocumentContents::Message(message),
        operational: operational.cloned(),
        format: None,
        defaults: WithDefaults::Explicit,
    };
    match validate_documents(&options, &mut Vec::new(), &mut Vec::new()) {
        Ok(_) => Ok(()),
        Err(stopped @ Stopped::Refused(_)) => Err(stopped.to_string()),
        Err(stopped) => panic!("{}: {stopped}", file.display()),
    }
}

#[test]
fn messages_get_the_verdict_beside_them_alone_and_among_data_and_yanglint_s() {
    let text = std::fs::read_to_string(folder().join("documents/messages.txt")).unwrap();
    let beside = folder().join("documents/operational.json");
    let temporary = tempfile::tempdir().unwrap();
    let file = temporary.path().join("message.json");
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let (kind, verdicts, document) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let (message, their_kind) = match kind {
            "rpc" => (Message::Request, "rpc"),
            "reply" => (Message::Reply, "reply"),
            _ => (Message::Notification, "notif"),
        };
        annunciator::persist::write_atomically(&file, document.as_bytes(), 0o600).unwrap();
        for (verdict, operational) in verdicts.chars().zip([None, Some(&beside)]) {
            let judged = ours(&file, message, operational);
            if judged.is_ok() != (verdict == '+') {
                wrong.push(format!("{line}\nwe: {judged:?}"));
            }
            let mut arguments: Vec<PathBuf> = vec!["-t".into(), their_kind.into()];
            arguments.extend(operational.iter().flat_map(|path| ["-O".into(), (*path).clone()]));
            arguments.extend(modules());
            arguments.push(file.clone());
            if let Some(theirs) = ask("yanglint", &arguments)
                && theirs.accepts != (verdict == '+')
            {
                wrong.push(format!("{line}\nyanglint: {}", theirs.said));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
