//! Slow, hostile and many clients must not keep others from being served.

#![cfg(feature = "console")]

use crate::console::{Console, PASSWORD, add, team};
use crate::world::{World, response};
use serde_json::{Value, json};
use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::{Duration, Instant};

/// The longest time that a normal client waits, even on a busy machine.
const SOON: Duration = Duration::from_secs(3);
/// The time limit for headers, as in src/console/server.rs, and some slack.
const HEADERS: Duration = Duration::from_secs(10);
const SLACK: Duration = Duration::from_secs(10);

/// Waits until the other side closes a connection. Returns what it sent before.
fn end(mut stream: &TcpStream, patience: Duration) -> Option<String> {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
        _ => Some(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

#[test]
fn slow_clients_are_cut_and_others_are_served() {
    let world = team();
    let token = add(&world, "ada", "member");
    let console = Console::start(&world, "request_timeout = \"2s\"\n");
    let connect = || TcpStream::connect(&console.address).unwrap();
    let begun = Instant::now();
    let idle: Vec<_> = (0..200).map(|_| connect()).collect();
    // A client that sent a request and keeps its connection open.
    let mut kept = connect();
    kept.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let dripping = connect();
    let drip = std::thread::spawn({
        let mut stream = dripping.try_clone().unwrap();
        move || {
            let header = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".iter().chain(&[b'x'; 2000]);
            for byte in header {
                std::thread::sleep(Duration::from_millis(100));
                if stream.write_all(&[*byte]).is_err() {
                    break;
                }
            }
        }
    });
    let mut stopped = connect();
    let head = "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n";
    stopped.write_all(format!("{head}Authorization: Bearer {token}\r\n\r\n{{\"event\"").as_bytes()).unwrap();
    for _ in 0..5 {
        let asked = Instant::now();
        assert_eq!(console.api("GET /sessions/order-1", &token).status, 200);
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    }
    let cut = end(&stopped, Duration::from_secs(2) + SLACK).unwrap();
    assert!(cut.starts_with("HTTP/1.1 408 "), "a body that stops: {cut}");
    let slow = HEADERS + SLACK;
    let cut = end(&dripping, slow).unwrap();
    assert!(!cut.contains(" 200 "), "a header of which a byte comes now and then: {cut}");
    assert!(end(&kept, slow).unwrap().contains(" 200 "));
    for stream in &idle {
        let left = (begun + slow).saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        assert!(end(stream, left).is_some(), "a connection on which nothing is asked");
    }
    drip.join().unwrap();
    assert_eq!(console.api("GET /sessions/order-1", &token).status, 200);
}

#[test]
fn what_nothing_is_named_is_nowhere() {
    let world = team();
    let tokens = [("root", "admin"), ("kim", "curator")].map(|(user, role)| add(&world, user, role));
    let console = Console::start(&world, "");
    let document = console.ask("GET /api/v1/openapi.json", &[], b"").json();
    let long = "x".repeat(64 << 10);
    let hostile = ["%00", "a%00b", "..%2f..%2fetc%2fpasswd", "%2F", "%FF%FE", "%0d%0aSet-Cookie:%20x=1", &long];
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some((before, rest)) = path.split_once('{') else { continue };
        let after = rest.split_once('}').unwrap().1.replace("{decision}", "approve");
        for (method, token) in
            methods.as_object().unwrap().keys().flat_map(|method| tokens.each_ref().map(|token| (method, token)))
        {
            for id in hostile {
                let request = format!("{} {before}{id}{after}", method.to_uppercase());
                let answer = console.api(&request, token);
                asked += 1;
                let request = &request[..request.len().min(100)];
                assert_eq!(answer.header("set-cookie"), None, "{request}");
                // Tasks can have any id. A list of tasks with an unknown short id is empty, not an error.
                let is_list = ["/sessions/", "/sessions/user/"].contains(&before) && after.is_empty();
                if is_list && answer.status == 200 {
                    assert!(!id.contains("%00") && id != long, "{request}");
                    assert_eq!(answer.json()["sessions"], json!([]), "{request}");
                    continue;
                }
                assert!([400, 403, 404, 414].contains(&answer.status), "{request}: {answer:?}");
            }
        }
    }
    assert!(asked >= 12 * 2 * hostile.len(), "{asked}");
    for path in ["/sessions/%00", "/sessions/user/%00", "/sessions/task/%00"] {
        assert_eq!(console.api(&format!("GET {path}"), &tokens[0]).status, 404, "{path}");
    }
    let name = console.log_in("a\0b", PASSWORD, &[]);
    assert_eq!(name.status, 401, "{name:?}");
    let body = json!({"label": "a\0b", "scopes": ["read"]}).to_string();
    let bearer = format!("Authorization: Bearer {}", tokens[0]);
    assert_eq!(console.ask("POST /api/v1/auth/tokens", &[&bearer], body.as_bytes()).status, 400);
}

/// A random value.
fn pick<'v>(random: &mut fastrand::Rng, from: &[&'v str]) -> &'v str {
    from[random.usize(..from.len())]
}

