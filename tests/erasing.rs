//! A person of a site is erased with all joined ids, and kept out of everything that is read later.

use crate::visits::execute;
use crate::world::{Said, World, response, rows};
use sessionmill::store::snapshot::Snapshot;
use std::fs;
use std::time::Duration;

/// A line of PostHog with a person, an event, and further properties.
fn line(id: &str, time: &str, who: &str, event: &str, properties: &str) -> String {
    format!(
        "{{\"uuid\":\"{id}\",\"event\":\"{event}\",\"distinct_id\":\"{who}\",\
         \"timestamp\":\"2026-03-02T{time}Z\",\"properties\":{{{properties}}}}}\n"
    )
}

fn view(id: &str, time: &str, who: &str) -> String {
    line(id, time, who, "$pageview", "\"$session_id\":\"s1\",\"$current_url\":\"https://oil.example/cans\"")
}

fn identify(id: &str, time: &str, user: &str, anonymous: &str) -> String {
    line(id, time, user, "$identify", &format!("\"$anon_distinct_id\":\"{anonymous}\""))
}

/// Events of Bob, in a client session that he shares with Zoe.
fn bob() -> String {
    identify("b0", "09:59:00", "bob", "anon-2")
        + &view("b1", "10:05:00", "bob")
        + &view("b2", "12:00:00", "anon-2")
        + &line("b3", "12:01:00", "bob", "order", "")
}

/// Events of Zoe, under three ids.
fn zoe() -> String {
    view("z1", "10:00:00", "anon-1")
        + &identify("z2", "10:10:00", "zoe", "anon-1")
        + &view("z3", "10:20:00", "zoe")
        + &identify("z4", "10:30:00", "zoe", "anon-3")
        + &line("z5", "10:31:00", "anon-3", "order", "")
}

/// A world with its own settings.
fn world() -> World {
    let world = World::new();
    fs::write(world.path("mill.toml"), "[tracking]\nidle = '4m'\nsession_source = 'computed'\n").unwrap();
    world
}

fn run(world: &World) {
    let said = world.mill(&["run", "tracking", "--sessions", "root", "--config", "mill.toml"]);
    assert_eq!(said.status, 0, "{said:?}");
}

fn forget(world: &World, args: &[&str]) -> Said {
    world.mill(&[&["forget"], args, &["--config", "mill.toml"]].concat())
}

/// The tables about people, and how many facts the ledger counts in each file.
fn told(world: &World) -> Vec<Vec<String>> {
    let tables = ["sessions", "presence", "edges"].map(|table| format!("FROM facts.activity_{table} ORDER BY ALL"));
    let groups = "SELECT id, key FROM facts.key_groups ORDER BY ALL".to_owned();
    let lines = "SELECT person, event_id FROM facts.activity_lines ORDER BY ALL".to_owned();
    let links = "SELECT node, role, other FROM facts.activity_links ORDER BY ALL".to_owned();
    let ledger =
        "SELECT session_file, items_extracted FROM session_processor_state WHERE items_extracted <> 0 ORDER BY ALL";
    tables.into_iter().chain([groups, lines, links, ledger.to_owned()]).map(|sql| world.rows(&sql)).collect()
}

/// The tables as if Zoe had never been there.
fn without_zoe(site: &str) -> Vec<Vec<String>> {
    let world = world();
    world.write(&format!("{site}/a.jsonl"), bob());
    run(&world);
    told(&world)
}

