//! The digest of some days, for team leads: what was spent and by whom, what changed, what failed at what cost, what
//! needs a decision, and how reliable the figures are.

use super::budget::{self, BudgetStatus};
use crate::base::days::{Days, Span};
use crate::base::error::{Result, count};
use crate::command::scope::ReportSetup;
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::errors;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::outcomes::{OutcomesBy, outcomes};
use crate::plugs::usage::report::trouble::{Kind, Trouble};
use crate::plugs::usage::report::usage::usage;
use crate::plugs::verification::report::knowledge::{self, Item};
use crate::plugs::verification::settings::Settings;
use crate::price::{PicoUsd, Prices};
use crate::report::compare::{change, compare};
use crate::report::{Column, Row, Sheet};
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};
use sessionmill_verification::confidence::SHOWN;
use sessionmill_verification::review::Standing as Review;

/// The digest.
pub(super) struct Digest {
    pub(super) days: Days,
    pub(super) before: Days,
    /// Such as `project shop`; empty if the digest is about everything.
    pub(super) about: Vec<String>,
    pub(super) cost: Option<PicoUsd>,
    pub(super) cost_before: Option<PicoUsd>,
    /// The amount that caches saved.
    pub(super) saved: Option<PicoUsd>,
    pub(super) sections: Vec<Section>,
    /// Budgets of the current month, if the days are in it.
    pub(super) budgets: Vec<BudgetStatus>,
    /// Whether nothing happened in the days.
    pub(super) is_empty: bool,
    /// When the figures were read in (RFC 3339).
    pub(super) as_of: Option<String>,
}

/// A section: a table with notes.
pub(super) struct Section {
    /// The name in JSON.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) sheet: Sheet,
    /// The text if the table has no rows.
    pub(super) empty: String,
}

/// The most rows of a table of names.
const MOST: usize = 10;

const TROUBLES: [Column; 2] = [Column::failures("count", "Count"), Column::money("cost_usd", "Cost").spare()];
const ITEMS: [Column; 2] = [Column::count("evidence", "Evidence"), Column::count("people", "People")];

const SPENT: [&str; 5] = ["responses", "total_tokens", "cost_usd", "before", "change"];
const WORK: [&str; 10] = [
    "active_seconds",
    "cost_usd",
    "cost_per_active_hour_usd",
    "cost_per_commit_usd",
    "lines_added",
    "lines_removed",
    "commits",
    "pull_requests",
    "test_runs",
    "failed_test_runs",
];

const PROBLEMS: [Kind; 3] = [Kind::RetryLoop, Kind::Cause, Kind::ApiCause];
const QUALITY: [Kind; 6] = [
    Kind::MissingSubagent,
    Kind::FailedFile,
    Kind::MalformedLine,
    Kind::UnknownLine,
    Kind::Placeholder,
    Kind::Unpriced,
];

impl Digest {
    /// Reads the digest of some days, compared with the days before, restricted by the filter.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub(super) fn read(
        reader: Reader<'_>,
        setup: &ReportSetup,
        whole: &Filter,
        prices: &Prices,
        [days, before]: [Days; 2],
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let of = |days| Filter { days, ..whole.clone() };
        let (filter, then) = (of(days), of(before));
        let compared = |by: By| -> Result<Sheet> {
            let mut sheet = usage(reader, &[by], &filter, prices)?;
            compare(&mut sheet, &usage(reader, &[by], &then, prices)?, days, before);
            sheet.explanation.clear();
            Ok(sheet)
        };
        let short = |mut sheet: Sheet, columns: &[&str]| {
            sheet.keep(columns);
            // A cost is in the row, so the title need not say that tokens are a total.
            let tokens = sheet.columns.to_mut().iter_mut().find(|column| column.name == "total_tokens");
            tokens.into_iter().for_each(|column| column.title = "Tokens");
            without_notes(sheet)
        };
        let mut spend = usage(reader, &[By::Day], &filter, prices)?;
        spend.explanation.clear();
        let projects = compared(By::Project)?;
        let total = |sheet: &Sheet, name: &str| {
            let at = sheet.columns.iter().position(|column| column.name == name);
            at.and_then(|at| sheet.totals.get(at).copied().flatten())
        };
        let (cost, cost_before, as_of) = (total(&spend, "cost_usd"), total(&projects, "before"), spend.as_of.clone());
        let saved = spend.saved;
        let is_empty = total(&spend, "responses").unwrap_or_default() == 0;
        let mut projects = movers(projects);
        if is_empty {
            // Without any usage, such as in days to come, a change from before means nothing.
            projects.rows.clear();
        }
        let people = outcomes(reader, OutcomesBy::User, &filter, prices)?;
        let troubles = errors::errors(reader, &filter, prices, &[&PROBLEMS[..], &QUALITY].concat())?;
        let of_kinds =
            |kinds: &[Kind]| troubles.iter().filter(|trouble| kinds.contains(&trouble.kind)).collect::<Vec<_>>();
        let section = |name, title, sheet, empty: &str| Section { name, title, sheet, empty: empty.to_owned() };
        let (waiting, review) = pending(reader, setup, now)?;
        let mut sections = vec![
            section("spend", "Spend by day", short(spend, &SPENT), "Nothing was spent."),
            section("people", "People", short(people, &WORK), "Nobody was at work."),
            section("movers", "Projects that changed most", short(projects, &SPENT), "No project changed."),
            section("problems", "Problems", problems(of_kinds(&PROBLEMS)), "No call failed."),
            section("knowledge", "Knowledge to review", waiting, &review),
            section("quality", "Data quality", problems(of_kinds(&QUALITY)), "Nothing is wrong with the data."),
        ];
        // Knowledge and budgets cannot be restricted to a project or team.
        sections.retain(|section| section.name != "knowledge" || !whole.is_narrow());
        let budgets = match Span::Month(0).days(setup.today).meets(days) && !whole.is_narrow() {
            true => budget::standings(reader, &setup.config, &setup.identities, prices, setup.zone, now)?,
            false => Vec::new(),
        };
        let about = whole.names().map(|(what, _, only)| format!("{what} {}", only.name)).collect();
        Ok(Self { days, before, about, cost, cost_before, saved, sections, budgets, is_empty, as_of })
    }

    pub(super) fn change(&self) -> Option<i128> {
        change(self.cost, self.cost_before)
    }
}

