//! Work with agents: the names of its events, and the additional columns of its sessions.

use crate::class::Class;
use crate::json;
use crate::line::Line;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// The kind of activity in transcripts.
pub(crate) const KIND: &str = "agent";

/// If two neighbouring events are further apart, there is a pause between them.
pub(crate) const PAUSE: TimeDelta = TimeDelta::minutes(10);

/// The names of events in transcripts.
pub(crate) const PROMPT: &str = "prompt";
pub(crate) const RESPONSE: &str = "response";
pub(crate) const TOOL: &str = "tool";
pub(crate) const TOOL_ERROR: &str = "tool_error";
pub(crate) const API_ERROR: &str = "api_error";
pub(crate) const COMMAND: &str = "command";

/// The additional columns of a session of work. They include responses, tool calls and errors of subagents.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) prompts: u64,
    pub(crate) responses: u64,
    pub(crate) tool_calls: u64,
    pub(crate) errors: u64,
    pub(crate) projects: String,
    pub(crate) agents: String,
    pub(crate) parallel_transcripts: u64,
}

impl Work {
    /// From the events of a session, in order of time.
    pub(crate) fn of(members: &[&Line<'_>]) -> Self {
        let count = |name: &str| members.iter().filter(|line| line.row.name == name).count() as u64;
        let projects: BTreeSet<&str> = members.iter().filter_map(|line| line.row.url).collect();
        let agents: BTreeSet<&str> = members.iter().filter_map(|line| line.row.agent).collect();
        Self {
            prompts: members.iter().filter(|line| line.class == Class::View).count() as u64,
            responses: count(RESPONSE),
            tool_calls: count(TOOL),
            errors: count(TOOL_ERROR) + count(API_ERROR),
            projects: json::list(projects),
            agents: json::list(agents),
            parallel_transcripts: parallel(members),
        }
    }
}

/// The most transcripts that were active at the same time. A transcript is active from each of its events to the next,
/// unless there is a pause between them.
fn parallel(members: &[&Line<'_>]) -> u64 {
    let mut runs: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
    let mut running: BTreeMap<&str, usize> = BTreeMap::new();
    for line in members {
        let (Some(transcript), at) = (line.row.transcript, line.row.time) else { continue };
        let run = running.get(transcript).copied().filter(|run| at.signed_duration_since(runs[*run].1) <= PAUSE);
        match run {
            Some(run) => runs[run].1 = at,
            None => {
                running.insert(transcript, runs.len());
                runs.push((at, at));
            }
        }
    }
    // A run that ends exactly when another begins overlaps with it.
    let begins = runs.iter().map(|run| (run.0, 0, 1_i64));
    let mut turns: Vec<_> = begins.chain(runs.iter().map(|run| (run.1, 1, -1))).collect();
    turns.sort_unstable();
    let mut at_work = 0;
    let most = turns.iter().map(|(_, _, change)| {
        at_work += change;
        at_work
    });
    most.max().unwrap_or_default().unsigned_abs()
}
