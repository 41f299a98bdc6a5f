//! The report of activity, the timeline, and the part of the HTML page. Sessions are inserted into the database by
//! hand, so these tests do not depend on how sessions are found.

use crate::world::{World, response};
use sessionmill::store::{Access, Store};

/// A row of `facts.activity_sessions`, with the columns that reports need.
struct Visit {
    id: &'static str,
    kind: &'static str,
    username: &'static str,
    person: &'static str,
    /// Time of day in February 2026, UTC.
    from: &'static str,
    until: &'static str,
    active: u64,
    views: u64,
    bounce: &'static str,
    engaged: bool,
    bot: bool,
    channel: &'static str,
    source: &'static str,
    page: &'static str,
    projects: &'static str,
}

const WEB: Visit = Visit {
    id: "",
    kind: "web",
    username: "shop",
    person: "p1",
    from: "",
    until: "",
    active: 0,
    views: 1,
    bounce: "false",
    engaged: false,
    bot: false,
    channel: "Direct",
    source: "",
    page: "/",
    projects: "",
};

const WORK: Visit = Visit { kind: "agent", username: "ada", person: "ada", channel: "", page: "/home/ada/shop", ..WEB };

impl Visit {
    fn sql(&self) -> String {
        let text = |text: &str| if text.is_empty() { "NULL".to_owned() } else { format!("'{text}'") };
        let Self { id, kind, username, person, from, until, active, views, bounce, engaged, bot, .. } = self;
        let [channel, source, page, projects] = [self.channel, self.source, self.page, self.projects].map(text);
        let (from, until) = (format!("TIMESTAMP '2026-02-{from}'"), format!("TIMESTAMP '2026-02-{until}'"));
        format!(
            "INSERT INTO facts.activity_sessions BY NAME SELECT 1 AS key_hash, '{username}/{kind}/{person}' AS person,
                 '{id}' AS session_id, '{username}' AS username, '{kind}' AS kind, '{person}' AS person_id,
                 '{person}' AS distinct_id, {from} AS started_at, {until} AS last_at, {until} AS seen_until,
                 {until} AS closed_at, 'idle' AS close_reason, {until} AS expires_at, {until} AS attaches_until,
                 {until} AS active_until, {views} AS page_views, {views} AS event_count, 0 AS screens, 0 AS autocaptures,
                 date_diff('second', {from}, {until}) AS duration_seconds, {active} AS active_seconds,
                 {bounce} AS is_bounce, {engaged} AS is_engaged, 1 AS unique_urls, {bot} AS is_bot,
                 false AS suspect_time, false AS nobody, 1 AS files, {channel} AS channel, {source} AS utm_source,
                 {page} AS landing_page, {page} AS exit_page, {projects} AS projects;"
        )
    }
}

/// A shop with three visits of two people and one of a bot, and two sessions of work of one person.
fn world() -> World {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 1_000_000) + &response("m2", "10:20:00", 5));
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, 0, "{said:?}");
    let visits = [
        Visit { id: "v1", from: "01 09:00:00", until: "01 09:00:05", bounce: "true", channel: "Organic Search", ..WEB },
        Visit { id: "v2", from: "02 22:30:00", until: "02 23:30:00", active: 600, views: 4, engaged: true, ..WEB },
        Visit {
            id: "v3",
            person: "p2",
            from: "02 09:00:00",
            until: "02 09:01:00",
            active: 60,
            views: 2,
            engaged: true,
            source: "letter",
            page: "/cans",
            ..WEB
        },
        Visit { id: "v4", person: "p9", from: "02 09:00:00", until: "02 09:00:00", bot: true, ..WEB },
        Visit {
            id: "w1",
            from: "01 09:59:00",
            until: "01 10:30:00",
            active: 1200,
            views: 3,
            engaged: true,
            projects: r#"["/home/ada/shop","/home/ada/hinges"]"#,
            ..WORK
        },
        Visit {
            id: "w2",
            from: "03 08:00:00",
            until: "03 08:00:30",
            active: 30,
            engaged: true,
            projects: r#"["/home/ada/shop/.worktrees/2"]"#,
            ..WORK
        },
    ];
    let sql: String = visits.iter().map(Visit::sql).collect();
    let sql = sql + "DELETE FROM facts.activity_sessions WHERE session_id NOT IN ('v1', 'v2', 'v3', 'v4', 'w1', 'w2');";
    Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(&sql).unwrap();
    world
}

