//! Settlements that use entities of earlier settlements, and entities that end, compared with a naive second
//! implementation.

use crate::world::{World, rounds};
use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use sessionmill::store::{Access, Store};
use sessionmill_contract::{
    Agent, Bound, Event, Failure, FailureClass, Fold, Inputs, Manifest, Processor, Row as _, Rows, Said, Settlement,
    SourceFile, table,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

table! {
    static WORDS: Table = "test_words", Hidden;

    struct WordRow<'a> {
        word: &'a str,
        value: i64,
    }
}

table! {
    static SUMS: Table = "test_sums", Hidden;

    struct SumRow<'a> {
        word: &'a str,
        sum: i64,
        ends: Option<DateTime<Utc>>,
    }
}

table! {
    static INITIALS: Table = "test_initials", Hidden;

    struct InitialRow<'a> {
        word: &'a str,
        initial: &'a str,
        sum: i64,
    }
}

table! {
    static TOTALS: Table = "test_totals", Hidden;

    struct TotalRow<'a> {
        initial: &'a str,
        words: &'a str,
        total: i64,
        ends: Option<DateTime<Utc>>,
    }
}

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS facts.test_words (
        session_file VARCHAR, username VARCHAR, key_hash BIGINT, word VARCHAR, value BIGINT);
    CREATE TABLE IF NOT EXISTS facts.test_sums (key_hash BIGINT, word VARCHAR, sum BIGINT, ends TIMESTAMP);
    CREATE TABLE IF NOT EXISTS facts.test_initials (
        key_hash BIGINT, chain_hash BIGINT, word VARCHAR, initial VARCHAR, sum BIGINT);
    CREATE TABLE IF NOT EXISTS facts.test_totals (
        key_hash BIGINT, initial VARCHAR, words VARCHAR, total BIGINT, ends TIMESTAMP)";

const SETTLEMENT: Settlement = Settlement {
    name: "words",
    version: 1,
    facts: &WORDS,
    key: Some("word"),
    edges: None,
    islands: None,
    order: &["session_file", "value"],
    reviews: None,
    entities: &[&SUMS, &INITIALS],
    clusters: None,
    expires: Some("ends"),
    alone: None,
};

static MANIFEST: Manifest = Manifest {
    name: "chains",
    version: 1,
    cadence: Duration::from_secs(60),
    bound: Bound::Cpu,
    facts: &[&WORDS],
    settlements: &[
        SETTLEMENT,
        Settlement {
            name: "initials",
            facts: &INITIALS,
            key: Some("initial"),
            order: &["word"],
            entities: &[&TOTALS],
            ..SETTLEMENT
        },
    ],
};

/// Adds up the values of words, and of words with the same initial; `word value` is a prompt. An entity with a sum of
/// at least ten ends that many hours after 2079-07-08, the day of the first pass.
#[derive(Clone, Default)]
struct Chain {
    /// Initials that cannot be settled.
    faulty: BTreeSet<String>,
}

fn end(sum: i64) -> Option<DateTime<Utc>> {
    let first = DateTime::from_timestamp(40_000 * 86_400, 0)?;
    (sum >= 10).then(|| first + TimeDelta::hours(sum))
}

fn initial(word: &str) -> &str {
    &word[..1]
}

impl Processor for Chain {
    fn manifest(&self) -> &Manifest {
        &MANIFEST
    }

    fn open<'s>(&'s self, _: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(Words(Vec::new()))
    }

    fn settle(&self, of: &Settlement, key: &str, inputs: Inputs<'_>, entities: &mut Rows) -> Result<(), Failure> {
        if of.name == "words" {
            let values = inputs.facts.iter().map(|fact| Ok(WordRow::read(fact.values)?.value));
            let sum = values.sum::<Result<i64, Failure>>()?;
            entities.push(SumRow { word: key, sum, ends: end(sum) });
            entities.push(InitialRow { word: key, initial: initial(key), sum });
            return Ok(());
        }
        if self.faulty.contains(key) {
            return Err(Failure::new(FailureClass::Transient, "not this one"));
        }
        let (mut words, mut total) = (String::new(), 0);
        for fact in inputs.facts {
            assert_eq!((fact.session_file, fact.username), ("", ""));
            let InitialRow { word, sum, .. } = InitialRow::read(fact.values)?;
            words += word;
            total += sum;
        }
        entities.push(TotalRow { initial: key, words: &words, total, ends: end(total) });
        Ok(())
    }
}

