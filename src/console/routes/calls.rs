//! Queries that the processors declare. Checks their parameters and the caller's rights.

use super::pipeline::requested;
use crate::base::zone;
use crate::console::accounts::audit::Entry;
use crate::console::accounts::token::Scope;
use crate::console::accounts::user::Role;
use crate::console::answers::Question;
use crate::console::app::App;
use crate::console::caller::Caller;
use crate::console::lines::Lines;
use crate::console::paths::BASE;
use crate::console::problem::Problem;
use crate::identities::Identities;
use crate::plug::call::{Asked, CURSOR, Call, Disclosed, LIMIT, Page, Removing, Reply, Viewer};
use crate::service::order::{Args, Command, Order};
use crate::source::stat::Stat;
use crate::store::Version;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, RawPathParams, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The header in which an auditor gives the reason for reading content of others.
pub(super) const REASON: &str = "audit-reason";

type Values = BTreeMap<String, String>;

pub(super) fn routes(app: &App) -> Router<Arc<App>> {
    let calls = app.plugs.iter().flat_map(|plug| plug.calls.iter().map(move |call| (plug.name(), call)));
    calls.fold(Router::new(), |router, (processor, call)| {
        let values =
            |path: RawPathParams| path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let asked = move |State(app): State<Arc<App>>,
                          caller: Caller,
                          uri: Uri,
                          headers: HeaderMap,
                          path: RawPathParams,
                          Query(query): Query<Values>| async move {
            let reason = reason(&caller, &headers)?;
            let request = Request { app: &app, caller: &caller, processor, path: uri.path(), reason };
            request.answer(call, values(path), query).await
        };
        let removed = move |State(app): State<Arc<App>>, caller: Caller, uri: Uri, path: RawPathParams| async move {
            let request = Request { app: &app, caller: &caller, processor, path: uri.path(), reason: None };
            match call.remove {
                Some(removing) => request.remove(removing, values(path)).await,
                None => Err(Problem::not_found()),
            }
        };
        let methods = if call.remove.is_some() { get(asked).merge(delete(removed)) } else { get(asked) };
        router.route(call.path, methods)
    })
}

/// The reason that an auditor gives. Other roles need none, so theirs is ignored.
fn reason(caller: &Caller, headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(reason) = headers.get(REASON).filter(|_| caller.user.role == Role::Auditor) else { return Ok(None) };
    let reason = reason.to_str().map(str::trim).unwrap_or_default();
    if !(10..=500).contains(&reason.len()) {
        let detail = format!("`{REASON}` must be a reason of 10 to 500 ASCII characters");
        return Err(Problem::bad_request(detail));
    }
    Ok(Some(reason.to_owned()))
}

/// A caller's query to a processor.
struct Request<'r> {
    app: &'r Arc<App>,
    caller: &'r Caller,
    processor: &'static str,
    /// The path of the URL, without the base of the API.
    path: &'r str,
    reason: Option<String>,
}

