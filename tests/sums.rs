//! Pre-aggregated responses and calls: reports are the same with and without them, whatever happens in between.

use crate::golden::fixtures;
use crate::prices::report;
use crate::world::{World, check_sums, lookups, response, rows_of};
use duckdb::Connection;
use sessionmill::store::lookup::{Lookup, Rows};
use sessionmill::store::{Access, Store};
use std::fs;
use std::process::Command;

/// Reports that read sums, and reports that cannot.
const REPORTS: [&[&str]; 31] = [
    &["usage", "--by", "day"],
    &["usage", "--by", "week"],
    &["usage", "--by", "day", "--timezone", "Asia/Kolkata"],
    &["usage", "--by", "hour", "--timezone", "America/St_Johns"],
    &["usage", "--by", "user"],
    &["usage", "--by", "project,model"],
    &["usage", "--by", "branch"],
    &["usage", "--by", "session"],
    &["usage", "--by", "agent"],
    &["usage", "--by", "subagent"],
    &["usage", "--by", "command"],
    &["usage", "--by", "skill"],
    &["usage", "--by", "mcp-server"],
    &["usage", "--by", "block"],
    &["usage", "--by", "tool"],
    &["usage", "--by", "tool", "--model", "claude-*"],
    &["usage", "--since", "2026-02-03", "--until", "2026-02-04"],
    &["usage", "--explain"],
    &["usage", "--by", "day", "--format", "ccusage"],
    &["usage", "--by", "session", "--format", "ccusage"],
    &["outcomes"],
    &["outcomes", "--by", "session"],
    &["outcomes", "--by", "project", "--model", "claude-*"],
    &["outcomes", "--by", "team"],
    &["errors"],
    &["errors", "--model", "claude-*"],
    &["errors", "--by", "project"],
    &["sessions"],
    &["sessions", "--order", "duration"],
    &["sessions", "--order", "date", "--limit", "3"],
    &["html", "--out", "-"],
];

fn reports(world: &World, more: &[&str]) -> Vec<String> {
    let read = |args: &&[&str]| {
        let json: &[&str] =
            if args.iter().any(|arg| ["--format", "--explain", "html"].contains(arg)) { &[] } else { &["--json"] };
        let said = world.mill(&[&["report"], *args, json, &["--no-refresh"], more].concat());
        assert_eq!(said.status, 0, "{args:?} {said:?}");
        // The time and duration of the run differ each time.
        let lines = said.stdout.lines().filter(|line| !line.contains("as_of") && !line.contains("as of "));
        format!("{args:?}\n{}", lines.collect::<Vec<_>>().join("\n"))
    };
    REPORTS.iter().map(read).collect()
}

/// Compares reports, and shows the first line that differs.
#[track_caller]
fn same(now: &[String], before: &[String]) {
    for (now, before) in now.iter().zip(before) {
        let differs = now.lines().zip(before.lines()).find(|(now, before)| now != before);
        assert!(differs.is_none() && now.len() == before.len(), "{} {differs:?}", now.lines().next().unwrap());
    }
}

fn change(world: &World, sql: &str) {
    Connection::open(world.database()).unwrap().execute_batch(sql).unwrap();
}

fn check(world: &World) {
    check_sums(&Store::open(&world.database(), Access::ReadOnly).unwrap());
}

const LEFT_BEHIND: &str = "UPDATE facts.settlements SET settings = '!' || settings
    WHERE name IN ('usage_copies', 'usage_tool_calls')";

#[test]
fn reports_say_the_same_with_sums_and_without() {
    let world = World::new();
    let root = fixtures().join("sessions");
    let run = || assert_eq!(world.mill(&["run", "--sessions", root.to_str().unwrap()]).status, 0);
    run();
    check(&world);
    let with_sums = reports(&world, &[]);
    // The sums are read only if they are up to date.
    change(&world, LEFT_BEHIND);
    change(
        &world,
        "UPDATE facts.usage_sums SET output_tokens = output_tokens + 1, responses = responses + 1;
         UPDATE facts.usage_call_sums SET calls = calls + 1, commits = commits + 1;
         UPDATE facts.usage_file_changes SET changes = changes + 9, file = file || '.bak';
         UPDATE facts.usage_notable_calls SET cause = 'timeout' WHERE cause IS NOT NULL",
    );
    same(&reports(&world, &[]), &with_sums);
    change(&world, "UPDATE facts.settlements SET settings = ltrim(settings, '!') WHERE processor_name = '(lookup)'");
    let read = reports(&world, &[]).into_iter().zip(&with_sums).filter(|(now, before)| now == *before);
    let never: Vec<_> = read.map(|(report, _)| report.lines().next().unwrap().to_owned()).collect();
    let expected = [
        r#"["usage", "--by", "block"]"#,
        r#"["usage", "--by", "tool", "--model", "claude-*"]"#,
        // Nothing recurs in the fixtures.
        r#"["errors", "--by", "project"]"#,
    ];
    assert_eq!(never, expected);

    // A database of an older version has no sums, or sums of another version.
    change(&world, "DELETE FROM facts.settlements WHERE name IN ('usage_copies', 'usage_tool_calls')");
    run();
    check(&world);
    same(&reports(&world, &[]), &with_sums);
}

