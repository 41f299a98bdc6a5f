//! Damaged files: the readable part of a database is kept, the rest is moved aside and built again.

use crate::room::run_within;
use crate::store::{assert_like_new, content, queries, responses};
use crate::world::{World, response};
use serde_json::{Value, json};
use sessionmill::store::{Access, Store, beside};
use std::fs;
use std::path::{Path, PathBuf};

/// A database with a history: a checkpoint, and later passes that are only in the log.
fn with_log() -> World {
    let world = World::new();
    for n in 0..6 {
        world.write(&format!("ada/{n}.jsonl"), responses(&format!("m{n}"), 5));
    }
    world.pass();
    Store::open(&world.database(), Access::ReadWrite).unwrap().checkpoint().unwrap();
    for n in 0..6 {
        world.append(&format!("ada/{n}.jsonl"), &responses(&format!("new{n}"), 5));
        world.write(&format!("bob/{n}.jsonl"), responses(&format!("m{n}"), 3));
        if n % 2 == 0 {
            world.write(&format!("ada/{}.jsonl", n + 1), response("rewritten", "10:00:00", n));
        }
        run_into_log(&world);
    }
    assert!(fs::metadata(wal(&world.database())).unwrap().len() > 10_000);
    world
}

/// A run that ends before it moves its log into the database file.
fn run_into_log(world: &World) {
    world.mill_with(&["run", "--sessions", "root"], &[("SESSIONMILL_FAILPOINT", "kill:before-checkpoint")]);
}

pub fn wal(database: &Path) -> PathBuf {
    beside(database, "wal")
}

/// Files beside the database, as the part of their names after the database's name.
fn beside_database(world: &World) -> Vec<String> {
    let names = fs::read_dir(world.path("data")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> =
        names.filter_map(|name| Some(name.to_str()?.strip_prefix("mill.duckdb")?.to_owned())).collect();
    names.sort();
    names
}

fn moved_aside(world: &World) -> Vec<String> {
    beside_database(world).into_iter().filter(|name| name.contains("damaged")).collect()
}

/// A deterministic random generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Runs passes over a database whose log was damaged, this many times. Returns how often the log was moved aside.
fn damage_log(times: usize, seed: u64, damage: impl Fn(&mut Vec<u8>, usize, usize)) -> usize {
    let world = with_log();
    let (database, log) = (fs::read(world.database()).unwrap(), fs::read(wal(&world.database())).unwrap());
    world.pass();
    assert_like_new(&world, "before the damage");
    let expected = content(&world.database());
    let mut dice = Dice(seed);
    let mut moved = 0;
    for round in 0..times {
        let mut damaged = log.clone();
        damage(&mut damaged, dice.below(log.len()), dice.below(8));
        fs::write(world.database(), &database).unwrap();
        fs::write(wal(&world.database()), &damaged).unwrap();
        world.pass();
        assert_eq!(content(&world.database()), expected, "round {round}");
        let aside = moved_aside(&world);
        moved += aside.len();
        for name in aside {
            let path = world.path(&format!("data/mill.duckdb{name}"));
            assert!(name.ends_with(".wal"), "{name}");
            assert!(fs::read(&path).unwrap() == damaged, "the damaged log is kept as it was");
            fs::remove_file(path).unwrap();
        }
    }
    moved
}

#[test]
fn a_log_that_is_cut_short_is_as_good_as_its_whole_part() {
    assert_eq!(damage_log(20, 1, |log, at, _| log.truncate(at)), 0);
}

#[test]
fn a_log_with_a_flipped_bit_is_moved_aside_and_the_next_pass_restores_what_it_held() {
    let moved = damage_log(20, 2, |log, at, bit| log[at] ^= 1 << bit);
    assert!(moved > 15, "{moved} of 20");
}

#[test]
fn a_log_with_an_empty_page_is_moved_aside_and_the_next_pass_restores_what_it_held() {
    let moved = damage_log(10, 3, |log, at, _| {
        let at = at / 4096 * 4096;
        let end = log.len().min(at + 4096);
        log[at..end].fill(0);
    });
    assert!(moved > 5, "{moved} of 10");
}

#[test]
fn a_damaged_log_is_told_of_and_readers_leave_it_alone() {
    let world = with_log();
    let log = wal(&world.database());
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, &bytes).unwrap();
    for args in [&["status"][..], &["query", "SELECT 1"], &["report", "--no-refresh"]] {
        let said = world.mill(args);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""));
        assert!(said.stderr.contains("Failure while replaying WAL file"), "{}", said.stderr);
        assert!(said.stderr.contains("\n  hint: `sessionmill run` moves aside what is damaged"), "{}", said.stderr);
    }
    assert!(moved_aside(&world).is_empty());
    let said = world.mill(&["run"]);
    assert_eq!(said.status, 1, "{said:?}");
    let name = moved_aside(&world).remove(0);
    let alarm = format!(
        "alarm: the log of the database could not be used: it is `[world]/data/mill.duckdb{name}` now, and what it held is \
         read again from the transcripts that are there"
    );
    assert!(said.stdout.split_whitespace().collect::<Vec<_>>().join(" ").contains(&alarm), "{said:?}");
    let says = format!(
        "was moved aside; what it held is read again from transcripts that still exist moved_to=[world]/data/mill.duckdb{name}"
    );
    assert!(said.stderr.contains(&says), "{}", said.stderr);
    assert_like_new(&world, "after the run");
}

