//! Lists of the pipeline: runs, source files and failures.

use super::paging::Paging;
use crate::base::error::Result;
use crate::base::utc;
use crate::console::accounts::token::Scope;
use crate::console::accounts::user::Role;
use crate::console::app::App;
use crate::console::caller::Caller;
use crate::console::problem::{Problem, ProblemDocument};
use crate::identities::Identities;
use crate::plug::call::{Level, Page};
use crate::report::runs::{self, Listed};
use crate::source::retry::Standing;
use crate::store::condition::one_of;
use crate::store::failures;
use crate::store::reader::{Param, Reader};
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/runs", get(list_runs)).route("/files", get(files)).route("/failures", get(list_failures))
}

/// The parameters of a list.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Of {
    /// Only of this processor.
    processor: Option<String>,
    /// Rows per page: 100 by default, 500 at most.
    limit: Option<String>,
    /// `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// Rows of a list.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Rows {
    #[schema(value_type = Vec<Object>)]
    rows: Vec<Value>,
    /// On all pages.
    total: usize,
    next_cursor: Option<String>,
}

/// Whether the files of a folder may be shown.
type IsShown<'s> = &'s dyn Fn(&str) -> bool;

/// Answers with a page of a list. `read` returns its rows, and the total number of rows.
async fn list(
    app: &Arc<App>,
    caller: &Caller,
    page: Page,
    read: impl FnOnce(Reader<'_>, IsShown<'_>) -> Result<(Vec<Value>, usize)> + Send + 'static,
) -> std::result::Result<Json<Rows>, Problem> {
    caller.require(Scope::Read)?;
    let identities = Identities::given(app.config.identities.as_deref())?;
    let viewer = caller.viewer();
    let rows = app.read(move |reader| {
        let (rows, total) = read(reader, &|folder| viewer.may_see(Some(folder), Level::Metadata, &identities))?;
        Ok(Rows { next_cursor: page.next(rows.len(), total), rows, total })
    });
    Ok(Json(rows.await?))
}

fn size(total: u64) -> usize {
    usize::try_from(total).unwrap_or(usize::MAX)
}

/// The history of runs, the newest first.
#[utoipa::path(get, path = "/runs", operation_id = "listRuns", tag = "pipeline", params(Of),
    responses((status = 200, body = Rows), (status = 400, body = ProblemDocument),
        (status = 401, body = ProblemDocument), (status = 403, body = ProblemDocument)))]
pub(super) async fn list_runs(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(of): Query<Of>,
) -> std::result::Result<Json<Rows>, Problem> {
    caller.require_role(&[Role::Admin, Role::Lead, Role::Auditor])?;
    let page = Paging { limit: of.limit, cursor: of.cursor }.page()?;
    list(&app, &caller, page, move |reader, _| {
        let processor = of.processor.as_deref();
        let runs = runs::page(reader, processor, page.offset(), page.limit)?;
        Ok((runs.iter().map(Listed::object).collect(), size(runs::total(reader, processor)?)))
    })
    .await
}

/// Source files: the caller's own, and those of the team if the caller may see them.
#[utoipa::path(get, path = "/files", operation_id = "listFiles", tag = "pipeline", params(Paging),
    responses((status = 200, body = Rows), (status = 400, body = ProblemDocument),
        (status = 401, body = ProblemDocument)))]
pub(super) async fn files(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> std::result::Result<Json<Rows>, Problem> {
    let page = paging.page()?;
    list(&app, &caller, page, move |reader, is_shown| {
        let folders = "SELECT DISTINCT username FROM session_files ORDER BY ALL";
        let mut folders: Vec<String> = reader.rows(folders, &[], |row| row.get(0))?;
        folders.retain(|folder| is_shown(folder));
        if folders.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let shown = format!("FROM session_files WHERE {}", one_of("username", folders.len()));
        let folders: Vec<_> = folders.into_iter().map(Param::Text).collect();
        let total = reader.one(&format!("SELECT count(*) {shown}"), &folders, |row| row.count(0))?;
        let sql = format!(
            "SELECT session_file, username, source, size, dialect, lines, malformed_lines, first_seen, verified_at,
                 gone_since {shown} ORDER BY session_file LIMIT {} OFFSET {}",
            page.limit,
            page.offset()
        );
        let rows = reader.rows(&sql, &folders, |row| {
            let [first_seen, verified_at, gone_since] = [row.time(7)?, row.time(8)?, row.time(9)?];
            Ok(json!({
                "session_file": row.get::<String>(0)?, "username": row.get::<String>(1)?,
                "source": row.get::<String>(2)?, "size": row.count(3)?, "dialect": row.get::<String>(4)?,
                "lines": row.count(5)?, "malformed_lines": row.count(6)?,
                "first_seen": first_seen.map(utc::seconds), "verified_at": verified_at.map(utc::seconds),
                "gone_since": gone_since.map(utc::seconds),
            }))
        })?;
        Ok((rows, size(total)))
    })
    .await
}

/// Files that could not be processed, and keys that could not be settled. The id is the name of the file or the key.
#[utoipa::path(get, path = "/failures", operation_id = "listFailures", tag = "pipeline", params(Of),
    responses((status = 200, body = Rows), (status = 400, body = ProblemDocument),
        (status = 401, body = ProblemDocument)))]
pub(super) async fn list_failures(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(of): Query<Of>,
) -> std::result::Result<Json<Rows>, Problem> {
    let page = Paging { limit: of.limit, cursor: of.cursor }.page()?;
    let sees_all = caller.viewer().others >= Level::Metadata;
    list(&app, &caller, page, move |reader, is_shown| {
        let is_asked = |processor: &str| of.processor.as_deref().is_none_or(|asked| asked == processor);
        let folder = |file: &str| file.split('/').next().unwrap_or_default().to_owned();
        let mut files = failures::all(reader)?;
        files.retain(|failed| is_asked(&failed.processor) && is_shown(&folder(&failed.session_file)));
        let mut keys = if sees_all { failures::keys(reader)? } else { Vec::new() };
        keys.retain(|failed| is_asked(&failed.processor));
        let files = files.iter().map(|failed| (&failed.session_file, "file", &failed.processor, &failed.standing));
        let keys = keys.iter().map(|failed| (&failed.key, "key", &failed.processor, &failed.standing));
        let all = page.cut(files.chain(keys).collect());
        Ok((all.rows.into_iter().map(failure).collect(), all.total))
    })
    .await
}

fn failure((id, kind, processor, standing): (&String, &str, &String, &Standing)) -> Value {
    json!({
        "id": id, "kind": kind, "processor": processor, "class": standing.failure.class.name(),
        "error": standing.failure.message, "state": standing.state.name(), "attempts": standing.attempts,
        "first_failed_at": utc::seconds(standing.first_failed_at),
        "last_failed_at": utc::seconds(standing.last_failed_at),
        "next_try_at": utc::seconds(standing.next_try_at),
    })
}
