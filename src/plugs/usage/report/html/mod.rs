//! The report as one page that needs nothing else: no network, no font, and without its script, which sorts tables, it
//! shows the same. The same database and filter give the same bytes on one day. Whatever a transcript names is text and nothing more.

mod bars;
pub(in crate::plugs) mod calendar;
mod drilldown;
mod figures;
mod period;
pub(in crate::plugs) mod table;
pub(in crate::plugs) mod text;
mod work;

use crate::base::error::{Result, thousands};
use crate::base::zone;
use crate::plugs::tracking::report as tracking;
use crate::plugs::usage::NAME;
use crate::plugs::usage::report::calls;
use crate::plugs::usage::report::errors::{self, Kind, Trouble};
use crate::plugs::usage::report::explain::explain;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::outcomes::{self, OutcomesBy};
use crate::plugs::usage::report::sessions;
use crate::plugs::usage::report::spending::{Spent, Used};
use crate::price::{Bill, PicoUsd, Prices, Tokens};
use crate::report::compare::change;
use crate::report::freshness;
use crate::report::money;
use crate::report::render::{self, hours, short, tenths};
use crate::store::reader::Reader;
use bars::{Bars, COLOURS};
use chrono::NaiveDate;
use chrono_tz::Tz;
use drilldown::Lists;
use figures::{Activity, Figures, Series, Sums, ranked};
use period::Period;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use table::Kind::{Numbers, Share, Words};
use table::{folded, share, table};
use text::{Text, escaped};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// What a browser takes for the script, and for nothing else: its SHA-256.
const SCRIPT_HASH: &str = "HJjyUzp25NclcowtZlWGgIa8htZjMDY97B/ncZtsC9Q=";

/// Rows of a table of names; further ones are told by their number.
const MOST: usize = 25;

/// Makes the page, if it is `today`.
///
/// # Errors
///
/// If the database cannot be read.
pub fn page(reader: Reader<'_>, filter: &Filter, prices: &Prices, today: NaiveDate) -> Result<String> {
    let sessions = sessions::sessions(reader, filter, prices)?;
    let figures = Figures::read(reader, filter, prices, &sessions)?;
    let (as_of, pending) = freshness(reader, NAME)?;
    let about = about(&figures, filter, as_of.as_deref(), pending);
    let explained = explain(reader, &figures.all.total, &figures.uses, prices, filter)?;
    let is_empty = figures.all.total.responses == 0;
    let periods = period::periods(figures, &sessions, filter.days, today, filter.zone);
    let presence = match tracking::filter::Filter::of_usage(filter) {
        Some(filter) => tracking::html::part(reader, &filter, prices)?,
        None => String::new(),
    };
    let mut html = String::new();
    let mut all = String::new();
    if is_empty {
        all += "<p>There are no responses to report.</p>\n";
    } else {
        all += &outcomes(reader, filter, prices)?;
    }
    all += &presence;
    all += &troubles(&errors::errors(reader, filter, prices)?);
    let mut nav = period::switch(&periods);
    if !is_empty {
        let work = work::read(reader, filter, prices, &periods)?;
        let lists = Lists::read(reader, &periods)?;
        for period in &periods {
            let tools = tools(reader, &Filter { days: period.days, ..filter.clone() }, period)?;
            let section = of_period(period, &periods[0], &work, &lists, &tools, filter.zone);
            nav += &period.links(&links(&parts(&[&section, &all], period)));
            html += &period.section(&section);
        }
        if periods.len() > 1 {
            html += "<p class=\"soft\">What follows is about all days of this page, whatever period is chosen.</p>\n";
        }
    } else {
        nav += &links(&parts(&[&all], &periods[0]));
    }
    html += &all;
    html += "<footer><h2>How the figures came about</h2>\n<ul>\n";
    for sentence in explained {
        let _ = writeln!(html, "<li>{}</li>", quoted(&sentence));
    }
    html += "<li>active time: between responses of a person that are at most 10 minutes apart; sessions side by side \
             count once, and in a list of sessions each for itself</li>\n\
             <li>sessions of a period: those at work in it, with all that they ever cost on the days of this page</li>\n\
             </ul></footer>\n";
    Ok(document("Usage of coding agents", &about, &nav, &html))
}

