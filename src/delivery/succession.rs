//! Which handler goes on with which lane when names change hands in one commit: a handler is who it tells, and of what; its
//! name is what people call it.

use super::HandlerSpec;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of lanes by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Succession {
    /// The names of handlers with a lane of another name before, and that name.
    pub renamed: BTreeMap<String, String>,
    /// The names whose lanes end.
    pub ended: BTreeSet<String>,
}

impl Succession {
    /// Finds it out from the enabled handlers of all names that a commit changes, as they were and as they are to be.
    ///
    /// A lane goes with the content of its handler, as far as that is exactly one that was there under another name: so
    /// two that change their names have each its own lane, and so has one that takes the name of one that goes. Nothing of
    /// this is assumed where a lane would end for it that goes on otherwise. Of those that go and those that come, those
    /// belong together that are alike but for the names of others, and then those alone that tell the same receiver.
    #[must_use]
    pub fn between(before: &[HandlerSpec], after: &[HandlerSpec]) -> Self {
        let was: BTreeMap<&str, &HandlerSpec> = before.iter().map(|spec| (spec.id.as_str(), spec)).collect();
        let is: BTreeMap<&str, &HandlerSpec> = after.iter().map(|spec| (spec.id.as_str(), spec)).collect();
        let mut renamed = moved(&was, &is);
        let come: Vec<&HandlerSpec> = is.values().filter(|spec| !was.contains_key(spec.id.as_str())).copied().collect();
        let gone: Vec<&HandlerSpec> = was.values().filter(|spec| !is.contains_key(spec.id.as_str())).copied().collect();
        pair(&mut renamed, &gone, &come, super::spec::HandlerSpec::is_renamed_to);
        // Several that tell one receiver may be any of them.
        let is_only =
            |all: &[&HandlerSpec], one: &HandlerSpec| all.iter().filter(|other| one.tells_the_same(other)).count() == 1;
        pair(&mut renamed, &gone, &come, |from, to| {
            from.tells_the_same(to) && is_only(&gone, to) && is_only(&come, from)
        });
        let ended = was.keys().filter(|name| {
            let goes_on_elsewhere = renamed.values().any(|from| from == *name);
            let goes_on = is.contains_key(*name) && !renamed.contains_key(*name);
            !goes_on && !goes_on_elsewhere
        });
        Self {
            ended: ended.map(|name| (*name).to_owned()).collect(),
            renamed: renamed.into_iter().map(|(to, from)| (to.to_owned(), from.to_owned())).collect(),
        }
    }
}