#[test]
fn one_id_of_a_person_erases_all_of_them_and_nobody_else() {
    let world = world();
    world.write("oil/a.jsonl", zoe() + &bob());
    run(&world);
    assert_ne!(told(&world), without_zoe("oil"));
    assert_eq!(world.mill(&["publish"]).status, 0);

    let said = forget(&world, &["oil/anon-3"]);
    assert_eq!(said.status, 64, "{said:?}");
    assert!(said.stderr.contains("nothing was erased: `forget` needs a confirmation"), "{}", said.stderr);
    let said = forget(&world, &["oil/anon-3", "--yes"]);
    let expected = "`oil/anon-3` is one person with 2 other ids: `anon-1`, `zoe`\n\
                    `oil/anon-3` is forgotten: 11 facts of 3 ids\n\
                    1 snapshot of before removed, and a new one published\n";
    assert_eq!((said.status, said.stderr.as_str()), (0, expected));
    assert_eq!(told(&world), without_zoe("oil"));
    let dump = world.dump();
    assert!(!["zoe", "anon-1", "anon-3"].iter().any(|id| dump.contains(id)), "{dump}");
    let file = fs::read_to_string(world.path("data/mill.duckdb.erased")).unwrap();
    assert!(!file.contains("zoe") && !file.contains("anon"), "{file}");
    let said = forget(&world, &["--list"]);
    assert_eq!(said.stdout, "3 ids of people of `oil` kept out\n");
    let said = forget(&world, &["--list", "--json"]);
    assert!(said.stdout.contains("\"erased_ids\": 3"), "{}", said.stdout);
}

#[test]
fn who_is_erased_stays_out_when_files_grow_and_of_a_new_database() {
    let world = world();
    world.write("oil/a.jsonl", zoe()).write("oil/b.jsonl", bob()).write("gas/a.jsonl", zoe());
    run(&world);
    let gas = "SELECT person, event_id FROM facts.activity_lines WHERE username = 'gas' ORDER BY ALL";
    let of_gas = world.rows(gas);
    assert_eq!(of_gas.len(), 5);
    assert_eq!(forget(&world, &["oil/zoe", "--yes"]).status, 0);
    assert_eq!(world.rows(gas), of_gas, "the same ids are others on another site");
    let lines = "SELECT event_id FROM facts.activity_lines WHERE username = 'oil' ORDER BY ALL";
    let of_bob = ["b0", "b1", "b2", "b3"];
    assert_eq!(world.rows(lines), of_bob);

    world.append("oil/a.jsonl", &(view("z6", "11:00:00", "anon-1") + &view("n1", "11:05:00", "nora")));
    // Another person's link to one of her ids joins nothing.
    world.append("oil/b.jsonl", &identify("b4", "12:02:00", "bob", "anon-3"));
    run(&world);
    let expected = ["b0", "b1", "b2", "b3", "b4", "n1"];
    assert_eq!(world.rows(lines), expected);
    let links = "SELECT count(*) FROM facts.activity_links WHERE username = 'oil'
        AND concat(node, other) SIMILAR TO '.*(zoe|anon-[13]).*'";
    assert_eq!(world.rows(links), ["0"]);
    fs::remove_file(world.database()).unwrap();
    let _ = fs::remove_file(world.path("data/mill.duckdb.wal"));
    run(&world);
    assert_eq!(world.rows(lines), expected);
    assert_eq!(world.rows(links), ["0"]);
    assert_eq!(world.rows(gas), of_gas);
    // If the file cannot be read, nobody is let in.
    fs::write(world.path("data/mill.duckdb.erased"), "{}").unwrap();
    let said = world.mill(&["run", "tracking", "--sessions", "root", "--config", "mill.toml"]);
    assert_eq!(said.status, 78, "{said:?}");
    assert!(said.stderr.contains("mill.duckdb.erased` is damaged, which keeps out"), "{}", said.stderr);
    assert_eq!(forget(&world, &["gas/zoe", "--yes"]).status, 78);
    assert_eq!(world.rows(gas), of_gas);
}

#[test]
fn an_id_that_is_let_in_again_is_read_by_the_next_run() {
    let world = world();
    world.write("oil/a.jsonl", zoe() + &bob());
    run(&world);
    assert_eq!(forget(&world, &["oil/zoe", "--yes"]).status, 0);
    assert_eq!(forget(&world, &["--undo", "oil/bob", "--yes"]).status, 64);
    let said = forget(&world, &["--undo", "oil/zoe", "--yes"]);
    assert_eq!(said.status, 0, "{said:?}");
    run(&world);
    let lines = "SELECT event_id FROM facts.activity_lines ORDER BY ALL";
    assert_eq!(world.rows(lines), ["b0", "b1", "b2", "b3", "z2", "z3", "z4"]);
    for id in ["oil/anon-1", "oil/anon-3"] {
        assert_eq!(forget(&world, &["--undo", id, "--yes"]).status, 0);
    }
    run(&world);
    let fresh = self::world();
    fresh.write("oil/a.jsonl", zoe() + &bob());
    run(&fresh);
    assert_eq!(told(&world), told(&fresh));
    assert_eq!(forget(&world, &["--list"]).stdout, "nobody is forgotten\n");
}

