//! A session prompt by prompt: what each asked for, and what came of it until the next one. What came before the first
//! prompt is a row, too, so that the rows add up to the session.

use crate::base::error::Result;
use crate::base::utc;
use crate::plugs::usage::report::active::LONG;
use crate::plugs::usage::report::timeline::{Step, What};
use crate::price::PicoUsd;
use crate::report::{money, number};
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sessionmill_usage::title;

/// A prompt or slash command of a person, and what came of it.
#[derive(Debug, Default)]
pub struct Prompt {
    /// `None` of what came before the first prompt.
    pub time: Option<DateTime<Utc>>,
    /// The first words, without credentials. What only agrees or goes on has none, and who may not see them.
    pub words: Option<String>,
    pub responses: i128,
    pub total_tokens: i128,
    pub cost: Option<PicoUsd>,
    pub calls: u64,
    pub errors: u64,
    /// Time between responses, without long pauses, from the prompt on.
    pub active_micros: i128,
}

/// Reads the prompts of a session in their order, and puts its steps, which are in theirs, below them. A step without a
/// time comes before the first prompt, as far as anybody knows.
pub(super) fn prompts(reader: Reader<'_>, session_id: &str, steps: &[Step]) -> Result<Vec<Prompt>> {
    let begun = begun(reader, session_id)?;
    let mut prompts: Vec<Prompt> = std::iter::once(Prompt::default()).chain(begun).collect();
    let mut last: Option<DateTime<Utc>> = None;
    for step in steps {
        let is_before = |prompt: &Prompt| prompt.time.is_none_or(|time| step.time.is_some_and(|of| time <= of));
        let at = prompts.partition_point(is_before).max(1) - 1;
        let prompt = &mut prompts[at];
        match &step.what {
            What::Response { responses, tokens, cost, .. } => {
                prompt.responses += responses;
                prompt.total_tokens += tokens.total();
                prompt.cost = prompt.cost.into_iter().chain(*cost).reduce(|a, b| a + b);
                let pause = last.zip(step.time).and_then(|(last, time)| (time - last).num_microseconds());
                let pause = pause.filter(|pause| (0..=LONG).contains(pause)).unwrap_or_default();
                // Before the prompt, the agent waited for the person.
                let of_prompt = prompt.time.zip(step.time).and_then(|(said, time)| (time - said).num_microseconds());
                prompt.active_micros += i128::from(of_prompt.map_or(pause, |of_prompt| pause.min(of_prompt)));
                last = step.time.or(last);
            }
            What::Call { kind, .. } if kind == "slash_command" => {}
            What::Call { failed, .. } => {
                prompt.calls += 1;
                prompt.errors += u64::from(*failed == Some(true));
            }
        }
    }
    let is_empty = prompts[0].responses == 0 && prompts[0].calls == 0 && prompts[0].total_tokens == 0;
    Ok(prompts.split_off(usize::from(is_empty)))
}

/// The prompts, each once, however many files repeat it. Nothing is known of them where nothing looks for activity, and
/// none of their words where nothing looks for knowledge.
fn begun(reader: Reader<'_>, session_id: &str) -> Result<Vec<Prompt>> {
    let is_known = "SELECT count(*) = 2 FROM duckdb_tables() WHERE schema_name = 'facts'
                        AND table_name IN ('activity_lines', 'verification_prompts')";
    if !reader.one(is_known, &[], |row| row.get::<bool>(0))? {
        return Ok(Vec::new());
    }
    let sql = "SELECT min(said.time) AS begun, min(nullif(prompts.text, '')), min(commands.tool)
               FROM facts.activity_lines AS said
               LEFT JOIN facts.verification_prompts AS prompts
                   ON prompts.session_file = said.session_file AND prompts.line = said.line
               LEFT JOIN usage_tool_events AS commands
                   ON commands.session_file = said.session_file AND commands.line = said.line
                   AND commands.kind = 'slash_command' AND said.name = 'command'
               WHERE said.transcript = ? AND said.name IN ('prompt', 'command') AND said.agent IS NOT NULL
               GROUP BY coalesce(said.event_id, concat(said.session_file, ':', said.line)) ORDER BY ALL";
    reader.rows(sql, &[session_id.into()], |row| {
        let words = row.get::<Option<String>>(1)?.and_then(|text| title(&text)).map(String::from);
        Ok(Prompt { time: row.time(0)?, words: words.or(row.get(2)?), ..Prompt::default() })
    })
}

impl Prompt {
    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "time": self.time.map(utc::shortest), "prompt": self.words, "responses": number(self.responses),
            "total_tokens": number(self.total_tokens), "cost_usd": self.cost.map(money::dollars), "calls": self.calls,
            "errors": self.errors, "active_seconds": number(self.active_micros / 1_000_000),
        })
    }
}