fn said(world: &World, args: &[&str]) -> String {
    said_in(world, "UTC", args)
}

fn said_in(world: &World, zone: &str, args: &[&str]) -> String {
    let said = world.mill(&[args, &["--no-refresh", "--timezone", zone]].concat());
    assert_eq!(said.status, 0, "{said:?}");
    said.stdout
}

fn csv(world: &World, args: &[&str]) -> String {
    said(world, &[&["report", "activity", "--format", "csv"], args].concat())
}

#[test]
fn activity_is_told_by_day_with_shares_and_lengths() {
    let world = world();
    assert_eq!(
        csv(&world, &[]),
        "day,sessions,people,active_seconds,most_parallel,median_seconds,p90_seconds,page_views,views_per_session,bounce_rate,engaged_rate,cost_usd\n\
         2026-02-01,2,2,1200,,5,1860,4,2.00,0.500,0.500,25.000225\n\
         2026-02-02,2,2,660,,60,3600,6,3.00,0.000,1.000,\n\
         2026-02-03,1,1,30,,30,30,1,1.00,0.000,1.000,\n"
    );
    let said = world.mill(&["report", "activity", "--no-refresh", "--timezone", "UTC"]);
    assert_eq!(said.stderr, "note: 1 session of bots is left out; --bots counts them\n");
    assert_eq!(
        said.stdout,
        " Day          Sessions   People   Presence   Median      p90   Views, prompts   Per session   Bounced   Engaged     Cost
─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 2026-02-01          2        2     20 min      5 s   31 min                4          2.00    50.0 %    50.0 %   $25.00
 2026-02-02          2        2     11 min    1 min    1.0 h                6          3.00     0.0 %   100.0 %        –
 2026-02-03          1        1       30 s     30 s     30 s                1          1.00     0.0 %   100.0 %        –
─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 Total               5        3     32 min    1 min    1.0 h               11          2.20    20.0 %    80.0 %   $25.00
"
    );
    let title = |kind: &str| {
        let said = world.mill(&["report", "activity", "--no-refresh", "--kind", kind]).stdout;
        said.lines()
            .next()
            .unwrap()
            .split("  ")
            .map(str::trim)
            .filter(|title| !title.is_empty())
            .nth(6)
            .unwrap()
            .to_owned()
    };
    assert_eq!(["web", "agent"].map(title), ["Views", "Prompts"]);
}

#[test]
fn a_response_costs_in_the_session_that_the_view_has_it_in() {
    let world = World::new();
    let minutes = |at: usize| format!("{:02}:{:02}:00", 10 + at * 7 / 60, at * 7 % 60);
    let lines: String = (0..18).map(|at| response(&format!("m{at}"), &minutes(at), 1000 << at)).collect();
    world.write("ada/a.jsonl", lines).write("bob/b.jsonl", response("m99", "10:07:00", 7));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    // A session within another, one without duration, and one that ends when the last response comes.
    let spans = [
        ("/1", "10:00:00", "10:49:00"),
        ("/2", "10:35:00", "10:36:00"),
        ("/3", "10:56:00", "10:56:00"),
        ("/4", "11:03:00", "11:50:00"),
    ];
    let visit = |(page, from, until): (&'static str, &str, &str)| {
        let (from, until) = (format!("01 {from}").leak(), format!("01 {until}").leak());
        Visit { id: page, page, from, until, ..WORK }.sql()
    };
    let sql = format!("DELETE FROM facts.activity_sessions; {}", spans.map(visit).concat());
    Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(&sql).unwrap();
    let of_view = world.rows(
        "SELECT landing_page, sum(cost_usd)::DOUBLE FROM usage_costs JOIN activity_usage AS used USING (message_id, part)
         JOIN activity_sessions AS work ON work.session_id = used.session_id GROUP BY ALL ORDER BY ALL",
    );
    let csv = csv(&world, &["--by", "entry"]);
    let row = |line: &str| {
        let cells: Vec<_> = line.split(',').collect();
        format!("{}|{}", cells[0], cells[cells.len() - 1].parse::<f64>().unwrap())
    };
    let mut of_report: Vec<_> = csv.lines().skip(1).map(row).collect();
    of_report.sort();
    assert_eq!(of_report, of_view);
    assert_eq!(of_view.len(), 4);
}

