//! Responses and calls added up, as tables that are kept in step: most questions add up millions of them, and one row
//! stands for about six responses, or four calls. Of calls that came to nothing, and of those that started subagents, which
//! are few, there is a table of their own.
//!
//! The responses of a source file are one row where they are in the same five minutes and share all columns that
//! reports group and choose by. The table has the names of `usage_responses`, so that a question reads the one as
//! well as the other:
//!
//! | column | in the table | of one response |
//! | --- | --- | --- |
//! | `time` | beginning of the five minutes | its time |
//! | `first_time`, `last_time` | of the responses in the row | its time |
//! | `responses` and other counts | how many there are | 1 or 0 |
//! | tokens | their sum | its own |
//!
//! Whoever asks for something that the table does not tell, such as the minute of a response, or for a time within the
//! five minutes, reads the responses. So does everybody as long as the table is behind: between the commit of
//! some files and the end of the pass, and where a process was killed there.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::price::Prices;
use crate::store::lookup::{self, ByFile, Lookup, Rows};
use crate::store::reader::{Param, Reader};
use crate::store::schema::Private;
use sessionmill_contract::Sensitive;
use sessionmill_usage::copy::COPIES;
use sessionmill_usage::tool_event::TOOL_CALLS;

/// The tables, in schema `facts`.
const TABLE: &str = "usage_sums";
const CALL_SUMS: &str = "usage_call_sums";
const NOTABLE_CALLS: &str = "usage_notable_calls";
/// What the model was told by calls that came to nothing, as in the facts that it is copied from.
pub(super) const PRIVATE: Private = Private { table: NOTABLE_CALLS, column: "error", kind: Sensitive::Content };
const FILE_CHANGES: &str = "usage_file_changes";

/// Seconds whose responses are added up. Days and quarters of an hour begin with a multiple, and no pause within is
/// too long to be active time.
pub(in crate::plugs) const SECONDS: i64 = 300;

const QUARTER: i64 = 900;

/// Whether a response is billed as fast.
pub(super) const FAST: &str = "fast AND (part = 0 OR part_kind IS NOT DISTINCT FROM 'compaction')";

/// The size of a response's prompt, which its price can depend on.
const PROMPT: &str = "input_tokens + cache_creation_input_tokens + cache_read_input_tokens";

/// What the rows are alike in, beside their time.
const SAME: &str = "session_file, username, session_id, project, side_chain, model, fast, service_tier, inference_geo,
    above, agent, branch, subagent_id, command, skill, mcp_server";

/// What is added up. No count of tokens is so large that a file could have more of them than fit into 64 bits.
const ADDED: [&str; 13] = [
    "responses",
    "placeholders",
    "advisor_calls",
    "compactions",
    "declined",
    "copies",
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_creation_1h_input_tokens",
    "cache_read_input_tokens",
    "reasoning_output_tokens",
    "web_searches",
];

/// The columns of the table of sums of calls that are one row where they are the same, beside the quarter of an hour.
const SAME_OF_CALLS: &str = "session_file, username, session_id, project, agent, tool";

/// The same of changes of files.
const SAME_OF_CHANGES: &str = "session_file, username, session_id, project, agent, file";

/// What is added up of calls, and what one call counts, in SQL. A call that failed, or that has no result, has done nothing.
const OF_CALLS: [(&str, &str); 9] = [
    ("calls", "true"),
    ("errors", "is_error"),
    ("rejections", "declined_by = 'person'"),
    ("lines_added", "if(is_done, lines_added, 0)"),
    ("lines_removed", "if(is_done, lines_removed, 0)"),
    ("commits", "is_done AND acts LIKE '%commit%'"),
    ("pull_requests", "is_done AND acts LIKE '%pull_request%'"),
    ("test_runs", "(is_done OR cause = 'exit') AND acts LIKE '%test%'"),
    ("failed_test_runs", "cause = 'exit' AND acts LIKE '%test%'"),
];

