//! Full disks: committed data is kept, and the next run continues.

use crate::damage::wal;
use crate::store::{assert_like_new, responses};
use crate::world::{Said, World};
use duckdb::Connection;
use std::fs;

/// A run that may not write files longer than `bytes`. For DuckDB this looks like a full disk.
pub fn run_within(world: &World, bytes: u64) -> Said {
    mill_within(world, bytes, &["run", "--sessions", "root"])
}

fn mill_within(world: &World, bytes: u64, args: &[&str]) -> Said {
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", bytes / 512);
    world.mill_by(&["sh", "-c", &script], args)
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
        let check = world.mill(&["status", "--check"]);
        let broken = "! the last run could not be done: there is no room to write the database\n";
        assert!(check.status == 2 && check.stdout.contains(broken), "{kilobytes}: {check:?}");
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
        assert!(!world.mill(&["status"]).stdout.contains("no room"), "that is over");
        assert_like_new(&world, "after the next run");
    }
}

#[test]
fn a_database_that_breaks_down_ends_the_run_and_keeps_what_was_committed() {
    let world = World::new();
    world.write("ada/a.jsonl", "").write("ada/b.jsonl", "");
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    // A database that is longer than the log will be, so that only the log can grow.
    let padding = "CREATE TABLE padding AS SELECT hash(x) AS x FROM range(1600000) r(x)";
    Connection::open(world.database()).unwrap().execute_batch(padding).unwrap();
    let length = fs::metadata(world.database()).unwrap().len();
    world.write("ada/a.jsonl", responses("m", 1_000)).write("ada/b.jsonl", responses("n", 1_000));
    let said = run_within(&world, length);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{said:?}");
    assert!(said.stderr.ends_with(NO_ROOM), "{}", said.stderr);
    assert!(fs::metadata(wal(&world.database())).unwrap().len() > 100_000);
    let said = world.mill(&["run"]);
    assert_eq!((said.status, said.stdout.contains("2 files, 0 changed")), (0, true), "{said:?}");
    assert_like_new(&world, "after the next run");
}

#[test]
fn who_is_forgotten_on_a_full_disk_stays_out_and_the_next_run_finishes_it() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 300)).write("bob/b.jsonl", responses("n", 300));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let length = fs::metadata(world.database()).unwrap().len();
    let said = mill_within(&world, length, &["forget", "ada", "--yes"]);
    let kept_out = "sessionmill: `ada` is kept out from now on, but not everything is erased yet: ";
    assert!(said.status == 2 && said.stderr.contains(kept_out), "{said:?}");
    assert!(said.stderr.ends_with("\n  hint: `sessionmill run` finishes it\n"), "{}", said.stderr);
    assert!(world.mill(&["forget", "--list"]).stdout.contains("ada"));
    assert_eq!(world.mill(&["run"]).status, 0);
    assert_eq!(world.mill(&["publish"]).status, 0);
    assert_eq!(world.rows("SELECT DISTINCT username FROM usage_responses"), ["bob"]);
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
    let said = on_disk(fill, &["4200", "run", "--sessions", "root"]);
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
    let said = on_disk(fill, &["99999", "report", "--format", "csv"]);
    assert_eq!(
        (said.status, said.stdout.ends_with("\n2026-02-01,1,10,0,0,0,0,0,10,0.00005,\n")),
        (0, true),
        "{said:?}"
    );
    let why = "warning: nothing new is read: there is no room for a pass: 0 B free in `[world]/data`, 67.1 MB needed\n";
    assert!(said.stderr.contains(why), "{said:?}");
    let said = on_disk(fill, &["99999", "query", "SELECT 1"]);
    let refused = "sessionmill: there is no room for a copy of the database: 0 B free in `[world]/data`, ";
    assert!(said.status == 2 && said.stderr.contains(refused), "{said:?}");
    assert!(said.stderr.ends_with(" needed\n  hint: make room there\n"), "{}", said.stderr);
    let said = on_disk(fill, &["99999", "status", "--check"]);
    let full = "              ! there is no room for a pass: 0 B free in `[world]/data`, 67.1 MB needed\n";
    assert!(said.status == 2 && said.stdout.contains(full), "{said:?}");
}

#[test]
fn a_run_that_cannot_even_be_written_down_shows_until_the_next_one() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 1));
    let state = || {
        let said = world.mill(&["status", "--check"]);
        (
            said.status,
            said.stdout.contains("! the last run could not be done: there is no room to write the database\n"),
        )
    };
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(state(), (0, false));
    world.append("ada/a.jsonl", &responses("n", 1));
    let said = run_within(&world, 512);
    assert!(said.status == 2 && said.stderr.ends_with(NO_ROOM), "{said:?}");
    assert_eq!(world.rows("SELECT DISTINCT outcome FROM processor_runs"), ["done"], "the database was not told");
    assert_eq!(state(), (2, true));
    assert_eq!(world.mill(&["run"]).status, 0);
    assert_eq!(state(), (0, false));
}
