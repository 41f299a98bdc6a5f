//! Files that fail: waits, dead letters, the processor to blame, and what an operator can do.

use crate::faulty::Faulty;
use crate::world::{DAY, World, response};
use sessionmill::run::summary::{FileError, KeyError};
use sessionmill_contract::Processor as _;
use std::time::Duration;

const TOKENS: &str = "SELECT message_id, output_tokens, session_file, copies FROM usage_responses ORDER BY ALL";

fn world(files: &[&str]) -> World {
    let world = World::new();
    for file in files {
        world.write(file, response(file, "10:00:00", 5));
    }
    world
}

#[test]
fn a_processor_that_fails_or_panics_on_a_file_costs_that_file_only() {
    let world = world(&["ada/a.jsonl", "ada/b.jsonl", "bob/c.jsonl"]);
    let faulty = Faulty { fails: "ada/a.jsonl", panics: "ada/b.jsonl", ..Faulty::new(1) };
    let counts = world.pass_of(&[&faulty]).unwrap().remove(0);
    assert_eq!((counts.processed, counts.errors, counts.scanned), (1, 2, 3));
    let error = |session: &str, class, error: &str| FileError { session: session.into(), class, error: error.into() };
    assert_eq!(
        counts.errors_detail,
        [
            error("ada/a.jsonl", "permanent", "cannot be dealt with"),
            error("ada/b.jsonl", "panic", "the processor panicked at line 1"),
        ]
    );
    assert_eq!(world.rows("SELECT session_file FROM session_processor_state"), ["bob/c.jsonl"]);
    assert_eq!(world.rows(TOKENS), ["bob/c.jsonl|5|bob/c.jsonl|1"]);
    let failures = "SELECT session_file, attempts, class, state FROM session_failures ORDER BY ALL";
    assert_eq!(world.rows(failures), ["ada/a.jsonl|1|permanent|retry", "ada/b.jsonl|1|panic|retry"]);
    let again = world.pass_of(&[&faulty]).unwrap().remove(0);
    assert_eq!((again.errors, again.errors_detail), (2, counts.errors_detail), "counted whether tried or not");
    assert_eq!(world.rows(failures), ["ada/a.jsonl|1|permanent|retry", "ada/b.jsonl|2|panic|dead"]);
    world.wait(DAY).pass_of(&[&faulty]).unwrap();
    assert_eq!(world.rows(failures), ["ada/a.jsonl|2|permanent|dead", "ada/b.jsonl|2|panic|dead"]);
    assert_eq!(world.wait(DAY).pass_of(&[&Faulty::new(1)]).unwrap()[0].errors, 2, "the dead stay so");
    let counts = world.pass_of(&[&Faulty::new(2)]).unwrap().remove(0);
    assert_eq!((counts.processed, counts.errors), (3, 0), "until there is a version without the fault");
    assert!(world.rows(failures).is_empty());
}

#[test]
fn one_that_always_fails_does_not_delay_the_others() {
    let mut world = world(&["ada/broken.jsonl"]);
    let faulty = Faulty { panics: "ada/broken.jsonl", ..Faulty::new(1) };
    world.pass_of(&[&faulty]).unwrap();
    for number in 0..1000 {
        world.write(&format!("u{}/{number}.jsonl", number % 7), response(&number.to_string(), "10:00:00", 1));
    }
    world.limits.files = Some(4);
    let counts = world.pass_of(&[&faulty]).unwrap().remove(0);
    assert_eq!((counts.processed, counts.errors, counts.deferred), (4, 0, 997), "fresh files come first");
    world.limits.files = None;
    let counts = world.pass_of(&[&faulty]).unwrap().remove(0);
    assert_eq!((counts.processed, counts.errors), (996, 1));
    let counts = world.pass_of(&[&faulty]).unwrap().remove(0);
    assert_eq!((counts.unchanged, counts.errors, counts.bytes_read), (1000, 1, 0), "the dead are not read");
}

#[test]
fn a_failure_goes_when_its_file_does() {
    let world = world(&["ada/a.jsonl", "bob/b.jsonl"]);
    world.pass_of(&[&Faulty { fails: "ada/a.jsonl", ..Faulty::new(1) }]).unwrap();
    assert_eq!(world.rows("SELECT session_file, source FROM session_failures"), ["ada/a.jsonl|sessions"]);
    world.remove("ada/a.jsonl").pass();
    assert!(world.rows("FROM session_failures").is_empty());
}

