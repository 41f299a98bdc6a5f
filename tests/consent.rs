//! People who do not want to be in the data, and secrets that must not be in it.

use crate::detectors::{conversation, run, well, world, write};
use crate::server::Server;
use crate::world::{World, response, rows_of};
use sessionmill::store::snapshot::Snapshot;
use sessionmill::store::{Access, Store};
use std::fs;

const DEFINITION: &str = "By the way, ARR means annual recurring revenue in our finance reports.";

/// Two people. One has a copy of what the other's model said.
fn two_people() -> World {
    let world = World::new();
    let shared = response("m1", "10:00:00", 5);
    world.write("ada/a.jsonl", shared.clone() + &response("m2", "10:01:00", 7) + &conversation(&[DEFINITION]));
    world.write("ada/broken.jsonl", "not json\n{\"type\":\"strange\"}\n");
    world.write(
        "bob/b.jsonl",
        shared + &conversation(&["By the way, DSO means days sales outstanding in our finance reports."]),
    );
    world
}

/// All texts of all tables.
fn texts(world: &World) -> String {
    let tables = "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal ORDER BY ALL";
    let table = |name: String| world.rows(&format!("FROM {}", name.replace('|', "."))).join("\n");
    world.rows(tables).into_iter().filter(|name| !name.ends_with("forgotten_users")).map(table).collect()
}

/// The number of files that each processor has not read yet.
fn waiting(world: &World, args: &[&str]) -> [u64; 2] {
    let said = world.mill(&[&["status", "--json"], args].concat());
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    [0, 1].map(|processor| json["processors"][processor]["pending"].as_u64().unwrap())
}

const RESPONSES: &str = "SELECT message_id, username, copies FROM usage_responses ORDER BY ALL";
const CLAIMS: &str = "SELECT username, count(*) FROM verification_claims GROUP BY ALL ORDER BY ALL";

