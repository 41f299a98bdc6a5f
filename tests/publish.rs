//! Snapshots for readers who may not write the database, and readers during runs.

use crate::detectors::conversation;
use crate::erasing::copy;
use crate::store::responses;
use crate::world::{Said, World, response, rows, skip};
use chrono::{DateTime, Utc};
use sessionmill::base::lock::{DAEMON, WorkLock};
use sessionmill::config::publish::{Publish, Titles};
use sessionmill::plugs::PLUGS;
use sessionmill::store::publish::{Published, publish};
use sessionmill::store::snapshot::{Audience, Snapshot};
use sessionmill::store::{Access, DatabaseReader, Store, Version};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);

/// Snapshots that contain everything.
const OPEN: Publish =
    Publish { after_runs: true, parquet: true, quotes: true, ips: true, titles: Titles::All, content_uids: Vec::new() };

/// A world with a run.
fn world() -> World {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5) + &response("m2", "10:01:00", 6)).pass();
    world
}

fn published(world: &World) -> Published {
    publish(&world.database_file(), &OPEN, world.next().wall).unwrap()
}

/// Publishes a snapshot, which must be new.
fn new(world: &World) -> Snapshot {
    match published(world) {
        Published::New(snapshot) => snapshot,
        Published::Before(snapshot) => panic!("nothing new since {snapshot:?}"),
    }
}

