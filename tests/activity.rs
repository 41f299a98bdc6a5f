//! Activity sessions from end to end: from lines of web logs and transcripts to the tables that people query.

use crate::world::World;
use std::fmt::Write as _;

/// A line of PostHog with a time such as `10:20:00`, a person, an event, and further properties.
fn line(id: &str, time: &str, who: &str, event: &str, properties: &str) -> String {
    format!(
        "{{\"uuid\":\"{id}\",\"event\":\"{event}\",\"distinct_id\":\"{who}\",\
         \"timestamp\":\"2026-03-02T{time}Z\",\"properties\":{{{properties}}}}}\n"
    )
}

fn view(id: &str, time: &str, who: &str) -> String {
    line(id, time, who, "$pageview", "\"$current_url\":\"https://oil.example/cans?size=5\"")
}

/// Person, start, end, reason of the end, views, events, and number of the session.
const SESSIONS: &str = "SELECT person_id, strftime(started_at, '%H:%M'), strftime(last_at, '%H:%M'), close_reason,
    page_views, event_count, session_index FROM activity_sessions WHERE kind = 'web' ORDER BY started_at, person_id";

#[test]
fn a_log_in_joins_what_came_before_it() {
    let world = World::new();
    world.write("oil/a.jsonl", view("e1", "10:00:00", "anon-1") + &view("e2", "12:00:00", "anon-1")).pass();
    assert_eq!(world.rows(SESSIONS), ["anon-1|10:00|10:00|idle|1|1|1", "anon-1|12:00|12:00|idle|1|1|2"]);
    let identify = line("e3", "12:05:00", "zoe", "$identify", "\"$anon_distinct_id\":\"anon-1\"");
    world.write("oil/b.jsonl", identify + &view("e4", "12:10:00", "zoe")).pass();
    let joined = ["zoe|10:00|10:00|idle|1|1|1", "zoe|12:00|12:10|idle|2|2|2"];
    assert_eq!(world.rows(SESSIONS), joined);
    let people =
        "SELECT person_id, ids, distinct_ids, events, copies, loose_events, refused_joins FROM activity_people";
    assert_eq!(world.rows(people), ["zoe|2|anon-1, zoe|4|0|0|0"]);
    let events = "SELECT event_id, sessions.session_index FROM activity_events JOIN activity_sessions AS sessions
        USING (session_id) ORDER BY event_id";
    assert_eq!(world.rows(events), ["e1|1", "e2|2", "e3|2", "e4|2"]);
    // The log that joined the ids changes, so the join is gone.
    world.write("oil/b.jsonl", view("e4", "12:10:00", "zoe")).pass();
    let apart = ["anon-1|10:00|10:00|idle|1|1|1", "anon-1|12:00|12:00|idle|1|1|2", "zoe|12:10|12:10|idle|1|1|1"];
    assert_eq!(world.rows(SESSIONS), apart);
}

#[test]
fn a_person_has_the_ids_that_only_links_name() {
    let world = World::new();
    let identify = |id: &str, who: &str, anonymous: &str| {
        line(id, "10:00:00", who, "$identify", &format!("\"$anon_distinct_id\":\"{anonymous}\""))
    };
    let text = identify("e1", "ada", "anon-1") + &identify("e2", "bob", "anon-1") + &identify("e3", "bob", "anon-2");
    world.write("oil/a.jsonl", text + &view("e4", "15:00:00", "ada") + &view("e5", "16:00:00", "anon-2")).pass();
    let people = "SELECT person_id, ids, distinct_ids, strftime(first_seen, '%H:%M'), events, refused_joins, nobody
        FROM activity_people ORDER BY person_id";
    assert_eq!(world.rows(people), ["ada|2|ada, anon-1|10:00|2|1|false", "bob|2|anon-2, bob|10:00|3|0|false"]);
}

