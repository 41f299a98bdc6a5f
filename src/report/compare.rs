//! Compares a sheet with a sheet of other days: adds the earlier value of each row and the change since.

use crate::base::days::Days;
use crate::base::error::{Result, count};
use crate::base::zone::Period;
use crate::report::{Column, Row, Sheet, UNSEEN, Unit, ratio};
use chrono::{Datelike as _, Months, NaiveDate, TimeDelta, Weekday};
use std::collections::BTreeMap;

/// The earlier values, by all keys of a row.
type Known = BTreeMap<Vec<Option<String>>, i128>;

/// Adds the earlier value of the most important column, and the change since. Rows of days, weeks and months are
/// compared with the row at the same position in the earlier days, all other rows with the row of the same name. A row
/// that exists only in the earlier days is added without current values, so that the earlier values add up to their
/// total.
pub fn compare(sheet: &mut Sheet, before: &Sheet, days: Days, then: Days) {
    let Some(at) = sheet.weight().or_else(|| before.weight()) else { return };
    let weight = |row: &Row| row.numbers.get(at).copied().flatten();
    let mut known = Known::new();
    for row in &before.rows {
        let keys = row.keys().zip(before.keys()).map(|(key, name)| moved(key?, name, days, then));
        *known.entry(keys.collect()).or_default() += weight(row).unwrap_or_default();
    }
    for row in &mut sheet.rows {
        let was = known.remove(&keys(row)).or_else(|| nothing_before(weight(row)));
        row.numbers.extend(since(weight(row), was));
    }
    let gone = known.into_iter().filter(|(_, was)| *was > 0).map(|(keys, was)| {
        let mut keys = keys.into_iter();
        let numbers = sheet.columns.iter().map(|_| Some(0)).chain(since(Some(0), Some(was))).collect();
        Row { key: keys.next().flatten(), then: keys.collect(), numbers, ..Row::default() }
    });
    let gone: Vec<_> = gone.collect();
    sheet.rows.extend(gone);
    if TIMES.contains(&sheet.by) {
        // Rows of the same time keep their order.
        sheet.rows.sort_by(|a, b| a.key.cmp(&b.key));
    }
    let was = total_before(sheet, before, at);
    sheet.totals.extend(since(total(sheet, at), was));
    let note = match add_columns(sheet, at) {
        true => format!("{} is compared with that of {then}{}", what(sheet, at), longer(days, then)),
        false => format!("nothing to compare with {}", then.within()),
    };
    sheet.notes.push(note);
}

fn total(sheet: &Sheet, at: usize) -> Option<i128> {
    sheet.totals.get(at).copied().flatten()
}

/// The total of the earlier days: 0 if they have no rows.
fn total_before(sheet: &Sheet, before: &Sheet, at: usize) -> Option<i128> {
    total(before, at).or_else(|| nothing_before(total(sheet, at)).filter(|_| before.rows.is_empty()))
}

/// The earlier value of something new: 0.
fn nothing_before(now: Option<i128>) -> Option<i128> {
    now.map(|_| 0)
}

/// Says that the numbers of days differ, unless they differ by at most a tenth, as months do.
fn longer(days: Days, then: Days) -> String {
    match days.length().zip(then.length()) {
        Some((days, then)) if days.min(then) * 10 < days.max(then) * 9 => {
            format!(": {} with {}", count(days, "day"), count(then, "day"))
        }
        _ => String::new(),
    }
}

/// A key of a sheet whose rows are days, weeks or months.
pub struct Times {
    /// The index of the key.
    at: usize,
    period: Period,
}

impl Times {
    /// The first such key of a sheet.
    pub fn of(sheet: &Sheet) -> Option<Self> {
        sheet.keys().enumerate().find_map(|(at, name)| {
            let period = match name {
                "day" => Period::Day,
                "week" => Period::Week,
                "month" => Period::Month,
                _ => return None,
            };
            Some(Self { at, period })
        })
    }

    /// The first day of the period with this name.
    fn first(&self, name: &str) -> Option<NaiveDate> {
        let name = if self.period.name() == "month" { format!("{name}-01") } else { name.to_owned() };
        name.parse().ok()
    }

