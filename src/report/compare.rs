//! A sheet beside that of other days: what a row was then, and how much more it is now.

use crate::base::days::Days;
use crate::report::{Column, Row, Sheet, Unit, ratio};
use chrono::{NaiveDate, Weekday};
use std::collections::BTreeMap;

/// Adds the column that matters most as it was before, and the change since. Days, weeks and months are compared with what
/// was at the same place of the days before, and everything else by its name. What was there before only is a row without
/// anything now, so that the rows of before add up to their total.
pub fn compare(sheet: &mut Sheet, before: &Sheet, days: Days, then: Days) {
    let Some(at) = sheet.weight().or_else(|| before.weight()) else { return };
    let weight = |row: &Row| row.numbers.get(at).copied().flatten();
    let mut known: BTreeMap<Vec<Option<String>>, i128> = BTreeMap::new();
    for row in &before.rows {
        let keys = row.keys().zip(before.keys()).map(|(key, name)| moved(key?, name, days, then));
        *known.entry(keys.collect()).or_default() += weight(row).unwrap_or_default();
    }
    for row in &mut sheet.rows {
        let was = known.remove(&row.keys().map(|key| key.map(str::to_owned)).collect::<Vec<_>>());
        let now = weight(row);
        row.numbers.extend([was, change(now, was)]);
    }
    let gone = known.into_iter().filter(|(_, was)| *was > 0).map(|(keys, was)| {
        let mut keys = keys.into_iter();
        let numbers = sheet.columns.iter().map(|_| Some(0)).chain([Some(was), Some(-WHOLE)]).collect();
        Row { key: keys.next().flatten(), then: keys.collect(), numbers, ..Row::default() }
    });
    let gone: Vec<_> = gone.collect();
    sheet.rows.extend(gone);
    if TIMES.contains(&sheet.by) {
        // The rows of one time stay in their order.
        sheet.rows.sort_by(|a, b| a.key.cmp(&b.key));
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

/// A change by as much as there was.
pub const WHOLE: i128 = 1_000_000;

/// Keys whose rows are in the order of time.
const TIMES: [&str; 5] = ["day", "week", "month", "hour", "block"];

/// The key that a time of the days before has among the days now. Of a week or a month, the first of its days that is one
/// of them decides.
fn moved(key: &str, name: &str, days: Days, then: Days) -> Option<String> {
    let first = match name {
        "day" | "week" => key.parse::<NaiveDate>(),
        "month" => format!("{key}-01").parse::<NaiveDate>(),
        _ => return Some(key.to_owned()),
    };
    let (Ok(first), Some(since), Some(begin)) = (first, days.since, then.since) else { return Some(key.to_owned()) };
    let day = since + (first.max(begin) - begin);
    Some(match name {
        "week" => day.week(Weekday::Mon).checked_first_day().unwrap_or(day).to_string(),
        "month" => day.format("%Y-%m").to_string(),
        _ => day.to_string(),
    })
}

/// In millionths, cut and not rounded: whoever shows fewer digits rounds once, as from the exact ratio. `None` where there
/// was nothing before.
pub fn change(now: Option<i128>, was: Option<i128>) -> Option<i128> {
    let (now, was) = (now.unwrap_or_default(), was.filter(|was| *was > 0)?);
    Some(((now - was) * WHOLE).div_euclid(was))
}

/// A change as programs get it, to three digits.
pub fn number(change: i128) -> f64 {
    ratio(change, WHOLE, 1000) as f64 / 1000.0
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
                row("ada", 30, Some(20), Some(500_000)),
                row("bob", 5, None, None),
                row("eve", 0, Some(7), Some(-1_000_000)),
                row("Total", 35, Some(27), Some(296_296)),
            ]
        );
    }

    #[test]
    fn times_are_compared_with_what_was_at_the_same_place() {
        let row = |key: &str, now, was, change| (key.to_owned(), vec![Some(now), was, change]);
        assert_eq!(
            compared("day", &[("2026-03-03", 5)], &[("2026-02-23", 7), ("2026-02-24", 10)]),
            [
                row("2026-03-02", 0, Some(7), Some(-1_000_000)),
                row("2026-03-03", 5, Some(10), Some(-500_000)),
                row("Total", 5, Some(17), Some(-705_883)),
            ]
        );
        assert_eq!(
            compared("week", &[("2026-03-02", 30)], &[("2026-02-23", 20)]),
            [row("2026-03-02", 30, Some(20), Some(500_000)), row("Total", 30, Some(20), Some(500_000))]
        );
        assert_eq!(
            compared("month", &[("2026-03", 30)], &[("2026-02", 20)]),
            [row("2026-03", 30, Some(20), Some(500_000)), row("Total", 30, Some(20), Some(500_000))]
        );
    }

    #[test]
    fn a_week_that_is_cut_by_the_days_is_moved_by_the_first_day_in_them() {
        let days = |since: &str, until: &str| Days { since: since.parse().ok(), until: until.parse().ok() };
        // March against February: the 1st of February is a Sunday, as the 1st of March is.
        let (now, then) = (days("2026-03-01", "2026-03-31"), days("2026-02-01", "2026-02-28"));
        assert_eq!(moved("2026-01-26", "week", now, then).as_deref(), Some("2026-02-23"));
        assert_eq!(moved("2026-02-23", "week", now, then).as_deref(), Some("2026-03-23"));
        assert_eq!(moved("2026-02", "month", now, then).as_deref(), Some("2026-03"));
        assert_eq!(moved("13", "hour", now, then).as_deref(), Some("13"));
    }

    #[test]
    fn a_change_is_rounded_by_who_shows_it() {
        assert_eq!(change(Some(2), Some(3)), Some(-333_334));
        assert_eq!(change(Some(4), Some(3)), Some(333_333));
        assert_eq!([-333_334, 333_333, 999_500, 999_499].map(number), [-0.333, 0.333, 1.0, 0.999]);
        assert_eq!(
            (change(None, Some(3)), change(Some(4), Some(0)), change(Some(4), None)),
            (Some(-1_000_000), None, None)
        );
    }
}
