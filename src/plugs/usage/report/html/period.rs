//! The periods that a reader of the page can choose from. Each has a section of its own, a rule of the style shows the
//! chosen one. A browser that does not know the rule shows them one after the other. Sums by day are read once for all of
//! them; sessions and active time are read for each, as a report about its days does.

use crate::base::days::{Days, Span};
use crate::base::error::Result;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::html::figures::Figures;
use crate::plugs::usage::report::html::text::Text;
use crate::plugs::usage::report::sessions::{self, Session};
use crate::price::Prices;
use crate::store::reader::Reader;
use chrono::NaiveDate;
use std::fmt::Write as _;

/// A period, and what there is in it.
pub(super) struct Period<'p> {
    /// In the page: `all`, or one of [`CHOICES`].
    key: &'static str,
    title: String,
    pub(super) days: Days,
    pub(super) figures: Figures<'p>,
    /// The sessions that were at work in it, with what they cost and did in it, the costliest first.
    pub(super) sessions: Vec<Session>,
}

/// The keys of the periods beside the whole, which the style knows, too.
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
    prices: &Prices,
    figures: Figures<'p>,
    sessions: Vec<Session>,
    today: NaiveDate,
) -> Result<Vec<Period<'p>>> {
    let days = filter.days;
    let first = figures.all.days.keys().next().copied();
    let is_part = |part: Days| {
        let begins_later = part.since.zip(first).is_some_and(|(since, first)| since > first);
        let fits = part.since.is_some_and(|since| days.has(since)) && days.has(today);
        begins_later && fits
    };
    let mut parts = Vec::new();
    for (key, title, span) in CHOICES {
        let days = span.days(today);
        if !is_part(days) {
            continue;
        }
        let filter = Filter { days, ..filter.clone() };
        let figures = figures.within(reader, &filter)?;
        // A period in which nothing happened is no choice.
        if figures.all.total.responses > 0 {
            let sessions = sessions::sessions(reader, &filter, prices)?;
            parts.push(Period { key, title: title.to_owned(), days, figures, sessions });
        }
    }
    let title = if days.is_all() { ALL.to_owned() } else { days.to_string() };
    let whole = Period { key: ALL, title, days, figures, sessions };
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

    /// Its section of the page.
    pub(super) fn section(&self, html: &str) -> String {
        format!("<section class=\"period of-{}\">\n{html}</section>\n", self.key)
    }

    /// Links to parts of the page, for as long as it is the chosen one.
    pub(super) fn links(&self, links: &str) -> String {
        format!("<span class=\"period of-{}\">\n{links}</span>\n", self.key)
    }
}

/// What a reader chooses a period with; nothing where there is no choice.
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
