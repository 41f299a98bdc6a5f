//! Ranges of days as people name them: `today`, `7d`, `last-month`, `2026-02`. Also the earlier range to compare one
//! with.

use chrono::{Datelike, Days as Step, Months, NaiveDate, Weekday};
use std::fmt;
use std::str::FromStr;

/// The first and the last day of a range; `None` where it is open on that side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Days {
    pub since: Option<NaiveDate>,
    pub until: Option<NaiveDate>,
}

impl Days {
    /// The days from one to another.
    ///
    /// # Errors
    ///
    /// If the last day is before the first.
    pub fn between(since: Option<NaiveDate>, until: Option<NaiveDate>) -> Result<Self, String> {
        match (since, until) {
            (Some(since), Some(until)) if since > until => Err(format!("there is no day from {since} until {until}")),
            _ => Ok(Self { since, until }),
        }
    }
}

/// A named range of days. Most depend on what day is today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// This many days, ending today.
    Last(u32),
    Yesterday,
    /// A calendar week, from Monday: 0 is this week, 1 the week before.
    /// A calendar month, counted back likewise.
    Week(u32),
    /// A calendar year, counted back likewise.
    Month(u32),
    Year(u32),
    /// The first and the last day of a given date, month, week or year.
    Of(NaiveDate, NaiveDate),
    All,
}

/// All forms of a name, for messages.
pub const NAMES: &str = "today, yesterday, 7d, 4w, this-week, last-week, this-month, last-month, this-year, last-year, 2026, \
     2026-02, 2026-W06, 2026-02-01 or all";

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = &*text.trim().to_lowercase().replace([' ', '_'], "-");
        let named = match text {
            "today" => Some(Self::Last(1)),
            "yesterday" => Some(Self::Yesterday),
            "this-week" => Some(Self::Week(0)),
            "last-week" => Some(Self::Week(1)),
            "this-month" => Some(Self::Month(0)),
            "last-month" => Some(Self::Month(1)),
            "this-year" => Some(Self::Year(0)),
            "last-year" => Some(Self::Year(1)),
            "all" => Some(Self::All),
            _ => last(text).or_else(|| dated(text)),
        };
        named.ok_or_else(|| format!("expected {NAMES}"))
    }
}

/// `7d` or `4w`.
fn last(text: &str) -> Option<Span> {
    let of = |unit: char, days| text.strip_suffix(unit).map(|number| (number, days));
    let (number, days) = of('d', 1).or_else(|| of('w', 7))?;
    let number: u32 = number.parse().ok().filter(|number| (1..=36_600).contains(number))?;
    Some(Span::Last(number * days))
}

/// `2026`, `2026-02`, `2026-02-01`, or the ISO week `2026-w06`.
fn dated(text: &str) -> Option<Span> {
    let (first, months) = match text.len() {
        8 => {
            let (year, week) = text.split_once("-w")?;
            let monday = NaiveDate::from_isoywd_opt(year.parse().ok()?, week.parse().ok()?, Weekday::Mon)?;
            return Some(Span::Of(monday, ahead(monday, 6)));
        }
        4 => (format!("{text}-01-01"), 12),
        7 => (format!("{text}-01"), 1),
        10 => return text.parse().ok().map(|day| Span::Of(day, day)),
        _ => return None,
    };
    let first: NaiveDate = first.parse().ok()?;
    Some(Span::Of(first, first.checked_add_months(Months::new(months))?.pred_opt()?))
}

