//! `annunciator receive`: a small downstream receiver, a line for each notification and the table when it ends.

use super::run::runtime;
use super::{Signals, Stopped};
use crate::clock::Clock;
use crate::receive::{Receiver, ReceiverOptions};
use crate::task::Scope;
use std::io::Write;
use std::time::Duration;

/// How long requests under way may take at the end.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// Receives until SIGTERM or SIGINT.
///
/// # Errors
/// When the address cannot be bound.
pub fn receive(options: ReceiverOptions) -> Result<u8, Stopped> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let (clock, scope) = (Clock::system(), Scope::new());
        let mut signals = Signals::catch()?;
        let wanted = options.listen;
        let (receiver, mut events) = Receiver::bind(options, &clock)
            .await
            .map_err(|e| Stopped::failed_with_hint("listen", format!("{wanted}: {e}"), "choose another `--listen`"))?;
        let table = receiver.table();
        print(&format!("annunciator receive: listening on http://{}", receiver.local_addr()));
        scope.spawn("receiver", receiver.serve(scope.clone()));
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => print(&event.to_string()),
                    None => break,
                },
                _ = signals.wait() => break,
            }
        }
        // What was answered is told, too.
        let draining = scope.drain(&clock, DRAIN_DEADLINE);
        tokio::pin!(draining);
        let drained = loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => print(&event.to_string()),
                drained = &mut draining => break drained,
            }
        };
        while let Ok(event) = events.try_recv() {
            print(&event.to_string());
        }
        print(&table.with(|table| format!("\n{table}")));
        drained
            .map(|()| 0)
            .map_err(|late| Stopped::failed("stop in time", format!("still running: {}", late.join(", "))))
    })
}

fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    // Where nobody reads, notifications are received all the same.
    writeln!(out, "{}", line.trim_end()).and_then(|()| out.flush()).ok();
}
