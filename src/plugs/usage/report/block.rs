//! Billing windows: five hours from the hour in which somebody begins to work.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::Where;
use crate::plugs::usage::report::spending::{self, Spent, Uses};
use crate::price::Prices;
use crate::store::reader::{Reader, Row};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use std::collections::BTreeMap;

/// One window, and what was spent in it.
#[derive(Debug)]
pub struct Block {
    /// A full hour.
    pub start: DateTime<Utc>,
    /// The first and the last response.
    pub first: DateTime<Utc>,
    pub last: DateTime<Utc>,
    pub spent: Spent,
    pub models: BTreeMap<String, Spent>,
}

/// Length of a window; a pause that is longer ends it too.
pub const WINDOW: TimeDelta = TimeDelta::hours(5);

/// Responses of one hour, its end included but not its beginning: the database adds up by these, which no
/// window cuts through.
struct Hour {
    first: DateTime<Utc>,
    last: DateTime<Utc>,
    model: Option<String>,
    spent: Spent,
}

/// Reads the windows of a condition, in order. What has no time is in none.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn blocks<'p>(reader: Reader<'_>, prices: &'p Prices, condition: &Where) -> Result<(Vec<Block>, Uses<'p>)> {
    let mut hours = Vec::new();
    let keys = ["(epoch_us(time) - 1) // 3600000000", "min(epoch_us(time))", "max(epoch_us(time))"];
    let span = |row: &Row<'_>| -> Result<(Option<i64>, Option<i64>)> { Ok((row.get(1)?, row.get(2)?)) };
    let uses = spending::read(reader, prices, &keys, condition, span, |(first, last), model, spent| {
        let time = |micros: Option<i64>| DateTime::from_timestamp_micros(micros?);
        if let (Some(first), Some(last)) = (time(first), time(last)) {
            hours.push(Hour { first, last, model: model.map(str::to_owned), spent: spent.clone() });
        }
    })?;
    hours.sort_by(|a, b| (a.first, &a.model).cmp(&(b.first, &b.model)));
    let mut blocks: Vec<Block> = Vec::new();
    for Hour { first, last, model, spent } in hours {
        let fits = |block: &&mut Block| first - block.start <= WINDOW && first - block.last <= WINDOW;
        let block = match blocks.last_mut().filter(fits) {
            Some(_) => blocks.last_mut(),
            None => {
                let start = first.duration_trunc(TimeDelta::hours(1)).unwrap_or(first);
                let (spent, models) = (Spent::default(), BTreeMap::new());
                blocks.push(Block { start, first, last, spent, models });
                blocks.last_mut()
            }
        };
        if let Some(block) = block {
            block.last = block.last.max(last);
            block.spent.add(&spent);
            block.models.entry(model.unwrap_or_default()).or_default().add(&spent);
        }
    }
    Ok((blocks, uses))
}