impl Span {
    /// The days that the name means when it is `today`. A range that is not over yet ends today.
    pub fn days(self, today: NaiveDate) -> Days {
        let (since, until) = match self {
            Self::Last(days) => (back(today, u64::from(days) - 1), today),
            Self::Yesterday => (back(today, 1), back(today, 1)),
            Self::Week(weeks) => {
                let monday = back(monday(today), u64::from(weeks) * 7);
                (monday, ahead(monday, 6))
            }
            Self::Month(months) => {
                let first = first_of_month(today).checked_sub_months(Months::new(months)).unwrap_or(today);
                (first, last_of_month(first))
            }
            Self::Year(years) => {
                let year = |day, month| NaiveDate::from_ymd_opt(today.year() - years.cast_signed(), month, day);
                (year(1, 1).unwrap_or(today), year(31, 12).unwrap_or(today))
            }
            // Of days to come, all are meant.
            Self::Of(first, last) if today < first => return Days { since: Some(first), until: Some(last) },
            Self::Of(first, last) => (first, last),
            Self::All => return Days::default(),
        };
        Days { since: Some(since), until: Some(until.min(today)) }
    }

    /// The range to compare with. For a week, month or year: the one before; if the range is only its beginning, the
    /// same number of days of the one before. For other ranges: as many days, directly before. `None` for all days.
    pub fn before(self, today: NaiveDate) -> Option<Days> {
        let days = self.days(today);
        match self {
            Self::Week(_) => days.a_week_before(),
            Self::Month(_) => days.a_month_before(days.until < Some(today)),
            Self::Year(_) => days.a_year_before(),
            Self::Last(_) | Self::Yesterday => days.as_many_before(),
            Self::Of(first, last) => {
                let whole = Days { since: Some(first), until: Some(last) };
                days.before_as(whole, !whole.has(today))
            }
            Self::All => None,
        }
    }
}

impl Days {
    /// The range to compare with, found from the dates alone. For a whole month or year, or its beginning: the one
    /// before, or its beginning. For a week: the week before. For other ranges: as many days, directly before. `None`
    /// if the range is open on a side.
    #[must_use]
    pub fn before(self) -> Option<Self> {
        self.before_as(self, true)
    }

    /// The range to compare with if these days are `whole`, or its beginning.
    fn before_as(self, whole: Self, is_over: bool) -> Option<Self> {
        let (since, until) = (whole.since?, whole.until?);
        if since == until {
            self.as_many_before()
        } else if since.day() == 1 && first_of_month(until) == since {
            self.a_month_before(is_over)
        } else if since.ordinal() == 1 && until.year() == since.year() {
            self.a_year_before()
        } else if since.weekday() == Weekday::Mon && monday(until) == since {
            self.a_week_before()
        } else {
            self.as_many_before()
        }
    }

    /// The number of days; `None` if the range is open on a side.
    pub fn length(self) -> Option<u64> {
        let (since, until) = (self.since?, self.until?);
        u64::try_from((until - since).num_days() + 1).ok()
    }

    /// As many days as these, directly before them.
    #[must_use]
    pub fn as_many_before(self) -> Option<Self> {
        self.back(self.length()?)
    }

    fn a_week_before(self) -> Option<Self> {
        self.back(7)
    }

    fn back(self, days: u64) -> Option<Self> {
        Some(Self { since: Some(back(self.since?, days)), until: Some(back(self.until?, days)) })
    }

    /// A complete month is compared with the complete month before, even if that has more days. For example, February
    /// is compared with all of January, but 1 to 10 March with 1 to 10 February.
    fn a_month_before(self, is_over: bool) -> Option<Self> {
        let (since, until) = (self.since?, self.until?);
        let first = since.checked_sub_months(Months::new(1))?;
        let end = last_of_month(first);
        let is_whole = is_over && until == last_of_month(until);
        let last = if is_whole { end } else { end.min(ahead(first, u64::from(until.day0()))) };
        Some(Self { since: Some(first), until: Some(last) })
    }

    fn a_year_before(self) -> Option<Self> {
        let (since, until) = (self.since?, self.until?);
        let first = since.checked_sub_months(Months::new(12))?;
        let end = until.checked_sub_months(Months::new(12))?;
        let last = if until == last_of_month(until) { last_of_month(end) } else { end };
        Some(Self { since: Some(first), until: Some(last) })
    }

