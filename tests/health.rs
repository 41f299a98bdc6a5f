//! The health of processors: `status`, its exit codes, and the metrics.

use crate::world::{Said, World, response};
use duckdb::Connection;
use sessionmill::plugs::PLUGS;
use std::os::unix::fs::PermissionsExt;

const USAGE: &str = "[schedule]\nverification = \"off\"\ntasks = \"off\"\ntracking = \"off\"\n";

/// A world with a configuration that turns verification off.
fn world() -> World {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5) + "{\"type\":\"from-the-future\"}\nnot json\n");
    world.write("bob/b.jsonl", response("m3", "10:00:00", 1000));
    std::fs::write(world.path("c.toml"), USAGE).unwrap();
    world
}

fn run(world: &World) -> Said {
    world.mill(&["run", "usage", "--sessions", "root", "--config", "c.toml"])
}

fn status(world: &World, args: &[&str]) -> Said {
    let said = world.mill(&[&["status", "--config", "c.toml"], args].concat());
    Said { stdout: timeless(&said.stdout), ..said }
}

/// The text with `[time]` for every time, and `[age]` for every age.
fn timeless(text: &str) -> String {
    let is_time = |text: &str| {
        let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        ["0000-00-00T00:00:00Z", "0000-00-00 00:00 UTC"].contains(&&*shape)
    };
    let (mut timeless, mut rest) = (String::new(), text);
    while let Some(c) = rest.chars().next() {
        let time = rest.get(..20).filter(|time| is_time(time));
        match time {
            Some(_) => timeless += "[time]",
            None => timeless.push(c),
        }
        rest = &rest[time.map_or(c.len_utf8(), str::len)..];
        if let (Some(_), Some((_, after))) = (time, rest.strip_prefix(" (").and_then(|rest| rest.split_once(')'))) {
            timeless += " ([age])";
            rest = after;
        }
    }
    timeless
}

