//! The store where things go wrong: rows that do not fit, full disks, damaged files, other processes.

use crate::world::{DAY, Said, World, response, rows_of};
use duckdb::{AccessMode, Config, Connection};
use sessionmill::error::Status;
use sessionmill::pass::{self, Limits, Pass};
use sessionmill::pulse::Pulse;
use sessionmill::report::status;
use sessionmill::request::{Origin, Request};
use sessionmill::scan;
use sessionmill::source::{Layout, Source};
use sessionmill::store::{Access, Store, beside, known, migrate, presence, room, runs};
use sessionmill_contract::{
    Event, FactRow, Failure, Fold, Manifest, Processor, Rows, Settlement, SourceFile, Table, Value,
};
use sessionmill_usage::Usage;
use sessionmill_usage::copy::COPIES;
use sessionmill_usage::response::RESPONSES;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a database says, but for the times at which it was told.
const CONTENT: [&str; 12] = [
    "SELECT * EXCLUDE (first_seen, verified_at, settled, first_look_boot, first_look_ns) FROM session_files ORDER BY ALL",
    "SELECT * EXCLUDE (processed_at, run_id) FROM session_processor_state ORDER BY ALL",
    "SELECT * FROM facts.usage_copies ORDER BY ALL",
    "SELECT * FROM facts.usage_tool_calls ORDER BY ALL",
    "SELECT * FROM usage_sessions ORDER BY ALL",
    "SELECT * FROM usage_responses ORDER BY ALL",
    "SELECT * FROM facts.verification_claims ORDER BY ALL",
    "SELECT * FROM facts.knowledge_items ORDER BY ALL",
    "SELECT * FROM facts.verification_evidence ORDER BY ALL",
    "SELECT * FROM facts.knowledge_relations ORDER BY ALL",
    "SELECT * FROM facts.touched_keys ORDER BY ALL",
    "SELECT * EXCLUDE (first_failed_at, last_failed_at, next_try_at) FROM session_failures ORDER BY ALL",
];

fn content(database: &Path) -> Vec<String> {
    let store = Store::open(database, Access::ReadOnly).unwrap();
    CONTENT.iter().flat_map(|sql| rows_of(&store, sql)).collect()
}

/// Fails unless the database says what one says that is made from nothing now.
fn assert_like_new(world: &World, about: &str) {
    let scratch = world.path("scratch.duckdb");
    fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().path()).for_each(|path| {
        if path.file_name().unwrap().to_str().unwrap().starts_with("scratch.duckdb") {
            fs::remove_file(path).unwrap();
        }
    });
    run_pass(world, &scratch, sessionmill::registry::processors(), &|| {}).unwrap();
    assert_eq!(content(&world.database()), content(&scratch), "{about}");
}

/// A pass with a word after each commit.
fn run_pass(
    world: &World,
    database: &Path,
    processors: &[&dyn Processor],
    committed: &dyn Fn(),
) -> sessionmill::error::Result<sessionmill::summary::Summary> {
    let sources = [Source { name: "sessions".into(), root: world.root(), layout: Layout::Users }];
    pass::run(&Pass {
        database,
        sources: &sources,
        processors,
        now: world.next(),
        request: &Request::new(Origin::Cli, "tester"),
        login: "tester",
        limits: Limits::default(),
        adopt: false,
        trial: &|_, _| Ok(()),
        progress: &|_| committed(),
        pulse: &Pulse::default(),
    })
}

/// `count` responses whose ids begin with `prefix`.
fn responses(prefix: &str, count: u64) -> String {
    (0..count).map(|n| response(&format!("{prefix}-{n}"), "10:00:00", n)).collect()
}

/// The usage processor with rows that do not fit into their tables.
struct Unfit {
    /// The source file of whose facts one has nothing where something must be.
    file: &'static str,
    /// The message id of whose entities one has.
    key: &'static str,
    manifest: &'static Manifest,
}

impl Unfit {
    fn new() -> Self {
        Self { file: "-", key: "-", manifest: Usage.manifest() }
    }

    /// One that was written for other tables.
    fn of_other_tables() -> Self {
        let wide = Table { name: "usage_sessions", columns: &["session_id", "prompts"] };
        let facts = Box::leak(Box::new([&*Box::leak(Box::new(wide))]));
        let manifest = Manifest { name: "other", facts, settlements: &[], ..Usage.manifest().clone() };
        Self { manifest: Box::leak(Box::new(manifest)), ..Self::new() }
    }
}