    /// The range with its preposition, for a sentence: `in 2026-02-01`, `from 2026-02-01 to 2026-02-03`.
    pub fn within(self) -> String {
        let preposition = match (self.since, self.until) {
            (Some(since), Some(until)) if since != until => "from ",
            (Some(_), Some(_)) | (None, None) => "in ",
            _ => "",
        };
        format!("{preposition}{self}")
    }

    /// Whether the range is open on both sides.
    pub fn is_all(self) -> bool {
        self == Self::default()
    }

    /// Whether the two ranges overlap.
    pub fn meets(self, other: Self) -> bool {
        let is_before = |a: Self, b: Self| a.until.zip(b.since).is_some_and(|(until, since)| until < since);
        !is_before(self, other) && !is_before(other, self)
    }

    /// Whether the range includes a day.
    pub fn has(self, day: NaiveDate) -> bool {
        self.since.is_none_or(|since| since <= day) && self.until.is_none_or(|until| day <= until)
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.since, self.until) {
            (Some(since), Some(until)) if since == until => write!(f, "{since}"),
            (Some(since), Some(until)) => write!(f, "{since} to {until}"),
            (Some(since), None) => write!(f, "since {since}"),
            (None, Some(until)) => write!(f, "until {until}"),
            (None, None) => f.write_str("all days"),
        }
    }
}

fn back(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_sub_days(Step::new(days)).unwrap_or(NaiveDate::MIN)
}

fn ahead(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_add_days(Step::new(days)).unwrap_or(NaiveDate::MAX)
}

