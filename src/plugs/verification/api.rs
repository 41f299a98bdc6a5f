//! Calls of the HTTP API about knowledge.

use crate::base::error::{Result, Status};
use crate::identities::Identities;
use crate::plug::call::{Asked, CURSOR, Call, LIMIT, Parameter, Reply, Rows, schema_of};
use crate::plugs::usage::report::filter::Only;
use crate::plugs::verification::report::ids;
use crate::plugs::verification::report::knowledge::{self, Filter, Item};
use crate::plugs::verification::report::seen;
use crate::plugs::verification::settings::Settings;
use crate::store::reader::Reader;
use serde::Serialize;
use serde_json::{Value, json};
use sessionmill_verification::review::{Action, Standing};
use std::collections::BTreeMap;

const fn any(name: &'static str, words: &'static str) -> Parameter {
    Parameter { name, words, values: &[] }
}

pub(super) const CALLS: [Call; 2] = [
    Call {
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
            LIMIT,
            CURSOR,
        ],
        schema: |schemas| schema_of::<Knowledge>(schemas),
        is_stable: false,
        is_lines: false,
        answer: list,
        remove: None,
    },
    Call {
        path: "/knowledge/{id}",
        id: "getKnowledge",
        summary: "An item by its id or the beginning of it, with its evidence",
        parameters: &[],
        schema: |schemas| schema_of::<Evidenced>(schemas),
        is_stable: false,
        is_lines: false,
        answer: one,
        remove: None,
    },
];

/// An item with its evidence. Quotes are included if snapshots include them.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Evidenced {
    #[schema(value_type = Object)]
    item: Value,
    #[schema(value_type = Vec<Object>)]
    evidence: Vec<Value>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Knowledge {
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    /// The total on all pages.
    total: usize,
    next_cursor: Option<String>,
}

/// The filter of a request. What people stated is theirs: unless the viewer may see the knowledge of others, only items
/// with evidence of their own are returned, in their own words, and with figures of their own evidence unless enough
/// people are behind the item.
fn filter(asked: &Asked, min_confidence: Option<f64>) -> Filter {
    let text = |name: &str| asked.value(name).map(str::to_owned);
    Filter {
        id: None,
        domain: text("domain"),
        // Only full names match: a shortened name could match another person.
        user: if asked.viewer.sees_knowledge { text("user") } else { Some(asked.viewer.person.clone()) }
            .map(Only::from),
        kind: text("type"),
        status: text("status"),
        text: text("text"),
        min_confidence,
        identities: asked.identities.clone(),
    }
}

/// The items of a filter, with decisions that are newer than the database copy.
fn items(asked: &Asked, reader: Reader<'_>, filter: &Filter) -> Result<Vec<Item>> {
    let weights = asked.config.settings::<Settings>().confidence;
    let mut items = if asked.viewer.sees_knowledge {
        knowledge::items(reader, filter, &weights, asked.now)?
    } else {
        // What the viewer does not see, such as the words of others, must not decide whether an item is listed.
        let every = Filter { kind: None, text: None, min_confidence: None, ..filter.clone() };
        let items = knowledge::items(reader, &every, &weights, asked.now)?;
        let is_own = |folder: &str| asked.is_own(folder);
        seen::as_seen_by(reader, items, is_own, asked.min_group.into(), &weights, asked.now)?
    };
    items.retain(|item| filter.fits(item));
    for item in &mut items {
        match asked.decision(&item.item_id) {
            Some(action) if action == Action::Approve.name() => Standing::Approved.name().clone_into(&mut item.status),
            Some(action) if action == Action::Reject.name() => Standing::Rejected.name().clone_into(&mut item.status),
            _ => {}
        }
    }
    let is_asked = |item: &Item| filter.status.as_ref().is_none_or(|status| item.status == *status);
    items.retain(|item| is_asked(item) && asked.decision(&item.item_id) != Some(Action::Merge.name()));
    Ok(items)
}

fn list(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    let min_confidence = asked.value("min_confidence").map(str::parse::<f64>).transpose();
    let Ok(min_confidence) = min_confidence else {
        return Ok(Reply::Invalid("`min_confidence` is no number from 0 to 1".to_owned()));
    };
    let items = items(asked, reader, &filter(asked, min_confidence))?;
    let Rows { rows, total, next_cursor } = asked.page.cut(items);
    note(asked, reader, &rows)?;
    let items = rows.into_iter().map(|item| json!(item)).collect();
    Ok(Reply::Found(json!(Knowledge { items, total, next_cursor })))
}

/// Records whose statements are behind these items, if they are shown to somebody else.
fn note(asked: &Asked, reader: Reader<'_>, items: &[Item]) -> Result<()> {
    if asked.viewer.sees_knowledge {
        let folders = knowledge::folders(reader, None)?;
        let folders = items.iter().filter_map(|item| folders.get(&item.item_id)).flatten();
        folders.filter(|folder| !asked.is_own(folder)).for_each(|folder| asked.disclosed.note(folder));
    }
    Ok(())
}

fn one(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    let mut items = items(asked, reader, &filter(asked, None))?;
    let known: Vec<String> = items.iter().map(|item| item.item_id.clone()).collect();
    let id = match ids::whole_id_among(reader, &known, asked.value("id").unwrap_or_default()) {
        Err(error) if error.status == Status::Usage => return Ok(Reply::Invalid(error.to_string())),
        id => id?,
    };
    items.retain(|item| item.item_id == id);
    note(asked, reader, &items)?;
    let Some(item) = items.pop() else { return Ok(Reply::NotFound) };
    let pieces = knowledge::evidence(reader, Some(&id), &Identities::default())?;
    let mut evidence = Vec::new();
    for mut piece in pieces.into_iter().collect::<BTreeMap<_, _>>().into_values().flatten() {
        let folder = piece.user.clone();
        if asked.is_own(&folder) || asked.viewer.sees_knowledge {
            asked.identities.label(&folder).clone_into(&mut piece.user);
            evidence.push(json!(piece));
        }
    }
    Ok(Reply::Found(json!(Evidenced { item: json!(item), evidence })))
}
