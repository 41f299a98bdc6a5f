//! The costliest and the longest sessions, each of which can be unfolded.

use crate::base::error::{Result, count, thousands};
use crate::config::publish::Titles;
use crate::plugs::usage::report::active;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::html::cost;
use crate::plugs::usage::report::html::period::{MOST, Period};
use crate::plugs::usage::report::html::table::{Kind, table};
use crate::plugs::usage::report::html::text::Text;
use crate::plugs::usage::report::sessions::{self, Session};
use crate::plugs::usage::report::spending::model_name;
use crate::plugs::usage::sums;
use crate::price::Prices;
use crate::report::render::{hours, short};
use crate::store::reader::Reader;
use chrono_tz::Tz;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Tools, each with its calls and failed calls.
type Tools = Vec<(String, i128, i128)>;

/// Both lists of a period. The filter has the days of the period. Only sessions in the lists are read in detail.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn html(
    reader: Reader<'_>,
    filter: &Filter,
    prices: &Prices,
    period: &Period<'_>,
    titles: Titles,
) -> Result<String> {
    let condition = filter.condition();
    let mut chosen = period.costliest.clone();
    let longest = active::longest(reader, &condition, filter.begin(), MOST)?;
    chosen.extend(longest.into_iter().filter(|id| !period.costliest.contains(id)));
    let sessions = sessions::of_ids(reader, filter, &condition, prices, &chosen, period.sessions)?;
    let costliest: Vec<_> = sessions.iter().take(MOST).collect();
    let mut longest: Vec<_> = sessions.iter().collect();
    longest.sort_by_key(|session| Reverse(session.active_seconds));
    longest.truncate(MOST);
    let ids: BTreeSet<&str> = sessions.iter().map(|session| session.id.as_str()).collect();
    let tools = tools(reader, filter, &ids)?;
    let mut html = String::from("<div class=\"pair\">\n");
    type Told = fn(&Session) -> String;
    let (spent, active): (Told, Told) =
        (|session| cost(session.spent.cost), |session| hours(session.active_seconds) + " active");
    for (title, list, lead, more) in [("Costliest", &costliest, spent, active), ("Longest", &longest, active, spent)] {
        let _ = writeln!(html, "<div><h3>{title}</h3>");
        for session in list {
            let told = [lead(session), more(session)];
            html += &folded(session, &told, tools.get(session.id.as_str()), period, filter.zone, titles);
        }
        html += "</div>\n";
    }
    html += "</div>\n";
    if sessions.iter().any(|session| session.facts.title.is_some() && title(session, titles).is_none()) {
        html += "<p class=\"soft\">A session without a name of its own would have that of its first prompt, which is \
                 not shown here: <code>[publish] titles = \"all\"</code> in the configuration shows it.</p>\n";
    }
    Ok(html)
}

/// The title of a session as the page may show it. Other people read the page, so a title from a prompt is shown only
/// with [`Titles::All`].
fn title(session: &Session, titles: Titles) -> Option<&str> {
    let is_shown = match session.facts.title_source.as_deref() {
        Some("prompt") => titles == Titles::All,
        _ => titles != Titles::None,
    };
    session.facts.title.as_deref().filter(|_| is_shown)
}

fn folded(
    session: &Session,
    [lead, more]: &[String; 2],
    tools: Option<&Tools>,
    period: &Period<'_>,
    zone: Tz,
    titles: Titles,
) -> String {
    let Session { id, user, project, begun, ended, active_seconds, file, line, spent, models, facts, outcome } =
        session;
    let time = |time: &Option<chrono::DateTime<chrono::Utc>>| {
        time.map_or("unknown".to_owned(), |time| time.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string())
    };
    let place = project.as_deref().unwrap_or("(no project)");
    let begins = if period.is_whole() { "begins" } else { "is first seen in these days" };
    // A session without a title is named by the start of its id.
    let name = title(session, titles).map_or_else(|| id.chars().take(8).collect(), str::to_owned);
    let mut html = format!(
        "<details class=\"session\"><summary><b>{}</b>{}{} · {} · <span class=\"soft\">{} · {} · {}</span></summary>\n\
         <p>{} to {}; {} active; {} responses, {} tokens, {}; {}, {} of them failed</p>\n\
         <p class=\"soft\">session <code>{}</code> {begins} at <code>{}</code></p>\n",
        Text(lead),
        Text(&format!("{name} · ")),
        Text(user),
        Text(place),
        time(begun),
        count(facts.prompts, "prompt"),
        Text(more),
        time(begun),
        time(ended),
        hours(*active_seconds),
        thousands(spent.responses),
        short(spent.tokens.total()),
        Text(&cost(spent.cost)),
        count(outcome.calls, "call"),
        thousands(outcome.errors.into()),
        Text(id),
        Text(&format!("{file}:{line}")),
    );
    let numbers = |title| (title, Kind::Numbers);
    let mut models: Vec<_> = models.iter().collect();
    models.sort_by_key(|(_, spent)| Reverse((spent.cost, spent.tokens.total())));
    let rows = models.into_iter().map(|(model, spent)| {
        let tokens = &spent.tokens;
        let model = model_name(model.as_deref()).to_owned();
        let counts = [spent.responses, tokens.input, tokens.output, tokens.cache_write, tokens.cache_read];
        [model].into_iter().chain(counts.map(short)).chain([cost(spent.cost)]).collect()
    });
    let head = ["responses", "input", "output", "cache write", "cache read", "cost"].map(numbers);
    html += &table("Models", &[&[("model", Kind::Words)], &head[..]].concat(), rows);
    if let Some(tools) = tools {
        let rows = tools.iter().map(|(tool, calls, errors)| vec![tool.clone(), thousands(*calls), thousands(*errors)]);
        html += &table("Tools", &[("tool", Kind::Words), numbers("calls"), numbers("failed")], rows);
    }
    html + "</details>\n"
}

/// The tools of some sessions in the days of the filter, most calls first.
fn tools<'i>(reader: Reader<'_>, filter: &Filter, ids: &BTreeSet<&'i str>) -> Result<BTreeMap<&'i str, Tools>> {
    let mut tools: BTreeMap<&str, Tools> = BTreeMap::new();
    if ids.is_empty() {
        return Ok(tools);
    }
    let Where { clause, params } = filter.of_calls().of_sessions(ids.iter().copied());
    let sql = format!(
        "SELECT session_id, tool, sum(calls), sum(errors) FROM {} WHERE {clause}
         GROUP BY ALL ORDER BY session_id, sum(calls) DESC, tool",
        sums::calls(reader, filter)?
    );
    reader.each(&sql, &params, |row| {
        if let Some(id) = ids.get(row.get::<String>(0)?.as_str()) {
            tools.entry(id).or_default().push((row.get(1)?, row.integer(2)?, row.integer(3)?));
        }
        Ok(())
    })?;
    Ok(tools)
}
