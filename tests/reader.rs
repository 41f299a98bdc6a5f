//! SQL from users: it reads the database, but can neither reach nor damage anything else, nor block others.

use crate::detectors::conversation;
use crate::store::responses;
use crate::world::{Said, World, response};
use duckdb::Connection;
use sessionmill::base::suspension::is_ignored;
use sessionmill::pass::{self, Pass};
use sessionmill::plugs::PLUGS;
use sessionmill::store::reader::Reader;
use sessionmill::store::reading::{self, Failed};
use sessionmill::store::{Access, Store, question};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A world with a run, a snapshot, and files that nobody may see.
fn world() -> World {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 3)).write("bob/b.jsonl", response("n", "11:00:00", 7));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(world.mill(&["publish"]).status, 0);
    fs::write(world.path("secret.csv"), "word\nopensesame\n").unwrap();
    fs::write(world.path("secret.json"), "{\"word\":\"opensesame\"}\n").unwrap();
    world
}

#[test]
fn what_a_pass_leaves_open_is_read_and_let_go_of() {
    let world = World::new();
    world.write("ada/a.jsonl", responses("m", 3));
    let left = Cell::new(None);
    let leave = |store| left.set(Some(store));
    let run = |pass: &Pass<'_>| pass::run(&Pass { now: pass.now.clone(), leave: &leave, ..*pass });
    world.with_pass(&PLUGS.processors(), run).unwrap();
    let open = || Store::open_by(&world.database(), Access::ReadOnly, Instant::now());
    assert!(open().is_err(), "nobody else has it meanwhile");
    let read = |left| {
        let count = |reader: Reader<'_>| reader.one("SELECT count(*) FROM usage_responses", &[], |row| row.count(0));
        reading::read(&world.database_file(), left, chrono::Utc::now(), count).unwrap()
    };
    assert_eq!(read(left.take()), 3);
    open().unwrap();
    assert_eq!(read(None), 3);
}

/// All files below a folder, with their bytes. Lock files contain the last process.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "lock");
    files.filter(|path| path.is_file() && !is_lock(path)).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Statements that would reach a file, or change how later statements run.