struct Words(Vec<(String, i64)>);

impl Fold for Words {
    fn event(&mut self, event: &Event<'_>) {
        if let Said::Agent(_, Agent::Prompt { text }) = event.said
            && let Some((word, value)) = text.split_once(' ')
        {
            self.0.push((word.to_owned(), value.parse().unwrap()));
        }
    }

    fn held(&self) -> usize {
        self.0.len()
    }

    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        for (word, value) in self.0 {
            facts.push(WordRow { word: &word, value });
        }
        Ok(())
    }
}

type Lines = Vec<(&'static str, i64)>;

fn text(lines: &Lines) -> String {
    let line = |(word, value): &(&str, i64)| format!("{{\"role\":\"user\",\"content\":\"{word} {value}\"}}\n");
    lines.iter().map(line).collect()
}

/// A world with the tables of the processor.
fn world() -> World {
    let world = World::new();
    world.pass();
    Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(TABLES).unwrap();
    world
}

/// The rows that have not ended at `now`: those of words, and those of initials that are not faulty.
fn oracle(files: &BTreeMap<&'static str, Lines>, faulty: &BTreeSet<String>, now: DateTime<Utc>) -> Vec<String> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for (word, value) in files.values().flatten() {
        *sums.entry(word).or_default() += value;
    }
    let mut totals: BTreeMap<&str, (String, i64)> = BTreeMap::new();
    for (word, sum) in &sums {
        let (words, total) = totals.entry(initial(word)).or_default();
        *words += word;
        *total += sum;
    }
    let lasts = |sum: i64| end(sum).is_none_or(|end| end > now);
    let words = sums.iter().filter(|(_, sum)| lasts(**sum)).map(|(word, sum)| format!("{word}|{word}|{sum}"));
    let totals = totals.iter().filter(|(initial, (_, total))| lasts(*total) && !faulty.contains(**initial));
    let mut rows: Vec<_> =
        words.chain(totals.map(|(initial, (words, total))| format!("{initial}|{words}|{total}"))).collect();
    rows.sort();
    rows
}

fn rows(world: &World) -> Vec<String> {
    let sql = "SELECT word, word, sum FROM facts.test_sums UNION ALL
               SELECT initial, words, total FROM facts.test_totals";
    let mut rows = world.rows(sql);
    rows.sort();
    rows
}

#[test]
fn random_files_settle_through_the_chain_as_from_scratch() {
    const FILES: [&str; 3] = ["ada/a.jsonl", "ada/b.jsonl", "bob/c.jsonl"];
    const WORDS: [&str; 6] = ["ash", "alder", "aspen", "beech", "birch", "cedar"];
    for seed in 0..rounds(3) {
        let mut random = Rng::with_seed(seed);
        let (world, mut chain) = (world(), Chain::default());
        let mut files: BTreeMap<&'static str, Lines> = BTreeMap::new();
        for step in 0..30 {
            let lines = files.entry(FILES[random.usize(..FILES.len())]).or_default();
            let mut line = || (WORDS[random.usize(..WORDS.len())], random.i64(-3..9));
            match step % 5 {
                0 | 1 => lines.extend([line(), line()]),
                2 => *lines = vec![line()],
                3 => lines.truncate(1),
                _ => {
                    world.wait(Duration::from_secs(random.u64(..6 * 3_600)));
                    let name = initial(WORDS[random.usize(..WORDS.len())]).to_owned();
                    if !chain.faulty.remove(&name) {
                        chain.faulty.insert(name);
                    }
                }
            }
            for (file, lines) in &files {
                world.write(file, text(lines));
            }
            let now = world.next().wall;
            let items = world.pass_of(&[&chain]).unwrap()[0].items_extracted;
            let place = format!("seed {seed}, step {step}");
            let mut fine = rows(&world);
            fine.retain(|row| !chain.faulty.contains(row.split('|').next().unwrap()));
            assert_eq!(fine, oracle(&files, &chain.faulty, now), "{place}");
            assert!(items <= files.values().map(Vec::len).sum::<usize>() as u64, "{place}: entities are no items");
            assert_eq!(world.rows("SELECT count(*) FROM facts.touched_keys"), ["0"], "{place}");
        }
        // Nothing fails any more, and the waits are over.
        chain.faulty.clear();
        world.wait(crate::world::DAY);
        let now = world.next().wall;
        world.pass_of(&[&chain]).unwrap();
        assert_eq!(rows(&world), oracle(&files, &chain.faulty, now), "seed {seed}");
    }
}

