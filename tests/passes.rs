//! The effect of passes on a database, called through the library with a simulated clock.

use crate::faulty::Faulty;
use crate::world::{DAY, World, response};
use sessionmill::base::error::Status;
use sessionmill::base::holder::Holder;
use sessionmill::base::limits::Limits;
use sessionmill::base::lock::ProcessorLock;
use sessionmill::run::summary::Counts;
use sessionmill_contract::Processor;
use sessionmill_usage::Usage;
use std::time::Duration;

/// Numbers of files: changed, unchanged by stat, unchanged by hash, and touched among the latter.
fn outcome(counts: &Counts) -> (u64, u64, u64, u64) {
    (counts.processed, counts.unchanged, counts.skipped, counts.touched)
}

const TOKENS: &str = "SELECT message_id, output_tokens, session_file, copies FROM usage_responses ORDER BY ALL";

#[test]
fn a_second_pass_reads_nothing() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).write("bob/b.jsonl", response("m2", "10:00:00", 6));
    assert_eq!(outcome(&world.pass()), (2, 0, 0, 0));
    let counts = world.pass();
    assert_eq!((outcome(&counts), counts.scanned, counts.bytes_read), ((0, 2, 0, 0), 0, 0));
}

#[test]
fn a_file_from_the_future_is_looked_at_twice() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).touch("ada/a.jsonl", 1 << 33);
    assert_eq!(outcome(&world.pass()), (1, 0, 0, 0));
    assert_eq!(outcome(&world.pass()), (0, 0, 1, 0), "its mtime is not older than the look at it");
    assert_eq!(outcome(&world.pass()), (0, 1, 0, 0), "a second look found the same");
}

#[test]
fn a_grown_file_is_read_again_and_replaces_what_it_said() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).pass();
    world.append("ada/a.jsonl", &response("m1", "10:00:01", 50)).append("ada/a.jsonl", &response("m2", "10:00:02", 7));
    assert_eq!(outcome(&world.pass()), (1, 0, 0, 0));
    assert_eq!(world.rows(TOKENS), ["m1|50|ada/a.jsonl|1", "m2|7|ada/a.jsonl|1"]);
    world.write("ada/a.jsonl", response("m3", "10:00:00", 1)).pass();
    assert_eq!(world.rows(TOKENS), ["m3|1|ada/a.jsonl|1"]);
}

#[test]
fn a_touched_file_is_not_processed_again() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).pass();
    let state = "SELECT processed_at, run_id FROM session_processor_state";
    let before = world.rows(state);
    world.touch("ada/a.jsonl", 1_000_000_000);
    assert_eq!(outcome(&world.pass()), (0, 0, 1, 1));
    assert_eq!(world.rows(state), before);
    assert_eq!(outcome(&world.pass()), (0, 1, 0, 0));
}

#[test]
fn what_was_counted_in_the_lines_of_a_touched_file_stays() {
    let world = World::new();
    let strange = |name: &str, id: &str| format!("not json\n{{\"type\":\"{name}\"}}\n{}", response(id, "10:00:00", 5));
    let lines = || {
        world.rows(
            "SELECT dialect, file.lines, malformed_lines, kind, strange.lines FROM session_files AS file
             JOIN session_unknown_lines AS strange USING (session_file)",
        )
    };
    world.write("ada/a.jsonl", strange("strange", "m1")).pass();
    world.touch("ada/a.jsonl", 1_000_000_000);
    let counts = world.pass();
    assert_eq!((outcome(&counts), counts.malformed_lines), ((0, 0, 1, 1), 0));
    assert_eq!(lines(), ["claude-code|3|1|strange|1"]);
    // The file has the same length as before, so it is read twice: hashed, then processed.
    world.write("ada/a.jsonl", strange("unheard", "m2")).touch("ada/a.jsonl", 1_000_000_001);
    assert_eq!(outcome(&world.pass()), (1, 0, 0, 0));
    assert_eq!(world.rows(TOKENS), ["m2|5|ada/a.jsonl|1"]);
    assert_eq!(lines(), ["claude-code|3|1|unheard|1"]);
}

