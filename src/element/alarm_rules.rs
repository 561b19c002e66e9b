//! The participant for what is made of alarms: shelves, profiles, types, and what depends on what.

use super::coverage::{self, Handlers};
use super::impact::RunningImpact;
use super::topology::TopologyChange;
use crate::datastore::{CommitContext, Participant, Prepared};
use crate::delivery::HandlerStatus;
use crate::diagnostic::Diagnostics;
use crate::ledger::Ledger;
use crate::secret::Sealer;
use crate::settings::{self, Places};
use crate::tree::Change;
use crate::yang::BaseType;
use std::fmt;
use std::sync::Arc;

/// Returns how handlers fare.
pub type Statuses = Arc<dyn Fn() -> Vec<HandlerStatus> + Send + Sync>;

/// Keeps what is made of alarms as configured.
pub struct AlarmRules {
    places: Places,
    ledger: Ledger,
    impact: Arc<RunningImpact>,
    statuses: Statuses,
    sealer: Arc<dyn Sealer>,
}

impl fmt::Debug for AlarmRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AlarmRules")
    }
}

impl AlarmRules {
    /// Builds the participant. `statuses` says what waits for handlers.
    #[must_use]
    pub fn new(
        places: Places,
        ledger: Ledger,
        impact: Arc<RunningImpact>,
        statuses: Statuses,
        sealer: Arc<dyn Sealer>,
    ) -> Self {
        Self { places, ledger, impact, statuses, sealer }
    }

    fn warnings(&self, change: &CommitContext<'_>) -> Diagnostics {
        if change.boot || !change.concerns(self.places.alarm_handler) {
            return Diagnostics::new();
        }
        let waiting = (self.statuses)().into_iter().map(|status| (status.id, status.waiting)).collect();
        let handlers = Handlers { list: self.places.alarm_handler, sealer: &*self.sealer };
        coverage::warnings(change, &handlers, &self.ledger.alarms(), &waiting)
    }
}

impl Participant for AlarmRules {
    fn name(&self) -> &'static str {
        "alarms"
    }

    fn prepare(&self, change: &CommitContext<'_>) -> Result<Prepared, Diagnostics> {
        let is_concerned = change.concerns(self.places.alarms) || change.concerns(self.places.alarm_types);
        let mut warnings = self.warnings(change);
        let control = match is_concerned.then(|| settings::alarm_control(change.after)).transpose() {
            Ok(control) => control,
            Err(faults) if change.is_restart() => {
                warnings.extend(faults);
                None
            }
            Err(faults) => return Err(faults),
        };
        let topology = TopologyChange::of(change, &self.places);
        let has_references = !change.boot
            && (!topology.changes_no_impact() || change.delta.changes.iter().any(|c| may_refer(change, c)));
        if control.is_none() && !has_references && topology.is_empty() {
            return Ok(Prepared { warnings, ..Prepared::nothing() });
        }
        let (ledger, impact) = (self.ledger.clone(), Arc::clone(&self.impact));
        let prepared = Prepared::applying(move || {
            impact.change(topology);
            if let Err(error) = ledger.set_control(control, has_references) {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "what is made of alarms could not be put into force: a restart repairs it");
            }
        });
        Ok(Prepared { warnings, ..prepared })
    }
}

/// Returns whether a change may alter who refers to whom: that of a plain leaf does not.
fn may_refer(context: &CommitContext<'_>, change: &Change) -> bool {
    let node = context.after.schema().node(change.path().schema_id());
    node.ty().is_none_or(|ty| is_reference(&ty.base))
}

fn is_reference(base: &BaseType) -> bool {
    match base {
        BaseType::Leafref(_) => true,
        BaseType::Union(members) => members.iter().any(|member| is_reference(&member.base)),
        _ => false,
    }
}