/// Calls, with whether each is done. Slash commands are none.
const CALLS: &str = "(SELECT *, is_error IS NOT DISTINCT FROM false AND declined_by IS NULL AS is_done
    FROM usage_tool_events WHERE kind <> 'slash_command')";

/// Calls that came to nothing, and those that started subagents.
const NOTABLE: &str =
    "(FROM usage_tool_events WHERE (cause IS NOT NULL AND kind <> 'slash_command') OR kind = 'subagent')";

/// Whether a conversation has three calls of the same tool and cause, this one among them, in five responses of which it
/// made the third: where it has not, the call is in no loop of three.
const IS_RETRIED: &str = "count(*) OVER (PARTITION BY session_file, session_id, caller_id, tool, cause ORDER BY round
    RANGE BETWEEN 2 PRECEDING AND 2 FOLLOWING) >= 3 AS is_retried";

/// How the tables are made: those of responses, and those of calls. The first is made anew where prices begin to depend on
/// other sizes of a prompt.
pub(super) fn lookups(prices: &Prices) -> [Lookup; 2] {
    let added = ADDED.map(|column| format!("coalesce(sum({column}), 0)::BIGINT"));
    let responses = ByFile {
        table: TABLE,
        entities: responses(&prices.thresholds()),
        columns: format!("{SAME}, {}, min(time), max(time), {}", begin(SECONDS), added.join(", ")),
        are_sums: true,
    };
    let calls = ByFile {
        table: CALL_SUMS,
        entities: one_call_each(),
        columns: format!("{SAME_OF_CALLS}, {}, {}", begin(QUARTER), sums_of_calls()),
        are_sums: true,
    };
    let notable = ByFile {
        table: NOTABLE_CALLS,
        entities: NOTABLE.to_owned(),
        columns: format!(
            "session_file, username, event_id, time, session_id, project, message_id, agent, kind, tool,
             subagent_type, subagent_id, caller_id, turn_command, turn_skill, cause, error, round, {IS_RETRIED}"
        ),
        are_sums: false,
    };
    let changes = ByFile {
        table: FILE_CHANGES,
        entities: one_change_each(),
        columns: format!("{SAME_OF_CHANGES}, {}, sum(changes)::BIGINT", begin(QUARTER)),
        are_sums: true,
    };
    [
        Lookup { name: COPIES.name, settings: settings(prices), rows: Rows::ByFile(vec![responses]) },
        Lookup { name: TOOL_CALLS.name, settings: String::new(), rows: Rows::ByFile(vec![calls, notable, changes]) },
    ]
}

/// The beginning of some seconds with a time in them, in SQL. Times before 1970, which none is meant to be, stay apart: they
/// would be rounded in the other direction.
fn begin(seconds: i64) -> String {
    let micros = seconds * 1_000_000;
    format!("if(epoch_us(time) > 0, make_timestamp(epoch_us(time) // {micros} * {micros}), time) AS begin")
}

fn settings(prices: &Prices) -> String {
    format!("{:?}", prices.thresholds())
}

/// Whether no time of a condition is within parts of so many seconds.
fn has_whole(condition: &Where, seconds: i64) -> bool {
    condition.params.iter().all(|param| match param {
        Param::Time(time) => time.timestamp() % seconds == 0 && time.timestamp_subsec_nanos() == 0,
        _ => true,
    })
}

/// What a question about responses reads.
pub(in crate::plugs) struct Responses {
    /// A table, in SQL.
    pub(in crate::plugs) table: String,
    /// It is that of the sums, which tells apart at least the sizes of prompts that were asked for.
    pub(super) is_added_up: bool,
}

impl Responses {
    /// Each response by itself.
    pub(super) fn one_by_one(prices: Option<&Prices>) -> Self {
        Self { table: responses(&prices.map(Prices::thresholds).unwrap_or_default()), is_added_up: false }
    }