/// Changes the history without the program.
fn rewrite(world: &World, sql: &str) {
    Connection::open(world.database()).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn status_shows_what_is_held_and_that_all_is_well() {
    let world = world();
    assert_eq!(world.mill(&["status"]).status, 2, "there is no database yet");
    assert_eq!(run(&world).status, 0);
    let expected = "database      [world]/data/mill.duckdb
source        [world]/root (users layout)
files         2 files, 4 lines, 1 of them malformed
              2 files claude-code
unknown       1 line of type `from-the-future`
usage         ok, 2 items from 2 files
              last run [time] by cli: done, 2 of 2 files changed
              next run due [time]
verification  disabled, 0 items from 0 files
              ! off in the configuration
              never ran
              2 files not seen yet, the oldest since [time] ([age])
tasks         disabled, 0 items from 0 files
              ! off in the configuration
              never ran
              2 files not seen yet, the oldest since [time] ([age])
tracking      disabled, 0 items from 0 files
              ! off in the configuration
              never ran
              2 files not seen yet, the oldest since [time] ([age])
";
    let said = status(&world, &["--check"]);
    assert_eq!((said.status, said.stdout.as_str()), (0, expected));
    // Nobody keeps a schedule here: the last run was typed by a user.
    let said = status(&world, &[]);
    assert_eq!((said.status, said.stdout), (0, expected.replace("              next run due [time]\n", "")));
    let json: serde_json::Value = serde_json::from_str(&status(&world, &["--json"]).stdout).unwrap();
    let usage = PLUGS.processors()[0];
    assert_eq!(
        json["processors"][0],
        serde_json::json!({
            "processor": "usage", "version": usage.manifest().version, "state": "ok", "reasons": [], "next_due": null, "running": null,
            "files": 2, "items": 2, "failures": 0, "dead": 0, "causes": [], "backlog": 0, "deferred": [], "pending": 0,
            "pending_since": null, "unsettled_keys": 0,
            "last_run": {
                "run_id": 1, "trigger": "cli", "started_at": "[time]", "outcome": "done", "files": 2, "processed": 2,
                "pending": 0,
            },
        })
    );
    assert_eq!((&json["state"], &json["sources"][0]["alarm"]), (&"ok".into(), &serde_json::Value::Null));
}

#[test]
fn what_a_run_left_is_told_with_its_age() {
    let world = world();
    world.write("bob/c.jsonl", "");
    world.mill(&["run", "usage", "--sessions", "root", "--config", "c.toml", "--max-sessions", "1"]);
    let said = status(&world, &["--check"]);
    let expected = "
              last run [time] by cli: done, 1 of 3 files changed
              2 files waiting for the next run
                2 files: this run has looked into as many files as it may
              2 files not seen yet, the oldest since [time] ([age])
              next run due [time]
";
    assert!(said.status == 0 && said.stdout.contains(expected), "{said:?}");
    run(&world);
    world.append("ada/a.jsonl", "\n");
    let said = status(&world, &[]);
    assert!(said.stdout.contains("\n              1 file not seen yet, the oldest since [time] ([age])\n"), "{said:?}");
}

#[test]
fn a_pipeline_that_has_died_is_failing_although_nothing_is_new() {
    let world = world();
    run(&world);
    rewrite(
        &world,
        "UPDATE processor_runs SET started_at = started_at - INTERVAL 1 DAY, ended_at = ended_at - INTERVAL 1 DAY",
    );
    assert!(status(&world, &[]).stdout.contains("usage         ok, "), "nobody has promised to run it");
    let failing = "usage         failing, 2 items from 2 files
              ! no run since [time], although it is due every 10m
              last run [time] by cli: done, 2 of 2 files changed
              next run due [time]
";
    let said = status(&world, &["--check"]);
    assert!(said.status == 2 && said.stdout.contains(failing), "{said:?}");
    rewrite(&world, "UPDATE processor_runs SET trigger = 'schedule'");
    let said = status(&world, &[]);
    assert!(said.status == 0 && said.stdout.contains(&failing.replace("by cli", "by schedule")), "{said:?}");
    rewrite(
        &world,
        "UPDATE processor_runs SET started_at = started_at + INTERVAL 1 DAY, ended_at = ended_at + INTERVAL 1 DAY",
    );
    assert_eq!(status(&world, &["--check"]).status, 0);
}

#[test]
fn a_missing_root_is_told_once_and_fails_the_check() {
    let world = world();
    run(&world);
    std::fs::rename(world.root(), world.path("aside")).unwrap();
    let said = status(&world, &["--check"]);
    let expected = "source        [world]/root (users layout)
              alarm: `[world]/root` is missing: is it mounted?
files         2 files, 4 lines, 1 of them malformed
              2 files claude-code
unknown       1 line of type `from-the-future`
usage         failing, 2 items from 2 files
              last run [time] by cli: done, 2 of 2 files changed
              next run due [time]
";
    assert!(said.status == 2 && said.stdout.contains(expected), "{said:?}");
    assert_eq!(run(&world).status, 2);
    let said = status(&world, &["--check"]);
    let broken = "\n              ! the last run could not be done: cannot read `[world]/root`: there is no such file or folder\n";
    assert!(said.status == 2 && said.stdout.contains(broken), "{said:?}");
    std::fs::rename(world.path("aside"), world.root()).unwrap();
    run(&world);
    assert_eq!(status(&world, &["--check"]).status, 0);
}

#[test]
fn failures_are_told_by_cause_and_warn() {
    let world = world();
    for file in ["eve/a.jsonl", "eve/b.jsonl"] {
        world.write(file, "{}\n");
        std::fs::set_permissions(world.root().join(file), std::fs::Permissions::from_mode(0o000)).unwrap();
    }
    let args = ["run", "usage", "--sessions", "root", "--config", "c.toml"];
    let Some(said) = world.mill_unprivileged(&args, &[]) else { return };
    assert_eq!(said.status, 1, "{said:?}");
    let said = status(&world, &["--check"]);
    let expected = "usage         warning, 2 items from 2 files
              ! 2 files failed and will be tried again
                2 files: environment: cannot be opened: permission denied, such as `eve/a.jsonl`
              last run [time] by cli: failed, 2 of 4 files changed
              2 files waiting for the next run
              2 files not seen yet, the oldest since [time] ([age])
              next run due [time]
";
    assert!(said.status == 1 && said.stdout.contains(expected), "{said:?}");
}

#[test]
fn whoever_holds_the_database_is_named_by_the_check() {
    let world = world();
    run(&world);
    let other = Connection::open(world.database()).unwrap();
    let said = status(&world, &["--check"]);
    let holder = format!(", pid {})\n", std::process::id());
    let expected = "sessionmill: `[world]/data/mill.duckdb` is open in another program (/";
    assert!(said.status == 2 && said.stderr.starts_with(expected) && said.stderr.contains(&holder), "{said:?}");
    assert_eq!(status(&world, &[]).status, 75);
    drop(other);
}

#[test]
fn a_run_writes_metrics_whole() {
    let world = world();
    let run = |root: &str| {
        world.mill(&["run", "usage", "--sessions", root, "--config", "c.toml", "--metrics-file", "mill.prom"])
    };
    std::fs::write(world.path("mill.prom"), "of before\n").unwrap();
    assert_eq!(run("root").status, 0);
    let metadata = world.path("mill.prom").metadata().unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o644, "the collector is another user");
    let text = std::fs::read_to_string(world.path("mill.prom")).unwrap();
    // Times and durations are those of the run.
    let shown: Vec<_> = text
        .lines()
        .map(|line| match line.split_once("\"} ") {
            Some((name, _)) if name.contains("_seconds{") => format!("{name}\"}} [time]"),
            _ => line.to_owned(),
        })
        .collect();
    let gauge = |name: &str, help: &str, values: &[&str]| {
        let head = [format!("# HELP sessionmill_{name} {help}"), format!("# TYPE sessionmill_{name} gauge")];
        let values = values.iter().map(|value| format!("sessionmill_{name}{{processor={value}"));
        head.into_iter().chain(values).collect::<Vec<_>>()
    };
    let usage = "\"usage\"} [time]";
    let expected = [
        gauge(
            "health_state",
            "State of a processor: 1 for the one that it is in.",
            &[
                "\"usage\",state=\"ok\"} 1",
                "\"usage\",state=\"disabled\"} 0",
                "\"usage\",state=\"paused\"} 0",
                "\"usage\",state=\"warning\"} 0",
                "\"usage\",state=\"failing\"} 0",
                "\"verification\",state=\"ok\"} 0",
                "\"verification\",state=\"disabled\"} 1",
                "\"verification\",state=\"paused\"} 0",
                "\"verification\",state=\"warning\"} 0",
                "\"verification\",state=\"failing\"} 0",
                "\"tasks\",state=\"ok\"} 0",
                "\"tasks\",state=\"disabled\"} 1",
                "\"tasks\",state=\"paused\"} 0",
                "\"tasks\",state=\"warning\"} 0",
                "\"tasks\",state=\"failing\"} 0",
                "\"tracking\",state=\"ok\"} 0",
                "\"tracking\",state=\"disabled\"} 1",
                "\"tracking\",state=\"paused\"} 0",
                "\"tracking\",state=\"warning\"} 0",
                "\"tracking\",state=\"failing\"} 0",
            ],
        ),
        gauge("last_run_timestamp_seconds", "Start of the last run.", &[usage]),
        gauge("last_success_timestamp_seconds", "End of the last run that went through all files.", &[usage]),
        gauge("last_run_duration_seconds", "Length of the last run that ended.", &[usage]),
        gauge(
            "last_run_files",
            "Files of the last run that ended, by what became of them.",
            &[
                "\"usage\",state=\"unchanged\"} 0",
                "\"usage\",state=\"processed\"} 2",
                "\"usage\",state=\"skipped\"} 0",
                "\"usage\",state=\"deferred\"} 0",
                "\"usage\",state=\"rejected\"} 0",
                "\"usage\",state=\"failed\"} 0",
            ],
        ),
        gauge(
            "failures",
            "Files that a processor could not deal with, by what becomes of them.",
            &[
                "\"usage\",state=\"retry\"} 0",
                "\"usage\",state=\"dead\"} 0",
                "\"usage\",state=\"dropped\"} 0",
                "\"verification\",state=\"retry\"} 0",
                "\"verification\",state=\"dead\"} 0",
                "\"verification\",state=\"dropped\"} 0",
                "\"tasks\",state=\"retry\"} 0",
                "\"tasks\",state=\"dead\"} 0",
                "\"tasks\",state=\"dropped\"} 0",
                "\"tracking\",state=\"retry\"} 0",
                "\"tracking\",state=\"dead\"} 0",
                "\"tracking\",state=\"dropped\"} 0",
            ],
        ),
        gauge(
            "backlog_files",
            "Files that wait for a next run, because of a limit or a failure.",
            &["\"usage\"} 0", "\"verification\"} 0", "\"tasks\"} 0", "\"tracking\"} 0"],
        ),
        gauge(
            "unsettled_keys",
            "Keys whose entities are not up to date.",
            &["\"usage\"} 0", "\"verification\"} 0", "\"tasks\"} 0", "\"tracking\"} 0"],
        ),
    ];
    assert_eq!(shown, expected.concat());
    let names = std::fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name.to_string_lossy().starts_with(".tmp")).count(), 0, "nothing is left beside it");
    assert_eq!(run("nowhere").status, 2);
    let text = std::fs::read_to_string(world.path("mill.prom")).unwrap();
    assert!(text.contains("sessionmill_health_state{processor=\"usage\",state=\"failing\"} 1\n"), "{text}");
    let said = world.mill(&["run", "usage", "--sessions", "root", "--metrics-file", "no/folder/mill.prom"]);
    let expected = "sessionmill: cannot write `no/folder/mill.prom`: there is no such file or folder\n";
    assert!(said.status == 2 && said.stderr.ends_with(expected), "{said:?}");
}

