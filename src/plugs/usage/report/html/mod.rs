//! The report as a single HTML page without external resources: no network, no fonts. Without its script, the page only
//! lacks sorting of tables. On the same day, the same database and filter give the same bytes. Names from transcripts
//! are always escaped.

mod bars;
pub(in crate::plugs) mod calendar;
mod drilldown;
mod figures;
mod period;
mod sections;
pub(in crate::plugs) mod table;
pub(in crate::plugs) mod text;

use crate::base::error::{Result, thousands};
use crate::config::publish::Titles;
use crate::plugs::tracking::report as tracking;
use crate::plugs::usage::report::calls;
use crate::plugs::usage::report::errors;
use crate::plugs::usage::report::explain::explain;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::outcomes::{self, OutcomesBy};
use crate::plugs::usage::report::trouble::{Kind, Trouble};
use crate::price::{PicoUsd, Prices};
use crate::report::freshness;
use crate::report::money;
use crate::report::ratio;
use crate::report::render::{self, short};
use crate::report::trend::Steps;
use crate::store::reader::Reader;
use chrono::NaiveDate;
use figures::{Figures, MAIN, NONE, SUBAGENT, Series, Sums, ranked};
use period::Period;
use sessionmill_usage::NAME;
use std::fmt::Write as _;
use table::Kind::{Numbers, Share, Spare, Words};
use table::{folded, share, table};
use text::{Text, escaped};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// The SHA-256 of the script. The content security policy lets the browser run only a script with this hash.
const SCRIPT_HASH: &str = "DcmqJ2cB/ugSmNVQhC9bpmVerhMpq1CZyRxegK7G+4o=";

/// The most rows of a table of names. Further rows are only counted.
const MOST: usize = 25;

/// Makes the page as of `today`.
///
/// # Errors
///
/// If the database cannot be read.
pub fn page(reader: Reader<'_>, filter: &Filter, prices: &Prices, today: NaiveDate, titles: Titles) -> Result<String> {
    let periods = period::periods(reader, filter, prices, today)?;
    let whole = &periods[0];
    let (as_of, pending) = freshness(reader, NAME)?;
    let about = about(&whole.figures, filter, as_of.as_deref(), pending);
    let explained = explain(reader, &whole.figures.all.total, &whole.figures.uses, prices, filter)?;
    let failures = |reader: Reader<'_>| {
        let kinds = TROUBLES.map(|(kind, _)| kind);
        errors::of_uses(reader, filter, prices, &whole.figures.uses, &Steps::default(), &kinds)
    };
    let section = |reader: Reader<'_>, period: &Period<'_>| {
        let of_days = Filter { days: period.days, ..filter.clone() };
        of_period(reader, &of_days, prices, titles, period, whole)
    };
    let sections = |reader: Reader<'_>| periods.iter().map(|period| section(reader, period)).collect();
    let (failures, sections): (_, Vec<String>) = reader.both(failures, sections)?;
    let failures = troubles(&failures);
    let (mut html, mut nav) = (String::new(), period::switch(&periods));
    for (period, section) in periods.iter().zip(sections) {
        nav += &period.links(&links(&parts(&[&section, &failures], period)));
        html += &period.section(&section);
    }
    if periods.len() > 1 {
        html += "<p class=\"soft\">What follows is about all days of this page, whatever period is chosen.</p>\n";
    }
    html += &failures;
    html += "<footer><h2>How the figures came about</h2>\n<ul>\n";
    for sentence in explained {
        let _ = writeln!(html, "<li>{}</li>", quoted(&sentence));
    }
    html += "<li>active time: between responses of a person that are at most 10 minutes apart; sessions side by side \
             count once, and in a list of sessions or projects each for itself</li>\n\
             <li>sessions of a period: those at work in it, with what they cost and did in it; sessions begun are those \
             that had nothing before it on the days of this page</li>\n\
             </ul></footer>\n";
    Ok(document("Usage of coding agents", &about, &nav, &html))
}

/// The parts of the page that depend on the period. The filter has the days of the period.
fn of_period(
    reader: Reader<'_>,
    filter: &Filter,
    prices: &Prices,
    titles: Titles,
    period: &Period<'_>,
    whole: &Period<'_>,
) -> Result<String> {
    let mut html = String::new();
    if !period.is_whole() {
        let _ = writeln!(html, "<p class=\"soft\">{}</p>", period.days);
    }
    if period.figures.all.total.responses == 0 {
        html += "<p>There are no responses to report.</p>\n";
    } else {
        html += &sections::tiles(period, whole);
        html += &sections::over_time(period, whole, &filter.identities);
        html += &sections::work(period);
        html += &sections::cache(period);
        html += &sections::activity(period, whole, &filter.identities);
        let (sessions, [tools, outcomes]) = reader.both(
            |reader| drilldown::html(reader, filter, prices, period, titles),
            |reader| Ok([tools(reader, filter, period)?, outcomes(reader, filter, period)?]),
        )?;
        html += &tools;
        let _ = writeln!(html, "<h2 id=\"{}\">Sessions</h2>", period.anchor("sessions"));
        html += &sessions;
        html += &outcomes;
    }
    if let Some(filter) = tracking::filter::Filter::of_usage(filter) {
        html += &tracking::html::part(reader, &filter, &period.anchor("presence"), period.is_whole())?;
    }
    Ok(html)
}