#[test]
fn a_late_line_changes_the_stretch_around_it_and_no_other() {
    let world = World::new();
    world
        .write("oil/a.jsonl", ["10:00:00", "10:50:00", "15:00:00"].map(|time| view(time, time, "zoe")).concat())
        .pass();
    let ids = "SELECT session_id FROM activity_sessions ORDER BY started_at";
    let before = world.rows(ids);
    world.write("oil/b.jsonl", view("late", "10:25:00", "zoe")).pass();
    assert_eq!(world.rows(SESSIONS), ["zoe|10:00|10:50|idle|3|3|1", "zoe|15:00|15:00|idle|1|1|2"]);
    assert_eq!(world.rows(ids), [before[0].clone(), before[2].clone()], "an id names the first event");
    // A copy of the event in another file changes nothing.
    world.write("oil/c.jsonl", view("late", "10:25:00", "zoe")).pass();
    assert_eq!(world.rows(SESSIONS), ["zoe|10:00|10:50|idle|3|3|1", "zoe|15:00|15:00|idle|1|1|2"]);
    world.write("oil/c.jsonl", "").write("oil/b.jsonl", "").pass();
    assert_eq!(world.rows(ids), before);
}

#[test]
fn an_event_without_an_id_counts_once_wherever_its_file_goes() {
    let world = World::new();
    let nameless = |time: &str| view("", time, "zoe").replace("\"uuid\":\"\",", "");
    // Two equal lines of one file are two events.
    let text = nameless("10:00:00") + &nameless("10:05:00") + &nameless("10:05:00");
    let told = || {
        let copies = "SELECT events, copies FROM activity_people WHERE username = 'oil'";
        let ids = "SELECT session_id FROM activity_sessions WHERE username = 'oil'";
        (world.rows(SESSIONS), world.rows(ids), world.rows(copies).concat())
    };
    world.write("oil/b.jsonl", &text).pass();
    let (sessions, ids, copies) = told();
    assert_eq!((&sessions[..], &*copies), (&["zoe|10:00|10:05|idle|3|3|1".to_owned()][..], "3|0"));
    let counted = |copies: u32| (sessions.clone(), ids.clone(), format!("3|{copies}"));
    let rename = |from: &str, to: &str| {
        std::fs::create_dir_all(world.path("root/oil/2026")).unwrap();
        std::fs::rename(world.path("root/oil").join(from), world.path("root/oil").join(to)).unwrap();
        world.pass();
    };
    rename("b.jsonl", "a.jsonl");
    assert_eq!(told(), counted(3));
    rename("a.jsonl", "2026/a.jsonl");
    assert_eq!(told(), counted(6));
    world.write("oil/c.jsonl.gz", crate::forms::gzip(text.as_bytes())).pass();
    assert_eq!(told(), counted(9));
    let list = text.trim_end().replace('\n', ",");
    world.write("oil/d.jsonl", format!("{{\"batch\":[{list}]}}\n")).pass();
    assert_eq!(told(), counted(12));
    // Of three equal lines in another file, one is new.
    world.write("oil/e.jsonl", nameless("10:05:00").repeat(3)).pass();
    assert_eq!((told().0, told().2), (vec!["zoe|10:00|10:05|idle|4|4|1".to_owned()], "4|14".to_owned()));
    world.write("gas/a.jsonl", &text).pass();
    let of_sites = "SELECT username, event_count FROM activity_sessions ORDER BY ALL";
    assert_eq!(world.rows(of_sites), ["gas|3", "oil|4"]);
}

#[test]
fn any_order_of_files_gives_the_same_rows() {
    let mut texts = Vec::new();
    for file in 0..6 {
        let mut text = String::new();
        for number in 0..20 {
            let (hour, minute) = (8 + (number * 7 + file * 3) % 10, (number * 13 + file * 29) % 60);
            let who = ["anon-1", "zoe", "bob", "anon-2"][(number + file) % 4];
            let client = if number % 5 == 0 { "\"$session_id\":\"s1\"" } else { "" };
            let id = format!("e{file}-{number}");
            _ = write!(text, "{}", line(&id, &format!("{hour:02}:{minute:02}:00"), who, "$pageview", client));
        }
        text += &line(&format!("i{file}"), "13:00:00", "zoe", "$identify", "\"$anon_distinct_id\":\"anon-1\"");
        texts.push(text);
    }
    let rows = |orders: &[&[usize]]| {
        let world = World::new();
        for order in orders {
            for file in *order {
                world.write(&format!("oil/{file}.jsonl"), &texts[*file]);
            }
            world.pass();
        }
        // Sessions overlap. An event belongs to the session that counts it.
        let counted = "SELECT count(*) FROM activity_sessions AS s LEFT JOIN (
            SELECT session_id, count(*) FILTER (class IN ('view', 'event')) AS events FROM activity_events GROUP BY ALL
            ) AS e USING (session_id) WHERE s.event_count IS DISTINCT FROM e.events";
        assert_eq!(world.rows(counted), ["0"]);
        let tables = ["sessions", "presence", "edges", "members"];
        tables.map(|table| world.rows(&format!("SELECT * FROM facts.activity_{table} ORDER BY ALL")))
    };
    let whole = rows(&[&[0, 1, 2, 3, 4, 5]]);
    assert!(whole[0].len() > 10, "{whole:?}");
    assert_eq!(rows(&[&[5], &[4, 3], &[0], &[2, 1]]), whole);
    assert_eq!(rows(&[&[3, 1], &[1, 0, 2], &[5, 4]]), whole);
}

