//! Handlers: what the configuration says one is.

mod spec;

pub use spec::{DeliverySpec, HandlerSpec};