#[test]
fn a_change_of_the_same_size_and_mtime_is_seen() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).touch("ada/a.jsonl", 1_000_000_000).pass();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 6)).touch("ada/a.jsonl", 1_000_000_000);
    assert_eq!(outcome(&world.pass()), (1, 0, 0, 0));
    assert_eq!(world.rows(TOKENS), ["m1|6|ada/a.jsonl|1"]);
}

#[test]
fn a_deleted_file_keeps_its_rows_and_one_that_is_back_is_read() {
    let world = World::new();
    world
        .write("ada/a.jsonl", response("m1", "10:00:00", 5))
        .write("ada/b.jsonl", response("m2", "10:00:00", 6))
        .pass();
    world.remove("ada/a.jsonl");
    let counts = world.pass();
    assert_eq!((counts.files, outcome(&counts)), (1, (0, 1, 0, 0)));
    assert_eq!(world.rows(TOKENS), ["m1|5|ada/a.jsonl|1", "m2|6|ada/b.jsonl|1"]);
    let gone = "SELECT session_file FROM session_files WHERE gone_since IS NOT NULL";
    assert_eq!(world.rows(gone), ["ada/a.jsonl"]);
    world.write("ada/a.jsonl", response("m1", "10:00:00", 9)).pass();
    assert_eq!(world.rows(TOKENS), ["m1|9|ada/a.jsonl|1", "m2|6|ada/b.jsonl|1"]);
    assert!(world.rows(gone).is_empty());
}

#[test]
fn a_root_that_is_empty_all_at_once_marks_nothing_as_gone() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).pass();
    std::fs::remove_dir_all(world.root().join("ada")).unwrap();
    assert_eq!(world.pass().files, 0);
    assert_eq!(world.rows("SELECT count(*), count(gone_since) FROM session_files"), ["1|0"]);
}

#[test]
fn a_response_in_two_files_counts_once_whichever_file_changes() {
    let world = World::new();
    world.write("ada/old.jsonl", response("m1", "10:00:00", 5)).pass();
    world.write("ada/resumed.jsonl", response("m1", "11:00:00", 50)).pass();
    assert_eq!(
        world.rows(TOKENS),
        ["m1|50|ada/old.jsonl|2"],
        "the numbers of the best copy, the place of the earliest"
    );
    world.write("ada/resumed.jsonl", response("m1", "11:00:00", 2)).pass();
    assert_eq!(world.rows(TOKENS), ["m1|5|ada/old.jsonl|2"]);
    world.write("ada/old.jsonl", response("m9", "10:00:00", 1)).pass();
    assert_eq!(world.rows(TOKENS), ["m1|2|ada/resumed.jsonl|1", "m9|1|ada/old.jsonl|1"], "one file has lost it");
    world.write("ada/resumed.jsonl", "").pass();
    assert_eq!(world.rows(TOKENS), ["m9|1|ada/old.jsonl|1"], "no file has it");
}

#[test]
fn a_rewrite_that_drops_responses_is_counted_and_named() {
    let world = World::new();
    let [shared, own] = ["shared", "own"].map(|id| response(id, "10:00:00", 5));
    world.write("ada/a.jsonl", shared.clone() + &own + &response("kept", "10:00:00", 5));
    world.write("bob/b.jsonl", shared);
    assert_eq!(world.pass().dropped, 0);
    world.append("bob/b.jsonl", &response("more", "10:00:00", 5));
    assert_eq!(world.pass().dropped, 0, "growing drops nothing");
    world.write("ada/a.jsonl", response("kept", "10:00:00", 7));
    let counts = world.pass();
    let detail: Vec<_> = counts.dropped_detail.iter().map(|gone| (&*gone.session, gone.items)).collect();
    assert_eq!((counts.dropped, detail), (1, vec![("ada/a.jsonl", 1)]), "bob still has what they share");
    let runs = "SELECT dropped FROM processor_runs WHERE processor_name = 'usage' ORDER BY run_id";
    assert_eq!(world.rows(runs), ["0", "0", "1"]);
    world.remove("bob/b.jsonl");
    assert_eq!(world.pass().dropped, 0, "what a file that is gone said is kept");
}