#[test]
fn an_operator_sees_retries_and_drops_failures() {
    let world = world(&["ada/a.jsonl", "ada/b.jsonl", "bob/c.jsonl"]);
    assert_eq!(world.mill(&["failures"]).status, 2, "there is no database yet");
    let faulty = Faulty { fails: "ada/a.jsonl", panics: "ada/b.jsonl", ..Faulty::new(1) };
    world.pass_of(&[&faulty]).unwrap();
    world.pass_of(&[&faulty]).unwrap();
    let said = world.mill(&["failures"]);
    let expected = " File          Processor   Class       Error                              Tries   Next try
───────────────────────────────────────────────────────────────────────────────────────────────────────
 ada/a.jsonl   usage       permanent   cannot be dealt with                   1   2079-07-09 00:01 UTC
 ada/b.jsonl   usage       panic       the processor panicked at line 1       2   none: dead
";
    assert_eq!(said.stdout, expected);
    let json: serde_json::Value = serde_json::from_str(&world.mill(&["failures", "--json"]).stdout).unwrap();
    let expected = serde_json::json!({
        "session": "ada/b.jsonl", "processor": "usage", "class": "panic",
        "error": "the processor panicked at line 1", "state": "dead", "attempts": 2,
        "first_failed_at": "2079-07-08T00:01:00Z", "last_failed_at": "2079-07-08T00:02:00Z", "next_try_at": null,
    });
    assert_eq!(json[1], expected);

    let said = world.mill(&["failures", "drop", "ada/b.json"]);
    assert_eq!(said.status, 64);
    assert!(said.stderr.contains("did you mean `ada/b.jsonl`?"), "{}", said.stderr);
    assert_eq!(world.mill(&["failures", "drop"]).status, 64, "what is meant must be said");
    assert_eq!(world.mill(&["failures", "drop", "ada/b.jsonl"]).stderr, "1 failure dropped\n");
    let counts = world.pass_of(&[&faulty]).unwrap().remove(0);
    assert_eq!((counts.errors, counts.rejected), (1, 1));
    assert_eq!(counts.rejected_detail[0].error, "dropped by hand: panic: the processor panicked at line 1");
    world.touch("ada/b.jsonl", 1_000_000_000);
    let counts = world.pass_of(&[&faulty]).unwrap().remove(0);
    assert_eq!((counts.errors, counts.bytes_read > 0), (2, true), "it is tried again");
    let counts = world.pass_of(&[&faulty]).unwrap().remove(0);
    assert_eq!((counts.errors, counts.rejected), (1, 1), "and has the same bytes");

    assert_eq!(world.mill(&["failures", "retry", "--all"]).stderr, "2 failures to be tried again by the next run\n");
    assert_eq!(world.pass_of(&[&Faulty::new(1)]).unwrap()[0].processed, 2);
    assert_eq!(world.mill(&["failures", "list"]).stdout, "no failures\n");
}

#[test]
fn a_file_that_ends_the_process_is_found_out_and_parked() {
    for (how, signal) in [("abort", 6), ("kill", 9), ("overflow", 6)] {
        let world = world(&["ada/a.jsonl", "ada/b.jsonl", "bob/c.jsonl"]);
        let fault = [("SESSIONMILL_FAILPOINT", &*format!("{how}:read@ada/b.jsonl"))];
        let run = ["run", "--sessions", "root"];
        assert_eq!(world.mill_with(&run, &fault).status, -signal, "{how}");
        let said = world.mill_with(&run, &fault);
        assert_eq!(said.status, 1, "{how}: {said:?}");
        let failed = format!("failed `ada/b.jsonl`: crash: ends the process that reads it: signal {signal}");
        assert!(said.stdout.contains(&failed), "{}", said.stdout);
        assert_eq!(world.rows("SELECT count(*) FROM usage_responses"), ["2"], "the others are there");
        let said = world.mill_with(&run, &fault);
        assert_eq!(said.status, 1, "a third run does not try it: {said:?}");
        assert!(
            said.stdout.starts_with("usage, verification, tasks, tracking: 3 files, 0 changed, 1 failed ("),
            "{}",
            said.stdout
        );
        world.touch("ada/b.jsonl", 1_000_000_000);
        let said = world.mill_with(&run, &fault);
        assert_eq!(said.status, 1, "a touch ends a trial and no run: {said:?}");
        world.append("ada/b.jsonl", &response("m9", "11:00:00", 7));
        let said = world.mill(&run);
        assert_eq!(said.status, 0, "a version without the fault: {said:?}");
        assert_eq!(world.rows("SELECT count(*) FROM usage_responses"), ["4"]);
    }
}

