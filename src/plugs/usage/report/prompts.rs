//! A session prompt by prompt: what each asked for, and what followed until the next one. What came before the first
//! prompt is a row of its own, so that the rows add up to the session.

use crate::base::error::Result;
use crate::base::utc;
use crate::plugs::usage::report::active::LONG;
use crate::plugs::usage::report::step::{Step, What};
use crate::price::PicoUsd;
use crate::report::{money, number};
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sessionmill_usage::title;

/// A prompt or slash command, and what followed.
#[derive(Debug, Default)]
pub struct Prompt {
    /// `None` for what came before the first prompt.
    pub time: Option<DateTime<Utc>>,
    /// The first words, without credentials. `None` for a prompt that only agrees or continues, and for viewers who may
    /// not see what people write.
    pub words: Option<String>,
    pub responses: i128,
    pub total_tokens: i128,
    pub cost: Option<PicoUsd>,
    pub calls: u64,
    pub errors: u64,
    /// Active time in microseconds from this prompt to the next one.
    pub active_micros: i128,
}

/// Reads the prompts of a session in order, and assigns its steps to them. The steps must be sorted by time. A step
/// without a time is assigned to the row before the first prompt.
pub(super) fn prompts(reader: Reader<'_>, session_id: &str, steps: &[Step]) -> Result<Vec<Prompt>> {
    let begun = begun(reader, session_id)?;
    let mut prompts: Vec<Prompt> = std::iter::once(Prompt::default()).chain(begun).collect();
    // The time of the last response, and the index of its prompt.
    let mut last: Option<(DateTime<Utc>, usize)> = None;
    for step in steps {
        let is_before = |prompt: &Prompt| prompt.time.is_none_or(|time| step.time.is_some_and(|of| time <= of));
        let at = prompts.partition_point(is_before).max(1) - 1;
        match &step.what {
            What::Response { responses, tokens, cost, .. } => {
                if let Some(((before, of), time)) = last.zip(step.time) {
                    let pause = (time - before).num_microseconds().filter(|pause| (0..=LONG).contains(pause));
                    let pause = i128::from(pause.unwrap_or_default());
                    // A pause that contains a prompt is split there: the time before it belongs to the previous prompt.
                    let since = prompts[at].time.and_then(|said| (time - said).num_microseconds());
                    let since = since.map_or(pause, |since| pause.min(since.into()));
                    prompts[at].active_micros += since;
                    prompts[of].active_micros += pause - since;
                }
                last = step.time.map(|time| (time, at)).or(last);
                let prompt = &mut prompts[at];
                prompt.responses += responses;
                prompt.total_tokens += tokens.total();
                prompt.cost = prompt.cost.into_iter().chain(*cost).reduce(|a, b| a + b);
            }
            What::Call { kind, .. } if kind == "slash_command" => {}
            What::Call { failed, .. } => {
                prompts[at].calls += 1;
                prompts[at].errors += u64::from(*failed == Some(true));
            }
        }
    }
    let is_empty = prompts[0].responses == 0 && prompts[0].calls == 0 && prompts[0].total_tokens == 0;
    Ok(prompts.split_off(usize::from(is_empty)))
}

/// Whether the database has the tables of prompts.
fn are_known(reader: Reader<'_>) -> Result<bool> {
    let sql = "SELECT count(*) = 2 FROM duckdb_tables() WHERE schema_name = 'facts'
                   AND table_name IN ('activity_lines', 'verification_prompts')";
    reader.one(sql, &[], |row| row.get(0))
}

/// SQL for a table of the sessions that have prompts, with their folders; `None` without the tables of prompts.
#[cfg(feature = "console")]
pub(in crate::plugs::usage) fn told(reader: Reader<'_>) -> Result<Option<String>> {
    let told = "(SELECT transcript AS session_id, username FROM facts.activity_lines WHERE transcript IS NOT NULL)";
    Ok(are_known(reader)?.then(|| told.to_owned()))
}

/// The prompts, each once, even if several files contain it. Empty without the processor `tracking`, and without words
/// where the processor `verification` does not run.
fn begun(reader: Reader<'_>, session_id: &str) -> Result<Vec<Prompt>> {
    if !are_known(reader)? {
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
