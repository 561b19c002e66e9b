//! Who may report, and how much at once: tokens, the rate of alarms, and the memory that bodies take.

use super::answer::{coded, retry_later};
use crate::clock::Clock;
use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::Response;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a body: Prometheus sends up to 256 alerts at once, and drops a batch that is refused, so there is room for 64 KiB
/// each; also what lets a single label that is far too long be told as that.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Bytes of all bodies that are read and parsed at once.
const BODIES_KIB_MAX: u32 = 64 << 10;

/// Bytes that a body without a length is taken to have: what most have.
const UNSIZED_KIB: u32 = 1 << 10;

/// Reports under way at once: behind this many, the disk is what they wait for.
const REPORTS_MAX: usize = 512;

/// When to come again while too much is under way: a disk that is behind catches up within a second.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Answers with the list of alerts under way at once: each keeps a snapshot of the alarm list and an index of it, and takes
/// processor time from those who report. Dashboards ask one at a time.
pub(super) const LISTINGS_MAX: usize = 8;

/// How long a client waits for a place where so many read alerts already; then it is told to come again.
const LISTING_WAIT: Duration = Duration::from_secs(2);

/// Who may report, and how much.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// SHA-256 of the tokens that open the door; `None` when it is open.
    pub tokens: Option<Vec<[u8; 32]>>,
    /// Alarms a second on the average, and at once; as many as come where there is none.
    pub rate: Option<Rate>,
}

/// A rate with a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In a second, on the average.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

impl Admission {
    /// Returns the digest under which a token is known.
    #[must_use]
    pub fn digest(token: &str) -> [u8; 32] {
        Sha256::digest(token.as_bytes()).into()
    }

    /// Returns whether a request may be answered. Digests are compared, so the time that this takes says nothing.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(tokens) = &self.tokens else { return true };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = given.and_then(|text| text.split_once(' ')).unwrap_or_default();
        let digest = Self::digest(token.trim());
        tokens.contains(&digest) && scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()
    }
}

/// Lets requests in.
#[derive(Debug)]
pub(super) struct Gate {
    clock: Clock,
    bodies: Arc<Semaphore>,
    reports: Arc<Semaphore>,
    listings: Arc<Semaphore>,
    bucket: Mutex<Bucket>,
}

#[derive(Debug, Default)]
struct Bucket {
    /// Alarms that may come now, in thousandths.
    level: u64,
    filled_at: Option<Duration>,
}

/// A body, and the room that it takes while it is worked on.
pub(super) struct Taken {
    pub(super) bytes: Bytes,
    _room: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

impl Gate {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            bodies: Arc::new(Semaphore::new(usize::try_from(BODIES_KIB_MAX).unwrap_or(usize::MAX))),
            reports: Arc::new(Semaphore::new(REPORTS_MAX)),
            listings: Arc::new(Semaphore::new(LISTINGS_MAX)),
            bucket: Mutex::default(),
        }
    }

    /// Lets a request in that only looks.
    pub(super) fn admit(admission: &Admission, headers: &HeaderMap) -> Result<(), Response> {
        if admission.admits(headers) {
            return Ok(());
        }
        let mut refused = coded(StatusCode::UNAUTHORIZED, "a token is needed: send `Authorization: Bearer TOKEN`");
        refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Err(refused)
    }

    /// Gives a place to one who reads alerts, waiting a moment for it.
    pub(super) async fn listing(&self) -> Result<OwnedSemaphorePermit, Response> {
        tokio::select! {
            biased;
            // The semaphore is never closed.
            Ok(place) = Arc::clone(&self.listings).acquire_owned() => Ok(place),
            () = self.clock.sleep(LISTING_WAIT) => {
                let said = format!("{LISTINGS_MAX} clients read alerts at this moment: come again");
                Err(retry_later(&said, LISTING_WAIT))
            }
        }
    }

    /// Lets a request in and reads its body.
    pub(super) async fn take(&self, admission: &Admission, request: Request<Body>) -> Result<Taken, Response> {
        Self::admit(admission, request.headers())?;
        let length = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
        if length.is_some_and(|length: u64| length > u64::try_from(BODY_BYTES_MAX).unwrap_or(u64::MAX)) {
            return Err(too_large());
        }
        let kib = length.map_or(UNSIZED_KIB, |length| u32::try_from(length / 1024 + 1).unwrap_or(UNSIZED_KIB));
        let busy = |_| retry_later("too much is being taken at this moment", BUSY_RETRY);
        let turn = Arc::clone(&self.reports).try_acquire_owned().map_err(busy)?;
        let room = Arc::clone(&self.bodies).try_acquire_many_owned(kib).map_err(busy)?;
        match Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await {
            Ok(body) => Ok(Taken { bytes: body.to_bytes(), _room: room, _turn: turn }),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(_) => Err(coded(StatusCode::BAD_REQUEST, "the body ended early")),
        }
    }

    /// Takes alarms off what may come now; says when to come again when that is too few.
    pub(super) fn spend(&self, admission: &Admission, alarms: usize) -> Result<(), Response> {
        let Some(rate) = admission.rate else { return Ok(()) };
        let now = self.clock.elapsed();
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let full = u64::from(rate.burst).saturating_mul(1000);
        let since = bucket.filled_at.map(|at| now.saturating_sub(at));
        let come = since.map_or(full, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_mul(u64::from(rate.per_second))
        });
        bucket.level = bucket.level.saturating_add(come).min(full);
        bucket.filled_at = Some(now);
        // A batch that is larger than the bucket needs all of it: else it could never come in.
        let wanted = u64::try_from(alarms).unwrap_or(u64::MAX).saturating_mul(1000).min(full);
        match wanted.checked_sub(bucket.level) {
            None | Some(0) => {
                bucket.level -= wanted;
                Ok(())
            }
            Some(missing) => {
                let wait = Duration::from_millis(missing.div_ceil(u64::from(rate.per_second.max(1))));
                Err(retry_later("more alarms come than are taken in a second", wait))
            }
        }
    }
}