fn reaching(world: &World) -> Vec<String> {
    let path = |name: &str| world.path(name).display().to_string();
    let files = [
        path("secret.csv"),
        path("secret.json"),
        path("data/mill.duckdb"),
        path("data/mill.duckdb.wal"),
        path("data/mill.duckdb.origin"),
        path("data/../secret.csv"),
        path("data/published/mill.duckdb"),
        "/etc/passwd".to_owned(),
        "/proc/self/environ".to_owned(),
    ];
    let mut statements = Vec::new();
    for file in &files {
        for function in [
            "read_csv",
            "read_csv_auto",
            "read_text",
            "read_blob",
            "read_json",
            "read_json_objects",
            "read_ndjson",
            "read_parquet",
            "parquet_scan",
            "parquet_metadata",
            "parquet_schema",
            "sniff_csv",
            "glob",
            "read_duckdb",
        ] {
            statements.push(format!("SELECT * FROM {function}('{file}')"));
        }
        statements.extend([
            format!("FROM '{file}'"),
            format!("SELECT * FROM \"{file}\""),
            format!("FROM query('FROM read_text(''{file}'')')"),
            format!("FROM query_table('{file}')"),
            format!("SELECT (SELECT content FROM read_text('{file}'))"),
            format!("WITH x AS MATERIALIZED (FROM read_blob('{file}')) SELECT * FROM x"),
            format!("SUMMARIZE FROM read_csv('{file}')"),
            format!("EXPLAIN ANALYZE FROM read_text('{file}')"),
            format!("SELECT 1 UNION ALL SELECT 1 FROM glob('{file}')"),
            format!("COPY (SELECT 1) TO '{file}' (FORMAT csv, USE_TMP_FILE false)"),
            format!("COPY session_files TO '{file}'"),
            format!("COPY session_files FROM '{file}'"),
            format!("EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}'"),
            format!("ATTACH '{file}' AS other"),
            format!("ATTACH '{file}' AS other (READ_ONLY)"),
            format!("EXPORT DATABASE '{file}'"),
            format!("IMPORT DATABASE '{file}'"),
            format!("LOAD '{file}'"),
            format!("CREATE TEMP TABLE t AS FROM read_text('{file}')"),
            format!("CREATE TEMP VIEW v AS FROM read_text('{file}')"),
            format!("PREPARE p AS COPY (SELECT 1) TO '{file}'"),
            format!("SET temp_directory = '{file}'"),
            format!("SET log_query_path = '{file}'"),
            format!("PRAGMA profiling_output = '{file}'"),
            format!("CALL enable_logging(storage = 'file', storage_path = '{file}')"),
            format!("FROM enable_logging(storage = 'file', storage_path = '{file}')"),
            format!("FROM enable_profiling(format = 'json', save_location = '{file}')"),
        ]);
    }
    statements.extend(
        [
            "INSTALL httpfs",
            "LOAD httpfs",
            "FORCE INSTALL json",
            "CREATE SECRET s (TYPE http, BEARER_TOKEN 'x')",
            "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')",
            "FROM duckdb_secrets()",
            "FROM which_secret('https://example.org', 'http')",
            "SET enable_external_access = true",
            "SET lock_configuration = false",
            "RESET enable_external_access",
            "RESET allowed_directories",
            "SET allowed_paths = ['/etc/passwd']",
            "SET memory_limit = '100GB'",
            "PRAGMA enable_profiling",
            "PRAGMA disable_optimizer",
            "CHECKPOINT",
            "FORCE CHECKPOINT",
            "VACUUM",
            "ANALYZE",
            "SELECT getenv('HOME')",
            "FROM checkpoint()",
            "FROM force_checkpoint()",
            "FROM truncate_duckdb_logs()",
            "FROM read_csv('https://example.org/x.csv')",
            "FROM read_text('/dev/stdin')",
            "FROM glob('/*')",
            "FROM glob(current_setting('temp_directory') || '/*')",
            "FROM read_blob(current_setting('temp_directory') || '/duckdb_temp_storage_DEFAULT-0.tmp')",
            "FROM duckdb_temporary_files()",
            "FROM duckdb_external_file_cache()",
            "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
            "DELETE FROM session_files",
            "UPDATE session_files SET username = 'x'",
            "INSERT INTO knowledge_reviews SELECT * FROM knowledge_reviews",
            "TRUNCATE session_files",
            "DROP TABLE session_files",
            "CREATE TABLE t (a INTEGER)",
            "CREATE MACRO f(x) AS x",
            "ALTER TABLE session_files ADD COLUMN x INTEGER",
            "BEGIN TRANSACTION",
            "EXECUTE p",
            "CALL pragma_version()",
            "USE memory",
            "DETACH mill",
            "SELECT 1; SELECT 2",
            "SELECT 1) TO 'x'; --",
            "SELECT 1'); COPY (SELECT 1) TO 'x' --",
            "",
        ]
        .map(str::to_owned),
    );
    statements
}

/// Runs something on the database in the same way as SQL of a reader.
fn apart<T>(world: &World, body: impl FnOnce(&Connection) -> T) -> T {
    reading::ask(&world.database_file(), world.next().wall, |connection| Ok::<_, Failed>(body(connection))).unwrap()
}

#[test]
fn a_query_is_one_select_over_the_database_and_nothing_else() {
    let world = world();
    let before = files(&world.path(""));
    apart(&world, |connection| {
        for sql in reaching(&world) {
            // `EXPLAIN` is checked by its statement, which is what the command passes on.
            let subject = sql.strip_prefix("EXPLAIN ANALYZE ").unwrap_or(&sql);
            assert!(question::check(connection, subject).is_err(), "{sql}");
        }
    });
    assert!(files(&world.path("")) == before, "nothing was made, changed or removed");
}

