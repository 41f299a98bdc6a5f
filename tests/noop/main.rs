//! The proof that a further processor is a line in a list: `noop` is one more than the program has, in a
//! program that differs from the real one by that line.
//!
//! The test is its own executable, so that it can be both: with `NOOP` in its environment it is the program, and
//! without it calls itself.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test says so by failing, and reads its own files"
)]

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sessionmill::base::moment::Moment;
use sessionmill::config::section::{self, Table as Settings};
use sessionmill::plug::{Plug, Plugged, Plugs};
use sessionmill::plugs::{usage, verification};
use sessionmill::store::{Access, Store};
use sessionmill_contract::{
    Bound, Event, Failure, FailureClass, Fold, Inputs, Manifest, Processor, Rows, Said, Settlement, SourceFile, table,
};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// The list of this program. The last one is the line.
const PLUGS: Plugs = Plugs(&[&usage::PLUG, &verification::PLUG, &NOOP]);

static NOOP: Plug = Plug {
    migrations: &[(
        "9000_noop",
        "CREATE TABLE IF NOT EXISTS facts.noop_records (
             session_file VARCHAR NOT NULL, username VARCHAR NOT NULL, session_id VARCHAR NOT NULL,
             records BIGINT NOT NULL);
         CREATE OR REPLACE VIEW noop_records AS FROM facts.noop_records",
    )],
    views: "CREATE VIEW noop_records AS FROM facts.noop_records;",
    table: Some(Settings::of::<Faults>("noop")),
    interval: Some("SCHEDULER_NOOP_INTERVAL"),
    ..Plug::new(
        || const { &Noop { faults: Faults { fails: None, kills: None } } },
        |config, _| Ok(Plugged { processor: Box::new(Noop { faults: config.settings() }), network: None }),
    )
};

/// Counts the records of each source file.
struct Noop {
    faults: Faults,
}

/// Its settings.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Faults {
    /// A source file that it cannot deal with.
    fails: Option<String>,
    /// A source file that ends the process that reads it.
    kills: Option<String>,
}

impl section::Settings for Faults {}

table! {
    /// one row per source file
    static RECORDS: Table = "noop_records", Viewed;

    struct RecordRow<'a> {
        /// of the transcript
        session_id: &'a str,
        /// how many it has
        records: i64,
    }
}

static MANIFEST: Manifest = Manifest {
    name: "noop",
    version: 1,
    cadence: Duration::from_secs(3600),
    bound: Bound::Cpu,
    facts: &[&RECORDS],
    settlements: &[],
};

impl Processor for Noop {
    fn manifest(&self) -> &Manifest {
        &MANIFEST
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        let is = |named: &Option<String>| named.as_deref() == Some(&*file.session_file);
        Box::new(Records { file, fails: is(&self.faults.fails), kills: is(&self.faults.kills), records: 0 })
    }

    fn settle(&self, _: &Settlement, _: &str, _: Inputs<'_>, _: &mut Rows) -> Result<(), Failure> {
        Ok(())
    }
}

struct Records<'s> {
    file: &'s SourceFile,
    fails: bool,
    kills: bool,
    records: i64,
}

impl Fold for Records<'_> {
    fn event(&mut self, event: &Event<'_>) {
        if self.kills {
            std::process::abort();
        }
        self.records += i64::from(matches!(event.said, Said::Record { .. }));
    }

    fn held(&self) -> usize {
        1
    }

    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        if self.fails {
            return Err(Failure::new(FailureClass::Permanent, "does nothing with this one"));
        }
        facts.push(RecordRow { session_id: self.file.session_id(), records: self.records });
        Ok(())
    }
}

fn main() -> ExitCode {
    if std::env::var_os("NOOP").is_some() {
        return ExitCode::from(sessionmill::cli::main(PLUGS, Moment::now()) as u8);
    }
    let world = World::new();
    everything_that_lists_processors_lists_it(&world);
    its_settings_are_part_of_the_configuration(&World::new());
    a_suspect_is_tried_with_it_as_it_is_configured(&World::new());
    who_is_forgotten_is_erased_from_it(&world);
    ExitCode::SUCCESS
}

/// Two users with a transcript each, in a folder of their own.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        for user in ["ada", "bob"] {
            std::fs::create_dir_all(world.path("root").join(user)).unwrap();
            let text = "{\"type\":\"user\",\"uuid\":\"u\"}\n{\"type\":\"user\",\"uuid\":\"v\"}\n";
            std::fs::write(world.path("root").join(user).join("a.jsonl"), text).unwrap();
        }
        world
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.path("mill.toml"), text).unwrap();
    }

    /// What the program with one more processor says; the exit code is checked.
    fn mill(&self, status: i32, args: &[&str]) -> String {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(args)
            .env_clear()
            .envs([("NOOP", "1"), ("TZ", "UTC"), ("USER", "tester"), ("PATH", "/usr/bin:/bin")])
            .env("HOME", self.path("home"))
            .env("SESSIONMILL_DATABASE", self.path("mill.duckdb"))
            .env("SESSIONMILL_CONFIG", self.path("mill.toml"))
            .env("SESSION_DATA_DIR", self.path("root"))
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code().unwrap_or(-1), status, "{args:?}: {said}{output:?}");
        said
    }

    fn json(&self, status: i32, args: &[&str]) -> Json {
        serde_json::from_str(&self.mill(status, &[args, &["--json"]].concat())).unwrap()
    }

    /// What a run says of the processor.
    fn run(&self, status: i32) -> Json {
        find(&self.json(status, &["run"])["processors"], "processor", "noop")
    }

    fn rows(&self, database: &str) -> Vec<String> {
        rows(&self.path(database))
    }
}