#[test]
fn sums_that_a_killed_run_left_behind_are_not_shown() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "09:00:00", 7)).write("ada/b.jsonl", response("m2", "09:01:00", 9));
    let run = ["run", "usage", "--sessions", "root"];
    let output = || {
        let report = report(&world, &["--by", "user"]);
        let rows = report["rows"].as_array().unwrap().iter();
        rows.map(|row| row["output_tokens"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(world.mill(&run).status, 0);
    assert_eq!(output(), ["16"]);
    // One file has changed, and the response now belongs to the other file, which has the earlier copy.
    world.append("ada/b.jsonl", &response("m1", "09:02:00", 70));
    for point in ["after-commit", "before-sums"] {
        let said = world.mill_with(&run, &[("SESSIONMILL_FAILPOINT", &format!("kill:{point}"))]);
        assert_eq!(said.status, -9, "{point}");
        let expected = if point == "before-sums" { ["79"] } else { ["16"] };
        assert_eq!(output(), expected, "{point}");
        let due =
            "SELECT DISTINCT session_file FROM facts.changed_files WHERE facts_table = 'usage_copies' ORDER BY ALL";
        let due = world.rows(due);
        assert!(due.contains(&"ada/b.jsonl".to_owned()), "{due:?}");
    }
    assert_eq!(world.mill(&run).status, 0);
    check(&world);
    assert_eq!(output(), ["79"]);
}

#[test]
fn sums_tell_apart_the_prompts_that_a_configured_price_does() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "09:00:00", 7) + &response("m2", "09:00:01", 9));
    let run = |config: &str| {
        let args = ["run", "usage", "--sessions", "root"];
        let config: &[&str] = if config.is_empty() { &[] } else { &["--config", config] };
        assert_eq!(world.mill(&[&args[..], config].concat()).status, 0);
    };
    run("");
    fs::write(
        world.path("c.toml"),
        "[[price]]\nmodel = 'claude-*'\ninput = 1\noutput = 1\nlong = { above = 1, input = 1000000, output = 1000000 }\n",
    )
    .unwrap();
    // Sums that were made without the threshold are not read.
    let before = reports(&world, &["--config", "c.toml"]);
    let bands = "SELECT DISTINCT above FROM facts.usage_sums ORDER BY ALL";
    assert_eq!(world.rows(bands), ["0"]);
    run("c.toml");
    assert_eq!(world.rows(bands), ["1"]);
    same(&reports(&world, &["--config", "c.toml"]), &before);
}

/// As the pass makes them where they do not fit into memory at a time.
#[test]
fn rows_made_in_parts_are_those_made_at_once() {
    let world = World::new();
    let old = response("m-old", "10:00:00", 5).replace("2026-02-01", "1969-02-01");
    let copied = Command::new("cp").arg("-r").arg(fixtures().join("sessions/.")).arg(world.root()).status().unwrap();
    assert!(copied.success());
    world.write("ada/old.jsonl", old).pass();
    let store = Store::open(&world.database(), Access::ReadOnly).unwrap();
    let mut rows = 0;
    for Lookup { rows: of, .. } in lookups() {
        let Rows::ByFile(tables) = of else { continue };
        for by_file in tables {
            let mut in_parts: Vec<_> =
                (0..3).flat_map(|part| rows_of(&store, &by_file.rows_of_part("true", part, 3))).collect();
            let mut at_once = rows_of(&store, &by_file.rows("true"));
            in_parts.sort();
            at_once.sort();
            assert_eq!(in_parts, at_once, "{}", by_file.table);
            rows += at_once.len();
        }
    }
    assert!(rows > 100, "{rows}");
}