#[test]
fn what_was_moved_aside_is_a_warning_until_it_is_deleted() {
    let world = with_log();
    fs::write(world.path("c.toml"), "[schedule]\nverification = \"off\"\ntasks = \"off\"\ntracking = \"off\"\n")
        .unwrap();
    let mill = |args: &[&str]| world.mill(&[args, &["--config", "c.toml"]].concat());
    let log = wal(&world.database());
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(b'x');
    fs::write(&log, &bytes).unwrap();
    world.remove("bob/0.jsonl");
    let said = mill(&["run"]);
    assert_eq!(said.status, 1, "{said:?}");
    // The next run raises no alarm any more.
    let said = mill(&["run"]);
    assert_eq!(said.status, 0, "{said:?}");
    let name = moved_aside(&world).remove(0);
    let text =
        format!("`[world]/data/mill.duckdb{name}` was moved aside as damaged: delete it when it is no longer needed");
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let check = mill(&["status", "--check"]);
    assert!(check.status == 1 && squeezed(&check.stdout).contains(&format!("warning {text}")), "{check:?}");
    assert_eq!(mill(&["status"]).status, 0, "only a monitor is told by the exit code");
    for args in [&["status", "--json"][..], &["overview", "--json"]] {
        let said = mill(args);
        let json: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!((&json["state"], &json["warnings"]), (&json!("warning"), &json!([text])), "{args:?}");
    }
    let start = mill(&["overview"]);
    assert!(squeezed(&start.stdout).contains(&format!("health warning: {text}")), "{start:?}");
    assert_eq!(mill(&["publish"]).status, 0);
    let state = || {
        let text = fs::read_to_string(beside(&world.database(), "health.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["damaged"].clone()
    };
    assert!(state().as_str().unwrap().contains(&name), "for readers of snapshots");
    let metrics = || {
        assert_eq!(mill(&["run", "--metrics-file", "mill.prom"]).status, 0);
        let text = fs::read_to_string(world.path("mill.prom")).unwrap();
        text.lines().filter(|line| line.contains("warnings")).map(str::to_owned).collect::<Vec<_>>()
    };
    let expected = [
        "# HELP sessionmill_warnings Warnings about the database; not there without one.",
        "# TYPE sessionmill_warnings gauge",
        "sessionmill_warnings{about=\"damaged_files\"} 1",
    ];
    assert_eq!(metrics(), expected);
    fs::remove_file(world.path(&format!("data/mill.duckdb{name}"))).unwrap();
    assert_eq!(mill(&["status", "--check"]).status, 0);
    assert_eq!(metrics(), [""; 0]);
    assert_eq!(state(), Value::Null);
}

#[test]
fn a_log_that_held_everything_takes_no_source_with_it() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 10));
    run_into_log(&world);
    let mut bytes = fs::read(wal(&world.database())).unwrap();
    bytes[20] ^= 1;
    fs::write(wal(&world.database()), &bytes).unwrap();
    let said = world.mill(&["run", "--sessions", "data"]);
    assert!(said.stderr.contains("the database is made of `[world]/root`"), "{said:?}");
    assert_eq!(moved_aside(&world).len(), 1);
    let said = world.mill(&["run"]);
    assert_eq!((said.status, said.stdout.contains("1 file, 1 changed")), (0, true), "{said:?}");
    assert_like_new(&world, "after the run");
}

