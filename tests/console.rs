//! The console as a real process: who may log in, what they see, what they can change.

#![cfg(feature = "console")]

use crate::world::{World, response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sessionmill::base::holder::Holder;
use sessionmill::base::lock::ProcessorLock;
use sessionmill::store::{Access, Store};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Child;
use std::time::{Duration, Instant};

pub(crate) const PASSWORD: &str = "a long password";

/// A console, killed when dropped.
pub(crate) struct Console {
    process: Child,
    /// Such as `127.0.0.1:40001`.
    pub(crate) address: String,
    /// The path in its message, with the token of the link if there is one.
    path: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = self.headers.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: ")))?;
        Some(line.split_once(": ")?.1)
    }

    /// The cookie that a browser would send back.
    pub(crate) fn cookie(&self) -> String {
        self.header("set-cookie").unwrap_or_else(|| panic!("{self:?}")).split(';').next().unwrap().to_owned()
    }
}

impl Console {
    pub(crate) fn start(world: &World, config: &str) -> Self {
        Self::start_with(world, "", config)
    }

    /// A console with settings outside of `[console]`, too.
    pub(crate) fn start_with(world: &World, general: &str, config: &str) -> Self {
        let text = format!("{general}\n[console]\nlisten = \"127.0.0.1:0\"\n{config}");
        fs::write(world.path("c.toml"), text).unwrap();
        let process = world.service(&["console", "--config", "c.toml"]);
        let mut console = Self { process, address: String::new(), path: String::new() };
        let begun = Instant::now();
        while console.address.is_empty() {
            std::thread::sleep(Duration::from_millis(20));
            let log = fs::read_to_string(world.path("log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(120), "{log}");
            // The log is complete up to its last line feed.
            let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
            if let Some(url) = whole.lines().find_map(|line| line.strip_prefix("console: http://")) {
                let (address, path) = url.split_once('/').unwrap();
                (console.address, console.path) = (address.to_owned(), format!("/{path}"));
            }
        }
        console
    }

    /// A console whose log is not read, on a free address.
    pub(crate) fn start_at(world: &World, address: &str) -> Self {
        let process = world.service(&["console", "--listen", address]);
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(120));
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { process, address: address.to_owned(), path: "/".to_owned() }
    }

    /// The most memory that the process used, in bytes.
    pub(crate) fn peak_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// Sends a request as it is, and reads the whole answer.
    fn raw(&self, request: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let _ = stream.write_all(body);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, headers: headers.to_owned(), body: body.to_owned() }
    }