#[test]
fn without_that_check_the_settings_of_the_connection_still_keep_it_from_files() {
    let world = world();
    let before = files(&world.path(""));
    // These either take no file name, or only look at the connection itself.
    let harmless =
        ["BEGIN", "CALL", "PRAGMA", "PREPARE", "ANALYZE", "VACUUM", "CREATE MACRO", "EXPLAIN", "USE", "FROM "];
    let reaches = |sql: &String| sql.contains('\'') && !harmless.iter().any(|begin| sql.starts_with(begin));
    let statements: Vec<_> = reaching(&world).into_iter().filter(reaches).collect();
    assert!(statements.len() > 150, "{}", statements.len());
    for sql in statements {
        let said = apart(&world, |connection| {
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            let mut said = String::new();
            while let Some(row) = rows.next()? {
                let cells = (0..row.as_ref().column_count()).map(|at| row.get::<_, duckdb::types::Value>(at));
                said += &format!("{:?}", cells.collect::<duckdb::Result<Vec<_>>>()?);
            }
            Ok::<_, duckdb::Error>(said)
        });
        let told = said.unwrap_or_default();
        assert!(!told.contains("opensesame") && !told.contains("root:"), "{sql}: {told}");
    }
    assert!(files(&world.path("")) == before, "nothing was made, changed or removed");
}

#[test]
fn the_database_cannot_be_written_over_or_opened_by_its_name() {
    let world = world();
    let before = files(&world.path("data"));
    for file in ["mill.duckdb", "mill.duckdb.wal", "mill.duckdb.origin", "published/mill.duckdb", "new.csv"] {
        let path = world.path("data").join(file).display().to_string();
        for sql in [
            format!("COPY (SELECT 1) TO '{path}' (FORMAT csv, USE_TMP_FILE false)"),
            format!("COPY (SELECT 'x') TO '{path}' (FORMAT csv, HEADER false)"),
            format!("SELECT size FROM read_blob('{path}')"),
            format!("ATTACH '{path}' AS x"),
            format!("--\rCOPY (SELECT 1) TO '{path}' (FORMAT csv, USE_TMP_FILE false); --\nEXPLAIN SELECT 1"),
            format!("EXPLAIN ANALYZE COPY (SELECT 1) TO '{path}'"),
            format!("EXPLAIN (FORMAT json) SELECT 1; COPY (SELECT 1) TO '{path}'"),
        ] {
            let said = world.mill(&["query", &sql]);
            assert!(matches!(said.status, 2 | 64) && said.stdout.is_empty(), "{sql}: {said:?}");
        }
    }
    assert!(files(&world.path("data")) == before);
}

#[test]
fn what_tells_of_the_database_can_be_asked() {
    let world = world();
    let ask = |sql: &str| {
        let said = world.mill(&["query", sql, "--format", "csv"]);
        assert_eq!(said.status, 0, "{sql}: {said:?}");
        said.stdout
    };
    assert_eq!(ask("FROM (SELECT count(*) AS n FROM usage_responses)"), "n\n4\n");
    assert_eq!(ask("-- how many\nTABLE forgotten_users;").lines().count(), 1);
    assert_eq!(ask("VALUES (1), (2)"), "col0\n1\n2\n");
    assert_eq!(
        ask("WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 3) FROM x"),
        "n\n1\n2\n3\n"
    );
    assert_eq!(ask("SELECT 'it''s' AS a, $$x';--$$ AS b"), "a,b\nit's,x';--\n");
    assert_eq!(
        ask("PIVOT usage_responses ON username IN ('ada', 'bob') USING count(*)")
            .lines()
            .next()
            .unwrap_or_default()
            .split(',')
            .count(),
        ask("SELECT * EXCLUDE (username), 1 AS ada, 1 AS bob FROM usage_responses LIMIT 0").trim().split(',').count()
    );
    for sql in [
        "SHOW TABLES",
        "DESCRIBE usage_responses",
        "SUMMARIZE usage_responses",
        "SHOW ALL TABLES",
        "EXPLAIN SELECT count(*) FROM usage_responses",
        "explain (format json) FROM usage_sessions",
        "EXPLAIN ANALYZE FROM usage_sessions",
        "FROM information_schema.columns",
        "FROM duckdb_settings()",
        "FROM pragma_table_info('usage_responses')",
        "SELECT unnest([1, 2]), * FROM range(3), generate_series(1, 2)",
        "SELECT column_name, comment FROM duckdb_columns() WHERE comment IS NOT NULL",
        "FROM query('SELECT 1')",
        "FROM query_table('usage_sessions')",
        "FROM histogram(usage_responses, output_tokens)",
    ] {
        assert!(ask(sql).lines().count() > 1, "{sql}");
    }
}

