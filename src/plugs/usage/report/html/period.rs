//! The periods that a reader of the page can choose from. Each has its own section, and a CSS rule shows the chosen
//! one. A browser that does not support the rule shows all sections, one after the other. Sums by day are read once for
//! all periods. Sessions, active time and outcomes are read for each period, as in a report about these days.

use crate::base::days::{Days, Span};
use crate::base::error::Result;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::html::figures::{self, Figures};
use crate::plugs::usage::report::html::text::Text;
use crate::plugs::usage::report::sessions;
use crate::price::Prices;
use crate::store::reader::Reader;
use chrono::NaiveDate;
use std::fmt::Write as _;

/// The most sessions in a list of a period.
pub(super) const MOST: usize = 10;

/// A period, and its figures.
pub(super) struct Period<'p> {
    /// The name of the period in the page: `all`, or one of [`CHOICES`].
    key: &'static str,
    title: String,
    pub(super) days: Days,
    /// The days before, for a comparison; `None` for the whole page.
    pub(super) before: Option<Days>,
    pub(super) figures: Figures<'p>,
    /// The number of sessions with a response in the period, and the ids of the costliest.
    pub(super) sessions: usize,
    pub(super) costliest: Vec<String>,
}

/// The keys of the periods other than the whole. The style sheet contains them, too.
const CHOICES: [(&str, &str, Span); 4] = [
    ("today", "today", Span::Last(1)),
    ("days7", "7 days", Span::Last(7)),
    ("days30", "30 days", Span::Last(30)),
    ("month", "this month", Span::Month(0)),
];

/// The key of the whole.
const ALL: &str = "all";

/// The whole, and the periods that are a part of it.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn periods<'p>(
    reader: Reader<'_>,
    filter: &Filter,
    prices: &'p Prices,
    today: NaiveDate,
) -> Result<Vec<Period<'p>>> {
    let ((activity, active), (mut figures, (costliest, sessions))) = reader.both(
        |reader| figures::activity(reader, filter),
        |reader| {
            let figures = Figures::read(reader, filter, prices)?;
            Ok((figures, sessions::costliest(reader, prices, &filter.condition(), MOST)?))
        },
    )?;
    (figures.activity, figures.active) = (activity, active);
    let days = filter.days;
    let first = figures.all.days.keys().next().copied();
    let is_part = |part: Days| {
        let begins_later = part.since.zip(first).is_some_and(|(since, first)| since > first);
        let fits = part.since.is_some_and(|since| days.has(since)) && days.has(today);
        // A period without usage cannot be chosen.
        begins_later && fits && figures.all.days.keys().any(|day| part.has(*day))
    };
    let choices: Vec<_> = CHOICES.into_iter().filter(|(.., span)| is_part(span.days(today))).collect();
    let mut parts = Vec::new();
    for (key, title, span) in choices {
        let (days, before) = (span.days(today), span.before(today));
        let part = Filter { days, ..filter.clone() };
        let figures = figures.within(reader, &part)?;
        let (costliest, sessions) = sessions::costliest(reader, prices, &part.condition(), MOST)?;
        parts.push(Period { key, title: title.to_owned(), days, before, figures, sessions, costliest });
    }
    let title = if days.is_all() { ALL.to_owned() } else { days.to_string() };
    let whole = Period { key: ALL, title, days, before: None, figures, sessions, costliest };
    Ok(std::iter::once(whole).chain(parts).collect())
}

impl Period<'_> {
    pub(super) fn is_whole(&self) -> bool {
        self.key == ALL
    }

    /// The anchor of a part of the page in this period.
    pub(super) fn anchor(&self, name: &str) -> String {
        if self.is_whole() { name.to_owned() } else { format!("{name}-{}", self.key) }
    }

    /// The section of the page for this period.
    pub(super) fn section(&self, html: &str) -> String {
        format!("<section class=\"period of-{}\">\n{html}</section>\n", self.key)
    }

    /// Links to parts of the page, shown while this period is chosen.
    pub(super) fn links(&self, links: &str) -> String {
        format!("<span class=\"period of-{}\">\n{links}</span>\n", self.key)
    }
}

/// The buttons to choose a period; empty if there is only one.
pub(super) fn switch(periods: &[Period<'_>]) -> String {
    if periods.len() < 2 {
        return String::new();
    }
    let mut html = String::from("<fieldset class=\"switch\"><legend>Period</legend>\n");
    for period in periods.iter().skip(1).chain(periods.first()) {
        let checked = if period.is_whole() { " checked" } else { "" };
        let _ = writeln!(
            html,
            "<label><input type=\"radio\" name=\"period\" value=\"{}\"{checked}>{}</label>",
            period.key,
            Text(&period.title)
        );
    }
    html + "</fieldset>\n"
}
