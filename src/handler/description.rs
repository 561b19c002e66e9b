//! What every kind of message says of an alarm in the same way.

use crate::alarm::{AlarmId, Transition, qualifier};
use std::borrow::Cow;

/// Returns the link to the alarm's page; empty where no base URL is configured.
pub(super) fn dashboard_link(base_url: Option<&str>, alarm: AlarmId) -> String {
    match base_url.map(|base| base.trim_end_matches('/')) {
        None | Some("") => String::new(),
        Some(base) => format!("{base}/alarms/{alarm}"),
    }
}

/// Returns the lines of the detailed description: those of the alarm, then what the qualifier says.
pub(super) fn detailed_lines(transition: &Transition) -> Vec<Cow<'_, str>> {
    let said = transition.after.text.detailed.iter().map(|line| Cow::Borrowed(line.as_str()));
    said.chain(qualifier::lines(&transition.key.qualifier).into_iter().map(Cow::Owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_of_the_base_url_does_not_matter() {
        let alarm: AlarmId = "6f0d4ae2-52b1-5c5e-9a3b-7d1e88c420f7".parse().unwrap();
        for base in ["https://a.example/ui", "https://a.example/ui/", "https://a.example/ui//"] {
            let link = dashboard_link(Some(base), alarm);
            assert_eq!(link, "https://a.example/ui/alarms/6f0d4ae2-52b1-5c5e-9a3b-7d1e88c420f7");
        }
        assert_eq!(dashboard_link(None, alarm), "");
        assert_eq!(dashboard_link(Some(""), alarm), "");
    }
}
