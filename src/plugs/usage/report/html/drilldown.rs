//! The costliest and the longest sessions, each to be unfolded.

use crate::base::error::{Result, thousands};
use crate::plugs::usage::report::html::cost;
use crate::plugs::usage::report::html::period::Period;
use crate::plugs::usage::report::html::table::{Kind, table};
use crate::plugs::usage::report::html::text::Text;
use crate::plugs::usage::report::sessions::Session;
use crate::report::render::{hours, short};
use crate::store::reader::Reader;
use chrono_tz::Tz;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Sessions of a list.
const MOST: usize = 10;

/// Calls and failed calls by tool.
type Tools = Vec<(String, i128, i128)>;

/// Two lists for each period.
pub(super) struct Lists<'s>(BTreeMap<&'s str, Tools>);

/// The costliest and the longest of some sessions, which have the costliest first.
fn chosen<'s>(sessions: &[&'s Session]) -> [Vec<&'s Session>; 2] {
    let mut longest = sessions.to_vec();
    longest.sort_by_key(|session| Reverse(session.active_seconds));
    longest.truncate(MOST);
    [sessions.iter().take(MOST).copied().collect(), longest]
}

impl<'s> Lists<'s> {
    /// Reads what the sessions of the lists have beside their sums.
    pub(super) fn read(reader: Reader<'_>, periods: &[Period<'s, '_>]) -> Result<Self> {
        let chosen = periods.iter().flat_map(|period| chosen(&period.sessions)).flatten();
        let sessions: BTreeMap<&str, &Session> = chosen.map(|session| (session.id.as_str(), session)).collect();
        Ok(Self(tools(reader, &sessions)?))
    }

    /// Both lists of a period.
    pub(super) fn html(&self, sessions: &[&Session], zone: Tz) -> String {
        let [costliest, longest] = chosen(sessions);
        let mut html = String::from("<div class=\"pair\">\n");
        for (title, list, lead) in [
            ("Costliest", &costliest, (|session| cost(session.spent.cost)) as fn(&Session) -> String),
            ("Longest", &longest, |session| hours(session.active_seconds)),
        ] {
            let _ = writeln!(html, "<div><h3>{title}</h3>");
            for session in list {
                html += &folded(session, &lead(session), self.0.get(session.id.as_str()), zone);
            }
            html += "</div>\n";
        }
        html + "</div>\n"
    }
}

fn folded(session: &Session, lead: &str, tools: Option<&Tools>, zone: Tz) -> String {
    let Session { id, user, project, begun, ended, active_seconds, file, line, spent, models, facts, outcome } =
        session;
    let time = |time: &Option<chrono::DateTime<chrono::Utc>>| {
        time.map_or("unknown".to_owned(), |time| time.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string())
    };
    let place = project.as_deref().unwrap_or("(no project)");
    // A page is read by others: it quotes no prompt.
    let title = facts.title.as_deref().filter(|_| facts.title_source.as_deref() == Some("client"));
    let mut html = format!(
        "<details class=\"session\"><summary><b>{}</b>{}{} · {} · <span class=\"soft\">{}</span></summary>\n\
         <p>{} to {}; {} active; {} responses, {} tokens, {}; {} calls, {} of them failed</p>\n\
         <p class=\"soft\">session <code>{}</code> begins at <code>{}</code></p>\n",
        Text(lead),
        Text(&title.map(|title| format!("{title} · ")).unwrap_or_default()),
        Text(user),
        Text(place),
        time(begun),
        time(begun),
        time(ended),
        hours(*active_seconds),
        thousands(spent.responses),
        short(spent.tokens.total()),
        Text(&cost(spent.cost)),
        thousands(outcome.calls.into()),
        thousands(outcome.errors.into()),
        Text(id),
        Text(&format!("{file}:{line}")),
    );
    let numbers = |title| (title, Kind::Numbers);
    let mut models: Vec<_> = models.iter().collect();
    models.sort_by_key(|(_, spent)| Reverse((spent.cost, spent.tokens.total())));
    let rows = models.into_iter().map(|(model, spent)| {
        let tokens = &spent.tokens;
        let model = model.as_deref().unwrap_or("(no model)").to_owned();
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

/// The tools of some sessions, most calls first.
fn tools<'s>(reader: Reader<'_>, sessions: &BTreeMap<&'s str, &'s Session>) -> Result<BTreeMap<&'s str, Tools>> {
    let ids: Vec<_> = sessions.keys().map(|id| (*id).into()).collect();
    let sql = format!(
        "SELECT session_id, tool, count(*) AS calls, count(*) FILTER (is_error) FROM usage_tool_events
         WHERE session_id IN ({}) AND kind <> 'slash_command' GROUP BY ALL ORDER BY session_id, calls DESC, tool",
        vec!["?"; ids.len()].join(", ")
    );
    let mut tools: BTreeMap<&str, Tools> = BTreeMap::new();
    reader.each(&sql, &ids, |row| {
        if let Some((id, _)) = sessions.get_key_value(row.get::<String>(0)?.as_str()) {
            tools.entry(id).or_default().push((row.get(1)?, row.integer(2)?, row.integer(3)?));
        }
        Ok(())
    })?;
    Ok(tools)
}
