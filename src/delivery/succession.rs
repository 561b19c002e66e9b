//! Which handler goes on with which lane when names change hands in one commit: a handler is who it tells, and of what; its
//! name is what people call it.

use super::HandlerSpec;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

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
        let was: Names<'_> = before.iter().map(|spec| (spec.id.as_str(), spec)).collect();
        let is: Names<'_> = after.iter().map(|spec| (spec.id.as_str(), spec)).collect();
        let mut renamed = moved(&was, &is);
        let mut taken: HashSet<&str> = renamed.values().copied().collect();
        let gone: Vec<&HandlerSpec> = was.values().filter(|spec| !is.contains_key(spec.id.as_str())).copied().collect();
        let come: Vec<&HandlerSpec> = is.values().filter(|spec| !was.contains_key(spec.id.as_str())).copied().collect();
        let free = gone.iter().filter(|spec| !taken.contains(spec.id.as_str())).copied();
        let mut free = Alike::of(free);
        for to in come.iter().filter(|to| !renamed.contains_key(to.id.as_str())).copied().collect::<Vec<_>>() {
            if let Some(from) = free.take(to, |from| from.is_renamed_to(to)) {
                renamed.insert(&to.id, from);
                taken.insert(from);
            }
        }
        // Several that tell one receiver may be any of them.
        let (of_gone, of_come) = (only_ones(&gone), only_ones(&come));
        for (receiver, from) in of_gone {
            let to = of_come.get(&receiver).filter(|to| !renamed.contains_key(**to) && !taken.contains(from));
            if let Some(to) = to {
                renamed.insert(to, from);
                taken.insert(from);
            }
        }
        let goes_on = |name: &str| is.contains_key(name) && !renamed.contains_key(name);
        let ended = was.keys().filter(|name| !goes_on(name) && !taken.contains(*name));
        Self {
            ended: ended.map(|name| (*name).to_owned()).collect(),
            renamed: renamed.iter().map(|(to, from)| ((*to).to_owned(), (*from).to_owned())).collect(),
        }
    }
}

type Names<'a> = BTreeMap<&'a str, &'a HandlerSpec>;

/// Handlers that are looked at of those that are alike: which of more it is would be a guess, and a commit that changes all
/// handlers must not compare each with each.
const ALIKE_MAX: usize = 64;

/// Handlers to choose from, by what they have in common.
struct Alike<'a>(HashMap<u64, VecDeque<&'a HandlerSpec>>);

impl<'a> Alike<'a> {
    fn of(specs: impl Iterator<Item = &'a HandlerSpec>) -> Self {
        let mut alike: HashMap<u64, VecDeque<&'a HandlerSpec>> = HashMap::new();
        for spec in specs {
            alike.entry(spec.likeness()).or_default().push_back(spec);
        }
        Self(alike)
    }

    /// Takes out the first that is the one meant; returns its name.
    fn take(&mut self, like: &HandlerSpec, is_it: impl Fn(&HandlerSpec) -> bool) -> Option<&'a str> {
        let alike = self.0.get_mut(&like.likeness())?;
        let at = alike.iter().take(ALIKE_MAX).position(|spec| is_it(spec))?;
        alike.remove(at).map(|spec| spec.id.as_str())
    }
}

/// Returns the names of handlers that alone tell their receivers.
fn only_ones<'a>(specs: &[&'a HandlerSpec]) -> BTreeMap<(&'a str, u16, &'a str), &'a str> {
    let mut by_receiver: BTreeMap<_, Option<&'a str>> = BTreeMap::new();
    for spec in specs {
        let name = Some(spec.id.as_str());
        by_receiver.entry(spec.notifier.receiver()).and_modify(|only| *only = None).or_insert(name);
    }
    by_receiver.into_iter().filter_map(|(receiver, only)| Some((receiver, only?))).collect()
}

/// Finds contents that are exactly those of another name before; returns those names by the names that they have now.
fn moved<'a>(was: &Names<'a>, is: &Names<'a>) -> BTreeMap<&'a str, &'a str> {
    let stays = |name: &str| match (was.get(name), is.get(name)) {
        (Some(was), Some(is)) => was.is_same_but_named(is),
        _ => false,
    };
    let mut free = Alike::of(was.iter().filter(|(name, _)| !stays(name)).map(|(_, spec)| *spec));
    let mut moved = BTreeMap::new();
    for (to, spec) in is.iter().filter(|(name, _)| !stays(name)) {
        moved.extend(free.take(spec, |was| was.is_same_but_named(spec)).map(|from| (*to, from)));
    }
    // One that is still there, and would be left without a lane of its own, keeps it.
    loop {
        let given: HashSet<&str> = moved.keys().copied().collect();
        moved.retain(|_, from| !is.contains_key(*from) || given.contains(*from));
        if moved.len() == given.len() {
            return moved;
        }
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

    #[test]
    fn a_commit_that_changes_very_many_compares_each_with_few() {
        let all = |name: &str, port_of: fn(u16) -> u16, is_narrow| -> Vec<HandlerSpec> {
            (0..20_000).map(|at| spec(&format!("{name}{at}"), port_of(at), is_narrow)).collect()
        };
        // All on one receiver, then each on its own; changed, and then under other names.
        for port_of in [|_| 1, |at| at] {
            let before = all("a", port_of, false);
            assert_eq!(Succession::between(&before, &all("a", port_of, true)), Succession::default());
            assert_eq!(Succession::between(&before, &all("b", port_of, false)).renamed.len(), 20_000);
        }
        assert_eq!(Succession::between(&all("a", |_| 1, false), &all("b", |_| 1, true)).ended.len(), 20_000);
    }
}