/// The names in the folder of snapshots.
fn names(world: &World) -> Vec<String> {
    let entries = fs::read_dir(world.path("data/published")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Public tables and views, with all of their rows.
fn content(database: &Path) -> Vec<String> {
    let store = Store::open(database, Access::ReadOnly).unwrap();
    let sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY ALL";
    let mut names = crate::world::rows_of(&store, sql);
    if database.file_name().unwrap() == "mill.duckdb" {
        names.retain(|name| name != "forgotten_users");
    }
    let told = |name: &String| crate::world::rows_of(&store, &format!("SELECT '{name}', * FROM {name} ORDER BY ALL"));
    [names.clone(), names.iter().flat_map(told).collect()].concat()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_snapshot_says_what_the_database_says() {
    let world = world();
    // A response in two files is settled, and its copies are not public.
    world.write("bob/b.jsonl", response("m2", "10:01:00", 6)).pass();
    let database = world.database();
    let snapshot = new(&world);
    let told = content(&database);
    assert!(told.contains(&"usage_responses".to_owned()) && told.len() > 20, "{told:?}");
    assert_eq!(content(&snapshot.path), told);
    assert_eq!(rows(&database, "SELECT message_id FROM facts.usage_copies ORDER BY ALL"), ["m1", "m2", "m2"]);
    assert_eq!(rows(&snapshot.path, "SELECT message_id FROM facts.usage_copies"), ["m1"], "nothing behind the scenes");
    assert_eq!(mode(&snapshot.path), 0o640);
    assert_eq!(mode(&world.path("data/published")), 0o750);
    let link = world.path("data/published/mill.duckdb");
    assert_eq!(link.canonicalize().unwrap(), snapshot.path.canonicalize().unwrap());
    let comment =
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'session_files' AND column_name = 'gone_since'";
    assert_eq!(rows(&snapshot.path, comment), rows(&database, comment));
}

#[test]
fn every_public_table_is_a_parquet_file_too() {
    let world = world();
    let snapshot = new(&world);
    let folder = world.path("data/published/mill.duckdb.parquet");
    assert_eq!(folder.canonicalize().unwrap(), snapshot.parquet().canonicalize().unwrap());
    let connection = duckdb::Connection::open(&snapshot.path).unwrap();
    let told = |sql: &str| {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let tables = told("SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY ALL");
    assert!(tables.contains(&"usage_responses".to_owned()) && tables.len() > 15, "{tables:?}");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files, tables.iter().map(|table| folder.join(format!("{table}.parquet"))).collect::<Vec<_>>());
    for (table, file) in tables.iter().zip(&files) {
        let [said, says] = [format!("read_parquet('{}')", file.display()), table.clone()]
            .map(|from| told(&format!("SELECT t::VARCHAR FROM {from} t ORDER BY ALL")));
        assert_eq!(said, says, "{table}");
        assert_eq!(mode(file), 0o640, "{table}");
    }
    assert_eq!(mode(&folder), 0o750);

    let none = Publish { parquet: false, ..OPEN };
    let Published::New(bare) = publish(&world.database_file(), &none, world.wait(HOUR).next().wall).unwrap() else {
        panic!("an hour has passed")
    };
    assert!(!bare.parquet().exists());
    assert!(matches!(published(&world), Published::New(with) if with.parquet().is_dir()), "they are wanted now");
    assert_eq!(world.mill(&["forget", "ada", "--yes"]).status, 0);
    let left = Snapshot::newest(&world.database()).unwrap();
    let responses = left.parquet().join("usage_responses.parquet");
    assert_eq!(told(&format!("SELECT count(*)::VARCHAR FROM read_parquet('{}')", responses.display())), ["0"]);
    let database = rows(&left.path, "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'forgotten%'");
    assert_eq!(database, [""; 0], "who is forgotten is named by the database alone");
    assert!(left.parquet().join("session_files.parquet").exists());
    assert!(!left.parquet().join("forgotten_users.parquet").exists());
    let named = |name: &String| name.ends_with(".parquet") && name.contains("-2");
    assert_eq!(names(&world).into_iter().filter(named).count(), 1, "what was published before is gone");
}

#[test]
fn a_snapshot_is_published_when_something_has_changed_or_an_hour_has_passed() {
    let world = world();
    let first = new(&world);
    world.pass();
    assert_eq!(published(&world), Published::Before(first.clone()), "the run has changed nothing");
    world.append("ada/a.jsonl", &response("m3", "10:02:00", 7)).pass();
    let second = new(&world);
    assert_eq!(rows(&first.path, "SELECT count(*) FROM usage_responses"), ["2"]);
    assert_eq!(rows(&second.path, "SELECT count(*) FROM usage_responses"), ["3"]);
    let third = { new(world.wait(HOUR)) };
    assert_eq!(Snapshot::newest(&world.database()), Some(third.clone()));
    let reader = Store::open(&second.path, Access::ReadOnly).unwrap();
    let fourth = new(world.wait(HOUR));
    let fifth = new(world.wait(HOUR));
    let name = |snapshot: &Snapshot| snapshot.path.file_name().unwrap().to_str().unwrap().to_owned();
    let kept = [name(&third), name(&fourth), name(&fifth), "mill.duckdb".to_owned()];
    let with_files: Vec<_> = kept.iter().flat_map(|name| [name.clone(), format!("{name}.parquet")]).collect();
    let names: Vec<_> = names(&world).into_iter().filter(|name| !name.ends_with(".lock")).collect();
    assert_eq!(names, with_files);
    let sql = "SELECT count(*) FROM usage_responses";
    assert_eq!(crate::world::rows_of(&reader, sql), ["3"], "whoever has an old one open keeps it");
    // No transcript is read, but the database has changed.
    world.write("eve/e.jsonl", response("m4", "10:03:00", 8)).pass();
    new(&world);
    world.remove("eve/e.jsonl").pass();
    let gone = new(&world);
    assert_eq!(
        rows(&gone.path, "SELECT session_file FROM session_files WHERE gone_since IS NOT NULL"),
        ["eve/e.jsonl"]
    );
}

#[test]
fn a_snapshot_of_another_history_with_as_many_changes_is_replaced() {
    let world = World::new();
    let tokens = |path: &Path| rows(path, "SELECT sum(output_tokens) FROM usage_responses");
    let first = response("m1", "10:00:00", 5);
    world.write("ada/a.jsonl", &*first).pass();
    new(&world);
    copy(&world, "mill.duckdb", "old");
    for (tokens_then, after_restore) in [(100, false), (777, true)] {
        if after_restore {
            copy(&world, "old", "mill.duckdb");
        }
        world.write("ada/a.jsonl", first.clone() + &response("m2", "10:01:00", tokens_then)).pass();
        world.wait(Duration::from_secs(1));
        assert_eq!(tokens(&new(&world).path), tokens(&world.database()));
    }
    assert_eq!(tokens(&world.database()), ["782"]);
    assert!(matches!(published(&world), Published::Before(_)));
    // Decisions are changes, too.
    let definition = "By the way, GMV means gross merchandise value before refunds.";
    world.write("bob/a.jsonl", conversation(&[definition])).pass();
    new(&world);
    let item = world.rows("SELECT item_id FROM knowledge_items").remove(0);
    copy(&world, "mill.duckdb", "old");
    for decision in ["reject", "approve"] {
        copy(&world, "old", "mill.duckdb");
        fs::remove_file(world.path("data/mill.duckdb.knowledge_reviews")).unwrap_or_default();
        let said = world.mill(&["knowledge", decision, &item]);
        assert_eq!(said.status, 0, "{said:?}");
        world.wait(Duration::from_secs(1));
        new(&world);
    }
}

#[test]
fn what_people_decide_and_whom_they_exclude_is_published_without_a_run_that_reads() {
    let world = World::new();
    let definition = "By the way, GMV means gross merchandise value before refunds.";
    world.write("ada/a.jsonl", conversation(&[definition]));
    world.write("bob/b.jsonl", response("m1", "10:00:00", 5)).pass();
    new(&world);
    let item = world.rows("SELECT item_id FROM knowledge_items").remove(0);
    assert_eq!(world.mill(&["knowledge", "reject", &item]).status, 0);
    assert_eq!(rows(&new(&world).path, "SELECT status FROM knowledge_items"), ["rejected"]);
    assert!(matches!(published(&world), Published::Before(_)));

    let quotes = |snapshot: &Snapshot| rows(&snapshot.path, "SELECT user_quote FROM verification_claims");
    let grounds = |snapshot: &Snapshot| rows(&snapshot.path, "SELECT grounds <> '' FROM knowledge_reviews");
    let with = Snapshot::newest(&world.database()).unwrap();
    assert_eq!((quotes(&with), grounds(&with)), (vec![definition.to_owned()], vec!["true".to_owned()]));
    world.wait(Duration::from_secs(1));
    let Published::New(without) = publish(&world.database_file(), &Publish::default(), world.next().wall).unwrap()
    else {
        panic!("quotes are not wanted any more")
    };
    assert_eq!((quotes(&without), grounds(&without)), (vec![String::new()], vec!["false".to_owned()]));
    assert!(!with.path.exists(), "and whoever has it not open does not get it any more");
    assert!(matches!(
        publish(&world.database_file(), &Publish::default(), world.next().wall).unwrap(),
        Published::Before(_)
    ));

    let kept = world.path("kept.duckdb");
    fs::copy(&without.path, &kept).unwrap();
    fs::write(world.path("mill.toml"), "verification.exclude_users = ['ada']\n").unwrap();
    assert_eq!(world.mill(&["run", "--sessions", "root", "--config", "mill.toml"]).status, 0);
    assert!(!without.path.exists(), "it tells of somebody who is kept out now");
    fs::copy(&kept, &without.path).unwrap();
    world.wait(Duration::from_secs(1));
    assert_eq!(rows(&new(&world).path, "SELECT count(*) FROM verification_claims"), ["0"]);
    assert!(!without.path.exists(), "whoever published it meanwhile");
}

#[test]
fn users_who_are_named_get_what_people_wrote_and_nobody_else_does() {
    let world = World::new();
    let definition = "By the way, GMV means gross merchandise value before refunds.";
    world.write("ada/a.jsonl", conversation(&[definition])).pass();
    let console = 4711;
    let wanted = Publish { content_uids: vec![console], ..Publish::default() };
    let publish = || publish(&world.database_file(), &wanted, world.next().wall).unwrap();
    let Published::New(bare) = publish() else { panic!("it is the first") };
    let full = Audience::Content.newest(&world.database()).unwrap();
    let quotes = |snapshot: &Snapshot| rows(&snapshot.path, "SELECT user_quote FROM verification_claims");
    assert_eq!((quotes(&bare), quotes(&full)), (vec![String::new()], vec![definition.to_owned()]));
    assert!(!full.parquet().exists());
    if rustix::process::geteuid().is_root() {
        for folder in ["", "data"] {
            fs::set_permissions(world.path(folder), fs::Permissions::from_mode(0o711)).unwrap();
        }
        let path = full.path.to_str().unwrap();
        let reads = |uid: &str| {
            let user = ["--reuid", uid, "--regid", uid, "--clear-groups", "test", "-r", path];
            world.command("setpriv", &user, &[]).status == 0
        };
        assert_eq!((reads("4711"), reads("4712")), (true, false));
    } else {
        skip("only root can become another user");
    }
    assert_eq!(mode(&full.path) & 0o007, 0);
    assert!(matches!(publish(), Published::Before(_)));
    assert_eq!(Snapshot::fullest(&world.database()), Some(full.clone()));
    assert_eq!(world.mill(&["forget", "ada", "--yes"]).status, 0);
    assert!(!full.path.exists(), "who is forgotten is in none");
    world.write("ada/b.jsonl", response("m9", "10:00:00", 5)).pass();
    publish();
    assert!(Audience::Content.newest(&world.database()).is_some());
    let Published::New(_) =
        sessionmill::store::publish::publish(&world.database_file(), &OPEN, world.wait(HOUR).next().wall).unwrap()
    else {
        panic!("an hour has passed")
    };
    assert_eq!(Audience::Content.newest(&world.database()), None, "nobody is named any more");
}

#[test]
fn what_people_wrote_is_nowhere_in_a_snapshot_unless_it_is_wanted() {
    let world = World::new();
    let quote = "By the way, GMV means gross merchandise value before refunds.";
    let prompt = format!(
        r#"{{"type":"user","uuid":"u1","sessionId":"s1","timestamp":"2026-02-01T10:00:00Z","message":{{"role":"user","content":"{quote}"}}}}"#
    );
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5) + &prompt + "\n").pass();
    let claims = "SELECT title <> '' AS titled, user_quote FROM verification_claims";
    assert_eq!(world.rows(claims), [format!("true|{quote}")]);
    let holds = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        bytes.windows(quote.len()).any(|window| window == quote.as_bytes())
    };
    let Published::New(snapshot) = publish(&world.database_file(), &Publish::default(), world.next().wall).unwrap()
    else {
        panic!("there was none before")
    };
    let files = || fs::read_dir(snapshot.parquet()).unwrap().map(|entry| entry.unwrap().path());
    assert!(!holds(&snapshot.path) && files().count() > 15 && !files().any(|file| holds(&file)));
    assert_eq!(rows(&snapshot.path, claims), ["true|"]);
    world.wait(HOUR);
    let Published::New(snapshot) = publish(&world.database_file(), &OPEN, world.next().wall).unwrap() else {
        panic!("an hour has passed")
    };
    assert!(holds(&snapshot.path));
    assert_eq!(rows(&snapshot.path, claims), world.rows(claims));
}

