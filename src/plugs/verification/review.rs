//! Applies decisions of curators: who decided what, when, about which item. Repeating a decision changes nothing.

use crate::base::error::{Error, Result, Status};
use crate::base::names;
use crate::pass::settle;
use crate::plug::Resources;
use crate::plug::Review;
use crate::plugs::verification::report::ids::{self, Named};
use crate::source::retry::Retries;
use crate::store::reader::Reader;
use crate::store::{Access, SharedStore, Store, failures};
use sessionmill_contract::{Processor as _, Row as _};
use sessionmill_verification::Verification;
use sessionmill_verification::claim::CLAIMS;
use sessionmill_verification::review::{Action, ReviewRow, Standing};
use sessionmill_verification::rules::Rules;
use std::collections::BTreeSet;

/// The full id of an item or of a piece of evidence, given its beginning; `None` if there is none.
pub(super) fn find(reader: Reader<'_>, id: &str) -> Result<Option<String>> {
    let id = ids::whole_id(reader, id)?;
    Ok(if let Named::Nothing = ids::named(reader, &id)? { None } else { Some(id) })
}

/// Applies a decision to all of the items, or to none if one of them is invalid. Returns the result for each item, in
/// words.
///
/// # Errors
///
/// If the action or an item is unknown, or the database cannot be written.
pub(super) fn decide(review: &Review, resources: &Resources) -> Result<Vec<String>> {
    let Review { action, ids, into, by } = review;
    let known = Action::ALL.into_iter().find(|known| known.name() == action);
    let action = known.ok_or_else(|| names::unknown("decision", action, Action::ALL.map(Action::name).into_iter()))?;
    if (action == Action::Merge) != into.is_some() {
        return Err(Error::new(Status::Usage, "items are merged into another one, and only merged ones are"));
    }
    let processor = Verification::new(Box::new(Rules));
    let Some(settlement) = processor.manifest().settlement_of(&CLAIMS) else { return Ok(Vec::new()) };
    let store = Store::open_current(&resources.database, Access::ReadWrite, resources.now)?;
    let whole = |id: &String| ids::whole_id(store.reader(), id);
    let ids: BTreeSet<String> = ids.iter().map(whole).collect::<Result<_>>()?;
    let into = into.as_ref().map(whole).transpose()?;
    let into = into.as_deref();
    let mut notes = Vec::new();
    let steps = ids.iter().map(|id| step(&store, id, action, into)).collect::<Result<Vec<_>>>()?;
    for (id, step) in ids.iter().zip(steps) {
        let other = match step {
            Step::Decide(other) => other,
            Step::Done(why) => {
                notes.push(why);
                continue;
            }
        };
        let other_id = other.as_deref();
        let of_item = ids::grounds(store.reader(), id)?;
        let of_other = other_id.map(|other| ids::grounds(store.reader(), other)).transpose()?.flatten();
        let row = ReviewRow {
            grounds: of_item.as_deref(),
            other_grounds: of_other.as_deref(),
            ..ReviewRow::new(id, action.name(), other_id, by, resources.now)
        };
        store.review(processor.manifest(), settlement, &[row.values()], &[settlement.name.to_owned()])?;
        notes.push(match (action, other) {
            (Action::Approve, _) => format!("`{id}` is approved"),
            (Action::Reject, _) => format!("`{id}` is rejected"),
            (Action::Merge, other) => format!("`{id}` is merged into `{}`", other.unwrap_or_default()),
            (Action::Split, other) => format!("`{id}` is split off `{}`", other.unwrap_or_default()),
        });
    }
    drop(store);
    let mut store = SharedStore::new(&resources.database, resources.now);
    settle::settle(&mut store, &processor, Retries { now: resources.now, is_asked: false }, &resources.heartbeat)?;
    if !failures::unsettled(store.get()?.reader(), processor.manifest().name)?.is_empty() {
        notes.push("note: what was decided is kept; the next run brings the items up to date".to_owned());
    }
    Ok(notes)
}

/// What to do about a requested decision.
enum Step {
    /// Store the decision, with the other item that it is about.
    Decide(Option<String>),
    /// Nothing, for this reason.
    Done(String),
}

fn step(store: &Store, id: &str, action: Action, into: Option<&str>) -> Result<Step> {
    let named = |id: &str| match ids::named(store.reader(), id)? {
        Named::Nothing => {
            let known = ids::all(store.reader())?;
            Err(names::unknown("item", id, known.iter().map(String::as_str)))
        }
        named => Ok(named),
    };
    let evidence = |id: &str, of: &str| {
        Error::new(Status::Usage, format!("`{id}` is no item of its own, but evidence of `{of}`"))
            .hint(format!("decide about `{of}`, or take it out with `sessionmill knowledge split {id}`"))
    };
    let judge = |standing: Standing| match named(id)? {
        Named::Item { status } if status == standing.name() => Ok(Step::Done(format!("`{id}` is {status} already"))),
        Named::Evidence { of } => Err(evidence(id, &of)),
        _ => Ok(Step::Decide(None)),
    };
    match (action, into) {
        (Action::Approve, _) => judge(Standing::Approved),
        (Action::Reject, _) => judge(Standing::Rejected),
        (Action::Split, _) => {
            named(id)?;
            Ok(match ids::joined(store.reader(), id)? {
                Some(of) => Step::Decide(Some(of)),
                None => Step::Done(format!("`{id}` is an item of its own already")),
            })
        }
        (Action::Merge, into) => {
            let into = into.unwrap_or_default();
            match (named(id)?, named(into)?) {
                (_, Named::Evidence { of }) => Err(evidence(into, &of)),
                (Named::Evidence { of }, _) if of == into => {
                    Ok(Step::Done(format!("`{id}` is evidence of `{into}` already")))
                }
                (Named::Evidence { of }, _) => Err(evidence(id, &of)),
                _ if id == into => Err(Error::new(Status::Usage, format!("`{id}` cannot be merged into itself"))),
                _ => Ok(Step::Decide(Some(into.to_owned()))),
            }
        }
    }
}