    /// The same day in the next period, or, with `back`, in the previous one.
    fn moved(&self, day: NaiveDate, back: bool) -> NaiveDate {
        let month = Months::new(1);
        let moved = match (self.period.name(), back) {
            ("month", true) => day.checked_sub_months(month),
            ("month", false) => day.checked_add_months(month),
            (name, back) => {
                let days = TimeDelta::days(if name == "week" { 7 } else { 1 });
                day.checked_add_signed(if back { -days } else { days })
            }
        };
        moved.unwrap_or(day)
    }

    /// Adds a note about weeks or months that the range of days cuts: their rows have only a part of the period. A
    /// period that is incomplete only because it is not over yet is not mentioned.
    pub fn tell_cut(&self, sheet: &mut Sheet, days: Days, today: NaiveDate) {
        let part = |edge: Option<NaiveDate>| {
            let name = self.period.of_day(edge?);
            let first = self.first(&name)?;
            let last = self.moved(first, false).pred_opt()?;
            let (since, until) = (days.since.unwrap_or(first).max(first), days.until.unwrap_or(last).min(last));
            let is_cut = since > first || until < last.min(today);
            let is_shown = sheet.rows.iter().any(|row| row.keys().nth(self.at).flatten() == Some(&name));
            let words = format!("{name} has only {}", Days { since: Some(since), until: Some(until) });
            (is_cut && is_shown).then_some((name, words))
        };
        let parts: BTreeMap<String, String> = [days.since, days.until].into_iter().filter_map(part).collect();
        if !parts.is_empty() {
            let parts = parts.into_values().collect::<Vec<_>>().join(", ");
            sheet.notes.push(format!("the days that are asked for cut a {}: {parts}", self.period.name()));
        }
    }

    /// Adds the value of the most important column one day, week or month before, and the change since. The last period
    /// may not be over, or may be cut by the range of days; then it is compared with an equally long part of the period
    /// before. The total is compared with that of `of_total`, if given. Adding up the earlier values of the rows would
    /// not do: each period is in it twice, as a row and as the one before the next row.
    ///
    /// ```text
    /// month     compared with, on 10 March
    /// 2026-02   January
    /// 2026-03   1 to 10 February
    /// ```
    ///
    /// # Errors
    ///
    /// If `make` cannot make the sheet of other days.
    pub fn compare(
        &self,
        sheet: &mut Sheet,
        days: Days,
        of_total: Option<Days>,
        today: NaiveDate,
        make: impl Fn(Days) -> Result<Sheet>,
    ) -> Result<()> {
        let before = make(Days { since: days.since.map(|since| self.moved(since, true)), ..days })?;
        let Some(at) = sheet.weight().or_else(|| before.weight()) else { return Ok(()) };
        let weight = |row: &Row| row.numbers.get(at).copied().flatten();
        let mut known = Known::new();
        let add = |known: &mut Known, sheet: &Sheet| {
            for row in &sheet.rows {
                let mut keys = keys(row);
                let next = keys[self.at].as_deref().and_then(|name| self.first(name)).map(|day| self.moved(day, false));
                let Some(next) = next else { continue };
                keys[self.at] = Some(self.period.of_day(next));
                *known.entry(keys).or_default() += weight(row).unwrap_or_default();
            }
        };
        add(&mut known, &before);
        let end = days.until.unwrap_or(today).min(today);
        let last = self.period.of_day(end);
        let mut note = format!("{} is compared with that of the {} before", what(sheet, at), self.period.name());
        let has_last = sheet.rows.iter().any(|row| row.keys().nth(self.at).flatten() == Some(&last));
        let goes_on =
            |day: NaiveDate| day.succ_opt().is_some_and(|next| self.period.of_day(next) == self.period.of_day(day));
        // Today is not over, and the period before can be a day longer.
        let is_part = goes_on(end) || end == today && goes_on(self.moved(end, true));
        if has_last
            && is_part
            && let Some(first) = self.first(&last)
        {
            let first = days.since.map_or(first, |since| since.max(first));
            let part = Days { since: Some(self.moved(first, true)), until: Some(self.moved(end, true)) };
            known.retain(|keys, _| keys[self.at].as_deref() != Some(&last));
            add(&mut known, &make(part)?);
            note += &format!("; that of {last}, which ends on {end} here, with {part}");
        }
        for row in &mut sheet.rows {
            let was = known.get(&keys(row)).copied().or_else(|| nothing_before(weight(row)));
            row.numbers.extend(since(weight(row), was));
        }
        let was = match of_total {
            Some(then) => {
                note += &format!("; the total with that of {then}");
                total_before(sheet, &make(then)?, at)
            }
            None => None,
        };
        sheet.totals.extend(since(total(sheet, at), was));
        if !add_columns(sheet, at) {
            note = format!("nothing to compare with: no {} has another one before it", self.period.name());
        }
        sheet.notes.push(note);
        Ok(())
    }
}

