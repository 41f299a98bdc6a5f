//! Titles of sessions, causes of unsuccessful calls, and outcomes of calls: in tables, reports and snapshots.

use crate::world::{World, response, rows};
use serde_json::{Value, json};
use sessionmill::config::publish::{Publish, Titles};
use sessionmill::store::publish::{Published, publish};
use std::time::Duration;

/// A line of a transcript, this many seconds after 10:00.
fn line(second: u32, kind: &str, more: Value) -> String {
    let mut line = json!({
        "type": kind, "uuid": format!("u{second}"), "sessionId": "s1", "cwd": "/home/ada/mill",
        "timestamp": format!("2026-02-01T10:{:02}:{:02}Z", second / 60, second % 60),
    });
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line.to_string() + "\n"
}

fn prompt(second: u32, text: &str) -> String {
    line(second, "user", json!({"message": {"role": "user", "content": text}}))
}

/// A call and its result.
fn call(second: u32, tool: &str, input: Value, error: Option<&str>) -> String {
    let message = json!({
        "id": format!("m{second}"), "role": "assistant", "model": "claude-opus-4-6",
        "content": [{"type": "tool_use", "id": "t", "name": tool, "input": input}],
        "usage": {"input_tokens": 1000, "output_tokens": 1000},
    });
    let result = json!({"type": "tool_result", "tool_use_id": "t", "content": error.unwrap_or("fine"), "is_error": error.is_some()});
    line(second, "assistant", json!({"message": message}))
        + &line(second + 1, "user", json!({"message": {"role": "user", "content": [result]}}))
}

const REFUSED: &str = "The user doesn't want to proceed with this tool use. The tool use was rejected";

fn world() -> World {
    let world = World::new();
    let edit = |path: &str, old: &str, new: &str| json!({"file_path": path, "old_string": old, "new_string": new});
    let command = |command: &str| json!({"command": command});
    let lines = [
        json!({"type": "summary", "summary": "Another mill", "leafUuid": "elsewhere"}).to_string() + "\n",
        prompt(0, "\n Oil the mill with token=abc1234 \nand sweep"),
        call(10, "Edit", edit("/m/a.rs", "a\nb\nc", "a\nx\ny\nc"), None),
        call(20, "Edit", edit("/m/a.rs", "x", "z"), None),
        call(
            30,
            "Edit",
            edit("/m/a.rs", "q", "r"),
            Some("<tool_use_error>String to replace not found in file.\nString: q</tool_use_error>"),
        ),
        call(40, "Write", json!({"file_path": "/m/b.rs", "content": "1\n2\n3\n"}), None),
        call(50, "Bash", command("cargo test"), Some("Exit code 101\n\nerror: no oil, api_key=abc12345")),
        call(60, "Bash", command("cargo test -q"), Some("Exit code 101\nerror")),
        call(70, "Bash", command("cargo test --lib"), Some("Exit code 101\nerror")),
        call(80, "Read", json!({"file_path": "/m/c"}), Some("<tool_use_error>File does not exist.</tool_use_error>")),
        call(90, "Bash", command("cargo test && git commit -am oil"), None),
        call(100, "Bash", command("gh pr create --fill"), Some(REFUSED)),
        call(110, "Edit", edit("/m/a.rs", "z", "w"), None),
        line(
            120,
            "user",
            json!({"message": {"role": "user", "content": [{"type": "text", "text": "[Request interrupted by user]"}]}}),
        ),
        prompt(130, "go on"),
        line(140, "user", json!({"isCompactSummary": true, "message": {"role": "user", "content": "It went well."}})),
    ];
    world.write("ada/a.jsonl", lines.concat()).pass();
    world
}

fn report(world: &World, args: &[&str]) -> Value {
    let said = world.mill(&[&["report"], args, &["--no-refresh", "--timezone", "UTC", "--json"]].concat());
    assert_eq!(said.status, 0, "{said:?}");
    serde_json::from_str(&said.stdout).unwrap()
}