#[test]
fn nothing_is_published_before_all_of_somebody_is_erased() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).write("zedquux/z.jsonl", response("m2", "10:01:00", 6));
    let run = || assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    run();
    for point in ["before-settle", "before-sums"] {
        let killed = [("SESSIONMILL_FAILPOINT", &*format!("kill:{point}"))];
        assert_eq!(world.mill_with(&["forget", "zedquux", "--yes"], &killed).status, -9, "{point}");
        let said = world.mill(&["publish"]);
        let refused = "sessionmill: transcripts of a person are erased, but the data made from them is not yet\n  \
                       hint: `sessionmill run` finishes it\n";
        assert_eq!((said.status, &*said.stderr), (2, refused), "{point}");
        run();
        assert_eq!(world.mill(&["publish"]).status, 0, "{point}");
        let newest = fs::read(&Snapshot::newest(&world.database()).unwrap().path).unwrap();
        assert!(!newest.windows(7).any(|part| part == b"zedquux"), "{point}");
        let said = world.mill(&["forget", "--undo", "zedquux", "--yes"]);
        assert_eq!(said.status, 0, "{said:?}");
        run();
    }
}

#[test]
fn a_private_column_is_private_in_every_table_that_it_is_copied_to() {
    let world = world();
    let private: BTreeSet<_> =
        PLUGS.schema().private().into_iter().map(|private| format!("{}|{}", private.table, private.column)).collect();
    let names = PLUGS.schema().private().into_iter().map(|private| format!("'{}'", private.column));
    let sql = format!(
        "SELECT table_name, column_name FROM duckdb_columns()
         WHERE schema_name = 'facts' AND table_name LIKE 'usage_%' AND column_name IN ({})",
        names.collect::<Vec<_>>().join(", ")
    );
    let found: BTreeSet<_> = world.rows(&sql).into_iter().collect();
    assert!(found.contains("usage_notable_calls|error"), "{found:?}");
    assert!(found.is_subset(&private), "{found:?}");
}