impl Processor for Unfit {
    fn manifest(&self) -> &'static Manifest {
        self.manifest
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(UnfitFold { unfit: self, file, fold: Usage.open(file) })
    }

    fn settle(
        &self,
        settlement: &Settlement,
        key: &str,
        facts: &[FactRow],
        reviews: &[Vec<Value>],
        rows: &mut Rows,
    ) -> Result<(), Failure> {
        Usage.settle(settlement, key, facts, reviews, rows)?;
        if key == self.key {
            rows.push(&RESPONSES, spoilt::<30>(rows, &RESPONSES, "copies"));
        }
        Ok(())
    }
}

struct UnfitFold<'s> {
    unfit: &'s Unfit,
    file: &'s SourceFile,
    fold: Box<dyn Fold + 's>,
}

impl Fold for UnfitFold<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.fold.event(event);
    }

    fn held(&self) -> usize {
        self.fold.held()
    }

    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        if self.unfit.manifest.name == "other" {
            facts.push(self.unfit.manifest.facts[0], [Value::from("s1"), Value::from(1_i64)]);
            return Ok(());
        }
        self.fold.finish(facts)?;
        if self.file.session_file == self.unfit.file {
            facts.push(&COPIES, spoilt::<27>(facts, &COPIES, "part"));
        }
        Ok(())
    }
}

/// A row of a table again, without a value in one column.
fn spoilt<const N: usize>(rows: &Rows, table: &Table, column: &str) -> [Value; N] {
    let mut row = rows.of(table).next().unwrap().to_vec();
    row[table.position(column).unwrap()] = Value::Null;
    row.try_into().unwrap()
}

/// The usage processor, which takes its time for one file.
struct Slow;

struct SlowFold<'s>(bool, Box<dyn Fold + 's>);

impl Processor for Slow {
    fn manifest(&self) -> &'static Manifest {
        Usage.manifest()
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(SlowFold(file.username == "slow", Usage.open(file)))
    }

    fn settle(
        &self,
        settlement: &Settlement,
        key: &str,
        facts: &[FactRow],
        reviews: &[Vec<Value>],
        rows: &mut Rows,
    ) -> Result<(), Failure> {
        Usage.settle(settlement, key, facts, reviews, rows)
    }
}

impl Fold for SlowFold<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.1.event(event);
    }

    fn held(&self) -> usize {
        self.1.held()
    }

    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        if self.0 {
            std::thread::sleep(std::time::Duration::from_millis(2_500));
        }
        self.1.finish(facts)
    }
}

#[test]
fn a_file_that_takes_long_holds_up_no_others() {
    let world = World::new();
    world.write("slow/s.jsonl", responses("s", 1)).write("ada/a.jsonl", responses("a", 1));
    let commits = std::cell::Cell::new(0);
    run_pass(&world, &world.database(), &[&Slow], &|| commits.set(commits.get() + 1)).unwrap();
    assert_eq!(commits.get(), 2, "the other is committed while it is read");
    assert_eq!(world.rows("SELECT count(*) FROM usage_responses"), ["2"]);
}

#[test]
fn a_file_whose_rows_do_not_fit_costs_itself_only() {
    let world = World::new();
    for n in 0..7 {
        world.write(&format!("ada/{n}.jsonl"), responses(&format!("m{n}"), 3));
    }
    let unfit = Unfit { file: "ada/4.jsonl", ..Unfit::new() };
    let counts = world.pass_of(&[&unfit]).unwrap().remove(0);
    assert_eq!((counts.files, counts.processed, counts.errors, counts.items_extracted), (7, 6, 1, 18));
    let error = &counts.errors_detail[0];
    assert_eq!(
        (error.session.as_str(), error.class, error.error.as_str()),
        ("ada/4.jsonl", "permanent", "the database refused: NOT NULL constraint failed: usage_copies.part")
    );
    let files = "SELECT session_file FROM usage_sessions ORDER BY ALL";
    assert_eq!(world.rows(files), [0, 1, 2, 3, 5, 6].map(|n| format!("ada/{n}.jsonl")));
    let failures = "SELECT session_file, attempts, class FROM session_failures";
    assert_eq!(world.rows(failures), ["ada/4.jsonl|1|permanent"]);
    world.pass_of(&[&unfit]).unwrap();
    assert_eq!(world.rows("SELECT count(*), count(DISTINCT session_file) FROM session_files"), ["7|7"]);
    world.wait(DAY).pass();
    assert_like_new(&world, "after a pass of a processor without the fault");
}