#[test]
fn a_file_is_not_given_up_because_somebody_ended_its_trial() {
    let world = world(&["ada/a.jsonl", "ada/b.jsonl"]);
    let run = ["run", "--sessions", "root"];
    let with = |how: &str| world.mill_with(&run, &[("SESSIONMILL_FAILPOINT", &*format!("{how}:read@ada/b.jsonl"))]);
    assert_eq!(with("kill").status, -9);
    let said = with("term");
    assert!(!said.stdout.contains("crash"), "{said:?}");
    assert_eq!(world.rows("SELECT count(*) FROM session_failures"), ["0"], "{said:?}");
    assert_eq!(world.mill(&run).status, 0);
    assert_eq!(world.rows("SELECT count(*) FROM usage_responses"), ["2"]);
}

#[test]
fn a_file_that_takes_all_memory_is_found_out_and_parked() {
    let world = world(&["ada/a.jsonl", "bob/c.jsonl"]);
    let limited = format!("ulimit -v 4000000; exec {} run --sessions root", env!("CARGO_BIN_EXE_sessionmill"));
    let run = || world.command("sh", &["-c", &limited], &[("SESSIONMILL_FAILPOINT", "memory:read@ada/a.jsonl")]);
    assert_eq!(run().status, -6);
    let said = run();
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.stdout.contains("failed `ada/a.jsonl`: crash: "), "{}", said.stdout);
    assert_eq!(world.rows("SELECT count(*) FROM usage_responses"), ["1"]);
}

#[test]
fn a_file_that_was_in_flight_by_chance_is_read_after_all() {
    let world = world(&["ada/a.jsonl", "bob/c.jsonl"]);
    let run = ["run", "--sessions", "root"];
    assert_eq!(world.mill_with(&run, &[("SESSIONMILL_FAILPOINT", "kill:open@bob/c.jsonl")]).status, -9);
    let said = world.mill(&run);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("trying it on its own"), "{}", said.stderr);
    assert_eq!(world.rows(TOKENS), ["ada/a.jsonl|5|ada/a.jsonl|1", "bob/c.jsonl|5|bob/c.jsonl|1"]);
}

#[test]
fn a_wait_grows_and_ends() {
    let world = world(&["ada/a.jsonl"]);
    let refuses = Faulty { tires: "ada/a.jsonl", ..Faulty::new(1) };
    let mut tries = 0;
    let state = "SELECT attempts, state FROM session_failures";
    for _ in 0..40 {
        let counts = world.wait(Duration::from_secs(600)).pass_of(&[&refuses]).unwrap().remove(0);
        assert_eq!(counts.errors, 1);
        tries += u64::from(counts.bytes_read > 0);
    }
    assert_eq!(world.rows(state), ["8|dead"]);
    assert_eq!(tries, 8);
}

#[test]
fn a_wait_of_a_clock_that_was_wrong_is_over() {
    let years = Duration::from_secs(3650 * 86_400);
    let world = world(&["ada/a.jsonl", "ada/b.jsonl"]);
    let faulty = Faulty { fails: "ada/a.jsonl", tires: "ada/b.jsonl", ..Faulty::new(1) };
    world.wait(years);
    assert_eq!(world.pass_of(&[&faulty]).unwrap()[0].errors, 2);
    world.wait_back(years);
    assert_eq!(world.rows("SELECT count(*) FROM session_failures WHERE year(next_try_at) = 2089"), ["2"]);
    let counts = world.pass_of(&[&Faulty::new(1)]).unwrap().remove(0);
    assert_eq!((counts.processed, counts.errors), (2, 0), "both are tried at once");
    assert!(world.rows("FROM session_failures").is_empty());
}

/// Two texts with the same MD5, found and published by Marc Stevens.
pub const TWINS: [&str; 2] = [
    "TEXTCOLLBYfGiJUETHQ4hAcKSMd5zYpgqf1YRDhkmxHkhPWptrkoyz28wnI9V0aHeAuaKnak",
    "TEXTCOLLBYfGiJUETHQ4hEcKSMd5zYpgqf1YRDhkmxHkhPWptrkoyz28wnI9V0aHeAuaKnak",
];