#[test]
fn network_addresses_are_in_a_snapshot_only_where_they_are_wanted() {
    let world = World::new();
    let view = r#"{"uuid":"e1","event":"$pageview","distinct_id":"zoe","timestamp":"2026-02-01T10:00:00Z","properties":{"$ip":"203.0.113.7"}}"#;
    world.write("oil/a.jsonl", format!("{view}\n")).pass();
    let snapshot = |wanted: &Publish| match publish(&world.database_file(), wanted, world.next().wall).unwrap() {
        Published::New(snapshot) | Published::Before(snapshot) => snapshot,
    };
    let ips = |snapshot: &Snapshot| rows(&snapshot.path, "SELECT ip FROM activity_events");
    let without = snapshot(&Publish { quotes: true, ..Publish::default() });
    assert_eq!(ips(&without), [""]);
    world.wait(Duration::from_secs(1));
    let wanted = Publish { ips: true, ..Publish::default() };
    let with = snapshot(&wanted);
    assert_eq!(ips(&with), ["203.0.113.7"]);
    world.wait(Duration::from_secs(1));
    assert_eq!(snapshot(&wanted), with, "nothing has changed");
    assert_eq!(ips(&snapshot(&Publish::default())), [""]);
    assert!(!with.path.exists(), "whoever has it not open does not get it any more");
}