#[test]
fn settings_of_rules_settle_again_and_masks_read_again() {
    let world = World::new();
    world.write("oil/a.jsonl", view("e1", "10:00:00", "zoe") + &view("e2", "10:25:00", "zoe"));
    let run = |settings: &str| {
        std::fs::write(world.path("mill.toml"), format!("[tracking]\n{settings}")).unwrap();
        let said = world.mill(&["run", "tracking", "--sessions", "root", "--config", "mill.toml"]);
        assert_eq!(said.status, 0, "{said:?}");
        world.rows("SELECT count(*), min(entry_url) FROM activity_sessions")
    };
    assert_eq!(run(""), ["1|https://oil.example/cans?size=5"]);
    assert_eq!(run("idle = '20m'"), ["2|https://oil.example/cans?size=5"]);
    assert_eq!(run("idle = '20m'\nmask = ['query']"), ["2|https://oil.example/cans"]);
    assert_eq!(run(""), ["1|https://oil.example/cans?size=5"]);
}

#[test]
fn an_open_session_is_told_by_the_clock() {
    let world = World::new();
    let recent = (chrono::Utc::now() - chrono::TimeDelta::minutes(5)).to_rfc3339();
    let event = |time: &str, id: &str| {
        format!("{{\"uuid\":\"{id}\",\"event\":\"$pageview\",\"distinct_id\":\"zoe\",\"timestamp\":\"{time}\"}}\n")
    };
    world.write("oil/a.jsonl", event("2026-03-02T10:00:00Z", "e1") + &event(&recent, "e2")).pass();
    let open = "SELECT is_active, closed_at IS NULL, close_reason FROM activity_sessions ORDER BY started_at";
    assert_eq!(world.rows(open), ["false|false|idle", "true|true|"]);
}

#[test]
fn what_work_with_agents_used_is_found_by_its_time() {
    let world = World::new();
    world.write(
        "ada/a.jsonl",
        crate::world::response("m1", "10:00:00", 5) + &crate::world::response("m2", "12:00:00", 7),
    );
    world.pass();
    let used = "SELECT sessions.session_index, sum(responses.output_tokens)::BIGINT FROM activity_usage
        JOIN activity_sessions AS sessions USING (session_id)
        JOIN usage_responses AS responses USING (message_id, part) WHERE sessions.kind = 'agent' GROUP BY ALL ORDER BY ALL";
    assert_eq!(world.rows(used), ["1|5", "2|7"]);
    let counts = "SELECT responses, prompts, agents, parallel_transcripts FROM activity_sessions";
    assert_eq!(world.rows(counts), ["1|0|[\"claude-code\"]|1"; 2]);
}

#[test]
fn an_event_belongs_to_the_session_that_still_runs() {
    let world = World::new();
    let named = |id: &str, time: &str, session: &str| {
        line(id, time, "zoe", "$pageview", &format!("\"$session_id\":\"{session}\""))
    };
    // Session `b` began last and ends at 10:40; `a` continues until 11:10.
    let a = named("a1", "10:00:00", "a") + &named("a2", "10:20:00", "a") + &named("a3", "10:40:00", "a");
    world.write("oil/a.jsonl", a + &named("b1", "10:10:00", "b") + &view("e1", "10:45:00", "zoe")).pass();
    let events = "SELECT event_id, sessions.client_session_id FROM activity_events JOIN activity_sessions AS sessions
        USING (session_id) ORDER BY event_id";
    assert_eq!(world.rows(events), ["a1|a", "a2|a", "a3|a", "b1|b", "e1|a"]);
}