/// Gives the database and the files beside it to another user. Root creates no files there.
fn give(world: &World, uid: u32) {
    for entry in walkdir::WalkDir::new(world.path("data")) {
        std::os::unix::fs::lchown(entry.unwrap().path(), Some(uid), None).unwrap();
    }
}

const A_DAY_AGO: &str =
    "UPDATE processor_runs SET started_at = started_at - INTERVAL 1 DAY, ended_at = ended_at - INTERVAL 1 DAY";

#[test]
fn whoever_reads_a_snapshot_gets_the_health_of_the_service() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give a database to somebody else.
        return;
    }
    let world = world();
    run(&world);
    rewrite(&world, A_DAY_AGO);
    let publish = || world.mill(&["publish", "--config", "c.toml"]);
    assert_eq!(publish().status, 0);
    let check = || {
        give(&world, 4321);
        let said = status(&world, &["--check"]);
        give(&world, 0);
        assert!(said.stderr.starts_with("note: as of "), "{said:?}");
        said
    };
    let late = "usage         failing, 2 items from 2 files\n              ! no run since [time], although it is due every 10m\n";
    let said = check();
    assert!(said.status == 2 && said.stdout.contains(late), "{said:?}");

    // A quiet hour: runs that find nothing publish nothing.
    assert!(run(&world).stdout.contains("2 files, 0 changed"));
    let said = check();
    let fine = "usage         ok, 2 items from 2 files\n              last run [time] by cli: done, 0 of 2 files changed\n              next run due";
    assert!(said.status == 0 && said.stdout.contains(fine), "{said:?}");
    // A file that was only touched is not new to the service.
    world.touch("ada/a.jsonl", 1_700_000_000);
    assert_eq!(run(&world).status, 0);
    assert_eq!(check().status, 0);

    // A failure of the service is shown, and so is its death.
    std::fs::rename(world.root(), world.path("aside")).unwrap();
    assert_eq!(run(&world).status, 2);
    std::fs::rename(world.path("aside"), world.root()).unwrap();
    let said = check();
    let broken = "! the last run could not be done: cannot read `[world]/root`";
    assert!(said.status == 2 && said.stdout.contains(broken), "{said:?}");
    rewrite(&world, &format!("DELETE FROM processor_runs WHERE message IS NOT NULL; {A_DAY_AGO}"));
    publish();
    let said = check();
    assert!(said.status == 2 && said.stdout.contains(late), "{said:?}");
}

