//! Files with lines of one format, of several, and of unknown formats.

use crate::world::{DROPPED_SINCE, World, response};
use sessionmill::store::{Access, Store};

const DIALECTS: &str = "SELECT dialect, lines FROM session_dialects ORDER BY ALL";
const FILES: &str = "SELECT dialect, lines, malformed_lines FROM session_files";
const UNKNOWN: &str = "SELECT kind, lines FROM session_unknown_lines ORDER BY ALL";
const RESPONSES: &str = "SELECT agent, output_tokens, model FROM usage_responses ORDER BY ALL";

const META: &str = r#"{"timestamp":"2026-03-01T10:00:00Z","type":"session_meta","payload":{"id":"c1","cwd":"/srv/mill","cli_version":"1"}}"#;
const TURN: &str =
    r#"{"timestamp":"2026-03-01T10:00:01Z","type":"turn_context","payload":{"model":"gpt-5","cwd":"/srv/mill"}}"#;

/// A line with the total of a Codex session so far.
fn total(output: u64) -> String {
    format!(
        r#"{{"timestamp":"2026-03-01T10:01:00Z","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{{"input_tokens":10,"output_tokens":{output}}}}}}}}}"#
    )
}

fn world(lines: &[&str]) -> World {
    let world = World::new();
    world.write("ada/s.jsonl", lines.join("\n") + "\n").pass();
    world
}

