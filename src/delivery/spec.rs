//! What an alarm handler is configured to be: which notifier, what it is told of, and how it is fed.

use super::filter::Filter;
use super::pace::RateLimit;
use crate::alarm::Notify;
use crate::handler::NotifierSpec;
use crate::retry::Schedule;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;
use std::time::Duration;

/// An alarm handler as `alarm-handlers alarm-handler` configures it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerSpec {
    /// Its name.
    pub id: String,
    /// What it is for, in the operator's words.
    pub description: Option<String>,
    /// Whether it is told about alarms.
    pub is_enabled: bool,
    /// Which changes it is told about.
    pub notify: Notify,
    /// How often it is told again of what still stands; not at all without.
    pub reminder_interval: Option<Duration>,
    /// Whom it tells, and how.
    pub notifier: NotifierSpec,
    /// What it is told of.
    pub filter: Filter,
    /// How it is fed.
    pub delivery: DeliverySpec,
}

impl HandlerSpec {
    /// Returns whether another handler is the same but for its name and what people say of it: one that takes the place of
    /// this in one commit is this one, renamed.
    #[must_use]
    pub fn is_same_but_named(&self, other: &Self) -> bool {
        let Self { id: _, description: _, is_enabled, notify, reminder_interval, notifier, filter, delivery } = self;
        (is_enabled, notify, reminder_interval) == (&other.is_enabled, &other.notify, &other.reminder_interval)
            && (notifier, filter, delivery) == (&other.notifier, &other.filter, &other.delivery)
    }

    /// Returns whether another handler may be this one, renamed: the same but for its name, what people say of it, and the
    /// names of its client and of the handler that stands in for it, which may be renamed in the same commit.
    #[must_use]
    pub fn is_renamed_to(&self, other: &Self) -> bool {
        let without_names = |spec: &Self| Self {
            notifier: spec.notifier.without_client(),
            delivery: DeliverySpec { fallback: None, ..spec.delivery.clone() },
            ..spec.clone()
        };
        self.delivery.fallback.is_some() == other.delivery.fallback.is_some()
            && without_names(self).is_same_but_named(&without_names(other))
    }

    /// Returns a number that handlers have in common of which one may be the other, renamed.
    pub(super) fn likeness(&self) -> u64 {
        let delivery = DeliverySpec { fallback: None, ..self.delivery.clone() };
        let mut hasher = DefaultHasher::new();
        (self.notify, self.reminder_interval, self.notifier.receiver(), &self.filter, delivery).hash(&mut hasher);
        hasher.finish()
    }
}

/// Which changes of an alarm are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// All.
    #[default]
    EveryChange,
    /// The newest: it takes the place of those that were not delivered yet.
    LatestState,
}

impl Order {
    /// All.
    pub const ALL: [Self; 2] = [Self::EveryChange, Self::LatestState];

    /// Returns the name that configuration uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EveryChange => "every-change",
            Self::LatestState => "latest-state",
        }
    }
}

/// A text that names no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an order of delivery: expected `every-change` or `latest-state`")]
pub struct UnknownOrder(pub String);

impl FromStr for Order {
    type Err = UnknownOrder;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|order| order.as_str() == text).ok_or_else(|| UnknownOrder(text.to_owned()))
    }
}

/// When a handler that fails is suspended, beside being refused by its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SuspendAfter {
    /// After so many failures in a row,
    pub failures: u32,
    /// when the first of them was this long ago.
    pub period: Duration,
}

impl Default for SuspendAfter {
    /// Returns ten failures in an hour: a receiver that restarts is back by then.
    fn default() -> Self {
        Self { failures: 10, period: Duration::from_secs(3600) }
    }
}

/// How a handler is fed: its `delivery` container.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeliverySpec {
    /// Which changes of an alarm are told.
    pub order: Order,
    /// Longest time of one attempt, from connecting to the end of the answer.
    pub attempt_timeout: Duration,
    /// When to try again.
    pub retries: Schedule,
    /// How long a delivery is tried before it is given up.
    pub retry_for: Duration,
    /// Deliveries under way at once at most; those of one alarm are always one after the other.
    pub max_in_flight: usize,
    /// How many messages it takes in a period; any number where none is set.
    pub rate_limit: Option<RateLimit>,
    /// When a failing handler is suspended.
    pub suspend_after: SuspendAfter,
    /// The handler that is told in its place while it is suspended.
    pub fallback: Option<String>,
    /// Whether it begins with the alarms that stand when it is created.
    pub sends_standing: bool,
}

impl Default for DeliverySpec {
    /// Returns the defaults of the configuration: 30 seconds for an attempt, a day for a delivery, 64 at once.
    fn default() -> Self {
        Self {
            order: Order::default(),
            attempt_timeout: Duration::from_secs(30),
            retries: Schedule::default(),
            retry_for: Duration::from_secs(86_400),
            max_in_flight: 64,
            rate_limit: None,
            suspend_after: SuspendAfter::default(),
            fallback: None,
            sends_standing: true,
        }
    }
}

/// What a lane goes by: the specification of its handler without the notifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) handler: String,
    /// The HTTP client that it delivers through.
    pub(super) http_client: Option<String>,
    pub(super) filter: Filter,
    pub(super) delivery: DeliverySpec,
}

impl Terms {
    pub(super) fn of(spec: &HandlerSpec) -> Self {
        Self {
            handler: spec.id.clone(),
            http_client: spec.notifier.http_client().map(str::to_owned),
            filter: Filter { notify: spec.notify, ..spec.filter.clone() },
            delivery: spec.delivery.clone(),
        }
    }
}