#[test]
fn a_session_tells_what_it_is_called_and_how_it_went() {
    let world = world();
    let facts = "title, title_source, prompts, turns, compactions, interruptions, rejections FROM usage_sessions";
    let sql = format!("SELECT {facts}");
    assert_eq!(world.rows(&sql), ["Oil the mill with token=[masked]|prompt|2|2|1|1|1"]);
    let title = json!({"type": "ai-title", "aiTitle": "Oiling", "sessionId": "s1"});
    let custom = json!({"type": "custom-title", "customTitle": "Oil day", "sessionId": "s1"});
    world.append("ada/a.jsonl", &format!("{title}\n")).pass();
    assert_eq!(world.rows(&sql), ["Oiling|client|2|2|1|1|1"]);
    world.append("ada/a.jsonl", &format!("{custom}\n{title}\n")).pass();
    assert_eq!(world.rows(&sql), ["Oil day|client|2|2|1|1|1"], "what a person gives is before what the client makes");
    let session = &report(&world, &["sessions"])[0];
    let of_report = ["title", "title_source", "prompts", "rejections", "commits", "files_changed", "lines_added"];
    let expected = json!(["Oil day", "client", 2, 1, 1, 2, 7]);
    assert_eq!(json!(of_report.map(|name| session[name].clone())), expected);
    let table = world.mill(&["report", "sessions", "--no-refresh"]).stdout;
    assert!(table.starts_with(" Title     Session ") && table.contains("\n Oil day   s1 "), "{table}");
    let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().next_back().unwrap()).collect();
    assert_eq!([lines[0], lines[2]], ["Interrupted", "1"], "{table}");
    let interrupted = world.mill(&["report", "sessions", "--no-refresh", "--interrupted"]).stdout;
    assert_eq!(interrupted, table, "all of one session");
    let outcomes = world.mill(&["report", "outcomes", "--by", "project", "--no-refresh", "--json"]).stdout;
    let outcomes: Value = serde_json::from_str(&outcomes).unwrap();
    assert_eq!(outcomes["totals"]["interrupted_sessions"], 1);
    let whole = world.mill(&["session", "s1", "--no-refresh"]).stdout;
    assert!(whole.ends_with("\n       2 prompts, 11 calls, 5 failed; 1 interruption, 1 rejection\n"), "{whole}");
}

#[test]
fn calls_tell_why_they_failed_and_what_they_did() {
    let world = world();
    let calls =
        "SELECT tool, cause, error, files, lines_added, lines_removed, acts FROM usage_tool_events ORDER BY time";
    let expected = [
        "Edit|||/m/a.rs|2|1|",
        "Edit|||/m/a.rs|1|1|",
        "Edit|edit_target|String to replace not found in file.: String: q|/m/a.rs|1|1|",
        "Write|||/m/b.rs|3|0|",
        "Bash|exit|Exit code 101: error: no oil, api_key=[masked]||0|0|test",
        "Bash|exit|Exit code 101: error||0|0|test",
        "Bash|exit|Exit code 101: error||0|0|test",
        "Read|no_file|File does not exist.||0|0|",
        "Bash||||0|0|test commit",
        "Bash|declined|The user doesn't want to proceed with this tool use. The tool use was rejected||0|0|pull_request",
        "Edit|||/m/a.rs|1|1|",
    ];
    assert_eq!(world.rows(calls), expected);
    let outcome =
        "SELECT lines_added, lines_removed, files_changed, commits, pull_requests, test_runs, failed_test_runs
        FROM usage_sessions";
    assert_eq!(world.rows(outcome), ["7|3|2|1|0|4|3"]);
}

