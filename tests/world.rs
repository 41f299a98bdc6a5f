//! A world in a temporary folder: transcripts, a database, a clock, and the two ways to run a pass.

use chrono::DateTime;
use sessionmill::base::error::Result;
use sessionmill::base::limits::Limits;
use sessionmill::base::moment::{Moment, Steady};
use sessionmill::config::Config;
use sessionmill::pass::network::Network;
use sessionmill::pass::{self, Pass};
use sessionmill::plug::configured;
use sessionmill::plugs::PLUGS;
use sessionmill::read::Caps;
use sessionmill::run::request::{Origin, Request};
use sessionmill::run::summary::{Counts, Summary};
use sessionmill::source::{Layout, Source};
use sessionmill::store::lookup::{Lookup, Rows};
use sessionmill::store::{Access, DatabaseFile, Store, migrate};
use sessionmill_contract::{Manifest, Processor};
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

pub const DAY: Duration = Duration::from_secs(86_400);

/// How often a test of random worlds repeats itself. `make torture` asks for thirty times as many rounds.
pub fn rounds(usual: u64) -> u64 {
    let times = std::env::var("SESSIONMILL_TORTURE").ok().and_then(|times| times.parse().ok());
    usual * times.unwrap_or(1)
}

pub struct World {
    folder: tempfile::TempDir,
    /// The clock of the passes. It is ahead of the file system's clock, so files are always older than the pass that
    /// reads them.
    now: RefCell<Moment>,
    pub limits: Limits,
    pub caps: Caps,
    pub threads: usize,
    /// The networks of the processors that wait for one, by name.
    pub networks: Vec<(&'static str, Network)>,
    /// Whether passes accept a tree that has changed.
    pub adopt: bool,
}

/// An empty database. Copying it takes a tenth of the time that it takes to create one.
static NEW: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("new.duckdb");
    let store = Store::open(&database, Access::ReadWrite).unwrap();
    migrate::migrate(&store, &PLUGS.schema(), DateTime::UNIX_EPOCH).unwrap();
    store.checkpoint().unwrap();
    drop(store);
    fs::read(database).unwrap()
});

/// The result of a command.
#[derive(Debug)]
pub struct Said {
    /// Exit code, or minus the signal that ended it.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        let wall = DateTime::from_timestamp(40_000 * 86_400, 0).unwrap();
        let steady = Steady { boot: Some("boot".into()), ns: 0 };
        Self {
            folder,
            now: RefCell::new(Moment { wall, steady }),
            limits: Limits::default(),
            caps: Caps::default(),
            threads: pass::threads(),
            networks: Vec::new(),
            adopt: false,
        }
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

    /// The folder of events.
    pub fn events(&self) -> PathBuf {
        self.path("events")
    }

    /// The database, with the program's tables.
    pub fn database_file(&self) -> DatabaseFile {
        DatabaseFile::new(self.database(), PLUGS.schema())
    }

    /// Writes a transcript below the root, and creates its folders.
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

    /// Lets time pass.
    pub fn wait(&self, time: Duration) -> &Self {
        let now = self.now.borrow().after(time);
        self.now.replace(now);
        self
    }

    /// Sets the clock back.
    pub fn wait_back(&self, time: Duration) -> &Self {
        let Moment { wall, steady } = self.now.borrow().clone();
        self.now.replace(Moment { wall: wall - time, steady });
        self
    }

    /// The time of the next pass: a minute after the last one.
    pub fn next(&self) -> Moment {
        self.now.borrow().after(Duration::from_secs(60))
    }

    /// A pass of all processors.
    pub fn pass(&self) -> Counts {
        self.pass_of(&PLUGS.processors()).unwrap().remove(0)
    }

    /// A pass of some processors, a minute after the last one.
    pub fn pass_of(&self, processors: &[&dyn Processor]) -> Result<Vec<Counts>> {
        Ok(self.summary_of(processors)?.processors)
    }

    /// A pass of all processors, with everything it reports.
    pub fn summary(&self) -> Summary {
        self.summary_of(&PLUGS.processors()).unwrap()
    }

    pub fn summary_of(&self, processors: &[&dyn Processor]) -> Result<Summary> {
        self.with_pass(processors, pass::run)
    }

    /// A pass of the processors that are not running elsewhere, as in the daemon.
    pub fn free_pass_of(&self, processors: &[&dyn Processor]) -> Vec<(&'static str, Result<Summary>)> {
        self.with_pass(processors, pass::run_free)
    }

