//! The store: rows that do not fit only affect what they are about, and a slow file blocks nobody.

use crate::failures::TWINS;
use crate::world::{DAY, World, response, rows_of, tables};
use sessionmill::base::error::Status;
use sessionmill::base::limits::Limits;
use sessionmill::pass::{self, Pass};
use sessionmill::plugs::PLUGS;
use sessionmill::read::Caps;
use sessionmill::run::request::{Origin, Request};
use sessionmill::source::{Layout, Source};
use sessionmill::store::{Access, DatabaseFile, Store};
use sessionmill_contract::{
    Event, Failure, Fold, Inputs, Manifest, Processor, Rows, Settlement, SourceFile, Table, Value, table,
};
use sessionmill_usage::Usage;
use sessionmill_usage::copy::COPIES;
use sessionmill_usage::response::RESPONSES;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Queries for everything that a database says, except for the times of reading.
pub fn queries() -> Vec<String> {
    let ledger = [
        "SELECT * EXCLUDE (first_seen, verified_at, settled, first_look_boot, first_look_ns) FROM session_files ORDER BY ALL",
        "SELECT * EXCLUDE (processed_at, run_id) FROM session_processor_state ORDER BY ALL",
        "SELECT * FROM facts.touched_keys ORDER BY ALL",
        "SELECT * EXCLUDE (first_failed_at, last_failed_at, next_try_at) FROM session_failures ORDER BY ALL",
    ];
    let of_processors = tables().into_iter().map(|table| format!("SELECT * FROM {table} ORDER BY ALL"));
    ledger.map(str::to_owned).into_iter().chain(of_processors).collect()
}

pub fn content(database: &Path) -> Vec<String> {
    let store = Store::open(database, Access::ReadOnly).unwrap();
    queries().iter().flat_map(|sql| rows_of(&store, sql)).collect()
}

/// Fails unless the database equals one that is built from scratch now.
pub fn assert_like_new(world: &World, about: &str) {
    let scratch = world.path("scratch.duckdb");
    fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().path()).for_each(|path| {
        if path.file_name().unwrap().to_str().unwrap().starts_with("scratch.duckdb") {
            fs::remove_file(path).unwrap();
        }
    });
    run_pass(world, &scratch, &PLUGS.processors(), &|| {}).unwrap();
    assert_eq!(content(&world.database()), content(&scratch), "{about}");
}

/// A pass with a callback after each commit.
pub fn run_pass(
    world: &World,
    database: &Path,
    processors: &[&dyn Processor],
    committed: &dyn Fn(),
) -> sessionmill::base::error::Result<sessionmill::run::summary::Summary> {
    let sources = [Source::new("sessions", world.root(), Layout::Users)];
    pass::run(&Pass {
        database: &DatabaseFile::new(database, PLUGS.schema()),
        sources: &sources,
        processors,
        now: world.next(),
        request: &Request::new(Origin::Cli, "tester"),
        login: "tester",
        limits: &Limits::default(),
        caps: Caps::default(),
        threads: 2,
        networks: &[],
        lookups: &[],
        adopt: false,
        trial: &|_, _| Ok(()),
        remark: &|_, _| Vec::new(),
        leave: &drop,
        progress: &|_| committed(),
    })
}

/// `count` responses whose ids begin with `prefix`.
pub fn responses(prefix: &str, count: u64) -> String {
    (0..count).map(|n| response(&format!("{prefix}-{n}"), "10:00:00", n)).collect()
}

table! {
    static NARROW: Table = "usage_sessions", Hidden;

    /// A row with fewer columns than the table.
    struct NarrowRow<'a> {
        session_id: &'a str,
        prompts: u64,
    }
}

/// The usage processor, with rows that do not fit into their tables.
struct Unfit {
    /// The source file with a fact that lacks a required value.
    file: &'static str,
    /// The message id with an entity that lacks one.
    key: &'static str,
    manifest: &'static Manifest,
}