/// The parts of the page, by their anchors.
const PARTS: [(&str, &str); 10] = [
    ("spend", "Spend"),
    ("tokens", "Tokens"),
    ("work", "What for"),
    ("cache", "Cache"),
    ("activity", "Activity"),
    ("tools", "Tools"),
    ("sessions", "Sessions"),
    ("outcomes", "Outcomes"),
    ("presence", "Hours"),
    ("troubles", "Failures"),
];

/// The anchors and titles of the parts that exist, in this period or in the whole page.
fn parts(html: &[&str], period: &Period<'_>) -> Vec<(String, &'static str)> {
    let is_there = |name: &String| html.iter().any(|html| html.contains(&format!(" id=\"{name}\"")));
    let anchors = |(name, title)| [period.anchor(name), str::to_owned(name)].map(|anchor| (anchor, title));
    PARTS.into_iter().filter_map(|part| anchors(part).into_iter().find(|(name, _)| is_there(name))).collect()
}

/// Links to anchors.
pub(in crate::plugs) fn links(links: &[(impl AsRef<str>, &str)]) -> String {
    links.iter().map(|(name, title)| format!("<a href=\"#{}\">{}</a>\n", name.as_ref(), Text(title))).collect()
}

/// A whole page: a body with a title and navigation links.
pub(in crate::plugs) fn document(title: &str, about: &str, nav: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'sha256-{SCRIPT_HASH}'\">\n\
         <title>sessionmill: {title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>{title}</h1>\n<p class=\"soft\">{about}</p></header>\n<nav>\n{nav}</nav>\n\
         <main>\n{body}</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        title = Text(title),
        about = escaped(about),
    )
}

/// What the page is about: days, names, and how recent the data is.
fn about(figures: &Figures<'_>, filter: &Filter, as_of: Option<&str>, pending: i64) -> String {
    let mut days = figures.all.days.keys();
    let (first, last) = (days.next().copied(), days.next_back().copied());
    let mut parts = Vec::new();
    if let Some(first) = filter.days.since.or(first) {
        let last = filter.days.until.or(last).unwrap_or(first);
        parts.push(format!("{first} to {last}, days of {}", filter.zone.name()));
    }
    parts.extend(filter.names().map(|(what, _, only)| format!("only {what} {}", only.name)));
    parts.extend(as_of.map(|time| format!("as of {time}")));
    parts.extend(crate::report::waiting(pending));
    parts.join(" · ")
}

fn totals(by: &str, series: &Series) -> String {
    let ranked = ranked(series);
    let has_costs = ranked.iter().any(|(_, sums)| sums.total.cost.is_some());
    let weight = |sums: &Sums| if has_costs { sums.weight().0 } else { sums.weight().1 };
    let all = ranked.iter().map(|(_, sums)| weight(sums)).sum();
    let rows = ranked.iter().take(MOST).map(|(name, sums)| {
        let Sums { total, .. } = sums;
        let counts = [total.responses, total.tokens.output, total.tokens.total()].map(short);
        let end = [cost(total.cost), share(weight(sums), all)];
        let name = if by == SUBAGENT && *name == NONE { MAIN } else { name };
        [name.to_owned()].into_iter().chain(counts).chain(end).collect()
    });
    let tokens = if has_costs { Spare } else { Numbers };
    let numbers = [("responses", Spare), ("output", Spare), ("tokens", tokens), ("cost", Numbers)];
    let head = [&[(by, Words)], &numbers[..], &[("share", Share)]].concat();
    format!("<div>{}{}</div>\n", table(&format!("By {by}"), &head, rows), left_out(ranked.len()))
}

/// Tools, with their failure rates.
fn tools(reader: Reader<'_>, filter: &Filter, period: &Period<'_>) -> Result<String> {
    let tools = calls::rows(reader, filter)?;
    let rows = tools.iter().take(MOST).map(|row| {
        let number = |at: usize| row.numbers.get(at).copied().flatten().unwrap_or_default();
        let tool = row.key.clone().unwrap_or_default();
        vec![tool, thousands(number(0)), thousands(number(1)), percent(number(1), number(0)), thousands(number(3))]
    });
    let head = [("tool", Words), ("calls", Numbers), ("failed", Numbers), ("failed %", Numbers), ("sessions", Spare)];
    let table = table("Calls, and those that failed", &head, rows);
    let anchor = period.anchor("tools");
    Ok(format!("<h2 id=\"{anchor}\">Tools</h2>\n{table}{}", left_out(tools.len())))
}

