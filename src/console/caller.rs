//! Who makes a request, and what the caller may do and see.

use super::accounts::secret::SecretHash;
use super::accounts::session::LoginSession;
use super::accounts::token::{ApiToken, Scope};
use super::accounts::user::{Role, User};
use super::client::Client;
use super::problem::Problem;
use crate::plug::call::{Level, Viewer};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use std::convert::Infallible;

/// An authenticated caller.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub user: User,
    pub via: Via,
    pub client: Client,
    /// Whether the caller logged in with the one-time link, which only a user who can write the database has seen.
    pub is_owner: bool,
    /// Whether the caller must log in again before changing anything, because the login session moved.
    pub must_step_up: bool,
}

/// How the caller was authenticated.
#[derive(Clone, Debug)]
pub(crate) enum Via {
    Session(Box<LoginSession>),
    Token(Box<ApiToken>),
    /// A trusted proxy named the user.
    Proxy,
}

/// How a login session began: with the one-time link.
pub(crate) const BY_LINK: &str = "link";

/// The secret of the login session in the request's cookie, if there is one. The session may have ended, or need another
/// key: a log-in or a log-out ends it all the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presented(pub Option<SecretHash>);

impl Caller {
    /// Refuses a token without this scope. Other callers may do what their role allows.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), Problem> {
        match &self.via {
            Via::Token(token) if !token.scopes.contains(&scope) && !token.scopes.contains(&Scope::Admin) => {
                Err(Problem::forbidden(format!("the token has no scope `{}`", scope.name())))
            }
            _ if self.must_step_up && scope != Scope::Read => {
                Err(Problem::forbidden("your network or browser has changed: log in again to change something"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses callers with none of these roles.
    pub(crate) fn require_role(&self, roles: &[Role]) -> Result<(), Problem> {
        if self.is_owner || roles.contains(&self.user.role) {
            return Ok(());
        }
        let names = roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" or ");
        Err(Problem::forbidden(format!("requires the role {names}")))
    }

    /// The public id of the login session, if there is one.
    pub(crate) fn session(&self) -> Option<&str> {
        if let Via::Session(session) = &self.via { Some(&session.public_id) } else { None }
    }

    /// What the caller may see, for queries.
    pub(crate) fn viewer(&self) -> Viewer {
        self.viewer_for(None)
    }

    /// As [`Caller::viewer`], with the reason that an auditor gives to see content.
    pub(crate) fn viewer_for(&self, reason: Option<&str>) -> Viewer {
        let others = match self.user.role {
            _ if self.is_owner => Level::Content,
            Role::Auditor if reason.is_some() => Level::Content,
            Role::Lead | Role::Admin | Role::Auditor => Level::Metadata,
            Role::Member | Role::Curator => Level::Aggregate,
        };
        let sees_knowledge = self.is_owner || self.user.role == Role::Curator;
        Viewer { others, sees_knowledge, ..self.user.viewer() }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthenticated)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}
