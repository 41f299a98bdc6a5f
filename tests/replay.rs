//! `sessionmill replay`: recordings, read from source files.

use crate::world::World;

/// A part of a recording with events of rrweb, as a line.
fn snapshot(id: &str, second: u32, events: &str) -> String {
    format!(
        r#"{{"uuid":"{id}","event":"$snapshot","distinct_id":"u-7","timestamp":"2026-03-01T12:00:{second:02}Z","properties":{{"$session_id":"s-1","$snapshot_data":{events}}}}}"#
    )
}

pub(crate) const VIEW: &str = r#"{"uuid":"v1","event":"$pageview","distinct_id":"u-7","timestamp":"2026-03-01T12:00:00Z","properties":{"$session_id":"s-1","$current_url":"https://mill.example/"}}"#;

/// 12:00 on 1 March, in milliseconds.
const NOON: u64 = 1_772_366_400_000;

pub(crate) fn world() -> World {
    let world = World::new();
    let typed = format!(r#"[{{"type":3,"data":{{"source":5,"id":4,"text":"rye"}},"timestamp":{}}}]"#, NOON + 5_000);
    let late = format!(r#"[{{"type":3,"data":{{"source":3,"y":9}},"timestamp":{}}}]"#, NOON + 9_000);
    let early = format!(r#"[{{"type":3,"data":{{"source":1}},"timestamp":{}}}]"#, NOON + 2_000);
    let plain = format!("\n{VIEW}\n  {}\n{}\n", snapshot("r2", 9, &late), snapshot("r1", 5, &typed));
    let batch = format!(r#"{{"batch":[{{"event":"x"}},{}]}}"#, snapshot("r0", 10, &early));
    world.write("shop/a.jsonl", plain);
    world.write("shop/b.jsonl.zst", zstd::encode_all(format!("{VIEW}\n{batch}\n").as_bytes(), 3).unwrap());
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, 0, "{said:?}");
    world
}

/// Writes a recording with this number of lines of one MiB each. Returns its bytes.
pub(crate) fn write_long(world: &World, lines: u32) -> usize {
    let text = "x".repeat(1 << 20);
    let line = |number: u32| {
        let at = NOON + u64::from(number);
        let events = format!(r#"[{{"type":3,"data":{{"source":0,"text":"{text}"}},"timestamp":{at}}}]"#);
        snapshot(&format!("r{number}"), 1, &events) + "\n"
    };
    let whole = format!("{VIEW}\n") + &(0..lines).map(line).collect::<String>();
    let bytes = whole.len();
    world.write("shop/a.jsonl", whole);
    bytes
}

pub(crate) fn session(world: &World) -> String {
    world.rows("SELECT session_id FROM activity_sessions").concat()
}

#[test]
fn a_recording_is_written_in_the_order_of_time() {
    let world = world();
    let session = session(&world);
    let item = |second: u32, kind: &str, data: &str| {
        let millis = NOON + u64::from(second) * 1000;
        format!(
            r#"{{"timestamp":"2026-03-01T12:00:{second:02}.000Z","event_type":"{kind}","data":{{"type":3,"data":{data},"timestamp":{millis}}}}}"#
        ) + "\n"
    };
    let expected = |text: &str| {
        let typed = format!(r#"{{"source":5,"id":4,"text":"{text}"}}"#);
        item(2, "mouse", r#"{"source":1}"#) + &item(5, "input", &typed) + &item(9, "scroll", r#"{"source":3,"y":9}"#)
    };
    let said = world.mill(&["replay", &session]);
    assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (0, &*expected("***"), ""));
    let said = world.mill(&["replay", &session, "--show-input"]);
    assert_eq!((said.status, said.stdout.as_str()), (0, &*expected("rye")));
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let world = world();
    let session = session(&world);
    let said = world.mill(&["replay", "none"]);
    assert_eq!(said.status, 64);
    assert!(said.stderr.starts_with("sessionmill: there is no activity session `none`\n"), "{said:?}");
    world.write("shop/a.jsonl", "{}\n".repeat(1000));
    let said = world.mill(&["replay", &session]);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""));
    let changed = "sessionmill: cannot replay `shop/a.jsonl`: it has changed since it was read\n";
    assert!(said.stderr.starts_with(changed), "{said:?}");
    world.remove("shop/a.jsonl");
    let said = world.mill(&["replay", &session]);
    assert!(said.stderr.starts_with("sessionmill: cannot read `shop/a.jsonl`: "), "{said:?}");
    let world = World::new();
    world.write("shop/a.jsonl", format!("{VIEW}\n"));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let said = world.mill(&["replay", &self::session(&world)]);
    assert!(said.stderr.starts_with("sessionmill: nothing was recorded in the activity session `"), "{said:?}");
}

#[test]
fn an_id_from_before_an_earlier_event_came_leads_to_its_session() {
    let world = world();
    let before = session(&world);
    let recorded = world.mill(&["replay", &before]).stdout;
    let earlier = VIEW.replace("v1", "v0").replace("12:00:00", "11:59:00");
    world.write("shop/c.jsonl", format!("{earlier}\n"));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    assert_ne!(session(&world), before);
    let said = world.mill(&["replay", &before]);
    assert_eq!((said.status, said.stdout.as_str(), said.stderr.as_str()), (0, recorded.as_str(), ""));
    let other = before.replace(&before[30..], "000000");
    assert_eq!(world.mill(&["replay", &other]).status, 64, "an id of no event");
}
