//! What the parts of the element say of files, without an element: certificates, clients and handlers are built and dropped.

use super::files::Loaded;
use crate::clock::Clock;
use crate::datastore::{CommitContext, Participant};
use crate::diagnostic::Diagnostics;
use crate::element::Outbound;
use crate::secret::Sealer;
use crate::settings::{self, Places};
use crate::transport::Transport;
use crate::tree::{DataTree, diff};
use std::sync::Arc;

/// Builds what a first start with the files would build, and drops it. Reads the files of certificates and keys that the
/// configuration names; opens no connection and no listener.
///
/// # Errors
/// What would refuse the start, without places in the files.
pub(super) fn try_out(loaded: &Loaded<'_>, sealer: &Arc<dyn Sealer>) -> Result<Diagnostics, Diagnostics> {
    let after = loaded.tree();
    let Some(places) = Places::of(after.schema()) else { return Ok(Diagnostics::new()) };
    let before = DataTree::new(Arc::clone(after.plan()));
    let delta = diff(&before, after);
    if delta.is_empty() {
        return Ok(Diagnostics::new());
    }
    let mut faults = settings::alarm_control(after).err().unwrap_or_default();
    let outbound = Outbound::new(places, Arc::new(Transport::new(&Clock::system())), Arc::clone(sealer));
    match outbound.prepare(&CommitContext { before: &before, after, delta: &delta, boot: true }) {
        Ok(_) if faults.has_errors() => Err(faults),
        Ok(prepared) => Ok(prepared.warnings),
        Err(refused) => {
            faults.append(refused);
            Err(faults)
        }
    }
}