/// The first two columns: names, and numbers of sessions.
fn sessions(world: &World, args: &[&str]) -> Vec<String> {
    first(&csv(world, args))
}

fn first(text: &str) -> Vec<String> {
    let cells = |line: &str| line.split(',').take(2).collect::<Vec<_>>().join(" ");
    text.lines().skip(1).map(cells).collect()
}

#[test]
fn activity_is_told_by_everything_that_sessions_have() {
    let world = world();
    for (by, expected) in [
        ("week", &["2026-01-26 2", "2026-02-02 3"][..]),
        ("hour", &["08 1", "09 3", "22 1"]),
        ("weekday", &["Monday 2", "Tuesday 1", "Sunday 2"]),
        ("user", &["ada 2", "shop/p1 2", "shop/p2 1"]),
        ("team", &[" 5"]),
        ("project", &[" 3", "/home/ada/shop 2", "/home/ada/hinges 1"]),
        ("channel", &[" 2", "Direct 2", "Organic Search 1"]),
        ("source", &[" 4", "letter 1"]),
        ("campaign", &[" 5"]),
        ("country", &[" 5"]),
        ("device", &[" 5"]),
        ("entry", &["/home/ada/shop 2", "/ 2", "/cans 1"]),
        ("exit", &["/home/ada/shop 2", "/ 2", "/cans 1"]),
    ] {
        assert_eq!(sessions(&world, &["--by", by]), expected, "{by}");
    }
    let there = said_in(&world, "Asia/Kolkata", &["report", "activity", "--format", "csv", "--by", "hour"]);
    assert_eq!(first(&there), ["04 1", "13 1", "14 2", "15 1"]);
    assert_eq!(sessions(&world, &["--by", "user", "--kind", "web", "--bots"]), ["shop/p1 2", "shop/p2 1", "shop/p9 1"]);
    assert_eq!(sessions(&world, &["--by", "day", "--since", "2026-02-02", "--until", "2026-02-02"]), ["2026-02-02 2"]);
    for name in ["p2", "shop/p2"] {
        assert_eq!(sessions(&world, &["--by", "user", "--user", name]), ["shop/p2 1"]);
    }
    assert_eq!(sessions(&world, &["--by", "user", "--user", "shop"]), ["shop/p1 2", "shop/p2 1"]);
}

#[test]
fn activity_is_told_by_two_things() {
    let world = world();
    let of = |by: &str, args: &[&str]| {
        let text = csv(&world, &[&["--by", by], args].concat());
        let cells = |line: &str| line.split(',').take(3).collect::<Vec<_>>().join(" ");
        text.lines().map(cells).collect::<Vec<_>>()
    };
    let by_user = [
        "user week sessions",
        "ada 2026-01-26 1",
        "ada 2026-02-02 1",
        "shop/p1 2026-01-26 1",
        "shop/p1 2026-02-02 1",
        "shop/p2 2026-02-02 1",
    ];
    assert_eq!(of("user,week", &[]), by_user);
    let by_day = [
        "weekday project sessions",
        "Tuesday /home/ada/shop 1",
        "Sunday /home/ada/hinges 1",
        "Sunday /home/ada/shop 1",
    ];
    assert_eq!(of("weekday,project", &["--kind", "agent"]), by_day);
    assert_eq!(of("channel,entry", &["--kind", "web"])[1..], ["Direct / 1", "Direct /cans 1", "Organic Search / 1"]);
    // Each session counts once in the total, and is compared with the sessions of the days before.
    let args = ["report", "activity", "--by", "user,week", "--json", "--no-refresh", "--timezone", "UTC"];
    let json: serde_json::Value = serde_json::from_str(&world.mill(&args).stdout).unwrap();
    assert_eq!((&json["by"], &json["totals"]["sessions"]), (&"user,week".into(), &5.into()));
    for by in ["user,user", "user,week,team"] {
        let said = world.mill(&["report", "activity", "--by", by, "--no-refresh"]);
        let words = "sessionmill: a row is about one thing, or two different ones\n  hint: --by user,week\n";
        assert_eq!((said.status, &*said.stderr), (64, words));
    }
}

