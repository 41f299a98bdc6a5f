//! Pre-aggregated tables of responses and tool calls, which each pass keeps up to date. Reports read these tables
//! instead of millions of single rows: a row stands for about six responses, or for four calls. Unsuccessful calls and
//! calls that start subagents are few; they are copied to a table of their own, one row each.
//!
//! Two responses of a source file share a row if they are in the same five minutes and have the same values in all
//! columns that reports group and filter by. For example, 40 responses of one session, model and branch between 10:00
//! and 10:05 are one row. The table has the column names of `usage_responses`, so the same query can read either:
//!
//! | column | in the table | for a single response |
//! | --- | --- | --- |
//! | `time` | start of the five minutes | its time |
//! | `first_time`, `last_time` | times of the first and last response in the row | its time |
//! | `responses` and other counts | the number of responses | 1 or 0 |
//! | tokens | the sum | its own number |
//!
//! A query reads the single responses if it needs more detail, such as the exact minute, or if its time range begins or
//! ends within five minutes of a row. All queries do so while the table is out of date: from the commit of some files
//! until the end of the pass, or until the next pass if the process was killed in between.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::price::Prices;
use crate::store::lookup::{self, ByFile, Lookup, Rows};
use crate::store::reader::{Param, Reader};
use crate::store::schema::Private;
use sessionmill_contract::Sensitive;
use sessionmill_usage::copy::COPIES;
use sessionmill_usage::tool_event::TOOL_CALLS;

/// Names of the tables in schema `facts`.
const TABLE: &str = "usage_sums";
const CALL_SUMS: &str = "usage_call_sums";
const NOTABLE_CALLS: &str = "usage_notable_calls";
/// The message that the model got for an unsuccessful call. As private as the column that it is copied from.
pub(super) const PRIVATE: Private = Private { table: NOTABLE_CALLS, column: "error", kind: Sensitive::Content };
const FILE_CHANGES: &str = "usage_file_changes";

/// The length in seconds of the period that a row of responses covers. Days and quarters of an hour start at a multiple
/// of it, and it is shorter than the longest pause that counts as active time.
pub(in crate::plugs) const SECONDS: i64 = 300;

const QUARTER: i64 = 900;

/// The number of the quarter of an hour. Responses or calls that share a row have it in common.
const SLICE: &str = "epoch_us(time) // 900000000";

/// Whether a response is billed as fast. A call of an advisor never is.
pub(super) const FAST: &str = "fast AND (part = 0 OR part_kind IS NOT DISTINCT FROM 'compaction')";

/// The size of a response's prompt in tokens. Prices can depend on it.
const PROMPT: &str = "input_tokens + cache_creation_input_tokens + cache_read_input_tokens";

/// The columns that all responses of a row have in common, besides the time.
const SAME: &str = "session_file, username, session_id, project, side_chain, model, fast, service_tier, inference_geo,
    above, agent, branch, subagent_id, command, skill, mcp_server";

/// The columns that are added up. The sums over a file fit into 64 bits.
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

/// The columns that all calls of a row have in common, besides the quarter of an hour.
const SAME_OF_CALLS: &str = "session_file, username, session_id, project, agent, tool";

/// The same for changes to files.
const SAME_OF_CHANGES: &str = "session_file, username, session_id, project, agent, file";

/// The columns that are added up for calls, each with the SQL for a single call. A call counts as done if it has a
/// result, did not fail, and was not declined.
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

/// Calls, each with whether it is done. Slash commands are left out.
const CALLS: &str = "(SELECT *, is_error IS NOT DISTINCT FROM false AND declined_by IS NULL AS is_done
    FROM usage_tool_events WHERE kind <> 'slash_command')";

/// Unsuccessful calls (those with a cause), and calls that start subagents.
const NOTABLE: &str =
    "(FROM usage_tool_events WHERE (cause IS NOT NULL AND kind <> 'slash_command') OR kind = 'subagent')";

/// Whether a call can be part of a retry loop of three. A loop has calls of the same tool and cause in three
/// consecutive responses. If the call is in response 7, all of them are in responses 5 to 9. So the condition counts
/// such calls within two responses before and after. It is necessary but not sufficient: calls in responses 5, 7 and 9
/// also meet it.
const IS_RETRIED: &str = "count(*) OVER (PARTITION BY session_file, session_id, caller_id, tool, cause ORDER BY round
    RANGE BETWEEN 2 PRECEDING AND 2 FOLLOWING) >= 3 AS is_retried";