#[test]
fn who_is_forgotten_is_in_no_word_of_the_service() {
    let world = world();
    world.write("eve/a.jsonl", "{}\n");
    std::fs::set_permissions(world.root().join("eve/a.jsonl"), std::fs::Permissions::from_mode(0o000)).unwrap();
    run(&world);
    world.mill(&["publish", "--config", "c.toml"]);
    let args = ["run", "usage", "--sessions", "root", "--config", "c.toml"];
    let Some(_) = world.mill_unprivileged(&args, &[]) else { return };
    let word = world.path("data/mill.duckdb.health.json");
    let mode = word.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o640, "as open as a snapshot");
    assert!(std::fs::read_to_string(&word).unwrap().contains("eve/a.jsonl") || run(&world).status == 0);
    assert_eq!(world.mill(&["forget", "eve", "--yes"]).status, 0);
    let text = std::fs::read_to_string(&word).unwrap_or_default();
    assert!(!text.contains("eve"), "{text}");
}

#[test]
fn a_reader_makes_nothing_beside_the_database_of_somebody_else() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let world = world();
    run(&world);
    let names = || {
        let entries = std::fs::read_dir(world.path("data")).unwrap().map(|entry| entry.unwrap().file_name());
        entries.collect::<std::collections::BTreeSet<_>>()
    };
    // As after an admin restored the database from a backup.
    for name in names() {
        if name.to_str().unwrap().ends_with(".lock") {
            std::fs::remove_file(world.path("data").join(name)).unwrap();
        }
    }
    give(&world, 4321);
    let before = names();
    for args in [
        &["status"][..],
        &["status", "--check"],
        &["report", "--no-refresh"],
        &["runs"],
        &["failures"],
        &["config", "check"],
        &["trigger", "usage"],
    ] {
        let said = world.mill_by(&["sh", "-c", "umask 077; exec \"$0\" \"$@\""], args);
        assert_eq!(names(), before, "{args:?}: {said:?}");
    }
    assert_eq!(status(&world, &["--check"]).status, 0);
}
