//! Rollouts of Codex from clients of several versions, and calls whose ids are not unique.

use crate::world::{DROPPED_SINCE, World};
use serde_json::{Value, json};
use sessionmill::store::{Access, Store};
use std::fs;

/// A session id made at 10:00.
const SID: &str = "019ca8d7-2d00-7000-8000-000000000001";

/// The time this many seconds after 10:00.
fn at(second: u32) -> String {
    format!("2026-03-01T10:{:02}:{:02}.000Z", second / 60, second % 60)
}

/// An id made at that time.
fn made(second: u32, number: u32) -> String {
    let start = 1_772_359_200_000_u64;
    let hex = format!("{:012x}", start + 1000 * u64::from(second));
    format!("{}-{}-7000-8000-{number:012x}", &hex[..8], &hex[8..])
}

fn line(second: u32, kind: &str, payload: Value) -> Value {
    json!({"timestamp": at(second), "type": kind, "payload": payload})
}

fn header(id: &str, more: Value) -> Value {
    let mut header = json!({"id": id, "timestamp": at(0), "cwd": "/home/alan/engine", "cli_version": "0.150.0"});
    header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line(0, "session_meta", header)
}

fn turn(second: u32, id: Option<&str>) -> Value {
    line(second, "turn_context", json!({"turn_id": id, "model": "gpt-5.5"}))
}

fn event(second: u32, kind: &str, more: Value) -> Value {
    let mut event = json!({"type": kind});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line(second, "event_msg", event)
}

/// Counts of input, cached input, cache writes and output.
fn usage([input, cached, written, output]: [u64; 4]) -> Value {
    json!({"input_tokens": input, "cached_input_tokens": cached, "cache_write_input_tokens": written,
           "output_tokens": output, "reasoning_output_tokens": 0, "total_tokens": input + output})
}

fn count(second: u32, total: [u64; 4], last: [u64; 4]) -> Value {
    let info = json!({"total_token_usage": usage(total), "last_token_usage": usage(last)});
    event(second, "token_count", json!({"info": info, "rate_limits": null}))
}

fn recorded(second: u32, thread: &str, response: &str, tokens: [u64; 4]) -> Value {
    let record = json!({"thread_id": thread, "turn_id": "t", "response_id": response, "usage": usage(tokens)});
    line(second, "token_usage_record", record)
}

fn call(second: u32, id: &str, name: &str) -> Value {
    line(second, "response_item", json!({"type": "function_call", "name": name, "arguments": "{}", "call_id": id}))
}

fn output(second: u32, id: &str, code: u32) -> Value {
    let output = format!("Exit code: {code}\nOutput:\n");
    line(second, "response_item", json!({"type": "function_call_output", "call_id": id, "output": output}))
}

