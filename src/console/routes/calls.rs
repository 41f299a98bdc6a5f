//! Questions that the processors bring: their parameters are checked here, and who may ask.

use super::openapi::BASE;
use crate::base::zone;
use crate::console::accounts::token::Scope;
use crate::console::answers::Question;
use crate::console::app::App;
use crate::console::caller::Caller;
use crate::console::problem::Problem;
use crate::identities::Identities;
use crate::plugs::call::{Asked, Call, Reply};
use crate::source::stat::Stat;
use axum::Router;
use axum::extract::{Query, RawPathParams, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of a list at most, and where nothing is said.
pub(super) const MOST: u32 = 500;
const USUAL: u32 = 100;

pub(super) fn routes(app: &App) -> Router<Arc<App>> {
    let calls = app.database.plugs.iter().flat_map(|plug| plug.calls);
    calls.fold(Router::new(), |router, call| {
        let handler = move |State(app): State<Arc<App>>,
                            caller: Caller,
                            path: RawPathParams,
                            Query(query): Query<BTreeMap<String, String>>| async move {
            let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            answer(&app, &caller, call, path, query).await
        };
        router.route(call.path, get(handler))
    })
}

async fn answer(
    app: &Arc<App>,
    caller: &Caller,
    call: &'static Call,
    path: BTreeMap<String, String>,
    mut query: BTreeMap<String, String>,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let limit = match query.remove("limit").map(|limit| limit.parse::<u32>()) {
        None => USUAL,
        Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
        Some(_) => return Err(Problem::bad_request(format!("`limit` is not a number from 1 to {MOST}"))),
    };
    let cursor = query.remove("cursor").filter(|cursor| !cursor.is_empty());
    for (name, value) in &query {
        let Some(parameter) = call.parameters.iter().find(|parameter| parameter.name == name) else {
            let known = call.parameters.iter().map(|parameter| parameter.name).collect::<Vec<_>>().join(", ");
            return Err(Problem::bad_request(format!("unknown parameter; there are: {known}, limit, cursor")));
        };
        let is_known = |value: &str| parameter.values.contains(&value);
        if !parameter.values.is_empty() && !value.is_empty() && !value.split(',').all(is_known) {
            let values = parameter.values.join(", ");
            return Err(Problem::bad_request(format!("`{name}` is none of: {values}")));
        }
    }
    query.extend(path);
    let identities = app.config.identities.as_deref().and_then(|file| file.metadata().ok());
    let question = Question {
        call: call.id,
        values: query.clone(),
        viewer: caller.viewer(),
        identities: identities.as_ref().map(Stat::from),
        limit,
        cursor: cursor.clone(),
    };
    let version = app.version()?;
    if call.is_stable
        && let Some(answer) = app.answers.lock().of(&version, &question)
    {
        return Ok(([(header::CONTENT_TYPE, "application/json")], answer).into_response());
    }
    let settings = app.settings();
    let (values, viewer, min_group) = (query, caller.viewer(), settings.min_group);
    let app_of_read = Arc::clone(app);
    let reply = app
        .read(move |reader| {
            let config = Arc::clone(&app_of_read.config);
            let identities = Arc::new(Identities::given(config.identities.as_deref())?);
            let zone = match config.timezone.as_deref() {
                Some(name) => zone::zone(Some(name))?,
                None => zone::local(None)?,
            };
            let now = (app_of_read.now)().wall;
            let asked = Asked { values, viewer, now, zone, identities, limit, cursor, min_group, config };
            (call.answer)(&asked, reader)
        })
        .await?;
    match reply {
        Reply::Found(value) => {
            let text = axum::body::Bytes::from(value.to_string());
            if call.is_stable {
                app.answers.lock().keep(version, question, text.clone());
            }
            Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
        }
        Reply::NotFound => Err(Problem::not_found()),
        Reply::Invalid(detail) => Err(Problem::bad_request(detail)),
        Reply::Moved(path) => {
            let location = format!("{BASE}{path}");
            Ok((axum::http::StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response())
        }
    }
}