#[test]
fn two_keys_of_one_hash_fail_and_settle_by_themselves() {
    let world = World::new();
    let write = |output| {
        let lines = TWINS.map(|id| response(id, "10:00:00", output)).concat();
        let lines = lines + &response("m1", "10:00:00", output);
        world.write("ada/a.jsonl", &lines).write("ada/b.jsonl", lines);
    };
    write(5);
    assert_eq!(world.pass().unsettled_keys, 0);
    assert_eq!(world.rows("SELECT count(*), count(DISTINCT key_hash) FROM facts.usage_responses"), ["3|2"]);
    let tokens = "SELECT message_id, output_tokens FROM usage_responses ORDER BY ALL";
    let expected = |twins: [u64; 2], other: u64| {
        let twins = TWINS.iter().zip(twins).map(|(id, output)| format!("{id}|{output}"));
        twins.chain([format!("m1|{other}")]).collect::<Vec<_>>()
    };
    for (refuses, output, twins) in [(TWINS[0], 7, [5, 7]), (TWINS[1], 8, [8, 7])] {
        write(output);
        let faulty = Faulty { refuses, ..Faulty::new(sessionmill_usage::Usage.manifest().version) };
        let counts = world.pass_of(&[&faulty]).unwrap().remove(0);
        assert_eq!(counts.unsettled_keys, 1);
        assert_eq!(world.rows(tokens), expected(twins, output), "{refuses}");
    }
    assert_eq!(world.pass().unsettled_keys, 0);
    assert_eq!(world.rows(tokens), expected([8, 8], 8));
}

#[test]
fn why_a_key_could_not_be_settled_is_kept_and_shown() {
    let world = World::new();
    let version = sessionmill_usage::Usage.manifest().version;
    let lines = response("m1", "10:00:00", 5) + &response("m2", "10:00:00", 6);
    world.write("ada/a.jsonl", &lines).write("ada/b.jsonl", lines);
    let faulty = Faulty { refuses: "m1", breaks: "m2", ..Faulty::new(version) };
    let summary = world.summary_of(&[&faulty]).unwrap();
    let error = |key: &str, class, error: &str| KeyError { key: key.into(), class, error: error.into() };
    let detail = [error("m1", "transient", "not today"), error("m2", "panic", "the processor panicked")];
    assert_eq!(summary.processors[0].unsettled_detail, detail);
    let words = summary.words();
    assert!(
        words.ends_with(
            "\n  2 keys could not be settled and will be tried again\n  failed key `m1`: transient: not today\n  \
             failed key `m2`: panic: the processor panicked\n"
        ),
        "{words}"
    );
    let words = world.summary_of(&[&faulty]).unwrap().words();
    assert!(
        words.contains(
            "\n  1 key could not be settled and will be tried again\n  1 key given up: sessionmill failures\n  \
             failed key `m1`: transient: not today\n"
        ),
        "{words}"
    );
    let kept = "SELECT processor_name, facts_table, key, class, message, state, strikes FROM settling_failures
                ORDER BY ALL";
    let row = |key: &str, rest: &str| format!("usage|usage_copies|{key}|{rest}|2");
    let rows = [row("m1", "transient|not today|retry"), row("m2", "panic|the processor panicked|dead")];
    assert_eq!(world.rows(kept), rows);
    assert_eq!(world.rows("SELECT unsettled_keys FROM processor_runs ORDER BY run_id"), ["2", "2"]);

    let expected = " File     Processor   Class       Error                    Tries   Next try
────────────────────────────────────────────────────────────────────────────────────────
 key m1   usage       transient   not today                    2   2079-07-08 00:02 UTC
 key m2   usage       panic       the processor panicked       2   none: dead
";
    assert_eq!(world.mill(&["failures"]).stdout, expected);
    let json: serde_json::Value = serde_json::from_str(&world.mill(&["failures", "--json"]).stdout).unwrap();
    let expected = serde_json::json!({
        "session": null, "key": "m2", "facts_table": "usage_copies", "processor": "usage", "class": "panic",
        "error": "the processor panicked", "state": "dead", "attempts": 2,
        "first_failed_at": "2079-07-08T00:01:00Z", "last_failed_at": "2079-07-08T00:02:00Z", "next_try_at": null,
    });
    assert_eq!(json[1], expected);
    let csv = world.mill(&["failures", "--format", "csv"]).stdout;
    assert_eq!(csv.lines().nth(1), Some(",usage,transient,not today,retry,2,2079-07-08T00:02:35Z,m1"), "{csv}");
    let other = world.mill(&["failures", "--processor", "verification"]).stdout;
    assert_eq!(other, "no failures\n");
    let status = world.mill(&["status"]).stdout;
    assert!(status.contains("\n                1 key: panic: the processor panicked, such as `m2`\n"), "{status}");
    let status: serde_json::Value = serde_json::from_str(&world.mill(&["status", "--json"]).stdout).unwrap();
    let cause = serde_json::json!({"class": "transient", "message": "not today", "keys": 1, "example": "m1"});
    assert_eq!(status["processors"][0]["key_causes"][1], cause);
    let runs = world.mill(&["runs"]).stdout;
    assert!(runs.contains("0 of 2 files changed, 2 keys not settled"), "{runs}");

    assert_eq!(world.mill(&["failures", "drop", "m2"]).stderr, "1 failure dropped\n");
    assert_eq!(world.pass_of(&[&faulty]).unwrap()[0].unsettled_keys, 1, "what is dropped is not counted");
    let shown = world.mill(&["failures"]).stdout;
    assert!(
        shown.contains(" key m2   usage       panic       the processor panicked       0   none: dropped\n"),
        "{shown}"
    );
    let status: serde_json::Value = serde_json::from_str(&world.mill(&["status", "--json"]).stdout).unwrap();
    assert_eq!(status["processors"][0]["key_causes"].as_array().map(Vec::len), Some(1));
    assert_eq!(status["processors"][0]["unsettled_keys"], 1);
    let said = world.mill(&["failures", "retry", "--all"]);
    assert_eq!(said.stderr, "2 failures to be tried again by the next run\n");
    assert_eq!(world.pass_of(&[&Faulty::new(version)]).unwrap()[0].unsettled_keys, 0);
    assert!(world.rows(kept).is_empty());
    assert_eq!(world.mill(&["failures"]).stdout, "no failures\n");
}

