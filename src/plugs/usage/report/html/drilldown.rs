//! The costliest and the longest sessions, each to be unfolded.

use crate::base::error::{Result, count, thousands};
use crate::plugs::usage::report::active;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::html::cost;
use crate::plugs::usage::report::html::period::Period;
use crate::plugs::usage::report::html::table::{Kind, table};
use crate::plugs::usage::report::html::text::Text;
use crate::plugs::usage::report::sessions::{self, Session};
use crate::plugs::usage::report::spending::model_name;
use crate::plugs::usage::sums;
use crate::report::render::{hours, short};
use crate::store::reader::Reader;
use chrono_tz::Tz;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Sessions of a list.
const MOST: usize = 10;

/// Calls and failed calls by tool.
type Tools = Vec<(String, i128, i128)>;

/// Both lists of a period, which has the days of the filter. Only the sessions that are in them are looked into.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn html(reader: Reader<'_>, filter: &Filter, period: &Period<'_>) -> Result<String> {
    let condition = filter.condition();
    let active = active::of_sessions(reader, &condition)?;
    let mut longest: Vec<_> = period.sessions.iter().collect();
    longest.sort_by_cached_key(|cost| Reverse(active.get(&cost.id).copied()));
    let chosen: BTreeSet<&str> =
        period.sessions.iter().take(MOST).chain(longest.into_iter().take(MOST)).map(|cost| &*cost.id).collect();
    let costs = period.sessions.iter().filter(|cost| chosen.contains(&*cost.id)).cloned().collect();
    let sessions = sessions::whole(reader, filter, &condition, costs, period.sessions.len(), Some(active))?;
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
            html += &folded(session, &told, tools.get(session.id.as_str()), period, filter.zone);
        }
        html += "</div>\n";
    }
    Ok(html + "</div>\n")
}

fn folded(
    session: &Session,
    [lead, more]: &[String; 2],
    tools: Option<&Tools>,
    period: &Period<'_>,
    zone: Tz,
) -> String {
    let Session { id, user, project, begun, ended, active_seconds, file, line, spent, models, facts, outcome } =
        session;
    let time = |time: &Option<chrono::DateTime<chrono::Utc>>| {
        time.map_or("unknown".to_owned(), |time| time.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string())
    };
    let place = project.as_deref().unwrap_or("(no project)");
    let begins = if period.is_whole() { "begins" } else { "is first seen in these days" };
    // A page is read by others: it quotes no prompt. The number of them and the time tell sessions without a title apart.
    let title = facts.title.as_deref().filter(|_| facts.title_source.as_deref() != Some("prompt"));
    let mut html = format!(
        "<details class=\"session\"><summary><b>{}</b>{}{} · {} · <span class=\"soft\">{} · {} · {}</span></summary>\n\
         <p>{} to {}; {} active; {} responses, {} tokens, {}; {}, {} of them failed</p>\n\
         <p class=\"soft\">session <code>{}</code> {begins} at <code>{}</code></p>\n",
        Text(lead),
        Text(&title.map(|title| format!("{title} · ")).unwrap_or_default()),
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