#[test]
fn files_over_the_limit_are_deferred() {
    let mut world = World::new();
    for file in ["ada/a.jsonl", "ada/b.jsonl", "bob/c.jsonl"] {
        world.write(file, response(file, "10:00:00", 5));
    }
    world.limits.files = Some(2);
    let counts = world.pass();
    assert_eq!((counts.processed, counts.deferred, counts.scanned, counts.files), (2, 1, 3, 3));
    assert_eq!(counts.deferred_detail, ["ada/b.jsonl"], "users take turns");
    let counts = world.pass();
    assert_eq!((counts.processed, counts.deferred, counts.unchanged), (1, 0, 2));
    world.limits = Limits { time: Some(Duration::ZERO), ..Limits::default() };
    world.append("ada/a.jsonl", "\n");
    let counts = world.pass();
    assert_eq!((counts.processed, counts.deferred, counts.unchanged), (0, 1, 2));
}

#[test]
fn a_limit_counts_files_that_have_changed_not_those_that_were_touched() {
    let mut world = World::new();
    let files = ["ada/a.jsonl", "ada/b.jsonl", "ada/c.jsonl", "ada/d.jsonl"];
    for file in files {
        world.write(file, response(file, "10:00:00", 5));
    }
    world.pass();
    for file in &files[..3] {
        world.write(file, response(file, "10:00:00", 5));
    }
    world.append("ada/d.jsonl", "\n");
    world.limits.files = Some(1);
    let counts = world.pass();
    assert_eq!((counts.touched, counts.processed, counts.deferred), (3, 1, 0));
}

#[test]
fn what_a_file_said_stays_while_its_processor_fails() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).pass();
    world.append("ada/a.jsonl", &response("m2", "10:00:00", 6));
    let faulty = Faulty { fails: "ada/a.jsonl", ..Faulty::new(Usage.manifest().version) };
    world.pass_of(&[&faulty]).unwrap();
    assert_eq!(world.rows(TOKENS), ["m1|5|ada/a.jsonl|1"]);
    assert_eq!(outcome(&world.wait(DAY).pass()), (1, 0, 0, 0), "the bytes are known, but not dealt with");
    assert_eq!(world.rows(TOKENS), ["m1|5|ada/a.jsonl|1", "m2|6|ada/a.jsonl|1"]);
}

#[test]
fn a_key_that_cannot_be_settled_waits_without_harm_to_others() {
    let world = World::new();
    let both = |first, second| response("m1", "10:00:00", first) + &response("m2", "10:00:00", second);
    world.write("ada/a.jsonl", both(5, 6)).write("ada/b.jsonl", both(5, 6)).pass();
    world.write("ada/a.jsonl", both(7, 8));
    let faulty = Faulty { refuses: "m1", ..Faulty::new(Usage.manifest().version) };
    let counts = world.pass_of(&[&faulty]).unwrap().remove(0);
    assert_eq!((counts.processed, counts.unsettled_keys), (1, 1));
    assert_eq!(world.rows(TOKENS), ["m1|5|ada/a.jsonl|2", "m2|8|ada/a.jsonl|2"]);
    let counts = world.pass();
    assert_eq!((counts.scanned, counts.unsettled_keys), (0, 0));
    assert_eq!(world.rows(TOKENS), ["m1|7|ada/a.jsonl|2", "m2|8|ada/a.jsonl|2"]);
}

#[test]
fn a_higher_version_makes_every_file_due() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).pass();
    let higher = Usage.manifest().version + 1;
    let counts = world.pass_of(&[&Faulty::new(higher)]).unwrap().remove(0);
    assert_eq!(outcome(&counts), (1, 0, 0, 0));
    assert_eq!(
        world.rows("SELECT processor_version FROM session_processor_state WHERE processor_name = 'usage'"),
        [higher.to_string()]
    );
    assert_eq!(outcome(&world.pass()), (1, 0, 0, 0), "and so does another one that is lower");
}