/// The definitions of the tables: first the table of responses, then those of calls. The table of responses is rebuilt
/// when prices depend on other prompt sizes than before.
pub(super) fn lookups(prices: &Prices) -> [Lookup; 2] {
    let added = ADDED.map(|column| format!("coalesce(sum({column}), 0)::BIGINT"));
    let responses = ByFile {
        table: TABLE,
        entities: responses(&prices.thresholds()),
        columns: format!("{SAME}, {}, min(time), max(time), {}", begin(SECONDS), added.join(", ")),
        added_up_by: Some(SLICE),
    };
    let calls = ByFile {
        table: CALL_SUMS,
        entities: one_call_each(),
        columns: format!("{SAME_OF_CALLS}, {}, {}", begin(QUARTER), sums_of_calls()),
        added_up_by: Some(SLICE),
    };
    let notable = ByFile {
        table: NOTABLE_CALLS,
        entities: NOTABLE.to_owned(),
        columns: format!(
            "session_file, username, event_id, time, session_id, project, message_id, agent, kind, tool,
             subagent_type, subagent_id, caller_id, turn_command, turn_skill, cause, error, round, {IS_RETRIED}"
        ),
        added_up_by: None,
    };
    let changes = ByFile {
        table: FILE_CHANGES,
        entities: one_change_each(),
        columns: format!("{SAME_OF_CHANGES}, {}, sum(changes)::BIGINT", begin(QUARTER)),
        added_up_by: Some(SLICE),
    };
    [
        Lookup { name: COPIES.name, settings: settings(prices), rows: Rows::ByFile(vec![responses]) },
        Lookup { name: TOOL_CALLS.name, settings: String::new(), rows: Rows::ByFile(vec![calls, notable, changes]) },
    ]
}

/// SQL for the start of the period of this many seconds that a time is in. Integer division rounds times before 1970 up
/// instead of down, so they keep their own time. No valid log contains such times.
fn begin(seconds: i64) -> String {
    let micros = seconds * 1_000_000;
    format!("if(epoch_us(time) > 0, make_timestamp(epoch_us(time) // {micros} * {micros}), time) AS begin")
}

fn settings(prices: &Prices) -> String {
    format!("{:?}", prices.thresholds())
}

/// Whether every time in a condition is at the start of a period of this many seconds, so that the condition cuts
/// through none.
fn has_whole(condition: &Where, seconds: i64) -> bool {
    condition.params.iter().all(|param| match param {
        Param::Time(time) => time.timestamp() % seconds == 0 && time.timestamp_subsec_nanos() == 0,
        _ => true,
    })
}

/// The table that a query about responses reads.
pub(in crate::plugs) struct Responses {
    /// A table, as SQL.
    pub(in crate::plugs) table: String,
    /// Whether `table` is the pre-aggregated table. It may distinguish more prompt sizes than the query needs.
    pub(super) is_added_up: bool,
}

impl Responses {
    /// Each response as a row.
    pub(super) fn one_by_one(prices: Option<&Prices>) -> Self {
        Self { table: responses(&prices.map(Prices::thresholds).unwrap_or_default()), is_added_up: false }
    }

    /// The pre-aggregated table if it is up to date and the condition does not cut through its periods; else the single
    /// responses. Of the two sets of prices, the first has all known prices, which the table was built for; the second
    /// has only those that the query needs.
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

/// The table that a query about tool calls reads: the sums if they are up to date and have what the filter needs, else
/// a subquery with the same columns.
pub(in crate::plugs) fn calls(reader: Reader<'_>, filter: &Filter) -> Result<String> {
    Ok(if are_added_up(reader, filter)? { format!("facts.{CALL_SUMS}") } else { one_call_each() })
}

/// The same for changed files.
pub(super) fn file_changes(reader: Reader<'_>, filter: &Filter) -> Result<String> {
    Ok(if are_added_up(reader, filter)? { format!("facts.{FILE_CHANGES}") } else { one_change_each() })
}

/// Whether the sums of calls can answer a filter. They do not have the model of a call, which is that of its response.
fn are_added_up(reader: Reader<'_>, filter: &Filter) -> Result<bool> {
    let are_told = filter.model.is_none() && has_whole(&filter.of_calls(), QUARTER);
    Ok(are_told && lookup::is_in_step(reader, TOOL_CALLS.name, None)?)
}

/// One row for each file that a call changed.
fn one_change_each() -> String {
    format!(
        "(SELECT session_file, username, session_id, project, agent, message_id, time, 1 AS changes,
             unnest(string_split(files, chr(10))) AS file
         FROM {CALLS} WHERE is_done AND files IS NOT NULL)"
    )
}

/// One row for each call, with the columns of the sums.
pub(super) fn one_call_each() -> String {
    let counts = OF_CALLS.map(|(name, sql)| format!("coalesce(({sql})::BIGINT, 0) AS {name}"));
    format!("(SELECT {SAME_OF_CALLS}, message_id, time, {} FROM {CALLS})", counts.join(", "))
}

/// SQL for the sums of all columns in [`OF_CALLS`].
pub(super) fn sums_of_calls() -> String {
    OF_CALLS.map(|(name, _)| format!("coalesce(sum({name}), 0)::BIGINT")).join(", ")
}

/// Unsuccessful calls and calls that start subagents, as a table in SQL.
pub(in crate::plugs) fn notable_calls(reader: Reader<'_>) -> Result<String> {
    Ok(match lookup::is_in_step(reader, TOOL_CALLS.name, None)? {
        true => format!("facts.{NOTABLE_CALLS}"),
        false => format!("(SELECT *, {IS_RETRIED} FROM {NOTABLE})"),
    })
}

/// One row for each response, with the columns of the pre-aggregated table.
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