#[test]
fn words_in_a_readers_error_do_not_condemn_a_database() {
    let world = world();
    let origin = world.path("data/mill.duckdb.origin");
    let before = fs::read_to_string(&origin).unwrap();
    let wal = world.path("data/mill.duckdb.wal");
    for sql in [
        "FROM read_csv('Corrupt database file')".to_owned(),
        "FROM 'Corrupt database file'".to_owned(),
        format!("ATTACH '{}'", wal.display()),
        "SELECT error('IO Error: Corrupt database file: computed checksum 1')".to_owned(),
        "SELECT error('Could not read enough bytes from file')".to_owned(),
        "SELECT error('Serialization Error: x')".to_owned(),
        "SELECT error('FATAL Error: database has been invalidated')".to_owned(),
        "SELECT error('Failure while replaying WAL file \"x\": Corrupt WAL file')".to_owned(),
        "SELECT 'Corrupt database file'::INTEGER".to_owned(),
        "SELECT \"Corrupt database file\" FROM session_files".to_owned(),
    ] {
        let said = world.mill(&["query", &sql]);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{sql}: {said:?}");
        assert!(said.stderr.starts_with("sessionmill: the database refused: "), "{sql}: {said:?}");
        assert_eq!(fs::read_to_string(&origin).unwrap(), before, "{sql}");
    }
    let said = world.mill(&["run"]);
    assert!(said.status == 0 && said.stderr.is_empty() || !said.stderr.contains("moved"), "{said:?}");
    assert!(
        fs::read_dir(world.path("data"))
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_string_lossy().contains("damaged") })
    );
}

#[test]
fn rows_are_written_as_they_come_and_a_table_has_a_limit() {
    let world = world();
    let (said, peak) =
        world.mill_measured(&["query", "SELECT range AS n, 'some words' AS t FROM range(2000000)", "--format", "csv"]);
    assert_eq!((said.status, said.stderr.as_str(), said.stdout.lines().count()), (0, "", 2_000_001));
    assert!(said.stdout.starts_with("n,t\n0,some words\n") && said.stdout.ends_with("\n1999999,some words\n"));
    assert!(peak < 250 << 20, "{peak}");
    let said = world.mill(&["query", "SELECT range AS n FROM range(3)", "--json"]);
    assert_eq!(said.stdout, "[\n  {\n    \"n\": 0\n  },\n  {\n    \"n\": 1\n  },\n  {\n    \"n\": 2\n  }\n]\n");
    assert_eq!(world.mill(&["query", "SELECT 1 AS n LIMIT 0", "--json"]).stdout, "[]\n");
    assert_eq!(world.mill(&["query", "SELECT 1 AS n LIMIT 0", "--format", "csv"]).stdout, "n\n");

    let many = "SELECT range AS n FROM range(10001)";
    let said = world.mill(&["query", many]);
    assert_eq!((said.status, said.stdout.lines().count()), (0, 2 + 10_000));
    let note =
        "note: only the first 10,000 rows are shown, --max-rows 0 shows all; --json and --format csv have no limit\n";
    assert_eq!(said.stderr, note);
    let said = world.mill(&["query", many, "--max-rows", "0"]);
    assert_eq!((said.status, said.stderr.as_str(), said.stdout.lines().count()), (0, "", 2 + 10_001));
    let said = world.mill(&["query", many, "--max-rows", "2", "--format", "csv"]);
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str()),
        ("n\n0\n1\n", "note: only the first 2 rows are shown, --max-rows 0 shows all\n")
    );
    let said = world.mill(&["query", "SELECT range AS n FROM range(10000)"]);
    assert_eq!((said.stderr.as_str(), said.stdout.lines().count()), ("", 2 + 10_000), "not one more");
    let said = world.mill(&["query", "SELECT repeat('ü', 100000) AS t"]);
    assert_eq!(said.stderr, "note: long cells are cut; --json and --format csv have them whole\n");
    let said = world.mill(&["query", "SELECT repeat('x', 1000000) AS t FROM range(100)"]);
    assert!(said.stdout.len() < 50 << 20 && said.status == 0);
}

