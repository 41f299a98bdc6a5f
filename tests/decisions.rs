//! Decisions of people hold, whatever happens to the database, and whatever is read later.

use crate::detectors::conversation;
use crate::world::{Said, World};
use sessionmill::store::{Access, Store};
use std::fs;

const ITEMS: &str = "SELECT domain, status, title FROM knowledge_items ORDER BY ALL";
const REVIEWS: &str = "SELECT review_id, item_id, action, reviewer, reviewed_at FROM knowledge_reviews ORDER BY ALL";
const FILE: &str = "data/mill.duckdb.knowledge_reviews";

const FIRST: &str = "By the way, GMV means gross merchandise value before refunds.";
const SECOND: &str = "By the way, ARR means annual recurring revenue in our finance reports.";

fn run(world: &World) -> Said {
    run_to(world, 0)
}

/// A run that ends with this status.
fn run_to(world: &World, status: i32) -> Said {
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, status, "{said:?}");
    said
}

/// Two items: one approved, the other rejected.
fn decided() -> World {
    let world = World::new();
    world.write("ada/a.jsonl", conversation(&[FIRST, SECOND]));
    run(&world);
    for (action, title) in [("approve", "GMV"), ("reject", "ARR")] {
        let id = world.rows(&format!("SELECT item_id FROM knowledge_items WHERE content LIKE '%{title}%'")).remove(0);
        let said = world.mill(&["knowledge", action, &id, "--by", "eve"]);
        assert_eq!(said.status, 0, "{said:?}");
    }
    world
}

/// Deletes rows of the database.
fn lose(world: &World, sql: &str) {
    Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(sql).unwrap();
}

fn remove_database(world: &World) {
    for extension in ["", ".wal"] {
        let _ = fs::remove_file(world.path(&format!("data/mill.duckdb{extension}")));
    }
}

#[test]
fn decisions_outlive_the_database() {
    let world = decided();
    let (items, reviews) = (world.rows(ITEMS), world.rows(REVIEWS));
    assert!(items.iter().any(|item| item.contains("approved")) && reviews.len() == 2, "{items:?}");
    remove_database(&world);
    let said = run(&world);
    assert!(said.stderr.contains("the database had lost decisions: they were taken back lost=2"), "{}", said.stderr);
    assert_eq!((world.rows(ITEMS), world.rows(REVIEWS)), (items.clone(), reviews.clone()));
    assert!(!run(&world).stderr.contains("lost"));

    // A database from before the file existed, and one that lost its last decision.
    fs::remove_file(world.path(FILE)).unwrap();
    run(&world);
    assert_eq!(fs::read_to_string(world.path(FILE)).unwrap().lines().count(), 2);
    lose(&world, "DELETE FROM knowledge_reviews WHERE review_id = 2");
    assert!(run(&world).stderr.contains("lost=1"));
    assert_eq!((world.rows(ITEMS), world.rows(REVIEWS)), (items, reviews));
}

#[test]
fn a_decision_about_a_new_database_comes_after_those_of_before() {
    let world = decided();
    let id = world.rows("SELECT item_id FROM knowledge_items WHERE status = 'rejected'").remove(0);
    lose(&world, "DELETE FROM knowledge_reviews");
    assert_eq!(world.mill(&["knowledge", "approve", &id]).status, 0);
    let actions = world.rows("SELECT review_id, action FROM knowledge_reviews ORDER BY ALL");
    assert_eq!(actions, ["1|approve", "2|reject", "3|approve"]);
    let statuses = world.rows("SELECT DISTINCT status FROM knowledge_items");
    assert_eq!(statuses, ["approved"], "the others hold, too");
}

#[test]
fn a_file_of_decisions_that_cannot_be_read_stays_as_it_is() {
    let world = decided();
    let text = fs::read_to_string(world.path(FILE)).unwrap() + "{\"review_id\":3\n";
    fs::write(world.path(FILE), &text).unwrap();
    let said = run_to(&world, 1);
    let told = "cannot read `[world]/data/mill.duckdb.knowledge_reviews`: line 3 is not a decision";
    assert!(said.stderr.contains(told), "{}", said.stderr);
    let id = world.rows("SELECT item_id FROM knowledge_items WHERE status = 'rejected'").remove(0);
    let said = world.mill(&["knowledge", "approve", &id]);
    assert!(said.status == 2 && said.stderr.contains(told), "{said:?}");
    assert_eq!(fs::read_to_string(world.path(FILE)).unwrap(), text);
    let never = text.lines().next().unwrap().replace("\"review_id\":1", "\"review_id\":9");
    let at = never.find("reviewed_at").unwrap();
    fs::write(world.path(FILE), format!("{}reviewed_at\":\"never\"}}\n", &never[..at])).unwrap();
    assert!(run_to(&world, 1).stderr.contains("no decision is taken back"));
    assert_eq!(world.rows(REVIEWS).len(), 2);
}

#[test]
fn a_decision_that_cannot_be_read_back_is_reported_by_its_line() {
    let world = decided();
    let reviews = world.rows(REVIEWS);
    let text = fs::read_to_string(world.path(FILE)).unwrap();
    let last = text.lines().last().unwrap();
    for broken in ["{\"review_id\":1,\"item\n", "no JSON at all\n", "{}\n", "\n"] {
        fs::write(world.path(FILE), format!("{broken}{last}\n")).unwrap();
        let said = world.mill(&["run", "--sessions", "root", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        let told =
            "cannot read `[world]/data/mill.duckdb.knowledge_reviews`: line 1 is not a decision; the database has it";
        assert_eq!((said.status, &json["warnings"]), (0, &serde_json::json!([told])), "{broken:?}");
    }
    // The next decision writes all of them again.
    let id = world.rows("SELECT item_id FROM knowledge_items WHERE status = 'rejected'").remove(0);
    assert_eq!(world.mill(&["knowledge", "approve", &id]).status, 0);
    assert_eq!(
        fs::read_to_string(world.path(FILE)).unwrap().lines().take(2).collect::<Vec<_>>().join("\n"),
        text.trim_end()
    );
    assert_eq!(world.rows(REVIEWS)[..2], reviews);

    // A decision that only the file has.
    for (cell, wrong) in [("reviewed_at", "\"never\""), ("review_id", "null"), ("review_id", "-3"), ("reviewer", "[]")]
    {
        let mut row: serde_json::Value = serde_json::from_str(last).unwrap();
        row["review_id"] = 9.into();
        row[cell] = serde_json::from_str(wrong).unwrap();
        fs::write(world.path(FILE), format!("{text}{row}\n")).unwrap();
        let said = run_to(&world, 1);
        let told = "cannot read `[world]/data/mill.duckdb.knowledge_reviews`: line 3 is not a decision; no decision is taken back";
        assert!(said.stdout.contains(&format!("  alarm: {told}\n")), "{cell}: {said:?}");
        assert!(said.stderr.contains(told), "{cell}: {said:?}");
        assert_eq!(world.rows(REVIEWS).len(), 3, "{cell}");
    }
}
