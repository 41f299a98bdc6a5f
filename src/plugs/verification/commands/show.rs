//! `sessionmill knowledge show`: items with everything that is known of them.

use crate::base::error::{Error, Result, Status, count};
use crate::base::names;
use crate::base::printable::printable;
use crate::command::form::TableOrJson;
use crate::command::place::read;
use crate::command::{Database, print};
use crate::identities::Identities;
use crate::plug::Context;
use crate::plugs::verification::report::ids::{self, Named};
use crate::plugs::verification::report::knowledge::{self, Filter, Item, Piece, Relation, Review};
use crate::plugs::verification::settings::Settings;
use crate::report::render::pretty;
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Ids, as `list` shows them, or the beginnings of ids
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,

    #[command(flatten)]
    form: TableOrJson,

    #[command(flatten)]
    database: Database,
}

/// What is known of an id. `item` is `None` if there are decisions about the id, but nobody states it any more.
#[derive(Debug, Serialize)]
struct Page {
    id: String,
    item: Option<Item>,
    evidence: Vec<Piece>,
    relations: Vec<Relation>,
    reviews: Vec<Review>,
}

pub(super) fn show(args: &Args, context: &Context) -> Result<Status> {
    let (config, database) = args.database.find(context)?;
    let identities = Arc::new(Identities::given(config.identities.as_deref())?);
    let weights = config.settings::<Settings>().confidence;
    let pages = read(&database, context, |reader| {
        let mut pages = Vec::new();
        for id in &args.ids {
            let id = &ids::whole_id(reader, id)?;
            let filter = Filter { id: Some(id.clone()), identities: identities.clone(), ..Filter::default() };
            let items = knowledge::items(reader, &filter, &weights, context.now.wall)?;
            let reviews = knowledge::reviews(reader, Some(id))?;
            let mut evidence = knowledge::evidence(reader, Some(id), &identities)?;
            for item in &items {
                pages.push(Page {
                    id: id.clone(),
                    item: Some(item.clone()),
                    evidence: evidence.remove(id).unwrap_or_default(),
                    relations: knowledge::relations(reader, id)?,
                    reviews: reviews.clone(),
                });
            }
            if !items.is_empty() {
                continue;
            }
            match ids::named(reader, id)? {
                Named::Evidence { of } => {
                    return Err(Error::new(Status::Usage, format!("`{id}` is evidence of `{of}`"))
                        .hint(format!("`sessionmill knowledge show {of}` shows it")));
                }
                _ if reviews.is_empty() => {
                    let known = ids::all(reader)?;
                    return Err(names::unknown("item", id, known.iter().map(String::as_str)));
                }
                _ => pages.push(Page {
                    id: id.clone(),
                    item: None,
                    evidence: Vec::new(),
                    relations: Vec::new(),
                    reviews,
                }),
            }
        }
        Ok(pages)
    })?;
    let words = || pages.iter().map(Page::words).collect::<Vec<_>>().join("\n");
    print(&if args.form.is_json() { pretty(&pages) } else { words() })
}

