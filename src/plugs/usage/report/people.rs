//! The people behind each row of a report, as their folders.

use crate::base::error::Result;
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::key::Key;
use crate::plugs::usage::sums::Responses;
use crate::store::reader::Reader;
use std::collections::{BTreeMap, BTreeSet};

/// The folders behind each row, by the row's name. A person with several folders counts once, as the first of them.
/// Empty for reports that are not made by grouping responses.
///
/// # Errors
///
/// If the database cannot be read.
pub fn of_rows(reader: Reader<'_>, by: By, filter: &Filter) -> Result<BTreeMap<Option<String>, BTreeSet<String>>> {
    let mut people: BTreeMap<Option<String>, BTreeSet<String>> = BTreeMap::new();
    let Some(mut key) = Key::of(by, reader, filter)? else { return Ok(people) };
    let columns = key.columns();
    let keys = columns.join(", ");
    let condition = filter.condition();
    let responses = Responses::added_up(reader, &condition, None)?.table;
    let sql = format!(
        "SELECT DISTINCT {keys}, username AS folder FROM {responses} WHERE {} ORDER BY folder",
        condition.clause
    );
    let at = columns.len();
    let mut folders: BTreeMap<String, String> = BTreeMap::new();
    reader.each(&sql, &condition.params, |row| {
        let folder: String = row.get(at)?;
        let person = filter.identities.label(&folder).to_owned();
        let folder = folders.entry(person).or_insert(folder).clone();
        people.entry(key.name(row)?).or_default().insert(folder);
        Ok(())
    })?;
    Ok(people)
}
