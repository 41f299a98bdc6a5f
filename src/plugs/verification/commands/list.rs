//! Lists of items, and of decisions about items.

use super::Which;
use crate::base::error::{Result, Status, count};
use crate::command::place::read;
use crate::command::{Database, Form, remark};
use crate::plug::Context;
use crate::plugs::verification::report::knowledge::{self, Item, Review};
use crate::report::grid::Field;
use crate::report::listing::{Listing, object, short_number};
use crate::store::cell::plain;
use clap::ValueEnum;
use serde_json::Value;
use sessionmill_verification::confidence::SHOWN;
use sessionmill_verification::review::Standing;
use std::cmp::Reverse;

/// How many items are listed if none is confident enough.
const BEST: usize = 5;

/// What a list of items begins with: the most of something, or the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Order {
    #[default]
    Confidence,
    /// Time of the last verification
    Date,
    /// Number of statements
    Evidence,
    /// Number of people
    People,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    which: Which,

    /// Order of the items: the highest first, or the newest
    #[arg(long, value_enum, ignore_case = true, default_value_t = Order::Confidence)]
    order: Order,

    /// List N items [default: all except those of low confidence, or else the 5 most certain]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
pub(super) struct Reviews {
    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    database: Database,
}

pub(super) fn list(args: &List, context: &Context) -> Result<Status> {
    let (mut items, ()) = args.which.items(context, |_, _| Ok(()))?;
    if args.which.status.is_none() && args.which.least().is_none() {
        let all = items.len();
        let is_shown = |item: &Item| item.confidence >= SHOWN || item.status != Standing::Pending.name();
        if items.iter().any(is_shown) {
            items.retain(is_shown);
        } else {
            // The items are sorted by confidence.
            items.truncate(BEST);
        }
        if let left @ 1.. = all - items.len() {
            let left = count(left as u64, "item");
            remark(&format!("note: {left} of lower confidence not shown; `--all` shows them"));
        }
    }
    match args.order {
        // The items are already sorted by confidence.
        Order::Confidence => {}
        Order::Date => items.sort_by(|a, b| b.last_verified.cmp(&a.last_verified)),
        Order::Evidence => items.sort_by_key(|item| Reverse(item.evidence)),
        Order::People => items.sort_by_key(|item| Reverse(item.verifiers)),
    }
    let (all, most) = (items.len(), args.limit.map_or(usize::MAX, |limit| limit as usize));
    if most < all {
        let first = match args.order {
            Order::Confidence => "the surest",
            Order::Date => "the newest",
            Order::Evidence => "those with the most evidence",
            Order::People => "those of the most people",
        };
        items.truncate(most);
        remark(&format!("note: {most} of {all} items, {first} first; --limit N shows more"));
    }
    args.form.list(&Listing {
        rows: &items,
        empty: "nothing to show",
        fields: vec![
            Field::name("Item"),
            Field::name("Domain").spare(1),
            Field::state("Status").spare(1),
            Field::name("Type").spare(3),
            Field::number("Confidence").spare(2),
            Field::number("People").spare(3),
            Field::number("Evidence").spare(3),
            Field::name("Last verified").spare(2),
            Field::text("Title").at_least(44),
        ],
        shown: &|item: &Item| {
            let Item { item_id, domain, status, kind, title, .. } = item;
            let day = item.last_verified.as_deref().and_then(|time| time.get(..10)).unwrap_or_default();
            let numbers = [format!("{:.2}", item.confidence), item.verifiers.to_string(), item.evidence.to_string()];
            let [confidence, verifiers, evidence] = numbers.each_ref().map(String::as_str);
            let status = if item.contradicted_since > 0 { "approved, contradicted" } else { status };
            [item_id, domain, status, kind, confidence, verifiers, evidence, day, title].map(str::to_owned).to_vec()
        },
        object: &object,
        names: &[
            "item_id",
            "domain",
            "status",
            "type",
            "confidence",
            "verifiers",
            "evidence",
            "last_verified",
            "title",
            "content",
        ],
        text: short_number,
    })
}

pub(super) fn reviews(args: &Reviews, context: &Context) -> Result<Status> {
    let (_, database) = args.database.find(context)?;
    let reviews = read(&database, context, |reader| knowledge::reviews(reader, None))?;
    args.form.list(&Listing {
        rows: &reviews,
        empty: "nothing to show",
        fields: vec![
            Field::name("When").spare(1),
            Field::name("Who"),
            Field::name("Decision"),
            Field::name("Item"),
            Field::name("Other"),
            Field::name("Item now"),
        ],
        shown: &|review: &Review| {
            let object = object(review);
            let of_now = match (review.stated, &review.item_now) {
                (_, Some(item)) => item,
                (true, None) => &review.item_id,
                (false, None) => "without an item",
            };
            let cells = NAMES.iter().take(5).map(|name| word(&object[*name]));
            cells.chain([of_now.to_owned()]).collect()
        },
        object: &object,
        names: &NAMES,
        text: word,
    })
}

/// The columns of a decision.
const NAMES: [&str; 8] =
    ["reviewed_at", "reviewer", "action", "item_id", "other_id", "stated", "item_now", "other_now"];

fn word(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        value => plain(value),
    }
}