#[test]
fn a_processor_whose_rows_do_not_fit_costs_itself_only() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 3)).write("bob/b.jsonl", responses("n", 3));
    let other = Unfit::of_other_tables();
    let counts = world.pass_of(&[&other, &Usage]).unwrap();
    assert_eq!((counts[0].processed, counts[0].errors), (0, 2));
    assert_eq!((counts[1].processed, counts[1].errors), (2, 0));
    assert_eq!(world.rows("SELECT DISTINCT processor_name FROM session_processor_state"), ["usage"]);
    assert_eq!(world.rows("SELECT count(*), count(DISTINCT session_file) FROM session_files"), ["2|2"]);
}

#[test]
fn rows_that_the_database_did_not_keep_as_it_said_are_due_again() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 3));
    // A table that is listed twice has twice the rows that were expected of it.
    let twice = Box::leak(Box::new([Usage.manifest().facts[2]; 2]));
    let manifest = Manifest { facts: twice, settlements: &[], ..Usage.manifest().clone() };
    let error = world.pass_of(&[&Unfit { manifest: Box::leak(Box::new(manifest)), ..Unfit::new() }]).unwrap_err();
    assert_eq!(error.status, Status::CannotRun);
    assert_eq!(error.message, "the database kept 2 of 1 rows of `usage_sessions` that it had committed");
    assert!(world.rows("SELECT 1 FROM session_processor_state").is_empty());
    assert_eq!(world.pass().processed, 1);
    assert_like_new(&world, "after a pass of a processor without the fault");
}

#[test]
fn a_key_whose_entities_do_not_fit_costs_itself_only() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 30)).write("bob/b.jsonl", responses("n", 30));
    let unfit = Unfit { key: "m-7", ..Unfit::new() };
    for already in [false, true] {
        let counts = world.pass_of(&[&unfit]).unwrap().remove(0);
        assert_eq!((counts.errors, counts.unsettled_keys), (0, 1), "{already}");
        assert_eq!((counts.processed, counts.unchanged), if already { (0, 2) } else { (2, 0) });
        assert_eq!(world.rows("SELECT count(*) FROM usage_responses"), ["59"]);
        assert_eq!(world.rows("SELECT count(DISTINCT key_hash) FROM facts.touched_keys"), ["1"]);
    }
    assert_eq!(world.pass().unsettled_keys, 0);
    assert_like_new(&world, "after a pass of a processor without the fault");
}

/// The world's database with a history: a checkpoint, and passes since then that are in the log alone.
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

fn wal(database: &Path) -> PathBuf {
    beside(database, "wal")
}

/// Files beside the database, by the part of their name after its own.
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

/// Numbers that are as good as any and the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Runs passes over a database whose log is damaged so many times. Returns how often it was moved aside.
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
    assert_eq!(said.status, 0, "{said:?}");
    let name = moved_aside(&world).remove(0);
    let says = format!(
        "was moved aside; what it held is read again from transcripts that still exist moved_to=[world]/data/mill.duckdb{name}"
    );
    assert!(said.stderr.contains(&says), "{}", said.stderr);
    assert_like_new(&world, "after the run");
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

/// A database in one file, as a run leaves it that had much to do.
fn checkpointed() -> World {
    let world = World::new();
    for n in 0..10 {
        world.write(&format!("ada/{n}.jsonl"), responses(&format!("m{n}"), 200));
    }
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    Store::open(&world.database(), Access::ReadWrite).unwrap().checkpoint().unwrap();
    world
}

/// Writes a byte over one of the database, without a log.
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
        assert_eq!(said.status, 0, "{said:?}");
        assert!(said.stdout.starts_with("usage: 10 files, 10 changed;"), "{}", said.stdout);
        let name = moved_aside(&world).remove(0);
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
    assert_eq!((said.status, said.stdout.contains("1 file, 1 changed")), (0, true), "{said:?}");
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
            assert_eq!(first.status, 0, "round {round}: {first:?}");
            found.0 += usize::from(first.stderr.contains("moved_to="));
        }
        let all = CONTENT.map(|sql| format!("(SELECT bit_xor(hash(t)) FROM ({sql}) t)")).join(", ");
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
        assert_eq!((said.status, said.stdout.contains("10 changed")), (0, true), "{said:?}");
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

/// A run that may write no file longer than `bytes`, which is what a full disk is to DuckDB.
fn run_within(world: &World, bytes: u64) -> Said {
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", bytes / 512);
    world.mill_by(&["sh", "-c", &script], &["run", "--sessions", "root"])
}

const NO_ROOM: &str = "sessionmill: there is no room to write the database\n  hint: what was committed is kept; \
                       the next `sessionmill run` goes on from there\n";

