//! `sessionmill report errors`: what failed, and problems with the data.

use super::scope::{ReportContext, Scope};
use crate::base::error::{Result, Status, thousands};
use crate::command::scope::{Rows, Usual};
use crate::command::{Form, remark, screen};
use crate::plug::Context;
use crate::plugs::usage::report::errors;
use crate::plugs::usage::report::recurring::{self, Recurring, RecurringBy};
use crate::plugs::usage::report::trouble::{ALL, Kind, Order, Trouble, meaning};
use crate::report::grid::{Field, bar, sparkline};
use crate::report::listing::{Listing, object};
use crate::report::money;
use crate::store::cell::plain;
use serde_json::Value;
use std::collections::BTreeMap;

/// What failed, and what is wrong with the data
///
/// Failed tool calls by tool and by cause; calls that failed for the same cause in three or more consecutive responses;
/// files that were changed three or more times in a session; API errors; source files that a processor failed on;
/// malformed lines; unknown record types; placeholder output counts; models without a price. The cost is that of the
/// responses with the calls: a response with calls that failed for two causes counts for both. Subagents with at least
/// ten times the usual number of responses are listed, and subagents that were started but have no response here: their
/// transcripts are elsewhere, or they ended before they answered.
///
/// With --by: tools that fail for the same cause three or more times, in two or more sessions or in consecutive
/// responses, by project, person or team; with the cause, the number of calls, their cost, and advice.
///
/// Snapshots have no examples unless `titles` of `[publish]` is `all`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill report errors --period 7d\n  \
                        sessionmill report errors --by project --project shop")]
pub(super) struct Args {
    /// Show recurring failures, by project, person or team
    #[arg(long, value_enum)]
    by: Option<RecurringBy>,

    /// Order of all rows: the highest first, or the newest
    #[arg(long, value_enum, ignore_case = true)]
    order: Option<Order>,

    /// Show N rows of each kind, or with --by in all [default: 10 of each kind in a table on a terminal, else all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    #[command(flatten)]
    scope: Scope,

    #[command(flatten)]
    form: Form,
}

/// Writes the cell of a table column.
type Cell<'c> = &'c dyn Fn(&Trouble) -> String;

