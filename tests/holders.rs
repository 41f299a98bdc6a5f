//! The database between processes: the process that has it open keeps others out, and they are told which process it
//! is.

use crate::store::{responses, run_pass};
use crate::world::World;
use duckdb::{AccessMode, Config, Connection};
use sessionmill::base::error::Status;
use sessionmill::base::lock::StoreLock;
use sessionmill::plugs::PLUGS;
use sessionmill::report::status;
use sessionmill::run::policy::Policy;
use sessionmill::source::alignment::Wanted;
use sessionmill::source::retry::Retries;
use sessionmill::source::scan;
use sessionmill::source::{Layout, Source};
use sessionmill::store::presence::Tree;
use sessionmill::store::{Access, Store, known, migrate, presence, room, runs, sources};
use sessionmill_contract::{Failure, Fold, Inputs, Manifest, Processor, Rows, Settlement, SourceFile};
use sessionmill_usage::Usage;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SECOND: &str = "SESSIONMILL_TEST_SECOND_PROCESS";

/// The body of the second process: it opens the database as any other program would.
#[test]
fn a_second_process() {
    let Some(database) = std::env::var_os(SECOND) else { return };
    for mode in [AccessMode::ReadOnly, AccessMode::ReadWrite] {
        let opened = Connection::open_with_flags(&database, Config::default().access_mode(mode).unwrap());
        println!("<{}>", opened.map_or_else(|error| error.to_string(), |_| "opened".to_owned()));
    }
}

/// The errors of a second process that opens the database for reading, then for writing.
fn second(database: &Path) -> Vec<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holders::a_second_process", "--nocapture"])
        .env(SECOND, database)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answers = text.split('<').skip(1).map(|answer| answer.split('>').next().unwrap().to_owned());
    answers.map(|answer| if answer.contains("Could not set lock") { "refused".into() } else { answer }).collect()
}

/// The usage processor, which checks for every key it settles whether the database is open.
struct Watching<'w>(&'w Path);

impl Processor for Watching<'_> {
    fn manifest(&self) -> &'static Manifest {
        Usage.manifest()
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Usage.open(file)
    }

    fn settle(&self, settlement: &Settlement, key: &str, inputs: Inputs<'_>, rows: &mut Rows) -> Result<(), Failure> {
        assert_eq!(second(self.0), ["refused", "refused"], "while {key} is settled");
        Usage.settle(settlement, key, inputs, rows)
    }
}

#[test]
fn no_other_process_gets_the_database_while_it_is_held() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 2));
    let database = world.database();
    // A panic in a processor is contained, so a panic of `Watching` shows as a key that failed.
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
    let sources = [Source::new("sessions", world.root(), Layout::Users)];
    let held = |operation: &str, store: Store| {
        assert_eq!(second(&database), ["refused", "refused"], "after {operation}");
        store
    };
    let store = held("open", Store::open(&database, Access::ReadWrite).unwrap());
    migrate::migrate(&store, &PLUGS.schema(), world.next().wall).unwrap();
    let store = held("migrate", store);
    sources::remember(&store, &[Wanted::new(&sources[0], true)], false).unwrap();
    known::sources(store.reader()).unwrap();
    let store = held("sources", store);
    let ledger = known::ledger(store.reader(), &[manifest], &["sessions"], world.next().wall).unwrap();
    let store = held("ledger", store);
    let roots = scan::roots(&sources).unwrap();
    let walk = scan::sessions(&sources, &roots, "tester").unwrap();
    let policy = &Policy::default();
    let tree = Tree { sources: &sources, roots: &roots, walk: &walk, ledger: &ledger, policy };
    presence::observe(&store, &tree, false, world.next().wall).unwrap();
    let store = held("observe", store);
    runs::next(&store).unwrap();
    let store = held("next", store);
    let retries = Retries { now: world.next().wall, is_asked: false };
    store.due(manifest, &manifest.settlements[0], retries).unwrap();
    let store = held("due", store);
    room::check(&database).unwrap();
    let store = held("room", store);
    store.checkpoint().unwrap();
    drop(held("checkpoint", store));
    assert_eq!(second(&database), ["opened", "opened"], "after all");

    let store = Store::open(&database, Access::ReadOnly).unwrap();
    store.read(|connection| status::read(connection, &database, &[manifest], &|_| Some(""))).unwrap();
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

#[test]
fn threads_of_one_process_wait_for_each_other_and_for_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("d.duckdb");
    let first = StoreLock::take(&database, Instant::now()).unwrap();
    let itself = StoreLock::take(&database, Instant::now()).unwrap_err();
    assert!(itself.to_string().contains("is in use by another processor of this service"), "{itself}");
    std::thread::scope(|scope| {
        let database = &database;
        let soon = Instant::now() + Duration::from_millis(50);
        let second = scope.spawn(move || StoreLock::take(database, soon).map(drop));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!second.is_finished(), "it waits beyond its time");
        drop(first);
        second.join().unwrap().unwrap();
    });
    // The program ends with its input.
    let mut other = Command::new("flock")
        .arg(folder.path().join("d.duckdb.lock"))
        .arg("cat")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let error = loop {
        match StoreLock::take(&database, Instant::now()) {
            Ok(lock) => drop(lock),
            Err(error) => break error,
        }
    };
    assert_eq!(error.status, Status::Busy);
    let holder = format!("is in use by another run of sessionmill (pid {})", other.id());
    assert!(error.to_string().ends_with(&holder), "{error}");
    drop(other.stdin.take());
    other.wait().unwrap();
}

#[test]
fn whoever_writes_in_the_folder_can_lock_whatever_the_umask_was() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 1));
    for (mode, expected) in [(0o2770, 0o660), (0o750, 0o600), (0o1777, 0o600), (0o777, 0o666)] {
        let database = world.path(&format!("{mode:o}/mill.duckdb"));
        let folder = database.parent().unwrap();
        fs::create_dir(folder).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
        let closed = ["sh", "-c", "umask 077; exec \"$0\" \"$@\""];
        let args = ["run", "--sessions", "root", "--database", database.to_str().unwrap()];
        assert_eq!(world.mill_by(&closed, &args).status, 0);
        for lock in ["lock", "turn.lock", "usage.lock"] {
            let lock = folder.join(format!("mill.duckdb.{lock}"));
            assert_eq!(lock.metadata().unwrap().permissions().mode() & 0o777, expected, "{}", lock.display());
        }
    }
}
