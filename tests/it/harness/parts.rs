//! An element inside the test: a configuration without participants and a real alarm list, in a folder of its own.

use annunciator::clock::Clock;
use annunciator::datastore::{BootInput, BootOptions, Datastore, boot};
use annunciator::delivery::{HandlerState, HandlerStatus};
use annunciator::element::{AlarmRules, RunningImpact, Statuses};
use annunciator::handler::Kind;
use annunciator::ledger::{ImpactSource, Ledger, LedgerOptions};
use annunciator::management::{HandlerStatuses, Management};
use annunciator::secret::{KeyRing, Sealer};
use annunciator::settings::Places;
use annunciator::store::{Store, StoreError};
use annunciator::task::Scope;
use annunciator::tree::Plan;
use annunciator::yang::builtin_schema;
use std::path::Path;
use std::sync::Arc;

/// The element; its parts are public.
pub(crate) struct Element {
    pub(crate) management: Management,
    pub(crate) ledger: Ledger,
    pub(crate) scope: Scope,
    pub(crate) sealer: Arc<dyn Sealer>,
    store: Store,
}

/// Two handlers: one that fares well and one that does not.
struct Handlers;

impl HandlerStatuses for Handlers {
    fn statuses(&self) -> Vec<HandlerStatus> {
        let time = "2026-05-01T12:00:00Z".parse().unwrap();
        let well = HandlerStatus {
            id: "wh1".to_owned(),
            kind: Kind::Webhook,
            destination: "https://alarms.example:443/in".to_owned(),
            state: HandlerState::Idle,
            waiting: 0,
            delivered: 12,
            given_up: 0,
            last_success: Some(time),
            last_failure: None,
        };
        let ill = HandlerStatus {
            id: "wh2".to_owned(),
            state: HandlerState::Retrying,
            waiting: 3,
            delivered: 0,
            given_up: 1,
            last_success: None,
            last_failure: Some((time, "connection refused".to_owned())),
            ..well.clone()
        };
        vec![well, ill]
    }
}

impl Element {
    /// Starts it over a folder, with what an earlier one left there.
    pub(crate) fn start(folder: &Path, clock: &Clock) -> Self {
        let store = open_store(folder, clock);
        let scope = Scope::new();
        let impact = Arc::new(RunningImpact::default());
        let seen = Arc::clone(&impact) as Arc<dyn ImpactSource>;
        let options = LedgerOptions { impact: seen, ..LedgerOptions::default() };
        let ledger = Ledger::open(store.clone(), clock.clone(), options).unwrap();
        let plan = Plan::new(builtin_schema().unwrap());
        let places = Places::of(plan.schema()).unwrap();
        let statuses: Statuses = Arc::new(|| Handlers.statuses());
        let sealer: Arc<dyn Sealer> = Arc::new(KeyRing::ephemeral().unwrap());
        let rules = AlarmRules::new(places, ledger.clone(), Arc::clone(&impact), statuses, Arc::clone(&sealer));
        let options = BootOptions {
            store: store.clone(),
            plan,
            sealer: Arc::clone(&sealer),
            participants: vec![Arc::new(rules)],
            scope: scope.clone(),
            revisions_kept: |_| 1000,
        };
        let input = BootInput {
            sources: &[],
            read: &|_, _| {},
            unreadable: &std::collections::BTreeMap::new(),
            is_override: false,
        };
        let datastore: Datastore = boot(options, input).unwrap().datastore;
        impact.bind(datastore.clone(), Arc::new(|| None));
        let management =
            Management::new(datastore, clock.clone()).with_alarms(ledger.clone(), "lab", Arc::new(Handlers));
        Self { management, ledger, scope, sealer, store }
    }

    /// Stops it; what is stored stays in the folder.
    pub(crate) fn stop(self) {
        self.ledger.close();
        self.store.close();
    }
}

/// Opens the store once nobody holds its folder: a process that another test is just starting holds a copy of this
/// process's locks between its fork and its exec.
fn open_store(folder: &Path, clock: &Clock) -> Store {
    let watch = Clock::system();
    loop {
        match Store::open(folder, clock.clone()) {
            Err(StoreError::Locked { .. }) if watch.elapsed() < super::WITHIN => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}
