//! The pipeline: processors and their runs, source files, failures.

use super::BASE;
use crate::base::holder::Holder;
use crate::base::lock;
use crate::base::utc;
use crate::console::accounts::token::Scope;
use crate::console::accounts::user::Role;
use crate::console::app::App;
use crate::console::asking::Asked;
use crate::console::caller::Caller;
use crate::console::problem::{Problem, ProblemDocument};
use crate::identities::Identities;
use crate::plugs::call::{Level, Reply};
use crate::report::runs::{self, Listed};
use crate::service::bulletin::Bulletin;
use crate::service::health::{Facts, Keeper, State as Condition};
use crate::service::metrics::{self, Sample};
use crate::service::order::{Args, Command, Order};
use crate::store::record::Record;
use crate::store::{failures, known};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/processors", get(processors))
        .route("/processors/{name}/runs", post(run))
        .route("/requests/{id}", get(request))
        .route("/runs", get(list_runs))
        .route("/files", get(files))
        .route("/failures", get(list_failures))
        .route("/failures/{id}/retry", post(retry))
        .route("/metrics", get(metrics_text))
}

/// The path at which an older program asked for runs.
pub(super) fn older() -> Router<Arc<App>> {
    Router::new().route("/api/admin/run-session-processor", post(run_older))
}

/// A processor, and how it does.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Processor {
    name: String,
    /// `ok`, `disabled`, `paused`, `warning` or `failing`.
    state: String,
    reasons: Vec<String>,
    next_due: Option<String>,
    /// Who runs it now.
    #[schema(value_type = Option<Object>)]
    running: Option<Holder>,
    #[schema(value_type = Option<Object>)]
    last_run: Option<serde_json::Value>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Processors {
    processors: Vec<Processor>,
    total: usize,
}

/// What came of a request. While it is under way, `request` is the path that tells it later.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Requested {
    /// `done` or `running`.
    state: String,
    /// What the daemon says.
    #[schema(value_type = Option<Object>)]
    answer: Option<Value>,
    request: Option<String>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Only of this processor.
    processor: Option<String>,
    /// Rows, 100 unless it is said, 500 at most.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<u64>,
}

/// Rows of a list.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Rows {
    #[schema(value_type = Vec<Object>)]
    rows: Vec<Value>,
    /// On all pages.
    total: usize,
    next_cursor: Option<u64>,
}

impl Page {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(100).clamp(1, 500)
    }

    /// A page of rows.
    fn of(&self, all: Vec<Value>) -> Rows {
        let (total, from) = (all.len(), usize::try_from(self.cursor.unwrap_or(0)).unwrap_or(usize::MAX));
        let rows: Vec<_> = all.into_iter().skip(from).take(self.limit() as usize).collect();
        let next = from.saturating_add(rows.len());
        Rows { next_cursor: (!rows.is_empty() && next < total).then_some(next as u64), rows, total }
    }
}

impl App {
    /// Whose files somebody may see: a question about a folder.
    fn is_shown(&self, caller: &Caller) -> Result<impl Fn(&str) -> bool + Send + 'static, Problem> {
        let identities = Identities::given(self.config.identities.as_deref())?;
        let viewer = caller.viewer();
        Ok(move |folder: &str| {
            viewer.others >= Level::Metadata
                || folder == viewer.person
                || folder == viewer.name
                || identities.is_of(folder, &viewer.person)
        })
    }

    /// How the processors do, as the service tells it, or else as the database does.
    async fn samples(self: &Arc<Self>) -> Result<Vec<(Sample, Processor)>, Problem> {
        let app = Arc::clone(self);
        self.read(move |reader| {
            let bulletin = Bulletin::read(&app.database);
            let alarms: Vec<String> = known::alarms(reader)?.into_iter().map(|(_, alarm)| alarm).collect();
            let keeper = match &bulletin {
                Some(bulletin) if bulletin.is_kept => Keeper::Schedule,
                _ => Keeper::Nobody,
            };
            let now = (app.now)();
            let mut samples = Vec::new();
            for name in app.database.plugs.names() {
                let entry = bulletin.as_ref().and_then(|bulletin| bulletin.of(name));
                let record = match entry {
                    Some(entry) => entry.record.clone(),
                    None => Record::read(reader, name, None)?,
                };
                let lacks = entry.and_then(|entry| entry.lacks.as_deref());
                let schedule = &app.config.schedule;
                let health =
                    Facts::of(&record, schedule.get(name), schedule.timezone, keeper, &alarms, lacks).health(&now);
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

/// The processors, and how they do.
#[utoipa::path(get, path = "/processors", operation_id = "listProcessors", tag = "pipeline",
    responses((status = 200, body = Processors), (status = 401, body = ProblemDocument)))]
pub(super) async fn processors(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Processors>, Problem> {
    caller.require(Scope::Read)?;
    let mut processors: Vec<_> = app.samples().await?.into_iter().map(|(_, processor)| processor).collect();
    if caller.viewer().others < Level::Metadata {
        // Names of files are in these.
        processors.iter_mut().for_each(|processor| processor.last_run = None);
    }
    Ok(Json(Processors { total: processors.len(), processors }))
}

/// The same for Prometheus.
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
    if app.database.plugs.find(name).is_none() {
        return Err(Problem::not_found());
    }
    let order = Order { command: Command::Run, processor: Some(name.to_owned()), ..Order::default() };
    let asked = app.ask(order).await?;
    app.note(caller, "run", Some(name), None).await?;
    Ok(requested(asked))
}

pub(super) fn requested(asked: Asked) -> Response {
    match asked {
        Asked::Done(answer) => {
            Json(Requested { state: "done".to_owned(), answer: Some(answer), request: None }).into_response()
        }
        Asked::Accepted(path) => {
            let location = format!("{BASE}{path}");
            let body = Requested { state: "running".to_owned(), answer: None, request: Some(location.clone()) };
            (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(body)).into_response()
        }
    }
}

/// What the daemon has answered to a request of this console.
#[utoipa::path(get, path = "/requests/{id}", operation_id = "getRequest", tag = "pipeline",
    params(("id" = String, Path)),
    responses((status = 200, body = Requested), (status = 404, body = ProblemDocument)))]