#[test]
fn who_stays_keeps_what_the_settings_keep() {
    let world = World::new();
    let tasks = "[tasks]\nwriters = ['ada', 'bob']\nretention = '9000d'\norphan_after = '9000d'\n";
    fs::write(world.path("mill.toml"), tasks).unwrap();
    let event = |id: &str, state: &str, time: &str| {
        format!(
            "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/oil\",\"type\":\"org.example.task.{state}\",\
             \"subject\":\"t1\",\"time\":\"2026-02-01T{time}Z\",\"data\":{{\"user_id\":\"ada\",\"short_id\":\"s1\"}}}}\n"
        )
    };
    world.write("ada/a.jsonl", event("e1", "created", "10:00:00") + &event("e3", "completed", "12:00:00"));
    world.write("bob/b.jsonl", event("e2", "updated", "11:00:00"));
    let run = || world.mill(&["run", "tasks", "--sessions", "root", "--config", "mill.toml"]);
    assert_eq!(run().status, 0);
    let shown = "SELECT task_id, status FROM task_sessions WHERE task_id = 't1'";
    assert_eq!(world.rows(shown), ["t1|completed"], "it is closed for longer than a task is kept by default");
    assert_eq!(forget(&world, &["bob", "--yes"]).status, 0);
    assert_eq!(world.rows(shown), ["t1|completed"]);
    assert_eq!(run().status, 0);
    assert_eq!(world.rows(shown), ["t1|completed"]);
}

#[test]
fn a_folder_is_forgotten_by_the_name_that_it_has_on_disk() {
    let world = World::new();
    world.write("a%b/a.jsonl", response("m1", "10:00:00", 5)).pass();
    assert_eq!(world.rows("SELECT username FROM usage_responses"), ["a%25b"]);
    let said = world.mill(&["forget", "a%25b", "--yes"]);
    assert_eq!(said.stderr, "`a%25b` is forgotten: 1 source file, 3 facts, 0 answers\n", "{said:?}");
    assert_eq!(world.rows("SELECT username FROM usage_responses"), [""; 0]);
    let said = world.mill(&["forget", "a%b", "--yes"]);
    assert!(said.status == 64 && said.stderr.contains("nobody here is called `a%b`"), "{said:?}");
}

#[test]
fn an_id_that_is_unknown_or_means_nobody_is_refused() {
    let world = world();
    world.write("oil/a.jsonl", zoe() + &view("x", "13:00:00", "anonymous"));
    run(&world);
    let said = forget(&world, &["oil/zo", "--yes"]);
    let refused =
        "sessionmill: there is no data of `zo` in `oil`\n  hint: --even-if-unknown keeps this id out anyway\n";
    assert_eq!((said.status, said.stderr.as_str()), (64, refused));
    let said = forget(&world, &["oil/anonymous", "--yes"]);
    assert_eq!(said.status, 64, "{said:?}");
    assert!(said.stderr.contains("`anonymous` is shared by many visitors"), "{}", said.stderr);
    let said = forget(&world, &["oil/a/b", "--yes", "--even-if-unknown"]);
    assert_eq!((said.status, said.stderr.as_str()), (0, "`oil/a/b` is forgotten: 0 facts of 1 id\n"));
    world.append("oil/a.jsonl", &view("y", "14:00:00", "a/b"));
    run(&world);
    assert_eq!(world.rows("SELECT count(*) FROM facts.activity_lines WHERE event_id IN ('x', 'y')"), ["1"]);
}

/// Copies a database with its log.
pub fn copy(world: &World, from: &str, to: &str) {
    for extension in ["", ".wal"] {
        let [from, to] = [from, to].map(|name| world.path(&format!("data/{name}{extension}")));
        let _ = fs::remove_file(&to);
        if from.exists() {
            fs::copy(from, to).unwrap();
        }
    }
}