fn keys(row: &Row) -> Vec<Option<String>> {
    row.keys().map(|key| key.map(str::to_owned)).collect()
}

/// The earlier value, the difference, and the difference as a share of the earlier value.
fn since(now: Option<i128>, was: Option<i128>) -> [Option<i128>; 3] {
    [was, was.map(|was| now.unwrap_or_default() - was), change(now, was)]
}

/// Adds the columns for the numbers that were appended to the rows. Returns whether there was any earlier value. If
/// there was none, only programs get the columns: a table would say three times that everything is new.
fn add_columns(sheet: &mut Sheet, at: usize) -> bool {
    let unit = sheet.columns[at].unit;
    let before = sheet.columns.len();
    let numbers = sheet.rows.iter().map(|row| &row.numbers).chain([&sheet.totals]);
    let has_any = numbers.filter_map(|numbers| numbers.get(before).copied().flatten()).any(|was| was != 0);
    let rank = |rank| if has_any { rank } else { UNSEEN };
    sheet.columns.to_mut().extend([
        Column { name: "before", title: "Before", unit, rank: rank(0) },
        Column { name: "difference", title: "Difference", unit, rank: rank(DIFFERENCE) },
        Column { name: "change", title: "Change", unit: Unit::Change, rank: rank(0) },
    ]);
    has_any
}

fn what(sheet: &Sheet, at: usize) -> String {
    sheet.columns[at].title.to_lowercase()
}

/// On a narrow screen, the difference is dropped first: readers can compute it.
const DIFFERENCE: u8 = 50;

/// A change of +100 %.
pub const WHOLE: i128 = 1_000_000;

/// Keys whose rows are sorted by time.
const TIMES: [&str; 5] = ["day", "week", "month", "hour", "block"];

/// The key that a period of the earlier days has among the current days: the first week of the one is compared with the
/// first week of the other, and so on, whatever the weekdays on which they begin.
fn moved(key: &str, name: &str, days: Days, then: Days) -> Option<String> {
    let (Some(since), Some(begin)) = (days.since, then.since) else { return Some(key.to_owned()) };
    let monday = |day: NaiveDate| day.week(Weekday::Mon).checked_first_day().unwrap_or(day);
    let months = |day: NaiveDate| day.year() * 12 + day.month0().cast_signed();
    let moved = match name {
        "day" => key.parse().ok().map(|day: NaiveDate| (since + (day - begin)).to_string()),
        "week" => key.parse().ok().map(|week: NaiveDate| (monday(since) + (week - monday(begin))).to_string()),
        "month" => format!("{key}-01").parse().ok().map(|month: NaiveDate| {
            let month = months(since) + months(month) - months(begin);
            format!("{:04}-{:02}", month.div_euclid(12), month.rem_euclid(12) + 1)
        }),
        _ => None,
    };
    Some(moved.unwrap_or_else(|| key.to_owned()))
}

/// The change of something that was not there before: more than any other change.
pub const NEW: i128 = i128::MAX;

/// The change in millionths, rounded down. A value shown with fewer digits is rounded from this, with the same result
/// as from the exact ratio. `None` if the earlier value is unknown, or if both values are zero.
pub fn change(now: Option<i128>, was: Option<i128>) -> Option<i128> {
    match (now.unwrap_or_default(), was?) {
        (1.., 0) => Some(NEW),
        (_, ..=0) => None,
        (now, was) => Some(((now - was) * WHOLE).div_euclid(was)),
    }
}

