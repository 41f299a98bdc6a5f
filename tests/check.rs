//! `sessionmill check`: how lines are understood, and which would be lost.

use crate::world::{World, response};
use serde_json::{Map, Value};

const MILL: &str = env!("CARGO_BIN_EXE_sessionmill");

const VIEW: &str = r#"{"event":"$pageview","distinct_id":"u-7","timestamp":"2026-03-01T12:00:00.5Z"}"#;
const TASK: &str = r#"{"specversion":"1.0","id":"e1","source":"/mill","type":"mill.task.created","subject":"grind-1","time":"2026-03-01T12:00:00Z","data":{"short_id":"s1"}}"#;

const NO_FORMAT: &str =
    "no known format: an event has `event` and `distinct_id`, a call `type` and `userId` or `anonymousId`";

fn check(world: &World, arguments: &[&str]) -> (i32, String) {
    let said = world.mill(&[&["check"], arguments].concat());
    assert_eq!(said.stderr, "");
    (said.status, said.stdout)
}

#[test]
fn good_lines_are_counted_and_shown_if_asked_for() {
    let world = World::new();
    let batch = format!(r#"{{"api_key":"k","batch":[{VIEW},{VIEW}]}}"#);
    world.write("good.jsonl", format!("{VIEW}\n\n{TASK}\n{batch}\n{}", response("m1", "10:00:00", 5).trim()));
    let summary = "4 lines: 5 records understood (claude-code 1, cloudevents 1, posthog 3), 0 lost\n";
    assert_eq!(check(&world, &["root/good.jsonl"]), (0, summary.to_owned()));
    let view =
        |line: u64| format!("root/good.jsonl:{line}: posthog $pageview, view by u-7 at 2026-03-01T12:00:00.500Z\n");
    let lines = [
        view(1),
        "root/good.jsonl:3: cloudevents mill.task.created, created of task grind-1 at 2026-03-01T12:00:00Z\n"
            .to_owned(),
        view(4),
        view(4),
        "root/good.jsonl:5: claude-code assistant at 2026-02-01T10:00:00Z\n".to_owned(),
        summary.to_owned(),
    ];
    assert_eq!(check(&world, &["root/good.jsonl", "--verbose"]), (0, lines.concat()));
    assert!(!world.database().exists());
}

#[test]
fn a_line_that_would_be_lost_is_named_with_what_is_wrong() {
    let world = World::new();
    let lines = [
        VIEW,
        r#"{"event":"$pageview","distinct_id":"u-7"}"#,
        r#"{"type":"new-kind"}"#,
        "{\"cut",
        &format!(r#"{{"batch":[{VIEW},{{"event":"e","distinct_id":" "}}],"sent_at":"2026-03-01"}}"#),
        &VIEW.replace(r#""timestamp":""#, r#""timestamp":"\u001b[2J"#),
        &VIEW[..20],
    ];
    world.write("bad.jsonl", lines.join("\n"));
    let expected = "\
root/bad.jsonl:2: lost: no `timestamp`, and no `now` or `sent_at` to count an `offset` from
root/bad.jsonl:3: lost: its type is unknown (`new-kind`)
root/bad.jsonl:4: lost: not a JSON object, or a broken one
root/bad.jsonl:5: lost: no `distinct_id`, and no `$device_id` in its place
root/bad.jsonl:6: lost: its `timestamp` is not a time
root/bad.jsonl:7: lost: the last line has no line feed and is not whole JSON
7 lines: 2 records understood (posthog 2), 6 lost
";
    assert_eq!(check(&world, &["root/bad.jsonl"]), (1, expected.to_owned()));
    world.write("document.jsonl", "{\n\"event\":\"e\"\n}\n");
    let part = "a part of one JSON document over many lines: write each record on a line of its own";
    let expected: String = (1..4).map(|line| format!("root/document.jsonl:{line}: lost: {part}\n")).collect();
    let summary = "3 lines: 0 records understood, 3 lost\n";
    assert_eq!(check(&world, &["root/document.jsonl"]), (1, expected + summary));
}

#[test]
fn what_is_wrong_with_an_id_is_named() {
    let world = World::new();
    let long = "x".repeat(513);
    let call = |ids: &str| format!(r#"{{"type":"track","event":"e","messageId":"m","timestamp":"2026-03-01"{ids}}}"#);
    let anonymous = r#"{"event":"$pageview","timestamp":"2026-03-01T12:00:00Z"}"#;
    let lines = [
        anonymous,
        VIEW,
        anonymous,
        &VIEW.replace("u-7", &long),
        r#"{"batch":[]}"#,
        &format!(r#"{{"batch":[{VIEW},{anonymous}]}}"#),
        &call(r#","userId":7"#),
        &call(""),
        &call(&format!(r#","userId":"{long}""#)),
        &TASK.replace("grind-1", &long),
        &TASK.replace(r#""short_id":"s1""#, r#""short_id":"s1","attempt":1772366400000"#),
    ];
    world.write("ids.jsonl", lines.join("\n") + "\n");
    let no_id = "no `distinct_id`, and no `$device_id` in its place";
    let wrong = [
        (1, NO_FORMAT),
        (3, no_id),
        (4, "its `distinct_id` is longer than 512 bytes"),
        (6, no_id),
        (8, "no `userId`, and no `anonymousId` in its place"),
        (9, "its `userId` or `anonymousId` is longer than 512 bytes"),
        (10, "neither `subject` nor `data.task_id` of 1 to 512 bytes"),
        (11, "an `attempt` that is not a whole number up to 2^40"),
    ];
    let expected: String =
        wrong.iter().map(|(line, wrong)| format!("root/ids.jsonl:{line}: lost: {wrong}\n")).collect();
    let summary = "11 lines: 4 records understood (posthog 3, segment 1), 8 lost\n";
    assert_eq!(check(&world, &["root/ids.jsonl"]), (1, expected + summary));
}

#[test]
fn a_task_that_no_list_shows_is_named() {
    let world = World::new();
    let task = |id: &str, data: &str| TASK.replace("grind-1", id).replace(r#""short_id":"s1""#, data);
    let lines = [
        task("t1", r#""task_type":"grind""#),
        task("t2", r#""task_type":"scraping","short_id":"s2""#),
        task("t3", r#""short_id":"s3""#),
        task("t4", r#""task_type":"grind""#),
        task("t4", r#""short_id":"s4""#),
        task("t1", ""),
    ];
    world.write("tasks.jsonl", lines.join("\n") + "\n");
    let expected = "\
root/tasks.jsonl:1: no list shows task t1: none of its lines has a short id
root/tasks.jsonl:2: no list shows task t2: its type `scraping` is `excluded` by default
6 lines: 6 records understood (cloudevents 6), 0 lost
";
    assert_eq!(check(&world, &["root/tasks.jsonl"]), (0, expected.to_owned()));
    let (_, text) = check(&world, &["root/tasks.jsonl", "--json"]);
    let second = serde_json::json!({"file": "root/tasks.jsonl", "line": 2, "task": "t2",
                                    "why": "its type `scraping` is `excluded` by default"});
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["summary"]["unlisted"][1], second);
}

#[test]
fn an_answer_in_json_has_the_same() {
    let world = World::new();
    world.write("a.jsonl", format!("{VIEW}\n{{}}\n"));
    let (status, text) = check(&world, &["root/a.jsonl", "--format", "json"]);
    let lost = serde_json::json!({
        "lines": [{"file": "root/a.jsonl", "line": 2, "dialect": "posthog", "kind": null, "class": null, "who": null,
                   "time": null, "wrong": NO_FORMAT}],
        "summary": {"files": 1, "lines": 2, "understood": 1, "lost": 1, "dialects": {"posthog": 1}, "unlisted": []},
    });
    assert_eq!((status, serde_json::from_str::<Value>(&text).unwrap()), (1, lost));
    let (_, text) = check(&world, &["root/a.jsonl", "--json", "--verbose"]);
    let first = &serde_json::from_str::<Value>(&text).unwrap()["lines"][0];
    let expected = serde_json::json!({"file": "root/a.jsonl", "line": 1, "dialect": "posthog", "kind": "$pageview",
                                      "class": "view", "who": "u-7", "time": "2026-03-01T12:00:00.500Z", "wrong": null});
    assert_eq!(*first, expected);
    world.write("none.jsonl", "\n");
    let (status, text) = check(&world, &["root/none.jsonl", "--json"]);
    let none = serde_json::json!({"lines": [],
                                  "summary": {"files": 1, "lines": 0, "understood": 0, "lost": 0, "dialects": {}, "unlisted": []}});
    assert_eq!((status, serde_json::from_str::<Value>(&text).unwrap()), (0, none));
}

#[test]
fn standard_input_and_archives_are_checked() {
    let world = World::new();
    let packed = zstd::encode_all(format!("{VIEW}\n").as_bytes(), 3).unwrap();
    world.write("a.jsonl.zst", packed);
    world.write("b.jsonl", format!("{VIEW}\n"));
    let script = format!("gzip -c root/b.jsonl | {MILL} check - root/a.jsonl.zst");
    let said = world.command("sh", &["-c", &script], &[]);
    let summary = "2 files, 2 lines: 2 records understood (posthog 2), 0 lost\n";
    assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (0, summary, ""));
    let said = world.command("sh", &["-c", &format!("head -c 30 root/a.jsonl.zst | {MILL} check -")], &[]);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""));
    assert!(said.stderr.starts_with("sessionmill: cannot check `-`: "), "{said:?}");
    let said = world.mill(&["check", "root/none.jsonl"]);
    assert_eq!(
        (said.status, said.stderr.as_str()),
        (2, "sessionmill: cannot read `root/none.jsonl`: there is no such file or folder\n")
    );
    assert_eq!(world.mill(&["check"]).status, 64);
}

/// The examples of a schema, and the fields that it requires.
fn schema(world: &World, name: &str) -> (Vec<Map<String, Value>>, Vec<String>) {
    let (status, text) = check(world, &["--schema", name]);
    assert_eq!(status, 0);
    let schema: Value = serde_json::from_str(&text).unwrap();
    let part = |name: &str| schema[name].clone();
    (serde_json::from_value(part("examples")).unwrap(), serde_json::from_value(part("required")).unwrap())
}

#[test]
fn schemas_say_what_is_understood() {
    let world = World::new();
    for name in ["activity", "task"] {
        let (examples, required) = schema(&world, name);
        assert!(examples.len() > 1 && required.len() > 2, "{name}");
        let lines: Vec<_> = examples.iter().map(|line| Value::Object(line.clone()).to_string()).collect();
        world.write("good.jsonl", lines.join("\n") + "\n");
        assert_eq!(check(&world, &["root/good.jsonl"]).0, 0, "{name}");
        let mut without = Vec::new();
        for example in &examples {
            for field in &required {
                let mut example = example.clone();
                assert!(example.remove(field).is_some(), "{name}: an example has no `{field}`");
                without.push(Value::Object(example).to_string());
            }
        }
        world.write("bad.jsonl", without.join("\n") + "\n");
        let (status, text) = check(&world, &["root/bad.jsonl"]);
        let lines = without.len();
        assert_eq!(
            (status, text.lines().last().unwrap()),
            (1, &*format!("{lines} lines: 0 records understood, {lines} lost")),
            "{text}"
        );
    }
}