    /// A pass of all processors over other sources.
    pub fn summary_at(&self, sources: &[Source]) -> Result<Summary> {
        self.with_sources(sources, &PLUGS.processors(), pass::run)
    }

    /// Runs something with a pass of these processors.
    pub fn with_pass<T>(&self, processors: &[&dyn Processor], run: impl FnOnce(&Pass<'_>) -> T) -> T {
        let sources = [Source::new("sessions", self.root(), Layout::Users)];
        self.with_sources(&sources, processors, run)
    }

    fn with_sources<T>(
        &self,
        sources: &[Source],
        processors: &[&dyn Processor],
        run: impl FnOnce(&Pass<'_>) -> T,
    ) -> T {
        self.wait(Duration::from_secs(60));
        self.begin();
        run(&Pass {
            database: &self.database_file(),
            sources,
            processors,
            now: self.now.borrow().clone(),
            request: &Request::new(Origin::Cli, "tester"),
            login: "tester",
            limits: &self.limits,
            caps: self.caps,
            threads: self.threads,
            networks: &self.networks,
            lookups: lookups(),
            adopt: self.adopt,
            trial: &|_, _| Ok(()),
            remark: &|_, _| Vec::new(),
            leave: &drop,
            progress: &|_| {},
        })
    }

    /// Makes an empty database, if the world never had one.
    fn begin(&self) {
        if !self.database().exists() && !self.path("data/mill.duckdb.origin").exists() {
            fs::create_dir_all(self.path("data")).unwrap();
            fs::write(self.database(), &*NEW).unwrap();
            fs::set_permissions(self.database(), fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    /// The rows of a query, cells as text.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        rows(&self.database(), sql)
    }

    /// Everything that the database says of the transcripts: facts, entities, and the state of each file, without
    /// times, versions and run ids.
    pub fn dump(&self) -> String {
        let ledger = [
            "facts.touched_keys",
            "facts.touched_moments",
            "facts.key_groups",
            "(SELECT processor_name, session_file, username, items_extracted, file_hash FROM session_processor_state)",
        ];
        let store = Store::open(&self.database(), Access::ReadOnly).unwrap();
        check_sums(&store);
        let mut dump = String::new();
        for table in tables().into_iter().chain(ledger.map(str::to_owned)) {
            let rows = rows_of(&store, &format!("FROM {table} ORDER BY ALL"));
            dump += &format!("{table}\n{}\n", rows.join("\n"));
        }
        dump
    }

    /// Runs the real binary in an environment that contains only this world.
    pub fn mill(&self, args: &[&str]) -> Said {
        if args.first() == Some(&"run") {
            self.begin();
        }
        self.mill_with(args, &[])
    }

    /// The same with more environment.
    pub fn mill_with(&self, args: &[&str], environment: &[(&str, &str)]) -> Said {
        self.command(MILL, args, environment)
    }

    /// Runs a program in that environment.
    pub fn command(&self, program: &str, args: &[&str], environment: &[(&str, &str)]) -> Said {
        let status = self.start(Command::new(program).args(args), environment).wait().unwrap();
        self.said(status)
    }

    /// Runs the real binary by another program, which gets the binary and its arguments after its own arguments.
    pub fn mill_by(&self, program: &[&str], args: &[&str]) -> Said {
        self.command(program[0], &[&program[1..], &[MILL], args].concat(), &[])
    }

    /// Runs the real binary on a terminal, where stdout and stderr are the same.
    pub fn terminal(&self, columns: usize, args: &[&str], environment: &[(&str, &str)]) -> Said {
        let quoted = |text: &&str| format!("'{}'", text.replace('\'', "'\\''"));
        let words: Vec<_> = std::iter::once(&MILL).chain(args).map(quoted).collect();
        let script = format!("stty cols {columns}; {}", words.join(" "));
        let mut said = self.command("script", &["-qec", &script, "/dev/null"], environment);
        said.stdout = said.stdout.replace("\r\n", "\n");
        said
    }

    /// What the real binary writes to stderr, one datagram for each write.
    pub fn writes(&self, args: &[&str], environment: &[(&str, &str)]) -> Vec<String> {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let mut child = {
            let mut command = Command::new(MILL);
            let stderr = std::os::fd::OwnedFd::from(theirs);
            self.prepare(command.args(args), environment).stdout(Stdio::null()).stderr(stderr).spawn().unwrap()
        };
        let (mut writes, mut has_ended, mut buffer) = (Vec::new(), false, vec![0; 1 << 16]);
        loop {
            match ours.recv(&mut buffer) {
                Ok(length) => writes.push(String::from_utf8_lossy(&buffer[..length]).into_owned()),
                Err(_) if has_ended => return writes,
                Err(_) => has_ended = child.try_wait().unwrap().is_some(),
            }
        }
    }

    /// Starts the real binary.
    pub fn spawn(&self, args: &[&str]) -> Child {
        self.start(Command::new(MILL).args(args), &[])
    }

    /// Starts the real binary as a service, with its log in a file.
    pub fn service(&self, args: &[&str]) -> Child {
        self.service_by(&[], args, &[])
    }

    /// The same by another program, which gets the binary and its arguments after its own arguments.
    pub fn service_by(&self, program: &[&str], args: &[&str], environment: &[(&str, &str)]) -> Child {
        let words = [program, &[MILL], args].concat();
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        self.prepare(Command::new(words[0]).args(&words[1..]), environment)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Runs the real binary as another user, who may enter the folder of the world. `None` if that is not possible:
    /// only root can do this, and that user must be able to load the program.
    pub fn mill_as(&self, uid: u32, args: &[&str]) -> Option<Said> {
        if !rustix::process::geteuid().is_root() || !Path::new(SETPRIV).exists() {
            skip("only root can become another user, with setpriv");
            return None;
        }
        let set = |path: PathBuf, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(self.path(""), 0o711);
        // The library can be in a folder that only root can enter.
        let library = self.path("libduckdb.so");
        if let Some(folder) = option_env!("DUCKDB_LIB_DIR").filter(|_| !library.exists()) {
            fs::copy(Path::new(folder).join("libduckdb.so"), &library).ok()?;
            set(library, 0o755);
        }
        let uid = uid.to_string();
        let user = ["--reuid", &uid, "--regid", &uid, "--clear-groups", MILL];
        let folder = self.path("");
        let environment = [("LD_LIBRARY_PATH", folder.to_str().unwrap())];
        let run = |args: &[&str]| self.command(SETPRIV, &[&user, args].concat(), &environment);
        if run(&["--version"]).status != 0 {
            skip("another user cannot run the program where it is built");
            return None;
        }
        Some(run(args))
    }

    /// The log of the services.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The same without root's right to read everything; `None` if that right cannot be dropped.
    pub fn mill_unprivileged(&self, args: &[&str], environment: &[(&str, &str)]) -> Option<Said> {
        let mut command = Command::new(MILL);
        if rustix::process::geteuid().is_root() {
            if !Path::new(SETPRIV).exists() {
                skip("root needs setpriv to do without its capabilities");
                return None;
            }
            command = Command::new(SETPRIV);
            command.arg("--bounding-set=-dac_override,-dac_read_search").arg(MILL);
        }
        let status = self.start(command.args(args), environment).wait().unwrap();
        Some(self.said(status))
    }

    /// The same with the largest resident set in bytes, read from the kernel while the program runs. The final value
    /// would include the process that started the program.
    pub fn mill_measured(&self, args: &[&str]) -> (Said, u64) {
        let mut child = self.spawn(args);
        let mut peak = 0;
        loop {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes: Option<u64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            // The value only grows, so the last one counts. The first one can be that of the process before `exec`.
            peak = kilobytes.map_or(peak, |kilobytes| 1024 * kilobytes);
            if let Some(status) = child.try_wait().unwrap() {
                return (self.said(status), peak);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn start(&self, command: &mut Command, environment: &[(&str, &str)]) -> Child {
        let output = |name: &str| fs::File::create(self.path(name)).unwrap();
        self.prepare(command, environment).stdout(output("stdout")).stderr(output("stderr")).spawn().unwrap()
    }

    /// A program to run in that environment, with a pipe as its stdin.
    pub fn typed<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        self.prepare(command, &[]).stdin(Stdio::piped())
    }

    fn prepare<'c>(&self, command: &'c mut Command, environment: &[(&str, &str)]) -> &'c mut Command {
        command
            .env_clear()
            .env("HOME", self.path("home"))
            .env("XDG_DATA_HOME", self.path("home/data"))
            .env("SESSIONMILL_DATABASE", self.database())
            .env("SESSIONMILL_EVENTS", self.events())
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TZ", "UTC")
            .env("USER", "tester")
            .envs(environment.iter().copied())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
    }

    fn said(&self, status: ExitStatus) -> Said {
        let text = |name: &str| {
            let text = fs::read_to_string(self.path(name)).unwrap();
            text.replace(self.folder.path().to_str().unwrap(), "[world]")
        };
        let status = status.code().unwrap_or_else(|| -status.signal().unwrap());
        Said { status, stdout: text("stdout"), stderr: text("stderr") }
    }
}

const SETPRIV: &str = "/usr/bin/setpriv";
const MILL: &str = env!("CARGO_BIN_EXE_sessionmill");

/// Reports that the rest of a test cannot run here. In the gate this is a failure, unless `.ci/skips` lists the test
/// with a reason.
pub fn skip(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    eprintln!("skipped {test}: {why}");
    let Some(list) = std::env::var_os("SESSIONMILL_SKIPS") else { return };
    let list = fs::read_to_string(list).unwrap();
    let is_listed = list.lines().any(|line| line.split_once(": ").is_some_and(|(name, _)| name == test));
    assert!(is_listed, "`{test}` is skipped, which `.ci/skips` does not list: {why}");
}

/// The tables that are derived from others and from an empty configuration.
pub fn lookups() -> &'static [Lookup] {
    static LOOKUPS: LazyLock<Vec<Lookup>> = LazyLock::new(|| configured::lookups(PLUGS, &Config::default()).unwrap());
    &LOOKUPS
}

/// Compares the tables that are stored for each source file, such as sums, with what they would be if they were built
/// now.
pub fn check_sums(store: &Store) {
    for Lookup { name, rows, .. } in lookups() {
        let Rows::ByFile(tables) = rows else { continue };
        let changed = rows_of(store, &format!("FROM facts.changed_files WHERE facts_table = '{name}'"));
        assert_eq!(changed, [""; 0], "{name}");
        for by_file in tables {
            let (stored, now) = (format!("FROM facts.{}", by_file.table), by_file.rows("true"));
            let differ = format!("({stored} EXCEPT ALL ({now})) UNION ALL (({now}) EXCEPT ALL {stored})");
            assert_eq!(rows_of(store, &differ), [""; 0], "{}", by_file.table);
        }
    }
}

/// The tables of all processors: facts, entities, and the state of settling.
pub fn tables() -> Vec<String> {
    let entities = |manifest: &Manifest| manifest.settlements.iter().flat_map(|settlement| settlement.entities);
    let tables = PLUGS.manifests().into_iter().flat_map(|manifest| manifest.facts.iter().chain(entities(manifest)));
    tables.map(|table| format!("facts.{}", table.name)).collect()
}

/// The rows of a query over a database, cells joined by bars.
pub fn rows(database: &Path, sql: &str) -> Vec<String> {
    rows_of(&Store::open(database, Access::ReadOnly).unwrap(), sql)
}

/// The same for an open database.
pub fn rows_of(store: &Store, sql: &str) -> Vec<String> {
    let mut statement = store.connection().prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut texts = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let columns = row.as_ref().column_count();
        let cells = (0..columns).map(|column| {
            let cell = row.get(column).unwrap();
            sessionmill::store::cell::text(&cell)
        });
        texts.push(cells.collect::<Vec<_>>().join("|"));
    }
    texts
}

/// Columns that migrations have dropped. An older database has them, and older migrations use them.
pub const DROPPED_SINCE: &str = "
    ALTER TABLE facts.verification_evidence ADD COLUMN domain VARCHAR;
    ALTER TABLE facts.verification_heirs ADD COLUMN domain VARCHAR;
    ALTER TABLE facts.knowledge_relations ADD COLUMN domain VARCHAR;";

/// A line of a response.
pub fn response(id: &str, time: &str, output: u64) -> String {
    format!(
        r#"{{"type":"assistant","uuid":"u-{id}-{output}","sessionId":"s1","timestamp":"2026-02-01T{time}Z","cwd":"/home/ada/shop","message":{{"id":"{id}","role":"assistant","model":"claude-opus-4-6","content":[],"usage":{{"input_tokens":10,"output_tokens":{output}}}}}}}"#
    ) + "\n"
}