#[test]
fn every_line_of_a_file_of_one_agent_is_its_own() {
    let line = response("m1", "10:00:00", 5);
    let file = world(&["not json", "", line.trim(), r#"{"type":"new-kind"}"#, "{\"cut", "", r#"{"x":1}"#]);
    assert_eq!(file.rows(FILES), ["claude-code|7|2"]);
    assert_eq!(file.rows(DIALECTS), ["claude-code|7"]);
    assert_eq!(file.rows(UNKNOWN), ["(no type)|1", "new-kind|1"]);
    let file = world(&["", "{\"cut", META, r#"{"type":"new","payload":{}}"#, r#"{"type":"new"}"#, "", &total(5)]);
    assert_eq!((file.rows(FILES), file.rows(DIALECTS)), (vec!["codex|7|1".to_owned()], vec!["codex|7".to_owned()]));
    assert_eq!(file.rows(UNKNOWN), ["new|2"]);
}

#[test]
fn lines_of_several_agents_keep_to_their_own() {
    let (one, two) = (response("m1", "10:00:00", 5), response("m2", "10:00:00", 6));
    let (five, seven) = (total(5), total(12));
    let lines = [META, TURN, one.trim(), &five, r#"{"type":"new"}"#, two.trim(), "{\"cut", "", &seven];
    let file = world(&lines);
    assert_eq!(file.rows(FILES), ["codex|9|1"]);
    assert_eq!(file.rows(DIALECTS), ["claude-code|4", "codex|5"]);
    let expected = ["claude-code|5|claude-opus-4-6", "claude-code|6|claude-opus-4-6", "codex|5|gpt-5", "codex|7|gpt-5"];
    assert_eq!(file.rows(RESPONSES), expected, "the total goes on where it was");
}

#[test]
fn records_of_two_agents_can_share_a_line() {
    let claude = response("m1", "10:00:00", 5);
    let shared = format!("{}{}{}", total(5), claude.trim(), total(12));
    let file = world(&[META, TURN, &shared]);
    assert_eq!(file.rows(RESPONSES), ["claude-code|5|claude-opus-4-6", "codex|5|gpt-5", "codex|7|gpt-5"]);
    assert_eq!(file.rows(DIALECTS), ["codex|3"], "a line is that of its first record");
    let cut = format!("{}{}", &claude[..60], total(5));
    let file = world(&[claude.trim(), META, TURN, claude.trim(), &cut]);
    assert_eq!(file.rows(RESPONSES), ["claude-code|5|claude-opus-4-6", "codex|5|gpt-5"]);
    assert_eq!(file.rows("SELECT malformed_lines FROM session_files"), ["1"]);
}

const HEADER: &str = r#"{"id":"0198c0de-0000-7000-8000-000000000001","timestamp":"2025-08-01T10:00:00Z"}"#;
const ITEMS: [&str; 4] = [
    r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"oil the mill"}]}"#,
    r#"{"type":"reasoning","summary":[]}"#,
    r#"{"type":"function_call","name":"shell","arguments":"{}","call_id":"call_1"}"#,
    r#"{"type":"function_call_output","call_id":"call_1","output":"ok"}"#,
];

#[test]
fn the_first_generation_of_codex_is_read() {
    let state = r#"{"record_type":"state"}"#;
    let file = world(&[&[HEADER, state], &ITEMS[..], &[state]].concat());
    assert_eq!((file.rows(FILES), file.rows(DIALECTS)), (vec!["codex|7|0".to_owned()], vec!["codex|7".to_owned()]));
    assert!(file.rows(UNKNOWN).is_empty());
    let session = "SELECT session_id, agent, prompts, tool_calls FROM usage_sessions";
    assert_eq!(file.rows(session), ["0198c0de-0000-7000-8000-000000000001|codex|1|1"]);
}

#[test]
fn items_without_a_sign_of_their_agent_are_unknown() {
    let file = world(&ITEMS);
    assert_eq!((file.rows(FILES), file.rows(DIALECTS)), (vec!["unknown|4|0".to_owned()], vec!["unknown|4".to_owned()]));
    assert_eq!(file.rows(UNKNOWN), ["function_call|1", "function_call_output|1", "message|1", "reasoning|1"]);
    assert_eq!(file.rows("SELECT agent, prompts, tool_calls FROM usage_sessions"), ["|0|0"]);
}

#[test]
fn nothing_is_read_out_of_what_is_unknown() {
    let session = r#"{"type":"session","version":3,"id":"a","timestamp":"2026-03-01T10:00:00Z","cwd":"/"}"#;
    let message =
        r#"{"type":"message","id":"b","message":{"role":"assistant","content":"hi","usage":{"output_tokens":5}}}"#;
    let file = world(&["{\"cut", session, message, r#"{"x":1}"#, "[1]", "12"]);
    assert_eq!(file.rows(FILES), ["unknown|6|3"]);
    assert_eq!(file.rows(DIALECTS), ["unknown|6"]);
    assert_eq!(file.rows(UNKNOWN), ["(no type)|1", "message|1", "session|1"]);
    assert!(file.rows(RESPONSES).is_empty());
    // The first recognised format counts.
    let claude = response("m1", "10:00:00", 5);
    let file = world(&[session, "", claude.trim(), message]);
    assert_eq!(
        (file.rows(FILES), file.rows(DIALECTS)),
        (vec!["claude-code|4|0".to_owned()], vec!["claude-code|2".to_owned(), "unknown|2".to_owned()],)
    );
    assert_eq!(file.rows("SELECT agent FROM usage_sessions"), ["claude-code"]);
}

#[test]
fn a_record_that_needs_repair_is_known_by_its_shape_too() {
    let claude =
        response("m1", "10:00:00", 5).replace(r#""content":[]"#, r#""content":[{"type":"text","text":"\ud83d"}]"#);
    let file = world(&[
        claude.trim(),
        &total(5),
        META,
        TURN,
        &total(9).replace("token_count", "token_count\",\"message\":\"\\ud83d"),
    ]);
    assert_eq!(
        (file.rows(FILES), file.rows(DIALECTS)),
        (vec!["claude-code|5|0".to_owned()], vec!["claude-code|1".to_owned(), "codex|4".to_owned()],)
    );
    assert!(file.rows(UNKNOWN).is_empty());
}

#[test]
fn a_document_is_a_whole_file() {
    let claude = response("m1", "10:00:00", 5);
    let file = world(&["", "{", "\"a\": [", claude.trim(), "]", "}"]);
    assert_eq!(
        (file.rows(FILES), file.rows(DIALECTS)),
        (vec!["document|6|0".to_owned()], vec!["document|6".to_owned()],)
    );
    assert!(file.rows(RESPONSES).is_empty());
    let file = world(&[claude.trim(), "{", "}"]);
    assert_eq!(file.rows(FILES), ["claude-code|3|2"]);
}

#[test]
fn a_log_below_a_torn_bracket_or_a_document_is_read() {
    let lines: Vec<_> = (1..=3).map(|n| response(&format!("m{n}"), "10:00:00", 5).trim().to_owned()).collect();
    let [one, two, three] = [0, 1, 2].map(|number: usize| lines[number].as_str());
    for (above, expected) in [
        (&["{", ""][..], "claude-code|5|1"),
        (&["["], "claude-code|4|1"),
        // A document that ends with its last bracket is not a part of the log.
        (&["{", "}"], "claude-code|5|0"),
        (&["[", "{\"a\": \"{\"", "},", "{}", "]"], "claude-code|8|0"),
    ] {
        let file = world(&[above, &[one, two, three]].concat());
        assert_eq!((file.rows(FILES), file.rows(RESPONSES).len()), (vec![expected.to_owned()], 3), "{above:?}");
    }
    let comma = format!("{one},");
    let file = world(&["[", &comma, two, "]"]);
    assert_eq!((file.rows(FILES), file.rows(RESPONSES).len()), (vec!["document|4|0".to_owned()], 0));
}

#[test]
fn the_dialects_of_a_file_follow_it() {
    let world = World::new();
    let claude = response("m1", "10:00:00", 5);
    world.write("ada/s.jsonl", [META, claude.trim()].join("\n") + "\n").write("bob/b.jsonl", &claude).pass();
    let rows = || world.rows("FROM session_dialects ORDER BY ALL");
    let before = ["ada/s.jsonl|claude-code|1", "ada/s.jsonl|codex|1", "bob/b.jsonl|claude-code|1"];
    assert_eq!(rows(), before);
    world.touch("ada/s.jsonl", 1_000_000_000).pass();
    assert_eq!(rows(), before, "what was counted in a file that is only touched stays");
    world.remove("bob/b.jsonl").pass();
    assert_eq!(rows(), before, "and of one that is gone");
    world.write("ada/s.jsonl", &claude).pass();
    assert_eq!(rows(), ["ada/s.jsonl|claude-code|1", "bob/b.jsonl|claude-code|1"]);
    assert_eq!(world.mill(&["forget", "bob", "--yes"]).status, 0);
    assert_eq!(rows(), ["ada/s.jsonl|claude-code|1"]);
}

#[test]
fn a_database_of_before_is_filled_without_reading_again() {
    let world = World::new();
    let claude = response("m1", "10:00:00", 5);
    world.write("ada/s.jsonl", "{}\n{}\n").write("bob/b.jsonl", &claude).write("bob/nothing.jsonl", "").pass();
    world.wait(std::time::Duration::from_secs(3600)).pass();
    let dump = world.rows("FROM session_dialects ORDER BY ALL");
    assert_eq!(dump, ["ada/s.jsonl|unknown|2", "bob/b.jsonl|claude-code|1"]);
    let store = Store::open(&world.database(), Access::ReadWrite).unwrap();
    let before = "DROP TABLE session_dialects; UPDATE session_files SET dialect = 'other' WHERE dialect = 'unknown';
                  DELETE FROM schema_migrations WHERE version >=
                      (SELECT version FROM schema_migrations WHERE name LIKE '%_dialects')";
    store.connection().execute_batch(&(DROPPED_SINCE.to_owned() + before)).unwrap();
    drop(store);
    let counts = world.pass();
    assert_eq!((counts.files, counts.unchanged, counts.bytes_read), (3, 3, 0));
    assert_eq!(world.rows("FROM session_dialects ORDER BY ALL"), dump);
    assert_eq!(world.rows("SELECT dialect FROM session_files ORDER BY ALL"), ["", "claude-code", "unknown"]);
}

#[test]
fn a_log_of_web_events_is_no_session_of_an_agent() {
    let view = r#"{"event":"$pageview","distinct_id":"u-7","timestamp":"2026-03-01T12:00:00Z"}"#;
    let page = r#"{"type":"page","anonymousId":"a-1","timestamp":"2026-03-01T12:01:00Z"}"#;
    let world = World::new();
    world
        .write(
            "shop/p.jsonl",
            format!("{view}\n{{\"event\":\"e\",\"distinct_id\":\"\"}}\n{{\"type\":\"new\"}}\n{page}\n"),
        )
        .write("ada/s.jsonl", format!("{view}\n{}", response("m1", "10:00:00", 5)))
        .pass();
    assert_eq!(world.rows("SELECT session_file, agent FROM usage_sessions"), ["ada/s.jsonl|claude-code"]);
    assert_eq!(
        world.rows("SELECT session_file, dialect, lines, malformed_lines FROM session_files ORDER BY ALL"),
        ["ada/s.jsonl|posthog|2|0", "shop/p.jsonl|posthog|4|1"]
    );
    let dialects = "SELECT session_file, dialect, lines FROM session_dialects ORDER BY ALL";
    let expected =
        ["ada/s.jsonl|claude-code|1", "ada/s.jsonl|posthog|1", "shop/p.jsonl|posthog|3", "shop/p.jsonl|segment|1"];
    assert_eq!(world.rows(dialects), expected);
    assert_eq!(world.rows(UNKNOWN), ["new|1"]);
    let ledger =
        "SELECT processor_name, items_extracted FROM session_processor_state WHERE session_file = 'shop/p.jsonl'";
    let usage = format!("{ledger} AND processor_name IN ('usage', 'verification') ORDER BY ALL");
    assert_eq!(world.rows(&usage), ["usage|0", "verification|0"]);
}
