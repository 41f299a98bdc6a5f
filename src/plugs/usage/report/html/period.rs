//! The periods that a reader of the page can choose from. Each has a section of its own, made from figures that are read
//! once; a rule of the style shows the chosen one. A browser that does not know the rule shows them one after the other.

use crate::base::days::{Days, Span};
use crate::plugs::usage::report::html::figures::Figures;
use crate::plugs::usage::report::html::text::Text;
use crate::plugs::usage::report::sessions::Session;
use chrono::NaiveDate;
use chrono_tz::Tz;
use std::fmt::Write as _;

/// A period, and what there is in it.
pub(super) struct Period<'s, 'p> {
    /// In the page: `all`, or one of [`CHOICES`].
    key: &'static str,
    title: String,
    pub(super) days: Days,
    pub(super) figures: Figures<'p>,
    /// The sessions that were at work in it, whole, the costliest first.
    pub(super) sessions: Vec<&'s Session>,
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
pub(super) fn periods<'s, 'p>(
    figures: Figures<'p>,
    sessions: &'s [Session],
    days: Days,
    today: NaiveDate,
    zone: Tz,
) -> Vec<Period<'s, 'p>> {
    let first = figures.all.days.keys().next().copied();
    let is_part = |part: Days| {
        let begins_later = part.since.zip(first).is_some_and(|(since, first)| since > first);
        let fits = part.since.is_some_and(|since| days.has(since)) && days.has(today);
        begins_later && fits
    };
    let parts = CHOICES.into_iter().map(|(key, title, span)| (key, title, span.days(today)));
    let parts = parts.filter(|(.., part)| is_part(*part)).map(|(key, title, days)| {
        let day = |time: chrono::DateTime<chrono::Utc>| time.with_timezone(&zone).date_naive();
        let was_at_work = |session: &&Session| {
            let span = session.begun.map(day).zip(session.ended.map(day));
            span.is_some_and(|(begun, ended)| days.since <= Some(ended) && Some(begun) <= days.until)
        };
        let sessions = sessions.iter().filter(was_at_work).collect();
        Period { key, title: title.to_owned(), days, figures: figures.within(days), sessions }
    });
    // A period in which nothing happened is no choice.
    let parts: Vec<_> = parts.filter(|part| part.figures.all.total.responses > 0).collect();
    let title = if days.is_all() { ALL.to_owned() } else { days.to_string() };
    std::iter::once(Period { key: ALL, title, days, figures, sessions: sessions.iter().collect() })
        .chain(parts)
        .collect()
}

impl Period<'_, '_> {
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
pub(super) fn switch(periods: &[Period<'_, '_>]) -> String {
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