fn rollout(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A world with these rollouts.
fn world(files: &[(&str, &[Value])]) -> World {
    let world = World::new();
    files.iter().for_each(|(file, lines)| _ = world.write(file, rollout(lines)));
    let counts = world.pass();
    assert_eq!((counts.processed, counts.errors, counts.malformed_lines), (files.len() as u64, 0, 0));
    assert!(world.rows("FROM session_files WHERE dialect <> 'codex'").is_empty());
    world
}

/// Input, output, cache writes and cache reads.
const TOKENS: &str =
    "SELECT sum(input_tokens)::BIGINT, sum(output_tokens)::BIGINT, sum(cache_creation_input_tokens)::BIGINT,
    sum(cache_read_input_tokens)::BIGINT FROM usage_responses";

const UNKNOWN: &str = "SELECT kind, lines FROM session_unknown_lines ORDER BY kind";

#[test]
fn tokens_that_are_written_to_the_cache_are_no_other_input() {
    let (first, second) = ([1000, 600, 300, 20], [1500, 900, 350, 30]);
    let world = world(&[(
        "alan/r.jsonl",
        &[header(SID, json!({})), turn(1, None), count(5, first, first), count(9, second, [500, 300, 50, 10])],
    )]);
    assert_eq!(world.rows(TOKENS), ["250|30|350|900"]);
}

#[test]
fn tokens_that_only_the_latest_response_tells_of_are_not_lost() {
    let without = |tokens, names: &[&str]| {
        let mut tokens = usage(tokens);
        names.iter().for_each(|name| _ = tokens.as_object_mut().unwrap().remove(*name));
        tokens
    };
    let told = |second, total: Value, last: Value| {
        event(second, "token_count", json!({"info": {"total_token_usage": total, "last_token_usage": last}}))
    };
    let start = [header(SID, json!({})), turn(1, None)];
    let written = ["cache_write_input_tokens"];
    let parts = ["cache_write_input_tokens", "cached_input_tokens", "reasoning_output_tokens"];
    for (names, sum) in [(&written[..], "1300|70|900|2000"), (&parts, "1300|70|900|2000")] {
        let counts = [
            told(5, without([1700, 500, 0, 40], names), usage([1700, 500, 400, 40])),
            told(6, without([1700, 500, 0, 40], names), usage([1700, 500, 400, 40])),
            told(9, without([4200, 2000, 0, 70], names), usage([2500, 1500, 500, 30])),
        ];
        assert_eq!(world(&[("alan/r.jsonl", &[&start[..], &counts].concat())]).rows(TOKENS), [sum], "{names:?}");
    }
    // A counter that starts again is recognised by the fields that both records have.
    let counts = [
        told(5, without([1700, 500, 0, 40], &written), without([1700, 500, 0, 40], &written)),
        told(9, without([4200, 2000, 0, 70], &written), usage([4200, 2000, 500, 70])),
    ];
    assert_eq!(world(&[("alan/r.jsonl", &[&start[..], &counts].concat())]).rows(TOKENS), ["2900|110|500|2500"]);
}

#[test]
fn the_request_that_compacts_a_thread_counts_once() {
    let (before, compaction, after) = ([6000, 2000, 0, 100], [5000, 4000, 0, 90], [1200, 0, 0, 50]);
    let add = |a: [u64; 4], b: [u64; 4]| [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]];
    let record = || recorded(20, SID, "resp_c", compaction);
    let compacted = || line(21, "compacted", json!({"message": "", "compaction_response_id": "resp_c"}));
    let start = [header(SID, json!({})), turn(1, None), count(9, before, before)];
    // The compaction is in no total, so it is added.
    let left = [record(), compacted(), count(22, before, before), count(40, add(before, after), after)];
    // The compaction is in the total, which is written before, between and after.
    let with = add(before, compaction);
    let told = [
        vec![record(), count(22, with, compaction), compacted()],
        vec![record(), compacted(), count(22, with, compaction)],
        vec![count(19, with, compaction), record(), compacted()],
        vec![compacted(), record(), record(), count(22, with, compaction)],
    ];
    let last = count(40, add(with, after), after);
    for (number, end) in std::iter::once(left.to_vec()).chain(told).enumerate() {
        let rest = if number == 0 { vec![] } else { vec![last.clone()] };
        let world = world(&[("alan/r.jsonl", &[&start[..], &end, &rest].concat())]);
        assert_eq!(world.rows(TOKENS), ["6200|240|0|6000"], "{number}");
        assert!(world.rows(UNKNOWN).is_empty());
    }
    // Only the checkpoint contains the compaction: a client that moved the thread dropped the record.
    let latest = json!({"thread_id": SID, "response_id": "resp_c", "usage": usage(compaction)});
    let kept = line(21, "compacted", json!({"message": "", "latest_token_usage_record": latest}));
    for records in [vec![], vec![record()]] {
        let world = world(&[("alan/r.jsonl", &[&start[..], &records, std::slice::from_ref(&kept)].concat())]);
        assert_eq!(world.rows(TOKENS), ["5000|190|0|6000"]);
    }
    // At the end of a file that is still being written, and again after more lines.
    let world = world(&[("alan/r.jsonl", &[&start[..], &[record()]].concat())]);
    assert_eq!(world.rows(TOKENS), ["5000|190|0|6000"]);
    assert_eq!(
        world.rows("SELECT message_id, line, time, model, project FROM usage_responses ORDER BY line DESC LIMIT 1"),
        [format!("codex:{SID}:record:resp_c|4|2026-03-01T10:00:20Z|gpt-5.5|/home/alan/engine")]
    );
    world.append("alan/r.jsonl", &rollout(&[count(21, with, compaction)]));
    world.pass();
    assert_eq!(world.rows(TOKENS), ["5000|190|0|6000"]);
    assert_eq!(
        world.rows("SELECT message_id FROM usage_responses ORDER BY 1"),
        [1, 2].map(|n| format!("codex:{SID}:{n}"))
    );
}

#[test]
fn the_record_of_another_thread_is_a_copy() {
    let tokens = [500, 0, 0, 10];
    let lines = [
        header(SID, json!({"forked_from_id": "parent"})),
        recorded(0, "parent", "resp_p", tokens),
        turn(30, None),
        recorded(31, "parent", "resp_q", tokens),
        recorded(40, SID, "resp_o", [70, 0, 0, 7]),
    ];
    assert_eq!(world(&[("alan/fork.jsonl", &lines)]).rows(TOKENS), ["70|7|0|0"]);
}