#[test]
fn whatever_anybody_asks_for_is_answered_as_it_is_described() {
    let world = team();
    let roles = ["member", "lead", "curator", "admin", "auditor"];
    let tokens = roles.map(|role| add(&world, &format!("a-{role}"), role));
    let console = Console::start(&world, "transcripts = true\n");
    let document = console.ask("GET /api/v1/openapi.json", &[], b"").json();
    let ids = ["t1", "order-1", "ada", "u-7", "tasks", "s1", "none", "%E2%80%AE", "a%2Fb", "%20", "-1", "0", "*"];
    let values = [
        "",
        "day",
        "-1",
        "99999999999999999999",
        "2026-02-30",
        "%00",
        "%FF",
        "'%20OR%201=1",
        "p1",
        "p-1",
        "true",
        "1e9",
    ];
    let bodies = [
        "",
        "{}",
        "[]",
        "null",
        "{\"into\": \"\\u0000\"}",
        "{\"label\": 1}",
        "[{\"event\": {}, \"distinct_id\": []}]",
        "\u{feff}{}",
        "{",
    ];
    let mut random = fastrand::Rng::with_seed(22);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            // A run that this starts would outlive the test.
            if path.ends_with("/runs") && method == "post" {
                continue;
            }
            for (role, token) in roles.iter().zip(&tokens) {
                let filled =
                    path.split('/').map(|part| if part.starts_with('{') { pick(&mut random, &ids) } else { part });
                let filled = filled.collect::<Vec<_>>().join("/");
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let named = parameters
                    .filter(|parameter| parameter["in"] == "query")
                    .map(|parameter| parameter["name"].as_str().unwrap());
                let query: Vec<_> = named.filter(|_| random.bool()).collect();
                let query: Vec<_> = query.iter().map(|name| format!("{name}={}", pick(&mut random, &values))).collect();
                let body = if method == "get" { "" } else { pick(&mut random, &bodies) };
                let request = format!("{} /api/v1{filled}?{}", method.to_uppercase(), query.join("&"));
                let answer = console.ask(&request, &[&format!("Authorization: Bearer {token}")], body.as_bytes());
                let told = format!("{role}: {request} {body:?}: {answer:?}");
                assert!((200..500).contains(&answer.status), "{told}");
                assert!(operation["responses"].get(answer.status.to_string()).is_some(), "{told}");
                let is_problem = answer.header("content-type") == Some("application/problem+json");
                assert_eq!(is_problem, answer.status >= 400, "{told}");
            }
        }
    }
}

#[test]
fn more_sessions_than_an_answer_holds_are_read_by_pages() {
    let world = World::new();
    let of = |number: u32| response(&format!("m{number}"), "10:00:00", 5).replace("\"s1\"", &format!("\"s{number}\""));
    world.write("ada/a.jsonl", (0..24_000).map(of).collect::<String>());
    world.pass();
    let ada = add(&world, "ada", "member");
    let console = Console::start(&world, "");
    let refused = console.api("GET /usage?by=session", &ada);
    assert_eq!(refused.status, 413);
    assert!(refused.json()["detail"].as_str().unwrap().ends_with("or for /usage/sessions, which has pages"));
    assert_eq!(console.api("GET /usage?by=session&until=2026-01-01", &ada).status, 200);
    let page = console.api("GET /usage/sessions?limit=2&cursor=p23998", &ada).json();
    let ids: Vec<_> = page["sessions"].as_array().unwrap().iter().map(|session| session["session"].clone()).collect();
    // All cost the same, so they are sorted by id, as text.
    assert_eq!(
        (ids, &page["total"], &page["next_cursor"]),
        (vec!["s9998".into(), "s9999".into()], &24_000.into(), &Value::Null)
    );
    assert_eq!(console.api("GET /usage/sessions?cursor=p24000", &ada).json()["sessions"], json!([]));
}