impl Unfit {
    fn new() -> Self {
        Self { file: "-", key: "-", manifest: Usage.manifest() }
    }

    /// The processor, written for other tables.
    fn of_other_tables() -> Self {
        let facts = Box::leak(Box::new([&NARROW]));
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

    fn settle(&self, settlement: &Settlement, key: &str, inputs: Inputs<'_>, rows: &mut Rows) -> Result<(), Failure> {
        Usage.settle(settlement, key, inputs, rows)?;
        if key == self.key {
            let row = spoilt(rows, &RESPONSES, "copies");
            rows.push_cells(&RESPONSES, row.iter().map(Value::cell));
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
            facts.push(NarrowRow { session_id: "s1", prompts: 1 });
            return Ok(());
        }
        self.fold.finish(facts)?;
        if self.file.session_file == self.unfit.file {
            let row = spoilt(facts, &COPIES, "part");
            facts.push_cells(&COPIES, row.iter().map(Value::cell));
        }
        Ok(())
    }
}

/// The last row of a table again, without a value in one column.
fn spoilt(rows: &Rows, table: &Table, column: &str) -> Vec<Value> {
    let mut row = rows.of(table).last().unwrap().to_vec();
    row[table.position(column).unwrap()] = Value::Null;
    row
}

/// The usage processor, which does not finish a certain file before something is committed.
struct Slow<'c>(&'c AtomicU64);

struct SlowFold<'s>(Option<&'s AtomicU64>, Box<dyn Fold + 's>);

impl Processor for Slow<'_> {
    fn manifest(&self) -> &'static Manifest {
        Usage.manifest()
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(SlowFold((file.username == "slow").then_some(self.0), Usage.open(file)))
    }

    fn settle(&self, settlement: &Settlement, key: &str, inputs: Inputs<'_>, rows: &mut Rows) -> Result<(), Failure> {
        Usage.settle(settlement, key, inputs, rows)
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
        if let Some(commits) = self.0 {
            let mut polls = 0;
            while commits.load(Ordering::Relaxed) == 0 {
                assert!(polls < 600_000, "the other waits for this one");
                polls += 1;
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        self.1.finish(facts)
    }
}

#[test]
fn a_file_that_takes_long_holds_up_no_others() {
    let world = World::new();
    world.write("slow/s.jsonl", responses("s", 1)).write("ada/a.jsonl", responses("a", 1));
    let commits = AtomicU64::new(0);
    let committed = || {
        commits.fetch_add(1, Ordering::Relaxed);
    };
    run_pass(&world, &world.database(), &[&Slow(&commits)], &committed).unwrap();
    assert_eq!(commits.into_inner(), 2, "the other is committed while it is read");
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
    // A table that is listed twice has twice as many rows as expected.
    let twice = Box::leak(Box::new([Usage.manifest().facts[2]; 2]));
    let manifest = Manifest { facts: twice, settlements: &[], ..Usage.manifest().clone() };
    let error = world.pass_of(&[&Unfit { manifest: Box::leak(Box::new(manifest)), ..Unfit::new() }]).unwrap_err();
    assert_eq!(error.status, Status::CannotRun);
    assert_eq!(error.to_string(), "the database kept 2 of 1 rows of `usage_sessions` that it had committed");
    assert!(world.rows("SELECT 1 FROM session_processor_state").is_empty());
    assert_eq!(world.pass().processed, 1);
    assert_like_new(&world, "after a pass of a processor without the fault");
}

#[test]
fn a_key_whose_entities_do_not_fit_costs_itself_only() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 30)).write("bob/b.jsonl", responses("m", 30));
    let unfit = Unfit { key: "m-7", ..Unfit::new() };
    for already in [false, true] {
        let counts = world.pass_of(&[&unfit]).unwrap().remove(0);
        assert_eq!((counts.errors, counts.unsettled_keys), (0, 1), "{already}");
        assert_eq!((counts.processed, counts.unchanged), if already { (0, 2) } else { (2, 0) });
        // After their commit was refused, the files are tried one by one, so the first one is committed alone.
        assert_eq!(world.rows("SELECT count(*), count_if(copies = 2) FROM usage_responses"), ["30|29"]);
        assert_eq!(world.rows("SELECT count(*) FROM facts.touched_keys"), ["0"]);
        let why = "m-7|permanent|the database refused: NOT NULL constraint failed: usage_responses.copies";
        assert_eq!(world.rows("SELECT key, class, message FROM settling_failures"), [why]);
    }
    assert_eq!(world.wait(DAY).pass().unsettled_keys, 0);
    assert_like_new(&world, "after a pass of a processor without the fault");
}

