//! The description of the API, generated from the code that serves it.

use super::calls::REASON;
use super::{audit, auth, events, health, knowledge, lists, pipeline};
use crate::console::app::App;
use crate::console::cookie;
use crate::console::problem::ProblemDocument;
use crate::plug::Plugs;
use crate::plug::call::{Call, Removing};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use std::sync::Arc;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Content, ContentBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, Schema, SecurityRequirement,
};

pub(super) fn routes() -> Router<Arc<App>> {
    let answer = async |State(app): State<Arc<App>>| Json(document(app.plugs, cookie::name(app.settings())));
    Router::new().route("/openapi.json", get(answer))
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "sessionmill", description = "Usage, tasks, activity and knowledge, as the command line shows them."),
    servers((url = "/api/v1")),
    paths(
        audit::audit,
        auth::log_in,
        auth::log_out,
        auth::sessions,
        auth::end_session,
        auth::end_others,
        auth::tokens,
        auth::make_token,
        auth::end_token,
        events::append,
        health::live,
        health::ready,
        knowledge::decide,
        lists::list_runs,
        lists::files,
        lists::list_failures,
        pipeline::processors,
        pipeline::run,
        pipeline::request,
        pipeline::retry,
        pipeline::metrics_text
    ),
    components(schemas(ProblemDocument)),
    security(("token" = []), ("cookie" = []))
)]
struct Description;

/// The description, including the calls of the processors and the name of the login cookie.
fn document(plugs: Plugs, cookie: &str) -> OpenApi {
    let mut document = Description::openapi();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch];
        operations.into_iter().flatten().for_each(complete);
    }
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    let cookie = ApiKey::Cookie(ApiKeyValue::new(cookie));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    for (plug, call) in plugs.iter().flat_map(|plug| plug.calls.iter().map(move |call| (plug, call))) {
        let mut schemas = Vec::new();
        let schema = (call.schema)(&mut schemas);
        document.components.get_or_insert_default().schemas.extend(schemas);
        let operation = operation(plug.name(), call, schema);
        document.paths.add_path_operation(call.path, vec![HttpMethod::Get], operation);
        if let Some(removing) = call.remove {
            let operation = removal(plug.name(), call, removing);
            document.paths.add_path_operation(call.path, vec![HttpMethod::Delete], operation);
        }
    }
    document
}

/// Completes what the attributes of handlers give: each answer needs a description, and errors are problem documents.
fn complete(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if response.description.is_empty() {
            let reason = StatusCode::from_bytes(status.as_bytes()).ok().and_then(|status| status.canonical_reason());
            reason.unwrap_or_default().clone_into(&mut response.description);
        }
        if status.starts_with(['4', '5'])
            && let Some(content) = response.content.swap_remove(JSON)
        {
            response.content.insert(PROBLEM.to_owned(), content);
        }
    }
}

/// Media types of answers.
const PROBLEM: &str = "application/problem+json";
const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

fn operation(tag: &str, call: &Call, schema: RefOr<Schema>) -> Operation {
    let of_query = call.parameters.iter().map(|of| {
        let words = ParameterBuilder::new().name(of.name).description(Some(of.words));
        words.parameter_in(ParameterIn::Query).required(Required::False).schema(Some(text(of.values))).build()
    });
    let reason = ParameterBuilder::new().name(REASON).parameter_in(ParameterIn::Header).required(Required::False);
    let reason = reason
        .description(Some("the reason for which an auditor reads content of others; its owners see it"))
        .schema(Some(text(&[])));
    let media = if call.is_lines { LINES } else { JSON };
    let mut operation = begun(tag, call, call.id, call.summary).response("200", found(media, schema));
    for parameter in of_query.chain([reason.build()]) {
        operation = operation.parameter(parameter);
    }
    let moved = ResponseBuilder::new().description("moved to another path");
    operation.response("308", moved.build()).build()
}

/// The operation that removes what a call is about.
fn removal(tag: &str, call: &Call, removing: Removing) -> Operation {
    let schema = || Ref::from_schema_name("Requested").into();
    let accepted = ResponseBuilder::new().description("in progress").content(JSON, content(schema()));
    let forbidden = problem("only for admins");
    let operation = begun(tag, call, removing.id, removing.summary).response("200", found(JSON, schema()));
    operation.response("202", accepted.build()).response("403", forbidden).response("409", problem("not now")).build()
}

/// What all operations on the path of a call have in common.
fn begun(tag: &str, call: &Call, id: &str, summary: &str) -> OperationBuilder {
    let of_path = call.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let of_path = of_path.map(|name| {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        parameter.schema(Some(text(&[]))).build()
    });
    let mut operation = OperationBuilder::new()
        .tag(tag)
        .operation_id(Some(id))
        .summary(Some(summary))
        .security(SecurityRequirement::new("token", Vec::<String>::new()))
        .security(SecurityRequirement::new("cookie", Vec::<String>::new()));
    for parameter in of_path {
        operation = operation.parameter(parameter);
    }
    let problems = [
        ("400", "a parameter is invalid"),
        ("401", "not logged in"),
        ("403", "the token has no such scope"),
        ("404", "not found"),
        ("413", "too large; the detail says what to request instead"),
        ("503", "unavailable"),
    ];
    problems.into_iter().fold(operation, |operation, (status, words)| operation.response(status, problem(words)))
}

fn text(values: &[&str]) -> Object {
    let object = ObjectBuilder::new().schema_type(Type::String);
    if values.is_empty() { object.build() } else { object.enum_values(Some(values.iter().copied())).build() }
}

fn content(schema: RefOr<Schema>) -> Content {
    ContentBuilder::new().schema(Some(schema)).build()
}

fn found(media: &str, schema: RefOr<Schema>) -> Response {
    ResponseBuilder::new().description("the result").content(media, content(schema)).build()
}

fn problem(words: &str) -> Response {
    let schema = Ref::from_schema_name("Problem").into();
    ResponseBuilder::new().description(words).content(PROBLEM, content(schema)).build()
}
