//! A response as one source file tells it: its best line and its earliest one.

use crate::place::Place;
use crate::whereabouts::Whereabouts;
use sessionmill_contract::event::{MicroUsd, Response, Usage};
use sessionmill_contract::{Event, FactRow, Failure, Rows, Table, Transcript, Value};
use std::cmp::Ordering;
use std::rc::Rc;

/// One row per source file, message id and part. Part 0 is the response, the others are calls that
/// its numbers leave out: of advisors (rule 7 of COUNTING), compactions and declined attempts. `line`, `time` and the whereabouts are those of the earliest line, all else
/// is that of the best one, which is line `counted_line`. `mcp_server` is that of the first call to one.
pub static COPIES: Table = Table {
    name: "usage_copies",
    columns: &[
        "message_id",
        "part",
        "line",
        "time",
        "session_id",
        "project",
        "side_chain",
        "counted_line",
        "model",
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_creation_1h_input_tokens",
        "cache_read_input_tokens",
        "stopped",
        "fast",
        "web_searches",
        "client_version",
        "reported_cost_micro_usd",
        "agent",
        "tool_web_searches",
        "reasoning_output_tokens",
        "branch",
        "subagent_id",
        "command",
        "skill",
        "mcp_server",
        "service_tier",
        "inference_geo",
        "part_kind",
    ],
};

/// What the file's lines with one message id come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    pub agent: Option<Rc<str>>,
    pub earliest: Place,
    pub at: Whereabouts,
    pub best: Line,
    /// Calls that the numbers of the best line leave out: those of advisors, compactions, declined attempts.
    pub advisors: Vec<Part>,
    /// Searches by the tools that the response called, as far as the file has their results.
    pub tool_web_searches: u64,
    /// The server of its first call of one, as far as the file has its calls.
    pub mcp_server: Option<Rc<str>>,
}

/// The numbers of one line. They are taken whole: fields of two lines are never mixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub line: u64,
    pub side_chain: bool,
    pub part: Part,
    pub stopped: bool,
    pub fast: bool,
    pub web_searches: u64,
    pub client_version: Option<Rc<str>>,
    pub reported_cost: Option<MicroUsd>,
    pub service_tier: Option<Rc<str>>,
    pub inference_geo: Option<Rc<str>>,
}

/// Tokens of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub kind: PartKind,
    pub model: Option<Rc<str>>,
    pub usage: Usage,
}

/// What a part is a call for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    Response,
    Advisor,
    Compaction,
    /// An attempt that was declined, before another model served the response.
    Declined,
}

impl PartKind {
    /// As the tables name it; the response itself needs no name.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Response => None,
            Self::Advisor => Some("advisor"),
            Self::Compaction => Some("compaction"),
            Self::Declined => Some("declined"),
        }
    }

    /// Of a part's row. Rows of older versions do not name it.
    fn of(number: u64, name: Option<&str>) -> Self {
        match (number, name) {
            (0, _) => Self::Response,
            (_, Some("compaction")) => Self::Compaction,
            (_, Some("declined")) => Self::Declined,
            _ => Self::Advisor,
        }
    }
}

impl Line {
    pub fn new(event: &Event<'_>, transcript: &Transcript<'_>, response: &Response<'_>) -> Self {
        Self {
            line: event.line,
            side_chain: transcript.side_chain,
            part: Part { kind: PartKind::Response, model: response.model.map(Rc::from), usage: response.usage },
            stopped: response.stop_reason.is_some(),
            fast: response.fast,
            web_searches: response.web_searches,
            client_version: transcript.version.map(Rc::from),
            reported_cost: response.reported_cost,
            service_tier: response.service_tier.map(Rc::from),
            inference_geo: response.inference_geo.map(Rc::from),
        }
    }
}

impl Copy {
    /// Rule 2 of COUNTING: the main conversation before a side chain, then most output, then the larger total,
    /// with the calls that the line's numbers leave out. Of equals the one that is known to be complete.
    /// `Greater` is better.
    pub fn rank(&self, other: &Self) -> Ordering {
        let total = |Self { best, advisors, .. }: &Self| {
            let parts = std::iter::once(&best.part).chain(advisors);
            parts.fold(0, |total: u64, part| total.saturating_add(part.usage.total()))
        };
        let rank = |copy: &Self| (!copy.best.side_chain, copy.best.part.usage.output, total(copy), copy.best.stopped);
        rank(self).cmp(&rank(other))
    }

