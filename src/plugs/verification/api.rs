//! Questions of the HTTP API about knowledge.

use crate::base::error::Result;
use crate::plugs::call::{Asked, Call, Parameter, Reply, schema_of};
use crate::plugs::verification::Settings;
use crate::plugs::verification::report::knowledge::{self, Filter};
use crate::store::reader::Reader;
use serde::Serialize;
use serde_json::{Value, json};

const fn any(name: &'static str, words: &'static str) -> Parameter {
    Parameter { name, words, values: &[] }
}

pub(super) const CALLS: [Call; 1] = [Call {
    path: "/knowledge",
    id: "listKnowledge",
    summary: "What people corrected, confirmed or defined, as the command line lists it",
    parameters: &[
        any("domain", "only of this domain"),
        any("user", "only with evidence of this user"),
        any("type", "only that came up like this"),
        any("status", "only of this status"),
        any("min_confidence", "only of at least this confidence, from 0 to 1"),
        any("text", "only with this text in the title, the content or the entities"),
    ],
    schema: |schemas| schema_of::<Knowledge>(schemas),
    is_stable: false,
    answer: list,
}];

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Knowledge {
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    /// On all pages.
    total: usize,
    next_cursor: Option<String>,
}

fn list(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    let Some(from) = asked.offset() else { return Ok(Reply::Invalid("`cursor` is none of ours".to_owned())) };
    let min_confidence = asked.value("min_confidence").map(str::parse::<f64>).transpose();
    let Ok(min_confidence) = min_confidence else {
        return Ok(Reply::Invalid("`min_confidence` is no number from 0 to 1".to_owned()));
    };
    let text = |name: &str| asked.value(name).map(str::to_owned);
    let filter = Filter {
        id: None,
        domain: text("domain"),
        // What others said is theirs: who asks sees what has evidence of their own.
        user: if asked.viewer.sees_knowledge { text("user") } else { Some(asked.viewer.person.clone()) },
        kind: text("type"),
        status: text("status"),
        text: text("text"),
        min_confidence,
        identities: asked.identities.clone(),
    };
    let weights = asked.config.settings::<Settings>().confidence;
    let items = knowledge::items(reader, &filter, &weights, asked.now)?;
    let total = items.len();
    let items: Vec<_> = items.into_iter().skip(from).take(asked.limit as usize).map(|item| json!(item)).collect();
    let next_cursor = asked.next(from, items.len(), total);
    Ok(Reply::Found(json!(Knowledge { items, total, next_cursor })))
}