pub(super) fn errors(args: &Args, context: &Context) -> Result<Status> {
    let report = args.scope.report(Usual::of(args.form.format(), Rows::Others), context)?;
    if let Some(by) = args.by {
        return recurring(by, &report, args, context);
    }
    let mut troubles =
        report.read(context, Vec::is_empty, |reader, filter, prices| errors::errors(reader, filter, prices, &ALL))?;
    if let Some(order) = args.order {
        order.sort(&mut troubles, |trouble| (trouble.cost, trouble.count, trouble.first_seen.as_deref()));
    }
    let most = usize::try_from(args.form.most(args.limit, 10)).unwrap_or(usize::MAX);
    let mut numbers: BTreeMap<Kind, usize> = BTreeMap::new();
    troubles.retain(|trouble| {
        let number = numbers.entry(trouble.kind).or_default();
        *number += 1;
        *number <= most
    });
    for (kind, all) in numbers.into_iter().filter(|(_, all)| *all > most) {
        remark(&format!("note: {most} of {all} rows of {}; --limit N shows more", kind.words()));
    }
    if args.form.is_seen() && troubles.iter().any(|trouble| trouble.kind == Kind::Cause) {
        remark("note: --by project, user or team tells what recurs, and what may help");
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cost = |trouble: &Trouble| trouble.cost.map(money::rounded).unwrap_or_default();
    let day = |trouble: &Trouble| text(&trouble.first_seen).chars().take(10).collect();
    let example = |trouble: &Trouble| text(&trouble.example);
    // Columns that would be empty are left out.
    let part = |trouble: &Trouble| trouble.of.map(|of| bar(trouble.count, of)).filter(|_| screen().is_terminal);
    let part = |trouble: &Trouble| part(trouble).unwrap_or_default();
    let trend = |trouble: &Trouble| if screen().is_terminal { sparkline(&trouble.trend) } else { String::new() };
    let more: [(Field, Cell<'_>); 5] = [
        (Field::drawing(""), &part),
        (Field::drawing("Trend"), &trend),
        (Field::number("Cost").spare(2), &cost),
        (Field::name("First seen").spare(4), &day),
        (Field::line("Example").at_least(28).spare(3), &example),
    ];
    let has_any = |cell: Cell<'_>| troubles.iter().any(|trouble| !cell(trouble).is_empty());
    let (more, cells): (Vec<_>, Vec<_>) = more.into_iter().filter(|(_, cell)| has_any(cell)).unzip();
    let fields = [Field::name("Kind"), Field::text("What"), Field::number("Count"), Field::number("Of").spare(1)];
    args.form.list(&Listing {
        rows: &troubles,
        empty: "nothing to report",
        fields: fields.into_iter().chain(more).collect(),
        shown: &|trouble: &Trouble| {
            let Trouble { kind, count, of, .. } = trouble;
            let of = of.filter(|_| *kind != Kind::Runaway);
            let counts = [thousands(*count), of.map(thousands).unwrap_or_default()];
            let own = [kind.words().to_owned(), trouble.words()].into_iter().chain(counts);
            own.chain(cells.iter().map(|cell| cell(trouble))).collect()
        },
        object: &object,
        names: &["kind", "what", "count", "of", "cost_usd", "first_seen", "example"],
        text: plain,
    })
}

/// `report errors --by`: what fails for the same reason in several sessions.
fn recurring(by: RecurringBy, report: &ReportContext, args: &Args, context: &Context) -> Result<Status> {
    let mut rows = report
        .read(context, Vec::is_empty, |reader, filter, prices| recurring::recurring(reader, by, filter, prices))?;
    if let Some(order) = args.order {
        order.sort(&mut rows, |row| (row.cost, row.count, row.first_seen.as_deref()));
    }
    let (all, most) = (rows.len(), args.limit.map_or(usize::MAX, |limit| limit as usize));
    if most < all {
        rows.truncate(most);
        remark(&format!("note: {most} of {all} rows; --limit N shows more"));
    }
    let name = match by {
        RecurringBy::Project => Field::project("Project"),
        RecurringBy::User => Field::name("User"),
        RecurringBy::Team => Field::name("Team"),
    };
    let whose = |row: &Recurring| row.name.clone().unwrap_or_else(|| format!("(no {})", by.name()));
    // A column that would be empty is left out.
    let has_loops = rows.iter().any(|row| row.in_loops > 0);
    let fields = [
        name,
        Field::name("Tool"),
        Field::text("Why"),
        Field::number("Calls"),
        Field::number("Of").spare(4),
        Field::number("Sessions").spare(3),
    ];
    let more = [Field::number("Cost").spare(1), Field::text("What may help").at_least(20).spare(2)];
    let in_a_row = has_loops.then(|| Field::number("In a row").spare(5));
    args.form.list(&Listing {
        rows: &rows,
        empty: "no tool fails for one reason in several sessions, or in several responses in a row",
        fields: fields.into_iter().chain(in_a_row).chain(more).collect(),
        shown: &|row: &Recurring| {
            let numbers =
                [row.count, row.of, row.sessions as i128].into_iter().chain(has_loops.then_some(row.in_loops));
            let names = [whose(row), row.tool.clone(), meaning(&row.cause).to_owned()];
            let cost = row.cost.map(money::rounded).unwrap_or_default();
            names.into_iter().chain(numbers.map(thousands)).chain([cost, row.advice.to_owned()]).collect()
        },
        object: &|row: &Recurring| {
            let mut value = object(row);
            if let Value::Object(fields) = &mut value {
                fields.insert(by.name().to_owned(), row.name.clone().into());
            }
            value
        },
        names: &[
            by.name(),
            "tool",
            "cause",
            "count",
            "of",
            "sessions",
            "in_loops",
            "cost_usd",
            "advice",
            "first_seen",
            "example",
        ],
        text: plain,
    })
}
