//! The description of the API, made from the code that answers it.

use super::{audit, auth, events, health, knowledge, pipeline};
use crate::console::app::App;
use crate::console::cookie;
use crate::console::problem::ProblemDocument;
use crate::plugs::Plugs;
use crate::plugs::call::Call;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use std::sync::Arc;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder, Schema, SecurityRequirement};

/// What all paths of the API begin with.
pub(in crate::console) const BASE: &str = "/api/v1";

pub(super) fn routes() -> Router<Arc<App>> {
    let answer = async |State(app): State<Arc<App>>| Json(document(app.database.plugs, cookie::name(app.settings())));
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
        pipeline::processors,
        pipeline::run,
        pipeline::request,
        pipeline::list_runs,
        pipeline::files,
        pipeline::list_failures,
        pipeline::retry,
        pipeline::metrics_text
    ),
    components(schemas(ProblemDocument)),
    security(("token" = []), ("cookie" = []))
)]
struct Description;

/// The description, with what the processors bring, and the cookie of a browser that is logged in.
fn document(plugs: Plugs, cookie: &str) -> OpenApi {
    let mut document = Description::openapi();
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
    }
    document
}

fn operation(tag: &str, call: &Call, schema: RefOr<Schema>) -> utoipa::openapi::path::Operation {
    let text = |values: &[&str]| {
        let object = ObjectBuilder::new().schema_type(Type::String);
        if values.is_empty() { object } else { object.enum_values(Some(values.iter().copied())) }
    };
    let json = |schema| ContentBuilder::new().schema(Some(schema)).build();
    let of_path = call.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let of_path = of_path.map(|name| {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        parameter.schema(Some(text(&[]).build())).build()
    });
    let of_query = call.parameters.iter().map(|parameter| {
        let schema = text(parameter.values).build();
        let words = ParameterBuilder::new().name(parameter.name).description(Some(parameter.words));
        words.parameter_in(ParameterIn::Query).required(Required::False).schema(Some(schema)).build()
    });
    let problem = || json(Ref::from_schema_name("Problem").into());
    let mut operation = OperationBuilder::new()
        .tag(tag)
        .operation_id(Some(call.id))
        .summary(Some(call.summary))
        .security(SecurityRequirement::new("token", Vec::<String>::new()))
        .security(SecurityRequirement::new("cookie", Vec::<String>::new()))
        .response(
            "200",
            ResponseBuilder::new().description("what there is").content("application/json", json(schema)).build(),
        );
    for parameter in of_path.chain(of_query) {
        operation = operation.parameter(parameter);
    }
    for (status, words) in
        [("400", "a parameter makes no sense"), ("401", "log in"), ("404", "not found"), ("503", "away")]
    {
        let response = ResponseBuilder::new().description(words).content("application/problem+json", problem());
        operation = operation.response(status, response.build());
    }
    operation.build()
}