/// Lets those that come take the lanes of those that go and belong to them, each the first that is left.
fn pair<'a>(
    renamed: &mut BTreeMap<&'a str, &'a str>,
    gone: &[&'a HandlerSpec],
    come: &[&'a HandlerSpec],
    belong: impl Fn(&HandlerSpec, &HandlerSpec) -> bool,
) {
    for from in gone {
        if renamed.values().any(|other| *other == from.id) {
            continue;
        }
        if let Some(to) = come.iter().find(|to| !renamed.contains_key(to.id.as_str()) && belong(from, to)) {
            renamed.insert(&to.id, &from.id);
        }
    }
}

/// Finds contents that are exactly those of another name before; returns those names by the names that they have now.
fn moved<'a>(
    was: &BTreeMap<&'a str, &'a HandlerSpec>,
    is: &BTreeMap<&'a str, &'a HandlerSpec>,
) -> BTreeMap<&'a str, &'a str> {
    let stays = |name: &str| match (was.get(name), is.get(name)) {
        (Some(was), Some(is)) => was.is_same_but_named(is),
        _ => false,
    };
    let mut free: Vec<&'a str> = was.keys().filter(|name| !stays(name)).copied().collect();
    let mut moved = BTreeMap::new();
    for (to, spec) in is.iter().filter(|(name, _)| !stays(name)) {
        let from = free.iter().position(|from| was.get(from).is_some_and(|was| was.is_same_but_named(spec)));
        if let Some(at) = from {
            moved.insert(*to, free.remove(at));
        }
    }
    // One that is still there, and would be left without a lane of its own, keeps it.
    loop {
        let robbed = moved.iter().find(|(_, from)| is.contains_key(**from) && !moved.contains_key(**from));
        let Some(to) = robbed.map(|(to, _)| *to) else { return moved };
        moved.remove(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::Notify;
    use crate::alarm::Severity;
    use crate::delivery::DeliverySpec;
    use crate::delivery::filter::Filter;
    use crate::handler::webhook::{MessageFormat, WebhookSpec};
    use crate::handler::{NotifierSpec, WebService};

    /// A handler of a name that tells a port; with a filter of its own when asked.
    fn spec(id: &str, port: u16, is_narrow: bool) -> HandlerSpec {
        let filter = Filter {
            severities: Severity::ALL.into_iter().filter(|_| is_narrow).take(1).collect(),
            ..Filter::default()
        };
        let hostname = "receiver.example".to_owned();
        let web_service = WebService { hostname, port, context: "/".to_owned(), http_client: "c1".to_owned() };
        let (message_format, signing_secrets, headers) = (MessageFormat::Flat, Vec::new(), Vec::new());
        HandlerSpec {
            id: id.to_owned(),
            description: None,
            is_enabled: true,
            notify: Notify::default(),
            reminder_interval: None,
            notifier: NotifierSpec::Webhook(WebhookSpec { web_service, message_format, signing_secrets, headers }),
            filter,
            delivery: DeliverySpec::default(),
        }
    }

    fn between(before: &[(&str, u16, bool)], after: &[(&str, u16, bool)]) -> (Vec<(String, String)>, Vec<String>) {
        let specs =
            |of: &[(&str, u16, bool)]| of.iter().map(|(id, port, narrow)| spec(id, *port, *narrow)).collect::<Vec<_>>();
        let Succession { renamed, ended } = Succession::between(&specs(before), &specs(after));
        (renamed.into_iter().map(|(to, from)| (from, to)).collect(), ended.into_iter().collect())
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
    }

    #[test]
    fn lanes_go_with_the_contents_when_names_change_hands() {
        let both = [("p", 1, false), ("q", 2, false)];
        assert_eq!(between(&both, &[("p", 2, false), ("q", 1, false)]), (pairs(&[("q", "p"), ("p", "q")]), vec![]));
        assert_eq!(between(&both, &[("p", 2, false), ("r", 1, false)]), (pairs(&[("q", "p"), ("p", "r")]), vec![]));
        assert_eq!(between(&both, &[("p", 2, false)]), (pairs(&[("q", "p")]), vec!["p".to_owned()]));
        assert_eq!(between(&both, &[("q", 2, false), ("r", 1, false)]), (pairs(&[("p", "r")]), vec![]));
    }

    #[test]
    fn a_handler_that_is_changed_keeps_its_lane_whomever_it_is_like_then() {
        let both = [("p", 1, false), ("q", 2, false)];
        assert_eq!(between(&both, &[("p", 3, false), ("q", 1, false)]), (vec![], vec![]));
        assert_eq!(between(&both, &[("p", 1, false), ("q", 1, false)]), (vec![], vec![]));
        assert_eq!(between(&both, &[("p", 4, true), ("q", 2, false)]), (vec![], vec![]));
    }

    #[test]
    fn one_that_goes_while_another_comes_to_tell_the_same_receiver_is_renamed_though_more_is_changed() {
        let one = [("p", 1, false)];
        assert_eq!(between(&one, &[("r", 1, true)]), (pairs(&[("p", "r")]), vec![]));
        assert_eq!(between(&one, &[("r", 2, true)]), (vec![], vec!["p".to_owned()]));
        let either = [("r", 1, true), ("s", 1, true)];
        assert_eq!(between(&one, &either), (vec![], vec!["p".to_owned()]));
    }
}
