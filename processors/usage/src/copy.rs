//! A response as one source file has it: its best line, and its earliest one.

use crate::position::Position;
use crate::whereabouts::Whereabouts;
use chrono::{DateTime, Utc};
use sessionmill_contract::event::{MicroUsd, Response, Usage};
use sessionmill_contract::{Alone, Event, FactRow, Failure, Row as _, Rows, Transcript, table};
use std::rc::Rc;

table! {
    /// responses as each source file tells them, before they are counted once
    pub static COPIES: Table = "usage_copies", Hidden;

    /// A part of a response in one source file. Part 0 is the response itself. The others are calls that its numbers do
    /// not include: of advisors (rule 7 of COUNTING.md), compactions and declined attempts. `line`, `time`, session,
    /// project, branch and the like are from the earliest line; everything else is from the best line, which is
    /// `counted_line`. `mcp_server` is from the first MCP call.
    #[derive(Clone, Debug)]
    pub struct CopyRow<'a> {
        message_id: &'a str,
        part: u64,
        line: u64,
        time: Option<DateTime<Utc>>,
        session_id: Option<&'a str>,
        project: Option<&'a str>,
        side_chain: bool,
        counted_line: u64,
        model: Option<&'a str>,
        input_tokens: u64,
        output_tokens: u64,
        cache_creation_input_tokens: u64,
        cache_creation_1h_input_tokens: u64,
        cache_read_input_tokens: u64,
        stopped: bool,
        fast: bool,
        web_searches: u64,
        client_version: Option<&'a str>,
        reported_cost_micro_usd: Option<i64>,
        agent: Option<&'a str>,
        tool_web_searches: u64 = 0,
        reasoning_output_tokens: u64 = 0,
        branch: Option<&'a str>,
        subagent_id: Option<&'a str>,
        command: Option<&'a str>,
        skill: Option<&'a str>,
        mcp_server: Option<&'a str>,
        service_tier: Option<&'a str>,
        inference_geo: Option<&'a str>,
        part_kind: Option<&'a str>,
        placeholder: bool = 0,
    }
}

/// A copy in the only source file that has the response is stored as the response.
pub(crate) const ALONE: Alone = Alone {
    columns: &[
        ("counted_file", "session_file"),
        ("web_searches", "web_searches + tool_web_searches"),
        ("copies", "1"),
        // Rows of older versions have no `part_kind` for advisors.
        ("part_kind", "CASE WHEN part > 0 THEN coalesce(part_kind, 'advisor') END"),
    ],
};

/// What the file's lines with one message id amount to.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseCopy {
    pub agent: Option<Rc<str>>,
    pub earliest: Position,
    pub at: Whereabouts,
    pub best: Line,
    /// Calls that the numbers of the best line do not include: of advisors, compactions and declined attempts.
    pub advisors: Vec<Part>,
    /// Searches by tools that the response called, as far as the file has their results.
    pub tool_web_searches: u64,
    /// The server of its first MCP call, as far as the file has its calls.
    pub mcp_server: Option<Rc<str>>,
}

/// The numbers of one line. They are used as a whole: fields of two lines are never mixed.
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

/// The tokens of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub kind: PartKind,
    pub model: Option<Rc<str>>,
    pub usage: Usage,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    Response,
    Advisor,
    Compaction,
    /// An attempt that was declined before another model took over.
    Declined,
}

impl PartKind {
    /// Its name in the tables; `None` for the response itself.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Response => None,
            Self::Advisor => Some("advisor"),
            Self::Compaction => Some("compaction"),
            Self::Declined => Some("declined"),
        }
    }
}

/// The latest names of a file. The next line mostly has the same ones, so they are shared instead of copied.
#[derive(Debug, Default)]
pub(crate) struct Common {
    pub(crate) message_id: Option<Rc<str>>,
    model: Option<Rc<str>>,
    client_version: Option<Rc<str>>,
    service_tier: Option<Rc<str>>,
    inference_geo: Option<Rc<str>>,
}

/// Shares the name if it equals the last one.
pub(crate) fn common(last: &mut Option<Rc<str>>, name: Option<&str>) -> Option<Rc<str>> {
    let name = name?;
    if last.as_deref() != Some(name) {
        *last = Some(name.into());
    }
    last.clone()
}

impl Line {
    pub(crate) fn new(
        event: &Event<'_>,
        transcript: &Transcript<'_>,
        response: &Response<'_>,
        last: &mut Common,
    ) -> Self {
        let model = common(&mut last.model, response.model);
        Self {
            line: event.line,
            side_chain: transcript.side_chain,
            part: Part { kind: PartKind::Response, model, usage: response.usage },
            stopped: response.stop_reason.is_some(),
            fast: response.fast,
            web_searches: response.web_searches,
            client_version: common(&mut last.client_version, transcript.version),
            reported_cost: response.reported_cost,
            service_tier: common(&mut last.service_tier, response.service_tier),
            inference_geo: common(&mut last.inference_geo, response.inference_geo),
        }
    }

    /// Whether the output count was written at the start of the stream. That is so for most responses of older clients
    /// (rule 11 of COUNTING.md).
    fn is_placeholder(&self) -> bool {
        let is_honest = |version| parse_version(version).is_none_or(|version| version >= FIRST_HONEST_VERSION);
        let is_honest = self.client_version.as_deref().is_none_or(is_honest);
        !is_honest && !self.stopped && self.part.usage.output <= PLACEHOLDER_OUTPUT
    }
}

