//! Real transcripts, if they are available: figures that other programs computed, too.

use crate::world::{World, skip};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// The folder of the corpus; `None`, with a message, if the test is skipped.
fn corpus() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if folder.is_dir() {
        return Some(folder);
    }
    skip("`../shared/corpus` is not there");
    None
}

const COUNTS: [&str; 5] = [
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "cache_creation_1h_input_tokens",
];

#[test]
fn totals_are_exactly_those_of_independent_programs() {
    let Some(corpus) = corpus() else { return };
    let world = World::new();
    let sessions = corpus.join("user_sessions");
    let run = world.mill(&["run", "--sessions", sessions.to_str().unwrap(), "--json"]);
    assert_eq!(run.status, 0, "{run:?}");
    let expected: Value = serde_json::from_slice(&fs::read(corpus.join("expected_usage.json")).unwrap()).unwrap();
    for by in ["user", "model", "day"] {
        let said = world.mill(&["report", "--by", by, "--timezone", "UTC", "--no-refresh", "--json"]);
        let report: Value = serde_json::from_str(&said.stdout).unwrap();
        let counts = |row: &Value| COUNTS.map(|count| row[count].as_i64().unwrap()).to_vec();
        let rows = report["rows"].as_array().unwrap().iter();
        let rows: BTreeMap<_, _> = rows.map(|row| (row[by].as_str().unwrap().to_owned(), counts(row))).collect();
        let wanted: BTreeMap<String, Vec<i64>> = serde_json::from_value(expected[by].clone()).unwrap();
        assert_eq!(rows, wanted, "by {by}");
        assert_eq!(report["totals"]["responses"], expected["responses"]);
        assert_eq!(serde_json::json!(counts(&report["totals"])), expected["total"]);
    }
}

#[test]
fn rollouts_of_codex_are_exactly_those_of_an_independent_program() {
    let Some(corpus) = corpus() else { return };
    let world = World::new();
    let sessions = corpus.join("codex_sessions");
    let run = world.mill(&["run", "--sessions", sessions.to_str().unwrap(), "--json"]);
    assert_eq!(run.status, 0, "{run:?}");
    let expected: BTreeMap<String, Value> =
        serde_json::from_slice(&fs::read(corpus.join("expected_codex.json")).unwrap()).unwrap();
    let found = world.rows(
        "SELECT session_id || '.jsonl', model, sum(input_tokens), sum(cache_read_input_tokens), sum(output_tokens),
             sum(reasoning_output_tokens)
         FROM usage_responses WHERE agent = 'codex' GROUP BY ALL ORDER BY ALL",
    );
    let counts = ["input_tokens", "cache_read_input_tokens", "output_tokens", "reasoning_output_tokens"];
    let row = |(name, of): (&String, &Value)| {
        let counts = counts.map(|count| of[count].to_string()).join("|");
        format!("{name}|{}|{counts}", of["model"].as_str().unwrap())
    };
    assert_eq!(found, expected.iter().map(row).collect::<Vec<_>>());
    assert_eq!(world.rows("SELECT DISTINCT dialect, malformed_lines FROM session_files"), ["codex|0"]);
    assert!(world.rows("FROM session_unknown_lines").is_empty());
}

/// Everything that the database shows, except for times of reading.
const SHOWN: [&str; 4] = [
    "FROM usage_responses ORDER BY ALL",
    "FROM usage_tool_events ORDER BY ALL",
    "FROM usage_sessions ORDER BY ALL",
    "SELECT processor_name, session_file, username, items_extracted, file_hash FROM session_processor_state ORDER BY ALL",
];