#[test]
fn errors_are_told_by_cause_and_as_loops() {
    let world = world();
    let troubles = report(&world, &["errors"]);
    let of_kind = |kind: &str| {
        let all = troubles.as_array().unwrap().iter().filter(|trouble| trouble["kind"] == kind);
        all.map(|trouble| format!("{} {} {}", trouble["what"].as_str().unwrap(), trouble["count"], trouble["of"]))
            .collect::<Vec<_>>()
    };
    let causes = ["exit 3 11", "declined 1 11", "edit_target 1 11", "no_file 1 11"];
    assert_eq!(of_kind("cause"), causes);
    assert_eq!(of_kind("retry_loop"), ["Bash: exit 3 null"]);
    assert_eq!(of_kind("edited_again"), ["/m/a.rs 3 null"]);
    let find = |kind: &str| troubles.as_array().unwrap().iter().find(|trouble| trouble["kind"] == kind).unwrap();
    let of_loop = find("retry_loop");
    // Three responses with 1,000 tokens of input and of output, at $5 and $25 per million.
    assert_eq!((of_loop["cost_usd"].as_f64(), &of_loop["first_seen"]), (Some(0.09), &json!("2026-02-01T10:00:50Z")));
    assert_eq!(find("cause")["example"], "Exit code 101: error");
    assert_eq!(find("tool_error")["example"], Value::Null);
    // The cost of failed calls by tool, each response once. The call that a person declined only counts as a cause.
    let priced = |args: &[&str], name: &str| {
        let rows = report(&world, &[&["errors"], args].concat());
        let told =
            |row: &Value| format!("{} {} {}", row["kind"].as_str().unwrap_or_default(), row[name], row["cost_usd"]);
        rows.as_array().unwrap().iter().map(told).collect::<Vec<_>>()
    };
    let of_tools = ["tool_error \"Bash\" 0.09", "tool_error \"Edit\" 0.03", "tool_error \"Read\" 0.03"];
    assert_eq!(priced(&[], "what")[..3], of_tools);
    let by_cost = priced(&["--order", "cost"], "what");
    let first = ["tool_error \"Bash\" 0.09", "cause \"exit\" 0.09", "retry_loop \"Bash: exit\" 0.09", of_tools[1]];
    assert_eq!(by_cost[..4], first);
    assert_eq!(by_cost.len(), priced(&[], "what").len());
    let newest = priced(&["--order", "Date"], "what");
    assert_eq!(newest[0], "cause \"declined\" 0.03");
    assert_eq!(priced(&["--order", "count", "--limit", "1"], "what")[0], of_tools[0]);
}

#[test]
fn a_loop_is_of_responses_in_a_row_and_not_of_calls_side_by_side() {
    let failed = |second| call(second, "Bash", json!({"command": "make"}), Some("Exit code 2"));
    let read = |second| call(second, "Read", json!({"file_path": "/m/c"}), None);
    // Two calls of one response, with their results after it.
    let twins = |second: u32, number: u32| {
        let twin = |id| json!({"type": "tool_use", "id": id, "name": "Bash", "input": {"command": "make"}}).to_string();
        let twins: String =
            (0..number).map(|id| "},".to_owned() + &twin(format!("x{id}")).replace("}}", "}")).collect();
        let results = (0..number).map(|id| {
            let result = json!({"type": "tool_result", "tool_use_id": format!("x{id}"), "content": "Exit code 2", "is_error": true});
            line(second + 2 + id, "user", json!({"message": {"role": "user", "content": [result]}}))
        });
        failed(second).replacen("}}]", &format!("}}{twins}}}]"), 1) + &results.collect::<String>()
    };
    let loops = |lines: &[String]| {
        let world = World::new();
        world.write("ada/a.jsonl", lines.concat()).pass();
        let troubles = report(&world, &["errors"]);
        let of_loops = troubles.as_array().unwrap().iter().filter(|trouble| trouble["kind"] == "retry_loop");
        let loops = of_loops.map(|trouble| trouble["count"].as_u64().unwrap()).collect::<Vec<_>>();
        (world.rows("SELECT count(*) FILTER (cause = 'exit'), max(round) FROM usage_tool_events").concat(), loops)
    };
    assert_eq!(loops(&[twins(10, 2)]), ("3|1".to_owned(), vec![]), "three calls of one response");
    assert_eq!(loops(&[failed(0), twins(10, 2), failed(20)]), ("5|3".to_owned(), vec![3]), "three responses");
    assert_eq!(loops(&[failed(0), failed(10), read(20), failed(30)]), ("3|4".to_owned(), vec![]), "one between");
    let main = [failed(0), failed(10), failed(20)];
    let other = |lines: String| lines.replace("\"s1\"", "\"s1\",\"agentId\":\"a\",\"isSidechain\":true");
    let others = other(read(5).replace("\"m5\"", "\"n5\""));
    assert_eq!(
        loops(&[&main[..1], &[others], &main[1..]].concat()),
        ("3|3".to_owned(), vec![3]),
        "another talk between"
    );
}