#[test]
fn a_publisher_that_is_killed_leaves_the_old_snapshot_and_nothing_half_made_for_long() {
    let world = world();
    let old = new(&world);
    for (number, point) in ["copied", "written", "renamed"].iter().enumerate() {
        world.append("ada/a.jsonl", &response(&format!("n{number}"), "11:00:00", 1)).pass();
        let said = world.mill_with(&["publish"], &[("SESSIONMILL_FAILPOINT", &format!("kill:{point}"))]);
        assert_eq!(said.status, -9, "{point}: {said:?}");
        assert_eq!(Snapshot::newest(&world.database()), Some(old.clone()), "{point}");
    }
    let said = world.mill(&["publish"]);
    assert_eq!(said.status, 0, "{said:?}");
    let newest = Snapshot::newest(&world.database()).unwrap();
    let name = newest.path.file_name().unwrap().to_str().unwrap();
    assert_eq!(said.stdout, format!("published [world]/data/published/{name}\n"));
    assert_eq!(rows(&newest.path, "SELECT count(*) FROM usage_responses"), ["5"]);
    assert!(!world.path("data/mill.duckdb.copy").exists());
    let names = names(&world);
    let is_whole = |name: &String| [".duckdb", ".duckdb.parquet", ".lock"].iter().any(|end| name.ends_with(end));
    assert!(names.iter().all(is_whole), "{names:?}");
    assert_eq!(names.iter().filter(|name| name.ends_with(".parquet")).count(), 3, "{names:?}");
}