#[test]
fn sources_and_campaigns_are_one_whatever_the_case_of_their_letters() {
    let world = world();
    let sql =
        "UPDATE facts.activity_sessions SET utm_source = ' Letter', utm_campaign = 'SPRING' WHERE session_id = 'v1';
        UPDATE facts.activity_sessions SET utm_campaign = 'Spring ' WHERE session_id = 'v3';";
    Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(sql).unwrap();
    assert_eq!(sessions(&world, &["--by", "source"]), [" 3", "letter 2"]);
    assert_eq!(sessions(&world, &["--by", "campaign"]), [" 3", "spring 2"]);
}

#[test]
fn a_session_of_two_projects_is_in_both_and_once_in_the_total() {
    let world = world();
    let args = ["report", "activity", "--by", "project", "--kind", "agent", "--no-refresh", "--json"];
    let said = world.mill(&args);
    let note = "note: 1 session with several projects: counted in each of them with all of their time, and once in the total\n";
    assert_eq!((said.status, &*said.stderr), (0, note));
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let figures = |row: &serde_json::Value| {
        ["project", "sessions", "active_seconds", "cost_usd"].map(|name| row[name].to_string()).join(" ")
    };
    let rows: Vec<_> = json["rows"].as_array().unwrap().iter().map(figures).collect();
    // All responses are of one project.
    assert_eq!(rows, ["\"/home/ada/shop\" 2 1230 25.000225", "\"/home/ada/hinges\" 1 1200 null"]);
    assert_eq!(figures(&json["totals"]), "null 2 1230 25.000225");
    // With one project, there is no row for the other.
    let said = world.mill(&[&args[..], &["--project", "shop"]].concat());
    assert!(said.stderr.starts_with("note: project `shop` is `/home/ada/shop`\n"), "{said:?}");
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let rows: Vec<_> = json["rows"].as_array().unwrap().iter().map(figures).collect();
    // The other session has no response, so its folder is not known to be in the project.
    assert_eq!(rows, ["\"/home/ada/shop\" 1 1200 25.000225"]);
}

#[test]
fn a_user_without_activity_is_told() {
    let world = world();
    let said = world.mill(&["report", "activity", "--user", "adda", "--no-refresh"]);
    assert_eq!((said.status, &*said.stdout), (64, ""));
    assert_eq!(said.stderr, "sessionmill: unknown user `adda`; known: `ada`, `shop`\n  hint: did you mean `ada`?\n");
}

#[test]
fn a_timeline_counts_what_is_of_the_person() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5) + &response("m2", "10:01:00", 5));
    let prompt = r#"{"type":"user","uuid":"p1","sessionId":"s1","timestamp":"2026-02-01T09:59:00Z","message":{"role":"user","content":"Oil the mill"}}"#;
    world.write("bob/b.jsonl", format!("{prompt}\n") + &response("m3", "10:02:00", 40_000)).pass();
    for (user, about) in [
        ("ada", "claude-code, 2 responses, 1 file, <$0.01"),
        ("bob", "Oil the mill · claude-code, 1 response, 1 file, $1.00"),
    ] {
        let text = said(&world, &["timeline", user, "--kind", "transcript", "--format", "csv"]);
        assert!(text.contains(&format!("\"{about}\"\n")), "{text}");
    }
}

#[test]
fn a_timeline_has_a_transcript_once_on_the_day_on_which_it_began() {
    let world = World::new();
    // $1.00 each.
    let lines = |times: &[&str]| -> String { times.iter().map(|time| response(time, time, 39_998)).collect() };
    let evening = lines(&["23:00:00", "23:20:00", "23:40:00"]);
    let night = lines(&["00:10:00", "01:00:00"]).replace("2026-02-01T", "2026-02-02T");
    world.write("ada/a.jsonl", &evening).write("ada/b.jsonl", night).pass();
    std::fs::write(world.path("p.csv"), "folder,email\nada*,ada@example.org\n").unwrap();
    let of = |user: &str, more: &[&str]| {
        said(&world, &[&["timeline", user, "--kind", "transcript", "--format", "csv"], more].concat())
    };
    let head = "begun,ended,kind,id,about\n";
    let of_ada =
        "2026-02-01T23:00:00Z,2026-02-02T01:00:00Z,transcript,s1,\"claude-code, 5 responses, 2 files, $5.00\"\n";
    assert_eq!(of("ada", &["--day", "2026-02-01"]), format!("{head}{of_ada}"));
    assert_eq!(of("ada", &["--day", "2026-02-02"]), head);
    // A copy in another folder of the person adds a file, and nothing else.
    world.write("ada-laptop/a.jsonl", &evening).pass();
    let person = ["--identities", "p.csv"];
    assert_eq!(of("ada@example.org", &person), format!("{head}{}", of_ada.replace("2 files", "3 files")));
}