#[test]
fn what_changed_is_told_by_the_patch_of_the_result() {
    let patch =
        json!({"type": "update", "structuredPatch": [{"oldStart": 1, "lines": [" 1", "-2", "+zwei", "+drei"]}]});
    let new = json!({"type": "create", "structuredPatch": []});
    let write = |second, outcome: &Value| {
        let write = call(second, "Write", json!({"file_path": "/m/b.rs", "content": "1\n2\n3\n"}), None);
        let (call, result) = write.split_once('\n').unwrap();
        let mut result: Value = serde_json::from_str(result).unwrap();
        result["toolUseResult"] = outcome.clone();
        format!("{call}\n{result}\n")
    };
    let world = World::new();
    world.write("ada/a.jsonl", write(10, &new) + &write(20, &patch)).pass();
    let lines = "SELECT lines_added, lines_removed FROM usage_tool_events ORDER BY time";
    assert_eq!(world.rows(lines), ["3|0", "2|1"]);
    assert_eq!(world.rows("SELECT lines_added, lines_removed FROM usage_sessions"), ["5|1"]);
    // A copy whose result is cut off adds nothing.
    let copy = write(10, &new) + write(20, &patch).lines().next().unwrap() + "\n";
    world.write("ada/0.jsonl", copy).pass();
    assert_eq!(world.rows(lines), ["3|0", "2|1"]);
}

#[test]
fn what_comes_to_nothing_in_several_sessions_is_told_by_whose_it_is_with_what_may_help() {
    let world = world();
    let recurring = |args: &[&str]| {
        let rows = report(&world, &[&["errors"], args].concat());
        let told = |row: &Value| {
            json!(["tool", "cause", "count", "of", "sessions", "cost_usd", "in_loops"].map(|name| row[name].clone()))
        };
        rows.as_array().unwrap().iter().map(told).collect::<Vec<_>>()
    };
    // Three calls in one session recur if they are consecutive; a response with another call breaks the sequence.
    let of_loop = [json!(["Bash", "exit", 3, 5, 1, 0.09, 3])];
    assert_eq!(recurring(&["--by", "project"]), of_loop);
    assert_eq!(recurring(&["--by", "user"]), of_loop);
    let other = call(10, "Bash", json!({"command": "make"}), Some("Exit code 2")).replace("\"s1\"", "\"s2\"");
    // One response makes two of the calls.
    let twin = r#"{"type":"tool_use","id":"t2","name":"Bash","input":{"command":"make all"}}]"#;
    let more = json!([{"type": "tool_result", "tool_use_id": "t2", "content": "Exit code 2", "is_error": true}]);
    let twins =
        call(20, "Bash", json!({"command": "make"}), Some("Exit code 2")).replacen("}]", &format!("}},{twin}"), 1)
            + &line(22, "user", json!({"message": {"role": "user", "content": more}}));
    let other = (other + &twins.replace("\"s1\"", "\"s2\"")).replace("\"id\":\"m", "\"id\":\"n");
    world.write("bob/b.jsonl", other.replace("uuid\":\"u", "uuid\":\"v")).pass();
    // Six calls by five responses at 3 cents. Declined calls do not recur here.
    let expected = [json!(["Bash", "exit", 6, 8, 2, 0.15, 3])];
    assert_eq!(recurring(&["--by", "project"]), expected);
    let of_mill = ["--by", "project", "--project", "/home/ada/mill", "--since", "2026-02-01"];
    assert_eq!(recurring(&of_mill), expected);
    assert_eq!(recurring(&["--by", "project", "--user", "ada"]), of_loop);
    assert_eq!(recurring(&["--by", "project", "--user", "bob"]), [] as [Value; 0], "three in one session, two at once");
    assert_eq!(recurring(&["--by", "user"]), of_loop, "nobody has them in two sessions");
    let said = world.mill(&["report", "errors", "--by", "project", "--no-refresh", "--period", "all"]);
    let [.., row] = &said.stdout.lines().collect::<Vec<_>>()[..] else { panic!("{said:?}") };
    let words =
        ["/home/ada/mill", "Bash", "the command failed", "6", "8", "2", "3", "$0.15", "say in the instructions how to"];
    assert!(words.iter().all(|word| row.contains(word)), "{row}");
}

