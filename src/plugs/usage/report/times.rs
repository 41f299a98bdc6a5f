//! When there was usage: the newest response of a filter, and the steps of its charts.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::sums::Responses;
use crate::report::trend::Steps;
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};

/// The steps of the small charts in rows. They divide the days of the filter, or the days with usage if it has none.
///
/// # Errors
///
/// If the database cannot be read.
pub(in crate::plugs) fn steps(reader: Reader<'_>, filter: &Filter) -> Result<Steps> {
    let used = match filter.days {
        Days { since: Some(_), until: Some(_) } => [None; 2],
        _ => {
            let condition = filter.condition();
            let responses = Responses::added_up(reader, &condition, None)?.table;
            let sql = format!("SELECT min(first_time), max(last_time) FROM {responses} WHERE {}", condition.clause);
            reader.one(&sql, &condition.params, |row| Ok([row.time(0)?, row.time(1)?]))?
        }
    };
    Ok(Steps::of(filter.days, used, filter.zone))
}

/// The time of the last response that matches the names of a filter, on any day.
///
/// # Errors
///
/// If the database cannot be read.
pub fn newest(reader: Reader<'_>, filter: &Filter) -> Result<Option<DateTime<Utc>>> {
    let condition = Filter { days: Days::default(), ..filter.clone() }.condition();
    let responses = Responses::added_up(reader, &condition, None)?.table;
    let sql = format!("SELECT max(last_time) FROM {responses} WHERE {}", condition.clause);
    reader.one(&sql, &condition.params, |row| row.time(0))
}