#[test]
fn a_counter_that_begins_anew_above_its_old_sum_is_counted_whole() {
    let first = [9000, 100, 0, 1000];
    let start = [header(SID, json!({})), turn(1, None), count(9, first, first)];
    for (total, last, sum) in [
        ([12_000, 100, 0, 300], [400, 0, 0, 30], "20800|1300|0|200"),
        ([12_000, 50, 0, 1300], [400, 0, 0, 30], "20850|2300|0|150"),
        ([12_000, 200, 0, 1300], [12_000, 200, 0, 1300], "20700|2300|0|300"),
        ([12_000, 200, 0, 1300], [3000, 100, 0, 300], "11800|1300|0|200"),
    ] {
        let world = world(&[("alan/r.jsonl", &[&start[..], &[count(40, total, last)]].concat())]);
        assert_eq!(world.rows(TOKENS), [sum], "{total:?} {last:?}");
    }
}

#[test]
fn messages_of_a_paginated_thread_count_once() {
    let item = |second, kind: &str, texts: &[&str]| {
        let content: Vec<_> = texts.iter().map(|text| json!({"type": "text", "text": text})).collect();
        let item = json!({"type": kind, "id": format!("i{second}"), "content": content});
        event(second, "item_completed", json!({"thread_id": SID, "turn_id": "t", "item": item}))
    };
    let classic = |second, text| event(second, "user_message", json!({"message": text}));
    let started = |second| event(second, "task_started", json!({"turn_id": made(second, 2)}));
    let world = world(&[(
        "alan/r.jsonl",
        &[
            header(SID, json!({"history_mode": "paginated"})),
            started(1),
            item(2, "UserMessage", &["mend the ", "boiler"]),
            item(3, "AgentMessage", &["Mended."]),
            classic(4, "mend the boiler"),
            item(5, "HookPrompt", &["be brief"]),
            item(6, "CommandExecution", &[]),
            started(10),
            classic(11, "go on"),
            item(12, "UserMessage", &["go on"]),
            classic(13, "<user_instructions>be brief</user_instructions>"),
            started(20),
            item(21, "UserMessage", &["go on"]),
            item(22, "NewKind", &["?"]),
        ],
    )]);
    assert_eq!(world.rows("SELECT prompts FROM usage_sessions"), ["3"]);
    assert_eq!(world.rows(UNKNOWN), ["event_msg/item_completed/NewKind|1"]);
}

#[test]
fn a_message_that_stands_above_its_turn_or_is_completed_twice_counts_once() {
    let item = |second, turn: u32, id: &str, text: &str| {
        let item = json!({"type": "UserMessage", "id": id, "content": [{"type": "text", "text": text}]});
        event(second, "item_completed", json!({"thread_id": SID, "turn_id": made(turn, 2), "item": item}))
    };
    let started = |second| event(second, "task_started", json!({"turn_id": made(second, 2)}));
    let classic = |second, text| event(second, "user_message", json!({"message": text}));
    let (first, second) = ([100, 0, 0, 10], [200, 0, 0, 20]);
    let world = world(&[(
        "alan/r.jsonl",
        &[
            header(SID, json!({})),
            classic(1, "grease the wheel\n"),
            started(2),
            item(3, 2, "i1", "grease the wheel"),
            item(4, 2, "i1", "grease the wheel"),
            count(5, first, first),
            event(6, "task_complete", json!({})),
            // The same words again; the turn before did not answer them.
            classic(7, "grease the wheel"),
            started(8),
            item(9, 8, "i1", " grease the wheel"),
            count(10, second, first),
            classic(11, "more"),
            count(12, [300, 0, 0, 30], first),
            started(13),
            item(14, 13, "i1", "more"),
        ],
    )]);
    assert_eq!(world.rows("SELECT prompts FROM usage_sessions"), ["4"]);
}

#[test]
fn what_is_not_known_inside_of_a_line_is_counted_by_its_kind() {
    let world = world(&[(
        "alan/r.jsonl",
        &[
            header(SID, json!({})),
            event(1, "new_thing", json!({})),
            event(2, "new_thing", json!({})),
            line(3, "response_item", json!({"type": "new_call"})),
            line(4, "event_msg", json!({})),
            line(5, "new_line", json!({"type": "user_message", "message": "no"})),
            event(6, "sk-live-4242", json!({})),
            event(7, "plan_update", json!({})),
            line(8, "response_item", json!({"type": "reasoning"})),
            line(9, "world_state", json!({"full": true})),
            line(9, "retained_context", json!({"type": "verified_answer"})),
            json!({"record_type": "state"}),
        ],
    )]);
    let unknown =
        ["(other types)|1", "event_msg/(no type)|1", "event_msg/new_thing|2", "new_line|1", "response_item/new_call|1"];
    assert_eq!(world.rows(UNKNOWN), unknown);
    assert_eq!(world.rows("SELECT prompts FROM usage_sessions"), ["0"]);
    let status = world.mill(&["status"]).stdout;
    assert!(status.contains("unknown       2 lines of type `event_msg/new_thing`\n"), "{status}");
}