    /// Adds the copy's rows.
    pub fn push(&self, message_id: &str, rows: &mut Rows) {
        let (best, at) = (&self.best, &self.at);
        let parts = std::iter::once(&best.part).chain(&self.advisors);
        for (number, part) in parts.enumerate() {
            let whole = number == 0;
            rows.push(
                &COPIES,
                [
                    message_id.into(),
                    Value::from(number as u64),
                    self.earliest.line.into(),
                    self.earliest.time.into(),
                    at.session_id.as_deref().into(),
                    at.project.as_deref().into(),
                    best.side_chain.into(),
                    best.line.into(),
                    part.model.as_deref().into(),
                    part.usage.input.into(),
                    part.usage.output.into(),
                    part.usage.cache_write.into(),
                    part.usage.cache_write_1h.into(),
                    part.usage.cache_read.into(),
                    best.stopped.into(),
                    best.fast.into(),
                    if whole { best.web_searches } else { 0 }.into(),
                    best.client_version.as_deref().into(),
                    best.reported_cost.filter(|_| whole).into(),
                    self.agent.as_deref().into(),
                    if whole { self.tool_web_searches } else { 0 }.into(),
                    part.usage.reasoning.into(),
                    at.branch.as_deref().into(),
                    at.subagent_id.as_deref().into(),
                    at.command.as_deref().into(),
                    at.skill.as_deref().into(),
                    self.mcp_server.as_deref().into(),
                    best.service_tier.as_deref().into(),
                    best.inference_geo.as_deref().into(),
                    part.kind.name().into(),
                ],
            );
        }
    }

    /// The copies that rows tell, one per source file.
    ///
    /// # Errors
    ///
    /// If a row is not one that [`push`](Self::push) made.
    pub fn all(rows: &[FactRow]) -> Result<Vec<(&FactRow, Self)>, Failure> {
        let mut copies: Vec<(&FactRow, Self)> = Vec::new();
        let mut advisors = Vec::new();
        for row in rows {
            match read(row).ok_or_else(|| COPIES.unreadable())? {
                (0, copy) => copies.push((row, copy)),
                (part, copy) => advisors.push((&row.session_file, part, copy.best.part)),
            }
        }
        advisors.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
        for (file, _, part) in advisors {
            if let Some((_, copy)) = copies.iter_mut().find(|(row, _)| row.session_file == *file) {
                copy.advisors.push(part);
            }
        }
        Ok(copies)
    }
}

fn read(row: &FactRow) -> Option<(u64, Copy)> {
    let mut cells = row.values.get(1..)?.iter();
    let mut next = || cells.next();
    let count = |cell: &Value| cell.as_int().and_then(|int| u64::try_from(int).ok());
    let text = |cell: &Value| cell.as_str().map(Rc::from);
    let number = count(next()?)?;
    let line = count(next()?)?;
    let earliest = Place { line, time: next()?.as_time() };
    let mut at = Whereabouts { session_id: text(next()?), project: text(next()?), ..Whereabouts::default() };
    let (side_chain, line) = (next()?.as_bool()?, count(next()?)?);
    let model = text(next()?);
    let usage = Usage {
        input: count(next()?)?,
        output: count(next()?)?,
        cache_write: count(next()?)?,
        cache_write_1h: count(next()?)?,
        cache_read: count(next()?)?,
        reasoning: 0,
    };
    let mut best = Line {
        line,
        side_chain,
        part: Part { kind: PartKind::Response, model, usage },
        stopped: next()?.as_bool()?,
        fast: next()?.as_bool()?,
        web_searches: count(next()?)?,
        client_version: text(next()?),
        reported_cost: next()?.as_int(),
        service_tier: None,
        inference_geo: None,
    };
    let (agent, tool_web_searches) = (text(next()?), count(next()?)?);
    best.part.usage.reasoning = count(next()?)?;
    (at.branch, at.subagent_id) = (text(next()?), text(next()?));
    (at.command, at.skill) = (text(next()?), text(next()?));
    let mcp_server = text(next()?);
    (best.service_tier, best.inference_geo) = (text(next()?), text(next()?));
    best.part.kind = PartKind::of(number, next()?.as_str());
    Some((number, Copy { agent, earliest, at, best, advisors: Vec::new(), tool_web_searches, mcp_server }))
}