#[test]
fn calls_are_those_of_the_model_whose_response_made_them() {
    let world = world();
    let edit = json!({"file_path": "/m/d.rs", "old_string": "a", "new_string": "b"});
    let other = call(10, "Edit", edit, None) + &call(20, "Bash", json!({"command": "make"}), Some("Exit code 2"));
    let other = other.replace("opus-4-6", "sonnet-4-5").replace("\"s1\"", "\"s2\"").replace("\"id\":\"m", "\"id\":\"n");
    world.write("bob/b.jsonl", other.replace("uuid\":\"u", "uuid\":\"v")).pass();
    let tools = |model: &str| {
        let rows = report(&world, &["--by", "tool", "--model", model]);
        let told = |row: &Value| json!([row["tool"], row["calls"], row["errors"]]);
        rows["rows"].as_array().unwrap().iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(tools("sonnet"), [json!(["Bash", 1, 1]), json!(["Edit", 1, 0])]);
    assert_eq!(tools("opus")[..2], [json!(["Bash", 5, 3]), json!(["Edit", 4, 1])]);
    let causes = |model: &str| {
        let troubles = report(&world, &["errors", "--model", model]);
        let of_kind = |trouble: &&Value| trouble["kind"] == "cause";
        let told = |trouble: &Value| json!([trouble["what"], trouble["count"], trouble["of"], trouble["cost_usd"]]);
        troubles.as_array().unwrap().iter().filter(of_kind).map(told).collect::<Vec<_>>()
    };
    // A thousand tokens of input and of output, at $3 and $15 per million.
    assert_eq!(causes("sonnet"), [json!(["exit", 1, 2, 0.018])]);
    assert_eq!(causes("opus")[0], json!(["exit", 3, 11, 0.09]));
    let outcomes = |model: &str| {
        let totals = report(&world, &["outcomes", "--model", model])["totals"].clone();
        ["lines_added", "files", "commits"].map(|name| totals[name].as_i64().unwrap())
    };
    assert_eq!((outcomes("sonnet"), outcomes("opus")), ([1, 1, 0], [7, 2, 1]));
    let calls = |model: &str| report(&world, &["sessions", "--model", model])[0]["calls"].clone();
    assert_eq!((calls("sonnet"), calls("opus")), (json!(2), json!(11)));
}

#[test]
fn a_subagent_that_runs_on_is_told_with_its_cost() {
    let of = |agent: usize, responses: usize| {
        let one = |number: usize| {
            let message = json!({
                "id": format!("m{agent}-{number}"), "role": "assistant", "model": "claude-opus-4-6", "content": [],
                "usage": {"input_tokens": 1000, "output_tokens": 1000},
            });
            let id = json!({"agentId": format!("a{agent}"), "isSidechain": true, "message": message});
            line(number as u32, "assistant", id)
        };
        (0..responses).map(one).collect::<String>()
    };
    let told = |responses: usize| {
        let world = World::new();
        let lines = (0..5).map(|agent| of(agent, 3)).collect::<String>() + &of(9, responses);
        world.write("ada/a.jsonl", lines).pass();
        let troubles = report(&world, &["errors"]);
        let all = troubles.as_array().unwrap().clone().into_iter();
        let all = all.filter(|trouble| trouble["kind"] == "runaway_subagent");
        all.map(|one| json!([one["what"], one["count"], one["of"], one["cost_usd"]])).collect::<Vec<_>>()
    };
    assert_eq!(told(29), [] as [Value; 0]);
    assert_eq!(told(30), [json!(["(unknown) a9 of s1", 30, 3, 0.9])]);
}

#[test]
fn outcomes_add_up_by_whatever_they_are_told() {
    let world = world();
    // Two changes by another person, so far apart that no row of the sums has both.
    let write = |second| call(second, "Write", json!({"file_path": "/m/b.rs", "content": "1\n"}), None);
    let other = (write(10) + &write(1500)).replace("\"s1\"", "\"s2\"").replace("\"id\":\"m", "\"id\":\"n");
    world.write("bob/b.jsonl", other).pass();
    let cost = 13.0 * 0.03;
    for by in ["day", "week", "month", "user", "team", "project", "agent", "session"] {
        let totals = &report(&world, &["outcomes", "--by", by])["totals"];
        let counts = ["lines_added", "lines_removed", "files", "commits", "test_runs", "failed_test_runs"];
        assert_eq!(json!(counts.map(|name| totals[name].clone())), json!([9, 3, 3, 1, 4, 3]), "{by}");
        assert!((totals["cost_usd"].as_f64().unwrap() - cost).abs() < 1e-9, "{by}: {totals}");
        assert!((totals["cost_per_commit_usd"].as_f64().unwrap() - cost).abs() < 1e-9, "{by}");
        assert_eq!(totals["active_seconds"], 100, "{by}");
    }
    let by_user = report(&world, &["outcomes", "--by", "user"]);
    let ada = &by_user["rows"][0];
    assert_eq!(json!([ada["user"], ada["lines_added"], ada["files"]]), json!(["ada", 7, 2]));
    let none = report(&world, &["outcomes", "--by", "user", "--user", "bob"]);
    assert_eq!(none["totals"]["cost_per_commit_usd"], Value::Null);
}

/// A response for $1.00 of a session in a directory, in February 2026.
fn dollar(session: &str, cwd: &str, time: &str) -> String {
    let (day, hour) = time.split_once(' ').unwrap();
    response(&format!("{session} {time}"), hour, 39_998)
        .replace("2026-02-01T", &format!("2026-02-{day}T"))
        .replace("\"s1\"", &format!("\"{session}\""))
        .replace("/home/ada/shop", cwd)
}

/// The active time of each row of outcomes, and in total.
fn active(world: &World, args: &[&str]) -> (Vec<String>, u64) {
    let sheet = report(world, &[&["outcomes"], args].concat());
    let by = args[1];
    let row = |row: &Value| format!("{} {}", row[by].as_str().unwrap_or("none"), row["active_seconds"]);
    (sheet["rows"].as_array().unwrap().iter().map(row).collect(), sheet["totals"]["active_seconds"].as_u64().unwrap())
}

#[test]
fn work_in_two_directories_of_a_project_at_a_time_is_active_once() {
    let world = World::new();
    let [main, other] = ["/home/ada/shop", "/home/ada/shop/.worktrees/2"];
    // On the first day side by side for 30.5 minutes; on the second day by turns, every eight minutes.
    let times =
        |day: &str, second: &str, minutes: [u32; 7]| minutes.map(|minute| format!("{day} 10:{minute:02}:{second}"));
    let lines = |session: &str, cwd: &str, times: &[String]| -> String {
        times.iter().map(|time| dollar(session, cwd, time)).collect()
    };
    let together = [0, 5, 10, 15, 20, 25, 30];
    let turns = times("02", "00", [0, 16, 32, 48, 8, 24, 40]);
    world.write("ada/a.jsonl", lines("a", main, &times("01", "00", together)) + &lines("c", main, &turns[..4]));
    world.write("ada/b.jsonl", lines("b", other, &times("01", "30", together)) + &lines("d", other, &turns[4..]));
    world.pass();
    for (period, seconds, cost) in [("2026-02-01", 1830, 14.0), ("2026-02-02", 2880, 7.0), ("2026-02", 4710, 21.0)] {
        let sheet = report(&world, &["outcomes", "--by", "project", "--period", period]);
        let rows = sheet["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{sheet}");
        assert_eq!(rows[0]["project"], "/home/ada/shop");
        for row in [&rows[0], &sheet["totals"]] {
            assert_eq!((&row["active_seconds"], row["cost_usd"].as_f64()), (&json!(seconds), Some(cost)), "{period}");
            let of_hour = row["cost_per_active_hour_usd"].as_f64().unwrap();
            assert!((of_hour - cost * 3600.0 / f64::from(seconds)).abs() < 1e-9, "{period}: {of_hour}");
        }
    }
    let said = world.mill(&["report", "html", "--no-refresh", "--timezone", "UTC", "--out", "page.html"]);
    assert_eq!(said.status, 0, "{said:?}");
    let page = std::fs::read_to_string(world.path("page.html")).unwrap();
    let (_, outcomes) = page.split_once("<caption>Outcomes by project").unwrap();
    let (outcomes, _) = outcomes.split_once("</table>").unwrap();
    // 4,710 seconds, and $21.00 divided by them.
    for cell in [">1.3 h</td>", ">$16.05</td>"] {
        assert_eq!(outcomes.matches(cell).count(), 1, "{cell} in {outcomes}");
    }
}

#[test]
fn a_pause_over_midnight_is_of_the_day_on_which_it_ends() {
    let world = World::new();
    let of = |session: &str, times: &[&str]| -> String {
        times.iter().map(|time| dollar(session, "/home/ada/shop", time)).collect()
    };
    world.write("ada/a.jsonl", of("a", &["01 23:40:00", "01 23:49:00", "01 23:56:00", "02 00:02:00"]));
    // Nothing of the second day begins or ends with what is right before it.
    world.write("bob/b.jsonl", of("b", &["01 23:52:00", "01 23:57:00"]));
    world.write("eve/e.jsonl", of("e", &["01 23:49:00", "02 00:00:00", "02 00:09:00"])).pass();
    let both = |rows: &[&str], total| (rows.iter().map(|row| (*row).to_owned()).collect(), total);
    let first = ["--period", "2026-02-01"];
    let second = ["--period", "2026-02-02"];
    let by = |by: &str, days: &[&str]| active(&world, &[&["--by", by], days].concat());
    assert_eq!(by("day", &[]), both(&["2026-02-01 1260", "2026-02-02 900"], 2160));
    assert_eq!(by("day", &first), both(&["2026-02-01 1260"], 1260));
    assert_eq!(by("day", &second), both(&["2026-02-02 900"], 900));
    assert_eq!(by("user", &second), both(&["eve 540", "ada 360"], 900));
    assert_eq!(by("session", &second), both(&["e 540", "a 360"], 900));
    assert_eq!(by("project", &second), both(&["/home/ada/shop 900"], 900));
    let sessions = report(&world, &["sessions", "--period", "2026-02-02", "--order", "duration"]);
    let sessions = sessions.as_array().unwrap().iter();
    let sessions: Vec<_> = sessions.map(|row| format!("{} {}", row["session"], row["active_seconds"])).collect();
    assert_eq!(sessions, ["\"e\" 540", "\"a\" 360"]);
}

#[test]
fn a_folder_with_the_name_of_a_person_is_a_user_of_its_own() {
    let world = World::new();
    let of = |session: &str, times: &[&str]| -> String {
        times.iter().map(|time| dollar(session, "/home/ada/shop", time)).collect()
    };
    let person = "[[person]]\nemail = 'ada@example.org'\nname = 'Ada'\nteam = 'Engines'\nfolders = ['ada', 'ada-2']\n";
    std::fs::write(world.path("people.toml"), person).unwrap();
    world.write("ada/a.jsonl", of("a", &["01 10:00:00", "01 10:05:00"]));
    world.write("ada-2/b.jsonl", of("b", &["01 10:04:00", "01 10:07:00"]));
    world.write("Ada/c.jsonl", of("c", &["01 10:01:00", "01 10:09:00"])).pass();
    let people = ["--identities", "people.toml"];
    let teams = active(&world, &[&["--by", "team"][..], &people].concat());
    assert_eq!(teams, (vec!["Engines 420".to_owned(), "none 480".to_owned()], 900));
}

#[test]
fn snapshots_have_the_titles_that_are_wanted() {
    let world = world();
    let titled = line(0, "custom-title", json!({"customTitle": "Sweep"})) + &prompt(1, "sweep");
    world.write("bob/b.jsonl", titled.replace("\"s1\"", "\"s2\"")).pass();
    let told = |titles| {
        let wanted = Publish { titles, ..Publish::default() };
        world.wait(Duration::from_secs(1));
        let (Published::New(snapshot) | Published::Before(snapshot)) =
            publish(&world.database_file(), &wanted, world.next().wall).unwrap();
        let titles = rows(&snapshot.path, "SELECT title, title_source FROM usage_sessions ORDER BY username");
        (titles, rows(&snapshot.path, "SELECT count(*) FILTER (error <> '') FROM usage_tool_events"))
    };
    let of = |titles: [&str; 2], errors: &str| (titles.map(str::to_owned).to_vec(), vec![errors.to_owned()]);
    assert_eq!(told(Titles::Client), of(["|", "Sweep|client"], "0"));
    assert_eq!(told(Titles::All), of(["Oil the mill with token=[masked]|prompt", "Sweep|client"], "6"));
    assert_eq!(told(Titles::None), of(["|", "|"], "0"));
}

#[test]
fn a_session_is_shown_with_its_context_and_its_subagents() {
    let world = world();
    let id = |id: &str| json!({"agentId": id, "isSidechain": true});
    let started = |second: u32, by: Option<&str>, agent: &str| {
        let input = json!({"subagent_type": "oiler", "prompt": "oil"});
        let call = call(second, "Task", input, None).replace("\"t\"", &format!("\"t{second}\""));
        let lines = call.replace("\"fine\"", &format!("\"fine\",\"x\":\"{agent}\""));
        let lines: Vec<_> = lines
            .lines()
            .map(|line| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                let more = by.map_or_else(|| json!({}), id);
                line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                if line["type"] == "user" {
                    line["toolUseResult"] = json!({"agentId": agent});
                }
                line.to_string() + "\n"
            })
            .collect();
        lines.concat()
    };
    let of_agent = |second: u32, agent: &str| {
        let mut line: Value =
            serde_json::from_str(call(second, "Read", json!({}), None).lines().next().unwrap()).unwrap();
        line.as_object_mut().unwrap().extend(id(agent).as_object().unwrap().clone());
        line.to_string() + "\n"
    };
    world.append("ada/a.jsonl", &started(200, None, "a1"));
    world.write("ada/s1/subagents/agent-a1.jsonl", of_agent(210, "a1") + &started(220, Some("a1"), "a2"));
    world.write("ada/s1/subagents/agent-a2.jsonl", of_agent(230, "a2")).pass();
    let said = world.mill(&["session", "s1", "--no-refresh", "--json"]);
    let session: Value = serde_json::from_str(&said.stdout).unwrap();
    let subagents = session["subagents"].as_array().unwrap().iter();
    let told: Vec<_> = subagents
        .map(|one| {
            json!([one["subagent"], one["type"], one["started_by"], one["responses"], one["cost_with_subagents_usd"]])
        })
        .collect();
    assert_eq!(told, [json!(["a1", "oiler", null, 2, 0.09]), json!(["a2", "oiler", "a1", 1, 0.03])]);
    let step = session["steps"].as_array().unwrap().iter().find(|step| step["subagent"] == "a2").unwrap();
    assert_eq!((&step["kind"], &step["context_tokens"]), (&json!("response"), &json!(1000)));
    assert_eq!(session["title"], "Oil the mill with token=[masked]");
    let table = world.mill(&["session", "s1", "--no-refresh"]).stdout;
    assert!(
        table.contains(
            "\n a1         oiler           2   $0.06          $0.09\n   a2       oiler           1   $0.03          $0.03\n\nTotal  "
        ),
        "{table}"
    );
    // A subagent without a transcript here is reported.
    let missing = |world: &World| {
        let troubles = report(world, &["errors"]);
        let of_kind = |trouble: &&Value| trouble["kind"] == "missing_subagent";
        let told = |trouble: &Value| json!([trouble["what"], trouble["count"], trouble["of"]]);
        troubles.as_array().unwrap().iter().filter(of_kind).map(told).collect::<Vec<_>>()
    };
    assert_eq!(missing(&world), [] as [Value; 0]);
    assert!(!said.stderr.contains("subagents"), "{said:?}");
    world.append("ada/a.jsonl", &started(240, None, "a3")).pass();
    assert_eq!(missing(&world), [json!(["s1", 1, 3])]);
    let said = world.mill(&["session", "s1", "--no-refresh", "--prompts"]);
    assert!(said.stderr.starts_with("note: 1 of 3 subagents without a response here: "), "{said:?}");
    assert!(said.stdout.starts_with(" Time ") && !said.stdout.contains("claude-opus-4-6"), "{said:?}");
}