const FIRST_HONEST_VERSION: [u64; 3] = [2, 1, 59];
const PLACEHOLDER_OUTPUT: u64 = 8;

/// The first three numbers of a version.
fn parse_version(version: &str) -> Option<[u64; 3]> {
    let mut numbers = version.split(['.', '-', '+', ' ']).map(|number| number.parse().ok());
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

impl ResponseCopy {
    /// Its rank among copies.
    pub fn rank(&self) -> Rank {
        Rank::new(self.best.side_chain, self.best.stopped, self.parts().map(|part| part.usage))
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        std::iter::once(&self.best.part).chain(&self.advisors)
    }

    /// Adds the rows of the copy.
    pub fn push(&self, message_id: &str, rows: &mut Rows) {
        let (best, at) = (&self.best, &self.at);
        for (number, part) in self.parts().enumerate() {
            let whole = number == 0;
            rows.push(CopyRow {
                message_id,
                part: number as u64,
                line: self.earliest.line,
                time: self.earliest.time,
                session_id: at.session_id.as_deref(),
                project: at.project.as_deref(),
                side_chain: best.side_chain,
                counted_line: best.line,
                model: part.model.as_deref(),
                input_tokens: part.usage.input,
                output_tokens: part.usage.output,
                cache_creation_input_tokens: part.usage.cache_write,
                cache_creation_1h_input_tokens: part.usage.cache_write_1h,
                cache_read_input_tokens: part.usage.cache_read,
                stopped: best.stopped,
                fast: best.fast,
                web_searches: if whole { best.web_searches } else { 0 },
                client_version: best.client_version.as_deref(),
                reported_cost_micro_usd: best.reported_cost.filter(|_| whole),
                agent: self.agent.as_deref(),
                tool_web_searches: if whole { self.tool_web_searches } else { 0 },
                reasoning_output_tokens: part.usage.reasoning,
                branch: at.branch.as_deref(),
                subagent_id: at.subagent_id.as_deref(),
                command: at.command.as_deref(),
                skill: at.skill.as_deref(),
                mcp_server: self.mcp_server.as_deref(),
                service_tier: best.service_tier.as_deref(),
                inference_geo: best.inference_geo.as_deref(),
                part_kind: part.kind.name(),
                placeholder: whole && best.is_placeholder(),
            });
        }
    }
}

impl CopyRow<'_> {
    fn usage(&self) -> Usage {
        Usage {
            input: self.input_tokens,
            output: self.output_tokens,
            cache_write: self.cache_creation_input_tokens,
            cache_write_1h: self.cache_creation_1h_input_tokens,
            cache_read: self.cache_read_input_tokens,
            reasoning: self.reasoning_output_tokens,
        }
    }
}

/// Decides which of two copies counts; the greater one does (rule 2 of COUNTING.md). In this order: the main
/// conversation before a side chain; more output; the larger total, including calls that the line's numbers do not
/// include; a copy that is known to be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    is_main: bool,
    output: u64,
    total: u64,
    stopped: bool,
}

impl Rank {
    /// The first of `parts` is the response itself.
    fn new(side_chain: bool, stopped: bool, parts: impl Iterator<Item = Usage>) -> Self {
        let mut parts = parts.peekable();
        let output = parts.peek().map_or(0, |response| response.output);
        let total = parts.fold(0, |total: u64, part| total.saturating_add(part.total()));
        Self { is_main: !side_chain, output, total, stopped }
    }
}

/// A copy, read from its rows.
#[derive(Debug)]
pub(crate) struct Stored<'f> {
    pub(crate) session_file: &'f str,
    pub(crate) username: &'f str,
    /// The response itself.
    pub(crate) response: CopyRow<'f>,
    /// The calls that its numbers do not include.
    pub(crate) calls: Vec<CopyRow<'f>>,
}

impl<'f> Stored<'f> {
    /// The copies in these rows, one per source file.
    pub(crate) fn all(facts: &'f [FactRow]) -> Result<Vec<Self>, Failure> {
        let (mut copies, mut calls) = (Vec::with_capacity(facts.len()), Vec::new());
        for FactRow { session_file, username, values } in facts {
            match CopyRow::read(*values)? {
                response if response.part == 0 => {
                    copies.push(Self { session_file, username, response, calls: Vec::new() });
                }
                call => calls.push((*session_file, call)),
            }
        }
        calls.sort_by_key(|(_, call)| call.part);
        for (file, call) in calls {
            if let Some(copy) = copies.iter_mut().find(|copy| copy.session_file == file) {
                copy.calls.push(call);
            }
        }
        Ok(copies)
    }

    pub(crate) fn earliest(&self) -> Position {
        Position { time: self.response.time, line: self.response.line }
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &CopyRow<'f>> {
        std::iter::once(&self.response).chain(&self.calls)
    }

    pub(crate) fn rank(&self) -> Rank {
        Rank::new(self.response.side_chain, self.response.stopped, self.parts().map(CopyRow::usage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(parse_version("2.1.9").unwrap() < FIRST_HONEST_VERSION);
        assert!(parse_version("2.1.59-beta").unwrap() >= FIRST_HONEST_VERSION);
        assert!(parse_version("10.0.0").unwrap() > FIRST_HONEST_VERSION);
        assert_eq!(parse_version("2.1"), None);
        assert_eq!(parse_version("dev"), None);
    }
}
