//! The real binary: wiring, messages, exit codes.

use crate::world::{Said, World, response};
use duckdb::Connection;
use sessionmill::plugs::PLUGS;
use sessionmill_contract::Processor;

fn world() -> World {
    let world = World::new();
    world
        .write("ada/a.jsonl", response("m1", "10:00:00", 5) + &response("m2", "23:30:00", 6))
        .write("bob/b.jsonl", response("m3", "10:00:00", 1000).replace("opus-4-6", "sonnet-4-6"));
    world
}

/// What the first run of that world prints, and what later runs print.
const MADE: &str = "usage: 2 files, 2 changed; 3 items from 722 B ([n] ms)
verification: 2 files, 2 changed; 0 items from 722 B ([n] ms)
tasks: 2 files, 2 changed; 0 items from 722 B ([n] ms)
tracking: 2 files, 2 changed; 3 items from 722 B ([n] ms)
";
const UNCHANGED: &str = "usage, verification, tasks, tracking: 2 files, 0 changed ([n] ms)\n";

fn run(world: &World) -> Said {
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, 0, "{said:?}");
    said
}

/// The text without durations, which are milliseconds, or seconds on a busy machine.
fn timeless(text: &str) -> String {
    let (mut timeless, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('(') {
        let (inside, beyond) = after.split_once(')').unwrap_or((after, ""));
        let took = inside.split_once(' ').filter(|(n, unit)| n.parse::<f64>().is_ok() && ["ms", "s"].contains(unit));
        timeless += before;
        if took.is_some() {
            timeless += "([n] ms)";
            rest = beyond;
        } else {
            timeless += "(";
            rest = after;
        }
    }
    timeless + rest
}

#[test]
fn a_run_says_what_it_did() {
    let world = world();
    let said = run(&world);
    assert_eq!(timeless(&said.stdout), MADE);
    assert_eq!(
        said.stderr,
        "sessions: [world]/root (users layout, from --sessions)\ndatabase: [world]/data/mill.duckdb\n"
    );
    assert_eq!(timeless(&run(&world).stdout), UNCHANGED);
}

#[test]
fn what_cannot_be_meant_is_refused_with_a_way_out() {
    let world = world();
    run(&world);
    let said = world.mill(&["report", "--since", "2026-02-02", "--until", "2026-02-01"]);
    let expected = "sessionmill: there is no day from 2026-02-02 until 2026-02-01\n  \
                    hint: --since is the first day, --until the last\n";
    assert_eq!((said.status, &*said.stderr), (64, expected));
    // Nothing is read before the error.
    let new = World::new();
    new.write("ada/a.jsonl", "{}\n");
    let said = new.mill(&["report", "--sessions", "root", "--since", "2026-02-02", "--until", "2026-02-01"]);
    assert_eq!((said.status, said.stderr.ends_with(expected), new.database().exists()), (64, true, false), "{said:?}");
    assert_eq!(world.mill(&["run", "--max-sessions", "0"]).status, 64);
    for (args, value, expected) in [
        (&["report", "--since", "tomorrow"][..], "DAY", "today, yesterday, 7d, 4w, "),
        (&["daily", "--until", "2026-13-01"], "DAY", "today, yesterday, 7d, 4w, "),
        (&["prices", "show", "m", "--at", "1.2.2026"], "DATE", "a day such as 2026-02-01\n"),
    ] {
        let said = world.mill(args);
        let [.., flag, day] = args else { panic!() };
        let expected = format!("error: invalid value '{day}' for '{flag} <{value}>': expected {expected}");
        assert!(said.status == 64 && said.stderr.starts_with(&expected), "{said:?}");
    }
    // A period has a first and a last day, in every spelling.
    let days = |args: &[&str]| {
        let said = world.mill(&[&["report", "--by", "day", "--no-refresh", "--csv"], args].concat());
        (said.status, said.stdout.lines().count())
    };
    assert_eq!(days(&["--since", "2026-02", "--until", "2026-W05"]), (0, 2));
    assert_eq!(days(&["--since", "2026-02", "--until", "2026-01"]), (64, 0));
    let errors = world.mill(&["errors"]);
    let tip = "\n  tip: a report has that name: sessionmill report errors\n";
    assert!(errors.status == 64 && errors.stderr.contains(tip), "{errors:?}");
    let source = |name: &str, path: &str| format!("[[source]]\nname = \"{name}\"\npath = \"{path}\"\n");
    let root = world.root();
    let root = root.to_str().unwrap();
    std::fs::write(world.path("c.toml"), source("all", root) + &source("one", &format!("{root}/ada"))).unwrap();
    let said = world.mill(&["run", "--config", "c.toml"]);
    let expected = "sessionmill: cannot read the configuration `c.toml`: line 5: source `one` is inside `all` and would be counted twice\n";
    assert_eq!((said.status, &*said.stderr), (78, expected));
}

/// An option or name of another command gives a hint that names the command.
#[test]
fn what_another_command_takes_is_told_with_that_command() {
    let world = World::new();
    for (args, tip) in [
        (&["prices", "opus"][..], "another command takes this: sessionmill prices show opus"),
        (&["tasks", "t-1"], "another command takes this: sessionmill tasks show t-1"),
        (&["knowledge", "--no-refresh", "kv_1"], "another command takes this: sessionmill knowledge show kv_1"),
        (&["report", "sessions", "258c"], "another command takes this: sessionmill session 258c"),
        (&["report", "tasks", "t-1"], "another command takes this: sessionmill tasks show t-1"),
        (
            &["config", "--config", "c.toml"],
            "--config is an option of another command: sessionmill config show, sessionmill config check",
        ),
        (
            &["tasks", "--by", "type"],
            "--by is an option of another command: sessionmill report tasks, sessionmill tasks remove, sessionmill tasks purge",
        ),
        (&["report", "sessions", "--by=user"], "--by is an option of another command: sessionmill report"),
        (&["prices", "--at", "2026-02-01"], "--at is an option of another command: sessionmill prices show"),
        (
            &["report", "--no-refresh", "errors"],
            "options come after the command: sessionmill report errors --no-refresh",
        ),
        (
            &["--timezone", "UTC", "report", "usage", "--by", "day"],
            "options come after the command: sessionmill report usage --by day --timezone UTC",
        ),
        // A typo gets a suggestion with a similar spelling.
        (&["tasks", "shwo"], "a similar subcommand exists: 'show'"),
        (&["report", "errors", "--limt", "3"], "a similar argument exists: '--limit'"),
    ] {
        let said = world.mill(args);
        let told = said.stderr.lines().filter(|line| line.starts_with("  tip: ")).collect::<Vec<_>>();
        assert_eq!((said.status, told), (64, vec![&*format!("  tip: {tip}")]), "{args:?}: {}", said.stderr);
    }
    // What no command takes gets no hint. A command that changes something takes other names.
    for args in
        [&["report", "errors", "--colour"][..], &["console", "sessions", "cleanup"], &["console", "user", "xq-7"]]
    {
        let said = world.mill(args);
        assert!(said.status == 64 && !said.stderr.contains("tip:"), "{said:?}");
    }
}

#[test]
fn a_run_as_json_has_every_counter() {
    let world = world();
    let said = world.mill(&["run", "usage", "--sessions", "root", "--json"]);
    let mut json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    json["processors"][0]["elapsed_ms"] = 0.into();
    let expected = serde_json::json!({"processors": [{
        "processor": "usage", "files": 2, "unchanged": 0, "scanned": 2, "processed": 2, "skipped": 0, "touched": 0,
        "deferred": 0, "rejected": 0, "errors": 0, "items_extracted": 3, "malformed_lines": 0, "bytes_read": 722,
        "elapsed_ms": 0, "errors_detail": [], "rejected_detail": [], "deferred_detail": [], "deferred_reasons": [], "unsettled_keys": 0,
        "dropped": 0, "dropped_detail": [],
    }], "stopped": false, "alarms": [], "warnings": []});
    assert_eq!(json, expected);
}

#[test]
fn a_report_is_a_table_for_people() {
    let world = world();
    run(&world);
    let said = world.mill(&["report", "--by", "user"]);
    assert_eq!(
        said.stdout,
        " User    Responses   Input   Output   Cache write   Cache read   Total     Cost
────────────────────────────────────────────────────────────────────────────────
 bob             1      10    1,000             0            0   1,010    $0.02
 ada             2      20       11             0            0      31   <$0.01
────────────────────────────────────────────────────────────────────────────────
 Total           3      30    1,011             0            0   1,041    $0.02
"
    );
}

#[test]
fn a_report_is_json_and_csv_for_programs() {
    let world = world();
    run(&world);
    let said = world.mill(&["report", "--by", "day", "--timezone", "Europe/Berlin", "--no-refresh", "--json"]);
    let mut json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(json["as_of"].as_str().unwrap().ends_with('Z'), "{json}");
    json["as_of"] = "now".into();
    let row = |day: &str, responses: u64, input: u64, output: u64, cost: f64| {
        let mut row = serde_json::json!({
            "day": day, "responses": responses, "input_tokens": input, "output_tokens": output, "reasoning_output_tokens": 0,
            "cache_creation_input_tokens": 0, "cache_creation_1h_input_tokens": 0, "cache_read_input_tokens": 0,
            "total_tokens": input + output, "cost_usd": cost, "reported_cost_usd": null,
        });
        if day.is_empty() {
            row.as_object_mut().unwrap().remove("day");
        }
        row
    };
    let expected = serde_json::json!({
        "by": "day", "as_of": "now", "pending": 0,
        "rows": [row("2026-02-01", 2, 20, 1005, 0.015205), row("2026-02-02", 1, 10, 6, 0.0002)],
        "totals": row("", 3, 30, 1011, 0.015405), "unpriced": [], "cache_saved_usd": 0.0,
    });
    assert_eq!(json, expected);
    let said = world.mill(&["report", "--by", "model", "--no-refresh", "--format", "csv"]);
    assert_eq!(
        said.stdout,
        "model,responses,input_tokens,output_tokens,reasoning_output_tokens,cache_creation_input_tokens,cache_creation_1h_input_tokens,\
         cache_read_input_tokens,total_tokens,cost_usd,reported_cost_usd\n\
         claude-sonnet-4-6,1,10,1000,0,0,0,0,1010,0.01503,\nclaude-opus-4-6,2,20,11,0,0,0,0,31,0.000375,\n"
    );
}

#[test]
fn filters_take_their_part() {
    let world = world();
    run(&world);
    let total = |args: &[&str]| {
        let said = world.mill(&[&["report", "--no-refresh", "--json"], args].concat());
        let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        json["totals"]["output_tokens"].as_u64().unwrap()
    };
    assert_eq!(total(&[]), 1011);
    assert_eq!(total(&["--user", "ada"]), 11);
    assert_eq!(total(&["--model", "claude-sonnet-4-6"]), 1000);
    assert_eq!(total(&["--project", "/home/ada/shop"]), 1011);
    assert_eq!(total(&["--since", "2026-02-02"]), 0);
    assert_eq!(total(&["--until", "2026-02-01"]), 1011);
    assert_eq!(total(&["--until", "2026-01-31"]), 0);
    assert_eq!(total(&["--since", "2026-02-02", "--timezone", "Asia/Tokyo"]), 6);
    let said = world.mill(&["report", "--no-refresh", "--user", "aba"]);
    assert_eq!((said.status, &*said.stdout), (64, ""));
    assert_eq!(said.stderr, "sessionmill: unknown user `aba`; known: `ada`, `bob`\n  hint: did you mean `ada`?\n");
    for (args, output, stderr) in [
        (["--model", "opus*"], 11, "note: model `opus*` is `claude-opus-4-6`\n"),
        (["--model", "sonnet"], 1000, "note: model `sonnet` is `claude-sonnet-4-6`\n"),
        (["--model", "claude-*"], 1011, "note: model `claude-*` is `claude-opus-4-6`, `claude-sonnet-4-6`\n"),
        (["--project", "shop"], 1011, "note: project `shop` is `/home/ada/shop`\n"),
        (["--user", "b"], 1000, "note: user `b` is `bob`\n"),
    ] {
        let said = world.mill(&[&["report", "--no-refresh", "--json"], &args[..]].concat());
        let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!((json["totals"]["output_tokens"].as_u64(), &*said.stderr), (Some(output), stderr), "{args:?}");
    }
}

#[test]
fn tools_are_reported_by_name() {
    let world = World::new();
    let call = |id: &str, tool: &str| {
        format!(
            r#"{{"type":"assistant","sessionId":"s1","message":{{"role":"assistant","content":[{{"type":"tool_use","id":"{id}","name":"{tool}"}}]}}}}"#
        )
    };
    let result = r#"{"type":"user","sessionId":"s1","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t2","is_error":true}]}}"#;
    world.write("ada/a.jsonl", [call("t1", "Bash"), call("t2", "Bash"), call("t3", "Read"), result.into()].join("\n"));
    run(&world);
    let said = world.mill(&["report", "--by", "tool", "--format", "csv", "--no-refresh"]);
    assert_eq!(said.stdout, "tool,calls,errors,error_share,sessions\nBash,2,1,0.500,1\nRead,1,0,0.000,1\n");
    let said = world.mill(&["report", "--by", "tool", "--json", "--no-refresh"]);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(json["totals"], serde_json::json!({"calls": 3, "errors": 1, "error_share": 0.333, "sessions": 1}));
}

#[test]
fn a_report_refreshes_itself() {
    let world = world();
    run(&world);
    world.append("ada/a.jsonl", &response("m9", "11:00:00", 100));
    let output = |said: Said| {
        serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap()["totals"]["output_tokens"].clone()
    };
    assert_eq!(output(world.mill(&["daily", "--json", "--no-refresh"])), 1011);
    let said = world.mill(&["daily", "--json"]);
    assert_eq!(said.stderr, "", "where it reads is said by a run, and where something new is found");
    assert_eq!(output(said), 1111);
    assert_eq!(output(world.mill(&["monthly", "--json", "--no-refresh"])), 1111);
}

#[test]
fn a_report_that_is_made_is_done_whatever_failed_on_the_way() {
    let world = world();
    run(&world);
    // A root that is suddenly empty is an alarm.
    std::fs::rename(world.root(), world.path("elsewhere")).unwrap();
    std::fs::create_dir(world.root()).unwrap();
    let said = world.mill(&["report", "--by", "user", "--format", "csv"]);
    assert!(said.stderr.contains("\n  alarm: "), "{said:?}");
    assert_eq!((said.status, said.stdout.lines().count()), (0, 3), "{said:?}");
    assert_eq!(world.mill(&["run"]).status, 1);
}

#[test]
fn who_has_no_database_is_told_a_way_to_one() {
    let world = world();
    let said = world.mill(&["status", "--database", "root"]);
    let expected = "sessionmill: `[world]/root` is a folder, and the database is a file\n  \
                    hint: name a file: --database [world]/root/sessionmill.duckdb\n";
    assert_eq!((said.status, &*said.stderr), (2, expected));
    let said = world.mill(&["status"]);
    assert!(
        said.stderr.ends_with("make it with `sessionmill run`, or name another one with --database FILE\n"),
        "{said:?}"
    );
    std::fs::create_dir(world.path("closed")).unwrap();
    std::fs::set_permissions(world.path("closed"), std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    let closed = "sessionmill: cannot make `[world]/closed/data`: permission denied\n  \
                  hint: name a database you may write with --database FILE\n";
    // A report does not create a folder: its database exists, or its path is wrong.
    let missing = "sessionmill: there is no folder `[world]/closed/data`\n  \
                   hint: correct --database, or make a database there with `sessionmill run`\n";
    for (command, expected) in [("report", missing), ("run", closed)] {
        let args = [command, "--sessions", "root", "--database", "closed/data/mill.duckdb"];
        let Some(said) = world.mill_unprivileged(&args, &[]) else { return };
        assert!(said.status == 2 && said.stderr.ends_with(expected), "{said:?}");
    }
}

#[test]
fn days_are_those_of_the_zone_that_is_named_nearest() {
    let world = world();
    run(&world);
    std::fs::write(world.path("mill.toml"), "timezone = \"Asia/Kathmandu\"\n").unwrap();
    let days = |zone: &str, args: &[&str]| {
        let args = [&["report", "--format", "csv", "--no-refresh"], args].concat();
        let said = world.mill_with(&args, &[("TZ", zone)]);
        assert_eq!(said.status, 0, "{said:?}");
        let day = |line: &str| line.split(',').next().unwrap_or_default().to_owned();
        said.stdout.lines().skip(1).map(day).collect::<Vec<_>>()
    };
    assert_eq!(days("Pacific/Auckland", &[]), ["2026-02-01", "2026-02-02"]);
    assert_eq!(days(":/usr/share/zoneinfo/America/Los_Angeles", &[]), ["2026-02-01"]);
    assert_eq!(days("America/Los_Angeles", &["--config", "mill.toml"]), ["2026-02-01", "2026-02-02"]);
    assert_eq!(days("America/Los_Angeles", &["--config", "mill.toml", "--timezone", "UTC"]), ["2026-02-01"]);
    let said = world.mill_with(&["report"], &[("TZ", "Europe/Berln")]);
    let expected = "sessionmill: cannot use `TZ`: unknown time zone `Europe/Berln`\n  hint: IANA names, such as \
                    `Europe/Berlin`; --timezone and `timezone` in the configuration count more\n";
    assert_eq!((said.status, &*said.stdout, &*said.stderr), (78, "", expected));
}

#[test]
fn a_terminal_gets_what_was_asked_for_and_nothing_else() {
    let world = world();
    run(&world);
    let said = world.terminal(80, &["query", "SELECT 1 AS one"], &[]);
    assert_eq!((said.status, &*said.stdout), (0, " one\n─────\n   1\n"));
}

#[test]
fn an_empty_root_is_all_zeros() {
    let world = World::new();
    assert_eq!(timeless(&run(&world).stdout), "usage, verification, tasks, tracking: 0 files, 0 changed ([n] ms)\n");
    assert_eq!(world.mill(&["report"]).stdout, "nothing to report\n");
}

#[test]
fn roots_that_cannot_be_meant_are_refused_with_a_way_out() {
    let world = world();
    let said = world.mill(&["run", "--sessions", "root/ada"]);
    assert_eq!((said.status, said.stdout.as_str()), (64, ""));
    assert!(
        said.stderr.ends_with(
            "sessionmill: `[world]/root/ada` holds transcripts itself, where the users' folders should be\n  \
             hint: one level up: --sessions [world]/root\n"
        ),
        "{}",
        said.stderr
    );
    let said = world.mill(&["run", "--sessions", "nowhere"]);
    assert_eq!(said.status, 2);
    assert!(
        said.stderr.contains("cannot read `[world]/nowhere`: there is no such file or folder\n  hint: "),
        "{}",
        said.stderr
    );
    let said = world.mill(&["run"]);
    assert_eq!(said.status, 2);
    assert!(said.stderr.contains("no transcripts: "), "{}", said.stderr);
}

#[test]
fn a_database_refuses_another_root_until_it_is_adopted() {
    let world = world();
    run(&world);
    std::fs::rename(world.root(), world.path("moved")).unwrap();
    let said = world.mill(&["run", "--sessions", "moved"]);
    assert_eq!(said.status, 2);
    assert!(
        said.stderr.contains("the database is made of `[world]/root`, not of `[world]/moved`\n  hint: "),
        "{}",
        said.stderr
    );
    let said = world.mill(&["run", "--sessions", "moved", "--adopt"]);
    assert_eq!((said.status, timeless(&said.stdout).as_str()), (0, UNCHANGED));
    assert_eq!(world.mill(&["run", "--sessions", "moved"]).status, 0);
}

#[test]
fn a_laptop_needs_no_flags() {
    let world = World::new();
    let folder = world.path("home/.claude/projects/-home-ada-shop");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("s1.jsonl"), response("m1", "10:00:00", 5)).unwrap();
    let said = world.mill(&["report", "--by", "user", "--format", "csv"]);
    assert_eq!(said.stdout.lines().nth(1), Some("tester,1,10,5,0,0,0,0,15,0.000175,"), "{said:?}");
    assert_eq!(world.rows("SELECT session_file FROM session_files"), ["tester/-home-ada-shop/s1.jsonl"]);
    let said = world.mill_with(&["run", "--database", "other.duckdb"], &[("SESSION_DATA_DIR", "root")]);
    assert!(said.stderr.contains("[world]/root (users layout, from SESSION_DATA_DIR)"), "{said:?}");
}

#[test]
fn a_database_in_the_place_of_another_knows_its_own_root() {
    let world = World::new();
    for root in ["one", "two"] {
        world.write(&format!("../{root}/ada/a.jsonl"), "");
        // A new database has all of its content in the file.
        assert_eq!(world.mill_with(&["run", "--sessions", root], &[]).status, 0);
        std::fs::rename(world.database(), world.path(root).join("mill.duckdb")).unwrap();
        let _ = std::fs::remove_file(world.path("data/mill.duckdb.wal"));
    }
    std::fs::rename(world.path("one/mill.duckdb"), world.database()).unwrap();
    let said = world.mill(&["run"]);
    let refused = "sessionmill: the database is made of `[world]/one`, not of `[world]/two`
  hint: another database has taken its place: run it again\n";
    assert!(said.status == 2 && said.stderr.ends_with(refused), "{said:?}");
    let said = world.mill(&["run"]);
    assert!(said.status == 0 && said.stderr.starts_with("sessions: [world]/one (users layout, from the database)\n"));
}

#[test]
fn a_configuration_names_several_sources() {
    let world = world();
    let other = world.path("laptop");
    std::fs::create_dir_all(other.join("-p")).unwrap();
    std::fs::write(other.join("-p/s.jsonl"), response("m9", "10:00:00", 5)).unwrap();
    std::fs::create_dir_all(world.root().join("tester/-p")).unwrap();
    world.write("tester/-p/s.jsonl", response("m8", "10:00:00", 5));
    let config = "[[source]]\nname = \"team\"\npath = \"root\"\n\n[[source]]\nname = \"mine\"\npath = \"laptop\"\nlayout = \"claude-projects\"\n";
    std::fs::write(world.path("mill.toml"), config).unwrap();
    let said = world.mill(&["run", "--config", "mill.toml"]);
    assert_eq!(
        timeless(&said.stdout),
        "usage: 4 files, 3 changed, 1 rejected; 4 items from 960 B ([n] ms)\n  \
         rejected `tester/-p/s.jsonl`: another source has a file of this name\n\
         verification: 4 files, 3 changed, 1 rejected; 0 items from 960 B ([n] ms)\n  \
         rejected `tester/-p/s.jsonl`: another source has a file of this name\n\
         tasks: 4 files, 3 changed, 1 rejected; 0 items from 960 B ([n] ms)\n  \
         rejected `tester/-p/s.jsonl`: another source has a file of this name\n\
         tracking: 4 files, 3 changed, 1 rejected; 4 items from 960 B ([n] ms)\n  \
         rejected `tester/-p/s.jsonl`: another source has a file of this name\n"
    );
    std::fs::write(world.path("mill.toml"), "timezon = \"UTC\"\n").unwrap();
    let said = world.mill(&["run", "--config", "mill.toml"]);
    let wrong = "sessionmill: cannot read the configuration `mill.toml`: line 1: unknown key `timezon`\n";
    assert_eq!((said.status, said.stderr), (78, format!("{wrong}  hint: did you mean `timezone`?\n")));
    std::fs::write(world.path("mill.toml"), "timezon = \"UTC\"\n[daemon]\ntick = 5\nwach = true\n").unwrap();
    let said = world.mill(&["run", "--config", "mill.toml"]);
    let hint = "  hint: did you mean `timezone`?; `sessionmill config check` explains 2 mistakes more\n";
    assert_eq!((said.status, said.stderr), (78, format!("{wrong}{hint}")));
}

#[test]
fn variables_of_the_older_program_are_checked_before_anything_is_done() {
    let world = world();
    for name in [
        "SCHEDULER_TICK_SECONDS",
        "SCHEDULER_USAGE_PROCESSOR_INTERVAL",
        "SCHEDULER_VERIFICATION_DETECTOR_INTERVAL",
        "SESSION_PROCESSOR_MAX_PER_RUN",
    ] {
        for value in ["0", "-5", "often"] {
            let said = world.mill_with(&["run", "--sessions", "root"], &[(name, value)]);
            let expected = format!("sessionmill: cannot use `{name}`: `{value}` is not a whole number above 0\n");
            assert_eq!((said.status, said.stderr), (78, expected));
        }
    }
    assert!(!world.database().exists());
}

#[test]
fn unknown_names_are_told_with_the_known_ones_and_the_nearest() {
    let world = world();
    let said = world.mill(&["run", "usge", "--sessions", "root"]);
    assert_eq!((said.status, said.stdout.as_str()), (64, ""));
    assert_eq!(
        said.stderr,
        "sessionmill: unknown processor `usge`; known: `usage`, `verification`, `tasks`, `tracking`\n  hint: did you mean `usage`?\n"
    );
    for args in [
        &["reprot"][..],
        &["report", "--by", "dya"],
        &["report", "--timezone", "Europe/Berln"],
        &["run", "--time-budget", "x"],
    ] {
        let said = world.mill(args);
        assert_eq!((said.status, said.stdout.as_str()), (64, ""), "{args:?}");
    }
    assert_eq!(world.mill(&["--help"]).status, 0);
    assert_eq!(world.mill(&["--version"]).stdout, concat!("sessionmill ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn queries_are_read_only_and_come_in_three_formats() {
    let world = world();
    run(&world);
    let sql = "SELECT username, sum(output_tokens) AS output, 1.5 AS rate, NULL AS nothing FROM usage_responses GROUP BY ALL ORDER BY ALL";
    let said = world.mill(&["query", sql, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let row =
        |user: &str, output: u64| serde_json::json!({"username": user, "output": output, "rate": 1.5, "nothing": null});
    assert_eq!(json, serde_json::json!([row("ada", 11), row("bob", 1000)]));
    assert_eq!(
        world.mill(&["query", sql, "--format", "csv"]).stdout,
        "username,output,rate,nothing\nada,11,1.5,\nbob,1000,1.5,\n"
    );
    assert_eq!(
        world.mill(&["query", sql]).stdout,
        " username   output   rate   nothing\n────────────────────────────────────\n ada            11    1.5\n bob          1000    1.5\n"
    );
    let said = world.mill(&["query", "SELECT 'x' AS a, 'y' AS a, 'z' AS a_1", "--json"]);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap(),
        serde_json::json!([{"a": "x", "a_1": "y", "a_1_1": "z"}])
    );
    let sql = "SELECT 'inf'::DOUBLE AS a, '-inf'::FLOAT AS b, 'nan'::DOUBLE AS c, '-infinity'::TIMESTAMP_S AS d, 'infinity'::DATE AS e";
    assert_eq!(world.mill(&["query", sql, "--format", "csv"]).stdout, "a,b,c,d,e\ninf,-inf,nan,-infinity,infinity\n");
    let json: serde_json::Value = serde_json::from_str(&world.mill(&["query", sql, "--json"]).stdout).unwrap();
    assert_eq!(json[0]["b"], "-inf");
    let refused = |sql: &str, expected: &str| {
        let said = world.mill(&["query", sql]);
        assert_eq!((said.status, &*said.stdout, said.stderr.lines().next().unwrap_or_default()), (64, "", expected));
    };
    refused("SELECT 1; SELECT 2", "sessionmill: one statement at a time: there are 2");
    refused(" -- nothing", "sessionmill: there is no statement to run");
    for sql in [
        "DELETE FROM session_files",
        "SELECT * FROM read_csv('/etc/passwd')",
        "COPY session_files TO 'x.csv'",
        "ATTACH 'other.duckdb'",
        "SELEC 1",
    ] {
        let said = world.mill(&["query", sql]);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{sql}: {said:?}");
    }
    assert_eq!(world.rows("SELECT count(*) FROM session_files"), ["2"]);
}

#[test]
fn completions_and_manual_are_printed() {
    let world = World::new();
    assert!(world.mill(&["completions", "bash"]).stdout.contains("_sessionmill"));
    assert!(world.mill(&["man"]).stdout.starts_with(".ie"));
}

#[test]
fn the_manual_has_every_page_that_it_names() {
    let world = World::new();
    let said = world.mill(&["man", "--out", "share/man1"]);
    assert_eq!((said.status, &*said.stdout, &*said.stderr), (0, "", ""));
    let pages: std::collections::BTreeMap<String, String> = std::fs::read_dir(world.path("share/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    for page in ["sessionmill.1", "sessionmill-forget.1", "sessionmill-report-html.1", "sessionmill-knowledge-list.1"] {
        assert!(pages.contains_key(page), "{page} of {:?}", pages.keys());
    }
    assert!(!pages.contains_key("sessionmill-trial.1"), "what is not for people has none");
    let mut named = 0;
    for text in pages.values().chain([&world.mill(&["man"]).stdout]) {
        let text = text.replace("\\-", "-").replace("\\fR", "").replace("\\fB", "");
        for (end, _) in text.match_indices("(1)") {
            let start = text[..end].rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).map_or(0, |at| at + 1);
            let page = format!("{}.1", &text[start..end]);
            assert!(pages.contains_key(&page), "no {page}");
            named += 1;
        }
    }
    assert!(named > 40, "{named}");
    std::fs::write(world.path("file"), "").unwrap();
    let said = world.mill(&["man", "--out", "file"]);
    assert_eq!((said.status, &*said.stderr), (2, "sessionmill: cannot write `file`: it exists already\n"));
}

#[test]
fn the_width_is_that_of_the_terminal_and_else_that_of_the_variable() {
    let world = world();
    run(&world);
    let widest = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap();
    let by_user = ["report", "--by", "user", "--no-refresh"];
    assert_eq!(widest(&world.mill(&by_user).stdout), 80);
    for columns in ["60", " 60 "] {
        assert!(widest(&world.mill_with(&by_user, &[("COLUMNS", columns)]).stdout) <= 60, "{columns}");
    }
    for columns in ["0", "-5", "wide", ""] {
        assert_eq!(widest(&world.mill_with(&by_user, &[("COLUMNS", columns)]).stdout), 80, "{columns}");
    }
    // A terminal also shows the share of each row.
    let by_user = [&by_user[..], &["--period", "all"]].concat();
    assert_eq!(widest(&world.terminal(100, &by_user, &[("COLUMNS", "40")]).stdout), 95, "the terminal knows best");
    let csv = [&by_user[..], &["--format", "csv"]].concat();
    assert_eq!(world.mill_with(&csv, &[("COLUMNS", "20")]).stdout, world.mill(&csv).stdout);
}

#[test]
fn remarks_break_between_words() {
    let world = world();
    run(&world);
    let args = ["report", "--no-refresh", "--user", "somebody-of-whom-nothing-is-known", "--explain"];
    let whole = world.mill(&args).stderr;
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for columns in [60, 80] {
        let said = world.mill_with(&args, &[("COLUMNS", &columns.to_string())]).stderr;
        assert!(said.lines().all(|line| line.chars().count() <= columns), "{said}");
        assert!(said.lines().count() > whole.lines().count());
        assert_eq!(words(&said), words(&whole));
        let shown = world.terminal(columns, &args, &[]).stdout;
        assert!(shown.lines().all(|line| line.chars().count() <= columns), "{shown}");
        assert_eq!(words(&shown.replace("nothing to report\n", "")), words(&whole));
    }
    let said = world.mill_with(&["status"], &[("COLUMNS", "40")]);
    assert!(said.stdout.lines().all(|line| !line.contains(' ') || line.trim_start().len() <= 40), "{}", said.stdout);
    assert_eq!(words(&said.stdout).len(), words(&world.mill(&["status"]).stdout).len());
}

#[test]
fn stderr_is_written_in_whole_lines() {
    let world = world();
    std::fs::write(world.path("c.toml"), "timezon = \"UTC\"\n").unwrap();
    for (args, lines) in [
        (&["run", "--sessions", "root"][..], 2),
        (&["report", "--no-refresh", "--user", "ad", "--explain"], 9),
        (&["run", "--config", "c.toml"], 2),
        (&["forget", "somebody", "--yes"], 2),
        (&["reprot"], 4),
        (&["report", "--by", "dya"], 4),
        (&["forget"], 4),
        (&["query", "SELECT"], 1),
    ] {
        let writes = world.writes(args, &[("SESSIONMILL_LOG", "debug"), ("NO_COLOR", "1")]);
        assert!(writes.iter().all(|text| text.ends_with('\n') && text != "\n"), "{args:?}: {writes:?}");
        assert!(writes.concat().lines().count() >= lines, "{args:?}: {writes:?}");
    }
    let coloured = world.writes(&["reprot"], &[("TERM", "xterm")]);
    assert!(!coloured.concat().contains('\u{1b}'), "{coloured:?}");
}

#[test]
fn help_says_what_a_report_does_first() {
    let world = World::new();
    let words = |args: &[&str]| {
        let said = world.mill(args);
        assert_eq!(said.status, 0);
        said.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let help = words(&["report", "--help"]);
    for sentence in [
        "A report first runs the processor that it is made from, as `sessionmill run` would: `verification` for what \
         people know, `tasks` for tasks, `tracking` for activity, `usage` for everything else.",
        "Nothing is run with --no-refresh, while another process runs that processor, where its configuration \
         disables it, or where it asks a language model.",
        "If you may not write the database, nothing is run either",
    ] {
        assert!(help.contains(sentence), "{help}");
    }
    let help = words(&["--help"]);
    let sentence = "`sessionmill report` reads what is new in your own transcripts into the database, and shows their \
                    usage by day.";
    assert!(help.contains(sentence) && !help.contains("today"), "{help}");
}

/// A database in the state that the older program left.
fn older(world: &World, sql: &str) {
    std::fs::create_dir_all(world.path("data")).unwrap();
    Connection::open(world.database()).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn a_database_of_the_older_program_is_adopted() {
    let world = world();
    older(
        &world,
        "CREATE TABLE session_extraction_state (session_file VARCHAR PRIMARY KEY, username VARCHAR, processed_at TIMESTAMP,
            items_extracted INTEGER, file_hash VARCHAR);
         INSERT INTO session_extraction_state VALUES ('ada/a.jsonl', 'ada', '2026-01-01', 3, 'd41d8cd98f00b204e9800998ecf8427e');
         CREATE TABLE knowledge (x INTEGER); INSERT INTO knowledge VALUES (7);",
    );
    for _ in 0..2 {
        run(&world);
        let state = "SELECT processor_name, items_extracted, processor_version FROM session_processor_state
                     WHERE session_file = 'ada/a.jsonl' ORDER BY ALL";
        assert_eq!(world.rows(state), now());
        assert_eq!(world.rows("SELECT x FROM knowledge"), ["7"]);
        assert!(world.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'session_extraction_state'").is_empty());
    }
}

/// The current rows of the ledger for `ada/a.jsonl`: processor, items and version.
fn now() -> Vec<String> {
    let items = [("usage", 2), ("verification", 0), ("tasks", 0), ("tracking", 2)];
    let row = |((name, items), processor): ((&str, u64), &dyn Processor)| {
        assert_eq!(processor.manifest().name, name);
        format!("{name}|{items}|{}", processor.manifest().version)
    };
    let mut rows: Vec<_> = items.into_iter().zip(PLUGS.processors()).map(row).collect();
    rows.sort();
    rows
}

#[test]
fn a_ledger_of_the_older_program_gains_columns_and_its_files_are_due() {
    let world = world();
    older(
        &world,
        "CREATE TABLE session_processor_state (processor_name VARCHAR, session_file VARCHAR, username VARCHAR,
            processed_at TIMESTAMP, items_extracted INTEGER, file_hash VARCHAR, PRIMARY KEY (processor_name, session_file));
         INSERT INTO session_processor_state VALUES ('usage', 'ada/a.jsonl', 'ada', '2026-01-01', 3, 'd41d8cd98f00b204e9800998ecf8427e'),
            ('other', 'ada/a.jsonl', 'ada', '2026-01-01', 3, NULL);",
    );
    assert_eq!(timeless(&run(&world).stdout), MADE);
    let state = "SELECT processor_name, items_extracted, processor_version FROM session_processor_state
                 WHERE session_file = 'ada/a.jsonl' ORDER BY ALL";
    assert_eq!(world.rows(state), [vec!["other|3|".to_owned()], now()].concat());
}

#[test]
fn a_database_with_strangers_under_our_names_is_refused() {
    let world = world();
    older(&world, "CREATE TABLE usage_sessions (mine INTEGER)");
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, 2);
    assert!(
        said.stderr.contains("the database has a `usage_sessions` that is not of sessionmill\n  hint: "),
        "{}",
        said.stderr
    );
    let connection = Connection::open(world.database()).unwrap();
    let tables: i64 = connection.query_row("SELECT count(*) FROM duckdb_tables()", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1, "nothing was changed");
}

#[test]
fn a_newer_database_is_refused() {
    let world = world();
    run(&world);
    older(&world, "INSERT INTO schema_migrations VALUES (1000, 'future', NULL)");
    for args in [&["run", "--sessions", "root"][..], &["report", "--no-refresh"], &["status"], &["query", "SELECT 1"]] {
        let said = world.mill(args);
        assert_eq!(said.status, 2, "{args:?}");
        assert!(said.stderr.contains("the database has schema 1000"), "{}", said.stderr);
    }
}

#[test]
fn a_database_of_an_older_program_is_brought_up_to_date_by_whoever_may_write_it() {
    let world = world();
    run(&world);
    older(&world, "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)");
    let set = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    let files = std::fs::read_dir(world.path("data")).unwrap().map(|entry| entry.unwrap().path());
    files.for_each(|path| set(&path, 0o444));
    set(&world.path("data"), 0o555);
    let told = [&["report", "--no-refresh"][..], &["status"], &["query", "SELECT 1"]]
        .map(|args| world.mill_unprivileged(args, &[]));
    set(&world.path("data"), 0o755);
    for said in told {
        let Some(said) = said else { return };
        let expected =
            "sessionmill: `[world]/data/mill.duckdb` was written by an older sessionmill\n  hint: a run of its owner ";
        assert!(said.status == 2 && said.stderr.contains(expected), "{said:?}");
    }
}

#[test]
fn an_explained_report_tells_how_much_has_no_source_any_more() {
    let world = world();
    run(&world);
    let sources = |args: &[&str]| {
        let said = world.mill(&[&["report", "--explain"], args].concat());
        said.stderr.lines().find(|line| line.starts_with("sources: ")).unwrap().to_owned()
    };
    let none = "sources: 0 of 3 responses, 0 tokens, are of 0 transcripts gone since; what was counted stays";
    assert_eq!(sources(&[]), none);
    world.remove("bob/b.jsonl");
    let some = "sources: 1 of 3 responses, 1,010 tokens, are of 1 transcript gone since; what was counted stays";
    assert_eq!(sources(&[]), some);
    let others = "sources: 0 of 2 responses, 0 tokens, are of 0 transcripts gone since; what was counted stays";
    assert_eq!(sources(&["--user", "ada"]), others);
}

#[test]
fn the_questions_in_the_documentation_have_answers() {
    let world = world();
    run(&world);
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tables.md")).unwrap();
    let block = page.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    let questions: Vec<_> = block.split(';').map(str::trim).filter(|question| !question.is_empty()).collect();
    assert!(questions.len() > 3, "{block}");
    for question in questions {
        let said = world.mill(&["query", question, "--format", "csv"]);
        assert_eq!(said.status, 0, "{question}: {said:?}");
        assert!(said.stdout.lines().count() > 0, "{question}: {said:?}");
    }
}
