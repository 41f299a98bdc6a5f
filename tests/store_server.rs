//! Servers of PostgreSQL and MariaDB for tests: one of each for all tests of a process, from installed packages, in a
//! temporary folder. Each test has its own database. Root cannot run PostgreSQL, so for root the servers run as the
//! users of their packages.

#![cfg(feature = "console")]

use sqlx::Executor as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A back end of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreServer {
    Sqlite,
    Postgres,
    MariaDb,
}

/// The database of a test.
pub struct Server {
    kind: StoreServer,
    place: Place,
    name: String,
}

/// Where the database is.
enum Place {
    /// A file, removed after the test.
    File(tempfile::TempDir),
    Shared(&'static Process),
    Own(Process),
}

/// A server process.
struct Process {
    kind: StoreServer,
    folder: PathBuf,
    /// A shell that stops the server when its own input ends. So the servers stop however this process ends.
    keeper: Option<Child>,
    is_shared: bool,
}

static POSTGRES: LazyLock<Option<Process>> = LazyLock::new(|| Process::new(StoreServer::Postgres, true));
static MARIADB: LazyLock<Option<Process>> = LazyLock::new(|| Process::new(StoreServer::MariaDb, true));
static NUMBER: AtomicU32 = AtomicU32::new(0);

impl StoreServer {
    /// A new database; `None`, with a message, if the back end is not installed.
    pub fn start(self) -> Option<Server> {
        let place = match self {
            Self::Sqlite => Place::File(tempfile::tempdir().unwrap()),
            Self::Postgres => Place::Shared(self.or_skip(POSTGRES.as_ref())?),
            Self::MariaDb => Place::Shared(self.or_skip(MARIADB.as_ref())?),
        };
        Some(self.with_database(place))
    }

    /// The same on a server that no other test uses.
    pub fn start_own(self) -> Option<Server> {
        match self {
            Self::Sqlite => self.start(),
            _ => Some(self.with_database(Place::Own(self.or_skip(Process::new(self, false))?))),
        }
    }

    fn with_database(self, place: Place) -> Server {
        let mut server = Server { kind: self, place, name: String::new() };
        server.name = server.make();
        server
    }

    fn or_skip<T>(self, process: Option<T>) -> Option<T> {
        if process.is_none() {
            crate::world::skip(&format!("{self:?} is not installed"));
        }
        process
    }

    /// The program of the server and the program that prepares its folder, if they are installed.
    fn programs(self) -> Option<[PathBuf; 2]> {
        let folders: Vec<_> = match self {
            Self::Sqlite => return None,
            Self::Postgres => {
                let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
                versions.map(|version| version.path().join("bin")).collect()
            }
            Self::MariaDb => ["/usr/sbin", "/usr/bin"].map(PathBuf::from).to_vec(),
        };
        let names = if self == Self::Postgres { ["postgres", "initdb"] } else { ["mariadbd", "mariadb-install-db"] };
        let [server, prepare] = names.map(|name| folders.iter().map(|folder| folder.join(name)).find(|p| p.is_file()));
        Some([server?, prepare?])
    }

    /// The user that the package created.
    fn user(self) -> &'static str {
        if self == Self::Postgres { "postgres" } else { "mysql" }
    }

    /// A command that runs as the server's user.
    fn command(self, program: impl AsRef<Path>) -> Command {
        let program = program.as_ref();
        if !rustix::process::geteuid().is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        let user = self.user();
        command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--init-groups", "--"]).arg(program);
        command
    }
}

