//! What responses cost by SQL: the view says what the reports say, and follows the configuration.

use crate::golden::fixtures;
use crate::prices::report;
use crate::world::World;
use duckdb::Connection;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// Keys of reports, each with its column of the view.
const KEYS: [(&str, &str); 11] = [
    ("day", "strftime(time, '%Y-%m-%d')"),
    ("week", "strftime(date_trunc('week', time), '%Y-%m-%d')"),
    ("month", "strftime(time, '%Y-%m')"),
    ("user", "person"),
    ("team", "team"),
    ("project", "repository"),
    ("branch", "branch"),
    ("model", "model"),
    ("session", "session_id"),
    ("agent", "agent"),
    ("mcp_server", "mcp_server"),
];

/// Total tokens and cost, in millionths of a dollar, by name.
type Rows = BTreeMap<Option<String>, (i64, Option<f64>)>;

/// The fixtures, in which people share a team and a price is configured.
fn world() -> World {
    let world = World::new();
    fs::write(
        world.path("who.toml"),
        "[[person]]\nemail = 'ada@example.org'\nname = 'Ada'\nteam = 'mills'\nfolders = ['ada']\n\
         [[person]]\nemail = 'grace@example.org'\nteam = 'mills'\nfolders = ['grace']\n",
    )
    .unwrap();
    world
}

fn run(world: &World) {
    let root = fixtures().join("sessions");
    let said = world.mill(&["run", "usage", "--config", "c.toml", "--sessions", root.to_str().unwrap()]);
    assert_eq!(said.status, 0, "{said:?}");
}

fn by_sql(world: &World, column: &str) -> Rows {
    let connection = Connection::open(world.database()).unwrap();
    let sql = format!(
        "SELECT {column}, sum(input_tokens + output_tokens + cache_creation_input_tokens + cache_read_input_tokens)::BIGINT,
             sum(cost_usd)::DOUBLE * 1000000
         FROM usage_costs GROUP BY ALL"
    );
    let mut statement = connection.prepare(&sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).unwrap();
    rows.collect::<duckdb::Result<_>>().unwrap()
}

fn by_report(world: &World, key: &str) -> Rows {
    let report = report(world, &["--by", key.replace('_', "-").as_str(), "--timezone", "UTC", "--config", "c.toml"]);
    let rows = report["rows"].as_array().unwrap().iter();
    let micro = |cost: &Value| cost.as_f64().map(|dollars| dollars * 1e6);
    let row = |row: &Value| {
        let name = row[key].as_str().map(str::to_owned);
        (name, (row["total_tokens"].as_i64().unwrap(), micro(&row["cost_usd"])))
    };
    rows.map(row).collect()
}

#[test]
fn sql_over_the_view_says_what_each_report_says() {
    let world = world();
    fs::write(
        world.path("c.toml"),
        "identities = 'who.toml'\n[[price]]\nmodel = 'claude-haiku-*'\nfrom = 2026-01-01\ninput = 7\noutput = 70\n",
    )
    .unwrap();
    run(&world);
    for (key, column) in KEYS {
        let (sql, report) = (by_sql(&world, column), by_report(&world, key));
        assert!(!report.is_empty(), "{key}");
        assert!(sql.keys().eq(report.keys()), "{key}: {sql:?} {report:?}");
        for (name, (tokens, cost)) in &sql {
            let (reported, reported_cost) = report[name];
            assert_eq!((*tokens, cost.is_some()), (reported, reported_cost.is_some()), "{key} {name:?}");
            // A report rounds to millionths.
            let difference = cost.unwrap_or_default() - reported_cost.unwrap_or_default();
            assert!(difference.abs() < 0.501, "{key} {name:?}: {cost:?} {reported_cost:?}");
        }
    }
}

#[test]
fn a_price_and_a_name_that_change_count_after_the_next_run() {
    let world = world();
    world.write("ada/a.jsonl", crate::prices::response("m1", "2026-02-01", "mine-1", r#"{"input_tokens":1000000}"#));
    fs::write(world.path("c.toml"), "").unwrap();
    let run = || {
        let said = world.mill(&["run", "usage", "--config", "c.toml", "--sessions", "root"]);
        assert_eq!(said.status, 0, "{said:?}");
    };
    let of = |column: &str| by_sql(&world, column).into_iter().next().unwrap();
    run();
    assert_eq!(of("person"), (Some("ada".to_owned()), (1_000_000, None)));
    fs::write(world.path("c.toml"), "identities = 'who.toml'\n[[price]]\nmodel = 'mine-1'\ninput = 3\noutput = 1\n")
        .unwrap();
    run();
    assert_eq!(of("person"), (Some("Ada".to_owned()), (1_000_000, Some(3_000_000.0))));
    assert_eq!(of("price || ' ' || team"), (Some("mine-1 mills".to_owned()), (1_000_000, Some(3_000_000.0))));
    // A model that nobody used before gets its price, too.
    let other = crate::prices::response("m2", "2026-02-01", "claude-opus-4-6", r#"{"input_tokens":100000}"#);
    world.write("ada/b.jsonl", other);
    run();
    assert_eq!(of("person"), (Some("Ada".to_owned()), (1_100_000, Some(3_500_000.0))));
    let said = world.mill(&["forget", "ada", "--yes"]);
    assert_eq!(said.status, 0, "{said:?}");
    let connection = Connection::open(world.database()).unwrap();
    let left = |table: &str| -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!(["people", "usage_costs"].map(left), [0, 0]);
}
