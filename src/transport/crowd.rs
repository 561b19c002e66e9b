//! Who is connected to a listener, and who gives way when all places are taken.
//!
//! A connection is idle while no request of it is under way: before its first one, or kept alive after an answer. Where room is
//! needed the idle give way, those of the address that has most connections first, and of these the one that has been idle for
//! longest: whoever hoards connections loses its own.

use crate::clock::Clock;
use crate::diagnostic::Seldom;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How often the log says that connections had to give way: a flood must not fill the disk.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// How many may be connected.
#[derive(Debug, Clone, Copy)]
pub(super) struct CrowdLimits {
    /// Connections.
    pub(super) connections_max: usize,
    /// Connections of one address.
    pub(super) per_address_max: usize,
    /// How long a connection may be idle once three places of four are taken.
    pub(super) idle_when_crowded: Duration,
}

/// The connections of one listener; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Crowd(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: CrowdLimits,
    clock: Clock,
    state: Mutex<State>,
    /// Told when a place became free, or somebody idle.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    places: BTreeMap<u64, Place>,
    of_address: HashMap<IpAddr, usize>,
    idle: usize,
    gave_way: u64,
    refused: u64,
    said: Seldom,
}

#[derive(Debug)]
struct Place {
    address: IpAddr,
    /// Since when it is idle; `None` while a request is under way.
    idle_since: Option<Duration>,
    gives_way: Arc<Notify>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Crowd,
    number: u64,
    gives_way: Arc<Notify>,
}

/// A request under way; its connection is idle again when this is dropped.
#[derive(Debug)]
pub(super) struct Busy {
    crowd: Crowd,
    number: u64,
}