    /// Added up, where the table of sums is up to date, and no time of a condition is within five minutes of it. Of two
    /// tables of prices, the first is that of all which are known, and the other has those that the question needs.
    pub(in crate::plugs) fn added_up(
        reader: Reader<'_>,
        condition: &Where,
        prices: Option<[&Prices; 2]>,
    ) -> Result<Self> {
        let settings = prices.map(|[all, _]| settings(all));
        if has_whole(condition, SECONDS) && lookup::is_in_step(reader, COPIES.name, settings.as_deref())? {
            return Ok(Self { table: format!("facts.{TABLE}"), is_added_up: true });
        }
        Ok(Self::one_by_one(prices.map(|[_, needed]| needed)))
    }
}

/// What a question about calls of tools reads: their sums, or a table of the same columns where these are behind or do not
/// tell what is asked for.
pub(in crate::plugs) fn calls(reader: Reader<'_>, filter: &Filter) -> Result<String> {
    Ok(if are_added_up(reader, filter)? { format!("facts.{CALL_SUMS}") } else { one_call_each() })
}

/// What a question about changed files reads, in the same way.
pub(super) fn file_changes(reader: Reader<'_>, filter: &Filter) -> Result<String> {
    Ok(if are_added_up(reader, filter)? { format!("facts.{FILE_CHANGES}") } else { one_change_each() })
}

/// Whether the sums of calls tell what a filter asks for. The model of a call is that of its response.
fn are_added_up(reader: Reader<'_>, filter: &Filter) -> Result<bool> {
    let are_told = filter.model.is_none() && has_whole(&filter.of_calls(), QUARTER);
    Ok(are_told && lookup::is_in_step(reader, TOOL_CALLS.name, None)?)
}

/// Changes of files, each by one call.
fn one_change_each() -> String {
    format!(
        "(SELECT session_file, username, session_id, project, agent, message_id, time, 1 AS changes,
             unnest(string_split(files, chr(10))) AS file
         FROM {CALLS} WHERE is_done AND files IS NOT NULL)"
    )
}

/// Calls with the columns of their sums, each by itself.
pub(super) fn one_call_each() -> String {
    let counts = OF_CALLS.map(|(name, sql)| format!("coalesce(({sql})::BIGINT, 0) AS {name}"));
    format!("(SELECT {SAME_OF_CALLS}, message_id, time, {} FROM {CALLS})", counts.join(", "))
}

/// The sums of all that is added up of calls, in SQL.
pub(super) fn sums_of_calls() -> String {
    OF_CALLS.map(|(name, _)| format!("coalesce(sum({name}), 0)::BIGINT")).join(", ")
}

/// Calls that came to nothing, and those that started subagents, as a table of SQL.
pub(in crate::plugs) fn notable_calls(reader: Reader<'_>) -> Result<String> {
    Ok(match lookup::is_in_step(reader, TOOL_CALLS.name, None)? {
        true => format!("facts.{NOTABLE_CALLS}"),
        false => format!("(SELECT *, {IS_RETRIED} FROM {NOTABLE})"),
    })
}

/// Responses with the columns of the table.
fn responses(thresholds: &[u64]) -> String {
    let cases: String = thresholds.iter().rev().map(|above| format!(" WHEN {PROMPT} > {above} THEN {above}")).collect();
    let above = if cases.is_empty() { "0".to_owned() } else { format!("CASE{cases} ELSE 0 END") };
    format!(
        "(SELECT * REPLACE ({FAST} AS fast, if(part = 0, copies, 0) AS copies), {above}::BIGINT AS above,
             time AS first_time, time AS last_time, (part = 0)::BIGINT AS responses,
             placeholder::BIGINT AS placeholders,
             (part > 0 AND coalesce(part_kind, 'advisor') = 'advisor')::BIGINT AS advisor_calls,
             coalesce(part_kind = 'compaction', false)::BIGINT AS compactions,
             coalesce(part_kind = 'declined', false)::BIGINT AS declined
         FROM usage_responses)"
    )
}
