//! A world in a temporary folder: transcripts, a database, a clock, and the two ways to run a pass.

use chrono::{DateTime, TimeDelta, Utc};
use sessionmill::error::Result;
use sessionmill::pass::{self, Limits, Pass};
use sessionmill::source::{Layout, Source};
use sessionmill::store::{Access, Store};
use sessionmill::summary::Counts;
use sessionmill_contract::Processor;
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

pub struct World {
    folder: tempfile::TempDir,
    /// Tells the passes the time. It is ahead of the file system's, so that what was written is older
    /// than the pass that looks at it.
    now: Cell<DateTime<Utc>>,
    pub limits: Limits,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        let now = DateTime::<Utc>::from(SystemTime::UNIX_EPOCH) + TimeDelta::days(40_000);
        Self { folder, now: Cell::new(now), limits: Limits::default() }
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub fn root(&self) -> PathBuf {
        self.path("root")
    }

    pub fn database(&self) -> PathBuf {
        self.path("data/mill.duckdb")
    }

    /// Writes a transcript below the root, with its folders.
    pub fn write(&self, file: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.root().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Appends to a transcript.
    pub fn append(&self, file: &str, text: &str) -> &Self {
        let old = fs::read(self.root().join(file)).unwrap();
        self.write(file, [&old, text.as_bytes()].concat())
    }

    pub fn remove(&self, file: &str) -> &Self {
        fs::remove_file(self.root().join(file)).unwrap();
        self
    }

    /// Sets a file's mtime, in seconds since 1970.
    pub fn touch(&self, file: &str, seconds: u64) -> &Self {
        let file = fs::File::options().append(true).open(self.root().join(file)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        self
    }

    /// When the next pass will be: a minute after the last one.
    pub fn next(&self) -> DateTime<Utc> {
        self.now.get() + TimeDelta::minutes(1)
    }

    /// A pass of all processors.
    pub fn pass(&self) -> Counts {
        self.pass_of(sessionmill::registry::processors()).unwrap().remove(0)
    }

    /// A pass of some processors.
    pub fn pass_of(&self, processors: &[&dyn Processor]) -> Result<Vec<Counts>> {
        self.now.set(self.next());
        let sources = [Source { name: "sessions".into(), root: self.root(), layout: Layout::Users }];
        let pass = Pass {
            database: &self.database(),
            sources: &sources,
            processors,
            now: self.now.get(),
            trigger: "test",
            login: "tester",
            limits: self.limits,
            adopt: false,
            progress: &|_| {},
        };
        Ok(pass::run(&pass)?.processors)
    }

    /// The rows of a query, cells as text.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        rows(&self.database(), sql)
    }

    /// Runs the real binary in an environment that knows only this world.
    pub fn mill(&self, args: &[&str]) -> Said {
        self.mill_with(args, &[])
    }

    /// The same with more environment.
    pub fn mill_with(&self, args: &[&str], environment: &[(&str, &str)]) -> Said {
        self.say(Command::new(env!("CARGO_BIN_EXE_sessionmill")).args(args), environment)
    }

    /// The same by another program, which gets the binary and its arguments after its own.
    pub fn mill_by(&self, program: &[&str], args: &[&str]) -> Said {
        self.say(Command::new(program[0]).args(&program[1..]).arg(env!("CARGO_BIN_EXE_sessionmill")).args(args), &[])
    }

    fn say(&self, command: &mut Command, environment: &[(&str, &str)]) -> Said {
        let output = command
            .env_clear()
            .env("HOME", self.path("home"))
            .env("XDG_DATA_HOME", self.path("home/data"))
            .env("SESSIONMILL_DATABASE", self.database())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TZ", "UTC")
            .env("USER", "tester")
            .envs(environment.iter().copied())
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(self.folder.path().to_str().unwrap(), "[world]")
        };
        Said { status: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// The rows of a query over a database, cells joined by bars.
pub fn rows(database: &Path, sql: &str) -> Vec<String> {
    rows_of(&Store::open(database, Access::ReadOnly).unwrap(), sql)
}

/// The same over an open one.
pub fn rows_of(store: &Store, sql: &str) -> Vec<String> {
    let mut statement = store.connection().prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut texts = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let columns = row.as_ref().column_count();
        let cells = (0..columns).map(|column| {
            let cell = row.get(column).unwrap();
            sessionmill::report::value::text(&cell)
        });
        texts.push(cells.collect::<Vec<_>>().join("|"));
    }
    texts
}

/// A line of a response.
pub fn response(id: &str, time: &str, output: u64) -> String {
    format!(
        r#"{{"type":"assistant","uuid":"u-{id}-{output}","sessionId":"s1","timestamp":"2026-02-01T{time}Z","cwd":"/home/ada/shop","message":{{"id":"{id}","role":"assistant","model":"claude-opus-4-6","content":[],"usage":{{"input_tokens":10,"output_tokens":{output}}}}}}}"#
    ) + "\n"
}