impl Crowd {
    pub(super) fn new(limits: CrowdLimits, clock: Clock) -> Self {
        Self(Arc::new(Shared { limits, clock, state: Mutex::default(), room: Notify::new() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until another connection can have a place: until then it waits in the system's backlog.
    pub(super) async fn room(&self) {
        loop {
            let room = self.0.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let state = self.state();
                if state.idle > 0 || state.places.len() < self.0.limits.connections_max {
                    return;
                }
            }
            room.await;
        }
    }

    /// Gives a connection a place, for which an idle one may have to give way. `None` when it gets none: its address has
    /// as many as one may have, each with a request under way.
    pub(super) fn seat(&self, peer: SocketAddr) -> Option<Seat> {
        let (limits, now, address) = (&self.0.limits, self.0.clock.elapsed(), neighbourhood(peer.ip()));
        let mut state = self.state();
        if state.places.len() >= limits.connections_max / 4 * 3 {
            state.close_idle(now, limits.idle_when_crowded);
        }
        let is_own_full = state.of_address.get(&address).is_some_and(|count| *count >= limits.per_address_max);
        if is_own_full && !state.displace(Some(address)) {
            state.refused += 1;
        } else if state.places.len() >= limits.connections_max && !state.displace(None) {
            // Somebody became busy since there was room.
            state.refused += 1;
        } else {
            let seat = state.put(self.clone(), address, now);
            state.say(now, limits);
            return Some(seat);
        }
        state.say(now, limits);
        None
    }

    fn free(&self, number: u64) {
        self.state().take(number);
        self.0.room.notify_one();
    }

    fn set_idle(&self, number: u64, idle_since: Option<Duration>) {
        let mut state = self.state();
        let Some(place) = state.places.get_mut(&number) else { return };
        let was_idle = std::mem::replace(&mut place.idle_since, idle_since).is_some();
        match (was_idle, idle_since) {
            (false, Some(_)) => state.idle += 1,
            (true, None) => state.idle -= 1,
            _ => {}
        }
        drop(state);
        if idle_since.is_some() {
            self.0.room.notify_one();
        }
    }
}

impl State {
    fn put(&mut self, crowd: Crowd, address: IpAddr, now: Duration) -> Seat {
        self.next += 1;
        let (number, gives_way) = (self.next, Arc::new(Notify::new()));
        let place = Place { address, idle_since: Some(now), gives_way: Arc::clone(&gives_way) };
        self.places.insert(number, place);
        self.idle += 1;
        *self.of_address.entry(address).or_default() += 1;
        Seat { crowd, number, gives_way }
    }

    fn take(&mut self, number: u64) -> Option<Place> {
        let place = self.places.remove(&number)?;
        self.idle -= usize::from(place.idle_since.is_some());
        if let Some(count) = self.of_address.get_mut(&place.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_address.remove(&place.address);
            }
        }
        Some(place)
    }

    fn send_away(&mut self, number: u64) {
        if let Some(place) = self.take(number) {
            // Whoever serves the connection looks at this before anything else.
            place.gives_way.notify_one();
            self.gave_way += 1;
        }
    }

    /// Sends an idle connection away, one of `address` where that is given; returns whether there was one.
    fn displace(&mut self, address: Option<IpAddr>) -> bool {
        let candidates = self.places.iter().filter(|(_, place)| address.is_none_or(|address| address == place.address));
        let ranked = candidates.filter_map(|(number, place)| {
            let count = self.of_address.get(&place.address).copied().unwrap_or_default();
            place.idle_since.map(|since| (std::cmp::Reverse(count), since, *number))
        });
        let Some((_, _, number)) = ranked.min() else { return false };
        self.send_away(number);
        true
    }

    fn close_idle(&mut self, now: Duration, idle_max: Duration) {
        let is_over = |place: &Place| place.idle_since.is_some_and(|since| now.saturating_sub(since) >= idle_max);
        let over: Vec<u64> = self.places.iter().filter(|(_, p)| is_over(p)).map(|(number, _)| *number).collect();
        for number in over {
            self.send_away(number);
        }
    }

    fn say(&mut self, now: Duration, limits: &CrowdLimits) {
        let CrowdLimits { connections_max, per_address_max, .. } = limits;
        if self.gave_way + self.refused > 0 && self.said.may(now, SAY_EVERY).is_some() {
            let (closed_idle, refused) = (std::mem::take(&mut self.gave_way), std::mem::take(&mut self.refused));
            let open = self.places.len();
            tracing::warn!(
                open,
                connections_max,
                per_address_max,
                closed_idle,
                refused,
                "the HTTP listener is crowded: idle connections give way to new ones"
            );
        }
    }
}

/// Returns what counts as one address: for IPv6 the network of 64 bits, which a single host has all of.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

impl Seat {
    /// Waits until the connection has to give way.
    pub(super) async fn gives_way(&self) {
        self.gives_way.notified().await;
    }

    /// Says that a request is under way.
    pub(super) fn begin(&self) -> Busy {
        self.crowd.set_idle(self.number, None);
        Busy { crowd: self.crowd.clone(), number: self.number }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crowd.free(self.number);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.crowd.set_idle(self.number, Some(self.crowd.0.clock.elapsed()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// Returns whether a future is ready at once.
    fn now_or_never(future: impl Future<Output = ()>) -> bool {
        matches!(pin!(future).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
    }

    fn crowd(connections_max: usize, per_address_max: usize) -> (Crowd, Clock) {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let idle_when_crowded = Duration::from_secs(5);
        (Crowd::new(CrowdLimits { connections_max, per_address_max, idle_when_crowded }, clock.clone()), clock)
    }

    fn peer(host: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], 1234))
    }

    fn is_sent_away(seat: &Seat) -> bool {
        now_or_never(seat.gives_way())
    }

    #[test]
    fn the_longest_idle_of_the_address_with_most_connections_gives_way() {
        let (crowd, clock) = crowd(4, 4);
        let modest = crowd.seat(peer(1)).unwrap();
        clock.advance(Duration::from_millis(1));
        let hoarded: Vec<Seat> = (0..3).map(|_| crowd.seat(peer(2)).unwrap()).collect();
        let _busy = hoarded[0].begin();
        let newcomer = crowd.seat(peer(3)).unwrap();
        assert_eq!([&hoarded[0], &hoarded[1], &hoarded[2]].map(is_sent_away), [false, true, false]);
        assert!(!is_sent_away(&modest) && !is_sent_away(&newcomer));
    }

    #[test]
    fn nobody_with_a_request_under_way_gives_way_and_who_comes_waits() {
        let (crowd, _) = crowd(1, 1);
        let seat = crowd.seat(peer(1)).unwrap();
        let busy = seat.begin();
        assert!(!now_or_never(crowd.room()));
        drop(busy);
        assert!(now_or_never(crowd.room()));
        let _next = crowd.seat(peer(2)).unwrap();
        assert!(is_sent_away(&seat));
    }

    #[test]
    fn one_address_takes_only_its_share_of_the_places() {
        let (crowd, _) = crowd(8, 2);
        let (first, second) = (crowd.seat(peer(1)).unwrap(), crowd.seat(peer(1)).unwrap());
        let _busy = second.begin();
        let third = crowd.seat(peer(1)).unwrap();
        assert!(is_sent_away(&first));
        let _also_busy = third.begin();
        assert!(crowd.seat(peer(1)).is_none());
        assert!(crowd.seat(peer(2)).is_some());
    }

    #[test]
    fn in_a_crowd_nobody_is_idle_for_long() {
        let (crowd, clock) = crowd(4, 4);
        let seats: Vec<Seat> = (1..4).map(|host| crowd.seat(peer(host)).unwrap()).collect();
        clock.advance(Duration::from_secs(6));
        let _next = crowd.seat(peer(9)).unwrap();
        assert!(seats.iter().all(is_sent_away));
    }

    #[test]
    fn a_host_is_one_address_however_many_of_its_network_it_uses() {
        let host = |text: &str| neighbourhood(text.parse().unwrap());
        assert_eq!(host("2001:db8::1"), host("2001:db8::ffff:2"));
        assert_ne!(host("2001:db8::1"), host("2001:db8:0:1::1"));
        assert_eq!(host("::ffff:10.0.0.1"), host("10.0.0.1"));
    }

    proptest! {
        #[test]
        fn the_counts_are_those_of_the_places(steps in prop::collection::vec((0_u8..4, 0_usize..8, 0_u8..3), 0..100)) {
            let (crowd, clock) = crowd(6, 4);
            let (mut seats, mut busy): (Vec<Seat>, Vec<Busy>) = (Vec::new(), Vec::new());
            for (what, which, host) in steps {
                clock.advance(Duration::from_secs(1));
                match what {
                    0 => seats.extend(crowd.seat(peer(host))),
                    1 if which < seats.len() => drop(seats.remove(which)),
                    2 if which < seats.len() => busy.push(seats[which].begin()),
                    _ if which < busy.len() => drop(busy.remove(which)),
                    _ => {}
                }
                let state = crowd.state();
                prop_assert_eq!(state.idle, state.places.values().filter(|place| place.idle_since.is_some()).count());
                prop_assert_eq!(state.of_address.values().sum::<usize>(), state.places.len());
                prop_assert!(state.places.len() <= 6 && state.of_address.values().all(|count| *count <= 4));
            }
        }
    }
}
