//! The alarm handlers in use, by name, each with its notifier.

use super::clients::{ChangedClients, HttpClients, referring};
use super::crypto::Building;
use super::placed;
use super::registry::{Changed, Fate, Registry, entry_name};
use crate::datastore::CommitContext;
use crate::delivery::{Handler, LaneChange, Succession};
use crate::diagnostic::Diagnostics;
use crate::settings::{self, Places};
use crate::tree::{DataPath, EntryChange};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The alarm handlers in use; clones share them.
pub type Handlers = Registry<Handler>;

/// The handlers that a change concerns: what takes a name's place.
#[derive(Debug, Default)]
pub(super) struct ChangedHandlers(Changed<Handler>);

impl ChangedHandlers {
    /// Builds the handlers that a change concerns, those included whose client changes. Pushes what cannot be built.
    pub(super) fn prepare(
        building: &Building<'_>,
        clients: &ChangedClients,
        clients_in_use: &HttpClients,
        in_use: &Handlers,
        told: &mut Diagnostics,
    ) -> Self {
        let mut changed = Changed::default();
        let all = clients.upon(clients_in_use);
        for (path, what) in concerned(building, clients, in_use) {
            let Some(id) = entry_name(&path) else { continue };
            if what == EntryChange::Removed {
                changed.remove(id);
                continue;
            }
            let mut is_consequence = false;
            let built = building.node(&path).and_then(|node| settings::handler(node, &path, building.sealer)).and_then(
                |spec| {
                    is_consequence = spec.notifier.http_client().is_some_and(|id| clients.has_failed(id));
                    let notifier = spec.notifier.build(&all)?;
                    Ok(Handler { spec, notifier })
                },
            );
            match built {
                Ok(handler) => changed.put(id, Arc::new(handler)),
                Err(found) => {
                    let found = placed(found, building.change.after, &path);
                    if !is_consequence {
                        told.extend(found.clone());
                    }
                    changed.fail(id, found, building.occasion, in_use);
                }
            }
        }
        Self(changed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says what becomes of the lanes of those that change. One that is disabled has none; one that cannot be built keeps
    /// the lane that it has, which rests; one that takes the place of another is that one, renamed, and has its lane.
    pub(super) fn change_lanes(&self, in_use: &Handlers, lanes: &mut LaneChange) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (id, fate) in self.0.each() {
            let comes = match fate {
                Fate::Becomes(handler) => Some(handler),
                Fate::Goes => None,
                Fate::Fails | Fate::Stays => continue,
            };
            before.extend(in_use.get(id).filter(|handler| handler.spec.is_enabled).map(|handler| handler.spec.clone()));
            after.extend(comes.filter(|handler| handler.spec.is_enabled).map(|handler| handler.spec.clone()));
        }
        let Succession { renamed, ended } = Succession::between(&before, &after);
        for id in &ended {
            lanes.remove(id);
        }
        for (id, fate) in self.0.each() {
            match fate {
                Fate::Becomes(handler) if handler.spec.is_enabled => match renamed.get(id) {
                    Some(from) => lanes.rename(from, Handler::clone(handler)),
                    None => lanes.put(Handler::clone(handler)),
                },
                // One that was not in use, since it could not be built, may have a lane that rests.
                Fate::Becomes(_) | Fate::Goes if in_use.get(id).is_none() => lanes.remove(id),
                Fate::Becomes(_) | Fate::Goes | Fate::Fails | Fate::Stays => {}
            }
        }
    }

    /// Returns the names of those that are removed or disabled.
    pub(super) fn silent(&self) -> Vec<String> {
        let is_silent = |fate: &Fate<'_, Handler>| match fate {
            Fate::Goes => true,
            Fate::Becomes(handler) => !handler.spec.is_enabled,
            Fate::Fails | Fate::Stays => false,
        };
        self.0.each().filter(|(_, fate)| is_silent(fate)).map(|(id, _)| id.clone()).collect()
    }

    /// Takes the handlers into use.
    pub(super) fn apply(self, in_use: &Handlers) {
        self.0.apply(in_use);
    }
}

/// Returns the names of the handlers that are configured and not known to be disabled: those that cannot be built, too.
pub(super) fn keeping_lanes(
    change: &CommitContext<'_>,
    places: &Places,
    changed: &ChangedHandlers,
) -> BTreeSet<String> {
    let entries = change.entries(places.alarm_handler).into_iter();
    let named = entries.filter(|(_, what)| *what != EntryChange::Removed).filter_map(|(path, _)| entry_name(&path));
    let is_disabled = |id: &String| matches!(changed.0.fate(id), Fate::Becomes(handler) if !handler.spec.is_enabled);
    named.filter(|id| !is_disabled(id)).collect()
}

/// Finds the handlers that changed, and those that refer to a client that did.
fn concerned(building: &Building<'_>, clients: &ChangedClients, in_use: &Handlers) -> BTreeMap<DataPath, EntryChange> {
    let places = building.places;
    let mut found = building.entries(places.alarm_handler, || in_use.unsettled(|_| false));
    for name in clients.names() {
        for path in referring(building, places.http_client, name, places.alarm_handler) {
            found.entry(path).or_insert(EntryChange::Changed);
        }
    }
    found
}
