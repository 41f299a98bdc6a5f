//! The measurements on logs of web events and of tasks, beside a query of DuckDB over the same lines.

use crate::Result;
use crate::events::{Family, Log};
use crate::process::{self, Samples, Workspace};
use crate::table::{Limit, Results};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A cold run over web events, by the CPU time of the query.
const WEB: Limit = Limit { bound: 12.5, target: 3.0 };

/// A cold run over task events, by the CPU time of the query.
const TASKS: Limit = Limit { bound: 5.8, target: 3.0 };

/// The events are of a fixed time, and ended tasks are purged after a week if nothing else is said.
const SETTINGS: &str = "[tasks]\nretention = \"36500d\"\n";

/// Measures cold runs over a log, and holds what they find against what the query counts.
pub(crate) fn run(log: &Log, temporary: &Path, runs: u32, results: &mut Results) -> Result<()> {
    let Log { family, ref root, events, of, sessions } = *log;
    let place = Workspace { folder: temporary.to_owned() };
    let root = process::text(root)?;
    let database = process::text(&temporary.join("bench.duckdb"))?.to_owned();
    let config = temporary.join("events.toml");
    fs::write(&config, SETTINGS)?;
    let config = process::text(&config)?;
    let (mut yard, mut cold) = (Samples::default(), Samples::default());
    for round in 1..=runs {
        eprintln!("{} {round} of {runs}", family.name());
        let (sample, counted) = place.query(&family.query(root))?;
        expect("the query", &counted, sessions)?;
        yard.push(sample);
        place.forget(&database)?;
        let processor = family.processor();
        let args = ["run", processor, "--sessions", root, "--database", &database, "--config", config, "--json"];
        cold.push(place.run(env!("CARGO_BIN_EXE_sessionmill"), args)?.0);
        let args = ["query", family.found(), "--json", "--database", &database];
        let found: Value = serde_json::from_str(&place.run(env!("CARGO_BIN_EXE_sessionmill"), args)?.1)?;
        expect("sessionmill", &found[0]["sessions"].to_string(), sessions)?;
    }
    place.forget(&database)?;
    let (unit, limit) = match family {
        Family::Web => ("people", WEB),
        Family::Tasks => ("tasks", TASKS),
    };
    results.add(&format!("query, {events} events of {of} {unit}"), &yard, None, None);
    results.add(&format!("cold, {}", family.processor()), &cold, Some(&yard), Some(limit));
    Ok(())
}

fn expect(who: &str, found: &str, sessions: u64) -> Result<()> {
    if found.trim() == sessions.to_string() {
        return Ok(());
    }
    Err(format!("{who} finds {} sessions, not {sessions}", found.trim()).into())
}