#[test]
fn a_disk_that_fills_up_costs_what_did_not_fit_and_the_next_run_goes_on() {
    for kilobytes in [300, 330, 400] {
        let world = World::new();
        for n in 0..40 {
            world.write(&format!("ada/{n:02}.jsonl"), responses(&format!("m{n}"), 80));
        }
        let said = run_within(&world, kilobytes << 10);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{kilobytes}: {said:?}");
        assert!(said.stderr.ends_with(NO_ROOM), "{kilobytes}: {}", said.stderr);
        let torn = "SELECT session_file FROM session_processor_state LEFT JOIN usage_sessions s USING (session_file)
                    WHERE processor_name = 'usage' AND (coalesce(assistant_messages, 0) <> 80 OR items_extracted <>
                          (SELECT count(*) FROM facts.usage_copies c WHERE c.session_file = s.session_file))";
        assert!(world.rows(torn).is_empty());
        assert!(world.rows("SELECT 1 FROM session_failures").is_empty(), "no file is to blame");
        let kept: u64 = world.rows("SELECT count(*) FROM session_processor_state WHERE processor_name = 'usage'")[0]
            .parse()
            .unwrap();
        assert!(kept < 40, "{kilobytes}: {kept}");
        assert!(kilobytes == 300 || kept > 0, "{kilobytes}: a part that fits is kept");
        let said = world.mill(&["run"]);
        assert!(said.stdout.contains(&format!("40 files, {} changed", 40 - kept)), "{said:?}");
        assert_like_new(&world, "after the next run");
    }
}

#[test]
fn a_database_that_breaks_down_ends_the_run_and_keeps_what_was_committed() {
    let world = World::new();
    world.write("ada/a.jsonl", "").write("ada/b.jsonl", "");
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    // A database that is longer than the log will be, so that it cannot grow while the log can.
    let padding = "CREATE TABLE padding AS SELECT hash(x) AS x FROM range(1600000) r(x)";
    Connection::open(world.database()).unwrap().execute_batch(padding).unwrap();
    let length = fs::metadata(world.database()).unwrap().len();
    world.write("ada/a.jsonl", responses("m", 10_000)).write("ada/b.jsonl", responses("n", 10_000));
    let said = run_within(&world, length);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{said:?}");
    assert!(said.stderr.ends_with(NO_ROOM), "{}", said.stderr);
    assert!(fs::metadata(wal(&world.database())).unwrap().len() > 100_000);
    let said = world.mill(&["run"]);
    assert_eq!((said.status, said.stdout.contains("2 files, 0 changed")), (0, true), "{said:?}");
    assert_like_new(&world, "after the next run");
}

#[test]
fn a_run_does_not_begin_without_room_and_reports_do_without() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 1));
    fs::create_dir(world.path("data")).unwrap();
    let on_disk = |script: &str, args: &[&str]| {
        let script = format!("mount -t tmpfs -o size=80m tmpfs data || exit 99; {script}; exec \"$0\" \"$@\"");
        world.mill_by(&["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &script], args)
    };
    if on_disk("true", &["--version"]).status != 0 {
        return eprintln!("skipped: nothing can be mounted here");
    }
    let fill = "\"$0\" run --sessions root; : >data/mill.duckdb.lock; dd if=/dev/zero of=data/fill bs=4k count=$1 2>/dev/null; shift";
    let said = on_disk(fill, &["5000", "run", "--sessions", "root"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("sessionmill: there is no room for a pass: 6"), "{}", said.stderr);
    assert!(
        said.stderr.ends_with(
            " MB free in `[world]/data`, 67.1 MB needed\n  \
             hint: make room there, or name a file elsewhere with --database FILE\n"
        ),
        "{}",
        said.stderr
    );
    let said = on_disk(fill, &["99999", "report", "--no-refresh", "--format", "csv"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stdout.ends_with("\n2026-02-01,1,10,0,0,0,0,0,10,0.00005,\n"), "{said:?}");
}

const SECOND: &str = "SESSIONMILL_TEST_SECOND_PROCESS";

/// The body of the second process: it opens a database as any other program would.
#[test]
fn a_second_process() {
    let Some(database) = std::env::var_os(SECOND) else { return };
    for mode in [AccessMode::ReadOnly, AccessMode::ReadWrite] {
        let opened = Connection::open_with_flags(&database, Config::default().access_mode(mode).unwrap());
        println!("<{}>", opened.map_or_else(|error| error.to_string(), |_| "opened".to_owned()));
    }
}

/// What a second process is told that opens the database to read, then to write.
fn second(database: &Path) -> Vec<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::a_second_process", "--nocapture"])
        .env(SECOND, database)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answers = text.split('<').skip(1).map(|answer| answer.split('>').next().unwrap().to_owned());
    answers.map(|answer| if answer.contains("Could not set lock") { "refused".into() } else { answer }).collect()
}

/// The usage processor, which looks at every key it settles whether the database is held.
struct Watching<'w>(&'w Path);

impl Processor for Watching<'_> {
    fn manifest(&self) -> &'static Manifest {
        Usage.manifest()
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Usage.open(file)
    }

    fn settle(
        &self,
        settlement: &Settlement,
        key: &str,
        facts: &[FactRow],
        reviews: &[Vec<Value>],
        rows: &mut Rows,
    ) -> Result<(), Failure> {
        assert_eq!(second(self.0), ["refused", "refused"], "while {key} is settled");
        Usage.settle(settlement, key, facts, reviews, rows)
    }
}

