//! Prompts that recur in several sessions, which could be slash commands.

use super::Wish;
use crate::base::error::Result;
use crate::identities::Identities;
use crate::plugs::usage::repositories::Repositories;
use crate::price::PicoUsd;
use crate::store::reader::Reader;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The minimum number of sessions of a recurring prompt.
const SESSIONS: i64 = 3;

/// The most prompts of a page.
const MOST: usize = 10;

/// A recurring prompt, in its most frequent wording.
#[derive(Debug, Serialize)]
pub(crate) struct Prompt {
    /// A name for the command.
    pub(crate) command: String,
    pub(crate) text: String,
    pub(crate) times: u64,
    pub(crate) sessions: u64,
    pub(crate) people: BTreeSet<String>,
    /// The list price of what the agent did until the next prompt, in millionths of a US dollar. `None` if nothing has
    /// a price.
    pub(crate) cost_micro_usd: Option<i64>,
}

/// An occurrence of a prompt. Copies of a conversation count once.
struct Once {
    user: String,
    session: String,
    text: String,
    cost: Option<i64>,
}

/// Recurring prompts by project or by person, the most frequent first.
///
/// # Errors
///
/// If the database cannot be read.
pub(crate) fn repeated(
    reader: Reader<'_>,
    identities: &Identities,
    repositories: &Repositories,
    wish: &Wish,
) -> Result<BTreeMap<String, Vec<Prompt>>> {
    // A prompt with a claim is a statement, not a task. Copies have the time of the original, but possibly another
    // session id, and a copy can end before the next prompt.
    const SQL: &str = "
        WITH said AS (
            SELECT *, coalesce(time::VARCHAR, concat(session_file, ':', line)) AS moment FROM facts.verification_prompts
            WHERE text <> '' AND prompt_id IN (
                SELECT prompt_id FROM facts.verification_prompts
                GROUP BY prompt_id HAVING count(DISTINCT session_id) >= ?
            ) AND (session_file, line) NOT IN (SELECT (session_file, line) FROM facts.verification_claims)
        ), costs AS (
            SELECT span.prompt_id, span.moment, round(sum(cost_usd) * 1000000)::BIGINT AS cost
            FROM (SELECT prompt_id, moment, session_id, time, min(until) AS until FROM said GROUP BY ALL) AS span
            JOIN usage_costs ON usage_costs.session_id = span.session_id AND usage_costs.time >= span.time
                AND (span.until IS NULL OR usage_costs.time < span.until)
            GROUP BY ALL
        )
        SELECT prompt_id, min(username), min(session_id), min(project), min(text), any_value(cost)
        FROM said LEFT JOIN costs USING (prompt_id, moment) GROUP BY prompt_id, moment ORDER BY prompt_id, moment";
    let mut said: BTreeMap<(String, String), Vec<Once>> = BTreeMap::new();
    reader.each(SQL, &[SESSIONS.into()], |row| {
        let user = identities.label(&row.get::<String>(1)?).to_owned();
        let project: Option<String> = row.get(3)?;
        let page = if wish.by_person {
            Some(user.clone())
        } else {
            project.map(|cwd| super::project(&cwd, repositories).to_owned())
        };
        let (session, text, cost) = (row.get(2)?, row.get(4)?, row.get(5)?);
        if let Some(page) = page.filter(|_| wish.user.as_ref().is_none_or(|wanted| user == *wanted)) {
            said.entry((page, row.get(0)?)).or_default().push(Once { user, session, text, cost });
        }
        Ok(())
    })?;
    let mut pages: BTreeMap<String, Vec<Prompt>> = BTreeMap::new();
    for ((page, _), all) in said {
        pages.entry(page).or_default().extend(Prompt::new(&all));
    }
    for prompts in pages.values_mut() {
        prompts.sort_by_key(|prompt| (Reverse(prompt.sessions), Reverse(prompt.times), prompt.text.clone()));
        prompts.truncate(MOST);
    }
    pages.retain(|_, prompts| !prompts.is_empty());
    Ok(pages)
}

impl Prompt {
    fn new(all: &[Once]) -> Option<Self> {
        let sessions: BTreeSet<&str> = all.iter().map(|once| once.session.as_str()).collect();
        let mut texts: BTreeMap<&str, usize> = BTreeMap::new();
        all.iter().for_each(|once| *texts.entry(&once.text).or_default() += 1);
        let (text, _) = texts.into_iter().max_by_key(|(text, count)| (*count, Reverse(text.len())))?;
        (sessions.len() as i64 >= SESSIONS).then(|| Self {
            command: command(text),
            text: text.to_owned(),
            times: all.len() as u64,
            sessions: sessions.len() as u64,
            people: all.iter().map(|once| once.user.clone()).collect(),
            cost_micro_usd: all.iter().filter_map(|once| once.cost).reduce(|a, b| a + b),
        })
    }

    /// The total cost, and the average cost.
    pub(crate) fn cost(&self) -> Option<[PicoUsd; 2]> {
        let all = PicoUsd::from(self.cost_micro_usd?) * 1_000_000;
        Some([all, all / PicoUsd::from(self.times.max(1))])
    }
}

/// A name from the first words.
fn command(text: &str) -> String {
    const WORDS: usize = 3;
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 1);
    let is_plain = |word: &&str| {
        !matches!(*word, "please" | "can" | "you" | "and" | "the" | "to" | "of" | "it" | "this" | "that" | "now")
    };
    let plain = words.filter(is_plain);
    let name = plain.take(WORDS).collect::<Vec<_>>().join("-");
    if name.is_empty() { "command".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_called_by_what_it_does() {
        let prompts = ["commit this", "Can you commit and push it now?", "please run the tests of all crates", "?"];
        assert_eq!(prompts.map(command), ["commit", "commit-push", "run-tests-all", "command"]);
    }
}