/// A database in a single file, as a run with much to do leaves it.
fn checkpointed() -> World {
    let world = World::new();
    for n in 0..10 {
        world.write(&format!("ada/{n}.jsonl"), responses(&format!("m{n}"), 200));
    }
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    Store::open(&world.database(), Access::ReadWrite).unwrap().checkpoint().unwrap();
    world
}

/// Overwrites a byte of the database, without a log.
fn flip(world: &World, at: usize) -> Vec<u8> {
    let mut bytes = fs::read(world.database()).unwrap();
    bytes[at] ^= 4;
    fs::write(world.database(), &bytes).unwrap();
    let _ = fs::remove_file(wal(&world.database()));
    bytes
}

#[test]
fn a_database_that_cannot_be_opened_is_moved_aside_and_made_anew_in_the_same_run() {
    for at in [8, 100, 4100, 8200] {
        let world = checkpointed();
        let damaged = flip(&world, at);
        let said = world.mill(&["run"]);
        assert_eq!(said.status, 1, "{said:?}");
        assert!(said.stdout.starts_with("usage: 10 files, 10 changed;"), "{}", said.stdout);
        let name = moved_aside(&world).remove(0);
        let alarm =
            format!("alarm: the database was damaged: it is `[world]/data/mill.duckdb{name}` now, and a new one");
        assert!(said.stdout.contains(&alarm), "{said:?}");
        let says = "the database is damaged and was moved aside; a new one is made from the transcripts, without what \
                    only transcripts said that are gone";
        assert!(said.stderr.contains(&format!("{says} moved_to=[world]/data/mill.duckdb{name}")), "{}", said.stderr);
        assert!(fs::read(world.path(&format!("data/mill.duckdb{name}"))).unwrap() == damaged);
        assert_like_new(&world, "after the run");
        let said = world.mill(&["run", "--sessions", "data"]);
        assert!(said.stderr.contains("the database is made of `[world]/root`"), "it forgot its sources: {said:?}");
    }
}

#[test]
fn the_log_of_a_damaged_database_goes_with_it() {
    let world = with_log();
    let log = fs::read(wal(&world.database())).unwrap();
    let mut bytes = fs::read(world.database()).unwrap();
    bytes[4100] ^= 4;
    bytes[8200] ^= 4;
    fs::write(world.database(), bytes).unwrap();
    world.remove("bob/0.jsonl");
    world.pass();
    let aside = moved_aside(&world);
    assert_eq!((aside.len(), aside[1].clone()), (2, format!("{}.wal", aside[0])));
    assert!(fs::read(world.path(&format!("data/mill.duckdb{}", aside[1]))).unwrap() == log);
    assert_like_new(&world, "without what a file said that is gone");
}

#[test]
fn a_database_that_was_not_made_whole_is_made_anew() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 1));
    let said = run_within(&world, 4096);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(fs::metadata(world.database()).unwrap().len() <= 4096);
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!((said.status, said.stdout.contains("1 file, 1 changed")), (1, true), "{said:?}");
    assert_like_new(&world, "after the run");
}