/// What follows from the days of a period.
fn of_period(
    period: &Period<'_, '_>,
    whole: &Period<'_, '_>,
    work: &[(&str, Series)],
    lists: &Lists<'_>,
    tools: &str,
    zone: Tz,
) -> String {
    let mut html = String::new();
    if !period.is_whole() {
        let _ = writeln!(html, "<p class=\"soft\">{}</p>", period.days);
    }
    html += &tiles(period, whole);
    html += &over_time(period);
    html += &work::html(work, period);
    html += &cache(period);
    html += &activity(period);
    html += tools;
    let _ = writeln!(html, "<h2 id=\"{}\">Sessions</h2>", period.anchor("sessions"));
    html + &lists.html(&period.sessions, zone)
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

/// The anchors and names of what is there: in a period, or in all of the page.
fn parts(html: &[&str], period: &Period<'_, '_>) -> Vec<(String, &'static str)> {
    let is_there = |name: &String| html.iter().any(|html| html.contains(&format!(" id=\"{name}\"")));
    let anchors = |(name, title)| [period.anchor(name), str::to_owned(name)].map(|anchor| (anchor, title));
    PARTS.into_iter().filter_map(|part| anchors(part).into_iter().find(|(name, _)| is_there(name))).collect()
}

/// Links to anchors.
pub(in crate::plugs) fn links(links: &[(impl AsRef<str>, &str)]) -> String {
    links.iter().map(|(name, title)| format!("<a href=\"#{}\">{}</a>\n", name.as_ref(), Text(title))).collect()
}

/// A whole page around a body, with what leads to parts of it.
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

/// What the page is about: days, names, freshness.
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

fn tiles(period: &Period<'_, '_>, whole: &Period<'_, '_>) -> String {
    let figures = &period.figures;
    let Spent { responses, tokens, cost: spent, .. } = &figures.all.total;
    let mut all = Activity::default();
    figures.activity.values().flat_map(BTreeMap::values).for_each(|activity| all.add(*activity));
    let saved = || figures.uses.values().flatten().filter_map(saved).sum::<PicoUsd>();
    let before = || {
        let days = period.days.before()?;
        let before = whole.figures.all.within(days).total.cost;
        Some(format!("{} on {} before", render::change(change(*spent, before)?), cost(before)))
    };
    let beside = match period.is_whole() {
        true => format!("{} saved by caches", money::rounded(saved())),
        false => before().unwrap_or_else(|| "nothing in the days before".to_owned()),
    };
    let people = crate::base::error::count(figures.people.len() as u64, "person");
    let tiles = [
        ("Cost by list prices", cost(*spent), beside),
        ("Tokens", short(tokens.total()), format!("{} of them output", short(tokens.output))),
        ("Responses", thousands(*responses), format!("of {} models", figures.models.len())),
        ("Sessions", thousands(period.sessions.len() as i128), format!("of {people}")),
        ("Active time", hours(all.active_micros / 1_000_000), "pauses over 10 minutes left out".to_owned()),
        ("Read from cache", percent(tokens.cache_read, prompt(tokens)), "of all prompt tokens".to_owned()),
    ];
    let mut html = String::from("<dl class=\"tiles\">\n");
    for (title, number, beside) in tiles {
        let _ = writeln!(html, "<div><dt>{title}</dt><dd>{}</dd><dd>{}</dd></div>", Text(&number), Text(&beside));
    }
    html + "</dl>\n"
}

/// Cost and tokens by model and by person.
fn over_time(of: &Period<'_, '_>) -> String {
    let figures = &of.figures;
    let (period, bars) = figures.bars(of.days);
    let mut html = String::new();
    for (title, told, number) in [
        ("Spend", money::rounded as fn(i128) -> String, (|spent| spent.cost.unwrap_or_default()) as fn(&Spent) -> i128),
        ("Tokens", short, |spent| spent.tokens.total()),
    ] {
        let anchor = of.anchor(&title.to_lowercase());
        let _ = write!(html, "<h2 id=\"{anchor}\">{title} over time</h2>\n<div class=\"pair\">\n");
        for (by, series) in [("model", &figures.models), figures.people_or_projects()] {
            let title = format!("{title} by {by}");
            let series = drawn(series, period, &bars, number);
            html += &Bars { title: &title, period: name(period), bars: &bars, series, told }.html();
        }
        html += "</div>\n";
    }
    html += "<div class=\"pair\">\n";
    for (by, series) in [("model", &figures.models), figures.people_or_projects()] {
        html += &totals(by, series);
    }
    html + "</div>\n"
}

/// The heaviest names, each with its numbers by bar, and the others as one.
fn drawn(
    series: &Series,
    period: zone::Period,
    bars: &[String],
    number: fn(&Spent) -> i128,
) -> Vec<(String, Vec<i128>)> {
    let numbers = |sums: &Sums| by_bar(period, bars, sums.days.iter().map(|(day, spent)| (*day, number(spent))));
    let ranked = ranked(series);
    let (first, others) = ranked.split_at(ranked.len().min(COLOURS));
    let mut drawn: Vec<_> = first.iter().map(|(name, sums)| ((*name).clone(), numbers(sums))).collect();
    if !others.is_empty() {
        let mut sum = vec![0; bars.len()];
        for (_, sums) in others {
            sum.iter_mut().zip(numbers(sums)).for_each(|(sum, number)| *sum += number);
        }
        drawn.push((format!("{} others", others.len()), sum));
    }
    drawn
}

fn by_bar(period: zone::Period, bars: &[String], days: impl Iterator<Item = (NaiveDate, i128)>) -> Vec<i128> {
    let mut numbers = vec![0; bars.len()];
    for (day, number) in days {
        // Names of periods sort like their days.
        if let Ok(at) = bars.binary_search(&period.of_day(day)) {
            numbers[at] += number;
        }
    }
    numbers
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
        [(*name).clone()].into_iter().chain(counts).chain(end).collect()
    });
    let numbers = ["responses", "output", "tokens", "cost"].map(|title| (title, Numbers));
    let head = [&[(by, Words)], &numbers[..], &[("share", Share)]].concat();
    format!("<div>{}{}</div>\n", table(&format!("By {by}"), &head, rows), left_out(ranked.len()))
}