#[test]
fn a_person_who_is_forgotten_is_nowhere_and_stays_out() {
    let world = two_people();
    let mill = |args: &[&str]| world.mill(args);
    assert_eq!(mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(world.rows(RESPONSES), ["m1|ada|2", "m2|ada|1"]);
    assert_eq!(world.rows(CLAIMS), ["ada|1", "bob|1"]);
    assert_eq!(mill(&["publish"]).status, 0);
    fs::write(world.path("data/mill.duckdb.damaged-20260101T000000Z"), "").unwrap();

    let said = mill(&["forget", "ada"]);
    assert_eq!(said.status, 64, "{said:?}");
    assert!(said.stderr.contains("it cannot be undone"), "{}", said.stderr);
    assert_eq!(world.rows(CLAIMS).len(), 2);

    let said = mill(&["forget", "ada", "--yes"]);
    assert_eq!(said.status, 0, "{said:?}");
    let lines: Vec<_> = said.stderr.lines().collect();
    assert!(lines[0].starts_with("`ada` is forgotten: 2 source files, "), "{}", said.stderr);
    assert_eq!(
        lines[1..],
        [
            "1 snapshot of before removed, and a new one published",
            "note: `[world]/data/mill.duckdb.damaged-20260101T000000Z` was moved aside as damaged and can hold remains: delete it",
        ]
    );
    assert_eq!(world.rows(RESPONSES), ["m1|bob|1"], "what others have of it stays");
    assert_eq!(world.rows(CLAIMS), ["bob|1"]);
    assert!(world.rows("FROM facts.touched_keys").is_empty());
    let texts = texts(&world);
    assert!(!texts.contains("ada/a.jsonl") && !texts.contains("ada/broken"), "{texts}");
    assert!(!texts.contains("|ada|") && !texts.contains("ARR") && texts.contains("DSO"), "{texts}");
    let published = crate::world::rows(&fs::canonicalize(world.path("data/published/mill.duckdb")).unwrap(), CLAIMS);
    assert_eq!(published, ["bob|1"]);

    world.append("ada/a.jsonl", &conversation(&[DEFINITION]));
    let said = mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, 0, "no alarm: {said:?}");
    let all = "usage, verification, tasks, tracking: 3 files, 0 changed, 2 rejected (";
    assert!(said.stdout.starts_with(all), "{}", said.stdout);
    assert!(said.stdout.contains(")\n  rejected 2 files of people who are forgotten\n"), "{}", said.stdout);
    assert!(!said.stdout.contains("ada"), "{}", said.stdout);
    assert_eq!(world.rows(CLAIMS), ["bob|1"]);
    assert_eq!(waiting(&world, &[]), [0, 0], "nobody waits for them");
    fs::remove_file(world.path("data/mill.duckdb")).unwrap();
    let _ = fs::remove_file(world.path("data/mill.duckdb.wal"));
    assert_eq!(mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(world.rows(CLAIMS), ["bob|1"], "not even by a new database");
}

#[test]
fn the_answers_about_a_person_are_forgotten() {
    let server = Server::start(well);
    let world = world("anthropic", &server, "");
    write(&world, "bob/b.jsonl", &["No, in May."]);
    assert_eq!(run(&world).status, 0);
    let said = world.mill(&["forget", "ada", "--yes", "--config", "mill.toml"]);
    assert_eq!(said.stderr, "`ada` is forgotten: 1 source file, 2 facts, 1 answer\n");
    let journal = fs::read_to_string(world.path("data/mill.duckdb.answers")).unwrap();
    assert!(!journal.contains("April") && journal.contains("in May"), "{journal}");
    assert_eq!((run(&world).status, server.requests().len()), (0, 2), "nobody is asked about them again");
}

#[test]
fn the_answers_about_a_person_who_is_excluded_are_erased() {
    let server = Server::start(well);
    let world = world("anthropic", &server, "");
    write(&world, "bob/b.jsonl", &["No, in May."]);
    assert_eq!(run(&world).status, 0);
    let config = fs::read_to_string(world.path("mill.toml")).unwrap();
    // What a model once said must also be removed if the detector is `rules` now.
    for detector in ["anthropic", "rules"] {
        let excluded = config.replace("detector = 'anthropic'", &format!("detector = '{detector}'"));
        let person = if detector == "rules" { "bob" } else { "ada" };
        fs::write(world.path("mill.toml"), format!("{excluded}exclude_users = ['{person}']\n")).unwrap();
        assert_eq!(run(&world).status, 0);
        let journal = fs::read_to_string(world.path("data/mill.duckdb.answers")).unwrap();
        assert!(!journal.contains(person), "{journal}");
        assert_eq!(journal.contains("in May"), person == "ada", "{journal}");
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_name_that_excludes_nobody_is_told() {
    let world = two_people();
    fs::write(world.path("mill.toml"), "[verification]\nexclude_users = ['Ada', 'bob', 'zoe']\n").unwrap();
    let told = [
        "warning: `exclude_users` names `Ada`, and nobody here is called that; did you mean `ada`?",
        "warning: `exclude_users` names `zoe`, and nobody here is called that",
    ];
    for args in [&["run"][..], &["config", "check"], &["run", "verification"]] {
        let said = world.mill(&[args, &["--sessions", "root", "--config", "mill.toml"]].concat());
        let lines: Vec<_> = said.stdout.lines().filter(|line| line.contains("exclude_users")).map(str::trim).collect();
        assert_eq!((said.status, lines), (0, told.to_vec()), "{said:?}");
    }
    let said = world.mill(&["run", "usage", "--sessions", "root", "--config", "mill.toml"]);
    assert!(!said.stdout.contains("exclude_users"), "{said:?}");
}

#[test]
fn a_person_whom_one_processor_excludes_is_no_news_in_each_run() {
    let world = two_people();
    fs::write(world.path("mill.toml"), "[verification]\nexclude_users = ['bob']\n").unwrap();
    let mill = |args: &[&str]| world.mill(&[args, &["--config", "mill.toml"]].concat());
    let publish = || {
        assert_eq!(mill(&["run", "--sessions", "root"]).status, 0);
        let said = mill(&["publish"]);
        assert_eq!(said.status, 0, "{said:?}");
        said.stdout + &said.stderr
    };
    assert!(publish().contains("published "));
    // A new file is checked again a moment later.
    let is_quiet = || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        publish().contains("nothing new since ")
    };
    assert!((0..20).any(|_| is_quiet()));
}

#[test]
fn a_person_who_is_excluded_has_no_claims_but_usage() {
    let world = two_people();
    let with = |users: &str| {
        fs::write(world.path("mill.toml"), format!("[verification]\nexclude_users = [{users}]\n")).unwrap();
        world.mill(&["run", "--sessions", "root", "--config", "mill.toml"])
    };
    assert_eq!(with("").status, 0);
    assert_eq!(world.rows(CLAIMS), ["ada|1", "bob|1"]);
    let said = with("'ada'");
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stdout.contains("  rejected `ada/a.jsonl`: its user is excluded\n"), "{}", said.stdout);
    assert_eq!(world.rows(CLAIMS), ["bob|1"]);
    assert_eq!(world.rows(RESPONSES), ["m1|ada|2", "m2|ada|1"]);
    assert_eq!(waiting(&world, &["--config", "mill.toml"]), [0, 0]);
    assert_eq!(waiting(&world, &[]), [0, 2]);
    assert_eq!(with("").status, 0);
    assert_eq!(world.rows(CLAIMS), ["ada|1", "bob|1"], "it is no forgetting");
}

/// Ada has two folders with files and an empty one. Both say the same, and so does Bob.
fn ada_twice() -> World {
    let world = World::new();
    for folder in ["ada", "ada-laptop", "bob"] {
        world.write(
            &format!("{folder}/a.jsonl"),
            conversation(&[DEFINITION]).replace("\"p0\"", &format!("\"{folder}\"")),
        );
    }
    let people = "[[person]]\nemail = 'ada@example.org'\nname = 'Ada Lovelace'\nfolders = ['ada', 'ada-*', 'ada2']\n";
    fs::write(world.path("people.toml"), people).unwrap();
    fs::write(world.path("mill.toml"), "identities = 'people.toml'\n").unwrap();
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(world.rows(CLAIMS), ["ada|1", "ada-laptop|1", "bob|1"]);
    world
}

#[test]
fn all_folders_of_a_person_are_forgotten() {
    let world = ada_twice();
    let forget = |name: &str| world.mill(&["forget", name, "--yes", "--config", "mill.toml"]);
    let said = forget("Ada Lovelave");
    let hint = "did you mean `Ada Lovelace` or `ada`? --even-if-unknown bans this name anyway";
    let refused = format!("sessionmill: nobody here is called `Ada Lovelave`\n  hint: {hint}\n");
    assert_eq!((said.status, said.stderr), (64, refused));
    assert_eq!(world.rows(CLAIMS).len(), 3);
    let said = forget("Ada Lovelace");
    let expected = "note: a folder that comes later is read even if it fits `ada-*`; forget it by its name then\n\
                    `Ada Lovelace` (`ada`, `ada-laptop`, `ada2`) is forgotten: 2 source files, ";
    assert!(said.stderr.starts_with(expected), "{said:?}");
    assert_eq!(world.rows(CLAIMS), ["bob|1"]);
    world.write("ada2/a.jsonl", conversation(&[DEFINITION])).append("ada/a.jsonl", &conversation(&[DEFINITION]));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(world.rows(CLAIMS), ["bob|1"]);
}

#[test]
fn who_forgets_a_folder_hears_of_the_other_folders_of_the_person() {
    let world = ada_twice();
    let said = world.mill(&["forget", "ada", "--yes", "--config", "mill.toml"]);
    let note = "note: `ada-laptop` of the same person stays: name `Ada Lovelace` to forget all their folders\n";
    assert!(said.status == 0 && said.stderr.starts_with(&format!("{note}`ada` is forgotten: ")), "{said:?}");
    assert_eq!(world.rows(CLAIMS), ["ada-laptop|1", "bob|1"]);
    let said = world.mill(&["forget", "bob", "--yes", "--config", "mill.toml"]);
    assert!(said.status == 0 && said.stderr.starts_with("`bob` is forgotten: "), "{said:?}");
}

#[test]
fn a_name_that_nobody_has_is_refused_and_changes_nothing() {
    let world = ada_twice();
    let before = fs::read(world.database()).unwrap();
    for (name, hint) in [
        ("ADA", "did you mean `ada` or `ada-laptop` or `Ada Lovelace`?"),
        ("bbo", "did you mean `bob`?"),
        ("ada@example.com", "did you mean `ada@example.org` or `ada`?"),
        ("zebulon", "`sessionmill report --by user` lists the names."),
        ("", "`sessionmill report --by user` lists the names."),
    ] {
        let said = world.mill(&["forget", name, "--yes", "--config", "mill.toml"]);
        let more = "--even-if-unknown bans this name anyway";
        let expected = format!("sessionmill: nobody here is called `{name}`\n  hint: {hint} {more}\n");
        assert_eq!((said.status, said.stderr), (64, expected));
    }
    assert_eq!(fs::read(world.database()).unwrap(), before);
    assert_eq!(list(&world), serde_json::json!([]));
    for name in ["", "/ada", "ada/"] {
        assert_eq!(world.mill(&["forget", name, "--yes", "--even-if-unknown"]).status, 64, "{name}");
    }

    let said = world.mill(&["forget", "zebulon", "--yes", "--even-if-unknown"]);
    let expected = "note: nobody is called `zebulon` yet\n`zebulon` is forgotten: 0 source files, 0 facts, 0 answers\n";
    assert_eq!((said.status, &*said.stderr), (0, expected));
    world.write("zebulon/z.jsonl", conversation(&[DEFINITION]));
    assert_eq!(world.mill(&["run"]).status, 0);
    assert_eq!(world.rows(CLAIMS).len(), 3, "and is not read when it comes");
}

#[test]
fn who_has_files_or_answers_but_no_facts_is_somebody() {
    let world = ada_twice();
    // A folder that no run has seen, and an answer about a user whose files were in a database that is gone.
    world.write("eve/e.jsonl", conversation(&[DEFINITION]));
    let answer = r#"{"version":1,"question":"q","at":"2026-01-01T00:00:00Z","username":"gone","model":"m","input_tokens":1,"output_tokens":1,"micro_usd":0,"answer":{}}"#;
    fs::write(world.path("data/mill.duckdb.answers"), format!("{answer}\n")).unwrap();
    for (name, erased) in [("eve", "0 answers"), ("gone", "1 answer"), ("gone", "0 answers")] {
        let said = world.mill(&["forget", name, "--yes"]);
        let expected = format!("`{name}` is forgotten: 0 source files, 0 facts, {erased}\n");
        assert_eq!((said.status, said.stderr), (0, expected));
    }
    assert_eq!(list(&world)[1]["erased_answers"], 1, "the second time adds to the first");
}

/// Who is forgotten, without the times.
fn list(world: &World) -> serde_json::Value {
    let said = world.mill(&["forget", "--list", "--json", "--config", "mill.toml"]);
    assert_eq!(said.status, 0, "{said:?}");
    let mut list: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    for ban in list.as_array_mut().unwrap() {
        let time = ban.as_object_mut().unwrap().remove("forgotten_at").unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    }
    list
}

#[test]
fn who_is_forgotten_is_listed_and_can_be_let_in_again() {
    let world = ada_twice();
    let mill = |args: &[&str]| world.mill(&[args, &["--config", "mill.toml"]].concat());
    assert_eq!(mill(&["forget", "--list"]).stdout, "nobody is forgotten\n");
    world.write("ada/b.jsonl", conversation(&["By the way, DSO means days sales outstanding in our reports."]));
    assert_eq!(mill(&["run"]).status, 0);
    assert_eq!(mill(&["forget", "ada@example.org", "--yes"]).status, 0);
    assert_eq!(world.rows(CLAIMS), ["bob|1"]);
    let ban = |user: &str, files: u64| serde_json::json!({"user": user, "person": "Ada Lovelace", "erased_files": files, "erased_answers": 0});
    assert_eq!(list(&world), serde_json::json!([ban("ada", 2), ban("ada-laptop", 1), ban("ada2", 0)]));
    let table = mill(&["forget", "--list"]).stdout;
    assert!(
        table.starts_with(" User         Person         Forgotten (UTC)    Erased files   Erased answers\n"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 5);

    // One file is removed, one is added, two stay.
    world.remove("ada/b.jsonl").write("ada2/new.jsonl", conversation(&[DEFINITION]));
    let who = "`Ada Lovelace` (`ada`, `ada-laptop`, `ada2`)";
    let counts = format!(
        "{who}:\n  still there, read again by the next run: 3 source files\n  \
         gone, what came from them stays erased: 1 source file, 0 kept answers\n"
    );
    let said = mill(&["forget", "--undo", "Ada Lovelace"]);
    let refused =
        "sessionmill: `Ada Lovelace` is still forgotten\n  hint: type the name when you are asked, or pass --yes\n";
    assert_eq!((said.status, said.stderr), (64, format!("{counts}{refused}")));
    assert_eq!(list(&world).as_array().unwrap().len(), 3);
    let said = mill(&["forget", "--undo", "Ada Lovelace", "--yes"]);
    let done = format!("{who} is no longer forgotten; `sessionmill run` reads the files that are still there\n");
    assert_eq!((said.status, said.stderr), (0, format!("{counts}{done}")));
    assert_eq!(list(&world), serde_json::json!([]));
    assert!(!fs::read_to_string(world.path("data/mill.duckdb.origin")).unwrap().contains("ada"));
    assert_eq!(mill(&["run"]).status, 0);
    assert_eq!(world.rows(CLAIMS), ["ada|1", "ada-laptop|1", "ada2|1", "bob|1"]);

    let said = mill(&["forget", "Ada Lovelace", "--undo", "--yes"]);
    let refused = "sessionmill: `Ada Lovelace` is not forgotten\n  hint: `sessionmill forget --list` shows who is\n";
    assert_eq!((said.status, said.stderr), (64, refused.to_owned()));
    assert_eq!(mill(&["forget", "ada-laptop", "--yes"]).status, 0);
    let said = mill(&["forget", "--undo", "ada-laptpo", "--yes"]);
    assert!(said.status == 64 && said.stderr.contains("did you mean `ada-laptop`"), "{said:?}");
    for (args, status) in [(&["forget"][..], 64), (&["forget", "--undo"], 64), (&["forget", "ada", "--list"], 64)] {
        assert_eq!(mill(args).status, status, "{args:?}");
    }
    assert_eq!(mill(&["forget", "--undo=Ada@Example.org", "--yes"]).status, 0, "of what is forgotten of hers");
    assert_eq!(list(&world), serde_json::json!([]));
}

#[test]
fn a_ban_that_only_the_origin_knows_is_listed_and_lifted_and_its_counts_are_not_made_up() {
    let world = ada_twice();
    assert_eq!(world.mill(&["forget", "bob", "--yes"]).status, 0);
    fs::remove_file(world.database()).unwrap();
    let _ = fs::remove_file(world.path("data/mill.duckdb.wal"));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(world.rows(CLAIMS), ["ada|1", "ada-laptop|1"]);
    let table = world.mill(&["forget", "--list"]).stdout;
    // The time is that of the run that took the ban from the file.
    let row: Vec<_> = table.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!((row[0], row.len(), &row[row.len() - 2..]), ("bob", 5, &["–", "–"][..]), "{table}");
    let said = world.mill(&["forget", "--undo", "bob", "--yes"]);
    assert!(
        said.stderr.starts_with(
            "`bob`:\n  still there, read again by the next run: 1 source file\n  \
             gone, what came from them stays erased: an unknown number of source files, an unknown number of kept answers\n"
        ),
        "{said:?}"
    );
    assert_eq!(world.mill(&["run"]).status, 0);
    assert_eq!(world.rows(CLAIMS), ["ada|1", "ada-laptop|1", "bob|1"]);
}

#[test]
fn a_ban_outlives_the_database_and_then_the_file_beside_it() {
    let world = ada_twice();
    let origin = world.path("data/mill.duckdb.origin");
    let rows = || world.rows(CLAIMS);
    assert_eq!(world.mill(&["forget", "bob", "--yes"]).status, 0);
    fs::remove_file(world.database()).unwrap();
    let _ = fs::remove_file(world.path("data/mill.duckdb.wal"));
    let good = fs::read(&origin).unwrap();
    for bad in ["", "somebody's notes"] {
        fs::write(&origin, bad).unwrap();
        let said = world.mill(&["run", "--sessions", "root"]);
        assert!(said.status == 2 && said.stderr.contains("it names the people who are forgotten: put"), "{said:?}");
        assert!(!world.database().exists() && fs::read_to_string(&origin).unwrap() == bad);
    }
    fs::write(&origin, good).unwrap();
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(rows(), ["ada|1", "ada-laptop|1"]);
    let aside = world.path("origin");
    fs::rename(&origin, &aside).unwrap();
    fs::create_dir(&origin).unwrap();
    let said = world.mill(&["run", "--sessions", "root"]);
    assert!(said.status == 2 && said.stderr.contains("mill.duckdb.origin`: "), "it cannot be read: {said:?}");
    fs::remove_dir(&origin).unwrap();
    fs::rename(&aside, &origin).unwrap();
    for bad in [Some(""), Some("somebody's notes"), None] {
        match bad {
            Some(bad) => fs::write(&origin, bad).unwrap(),
            None => fs::remove_file(&origin).unwrap(),
        }
        let said = world.mill(&["run", "--sessions", "root"]);
        let is_told = said.stdout.contains("mill.duckdb.origin`: ") && said.stdout.contains("forget --list");
        assert_eq!((said.status, is_told), (i32::from(bad.is_some()), bad.is_some()), "{said:?}");
        assert_eq!(rows(), ["ada|1", "ada-laptop|1"]);
        assert!(fs::read_to_string(&origin).unwrap().contains("\"forgotten\":[\"bob\"]"), "it is made anew");
        assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    }
}

#[test]
fn an_older_copy_of_the_database_brings_back_nobody_who_is_forgotten() {
    let world = ada_twice();
    let of_bob = || {
        let tables = ["session_files", "facts.usage_copies", "facts.verification_claims", "session_processor_state"];
        let tables = tables.map(|table| format!("SELECT count(*) FROM {table} WHERE username = 'bob'"));
        world.rows(&tables.join(" UNION ALL "))
    };
    let before = of_bob();
    assert!(before.iter().any(|rows| rows != "0"), "{before:?}");
    let copy = |from: &str, to: &str| {
        for extension in ["", ".wal"] {
            let [from, to] = [from, to].map(|name| world.path(&format!("data/{name}{extension}")));
            let _ = fs::remove_file(&to);
            if from.exists() {
                fs::copy(from, to).unwrap();
            }
        }
    };
    copy("mill.duckdb", "old");
    assert_eq!(world.mill(&["forget", "bob", "--yes"]).status, 0);
    copy("old", "mill.duckdb");
    assert_eq!(of_bob(), before);
    let said = world.mill(&["publish"]);
    let refused = "sessionmill: the database has data of people who are forgotten, as an older copy of it does\n  \
                   hint: `sessionmill run` erases it\n";
    assert_eq!((said.status, said.stderr.as_str()), (2, refused));
    let said = world.mill(&["run", "--sessions", "root"]);
    let alarm = "the database had data of 1 folder of people who are forgotten";
    assert!(said.status == 1 && said.stdout.contains(alarm), "{said:?}");
    assert!(of_bob().iter().all(|rows| rows == "0"), "{:?}", of_bob());
    assert_eq!(world.rows(CLAIMS), ["ada|1", "ada-laptop|1"]);
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(world.mill(&["publish"]).status, 0);
}

#[test]
fn a_reader_of_a_snapshot_who_cannot_know_who_is_forgotten_waits_for_none_of_their_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = ada_twice();
    assert_eq!(world.mill(&["publish"]).status, 0);
    assert_eq!(world.mill(&["forget", "bob", "--yes"]).status, 0);
    world.write("ada/new.jsonl", conversation(&[DEFINITION]));
    let lock = |file: &str, mode| fs::set_permissions(world.path(file), fs::Permissions::from_mode(mode)).unwrap();
    for (file, mode) in [("data/mill.duckdb.origin", 0), ("data/mill.duckdb", 0o400), ("data", 0o500)] {
        lock(file, mode);
    }
    let said = world.mill_unprivileged(&["status", "--json"], &[]);
    for (file, mode) in [("data", 0o700), ("data/mill.duckdb", 0o600), ("data/mill.duckdb.origin", 0o600)] {
        lock(file, mode);
    }
    let Some(said) = said else { return };
    assert!(said.stderr.starts_with("note: as of "), "{said:?}");
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let pending = [0, 1].map(|processor| json["processors"][processor]["pending"].as_u64().unwrap());
    assert_eq!(pending, [1, 1], "Ada's new file, and not Bob's");
}

#[test]
fn nobody_is_to_act_on_the_folder_of_somebody_who_is_forgotten() {
    let world = ada_twice();
    assert_eq!(world.mill(&["forget", "ada", "--yes"]).status, 0);
    fs::set_permissions(world.root().join("ada"), std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    let Some(said) = world.mill_unprivileged(&["run"], &[]) else { return };
    fs::set_permissions(world.root().join("ada"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(said.status, 0, "{said:?}");
    assert!(!said.stdout.contains("alarm"), "{said:?}");
}

#[test]
fn all_folders_of_a_person_are_excluded() {
    let world = ada_twice();
    for name in ["Ada Lovelace", "Ada@example.org"] {
        let config = format!("identities = 'people.toml'\nverification.exclude_users = ['{name}']\n");
        fs::write(world.path("mill.toml"), config).unwrap();
        assert_eq!(world.mill(&["run", "--sessions", "root", "--config", "mill.toml"]).status, 0);
        assert_eq!(world.rows(CLAIMS), ["bob|1"], "{name}");
        assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
        assert_eq!(world.rows(CLAIMS).len(), 3);
    }
}

#[test]
fn a_person_verifies_once() {
    let world = ada_twice();
    let list = |args: &[&str]| {
        let said = world
            .mill(&[&["knowledge", "list", "--no-refresh", "--min-confidence", "0", "--format", "csv"], args].concat());
        let cells = |line: &str| line.split(',').skip(4).take(3).collect::<Vec<_>>().join(" ");
        (said.stdout.lines().skip(1).map(cells).collect::<Vec<_>>(), said.stderr)
    };
    let (folders, people) = (list(&[]), list(&["--config", "mill.toml"]));
    assert_eq!([&folders.0[0][..], &people.0[0]].map(|row| row.split_once(' ').unwrap().1), ["3 3", "2 3"]);
    assert!(folders.0[0] > people.0[0], "a verifier more is more confidence: {folders:?} {people:?}");
    let of = |name| list(&["--config", "mill.toml", "--user", name]);
    assert_eq!([of("Ada Lovelace"), of("ada-laptop"), of("bob")], [(); 3].map(|()| people.clone()));
    assert_eq!(of("eve"), (vec![], "sessionmill: unknown user `eve`; known: `Ada Lovelace`, `bob`\n".to_owned()));
}

/// The patterns of secrets that are credentials. The others are addresses, numbers, and ids of people and things.
const CREDENTIALS: [usize; 7] = [0, 1, 2, 4, 6, 7, 8];

#[test]
fn credentials_are_neither_sent_nor_kept() {
    let mut random = fastrand::Rng::with_seed(7);
    let secrets: Vec<String> =
        CREDENTIALS.iter().cycle().take(70).map(|shape| crate::privacy::secret(*shape, &mut random)).collect();
    let prompts: Vec<String> = secrets
        .iter()
        .flat_map(|secret| {
            [
                format!("No, the year begins in April, and not with {secret}"),
                format!("By the way, ARR means annual recurring revenue, not {secret}"),
            ]
        })
        .collect();
    let prompts: Vec<&str> = prompts.iter().map(String::as_str).collect();
    let server = Server::start(well);
    let world = world("anthropic", &server, "");
    write(&world, "ada/a.jsonl", &prompts);
    assert_eq!(run(&world).status, 0);
    let sent: String = server.requests().iter().map(|request| request.turns().to_owned()).collect();
    let count = |world: &World| world.rows("SELECT count(*) FROM verification_claims")[0].clone();
    assert_eq!(count(&world), "70");
    let kept = texts(&world) + &fs::read_to_string(world.path("data/mill.duckdb.answers")).unwrap();
    assert_eq!(world.mill(&["run", "verification", "--sessions", "root"]).status, 0, "by rules");
    let by_rules = texts(&world);
    assert_ne!(count(&world), "0");
    for secret in &secrets {
        let part: String = secret.trim_start_matches("-----BEGIN PRIVATE KEY-----").chars().skip(8).take(12).collect();
        for (about, text) in [("sent", &sent), ("kept", &kept), ("by rules", &by_rules)] {
            assert!(!text.contains(&part), "{about}: {secret}");
        }
    }
    assert!(sent.contains("[masked]") && kept.contains("[masked]"));
}

#[test]
fn where_somebody_worked_is_forgotten_and_not_published() {
    let world = World::new();
    let work = |id: &str, project: &str| response(id, "10:00:00", 5).replace("/home/ada/shop", project);
    world
        .write("ada/a.jsonl", work("m1", "/home/ada/merger"))
        .write("bob/b.jsonl", work("m2", "/home/bob/mill"))
        .pass();
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let projects = "SELECT project FROM usage_repositories ORDER BY ALL";
    assert_eq!(world.rows(projects), ["/home/ada/merger", "/home/bob/mill"]);
    assert_eq!(world.mill(&["publish"]).status, 0);
    assert_eq!(world.mill(&["forget", "ada", "--yes"]).status, 0);
    assert_eq!(world.rows(projects), ["/home/bob/mill"]);
    let snapshot = Snapshot::newest(&world.database()).unwrap();
    let store = Store::open(&snapshot.path, Access::ReadOnly).unwrap();
    assert_eq!(rows_of(&store, projects), ["/home/bob/mill"]);
}