/// A run that raises this alarm.
fn run_with_alarm(world: &World, alarm: &str) {
    let said = world.mill(&["run", "tracking", "--sessions", "root", "--config", "mill.toml"]);
    assert!(said.status == 1 && said.stdout.contains(alarm), "{said:?}");
}

const IN_THE_DATABASE: &str = "the database had data of 3 ids of people who are erased, as an older copy of it does: \
                               it is erased again, and the snapshots are removed";

/// That publishing is refused until a run.
fn assert_unpublished(world: &World) {
    let said = world.mill(&["publish"]);
    let is_refused = said.stderr.contains("mill.duckdb.erased`, which keeps erased people out")
        && said.stderr.ends_with("hint: `sessionmill run` makes them agree\n");
    assert!(said.status == 2 && is_refused, "{said:?}");
}

#[test]
fn an_older_copy_of_the_database_brings_back_nobody_of_a_site_who_is_erased() {
    let world = world();
    world.write("oil/a.jsonl", zoe() + &bob()).write("gas/a.jsonl", zoe());
    run(&world);
    copy(&world, "mill.duckdb", "old");
    let before = told(&world);
    assert_eq!(forget(&world, &["oil/zoe", "--yes"]).status, 0);
    let after = told(&world);
    copy(&world, "old", "mill.duckdb");
    assert_eq!(told(&world), before);
    assert_unpublished(&world);
    run_with_alarm(&world, IN_THE_DATABASE);
    assert_eq!(told(&world), after);
    run(&world);
    assert_eq!(world.mill(&["publish"]).status, 0);
    assert_eq!(forget(&world, &["--list"]).stdout, "3 ids of people of `oil` kept out\n");

    // Without a run before, erasing somebody else erases her, too.
    copy(&world, "old", "mill.duckdb");
    assert_eq!(forget(&world, &["gas/zoe", "--yes"]).status, 0);
    assert_eq!(told(&world), without_zoe("oil"));
    run(&world);
}

#[test]
fn an_erasure_that_was_killed_is_finished_by_the_next_run() {
    let world = world();
    world.write("oil/a.jsonl", zoe() + &bob());
    run(&world);
    assert_eq!(world.mill(&["publish"]).status, 0);
    let kill = [("SESSIONMILL_FAILPOINT", "kill:kept-out@oil")];
    let said = world.mill_with(&["forget", "oil/zoe", "--yes", "--config", "mill.toml"], &kill);
    assert_eq!(said.status, -9, "{said:?}");
    assert_eq!(forget(&world, &["--list"]).stdout, "3 ids of people of `oil` kept out\n");
    assert_ne!(told(&world), without_zoe("oil"));
    assert_unpublished(&world);
    assert_eq!(forget(&world, &["--undo", "oil/zoe", "--yes"]).status, 2);
    run_with_alarm(&world, IN_THE_DATABASE);
    assert_eq!(told(&world), without_zoe("oil"));
    assert_eq!(world.mill(&["publish"]).status, 0);
    run(&world);
}

#[test]
fn an_erasure_that_was_killed_leaves_no_older_state_beside_the_database() {
    let killed = |point: &str| {
        let world = World::new();
        world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
        world.write("zacharia/a.jsonl", response("m2", "10:00:00", 5));
        assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
        let kill = [("SESSIONMILL_FAILPOINT", point)];
        assert_eq!(world.mill_with(&["forget", "zacharia", "--yes"], &kill).status, -9);
        world
    };
    let world = killed("kill:after-checkpoint");
    let rollback = world.path("data/mill.duckdb.rollback");
    let kept = fs::read(&rollback).unwrap();
    assert!(kept.windows(8).any(|part| part == b"zacharia"), "a statistic has the name");
    assert_eq!(world.mill(&["report", "--no-refresh"]).status, 0);
    assert!(!rollback.exists());
    let world = killed("kill:settle");
    assert_eq!(world.mill(&["run"]).status, 0);
    let log = fs::metadata(world.path("data/mill.duckdb.wal")).unwrap().len();
    assert!(log < 1024, "the run has moved the log, with all that it had: {log} bytes");
}