#[test]
fn a_call_is_known_by_its_namespace_and_what_the_server_does_by_the_id_of_its_item() {
    let item = |second, item: Value| line(second, "response_item", item);
    let lines = [
        header(SID, json!({})),
        turn(1, None),
        call(2, "call_1", "mcp__library__find"),
        item(3, json!({"type": "function_call", "name": "find", "namespace": "mcp__library", "call_id": "call_2"})),
        item(3, json!({"type": "custom_tool_call", "name": "run", "namespace": "web", "call_id": "call_3"})),
        item(4, json!({"type": "web_search_call", "id": "ws_1", "status": "completed"})),
        item(4, json!({"type": "web_search_call", "id": "ws_2", "status": "completed"})),
        item(4, json!({"type": "image_generation_call", "id": "ig_1", "status": "completed"})),
        item(5, json!({"type": "local_shell_call", "id": "lsh_1", "status": "completed"})),
        item(6, json!({"type": "web_search_call", "status": "completed"})),
        item(6, json!({"type": "web_search_call", "status": "completed"})),
        count(9, [100, 0, 0, 10], [100, 0, 0, 10]),
    ];
    let world = world(&[("alan/sessions/2026/03/01/r.jsonl", &lines), ("alan/archived_sessions/r.jsonl", &lines)]);
    assert_eq!(
        world
            .rows("SELECT kind, tool, mcp_server, mcp_tool, count(*) FROM usage_tool_events GROUP BY ALL ORDER BY ALL"),
        [
            "mcp_call|mcp__library__find|library|find|2",
            "tool_use|image_generation|||1",
            "tool_use|local_shell|||1",
            "tool_use|run|||1",
            "tool_use|web_search|||4",
        ]
    );
    assert_eq!(world.rows("SELECT DISTINCT message_id FROM usage_tool_events"), [format!("codex:{SID}:1")]);
    assert_eq!(world.rows("SELECT mcp_server, copies FROM usage_responses"), ["library|2"]);
}

#[test]
fn ids_of_calls_that_come_again_are_calls_of_their_own() {
    let used = |n: u64| [100 * n, 0, 0, 10 * n];
    let counted = [
        header(SID, json!({})),
        turn(1, None),
        call(2, "Bash:0", "Bash"),
        output(3, "Bash:0", 0),
        count(4, used(1), used(1)),
        call(5, "Bash:0", "Bash"),
        output(6, "Bash:0", 1),
        count(7, used(2), used(1)),
    ];
    // Without counts, responses cannot be distinguished.
    let other = made(0, 7);
    let uncounted = [
        header(&other, json!({})),
        turn(1, None),
        call(2, "Bash:0", "Bash"),
        output(3, "Bash:0", 2),
        call(5, "Bash:0", "Bash"),
    ];
    let world = world(&[
        ("alan/sessions/counted.jsonl", &counted),
        ("alan/archived_sessions/counted.jsonl", &counted),
        ("alan/sessions/uncounted.jsonl", &uncounted),
        ("alan/archived_sessions/uncounted.jsonl", &uncounted),
    ]);
    assert_eq!(
        world.rows("SELECT session_id, is_error, count(*) FROM usage_tool_events GROUP BY ALL ORDER BY ALL"),
        [format!("{SID}|false|1"), format!("{SID}|true|1"), format!("{other}|true|1"), format!("{other}||1")]
    );
}

#[test]
fn a_fork_whose_turns_have_no_ids_counts_what_is_its_own() {
    let parent = made(0, 9);
    let (history, own) = ([3000, 1000, 0, 300], [3500, 1400, 0, 330]);
    for (id, copied) in [(made(100, 1), 100), (made(100, 1), 10), ("no-uuid".to_owned(), 100)] {
        let mut first = header(&id, json!({"forked_from_id": parent}));
        first["timestamp"] = at(100).into();
        let mut second = header(&parent, json!({}));
        second["timestamp"] = at(copied).into();
        let world = world(&[(
            "alan/fork.jsonl",
            &[
                first,
                second,
                turn(copied, None),
                event(copied, "user_message", json!({"message": "of the parent"})),
                call(copied, "call_p", "exec_command"),
                count(copied, history, history),
                turn(160, None),
                event(161, "user_message", json!({"message": "of its own"})),
                call(162, "call_o", "exec_command"),
                count(165, own, [500, 400, 0, 30]),
            ],
        )]);
        assert_eq!(world.rows(TOKENS), ["100|30|0|400"], "{id}");
        assert_eq!(world.rows("SELECT prompts, tool_calls FROM usage_sessions"), ["1|1"], "{id}");
    }
}

