//! `sessionmill report sessions`: the cost and the active time of each session.

use super::scope::Scope;
use crate::base::error::{Result, Status, thousands};
use crate::command::scope::{Rows, Usual};
use crate::command::{Form, remark, screen};
use crate::plug::Context;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::sessions::{self, CELLS, Order, Part, Session};
use crate::plugs::usage::report::spending::model_name;
use crate::plugs::usage::report::usage::without_price;
use crate::price::Prices;
use crate::report::grid::{Field, bar};
use crate::report::listing::{Listing, named};
use crate::report::money;
use crate::report::render::{hours, short};
use crate::store::cell::plain;
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Sessions, the costliest first
///
/// The title is the client's title of the session, else the first line of the first prompt, without credentials.
/// Subagents belong to the session that called them. Active time is the time between responses that are at most 10
/// minutes apart. `Interrupted` is how often a person stopped the agent. `sessionmill session ID` shows a session step
/// by step.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    scope: Scope,

    /// Only sessions in which a person interrupted the agent
    #[arg(long)]
    interrupted: bool,

    /// Order of the sessions: the highest first, or the newest
    #[arg(long, value_enum, ignore_case = true, default_value_t = Order::Cost)]
    order: Order,

    /// Show N sessions [default: 20 in a table on a terminal, else all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    #[command(flatten)]
    form: Form,
}

pub(super) fn sessions(args: &Args, context: &Context) -> Result<Status> {
    let report = args.scope.report(Usual::of(args.form.format(), Rows::Others), context)?;
    let most = usize::try_from(args.form.most(args.limit, 20)).unwrap_or(usize::MAX);
    let read = |reader: Reader<'_>, filter: &Filter, prices: &Prices| {
        let condition = filter.condition();
        let condition = if args.interrupted { condition.of_interrupted() } else { condition };
        sessions::part(reader, filter, &condition, prices, args.order, [0, most])
    };
    let Part { sessions, all } = report.read(context, |read| read.sessions.is_empty(), read)?;
    if sessions.len() < all {
        let first = match args.order {
            Order::Cost => "the costliest",
            Order::Date => "the newest",
            Order::Duration => "those of the longest active time",
            Order::Tokens => "those of the most tokens",
            Order::Responses => "those of the most responses",
            Order::Calls => "those of the most calls",
            Order::Failed => "those of the most failed calls",
        };
        remark(&format!("note: {} of {all} sessions, {first} first; --limit N shows more", sessions.len()));
    }
    let begun = |time: Option<DateTime<Utc>>| {
        time.map(|time| time.with_timezone(&report.filter.zone).format("%Y-%m-%d %H:%M").to_string())
    };
    // Columns that would be empty are left out.
    let has_stops = sessions.iter().any(|session| session.facts.interruptions > 0);
    let has_titles = sessions.iter().any(|session| session.facts.title.is_some());
    // If all sessions are of one person, the column of users is left out.
    let has_others = sessions.iter().any(|session| session.user != sessions[0].user);
    let user = has_others.then(|| Field::name("User").spare(4));
    // The column that the list is sorted by is never dropped.
    let spare = |order: Order, field: Field, rank| if args.order == order { field } else { field.spare(rank) };
    let fields = [
        Field::project("Project").spare(3),
        spare(Order::Date, Field::name("Started"), 1),
        spare(Order::Duration, Field::number("Active"), 2),
        spare(Order::Responses, Field::number("Responses"), 8),
        spare(Order::Tokens, Field::number("Tokens"), 5),
        spare(Order::Calls, Field::number("Calls"), 9),
        spare(Order::Failed, Field::failures("Failed"), 7),
        Field::number("Cost"),
    ];
    let mut unpriced: BTreeMap<String, i128> = BTreeMap::new();
    for (model, spent) in sessions.iter().flat_map(|session| &session.models).filter(|(_, spent)| spent.unpriced > 0) {
        *unpriced.entry(model_name(model.as_deref()).to_owned()).or_default() += spent.unpriced;
    }
    if let Some(words) = without_price(&unpriced.into_iter().collect::<Vec<_>>()) {
        remark(&format!("note: {words}"));
    }
    let title = has_titles.then(|| Field::line("Title").at_least(32));
    let stopped = Field::number("Interrupted");
    let stopped = has_stops.then(|| if args.interrupted { stopped } else { stopped.spare(6) });
    let names = title.into_iter().chain([Field::id("Session")]).chain(user);
    // On a terminal, a bar compares each row with the costliest. Programs can compute this.
    let most = sessions.iter().filter_map(|session| session.spent.cost).max();
    let most = most.filter(|_| screen().is_terminal && sessions.len() > 1);
    args.form.list(&Listing {
        rows: &sessions,
        empty: "nothing to report",
        fields: names.chain(fields).chain(stopped).chain(most.map(|_| Field::drawing(""))).collect(),
        shown: &|session: &Session| {
            let title = has_titles.then(|| session.facts.title.clone().unwrap_or_else(|| "(no title)".to_owned()));
            let user = has_others.then(|| session.user.clone());
            let cells = [
                session.project.clone().unwrap_or_default(),
                begun(session.begun).unwrap_or_default(),
                hours(session.active_seconds),
                thousands(session.spent.responses),
                short(session.spent.tokens.total()),
                thousands(session.outcome.calls.into()),
                thousands(session.outcome.errors.into()),
                session.spent.cost.map_or_else(|| "–".to_owned(), money::rounded),
            ];
            let stopped = has_stops.then(|| thousands(session.facts.interruptions.into()));
            let part = most.map(|most| bar(session.spent.cost.unwrap_or_default(), most));
            title.into_iter().chain([session.id.clone()]).chain(user).chain(cells).chain(stopped).chain(part).collect()
        },
        object: &|session| named(CELLS, session.cells()),
        names: &CELLS,
        text: plain,
    })
}