#[test]
fn a_statement_that_fails_on_its_way_says_so_and_one_that_fails_at_once_writes_nothing() {
    let world = world();
    for format in ["table", "csv", "json"] {
        let said = world.mill(&["query", "SELECT error('no') AS x", "--format", format]);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{said:?}");
        let late = "SELECT CASE WHEN range = 100000 THEN error('no') ELSE range END AS n FROM range(100001)";
        let said = world.mill(&["query", late, "--format", format, "--max-rows", "0"]);
        assert_eq!(said.status, 2, "{format}");
    }
}

#[test]
fn whoever_has_seen_enough_ends_a_query_quietly() {
    let world = world();
    for format in ["csv", "json"] {
        let script = format!("\"$0\" query 'SELECT range AS n FROM range(100000000000)' --format {format} | head -2");
        let said = world.mill_by(&["sh", "-c", &script], &[]);
        assert_eq!((said.status, said.stderr.as_str(), said.stdout.lines().count()), (0, "", 2), "{format}");
    }
}

#[test]
fn a_query_has_limits_that_long_values_keep_to() {
    let world = world();
    for sql in [
        "SELECT repeat('x', 2000000000) AS x",
        "SELECT string_agg(repeat('x', 1000000), '') AS x FROM range(3000)",
        "SELECT list(repeat('x', 100000)) AS x FROM range(30000)",
        "SELECT length(repeat(repeat('x', 1000), range::INT * 1000000)) AS x FROM range(1, 4)",
    ] {
        let (said, peak) = world.mill_measured(&["query", sql, "--format", "csv"]);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{sql}: {}", said.stderr);
        assert!(said.stderr.contains("\n  hint: it needs more memory"), "{sql}: {}", said.stderr);
        assert!(peak < 1200 << 20, "{sql}: {peak}");
    }
    let said = world.mill(&[
        "query",
        "SELECT current_setting('max_temp_directory_size') AS spill, current_setting('memory_limit') AS memory",
        "--format",
        "csv",
    ]);
    assert_eq!(said.stdout, "spill,memory\n1.8 GiB,122.0 MiB\n");
}

#[test]
fn what_does_not_fit_into_memory_is_spilled_into_a_private_folder_that_goes_with_it() {
    let world = world();
    let temporary = world.path("temporary");
    fs::create_dir(&temporary).unwrap();
    let environment = [("TMPDIR", temporary.to_str().unwrap())];
    let sql = "SELECT max(a) AS a FROM (SELECT range AS a, hash(range)::VARCHAR || repeat('x', 60) AS b FROM range(2500000) ORDER BY b LIMIT 2400000 OFFSET 1)";
    let said = world.mill_with(&["query", sql, "--format", "csv"], &environment);
    assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{said:?}");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);

    let folder = || fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path()).next();
    let endless = "SELECT sum(a.range * b.range) AS x FROM range(100000000) a, range(100000000) b";
    let mut child = start(&world, &["query", endless], &environment);
    let spill = wait_for(folder);
    assert_eq!(fs::metadata(&spill).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(spill.file_name().unwrap().to_str().unwrap().starts_with("sessionmill-reader-"));
    assert_eq!(world.mill_with(&["query", "SELECT 1 AS x"], &environment).status, 0);
    assert!(spill.is_dir(), "it is in use");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(world.mill_with(&["query", "SELECT 1 AS x"], &environment).status, 0);
    assert_eq!(folder(), None, "the next one has removed it");

    // Signals that were ignored when the tests started, such as Ctrl-C in a background script, end nothing.
    let ends = [rustix::process::Signal::INT, rustix::process::Signal::TERM, rustix::process::Signal::HUP];
    for end in ends.into_iter().filter(|end| !is_ignored(end.as_raw())) {
        let mut child = start(&world, &["query", endless], &environment);
        wait_for(folder);
        signal(&child, end);
        assert_eq!(child.wait().unwrap().signal(), Some(end.as_raw()));
        assert_eq!(folder(), None, "it goes with the process");
    }
}