#[test]
fn a_fork_whose_own_turns_have_no_ids_counts_them() {
    let parent = made(0, 9);
    let (history, own) = ([3000, 1000, 0, 300], [3500, 1400, 0, 330]);
    for own_id in [None, Some("turn-7")] {
        let mut first = header(&made(100, 1), json!({"forked_from_id": parent}));
        first["timestamp"] = at(100).into();
        let world = world(&[(
            "alan/fork.jsonl",
            &[
                first,
                turn(100, Some(&made(20, 3))),
                turn(100, None),
                count(100, history, history),
                turn(160, own_id),
                event(161, "user_message", json!({"message": "of its own"})),
                count(165, own, [500, 400, 0, 30]),
            ],
        )]);
        assert_eq!(world.rows(TOKENS), ["100|30|0|400"], "{own_id:?}");
        assert_eq!(world.rows("SELECT prompts FROM usage_sessions"), ["1"], "{own_id:?}");
    }
}

#[test]
fn a_guardian_that_answers_at_once_counts_whatever_its_id() {
    let guardian = json!({"subagent": {"other": "guardian"}});
    for id in ["guard-1", SID] {
        for turns in [vec![turn(0, None), event(0, "task_started", json!({}))], vec![]] {
            let mut lines = vec![header(id, json!({"parent_thread_id": "reviewed", "source": guardian}))];
            lines.extend(turns);
            lines.push(count(1, [640, 0, 0, 64], [640, 0, 0, 64]));
            let world = world(&[("alan/guardian.jsonl", &lines)]);
            let said = "SELECT session_id, subagent_id, input_tokens FROM usage_responses";
            assert_eq!(world.rows(said), [format!("reviewed|{id}|640")], "{}", lines.len());
        }
    }
}

#[test]
fn a_subagent_of_a_subagent_belongs_to_the_session_at_the_root() {
    let (root, parent) = (made(0, 9), made(0, 8));
    let spawn = json!({"subagent": {"thread_spawn": {"parent_thread_id": parent, "depth": 2}}});
    for (more, owner) in [
        (json!({"session_id": root, "parent_thread_id": parent, "source": spawn}), &root),
        (json!({"session_id": root, "source": spawn}), &root),
        (json!({"session_id": SID, "parent_thread_id": parent, "source": spawn}), &parent),
        (json!({"parent_thread_id": parent, "source": spawn}), &parent),
    ] {
        let lines = [header(SID, more.clone()), turn(9, None), count(9, [100, 0, 0, 10], [100, 0, 0, 10])];
        let world = world(&[("alan/r.jsonl", &lines)]);
        let owners = world.rows("SELECT session_id, subagent_id FROM usage_responses");
        assert_eq!(owners, [format!("{owner}|{SID}")], "{more}");
    }
}

#[test]
fn a_guardian_belongs_to_the_thread_that_it_reviews() {
    let reviewed = made(0, 9);
    let headers = [
        json!({"parent_thread_id": reviewed, "thread_source": "guardian_review", "source": {"subagent": {"other": "guardian"}}}),
        json!({"session_id": reviewed, "thread_source": "guardian_review", "source": {"subagent": {"other": "guardian"}}}),
        json!({"source": {"subagent": {"review": {"parent_thread_id": reviewed}}}}),
        json!({"parent_thread_id": reviewed, "source": {"internal": "guardian"}}),
        json!({"source": {"subagent": {"thread_spawn": {"parent_thread_id": reviewed, "depth": 1}}}}),
    ];
    for header_of in headers {
        for turn_id in [Some(made(1, 3)), None] {
            let world = world(&[(
                "alan/guardian.jsonl",
                &[
                    header(SID, header_of.clone()),
                    turn(1, turn_id.as_deref()),
                    event(1, "user_message", json!({"message": "the transcript so far"})),
                    count(1, [100, 0, 0, 10], [100, 0, 0, 10]),
                ],
            )]);
            let said = "SELECT session_id, subagent_id, input_tokens FROM usage_responses";
            assert_eq!(world.rows(said), [format!("{reviewed}|{SID}|100")], "{header_of} {turn_id:?}");
            assert_eq!(world.rows("SELECT session_id, prompts FROM usage_sessions"), [format!("{reviewed}|0")]);
        }
    }
    // The root of an ordinary session is the session itself. A fork by a person is a session of its own.
    for header_of in [json!({"session_id": reviewed, "thread_source": "user"}), json!({"forked_from_id": reviewed})] {
        let lines = [header(SID, header_of), turn(9, None), count(9, [100, 0, 0, 10], [100, 0, 0, 10])];
        let world = world(&[("alan/r.jsonl", &lines)]);
        assert_eq!(world.rows("SELECT session_id, subagent_id FROM usage_responses"), [format!("{SID}|")]);
    }
}