#[test]
fn only_the_later_keys_of_rows_that_differ_are_settled_and_nothing_is_written_twice() {
    let (world, chain) = (world(), Chain::default());
    world
        .write("ada/a.jsonl", text(&vec![("ash", 1), ("beech", 2), ("birch", 3)]))
        .write("bob/b.jsonl", text(&vec![("alder", 4)]));
    world.pass_of(&[&chain]).unwrap();
    let rows = "SELECT rowid, initial, words, total FROM facts.test_totals ORDER BY ALL";
    assert_eq!(world.rows(rows), ["0|a|alderash|5", "1|b|beechbirch|5"]);
    let faulty = Chain { faulty: BTreeSet::from(["a".to_owned()]) };
    world.append("ada/a.jsonl", &text(&vec![("birch", 1)]));
    assert_eq!(world.pass_of(&[&faulty]).unwrap()[0].unsettled_keys, 0, "`a` is not settled again");
    assert_eq!(world.rows(rows), ["0|a|alderash|5", "2|b|beechbirch|6"]);
    let all = "INSERT INTO facts.touched_keys BY NAME
               SELECT 'chains' AS processor_name, 'test_initials' AS facts_table, chain_hash AS key_hash FROM facts.test_initials
               UNION ALL SELECT 'chains', 'test_words', key_hash FROM facts.test_words";
    Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(all).unwrap();
    world.pass_of(&[&chain]).unwrap();
    assert_eq!(world.rows(rows), ["0|a|alderash|5", "2|b|beechbirch|6"]);
    world.write("ada/a.jsonl", text(&vec![("beech", 2)])).write("bob/b.jsonl", "");
    world.pass_of(&[&chain]).unwrap();
    assert_eq!(world.rows(rows), ["3|b|beech|2"], "what nothing feeds any more is gone");
}

#[test]
fn a_row_ends_at_its_time_without_being_settled_again() {
    let (world, chain) = (world(), Chain::default());
    world.write("ada/a.jsonl", text(&vec![("ash", 10), ("beech", 9)]));
    world.pass_of(&[&chain]).unwrap();
    let rows = "SELECT initial FROM facts.test_totals ORDER BY ALL";
    assert_eq!(world.rows(rows), ["a", "b"]);
    let now = world.next().wall;
    world.wait((end(10).unwrap() - now - TimeDelta::microseconds(1)).to_std().unwrap());
    world.pass_of(&[&chain]).unwrap();
    assert_eq!(world.rows(rows), ["a", "b"], "a microsecond before");
    world.wait_back(Duration::from_secs(60)).wait(Duration::from_micros(1));
    let unable = Chain { faulty: ["a", "b"].map(str::to_owned).into() };
    assert_eq!(world.pass_of(&[&unable]).unwrap()[0].unsettled_keys, 0);
    assert_eq!(world.rows(rows), ["b"]);
    assert_eq!(world.rows("SELECT word FROM facts.test_sums"), ["beech"]);
    assert_eq!(world.rows("SELECT word FROM facts.test_initials ORDER BY ALL"), ["ash", "beech"], "which others need");
    let all = "INSERT INTO facts.touched_keys BY NAME
               SELECT 'chains' AS processor_name, 'test_words' AS facts_table, key_hash FROM facts.test_words";
    Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(all).unwrap();
    world.pass_of(&[&chain]).unwrap();
    assert_eq!(world.rows(rows), ["b"], "settling again brings nothing back");
}
