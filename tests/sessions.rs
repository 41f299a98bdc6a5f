//! Sessions, a session step by step, and failures: as text and for programs.

use crate::html::world;
use crate::world::World;

fn said(world: &World, args: &[&str]) -> String {
    let said = world.mill(&[args, &["--no-refresh", "--timezone", "UTC"]].concat());
    assert_eq!(said.status, 0, "{said:?}");
    said.stdout
}

#[test]
fn sessions_come_the_costliest_first() {
    let world = world();
    assert_eq!(
        said(&world, &["report", "sessions"]),
        " Session   User   Project          Started            Active   Responses   Tokens   Calls   Failed     Cost
────────────────────────────────────────────────────────────────────────────────────────────────────────────
 s1        ada    /home/ada/shop   2026-02-01 10:00    5 min           2    1.00M       1        1   $25.00
 s2        bob    /home/ada/shop   2026-02-01 11:00    0 min           1       17       0        0        –
"
    );
    let first = |order: &str| {
        let args = ["report", "sessions", "--order", order, "--limit", "1"];
        said(&world, &args).lines().nth(2).unwrap()[1..3].to_owned()
    };
    let orders = ["cost", "Date", "duration", "tokens", "responses", "calls", "failed"];
    assert_eq!(orders.map(first), ["s1", "s2", "s1", "s1", "s1", "s1", "s1"]);
    // A world in which the costliest session is not the one with the most responses.
    let others = World::new();
    let of = |id: &str, session: &str, output: u64| {
        crate::world::response(id, "10:00:00", output).replace("\"s1\"", &format!("\"{session}\""))
    };
    others.write("ada/a.jsonl", of("m1", "s1", 90_000) + &of("m2", "s2", 5) + &of("m3", "s2", 5));
    assert_eq!(others.mill(&["run", "--sessions", "root"]).status, 0);
    let order = |order: &str| {
        let all = said(&others, &["report", "sessions", "--order", order, "--csv"]);
        all.lines().skip(1).map(|line| line[..2].to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(["cost", "responses", "calls"].map(order), ["s1 s2", "s2 s1", "s1 s2"]);
    let csv = said(&world, &["report", "sessions", "--limit", "1", "--format", "csv"]);
    assert_eq!(
        csv,
        "session,user,project,begun,ended,active_seconds,responses,total_tokens,cost_usd,calls,errors,models,file,line,\
         title,title_source,prompts,turns,compactions,interruptions,rejections,lines_added,lines_removed,files_changed,\
         commits,pull_requests,test_runs,failed_test_runs\n\
         s1,ada,/home/ada/shop,2026-02-01T10:00:00Z,2026-02-01T10:05:00Z,300,2,1000115,25.00027,1,1,\
         \"[\"\"claude-opus-4-6\"\"]\",ada/a.jsonl,1,,,0,0,0,0,0,0,0,0,0,0,0,0\n"
    );
}

#[test]
fn a_session_is_shown_step_by_step_with_its_lines() {
    let world = world();
    assert_eq!(
        said(&world, &["session", "s1"]),
        " Time                  What                Input      Output   Cache write   Cache read     Cost   Line
────────────────────────────────────────────────────────────────────────────────────────────────────────
 2026-02-01 10:00:00   claude-opus-4-6        10           5             0            0   <$0.01   1
 2026-02-01 10:05:00   claude-opus-4-6        10   1,000,000             0           90   $25.00   2
 2026-02-01 10:05:00     Bash failed: no                                                           2

Total  $25.00, 1.00M tokens, 2 responses
       0 prompts, 1 call, 1 failed; 0 interruptions, 0 rejections
"
    );
    assert_eq!(
        said(&world, &["session", "s1", "--format", "csv"]),
        "time,user,kind,model,tool,failed,cause,error,input_tokens,output_tokens,cache_creation_input_tokens,\
         cache_read_input_tokens,cost_usd,file,line,subagent,context_tokens\n\
         2026-02-01T10:00:00Z,ada,response,claude-opus-4-6,,,,,10,5,0,0,0.000175,ada/a.jsonl,1,,10\n\
         2026-02-01T10:05:00Z,ada,response,claude-opus-4-6,,,,,10,1000000,0,90,25.000095,ada/a.jsonl,2,,100\n\
         2026-02-01T10:05:00Z,ada,tool_use,,Bash,true,exit,no,,,,,,ada/a.jsonl,2,,\n"
    );
}

#[test]
fn tokens_and_cost_of_a_session_are_shown_at_every_usual_width() {
    let world = world();
    let long = "0198c2aa-5e55-4a00-8000-000000000000";
    let line = |minute: &str, output| crate::world::response(minute, &format!("10:{minute}:00"), output);
    let lines = (line("00", 5) + &line("07", 123_456)).replace("\"s1\"", &format!("\"{long}\""));
    world.write(&format!("carol/-home-carol-work-a-long-name/{long}.jsonl"), lines);
    assert_eq!(world.mill(&["run"]).status, 0);
    let args = ["session", "0198", "--no-refresh", "--timezone", "UTC"];
    let said = world.mill_with(&args, &[("COLUMNS", "80")]);
    let table = " Time       What              Input   Output   Cache   Cache     Cost   Line
                                               write    read
─────────────────────────────────────────────────────────────────────────────
 10:00:00   claude-opus-4-6      10        5       0       0   <$0.01   1
 10:07:00   claude-opus-4-6      10     123k       0       0    $3.09   2

Total  $3.09, 123k tokens, 2 responses
       0 prompts, 0 calls, 0 failed; 0 interruptions, 0 rejections
";
    assert_eq!((said.status, &*said.stdout), (0, table));
    let file = format!("lines of\n  carol/-home-carol-work-a-long-name/{long}.jsonl");
    assert_eq!(said.stderr, format!("session {long}, 2026-02-01, {file}\n"));
    assert_eq!(world.terminal(80, &args, &[]).stdout, said.stderr + table);
    let said = world.mill_with(&args, &[("COLUMNS", "120")]);
    let header: Vec<_> = said.stdout.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header.join(" "), "Time What Input Output Cache write Cache read Cost Line");
    assert!(said.stdout.lines().all(|line| line.chars().count() <= 120), "{}", said.stdout);

    // If a session is on two days, times include the day.
    world.append(
        &format!("carol/-home-carol-work-a-long-name/{long}.jsonl"),
        &line("09", 7).replace("\"s1\"", &format!("\"{long}\"")).replace("2026-02-01", "2026-02-02"),
    );
    assert_eq!(world.mill(&["run"]).status, 0);
    let said = world.mill_with(&args, &[("COLUMNS", "85")]);
    assert!(
        said.stdout.contains("\n 02-01 10:07:00 ") && said.stdout.contains("\n 02-02 10:09:00 "),
        "{}",
        said.stdout
    );
    assert!(said.stderr.starts_with(&format!("session {long}, lines of\n")), "{}", said.stderr);
    let sessions = world.mill_with(&["report", "sessions", "--no-refresh"], &[("COLUMNS", "80")]).stdout;
    let header: Vec<_> = sessions.lines().next().unwrap().split_whitespace().collect();
    assert!(header.contains(&"Active") && header.contains(&"Cost"), "{sessions}");
    assert!(!header.contains(&"Calls"), "{sessions}");
    // The column that the list is sorted by is shown.
    let ordered = ["report", "sessions", "--no-refresh", "--order", "calls"];
    let ordered = world.mill_with(&ordered, &[("COLUMNS", "80")]).stdout;
    assert!(ordered.lines().next().unwrap().contains("Calls"), "{ordered}");
}

const WHOLE: &str = "sessionmill: a session is shown whole and in order of time: leave out the other choices\n";

#[test]
fn a_session_is_found_by_the_beginning_of_its_id_if_that_is_its_alone() {
    let world = world();
    for (args, stderr) in [
        (
            ["session", "x", "--no-refresh"],
            "sessionmill: no session `x`\n  hint: `sessionmill report sessions` shows them\n",
        ),
        (["session", "s", "--no-refresh"], "sessionmill: 2 sessions begin with `s`\n  hint: `s1`, `s2`\n"),
        (["session", "s1", "--user=ada"], WHOLE),
        (["session", "s1", "--order=cost"], WHOLE),
    ] {
        let said = world.mill(&args);
        assert_eq!((said.status, said.stderr.ends_with(stderr)), (64, true), "{said:?}");
    }
    assert!(said(&world, &["session"]).starts_with(" Session   Responses "));
}

#[test]
fn what_failed_is_told_by_kind() {
    let world = world();
    assert_eq!(
        said(&world, &["report", "errors"]),
        " Kind                     What                 Count   Of     Cost   First seen   Example
──────────────────────────────────────────────────────────────────────────────────────────
 failed calls             Bash                     1    1   $25.00
 unsuccessful calls       the command failed       1    1   $25.00   2026-02-01   no
 lines that are no JSON   ada/a.jsonl              1
 no price                 claude-opus-99           1
"
    );
    let of_bob = said(&world, &["report", "errors", "--user", "bob", "--format", "csv"]);
    assert_eq!(of_bob, "kind,what,count,of,cost_usd,first_seen,example\nunpriced,claude-opus-99,1,,,,\n");
}

#[test]
fn a_screen_gets_the_first_rows_of_each_kind_of_error() {
    let world = World::new();
    for number in 10..22 {
        world
            .write(&format!("ada/{number}.jsonl"), crate::world::response(&number.to_string(), "10:00:00", 5) + "no\n");
    }
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let args = ["report", "errors", "--period", "all"];
    let shown = world.terminal(120, &args, &[]).stdout;
    assert!(shown.starts_with("note: 10 of 12 rows of lines that are no JSON; --limit N shows more\n"), "{shown}");
    let rows = |shown: &str| shown.lines().filter(|line| line.contains("ada/")).count();
    assert_eq!([rows(&shown), rows(&said(&world, &args))], [10, 12]);
    assert_eq!(rows(&world.terminal(120, &[&args[..], &["--limit", "11"]].concat(), &[]).stdout), 11);
}

/// Unknown record types are reported for the requested days and people.
#[test]
fn unknown_types_of_lines_are_those_of_the_days() {
    let world = World::new();
    let strange = |day: &str| {
        let response = crate::world::response("m", "10:00:00", 5)
            .replace("2026-02-01", day)
            .replace("\"m\"", &format!("\"{day}\""));
        response
            + &format!(
                "{{\"type\":\"riddle\",\"uuid\":\"{day}\",\"timestamp\":\"{day}T10:00:01Z\",\"sessionId\":\"s\"}}\n"
            )
    };
    world.write("ada/a.jsonl", strange("2026-02-01")).write("bob/b.jsonl", strange("2026-03-01"));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let lines = |args: &[&str]| {
        let said = said(&world, &[&["report", "errors", "--format", "csv"], args].concat());
        said.lines().find(|line| line.starts_with("unknown_line,")).map(str::to_owned)
    };
    let of = |number: u32| Some(format!("unknown_line,riddle,{number},,,,"));
    assert_eq!(lines(&[]), of(2));
    assert_eq!(lines(&["--period", "2026-02"]), of(1));
    assert_eq!(lines(&["--user", "bob"]), of(1));
    assert_eq!(lines(&["--user", "bob", "--period", "2026-02"]), None);
}

#[test]
fn what_came_before_the_first_prompt_is_a_row_of_its_own() {
    let world = World::new();
    let response = |id: &str, time: &str| crate::world::response(id, time, 5);
    let prompt = "{\"type\":\"user\",\"uuid\":\"u1\",\"sessionId\":\"s1\",\"timestamp\":\"2026-02-01T10:02:00Z\",\
                  \"message\":{\"role\":\"user\",\"content\":\"Oil the mill with token=abc1234\"}}\n";
    world.write("ada/a.jsonl", response("m1", "10:00:00") + prompt + &response("m2", "10:05:00"));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let json: serde_json::Value = serde_json::from_str(&said(&world, &["session", "s1", "--json"])).unwrap();
    let row = |row: &serde_json::Value| {
        ["time", "prompt", "responses", "active_seconds"].map(|name| row[name].to_string()).join(" ")
    };
    assert_eq!(
        json["by_prompt"].as_array().unwrap().iter().map(row).collect::<Vec<_>>(),
        ["null null 1 120", "\"2026-02-01T10:02:00Z\" \"Oil the mill with token=[masked]\" 1 180"]
    );
    let shown = said(&world, &["session", "s1"]);
    assert!(shown.contains("(before the first prompt)"), "{shown}");
}

/// A prompt that only agrees can be the costliest, and its words are not stored.
#[test]
fn a_prompt_that_goes_on_is_told_by_the_one_before() {
    let world = World::new();
    let prompt = |number: u32, text: &str| {
        format!(
            "{{\"type\":\"user\",\"uuid\":\"u{number}\",\"sessionId\":\"s1\",\"timestamp\":\"2026-02-01T10:0{number}:00Z\",\
             \"message\":{{\"role\":\"user\",\"content\":\"{text}\"}}}}\n"
        )
    };
    let said_by = ["hello", "ok", "Oil the mill", "yes, continue", "Sweep it"];
    let lines = said_by.iter().zip(1..).map(|(text, number)| {
        prompt(number, text) + &crate::world::response(&format!("m{number}"), &format!("10:0{number}:30"), 5)
    });
    world.write("ada/a.jsonl", lines.collect::<String>());
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let shown = said(&world, &["session", "s1", "--prompts"]);
    let words = |line: &str| line.split("   ").nth(1).unwrap_or_default().trim().to_owned();
    let rows: Vec<_> = shown.lines().skip(2).take(5).map(words).collect();
    assert_eq!(rows, ["hello", "–", "Oil the mill", "(goes on) Oil the mill", "Sweep it"], "{shown}");
    let json: serde_json::Value = serde_json::from_str(&said(&world, &["session", "s1", "--json"])).unwrap();
    let words = json["by_prompt"].as_array().unwrap().iter().map(|row| row["prompt"].as_str());
    assert_eq!(words.collect::<Vec<_>>(), [None, None, Some("Oil the mill"), None, Some("Sweep it")]);
}

#[test]
fn a_screen_gets_the_first_sessions_and_programs_get_all() {
    let world = World::new();
    let line = |number: usize| {
        let line = crate::world::response(&format!("m{number}"), "10:00:00", 5);
        line.replace("\"s1\"", &format!("\"session-{number}\""))
    };
    world.write("ada/a.jsonl", (0..21).map(line).collect::<String>());
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let args = ["report", "sessions", "--period", "all", "--no-refresh"];
    assert_eq!(said(&world, &args[..2]).lines().count(), 2 + 21);
    assert_eq!(said(&world, &["report", "sessions", "--format", "csv"]).lines().count(), 1 + 21);
    let shown = world.terminal(80, &args, &[]).stdout;
    assert!(shown.starts_with("note: 20 of 21 sessions, the costliest first; --limit N shows more\n"), "{shown}");
    assert!(!shown.contains(" User "), "all are of one person: {shown}");
}

#[test]
fn a_session_without_a_prompt_is_called_after_its_command() {
    let world = World::new();
    let command = "{\"type\":\"user\",\"uuid\":\"u1\",\"sessionId\":\"s1\",\"timestamp\":\"2026-02-01T09:59:00Z\",\
                   \"message\":{\"role\":\"user\",\"content\":\"<command-name>/review</command-name>\"}}\n";
    world.write("ada/a.jsonl", command.to_owned() + &crate::world::response("m1", "10:00:00", 5));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let json: serde_json::Value = serde_json::from_str(&said(&world, &["report", "sessions", "--json"])).unwrap();
    assert_eq!((&json[0]["title"], &json[0]["title_source"]), (&"/review".into(), &"command".into()));
}
