//! Log-in and log-out, for the API and the pages.

use super::accounts::audit::Entry;
use super::accounts::secret::Secret;
use super::accounts::session::New;
use super::accounts::token::Scope;
use super::app::App;
use super::caller::{BY_LINK, Caller, Presented, Via};
use super::client::Client;
use super::problem::Problem;
use super::throttle::Refusal;
use axum::http::StatusCode;
use serde_json::json;
use std::time::{Duration, Instant};

impl App {
    /// Logs a user in with a password. `before` is the session that the same browser had; it ends. So nobody can
    /// prepare a session whose secret they know and have another user log in to it (session fixation).
    ///
    /// The store is asked before the attempt counts. Otherwise right passwords would count as wrong ones while the store
    /// is away.
    pub(crate) async fn log_in(
        &self,
        name: &str,
        password: &str,
        client: &Client,
        before: Presented,
    ) -> Result<Secret, Problem> {
        let now = self.micros();
        // No name has a zero byte, which a store would refuse.
        let user = if name.contains('\0') { None } else { self.accounts.user(name, now).await? };
        let network = Client::network(client.address);
        let welcome = self.throttle.lock().try_now(name, network, Instant::now());
        let address = client.address.to_string();
        let actor = name.replace('\0', " ");
        let entry = Entry { actor: Some(&actor), ip_address: Some(&address), ..Entry::default() };
        if let Err(Refusal { wait, is_first }) = welcome {
            if is_first {
                self.accounts.log(Entry { event: "login.throttled", ..entry }, now).await?;
            }
            return Err(has_to_wait("too many failed log-ins", wait));
        }
        let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
        let is_right = self.passwords.is_right(password, hash).await?;
        let Some(user) = user.filter(|_| is_right) else {
            self.accounts.log(Entry { event: "login.failed", ..entry }, now).await?;
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "the name or the password is wrong"));
        };
        self.throttle.lock().was_right(name, network, Instant::now());
        self.enter(&user.name, "password", client, before).await
    }

    /// Logs in the owner of a laptop with the one-time link. The link works once.
    pub(crate) async fn log_in_by_link(&self, secret: &Secret, client: &Client) -> Result<Secret, Problem> {
        let is_link = {
            let mut link = self.link.lock();
            let is_link = link.is_some_and(|link| link == secret.hash());
            if is_link {
                *link = None;
            }
            is_link
        };
        if !is_link {
            let detail = "the link was used already, or is of another start: restart `sessionmill console`";
            return Err(Problem::forbidden(detail));
        }
        let login = self.login.clone();
        self.enter(&login, BY_LINK, client, Presented(None)).await
    }

    /// Begins the login session of an authenticated user.
    async fn enter(
        &self,
        user: &str,
        by: &str,
        client: &Client,
        Presented(before): Presented,
    ) -> Result<Secret, Problem> {
        let now = self.micros();
        if let Some(before) = before {
            self.accounts.delete(before, now).await?;
        }
        let address = client.address.to_string();
        let data = json!({"by": by}).to_string();
        let new =
            New { user_id: Some(user), ip_address: Some(&address), user_agent: client.agent.as_deref(), data: &data };
        let (secret, public_id) = self.accounts.begin(new, now).await?;
        let entry = Entry {
            actor: Some(user),
            event: "login",
            detail: Some(by),
            ip_address: Some(&address),
            session: Some(&public_id),
            ..Entry::default()
        };
        self.accounts.log(entry, now).await?;
        Ok(secret)
    }

    /// Ends the login session of a request.
    pub(crate) async fn log_out(&self, session: Presented, caller: Option<&Caller>) -> Result<(), Problem> {
        if let Presented(Some(hash)) = session {
            self.accounts.delete(hash, self.micros()).await?;
        }
        match caller {
            Some(caller) if matches!(caller.via, Via::Session(_)) => self.note(caller, "logout", None, None).await,
            _ => Ok(()),
        }
    }

    /// Changes the caller's password. Ends their other login sessions and replaces the secret of this one.
    pub(crate) async fn change_password(
        &self,
        caller: &Caller,
        old: &str,
        new: &str,
    ) -> Result<Option<Secret>, Problem> {
        let Via::Session(session) = &caller.via else {
            return Err(Problem::forbidden("log in to change the password"));
        };
        let network = Client::network(caller.client.address);
        let welcome = self.throttle.lock().try_now(&caller.user.name, network, Instant::now());
        if let Err(Refusal { wait, is_first }) = welcome {
            if is_first {
                self.note(caller, "password.throttled", None, None).await?;
            }
            return Err(has_to_wait("too many wrong passwords", wait));
        }
        if !self.passwords.is_right(old, caller.user.password_hash.as_deref()).await? {
            self.note(caller, "password.failed", None, None).await?;
            return Err(Problem::forbidden("the old password is wrong"));
        }
        self.throttle.lock().was_right(&caller.user.name, network, Instant::now());
        let hash = self.passwords.hash(new).await?;
        let now = self.micros();
        self.accounts.set_password(&caller.user.name, &hash, Some(&session.public_id), now).await?;
        let secret = self.accounts.rotate(session, now).await?;
        self.note(caller, "password", None, None).await?;
        Ok(secret)
    }

    /// Ends another login session of a caller. The audit log has its mark, which the entry of its log-in has, too.
    pub(crate) async fn end_session(&self, caller: &Caller, public_id: &str) -> Result<(), Problem> {
        caller.require(Scope::Admin)?;
        if !self.accounts.revoke(&caller.user.name, public_id, "ended", self.micros()).await? {
            return Err(Problem::not_found());
        }
        self.note(caller, "session.ended", Some(&self.accounts.mark(public_id)), None).await
    }

    /// Writes an action of a caller to the audit log.
    pub(crate) async fn note(
        &self,
        caller: &Caller,
        event: &str,
        object: Option<&str>,
        detail: Option<&str>,
    ) -> Result<(), Problem> {
        let address = caller.client.address.to_string();
        let entry = Entry {
            actor: Some(&caller.user.name),
            event,
            object,
            detail,
            owner: None,
            ip_address: Some(&address),
            session: caller.session(),
        };
        Ok(self.accounts.log(entry, self.micros()).await?)
    }
}

/// Refuses an attempt that comes too soon.
fn has_to_wait(why: &str, wait: Duration) -> Problem {
    let seconds = wait.as_secs() + 1;
    Problem::new(StatusCode::TOO_MANY_REQUESTS, format!("{why}: try again in {seconds} s")).after(seconds)
}