#[test]
fn no_other_process_gets_the_database_while_it_is_held() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 2));
    let database = world.database();
    // A panic in a processor is contained, so that one of `Watching` shows as a key that failed.
    let pass = |refused| {
        let watching = Watching(&database);
        let summary = run_pass(&world, &database, &[&watching], &|| assert_eq!(second(&database), refused)).unwrap();
        assert_eq!(summary.processors[0].unsettled_keys, 0);
    };
    pass(["refused", "refused"]);
    assert_eq!(second(&database), ["opened", "opened"], "after the pass");
    world.append("ada/a.jsonl", &responses("m", 3));
    pass(["refused", "refused"]);

    let manifest = Usage.manifest();
    let sources = [Source { name: "sessions".into(), root: world.root(), layout: Layout::Users }];
    let held = |operation: &str, store: Store| {
        assert_eq!(second(&database), ["refused", "refused"], "after {operation}");
        store
    };
    let store = held("open", Store::open(&database, Access::ReadWrite).unwrap());
    migrate::migrate(&store, world.next().wall).unwrap();
    let store = held("migrate", store);
    presence::remember(&store, &sources, false).unwrap();
    known::sources(store.connection()).unwrap();
    let store = held("sources", store);
    let ledger = known::ledger(store.connection(), &[manifest], &["sessions"]).unwrap();
    let store = held("ledger", store);
    let roots = scan::roots(&sources).unwrap();
    let mut walk = scan::sessions(&sources, &roots, "tester").unwrap();
    presence::observe(&store, &sources, &roots, false, &mut walk, &ledger, world.next().wall).unwrap();
    let store = held("observe", store);
    runs::next(&store).unwrap();
    let store = held("next", store);
    store.touched(manifest, &manifest.settlements[0]).unwrap();
    let store = held("touched", store);
    room::check(&database).unwrap();
    let store = held("room", store);
    store.checkpoint().unwrap();
    drop(held("checkpoint", store));
    assert_eq!(second(&database), ["opened", "opened"], "after all");

    let store = Store::open(&database, Access::ReadOnly).unwrap();
    store.read(|connection| status::read(connection, &database, &[manifest])).unwrap();
    assert_eq!(second(&database), ["opened", "refused"], "readers share, and keep writers out");
}

#[test]
fn whoever_waits_for_the_database_too_long_is_told_who_has_it() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 2)).pass();
    let store = Store::open(&world.database(), Access::ReadWrite).unwrap();
    let expected = format!(
        "sessionmill: `[world]/data/mill.duckdb` is in use by another run of sessionmill (pid {})\n  hint: try again in a moment\n",
        std::process::id()
    );
    let other = Connection::open(world.path("other.duckdb")).unwrap();
    let commands =
        ["run --sessions root", "report --no-refresh", "status", "query VALUES(1)", "status --database other.duckdb"];
    let at_once = "for command in \"$@\"; do { \"$0\" $command; echo $?; } >\"said by $command\" 2>&1 & done; wait";
    world.mill_by(&["sh", "-c", at_once], &commands);
    let said_by = |command: &str| {
        let said = fs::read_to_string(world.path(&format!("said by {command}"))).unwrap();
        said.replace(world.path("").to_str().unwrap().trim_end_matches('/'), "[world]")
    };
    for command in &commands[..4] {
        let said = said_by(command);
        assert!(said.ends_with(&format!("{expected}{}\n", Status::Busy as i32)), "{command}: {said}");
    }
    let said = said_by(commands[4]);
    assert!(said.starts_with("sessionmill: `[world]/other.duckdb` is open in another program (/"), "{said}");
    let hint = "hint: close it there, or let that program read a published snapshot";
    assert!(said.ends_with(&format!(", pid {})\n  {hint}\n75\n", std::process::id())), "{said}");
    drop(other);
    drop(store);
    assert_eq!(world.mill(&["status"]).status, 0);
}