/// Starts the real binary with nobody reading its output.
fn start(world: &World, args: &[&str], environment: &[(&str, &str)]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessionmill"));
    command.args(args).env_clear().env("HOME", world.path("home")).env("SESSIONMILL_DATABASE", world.database());
    command.env("PATH", "/usr/bin:/bin").env("TZ", "UTC").env("USER", "tester").envs(environment.iter().copied());
    let log = fs::File::create(world.path("started")).unwrap();
    let said = fs::File::create(world.path("started.out")).unwrap();
    command.current_dir(world.path("")).stdin(Stdio::null()).stdout(said).stderr(log).spawn().unwrap()
}

fn wait_for<T>(found: impl Fn() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < until, "it does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_query_without_end_holds_nobody_up() {
    let world = world();
    // Nothing in this query checks whether it should stop.
    let endless = "SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000) || range) AS x FROM range(9)";
    let mut child = start(&world, &["query", endless], &[]);
    wait_for(|| fs::read_link(format!("/proc/{}/exe", child.id())).ok());
    std::thread::sleep(Duration::from_millis(300));
    for _ in 0..3 {
        world.append("ada/a.jsonl", &response("later", "12:00:00", 1));
        let said: Vec<Said> =
            [&["run"][..], &["status"], &["query", "SELECT 1 AS x"]].map(|args| world.mill(args)).into();
        assert!(said.iter().all(|said| said.status == 0), "{said:?}");
    }
    assert!(child.try_wait().unwrap().is_none(), "it is still computing");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Whether a process is stopped.
fn is_stopped(child: &Child) -> bool {
    sessionmill::base::holder::is_stopped(child.id())
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

#[test]
fn a_report_lets_go_of_the_database_before_ctrl_z_stops_it_and_goes_on_afterwards() {
    let world = world();
    let report = ["report", "--no-refresh", "--by", "user", "--format", "csv"];
    let expected = world.mill(&report).stdout;
    for (args, point) in [(&report[..], "suspend:reading"), (&["run"], "suspend:before-commit")] {
        world.append("ada/a.jsonl", &response(point, "12:30:00", 0));
        let mut child = start(&world, args, &[("SESSIONMILL_FAILPOINT", point)]);
        wait_for(|| is_stopped(&child).then_some(()));
        for args in [&["status"][..], &report, &["query", "SELECT 1 AS x"]] {
            let said = world.mill(args);
            assert_eq!(said.status, 0, "{point}: {said:?}");
        }
        assert!(is_stopped(&child));
        signal(&child, rustix::process::Signal::CONT);
        assert!(child.wait().unwrap().success(), "{}", fs::read_to_string(world.path("started")).unwrap());
        if point == "suspend:reading" {
            assert_eq!(fs::read_to_string(world.path("started.out")).unwrap(), expected);
        }
    }
}

#[test]
fn whoever_waits_for_a_process_that_is_stopped_is_told_which() {
    let world = world();
    let mut child = start(&world, &["report", "--no-refresh"], &[("SESSIONMILL_FAILPOINT", "stop:reading")]);
    wait_for(|| is_stopped(&child).then_some(()));
    let pid = child.id();
    let said = world.mill(&["run"]);
    let expected = format!(
        "sessionmill: `[world]/data/mill.duckdb` is in use by another run of sessionmill (pid {pid}, which is stopped)\n  \
         hint: resume it with `kill -CONT {pid}`, or end it with `kill -KILL {pid}`\n"
    );
    assert!(said.status == 75 && said.stderr.ends_with(&expected), "{said:?}");
    signal(&child, rustix::process::Signal::CONT);
    assert!(child.wait().unwrap().success());
    assert_eq!(world.mill(&["run"]).status, 0);
}

#[test]
fn a_database_that_is_moved_while_it_is_written_is_no_success() {
    let forget = &["forget", "ada", "--yes"][..];
    let checkpoint = ["stop:before-checkpoint", "stop:after-checkpoint"].map(|point| (forget, point));
    for (args, point) in
        [(&["run"][..], "stop:before-settle"), (forget, "stop:before-settle")].into_iter().chain(checkpoint)
    {
        let world = world();
        world.write("ada/b.jsonl", responses("b", 3));
        let mut child = start(&world, args, &[("SESSIONMILL_FAILPOINT", point)]);
        wait_for(|| is_stopped(&child).then_some(()));
        fs::rename(world.path("data"), world.path("aside")).unwrap();
        signal(&child, rustix::process::Signal::CONT);
        let status = child.wait().unwrap();
        let said = fs::read_to_string(world.path("started")).unwrap();
        let place = world.database();
        let expected = format!("`{}` was moved, removed or replaced while it was written", place.display());
        assert!(status.code() == Some(2) && said.contains(&expected), "{args:?} at {point}: {status}, {said}");
    }
}

#[test]
fn another_program_that_writes_the_database_keeps_a_query_out_and_is_told() {
    let world = world();
    let other = Connection::open(world.database()).unwrap();
    let said = world.mill(&["query", "SELECT 1 AS x"]);
    assert!(
        said.stderr.starts_with("sessionmill: `[world]/data/mill.duckdb` is open in another program (/"),
        "{said:?}"
    );
    assert!(
        said.status == 75 && said.stderr.contains(&format!(", pid {})\n  hint: close it there", std::process::id()))
    );
    drop(other);
    assert_eq!(world.mill(&["query", "SELECT 1 AS x"]).status, 0);
}

#[test]
fn cells_of_text_are_no_formulas_unless_they_are_wanted_raw() {
    let world = world();
    let sql =
        "SELECT '=1+1' AS \"=a\", '-5' AS b, -5 AS c, -1.5::DOUBLE AS d, '@x' AS e, ['=x'] AS f, chr(27) || '[2J' AS g";
    let said = world.mill(&["query", sql, "--format", "csv"]);
    assert_eq!(said.stdout, "'=a,b,c,d,e,f,g\n'=1+1,'-5,-5,-1.5,'@x,\"[\"\"=x\"\"]\",\\u{1b}[2J\n");
    let said = world.mill(&["query", sql, "--format", "csv", "--raw"]);
    assert_eq!(said.stdout, "=a,b,c,d,e,f,g\n=1+1,-5,-5,-1.5,@x,\"[\"\"=x\"\"]\",\u{1b}[2J\n");
    world.write("=cmd|x/c.jsonl", response("c", "12:00:00", 1)).write("+1/d.jsonl", response("d", "12:00:00", 1));
    let report = ["report", "--by", "user", "--format", "csv"];
    let users = |args: &[&str]| {
        let said = world.mill(&[&report[..], args].concat());
        let mut users: Vec<_> =
            said.stdout.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect();
        users.sort();
        users
    };
    assert_eq!(users(&[]), ["'+1", "'=cmd|x", "ada", "bob"]);
    assert_eq!(users(&["--raw"]), ["+1", "=cmd|x", "ada", "bob"]);
}

/// The names in the database's folder, without locks.
fn beside(world: &World) -> Vec<String> {
    let names = files(&world.path("data")).into_keys();
    names.map(|path| path.strip_prefix(world.path("data")).unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn a_copy_that_a_killed_process_leaves_is_private_and_goes_with_the_next() {
    for next in [
        &["query", "SELECT 1 AS x"][..],
        &["report", "--no-refresh"],
        &["run"],
        &["publish"],
        &["forget", "bob", "--yes"],
    ] {
        let world = world();
        let whole = beside(&world);
        let said = world.mill_with(&["query", "SELECT 1 AS x"], &[("SESSIONMILL_FAILPOINT", "kill:copied")]);
        assert_eq!(said.status, -9, "{said:?}");
        let copies =
            || beside(&world).into_iter().filter(|name| name.starts_with("mill.duckdb.copy")).collect::<Vec<_>>();
        assert!(!copies().is_empty());
        for left in copies() {
            let left = world.path("data").join(left);
            assert_eq!(fs::metadata(&left).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::create_dir(world.path("data/mill.duckdb.tmp")).unwrap();
        fs::write(world.path("data/mill.duckdb.tmp/duckdb_temp_storage-0.tmp"), "bob").unwrap();
        fs::write(world.path("data/published/mill.duckdb.new"), "bob").unwrap();
        fs::create_dir(world.path("data/published/mill.duckdb.new.parquet")).unwrap();
        fs::write(world.path("data/published/mill.duckdb.new.parquet/x.parquet"), "bob").unwrap();
        fs::write(world.path("data/.sessionmill-abc"), "bob").unwrap();
        let said = world.mill(next);
        assert_eq!(said.status, 0, "{said:?}");
        assert!(copies().is_empty(), "{next:?}");
        if matches!(next[0], "run" | "forget") {
            let is_part = |name: &String| [".wal", ".rollback"].iter().any(|part| name.ends_with(part));
            let is_left =
                |name: &String| !name.starts_with("published/mill-2") && !whole.contains(name) && !is_part(name);
            let left: Vec<_> = beside(&world).into_iter().filter(is_left).collect();
            assert!(left.is_empty(), "{next:?}: {left:?}");
            assert!(!world.path("data/mill.duckdb.tmp").exists());
        }
    }
}

#[test]
fn what_the_program_writes_is_private_but_for_what_it_publishes() {
    let world = world();
    for name in files(&world.path("data")).into_keys() {
        let mode = fs::metadata(&name).unwrap().permissions().mode() & 0o777;
        let is_health = name.to_str().unwrap().ends_with(".health.json");
        let is_published = is_health || name.starts_with(world.path("data/published"));
        assert_eq!(mode, if is_published { 0o640 } else { 0o600 }, "{name:?}");
    }
    let mode = |path: &str| fs::metadata(world.path(path)).unwrap().permissions().mode() & 0o777;
    let said = world.mill_by(
        &["sh", "-c", "umask 022; exec \"$0\" \"$@\""],
        &["run", "--sessions", "root", "--database", "new/one/x.duckdb"],
    );
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(
        ["new", "new/one", "new/one/x.duckdb"].map(mode),
        [0o711, 0o711, 0o600],
        "what is published can be reached"
    );
    let page = ["report", "html", "--out", "page.html", "--no-refresh"];
    for (mask, expected) in [("022", 0o644), ("077", 0o600)] {
        let said = world.mill_by(&["sh", "-c", &format!("umask {mask}; exec \"$0\" \"$@\"")], &page);
        assert_eq!((said.status, mode("page.html")), (0, expected), "a file whose place its user names: {said:?}");
    }
}

#[test]
fn a_publisher_that_is_stopped_does_not_show_whoever_is_erased_meanwhile() {
    let claims = "SELECT DISTINCT username FROM verification_claims ORDER BY ALL";
    for point in ["stop:copied", "stop:checked"] {
        let world = World::new();
        let said = |words: &str| conversation(&[&format!("By the way, {words} means gross value before refunds.")]);
        world.write("ada/a.jsonl", said("GMV")).write("bob/b.jsonl", said("ARR")).pass();
        assert_eq!(world.rows(claims), ["ada", "bob"]);
        let mut child = start(&world, &["publish"], &[("SESSIONMILL_FAILPOINT", point)]);
        wait_for(|| is_stopped(&child).then_some(()));
        let pid = child.id();
        let said = world.mill(&["forget", "bob", "--yes"]);
        assert_eq!(said.status, 75, "{point}: {said:?}");
        assert!(said.stderr.contains(&format!("(pid {pid}, which is stopped)")), "{said:?}");
        assert_eq!(world.rows(claims), ["ada", "bob"], "nothing is half erased");
        // A run does not wait for a publisher, whose snapshot is checked before it is shown.
        fs::write(world.path("mill.toml"), "verification.exclude_users = ['ada']\n").unwrap();
        assert_eq!(world.mill(&["run", "--sessions", "root", "--config", "mill.toml"]).status, 0);
        signal(&child, rustix::process::Signal::CONT);
        assert!(child.wait().unwrap().success(), "{}", fs::read_to_string(world.path("started")).unwrap());
        let newest = fs::canonicalize(world.path("data/published/mill.duckdb")).unwrap();
        assert_eq!(crate::world::rows(&newest, claims), ["bob"], "{point}");
        assert_eq!(world.mill(&["forget", "bob", "--yes"]).status, 0);
    }
}
