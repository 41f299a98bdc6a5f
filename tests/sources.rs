//! Sources: alarms, sources that a run finds or is given, and moved and retired sources.

use crate::daemon::schedule;
use crate::world::{Said, World, check_sums, response};
use serde_json::Value;
use sessionmill::store::{Access, Store};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn put(world: &World, file: &str, text: &str) {
    let path = world.path(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn line(id: &str, output: u64) -> String {
    response(id, "10:00:00", output)
}

/// A configuration of sources, by name and folder.
fn configure(world: &World, sources: &[(&str, &str)]) {
    let table = |(name, path): &(&str, &str)| format!("[[source]]\nname = \"{name}\"\npath = \"{path}\"\n\n");
    let tables: String = sources.iter().map(table).collect();
    fs::write(world.path("mill.toml"), schedule(&[("usage", "every 10m")]) + &tables).unwrap();
}

fn mill(world: &World, args: &[&str]) -> Said {
    world.mill(&[args, &["--config", "mill.toml"]].concat())
}

fn run(world: &World) -> Said {
    mill(world, &["run", "usage"])
}

/// The exit code and alarms of a run with further arguments.
fn alarms(world: &World, args: &[&str]) -> (i32, Vec<String>) {
    let said = mill(world, &[&["run", "usage", "--json"], args].concat());
    let json: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:?}"));
    (said.status, serde_json::from_value(json["alarms"].clone()).unwrap())
}

/// The sources: name, folder and state.
fn sources(world: &World) -> Vec<String> {
    let json: Value = serde_json::from_str(&mill(world, &["sources", "list", "--json"]).stdout).unwrap();
    let text = |source: &Value, key: &str| source[key].as_str().unwrap().to_owned();
    let shown = |source: &Value| ["name", "root", "state"].map(|key| text(source, key)).join(" ");
    json.as_array().unwrap().iter().map(shown).collect()
}

const FILES: &str = "SELECT source, session_file FROM session_files ORDER BY ALL";
const OUTPUT: &str = "SELECT sum(output_tokens)::BIGINT FROM usage_responses";

#[test]
fn an_alarm_reaches_everybody_and_clears_by_itself() {
    let world = World::new();
    world.write("ada/p/a.jsonl", line("m1", 5)).write("bob/p/b.jsonl", line("m2", 6));
    configure(&world, &[("team", "root")]);
    let run = || {
        let args = ["run", "usage", "--config", "mill.toml", "--metrics-file", "mill.prom"];
        Some(world.mill_unprivileged(&args, &[])?.status)
    };
    let metric = |name: &str| {
        let text = fs::read_to_string(world.path("mill.prom")).unwrap();
        let line = text.lines().find(|line| line.starts_with(&format!("sessionmill_{name}")));
        line.map(|line| line.rsplit_once(' ').unwrap().1.to_owned())
    };
    let Some(status) = run() else { return };
    assert_eq!((status, metric("alarms")), (0, None));
    let success = metric("last_success_timestamp_seconds");
    fs::set_permissions(world.root().join("bob"), fs::Permissions::from_mode(0o000)).unwrap();
    // The end of a run is stored in seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(run(), Some(1));
    let alarm = "cannot list `bob`: permission denied";
    let last = "SELECT outcome, message, alarms FROM processor_runs ORDER BY run_id DESC LIMIT 1";
    assert_eq!(world.rows(last), [format!("failed|{alarm}|[\"{alarm}\"]")]);
    let said = mill(&world, &["status", "--check"]);
    let shown = format!("usage         warning, 2 items from 2 files\n              ! {alarm}\n");
    assert!(said.status == 1 && said.stdout.contains(&shown), "{said:?}");
    let json: Value = serde_json::from_str(&mill(&world, &["status", "--json"]).stdout).unwrap();
    assert_eq!((&json["state"], &json["processors"][0]["reasons"][0]), (&"warning".into(), &alarm.into()));
    assert_eq!(json["processors"][0]["last_run"]["alarms"], serde_json::json!([alarm]));
    let json: Value = serde_json::from_str(&mill(&world, &["runs", "--json", "--limit", "1"]).stdout).unwrap();
    assert_eq!((&json[0]["message"], &json[0]["alarms"]), (&alarm.into(), &serde_json::json!([alarm])));
    let table = mill(&world, &["runs", "--limit", "1"]).stdout;
    assert!(table.contains("alarm:"), "{table}");
    assert_eq!(metric("alarms").as_deref(), Some("1"));
    assert_eq!(metric("health_state{processor=\"usage\",state=\"warning\"}").as_deref(), Some("1"));
    assert_eq!(metric("last_success_timestamp_seconds"), success, "it stands still");
    fs::set_permissions(world.root().join("bob"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(run(), Some(0));
    assert_eq!(world.rows(last), ["done||"]);
    assert_eq!((mill(&world, &["status", "--check"]).status, metric("alarms")), (0, None));
    assert_ne!(metric("last_success_timestamp_seconds"), success);
}

#[test]
fn a_source_of_one_person_says_whose_it_is() {
    let world = World::new();
    put(&world, "home/-srv-shop/s.jsonl", &line("m1", 5));
    put(&world, "home/-srv-shop/t.jsonl", &line("m2", 6));
    let configure = |user: &str| {
        let source = "[[source]]\nname = \"home\"\npath = \"home\"\nlayout = \"claude-projects\"\n".to_owned();
        fs::write(world.path("mill.toml"), source + user).unwrap();
    };
    configure("user = \"ada\"\n");
    assert_eq!(run(&world).status, 0);
    let whose = "SELECT username, session_file FROM usage_responses ORDER BY ALL";
    let of_ada = ["ada|ada/-srv-shop/s.jsonl", "ada|ada/-srv-shop/t.jsonl"];
    assert_eq!(world.rows(whose), of_ada);
    let json: Value = serde_json::from_str(&mill(&world, &["sources", "list", "--json"]).stdout).unwrap();
    assert_eq!(json[0]["user"], "ada");
    // Under another user its files would count twice.
    for (user, whose) in [("user = \"bob\"\n", "the logs of `bob`"), ("", "those of whoever runs it")] {
        configure(user);
        let said = run(&world);
        let refusal = format!("as the logs of `ada`, not as {whose}");
        assert!(said.status == 2 && said.stderr.contains(&refusal), "{said:?}");
    }
    configure("user = \"bob\"\n");
    put(&world, "home/-srv-shop/u.jsonl", &line("m3", 7));
    assert_eq!(mill(&world, &["run", "usage", "--adopt"]).status, 0);
    let of_bob = [of_ada[0], of_ada[1], "bob|bob/-srv-shop/u.jsonl"];
    assert_eq!(world.rows(whose), of_bob, "what was counted stays, and no response is counted twice");
    for (user, mistake) in [
        ("user = \"\"\n", "c.toml:2: `user` of source `home` is not a valid name: ``"),
        (
            "user = \"a/b\"\n",
            "c.toml:2: `user` of source `home` is not a valid name, since it contains `/` or `%`: `a/b`",
        ),
    ] {
        let source = "[[source]]\nname = \"home\"\npath = \"home\"\nlayout = \"codex-sessions\"\n".to_owned();
        fs::write(world.path("c.toml"), source + user).unwrap();
        let said = world.mill(&["config", "check", "--config", "c.toml"]);
        assert!(said.status == 78 && (said.stdout.clone() + &said.stderr).contains(mistake), "{said:?}");
    }
    fs::write(world.path("c.toml"), "[[source]]\nname = \"a\"\npath = \"root\"\nuser = \"ada\"\n").unwrap();
    let said = world.mill(&["config", "check", "--config", "c.toml"]);
    let mistake = "c.toml:2: source `a` has a folder for each user: `user` is for the layouts `claude-projects`";
    assert!((said.stdout.clone() + &said.stderr).contains(mistake), "{said:?}");
}

#[test]
fn what_an_alarm_says_of_somebody_is_forgotten_with_them() {
    let world = World::new();
    world.write("ada/p/a.jsonl", line("m1", 5)).write("bob/p/b.jsonl", line("m2", 6));
    configure(&world, &[("team", "root")]);
    run(&world);
    fs::set_permissions(world.root().join("bob/p"), fs::Permissions::from_mode(0o000)).unwrap();
    let Some(said) = world.mill_unprivileged(&["run", "usage", "--config", "mill.toml"], &[]) else { return };
    assert_eq!(said.status, 1, "{said:?}");
    assert_eq!(mill(&world, &["forget", "bob", "--yes"]).status, 0);
    let named = "SELECT count(*) FROM processor_runs WHERE contains(message, 'bob') OR contains(alarms, 'bob')";
    assert_eq!(world.rows(named), ["0"]);
    let said = world.mill_unprivileged(&["run", "usage", "--config", "mill.toml"], &[]).unwrap();
    assert_eq!(said.status, 0, "nobody needs to see their folder: {said:?}");
    assert_eq!(world.rows(named), ["0"]);
    fs::set_permissions(world.root().join("bob/p"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_link_is_told_wherever_it_stands() {
    let world = World::new();
    world.write("ada/p/a.jsonl", line("m1", 5)).write("../far/s/b.jsonl", line("m2", 6));
    symlink(world.path("far"), world.root().join("eve")).unwrap();
    symlink(world.path("far/s"), world.root().join("ada/linked")).unwrap();
    symlink(world.path("far/s"), world.root().join("ada/p/subagents")).unwrap();
    configure(&world, &[("team", "root")]);
    let said = run(&world);
    assert_eq!(said.status, 0, "{said:?}");
    for link in ["eve", "ada/linked", "ada/p/subagents"] {
        let warning = format!("\n  warning: `{link}` is a symbolic link, which is not followed\n");
        assert!(said.stdout.contains(&warning), "{link}: {said:?}");
    }
    assert_eq!(world.rows(OUTPUT), ["5"]);
}

#[test]
fn a_root_that_is_known_can_have_another_name_and_new_ones_join_it() {
    let world = World::new();
    world.write("ada/a.jsonl", line("m1", 5));
    put(&world, "two/bob/b.jsonl", &line("m2", 6));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    configure(&world, &[("team", "root")]);
    let said = mill(&world, &["config", "check"]);
    let renamed = "source `team` (`[world]/root`) was called `sessions`: the next run renames it\n";
    assert!(said.status == 0 && said.stdout.contains(renamed), "{said:?}");
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    assert_eq!(world.rows(FILES), ["team|ada/a.jsonl"]);
    configure(&world, &[("other", "two"), ("team", "root")]);
    let said = mill(&world, &["config", "check"]);
    let added = "source `other` (`[world]/two`) is new: the next run adds it\n";
    assert!(said.status == 0 && said.stdout.contains(added), "{said:?}");
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    assert_eq!(world.rows(FILES), ["other|bob/b.jsonl", "team|ada/a.jsonl"]);
    // Both names at once, each with the other's folder.
    configure(&world, &[("team", "two"), ("other", "root")]);
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    assert_eq!(world.rows(FILES), ["other|ada/a.jsonl", "team|bob/b.jsonl"]);
    assert_eq!(sources(&world), ["other [world]/root in use", "team [world]/two in use"]);
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 1, "the other one is left out");
    assert_eq!(world.rows(FILES), ["other|ada/a.jsonl", "team|bob/b.jsonl"], "a folder without a name keeps its name");
}

#[test]
fn a_bad_source_costs_itself_only() {
    let world = World::new();
    world.write("ada/a.jsonl", line("m1", 5));
    put(&world, "two/bob/b.jsonl", &line("m2", 6));
    configure(&world, &[("one", "root"), ("two", "two")]);
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    fs::rename(world.path("two"), world.path("away")).unwrap();
    // A file that has the same name as a file of the missing source is not taken for that file.
    world.write("ada/c.jsonl", line("m3", 7)).write("bob/b.jsonl", line("m4", 8));
    let missing = "source `two` is left out: cannot read `[world]/two`: ";
    let (status, told) = alarms(&world, &[]);
    assert!(status == 1 && told.len() == 1 && told[0].starts_with(missing), "{told:?}");
    assert_eq!(world.rows(OUTPUT), ["18"], "what is new elsewhere is counted");
    assert_eq!(world.rows(FILES), ["one|ada/a.jsonl", "one|ada/c.jsonl", "two|bob/b.jsonl"]);
    assert_eq!(world.rows("SELECT count(*) FROM session_files WHERE gone_since IS NOT NULL"), ["0"]);
    let said = mill(&world, &["status", "--check"]);
    assert!(said.status == 2 && said.stdout.contains("alarm: `[world]/two` is missing"), "{said:?}");
    assert_eq!(sources(&world), ["one [world]/root in use", "two [world]/two alarm"]);
    fs::rename(world.path("away"), world.path("two")).unwrap();
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    assert_eq!(mill(&world, &["status", "--check"]).status, 0);

    // A folder that was never seen is not remembered, so its path can be corrected.
    configure(&world, &[("one", "root"), ("three", "tree"), ("two", "two")]);
    let (status, told) = alarms(&world, &[]);
    assert!(status == 1 && told.len() == 1 && told[0].starts_with("source `three` is left out: "), "{told:?}");
    put(&world, "three/eve/e.jsonl", &line("m5", 9));
    configure(&world, &[("one", "root"), ("three", "three"), ("two", "two")]);
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    // A folder that is one level too deep, and one that cannot be read.
    put(&world, "deep/d.jsonl", &line("m6", 1));
    configure(&world, &[("deep", "deep"), ("one", "root"), ("three", "three"), ("two", "two")]);
    let (status, told) = alarms(&world, &[]);
    let deep = "source `deep` is left out: `[world]/deep` holds transcripts itself, where the users' folders should be";
    assert!(status == 1 && told.len() == 1 && told[0].starts_with(deep), "{told:?}");
    configure(&world, &[("one", "root"), ("three", "three"), ("two", "two")]);
    world.append("ada/a.jsonl", &line("m7", 10));
    fs::set_permissions(world.path("three"), fs::Permissions::from_mode(0o000)).unwrap();
    let args = ["run", "usage", "--config", "mill.toml", "--json"];
    let Some(said) = world.mill_unprivileged(&args, &[]) else { return };
    fs::set_permissions(world.path("three"), fs::Permissions::from_mode(0o755)).unwrap();
    let json: Value = serde_json::from_str(&said.stdout).unwrap();
    let alarm = json["alarms"][0].as_str().unwrap();
    assert!(alarm.contains("cannot list `[world]/three`: permission denied; owner "), "{alarm}");
    assert!(alarm.ends_with("; `sessionmill config check`, run by the same user, lists ways to let it in"), "{alarm}");
    assert_eq!(json["processors"][0]["processed"], 1);
    // The alarm stays until a run can read the folder, even if other processes can.
    assert_eq!(mill(&world, &["status", "--check"]).status, 2);
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    assert_eq!(mill(&world, &["status", "--check"]).status, 0);
    assert_eq!(world.rows(OUTPUT), ["37"], "the one of a name that another source has is rejected");
}

#[test]
fn a_new_source_is_refused_while_a_known_one_is_not_named() {
    let world = World::new();
    world.write("ada/a.jsonl", line("m1", 5));
    put(&world, "two/bob/b.jsonl", &line("m2", 6));
    configure(&world, &[("one", "root"), ("two", "two")]);
    run(&world);
    fs::rename(world.path("two"), world.path("new")).unwrap();
    world.append("ada/a.jsonl", &line("m3", 7));
    configure(&world, &[("one", "root"), ("new", "new")]);
    let refused = "the database is made of `[world]/root`, `[world]/two`, not of `[world]/new`";
    let hint = "has the tree moved? sessionmill sources moved two [world]/new or --adopt; is the old one over? \
                sessionmill sources retire two; for another database: --database FILE";
    let left = "source `two` (`[world]/two`) is not named any more, and what is new in it is not counted: if that is meant, sessionmill sources retire two";
    assert_eq!(alarms(&world, &[]), (1, vec![format!("source `new` is left out: {refused}; {hint}"), left.to_owned()]));
    assert_eq!(world.rows(OUTPUT), ["18"], "the other one is counted");
    let said = mill(&world, &["config", "check"]);
    assert!(said.status == 78 && said.stdout.contains(&format!("{refused}\n  {hint}\n{left}\n")), "{said:?}");
    let said = mill(&world, &["status", "--check"]);
    assert!(said.stdout.contains(&format!("! source `new` is left out: {refused}")), "{said:?}");
    assert_eq!(alarms(&world, &["--adopt"]), (0, vec![]));
    assert_eq!(sources(&world), ["new [world]/new in use", "one [world]/root in use"]);
    assert_eq!(world.rows(FILES), ["new|bob/b.jsonl", "one|ada/a.jsonl"]);
    assert_eq!(mill(&world, &["status", "--check"]).status, 0);

    // The same name in another folder.
    fs::rename(world.path("new"), world.path("newer")).unwrap();
    configure(&world, &[("one", "root"), ("new", "newer")]);
    let (status, told) = alarms(&world, &[]);
    assert!(
        status == 1 && told.len() == 1 && told[0].contains("sources moved new [world]/newer or --adopt"),
        "{told:?}"
    );
    let said = mill(&world, &["sources", "moved", "new", "newer"]);
    assert_eq!((said.status, &*said.stderr), (0, "source `new` is in [world]/newer now\n"));
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    assert_eq!(world.rows(OUTPUT), ["18"]);

    // With two unnamed sources, it is unknown which one has moved.
    put(&world, "x/eve/e.jsonl", &line("m4", 1));
    configure(&world, &[("x", "x")]);
    let said = mill(&world, &["run", "--adopt"]);
    let expected = "sessionmill: the database is made of `[world]/newer`, `[world]/root`, not of `[world]/x`\n  hint: has the tree moved? sessionmill sources moved new|one [world]/x; is";
    assert!(said.status == 2 && said.stderr.contains(expected), "{said:?}");
}

#[test]
fn a_move_is_refused_where_files_would_be_counted_twice() {
    let world = World::new();
    world.write("ada/a.jsonl", line("m1", 5));
    put(&world, "two/bob/b.jsonl", &line("m2", 6));
    configure(&world, &[("one", "root"), ("two", "two")]);
    run(&world);
    for (args, status, expected) in [
        (["moved", "two", "root"], 64, "`[world]/root` and `[world]/root`, which is source `one`, overlap"),
        (["moved", "two", "root/ada"], 64, "`[world]/root/ada` and `[world]/root`, which is source `one`, overlap"),
        (["moved", "tow", "far"], 2, "cannot read `[world]/far`: "),
        (["moved", "tw", "two"], 64, "unknown source `tw`; known: `one`, `two`\n  hint: did you mean `two`?"),
    ] {
        let said = mill(&world, &[&["sources"], &args[..]].concat());
        assert!(said.status == status && said.stderr.starts_with(&format!("sessionmill: {expected}")), "{said:?}");
    }
    let said = mill(&world, &["sources", "retire", "three"]);
    assert_eq!(said.status, 64, "{said:?}");
    assert_eq!(sources(&world), ["one [world]/root in use", "two [world]/two in use"]);
    // Named by its folder, with a note that the configuration has another folder.
    fs::rename(world.path("two"), world.path("far")).unwrap();
    let said = mill(&world, &["sources", "moved", "two/", "far"]);
    let expected = "source `two` is in [world]/far now\nnote: the configuration still has `two` in [world]/two: change it there too\n";
    assert_eq!((said.status, &*said.stderr), (0, expected));
}

#[test]
fn a_retired_source_keeps_what_it_said_and_gives_up_its_names() {
    let world = World::new();
    world
        .write("ada/p/same.jsonl", line("m1", 5))
        .write("ada/p/other.jsonl", line("m2", 6))
        .write("ada/p/only.jsonl", line("m3", 7));
    configure(&world, &[("old", "root")]);
    world.mill(&["run", "--config", "mill.toml"]);
    put(&world, "new/ada/p/same.jsonl", &line("m1", 5));
    put(&world, "new/ada/p/other.jsonl", &line("m4", 8));
    let before = world.rows(FILES);
    assert_eq!(world.rows(OUTPUT), ["18"]);

    // While the source is in use, its names belong to it.
    configure(&world, &[("new", "new"), ("old", "root")]);
    let said = run(&world);
    let clash = "rejected `ada/p/same.jsonl`: another source has a file of this name\n";
    assert!(said.status == 0 && said.stdout.contains(clash), "{said:?}");
    assert_eq!(world.rows(FILES), before, "whoever comes later takes none of them");

    configure(&world, &[("new", "new")]);
    let said = mill(&world, &["sources", "retire", "old"]);
    assert_eq!(
        (said.status, &*said.stderr),
        (0, "source `old` ([world]/root) is retired; what its transcripts said stays\n")
    );
    fs::remove_dir_all(world.root()).unwrap();
    let said = world.mill(&["run", "--config", "mill.toml", "--json"]);
    let json: Value = serde_json::from_str(&said.stdout).unwrap();
    let counts = &json["processors"][0];
    assert_eq!((said.status, &json["alarms"], &counts["rejected"]), (0, &serde_json::json!([]), &0.into()), "{said:?}");
    assert_eq!((&counts["processed"], &counts["skipped"]), (&1.into(), &1.into()), "equal bytes are the same file");
    assert_eq!(world.rows(OUTPUT), ["26"]);
    let hash = &world.rows("SELECT left(file_hash, 8) FROM session_files WHERE contains(session_file, '(')")[0];
    let aside = format!("ada/(old {hash})/p/other.jsonl");
    let files = [
        "new|ada/p/other.jsonl".to_owned(),
        "new|ada/p/same.jsonl".to_owned(),
        format!("old|{aside}"),
        "old|ada/p/only.jsonl".to_owned(),
    ];
    assert_eq!(world.rows(FILES), files);
    let states = "SELECT processor_name, session_file FROM session_processor_state ORDER BY ALL";
    let names = [aside.as_str(), "ada/p/only.jsonl", "ada/p/other.jsonl", "ada/p/same.jsonl"];
    let expected: Vec<_> = ["tasks", "tracking", "usage", "verification"]
        .iter()
        .flat_map(|processor| names.map(|name| format!("{processor}|{name}")))
        .collect();
    assert_eq!(world.rows(states), expected);
    let told = "SELECT message_id, session_file FROM usage_responses ORDER BY ALL";
    let of = [
        "m1|ada/p/same.jsonl".to_owned(),
        format!("m2|{aside}"),
        "m3|ada/p/only.jsonl".into(),
        "m4|ada/p/other.jsonl".into(),
    ];
    assert_eq!(world.rows(told), of);
    let said = run(&world);
    assert!(said.status == 0 && said.stdout.contains(": 2 files, 0 changed"), "{said:?}");
    check_sums(&Store::open(&world.database(), Access::ReadOnly).unwrap());
    assert_eq!(mill(&world, &["status", "--check"]).status, 0, "its folder is gone, and nobody minds");
    assert_eq!(world.rows("SELECT count(*) FROM session_files WHERE gone_since IS NOT NULL"), ["0"]);
    let retired = &sources(&world)[1];
    assert_eq!(retired, "old [world]/root retired");
    // Its name can be used again, and its folder can be read again.
    put(&world, "third/eve/e.jsonl", &line("m5", 1));
    configure(&world, &[("new", "new"), ("old", "third")]);
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    let listed = ["new [world]/new in use", "old [world]/third in use", "old-retired [world]/root retired"];
    assert_eq!(sources(&world), listed);
    assert_eq!(world.rows("SELECT count(*) FROM session_files WHERE source = 'old-retired'"), ["2"]);
    fs::create_dir(world.root()).unwrap();
    world.write("zoe/z.jsonl", line("m6", 2));
    configure(&world, &[("back", "root"), ("new", "new"), ("old", "third")]);
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    assert_eq!(sources(&world)[0], "back [world]/root in use");
    assert_eq!(world.rows(OUTPUT), ["29"]);
}

#[test]
fn a_file_that_is_gone_keeps_what_it_said_when_another_source_has_its_name() {
    let world = World::new();
    world.write("ada/p/a.jsonl", line("m1", 5)).write("bob/b.jsonl", line("m2", 6));
    configure(&world, &[("one", "root")]);
    run(&world);
    put(&world, "two/ada/p/a.jsonl", &line("m3", 7));
    configure(&world, &[("one", "root"), ("two", "two")]);
    run(&world);
    assert_eq!(world.rows(OUTPUT), ["11"]);
    world.remove("ada/p/a.jsonl");
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    assert_eq!(world.rows(OUTPUT), ["18"]);
    assert_eq!(world.rows("SELECT count(*) FROM session_files WHERE gone_since IS NOT NULL"), ["1"]);
    world.write("ada/p/a.jsonl", line("m1", 5));
    let said = run(&world);
    assert!(said.stdout.contains("rejected `ada/p/a.jsonl`: another source has a file of this name\n"), "{said:?}");
    assert_eq!(world.rows(OUTPUT), ["18"]);
}

#[test]
fn a_source_that_is_left_out_hides_nothing_and_an_alarm_says_so_until_it_is_retired() {
    let world = World::new();
    world.write("ada/p/a.jsonl", line("m1", 5)).write("ada/p/b.jsonl", line("m2", 6));
    put(&world, "two/bob/c.jsonl", &line("m3", 7));
    configure(&world, &[("one", "root"), ("two", "two")]);
    run(&world);
    put(&world, "two/ada/p/a.jsonl", &(line("m1", 5) + &line("m4", 8)));
    configure(&world, &[("two", "two")]);
    let left = "source `one` (`[world]/root`) is not named any more, and what is new in it is not counted: if that is meant, sessionmill sources retire one";
    assert_eq!(alarms(&world, &[]), (1, vec![left.to_owned()]));
    assert_eq!(world.rows(OUTPUT), ["26"]);
    assert_eq!(mill(&world, &["status", "--check"]).status, 1);
    mill(&world, &["sources", "retire", "one"]);
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    assert_eq!((world.rows(OUTPUT), mill(&world, &["status", "--check"]).status), (vec!["26".to_owned()], 0));
}

#[test]
fn a_file_that_is_more_than_its_namesake_is_an_alarm() {
    let world = World::new();
    let (one, more) = (line("m1", 5), line("m1", 5) + &line("m2", 6));
    home(&world, &[(CLAUDE, "m0"), (".config/claude/projects", "m3")]);
    put(&world, "home/.claude/projects/-p/s.jsonl", &more);
    put(&world, "home/.config/claude/projects/-p/s.jsonl", &one);
    let run = || world.mill(&["run", "usage"]);
    let said = run();
    assert_eq!(said.status, 0, "a copy that was left behind is in the other one: {said:?}");
    put(&world, "home/.config/claude/projects/-p/s.jsonl", &(more + &line("m4", 7)));
    let alarm = "\n  alarm: 1 transcript, such as `tester/-p/s.jsonl`, not read, although larger than what another source has under that name: what is new there is not counted\n";
    let said = run();
    assert!(said.status == 1 && said.stdout.contains(alarm), "{said:?}");
    fs::remove_file(world.path("home/.claude/projects/-p/s.jsonl")).unwrap();
    assert_eq!(run().status, 0);
    assert_eq!(world.rows("SELECT message_id FROM usage_responses ORDER BY ALL"), ["m0", "m1", "m2", "m3", "m4"]);
}

#[test]
fn a_source_that_failed_is_at_peace_when_it_is_retired() {
    let world = World::new();
    world.write("ada/a.jsonl", line("m1", 5));
    put(&world, "two/bob/b.jsonl", &line("m2", 6));
    fs::set_permissions(world.path("two/bob/b.jsonl"), fs::Permissions::from_mode(0o000)).unwrap();
    configure(&world, &[("one", "root"), ("two", "two")]);
    let Some(said) = world.mill_unprivileged(&["run", "usage", "--config", "mill.toml"], &[]) else { return };
    assert_eq!(said.status, 1, "{said:?}");
    let said = mill(&world, &["sources", "retire", "two"]);
    assert!(
        said.stderr.ends_with(
            "note: the configuration still names its folder: remove it there, or the next run reads it again\n"
        ),
        "{said:?}"
    );
    configure(&world, &[("one", "root")]);
    assert_eq!(alarms(&world, &[]), (0, vec![]));
    assert_eq!(mill(&world, &["status", "--check"]).status, 0);
}

/// A home folder with transcripts of agents.
fn home(world: &World, folders: &[(&str, &str)]) {
    for (folder, id) in folders {
        put(world, &format!("home/{folder}/-home-ada-shop/{id}.jsonl"), &line(id, 10));
    }
}

const CLAUDE: &str = ".claude/projects";

#[test]
fn what_agents_keep_is_found_and_told_in_a_line() {
    let world = World::new();
    let report = |database: &str, environment: &[(&str, &str)]| {
        let said = world.mill_with(&["report", "--by", "user", "--json", "--database", database], environment);
        let json: Value = serde_json::from_str(&said.stdout).unwrap_or_default();
        (json["totals"]["output_tokens"].as_u64(), said)
    };
    let (_, said) = report("none.duckdb", &[]);
    assert!(said.status == 2 && said.stderr.contains("`~/.codex/sessions`"), "{said:?}");
    home(&world, &[(".codex/sessions/2026/02/01", "m1")]);
    put(&world, "home/.codex/archived_sessions/rollout.jsonl", &line("m2", 10));
    let (tokens, said) = report("codex.duckdb", &[]);
    let found = "sessions: found [world]/home/.codex/sessions (Codex), [world]/home/.codex/archived_sessions (Codex)\n";
    assert!(tokens == Some(20) && said.stderr.starts_with(found), "{said:?}");

    // Later transcripts are added, as long as no source is named.
    home(&world, &[(CLAUDE, "m3")]);
    let (tokens, said) = report("codex.duckdb", &[]);
    let found = "sessions: found [world]/home/.claude/projects (Claude Code)\n";
    assert!(tokens == Some(30) && said.stderr.starts_with(found), "{said:?}");
    home(&world, &[(".config/claude/projects", "m4")]);
    let (tokens, said) = report("codex.duckdb", &[]);
    assert!(tokens == Some(40) && said.status == 0, "{said:?}");
    let (_, said) = report("codex.duckdb", &[]);
    assert!(!said.stderr.contains("found"), "once: {said:?}");
    let said = world.mill(&["sources", "retire", "claude-code-2", "--database", "codex.duckdb"]);
    assert_eq!(said.status, 0, "{said:?}");
    let (tokens, said) = report("codex.duckdb", &[]);
    assert!(tokens == Some(40) && !said.stderr.contains("found"), "what is retired is not found again: {said:?}");

    let (tokens, _) = report("all.duckdb", &[]);
    assert_eq!(tokens, Some(40));
    home(&world, &[("../a/projects", "m5"), ("../b/projects", "m6")]);
    let list = format!("{},{}", world.path("a").display(), world.path("b").display());
    let codex = world.path("nothing").display().to_string();
    let (tokens, said) = report("list.duckdb", &[("CLAUDE_CONFIG_DIR", &list)]);
    assert_eq!(tokens, Some(40), "two of the list, two of Codex: {said:?}");
    for (variable, value) in [("CLAUDE_CONFIG_DIR", &*codex), ("CODEX_HOME", &*codex)] {
        let (_, said) = report("wrong.duckdb", &[(variable, value)]);
        let expected = format!("sessionmill: `{variable}` is `[world]/nothing`, which contains no folder ");
        assert!(said.status == 2 && said.stderr.starts_with(&expected), "{said:?}");
    }
    let half = format!("{},{codex}", world.path("a").display());
    let (tokens, said) = report("half.duckdb", &[("CLAUDE_CONFIG_DIR", &half)]);
    let alarm = "  alarm: source `claude-code-2` is left out: cannot read `[world]/nothing/projects`: ";
    assert!(tokens == Some(30) && said.stderr.contains(alarm), "{said:?}");
}

#[test]
fn nothing_is_found_where_somebody_named_a_source() {
    let world = World::new();
    home(&world, &[(CLAUDE, "m1")]);
    let claude = world.path("home/.claude/projects");
    let report = || {
        let said = world.mill(&["report", "--by", "user", "--json"]);
        let json: Value = serde_json::from_str(&said.stdout).unwrap();
        (json["totals"]["output_tokens"].as_u64().unwrap(), said.stderr)
    };
    assert_eq!(world.mill(&["run", "--sessions", claude.to_str().unwrap()]).status, 0);
    home(&world, &[(".codex/sessions/2026/02/01", "m2")]);
    assert_eq!(report().0, 10);
    // An older program did not record whether a source was found. A source in a default place counts as found.
    let origin = world.path("data/mill.duckdb.origin");
    let text = fs::read_to_string(&origin).unwrap();
    fs::write(&origin, text.replace(",\"retired\":false,\"found\":false", "")).unwrap();
    let (tokens, stderr) = report();
    assert!(tokens == 20 && stderr.starts_with("sessions: found [world]/home/.codex/sessions (Codex)\n"), "{stderr}");
}

#[test]
fn no_access_is_not_no_database() {
    let world = World::new();
    world.write("ada/a.jsonl", line("m1", 5));
    let run = ["run", "--sessions", "root"];
    assert_eq!(world.mill(&run).status, 0);
    let folder = world.path("data");
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&folder, 0);
    let commands: [&[&str]; 7] =
        [&run, &["status"], &["report"], &["query", "SELECT 1"], &["sources"], &["forget", "ada", "--yes"], &["runs"]];
    let tried: Vec<_> = commands.iter().map(|args| world.mill_unprivileged(args, &[])).collect();
    set(&folder, 0o755);
    set(&world.database(), 0);
    let unreadable: Vec<_> = commands.iter().map(|args| world.mill_unprivileged(args, &[])).collect();
    set(&world.database(), 0o644);
    for (what, said) in [("pass `[world]/data`", tried), ("read `[world]/data/mill.duckdb`", unreadable)] {
        for (said, args) in said.into_iter().zip(commands) {
            let Some(said) = said else { return };
            let expected = format!(" cannot {what}: permission denied; owner ");
            assert!(said.status == 2 && said.stderr.contains(&expected), "{args:?}: {said:?}");
            assert!(said.stderr.contains("\n  hint: run it as its owner: "), "{args:?}: {said:?}");
        }
    }
    let said = world.mill(&["status", "--database", "root/ada/a.jsonl/mill.duckdb"]);
    assert!(said.status == 2 && !said.stderr.contains("yet"), "{said:?}");
    let said = world.mill(&["status", "--database", "no/mill.duckdb"]);
    assert!(said.stderr.contains("there is no database `[world]/no/mill.duckdb` yet"), "{said:?}");
}