#[test]
fn the_history_of_a_paginated_child_ends_at_the_ordinal_that_its_header_tells() {
    let (history, own) = ([900, 0, 0, 90], [950, 0, 0, 95]);
    let child = json!({"parent_thread_id": "parent", "subagent_history_start_ordinal": 3});
    let mut lines = vec![header(SID, child), count(50, history, history), call(60, "call_p", "exec_command")];
    lines.extend([call(70, "call_o", "exec_command"), count(80, own, [50, 0, 0, 5])]);
    for (ordinal, line) in lines.iter_mut().enumerate() {
        line["ordinal"] = ordinal.into();
    }
    let world = world(&[("alan/child.jsonl", &lines)]);
    assert_eq!(world.rows(TOKENS), ["50|5|0|0"]);
    assert_eq!(world.rows("SELECT tool_calls FROM usage_sessions"), ["1"]);
}

#[test]
fn a_thread_that_goes_on_in_a_file_of_its_own_has_responses_of_its_own() {
    let (first, more) = ([100, 0, 0, 10], [40, 0, 0, 4]);
    let base = json!({"history_base": {"thread_id": SID, "end_ordinal_exclusive": 2, "end_byte_offset": 99}});
    let world = world(&[
        ("alan/a.jsonl", &[header(SID, json!({})), turn(1, None), count(5, first, first)]),
        ("alan/b.jsonl", &[header(SID, base), turn(9, None), count(15, [140, 0, 0, 14], more)]),
    ]);
    assert_eq!(
        world.rows("SELECT message_id, input_tokens FROM usage_responses ORDER BY ALL"),
        [format!("codex:{SID}:1|100"), format!("codex:{SID}@2:1|40")]
    );
}

#[test]
fn a_rollout_of_the_first_generation_is_one_of_codex() {
    let message = |role: &str, text: &str| {
        let kind = if role == "user" { "input_text" } else { "output_text" };
        json!({"type": "message", "id": null, "role": role, "content": [{"type": kind, "text": text}]})
    };
    let lines = [
        json!({"id": SID, "timestamp": at(0), "instructions": null, "git": {"branch": "boiler"}}),
        json!({"record_type": "state"}),
        message("user", "<environment_context>\n<cwd>/home/alan/engine</cwd>\n</environment_context>"),
        message("user", "mend the boiler"),
        json!({"type": "reasoning", "id": "rs_1", "summary": []}),
        json!({"type": "function_call", "id": "fc_1", "name": "shell", "arguments": "{}", "call_id": "call_1"}),
        json!({"type": "function_call_output", "call_id": "call_1", "output": "{\"output\":\"\",\"metadata\":{\"exit_code\":1}}"}),
        json!({"type": "function_call", "id": "fc_2", "name": "shell", "arguments": "{}", "call_id": "call_2"}),
        message("assistant", "Mended."),
        json!({"record_type": "state"}),
        json!({"type": "new_item"}),
    ];
    let world = world(&[("alan/old.jsonl", &lines), ("alan/copy.jsonl", &lines)]);
    assert_eq!(
        world.rows("SELECT session_id, started, prompts, tool_calls, tool_errors, agent FROM usage_sessions"),
        vec![format!("{SID}|2026-03-01T10:00:00Z|1|2|1|codex"); 2]
    );
    assert_eq!(
        world.rows("SELECT tool, is_error, project, time FROM usage_tool_events ORDER BY line"),
        ["shell|true|/home/alan/engine|2026-03-01T10:00:00Z", "shell||/home/alan/engine|2026-03-01T10:00:00Z"]
    );
    assert_eq!(world.rows(UNKNOWN), ["new_item|1", "new_item|1"]);
}

#[test]
fn rollouts_that_are_compressed_otherwise_are_told_as_left_out() {
    let world = World::new();
    world.write("alan/2026/03/01/r.jsonl", rollout(&[header(SID, json!({}))]));
    world.write("alan/2026/03/01/r.jsonl.xz", "twin").write("alan/2026/02/01/old.jsonl.xz", "packed");
    world.write("linus/older.jsonl.br", "packed").write("linus/notes.gz", "no transcript");
    let counts = world.pass();
    assert_eq!((counts.files, counts.processed, counts.rejected), (4, 1, 3));
    let reason = "compressed: only `.jsonl`, `.jsonl.gz` and `.jsonl.zst` files are read";
    let rejected = counts.rejected_detail.iter().map(|file| (&*file.session, &*file.error)).collect::<Vec<_>>();
    let twin = ("alan/2026/03/01/r.jsonl.xz", "a twin: only one form of a file is read");
    assert_eq!(rejected, [("alan/2026/02/01/old.jsonl.xz", reason), twin, ("linus/older.jsonl.br", reason)]);
    let left_out = format!("2 files, such as `alan/2026/02/01/old.jsonl.xz`: {reason}\n");
    assert!(world.mill(&["status"]).stdout.contains(&format!("left out      {left_out}")));
    let explained = world.mill(&["report", "--explain", "--no-refresh"]);
    assert!(explained.stdout.contains(&left_out) || explained.stderr.contains(&left_out), "{explained:?}");
    world.mill(&["forget", "linus", "--yes"]);
    assert_eq!(world.rows("SELECT session_file FROM files_left_out"), ["alan/2026/02/01/old.jsonl.xz"]);
    world.remove("alan/2026/02/01/old.jsonl.xz").pass();
    assert!(world.rows("FROM files_left_out").is_empty());
}

