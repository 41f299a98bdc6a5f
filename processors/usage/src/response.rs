//! A response: one per message id, over all source files that repeat it.

use crate::copy::Copy;
use crate::holder;
use sessionmill_contract::{FactRow, Failure, Rows, Table, Value};

/// One row per message id and part. `session_file`, `username`, `line`, `time` and the
/// whereabouts are those of the earliest copy, the numbers those of the winner among the copies of its user,
/// which stands in `counted_file` at `counted_line`. `copies` is how many source files hold the response,
/// those of other users included.
pub static RESPONSES: Table = Table {
    name: "usage_responses",
    columns: &[
        "message_id",
        "part",
        "session_file",
        "username",
        "line",
        "time",
        "session_id",
        "project",
        "side_chain",
        "counted_file",
        "counted_line",
        "model",
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_creation_1h_input_tokens",
        "cache_read_input_tokens",
        "placeholder",
        "fast",
        "web_searches",
        "client_version",
        "reported_cost_micro_usd",
        "copies",
        "agent",
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

/// Output counts of older clients are mostly from the start of the stream (rule 11 of COUNTING).
const FIRST_HONEST_VERSION: [u64; 3] = [2, 1, 59];
const PLACEHOLDER_OUTPUT: u64 = 8;

pub(crate) fn settle(message_id: &str, facts: &[FactRow], entities: &mut Rows) -> Result<(), Failure> {
    let copies = Copy::all(facts)?;
    let order = |a: &&(&FactRow, Copy), b: &&(&FactRow, Copy)| {
        a.1.earliest.order_over_files(&a.0.session_file, &b.1.earliest, &b.0.session_file)
    };
    let Some(earliest) = copies.iter().min_by(order) else { return Ok(()) };
    // Nobody raises somebody else's bill by repeating an id (rule 2 of COUNTING).
    let own = || copies.iter().filter(|(row, _)| row.username == earliest.0.username);
    // Of equals the earliest wins, so that the outcome does not depend on the order of the facts.
    let winner = own().max_by(|a, b| a.1.rank(&b.1).then(order(b, a))).unwrap_or(earliest);
    let (from, first) = earliest;
    holder::push(message_id, &copies, &from.username, entities);
    let (source, Copy { best, advisors, .. }) = winner;
    // A file can end before the results of its last calls: they are in one that goes on.
    let searches_by_tools = own().map(|(_, copy)| copy.tool_web_searches).max().unwrap_or_default();
    let web_searches = best.web_searches.saturating_add(searches_by_tools);
    let calling = own().filter(|(_, copy)| copy.mcp_server.is_some()).min_by(|a, b| order(a, b));
    let mcp_server = calling.and_then(|(_, copy)| copy.mcp_server.as_deref());
    for (number, part) in std::iter::once(&best.part).chain(advisors).enumerate() {
        let whole = number == 0;
        let version = best.client_version.as_deref();
        let placeholder = whole
            && !best.stopped
            && part.usage.output <= PLACEHOLDER_OUTPUT
            && version.and_then(parse_version).is_some_and(|version| version < FIRST_HONEST_VERSION);
        entities.push(
            &RESPONSES,
            [
                message_id.into(),
                Value::from(number as u64),
                (&*from.session_file).into(),
                (&*from.username).into(),
                first.earliest.line.into(),
                first.earliest.time.into(),
                first.at.session_id.as_deref().into(),
                first.at.project.as_deref().into(),
                best.side_chain.into(),
                (&*source.session_file).into(),
                best.line.into(),
                part.model.as_deref().into(),
                part.usage.input.into(),
                part.usage.output.into(),
                part.usage.cache_write.into(),
                part.usage.cache_write_1h.into(),
                part.usage.cache_read.into(),
                placeholder.into(),
                best.fast.into(),
                if whole { web_searches } else { 0 }.into(),
                version.into(),
                best.reported_cost.filter(|_| whole).into(),
                Value::from(copies.len() as u64),
                first.agent.as_deref().into(),
                part.usage.reasoning.into(),
                first.at.branch.as_deref().into(),
                first.at.subagent_id.as_deref().into(),
                first.at.command.as_deref().into(),
                first.at.skill.as_deref().into(),
                mcp_server.into(),
                best.service_tier.as_deref().into(),
                best.inference_geo.as_deref().into(),
                part.kind.name().into(),
            ],
        );
    }
    Ok(())
}

/// Three numbers, whatever follows them.
fn parse_version(version: &str) -> Option<[u64; 3]> {
    let mut numbers = version.split(['.', '-', '+', ' ']).map(|number| number.parse().ok());
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
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
