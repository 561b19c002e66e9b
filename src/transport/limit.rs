//! How many requests of a client are under way at once: in all, and to one host and port.

use super::PoolSpec;
use super::client::PER_ROUTE_MAX;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Routes remembered at most; beyond, those that nobody uses are forgotten.
const ROUTES_MAX: usize = 1024;

/// Hands out places.
pub(super) struct Limits {
    all: Arc<Semaphore>,
    per_route: usize,
    routes: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A place; given back when it is dropped.
pub(super) struct Place {
    _of_all: Option<OwnedSemaphorePermit>,
    _of_route: Option<OwnedSemaphorePermit>,
}

impl Limits {
    /// Returns the limits of a configuration, or those without one: none in all, and one for each route.
    pub(super) fn new(spec: Option<&PoolSpec>) -> Self {
        let all = spec.map_or(Semaphore::MAX_PERMITS, |spec| usize::from(spec.connections_max).max(1));
        let per_route = spec.map_or(PER_ROUTE_MAX, |spec| usize::from(spec.per_route_max).max(1));
        Self { all: Arc::new(Semaphore::new(all)), per_route, routes: Mutex::new(HashMap::new()) }
    }

    /// Waits for a place: first of the route, so that who waits for a busy host keeps no place from others.
    pub(super) async fn place(&self, origin: &str) -> Place {
        let route = self.route(origin);
        // The semaphores are never closed.
        let of_route = route.acquire_owned().await.ok();
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok();
        Place { _of_all: of_all, _of_route: of_route }
    }

    fn route(&self, origin: &str) -> Arc<Semaphore> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = routes.get(origin) {
            return Arc::clone(route);
        }
        if routes.len() >= ROUTES_MAX {
            routes.retain(|_, route| Arc::strong_count(route) > 1);
        }
        let route = Arc::new(Semaphore::new(self.per_route));
        routes.insert(origin.to_owned(), Arc::clone(&route));
        route
    }
}