#[test]
fn of_two_keys_of_one_hash_only_the_one_whose_entities_do_not_fit_fails() {
    for already in [false, true] {
        let world = World::new();
        let write = |output| {
            let lines = TWINS.map(|id| response(id, "10:00:00", output)).concat();
            world.write("ada/a.jsonl", &lines).write("ada/b.jsonl", lines)
        };
        if already {
            write(5).pass();
        }
        write(6);
        let unfit = Unfit { key: TWINS[1], ..Unfit::new() };
        assert_eq!(world.pass_of(&[&unfit]).unwrap()[0].unsettled_keys, 1, "{already}");
        let why = "permanent|retry|1|the database refused: NOT NULL constraint failed: usage_responses.copies";
        let failures = "SELECT key, class, state, strikes, message FROM settling_failures";
        assert_eq!(world.rows(failures), [format!("{}|{why}", TWINS[1])]);
        let tokens = "SELECT message_id, output_tokens FROM usage_responses ORDER BY ALL";
        let stays = already.then(|| format!("{}|5", TWINS[1]));
        assert_eq!(world.rows(tokens), [format!("{}|6", TWINS[0])].into_iter().chain(stays).collect::<Vec<_>>());
        assert_eq!(world.wait(DAY).pass().unsettled_keys, 0);
        assert_like_new(&world, "after a pass of a processor without the fault");
    }
}

/// DuckDB creates its folder for spilled data only once, even if that happens while it replays the log.
#[test]
fn what_was_spilled_while_the_log_was_replayed_takes_no_room_from_what_comes_later() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 1)).pass();
    let connection = duckdb::Connection::open(world.database()).unwrap();
    connection
        .execute_batch(
            "PRAGMA disable_checkpoint_on_shutdown; SET checkpoint_threshold = '9GB';
             CREATE TABLE padding (a VARCHAR)",
        )
        .unwrap();
    for part in 0..40 {
        let sql = format!(
            "INSERT INTO padding SELECT md5(range::VARCHAR) || md5((range + 1)::VARCHAR)
             FROM range({part} * 100000, ({part} + 1) * 100000)"
        );
        connection.execute_batch(&sql).unwrap();
    }
    connection.execute_batch("DROP TABLE padding").unwrap();
    drop(connection);
    let store = Store::open(&world.database(), Access::ReadWrite).unwrap();
    let large = "SELECT count(*) FROM (SELECT md5(range::VARCHAR) AS a FROM range(6000000) GROUP BY a)";
    let counted: i64 = store.connection().query_row(large, [], |row| row.get(0)).unwrap();
    assert_eq!(counted, 6_000_000);
}

#[test]
fn texts_are_compressed_by_dictionaries_only() {
    let world = World::new();
    let lines = (0..5_000).map(|number| response(&format!("msg_01{number:08x}"), "10:00:00", number + 1));
    world.write("ada/s.jsonl", lines.collect::<String>()).pass();
    let store = Store::open(&world.database(), Access::ReadWrite).unwrap();
    store.checkpoint().unwrap();
    let sql = "SELECT DISTINCT upper(compression) FROM pragma_storage_info('facts.usage_copies')
               WHERE segment_type = 'VARCHAR' AND persistent";
    let used = rows_of(&store, sql);
    assert!(!used.is_empty() && used.iter().all(|method| !method.contains("FSST")), "{used:?}");
}