#[test]
fn a_growing_transcript_ends_as_a_fresh_database_of_its_last_capture() {
    let Some(corpus) = corpus() else { return };
    let (grown, fresh) = (World::new(), World::new());
    let mut sessions =
        fs::read_dir(corpus.join("growth")).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    sessions.sort();
    let captures: Vec<Vec<PathBuf>> = sessions
        .iter()
        .map(|session| {
            let mut captures: Vec<_> = fs::read_dir(session).unwrap().map(|entry| entry.unwrap().path()).collect();
            captures.sort();
            captures
        })
        .collect();
    let name = |session: &PathBuf| format!("ada/{}.jsonl", session.file_name().unwrap().to_str().unwrap());
    for step in 0..captures.iter().map(Vec::len).max().unwrap() {
        for (session, captures) in sessions.iter().zip(&captures) {
            if let Some(capture) = captures.get(step) {
                grown.write(&name(session), fs::read(capture).unwrap());
                let counts = grown.pass();
                assert_eq!((counts.processed, counts.errors), (1, 0), "{capture:?}");
            }
        }
    }
    for (session, captures) in sessions.iter().zip(&captures) {
        fresh.write(&name(session), fs::read(captures.last().unwrap()).unwrap());
    }
    fresh.pass();
    for sql in SHOWN {
        let rows = grown.rows(sql);
        assert!(!rows.is_empty());
        assert_eq!(rows, fresh.rows(sql), "{sql}");
    }
}

/// The rows of a session's prompts add up to the session.
#[test]
fn prompts_add_up_to_their_session() {
    let Some(corpus) = corpus() else { return };
    let world = World::new();
    let sessions = corpus.join("user_sessions");
    let run = world.mill(&["run", "--sessions", sessions.to_str().unwrap()]);
    assert_eq!(run.status, 0, "{run:?}");
    let json = |args: &[&str]| -> Value {
        serde_json::from_str(&world.mill(&[args, &["--no-refresh", "--json"]].concat()).stdout).unwrap()
    };
    let (mut prompts, mut worded) = (0, 0);
    for session in json(&["report", "sessions", "--limit", "1000"]).as_array().unwrap() {
        let id = session["session"].as_str().unwrap();
        let of_session = json(&["session", id]);
        let rows = of_session["by_prompt"].as_array().unwrap();
        let sum = |name: &str| rows.iter().filter_map(|row| row[name].as_f64()).sum::<f64>();
        for name in ["responses", "total_tokens", "calls", "errors"] {
            assert_eq!(sum(name), session[name].as_f64().unwrap(), "{name} of {id}");
        }
        assert!((sum("cost_usd") - session["cost_usd"].as_f64().unwrap_or_default()).abs() < 1e-9, "{id}: {rows:?}");
        // Each is rounded down.
        let lost = session["active_seconds"].as_f64().unwrap() - sum("active_seconds");
        assert!((0.0..=rows.len() as f64).contains(&lost), "{lost} s of {id} are missing");
        let of_people = rows.iter().filter(|row| !row["time"].is_null());
        assert!(of_people.clone().is_sorted_by_key(|row| row["time"].as_str().unwrap()), "{id}");
        prompts += of_people.clone().count();
        worded += of_people.filter(|row| row["prompt"].is_string()).count();
    }
    // As counted by `usage`, without sessions that have no response.
    let turns =
        "SELECT sum(turns)::BIGINT FROM usage_sessions WHERE session_id IN (SELECT session_id FROM usage_responses)";
    assert_eq!(world.rows(turns), [prompts.to_string()]);
    assert!(worded * 10 > prompts * 8, "{worded} of {prompts}");
}

#[test]
fn active_time_comes_to_the_same_whatever_rows_are_about() {
    let Some(corpus) = corpus() else { return };
    let world = World::new();
    let sessions = corpus.join("user_sessions");
    assert_eq!(world.mill(&["run", "--sessions", sessions.to_str().unwrap()]).status, 0);
    std::fs::write(
        world.path("who.toml"),
        "[[person]]\nname = \"Two\"\nemail = \"two@example.org\"\nteam = \"T\"\n\
                                            folders = [\"packmind\", \"spotter\"]\n",
    )
    .unwrap();
    for report in ["outcomes", "activity"] {
        for more in [&[][..], &["--identities", "who.toml"]] {
            let total = |by: &str| -> Value {
                let args = ["report", report, "--by", by, "--no-refresh", "--json"];
                let said = world.mill(&[&args[..], more].concat());
                serde_json::from_str::<Value>(&said.stdout).unwrap()["totals"]["active_seconds"].clone()
            };
            let day = total("day");
            assert!(day.as_u64().unwrap() > 3600, "{day}");
            for by in ["week", "user", "team", "project"] {
                assert_eq!(total(by), day, "{report} by {by}");
            }
        }
    }
}