impl Page {
    fn words(&self) -> String {
        let Some(item) = &self.item else {
            let mut words = format!("{}  nobody states it any more\n", printable(&self.id));
            self.write_reviews(&mut words);
            return words;
        };
        let mut words = format!("{}  {}\n{}\n\n", item.item_id, printable(&item.title), printable(&item.content));
        let mut line = |name: &str, text: &str| {
            let _ = writeln!(words, "{name:<11} {}", printable(text));
        };
        line("domain", &item.domain);
        line("status", &status(item));
        line("confidence", &format!("{:.2}: {}", item.confidence, grounds(item)));
        if !item.signs.is_empty() {
            let likelihood = item.likelihood.map(|likelihood| format!("{likelihood:.2}: ")).unwrap_or_default();
            line("heard by", &format!("{likelihood}{}", item.signs.join("; ")));
        }
        if let Some(scope) = &item.scope {
            line("scope", &item.project.as_ref().map_or(scope.clone(), |project| format!("{scope}, {project}")));
        }
        if !item.entities.is_empty() {
            line("entities", &item.entities.join(", "));
        }
        for piece in &self.evidence {
            let Piece { kind, user, session, line: at, time, .. } = piece;
            line("evidence", &format!("{} by {user}, {}, {session}:{at}", name(kind), minute(time.as_deref())));
            line("", &piece.quote.as_deref().map_or("(the quote is gone)".to_owned(), |quote| format!("“{quote}”")));
            if piece.statement_id != item.item_id {
                line("", &format!("in other words, as {}", piece.statement_id));
            }
        }
        for Relation { kind, from, to, score, judge, title } in &self.relations {
            let (other, words) = match (kind.as_str(), *from == item.item_id) {
                ("contradicts", true) => (to, "contradicts"),
                ("contradicts", false) => (from, "is contradicted by"),
                (_, true) => (to, "is likely a duplicate of"),
                (_, false) => (from, "is likely repeated by"),
            };
            let score = score.map(|score| format!("{score:.2}"));
            let grounds = score.into_iter().chain(judge.as_ref().map(|judge| format!("says {judge}")));
            let grounds = grounds.collect::<Vec<_>>().join(", ");
            line("relation", &format!("{words} {other} ({grounds}): {title}"));
        }
        self.write_reviews(&mut words);
        words
    }

    fn write_reviews(&self, words: &mut String) {
        for Review { item_id, action, other_id, reviewer, reviewed_at, item_now, other_now, .. } in &self.reviews {
            let named =
                |id: &str, now: &Option<String>| now.as_ref().map_or(id.to_owned(), |now| format!("{now} (then {id})"));
            let item_id = named(item_id, item_now);
            let other_id = other_id.as_ref().map(|id| named(id, other_now));
            let what = match (action.as_str(), other_id) {
                ("merge", Some(other)) => format!("merge {item_id} into {other}"),
                ("split", Some(other)) => format!("split {item_id} off {other}"),
                ("contradicts", Some(other)) => format!("{item_id} contradicts {other}"),
                _ => format!("{action} {item_id}"),
            };
            let text = format!("{} by {reviewer}: {what}", minute(reviewed_at.as_deref()));
            let _ = writeln!(words, "{:<11} {}", "review", printable(&text));
        }
    }
}

/// `approved by ada, 2026-02-01 10:00 UTC; contradicted since by 1 correction`.
pub(super) fn status(item: &Item) -> String {
    let since = match item.contradicted_since {
        0 => String::new(),
        number => format!("; contradicted since by {}", count(number, "correction")),
    };
    match &item.reviewer {
        Some(reviewer) => format!("{} by {reviewer}, {}{since}", item.status, minute(item.reviewed_at.as_deref())),
        None => item.status.clone(),
    }
}

/// `2 corrections, 1 definition by 2 people, last on 2026-02-01`.
pub(super) fn grounds(item: &Item) -> String {
    let kinds = [
        ("correction", item.corrections),
        ("confirmation", item.confirmations),
        ("definition", item.definitions),
        ("instruction", item.instructions),
    ];
    let kinds = kinds.into_iter().filter(|(_, number)| *number > 0);
    let kinds: Vec<_> = kinds.map(|(kind, number)| count(number, kind).to_string()).collect();
    let people = if item.verifiers == 1 { "1 person".to_owned() } else { format!("{} people", item.verifiers) };
    let last = item.last_verified.as_deref().and_then(|time| time.get(..10));
    let last = last.map(|day| format!(", last on {day}")).unwrap_or_default();
    let sessions = if item.sessions > 1 { format!(" in {} sessions", item.sessions) } else { String::new() };
    let against = match item.contradictions {
        0 => String::new(),
        number => format!(", contradicted by {}", count(number, "correction")),
    };
    format!("{} by {people}{sessions}{last}{against}", kinds.join(", "))
}

fn name(kind: &str) -> &str {
    if kind == "unprompted_definition" { "definition" } else { kind }
}

/// `2026-02-01 10:00 UTC`.
fn minute(time: Option<&str>) -> String {
    match time.and_then(|time| Some((time.get(..10)?, time.get(11..16)?))) {
        Some((day, minute)) => format!("{day} {minute} UTC"),
        None => "at an unknown time".to_owned(),
    }
}