#[test]
fn three_snapshots_are_kept() {
    let world = world();
    let mut made = Vec::new();
    for number in 0..5 {
        world.append("ada/a.jsonl", &response(&format!("n{number}"), "11:00:00", 1)).pass();
        // The clock has fractions of a second, which names have not.
        let now = world.next().wall + chrono::TimeDelta::milliseconds(123);
        let Published::New(snapshot) = publish(&world.database_file(), &OPEN, now).unwrap() else { panic!("{number}") };
        made.push(snapshot.path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    let snapshots: Vec<_> = names(&world).into_iter().filter(|name| made.contains(name)).collect();
    assert_eq!(snapshots, made[2..]);
}

#[test]
fn a_snapshot_that_cannot_be_published_is_a_warning_until_one_is_and_leaves_nothing_half_made() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 5000));
    fs::write(world.path("c.toml"), "[schedule]\nverification = \"off\"\ntasks = \"off\"\ntracking = \"off\"\n")
        .unwrap();
    let mill = |args: &[&str]| world.mill(&[args, &["--config", "c.toml"]].concat());
    assert_eq!(mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(mill(&["publish"]).status, 0);
    assert_eq!(mill(&["status", "--check"]).status, 0);
    world.append("ada/a.jsonl", &response("m2", "10:01:00", 6));
    assert_eq!(mill(&["run"]).status, 0);
    let before = names(&world);
    // The disk is too small for the snapshot, and something is in the place of the link.
    let size = fs::metadata(world.database()).unwrap().len();
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", size / 512 + 8);
    let small = || world.mill_by(&["sh", "-c", &script], &["publish", "--config", "c.toml"]);
    let link = world.path("data/published/mill.duckdb");
    let taken = || {
        let target = fs::read_link(&link).unwrap();
        fs::remove_file(&link).unwrap();
        fs::create_dir_all(link.join("in the way")).unwrap();
        let said = mill(&["publish"]);
        fs::remove_dir_all(&link).unwrap();
        std::os::unix::fs::symlink(target, &link).unwrap();
        said
    };
    for (what, publish) in [("too small", &small as &dyn Fn() -> Said), ("taken", &taken)] {
        let said = publish();
        assert_eq!(said.status, 2, "{what}: {said:?}");
        assert_eq!(names(&world), before, "{what}");
        let check = mill(&["status", "--check"]);
        let warning = "\nwarning       the last snapshot could not be published: ";
        assert!(check.status == 1 && check.stdout.contains(warning), "{what}: {check:?}");
        // A run writes the state anew, and keeps this.
        assert_eq!(mill(&["run"]).status, 0);
        assert_eq!(mill(&["status", "--check"]).status, 1, "{what}");
    }
    assert_eq!(mill(&["publish"]).status, 0);
    assert_eq!(mill(&["status", "--check"]).status, 0);
}

#[test]
fn whoever_may_not_write_the_database_reads_the_newest_snapshot() {
    let world = world();
    let lock = |mode| {
        fs::set_permissions(world.database(), fs::Permissions::from_mode(if mode == 0o500 { 0o400 } else { 0o644 }))
            .unwrap();
        fs::set_permissions(world.path("data"), fs::Permissions::from_mode(mode)).unwrap();
    };
    let written = DateTime::<Utc>::from(fs::metadata(world.database()).unwrap().modified().unwrap());
    lock(0o500);
    let unpublished = world.mill_unprivileged(&["report", "--by", "user", "--format", "csv"], &[]);
    lock(0o755);
    if let Some(report) = unpublished {
        let note = format!("note: as of {}; you may not update the database\n", written.format("%Y-%m-%d %H:%M UTC"));
        assert_eq!((report.status, report.stderr.as_str()), (0, note.as_str()));
        assert!(report.stdout.contains("\nada,2,20,11,0,0,0,0,31,"), "{report:?}");
    }
    let said = world.mill(&["publish"]);
    assert_eq!(said.status, 0, "{said:?}");
    world.append("ada/a.jsonl", &response("m3", "10:02:00", 7)).pass();
    let snapshot = Snapshot::newest(&world.database()).unwrap();
    lock(0o500);
    let say = |args: &[&str]| world.mill_unprivileged(args, &[]);
    let told = [
        say(&["report", "--by", "user", "--format", "csv"]),
        say(&["query", "SELECT count(*) AS n FROM usage_responses", "--json"]),
        say(&["status"]),
        say(&["failures"]),
        say(&["publish"]),
    ];
    lock(0o755);
    let [Some(report), Some(query), Some(status), Some(failures), Some(refused)] = told else {
        return eprintln!("skipped: there is no setpriv");
    };
    let note = format!(
        "note: as of {}, from [world]/data/published/{}\n",
        snapshot.time.format("%Y-%m-%d %H:%M UTC"),
        snapshot.path.file_name().unwrap().to_str().unwrap()
    );
    assert_eq!((report.status, report.stderr.as_str()), (0, note.as_str()));
    assert!(report.stdout.contains("\nada,2,20,11,0,0,0,0,31,"), "{report:?}");
    assert_eq!(
        (query.status, query.stdout.as_str(), query.stderr.as_str()),
        (0, "[\n  {\n    \"n\": 2\n  }\n]\n", &*note)
    );
    assert_eq!((status.status, failures.stdout.as_str()), (0, "no failures\n"));
    assert_eq!(refused.status, 2, "{refused:?}");
    let said = world.mill(&["query", "SELECT count(*) AS n FROM usage_responses", "--format", "csv"]);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("n\n3\n", ""), "who may write sees the database itself");
}