fn monday(day: NaiveDate) -> NaiveDate {
    day.week(Weekday::Mon).checked_first_day().unwrap_or(day)
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

/// The last day of the month that the day is in.
pub fn last_of_month(day: NaiveDate) -> NaiveDate {
    first_of_month(day).checked_add_months(Months::new(1)).and_then(|next| next.pred_opt()).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// The range when today is a Wednesday.
    fn days(name: &str) -> String {
        name.parse::<Span>().unwrap().days(day("2026-03-04")).to_string()
    }

    #[test]
    fn a_name_is_days_and_none_of_them_is_after_today() {
        for (name, expected) in [
            ("today", "2026-03-04"),
            ("1d", "2026-03-04"),
            ("yesterday", "2026-03-03"),
            ("7d", "2026-02-26 to 2026-03-04"),
            ("4w", "2026-02-05 to 2026-03-04"),
            ("this-week", "2026-03-02 to 2026-03-04"),
            ("last-week", "2026-02-23 to 2026-03-01"),
            ("this-month", "2026-03-01 to 2026-03-04"),
            ("last-month", "2026-02-01 to 2026-02-28"),
            ("this-year", "2026-01-01 to 2026-03-04"),
            ("last-year", "2025-01-01 to 2025-12-31"),
            ("2024-02", "2024-02-01 to 2024-02-29"),
            ("2025", "2025-01-01 to 2025-12-31"),
            ("2026-02-01", "2026-02-01"),
            ("2026-W06", "2026-02-02 to 2026-02-08"),
            ("2020-w53", "2020-12-28 to 2021-01-03"),
            ("all", "all days"),
            ("Last Week", "2026-02-23 to 2026-03-01"),
            ("7D", "2026-02-26 to 2026-03-04"),
        ] {
            assert_eq!(days(name), expected, "{name}");
        }
        for name in ["", "7", "0d", "d", "tomorrow", "2026-13", "2026-02-30", "99999d", "2026-W54", "2026-W6"] {
            assert_eq!(name.parse::<Span>().unwrap_err(), format!("expected {NAMES}"), "{name}");
        }
    }

    #[test]
    fn something_is_in_days_from_or_until_them() {
        let within = |name: &str| name.parse::<Span>().unwrap().days(day("2026-03-04")).within();
        assert_eq!(within("2026-02"), "from 2026-02-01 to 2026-02-28");
        assert_eq!(["today", "all"].map(within), ["in 2026-03-04", "in all days"]);
        assert_eq!(Days { since: Some(day("2026-03-03")), until: None }.within(), "since 2026-03-03");
    }

    #[test]
    fn the_days_before_are_those_of_the_month_or_week_before_or_as_many() {
        let before = |since: &str, until: &str| {
            let days = Days { since: Some(day(since)), until: Some(day(until)) };
            days.before().unwrap().to_string()
        };
        assert_eq!(before("2026-03-01", "2026-03-31"), "2026-02-01 to 2026-02-28");
        assert_eq!(before("2026-03-01", "2026-03-04"), "2026-02-01 to 2026-02-04");
        assert_eq!(before("2026-03-01", "2026-03-30"), "2026-02-01 to 2026-02-28");
        assert_eq!(before("2026-03-02", "2026-03-04"), "2026-02-23 to 2026-02-25", "the same days of the week before");
        assert_eq!(before("2026-03-03", "2026-03-04"), "2026-03-01 to 2026-03-02");
        assert_eq!(before("2026-02-26", "2026-03-04"), "2026-02-19 to 2026-02-25");
        assert_eq!(before("2026-01-01", "2026-03-04"), "2025-01-01 to 2025-03-04", "the same days of the year before");
        assert_eq!(before("2025-01-01", "2025-02-28"), "2024-01-01 to 2024-02-29");
        assert_eq!(before("2026-01-01", "2026-12-31"), "2025-01-01 to 2025-12-31");
        assert_eq!(before("2026-01-01", "2026-01-04"), "2025-12-01 to 2025-12-04");
        assert_eq!(before("2026-03-02", "2026-03-02"), "2026-03-01", "of a Monday the day before");
        assert_eq!(Days { since: Some(day("2026-03-03")), until: None }.before(), None);
    }

    #[test]
    fn the_days_before_follow_their_name_whatever_day_today_is() {
        let before = |name: &str, today: &str| {
            let before = name.parse::<Span>().unwrap().before(day(today));
            before.map_or_else(|| "none".to_owned(), |days| days.to_string())
        };
        // Today is the first of a month, on a Sunday; then a Monday.
        let (first, monday) = ("2026-03-01", "2026-03-02");
        assert_eq!(before("today", first), "2026-02-28");
        assert_eq!(before("today", monday), "2026-03-01");
        assert_eq!(before("yesterday", monday), "2026-02-28");
        assert_eq!(before("2d", "2026-03-03"), "2026-02-28 to 2026-03-01");
        assert_eq!(before("30d", "2026-04-30"), "2026-03-02 to 2026-03-31", "as many, though it is a month");
        assert_eq!(before("this-week", monday), "2026-02-23");
        assert_eq!(before("this-month", first), "2026-02-01");
        assert_eq!(before("this-month", "2026-11-30"), "2026-10-01 to 2026-10-30", "the last day is not over");
        assert_eq!(before("this-month", "2026-03-31"), "2026-02-01 to 2026-02-28");
        assert_eq!(before("last-month", first), "2026-01-01 to 2026-01-31");
        assert_eq!(before("this-year", "2026-01-01"), "2025-01-01");
        assert_eq!(before("2026-02", first), "2026-01-01 to 2026-01-31");
        assert_eq!(before("2026-03-02", monday), "2026-03-01");
        assert_eq!(before("2026-w10", monday), "2026-02-23", "as this-week");
        assert_eq!(before("2026-03", first), "2026-02-01", "as this-month");
        assert_eq!(before("2026-03", "2026-03-31"), "2026-02-01 to 2026-02-28");
        assert_eq!(before("2026-11", "2026-11-30"), "2026-10-01 to 2026-10-30", "the last day is not over");
        assert_eq!(before("2026", "2026-01-01"), "2025-01-01", "as this-year");
        assert_eq!(before("2026-04", first), "2026-03-01 to 2026-03-31", "not begun");
        assert_eq!(before("all", first), "none");
    }
}