#[test]
fn the_database_knows_who_is_erased_if_the_file_is_lost() {
    let world = world();
    world.write("oil/a.jsonl", zoe() + &bob());
    run(&world);
    let file = world.path("data/mill.duckdb.erased");
    assert_eq!(forget(&world, &["oil/nora", "--yes", "--even-if-unknown"]).status, 0);
    let older = fs::read(&file).unwrap();
    assert_eq!(forget(&world, &["oil/zoe", "--yes"]).status, 0);
    let content = fs::read(&file).unwrap();
    for (left, added) in [(None, "4 ids"), (Some(&older), "3 ids")] {
        fs::remove_file(&file).unwrap();
        left.into_iter().for_each(|left| fs::write(&file, left).unwrap());
        world.append("oil/a.jsonl", &view("z6", "11:00:00", "anon-1"));
        assert_unpublished(&world);
        let said = world.mill(&["run", "tracking", "--sessions", "root", "--config", "mill.toml"]);
        let lacked = format!("mill.duckdb.erased` lacked {added} of people who are erased: put back from the database");
        assert!(said.status == 2 && said.stderr.contains(&lacked), "{said:?}");
        assert_eq!(fs::read(&file).unwrap(), content);
        run(&world);
        assert_eq!(told(&world), without_zoe("oil"));
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(forget(&world, &["--list"]).stdout, "4 ids of people of `oil` kept out\n");
    assert_eq!(forget(&world, &["oil/eve", "--yes", "--even-if-unknown"]).status, 0);
    assert_eq!(forget(&world, &["--list"]).stdout, "5 ids of people of `oil` kept out\n");

    // A file with another key cannot have these ids.
    fs::write(&file, format!("{{\"key\":\"{}\",\"ids\":{{}}}}\n", "0".repeat(64))).unwrap();
    run_with_alarm(&world, "erased` is not the one that the database knows, and 5 erased ids not kept out any more");
    run(&world);
}

#[test]
fn a_database_of_before_is_compared_with_the_file_once() {
    let world = world();
    world.write("oil/a.jsonl", zoe() + &bob());
    run(&world);
    assert_eq!(forget(&world, &["oil/zoe", "--yes"]).status, 0);
    let content = world.rows("SELECT content, erased_at FROM facts.erased_ids");
    assert!(content.len() == 1 && content[0].starts_with("{\"key\":"), "{content:?}");
    execute(&world, "DELETE FROM facts.erased_ids");
    assert_unpublished(&world);
    run(&world);
    let file = fs::read_to_string(world.path("data/mill.duckdb.erased")).unwrap();
    assert_eq!(world.rows("SELECT content FROM facts.erased_ids"), [file]);
    assert_eq!(world.mill(&["publish"]).status, 0);
    let snapshot = Snapshot::newest(&world.database()).unwrap();
    assert_eq!(rows(&snapshot.path, "SELECT count(*) FROM facts.erased_ids"), ["0"]);
}

#[test]
fn snapshots_of_before_an_erasure_that_were_put_back_are_removed() {
    let world = world();
    world.write("oil/a.jsonl", zoe() + &bob()).write("ada/a.jsonl", response("m1", "10:00:00", 5));
    for name in ["oil/zoe", "ada"] {
        run(&world);
        assert_eq!(world.mill(&["publish"]).status, 0);
        fs::rename(world.path("data/published"), world.path("data/kept")).unwrap();
        // The name of a snapshot has its time in seconds.
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(forget(&world, &[name, "--yes"]).status, 0);
        run(&world);
        fs::rename(world.path("data/kept"), world.path("data/published")).unwrap();
        run_with_alarm(&world, "1 snapshot removed: they were made before somebody was erased");
        assert_eq!(fs::read_dir(world.path("data/published")).unwrap().count(), 0);
        assert_eq!(world.mill(&["publish"]).status, 0);
        run(&world);
        assert!(fs::read_dir(world.path("data/published")).unwrap().count() > 0, "the new one stays");
        fs::remove_dir_all(world.path("data/published")).unwrap();
    }
}