    /// Sends a request such as `GET /path`, with headers and a body.
    pub(crate) fn ask(&self, request: &str, headers: &[&str], body: &[u8]) -> Answer {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let host = if headers.to_lowercase().contains("host: ") { String::new() } else { "Host: localhost\r\n".into() };
        let length = body.len();
        let head =
            format!("{request} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
        self.raw(&head, body)
    }

    pub(crate) fn api(&self, request: &str, token: &str) -> Answer {
        let (method, path) = request.split_once(' ').unwrap();
        self.ask(&format!("{method} /api/v1{path}"), &[&format!("Authorization: Bearer {token}")], b"")
    }

    pub(crate) fn log_in(&self, user: &str, password: &str, headers: &[&str]) -> Answer {
        let body = json!({"username": user, "password": password}).to_string();
        self.ask("POST /api/v1/auth/login", headers, body.as_bytes())
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A world with usage of four people, tasks of one of them, and a token for each user of the console.
pub(crate) fn team() -> World {
    let world = World::new();
    for (user, id) in [("ada", "m1"), ("bob", "m2"), ("cyd", "m3")] {
        world.write(&format!("{user}/a.jsonl"), response(id, "10:00:00", 5));
    }
    let task = |id: &str, state: &str, task: &str, at: &str, data: Value| {
        json!({"specversion": "1.0", "id": id, "source": "/w", "type": format!("x.task.{state}"), "subject": task,
               "time": format!("2079-07-07T{at}Z"), "data": data})
        .to_string()
            + "\n"
    };
    let of = |kind: &str| json!({"short_id": "order-1", "task_type": kind, "user_id": "u-7", "prompt": "a mill"});
    let lines = [
        task("1", "created", "t1", "10:00:00", of("image_analysis")),
        task("2", "created", "t2", "10:01:00", of("video_generation")),
        task("3", "completed", "t2", "10:02:00", json!({"short_id": "order-1"})),
        task("4", "created", "t3", "10:03:00", of("scraping")),
        task("5", "created", "t4", "10:04:00", json!({"short_id": "<script>alert(1)</script>"})),
    ];
    world.write("ada/tasks.jsonl", lines.concat());
    world.pass();
    world
}

pub(crate) fn add(world: &World, user: &str, role: &str) -> String {
    add_person(world, user, role, user)
}

/// Adds a user whose data are those of a person or folder with another name.
pub(crate) fn add_person(world: &World, user: &str, role: &str, person: &str) -> String {
    fs::write(world.path("password"), format!("{PASSWORD}\n")).unwrap();
    let script = format!("$0 console user add {user} --role {role} --person '{person}' < password");
    let said = world.command("sh", &["-c", &script, env!("CARGO_BIN_EXE_sessionmill")], &[]);
    assert_eq!(said.status, 0, "{said:?}");
    let scopes = ["--scope", "read", "--scope", "run", "--scope", "ingest", "--scope", "admin"];
    let said = world.mill(&[&["console", "token", "create", "--user", user, "--label", "test"][..], &scopes].concat());
    assert_eq!(said.status, 0, "{said:?}");
    said.stdout.trim().to_owned()
}

#[test]
fn a_service_ignores_hang_ups_and_a_console_on_a_terminal_ends_with_it() {
    let world = World::new();
    world.write("ada/a.jsonl", "").pass();
    let console = Console::start(&world, "");
    kill_process(Pid::from_child(&console.process), Signal::HUP).unwrap();
    let begun = Instant::now();
    while !fs::read_to_string(world.path("log")).unwrap().contains("SIGHUP is ignored") {
        assert!(begun.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(console.ask("GET /health/live", &[], b"").status, 200);
    drop(console);
    // The tests themselves can run under `nohup`, which lets all processes below it ignore the signal.
    let script = "env --default-signal=HUP \"$0\" console --config c.toml </dev/tty 2>tty & \
                  until grep -q serving tty; do sleep 0.1; done; kill -HUP $!; wait $!; echo \"ended with $?\"";
    let script = format!("sh -c '{script}' {}", env!("CARGO_BIN_EXE_sessionmill"));
    let said = world.command("timeout", &["120", "script", "-qec", &script, "/dev/null"], &[]);
    assert!(said.stdout.contains("ended with 0"), "{said:?}");
}

#[test]
fn on_a_laptop_a_link_lets_its_owner_in_once() {
    let world = team();
    let console = Console::start(&world, "");
    let page = console.ask("GET /", &[], b"");
    assert_eq!((page.status, page.header("location")), (303, Some("/login")));
    assert_eq!(console.ask("GET /link?token=wrong", &[], b"").status, 403);
    let looked = console.ask(&format!("HEAD {}", console.path), &[], b"");
    assert_eq!((looked.status, looked.header("set-cookie")), (204, None), "a program that only looks");
    let entered = console.ask(&format!("GET {}", console.path), &[], b"");
    assert_eq!(entered.status, 200, "{entered:?}");
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let csp = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
    assert_eq!(entered.header("content-security-policy"), Some(csp));
    // With `no-referrer`, browsers would send `Origin: null` with the forms of the page.
    assert_eq!(entered.header("referrer-policy"), Some("same-origin"));
    assert_eq!(entered.header("cache-control"), Some("no-store"));
    assert_eq!(console.ask(&format!("GET {}", console.path), &[], b"").status, 403, "it was used");
    let cookie = format!("Cookie: {}", entered.cookie());
    let page = console.ask("GET /", &[&cookie], b"");
    assert!(page.body.contains("this one"), "{page:?}");
    let foreign = console.ask("GET /", &[&cookie, "Host: evil.example"], b"");
    assert_eq!(foreign.status, 421, "a name that an attacker has given the address of this machine");
    let usage = console.ask("GET /api/v1/usage?by=user", &[&cookie], b"").json();
    assert_eq!(usage["rows"].as_array().unwrap().len(), 3, "{usage}");
}

#[test]
fn a_log_in_is_a_new_session_and_a_log_out_its_end() {
    let world = team();
    add(&world, "ada", "member");
    let console = Console::start(&world, "");
    assert_eq!(console.path, "/", "with users there is no link");
    let first = console.log_in("ada", PASSWORD, &[]);
    assert_eq!(first.status, 204, "{first:?}");
    let old = format!("Cookie: {}", first.cookie());
    let fixed = console.log_in("ada", PASSWORD, &["Cookie: sessionmill=0123"]);
    assert!(!fixed.cookie().contains("0123"), "a secret that somebody else chose is worth nothing");
    let again = console.log_in("ada", PASSWORD, &[&old]);
    assert_eq!(console.ask("GET /api/v1/auth/sessions", &[&old], b"").status, 401, "the one before is dead");
    let new = format!("Cookie: {}", again.cookie());
    let sessions = console.ask("GET /api/v1/auth/sessions", &[&new], b"").json();
    assert_eq!(sessions["total"], 2);
    // Requests from a page of another site, by a form or a script.
    for header in ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site", "Origin: null"] {
        let refused = console.ask("POST /api/v1/auth/logout", &[&new, header], b"");
        assert_eq!(refused.status, 403, "{header}");
    }
    let others = console.ask("DELETE /api/v1/auth/sessions", &[&new, "Origin: http://localhost"], b"");
    assert_eq!(others.json(), json!({"ended": 1}));
    let out = console.ask("POST /api/v1/auth/logout", &[&new, "Sec-Fetch-Site: same-origin"], b"");
    assert_eq!((out.status, out.header("clear-site-data")), (204, Some("\"cache\", \"cookies\", \"storage\"")));
    assert_eq!(console.ask("GET /api/v1/auth/sessions", &[&new], b"").status, 401);
}

#[test]
fn wrong_log_ins_look_alike_and_have_to_wait() {
    let world = team();
    add(&world, "ada", "member");
    let console = Console::start(&world, "");
    let wrong = |user: &str| {
        let answer = console.log_in(user, "wrong", &[]);
        (answer.status, answer.body)
    };
    let body = json!({"type": "about:blank", "title": "Unauthorized", "status": 401,
        "detail": "the name or the password is wrong"});
    for user in ["ada", "nobody", "' OR 1=1 --", "", "ada"] {
        assert_eq!(wrong(user), (401, body.to_string()), "{user}");
    }
    let waiting = (0..20).map(|_| console.log_in("ada", "wrong", &[])).find(|answer| answer.status == 429).unwrap();
    assert!(waiting.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

#[test]
fn a_right_password_does_not_count_as_wrong_while_the_store_is_away() {
    let world = team();
    add(&world, "ada", "member");
    let console = Console::start(&world, "");
    let store = format!("sqlite://{}", world.database().with_file_name("console.sqlite").display());
    crate::store_server::ask(&store, "ALTER TABLE users RENAME TO away").unwrap();
    let answers: Vec<_> = (0..30).map(|_| console.log_in("ada", PASSWORD, &[]).status).collect();
    assert_eq!(answers, [503; 30]);
    crate::store_server::ask(&store, "ALTER TABLE away RENAME TO users").unwrap();
    assert_eq!(console.log_in("ada", PASSWORD, &[]).status, 204);
}

#[test]
fn whoever_has_a_cookie_of_another_key_can_log_in_and_out() {
    let world = team();
    add(&world, "ada", "member");
    let with_key = |key: &str| {
        fs::write(world.path("key"), key.repeat(32)).unwrap();
        // The log of the console before has its address.
        let _ = fs::remove_file(world.path("log"));
        Console::start(&world, &format!("data_key = \"{}\"", world.path("key").display()))
    };
    let console = with_key("07");
    let [first, second] = [(); 2].map(|()| format!("Cookie: {}", console.log_in("ada", PASSWORD, &[]).cookie()));
    drop(console);
    let console = with_key("08");
    let status = |cookie: &str| console.ask("GET /api/v1/auth/sessions", &[cookie], b"").status;
    assert_eq!((status(&first), console.ask("GET /login", &[&first], b"").status), (401, 200));
    let third = console.log_in("ada", PASSWORD, &[&first]);
    assert_eq!(third.status, 204, "{third:?}");
    assert_eq!(console.ask("POST /api/v1/auth/logout", &[&second], b"").status, 204);
    let third = format!("Cookie: {}", third.cookie());
    let list = console.ask("GET /api/v1/auth/sessions", &[&third], b"").json();
    assert_eq!(list["total"], 1, "those of the other key have ended: {list}");
    drop(console);
    let console = with_key("07");
    let status = |cookie: &str| console.ask("GET /api/v1/auth/sessions", &[cookie], b"").status;
    assert_eq!([&first, &second].map(|cookie| status(cookie)), [401, 401], "also with their own key");
}

#[test]
fn the_audit_log_has_attempts_that_failed_and_which_session_ended() {
    let world = team();
    add(&world, "ada", "member");
    let root = add(&world, "root", "admin");
    let console = Console::start(&world, "");
    let [cookie, other] = [(); 2].map(|()| format!("Cookie: {}", console.log_in("ada", PASSWORD, &[]).cookie()));
    let nobody = console.log_in("a\0b", PASSWORD, &[]);
    assert_eq!((nobody.status, nobody.json()["detail"].as_str()), (401, Some("the name or the password is wrong")));
    let form = "Content-Type: application/x-www-form-urlencoded";
    let changed = console.ask("POST /account/password", &[&cookie, form], b"old=wrong&new=another+long+password");
    assert_eq!(changed.status, 403, "{changed:?}");
    let sessions = console.ask("GET /api/v1/auth/sessions", &[&cookie], b"").json();
    let ended = sessions["sessions"].as_array().unwrap().iter().find(|session| session["is_current"] == false);
    let ended = ended.unwrap()["public_id"].as_str().unwrap();
    assert_eq!(console.ask(&format!("DELETE /api/v1/auth/sessions/{ended}"), &[&cookie], b"").status, 204);
    assert_eq!(console.ask("GET /api/v1/auth/sessions", &[&other], b"").status, 401);
    let log = console.api("GET /audit", &root).json();
    // Below are those of the commands that added the users.
    let entries = &log["entries"].as_array().unwrap()[..5];
    let events: Vec<_> = entries.iter().map(|entry| (entry["event"].as_str(), entry["actor"].as_str())).collect();
    let expected = [
        ("session.ended", "ada"),
        ("password.failed", "ada"),
        ("login.failed", "a b"),
        ("login", "ada"),
        ("login", "ada"),
    ];
    assert_eq!(events, expected.map(|(event, actor)| (Some(event), Some(actor))));
    // The mark of the session that ended is that of its log-in, which is the second one.
    assert_eq!(
        (&entries[0]["object"], &entries[0]["session_mark"]),
        (&entries[3]["session_mark"], &entries[4]["session_mark"])
    );
    assert_ne!(entries[3]["session_mark"], entries[4]["session_mark"]);
    let total = log["total"].as_u64().unwrap();
    let last = console.api(&format!("GET /audit?limit={total}"), &root).json();
    assert_eq!((last["entries"].as_array().map(Vec::len), &last["next_cursor"]), (Some(total as usize), &Value::Null));
    let page = console.ask("GET /audit", &[&cookie], b"").body;
    let mark = format!("<td>{}</td>", entries[3]["session_mark"].as_str().unwrap());
    assert!(page.contains("<th>Session</th>") && page.contains(&mark), "{page}");
    for path in ["/account/tokens", "/account/password", "/account/sessions/end"] {
        let again = console.ask(&format!("GET {path}"), &[&cookie], b"");
        assert_eq!((again.status, again.header("location")), (303, Some("/")), "{path}: {again:?}");
    }
}

#[test]
fn a_browser_gets_a_page_where_a_program_gets_a_problem() {
    let world = team();
    add(&world, "ada", "member");
    let console = Console::start(&world, "");
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";
    let page = console.ask("GET /nowhere", &[browser], b"");
    assert_eq!((page.status, page.header("content-type")), (404, Some("text/html; charset=utf-8")), "{page:?}");
    assert!(page.body.contains("there is no such path"), "{page:?}");
    for (path, accept) in [("/nowhere", "Accept: */*"), ("/nowhere", "Accept: text/html;q=0"), ("/api/v1/no", browser)]
    {
        let problem = console.ask(&format!("GET {path}"), &[accept], b"");
        assert_eq!(
            (problem.status, problem.header("content-type")),
            (404, Some("application/problem+json")),
            "{accept}"
        );
    }
    // Somebody who has to wait is told how long.
    let form = "Content-Type: application/x-www-form-urlencoded";
    let try_now = || console.ask("POST /login", &[browser, form], b"username=ada&password=wrong");
    let waiting = (0..20).map(|_| try_now()).find(|answer| answer.status == 429).unwrap();
    let seconds = waiting.header("retry-after").unwrap();
    assert!(waiting.body.contains(&format!("try again in {seconds} s")), "{waiting:?}");
    // The store goes away.
    let store = world.path("data/console.sqlite");
    for part in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{part}", store.display()));
    }
    fs::create_dir(&store).unwrap();
    drop(console);
    fs::remove_file(world.path("log")).unwrap();
    let console = Console::start(&world, "");
    let cookie = "Cookie: sessionmill=0000000000000000000000000000000000000000000000000000000000000000";
    let away = console.ask("GET /", &[browser, cookie], b"");
    assert_eq!(
        (away.status, away.header("content-type"), away.header("retry-after")),
        (503, Some("text/html; charset=utf-8"), Some("5")),
        "{away:?}"
    );
}

#[test]
fn the_task_endpoints_answer_as_their_contract_says() {
    let world = team();
    let token = add(&world, "ada", "member");
    let console = Console::start(&world, "");
    let list = |query: &str| console.api(&format!("GET /sessions/order-1{query}"), &token).json();
    let ids = |list: &Value| {
        let ids = list["sessions"].as_array().unwrap().iter().map(|task| task["task_id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let open = list("");
    assert_eq!(
        (ids(&open), &open["total_sessions"], &open["short_id"]),
        (vec!["t1".into()], &1.into(), &"order-1".into())
    );
    assert!(open["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(ids(&list("?include=closed")), ["t2", "t1"], "the newest first, and none of an excluded type");
    assert_eq!(ids(&list("?status=completed")), ["t2"]);
    assert_eq!(ids(&list("?task_type=image_analysis&include=closed")), ["t1"]);
    let page = list("?include=closed&limit=1");
    assert_eq!((ids(&page), &page["total_sessions"]), (vec!["t2".into()], &2.into()));
    let next = list(&format!("?include=closed&limit=1&cursor={}", page["next_cursor"].as_str().unwrap()));
    assert_eq!((ids(&next), &next["next_cursor"]), (vec!["t1".into()], &Value::Null));
    let nothing = console.api("GET /sessions/unknown", &token);
    assert_eq!(
        (nothing.status, &nothing.json()["sessions"], &nothing.json()["total_sessions"]),
        (200, &json!([]), &0.into())
    );
    let task = console.api("GET /sessions/task/t1", &token).json();
    let expected = [
        ("short_id", "order-1"),
        ("task_type", "image_analysis"),
        ("task_id", "t1"),
        ("user_id", "u-7"),
        ("status", "active"),
        ("created_at", "2079-07-07T10:00:00.000000Z"),
        ("updated_at", "2079-07-07T10:00:00.000000Z"),
    ];
    for (key, value) in expected {
        assert_eq!(task[key], value, "{key}");
    }
    for (path, status) in [
        ("/sessions/task/t2", 404),
        ("/sessions/task/t2?include=closed", 200),
        ("/sessions/task/t3?include=closed", 404),
        ("/sessions/task/unknown", 404),
        ("/sessions/user/u-7", 200),
        ("/sessions/order-1?status=lost", 400),
        ("/sessions/order-1?limit=501", 400),
        ("/sessions/order-1?cursor=x", 400),
        ("/sessions/order-1?colour=red", 400),
    ] {
        assert_eq!(console.api(&format!("GET {path}"), &token).status, status, "{path}");
    }
}

#[test]
fn what_is_others_is_not_there() {
    let world = team();
    let [bob, lead] = [("bob", "member"), ("eve", "lead")].map(|(user, role)| add(&world, user, role));
    let console = Console::start(&world, "");
    assert_eq!(console.api("GET /sessions/task/t1", &bob).body, console.api("GET /sessions/task/none", &bob).body);
    assert_eq!(console.api("GET /sessions/order-1", &bob).json()["total_sessions"], 0);
    let task = console.api("GET /sessions/task/t1", &lead);
    assert_eq!((task.status, &task.json()["data"]), (200, &Value::Null), "without its content");
    let rows = |path: &str, token: &str| console.api(&format!("GET {path}"), token).json()["rows"].clone();
    let own = rows("/usage?by=user", &bob);
    assert_eq!((own.as_array().unwrap().len(), &own[0]["user"]), (1, &"bob".into()));
    assert_eq!(rows("/usage?by=user", &lead).as_array().unwrap().len(), 3);
    assert_eq!(console.api("GET /usage?user=ada", &bob).status, 404);
    let day = rows("/usage?by=day", &bob);
    assert_eq!((day.as_array().unwrap().len(), &day[0]["responses"]), (1, &3.into()), "three people");
    assert_eq!(rows("/files", &bob).as_array().unwrap().len(), 1);
    assert_eq!(rows("/files", &lead).as_array().unwrap().len(), 4);
    for path in ["/users/ada/timeline", "/usage/sessions/s", "/activity-sessions/none"] {
        assert_eq!(console.api(&format!("GET {path}"), &bob).status, 404, "{path}");
    }
    for path in
        ["/users/bob/timeline", "/activity-sessions", "/knowledge", "/usage/sessions", "/failures", "/processors"]
    {
        assert_eq!(console.api(&format!("GET {path}"), &bob).status, 200, "{path}");
    }
    assert_eq!(console.api("GET /runs", &bob).status, 403);
    assert_eq!(console.api("POST /knowledge/k/approve", &bob).status, 403);
}

#[test]
fn an_answer_does_not_tell_what_others_have() {
    let world = team();
    let of_dan =
        response("m4", "11:00:00", 5).replace("claude-opus-4-6", "model-of-dan").replace("ada/shop", "dan/mill");
    world.write("dan/b.jsonl", of_dan);
    world.pass();
    let bob = add(&world, "bob", "member");
    let lead = add(&world, "eve", "lead");
    let console = Console::start(&world, "");
    let seen = console.api("GET /usage?by=model&model=model-of-dan", &lead).json();
    assert_eq!(seen["rows"][0]["responses"], 1, "{seen}");
    for query in ["by=day&model=MODEL", "by=month&model=MODEL&agent=claude-code", "by=branch&model=MODEL"] {
        let ask = |model: &str| console.api(&format!("GET /usage?{}", query.replace("MODEL", model)), &bob);
        let why = |model: &str| {
            let answer = ask(model);
            (answer.status, answer.json()["detail"].as_str().unwrap().replace(&format!("`{model}`"), "`X`"))
        };
        let unknown = (400, "unknown model `X`; known: `claude-opus-4-6`".to_owned());
        for model in ["model-of-dan", "model", "model-of-nobody"] {
            assert_eq!(why(model), unknown, "{query}");
        }
        let of_all = ask("opus");
        assert_eq!(of_all.status, 200, "a name that three people have is known: {of_all:?}");
    }
    let ask =
        |project: &str, token: &str| console.api(&format!("GET /usage?by=path&project=%2Fhome%2F{project}"), token);
    assert_eq!(ask("dan%2Fmill", &lead).json()["rows"][0]["path"], "/home/dan/mill");
    let why = |project: &str| ask(project, &bob).json()["detail"].as_str().unwrap().replace(project, "X");
    assert_eq!(why("dan%2Fmill").replace("dan/", "X/"), why("nobody%2Fmill").replace("nobody/", "X/"));
    let own = console.api("GET /usage?by=path&project=shop", &bob).json();
    assert_eq!(own["rows"][0]["path"], "/home/ada/shop", "{own}");
}

#[test]
fn a_session_of_an_agent_is_found_by_the_beginning_of_its_id() {
    let world = World::new();
    for (user, id, session) in
        [("ada", "m1", "5e551"), ("ada", "m2", "5e552"), ("bob", "m3", "5e553"), ("bob", "m4", "b0b")]
    {
        world.write(
            &format!("{user}/{id}.jsonl"),
            response(id, "10:00:00", 5).replace("\"s1\"", &format!("\"{session}\"")),
        );
    }
    world.pass();
    let [ada, lead] = [("ada", "member"), ("eve", "lead")].map(|(user, role)| add(&world, user, role));
    let console = Console::start(&world, "");
    let ask = |id: &str, token: &str| {
        let answer = console.api(&format!("GET /usage/sessions/{id}"), token);
        (answer.status, answer.json()["session"].as_str().map(str::to_owned))
    };
    assert_eq!(ask("b0", &lead), (200, Some("b0b".to_owned())));
    assert_eq!(ask("5e552", &lead), (200, Some("5e552".to_owned())));
    assert_eq!((ask("5e5", &lead).0, ask("5e5", &ada).0), (400, 400), "several");
    assert_eq!((ask("b0", &ada).0, ask("b1", &lead).0), (404, 404), "somebody else's, and nobody's");
}

#[test]
fn lists_are_read_page_by_page() {
    let world = team();
    let lead = add(&world, "eve", "lead");
    let console = Console::start(&world, "");
    for (path, key) in [("/files", "session_file"), ("/runs", "processor")] {
        let all = console.api(&format!("GET {path}"), &lead).json();
        let rows = all["rows"].as_array().unwrap();
        assert!(rows.len() > 2 && all["total"] == rows.len() && all["next_cursor"].is_null(), "{all}");
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = console.api(&format!("GET {path}?limit=2&cursor={cursor}"), &lead).json();
            assert_eq!(page["total"], rows.len());
            pages.extend(page["rows"].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        assert_eq!(&pages, rows, "{key}");
    }
    let runs = console.api("GET /runs?processor=tasks", &lead).json();
    assert!(runs["rows"].as_array().unwrap().iter().all(|run| run["processor"] == "tasks") && runs["total"] == 1);
    let entries = |query: &str| console.api(&format!("GET /audit{query}"), &lead).json();
    let root = add(&world, "root", "admin");
    let all = console.api("GET /audit", &root).json()["entries"].clone();
    let first = console.api("GET /audit?limit=1", &root).json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = console.api(&format!("GET /audit?limit=1&cursor={cursor}"), &root).json();
    assert_eq!((&first["entries"][0], &second["entries"][0]), (&all[0], &all[1]));
    assert_eq!(first["total"], all.as_array().unwrap().len());
    assert_eq!(entries("")["entries"], json!([]), "what a lead did and what was read of theirs");
}

#[test]
fn a_title_from_a_prompt_is_content() {
    let world = World::new();
    let prompt = json!({"type": "user", "uuid": "u1", "sessionId": "s1", "timestamp": "2026-02-01T09:00:00Z",
                        "message": {"role": "user", "content": "Oil the mill"}});
    world.write("ada/a.jsonl", prompt.to_string() + "\n" + &response("m1", "10:00:00", 5));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let [ada, lead] = [("ada", "member"), ("eve", "lead")].map(|(user, role)| add(&world, user, role));
    let console = Console::start(&world, "");
    for (token, title, source) in [(&ada, json!("Oil the mill"), json!("prompt")), (&lead, Value::Null, Value::Null)] {
        let list = console.api("GET /usage/sessions", token).json()["sessions"][0].clone();
        let one = console.api("GET /usage/sessions/s1", token).json();
        let prompt = &one["by_prompt"][0];
        assert_eq!(
            (&prompt["prompt"], &prompt["time"], &prompt["responses"]),
            (&title, &json!("2026-02-01T09:00:00Z"), &json!(1))
        );
        for session in [list, one] {
            assert_eq!((&session["title"], &session["title_source"]), (&title, &source), "{session}");
        }
    }
    // A timeline has titles only for viewers who may read what people wrote, and costs for all.
    let about = |token: &str| {
        let timeline = console.api("GET /users/ada/timeline?kind=transcript", token).json();
        timeline["entries"].as_array().unwrap().iter().map(|entry| entry["about"].to_string()).collect::<String>()
    };
    let (own, of_lead) = (about(&ada), about(&lead));
    assert!(own.contains("Oil the mill · ") && !of_lead.contains("Oil the mill"), "{own} {of_lead}");
    assert!(own.contains("$0.01") && of_lead.contains("$0.01"), "{own} {of_lead}");
}

#[test]
fn a_title_without_a_time_does_not_call_a_prompt_the_clients() {
    let world = World::new();
    let prompt = json!({"type": "user", "uuid": "u1", "sessionId": "s1", "timestamp": "2026-02-01T09:00:00Z",
                        "message": {"role": "user", "content": "A secret talk with Miller"}});
    world.write("ada/one/s1.jsonl", prompt.to_string() + "\n" + &response("m1", "10:00:00", 5));
    let title = json!({"type": "custom-title", "customTitle": "Harmless", "sessionId": "s1"});
    world.write("ada/two/s1.jsonl", title.to_string() + "\n");
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let lead = add(&world, "eve", "lead");
    let console = Console::start(&world, "");
    let session = console.api("GET /usage/sessions", &lead).json()["sessions"][0].clone();
    assert_eq!((&session["title"], &session["title_source"]), (&json!("Harmless"), &json!("client")), "{session}");
}

#[test]
fn what_others_said_in_a_session_of_the_same_id_is_theirs() {
    let world = World::new();
    let prompt = json!({"type": "user", "uuid": "u1", "sessionId": "s1", "timestamp": "2026-02-01T09:00:00Z",
                        "message": {"role": "user", "content": "A secret talk with Miller"}});
    let of = |id: &str, session: &str| response(id, "10:00:00", 5).replace("\"s1\"", &format!("\"{session}\""));
    // By its first line, the file belongs to another session.
    world.write("bob/s0.jsonl", of("m0", "s0") + &prompt.to_string() + "\n");
    world.write("ada/s1.jsonl", of("m1", "s1")).write("ada/s2.jsonl", of("m2", "s2"));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let ada = add(&world, "ada", "member");
    let console = Console::start(&world, "");
    assert_eq!(console.api("GET /usage/sessions/s1", &ada).status, 404);
    assert_eq!(console.api("GET /usage/sessions/s2", &ada).status, 200);
}

#[test]
fn knowledge_is_told_in_ones_own_words() {
    let world = World::new();
    let said = |user: &str, minute: u32, words: &str| {
        let prompt = json!({"type": "user", "uuid": format!("u-{user}"), "sessionId": format!("s-{user}"),
                            "timestamp": format!("2026-02-01T09:{minute:02}:00Z"), "cwd": "/home/shop",
                            "message": {"role": "user", "content": words}});
        let session = format!("\"s-{user}\"");
        world.write(
            &format!("{user}/a.jsonl"),
            prompt.to_string() + "\n" + &response(user, "10:00:00", 5).replace("\"s1\"", &session),
        );
    };
    said("bob", 1, "By CHURN we mean the share of customers of Miller Ltd who cancel before layoffs.");
    said("ada", 2, "By CHURN we mean the share of customers who cancel.");
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let [ada, cyd] = [("ada", "member"), ("cyd", "curator")].map(|(user, role)| add(&world, user, role));
    let console = Console::start(&world, "");
    let items =
        |query: &str, token: &str| console.api(&format!("GET /knowledge{query}"), token).json()["items"].clone();
    let all = items("", &cyd);
    assert_eq!(all.as_array().map(Vec::len), Some(1), "they are one item: {all}");
    assert!(all[0]["content"].as_str().unwrap().contains("Miller"), "{all}");
    let own = items("", &ada);
    assert_eq!(own[0]["content"], "By CHURN we mean the share of customers who cancel.", "{own}");
    assert!(!own.to_string().contains("Miller"), "{own}");
    assert_eq!((items("?text=miller", &ada), items("?text=CHURN", &ada)), (json!([]), own.clone()));
    let id = own[0]["item_id"].as_str().unwrap();
    let one = console.api(&format!("GET /knowledge/{id}"), &ada).json();
    assert!(!one.to_string().contains("Miller"), "{one}");
    // Of two people, each would learn from the figures when the other one said it.
    let figures = |item: &Value| {
        let keys = ["evidence", "definitions", "sessions", "verifiers", "first_verified", "last_verified"];
        keys.map(|key| item[key].clone())
    };
    let [first, second] = ["2026-02-01T09:01:00Z", "2026-02-01T09:02:00Z"];
    for own in [&own[0], &one["item"]] {
        assert_eq!(figures(own), [json!(1), json!(1), json!(1), json!(1), json!(second), json!(second)], "{own}");
        let said = world.rows("SELECT signs FROM verification_claims WHERE username = 'ada'").remove(0);
        assert_eq!(own["signs"], serde_json::from_str::<Value>(&said).unwrap(), "{own}");
        let confidence = |item: &Value| item["confidence"].as_f64().unwrap();
        assert!(confidence(own) < confidence(&all[0]), "{own}");
    }
    assert_eq!(figures(&all[0]), [json!(2), json!(2), json!(2), json!(2), json!(first), json!(second)]);
    let shown = |query: &str| items(query, &ada).as_array().map(Vec::len);
    let between = (own[0]["confidence"].as_f64().unwrap() + all[0]["confidence"].as_f64().unwrap()) / 2.0;
    assert_eq!(shown(&format!("?min_confidence={between}")), Some(0), "of their own evidence, too");
    said("dan", 3, "By CHURN we mean the share of customers who cancel.");
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let of_three = items("", &ada)[0].clone();
    assert_eq!((&of_three["verifiers"], &of_three["first_verified"]), (&json!(3), &json!(first)), "{of_three}");
    assert_eq!(of_three["content"], "By CHURN we mean the share of customers who cancel.");
}

#[test]
fn an_imported_login_session_has_the_rights_of_its_user_only() {
    let world = team();
    add(&world, "ada", "member");
    let row = |id: &str, user: &str, data: &str| {
        format!("('{id}', '{user}', 0, 0, 32503680000, '192.0.2.9', 'Firefox', 1, '{data}')")
    };
    let rows = [
        row("older-1", "ada", r#"{"by": "link", "moved": true}"#),
        row("older-2", "nobody", r#"{"by": "link"}"#),
        row("older-3", "ada", r#"["by"]"#),
    ];
    let older = format!("sqlite://{}", world.path("older.sqlite").display());
    let table = "CREATE TABLE sessions (id TEXT, user_id TEXT, created_at INTEGER, last_accessed_at INTEGER,
        expires_at INTEGER, ip_address TEXT, user_agent TEXT, is_active INTEGER, data TEXT)";
    crate::store_server::ask(&older, &format!("{table}; INSERT INTO sessions VALUES {}", rows.join(", "))).unwrap();
    let said = world.mill(&["console", "sessions", "import", &older]);
    let expected = "2 login sessions taken over, 1 of users whom the console does not have\n\
                    no users of the console: nobody; add them and import again\n";
    assert_eq!((said.status, &*said.stderr), (0, expected));
    let console = Console::start(&world, "");
    let status = |path: &str, secret: &str| {
        console.ask(&format!("GET /api/v1{path}"), &[&format!("Cookie: sessionmill={secret}")], b"").status
    };
    for (secret, own, of_all) in [("older-1", 200, 403), ("older-2", 401, 401), ("older-3", 200, 403)] {
        assert_eq!((status("/usage", secret), status("/runs", secret)), (own, of_all), "{secret}");
    }
    let root = add(&world, "root", "admin");
    let entries = console.api("GET /audit", &root).json()["entries"].to_string();
    assert_eq!(entries.matches("session.moved").count(), 2, "what the older program noted hides nothing: {entries}");
}

#[test]
fn an_import_that_was_interrupted_is_in_the_audit_log_and_can_be_repeated() {
    let world = team();
    add(&world, "ada", "member");
    let root = add(&world, "root", "admin");
    let older = format!("sqlite://{}", world.path("older.sqlite").display());
    let row = |id: u32| format!("('older-{id}', 'ada', 0, 0, 32503680000, NULL, NULL, 1, NULL)");
    let table = "CREATE TABLE sessions (id TEXT, user_id TEXT, created_at INTEGER, last_accessed_at INTEGER,
        expires_at INTEGER, ip_address TEXT, user_agent TEXT, is_active INTEGER, data TEXT)";
    let rows = [row(1), row(2), row(3)].join(", ");
    crate::store_server::ask(&older, &format!("{table}; INSERT INTO sessions VALUES {rows}")).unwrap();
    let store = format!("sqlite://{}", world.database().with_file_name("console.sqlite").display());
    // The store fails after the second session.
    let fails = "CREATE TRIGGER fails BEFORE INSERT ON imported_sessions
                 WHEN (SELECT count(*) FROM imported_sessions) = 2 BEGIN SELECT abs(-9223372036854775807 - 1); END";
    crate::store_server::ask(&store, fails).unwrap();
    let said = world.mill(&["console", "sessions", "import", &older]);
    let expected = "2 login sessions taken over\n\
                    sessionmill: the account store cannot be used: the database refused the statement (code 1)\n  \
                    hint: import again: what was taken over stays so\n";
    assert_eq!((said.status, &*said.stderr), (2, expected));
    crate::store_server::ask(&store, "DROP TRIGGER fails").unwrap();
    let said = world.mill(&["console", "sessions", "import", &older]);
    assert_eq!((said.status, &*said.stderr), (0, "1 login session taken over, 2 taken over before\n"));
    let console = Console::start(&world, "");
    let entries = console.api("GET /audit", &root).json()["entries"].clone();
    let imports = entries.as_array().unwrap().iter().filter(|entry| entry["event"] == "sessions.imported");
    assert_eq!(imports.map(|entry| entry["object"].clone()).collect::<Vec<_>>(), ["1", "2"]);
}

#[test]
fn requests_at_the_same_moment_are_let_in_with_the_cookie_of_an_older_program() {
    let world = team();
    add(&world, "ada", "member");
    let older = format!("sqlite://{}", world.path("older.sqlite").display());
    let table = "CREATE TABLE sessions (id TEXT, user_id TEXT, created_at INTEGER, last_accessed_at INTEGER,
        expires_at INTEGER, ip_address TEXT, user_agent TEXT, is_active INTEGER, data TEXT);
        INSERT INTO sessions VALUES ('older-1', 'ada', 0, 0, 32503680000, NULL, NULL, 1, NULL)";
    crate::store_server::ask(&older, table).unwrap();
    assert_eq!(world.mill(&["console", "sessions", "import", &older]).status, 0);
    let console = Console::start(&world, "older_cookie = \"older\"");
    let ask = |cookie: &str| console.ask("GET /api/v1/auth/sessions", &[&format!("Cookie: {cookie}")], b"");
    let first = ask("older=older-1");
    assert_eq!((first.status, ask(&first.cookie()).status), (200, 200));
    let second = ask("older=older-1");
    assert_eq!((second.status, second.header("set-cookie")), (200, None), "one that came a moment later");
    assert_eq!(console.ask("POST /api/v1/auth/logout", &[&format!("Cookie: {}", first.cookie())], b"").status, 204);
    let said = world.mill(&["console", "sessions", "import", &older]);
    assert_eq!(&*said.stderr, "0 login sessions taken over, 1 taken over before\n");
    assert_eq!(ask("older=older-1").status, 401, "it was logged out");
}

#[test]
fn a_change_of_the_password_kills_the_cookie_that_it_renews() {
    let world = team();
    add(&world, "ada", "member");
    let console = Console::start(&world, "renewal = \"1s\"");
    let old = format!("Cookie: {}", console.log_in("ada", PASSWORD, &[]).cookie());
    std::thread::sleep(Duration::from_millis(1100));
    let form = format!("old={}&new=another+long+password", PASSWORD.replace(' ', "+"));
    let headers = [&*old, "Content-Type: application/x-www-form-urlencoded"];
    let changed = console.ask("POST /account/password", &headers, form.as_bytes());
    assert_eq!(changed.status, 303, "{changed:?}");
    let status = |cookie: &str| console.ask("GET /api/v1/auth/sessions", &[cookie], b"").status;
    assert_eq!((status(&old), status(&format!("Cookie: {}", changed.cookie()))), (401, 200));
}

#[test]
fn a_user_sees_no_audit_entries_of_an_earlier_user_of_the_name() {
    let world = team();
    add(&world, "sam", "member");
    let root = add(&world, "root", "admin");
    let console = Console::start(&world, "");
    let of_sam = |entries: &Value| {
        let entries = entries["entries"].as_array().unwrap().iter();
        entries.filter(|entry| entry["actor"] == "sam").map(|entry| entry["event"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(console.log_in("sam", PASSWORD, &[]).status, 204);
    assert_eq!(world.mill(&["console", "user", "remove", "sam"]).status, 0);
    let sam = add(&world, "sam", "member");
    let own = console.api("GET /audit", &sam).json();
    assert_eq!((of_sam(&own), &own["total"]), (vec![], &json!(0)), "{own}");
    let cookie = format!("Cookie: {}", console.log_in("sam", PASSWORD, &[]).cookie());
    let own = console.api("GET /audit", &sam).json();
    assert_eq!((of_sam(&own), &own["total"]), (vec![json!("login")], &json!(1)), "{own}");
    assert_eq!(console.ask("GET /audit", &[&cookie], b"").body.matches("<td>login</td>").count(), 1);
    assert_eq!(of_sam(&console.api("GET /audit", &root).json()).len(), 2);
}

#[test]
fn members_learn_that_a_processor_fails_and_not_of_which_folder() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let [bob, lead] = [("bob", "member"), ("eve", "lead")].map(|(user, role)| add(&world, user, role));
    fs::rename(world.root(), world.path("of-ada")).unwrap();
    let console = Console::start(&world, "");
    let usage = |token: &str| {
        let all = console.api("GET /processors", token).json()["processors"].clone();
        all.as_array().unwrap().iter().find(|processor| processor["name"] == "usage").cloned().unwrap()
    };
    let (of_lead, of_bob) = (usage(&lead), usage(&bob));
    let reason = format!("`{}` is missing: is it mounted?", world.root().display());
    assert!(of_lead["reasons"].as_array().unwrap().contains(&json!(reason)), "{of_lead}");
    assert_eq!((&of_bob["reasons"], &of_bob["state"]), (&json!([]), &of_lead["state"]));
    assert_eq!(of_bob["state"], "failing");
}

#[test]
fn a_name_that_somebody_else_has_shows_nothing_of_theirs() {
    let world = World::new();
    for (folder, session) in [("samuel", "s-samuel"), ("sam", "s-sam"), ("zo", "s-zo")] {
        let line = response(session, "10:00:00", 5).replace("\"s1\"", &format!("\"{session}\""));
        world.write(&format!("{folder}/a.jsonl"), line);
    }
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let person = |name: &str, folder: &str| {
        format!("[[person]]\nemail = \"{folder}@example.org\"\nname = \"{name}\"\nfolders = [\"{folder}\"]\n")
    };
    fs::write(world.path("people.toml"), person("sam", "samuel") + &person("zoe", "zo")).unwrap();
    let other = |user: &str| add_person(&world, user, "member", "Somebody Else");
    let (sam, zoe, samuel) = (other("sam"), other("zoe"), add_person(&world, "samuel", "member", "sam"));
    let console = Console::start_with(&world, "identities = \"people.toml\"", "");
    let timeline = |name: &str, token: &str| {
        let answer = console.api(&format!("GET /users/{name}/timeline?kind=transcript"), token);
        let entries = answer.json()["entries"].as_array().cloned().unwrap_or_default();
        (answer.status, entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(timeline("zoe", &zoe), (404, vec![]));
    assert_eq!(timeline("sam", &sam), (200, vec!["s-sam".to_owned()]), "their own folder");
    assert_eq!((timeline("sam", &samuel).0, timeline("samuel", &samuel).0), (200, 200));
    assert!(timeline("samuel", &samuel).1.contains(&"s-samuel".to_owned()));
    assert_eq!((timeline("samuel", &sam).0, timeline("zo", &sam).0), (404, 404));
}

#[test]
fn a_title_from_somebody_elses_prompt_is_not_told() {
    let world = team();
    let of_bob = |kind: &str, second: u32, more: &str| {
        format!(
            "{{\"type\":\"{kind}\",\"uuid\":\"b{second}\",\"sessionId\":\"shared\",\
             \"timestamp\":\"2026-02-01T09:00:{second:02}Z\",\"cwd\":\"/home/bob/shop\",\"message\":{more}}}\n"
        )
    };
    let title = json!({"type": "ai-title", "aiTitle": "The merger of mills", "sessionId": "shared"});
    let prompt = of_bob("user", 1, "{\"role\":\"user\",\"content\":\"Secret merger plan\"}");
    world.write("bob/prompt.jsonl", &prompt);
    world.write("bob/secret.jsonl", prompt.replace("\"b1\"", "\"b2\"") + &title.to_string() + "\n");
    world.write("ada/other.jsonl", response("m-shared", "10:30:00", 5).replace("\"s1\"", "\"shared\""));
    world.pass();
    let token = add(&world, "ada", "member");
    let console = Console::start(&world, "");
    let list = console.api("GET /usage/sessions", &token);
    assert!(list.body.contains("\"shared\"") && !list.body.contains("merger"), "{}", list.body);
    let session = list.json()["sessions"].as_array().unwrap().iter().find(|one| one["session"] == "shared").cloned();
    assert_eq!(session.unwrap()["prompts"], 0, "nor how many they had");
    let one = console.api("GET /usage/sessions/shared", &token);
    assert!(!one.body.contains("merger"), "{}", one.body);
}

#[test]
fn words_of_others_about_a_task_are_content_whoever_has_the_task() {
    let world = World::new();
    let event = |id: &str, time: &str, state: &str, data: Value| {
        json!({"specversion": "1.0", "id": id, "source": "/w", "type": format!("x.task.{state}"), "subject": "t1",
               "time": time, "data": data})
        .to_string()
            + "\n"
    };
    let letter = json!({"short_id": "s1", "task_type": "letter", "to": "Carol"});
    world.write("ada/tasks.jsonl", event("1", "2099-02-01T10:00:00Z", "created", letter));
    // Another user who knows the id claims that the task began earlier.
    world.write("bob/claim.jsonl", event("2", "2098-02-01T10:00:00Z", "updated", json!({"short_id": "s1"})));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let bob = add(&world, "bob", "member");
    let console = Console::start(&world, "");
    let one = console.api("GET /sessions/task/t1", &bob).json();
    assert_eq!((&one["username"], &one["data"]), (&json!("bob"), &Value::Null));
    let list = console.api("GET /sessions/user/bob", &bob);
    assert!(!list.body.contains("Carol"), "{}", list.body);
    world.write(
        "bob/own.jsonl",
        event("3", "2099-02-01T11:00:00Z", "created", json!({"short_id": "s2", "to": "Dan"})).replace("t1", "t2"),
    );
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(console.api("GET /sessions/task/t2", &bob).json()["data"]["to"], "Dan");
}

#[test]
fn a_token_opens_no_page_and_lists_only_what_its_scope_says() {
    let world = team();
    let token = |scope: &str| {
        let create = ["console", "token", "create", "--user", "root", "--label", "test", "--scope", scope];
        world.mill(&create).stdout.trim().to_owned()
    };
    add(&world, "root", "admin");
    let (read, ingest) = (token("read"), token("ingest"));
    let console = Console::start(&world, "");
    for (request, token, status) in [
        ("GET /api/v1/auth/sessions", &read, 200),
        ("GET /api/v1/auth/sessions", &ingest, 403),
        ("GET /api/v1/auth/tokens", &ingest, 403),
        ("GET /audit", &ingest, 303),
        ("GET /", &read, 303),
        ("POST /account/sessions/end", &read, 303),
    ] {
        let answer = console.ask(request, &[&format!("Authorization: Bearer {token}")], b"");
        assert_eq!(answer.status, status, "{request}: {answer:?}");
        if status == 303 {
            assert_eq!(answer.header("location"), Some("/login"), "{request}");
        }
    }
}

#[test]
fn figures_are_those_of_the_command_line() {
    let world = team();
    let token = add(&world, "eve", "lead");
    let console = Console::start(&world, "");
    let report =
        |flags: &[&str]| world.mill(&[&["report", "--no-refresh", "--json", "--timezone", "UTC"], flags].concat());
    for by in ["day", "model", "project", "session", "agent", "tool", "user"] {
        let command: Value = serde_json::from_str(&report(&["--by", by]).stdout).unwrap();
        let first = console.api(&format!("GET /usage?by={by}"), &token);
        assert_eq!(first.json(), command, "{by}");
        assert_eq!(console.api(&format!("GET /usage?by={by}"), &token).body, first.body, "kept");
    }
    // A name is found by what the command line finds it by, and refused as there.
    for (name, value) in [("model", "opus"), ("project", "shop"), ("agent", "claude"), ("user", "AD"), ("user", "c*")] {
        let command: Value = serde_json::from_str(&report(&[&format!("--{name}"), value]).stdout).unwrap();
        assert_ne!(command["totals"]["responses"], 0, "{name}");
        assert_eq!(console.api(&format!("GET /usage?{name}={value}"), &token).json(), command, "{name} {value}");
    }
    for (flags, query) in [
        (&["--model", "gpt"][..], "model=gpt"),
        (&["--agent", "pi"], "agent=pi"),
        (&["--project", "mill"], "project=mill"),
        (&["--user", "dan"], "user=dan"),
        (&["--team", "x"], "team=x"),
        (&["--since", "2026-02-02", "--until", "2026-02-01"], "since=2026-02-02&until=2026-02-01"),
    ] {
        let said = report(flags);
        let refused = console.api(&format!("GET /usage?{query}"), &token);
        assert_eq!((said.status, refused.status), (64, 400), "{said:?} {refused:?}");
        let why = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(said.stderr.contains(&why), "{why}: {said:?}");
    }
    for path in ["activity-sessions", "users/ada/timeline"] {
        let refused = console.api(&format!("GET /{path}?from=2026-02-02&to=2026-02-01"), &token);
        assert_eq!(refused.status, 400, "{refused:?}");
    }
}

#[test]
fn a_run_is_refused_while_another_one_is_in_progress() {
    let world = team();
    let [admin, member] = [("root", "admin"), ("bob", "member")].map(|(user, role)| add(&world, user, role));
    let console = Console::start(&world, "");
    let holder = Holder::new("cli", chrono::DateTime::UNIX_EPOCH);
    let lock = ProcessorLock::take(&world.database(), "tasks", &holder).unwrap();
    for request in ["POST /api/v1/processors/tasks/runs", "POST /api/admin/run-session-processor?processor=tasks"] {
        let busy = console.ask(request, &[&format!("Authorization: Bearer {admin}")], b"");
        assert_eq!((busy.status, &busy.json()["holder"]["pid"]), (409, &std::process::id().into()), "{busy:?}");
    }
    drop(lock);
    assert_eq!(console.api("POST /processors/nothing/runs", &admin).status, 404);
    assert_eq!(console.api("POST /processors/tasks/runs", &member).status, 403);
    let run = console.api("POST /processors/tasks/runs", &admin);
    assert!([200, 202].contains(&run.status), "{run:?}");
}

#[test]
fn every_event_that_was_acknowledged_is_on_disk() {
    let world = team();
    let token = add(&world, "ada", "member");
    let mut console = Console::start(&world, "");
    let bearer = format!("Authorization: Bearer {token}");
    let lines = || {
        let folder = fs::read_dir(world.events().join("ada")).into_iter().flatten().flatten();
        let text: String = folder.map(|file| fs::read_to_string(file.path()).unwrap()).collect();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut sent = 0;
    for batch in 0..5 {
        let event = |number: usize| json!({"event": "x", "distinct_id": "d", "uuid": format!("{batch}-{number}")});
        let body = json!({"batch": (0..2000).map(event).collect::<Vec<_>>()}).to_string();
        let answer = console.ask("POST /api/v1/events", &[&bearer], body.as_bytes());
        assert_eq!((answer.status, &answer.json()["accepted"]), (202, &2000.into()), "{answer:?}");
        sent += 2000;
        assert_eq!(lines().len(), sent);
    }
    let packed = {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(br#"{"event": "x", "distinct_id": "d", "uuid": "packed"}"#).unwrap();
        packer.finish().unwrap()
    };
    console.process.kill().unwrap();
    console.process.wait().unwrap();
    assert_eq!(lines().len(), sent, "nothing was held back");
    fs::remove_file(world.path("log")).unwrap();
    let console = Console::start(&world, "[caps]\nline = 1048576\n");
    let answer = console.ask("POST /api/v1/events", &[&bearer, "Content-Encoding: gzip"], &packed);
    assert_eq!(answer.status, 202, "{answer:?}");
    assert!(lines().last().unwrap().contains("\"packed\""));
    for (coding, status) in [("GZIP", 202), ("x-gzip", 202), ("Identity", 400), ("br", 415), ("gzip, gzip", 415)] {
        let answer = console.ask("POST /api/v1/events", &[&bearer, &format!("Content-Encoding: {coding}")], &packed);
        assert_eq!(answer.status, status, "{coding}: {answer:?}");
    }
    sent += 2;
    // Lines that a run would drop are not acknowledged, and neither are the other lines of the same request.
    let fine = r#"{"event": "x", "distinct_id": "d", "uuid": "fine"}"#;
    let long = fine.replace("fine", &"x".repeat(2 << 20));
    let timeless = fine.replace("fine\"", "fine\", \"now\": \"noon\"");
    let finished = of_task("f", "finished", "t9", "09:00:00");
    for (body, status, why) in [
        ("nonsense", 400, "the body is not JSON"),
        ("[{}]", 400, "event 1 is neither"),
        ("{\"batch\": 1}", 400, "`batch` is not a list"),
        (&format!("[{fine}, {long}]"), 413, "event 2 is longer than a line may be, which is 1048576 bytes"),
        (&format!("[{fine}, {timeless}]"), 400, "event 2 would not be read: no `timestamp`"),
        (&format!("[{fine}, {finished}]"), 400, "event 2 would not be read: its type is unknown"),
    ] {
        let answer = console.ask("POST /api/v1/events", &[&bearer], body.as_bytes());
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(why), "{answer:?}");
    }
    let long = vec![b' '; (20 << 20) + 1];
    let head = "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n";
    let refused = console.raw(&format!("{head}{bearer}\r\n\r\n"), b"");
    assert_eq!(refused.status, 413, "no byte of the body is waited for");
    let refused = console.ask("POST /api/v1/events", &[&bearer], &long);
    assert!([0, 413].contains(&refused.status), "{refused:?}");
    assert_eq!(lines().len(), sent + 1);
}

/// An event of a task, as a CloudEvent of source `/c`.
fn of_task(id: &str, state: &str, task: &str, time: &str) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "/c", "type": format!("x.task.{state}"), "subject": task,
           "time": format!("2079-07-07T{time}Z"), "data": {"short_id": "order-1"}})
}

/// The status and body of the answer to a request with events, and the number of lines that the user has on disk.
fn send(world: &World, console: &Console, (user, token): (&str, &str), body: &Value) -> (u16, Value, usize) {
    let bearer = format!("Authorization: Bearer {token}");
    let answer = console.ask("POST /api/v1/events", &[&bearer], body.to_string().as_bytes());
    let files = fs::read_dir(world.events().join(user)).into_iter().flatten().flatten();
    let lines = files.map(|file| fs::read_to_string(file.path()).unwrap().lines().count()).sum();
    (answer.status, answer.json()["detail"].clone(), lines)
}

fn not_yours(number: u64) -> Value {
    format!("event {number} is of a task that is not yours").into()
}

#[test]
fn only_its_owner_and_admins_append_events_of_a_task() {
    let world = team();
    let [ada, bob, eve, kim, root] =
        [("ada", "member"), ("bob", "member"), ("eve", "lead"), ("kim", "auditor"), ("root", "admin")]
            .map(|(user, role)| (user, add(&world, user, role)));
    let said = world.mill(&["console", "token", "create", "--user", "root", "--label", "program", "--scope", "ingest"]);
    let program = ("root", said.stdout.trim());
    let console = Console::start(&world, "");
    let send = |of: &(&str, String), body: Value| send(&world, &console, (of.0, &of.1), &body);
    let with = |mut event: Value, field: &str, value: Value| {
        event[field] = value;
        event
    };
    let update = of_task("u", "updated", "t1", "11:00:00");
    let again = json!({"short_id": "mine", "user_id": "u-8", "task_type": "mine", "attempt": 2});
    let without_subject = with(with(update.clone(), "subject", Value::Null), "data", json!({"task_id": "t1"}));
    let run = json!({"context": {"id": "c", "source": "/ci", "type": "dev.cdevents.taskrun.started.0.2.0",
                                 "timestamp": "2079-07-07T09:00:00Z"}, "subject": {"id": "t1", "content": {}}});
    let packed = with(with(update.clone(), "type", run["context"]["type"].clone()), "data", run.clone());
    let web = json!({"event": "x", "distinct_id": "d", "timestamp": "2079-07-07T09:00:00Z"});
    let celery = with(with(web.clone(), "type", "task-revoked".into()), "uuid", "t1".into());
    let mut lineage = web.clone();
    for (field, value) in [("eventTime", json!("2079-07-07T09:00:00Z")), ("run", json!({"runId": "t1"}))] {
        lineage[field] = value;
    }
    lineage["job"] = json!({"namespace": "n", "name": "j"});
    // The line above decides which of the two this is.
    let mut also_a_run = with(run, "specversion", "1.0".into());
    for (field, value) in [("id", "v"), ("source", "/c"), ("type", "x.task.updated"), ("time", "2079-07-07T11:00:00Z")]
    {
        also_a_run[field] = value.into();
    }
    also_a_run["data"] = json!({"task_id": "b0"});
    for event in [
        update.clone(),
        of_task("v", "created", "t1", "09:00:00"),
        with(of_task("v", "created", "t1", "11:00:00"), "data", again),
        of_task("v", "cancelled", "t1", "11:00:00"),
        of_task("v", "updated", "t2", "11:00:00"),
        of_task("v", "updated", "t3", "11:00:00"),
        without_subject,
        packed,
        celery,
        lineage,
        also_a_run,
    ] {
        assert_eq!(send(&bob, event.clone()), (403, not_yours(1), 0), "{event}");
        let both = json!([of_task("w", "created", "b1", "09:00:00"), event]);
        assert_eq!(send(&bob, both.clone()), (403, not_yours(2), 0), "{both}");
    }
    let transcript = with(update.clone(), "type", "assistant".into());
    let why = "event 1 would not be read: a request holds no lines of transcripts";
    assert_eq!(send(&bob, transcript), (400, why.into(), 0));
    for other in [&eve, &kim, &(program.0, program.1.to_owned())] {
        assert_eq!(send(other, update.clone()), (403, not_yours(1), 0), "{}", other.0);
    }
    assert_eq!(send(&ada, update.clone()), (202, Value::Null, 1));
    assert_eq!(send(&ada, update.clone()), (202, Value::Null, 2), "she sends it again");
    assert_eq!(send(&root, of_task("r", "cancelled", "t1", "12:00:00")), (202, Value::Null, 1));
    // No run has read this event.
    let new = |id: &str, time: &str| of_task(id, "created", "new\n,", time);
    assert_eq!(send(&bob, new("b", "10:00:00")), (202, Value::Null, 1));
    assert_eq!(send(&ada, new("a", "09:00:00")), (403, not_yours(1), 2));
    assert_eq!(send(&bob, new("b", "10:00:00")), (202, Value::Null, 2));
    assert_eq!(send(&root, new("r", "11:00:00")), (202, Value::Null, 2));
    // Now the event is in the database, and this process does not know that yet.
    assert_eq!(world.mill(&["run", "tasks"]).status, 0);
    assert_eq!(send(&bob, new("b2", "11:00:00")), (202, Value::Null, 3));
    drop(console);
    fs::remove_file(world.path("log")).unwrap();
    let console = Console::start(&world, "");
    let send = |of: &(&str, String), body: Value| super::console::send(&world, &console, (of.0, &of.1), &body);
    assert_eq!(send(&ada, new("a", "09:00:00")), (403, not_yours(1), 2));
    assert_eq!(send(&bob, new("b3", "09:00:00")), (202, Value::Null, 4));
    let task = console.api("GET /sessions/task/t1?include=closed", &ada.1).json();
    assert_eq!((&task["username"], &task["status"]), (&"ada".into(), &"cancelled".into()), "as the admin wants it");
}

#[test]
fn a_member_does_not_release_held_tasks_of_others() {
    let world = team();
    let with = |id: &str, state: &str, task: &str, time: &str, kind: &str| {
        let mut event = of_task(id, state, task, time);
        event["data"] = json!({"short_id": "s-1", "task_type": kind});
        event
    };
    let held = [
        with("h1", "created", "held", "09:00:00", "scenario_generation"),
        with("h2", "completed", "held", "09:30:00", "scenario_generation"),
    ];
    world.write("ada/held.jsonl", held.map(|event| event.to_string() + "\n").concat());
    world.pass();
    let [ada, bob, root] =
        [("ada", "member"), ("bob", "member"), ("root", "admin")].map(|(user, role)| (user, add(&world, user, role)));
    let console = Console::start(&world, "");
    let send = |of: &(&str, String), body: Value| send(&world, &console, (of.0, &of.1), &body);
    let save = |task: &str| with("s", "completed", task, "09:10:00", "save_scenario");
    let refused =
        |number: u64| json!(format!("event {number} is of a task that would release tasks that are not yours"));
    assert_eq!(send(&bob, save("b1")), (403, refused(1), 0));
    // The type and the short id may be said apart.
    let mut untyped = save("b1");
    untyped["data"] = json!({"short_id": "s-1"});
    let mut alone = with("s2", "created", "b1", "09:05:00", "save_scenario");
    alone["data"] = json!({"task_type": "save_scenario"});
    assert_eq!(send(&bob, json!([alone.clone(), untyped.clone()])), (403, refused(1), 0));
    assert_eq!(send(&bob, untyped), (202, Value::Null, 1), "it releases nothing");
    assert_eq!(world.mill(&["run", "tasks"]).status, 0);
    assert_eq!(send(&bob, alone), (403, refused(1), 1));
    assert_eq!(send(&root, save("r1")), (202, Value::Null, 1));
    assert_eq!(send(&ada, save("a1")), (202, Value::Null, 1));
}

#[test]
fn events_that_no_run_has_read_count_with_those_that_follow() {
    let world = team();
    let said = |id: &str, task: &str, time: &str, data: Value| {
        let mut event = of_task(id, "completed", task, time);
        event["data"] = data;
        event
    };
    let held = said("h", "held", "09:30:00", json!({"short_id": "s-1", "task_type": "scenario_generation"}));
    world.write("ada/held.jsonl", held.to_string() + "\n");
    let plain = said("k", "known", "09:00:00", json!({}));
    world.write("bob/known.jsonl", plain.to_string() + "\n");
    world.pass();
    let [ada, bob, root] =
        [("ada", "member"), ("bob", "member"), ("root", "admin")].map(|(user, role)| (user, add(&world, user, role)));
    let short_id = |task: &str| said("1", task, "09:40:00", json!({"short_id": "s-1", "task_type": "a"}));
    let releasing = |task: &str| said("2", task, "09:41:00", json!({"task_type": "save_scenario"}));
    let refused = json!("event 1 is of a task that would release tasks that are not yours");
    let console = Console::start(&world, "");
    let to = |console: &Console, of: &(&str, String), body: Value| send(&world, console, (of.0, &of.1), &body);
    assert_eq!(to(&console, &bob, short_id("x1")), (202, Value::Null, 1));
    assert_eq!(to(&console, &bob, releasing("x1")), (403, refused.clone(), 1));
    assert_eq!(to(&console, &bob, releasing("x2")), (202, Value::Null, 2));
    assert_eq!(to(&console, &bob, short_id("x2")), (403, refused.clone(), 2));
    assert_eq!(to(&console, &bob, short_id("known")), (202, Value::Null, 3), "a run has read only its first event");
    assert_eq!(to(&console, &bob, releasing("known")), (403, refused.clone(), 3));
    // The id of an event that an admin sent is taken.
    assert_eq!(to(&console, &root, of_task("r", "cancelled", "t1", "12:00:00")), (202, Value::Null, 1));
    let taken = json!("event 1 has the `source` and `id` of an event that is not yours");
    assert_eq!(to(&console, &ada, of_task("r", "updated", "t1", "08:00:00")), (409, taken.clone(), 0));
    // All of that is in files, which the next process reads.
    drop(console);
    fs::remove_file(world.path("log")).unwrap();
    let console = Console::start(&world, "");
    assert_eq!(to(&console, &ada, of_task("1", "created", "x1", "08:00:00")), (403, not_yours(1), 0));
    assert_eq!(to(&console, &bob, releasing("x1")), (403, refused.clone(), 3));
    assert_eq!(to(&console, &bob, releasing("known")), (403, refused.clone(), 3));
    assert_eq!(to(&console, &ada, of_task("r", "updated", "t1", "08:00:00")), (409, taken, 0));
    // What a run has read, the database knows; what follows in the same file, it does not.
    assert_eq!(world.mill(&["run", "tasks"]).status, 0);
    assert_eq!(to(&console, &bob, releasing("x1")), (403, refused.clone(), 3));
    assert_eq!(to(&console, &bob, short_id("x3")), (202, Value::Null, 4));
    drop(console);
    fs::remove_file(world.path("log")).unwrap();
    let console = Console::start(&world, "");
    assert_eq!(to(&console, &bob, releasing("x3")), (403, refused, 4));
    assert_eq!(world.mill(&["run", "tasks"]).status, 0);
    let task = console.api("GET /sessions/task/held", &ada.1).json();
    assert_eq!((&task["status"], &task["closed_at"]), (&"completed".into(), &Value::Null), "it is held");
}

#[test]
fn an_event_does_not_replace_that_of_somebody_else() {
    let world = team();
    let line = |event: Value| event.to_string() + "\n";
    world.write("bob/jobs.jsonl", line(of_task("1", "created", "shared", "09:00:00")));
    // A job of hers may write anything to a file in her own folder. The last event is of another task.
    world.write("ada/jobs.jsonl", line(of_task("2", "failed", "shared", "10:00:00")));
    world.write(
        "bob/other.jsonl",
        line(json!({"specversion": "1.0", "id": "3", "source": "/w", "subject": "mine",
        "type": "x.task.created", "time": "2079-07-07T09:00:00Z", "data": {"short_id": "order-1"}})),
    );
    world.pass();
    let [ada, bob, root] =
        [("ada", "member"), ("bob", "member"), ("root", "admin")].map(|(user, role)| (user, add(&world, user, role)));
    let console = Console::start(&world, "");
    let send = |of: &(&str, String), body: Value| send(&world, &console, (of.0, &of.1), &body);
    let taken = |number: u64| json!(format!("event {number} has the `source` and `id` of an event that is not yours"));
    let copy = of_task("2", "updated", "shared", "08:00:00");
    let own = of_task("1", "created", "shared", "09:00:00");
    assert_eq!(send(&bob, json!([own, copy])), (409, taken(2), 0));
    assert_eq!(send(&root, copy.clone()), (409, taken(1), 0), "nor by mistake");
    assert_eq!(send(&ada, copy), (403, not_yours(1), 0), "it began as his");
    assert_eq!(send(&bob, own), (202, Value::Null, 1));
    assert_eq!(send(&bob, of_task("3", "updated", "shared", "11:00:00")), (202, Value::Null, 2));
    // The event of another task takes nothing away.
    let task = console.api("GET /sessions/task/t2?include=closed", &ada.1).json();
    assert_eq!((&task["status"], &task["username"]), (&"completed".into(), &"ada".into()));
}

#[test]
fn the_first_events_of_all_are_taken_where_there_is_no_database() {
    let world = World::new();
    let [ada, bob] = [("ada", "member"), ("bob", "member")].map(|(user, role)| (user, add(&world, user, role)));
    let console = Console::start(&world, "");
    let send = |of: &(&str, String), body: Value| send(&world, &console, (of.0, &of.1), &body);
    assert_eq!(send(&ada, of_task("1", "created", "t1", "09:00:00")), (202, Value::Null, 1));
    assert_eq!(send(&bob, of_task("1", "created", "t1", "08:00:00")), (403, not_yours(1), 0));
    assert_eq!(send(&bob, of_task("1", "created", "t2", "08:00:00")), (202, Value::Null, 1));
}

#[test]
fn the_description_of_the_api_names_what_there_is() {
    let world = team();
    let token = add(&world, "root", "admin");
    let console = Console::start(&world, "");
    let document = console.ask("GET /api/v1/openapi.json", &[], b"").json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "`{name}` is not described");
    }
    let mut ids = std::collections::BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(response["description"].as_str().is_some_and(|words| !words.is_empty()), "{path} {status}");
            }
            if path == "/auth/logout" || path.ends_with("/runs") && method == "post" {
                continue;
            }
            let filled = path.replace(['{', '}'], "");
            let answer = console.api(&format!("{} {filled}", method.to_uppercase()), &token);
            let described = operation["responses"].get(answer.status.to_string());
            assert!(described.is_some() && answer.status != 405, "{method} {path}: {answer:?}");
            let media = answer.header("content-type").map(|of| of.split(';').next().unwrap());
            let is_described = media.is_none_or(|media| described.unwrap()["content"].get(media).is_some());
            assert!(is_described, "{method} {path}: {media:?} is not in {described:?}");
            assert!(!answer.body.contains("there is no such path"), "{method} {path}");
        }
    }
    assert!(ids.len() >= 28, "{ids:?}");
}

#[test]
fn whatever_is_asked_is_answered() {
    let world = team();
    let token = add(&world, "root", "admin");
    let console = Console::start(&world, "");
    let bearer = format!("Authorization: Bearer {token}");
    let paths = [
        "/usage",
        "/usage/sessions",
        "/sessions/order-1",
        "/activity-sessions",
        "/knowledge",
        "/runs",
        "/files",
        "/audit",
    ];
    let names = ["by", "since", "limit", "cursor", "user", "status", "min_confidence", "bounce", "from", "x"];
    let values = [
        "",
        "day",
        "-1",
        "99999999999999999999",
        "2026-02-30",
        "%00",
        "%FF%FE",
        "'%20OR%201=1",
        "%E2%80%AE",
        "p9999999999",
        "p9223372036854775807",
    ];
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..150 {
        let pick = |random: &mut fastrand::Rng, from: &[&str]| from[random.usize(..from.len())].to_owned();
        let (path, name, value) = (pick(&mut random, &paths), pick(&mut random, &names), pick(&mut random, &values));
        let request = format!("GET /api/v1{path}?{name}={value}");
        let answer = console.ask(&request, &[&bearer], b"");
        assert!(answer.status < 500 && answer.status >= 200, "{request}: {answer:?}");
        let of = answer.header("content-type");
        assert_eq!(of == Some("application/problem+json"), answer.status >= 400, "{request}: {answer:?}");
    }
    for (request, status) in [
        ("GET /../../etc/passwd", 404),
        ("GET /assets/..%2f..%2fCargo.toml", 404),
        ("GET /api/v1/nothing", 404),
        ("PUT /api/v1/usage", 405),
        ("GET /api/v1/requests/..%2f..%2fdata", 404),
        ("GET /api/v1/usage/sessions?cursor=p9223372036854775807", 400),
        ("GET /api/v1/audit?limit=x", 400),
        ("GET /api/v1/files?colour=red", 400),
        ("GET /api/v1/sessions/%FF", 400),
        ("POST /api/admin/run-session-processor", 400),
        ("POST /api/v1/failures/nope/retry", 404),
    ] {
        let answer = console.ask(request, &[&bearer], b"");
        assert_eq!(answer.status, status, "{request}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{request}");
        assert_eq!(answer.json()["status"], status, "{request}");
    }
    let curator = add(&world, "kim", "curator");
    assert_eq!(console.api("POST /knowledge/nope/approve", &curator).status, 404);
    for path in ["/health/ready", "/api/v1/health/ready", "/health/live"] {
        let probe = console.ask(&format!("GET {path}"), &["Authorization: Bearer sm_old", "Host: LOCALHOST"], b"");
        assert_eq!(probe.status, 200, "{path}: {probe:?}");
    }
    for name in [".", "..", ".ada"] {
        let said = world.mill(&["console", "user", "add", name, "--no-password"]);
        assert_eq!(said.status, 64, "{said:?}");
    }
    let label = json!({"label": "<script>alert(1)</script>", "scopes": ["read"]}).to_string();
    assert_eq!(console.ask("POST /api/v1/auth/tokens", &[&bearer], label.as_bytes()).status, 201);
    let long = json!({"label": "x".repeat(70_000), "scopes": ["read"]}).to_string();
    assert_eq!(console.ask("POST /api/v1/auth/tokens", &[&bearer], long.as_bytes()).status, 413);
    let cookie = console.log_in("root", PASSWORD, &[]).cookie();
    let page = console.ask("GET /", &[&format!("Cookie: {cookie}")], b"");
    assert!(page.body.contains("&lt;script&gt;") && !page.body.contains("<script>"), "{page:?}");
    let split = console.ask("GET /api/v1/activity-sessions/a%0d%0aSet-Cookie:%20x=1", &[&bearer], b"");
    assert_eq!((split.status, split.header("set-cookie")), (404, None));
    let forged = console.ask("GET /api/v1/usage", &["Authorization: Bearer sm_forged"], b"");
    assert_eq!((forged.status, forged.header("www-authenticate")), (401, Some("Bearer")));
}

#[test]
fn a_console_is_ready_if_it_can_read_the_database() {
    let world = team();
    let console = Console::start(&world, "");
    let ready = || console.ask("GET /health/ready", &[], b"").status;
    assert_eq!(ready(), 200);
    let store = format!("sqlite://{}", world.database().with_file_name("console.sqlite").display());
    crate::store_server::ask(&store, "ALTER TABLE login_sessions RENAME TO away").unwrap();
    let answer = console.ask("GET /health/ready", &[], b"");
    assert_eq!((answer.status, &answer.json()["detail"]), (503, &json!("the account store cannot be used")));
    crate::store_server::ask(&store, "ALTER TABLE away RENAME TO login_sessions").unwrap();
    assert_eq!(ready(), 200);
    let newer = "INSERT INTO schema_migrations VALUES (1000, 'future', NULL)";
    Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(newer).unwrap();
    assert_eq!((ready(), console.ask("GET /health/live", &[], b"").status), (503, 200));
}

#[test]
fn commands_about_users_need_not_enter_the_folder_of_the_database() {
    let world = World::new();
    let close = |mode| fs::set_permissions(world.path("data"), fs::Permissions::from_mode(mode)).unwrap();
    fs::create_dir(world.path("data")).unwrap();
    let store = format!("[console]\nstore = \"sqlite://{}\"\n", world.path("users.sqlite").display());
    fs::write(world.path("c.toml"), store).unwrap();
    close(0o000);
    let said = world.mill_unprivileged(&["console", "user", "list", "--config", "c.toml"], &[]);
    close(0o700);
    let Some(said) = said else { return };
    assert_eq!((said.status, said.stdout.as_str()), (0, "no users\n"), "{said:?}");
}
