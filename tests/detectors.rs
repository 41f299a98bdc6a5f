//! Detectors that ask a language model: what is sent and stored, what a misbehaving server costs, and that nothing is
//! paid for twice.

use crate::server::{Request, Says, Server};
use crate::world::{Said, World};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const KEY: &str = "sk-ant-api03-THEKEYTHATNOBODYMUSTSEE";

/// A conversation with a reply and a prompt for each text.
pub fn conversation(prompts: &[&str]) -> String {
    let mut text = String::new();
    for (number, prompt) in prompts.iter().enumerate() {
        let at = format!("2026-02-01T10:{:02}:{:02}Z", number / 60, number % 60);
        let reply = json!({"type": "assistant", "timestamp": at, "sessionId": "s", "uuid": format!("r{number}"),
            "message": {"role": "assistant", "content": [{"type": "text", "text": format!("The year {number} begins in January.")}]}});
        let prompt = json!({"type": "user", "timestamp": at, "sessionId": "s", "uuid": format!("p{number}"),
            "message": {"role": "user", "content": prompt}});
        text += &format!("{reply}\n{prompt}\n");
    }
    text
}

/// A world with old transcripts, and a configuration that asks the server.
pub fn world(detector: &str, server: &Server, more: &str) -> World {
    let world = World::new();
    let path = if detector == "openai" { "/v1" } else { "" };
    let config = format!(
        "[verification]\ndetector = '{detector}'\nmodel = 'm-1'\nbase_url = 'http://127.0.0.1:{}{path}'\n\
         key_file = 'key'\ntimeout = '60s'\n{more}\n",
        server.port
    );
    std::fs::write(world.path("mill.toml"), config).unwrap();
    std::fs::write(world.path("key"), format!("{KEY}\n")).unwrap();
    write(&world, "ada/a.jsonl", &["No, it begins in April.", "thanks"]);
    world
}

/// Sets a shorter timeout. Only for servers that do not answer, so that a busy machine does not matter.
pub fn impatient(world: &World, timeout: &str) {
    let config = std::fs::read_to_string(world.path("mill.toml")).unwrap().replace("'60s'", &format!("'{timeout}'"));
    std::fs::write(world.path("mill.toml"), config).unwrap();
}

pub fn write(world: &World, file: &str, prompts: &[&str]) {
    world.write(file, conversation(prompts)).touch(file, 1_700_000_000);
}

pub fn run(world: &World) -> Said {
    world.mill(&["run", "verification", "--sessions", "root", "--config", "mill.toml"])
}

const CLAIMS: &str =
    "SELECT session_file, line, detection_type, domain, user_quote FROM verification_claims ORDER BY ALL";
const CLAIM: &str = "ada/a.jsonl|2|correction|finance|No, it begins in April.";
const FAILURES: &str = "SELECT class, attempts, state, message FROM session_failures";

pub fn well(_: &Request, _: usize) -> Says {
    Says::Claims
}

#[test]
fn both_apis_find_claims_and_are_asked_once() {
    for (detector, path, key) in [
        ("anthropic", "/v1/messages", format!("x-api-key: {KEY}\r\n")),
        ("openai", "/v1/chat/completions", format!("authorization: bearer {KEY}\r\n")),
    ] {
        let server = Server::start(well);
        let world = world(detector, &server, "");
        let said = run(&world);
        assert_eq!(said.status, 0, "{said:?}");
        assert_eq!(world.rows(CLAIMS), [CLAIM], "{detector}");
        let [request] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
        assert_eq!(request.path, path);
        assert!(request.headers.contains(&key.to_lowercase()), "{}", request.headers);
        assert_eq!(request.body["model"], "m-1");
        assert!(request.turns().contains("<turn n=\"1\" role=\"person\">\nNo, it begins in April.\n</turn>"));
        assert!(request.body.to_string().contains("additionalProperties"), "the form is asked for");

        assert_eq!(run(&world).status, 0);
        world.touch("ada/a.jsonl", 1_700_000_001);
        assert_eq!(run(&world).status, 0);
        assert_eq!(server.requests().len(), 1, "{detector}: a file that is the same is not asked about");
        for suffix in ["", ".wal", ".origin"] {
            let _ = std::fs::remove_file(world.path(&format!("data/mill.duckdb{suffix}")));
        }
        assert_eq!(run(&world).status, 0);
        assert_eq!((world.rows(CLAIMS), server.requests().len()), (vec![CLAIM.to_owned()], 1), "a new database");
    }
}

