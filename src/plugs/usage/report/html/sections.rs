//! The parts of the page that depend on the days of a period: sums, charts over time, caches, activity.

use crate::base::error::{count, thousands};
use crate::identities::Identities;
use crate::plugs::usage::report::html::bars::{Bars, COLOURS, colours, own_colours};
use crate::plugs::usage::report::html::figures::{Activity, OverTime, Series, Sums, ranked};
use crate::plugs::usage::report::html::period::Period;
use crate::plugs::usage::report::html::table::Kind::{Numbers, Spare, Words};
use crate::plugs::usage::report::html::table::table;
use crate::plugs::usage::report::html::text::Text;
use crate::plugs::usage::report::html::{MOST, calendar, cost, left_out, percent, totals};
use crate::plugs::usage::report::spending::{Spent, Used, model_name, saved};
use crate::price::Tokens;
use crate::report::compare::{NEW, change};
use crate::report::money;
use crate::report::render::{self, hours, short, tenths};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(super) fn tiles(period: &Period<'_>, whole: &Period<'_>) -> String {
    let figures = &period.figures;
    let Spent { responses, tokens, cost: spent, .. } = &figures.all.total;
    let mut all = Activity::default();
    figures.activity.values().flat_map(BTreeMap::values).for_each(|activity| all.add(*activity));
    let beside = match period.before {
        None => format!("{} saved by caches", money::rounded(saved(&figures.uses).unwrap_or_default())),
        Some(before) if whole.days.since > before.since => "the days before are not on this page".to_owned(),
        Some(before) => {
            let before = whole.figures.all.within(before).total.cost;
            match change(*spent, before).filter(|change| *change != NEW) {
                Some(change) => format!("{} on {} before", render::change(change), cost(before)),
                None => "nothing in the days before".to_owned(),
            }
        }
    };
    let people = count(figures.people.len() as u64, "person");
    let tiles = [
        ("Cost by list prices", cost(*spent), beside),
        ("Tokens", short(tokens.total()), format!("{} of them output", short(tokens.output))),
        ("Responses", thousands(*responses), format!("of {}", count(figures.models.len() as u64, "model"))),
        ("Sessions", thousands(period.sessions as i128), format!("of {people}")),
        ("Active time", hours(all.active_micros / 1_000_000), "pauses over 10 minutes left out".to_owned()),
        ("Read from cache", percent(tokens.cache_read, prompt(tokens)), "of all prompt tokens".to_owned()),
    ];
    let mut html = String::from("<dl class=\"tiles\">\n");
    for (title, number, beside) in tiles {
        let _ = writeln!(html, "<div><dt>{title}</dt><dd>{}</dd><dd>{}</dd></div>", Text(&number), Text(&beside));
    }
    html + "</dl>\n"
}

/// Charts of cost and tokens by model and by person.
pub(super) fn over_time(of: &Period<'_>, whole: &Period<'_>, identities: &Identities) -> String {
    let figures = &of.figures;
    let bars = figures.bars(of.days);
    let mut html = String::new();
    for (title, told, number) in [
        ("Spend", money::rounded as fn(i128) -> String, (|spent| spent.cost.unwrap_or_default()) as fn(&Spent) -> i128),
        ("Tokens", short, |spent| spent.tokens.total()),
    ] {
        let anchor = of.anchor(&title.to_lowercase());
        let _ = write!(html, "<h2 id=\"{anchor}\">{title} over time</h2>\n<div class=\"pair\">\n");
        let (by, people) = whole.figures.people_or_projects();
        let of_whole = [("model", &whole.figures.models), (by, people)];
        for ((by, all), series) in of_whole.into_iter().zip([&figures.models, figures.series(by)]) {
            let title = format!("{title} by {by}");
            let series = drawn(series, &bars, number);
            let place = |name: &str| if by == "person" { identities.place(name) } else { None };
            let colours = colours(&series, &own_colours(&names(all), place));
            html +=
                &Bars { title: &title, period: bars.period.name(), bars: &bars.names, series, colours, told, unit: 1 }
                    .html();
        }
        html += "</div>\n";
    }
    html += "<div class=\"pair\">\n";
    let (by, _) = whole.figures.people_or_projects();
    for (by, series) in [("model", &figures.models), (by, figures.series(by))] {
        html += &totals(by, series);
    }
    html + "</div>\n"
}

/// The names of a series, those with the most usage first.
fn names(series: &Series) -> Vec<&String> {
    ranked(series).into_iter().map(|(name, _)| name).collect()
}

/// The first [`COLOURS`] names, each with its numbers by bar, and all others as one.
fn drawn(series: &Series, bars: &OverTime, number: fn(&Spent) -> i128) -> Vec<(String, Vec<i128>)> {
    let numbers = |sums: &Sums| bars.sums(sums.days.iter().map(|(day, spent)| (*day, number(spent))));
    let ranked = ranked(series);
    let (first, others) = ranked.split_at(ranked.len().min(COLOURS));
    let mut drawn: Vec<_> = first.iter().map(|(name, sums)| ((*name).clone(), numbers(sums))).collect();
    if !others.is_empty() {
        let mut sum = vec![0; bars.names.len()];
        for (_, sums) in others {
            sum.iter_mut().zip(numbers(sums)).for_each(|(sum, number)| *sum += number);
        }
        drawn.push((count(others.len() as u64, "other").to_string(), sum));
    }
    drawn
}