/// A line of Claude Code with tool calls, and one with results.
fn calls(session: &str, message: &str, time: u32, calls: &[(&str, &str)], uuid: Option<&str>) -> Value {
    let call = |(id, name): &(&str, &str)| match *id {
        "" => json!({"type": "tool_use", "name": name, "input": {}}),
        id => json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
    };
    let content: Vec<_> = calls.iter().map(call).collect();
    let mut message_of = json!({"role": "assistant", "model": "kimi-k3", "content": content});
    if !message.is_empty() {
        message_of["id"] = message.into();
        message_of["usage"] = json!({"input_tokens": 1, "output_tokens": 1});
    }
    json!({"type": "assistant", "uuid": uuid, "sessionId": session, "timestamp": at(time), "message": message_of})
}

fn result(session: &str, time: u32, id: &str, is_error: bool) -> Value {
    let content = json!([{"type": "tool_result", "tool_use_id": id, "content": "", "is_error": is_error}]);
    json!({"type": "user", "sessionId": session, "timestamp": at(time), "message": {"role": "user", "content": content}})
}

#[test]
fn a_call_of_claude_code_is_known_by_its_response_and_its_id() {
    let session = |name: &str| {
        vec![
            calls(name, &format!("{name}1"), 1, &[("Bash:0", "Bash"), ("Bash:1", "Bash")], Some("u1")),
            result(name, 2, "Bash:1", true),
            result(name, 3, "Bash:0", false),
            calls(name, &format!("{name}2"), 4, &[("Bash:0", "Bash")], Some("u2")),
            result(name, 5, "Bash:0", true),
            // The same response on another line.
            calls(name, &format!("{name}2"), 4, &[("Bash:0", "Bash")], Some("u3")),
        ]
    };
    let world = World::new();
    for (file, name) in [("ada/a.jsonl", "a"), ("ada/b.jsonl", "b"), ("ada/copy-of-a.jsonl", "a")] {
        world.write(file, rollout(&session(name)));
    }
    world.pass();
    assert_eq!(
        world.rows("SELECT event_id, is_error FROM usage_tool_events ORDER BY ALL"),
        ["a1 Bash:0|false", "a1 Bash:1|true", "a2 Bash:0|true", "b1 Bash:0|false", "b1 Bash:1|true", "b2 Bash:0|true"]
    );
    assert_eq!(world.rows("SELECT tool_calls, tool_errors FROM usage_sessions"), ["3|2"; 3]);
}