#[test]
fn a_timeline_has_everything_in_one_order() {
    let world = world();
    let text = said(&world, &["timeline", "ada", "--format", "csv", "--until", "2026-02-28"]);
    assert_eq!(
        text,
        "begun,ended,kind,id,about\n\
         2026-02-01T09:59:00Z,2026-02-01T10:30:00Z,activity,w1,\"3 prompts, 0 responses, 0 tool calls\"\n\
         2026-02-01T10:00:00Z,2026-02-01T10:20:00Z,transcript,s1,\"claude-code, 2 responses, 1 file, $25.00\"\n\
         2026-02-03T08:00:00Z,2026-02-03T08:00:30Z,activity,w2,\"1 prompt, 0 responses, 0 tool calls\"\n"
    );
    assert_eq!(said(&world, &["timeline", "ada", "--format", "csv"]), text, "runs of the program are nobody's work");
    let text = said(&world, &["timeline", "ada", "--kind", "run", "--format", "csv"]);
    assert!(text.lines().any(|line| line.contains(",run,1,\"usage read 1 file, done\"")), "{text}");
    let text = said(&world, &["timeline", "ada", "--kind", "transcript", "--format", "csv"]);
    let kinds: Vec<_> = text.lines().skip(1).filter_map(|line| line.split(',').nth(2)).collect();
    assert_eq!(kinds, ["transcript"]);
    let day = ["timeline", "shop", "--day", "2026-02-02", "--json"];
    let entries: serde_json::Value = serde_json::from_str(&said(&world, &day)).unwrap();
    let about: Vec<_> = entries.as_array().unwrap().iter().map(|entry| entry["about"].as_str().unwrap()).collect();
    assert_eq!(about, ["2 views, by Direct, from /cans, p2", "4 views, by Direct, from /, p1"]);
    let said = world.mill(&["timeline", "adda", "--no-refresh"]);
    assert_eq!(said.status, 64);
    assert_eq!(said.stderr, "sessionmill: unknown user `adda`; known: `ada`, `shop`\n  hint: did you mean `ada`?\n");
}

#[test]
fn the_page_shows_when_people_are_there() {
    let world = world();
    let said = world.mill(&["report", "html", "--out", "page.html", "--no-refresh", "--timezone", "UTC"]);
    assert_eq!(said.status, 0, "{said:?}");
    let page = std::fs::read_to_string(world.path("page.html")).unwrap();
    for expected in [
        "<h2 id=\"presence\">When people are there</h2>",
        "<title>Sun 2026-02-01: 20 min</title>",
        "<title>Mon 22:00: 30 min</title>",
        "<title>Mon 23:00: 30 min</title>",
        "<caption>Activity sessions by channel</caption>",
        "<tr><th scope=\"row\">Organic Search</th><td class=\"n\">1</td>",
    ] {
        assert!(page.contains(expected), "no {expected} in\n{page}");
    }
    assert_eq!(page.matches("<script").count(), 1, "the one that sorts tables: {page}");
    // A user with source files is known even without responses.
    world.write("shop/s.jsonl", "{}\n");
    assert_eq!(world.mill(&["run"]).status, 0);
    let of_site = ["report", "html", "--out", "page.html", "--no-refresh", "--timezone", "UTC", "--user", "shop"];
    assert_eq!(world.mill(&of_site).status, 0);
    let page = std::fs::read_to_string(world.path("page.html")).unwrap();
    assert!(
        page.contains("There are no responses to report.") && page.contains("Activity sessions by entry"),
        "{page}"
    );
    let of_model = world.mill(&["report", "html", "--out", "page.html", "--no-refresh", "--model", "claude-opus-4-6"]);
    assert_eq!(of_model.status, 0, "{of_model:?}");
    assert!(!std::fs::read_to_string(world.path("page.html")).unwrap().contains("When people are there"));
}
