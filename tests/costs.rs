//! Costs of responses in SQL: the view agrees with the reports, and follows the configuration.

use crate::golden::fixtures;
use crate::prices::report;
use crate::world::{World, response};
use duckdb::Connection;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// Keys of reports, each with the column of the view.
const KEYS: [(&str, &str); 13] = [
    ("day", "strftime(time, '%Y-%m-%d')"),
    ("week", "strftime(date_trunc('week', time), '%Y-%m-%d')"),
    ("month", "strftime(time, '%Y-%m')"),
    ("hour", "strftime(time, '%H')"),
    ("user", "person"),
    ("team", "team"),
    ("project", "repository"),
    ("path", "project"),
    ("branch", "branch"),
    ("model", "model"),
    ("session", "session_id"),
    ("agent", "agent"),
    ("mcp_server", "mcp_server"),
];

/// Keys that need more than a column: the table to read, and the column.
const FURTHER: [(&str, &str, &str); 4] = [
    (
        "subagent",
        "usage_costs LEFT JOIN usage_subagents AS start USING (session_id, subagent_id)",
        "CASE WHEN start.subagent_type IS NOT NULL THEN start.subagent_type
            WHEN usage_costs.subagent_id IS NULL AND NOT side_chain THEN NULL
            ELSE coalesce(nullif(regexp_extract(subagent_id, '^a([a-z_]+)-[0-9a-f]+$', 1), ''), '(unknown)') END",
    ),
    ("command", COMMANDS, "'/' || coalesce(usage_costs.command, above.command)"),
    ("skill", COMMANDS, "coalesce(usage_costs.skill, above.skill)"),
    // A window belongs to a person. It begins with a response more than five hours after the beginning of the previous
    // window, or after the last response.
    (
        "block",
        "(WITH RECURSIVE numbered AS (
            SELECT *, row_number() OVER (PARTITION BY person ORDER BY time) AS number
            FROM usage_costs WHERE time IS NOT NULL
        ), windows AS (
            SELECT person, number, time, date_trunc('hour', time) AS start FROM numbered WHERE number = 1
            UNION ALL
            SELECT next.person, next.number, next.time, CASE
                WHEN next.time - start <= INTERVAL 5 HOUR AND next.time - windows.time <= INTERVAL 5 HOUR THEN start
                ELSE date_trunc('hour', next.time) END
            FROM windows JOIN numbered AS next ON next.person = windows.person AND next.number = windows.number + 1
        ) SELECT numbered.*, start FROM numbered JOIN windows USING (person, number))",
        "strftime(start, '%Y-%m-%dT%H:%M:%S+00:00')",
    ),
];

/// Responses with the command and skill that their subagents were started for, from the nearest caller where they are
/// known.
const COMMANDS: &str = "usage_costs LEFT JOIN (
    WITH RECURSIVE above AS (
        SELECT session_id, subagent_id, command, skill, started_by, 0 AS depth FROM usage_subagents
        UNION ALL
        SELECT above.session_id, above.subagent_id, coalesce(above.command, start.command),
            coalesce(above.skill, start.skill), start.started_by, depth + 1
        FROM above JOIN usage_subagents AS start
            ON start.session_id = above.session_id AND start.subagent_id = above.started_by
        WHERE depth < 64
    ) SELECT session_id, subagent_id, arg_max(command, depth) AS command, arg_max(skill, depth) AS skill
    FROM above GROUP BY ALL
) AS above USING (session_id, subagent_id)";

/// Total tokens, and cost in millionths of a dollar, by name.
type Rows = BTreeMap<Option<String>, (i64, Option<f64>)>;

/// The fixtures. People share a team, and a price is configured.
fn world() -> World {
    let world = World::new();
    fs::write(
        world.path("who.toml"),
        "[[person]]\nemail = 'ada@example.org'\nname = 'Ada'\nteam = 'mills'\nfolders = ['ada']\n\
         [[person]]\nemail = 'grace@example.org'\nteam = 'mills'\nfolders = ['grace']\n\
         [[project]]\nname = 'Mill'\npaths = ['/home/*/compiler', '/home/linus/kernel']\n",
    )
    .unwrap();
    world
}

fn run(world: &World) {
    let root = fixtures().join("sessions");
    let said = world.mill(&["run", "usage", "--config", "c.toml", "--sessions", root.to_str().unwrap()]);
    assert_eq!(said.status, 0, "{said:?}");
}

fn by_sql(world: &World, from: &str, column: &str) -> Rows {
    let connection = Connection::open(world.database()).unwrap();
    let sql = format!(
        "SELECT {column}, sum(input_tokens + output_tokens + cache_creation_input_tokens + cache_read_input_tokens)::BIGINT,
             sum(cost_usd)::DOUBLE * 1000000
         FROM {from} GROUP BY ALL"
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
    let plain = KEYS.map(|(key, column)| (key, "usage_costs", column));
    for (key, from, column) in plain.into_iter().chain(FURTHER) {
        let (sql, report) = (by_sql(&world, from, column), by_report(&world, key));
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
    let of = |column: &str| by_sql(&world, "usage_costs", column).into_iter().next().unwrap();
    run();
    assert_eq!(of("person"), (Some("ada".to_owned()), (1_000_000, None)));
    fs::write(world.path("c.toml"), "identities = 'who.toml'\n[[price]]\nmodel = 'mine-1'\ninput = 3\noutput = 1\n")
        .unwrap();
    run();
    assert_eq!(of("person"), (Some("Ada".to_owned()), (1_000_000, Some(3_000_000.0))));
    assert_eq!(of("price || ' ' || team"), (Some("mine-1 mills".to_owned()), (1_000_000, Some(3_000_000.0))));
    // A model that was not used before gets its price, too.
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

#[test]
fn the_cost_of_any_number_of_tokens_is_in_range() {
    let world = World::new();
    fs::write(world.path("c.toml"), "").unwrap();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 1 << 40));
    assert_eq!(world.mill(&["run", "usage", "--sessions", "root"]).status, 0);
    let rows = [(Some("2026-02-01".to_owned()), ((1 << 40) + 10, Some((1u64 << 40) as f64 * 25.0 + 50.0)))];
    assert_eq!(by_sql(&world, "usage_costs", "strftime(time, '%Y-%m-%d')"), Rows::from(rows.clone()));
    assert_eq!(by_report(&world, "day"), Rows::from(rows));
    let said = world.mill(&["publish"]);
    assert_eq!(said.status, 0, "{said:?}");
}

/// A pass builds these tables last. If it is killed before that, the next pass builds them, even if it finds no new
/// files.
#[test]
fn costs_are_those_of_all_responses_after_a_pass_that_broke_off() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    assert_eq!(world.mill(&["run", "usage", "--sessions", "root"]).status, 0);
    let other = response("m2", "10:00:00", 5).replace("claude-opus-4-6", "claude-sonnet-4-5");
    world.write("ada/b.jsonl", other);
    let killed = [("SESSIONMILL_FAILPOINT", "kill:before-sums")];
    assert_eq!(world.mill_with(&["run", "usage", "--sessions", "root"], &killed).status, -9);
    let unpriced = "SELECT message_id FROM usage_costs WHERE cost_usd IS NULL";
    assert_eq!(world.rows(unpriced), ["m2"]);
    let said = world.mill(&["run", "usage", "--sessions", "root"]);
    assert!(said.stdout.starts_with("usage: 2 files, 0 changed ("), "{said:?}");
    assert!(world.rows(unpriced).is_empty());
}
