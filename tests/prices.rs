//! The cost of responses: worked examples of COUNTING, from transcript to report, and models without a price.

use crate::world::World;
use serde_json::{Value, json};

/// A line of a response with these counts.
pub(crate) fn response(id: &str, day: &str, model: &str, usage: &str) -> String {
    format!(
        r#"{{"type":"assistant","uuid":"u-{id}","sessionId":"s-{id}","timestamp":"{day}T10:00:00Z","cwd":"/home/ada/shop","message":{{"id":"{id}","role":"assistant","model":"{model}","stop_reason":"end_turn","content":[],"usage":{usage}}}}}"#
    ) + "\n"
}

pub(crate) fn report(world: &World, args: &[&str]) -> Value {
    let said = world.mill(&[&["report", "--no-refresh", "--json"], args].concat());
    assert_eq!(said.status, 0, "{said:?}");
    serde_json::from_str(&said.stdout).unwrap()
}

/// Key and cost of each row.
pub(crate) fn costs(report: &Value) -> Vec<(String, Value)> {
    let by = report["by"].as_str().unwrap();
    let rows = report["rows"].as_array().unwrap().iter();
    rows.map(|row| (row[by].as_str().unwrap_or("(none)").to_owned(), row["cost_usd"].clone())).collect()
}

/// A transcript for each response.
pub(crate) fn world(responses: &[(&str, &str, &str, &str)]) -> World {
    let world = World::new();
    for (id, day, model, usage) in responses {
        world.write(&format!("ada/{id}.jsonl"), response(id, day, model, usage));
    }
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, 0, "{said:?}");
    world
}

const PLAIN: &str =
    r#"{"input_tokens":10,"output_tokens":100,"cache_creation_input_tokens":1000,"cache_read_input_tokens":5000}"#;
const HOURS: &str = r#"{"cache_creation_input_tokens":30000,"cache_creation":{"ephemeral_5m_input_tokens":10000,"ephemeral_1h_input_tokens":20000}}"#;
const LONG_READ: &str = r#"{"input_tokens":10,"output_tokens":1000,"cache_read_input_tokens":250000}"#;
const FAST: &str = r#"{"input_tokens":1000,"output_tokens":1000,"speed":"fast"}"#;

