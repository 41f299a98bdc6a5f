//! Billing windows: five hours, from the start of the hour in which work begins.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::spending::{self, Columns, Spent, Uses};
use crate::price::Prices;
use crate::store::reader::{Reader, Row};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use std::collections::{BTreeMap, HashMap};

/// A window, and what was spent in it.
#[derive(Debug)]
pub struct Block {
    /// The start of the window: a full hour.
    pub start: DateTime<Utc>,
    /// Times of the first and the last response.
    pub first: DateTime<Utc>,
    pub last: DateTime<Utc>,
    pub spent: Spent,
    pub models: BTreeMap<String, Spent>,
}

/// The length of a window. A pause longer than this also ends a window.
pub const WINDOW: TimeDelta = TimeDelta::hours(5);

/// Which responses share windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accounts {
    /// Each person has an account.
    People,
    /// All people share one account, as in ccusage.
    One,
}

/// A window, computed from all responses of an account: the days and models of the filter do not change where it
/// begins.
struct Window {
    start: DateTime<Utc>,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
}

/// The group of a response: one hour, without its start but with its end. Windows begin and end at such limits, so no
/// group belongs to two windows.
const HOUR: &str = "(epoch_us(time) - 1) // 3600000000";

/// Reads the windows in order, each with the responses that match the filter. Responses without a time are left out.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn blocks<'p>(
    reader: Reader<'_>,
    prices: &'p Prices,
    filter: &Filter,
    accounts: Accounts,
) -> Result<(Vec<Block>, Uses<'p>)> {
    let account = |folder: String| match accounts {
        Accounts::People => filter.identities.label(&folder).to_owned(),
        Accounts::One => String::new(),
    };
    let windows = windows(reader, filter, account)?;
    let mut blocks: BTreeMap<(DateTime<Utc>, String), Block> = BTreeMap::new();
    let keys = ["username", HOUR, "min(epoch_us(time))", "max(epoch_us(time))"];
    let span = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<Option<i64>>(2)?, row.get::<Option<i64>>(3)?));
    let uses = spending::read(
        reader,
        prices,
        Columns::of(&keys).one_by_one(),
        &filter.condition(),
        span,
        |(folder, first, last), model, spent| {
            let time = |micros: Option<i64>| DateTime::from_timestamp_micros(micros?);
            let (Some(first), Some(last)) = (time(first), time(last)) else { return };
            let account = account(folder);
            let of_account = windows.get(&account).map(Vec::as_slice).unwrap_or_default();
            let at = of_account.partition_point(|window| window.first <= first);
            let Some(Window { start, .. }) = at.checked_sub(1).and_then(|at| of_account.get(at)) else { return };
            let block = blocks.entry((*start, account)).or_insert_with(|| {
                let (spent, models) = (Spent::default(), BTreeMap::new());
                Block { start: *start, first, last, spent, models }
            });
            block.first = block.first.min(first);
            block.last = block.last.max(last);
            block.spent.add(spent);
            block.models.entry(model.unwrap_or_default().to_owned()).or_default().add(spent);
        },
    )?;
    Ok((blocks.into_values().collect(), uses))
}

/// The windows of each account, in order.
fn windows(
    reader: Reader<'_>,
    filter: &Filter,
    account: impl Fn(String) -> String,
) -> Result<HashMap<String, Vec<Window>>> {
    let whole = Filter { days: Days::default(), project: None, model: None, ..filter.clone() };
    let Where { clause, params } = whole.condition();
    let sql = format!(
        "SELECT username, min(time) AS first, max(time) FROM usage_responses WHERE {clause} AND time IS NOT NULL
         GROUP BY username, {HOUR} ORDER BY first"
    );
    let mut windows: HashMap<String, Vec<Window>> = HashMap::new();
    reader.each(&sql, &params, |row| {
        let (Some(first), Some(last)) = (row.time(1)?, row.time(2)?) else { return Ok(()) };
        let of_account = windows.entry(account(row.get(0)?)).or_default();
        let fits = |window: &&mut Window| first - window.start <= WINDOW && first - window.last <= WINDOW;
        match of_account.last_mut().filter(fits) {
            Some(window) => window.last = window.last.max(last),
            None => {
                let start = first.duration_trunc(TimeDelta::hours(1)).unwrap_or(first);
                of_account.push(Window { start, first, last });
            }
        }
        Ok(())
    })?;
    Ok(windows)
}