fn without_notes(sheet: Sheet) -> Sheet {
    Sheet { notes: Vec::new(), pending: 0, ..sheet }
}

/// The rows with the greatest change in cost.
fn movers(mut sheet: Sheet) -> Sheet {
    let at = |name: &str| sheet.columns.iter().position(|column| column.name == name);
    let (Some(cost), Some(before)) = (at("cost_usd"), at("before")) else { return sheet };
    let number = |row: &Row, at: usize| row.numbers.get(at).copied().flatten().unwrap_or_default();
    let moved = |row: &Row| (number(row, cost) - number(row, before)).abs();
    sheet.rows.retain(|row| moved(row) > 0);
    sheet.rows.sort_by_key(|row| std::cmp::Reverse(moved(row)));
    sheet.rows.truncate(MOST);
    sheet
}

/// Troubles as rows: those with a cost first, then by number.
fn problems(mut troubles: Vec<&Trouble>) -> Sheet {
    troubles.sort_by_key(|trouble| std::cmp::Reverse((trouble.cost, trouble.count)));
    let row = |trouble: &&Trouble| {
        let name = format!("{}: {}", trouble.kind.words(), trouble.words());
        Row::new(Some(name), vec![Some(trouble.count), trouble.cost])
    };
    sheet("problem", &TROUBLES, troubles.iter().map(row).collect())
}

/// Items without a decision: the most likely ones, and a sentence with their number.
fn pending(reader: Reader<'_>, setup: &ReportSetup, now: DateTime<Utc>) -> Result<(Sheet, String)> {
    let weights = setup.config.settings::<Settings>().confidence;
    let filter = knowledge::Filter {
        identities: setup.identities.clone(),
        status: Some(Review::Pending.name().to_owned()),
        ..knowledge::Filter::default()
    };
    let mut items = knowledge::items(reader, &filter, &weights, now)?;
    let all = items.len();
    items.retain(|item| item.confidence >= SHOWN);
    let row = |item: &Item| {
        let name = format!("{} {}", item.item_id, item.title);
        Row::new(Some(name), vec![Some(item.evidence.into()), Some(item.verifiers.into())])
    };
    let waiting = count(all as u64, "item");
    let words = match (all, items.len()) {
        (0, _) => "Nothing waits for a review.".to_owned(),
        (_, 0) => {
            format!("Pending: {waiting}, none with a confidence of {SHOWN} or more: `knowledge --all` shows them.")
        }
        (_, likely) => format!("Pending: {waiting}, {likely} of them with a confidence of {SHOWN} or more."),
    };
    let mut sheet = sheet("item", &ITEMS, items.iter().map(row).collect());
    sheet.notes.extend((!items.is_empty()).then(|| words.clone()));
    Ok((sheet, words))
}

/// A sheet without totals: a call can be in several rows, and rows count different things.
fn sheet(by: &'static str, columns: &'static [Column], rows: Vec<Row>) -> Sheet {
    let mut sheet = Sheet { by, columns: columns.into(), rows, ..Sheet::default() };
    sheet.limit(MOST);
    sheet
}
