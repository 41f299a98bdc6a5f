//! Items, and decisions about items, as lists.

use super::Which;
use crate::base::error::{Result, Status, count};
use crate::cli::place::read;
use crate::cli::{Context, Database, Form, print, remark, terminal_width};
use crate::plugs::verification::report::knowledge::{self, Item, Review};
use crate::report::csv;
use crate::report::grid::{Field, grid};
use crate::report::render::{self, Format};
use sessionmill_verification::confidence::SHOWN;
use sessionmill_verification::review::Standing;

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    which: Which,

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
    if args.which.status.is_none() && args.which.min_confidence.is_none() {
        let all = items.len();
        items.retain(|item| item.confidence >= SHOWN || item.status != Standing::Pending.name());
        if let left @ 1.. = all - items.len() {
            let left = count(left as u64, "item");
            remark(&format!("note: {left} with a confidence below {SHOWN} not shown; `--min-confidence 0` shows all"));
        }
    }
    write(
        &args.form,
        &items,
        [
            Field::name("Item"),
            Field::name("Domain").spare(1),
            Field::name("Status").spare(1),
            Field::name("Type").spare(3),
            Field::name("Confidence").spare(2),
            Field::name("People").spare(3),
            Field::name("Evidence").spare(3),
            Field::name("Last verified").spare(2),
            Field::text("Title"),
        ],
        [
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
        |item: &Item| {
            let Item { item_id, domain, status, kind, title, .. } = item;
            let day = item.last_verified.as_deref().and_then(|time| time.get(..10)).unwrap_or_default();
            let numbers = [format!("{:.2}", item.confidence), item.verifiers.to_string(), item.evidence.to_string()];
            let [confidence, verifiers, evidence] = numbers.each_ref().map(String::as_str);
            let status = if item.contradicted_since > 0 { "approved, contradicted" } else { status };
            [item_id, domain, status, kind, confidence, verifiers, evidence, day, title].map(str::to_owned)
        },
        |item: &Item| {
            let Item { item_id, domain, status, kind, title, content, .. } = item;
            let numbers = [item.confidence.to_string(), item.verifiers.to_string(), item.evidence.to_string()];
            let [confidence, verifiers, evidence] = numbers.each_ref().map(String::as_str);
            let last = item.last_verified.as_deref().unwrap_or_default();
            [item_id, domain, status, kind, confidence, verifiers, evidence, last, title, content].map(str::to_owned)
        },
    )
}

pub(super) fn reviews(args: &Reviews, context: &Context) -> Result<Status> {
    let (_, database) = args.database.find(context)?;
    let reviews = read(&database, context, |reader| knowledge::reviews(reader, None))?;
    let cells = |review: &Review| {
        let Review { item_id, action, other_id, reviewer, reviewed_at, stated, .. } = review;
        let [other, at] = [other_id, reviewed_at].map(|text| text.as_deref().unwrap_or_default());
        let stated = if *stated { "yes" } else { "no" };
        [at, reviewer, action, item_id, other, stated].map(str::to_owned)
    };
    write(
        &args.form,
        &reviews,
        [
            Field::name("When").spare(1),
            Field::name("Who"),
            Field::name("Decision"),
            Field::name("Item"),
            Field::name("Other"),
            Field::name("Stated").spare(2),
        ],
        ["reviewed_at", "reviewer", "action", "item_id", "other_id", "stated"],
        cells,
        cells,
    )
}

fn write<T: serde::Serialize, const N: usize, const M: usize>(
    form: &Form,
    rows: &[T],
    fields: [Field; N],
    names: [&str; M],
    words: impl Fn(&T) -> [String; N],
    cells: impl Fn(&T) -> [String; M],
) -> Result<Status> {
    print(&match form.format() {
        Format::Table if rows.is_empty() => "nothing to show\n".to_owned(),
        Format::Table => {
            let rows: Vec<_> = rows.iter().map(|row| words(row).to_vec()).collect();
            grid(&fields, &rows, terminal_width())
        }
        Format::Json => render::pretty(&rows),
        Format::Csv => csv::csv(names.map(str::to_owned).to_vec(), rows.iter().map(cells), form.texts())?,
    })
}
