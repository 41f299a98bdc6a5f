//! What is counted, and for whom: broken lines, prompts, directories, declined calls, shared responses, and data of
//! older rules.

use crate::world::{Said, World, response};
use serde_json::{Value, json};
use sessionmill::store::{Access, Store};

fn run(world: &World) -> Said {
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, 0, "{said:?}");
    said
}

fn report(world: &World, args: &[&str]) -> Value {
    let said = world.mill(&[&["report", "--no-refresh", "--timezone", "UTC", "--json"], args].concat());
    assert_eq!(said.status, 0, "{said:?}");
    serde_json::from_str(&said.stdout).unwrap()
}

fn lines(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A record of the user in session `s1`, with more fields.
fn user(content: &Value, fields: &Value) -> Value {
    let mut record = json!({
        "type": "user", "sessionId": "s1", "timestamp": "2026-02-01T10:00:00Z", "cwd": "/srv/till",
        "message": {"role": "user", "content": content},
    });
    record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    record
}

/// A record of Codex, cut after `length` bytes.
fn codex(second: u8, kind: &str, payload: &Value) -> String {
    json!({"timestamp": format!("2026-02-01T10:00:{second:02}Z"), "type": kind, "payload": payload}).to_string()
}

#[test]
fn a_broken_record_costs_itself_only() {
    let world = World::new();
    let [a, b, lost] = ["a", "b", "lost"].map(|id| response(id, "10:00:00", 7).trim_end().to_owned());
    let nested = r#"{"type":"progress","sessionId":"s1","data":{"message":{"type":"assistant","message":{"id":"no","role":"assistant","usage":{"output_tokens":900}}}"#;
    let quoted = r#"{"type":"user","sessionId":"s1","message":{"role":"user","content":"see {\"type\":\"assistant\",\"message\":{\"id\":\"no\"}} and {}"#;
    let whole = user(&json!("hello"), &json!({})).to_string();
    let files = [
        ("1", format!("{}{a}\n", &lost[..lost.len() - 9])),
        ("2", format!("{a}{}\n", &lost[..lost.len() - 2])),
        ("3", format!("{}{a}{b}\n", &lost[..40])),
        ("4", format!("{nested}\n{a}\n")),
        ("5", format!("{nested}{a}{nested}\n")),
        ("6", format!("{quoted}{a}\n")),
        ("7", format!("{}\u{0}\u{0}{a}\n", &lost[..60])),
        ("8", format!("{}{a}\n", whole.split_inclusive("\"message\":").next().unwrap())),
    ];
    for (name, text) in &files {
        world.write(&format!("u{name}/s.jsonl"), text.replace("\"id\":\"a\"", &format!("\"id\":\"a{name}\"")));
    }
    let total = |input: u64, cached: u64, output: u64| {
        json!({"type": "token_count", "info": {"total_token_usage":
            {"input_tokens": input, "cached_input_tokens": cached, "output_tokens": output}}})
    };
    let [meta, first, second] = [
        codex(0, "session_meta", &json!({"id": "019c0001-0000-7000-8000-000000000009", "cwd": "/srv/till"})),
        codex(1, "event_msg", &total(10, 0, 1)),
        codex(2, "event_msg", &total(30, 0, 3)),
    ];
    world.write("u9/rollout.jsonl", format!("{meta}\n{}{first}\n{second}{}\n", &second[..70], &first[..90]));
    run(&world);
    let counted = world.rows("SELECT username, string_agg(message_id, ' ' ORDER BY message_id), sum(output_tokens)::BIGINT FROM usage_responses GROUP BY ALL ORDER BY ALL");
    let expected: Vec<_> = (1..9)
        .map(|user| match user {
            3 => "u3|a3 b|14".to_owned(),
            user => format!("u{user}|a{user}|7"),
        })
        .chain(
            ["u9|codex:019c0001-0000-7000-8000-000000000009:1 codex:019c0001-0000-7000-8000-000000000009:2|3".into()],
        )
        .collect();
    assert_eq!(counted, expected);
    let malformed = world.rows("SELECT username, malformed_lines FROM usage_sessions ORDER BY ALL");
    let expected: Vec<_> = (1..10).map(|user| format!("u{user}|{}", if user == 9 { 2 } else { 1 })).collect();
    assert_eq!(malformed, expected);
    assert_eq!(
        world.rows("SELECT sum(prompts)::BIGINT FROM usage_sessions"),
        ["0"],
        "no part of a broken record counts"
    );
}

#[test]
fn a_record_that_was_written_into_another_one_counts() {
    let world = World::new();
    let [b, c] = ["b", "c"].map(|id| response(id, "10:00:00", 7).trim_end().to_owned());
    let inner =
        response("no", "10:00:00", 900).replace(r#""sessionId":"s1","#, "").replace(r#","cwd":"/home/ada/shop""#, "");
    let progress = json!({"type": "progress", "sessionId": "s1", "note": "a wall {\"type\":\"x\"}",
        "data": {"message": serde_json::from_str::<Value>(&inner).unwrap(), "parts": [{"type": "text", "text": "no"}]}});
    let broken = [response("no", "10:00:00", 900).trim_end().to_owned(), progress.to_string()];
    let mut expected = 0;
    for (kind, a) in broken.iter().enumerate() {
        for cut in (1..a.len()).step_by(13) {
            let (head, tail) = a.split_at(cut);
            let line = |whole: &str| format!("{head}{whole}{tail}\n");
            world.write(&format!("u{kind}-{cut}/s.jsonl"), line(&b.replace("\"b\"", &format!("\"b{kind}-{cut}\""))));
            expected += 1;
        }
    }
    let counted = "SELECT count(*), count(DISTINCT username), sum(output_tokens)::BIGINT FROM usage_responses";
    let broken = "SELECT sum(malformed_lines)::BIGINT, sum(prompts)::BIGINT FROM usage_sessions";
    run(&world);
    assert_eq!(world.rows(counted), [format!("{expected}|{expected}|{}", 7 * expected)]);
    assert_eq!(world.rows(broken), [format!("{expected}|0")]);

    let world = World::new();
    let tail = &progress.to_string()[30..];
    for (number, line) in [
        format!("{tail}{b}{tail}"),
        format!("garbage {b} trailing"),
        format!("[{b},{c}]"),
        format!("[{b}]"),
        format!("{tail}{b}{c}{tail}"),
        format!("[{progress},{{\"message\":{{\"role\":\"user\",\"content\":\"no\"}}}}]"),
    ]
    .iter()
    .enumerate()
    {
        let line = line.replace("\"b\"", &format!("\"b{number}\"")).replace("\"c\"", &format!("\"c{number}\""));
        world.write(&format!("ada/{number}.jsonl"), line + "\n");
    }
    run(&world);
    let ids = world.rows("SELECT message_id FROM usage_responses WHERE message_id <> 'no' ORDER BY ALL");
    assert_eq!(ids, ["b0", "b1", "b2", "b3", "b4", "c2", "c4"]);
    assert_eq!(world.rows(broken), ["6|0"]);
}

#[test]
fn words_behind_what_the_client_puts_in_front_of_them_are_a_prompt() {
    let world = World::new();
    let prompts = [
        "<system-reminder>wet paint</system-reminder>\n\npaint it",
        "<ide_opened_file>wall.rs</ide_opened_file>\npaint it",
        "<ide_selection>the wall</ide_selection> paint it",
        "<session-start-hook>wet</session-start-hook><system-reminder>x</system-reminder>paint it",
        "<goal>a dry wall</goal>\nhow?",
    ];
    let others = [
        "<system-reminder>wet paint</system-reminder>",
        "<ide_selection>the wall</ide_selection>\n",
        "<session-start-hook>wet</session-start-hook>",
        "<goal>\na dry wall\n</goal>",
        "<system-reminder>wet</system-reminder><teammate-message teammate_id=\"p\">dry</teammate-message>",
        "<system-reminder>wet</system-reminder>\n<command-name>/paint</command-name>",
    ];
    for (name, texts) in [("ada", &prompts[..]), ("bob", &others)] {
        let records: Vec<_> = texts.iter().map(|text| user(&json!(text), &json!({}))).collect();
        world.write(&format!("{name}/s.jsonl"), lines(&records));
    }
    run(&world);
    let sessions = world.rows("SELECT username, prompts, slash_commands FROM usage_sessions ORDER BY ALL");
    assert_eq!(sessions, ["ada|5|0", "bob|0|1"]);
}

#[test]
fn calls_without_an_id_count_once_when_they_are_copied_under_another_uuid() {
    let world = World::new();
    let call = |uuid: &str, message: Value, tools: &[&str]| {
        let content: Vec<_> = tools.iter().map(|tool| json!({"type": "tool_use", "name": tool, "input": {}})).collect();
        json!({"type": "assistant", "uuid": uuid, "sessionId": "s1", "timestamp": "2026-02-01T10:00:00Z",
            "message": {"id": message, "role": "assistant", "content": content, "usage": {"output_tokens": 1}}})
    };
    let of_file = |file: &str| {
        let uuid = |number: u8| format!("{file}-{number}");
        let first = call(&uuid(1), json!("m1"), &["Read", "Read", "Edit"]);
        // The second record of the response, and the first one again.
        [first.clone(), call(&uuid(2), json!("m1"), &["Read"]), first, call(&uuid(3), Value::Null, &["Grep"])]
    };
    let counted = "SELECT tool, count(*) FROM usage_tool_events GROUP BY ALL ORDER BY ALL";
    world.write("ada/a.jsonl", lines(&of_file("a")));
    run(&world);
    assert_eq!(world.rows(counted), ["Edit|1", "Grep|1", "Read|3"]);
    world.write("ada/b.jsonl", lines(&of_file("b")));
    run(&world);
    assert_eq!(world.rows(counted), ["Edit|1", "Grep|2", "Read|3"], "without a response the uuid tells calls apart");
}

#[test]
fn of_copies_with_the_same_output_the_larger_total_wins_with_all_its_calls() {
    let line = |time: &str, input: u64, iteration: Value| {
        json!({"type": "assistant", "sessionId": "s1", "timestamp": format!("2026-02-01T{time}Z"),
            "message": {"id": "m1", "role": "assistant", "model": "claude-opus-4-6", "content": [],
            "usage": {"input_tokens": input, "output_tokens": 5, "iterations": [iteration]}}})
    };
    let rows = "SELECT part, input_tokens, part_kind FROM usage_responses ORDER BY ALL";
    for kind in ["compaction", "advisor_message"] {
        let small = line("10:00:00", 12, json!({"type": "message", "input_tokens": 12, "output_tokens": 5}));
        let large = line("10:00:01", 10, json!({"type": kind, "input_tokens": 40, "output_tokens": 1}));
        let name = kind.trim_end_matches("_message");
        for order in [[&small, &large], [&large, &small]] {
            let world = World::new();
            world.write("ada/1.jsonl", lines(&order.map(Value::clone)));
            run(&world);
            assert_eq!(world.rows(rows), ["0|10|".to_owned(), format!("1|40|{name}")], "in a file");
            let world = World::new();
            world.write("ada/1.jsonl", lines(&[order[0].clone()])).write("ada/2.jsonl", lines(&[order[1].clone()]));
            run(&world);
            assert_eq!(world.rows(rows), ["0|10|".to_owned(), format!("1|40|{name}")], "over files");
        }
    }
}

#[test]
fn files_and_links_that_are_not_read_are_named() {
    let world = World::new();
    let line = response("m1", "10:00:00", 5);
    for name in ["ada/s.jsonl", "ada/a.jsonl.ZST", "ada/b.Jsonl.gz", "ada/c.jsonl.7z", "ada/D.JSONL", "ada/notes.txt"] {
        world.write(name, line.clone());
    }
    world.write("ada/hard.jsonl", line.clone());
    std::fs::hard_link(world.root().join("ada/hard.jsonl"), world.path("outside.jsonl")).unwrap();
    std::os::unix::fs::symlink("s.jsonl", world.root().join("ada/link.jsonl")).unwrap();
    std::os::unix::fs::symlink("..", world.root().join("ada/linked")).unwrap();
    run(&world);
    let left_out = world.rows("SELECT session_file || ': ' || reason FROM files_left_out ORDER BY ALL");
    let compressed = "compressed: only `.jsonl`, `.jsonl.gz` and `.jsonl.zst` files are read";
    assert_eq!(
        left_out,
        [
            "ada/D.JSONL: its name does not end in `.jsonl` in lower case".to_owned(),
            format!("ada/a.jsonl.ZST: {compressed}"),
            format!("ada/b.Jsonl.gz: {compressed}"),
            format!("ada/c.jsonl.7z: {compressed}"),
            "ada/hard.jsonl: has several names (hard links)".to_owned(),
            "ada/link.jsonl: a symbolic link".to_owned(),
            "ada/linked: a symbolic link, which is not followed".to_owned(),
        ]
    );
    let status = world.mill(&["status"]).stdout;
    for told in [
        format!("3 files, such as `ada/a.jsonl.ZST`: {compressed}"),
        "1 file, such as `ada/hard.jsonl`: has several names (hard links)".to_owned(),
        "1 file, such as `ada/link.jsonl`: a symbolic link".to_owned(),
        "1 file, such as `ada/linked`: a symbolic link, which is not followed".to_owned(),
    ] {
        assert!(status.contains(&format!("left out      {told}\n")), "{told}: {status}");
    }
    std::fs::remove_file(world.path("outside.jsonl")).unwrap();
    std::fs::remove_file(world.root().join("ada/linked")).unwrap();
    run(&world);
    assert_eq!(world.rows("SELECT count(*) FROM files_left_out"), ["5"]);
}

const FACT: &str = "By the way, TPV means total payment volume before refunds.";

#[test]
fn what_an_agent_a_hook_or_the_client_wrote_is_no_prompt_and_nobodys_evidence() {
    let world = World::new();
    let by_nobody = [
        (json!(format!("<teammate-message teammate_id=\"painter\">\n{FACT}\n</teammate-message>")), json!({})),
        (
            json!(format!(
                "Another Claude session sent a message:\n<agent-message from=\"x\">\n{FACT}\n</agent-message>"
            )),
            json!({}),
        ),
        (json!(format!("<cross-session-message from=\"ops\">{FACT}</cross-session-message>")), json!({})),
        (json!(format!("<channel source=\"radio\">{FACT}</channel>")), json!({})),
        (json!(format!("<scheduled-task name=\"nightly\">\n{FACT}\n</scheduled-task>")), json!({})),
        (json!(format!("Stop hook feedback:\n{FACT}")), json!({})),
        (json!(format!("Operation stopped by hook: {FACT}")), json!({})),
        (json!(FACT), json!({"origin": {"kind": "peer", "name": "painter"}, "promptSource": "system"})),
        (json!(FACT), json!({"origin": {"kind": "task-notification"}})),
        (json!(FACT), json!({"origin": {"kind": "channel", "server": "radio"}})),
        (json!(FACT), json!({"origin": {"kind": "cron"}})),
        (json!(FACT), json!({"promptSource": "system"})),
        (json!(FACT), json!({"turnCompanion": true})),
        (json!([{"type": "text", "text": FACT}, {"type": "image"}]), json!({"origin": {"kind": "coordinator"}})),
        (json!("<command-name>/deploy</command-name>"), json!({"origin": {"kind": "peer"}})),
        (
            json!(format!("<scheduled-task name=\"weekly\">{FACT}</scheduled-task>")),
            json!({"origin": {"kind": "human"}, "turnOrigin": "human"}),
        ),
        (
            json!("<teammate-message teammate_id=\"p\"><command-name>/deploy</command-name></teammate-message>"),
            json!({}),
        ),
    ];
    let records: Vec<_> = by_nobody.iter().map(|(content, fields)| user(content, fields)).collect();
    world.write("ada/s.jsonl", lines(&records));
    let by_a_person = [
        user(&json!(FACT), &json!({"origin": {"kind": "human"}, "promptSource": "sdk"})),
        user(
            &json!(format!("<teammate-message teammate_id=\"p\">\n{FACT}\n</teammate-message>")),
            &json!({"promptSource": "typed"}),
        ),
        user(&json!("Another Claude session sent a message: what does that mean?"), &json!({})),
        user(&json!("what is <command-name>/deploy</command-name>?"), &json!({})),
        user(&json!("<command-name>/deploy</command-name>"), &json!({"origin": {"kind": "human"}})),
    ];
    world.write("bob/s.jsonl", lines(&by_a_person));
    // What the parent writes to a subagent of Codex is the subagent's prompt, not a person's.
    let source = json!({"subagent": {"thread_spawn": {"parent_thread_id": "019c0001-0000-7000-8000-000000000001"}}});
    let meta = json!({"id": "019c0001-0000-7000-8000-000000000002", "cwd": "/srv/till", "source": source});
    let said = json!({"type": "user_message", "message": FACT});
    let rollout = [codex(0, "session_meta", &meta), codex(1, "event_msg", &said)].join("\n") + "\n";
    world.write("cy/rollout.jsonl", rollout);
    run(&world);
    let sessions = world.rows("SELECT username, prompts, slash_commands FROM usage_sessions ORDER BY ALL");
    assert_eq!(sessions, ["ada|0|0", "bob|4|1", "cy|0|0"]);
    let claims = world.rows("SELECT username, count(*) FROM verification_claims GROUP BY ALL ORDER BY ALL");
    assert_eq!(claims, ["bob|2"]);
}

#[test]
fn what_a_tool_printed_is_no_evidence_of_who_pastes_it() {
    let world = World::new();
    let result = |content| user(&json!([{"type": "tool_result", "tool_use_id": "t", "content": content}]), &json!({}));
    let printed = format!("ok\n  2→{FACT}\n");
    let said = user(&json!(FACT), &json!({}));
    world.write("ada/s.jsonl", lines(&[result(json!(printed)), said.clone()]));
    world.write("bob/s.jsonl", lines(&[result(json!([{"type": "text", "text": printed}])), said.clone()]));
    world.write("cy/s.jsonl", lines(&[said.clone(), result(json!(printed))]));
    let call = |id, output| json!({"type": "function_call_output", "call_id": id, "output": output});
    let rollout = [
        codex(0, "session_meta", &json!({"id": "019c0001-0000-7000-8000-000000000002", "cwd": "/srv/till"})),
        codex(1, "response_item", &call("c", &*printed)),
        codex(2, "event_msg", &json!({"type": "user_message", "message": FACT})),
        codex(3, "event_msg", &json!({"type": "user_message", "message": "From now on, always run make lint first."})),
    ];
    world.write("dan/rollout.jsonl", rollout.join("\n") + "\n");
    run(&world);
    let claims = world.rows("SELECT username, user_quote FROM verification_claims ORDER BY ALL");
    assert_eq!(claims, [format!("cy|{FACT}"), "dan|From now on, always run make lint first.".to_owned()]);
}

#[test]
fn a_directory_has_one_spelling_in_reports_filters_and_sql() {
    let world = World::new();
    let spellings = [
        (r"d:\work\till", 1),
        (r"D:\work\till\", 10),
        ("D:/work/till", 100),
        ("/Users/zoe\u{308}/till", 1_000),
        ("/Users/zo\u{eb}/till/", 10_000),
        ("/srv/till", 100_000),
        ("/srv/Till", 1_000_000),
    ];
    for (number, (cwd, output)) in spellings.iter().enumerate() {
        let line = response(&format!("m{number}"), "10:00:00", *output);
        let cwd = serde_json::to_string(cwd).unwrap();
        world.write(&format!("ada/{number}.jsonl"), line.replace("\"/home/ada/shop\"", &cwd));
    }
    run(&world);
    let expected =
        ["/Users/zo\u{eb}/till|11000", "/srv/Till|1000000", "/srv/till|100000", r"D:\work\till|111"].map(str::to_owned);
    let stored = "SELECT project, sum(output_tokens)::BIGINT FROM usage_responses GROUP BY ALL ORDER BY ALL";
    let mut expected_stored = expected.to_vec();
    expected_stored.sort();
    assert_eq!(world.rows(stored), expected_stored);
    let report_of = |args: &[&str]| {
        let report = report(&world, &[&["--by", "project"], args].concat());
        let row = |row: &Value| format!("{}|{}", row["project"].as_str().unwrap(), row["output_tokens"]);
        let mut rows: Vec<_> = report["rows"].as_array().unwrap().iter().map(row).collect();
        rows.sort();
        rows
    };
    assert_eq!(report_of(&[]), expected_stored);
    for (asked, found) in [
        ("d:/work/till/", &expected[3]),
        (r"\\?\D:\work\till", &expected[3]),
        ("/Users/zoe\u{308}/till", &expected[0]),
        ("/srv//till/", &expected[2]),
        ("/srv/Till", &expected[1]),
    ] {
        assert_eq!(report_of(&["--project", asked]), std::slice::from_ref(found), "{asked}");
    }
}

#[test]
fn a_call_that_a_person_declined_is_no_error() {
    let world = World::new();
    let no = "The user doesn't want to proceed with this tool use. The tool use was rejected.";
    let calls = [
        ("Edit", json!(no), json!({"toolDenialKind": "user-rejected"}), "false|person"),
        ("Edit", json!([{"type": "text", "text": no}]), json!({}), "false|person"),
        ("Edit", json!("Error: rejected"), json!({"toolUseResult": "User rejected tool use"}), "false|person"),
        ("Bash", json!("[Request interrupted by user for tool use]"), json!({}), "false|person"),
        ("Bash", json!("stopped"), json!({"toolDenialKind": "cancelled"}), "false|client"),
        ("Bash", json!("Permission to use Bash has been denied."), json!({}), "true|policy"),
        ("Bash", json!("guard: no"), json!({"toolDenialKind": "permission-rule"}), "true|policy"),
        ("ExitPlanMode", json!("not yet"), json!({"toolDenialKind": "permission-rule"}), "false|person"),
        ("Bash", json!(format!("Exit code 1\n{no}")), json!({}), "true|"),
        ("Read", json!("<tool_use_error>File does not exist.</tool_use_error>"), json!({}), "true|"),
    ];
    let uses: Vec<_> = (0..)
        .zip(&calls)
        .map(|(number, (tool, ..))| json!({"type": "tool_use", "id": format!("t{number}"), "name": tool, "input": {}}))
        .chain([json!({"type": "tool_use", "id": "t99", "name": "Grep", "input": {}})])
        .collect();
    let mut records = vec![json!({"type": "assistant", "sessionId": "s1", "timestamp": "2026-02-01T10:00:00Z",
        "message": {"id": "m1", "role": "assistant", "content": uses, "usage": {"output_tokens": 1}}})];
    for (number, (_, content, fields, _)) in calls.iter().enumerate() {
        let result =
            json!([{"type": "tool_result", "tool_use_id": format!("t{number}"), "is_error": true, "content": content}]);
        records.push(user(&result, fields));
    }
    let found = json!([{"type": "tool_result", "tool_use_id": "t99", "content": no}]);
    records.push(user(&found, &json!({"toolUseResult": no})));
    world.write("ada/s.jsonl", lines(&records));
    let output = |call: &str, output: &str| {
        let made = json!({"type": "function_call", "name": "shell", "arguments": "{}", "call_id": call});
        let ended = json!({"type": "function_call_output", "call_id": call, "output": output});
        [codex(1, "response_item", &made), codex(2, "response_item", &ended)].join("\n")
    };
    let rollout = [
        codex(0, "session_meta", &json!({"id": "019c0001-0000-7000-8000-000000000003", "cwd": "/srv/till"})),
        output("u1", "exec command rejected by user"),
        output("u2", "aborted by user after 2.5s"),
        output("u3", "Exit code: 1\nOutput:\nexec command rejected by user"),
    ];
    world.write("bob/rollout.jsonl", rollout.join("\n") + "\n");
    run(&world);
    let said = "SELECT is_error::VARCHAR || '|' || coalesce(declined_by, '') FROM usage_tool_events WHERE username = ";
    let expected: Vec<_> = calls.iter().map(|(.., expected)| *expected).chain(["false|"]).collect();
    assert_eq!(world.rows(&format!("{said}'ada' ORDER BY event_id")), expected);
    assert_eq!(world.rows(&format!("{said}'bob' ORDER BY event_id")), ["false|person", "false|person", "true|"]);
    let errors = world.rows("SELECT username, tool_errors FROM usage_sessions ORDER BY ALL");
    assert_eq!(errors, ["ada|4", "bob|1"]);
    let tools = report(&world, &["--by", "tool", "--user", "ada"]);
    let errors = |tool: &str| {
        tools["rows"].as_array().unwrap().iter().find(|row| row["tool"] == tool).unwrap()["errors"].clone()
    };
    assert_eq!((errors("Edit"), errors("ExitPlanMode"), errors("Bash")), (json!(0), json!(0), json!(3)));
}

/// Two users have two responses, a third user has one of them; `m3` belongs to a single user.
fn shared() -> World {
    let world = World::new();
    let first = response("m1", "10:00:00", 5) + &response("m2", "10:00:00", 20) + &response("m3", "10:00:00", 1);
    world.write("ada/1.jsonl", first);
    world.write("ada/2.jsonl", response("m1", "10:30:00", 50));
    world.write("bob/s.jsonl", response("m1", "11:00:00", 900_000) + &response("m2", "09:00:00", 10));
    world.write("eve/s.jsonl", response("m1", "12:00:00", 7) + &response("m1", "12:00:01", 8));
    run(&world);
    world
}

#[test]
fn nobody_changes_what_is_counted_for_the_user_who_has_the_earliest_copy() {
    let world = shared();
    let counted = "SELECT message_id, username, counted_file, output_tokens, copies FROM usage_responses ORDER BY ALL";
    let expected = ["m1|ada|ada/2.jsonl|50|4", "m2|bob|bob/s.jsonl|10|2", "m3|ada|ada/1.jsonl|1|1"];
    assert_eq!(world.rows(counted), expected);
    let listed =
        "SELECT message_id, username, is_counted, copies, output_tokens FROM usage_shared_responses ORDER BY ALL";
    let expected =
        ["m1|ada|true|2|50", "m1|bob|false|1|900000", "m1|eve|false|1|8", "m2|ada|false|1|20", "m2|bob|true|1|10"];
    assert_eq!(world.rows(listed), expected);
    let explained = |args: &[&str]| {
        let said = world.mill(&[&["report", "--no-refresh", "--explain"], args].concat());
        let line = said.stderr.lines().find(|line| line.starts_with("shared: ")).unwrap().to_owned();
        line.split(" are held").next().unwrap().to_owned()
    };
    assert_eq!(explained(&[]), "shared: 2 of 3 responses");
    assert_eq!(explained(&["--user", "ada"]), "shared: 1 of 2 responses");
    // Identities only affect reports: two folders of a person are two users here.
    world.remove("bob/s.jsonl");
    world.write("bob/s.jsonl", response("m2", "09:00:00", 10));
    run(&world);
    assert_eq!(
        world.rows(
            &listed.replace("FROM usage_shared_responses", "FROM usage_shared_responses WHERE message_id = 'm1'")
        ),
        ["m1|ada|true|2|50", "m1|eve|false|1|8"]
    );
}

#[test]
fn a_call_ends_as_the_user_who_made_it_says() {
    let world = World::new();
    let call = |time: &str| {
        json!({"type": "assistant", "sessionId": "s1", "timestamp": format!("2026-02-01T{time}Z"), "message": {"id": "m1",
            "role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}]}})
    };
    let result =
        user(&json!([{"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": "no"}]), &json!({}));
    world.write("ada/s.jsonl", lines(&[call("10:00:00")]));
    world.write("bob/s.jsonl", lines(&[call("11:00:00"), result.clone()]));
    run(&world);
    let ended = "SELECT username, is_error FROM usage_tool_events";
    assert_eq!(world.rows(ended), ["ada|"]);
    world.write("ada/resumed.jsonl", lines(&[call("12:00:00"), result]));
    run(&world);
    assert_eq!(world.rows(ended), ["ada|true"]);
}

#[test]
fn files_that_are_gone_keep_what_older_rules_said_of_them_and_are_counted() {
    let world = shared();
    let explained = |args: &[&str]| {
        let said = world.mill(&[&["report", "--no-refresh", "--explain"], args].concat());
        said.stderr.lines().find(|line| line.starts_with("rules: ")).unwrap().to_owned()
    };
    let tail = "last read by older rules and cannot be read again: the figures stay as those rules made them";
    world.remove("bob/s.jsonl").remove("eve/s.jsonl");
    run(&world);
    assert_eq!(explained(&[]), format!("rules: 0 gone transcripts, with 0 of these responses, were {tail}"));
    let store = Store::open(&world.database(), Access::ReadWrite).unwrap();
    let older =
        "UPDATE session_processor_state SET processor_version = processor_version - 1 WHERE processor_name = 'usage'";
    store.connection().execute_batch(older).unwrap();
    drop(store);
    assert_eq!(explained(&[]), format!("rules: 1 gone transcript, with 1 of these responses, was {tail}"));
    assert_eq!(
        explained(&["--user", "ada"]),
        format!("rules: 0 gone transcripts, with 0 of these responses, were {tail}")
    );
    run(&world);
    assert_eq!(explained(&[]), format!("rules: 1 gone transcript, with 1 of these responses, was {tail}"));
}
