//! Places of network addresses, from a file in MaxMind's format that the tests write.

use crate::world::World;
use serde_json::{Value, json};

/// An address, its prefix length in bits, and its data.
type Entry = (&'static str, u32, Value);

/// A file with these entries.
fn file(build: u64, entries: &[Entry]) -> Vec<u8> {
    const EMPTY: usize = usize::MAX;
    const DATA: usize = 1 << 40;
    let mut nodes = vec![[EMPTY; 2]];
    let mut data = Vec::new();
    for (address, bits, value) in entries {
        let address: u32 = address.parse::<std::net::Ipv4Addr>().unwrap().into();
        let mut node = 0;
        for bit in 0..*bits {
            let side = (address >> (31 - bit) & 1) as usize;
            if bit + 1 == *bits {
                nodes[node][side] = DATA + data.len();
            } else {
                if nodes[node][side] == EMPTY {
                    nodes[node][side] = nodes.len();
                    nodes.push([EMPTY; 2]);
                }
                node = nodes[node][side];
            }
        }
        encode(value, &mut data);
    }
    let count = nodes.len();
    let mut file = Vec::new();
    for record in nodes.iter().flatten() {
        let number = match *record {
            EMPTY => count,
            record if record >= DATA => count + 16 + record - DATA,
            record => record,
        };
        file.extend_from_slice(&(number as u32).to_be_bytes()[1..]);
    }
    file.extend_from_slice(&[0; 16]);
    file.extend(data);
    file.extend_from_slice(b"\xAB\xCD\xEFMaxMind.com");
    let about = json!({
        "node_count": count, "record_size": 24, "ip_version": 4, "database_type": "Mill-City", "languages": ["en"],
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": build,
        "description": {"en": "places"},
    });
    encode(&about, &mut file);
    file
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => {
            out.push(2 << 5 | text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(values) => {
            out.extend_from_slice(&[values.len() as u8, 4]);
            values.iter().for_each(|value| encode(value, out));
        }
        Value::Object(values) => {
            out.push(7 << 5 | values.len() as u8);
            for (key, value) in values {
                encode(&json!(key), out);
                // A number has the type that its field requires.
                match (key.as_str(), value.as_u64()) {
                    (_, None) => encode(value, out),
                    ("build_epoch", Some(number)) => {
                        out.extend_from_slice(&[8, 2]);
                        out.extend_from_slice(&number.to_be_bytes());
                    }
                    ("node_count", Some(number)) => {
                        out.push(6 << 5 | 4);
                        out.extend_from_slice(&(number as u32).to_be_bytes());
                    }
                    (_, Some(number)) => {
                        out.push(5 << 5 | 2);
                        out.extend_from_slice(&(number as u16).to_be_bytes());
                    }
                }
            }
        }
        _ => panic!("{value}"),
    }
}

fn place(country: &str, region: &str, city: &str) -> Value {
    json!({"country": {"iso_code": country}, "subdivisions": [{"names": {"en": region}}], "city": {"names": {"en": city}}})
}

fn view(id: &str, who: &str, properties: &Value) -> String {
    let event = json!({"uuid": id, "event": "$pageview", "distinct_id": who, "timestamp": "2026-03-02T10:00:00Z",
                       "properties": properties});
    format!("{event}\n")
}

const PLACES: &str = "SELECT person_id, country, region, city FROM activity_sessions ORDER BY ALL";

#[test]
fn places_follow_from_addresses_where_a_file_is_configured() {
    let world = World::new();
    let spain = ("203.0.113.0", 24, place("ES", "Galicia", "Vigo"));
    std::fs::write(
        world.path("places.mmdb"),
        file(1, &[spain, ("198.51.100.7", 32, json!({"country": {"iso_code": "NO"}}))]),
    )
    .unwrap();
    let views = [
        view("e1", "ada", &json!({"$ip": "203.0.113.77"})),
        view("e2", "bob", &json!({"$ip": "198.51.100.7"})),
        view("e3", "cleo", &json!({"$ip": "198.51.100.8"})),
        view("e4", "dan", &json!({"$ip": "nowhere"})),
        view("e5", "eve", &json!({"$ip": "203.0.113.1", "$geoip_country_code": "PT"})),
    ];
    world.write("oil/a.jsonl", views.concat());
    let run = |settings: &str| {
        std::fs::write(world.path("mill.toml"), format!("[tracking]\n{settings}\n")).unwrap();
        let said = world.mill(&["run", "tracking", "--sessions", "root", "--config", "mill.toml"]);
        assert_eq!(said.status, 0, "{said:?}");
        world.rows(PLACES)
    };
    let none = ["ada|||", "bob|||", "cleo|||", "dan|||", "eve|PT||"];
    assert_eq!(run(""), none);
    let found = ["ada|ES|Galicia|Vigo", "bob|NO||", "cleo|||", "dan|||", "eve|PT||"];
    assert_eq!(run("geo_file = 'places.mmdb'\nmask = ['ip']"), found);
    assert_eq!(world.rows("SELECT count(ip) FROM activity_events"), ["0"], "it is looked up before it is masked");
    // With a file of another build, the logs are read again.
    std::fs::write(world.path("places.mmdb"), file(2, &[("203.0.113.0", 24, place("ES", "Galicia", "Lugo"))])).unwrap();
    assert_eq!(run("geo_file = 'places.mmdb'\nmask = ['ip']")[..2], ["ada|ES|Galicia|Lugo", "bob|||"]);
    assert_eq!(run(""), none);
}

#[test]
fn without_the_file_that_is_configured_nothing_is_read() {
    let world = World::new();
    world.write("oil/a.jsonl", view("e1", "ada", &json!({"$ip": "203.0.113.77"})));
    std::fs::write(world.path("mill.toml"), "[tracking]\ngeo_file = 'places.mmdb'\n").unwrap();
    let run = || world.mill(&["run", "tracking", "--sessions", "root", "--config", "mill.toml"]);
    let said = run();
    let missing = "cannot read `places.mmdb`, the `geo_file` of `[tracking]`: there is no such file or folder";
    assert!(said.status != 0 && said.stderr.contains(missing), "{said:?}");
    std::fs::write(world.path("places.mmdb"), "nothing of the kind").unwrap();
    let wrong = "the `geo_file` of `[tracking]`: it is no file in MaxMind's format";
    assert!(run().stderr.contains(wrong));
    let said = world.mill(&["config", "check", "--config", "mill.toml"]);
    assert!(said.status != 0 && (said.stdout + &said.stderr).contains(wrong));
    std::fs::write(world.path("places.mmdb"), file(1, &[("203.0.113.0", 24, place("ES", "Galicia", "Vigo"))])).unwrap();
    assert_eq!(run().status, 0);
    assert_eq!(world.rows(PLACES), ["ada|ES|Galicia|Vigo"]);
    let said = world.mill(&["config", "check", "--config", "mill.toml"]);
    assert!(said.stdout.contains("the `geo_file` can be read"), "{said:?}");
}