#[test]
fn root_leaves_nothing_beside_the_database_of_somebody_else() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give a database to somebody else.
        return;
    }
    let world = world();
    let names = || {
        let entries = fs::read_dir(world.path("data")).unwrap().map(|entry| entry.unwrap().file_name());
        entries.collect::<std::collections::BTreeSet<_>>()
    };
    for path in std::iter::once(world.path("data")).chain(names().iter().map(|name| world.path("data").join(name))) {
        std::os::unix::fs::chown(path, Some(4321), None).unwrap();
    }
    world.append("ada/a.jsonl", &response("m3", "10:02:00", 7));
    let before = names();
    let refused =
        "sessionmill: `[world]/data/mill.duckdb` belongs to 4321, who could not use what root leaves beside it
  hint: run it as its owner: sudo -u '#4321' sessionmill …
";
    for command in [&["run", "--sessions", "root"][..], &["knowledge", "approve", "kv_0"], &["forget", "ada", "--yes"]]
    {
        let said = world.mill(command);
        assert!(said.status == 2 && said.stderr.ends_with(refused), "{command:?}: {said:?}");
    }
    let said = world.mill(&["report", "--by", "user", "--format", "csv"]);
    assert!(said.status == 0 && said.stdout.contains("\nada,2,"), "what is there can be read: {said:?}");
    assert_eq!(names(), before);
    let owner = |name| std::os::unix::fs::MetadataExt::uid(&fs::metadata(world.path("data").join(name)).unwrap());
    assert!(before.iter().all(|name| owner(name) == 4321));
}

#[test]
fn root_is_told_to_become_the_owner_by_what_the_machine_has() {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let account = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[2] == "1");
    let (true, Some(account)) = (rustix::process::geteuid().is_root(), account) else {
        return skip("only root can give a file to the user of number 1");
    };
    let world = world();
    std::os::unix::fs::chown(world.database(), Some(1), None).unwrap();
    fs::create_dir(world.path("with")).unwrap();
    let become_user = |path: &str| {
        let said = world.mill_with(&["run", "--sessions", "root"], &[("PATH", path)]);
        assert_eq!(said.status, 2, "{said:?}");
        said.stderr.lines().last().unwrap().to_owned()
    };
    let [with, without] = ["with", "without"].map(|folder| world.path(folder).display().to_string());
    fs::write(world.path("with/sudo"), "").unwrap();
    let hint = |command: &str| format!("  hint: run it as its owner: {command} sessionmill …");
    assert_eq!(become_user(&with), hint(&format!("sudo -u {}", account[0])));
    assert_eq!(become_user(&without), hint(&format!("runuser -u {} --", account[0])));
}

/// Reverts the last migration, which can be applied again.
pub(crate) fn outdate(database: &Path) {
    let connection = duckdb::Connection::open(database).unwrap();
    connection
        .execute_batch("DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)")
        .unwrap();
}

/// The schema of the newest snapshot.
pub(crate) fn published_schema(world: &World) -> usize {
    let newest = Snapshot::newest(&world.database()).unwrap();
    rows(&newest.path, "SELECT max(version) FROM schema_migrations")[0].parse().unwrap()
}