pub(super) async fn request(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Requested>, Problem> {
    caller.require(Scope::Run)?;
    caller.require_role(&[Role::Admin, Role::Lead, Role::Curator])?;
    let app_of_work = Arc::clone(&app);
    match app.work(move || Ok(app_of_work.answer(&id))).await? {
        Reply::Found(answer) => {
            let state = if answer["state"] == "running" { "running" } else { "done" };
            Ok(Json(Requested { state: state.to_owned(), answer: Some(answer), request: None }))
        }
        _ => Err(Problem::not_found()),
    }
}

/// The history of runs, the newest first.
#[utoipa::path(get, path = "/runs", operation_id = "listRuns", tag = "pipeline", params(Page),
    responses((status = 200, body = Rows), (status = 401, body = ProblemDocument)))]
pub(super) async fn list_runs(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<Rows>, Problem> {
    caller.require(Scope::Read)?;
    caller.require_role(&[Role::Admin, Role::Lead, Role::Auditor])?;
    let rows = app
        .read(move |reader| {
            let runs = runs::runs(reader, page.processor.as_deref(), u32::MAX >> 1)?;
            Ok(page.of(runs.iter().map(Listed::object).collect()))
        })
        .await?;
    Ok(Json(rows))
}

/// Source files: one's own, or those of the team for who may see them.
#[utoipa::path(get, path = "/files", operation_id = "listFiles", tag = "pipeline", params(Page),
    responses((status = 200, body = Rows), (status = 401, body = ProblemDocument)))]
pub(super) async fn files(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<Rows>, Problem> {
    caller.require(Scope::Read)?;
    let is_shown = app.is_shown(&caller)?;
    let rows = app
        .read(move |reader| {
            let sql = "SELECT session_file, username, source, size, dialect, lines, malformed_lines, first_seen,
                           verified_at, gone_since FROM session_files ORDER BY session_file";
            let mut all = Vec::new();
            reader.each(sql, &[], |row| {
                let username: String = row.get(1)?;
                if !is_shown(&username) {
                    return Ok(());
                }
                let [first_seen, verified_at, gone_since] = [row.time(7)?, row.time(8)?, row.time(9)?];
                all.push(json!({
                    "session_file": row.get::<String>(0)?, "username": username, "source": row.get::<String>(2)?,
                    "size": row.count(3)?, "dialect": row.get::<String>(4)?, "lines": row.count(5)?,
                    "malformed_lines": row.count(6)?, "first_seen": first_seen.map(utc::seconds),
                    "verified_at": verified_at.map(utc::seconds), "gone_since": gone_since.map(utc::seconds),
                }));
                Ok(())
            })?;
            Ok(page.of(all))
        })
        .await?;
    Ok(Json(rows))
}

/// Files that could not be processed and keys that could not be settled. Their ids are the names of these.
#[utoipa::path(get, path = "/failures", operation_id = "listFailures", tag = "pipeline", params(Page),
    responses((status = 200, body = Rows), (status = 401, body = ProblemDocument)))]
pub(super) async fn list_failures(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<Rows>, Problem> {
    caller.require(Scope::Read)?;
    let is_shown = app.is_shown(&caller)?;
    let sees_all = caller.viewer().others >= Level::Metadata;
    let rows = app
        .read(move |reader| {
            let files = failures::all(reader)?.into_iter().filter_map(|failed| {
                let folder = failed.session_file.split('/').next().unwrap_or_default();
                let standing = &failed.standing;
                is_shown(folder).then(|| failure(&failed.session_file, "file", &failed.processor, standing))
            });
            let keys = failures::keys(reader)?.into_iter().filter(|_| sees_all);
            let keys = keys.map(|failed| failure(&failed.key, "key", &failed.processor, &failed.standing));
            let is_asked = |row: &Value| page.processor.as_ref().is_none_or(|name| row["processor"] == **name);
            Ok(page.of(files.chain(keys).filter(is_asked).collect()))
        })
        .await?;
    Ok(Json(rows))
}

fn failure(id: &str, kind: &str, processor: &str, standing: &crate::source::retry::Standing) -> Value {
    json!({
        "id": id, "kind": kind, "processor": processor, "class": standing.failure.class.name(),
        "error": standing.failure.message, "state": standing.fate.name(), "attempts": standing.attempts,
        "first_failed_at": utc::seconds(standing.first_failed_at),
        "last_failed_at": utc::seconds(standing.last_failed_at),
        "next_try_at": utc::seconds(standing.next_try_at),
    })
}

/// Have the next run try a file or key again.
#[utoipa::path(post, path = "/failures/{id}/retry", operation_id = "retryFailure", tag = "pipeline",
    params(("id" = String, Path)),
    responses((status = 200, body = Requested), (status = 202, body = Requested),
        (status = 400, body = ProblemDocument), (status = 403, body = ProblemDocument)))]
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.require(Scope::Run)?;
    caller.require_role(&[Role::Admin])?;
    let args = Args { files: Some(vec![id.clone()]), ..Args::default() };
    let asked = app.ask(Order { command: Command::Retry, args, ..Order::default() }).await?;
    app.note(&caller, "retry", Some(&id), None).await?;
    Ok(requested(asked))
}