#[test]
fn the_worked_figures_come_out_of_a_report() {
    let world = world(&[
        ("plain", "2026-02-01", "claude-sonnet-4-5-20250929", PLAIN),
        ("hours", "2026-02-02", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", HOURS),
        ("long", "2026-02-03", "claude-sonnet-4@20250514", r#"{"input_tokens":300000,"output_tokens":1000}"#),
        ("long-read", "2026-02-04", "anthropic/claude-sonnet-4.5", LONG_READ),
        ("flat", "2026-03-13", "claude-opus-4-6[1m]", LONG_READ),
        ("fast", "2026-02-06", "claude-opus-4-6", FAST),
        ("at-the-threshold", "2026-02-07", "claude-sonnet-4-5", r#"{"input_tokens":200000}"#),
        ("above-it", "2026-02-08", "claude-sonnet-4-5", r#"{"input_tokens":200001}"#),
        ("searching", "2026-02-09", "claude-opus-4-6", r#"{"server_tool_use":{"web_search_requests":3}}"#),
        ("banded", "2026-03-12", "claude-opus-4-6", LONG_READ),
    ]);
    let days = costs(&report(&world, &["--timezone", "UTC"]));
    let expected = [0.00678, 0.1575, 1.8225, 0.17256, 0.18, 0.6, 1.200006, 0.03, 0.2876, 0.15005];
    let found: Vec<_> = days.iter().map(|(_, cost)| cost.as_f64().unwrap()).collect();
    assert_eq!(found, expected);
    for by in ["day", "week", "month", "user", "project", "model", "session", "agent"] {
        let report = report(&world, &["--by", by, "--timezone", "Asia/Kathmandu"]);
        assert_eq!(report["totals"]["cost_usd"], json!(4.606996), "by {by}");
        assert_eq!(report["unpriced"], json!([]));
    }
}

#[test]
fn what_has_no_price_is_named_and_costs_nothing() {
    let world = world(&[
        ("a", "2026-02-01", "house-model", PLAIN),
        ("b", "2026-02-01", "claude-opus-4-5", FAST),
        ("c", "2026-02-02", "claude-sonnet-4-5", PLAIN),
    ]);
    let report = report(&world, &["--timezone", "UTC"]);
    assert_eq!(costs(&report), [("2026-02-01".to_owned(), Value::Null), ("2026-02-02".to_owned(), json!(0.00678))]);
    let unpriced = [("claude-opus-4-5 (fast mode)", 1), ("house-model", 1)];
    let unpriced = unpriced.map(|(model, responses)| json!({"model": model, "responses": responses}));
    assert_eq!(report["unpriced"], json!(unpriced));
    let said = world.mill(&["report", "--no-refresh", "--timezone", "UTC"]);
    assert_eq!(
        said.stdout,
        " Day          Responses   Input   Output   Cache write   Cache read    Total    Cost
─────────────────────────────────────────────────────────────────────────────────────
 2026-02-01           2   1,010    1,100         1,000        5,000    8,110       –
 2026-02-02           1      10      100         1,000        5,000    6,110   $0.01
─────────────────────────────────────────────────────────────────────────────────────
 Total                3   1,020    1,200         2,000       10,000   14,220   $0.01
"
    );
    assert_eq!(
        said.stderr,
        "note: no price, and so no cost, of `claude-opus-4-5 (fast mode)` (1 response), `house-model` (1 response): \
         a `[[price]]` in the configuration can give one\n"
    );
}

#[test]
fn the_configuration_has_the_last_word_on_prices_from_its_day_on() {
    let world = world(&[
        ("a", "2026-06-30", "house-model", r#"{"input_tokens":1000000}"#),
        ("b", "2026-07-01", "house-model", r#"{"input_tokens":1000000}"#),
        ("c", "2026-07-02", "claude-opus-4-6", r#"{"input_tokens":1000000}"#),
    ]);
    let price = "[[price]]\nmodel = \"house-*\"\nfrom = 2026-07-01\ninput = 0.5\noutput = 1\n";
    std::fs::write(world.path("c.toml"), price).unwrap();
    let args = ["--timezone", "UTC", "--config", "c.toml"];
    let found = costs(&report(&world, &args));
    let expected = [("2026-06-30", Value::Null), ("2026-07-01", json!(0.5)), ("2026-07-02", json!(5.0))];
    assert_eq!(found, expected.map(|(day, cost)| (day.to_owned(), cost)));
    let said = world.mill(&[&["report", "--no-refresh", "--explain"], &args[..]].concat());
    let prices: Vec<_> = said.stderr.lines().filter(|line| line.starts_with("price: ")).collect();
    assert_eq!(
        prices,
        [
            "price: `claude-opus-4-6`, 1,000,000 tokens, $5.00, by the built-in row `claude-opus-4-6` from 2026-03-13: per million $5 input, \
             $25 output, $6.25 and $10 cache write for 5 minutes and 1 hour, $0.5 cache read",
            "price: `house-model` has none: 1,000,000 tokens without a cost",
            "price: `house-model`, 1,000,000 tokens, $0.50, by the configured row `house-*` from 2026-07-01: per million \
             $0.5 input, $1 output, $0.5 and $0.5 cache write for 5 minutes and 1 hour, $0.5 cache read",
        ]
    );
}

#[test]
fn what_clients_say_stands_beside_what_is_computed() {
    let world = World::new();
    let line = |id: &str, cost: f64| {
        let line =
            response(id, "2026-02-01", "claude-opus-4-6", FAST).replace("\"sessionId\":\"s-", "\"sessionId\":\"");
        line.replace("\"type\":\"assistant\"", &format!("\"type\":\"assistant\",\"costUSD\":{cost}"))
    };
    let total = |session: &str, cost: f64| {
        format!(r#"{{"type":"cost-state","sessionId":"{session}","totalCostUSD":{cost}}}"#) + "\n"
    };
    // The last total of a session replaces the costs of its lines, in all files with a total.
    world.write("ada/a.jsonl", line("a", 0.25) + &total("a", 0.5) + &total("a", 0.75));
    world.write("ada/copy.jsonl", line("a", 0.25) + &total("a", 0.5));
    world.write("bob/b.jsonl", line("b", 0.125));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let reported = |by: &str| {
        let report = report(&world, &["--by", by, "--timezone", "UTC"]);
        let rows = report["rows"].as_array().unwrap().iter();
        let mut rows: Vec<_> =
            rows.map(|row| (row[by].as_str().unwrap().to_owned(), row["reported_cost_usd"].clone())).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        (rows, report["totals"]["reported_cost_usd"].clone())
    };
    let rows =
        |rows: &[(&str, f64)]| rows.iter().map(|(key, cost)| ((*key).to_owned(), json!(cost))).collect::<Vec<_>>();
    assert_eq!(reported("session"), (rows(&[("a", 0.75), ("b", 0.125)]), json!(0.875)));
    assert_eq!(reported("user"), (rows(&[("ada", 0.75), ("bob", 0.125)]), json!(0.875)));
    assert_eq!(reported("day"), (rows(&[("2026-02-01", 0.875)]), json!(0.875)));
    // A session's total belongs to no single model.
    assert_eq!(reported("model"), (rows(&[("claude-opus-4-6", 0.125)]), json!(0.125)));
    assert_eq!(reported("agent").1, json!(0.875));
    let note = "reported is without the sessions for which a client reports one total";
    let says = |by: &str| world.mill(&["report", "--by", by, "--no-refresh"]).stderr.contains(note);
    assert!(says("model") && !says("agent"));
}

#[test]
fn the_table_of_prices_is_shown_with_its_source() {
    let world = World::new();
    std::fs::write(world.path("c.toml"), "[[price]]\nmodel = \"house-*\"\ninput = 0.5\noutput = 1\n").unwrap();
    let said = world.mill(&["prices", "show", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"]);
    assert_eq!(
        said.stdout,
        "model                claude-sonnet-4-5\ninput                3\noutput               15\ncache_write_5m       3.75\n\
         cache_write_1h       6\ncache_read           0.3\nabove                200000\nlong_input           6\n\
         long_output          22.5\nlong_cache_write_5m  7.5\nlong_cache_write_1h  12\nlong_cache_read      0.6\n\
         web_search           10\nsource               built-in\nus                   1\nregional             1.1\n\
         government           1.2\nbatch                0.5\napplied              1.1 times as much for regional endpoint\n"
    );
    let said = world.mill(&["prices", "show", "o3", "--at", "2025-06-09", "--json"]);
    let row: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&row[0]["input"], &row[0]["from"], &row[0]["fast"]), (&json!(10.0), &Value::Null, &Value::Null));
    let said = world.mill(&["prices", "--config", "c.toml", "--format", "csv"]);
    let mut lines = said.stdout.lines();
    let header = "model,from,input,output,cache_write_5m,cache_write_1h,cache_read,fast,above,long_input,long_output,\
                  long_cache_write_5m,long_cache_write_1h,long_cache_read,web_search,source,us,regional,government,batch,flex,\
                  priority,ultrafast,peak";
    assert_eq!(lines.next(), Some(header));
    assert_eq!(lines.next(), Some("house-*,,0.5,1,0.5,0.5,0.5,,,,,,,,10,configuration,,,,,,,,"));
    assert!(
        lines.any(|line| line == "claude-opus-4-6,2026-03-13,5,25,6.25,10,0.5,6,,,,,,,10,built-in,1.1,1.1,,0.5,,,,"),
        "{}",
        said.stdout
    );
    let said = world.mill(&["prices", "show", "claude-opus-4-66"]);
    let expected = "sessionmill: no price of `claude-opus-4-66`\n  \
                    hint: did you mean `claude-opus-4-6`? a `[[price]]` in the configuration can give one\n";
    assert_eq!((said.status, &*said.stderr), (2, expected));
}

#[test]
fn a_price_that_means_nothing_is_refused() {
    let world = World::new();
    std::fs::write(world.path("c.toml"), "[[price]]\nmodel = \"m\"\ninput = -1\noutput = 1\n").unwrap();
    let said = world.mill(&["prices", "--config", "c.toml"]);
    let expected = "sessionmill: cannot read the configuration `c.toml`: line 3: `price.input`: a rate is from 0 to a million dollars, not `-1`\n";
    assert_eq!((said.status, &*said.stderr), (78, expected));
}

#[test]
fn programs_around_ccusage_find_its_shape() {
    let world = world(&[
        ("a", "2026-02-01", "claude-sonnet-4-5", PLAIN),
        ("b", "2026-02-02", "claude-opus-4-6", FAST),
        ("c", "2026-02-02", "house-model", PLAIN),
    ]);
    let shape = |args: &[&str]| -> Value {
        let said = world.mill(&[args, &["--no-refresh", "--timezone", "UTC", "--format", "ccusage"]].concat());
        assert_eq!(said.status, 0, "{said:?}");
        serde_json::from_str(&said.stdout).unwrap()
    };
    let sums = |input: u64, output: u64, cost: f64| {
        json!({
            "inputTokens": input, "outputTokens": output, "cacheCreationTokens": 1000, "cacheReadTokens": 5000,
            "totalTokens": input + output + 6000, "totalCost": cost,
        })
    };
    let with = |mut object: Value, others: Value| {
        object.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        object
    };
    let model = |name: &str, [input, output, write, read]: [u64; 4], cost: f64| {
        json!({
            "modelName": name, "inputTokens": input, "outputTokens": output, "cacheCreationTokens": write,
            "cacheReadTokens": read, "cost": cost,
        })
    };
    let plain = [10, 100, 1000, 5000];
    let sonnet = json!({
        "modelsUsed": ["claude-sonnet-4-5"], "modelBreakdowns": [model("claude-sonnet-4-5", plain, 0.00678)],
    });
    let both = json!({
        "modelsUsed": ["claude-opus-4-6", "house-model"],
        "modelBreakdowns": [model("claude-opus-4-6", [1000, 1000, 0, 0], 0.18), model("house-model", plain, 0.0)],
    });
    let first = with(sums(10, 100, 0.00678), with(sonnet, json!({"date": "2026-02-01"})));
    let second = with(sums(1010, 1100, 0.18), with(both, json!({"date": "2026-02-02"})));
    let mut totals = sums(1020, 1200, 0.18678);
    (totals["cacheCreationTokens"], totals["cacheReadTokens"]) = (2000.into(), 10_000.into());
    totals["totalTokens"] = 14_220.into();
    assert_eq!(shape(&["daily"]), json!({"daily": [first, second], "totals": totals}));
    // The first is a Sunday.
    assert_eq!(shape(&["weekly"])["weekly"][0]["week"], "2026-02-01");
    assert_eq!(shape(&["weekly"])["weekly"].as_array().unwrap().len(), 1);
    assert_eq!(shape(&["monthly"])["monthly"][0]["month"], "2026-02");
    let sessions = shape(&["session"]);
    let session = &sessions["sessions"][0];
    assert_eq!(
        [&session["sessionId"], &session["projectPath"], &session["lastActivity"]],
        ["s-b", "ada", "2026-02-02T10:00:00.000Z"]
    );
    let blocks = shape(&["report", "--by", "block"]);
    let told =
        |block: &Value| ["id", "endTime", "actualEndTime"].map(|key| block[key].as_str().unwrap_or("-").to_owned());
    assert_eq!(
        blocks["blocks"].as_array().unwrap().iter().map(told).collect::<Vec<_>>(),
        [
            ["2026-02-01T10:00:00.000Z", "2026-02-01T15:00:00.000Z", "2026-02-01T10:00:00.000Z"],
            ["gap-2026-02-01T15:00:00.000Z", "2026-02-02T10:00:00.000Z", "-"],
            ["2026-02-02T10:00:00.000Z", "2026-02-02T15:00:00.000Z", "2026-02-02T10:00:00.000Z"],
        ]
    );
    assert_eq!(blocks["blocks"][2]["costUSD"], json!(0.18));
    let said = world.mill(&["report", "--by", "user", "--no-refresh", "--format", "ccusage"]);
    let expected = "sessionmill: ccusage has no such report\n  \
                    hint: --format ccusage is for --by day, week, month, session and block\n";
    assert_eq!((said.status, &*said.stderr), (64, expected));
    let said =
        world.mill(&["report", "--by", "block", "--no-refresh", "--timezone", "Europe/Berlin", "--format", "csv"]);
    let keys: Vec<_> = said.stdout.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(keys, ["2026-02-01T11:00:00+01:00", "2026-02-02T11:00:00+01:00"]);
}

#[test]
fn windows_are_those_of_each_person_whatever_days_are_asked_for() {
    let world = World::new();
    let lines = |times: &[&str]| {
        let line = |time: &&str| {
            let plain = response(time, "2026-02-01", "claude-opus-4-6", PLAIN);
            plain.replace("2026-02-01T10:00:00Z", &format!("2026-{time}"))
        };
        times.iter().map(line).collect::<String>()
    };
    world.write("ada/a.jsonl", lines(&["02-01T22:10:00Z", "02-02T00:30:00Z", "02-02T02:50:00Z", "02-02T04:50:00Z"]));
    world.write("bob/b.jsonl", lines(&["02-02T05:30:00Z", "02-02T08:30:00Z"])).pass();
    let args = ["report", "--by", "block", "--no-refresh", "--timezone", "UTC"];
    let windows = |more: &[&str]| {
        let said = world.mill(&[&args[..], &["--format", "csv"], more].concat());
        let cells = |line: &str| line.splitn(3, ',').take(2).collect::<Vec<_>>().join(" ");
        said.stdout.lines().skip(1).map(cells).collect::<Vec<_>>()
    };
    let [late, early, of_bob] = ["2026-02-01T22:00:00+00:00", "2026-02-02T04:00:00+00:00", "2026-02-02T05:00:00+00:00"];
    let of = |[first, second, third]: [u32; 3]| [(late, first), (early, second), (of_bob, third)];
    let expected = |numbers| of(numbers).map(|(start, number)| format!("{start} {number}"));
    assert_eq!(windows(&[]), expected([3, 1, 2]));
    assert_eq!(windows(&["--since", "2026-02-02"]), expected([2, 1, 2]));
    // In ccusage, there is a single account.
    let said = world.mill(&[&args[..], &["--format", "ccusage"]].concat());
    let json: Value = serde_json::from_str(&said.stdout).unwrap();
    let starts: Vec<_> = json["blocks"].as_array().unwrap().iter().map(|block| block["startTime"].clone()).collect();
    assert_eq!(starts, ["2026-02-01T22:00:00.000Z", "2026-02-02T04:00:00.000Z"]);
}

#[test]
fn a_client_says_what_each_session_of_a_file_cost() {
    let world = World::new();
    let line = |id: &str, hour: u32, session: &str, cost: f64| {
        crate::world::response(id, &format!("{hour}:00:00"), 5)
            .replace("\"s1\"", &format!("\"{session}\""))
            .replace("\"type\":\"assistant\"", &format!("\"type\":\"assistant\",\"costUSD\":{cost}"))
    };
    let total = |session: &str, cost: f64| {
        format!("{{\"type\":\"cost-state\",\"sessionId\":\"{session}\",\"totalCostUSD\":{cost}}}\n")
    };
    let two = line("m1", 10, "a", 1.0) + &total("a", 1.0) + &line("m2", 11, "b", 2.0) + &total("b", 2.0);
    let reported = |world: &World| {
        let said = world.mill(&["report", "--by", "session", "--no-refresh", "--json"]);
        let json: Value = serde_json::from_str(&said.stdout).unwrap();
        let row = |row: &Value| format!("{} {}", row["session"], row["reported_cost_usd"]);
        let mut rows: Vec<_> = json["rows"].as_array().unwrap().iter().map(row).collect();
        rows.sort();
        (rows, json["totals"]["reported_cost_usd"].clone())
    };
    world.write("ada/a.jsonl", two).pass();
    assert_eq!(reported(&world), (vec!["\"a\" 1.0".to_owned(), "\"b\" 2.0".to_owned()], 3.0.into()));
    // The second session continues in another file, whose total covers the whole session.
    world.write("ada/b.jsonl", line("m3", 12, "b", 4.0) + &total("b", 6.0)).pass();
    assert_eq!(reported(&world), (vec!["\"a\" 1.0".to_owned(), "\"b\" 6.0".to_owned()], 7.0.into()));
}

#[test]
fn a_window_ends_with_its_last_instant() {
    let world = World::new();
    let times = [
        "02-01T10:30:00Z",
        "02-01T15:00:00Z",
        "02-01T15:00:30Z",
        "02-01T20:00:00Z",
        "02-02T01:00:00Z",
        "02-02T06:00:01Z",
    ];
    let lines = times.map(|time| {
        let plain = response(time, "2026-02-01", "claude-opus-4-6", PLAIN);
        plain.replace("2026-02-01T10:00:00Z", &format!("2026-{time}"))
    });
    world.write("ada/a.jsonl", lines.concat()).pass();
    let said = world.mill(&["report", "--by", "block", "--no-refresh", "--timezone", "UTC", "--format", "csv"]);
    let windows: Vec<_> =
        said.stdout.lines().skip(1).map(|line| line.splitn(3, ',').take(2).collect::<Vec<_>>()).collect();
    assert_eq!(
        windows,
        [
            ["2026-02-01T10:00:00+00:00", "2"],
            ["2026-02-01T15:00:00+00:00", "2"],
            ["2026-02-02T01:00:00+00:00", "1"],
            ["2026-02-02T06:00:00+00:00", "1"],
        ],
        "a pause of five hours ends none, but the window does"
    );
}
