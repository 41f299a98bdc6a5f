//! The pipeline: the state of the processors, requests for runs, and retries of failures.

use super::paging::Paging;
use crate::base::holder::Holder;
use crate::base::lock;
use crate::base::utc;
use crate::console::accounts::token::Scope;
use crate::console::accounts::user::Role;
use crate::console::app::App;
use crate::console::caller::Caller;
use crate::console::changes::Receipt;
use crate::console::paths::BASE;
use crate::console::problem::{Problem, ProblemDocument};
use crate::plug::call::{Level, Reply, Rows};
use crate::report::health::{Condition, HealthInputs, RunMode};
use crate::report::runs::{self, Listed};
use crate::service::metrics::{self, Sample};
use crate::service::order::{Args, Command, Order};
use crate::store::record::Record;
use crate::store::service_state::ServiceState;
use crate::store::{failures, known};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/processors", get(processors))
        .route("/processors/{name}/runs", post(run))
        .route("/requests/{id}", get(request))
        .route("/failures/{id}/retry", post(retry))
        .route("/metrics", get(metrics_text))
}

/// The path that an older program used to request runs.
pub(super) fn older() -> Router<Arc<App>> {
    Router::new().route("/api/admin/run-session-processor", post(run_older))
}

/// A processor and its state.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Processor {
    name: String,
    /// `ok`, `disabled`, `paused`, `warning` or `failing`.
    state: String,
    /// Only for viewers who may see files of others.
    reasons: Vec<String>,
    next_due: Option<String>,
    /// The run in progress.
    #[schema(value_type = Option<Object>)]
    running: Option<Holder>,
    /// Only for viewers who may see files of others.
    #[schema(value_type = Option<Object>)]
    last_run: Option<serde_json::Value>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Processors {
    processors: Vec<Processor>,
    /// On all pages.
    total: usize,
    next_cursor: Option<String>,
}

/// The result of a request. While the request is in progress, `request` is the path that returns the result later.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Requested {
    /// `done` or `running`.
    state: String,
    /// The answer of the daemon.
    #[schema(value_type = Option<Object>)]
    answer: Option<Value>,
    request: Option<String>,
}

impl App {
    /// The state of the processors, according to the service or, without one, to the database.
    async fn samples(self: &Arc<Self>) -> Result<Vec<(Sample, Processor)>, Problem> {
        let app = Arc::clone(self);
        self.read(move |reader| {
            let state = ServiceState::read(&app.database);
            let alarms: Vec<String> = known::alarms(reader)?.into_iter().map(|(_, alarm)| alarm).collect();
            let run_mode = match &state {
                Some(state) if state.is_kept => RunMode::Scheduled,
                _ => RunMode::Manual,
            };
            let now = (app.now)();
            let mut samples = Vec::new();
            for name in app.database.schema.names() {
                let entry = state.as_ref().and_then(|state| state.of(name));
                let record = match entry {
                    Some(entry) => entry.record.clone(),
                    None => Record::read(reader, name, None)?,
                };
                let lacks = entry.and_then(|entry| entry.lacks.as_deref());
                let schedule = &app.config.schedule;
                let health = HealthInputs::of(&record, schedule.get(name), schedule.timezone, run_mode, &alarms, lacks)
                    .health(&now);
                let running = lock::holder(&app.database, name).and_then(|line| Holder::parse(&line));
                let running = running.or_else(|| entry.and_then(|entry| entry.runner()).cloned());
                let last_run = runs::runs(reader, Some(name), 1)?.first().map(Listed::object);
                let state: Condition = health.state;
                let processor = Processor {
                    name: name.to_owned(),
                    state: state.name().to_owned(),
                    reasons: health.reasons,
                    next_due: health.next_due.map(utc::seconds),
                    running,
                    last_run,
                };
                let alarms = alarms.len();
                samples.push((Sample { processor: name, record, state, alarms }, processor));
            }
            Ok(samples)
        })
        .await
    }
}

/// The processors and their state.
#[utoipa::path(get, path = "/processors", operation_id = "listProcessors", tag = "pipeline", params(Paging),
    responses((status = 200, body = Processors), (status = 400, body = ProblemDocument),
        (status = 401, body = ProblemDocument)))]
