//! Facts about a session besides its tokens: its title, prompts and interruptions, and the outcome of its calls.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::{Filter, NAMED, Where};
use crate::plugs::usage::sums;
use crate::store::reader::{Reader, Row};
use std::collections::HashMap;

/// Facts from the transcripts of a session.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub title: Option<String>,
    /// `client`, `prompt` for the first line of the first prompt, or `command` for the first slash command.
    pub title_source: Option<String>,
    pub prompts: u64,
    pub turns: u64,
    pub compactions: u64,
    pub interruptions: u64,
}

#[cfg(feature = "console")]
impl Facts {
    /// Removes a title that comes from a prompt, for viewers who may not see what people write.
    pub(in crate::plugs::usage) fn hide_prompt(&mut self) {
        if self.title_source.as_deref() == Some("prompt") {
            (self.title, self.title_source) = (None, None);
        }
    }
}

/// The outcome of tool calls. Each call counts once, even if several files contain it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    pub calls: u64,
    pub errors: u64,
    pub rejections: u64,
    pub lines_added: u64,
    pub lines_removed: u64,
    pub files: u64,
    pub commits: u64,
    pub pull_requests: u64,
    pub test_runs: u64,
    pub failed_test_runs: u64,
}

impl Outcome {
    /// Reads the [sums](crate::plugs::usage::sums::sums_of_calls), starting at this column.
    pub(super) fn read(row: &Row<'_>, first: usize) -> Result<Self> {
        let number = |at: usize| row.count(first + at);
        Ok(Self {
            calls: number(0)?,
            errors: number(1)?,
            rejections: number(2)?,
            lines_added: number(3)?,
            lines_removed: number(4)?,
            files: 0,
            commits: number(5)?,
            pull_requests: number(6)?,
            test_runs: number(7)?,
            failed_test_runs: number(8)?,
        })
    }
}

/// A session id, and the folder whose transcripts contain the session.
pub(in crate::plugs) type SessionKey = (String, String);

/// Facts of sessions by session and folder. Another person can have a transcript with the same session id; its facts
/// belong to that person. The condition must be about session ids only. When a session is resumed, the new file repeats
/// the old records, so the highest number of any file counts. A title from the client is taken from the newest file
/// that has one.
pub(in crate::plugs) fn facts(
    reader: Reader<'_>,
    Where { clause, params }: &Where,
) -> Result<HashMap<SessionKey, Facts>> {
    // A file without a time is used only if no other file has a title. `title_source` is that of the title that was
    // chosen.
    let sql = format!(
        "
        SELECT session_id, username, coalesce(client, prompt),
            CASE WHEN client IS NOT NULL THEN 'client' WHEN prompt IS NOT NULL THEN 'prompt' END,
            prompts, turns, compactions, interruptions
        FROM (
            SELECT session_id, username,
                arg_max(title, (coalesce(ended, '-infinity'::TIMESTAMP), session_file))
                    FILTER (title_source = 'client' AND title IS NOT NULL) AS client,
                arg_min(title, (coalesce(started, 'infinity'::TIMESTAMP), session_file))
                    FILTER (title_source = 'prompt' AND title IS NOT NULL) AS prompt,
                max(prompts) AS prompts, max(turns) AS turns, max(compactions) AS compactions,
                max(interruptions) AS interruptions
            FROM usage_sessions WHERE {clause} GROUP BY session_id, username)"
    );
    let facts = reader.rows(&sql, params, |row| {
        let facts = Facts {
            title: row.get(2)?,
            title_source: row.get(3)?,
            prompts: row.count(4)?,
            turns: row.count(5)?,
            compactions: row.count(6)?,
            interruptions: row.count(7)?,
        };
        Ok(((row.get(0)?, row.get(1)?), facts))
    })?;
    let mut facts: HashMap<SessionKey, Facts> = facts.into_iter().collect();
    let untitled = facts.iter().filter(|(_, facts)| facts.title.is_none()).map(|((id, _), _)| &**id);
    for (place, command) in commands(reader, untitled)? {
        if let Some(facts) = facts.get_mut(&place).filter(|facts| facts.title.is_none()) {
            (facts.title, facts.title_source) = (Some(command), Some("command".to_owned()));
        }
    }
    Ok(facts)
}

/// The first slash commands of sessions; empty for more than [`NAMED`] sessions, because a slash command matters only
/// as a title of last resort.
fn commands<'i>(reader: Reader<'_>, ids: impl Iterator<Item = &'i str>) -> Result<Vec<(SessionKey, String)>> {
    let ids: Vec<_> = ids.collect();
    if ids.is_empty() || ids.len() > NAMED {
        return Ok(Vec::new());
    }
    let Where { clause, params } = Where::everything().of_sessions(ids.into_iter());
    let sql = format!(
        "SELECT session_id, username, arg_min(tool, (time, line)) FROM usage_tool_events
         WHERE {clause} AND kind = 'slash_command' GROUP BY session_id, username"
    );
    reader.rows(&sql, &params, |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))
}

/// The outcome of calls by session. The condition is about calls.
pub(super) fn outcomes(
    reader: Reader<'_>,
    filter: &Filter,
    Where { clause, params }: &Where,
) -> Result<HashMap<String, Outcome>> {
    let sql = format!(
        "SELECT session_id, {} FROM {} WHERE {clause} AND session_id IS NOT NULL GROUP BY session_id",
        sums::sums_of_calls(),
        sums::calls(reader, filter)?
    );
    let outcomes = reader.rows(&sql, params, |row| Ok((row.get(0)?, Outcome::read(row, 1)?)))?;
    let mut outcomes: HashMap<String, Outcome> = outcomes.into_iter().collect();
    let sql = format!(
        "SELECT session_id, count(*) FROM (
             SELECT DISTINCT session_id, file FROM {} WHERE {clause} AND session_id IS NOT NULL)
         GROUP BY session_id",
        sums::file_changes(reader, filter)?
    );
    reader.each(&sql, params, |row| {
        if let Some(outcome) = outcomes.get_mut(&row.get::<String>(0)?) {
            outcome.files = row.count(1)?;
        }
        Ok(())
    })?;
    Ok(outcomes)
}