#[test]
fn a_file_that_holds_too_much_is_rejected_and_keeps_its_rows() {
    let mut world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).pass();
    world.append("ada/a.jsonl", &response("m2", "10:00:00", 6)).write("ada/b.jsonl", response("m3", "10:00:00", 7));
    world.caps.facts = 1;
    let counts = world.pass();
    assert_eq!((counts.processed, counts.rejected), (1, 1));
    assert_eq!(counts.rejected_detail[0].error, "over the cap on facts of a file");
    assert_eq!(world.rows(TOKENS), ["m1|5|ada/a.jsonl|1", "m3|7|ada/b.jsonl|1"]);
    let counts = world.pass();
    assert_eq!((counts.rejected, counts.bytes_read), (1, 0), "it is not read again for the same answer");
    world.caps.facts = 3;
    assert_eq!(world.pass().processed, 1, "it is when the limit is another one");
    world.caps.facts = 1;
    assert_eq!(world.pass().rejected, 1);
    world.caps.facts = 3;
    world.append("ada/a.jsonl", &response("m4", "10:00:00", 8));
    assert_eq!(world.pass().processed, 1, "or when it changes");
}

#[test]
fn a_line_over_the_cap_is_one_malformed_line() {
    let mut world = World::new();
    let long = response(&"m".repeat(5000), "10:00:00", 5);
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5) + &long + &response("m2", "10:00:01", 6));
    world.caps.line = 4000;
    let counts = world.pass();
    assert_eq!((counts.processed, counts.malformed_lines), (1, 1));
    assert_eq!(world.rows(TOKENS), ["m1|5|ada/a.jsonl|1", "m2|6|ada/a.jsonl|1"]);
    assert_eq!(world.rows("SELECT lines, malformed_lines FROM session_files"), ["3|1"]);
}

#[test]
fn what_is_no_transcript_of_its_own_is_rejected_with_its_reason() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).write("stray.jsonl", response("m2", "10:00:00", 5));
    let in_root = |name: &str| world.root().join(name);
    std::os::unix::fs::symlink(in_root("ada/a.jsonl"), in_root("ada/link.jsonl")).unwrap();
    std::fs::hard_link(in_root("ada/a.jsonl"), world.path("outside.jsonl")).unwrap();
    let counts = world.pass();
    let reasons: Vec<_> = counts.rejected_detail.iter().map(|e| (e.session.as_str(), e.error.as_str())).collect();
    assert_eq!(
        reasons,
        [
            ("ada/a.jsonl", "has several names (hard links)"),
            ("ada/link.jsonl", "a symbolic link"),
            ("stray.jsonl", "directly in the root, in no user's folder"),
        ]
    );
    assert_eq!((counts.files, counts.rejected, counts.scanned), (3, 3, 3));
    std::fs::remove_file(world.path("outside.jsonl")).unwrap();
    assert_eq!(world.pass().processed, 1);
}

#[test]
fn a_pass_that_is_running_is_not_run_again() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    std::fs::create_dir_all(world.path("data")).unwrap();
    let holder = Holder::new("schedule", world.next().wall);
    let lock = ProcessorLock::take(&world.database(), "usage", &holder).unwrap();
    let error = world.pass_of(&[&Usage]).unwrap_err();
    assert_eq!(error.status, Status::Busy);
    let pid = std::process::id();
    let message = format!("processor `usage` is already running (pid {pid}, schedule since 2079-07-08 00:01:00 UTC)");
    assert_eq!((error.to_string(), error.holder.as_deref()), (message, Some(&holder)));
    drop(lock);
    assert_eq!(world.pass().processed, 1);
}

#[test]
fn a_file_that_was_read_and_is_rejected_now_is_an_alarm() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).pass();
    std::fs::hard_link(world.root().join("ada/a.jsonl"), world.path("backup.jsonl")).unwrap();
    world.append("ada/a.jsonl", &response("m2", "10:00:00", 6));
    let summary = world.summary();
    assert!(summary.failed());
    let alarm = "1 transcript read before, rejected now: what is new there is not counted";
    assert_eq!(summary.notices.alarms, [alarm]);
    std::fs::remove_file(world.path("backup.jsonl")).unwrap();
    assert_eq!((world.summary().failed(), world.rows(TOKENS).len()), (false, 2));
}