/// A change for programs, with three decimal places; `None` for something new.
pub fn number(change: i128) -> Option<f64> {
    (change != NEW).then(|| ratio(change, WHOLE, 1000) as f64 / 1000.0)
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
        let row = |key: &str, now: i128, was: Option<i128>, change| {
            (key.to_owned(), vec![Some(now), was, was.map(|was| now - was), change])
        };
        assert_eq!(
            compared("user", &[("ada", 30), ("bob", 5)], &[("ada", 20), ("eve", 7)]),
            [
                row("ada", 30, Some(20), Some(500_000)),
                row("bob", 5, Some(0), Some(NEW)),
                row("eve", 0, Some(7), Some(-1_000_000)),
                row("Total", 35, Some(27), Some(296_296)),
            ]
        );
    }

    #[test]
    fn a_table_has_no_comparison_with_nothing() {
        let days = |since: &str, until: &str| Days { since: since.parse().ok(), until: until.parse().ok() };
        let (now, then) = (days("2026-03-02", "2026-03-03"), days("2026-02-23", "2026-02-24"));
        let ranks = |was: &[(&str, i128)]| {
            let mut sheet = sheet("user", &[("ada", 30)]);
            compare(&mut sheet, &self::sheet("user", was), now, then);
            let ranks = sheet.columns.iter().map(|column| column.rank).collect::<Vec<_>>();
            (ranks, sheet.notes.concat(), sheet.rows[0].numbers[1..].to_vec())
        };
        let nothing = "nothing to compare with from 2026-02-23 to 2026-02-24".to_owned();
        assert_eq!(ranks(&[]), (vec![0, UNSEEN, UNSEEN, UNSEEN], nothing, vec![Some(0), Some(30), Some(NEW)]));
        let note = "cost is compared with that of 2026-02-23 to 2026-02-24".to_owned();
        let numbers = vec![Some(20), Some(10), Some(500_000)];
        assert_eq!(ranks(&[("ada", 20)]), (vec![0, 0, DIFFERENCE, 0], note, numbers));
    }

    #[test]
    fn times_are_compared_with_what_was_at_the_same_place() {
        let row = |key: &str, now: i128, was: Option<i128>, change| {
            (key.to_owned(), vec![Some(now), was, was.map(|was| now - was), change])
        };
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
    fn weeks_and_months_are_counted_from_the_first_day() {
        let days = |since: &str, until: &str| Days { since: since.parse().ok(), until: until.parse().ok() };
        // Of 2024, January begins on a Monday; December of 2023 on a Friday.
        let (january, december) = (days("2024-01-01", "2024-01-31"), days("2023-12-01", "2023-12-31"));
        for (was, now) in [("2023-11-27", "2024-01-01"), ("2023-12-04", "2024-01-08"), ("2023-12-25", "2024-01-29")] {
            assert_eq!(moved(was, "week", january, december).unwrap(), now);
        }
        let (leap, before) = (days("2024-01-01", "2024-12-31"), days("2023-01-01", "2023-12-31"));
        for (was, now) in [("2023-02", "2024-02"), ("2023-03", "2024-03"), ("2023-12", "2024-12")] {
            assert_eq!(moved(was, "month", leap, before).unwrap(), now);
        }
        let (days, before) = (days("2026-01-20", "2026-02-05"), days("2026-01-03", "2026-01-19"));
        assert_eq!(moved("2026-01", "month", days, before).unwrap(), "2026-01");
    }

    #[test]
    fn rows_of_time_are_compared_with_the_one_before() {
        // A cost of 1 for each day from 2 January to 10 March.
        let make = |days: Days| {
            let day = |text: &str| text.parse::<NaiveDate>().unwrap();
            let (first, last) = (day("2026-01-02"), day("2026-03-10"));
            let since = days.since.map_or(first, |since| since.max(first));
            let mut months: BTreeMap<String, i128> = BTreeMap::new();
            let days = since.iter_days().take_while(|day| *day <= days.until.unwrap_or(last).min(last));
            days.for_each(|day| *months.entry(Period::Month.of_day(day)).or_default() += 1);
            Ok(sheet("month", &months.iter().map(|(month, cost)| (month.as_str(), *cost)).collect::<Vec<_>>()))
        };
        let compared_on = |today: &str, days: Days| {
            let mut sheet = make(days).unwrap();
            let times = Times::of(&sheet).unwrap();
            times.compare(&mut sheet, days, days.before(), today.parse().unwrap(), make).unwrap();
            let numbers = |row: &Row| row.numbers[..3].to_vec();
            (sheet.rows.iter().map(numbers).collect::<Vec<_>>(), sheet.totals, sheet.notes)
        };
        let compared = |days| compared_on("2026-03-10", days);
        let (rows, totals, notes) = compared(Days::default());
        let row = |now, was: Option<i128>| vec![Some(now), was, was.map(|was| now - was)];
        assert_eq!(rows, [row(30, Some(0)), row(28, Some(30)), row(10, Some(10))]);
        assert_eq!(totals, [Some(68), None, None, None]);
        assert_eq!(
            notes,
            ["cost is compared with that of the month before; that of 2026-03, which ends on 2026-03-10 here, with \
              2026-02-01 to 2026-02-10"]
        );
        let days = |since: &str, until: &str| Days { since: since.parse().ok(), until: until.parse().ok() };
        let (rows, totals, notes) = compared(days("2026-02-01", "2026-02-28"));
        assert_eq!((rows, totals), (vec![row(28, Some(30))], vec![Some(28), Some(30), Some(-2), Some(-66_667)]));
        assert_eq!(
            notes,
            ["cost is compared with that of the month before; the total with that of 2026-01-01 to 2026-01-31"]
        );
        assert_eq!(compared(days("2026-02-20", "2026-03-05")).0, [row(9, Some(12)), row(5, Some(5))]);
        // The last day of the month is not over, and the month before has three days more.
        let (rows, _, notes) = compared_on("2026-02-28", days("2026-02-01", "2026-02-28"));
        assert_eq!(rows, [row(28, Some(27))]);
        assert!(notes[0].contains("that of 2026-02, which ends on 2026-02-28 here, with 2026-01-01 to 2026-01-28"));
    }

    #[test]
    fn weeks_and_months_that_the_days_cut_are_told() {
        let days = |since: &str, until: &str| Days { since: since.parse().ok(), until: until.parse().ok() };
        let told = |by, rows: &[(&str, i128)], days: Days, today: &str| {
            let mut sheet = sheet(by, rows);
            Times::of(&sheet).unwrap().tell_cut(&mut sheet, days, today.parse().unwrap());
            sheet.notes.join(", ")
        };
        // February 2026 begins on a Sunday and ends on a Saturday.
        let (february, weeks) = (days("2026-02-01", "2026-02-28"), [("2026-01-26", 1), ("2026-02-23", 2)]);
        assert_eq!(
            told("week", &weeks, february, "2026-06-01"),
            "the days that are asked for cut a week: 2026-01-26 has only 2026-02-01, 2026-02-23 has only 2026-02-23 to \
             2026-02-28"
        );
        assert_eq!(
            told("week", &weeks, days("2026-02-25", "2026-02-25"), "2026-06-01"),
            "the days that are asked for cut a week: 2026-02-23 has only 2026-02-25"
        );
        // No note for a week that is not over, a week without a row, or days.
        assert_eq!(told("week", &weeks, days("2026-02-23", "2026-02-26"), "2026-02-26"), "");
        assert_eq!(told("week", &weeks[1..], days("2026-02-01", "2026-03-01"), "2026-06-01"), "");
        assert_eq!(told("day", &[("2026-02-01", 1)], february, "2026-06-01"), "");
        assert_eq!(told("month", &[("2026-02", 1)], february, "2026-06-01"), "");
        assert_eq!(told("month", &[("2026-02", 1)], Days::default(), "2026-06-01"), "");
        assert_eq!(
            told("month", &[("2026-02", 1)], Days { since: days("2026-02-02", "").since, until: None }, "2026-06-01"),
            "the days that are asked for cut a month: 2026-02 has only 2026-02-02 to 2026-02-28"
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
        assert_eq!([-333_334, 333_333, 999_500, 999_499].map(number), [-0.333, 0.333, 1.0, 0.999].map(Some));
        assert_eq!(
            [(None, Some(3)), (Some(4), Some(0)), (Some(0), Some(0)), (Some(4), None)]
                .map(|(now, was)| change(now, was)),
            [Some(-1_000_000), Some(NEW), None, None]
        );
        assert_eq!(number(NEW), None);
    }

    #[test]
    fn days_of_other_length_are_told() {
        let of = |since: &str, until: &str| Days { since: since.parse().ok(), until: until.parse().ok() };
        let (week, day) = (of("2026-03-02", "2026-03-08"), of("2026-03-01", "2026-03-01"));
        assert_eq!(longer(week, day), ": 7 days with 1 day");
        assert_eq!(longer(of("2026-02-01", "2026-02-28"), of("2026-03-01", "2026-03-31")), "");
        assert_eq!(longer(week, Days::default()), "");
    }
}
