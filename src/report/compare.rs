//! A sheet beside that of other days: what a row was then, and how much more it is now.

use crate::base::days::Days;
use crate::report::{Column, Row, Sheet, Unit};
use chrono::NaiveDate;
use std::collections::HashMap;

/// Adds the column that matters most as it was before, and the change since. Days are compared with the day at the same
/// place of the days before, and everything else by its name; what was there before only is a row without anything now.
pub fn compare(sheet: &mut Sheet, before: &Sheet, days: Days, then: Days) {
    let Some(at) = sheet.weight().or_else(|| before.weight()) else { return };
    let shift = days.since.zip(then.since).map(|(now, then)| now - then);
    let moved = |key: Option<&str>, is_day: bool| match (key?.parse::<NaiveDate>(), shift) {
        (Ok(day), Some(shift)) if is_day => Some((day + shift).to_string()),
        _ => key.map(str::to_owned),
    };
    let keys = |row: &Row, of: &Sheet, moves: bool| {
        let keys = row.keys().zip(of.keys());
        keys.map(|(key, name)| moved(key, moves && name == "day")).collect::<Vec<_>>()
    };
    let weight = |row: &Row| row.numbers.get(at).copied().flatten();
    let mut known: HashMap<_, _> = before.rows.iter().map(|row| (keys(row, before, true), weight(row))).collect();
    let is_time = sheet.keys().any(|key| ["day", "week", "month", "hour", "block"].contains(&key));
    for row in &mut sheet.rows {
        let keys = row.keys().map(|key| key.map(str::to_owned)).collect::<Vec<_>>();
        let was = known.remove(&keys).flatten();
        let now = row.numbers.get(at).copied().flatten();
        row.numbers.extend([was, change(now, was)]);
    }
    if !is_time {
        let gone = before.rows.iter().filter(|row| known.contains_key(&keys(row, before, true)));
        let gone = gone.filter(|row| weight(row).is_some_and(|was| was > 0)).map(|row| {
            let nothing = sheet.columns.iter().map(|_| Some(0));
            let numbers = nothing.chain([weight(row), Some(-1000)]).collect();
            Row { key: row.key.clone(), then: row.then.clone(), numbers }
        });
        let gone: Vec<_> = gone.collect();
        sheet.rows.extend(gone);
    }
    let total = |sheet: &Sheet| sheet.totals.get(at).copied().flatten();
    let (now, was) = (total(sheet), total(before));
    sheet.totals.extend([was, change(now, was)]);
    let unit = sheet.columns[at].unit;
    sheet.columns.to_mut().extend([
        Column { name: "before", title: "Before", unit, rank: 0 },
        Column { name: "change", title: "Change", unit: Unit::Change, rank: 0 },
    ]);
    let what = sheet.columns[at].title.to_lowercase();
    sheet.notes.push(format!("{what} is compared with that of {then}"));
}

/// In thousandths; `None` where there was nothing before.
pub fn change(now: Option<i128>, was: Option<i128>) -> Option<i128> {
    let (now, was) = (now.unwrap_or_default(), was.filter(|was| *was > 0)?);
    Some(((now - was) * 2000 + was).div_euclid(was * 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 1] = [Column::money("cost_usd", "Cost")];

    fn sheet(by: &'static str, rows: &[(&str, i128)]) -> Sheet {
        let row = |(key, cost): &(&str, i128)| Row::new(Some((*key).to_owned()), vec![Some(*cost)]);
        let total = rows.iter().map(|(_, cost)| cost).sum();
        let rows = rows.iter().map(row).collect();
        Sheet { by, columns: COLUMNS.as_slice().into(), rows, totals: vec![Some(total)], ..Sheet::default() }
    }

    fn compared(by: &'static str, now: &[(&str, i128)], was: &[(&str, i128)]) -> Vec<(String, Vec<Option<i128>>)> {
        let days = |since: &str, until: &str| Days { since: since.parse().ok(), until: until.parse().ok() };
        let mut sheet = sheet(by, now);
        compare(&mut sheet, &self::sheet(by, was), days("2026-03-02", "2026-03-03"), days("2026-02-23", "2026-02-24"));
        let rows = sheet.rows.iter().map(|row| (row.key.clone().unwrap_or_default(), row.numbers.clone()));
        rows.chain([("Total".to_owned(), sheet.totals.clone())]).collect()
    }

    #[test]
    fn names_are_compared_with_themselves_and_what_is_gone_is_shown() {
        let row = |key: &str, now, was, change| (key.to_owned(), vec![Some(now), was, change]);
        assert_eq!(
            compared("user", &[("ada", 30), ("bob", 5)], &[("ada", 20), ("eve", 7)]),
            [
                row("ada", 30, Some(20), Some(500)),
                row("bob", 5, None, None),
                row("eve", 0, Some(7), Some(-1000)),
                row("Total", 35, Some(27), Some(296)),
            ]
        );
    }

    #[test]
    fn days_are_compared_with_the_day_at_the_same_place() {
        let row = |key: &str, now, was, change| (key.to_owned(), vec![Some(now), was, change]);
        assert_eq!(
            compared("day", &[("2026-03-02", 30), ("2026-03-03", 5)], &[("2026-02-24", 10)]),
            [
                row("2026-03-02", 30, None, None),
                row("2026-03-03", 5, Some(10), Some(-500)),
                row("Total", 35, Some(10), Some(2500)),
            ]
        );
    }

    #[test]
    fn a_change_is_rounded() {
        assert_eq!(change(Some(2), Some(3)), Some(-333));
        assert_eq!(change(Some(4), Some(3)), Some(333));
        assert_eq!((change(None, Some(3)), change(Some(4), Some(0)), change(Some(4), None)), (Some(-1000), None, None));
    }
}