/// How much of what was sent was already there.
fn cache(of: &Period<'_, '_>) -> String {
    let figures = &of.figures;
    let (period, bars) = figures.bars(of.days);
    type Kind = (&'static str, fn(&Tokens) -> i128);
    let kinds: [Kind; 3] = [
        ("read from cache", |tokens| tokens.cache_read),
        ("written to cache", |tokens| tokens.cache_write),
        ("not cached", |tokens| tokens.input),
    ];
    let series = kinds.map(|(name, number)| {
        let days = figures.all.days.iter().map(|(day, spent)| (*day, number(&spent.tokens)));
        (name.to_owned(), by_bar(period, &bars, days))
    });
    let chart =
        Bars { title: "Prompt tokens", period: name(period), bars: &bars, series: series.into(), told: short }.html();
    let rows = ranked(&figures.models).into_iter().take(MOST).map(|(name, Sums { total, .. })| {
        let tokens = &total.tokens;
        let uses = figures.uses.iter().filter(|(model, _)| model.as_deref().unwrap_or("(no model)") == name);
        let saved = uses.flat_map(|(_, uses)| uses).filter_map(saved).reduce(|a, b| a + b);
        let reads = match tokens.cache_write {
            0 => "–".to_owned(),
            // In tenths, rounded.
            written => tenths((tokens.cache_read * 10 + written / 2) / written),
        };
        let cells = [name.clone(), percent(tokens.cache_read, prompt(tokens)), reads];
        // Which prices applied in a period is not known.
        cells.into_iter().chain(of.is_whole().then(|| cost(saved))).collect()
    });
    let head = [("model", Words), ("from cache", Numbers), ("read per written", Numbers), ("saved", Numbers)];
    let (head, title) = match of.is_whole() {
        true => (&head[..], "Cache efficiency by model; saved is against the same prompts without a cache"),
        false => (&head[..3], "Cache efficiency by model"),
    };
    let (table, anchor) = (table(title, head, rows), of.anchor("cache"));
    format!("<h2 id=\"{anchor}\">Cache efficiency</h2>\n<div class=\"pair\">\n{chart}<div>{table}</div></div>\n")
}

/// What the same prompts would cost more without a cache.
fn saved(used: &Used<'_>) -> Option<PicoUsd> {
    let Used { price, terms, above, spent, .. } = used;
    let tokens =
        Tokens { input: prompt(&spent.tokens), cache_write: 0, cache_write_1h: 0, cache_read: 0, ..spent.tokens };
    Some((*price)?.cost(&Bill { tokens, terms: terms.clone(), above: *above })? - spent.cost?)
}

fn prompt(tokens: &Tokens) -> i128 {
    tokens.input + tokens.cache_write + tokens.cache_read
}

/// Sessions and active time by person, and the calendar.
fn activity(of: &Period<'_, '_>) -> String {
    let figures = &of.figures;
    let (period, bars) = figures.bars(of.days);
    // In the order of the other charts, so that a person has one colour.
    let people: Vec<_> =
        ranked(&figures.people).into_iter().filter_map(|(name, _)| figures.activity.get_key_value(name)).collect();
    let drawn = |number: fn(&Activity) -> i128| {
        let numbers = |days: &BTreeMap<Option<NaiveDate>, Activity>| {
            by_bar(period, &bars, days.iter().filter_map(|(day, activity)| Some(((*day)?, number(activity)))))
        };
        let mut drawn: Vec<(String, Vec<i128>)> =
            people.iter().take(COLOURS).map(|(name, days)| ((*name).clone(), numbers(days))).collect();
        let others = people.iter().skip(COLOURS).map(|(_, days)| numbers(days));
        let others = others.reduce(|a, b| a.into_iter().zip(b).map(|(a, b)| a + b).collect());
        drawn.extend(others.map(|numbers| (format!("{} others", people.len() - COLOURS), numbers)));
        drawn
    };
    let chart = |title, series, told| Bars { title, period: name(period), bars: &bars, series, told }.html();
    let rows = people.iter().take(MOST).map(|(name, days)| {
        let mut sum = Activity::default();
        days.values().for_each(|day| sum.add(*day));
        let Activity { sessions, active_micros } = sum;
        vec![(*name).clone(), thousands(sessions), hours(active_micros / 1_000_000)]
    });
    let head = [("person", Words), ("sessions", Numbers), ("active time", Numbers)];
    let priced = figures.all.total.cost.is_some();
    let number = |spent: &Spent| if priced { spent.cost.unwrap_or_default() } else { spent.tokens.total() };
    let days = figures.all.days.iter().map(|(day, spent)| (*day, number(spent))).collect();
    let told: fn(i128) -> String = if priced { money::rounded } else { |tokens| short(tokens) + " tokens" };
    let what = if priced { "Spend" } else { "Tokens" };
    let clock: Vec<_> = (0..24).map(|hour| format!("{hour:02}")).collect();
    let of_hour = |hour: &String| {
        let days = figures.hours.iter().filter(|((_, other), _)| other == hour);
        days.map(|(_, spent)| number(spent)).sum::<i128>()
    };
    let by_hour = clock.iter().map(of_hour).collect();
    let by_hour = vec![(what.to_lowercase(), by_hour)];
    let by_hour =
        Bars { title: &format!("{what} by hour of day"), period: "hour", bars: &clock, series: by_hour, told };
    let calendar = match of.is_whole() {
        true => format!("<div><h3>{what} by day</h3>\n{}</div>", calendar::calendar(&days, told)),
        false => String::new(),
    };
    format!(
        "<h2 id=\"{}\">Activity</h2>\n<div class=\"pair\">\n{}{}</div>\n<div class=\"pair\"><div>{}{}</div>\n{calendar}</div>\n{}",
        of.anchor("activity"),
        chart("Active time by person", drawn(|activity| activity.active_micros / 1_000_000), hours),
        chart("Sessions begun by person", drawn(|activity| activity.sessions), thousands),
        table("Sessions begun and active time by person", &head, rows),
        left_out(people.len()),
        by_hour.html(),
    )
}

/// Tools, with how often they fail.
fn tools(reader: Reader<'_>, filter: &Filter, period: &Period<'_, '_>) -> Result<String> {
    if filter.model.is_some() {
        return Ok("<h2>Tools</h2>\n<p>Tool calls are not told by model.</p>\n".to_owned());
    }
    let sheet = calls::calls(reader, filter)?;
    let rows = sheet.rows.iter().take(MOST).map(|row| {
        let number = |at: usize| row.numbers.get(at).copied().flatten().unwrap_or_default();
        let tool = row.key.clone().unwrap_or_default();
        vec![tool, thousands(number(0)), thousands(number(1)), percent(number(1), number(0)), thousands(number(2))]
    });
    let head = [("tool", Words), ("calls", Numbers), ("failed", Numbers), ("share", Numbers), ("sessions", Numbers)];
    let table = table("Calls, and those that failed", &head, rows);
    let anchor = period.anchor("tools");
    Ok(format!("<h2 id=\"{anchor}\">Tools</h2>\n{table}{}", left_out(sheet.rows.len())))
}

/// What came of the work, by project.
fn outcomes(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<String> {
    let mut sheet = outcomes::outcomes(reader, OutcomesBy::Project, filter, prices)?;
    let rows = sheet.rows.len();
    sheet.rows.truncate(MOST);
    let table = table::sheet("Outcomes by project, as far as transcripts show them", &sheet);
    Ok(format!("<h2 id=\"outcomes\">What came of it</h2>\n{table}{}", left_out(rows)))
}

fn troubles(troubles: &[Trouble]) -> String {
    let kinds = [
        (Kind::Cause, "Calls that came to nothing, by cause"),
        (Kind::RetryLoop, "Calls that failed three times or more in a row for the same cause, by tool"),
        (Kind::ApiCause, "Errors of the API, by cause"),
        (Kind::ApiError, "Errors of the API, by source file"),
        (Kind::FailedFile, "Source files that a processor could not deal with, as of now"),
        (Kind::MalformedLine, "Malformed lines, by source file: skipped and not counted"),
        (Kind::UnknownLine, "Unknown record types, in all of the database"),
        (Kind::Placeholder, "Responses whose output count is a placeholder, by model: more was written than is shown"),
        (Kind::Unpriced, "Responses of models without a price: their cost is not in any figure"),
    ];
    let mut html = String::from("<h2 id=\"troubles\">Failures and data quality</h2>\n");
    for (kind, title) in kinds {
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

/// A sentence with its words in backticks as code.
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

fn name(period: zone::Period) -> &'static str {
    match period {
        zone::Period::Day => "day",
        zone::Period::Week | zone::Period::SundayWeek => "week",
        zone::Period::Month => "month",
    }
}

fn cost(cost: Option<PicoUsd>) -> String {
    cost.map_or_else(|| "–".to_owned(), money::rounded)
}

fn percent(part: i128, whole: i128) -> String {
    match whole {
        0 => "–".to_owned(),
        _ => tenths((part * 1000 + whole / 2) / whole) + " %",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_once() {
        assert_eq!((percent(1, 3), percent(0, 0), percent(2, 2)), ("33.3 %".into(), "–".into(), "100.0 %".into()));
    }

    /// Text against its ground 4.5 : 1, colours of a chart against theirs 3 : 1, in both themes.
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
