//! A session step by step: each response and each call, with the line of the transcript that contains it.

use crate::base::error::{Error, Result, Status, count};
use crate::base::names;
use crate::base::printable::printable;
use crate::plugs::usage::report::facts::{self, Facts, Outcome};
use crate::plugs::usage::report::family::{self, Member};
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::prompts::{self, Prompt};
use crate::plugs::usage::report::spending::{self, Columns, Spent};
use crate::plugs::usage::report::step::{Step, What};
use crate::plugs::usage::sums;
use crate::price::Prices;
use crate::report::{money, number};
use crate::store::reader::{Param, Reader, Row};
use chrono::DateTime;
use serde_json::{Value, json};

/// The session, with its steps in order of time.
#[derive(Debug)]
pub struct Timeline {
    pub session_id: String,
    pub facts: Facts,
    pub steps: Vec<Step>,
    pub subagents: Vec<Member>,
    pub prompts: Vec<Prompt>,
    /// The sums of all steps.
    pub total: Spent,
    pub outcome: Outcome,
}

/// Reads a whole session, given by its id or the beginning of it. Only the people of the filter are used.
///
/// # Errors
///
/// If no session or more than one matches, or the database cannot be read.
pub fn timeline(reader: Reader<'_>, key: &str, filter: &Filter, prices: &Prices) -> Result<Timeline> {
    let session_id = find(reader, key)?;
    let of_session = Where { clause: "session_id = ?".to_owned(), params: vec![Param::Text(session_id.clone())] };
    let (mut steps, mut total) = (Vec::new(), Spent::default());
    let keys = ["epoch_us(time)", "username", "session_file", "line", "subagent_id", "message_id", "part"];
    spending::read(reader, prices, Columns::of(&keys).one_by_one(), &of_session, head, |head, model, spent| {
        let model = model.map(str::to_owned);
        total.add(spent);
        steps.push(step(
            head,
            What::Response { model, responses: spent.responses, tokens: spent.tokens, cost: spent.cost },
        ));
    })?;
    let sql = "SELECT epoch_us(time), username, session_file, line, caller_id, kind, tool, is_error, cause,
                   nullif(error, '')
               FROM usage_tool_events
               WHERE session_id = ? ORDER BY time, session_file, line, event_id";
    reader.each(sql, &of_session.params, |row| {
        let [cause, error] = [8, 9].map(|column| row.get(column));
        let what =
            What::Call { kind: row.get(5)?, tool: row.get(6)?, failed: row.get(7)?, cause: cause?, error: error? };
        steps.push(step(head(row)?, what));
        Ok(())
    })?;
    // A response comes before the calls on its line.
    steps.sort_by(|a, b| {
        let order = |step: &Step| (step.time.is_none(), step.time, matches!(step.what, What::Call { .. }), step.line);
        order(a).cmp(&order(b)).then_with(|| a.file.cmp(&b.file)).then_with(|| name(a).cmp(&name(b)))
    });
    let folder = steps.first().map(|step| step.user.clone()).unwrap_or_default();
    let facts = facts::facts(reader, &of_session)?.remove(&(session_id.clone(), folder)).unwrap_or_default();
    steps.iter_mut().for_each(|step| step.user = filter.identities.label(&step.user).to_owned());
    let subagents = family::family(reader, prices, &of_session)?;
    let calls = sums::calls(reader, &Filter::of_all(filter.zone, filter.identities.clone()))?;
    let sql = format!("SELECT {} FROM {calls} WHERE session_id = ?", sums::sums_of_calls());
    let outcome = reader.one(&sql, &of_session.params, |row| Outcome::read(row, 0))?;
    let prompts = prompts::prompts(reader, &session_id, &steps)?;
    Ok(Timeline { session_id, facts, steps, subagents, prompts, total, outcome })
}

type Head = (Option<i64>, String, String, i64, Option<String>);

fn head(row: &Row<'_>) -> Result<Head> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

fn step((time, user, file, line, subagent): Head, what: What) -> Step {
    Step { time: time.and_then(DateTime::from_timestamp_micros), user, file, line, subagent, what }
}

/// Orders steps of the same line.
fn name(step: &Step) -> (&str, i128) {
    match &step.what {
        What::Response { model, tokens, .. } => (model.as_deref().unwrap_or_default(), tokens.total()),
        What::Call { tool, .. } => (tool, 0),
    }
}

fn find(reader: Reader<'_>, key: &str) -> Result<String> {
    let sql = "SELECT DISTINCT session_id FROM (
                   SELECT session_id FROM usage_responses UNION ALL SELECT session_id FROM usage_tool_events)
               WHERE starts_with(session_id, ?) ORDER BY session_id";
    let found: Vec<String> = reader.rows(sql, &[key.into()], |row| row.get(0))?;
    names::whole("session", key, found)?.ok_or_else(|| {
        Error::new(Status::Usage, format!("no session `{}`", printable(key)))
            .hint("`sessionmill report sessions` shows them")
    })
}

impl Timeline {
    /// Says how many subagents have no response in the database, if any.
    pub fn missing(&self) -> Option<String> {
        let missing = self.subagents.iter().filter(|member| member.spent.responses == 0).count();
        let of = count(self.subagents.len() as u64, "subagent");
        (missing > 0).then(|| {
            format!(
                "{missing} of {of} without a response here: the transcripts are elsewhere, or the subagents ended before they \
                 answered; the cost is without them"
            )
        })
    }

    /// Removes titles, prompts and error messages, for viewers who may not see what people write.
    #[cfg(feature = "console")]
    pub(in crate::plugs::usage) fn hide_prompts(&mut self) {
        self.facts.hide_prompt();
        self.prompts.iter_mut().for_each(|prompt| prompt.words = None);
        for step in &mut self.steps {
            if let What::Call { error, .. } = &mut step.what {
                *error = None;
            }
        }
    }

    /// As JSON: `{"session", "title", …, "steps": […], "subagents": […], "by_prompt": […]}`.
    pub fn json(&self) -> Value {
        let Facts { title, title_source, prompts, turns, compactions, interruptions } = &self.facts;
        json!({
            "session": self.session_id, "title": title, "title_source": title_source, "prompts": prompts, "turns": turns,
            "compactions": compactions, "interruptions": interruptions, "rejections": self.outcome.rejections,
            "responses": number(self.total.responses), "total_tokens": number(self.total.tokens.total()),
            "cost_usd": self.total.cost.map(money::dollars),
            "calls": self.outcome.calls, "errors": self.outcome.errors,
            "steps": self.steps.iter().map(Step::json).collect::<Vec<_>>(),
            "subagents": self.subagents.iter().map(Member::json).collect::<Vec<_>>(),
            "by_prompt": self.prompts.iter().map(Prompt::json).collect::<Vec<_>>(),
        })
    }
}