pub(super) async fn processors(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<Processors>, Problem> {
    caller.require(Scope::Read)?;
    let page = paging.page()?;
    let Rows { rows, total, next_cursor } = page.cut(app.samples().await?);
    let mut processors: Vec<_> = rows.into_iter().map(|(_, processor)| processor).collect();
    if caller.viewer().others < Level::Metadata {
        // These contain names of files and folders.
        for processor in &mut processors {
            processor.last_run = None;
            processor.reasons.clear();
        }
    }
    Ok(Json(Processors { processors, total, next_cursor }))
}

/// The state of the processors in the format of Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "pipeline",
    responses((status = 200, content_type = "text/plain", body = String), (status = 401, body = ProblemDocument)))]
pub(super) async fn metrics_text(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let samples: Vec<_> = app.samples().await?.into_iter().map(|(sample, _)| sample).collect();
    let text = metrics::text(&samples);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// Start a run of a processor now.
#[utoipa::path(post, path = "/processors/{name}/runs", operation_id = "startRun", tag = "pipeline",
    params(("name" = String, Path)),
    responses((status = 200, body = Requested), (status = 202, body = Requested),
        (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument)))]
pub(super) async fn run(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    start(&app, &caller, &name).await
}

#[derive(Deserialize)]
struct Older {
    processor: String,
}

async fn run_older(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(older): Query<Older>,
) -> Result<Response, Problem> {
    start(&app, &caller, &older.processor).await
}

async fn start(app: &Arc<App>, caller: &Caller, name: &str) -> Result<Response, Problem> {
    caller.require(Scope::Run)?;
    caller.require_role(&[Role::Admin, Role::Lead])?;
    if !app.database.schema.names().any(|known| known == name) {
        return Err(Problem::not_found());
    }
    let order = Order { command: Command::Run, processor: Some(name.to_owned()), ..Order::default() };
    let asked = app.ask(order).await?;
    app.note(caller, "run", Some(name), None).await?;
    Ok(requested(asked))
}

pub(super) fn requested(asked: Receipt) -> Response {
    match asked {
        Receipt::Done(answer) => {
            Json(Requested { state: "done".to_owned(), answer: Some(answer), request: None }).into_response()
        }
        Receipt::Accepted(path) => {
            let location = format!("{BASE}{path}");
            let body = Requested { state: "running".to_owned(), answer: None, request: Some(location.clone()) };
            (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(body)).into_response()
        }
    }
}

/// The daemon's answer to a request of this console.
#[utoipa::path(get, path = "/requests/{id}", operation_id = "getRequest", tag = "pipeline",
    params(("id" = String, Path)),
    responses((status = 200, body = Requested), (status = 401, body = ProblemDocument),
        (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(super) async fn request(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Requested>, Problem> {
    caller.require(Scope::Run)?;
    caller.require_role(&[Role::Admin, Role::Lead, Role::Curator])?;
    // Does not take one of the places of readers, because it can wait a moment.
    let answer = tokio::task::spawn_blocking(move || app.answer(&id)).await;
    match answer.unwrap_or(Reply::NotFound) {
        Reply::Found(answer) => {
            let state = if answer["state"] == "running" { "running" } else { "done" };
            Ok(Json(Requested { state: state.to_owned(), answer: Some(answer), request: None }))
        }
        _ => Err(Problem::not_found()),
    }
}

/// Have the next run retry a file or a key.
#[utoipa::path(post, path = "/failures/{id}/retry", operation_id = "retryFailure", tag = "pipeline",
    params(("id" = String, Path)),
    responses((status = 200, body = Requested), (status = 202, body = Requested),
        (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.require(Scope::Run)?;
    caller.require_role(&[Role::Admin])?;
    let failed = id.clone();
    let has_failed = app.read(move |reader| {
        let is_file = failures::all(reader)?.iter().any(|file| file.session_file == failed);
        Ok(is_file || failures::keys(reader)?.iter().any(|key| key.key == failed))
    });
    if !has_failed.await? {
        return Err(Problem::not_found());
    }
    let args = Args { files: Some(vec![id.clone()]), ..Args::default() };
    let asked = app.ask(Order { command: Command::Retry, args, ..Order::default() }).await?;
    app.note(&caller, "retry", Some(&id), None).await?;
    Ok(requested(asked))
}