impl Process {
    fn new(kind: StoreServer, is_shared: bool) -> Option<Self> {
        let [_, prepare] = kind.programs()?;
        // The path of a socket must be short.
        let folder = PathBuf::from(format!(
            "/tmp/sessionmill-{}-{}-{}",
            kind.user(),
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir(&folder).unwrap();
        if rustix::process::geteuid().is_root() {
            let passwd = fs::read_to_string("/etc/passwd").unwrap();
            let fields: Vec<_> =
                passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|f| f[0] == kind.user())?;
            chown(&folder, fields[2].parse().ok(), fields[3].parse().ok()).unwrap();
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let data = folder.join("data");
        let mut prepare = kind.command(prepare);
        match kind {
            StoreServer::Postgres => {
                prepare.args(["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "--username=postgres"]);
                prepare.arg("-D").arg(&data);
            }
            _ => {
                prepare.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
                prepare.arg(format!("--datadir={}", data.display()));
            }
        }
        let prepared = prepare.current_dir(&folder).output().unwrap();
        assert!(prepared.status.success(), "{}", String::from_utf8_lossy(&prepared.stderr));
        let mut process = Self { kind, folder, keeper: None, is_shared };
        process.start();
        Some(process)
    }

    fn start(&mut self) {
        let [server, _] = self.kind.programs().unwrap();
        let (folder, data) = (self.folder.display(), self.folder.join("data"));
        let (server, data) = (server.display(), data.display());
        let run = match self.kind {
            StoreServer::Postgres => {
                format!("{server} -D {data} -k {folder} -c listen_addresses= -c fsync=off -c max_connections=200")
            }
            _ => format!(
                "{server} --no-defaults --datadir={data} --socket={folder}/socket --skip-networking \
                 --innodb-flush-log-at-trx-commit=0 --pid-file={folder}/pid --max-connections=200"
            ),
        };
        // On this signal, PostgreSQL stops at once, without waiting for its clients.
        let signal = if self.kind == StoreServer::Postgres { "QUIT" } else { "TERM" };
        // A shared server is never dropped.
        let end = if self.is_shared { format!("; rm -rf {folder}") } else { String::new() };
        let script = format!("{run} >{folder}/log 2>&1 & cat >/dev/null; kill -{signal} $!; wait{end}");
        let mut keeper = self.kind.command("/bin/sh");
        keeper.arg("-c").arg(script).current_dir(&self.folder).stdin(Stdio::piped());
        self.keeper = Some(keeper.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        while let Err(error) = ask(&self.url(self.kind.user_of_url().1), "SELECT 1") {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "{error}\n{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn stop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().unwrap();
        }
    }

    fn url(&self, name: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        let (user, _) = self.kind.user_of_url();
        match self.kind {
            StoreServer::Postgres => format!("postgres://{user}@localhost/{name}?host={folder}"),
            _ => format!("mysql://{user}@localhost/{name}?socket={folder}%2Fsocket"),
        }
    }
}

impl StoreServer {
    /// The user of connections, and a database that always exists.
    fn user_of_url(self) -> (&'static str, &'static str) {
        if self == Self::Postgres { ("postgres", "postgres") } else { ("root", "mysql") }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Server {
    pub fn url(&self) -> String {
        match &self.place {
            Place::File(folder) => format!("sqlite://{}/{}.sqlite", folder.path().display(), self.name),
            Place::Shared(process) => process.url(&self.name),
            Place::Own(process) => process.url(&self.name),
        }
    }

    /// The URL of another, empty database.
    pub fn another(&self) -> String {
        let name = self.make();
        self.url().replace(&self.name, &name)
    }

    /// Stops the server. Returns false for a file.
    pub fn stop(&mut self) -> bool {
        if let Place::Own(process) = &mut self.place {
            process.stop();
        }
        matches!(self.place, Place::Own(_))
    }

    pub fn start_again(&mut self) {
        if let Place::Own(process) = &mut self.place {
            process.start();
        }
    }

    /// Everything that a copy of the database would contain, bytes as hexadecimal digits.
    pub fn dump(&self) -> String {
        let process = match &self.place {
            Place::File(folder) => {
                let files = fs::read_dir(folder.path()).unwrap().flatten();
                let bytes: Vec<u8> = files.flat_map(|file| fs::read(file.path()).unwrap()).collect();
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                return String::from_utf8_lossy(&bytes).into_owned() + &hex;
            }
            Place::Shared(process) => *process,
            Place::Own(process) => process,
        };
        let folder = process.folder.display();
        let mut dump = match self.kind {
            StoreServer::Postgres => {
                let mut dump = Command::new("pg_dump");
                dump.args(["-U", "postgres", "-h", &folder.to_string(), &self.name]);
                dump
            }
            _ => {
                let mut dump = Command::new("mariadb-dump");
                let socket = format!("--socket={folder}/socket");
                dump.args(["--no-defaults", "--hex-blob", "-u", "root", &socket, &self.name]);
                dump
            }
        };
        let dumped = dump.output().unwrap();
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
        String::from_utf8(dumped.stdout).unwrap()
    }

    /// Creates a database, and returns its name.
    fn make(&self) -> String {
        let name = format!("store{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let always = self.kind.user_of_url().1;
        let process = match &self.place {
            Place::File(_) => return name,
            Place::Shared(process) => *process,
            Place::Own(process) => process,
        };
        ask(&process.url(always), &format!("CREATE DATABASE {name}")).unwrap();
        name
    }
}

/// Runs a statement on a database, with a new connection.
pub fn ask(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    use sqlx::Connection as _;
    let url = url.to_owned();
    let sql = sql.to_owned();
    // In a new thread, because the caller can be async already.
    let asked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let run = async {
                if url.starts_with("postgres") {
                    sqlx::PgConnection::connect(&url).await?.execute(sqlx::raw_sql(&sql)).await?;
                } else if url.starts_with("mysql") {
                    sqlx::MySqlConnection::connect(&url).await?.execute(sqlx::raw_sql(&sql)).await?;
                } else {
                    let url = format!("{url}?mode=rwc");
                    sqlx::SqliteConnection::connect(&url).await?.execute(sqlx::raw_sql(&sql)).await?;
                }
                Ok(())
            };
            tokio::time::timeout(Duration::from_secs(20), run).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
        })
    });
    asked.join().unwrap()
}
