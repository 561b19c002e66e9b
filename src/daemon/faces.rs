//! What faces are built of: the HTTP router that opens when all behind it exists, and the shell's sessions.

use crate::clock::Clock;
use crate::datastore::Committed;
use crate::management::Management;
use crate::shell::engine::{Engine, EngineSession};
use crate::shell::server::{Notices, Sessions};
use crate::shell::{Candidates, Interpreter, Prompt, Status, Terminal};
use crate::task::Scope;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use std::sync::{Arc, OnceLock};
use tower_service::Service as _;

/// What the HTTP listener serves: bound before the parts behind it exist, it says so until they do.
#[derive(Debug, Clone, Default)]
pub(super) struct Faces(Arc<OnceLock<Router>>);

impl Faces {
    pub(super) fn router(&self) -> Router {
        let faces = Arc::clone(&self.0);
        Router::new().fallback(move |request: Request<Body>| {
            let faces = Arc::clone(&faces);
            async move {
                match faces.get() {
                    Some(router) => match router.clone().call(request).await {
                        Ok(response) => response,
                        Err(never) => match never {},
                    },
                    None => (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response(),
                }
            }
        })
    }

    /// Opens the faces; the first router counts.
    pub(super) fn open(&self, router: Router) {
        self.0.get_or_init(|| router);
    }
}

/// Makes the shell's sessions, each with an engine of its own.
pub(super) fn sessions(
    scope: &Scope,
    clock: &Clock,
    node: &str,
    notices: &Notices,
    management: &Management,
) -> Sessions {
    let (management, name) = (management.clone(), node.to_owned());
    let factory = Arc::new(move |start: crate::shell::server::SessionStart| {
        let session = EngineSession {
            user: start.user,
            node: name.clone(),
            via: start.hello.via,
            notices: start.notices,
            session: Some(start.session),
        };
        match Engine::new(management.clone(), session) {
            Ok(engine) => Box::new(engine) as Box<dyn Interpreter>,
            Err(exhausted) => Box::new(Refusal(exhausted.to_string())),
        }
    });
    Sessions::new(scope.clone(), clock.clone(), node, notices.clone(), factory)
}

/// Answers a session for which there is no room.
struct Refusal(String);

impl Interpreter for Refusal {
    fn prompt(&self) -> Prompt {
        Prompt { banner: String::new(), text: "> ".to_owned(), mode: "operational".to_owned(), has_edits: false }
    }

    fn line(&mut self, _line: &str, terminal: &mut dyn Terminal) -> Status {
        // The session ends either way.
        terminal.write_error(&format!("error: {}\n", self.0)).ok();
        Status::Closed
    }

    fn complete(&mut self, _line: &str, _position: usize) -> Candidates {
        Candidates::default()
    }

    fn help(&mut self, _line: &str, _position: usize) -> Candidates {
        Candidates::default()
    }
}

/// Tells people at the shell when there is another alarm type, or one less: one came that nobody configured, or a commit
/// changed those that are.
pub(super) fn announce_inventory(scope: &Scope, management: &Management, notices: &Notices) {
    let Some(mut changes) = management.inventory_changes() else { return };
    let mut commits = management.datastore().announcements();
    let (management, notices, stopping) = (management.clone(), notices.clone(), scope.clone());
    scope.spawn("inventory notices", async move {
        loop {
            let why = tokio::select! {
                () = stopping.stopped() => return,
                changed = changes.changed() => match changed {
                    Ok(()) => "an alarm came of a type that is not configured",
                    Err(_) => return,
                },
                committed = commits.recv() => match committed {
                    Ok(committed) if management.is_of_alarm_types(&committed) => "a commit changed the configured types",
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
                    _ => continue,
                },
            };
            notices.send(&format!("*** alarm inventory changed: {why}"));
        }
    });
}

/// Tells people at the shell about commits that others make.
pub(super) fn announce_commits(scope: &Scope, management: &Management, notices: &Notices) {
    let mut commits = management.datastore().announcements();
    let (notices, stopping) = (notices.clone(), scope.clone());
    scope.spawn("commit notices", async move {
        loop {
            let committed = tokio::select! {
                () = stopping.stopped() => return,
                committed = commits.recv() => committed,
            };
            match committed {
                Ok(c) => {
                    let comment = c.comment.as_deref().filter(|_| c.via == "rollback").map(|said| format!(": {said}"));
                    let comment = comment.unwrap_or_default();
                    let Committed { user, via, revision, .. } = &*c;
                    let said = format!("Commit performed by {user} via {via}, revision {revision}{comment}.");
                    notices.send_from(c.session, &said);
                }
                // Too many at once to tell each: the next one is told again.
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            }
        }
    });
}