fn find(list: &Json, key: &str, value: &str) -> Json {
    let found = list.as_array().unwrap().iter().find(|object| object[key] == value);
    found.unwrap_or_else(|| panic!("no {key} `{value}` in {list}")).clone()
}

/// The records of each source file, by a view of the processor's.
fn rows(database: &Path) -> Vec<String> {
    let store = Store::open(database, Access::ReadOnly).unwrap();
    let sql = "SELECT session_file || ' ' || records FROM main.noop_records ORDER BY ALL";
    let mut statement = store.connection().prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn everything_that_lists_processors_lists_it(world: &World) {
    world.configure("[noop]\nfails = \"bob/a.jsonl\"\n");
    let counts = world.run(1);
    assert_eq!((&counts["processed"], &counts["errors"]), (&json!(1), &json!(1)), "{counts}");
    assert_eq!(world.rows("mill.duckdb"), ["ada/a.jsonl 2"]);
    assert_eq!(world.run(1)["processed"], 0, "a second run has nothing to do");

    let state = find(&world.json(0, &["status"])["processors"], "processor", "noop");
    assert_eq!((&state["version"], &state["files"], &state["failures"]), (&json!(1), &json!(1), &json!(1)));
    let run = &world.json(0, &["runs", "--processor", "noop"])[0];
    assert_eq!((&run["processor"], &run["outcome"]), (&json!("noop"), &json!("failed")), "{run}");
    let failure = &world.json(0, &["failures", "--processor", "noop"])[0];
    assert_eq!(failure["session"], "bob/a.jsonl");
    assert_eq!(failure["error"], "does nothing with this one");
    world.mill(1, &["run", "noop", "--metrics-file", "mill.prom"]);
    let metrics = std::fs::read_to_string(world.path("mill.prom")).unwrap();
    assert!(metrics.contains("sessionmill_failures{processor=\"noop\",state=\"retry\"} 1"), "{metrics}");

    world.mill(0, &["publish"]);
    assert_eq!(world.rows("published/mill.duckdb"), ["ada/a.jsonl 2"]);
}

fn its_settings_are_part_of_the_configuration(world: &World) {
    world.configure("[schedule]\nnoop = \"every 5m\"\n\n[noop]\nkills = \"eve/a.jsonl\"\n");
    let settings = world.json(0, &["config", "show"]);
    let setting = |key: &str| find(&settings, "setting", key);
    assert_eq!(setting("schedule.noop")["value"], "every 5m");
    assert_eq!(setting("noop.kills")["value"], "eve/a.jsonl");
    assert!(setting("noop.kills")["from"].as_str().unwrap().ends_with("mill.toml:5"), "{settings}");
    assert_eq!((&setting("noop.fails")["value"], &setting("noop.fails")["from"]), (&Json::Null, &json!("its default")));
    world.configure("[schedule]\nnop = \"off\"\nnoop = 7\n[noop]\nfals = 1\nkills = 2\n[nop]\n");
    let said = world.mill(78, &["config", "check"]);
    for mistake in [
        "mill.toml:2: unknown key `nop`\n  did you mean `noop`?",
        "mill.toml:3: `schedule.noop` must be text in quotes, not `7`\n  for example: noop = \"every 1h\"",
        "mill.toml:5: unknown key `fals`\n  did you mean `fails`?",
        "mill.toml:6: `noop.kills` must be text in quotes, not `2`\n  for example: kills = \"…\"",
        "mill.toml:7: unknown key `nop`\n  did you mean `noop`?",
    ] {
        assert!(said.contains(mistake), "{mistake}: {said}");
    }
}

fn a_suspect_is_tried_with_it_as_it_is_configured(world: &World) {
    world.configure("[noop]\nkills = \"ada/a.jsonl\"\n");
    world.mill(-1, &["run"]);
    // As it is by default, it would pass its trial and end this run, and every one after it.
    let counts = world.run(1);
    assert_eq!((&counts["processed"], &counts["errors"]), (&json!(1), &json!(1)), "{counts}");
    let failure = &world.json(0, &["failures", "--processor", "noop"])[0];
    assert_eq!((&failure["session"], &failure["class"]), (&json!("ada/a.jsonl"), &json!("crash")), "{failure}");
    assert_eq!(world.rows("mill.duckdb"), ["bob/a.jsonl 2"]);
}

fn who_is_forgotten_is_erased_from_it(world: &World) {
    world.configure("");
    world.mill(0, &["failures", "retry", "--all"]);
    world.run(0);
    assert_eq!(world.rows("mill.duckdb"), ["ada/a.jsonl 2", "bob/a.jsonl 2"]);
    world.mill(0, &["forget", "ada", "--yes"]);
    assert_eq!(world.rows("mill.duckdb"), ["bob/a.jsonl 2"]);
    assert_eq!(world.rows("published/mill.duckdb"), ["bob/a.jsonl 2"]);
}