#[test]
fn a_damaged_page_is_found_by_whoever_reads_it_and_repaired_by_the_next_run() {
    let world = checkpointed();
    let whole = fs::read(world.database()).unwrap();
    let expected = content(&world.database());
    let mut dice = Dice(4);
    let mut found = (0, 0);
    for round in 0..16 {
        fs::write(world.database(), &whole).unwrap();
        flip(&world, 12_288 + dice.below(whole.len() - 12_288));
        if round % 2 == 0 {
            let first = world.mill(&["run"]);
            let is_replaced = first.stderr.contains("the database is damaged");
            assert_eq!(first.status, i32::from(is_replaced), "round {round}: {first:?}");
            found.0 += usize::from(first.stderr.contains("moved_to="));
        }
        let all = queries()
            .iter()
            .map(|sql| format!("(SELECT bit_xor(hash(t)) FROM ({sql}) t)"))
            .collect::<Vec<_>>()
            .join(", ");
        let sql = &format!("SELECT {all}");
        let read = world.mill(&["query", sql]);
        if read.status != 0 {
            assert!(read.stderr.contains("\n  hint: `sessionmill run` moves aside"), "{read:?}");
            let second = world.mill(&["run"]);
            assert!(second.stderr.contains("moved_to="), "round {round}: {second:?}");
            found.1 += 1;
        }
        assert_eq!(content(&world.database()), expected, "round {round}");
    }
    assert!(found.0 > 0 && found.1 > 0, "{found:?}");
}

/// The parts of a database file that DuckDB writes at a time: their places, and their contents before and after.
fn changed_blocks<'b>(before: &'b [u8], after: &'b [u8]) -> Vec<(usize, &'b [u8], &'b [u8])> {
    const BLOCK: usize = 64 << 10;
    let blocks = before[12_288..].chunks_exact(BLOCK).zip(after[12_288..].chunks_exact(BLOCK));
    let places = blocks.enumerate().map(|(n, (before, after))| (12_288 + n * BLOCK, before, after));
    places.filter(|(_, before, after)| before != after).collect()
}

#[test]
fn a_checkpoint_that_is_killed_within_a_write_is_undone() {
    let world = checkpointed();
    world.remove("ada/0.jsonl");
    world.write("ada/new.jsonl", responses("new", 200));
    run_into_log(&world);
    let rollback = beside(&world.database(), "rollback");
    let [before, log, kept] =
        [&world.database(), &wal(&world.database()), &rollback].map(|path| fs::read(path).unwrap());
    Store::open(&world.database(), Access::ReadWrite).unwrap().checkpoint().unwrap();
    assert!(!rollback.exists(), "it is of the state before");
    let after = fs::read(world.database()).unwrap();
    let expected = content(&world.database());
    let mut torn = 0;
    for (place, old, new) in changed_blocks(&before, &after) {
        if !kept.windows(old.len()).any(|part| part == old) {
            continue;
        }
        let killed = |written: usize| {
            let mut bytes = before.clone();
            bytes[place..][..written].copy_from_slice(&new[..written]);
            fs::write(world.database(), bytes).unwrap();
            fs::write(wal(&world.database()), &log).unwrap();
        };
        let _ = fs::remove_file(&rollback);
        killed(4096);
        let said = world.mill(&["query", "SELECT 1"]);
        assert_eq!(said.status, 2, "DuckDB reads a block that was half written: {said:?}");
        for written in [512, 4096, 32_768, 61_440] {
            killed(written);
            fs::write(&rollback, &kept).unwrap();
            let said = world.mill(&["run"]);
            assert_eq!(said.status, 0, "{said:?}");
            assert!(!said.stderr.contains("damaged"), "{said:?}");
            assert_eq!(content(&world.database()), expected, "{written} bytes at {place}");
            torn += 1;
        }
    }
    assert!(torn > 0, "no block was written in place");
    assert_eq!(moved_aside(&world), [""; 0]);
}

#[test]
fn the_log_of_a_newer_state_is_not_replayed_into_an_older_copy() {
    let world = checkpointed();
    let older = fs::read(world.database()).unwrap();
    world.write("ada/0.jsonl", responses("rewritten", 200)).pass();
    Store::open(&world.database(), Access::ReadWrite).unwrap().checkpoint().unwrap();
    world.write("ada/1.jsonl", responses("again", 200));
    run_into_log(&world);
    fs::write(world.database(), older).unwrap();
    for args in [&["query", "SELECT 1"][..], &["report", "--no-refresh"]] {
        let said = world.mill(args);
        let expected = "sessionmill: cannot open `[world]/data/mill.duckdb`: `[world]/data/mill.duckdb.wal` belongs to \
                        another state of the database, such as a newer one\n  hint: `sessionmill run` moves aside what is damaged";
        assert!(said.status == 2 && said.stderr.starts_with(expected), "{said:?}");
    }
    let said = world.mill(&["run"]);
    assert!(said.status == 1 && said.stdout.contains("alarm: the log of the database could not be used"), "{said:?}");
    assert!(moved_aside(&world)[0].ends_with(".wal"));
    assert_like_new(&world, "after the run");
}