#[test]
fn who_fails_elsewhere_locks_nobody_out() {
    let world = team();
    let token = add(&world, "ada", "member");
    let console = Console::start(&world, "trusted_proxies = [\"127.0.0.1\"]\n");
    let at = |address: &str| format!("X-Forwarded-For: {address}");
    let [attacker, owner] = [at("203.0.113.7"), at("198.51.100.7")];
    let try_from = |address: &str, password: &str| console.log_in("ada", password, &[address]);
    let before = try_from(&attacker, PASSWORD);
    assert_eq!(before.status, 204, "{before:?}");
    let cookie = format!("Cookie: {}", before.cookie());
    let mut failures = 0;
    // Until the wait is long enough for the following checks.
    loop {
        let answer = try_from(&attacker, "wrong");
        let Some(wait) = answer.header("retry-after").map(|wait| wait.parse::<u64>().unwrap()) else {
            assert_eq!(answer.status, 401, "{answer:?}");
            failures += 1;
            continue;
        };
        assert!(answer.status == 429 && failures >= 5, "{failures}: {answer:?}");
        if wait > 4 {
            break;
        }
        std::thread::sleep(Duration::from_secs(wait));
    }
    assert_eq!(try_from(&attacker, PASSWORD).status, 429);
    assert_eq!(try_from(&at("203.0.113.99"), PASSWORD).status, 429, "the same network");
    // The part before the last address was written by the client, not by the proxy.
    assert_eq!(try_from(&at("198.51.100.7, 203.0.113.7"), PASSWORD).status, 429);
    // A request with a token or a login session does not count as an attempt.
    let bearer = format!("Authorization: Bearer {token}");
    for credential in [&bearer, &cookie] {
        assert_eq!(console.ask("GET /api/v1/auth/sessions", &[credential, &attacker], b"").status, 200);
    }
    assert_eq!(try_from(&owner, "wrong").status, 401, "elsewhere she may even err");
    assert_eq!(try_from(&owner, PASSWORD).status, 204);
}

#[test]
fn a_trusted_proxy_logs_its_users_in_to_the_api_and_to_the_pages() {
    let world = team();
    add(&world, "ada", "member");
    let console = Console::start(&world, "trusted_proxies = [\"127.0.0.1\"]\nsign_on_header = \"X-User\"\n");
    let by_proxy = |user: &str, request: &str, more: &[&str], body: &[u8]| {
        // A proxy that asks for a password itself passes it on.
        let user = format!("X-User: {user}");
        let headers = [&[&*user, "X-Forwarded-For: 198.51.100.7", "Authorization: Basic YWRhOng="], more].concat();
        console.ask(request, &headers, body)
    };
    let page = by_proxy("ada", "GET /", &[], b"");
    assert!(page.status == 200 && page.body.contains("You are <strong>ada</strong>"), "{page:?}");
    let log_in = by_proxy("ada", "GET /login", &[], b"");
    assert_eq!((log_in.status, log_in.header("location")), (303, Some("/")));
    assert_eq!(by_proxy("ada", "GET /api/v1/auth/sessions", &[], b"").status, 200);
    assert_eq!(by_proxy("eve", "GET /api/v1/auth/sessions", &[], b"").status, 403, "a user whom nobody has added");
    // A browser sends that password also where a page of another site makes it ask.
    let form = "Content-Type: application/x-www-form-urlencoded";
    let make = |site: &str| by_proxy("ada", "POST /account/sessions/end", &[form, site], b"").status;
    assert_eq!(["cross-site", "same-origin"].map(|site| make(&format!("Sec-Fetch-Site: {site}"))), [403, 303]);
}

