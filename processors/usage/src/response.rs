//! A response: one per message id, over all source files that repeat it.

use crate::copy::{PartKind, Stored};
use crate::holder;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FactRow, Failure, Rows, table};

table! {
    /// one row per response (part 0) and per call that its numbers leave out (part 1 and up): of advisors,
    /// compactions, declined attempts
    pub static RESPONSES: Table = "usage_responses", Viewed;

    /// A part of a response. `session_file`, `username`, `line`, `time`, session, project and the like are from the
    /// earliest copy. The numbers are from the highest-ranked copy of that copy's user, which is in `counted_file` at
    /// `counted_line`. `copies` is the number of source files that contain the response, including those of other
    /// users.
    #[derive(Clone, Debug)]
    pub struct ResponseRow<'a> {
        /// message.id, or uuid:… or line:… where the log gives none
        message_id: &'a str,
        /// 0 for the response itself, from 1 on for calls that its numbers leave out
        part: u64,
        /// source file of the earliest copy, which also gives username, line, time, session_id and project
        session_file: &'a str,
        /// whose transcript it is
        username: &'a str,
        /// of session_file
        line: u64,
        /// UTC; of a neighbouring record where the line has none
        time: Option<DateTime<Utc>>,
        /// session id of the transcript; subagents have their parent's
        session_id: Option<&'a str>,
        /// working directory, in one spelling
        project: Option<&'a str>,
        /// said in a subagent's conversation
        side_chain: bool,
        /// source file of the copy that the numbers are taken from
        counted_file: &'a str,
        /// of counted_file
        counted_line: u64,
        /// as the log has it
        model: Option<&'a str>,
        /// without those read from or written to the cache
        input_tokens: u64,
        /// thinking included
        output_tokens: u64,
        /// cache writes, 1-hour ones included
        cache_creation_input_tokens: u64,
        /// part of cache_creation_input_tokens that is kept for an hour
        cache_creation_1h_input_tokens: u64,
        /// read from the cache
        cache_read_input_tokens: u64,
        /// the output count is from the start of the stream: older clients did not write the final one
        placeholder: bool,
        /// billed at the fast rate
        fast: bool,
        /// by the server, and by the WebSearch tool that the response called
        web_searches: u64,
        /// of the agent
        client_version: Option<&'a str>,
        /// what the client says it cost, in millionths of a US dollar
        reported_cost_micro_usd: Option<i64>,
        /// source files that hold the response
        copies: u64,
        /// the agent whose log it is: claude-code, codex
        agent: Option<&'a str>,
        /// part of output_tokens, where the agent tells it
        reasoning_output_tokens: u64 = 0,
        /// git branch
        branch: Option<&'a str>,
        /// subagent that it is by; null in the main conversation
        subagent_id: Option<&'a str>,
        /// slash command that the turn of the conversation began with
        command: Option<&'a str>,
        /// skill that was called last in the turn, before the response
        skill: Option<&'a str>,
        /// server of the first MCP call that the response makes
        mcp_server: Option<&'a str>,
        /// service tier, as the log names it: standard, priority, batch, flex; null where it names none
        service_tier: Option<&'a str>,
        /// where inference may run, as the log names it: us, global, not_available; null where it names none
        inference_geo: Option<&'a str>,
        /// what a part from 1 on is for: advisor, compaction, declined; null for the response itself, and for calls
        /// of advisors that an older version read
        part_kind: Option<&'a str>,
    }
}

pub(crate) fn settle(message_id: &str, facts: &[FactRow], entities: &mut Rows) -> Result<(), Failure> {
    let copies = Stored::all(facts)?;
    let order =
        |a: &&Stored<'_>, b: &&Stored<'_>| a.earliest().order_over_files(a.session_file, &b.earliest(), b.session_file);
    let Some(earliest) = copies.iter().min_by(order) else { return Ok(()) };
    // A user must not be able to raise another user's costs by repeating a message id (rule 2 of COUNTING.md).
    let own = || copies.iter().filter(|copy| copy.username == earliest.username);
    // If copies rank equal, the earliest wins, so that the outcome does not depend on the order of the facts.
    let winner = own().max_by(|a, b| a.rank().cmp(&b.rank()).then(order(b, a))).unwrap_or(earliest);
    holder::push(message_id, &copies, earliest.username, entities);
    let (first, best) = (&earliest.response, &winner.response);
    // A file can end before the results of its last calls. A file that continues it has them.
    let searches_by_tools = own().map(|copy| copy.response.tool_web_searches).max().unwrap_or_default();
    let calling = own().filter(|copy| copy.response.mcp_server.is_some()).min_by(order);
    for (number, part) in winner.parts().enumerate() {
        let whole = number == 0;
        entities.push(ResponseRow {
            message_id,
            part: number as u64,
            session_file: earliest.session_file,
            username: earliest.username,
            line: first.line,
            time: first.time,
            session_id: first.session_id,
            project: first.project,
            side_chain: best.side_chain,
            counted_file: winner.session_file,
            counted_line: best.counted_line,
            model: part.model,
            input_tokens: part.input_tokens,
            output_tokens: part.output_tokens,
            cache_creation_input_tokens: part.cache_creation_input_tokens,
            cache_creation_1h_input_tokens: part.cache_creation_1h_input_tokens,
            cache_read_input_tokens: part.cache_read_input_tokens,
            placeholder: part.placeholder,
            fast: best.fast,
            web_searches: if whole { best.web_searches.saturating_add(searches_by_tools) } else { 0 },
            client_version: best.client_version,
            reported_cost_micro_usd: best.reported_cost_micro_usd.filter(|_| whole),
            copies: copies.len() as u64,
            agent: first.agent,
            reasoning_output_tokens: part.reasoning_output_tokens,
            branch: first.branch,
            subagent_id: first.subagent_id,
            command: first.command,
            skill: first.skill,
            mcp_server: calling.and_then(|copy| copy.response.mcp_server),
            service_tier: best.service_tier,
            inference_geo: best.inference_geo,
            // Rows of older versions have no `part_kind` for advisors.
            part_kind: part.part_kind.or(PartKind::Advisor.name()).filter(|_| !whole),
        });
    }
    Ok(())
}