/// What the work was for: a table for each kind of name.
pub(super) fn work(of: &Period<'_>) -> String {
    let html: String = of.figures.work().map(|(title, series)| totals(title, series)).collect();
    if html.is_empty() {
        return html;
    }
    format!("<h2 id=\"{}\">What it was for</h2>\n<div class=\"pair\">\n{html}</div>\n", of.anchor("work"))
}

/// How much of the prompts was read from a cache.
pub(super) fn cache(of: &Period<'_>) -> String {
    let figures = &of.figures;
    let bars = figures.bars(of.days);
    type Kind = (&'static str, fn(&Tokens) -> i128);
    let kinds: [Kind; 3] = [
        ("read from cache", |tokens| tokens.cache_read),
        ("written to cache", |tokens| tokens.cache_write),
        ("not cached", |tokens| tokens.input),
    ];
    let series = kinds.map(|(name, number)| {
        let days = figures.all.days.iter().map(|(day, spent)| (*day, number(&spent.tokens)));
        (name.to_owned(), bars.sums(days))
    });
    let (colours, series) = (vec![0, 1, 2], series.into());
    let chart = Bars {
        title: "Prompt tokens",
        period: bars.period.name(),
        bars: &bars.names,
        series,
        colours,
        told: short,
        unit: 1,
    }
    .html();
    let rows = ranked(&figures.models).into_iter().take(MOST).map(|(name, Sums { total, .. })| {
        let tokens = &total.tokens;
        let uses = figures.uses.iter().filter(|(model, _)| model_name(model.as_deref()) == name);
        let saved = uses.flat_map(|(_, uses)| uses).filter_map(Used::saved).reduce(|a, b| a + b);
        let reads = match tokens.cache_write {
            0 => "–".to_owned(),
            // In tenths, rounded.
            written => tenths((tokens.cache_read * 10 + written / 2) / written),
        };
        let cells = [name.clone(), percent(tokens.cache_read, prompt(tokens)), reads];
        // The prices that applied are known only for the whole page, not for its periods.
        cells.into_iter().chain(of.is_whole().then(|| cost(saved))).collect()
    });
    let head = [("model", Words), ("from cache", Numbers), ("read per written", Spare), ("saved", Numbers)];
    let (head, title) = match of.is_whole() {
        true => (&head[..], "Cache efficiency by model; saved is against the same prompts without a cache"),
        false => (&head[..3], "Cache efficiency by model"),
    };
    let (table, anchor) = (table(title, head, rows), of.anchor("cache"));
    format!("<h2 id=\"{anchor}\">Cache efficiency</h2>\n<div class=\"pair\">\n{chart}<div>{table}</div></div>\n")
}

fn prompt(tokens: &Tokens) -> i128 {
    tokens.input + tokens.cache_write + tokens.cache_read
}

/// Sessions and active time by person, and the calendar.
pub(super) fn activity(of: &Period<'_>, whole: &Period<'_>, identities: &Identities) -> String {
    let figures = &of.figures;
    let bars = figures.bars(of.days);
    // In the order of the other charts, so that a person has the same colour in all of them.
    let people: Vec<_> =
        ranked(&figures.people).into_iter().filter_map(|(name, _)| figures.activity.get_key_value(name)).collect();
    let drawn = |number: fn(&Activity) -> i128| {
        let numbers = |days: &BTreeMap<Option<NaiveDate>, Activity>| {
            bars.sums(days.iter().filter_map(|(day, activity)| Some(((*day)?, number(activity)))))
        };
        let mut drawn: Vec<(String, Vec<i128>)> =
            people.iter().take(COLOURS).map(|(name, days)| ((*name).clone(), numbers(days))).collect();
        let others = people.iter().skip(COLOURS).map(|(_, days)| numbers(days));
        let others = others.reduce(|a, b| a.into_iter().zip(b).map(|(a, b)| a + b).collect());
        drawn.extend(others.map(|numbers| (format!("{} others", people.len() - COLOURS), numbers)));
        drawn
    };
    let chart = |title, series: Vec<_>, told, unit| {
        let own = own_colours(&names(&whole.figures.people), |name| identities.place(name));
        let colours = colours(&series, &own);
        Bars { title, period: bars.period.name(), bars: &bars.names, series, colours, told, unit }.html()
    };
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
        Bars { title: what, period: "hour of day", bars: &clock, series: by_hour, colours: vec![0], told, unit: 1 };
    let calendar = match of.is_whole() {
        true => format!("<div><h3>{what} by day</h3>\n{}</div>", calendar::calendar(&days, of.days, told)),
        false => String::new(),
    };
    format!(
        "<h2 id=\"{}\">Activity</h2>\n<div class=\"pair\">\n{}{}</div>\n<div class=\"pair\"><div>{}{}</div>\n{calendar}</div>\n{}",
        of.anchor("activity"),
        chart("Active time by person", drawn(|activity| activity.active_micros / 1_000_000), hours, 3600),
        chart("Sessions begun by person", drawn(|activity| activity.sessions), thousands, 1),
        table("Sessions begun and active time by person", &head, rows),
        left_out(people.len()),
        by_hour.html(),
    )
}