fn too_large() -> Response {
    let said = format!("the body is larger than {BODY_BYTES_MAX} bytes; send fewer alarms at once");
    coded(StatusCode::PAYLOAD_TOO_LARGE, &said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn admission(per_second: u32, burst: u32) -> Admission {
        Admission { rate: Some(Rate { per_second, burst }), ..Admission::default() }
    }

    #[test]
    fn a_token_opens_the_door_and_nothing_else_does() {
        let tokens = Some(vec![Admission::digest("correct-horse-battery")]);
        let closed = Admission { tokens, ..Admission::default() };
        let with = |text: &str| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(text).unwrap())]);
        assert!(
            closed.admits(&with("Bearer correct-horse-battery"))
                && closed.admits(&with("bearer correct-horse-battery"))
        );
        for wrong in ["Bearer wrong", "Basic correct-horse-battery", "correct-horse-battery", "Bearer ", ""] {
            assert!(!closed.admits(&with(wrong)), "{wrong:?}");
        }
        assert!(!closed.admits(&HeaderMap::new()) && Admission::default().admits(&HeaderMap::new()));
        // The digest of the empty token of a client whose own cannot be opened.
        let unopened = Admission { tokens: Some(vec![Admission::digest("")]), ..Admission::default() };
        assert!(!unopened.admits(&with("Bearer ")) && !unopened.admits(&HeaderMap::new()));
    }

    #[test]
    fn what_is_too_much_is_told_when_to_come_again() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let gate = Gate::new(clock.clone());
        let some = admission(10, 20);
        assert!(gate.spend(&some, 20).is_ok());
        let refused = gate.spend(&some, 5).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers().get("retry-after").unwrap(), "1");
        clock.advance(Duration::from_millis(500));
        assert!(gate.spend(&some, 5).is_ok() && gate.spend(&some, 1).is_err());
        clock.advance(Duration::from_secs(60));
        assert!(gate.spend(&some, 1000).is_ok(), "a batch that is larger than the burst needs all of it");
        assert!(gate.spend(&some, 1).is_err());
    }

    proptest! {
        #[test]
        fn no_more_than_the_rate_comes_in(
            steps in prop::collection::vec((0_u64..3000, 0_usize..40), 1..50), per_second in 1_u32..50, burst in 1_u32..50,
        ) {
            let clock = Clock::manual(Timestamp::UNIX_EPOCH);
            let gate = Gate::new(clock.clone());
            let (mut taken, mut elapsed) = (0_u64, 0_u64);
            for (wait, alarms) in steps {
                clock.advance(Duration::from_millis(wait));
                elapsed += wait;
                if gate.spend(&admission(per_second, burst), alarms).is_ok() {
                    taken += (alarms as u64).min(u64::from(burst));
                }
                prop_assert!(taken <= u64::from(burst) + elapsed * u64::from(per_second) / 1000 + 1);
            }
        }
    }
}