#[test]
fn an_answer_is_kept_for_as_long_as_the_configuration_says() {
    for (settings, days, requests) in [
        ("", 364, 1),
        ("", 367, 2),
        ("answers_age = '1000d'", 367, 1),
        ("answers_age = '5d'", 10, 2),
        ("answers_size = 10", 10, 2),
    ] {
        let server = Server::start(well);
        let world = world("anthropic", &server, settings);
        assert_eq!(run(&world).status, 0);
        let journal = world.path("data/mill.duckdb.answers");
        let mut call: Value = serde_json::from_str(&std::fs::read_to_string(&journal).unwrap()).unwrap();
        let at = chrono::Utc::now() - chrono::TimeDelta::days(days);
        call["at"] = at.format("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        std::fs::write(&journal, format!("{call}\n")).unwrap();
        for suffix in ["", ".wal", ".origin"] {
            let _ = std::fs::remove_file(world.path(&format!("data/mill.duckdb{suffix}")));
        }
        assert_eq!(run(&world).status, 0);
        assert_eq!(
            (world.rows(CLAIMS), server.requests().len()),
            (vec![CLAIM.to_owned()], requests),
            "{settings} {days}"
        );
    }
}

#[test]
fn a_report_asks_no_model_and_says_so() {
    let server = Server::start(well);
    let world = world("anthropic", &server, "");
    let report = |args: &[&str]| {
        world.mill(&[&["report", "verification", "--sessions", "root", "--config", "mill.toml"], args].concat()).stderr
    };
    assert!(report(&[]).starts_with("sessionmill: there is no database `"), "{}", report(&[]));
    let note = "; `sessionmill run verification` asks it about what is new\n";
    assert_eq!(world.mill(&["run", "usage", "--sessions", "root"]).status, 0);
    assert_eq!(report(&[]), format!("note: no run has asked the model yet{note}"));
    assert_eq!(run(&world).status, 0);
    let said = report(&[]);
    assert!(said.starts_with("note: as of 20") && said.ends_with(note), "{said}");
    assert_eq!((report(&["--no-refresh"]), server.requests().len()), (String::new(), 1));
}

#[test]
fn a_run_that_dies_before_its_commit_pays_nothing_twice() {
    let server = Server::start(well);
    let world = world("anthropic", &server, "");
    let args = ["run", "verification", "--sessions", "root", "--config", "mill.toml"];
    let said = world.mill_with(&args, &[("SESSIONMILL_FAILPOINT", "kill:before-commit")]);
    assert_eq!((said.status, server.requests().len()), (-9, 1), "{said:?}");
    let said = run(&world);
    assert_eq!((said.status, world.rows(CLAIMS)), (0, vec![CLAIM.to_owned()]), "{said:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn who_is_told_to_wait_waits_and_uses_up_no_attempt() {
    for (status, headers) in [(429, ""), (429, "Retry-After: 3000\r\n"), (529, ""), (503, "retry-after: 90\r\n")] {
        let server =
            Server::start(move |_, _| Says::Status(status, headers, r#"{"error":{"type":"rate_limit_error"}}"#));
        let world = world("anthropic", &server, "connections = 1");
        write(&world, "bob/b.jsonl", &["No, in May."]);
        let said = run(&world);
        assert_eq!(said.status, 0, "{said:?}");
        assert!(said.stdout.starts_with("verification: 2 files, 0 changed, 2 deferred ("), "{}", said.stdout);
        let reason = format!("`http://127.0.0.1:{}/v1/messages` refuses: {status}, rate_limit_error", server.port);
        let lines: Vec<_> = said.stdout.lines().filter(|line| line.contains("is paused until")).collect();
        assert!(lines.len() == 1 && lines[0].ends_with(&reason), "{}", said.stdout);
        assert!(world.rows(FAILURES).is_empty());
        let wait = "SELECT date_diff('second', started_at, paused_until) FROM processor_pauses, processor_runs";
        let expected = if status == 503 {
            90
        } else if headers.is_empty() {
            60
        } else {
            3000
        };
        let wait: i64 = world.rows(wait)[0].parse().unwrap();
        assert!((expected..expected + 20).contains(&wait), "{wait}");
        let said = run(&world);
        assert!(said.stdout.contains("\n  deferred 2 files: its processor is paused\n"), "{}", said.stdout);
        assert_eq!(server.requests().len(), 1, "nobody is asked in a pause");
    }
}

#[test]
fn a_pause_is_that_of_the_server_and_the_key() {
    let [first, second] = [(); 2].map(|()| Server::start(|_, _| Says::Status(429, "Retry-After: 86400\r\n", "{}")));
    let world = world("anthropic", &first, "");
    let paused = |said: &Said| said.stdout.contains("warning: `verification` is paused until ");
    assert!(paused(&run(&world)) && paused(&run(&world)));
    assert_eq!(first.requests().len(), 1);
    let said = world.mill(&["failures", "retry", "--all", "--config", "mill.toml"]);
    let note = "0 failures to be tried again by the next run\nnote: `verification` is paused until ";
    assert!(said.stderr.starts_with(note), "{said:?}");
    assert!(world.mill(&["status", "--config", "mill.toml"]).stdout.contains("verification  paused, "));

    let old = std::fs::read_to_string(world.path("mill.toml")).unwrap();
    let new = old.replace(&first.port.to_string(), &second.port.to_string());
    std::fs::write(world.path("mill.toml"), new).unwrap();
    assert!(world.mill(&["status", "--config", "mill.toml"]).stdout.contains("verification  ok, "));
    let said = world.mill(&["failures", "retry", "--all", "--config", "mill.toml"]);
    assert_eq!(said.stderr, "0 failures to be tried again by the next run\n");
    assert!(paused(&run(&world)));
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1), "another server");

    std::fs::write(world.path("key"), "sk-another").unwrap();
    second.now(well);
    assert_eq!((run(&world).status, world.rows(CLAIMS)), (0, vec![CLAIM.to_owned()]), "another key");
    let servers = world.rows("SELECT server FROM processor_pauses");
    assert!(servers.iter().all(|server| !server.contains("sk-") && server.len() < 50), "{servers:?}");
}

#[test]
fn a_server_that_misbehaves_costs_an_attempt_and_no_claims() {
    type Case = (fn() -> Says, &'static str);
    let cases: [Case; 10] = [
        (|| Says::Half, "transient|1|retry|`[url]` breaks off: unexpected end of file"),
        (|| Says::Nothing, "transient|1|retry|`[url]` does not answer in time"),
        (
            || Says::Status(200, "", "<html>"),
            "environment|0|retry|`[url]` answers with a web page; check `base_url`, and whether the network wants a login first",
        ),
        (
            || Says::Status(200, "", "{\"claims\":["),
            "transient|1|retry|`[url]` answers, but the answer is cut, or none",
        ),
        (|| Says::Status(500, "", ""), "transient|1|retry|`[url]` refuses: 500"),
        (|| Says::Status(400, "", "{}"), "permanent|1|retry|`[url]` refuses: 400"),
        (
            || Says::Status(401, "", r#"{"error":{"type":"authentication_error"}}"#),
            "environment|0|retry|`[url]` refuses: 401, authentication_error",
        ),
        (|| Says::Status(302, "location: http://127.0.0.1:1/\r\n", ""), "environment|0|retry|`[url]` refuses: 302"),
        (
            || Says::Form(json!({"claims": "none"})),
            "permanent|1|retry|the model's answer does not have the form that was asked for",
        ),
        (|| Says::Refusal, "permanent|1|retry|the model refuses to answer"),
    ];
    for (says, expected) in cases {
        for detector in ["anthropic", "openai"] {
            let server = Server::start(well);
            let world = world(detector, &server, "");
            assert_eq!(run(&world).status, 0);
            write(&world, "ada/a.jsonl", &["No, it begins in April.", "thanks", "No, in May."]);
            server.now(move |_, _| says());
            if matches!(says(), Says::Nothing) {
                impatient(&world, "1s");
            }
            let said = run(&world);
            assert_eq!(said.status, 1, "{said:?}");
            let path = if detector == "openai" { "/v1/chat/completions" } else { "/v1/messages" };
            let url = format!("http://127.0.0.1:{}{path}", server.port);
            assert_eq!(world.rows(FAILURES), [expected.replace("[url]", &url)], "{detector}");
            assert_eq!(world.rows(CLAIMS), [CLAIM], "what it said before stays");
            assert_eq!(server.requests().len(), 2, "asked once a run");
        }
    }
}

/// A world that asks another address, and the number of calls that count for its day.
fn world_of(url: &str) -> World {
    let world = world("openai", &Server::start(well), "");
    let config = format!("[verification]\ndetector = 'openai'\nmodel = 'm-1'\nbase_url = '{url}'\ntimeout = '30s'\n");
    std::fs::write(world.path("mill.toml"), config).unwrap();
    world
}

fn run_with(world: &World, environment: &[(&str, &str)]) -> Said {
    world.mill_with(&["run", "verification", "--sessions", "root", "--config", "mill.toml"], environment)
}

fn calls(world: &World) -> usize {
    std::fs::read_to_string(world.path("data/mill.duckdb.answers")).unwrap_or_default().lines().count()
}

#[test]
fn a_server_that_is_not_there_costs_no_attempt_and_no_call() {
    let server = Server::start(well);
    let port = server.port;
    let nowhere = format!("{}.invalid", "x".repeat(64));
    let plain = Server::start(well);
    let world = world("openai", &server, "");
    drop(server);
    let refused = "connection refused; check the port, and that the server runs";
    let proxy = [("ALL_PROXY", "http://user:secret@127.0.0.1:1")];
    for (url, environment, expected) in [
        (format!("http://127.0.0.1:{port}"), &[][..], format!(" cannot be reached: {refused}")),
        (
            format!("https://{nowhere}"),
            &[],
            format!(
                " cannot be reached: no address is known of `{nowhere}`; check the name, and that this machine is online"
            ),
        ),
        (
            "http://gpu.invalid".to_owned(),
            &proxy,
            format!(", asked through the proxy `127.0.0.1:1`, cannot be reached: {refused}"),
        ),
        (
            format!("https://127.0.0.1:{}", plain.port),
            &[],
            " cannot be reached: it breaks off; check the port, and whether it is https:// or http://".to_owned(),
        ),
    ] {
        let world = world_of(&url);
        let said = run_with(&world, environment);
        assert_eq!(said.status, 1, "{said:?}");
        let expected = format!("environment|0|retry|`{url}/chat/completions`{expected}");
        assert_eq!((world.rows(FAILURES), calls(&world)), (vec![expected], 0));
    }
    assert!(plain.requests().is_empty());
    assert_eq!((run(&world).status, calls(&world)), (1, 0));
}

#[test]
fn a_certificate_is_trusted_that_the_machine_trusts() {
    let server = Server::start_tls(well);
    let world = world_of(&format!("https://localhost:{}/v1", server.port));
    let tls = |name: &str| format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let (stranger, authority) = (tls("server.pem"), tls("authority.pem"));
    for (file, why) in [
        (
            &*stranger,
            "this machine does not know who signed it; add your company's authority to the system's certificates",
        ),
        ("/nowhere.pem", "this machine knows no authorities; install their certificates (ca-certificates)"),
    ] {
        let said = run_with(&world, &[("SSL_CERT_FILE", file)]);
        assert_eq!((said.status, server.requests().len(), calls(&world)), (1, 0, 0), "{said:?}");
        let url = format!("https://localhost:{}/v1/chat/completions", server.port);
        let failure = &world.rows(FAILURES)[0];
        assert!(
            failure.starts_with(&format!("environment|0|retry|`{url}` has no certificate to trust: {why}")),
            "{failure}"
        );
        assert!(failure.contains("SSL_CERT_FILE"), "{failure}");
        world.mill(&["failures", "retry", "--all"]);
    }
    let said = run_with(&world, &[("SSL_CERT_FILE", &*authority)]);
    assert_eq!((said.status, world.rows(CLAIMS), calls(&world)), (0, vec![CLAIM.to_owned()], 1), "{said:?}");
}

#[test]
fn no_key_goes_over_a_network_in_the_clear() {
    let world = world_of("http://gpu.invalid/v1");
    std::fs::create_dir(world.path("secrets")).unwrap();
    std::fs::write(world.path("secrets/model-key"), KEY).unwrap();
    let said = run_with(&world, &[("CREDENTIALS_DIRECTORY", "secrets")]);
    let reason = "processor `verification` is disabled: the key would travel in the clear to `http://gpu.invalid/v1`: name it with https://";
    assert!(said.status == 78 && said.stderr.contains(reason), "{said:?}");
    let world = world_of("http://localhost:x@127.0.0.2:1");
    assert!(run(&world).stderr.contains("`base_url` has a user or a password in it"));
}

#[test]
fn no_proxy_is_asked_for_this_machine() {
    let server = Server::start(well);
    let world = world_of(&format!("http://localhost:{}/v1", server.port));
    let nobody = "http://127.0.0.1:1";
    let said = run_with(&world, &["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, nobody)));
    assert_eq!((said.status, server.requests().len()), (0, 1), "{said:?}");
}

#[test]
fn a_reply_that_comes_twice_counts_once() {
    let server = Server::start(|_, _| Says::Twice);
    let world = world("anthropic", &server, "connections = 1");
    write(&world, "bob/b.jsonl", &["No, in May."]);
    assert_eq!(run(&world).status, 0);
    assert_eq!(world.rows(CLAIMS), [CLAIM, "bob/b.jsonl|2|correction|finance|No, in May."]);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn what_nobody_said_is_dropped() {
    let claim = |turn: u64, quote: &str| {
        json!({"turn": turn, "detection_type": "correction", "title": "t", "content": "c", "quote": quote,
               "domain": "finance", "entities": []})
    };
    let form: Value = json!({"claims": [
        claim(1, "it begins in April"), claim(1, "it starts in April"), claim(0, "begins in January"), claim(99, "never"),
    ]});
    let server = Server::start(move |_, _| Says::Form(form.clone()));
    let world = world("anthropic", &server, "");
    let said = run(&world);
    assert_eq!(said.status, 0);
    assert_eq!(world.rows(CLAIMS), ["ada/a.jsonl|2|correction|finance|it begins in April"]);
    assert!(said.stderr.contains("dropped=3"), "{}", said.stderr);
}

#[test]
fn a_file_that_grows_is_asked_about_where_it_has_grown() {
    let server = Server::start(well);
    let world = world("anthropic", &server, "");
    let texts: Vec<String> = (0..130).map(|number| format!("No, {number} begins in April.")).collect();
    let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    write(&world, "ada/a.jsonl", &texts);
    assert_eq!(run(&world).status, 0);
    let count = "SELECT count(*), count(DISTINCT line), min(line), max(line) FROM verification_claims";
    assert_eq!(world.rows(count), ["130|130|2|260"], "260 turns in windows of 100, of which 10 are repeated");
    assert_eq!(server.requests().len(), 3);
    texts.push("No, and that is all.");
    write(&world, "ada/a.jsonl", &texts);
    assert_eq!(run(&world).status, 0);
    assert_eq!((world.rows(count), server.requests().len()), (vec!["131|131|2|262".to_owned()], 4));
    write(&world, "bob/copy.jsonl", &texts);
    assert_eq!(run(&world).status, 0);
    assert_eq!(
        (world.rows(count), server.requests().len()),
        (vec!["262|131|2|262".to_owned()], 4),
        "a copy costs nothing"
    );
}

#[test]
fn a_live_file_waits() {
    let server = Server::start(well);
    let world = world("anthropic", &server, "quiet_at_most = '2h'");
    world.append("ada/a.jsonl", "\n");
    let said = run(&world);
    assert!(said.stdout.starts_with("verification: 1 file, 0 changed, 1 deferred ("), "{}", said.stdout);
    let why = "  deferred 1 file: somebody may still be writing; due when nobody has for 10m, or after 2h\n";
    assert!(said.stdout.ends_with(why), "{}", said.stdout);
    assert!(server.requests().is_empty());
    let config = std::fs::read_to_string(world.path("mill.toml")).unwrap();
    std::fs::write(world.path("mill.toml"), config + "quiet = '0s'\n").unwrap();
    assert_eq!((run(&world).status, server.requests().len()), (0, 1), "at once");
}

#[test]
fn no_call_is_begun_over_a_limit() {
    let server = Server::start(well);
    let world = world("anthropic", &server, "connections = 1\ncalls_per_run = 1\ncalls_per_day = 2");
    for file in ["bob/b.jsonl", "cy/c.jsonl"] {
        write(&world, file, &[&format!("No, {file}.")]);
    }
    let (per_run, per_day) =
        ("`calls_per_run` is used up (1); the next run goes on", "`calls_per_day` is used up (2); goes on at ");
    for (calls, deferred, why) in [(1, "2 files", per_run), (2, "1 file", per_day), (2, "1 file", per_day)] {
        let said = run(&world);
        assert_eq!(said.status, 0, "{said:?}");
        assert!(said.stdout.contains(&format!("\n  deferred {deferred}: {why}")), "{}", said.stdout);
        assert_eq!(server.requests().len(), calls);
    }
    let status = world.mill(&["status", "--config", "mill.toml"]).stdout;
    let waiting = format!("\n              1 file waiting for the next run\n                1 file: {per_day}");
    assert!(status.contains(&waiting), "{status}");
    let json = |args: &[&str], list: &str| {
        let said = world.mill(&[args, &["--json", "--config", "mill.toml"]].concat());
        let json: Value = serde_json::from_str(&said.stdout).unwrap();
        let processors = json["processors"].as_array().unwrap();
        processors.iter().find(|own| own["processor"] == "verification").unwrap()[list].clone()
    };
    let deferred = json(&["status"], "deferred");
    assert_eq!(deferred, json(&["run", "verification", "--sessions", "root"], "deferred_reasons"));
    assert_eq!((deferred.as_array().unwrap().len(), &deferred[0]["files"]), (1, &1.into()));
    assert!(deferred[0]["reason"].as_str().unwrap().starts_with(per_day), "{deferred}");
    assert!(world.rows(FAILURES).is_empty());
    std::fs::write(world.path("data/mill.duckdb.answers"), "").unwrap();
    assert_eq!((run(&world).status, server.requests().len()), (0, 3), "the day is counted from the journal");
}

#[test]
fn others_work_while_a_server_is_slow() {
    let server = Server::start(|_, _| Says::Nothing);
    let world = world("anthropic", &server, "");
    assert_eq!(world.mill(&["run", "usage", "--sessions", "root"]).status, 0);
    let mut waiting = world.spawn(&["run", "verification", "--sessions", "root", "--config", "mill.toml"]);
    let begun = Instant::now();
    while server.requests().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(600), "nobody asks");
        std::thread::sleep(Duration::from_millis(5));
    }
    write(&world, "bob/b.jsonl", &["x"]);
    for args in [
        &["run", "usage", "--sessions", "root"][..],
        &["report", "--config", "mill.toml", "--sessions", "root"],
        &["query", "SELECT count(*) FROM session_files"],
        &["status"],
    ] {
        let said = world.mill(args);
        assert_eq!(said.status, 0, "{args:?}: {said:?}");
    }
    assert_eq!(waiting.try_wait().unwrap(), None, "it still waits");
    let said = world.mill(&["run", "--sessions", "root", "--config", "mill.toml"]);
    assert!(said.stdout.contains("warning: processor `verification` is already running (pid "), "{said:?}");
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    server.now(well);
    let said = run(&world);
    assert_eq!((said.status, world.rows(CLAIMS)), (0, vec![CLAIM.to_owned()]), "{said:?}");
    assert!(!said.stderr.contains("trying it on its own"), "{}", said.stderr);
}

#[test]
fn without_a_key_the_processor_is_disabled() {
    let server = Server::start(well);
    let world = world("anthropic", &server, "");
    std::fs::remove_file(world.path("key")).unwrap();
    let reason = "processor `verification` is disabled: cannot read the key `key`: there is no such file or folder";
    let said = run(&world);
    assert_eq!(said.status, 78, "{said:?}");
    assert!(said.stderr.contains(reason), "{}", said.stderr);
    let said = world.mill(&["run", "--sessions", "root", "--config", "mill.toml"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains(reason) && said.stdout.starts_with("usage: 1 file, 1 changed"), "{said:?}");

    let why = "cannot run: cannot read the key `key`: there is no such file or folder\n";
    let check = || world.mill(&["config", "check", "--config", "mill.toml"]);
    let said = check();
    assert!(said.status == 78 && said.stdout.contains(&format!("`verification` {why}")), "{said:?}");
    let said = world.mill(&["status", "--config", "mill.toml"]);
    assert!(
        said.stdout.contains(&format!("verification  warning, 0 items from 0 files\n              ! {why}")),
        "{said:?}"
    );
    std::fs::write(world.path("key"), "\n").unwrap();
    assert!(check().stdout.contains("`verification` cannot run: `key` holds no key: one line of visible characters\n"));
    std::fs::write(world.path("key"), KEY).unwrap();
    let said = check();
    let fine = format!("`http://127.0.0.1:{}/v1/messages`: the key for it can be read\n", server.port);
    assert!(said.status == 0 && said.stdout.contains(&fine), "{said:?}");
    let config = std::fs::read_to_string(world.path("mill.toml")).unwrap().replace("key_file = 'key'", "");
    std::fs::write(world.path("mill.toml"), config).unwrap();
    let said = check();
    assert!(said.status == 0 && said.stdout.contains("warning: there is no key: name a `key_file`"), "{said:?}");
}

#[test]
fn a_processor_that_lacks_its_key_is_no_processor_that_is_off() {
    let server = Server::start(well);
    let world = world("anthropic", &server, "");
    let config = std::fs::read_to_string(world.path("mill.toml")).unwrap();
    assert_eq!(run(&world).status, 0);
    let check = |schedule: &str| {
        std::fs::write(
            world.path("mill.toml"),
            format!("[schedule]\nusage = 'off'\ntasks = 'off'\ntracking = 'off'\n{schedule}\n{config}"),
        )
        .unwrap();
        world.mill(&["status", "--check", "--config", "mill.toml"]).status
    };
    assert_eq!(check(""), 0);
    std::fs::remove_file(world.path("key")).unwrap();
    assert_eq!([check(""), check("verification = 'off'")], [1, 0]);
}

#[test]
fn the_key_is_shown_to_nobody() {
    let server = Server::start(|_, number| match number % 3 {
        0 => Says::Status(
            401,
            "",
            "{\"error\":{\"type\":\"wrong_key\",\"message\":\"sk-ant-api03-THEKEYTHATNOBODYMUSTSEE\"}}",
        ),
        1 => Says::Half,
        _ => Says::Claims,
    });
    let world = world("anthropic", &server, "");
    for number in 0..3 {
        write(&world, "ada/a.jsonl", &[&format!("No, {number}.")]);
        let args = ["run", "verification", "--sessions", "root", "--config", "mill.toml"];
        let said = world.mill_with(&args, &[("SESSIONMILL_LOG", "trace"), ("RUST_LOG", "trace")]);
        assert!(!format!("{said:?}").contains("THEKEY"), "{said:?}");
    }
    assert_eq!(server.requests().len(), 3);
    for table in ["session_failures", "processor_run_errors", "processor_pauses", "verification_claims"] {
        assert!(!world.rows(&format!("FROM {table}")).concat().contains("THEKEY"), "{table}");
    }
    let shown = world.mill(&["config", "show", "--config", "mill.toml"]);
    assert!(!format!("{shown:?}").contains("THEKEY"));
}

#[test]
fn a_suspect_is_tried_with_the_model_that_is_configured() {
    let server = Server::start(well);
    let world = world("anthropic", &server, "");
    write(&world, "bob/b.jsonl", &["No, it begins in May."]);
    let fault = [("SESSIONMILL_FAILPOINT", "abort:question@ada/a.jsonl")];
    let run = ["run", "verification", "--sessions", "root", "--config", "mill.toml"];
    assert_eq!(world.mill_with(&run, &fault).status, -6);
    let asked = server.requests().len();
    let said = world.mill_with(&run, &fault);
    assert_eq!(said.status, 1, "{said:?}");
    let failed = "failed `ada/a.jsonl`: crash: ends the process that reads it: signal 6";
    assert!(said.stdout.contains(failed), "{}", said.stdout);
    assert!(server.requests().len() <= asked + 1, "a trial asks nobody");
    assert_eq!(world.rows("SELECT session_file FROM verification_claims"), ["bob/b.jsonl"], "the other is dealt with");
    assert_eq!(world.mill_with(&run, &fault).status, 1, "a third run does not try it");

    // A call that happened to be in progress is read in the end, and paid for once.
    write(&world, "ada/a.jsonl", &["No, it begins in April.", "thanks", "No, in June."]);
    let said = world.mill(&run);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(world.rows("SELECT count(DISTINCT session_file) FROM verification_claims"), ["2"]);
}
