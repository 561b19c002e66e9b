//! Looks at what is running from time to time: files of certificates change and certificates end without a commit.

use crate::element::Outbound;
use crate::management::Management;
use crate::task::Scope;
use std::sync::Arc;
use std::time::Duration;

/// How often material that is in files is read again, what could not be built is tried again, and the dates of certificates
/// are looked at: a certificate that was renewed is in use soon enough, and reading a few files costs nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Is told that all is built at last.
pub(super) type Heals = Arc<dyn Fn() + Send + Sync>;

/// Looks at what is running from time to time.
pub(super) fn look_again(scope: &Scope, management: &Management, outbound: Arc<Outbound>, heals: Option<Heals>) {
    let (datastore, clock, stopping) = (management.datastore().clone(), management.clock().clone(), scope.clone());
    scope.spawn("material", async move {
        loop {
            tokio::select! {
                () = stopping.stopped() => return,
                () = clock.sleep(LOOK_AGAIN) => {}
            }
            let (datastore, outbound, heals) = (datastore.clone(), Arc::clone(&outbound), heals.clone());
            let looking = tokio::task::spawn_blocking(move || {
                if let Err(error) = datastore.refresh() {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "what was built anew could not be recorded"
                    );
                }
                outbound.look_at_certificates(&datastore.running().tree);
                if let Some(heals) = heals.filter(|_| outbound.is_whole()) {
                    heals();
                }
            });
            if let Err(error) = looking.await {
                tracing::error!(%error, "looking at certificates and clients again failed unexpectedly");
            }
        }
    });
}