#[test]
fn a_key_waits_alone_although_another_one_has_its_hash() {
    let world = World::new();
    let both = |output| TWINS.map(|id| response(id, "10:00:00", output)).concat();
    world.write("ada/a.jsonl", both(5)).write("ada/b.jsonl", both(5)).pass();
    world.write("ada/a.jsonl", both(6));
    let version = sessionmill_usage::Usage.manifest().version;
    let [first, second] = TWINS;
    let state = "SELECT key, state, strikes FROM settling_failures ORDER BY key";
    let faulty = Faulty { refuses: first, breaks: second, ..Faulty::new(version) };
    for _ in 0..3 {
        assert_eq!(world.wait(Duration::from_secs(600)).pass_of(&[&faulty]).unwrap()[0].unsettled_keys, 2);
    }
    assert_eq!(world.rows(state), [format!("{first}|retry|3"), format!("{second}|dead|2")]);
    let counts = world.wait(Duration::from_secs(600)).pass_of(&[&Faulty::new(version)]).unwrap().remove(0);
    assert_eq!(counts.unsettled_keys, 1, "the dead stay so");
    assert_eq!(world.rows(state), [format!("{second}|dead|2")]);
    let tokens = "SELECT message_id, output_tokens FROM usage_responses ORDER BY ALL";
    assert_eq!(world.rows(tokens), [format!("{first}|6"), format!("{second}|5")]);
}

#[test]
fn what_a_given_up_key_says_of_a_person_goes_when_they_are_forgotten() {
    let world = World::new();
    let version = sessionmill_usage::Usage.manifest().version;
    let both = response("m1", "10:00:00", 5);
    world.write("ada/a.jsonl", &both).write("bob/b.jsonl", &both).write("bob/c.jsonl", &both).pass();
    world.write("ada/a.jsonl", response("m2", "10:00:00", 7));
    let faulty = Faulty { breaks: "m1", ..Faulty::new(version) };
    for _ in 0..2 {
        assert_eq!(world.pass_of(&[&faulty]).unwrap()[0].unsettled_keys, 1);
    }
    let responses = "SELECT message_id, username, copies FROM usage_responses ORDER BY ALL";
    assert_eq!(world.rows(responses), ["m1|ada|3", "m2|ada|1"], "what it was stays");
    let said = world.mill(&["forget", "ada", "--yes"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(world.rows(responses), ["m1|bob|2"]);
}