#[test]
fn calls_without_an_id_are_known_by_what_a_copy_has_in_common() {
    let lines = [
        calls("s", "m1", 1, &[("", "Read"), ("", "Read"), ("", "Edit")], None),
        calls("s", "", 2, &[("", "Read"), ("", "Read")], None),
        calls("s", "", 3, &[("", "Read")], Some("u9")),
        calls("s", "", 4, &[("Bash:0", "Bash")], None),
        calls("s", "", 5, &[("Bash:0", "Bash")], None),
        json!({"type": "user", "sessionId": "s", "timestamp": at(6),
               "message": {"role": "user", "content": "<command-name>/clear</command-name>"}}),
    ];
    let world = World::new();
    world.write("ada/s.jsonl", rollout(&lines)).write("ada/copy.jsonl", rollout(&lines)).pass();
    let other: Vec<_> =
        lines.iter().map(|line| line.to_string().replace(r#""sessionId":"s""#, r#""sessionId":"z""#)).collect();
    assert_eq!(
        world.rows("SELECT tool, count(*) FROM usage_tool_events GROUP BY ALL ORDER BY ALL"),
        ["/clear|1", "Bash|2", "Edit|1", "Read|5"]
    );
    // Another session with the same content counts separately, because nothing says that it is a copy.
    world.write("ada/other.jsonl", other[1..].join("\n")).pass();
    assert_eq!(
        world.rows("SELECT tool, count(*) FROM usage_tool_events GROUP BY ALL ORDER BY ALL"),
        ["/clear|2", "Bash|4", "Edit|1", "Read|7"]
    );
}

/// Changes a database to the state that an older version left: tool calls are known only by their ids, or by their
/// place.
const OLDER: &str = "
    UPDATE facts.usage_tool_calls SET message_id = CASE WHEN agent = 'codex' THEN NULL ELSE message_id END, event_id = CASE
        WHEN event_id LIKE 'm3 Edit #%' THEN 'uuid:u3:' || right(event_id, 1)
        WHEN event_id LIKE '%#%' THEN 'line:' || session_file || ':' || line || ':' || right(event_id, 1)
        WHEN event_id LIKE 'uuid:%' THEN event_id ELSE split_part(event_id, ' ', 2) END;
    DELETE FROM facts.usage_tool_events;
    UPDATE session_processor_state SET processor_version = 4 WHERE processor_name = 'usage';
    DELETE FROM schema_migrations WHERE version >= 17;";

#[test]
fn what_an_older_version_stored_of_files_that_are_gone_does_not_count_beside_a_copy() {
    let search = || line(6, "response_item", json!({"type": "web_search_call", "status": "completed"}));
    let tokens = [[100, 0, 0, 10], [200, 0, 0, 20]];
    let world = world(&[(
        "alan/sessions/r.jsonl",
        &[
            header(SID, json!({})),
            turn(1, None),
            call(2, "call_1", "shell"),
            output(3, "call_1", 1),
            count(4, tokens[0], tokens[0]),
            call(5, "call_2", "shell"),
            search(),
            search(),
            count(7, tokens[1], tokens[0]),
            call(8, "call_3", "shell"),
        ],
    )]);
    let lines = [
        calls("s", "m1", 1, &[("Bash:0", "Bash"), ("", "Read"), ("", "Read")], None),
        result("s", 2, "Bash:0", true),
        calls("s", "m2", 3, &[("Bash:1", "Bash")], Some("u2")),
        calls("s", "", 4, &[("", "Edit"), ("", "Edit")], None),
        calls("s", "m3", 5, &[("", "Edit"), ("", "Edit")], Some("u3")),
    ];
    world.write("ada/s.jsonl", rollout(&lines)).pass();
    let events = "SELECT event_id, tool, is_error, message_id, session_file, line FROM usage_tool_events ORDER BY ALL";
    let shown = world.rows(events);
    assert_eq!(shown.len(), 13);
    Store::open(&world.database(), Access::ReadWrite)
        .unwrap()
        .connection()
        .execute_batch(&(DROPPED_SINCE.to_owned() + OLDER))
        .unwrap();
    for (file, copy) in [("alan/sessions/r.jsonl", "alan/archived_sessions/r.jsonl"), ("ada/s.jsonl", "ada/copy.jsonl")]
    {
        let path = world.root().join(copy);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::rename(world.root().join(file), path).unwrap();
    }
    assert_eq!(world.mill(&["status"]).status, 0);
    assert_eq!(world.rows(events), shown, "a reader misses nothing before the next run");
    let counts = world.pass();
    assert_eq!((counts.processed, counts.dropped), (2, 0));
    assert_eq!(world.rows("SELECT count(*), count(DISTINCT session_file) FROM facts.usage_tool_calls"), ["26|4"]);
    let by = "SELECT tool, is_error, count(*) FROM usage_tool_events GROUP BY ALL ORDER BY ALL";
    let once = ["Bash|true|1", "Bash||1", "Edit||4", "Read||2", "shell|true|1", "shell||2", "web_search||2"];
    assert_eq!(world.rows(by), once);
}

#[test]
fn a_remote_is_that_of_the_directory_in_which_a_rollout_begins() {
    let world = World::new();
    let line = |second: u32, kind: &str, payload: Value| {
        let time = format!("2026-02-01T10:00:{second:02}Z");
        json!({"timestamp": time, "type": kind, "payload": payload}).to_string() + "\n"
    };
    let turn = |second: u32, cwd: &str, total: u32| {
        let usage = |input: u32| json!({"input_tokens": input, "output_tokens": input / 10});
        let info = json!({"total_token_usage": usage(total), "last_token_usage": usage(1000)});
        line(second, "turn_context", json!({"cwd": cwd, "model": "gpt-5"}))
            + &line(second + 1, "event_msg", json!({"type": "token_count", "info": info}))
    };
    let git = json!({"repository_url": "https://example.org/ada/mill.git"});
    let id = "0198c0de-0000-7000-8000-000000000001";
    let header = line(0, "session_meta", json!({"id": id, "cwd": "/home/ada/mill", "git": git}));
    let turns = [("/home/ada/mill", 1000), ("/home/ada/mill/wheel", 2000), ("/home/ada/oil", 3000)];
    let turns: String = (1..).step_by(2).zip(turns).map(|(second, (cwd, total))| turn(second, cwd, total)).collect();
    world.write("ada/rollout.jsonl", header + &turns);
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let names = "SELECT project, repository FROM usage_repositories ORDER BY ALL";
    let mill = "example.org/ada/mill";
    let expected = [("/home/ada/mill", mill), ("/home/ada/mill/wheel", mill), ("/home/ada/oil", "/home/ada/oil")];
    assert_eq!(world.rows(names), expected.map(|(directory, name)| format!("{directory}|{name}")));
}