#[test]
fn a_run_that_migrates_publishes_at_once() {
    let world = world();
    let run = || {
        let said = world.mill(&["run", "--sessions", "root"]);
        assert_eq!(said.status, 0, "{said:?}");
    };
    run();
    assert!(!world.path("data/published/mill.duckdb").exists(), "nobody has published");
    new(&world);
    outdate(&Snapshot::newest(&world.database()).unwrap().path);
    outdate(&world.database());
    assert_eq!(published_schema(&world), PLUGS.schema().version() - 1);
    run();
    assert_eq!(published_schema(&world), PLUGS.schema().version());
    let last = "SELECT scanned, processed FROM processor_runs ORDER BY run_id DESC LIMIT 1";
    assert_eq!(world.rows(last), ["0|0"], "no file is read again");
    let before = names(&world);
    run();
    assert_eq!(names(&world), before);
}

#[test]
fn a_long_query_and_runs_do_not_wait_for_each_other() {
    let world = world();
    let long = "SELECT count(*) AS n, max(a.range % b.range) AS m, (SELECT count(*) FROM usage_responses) AS r
                FROM range(60000) a, range(1, 20001) b";
    let folder = world.path("");
    let others = World::new();
    let query = others.spawn(&["query", long, "--format", "csv", "--database", world.database().to_str().unwrap()]);
    std::thread::sleep(Duration::from_millis(300));
    let mut worst = Duration::ZERO;
    let mut child = query;
    let mut runs = 0;
    while child.try_wait().unwrap().is_none() {
        world.append("ada/a.jsonl", &response(&format!("r{runs}"), "12:00:00", 1));
        let begun = Instant::now();
        let said = world.mill(&["run", "--sessions", "root"]);
        worst = worst.max(begun.elapsed());
        assert_eq!(said.status, 0, "{said:?}");
        runs += 1;
        std::thread::sleep(Duration::from_millis(500));
    }
    let said = fs::read_to_string(others.path("stdout")).unwrap();
    assert!(child.wait().unwrap().success(), "{}", fs::read_to_string(others.path("stderr")).unwrap());
    assert!(runs >= 2, "the query was not long: {runs}");
    assert!(worst < Duration::from_secs(600), "{worst:?}");
    let responses: usize = said.trim().rsplit(',').next().unwrap().parse().unwrap();
    assert!(said.starts_with("n,m,r\n1200000000,19999,") && (2..=2 + runs).contains(&responses), "{said}");
    assert!(!folder.join("data/mill.duckdb.copy").exists());
}

#[test]
fn a_process_that_stays_reads_what_is_new_and_keeps_open_what_is_not() {
    let world = world();
    let reader = DatabaseReader::new(world.database_file());
    let count = || {
        reader.read(world.next().wall, |reader| {
            reader.one("SELECT count(*), current_database() FROM usage_responses", &[], |row| {
                Ok((row.count(0)?, row.get::<String>(1)?))
            })
        })
    };
    let before = (reader.version().unwrap(), count().unwrap());
    assert_eq!(before.1.0, 2);
    // The name of a copy is random: the same name is the same copy.
    assert_eq!((reader.version().unwrap(), count().unwrap()), before, "nothing has changed");
    world.append("ada/a.jsonl", &response("m3", "10:02:00", 7)).pass();
    assert_ne!(reader.version().unwrap(), before.0);
    assert_eq!(count().unwrap().0, 3);
}

#[test]
fn beside_a_service_a_process_that_stays_reads_snapshots() {
    let world = world();
    let reader = DatabaseReader::new(world.database_file());
    let first = new(&world);
    assert!(matches!(reader.version().unwrap(), Version::Live(_)), "nobody else keeps the database");
    let _service = WorkLock::take(&world.database(), DAEMON, Instant::now()).unwrap();
    assert_eq!(reader.version().unwrap(), Version::Snapshot(first.path.clone()));
    let count = || {
        let sql = "SELECT count(*) FROM usage_responses";
        reader.read(world.next().wall, |reader| reader.one(sql, &[], |row| row.count(0))).unwrap()
    };
    assert_eq!(count(), 2);
    world.append("ada/a.jsonl", &response("m3", "10:02:00", 7)).pass();
    assert_eq!(count(), 2, "not published yet");
    let second = new(&world);
    assert_eq!((reader.version().unwrap(), count()), (Version::Snapshot(second.path), 3));
}