impl Request<'_> {
    async fn answer(&self, call: &'static Call, path: Values, mut query: Values) -> Result<Response, Problem> {
        let Self { app, caller, .. } = self;
        caller.require(Scope::Read)?;
        check(call, &query)?;
        let text = |name: &str| query.get(name).map(String::as_str);
        let page = Page::parse(text(LIMIT.name), text(CURSOR.name)).map_err(Problem::bad_request)?;
        query.extend(path);
        let viewer = caller.viewer_for(self.reason.as_deref());
        let identities = app.config.identities.as_deref().and_then(|file| file.metadata().ok());
        let version = app.version()?;
        let question = Question {
            call: call.id,
            values: query.clone(),
            viewer: viewer.clone(),
            identities: identities.as_ref().map(Stat::from),
            decided: app.decided(self.processor, &version),
        };
        let second = (!call.is_stable).then(|| (app.now)().wall.timestamp());
        let kept = if call.is_stable { &app.answers } else { &app.moments };
        let state = (version, second);
        if let Some(answer) = kept.lock().of(&state, &question) {
            return Ok(json(answer));
        }
        let disclosed = Disclosed::default();
        match self.ask(call.answer, query, viewer, page, &state.0, &disclosed).await? {
            Reply::Found(value) => {
                let text = Bytes::from(value.to_string());
                // Answers with content of other people are not cached, so that each reading is written to the audit
                // log.
                if !self.note_disclosed(&disclosed).await? {
                    kept.lock().keep(state, question, text.clone());
                }
                Ok(json(text))
            }
            Reply::Lines(lines) => {
                self.note_disclosed(&disclosed).await?;
                Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::new(Lines::new(lines))).into_response())
            }
            Reply::NotFound => Err(Problem::not_found()),
            Reply::Withheld(why) => Err(Problem::new(StatusCode::NOT_FOUND, why)),
            Reply::TooLarge(why) => Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, why)),
            Reply::Invalid(detail) => Err(Problem::bad_request(detail)),
            Reply::Moved(path) => {
                let location = format!("{BASE}{path}");
                Ok((StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response())
            }
        }
    }

    /// Has the processor answer the query.
    async fn ask(
        &self,
        answer: fn(&Asked, crate::store::reader::Reader<'_>) -> crate::base::error::Result<Reply>,
        values: Values,
        viewer: Viewer,
        page: Page,
        version: &Version,
        disclosed: &Disclosed,
    ) -> Result<Reply, Problem> {
        let (app, disclosed) = (Arc::clone(self.app), disclosed.clone());
        let decided = app.decided(self.processor, version);
        let read = move |reader: crate::store::reader::Reader<'_>| {
            let config = Arc::clone(&app.config);
            let identities = Arc::new(Identities::given(config.identities.as_deref())?);
            let zone = match config.timezone.as_deref() {
                Some(name) => zone::zone(Some(name))?,
                None => zone::local(None)?,
            };
            let (now, min_group) = ((app.now)().wall, app.settings().min_group);
            let asked = Asked { values, viewer, now, zone, identities, page, min_group, config, decided, disclosed };
            answer(&asked, reader)
        };
        self.app.read(read).await
    }

    /// Writes to the audit log whose content is shown: an entry for each user who owns some of it, so that they see it;
    /// and one for each folder that no user owns. Returns whether the answer contains content of anybody else.
    async fn note_disclosed(&self, disclosed: &Disclosed) -> Result<bool, Problem> {
        let folders = disclosed.folders();
        if folders.is_empty() {
            return Ok(false);
        }
        let (app, caller) = (self.app, self.caller);
        let now = app.micros();
        let identities = Identities::given(app.config.identities.as_deref())?;
        let users = app.accounts.users(now).await?;
        let address = caller.client.address.to_string();
        let mut owners = BTreeSet::new();
        for folder in &folders {
            let mut of_folder = users.iter().filter(|user| user.viewer().owns(folder, &identities)).peekable();
            if of_folder.peek().is_none() {
                owners.insert(folder);
            }
            owners.extend(of_folder.map(|user| &user.name));
        }
        for owner in owners {
            let entry = Entry {
                actor: Some(&caller.user.name),
                event: "content.read",
                object: Some(self.path),
                owner: Some(owner),
                detail: self.reason.as_deref(),
                ip_address: Some(&address),
                session: caller.session(),
            };
            app.accounts.log(entry, now).await?;
        }
        Ok(true)
    }

    async fn remove(&self, removing: Removing, path: Values) -> Result<Response, Problem> {
        let Self { app, caller, processor, .. } = self;
        caller.require(Scope::Admin)?;
        caller.require_role(&[Role::Admin])?;
        let id = path.get(removing.parameter).cloned().unwrap_or_default();
        let (version, nothing) = (app.version()?, Disclosed::default());
        let found = self.ask(removing.find, path, caller.viewer(), Page::default(), &version, &nothing).await?;
        if !matches!(found, Reply::Found(_)) {
            return Err(Problem::not_found());
        }
        let args = Args { ids: Some(vec![id.clone()]), by: Some(caller.user.name.clone()), ..Args::default() };
        let order =
            Order { command: Command::Remove, processor: Some((*processor).to_owned()), args, ..Order::default() };
        let asked = app.ask(order).await?;
        app.note(caller, "removed", Some(&id), Some(processor)).await?;
        Ok(requested(asked))
    }
}

/// Refuses unknown parameters and invalid values.
fn check(call: &Call, query: &Values) -> Result<(), Problem> {
    for (name, value) in query {
        let Some(parameter) = call.parameters.iter().find(|parameter| parameter.name == name) else {
            let known = call.parameters.iter().map(|parameter| parameter.name).collect::<Vec<_>>().join(", ");
            return Err(Problem::bad_request(match known.is_empty() {
                true => "unknown parameter; there are none".to_owned(),
                false => format!("unknown parameter; there are: {known}"),
            }));
        };
        let is_known = |value: &str| parameter.values.contains(&value);
        if !parameter.values.is_empty() && !value.is_empty() && !value.split(',').all(is_known) {
            let values = parameter.values.join(", ");
            return Err(Problem::bad_request(format!("`{name}` must be one of: {values}")));
        }
    }
    Ok(())
}

fn json(text: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