#[test]
fn a_log_that_nobody_reads_stops_no_request() {
    let world = team();
    let token = add(&world, "ada", "member");
    let log = world.path("log");
    rustix::fs::mknodat(rustix::fs::CWD, &log, rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o600), 0)
        .unwrap();
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
    let mut pipe = fs::File::options().read(true).write(true).custom_flags(nonblocking).open(&log).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let console = Console::start_at(&world, &free.to_string());
    while pipe.write(&[b'\n'; 4096]).is_ok() {}
    while pipe.write(b"\n").is_ok() {}
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(console.log_in("ada", "wrong", &[]).status / 100, 4, "which the log tells of");
        assert_eq!(console.api("GET /sessions/order-1", &token).status, 200);
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    }
    let mut told = String::new();
    let begun = Instant::now();
    while !told.contains("login.failed") {
        assert!(begun.elapsed() < SLACK, "{told}");
        let mut part = [0; 4096];
        match pipe.read(&mut part) {
            Ok(bytes) => told += &String::from_utf8_lossy(&part[..bytes]),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[test]
fn lists_of_access_have_pages_and_times_of_one_form() {
    let world = team();
    let root = add(&world, "root", "admin");
    let create = |life: &str| {
        let named = ["console", "token", "create", "--user", "root", "--label", "more", "--scope", "read"];
        world.mill(&[&named[..], &["--expires-in", life]].concat())
    };
    assert_eq!(create("366d").status, 0);
    let refused = create("367d");
    assert_eq!((refused.status, &*refused.stderr), (64, "sessionmill: a token can be valid for at most 366 days\n"));
    let console = Console::start(&world, "");
    let bearer = format!("Authorization: Bearer {root}");
    for (life, status) in [("366d", 201), ("367d", 400), ("0s", 400)] {
        let body = json!({"label": "api", "scopes": ["read"], "expires_in": life}).to_string();
        assert_eq!(console.ask("POST /api/v1/auth/tokens", &[&bearer], body.as_bytes()).status, status, "{life}");
    }
    for _ in 0..3 {
        assert_eq!(console.log_in("root", PASSWORD, &[]).status, 204);
    }
    for (path, key) in [
        ("/auth/tokens", "tokens"),
        ("/auth/sessions", "sessions"),
        ("/audit", "entries"),
        ("/processors", "processors"),
    ] {
        let ask = |query: &str| console.api(&format!("GET {path}{query}"), &root).json();
        let all = ask("");
        let rows = all[key].as_array().unwrap();
        assert!(rows.len() >= 3 && all["total"] == rows.len() && all["next_cursor"].is_null(), "{all}");
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = ask(&format!("?limit=2&cursor={cursor}"));
            assert_eq!(page["total"], rows.len(), "{path}");
            pages.extend(page[key].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        let ids = |rows: &[Value]| rows.iter().map(|row| row["public_id"].clone()).collect::<Vec<_>>();
        assert_eq!((pages.len(), ids(&pages)), (rows.len(), ids(rows)), "{path}");
        assert_eq!(console.api(&format!("GET {path}?limit=0"), &root).status, 400, "{path}");
    }
    let entries = console.api("GET /audit", &root).json()["entries"].clone();
    for entry in entries.as_array().unwrap() {
        let at = entry["at"].as_str().unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(at).is_ok() && at.ends_with('Z'), "{at}");
    }
}

#[test]
fn a_timeline_is_that_of_the_command_line() {
    let world = team();
    let ada = add(&world, "ada", "member");
    let console = Console::start(&world, "");
    for (query, args) in [("", &[][..]), ("?kind=run", &["--kind", "run"]), ("?kind=task", &["--kind", "task"])] {
        let entries = console.api(&format!("GET /users/ada/timeline{query}"), &ada).json()["entries"].clone();
        let said = world.mill(&[&["timeline", "ada", "--json", "--no-refresh"], args].concat());
        assert_eq!(entries, serde_json::from_str::<Value>(&said.stdout).unwrap(), "{query}");
        assert!(!entries.as_array().unwrap().is_empty(), "{query}");
    }
    let all = console.api("GET /users/ada/timeline?kind=run,task,transcript,activity", &ada).json();
    let kinds: std::collections::BTreeSet<_> =
        all["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["activity", "run", "task", "transcript"]);
    assert_eq!(console.api("GET /users/ada/timeline?kind=nap", &ada).status, 400);
}