/// Outcomes of the work, by project.
fn outcomes(reader: Reader<'_>, filter: &Filter, period: &Period<'_>) -> Result<String> {
    let costs = period.figures.of_projects();
    let active = Some(period.figures.active_time());
    let mut sheet = outcomes::of_costs(reader, OutcomesBy::Project, filter, costs, &Steps::default(), active)?;
    let rows = sheet.rows.len();
    sheet.rows.truncate(MOST);
    let table = table::sheet("Outcomes by project, as far as transcripts show them", &sheet);
    let anchor = period.anchor("outcomes");
    Ok(format!("<h2 id=\"{anchor}\">What came of it</h2>\n{table}{}", left_out(rows)))
}

/// Kinds of failures and data problems that the page shows, each with its title.
const TROUBLES: [(Kind, &str); 10] = [
    (Kind::Cause, "Unsuccessful calls, by cause"),
    (Kind::RetryLoop, "Responses, three or more in a row, with a call that failed for the same cause, by tool"),
    (Kind::MissingSubagent, "Subagents without a response, by session: what they cost is not in any figure"),
    (Kind::ApiCause, "Errors of the API, by cause"),
    (Kind::ApiError, "Errors of the API, by source file"),
    (Kind::FailedFile, "Source files that a processor could not deal with, as of now"),
    (Kind::MalformedLine, "Malformed lines, by source file: skipped and not counted"),
    (Kind::UnknownLine, "Unknown record types"),
    (Kind::Placeholder, "Responses whose output count is a placeholder, by model: more was written than is shown"),
    (Kind::Unpriced, "Responses of models without a price: their cost is not in any figure"),
];

fn troubles(troubles: &[Trouble]) -> String {
    let mut html = String::from("<h2 id=\"troubles\">Failures and data quality</h2>\n");
    for (kind, title) in TROUBLES {
        let all: Vec<_> = troubles.iter().filter(|trouble| trouble.kind == kind).collect();
        if all.is_empty() {
            let _ = writeln!(html, "<p>{title}: none</p>");
            continue;
        }
        let sum = all.iter().map(|trouble| trouble.count).sum();
        let rows = all.iter().take(MOST).map(|trouble| {
            let of = trouble.of.map_or(String::new(), |of| format!(" of {}", thousands(of)));
            vec![trouble.words(), thousands(trouble.count) + &of]
        });
        let _ = writeln!(html, "<p>{title}: <strong>{}</strong></p>", thousands(sum));
        html += &folded(title, &[("what", Words), ("how many", Numbers)], rows);
        html += &left_out(all.len());
    }
    html
}

/// A sentence as HTML, with the words in backticks as code.
fn quoted(sentence: &str) -> String {
    let parts = sentence.split('`').enumerate().map(|(at, part)| match at % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    });
    parts.collect()
}

fn left_out(rows: usize) -> String {
    match rows.saturating_sub(MOST) {
        0 => String::new(),
        more => format!("<p class=\"soft\">and {more} more</p>\n"),
    }
}

fn cost(cost: Option<PicoUsd>) -> String {
    cost.map_or_else(|| "–".to_owned(), money::rounded)
}

fn percent(part: i128, whole: i128) -> String {
    match whole {
        0 => "–".to_owned(),
        _ => render::percent(ratio(part, whole, 1000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugs::usage::report::html::bars::COLOURS;

    #[test]
    fn shares_are_rounded_once() {
        assert_eq!((percent(1, 3), percent(0, 0), percent(2, 2)), ("33.3 %".into(), "–".into(), "100.0 %".into()));
    }

    /// Contrast of text with its background is at least 4.5 : 1, and that of chart colours at least 3 : 1, in both
    /// themes.
    #[test]
    fn colours_can_be_seen_in_both_themes() {
        let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
        for theme in [light, dark] {
            let colour = |name: &str| {
                let (_, rest) = theme.split_once(&format!("--{name}: #")).unwrap();
                luminance(u32::from_str_radix(&rest[..6], 16).unwrap())
            };
            let contrast = |a: &str, b: &str| {
                let (a, b) = (colour(a), colour(b));
                (a.max(b) + 0.05) / (a.min(b) + 0.05)
            };
            for ground in ["paper", "card"] {
                for text in ["ink", "soft", "accent"] {
                    assert!(contrast(text, ground) >= 4.5, "{text} on {ground}: {}", contrast(text, ground));
                }
                for shade in (0..=COLOURS).map(|number| format!("s{number}")) {
                    assert!(contrast(&shade, ground) >= 3.0, "{shade} on {ground}: {}", contrast(&shade, ground));
                }
            }
        }
    }

    /// Relative luminance, as WCAG 2 defines it.
    fn luminance(rgb: u32) -> f64 {
        let channel = |shift: u32| {
            let value = f64::from((rgb >> shift) & 255) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
    }
}