#[test]
fn a_link_to_a_database_is_the_database_with_its_log() {
    let world = with_log();
    let database = world.database();
    fs::create_dir(world.path("large")).unwrap();
    for name in beside_database(&world) {
        let name = format!("mill.duckdb{name}");
        fs::rename(world.path("data").join(&name), world.path("large").join(&name)).unwrap();
    }
    std::os::unix::fs::symlink("../large/mill.duckdb", &database).unwrap();
    let count = ["query", "--csv", "SELECT count(*) FROM usage_responses"];
    let direct = world.mill(&[&count[..], &["--database", "large/mill.duckdb"]].concat());
    let linked = world.mill(&count);
    assert_eq!((linked.status, &linked.stdout), (0, &direct.stdout), "{linked:?}");
    assert_ne!(linked.stdout, "count_star()\n0\n");
    world.write("ada/0.jsonl", response("again", "10:00:00", 1));
    run_into_log(&world);
    let mut bytes = fs::read(wal(&world.path("large/mill.duckdb"))).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(wal(&world.path("large/mill.duckdb")), bytes).unwrap();
    let said = world.mill(&["run"]);
    assert!(said.status == 1 && said.stdout.contains("alarm: the log of the database could not be used"), "{said:?}");
    assert!(database.is_symlink());
    assert_eq!(beside_database(&world), [""], "everything is beside the file itself");
}

#[test]
fn a_crash_while_a_damaged_database_is_replaced_loses_no_source() {
    let world = checkpointed();
    let origin = beside(&world.database(), "origin");
    let text = fs::read_to_string(&origin).unwrap();
    for half_made in [None, Some(&b""[..])] {
        fs::write(&origin, text.replace("\"damaged\":false", "\"damaged\":true")).unwrap();
        fs::remove_file(world.database()).unwrap();
        half_made.into_iter().for_each(|bytes| fs::write(world.database(), bytes).unwrap());
        let said = world.mill(&["run"]);
        assert_eq!((said.status, said.stdout.contains("10 changed")), (1, true), "{said:?}");
        assert_eq!(fs::read_to_string(&origin).unwrap(), text);
        assert_like_new(&world, "after the run");
    }
}

#[test]
fn what_is_not_ours_is_refused_and_left_as_it_is() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 1));
    fs::create_dir(world.path("data")).unwrap();
    let theirs = checkpointed();
    flip(&theirs, 4100);
    let damaged = fs::read(theirs.database()).unwrap();
    for bytes in [&b"buy milk\n"[..], b"", &damaged] {
        fs::write(world.database(), bytes).unwrap();
        let said = world.mill(&["run", "--sessions", "root"]);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{said:?}");
        assert!(said.stderr.contains("sessionmill: cannot open `[world]/data/mill.duckdb`: IO Error: "), "{said:?}");
        assert!(said.stderr.contains("\n  hint: it is not known to be made by sessionmill and stays"), "{said:?}");
        assert!(fs::read(world.database()).unwrap() == bytes);
        assert!(beside_database(&world).iter().all(|name| name.is_empty() || name.ends_with("lock")));
    }
}

#[test]
fn a_database_that_was_deleted_begins_anew_with_any_root() {
    let world = checkpointed();
    fs::remove_file(world.database()).unwrap();
    fs::rename(world.root(), world.path("moved")).unwrap();
    let said = world.mill(&["run", "--sessions", "moved"]);
    assert_eq!((said.status, said.stdout.contains("10 changed")), (0, true), "{said:?}");
}
