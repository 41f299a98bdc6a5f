//! What becomes of files that fail: waits, dead letters, blame, and what an operator can do.

use crate::faulty::Faulty;
use crate::world::{DAY, World, response};
use sessionmill::summary::FileError;
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
 ada/a.jsonl   usage       permanent   cannot be dealt with               1       2079-07-09 00:01 UTC
 ada/b.jsonl   usage       panic       the processor panicked at line 1   2       none: dead
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
        assert!(said.stdout.starts_with("usage: 3 files, 0 changed, 1 failed ("), "{}", said.stdout);
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
