//! Settling compared with a naive second implementation: whatever happens to files, rules and settings, the entities
//! equal those of settling everything from scratch. Keys that fail are an exception: they keep their entities until
//! they are tried again.

use crate::world::{World, response, rounds};
use chrono::{DateTime, Utc};
use fastrand::Rng;
use md5::{Digest as _, Md5};
use sessionmill::source::retry::{FailureState, Retries, Standing};
use sessionmill::store::failures::{self, FailureAction};
use sessionmill::store::{Access, Store};
use sessionmill_contract::{
    Agent, Bound, Event, Failure, FailureClass, Fold, Inputs, Manifest, Processor, Row as _, Rows, Said, Settlement,
    SourceFile, Table, table,
};
use sessionmill_usage::Usage;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

table! {
    static FACTS: Table = "test_words", Hidden;

    struct WordRow<'a> {
        word: &'a str,
        line: u64,
        value: i64,
    }
}

table! {
    static ENTITIES: Table = "test_sums", Hidden;

    struct SumRow<'a> {
        word: &'a str,
        files: u64,
        sum: i64,
        places: &'a str,
    }
}

table! {
    static SIGNS: Table = "test_signs", Hidden;

    struct SignRow<'a> {
        word: &'a str,
        sign: Option<i64>,
    }
}

static OF_FILES: [&Table; 1] = [&FACTS];
static OF_WORDS: [&Table; 2] = [&ENTITIES, &SIGNS];

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS facts.test_words (
        session_file VARCHAR, username VARCHAR, key_hash BIGINT, word VARCHAR, line BIGINT, value BIGINT);
    CREATE TABLE IF NOT EXISTS facts.test_sums (
        key_hash BIGINT, word VARCHAR, files BIGINT, sum BIGINT, places VARCHAR);
    CREATE TABLE IF NOT EXISTS facts.test_signs (key_hash BIGINT, word VARCHAR, sign BIGINT NOT NULL)";

/// Why a word cannot be settled.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Fails(FailureClass),
    Panics,
    /// The database refuses its entities.
    Unfit,
}

const FAULTS: [Fault; 5] = [
    Fault::Fails(FailureClass::Environment),
    Fault::Fails(FailureClass::Transient),
    Fault::Fails(FailureClass::Permanent),
    Fault::Panics,
    Fault::Unfit,
];

impl Fault {
    fn failure(self) -> Failure {
        let unfit = "the database refused: NOT NULL constraint failed: test_signs.sign";
        match self {
            Self::Fails(class) => Failure::new(class, "not this word"),
            Self::Panics => Failure::new(FailureClass::Panic, "the processor panicked"),
            Self::Unfit => Failure::new(FailureClass::Permanent, unfit),
        }
    }
}

type Faults = BTreeMap<&'static str, Fault>;

/// Adds up the values of each word; `word value` is a prompt.
struct Sums {
    manifest: &'static Manifest,
    /// Stands for a rule of the settlement.
    version: u32,
    /// Stands for a setting.
    factor: i64,
    faults: Faults,
}

impl Sums {
    fn new(version: u32, factor: i64, faults: Faults) -> Self {
        let settlement = Settlement {
            name: "sums",
            version,
            facts: &FACTS,
            key: Some("word"),
            edges: None,
            islands: None,
            order: &["session_file", "line"],
            reviews: None,
            entities: &OF_WORDS,
            clusters: None,
            expires: None,
            alone: None,
        };
        let manifest = Manifest {
            name: "sums",
            version: 1,
            cadence: Duration::from_secs(60),
            bound: Bound::Cpu,
            facts: &OF_FILES,
            settlements: Box::leak(Box::new([settlement])),
        };
        Self { manifest: Box::leak(Box::new(manifest)), version, factor, faults }
    }
}

impl Processor for Sums {
    fn manifest(&self) -> &Manifest {
        self.manifest
    }

    fn open<'s>(&'s self, _: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(Words(Vec::new()))
    }

    fn settings(&self, _: &Settlement) -> String {
        if self.factor == 1 { String::new() } else { format!("factor {}", self.factor) }
    }

    fn settle(&self, _: &Settlement, key: &str, inputs: Inputs<'_>, entities: &mut Rows) -> Result<(), Failure> {
        let (mut files, mut sum, mut places) = (Vec::new(), 0, String::new());
        for fact in inputs.facts {
            files.push(fact.session_file);
            let WordRow { line, value, .. } = WordRow::read(fact.values)?;
            sum += value * self.factor;
            places += &format!("{}:{line} ", fact.session_file);
        }
        files.dedup();
        let sum = if self.version > 1 { sum + i64::from(self.version) } else { sum };
        entities.push(SumRow { word: key, files: files.len() as u64, sum, places: &places });
        let fault = self.faults.get(key);
        let sign = if matches!(fault, Some(Fault::Unfit)) { None } else { Some(sum.signum()) };
        entities.push(SignRow { word: key, sign });
        match fault {
            Some(Fault::Fails(class)) => Err(Failure::new(*class, "not this word")),
            Some(Fault::Panics) => panic!("a bug"),
            Some(Fault::Unfit) | None => Ok(()),
        }
    }
}

struct Words(Vec<(String, u64, i64)>);

impl Fold for Words {
    fn event(&mut self, event: &Event<'_>) {
        if let Said::Agent(_, Agent::Prompt { text }) = event.said
            && let Some((word, value)) = text.split_once(' ')
        {
            self.0.push((word.to_owned(), event.line, value.parse().unwrap()));
        }
    }

    fn held(&self) -> usize {
        self.0.len()
    }

    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        // This order differs from the one that the settlement declares.
        for (word, line, value) in self.0.into_iter().rev() {
            facts.push(WordRow { word: &word, line, value });
        }
        Ok(())
    }
}

type Lines = Vec<(&'static str, i64)>;

/// The expected entities of each word.
fn oracle(files: &BTreeMap<&'static str, Lines>, processor: &Sums) -> BTreeMap<String, String> {
    let mut words: BTreeMap<String, (Vec<&str>, i64, String)> = BTreeMap::new();
    for (file, lines) in files {
        for (number, (word, value)) in (1..).zip(lines) {
            let (holders, sum, places) = words.entry((*word).to_owned()).or_default();
            holders.push(file);
            *sum += value * processor.factor;
            *places += &format!("{file}:{number} ");
        }
    }
    let row = |(word, (mut holders, sum, places)): (String, (Vec<&str>, i64, String))| {
        holders.dedup();
        let sum = if processor.version > 1 { sum + i64::from(processor.version) } else { sum };
        let row = format!("{word}|{}|{sum}|{places}|{}", holders.len(), sum.signum());
        (word, row)
    };
    words.into_iter().map(row).collect()
}

const ROWS: &str = "SELECT word, files, sum, places, sign FROM facts.test_sums JOIN facts.test_signs USING (word) \
                    ORDER BY ALL";

fn text(lines: &Lines) -> String {
    let line = |(word, value): &(&str, i64)| format!("{{\"role\":\"user\",\"content\":\"{word} {value}\"}}\n");
    lines.iter().map(line).collect()
}

/// The expected state of a word.
#[derive(Default)]
struct Word {
    /// What it was last settled from, or tried to be.
    basis: String,
    entity: Option<String>,
    standing: Option<Standing>,
}

impl Word {
    /// A pass over all words.
    fn pass(
        words: &mut BTreeMap<String, Self>,
        files: &BTreeMap<&'static str, Lines>,
        processor: &Sums,
        now: DateTime<Utc>,
    ) {
        let fresh = oracle(files, processor);
        for name in fresh.keys() {
            words.entry(name.clone()).or_default();
        }
        for (name, word) in words {
            let mut facts = String::new();
            for (file, lines) in files {
                places(lines, name).iter().for_each(|place| facts += &format!("{file} {place:?}\n"));
            }
            let basis = format!("{facts} {} {}", processor.version, processor.factor);
            let has_changed = word.basis != basis;
            let last = word.standing.take().filter(|_| !has_changed);
            word.basis = basis;
            match (fresh.get(name), processor.faults.get(&**name)) {
                _ if last.as_ref().is_some_and(|last| last.holds(Retries { now, is_asked: false })) => {
                    word.standing = last;
                }
                (None, _) => word.entity = None,
                (Some(_), Some(fault)) if has_changed || last.is_some() => {
                    let strikes = last.as_ref().map_or(0, |last| last.strikes);
                    let random = spread(&format!("{name} {strikes}"));
                    word.standing = Some(Standing::after(last.as_ref(), fault.failure(), now, random));
                }
                (Some(entity), _) if has_changed || last.is_some() => word.entity = Some(entity.clone()),
                (Some(_), _) => {}
            }
        }
    }
}

/// The lines with a word.
fn places(lines: &Lines, word: &str) -> Vec<(usize, i64)> {
    (1..).zip(lines).filter(|(_, (name, _))| *name == word).map(|(number, (_, value))| (number, *value)).collect()
}

/// A number from 0 to 1 that the MD5 of a text determines.
fn spread(text: &str) -> f64 {
    let digest: [u8; 16] = Md5::digest(text).into();
    u64::from_le_bytes(digest[..8].try_into().unwrap()) as f64 / u64::MAX as f64
}

#[test]
fn random_files_rules_settings_and_failures_settle_as_from_scratch() {
    const FILES: [&str; 4] = ["ada/a.jsonl", "ada/b.jsonl", "bob/c.jsonl", "eve/d.jsonl"];
    const WORDS: [&str; 6] = ["ash", "birch", "cedar", "elm", "fir", "oak"];
    const WAITS: [u64; 4] = [60, 3_600, 6 * 3_600, 86_400];
    for seed in 0..rounds(3) {
        let mut random = Rng::with_seed(seed);
        let world = World::new();
        world.pass();
        Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(TABLES).unwrap();
        let mut files: BTreeMap<&'static str, Lines> = BTreeMap::new();
        let mut processor = Sums::new(1, 1, Faults::new());
        let mut words: BTreeMap<String, Word> = BTreeMap::new();
        for step in 0..40 {
            let file = FILES[random.usize(..FILES.len())];
            let line = |random: &mut Rng| (WORDS[random.usize(..WORDS.len())], random.i64(-3..4));
            let what = random.u32(..100);
            let mut faults = processor.faults.clone();
            match what {
                // Appends, inserts, removes, reorders, repeats, or rewrites lines.
                0..25 => (0..3).for_each(|_| files.entry(file).or_default().push(line(&mut random))),
                25..32 => {
                    let lines = files.entry(file).or_default();
                    lines.insert(random.usize(..=lines.len()), line(&mut random));
                }
                32..40 => files.entry(file).or_default().truncate(2),
                40..45 => random.shuffle(files.entry(file).or_default()),
                45..50 => {
                    let lines = files.entry(file).or_default();
                    lines.extend_from_within(..);
                    lines.truncate(30);
                }
                50..55 => *files.entry(file).or_default() = vec![line(&mut random)],
                55..59 => processor = Sums::new(processor.version + 1, processor.factor, faults),
                59..63 => processor = Sums::new(processor.version, random.i64(1..4), faults),
                63..75 => {
                    faults.insert(WORDS[random.usize(..WORDS.len())], FAULTS[random.usize(..FAULTS.len())]);
                    processor = Sums::new(processor.version, processor.factor, faults);
                }
                75..80 => {
                    faults.remove(WORDS[random.usize(..WORDS.len())]);
                    processor = Sums::new(processor.version, processor.factor, faults);
                }
                80..84 => {
                    let (action, state) =
                        [(FailureAction::Retry, FailureState::Retry), (FailureAction::Drop, FailureState::Dropped)]
                            [random.usize(..2)];
                    let now = world.next().wall;
                    let store = Store::open(&world.database(), Access::ReadWrite).unwrap();
                    let keys = failures::keys(store.reader()).unwrap();
                    failures::apply(&store, action, &[], &keys.iter().collect::<Vec<_>>(), now).unwrap();
                    for standing in words.values_mut().filter_map(|word| word.standing.as_mut()) {
                        *standing = Standing { state, attempts: 0, strikes: 0, next_try_at: now, ..standing.clone() };
                    }
                }
                _ => drop(world.wait(Duration::from_secs(WAITS[random.usize(..WAITS.len())]))),
            }
            for (file, lines) in &files {
                world.write(file, text(lines));
            }
            let now = world.next().wall;
            let counts = world.pass_of(&[&processor]).unwrap().remove(0);
            Word::pass(&mut words, &files, &processor, now);
            let rows: Vec<_> = words.values().filter_map(|word| word.entity.clone()).collect();
            let place = format!("seed {seed}, step {step}, what {what}");
            assert_eq!(world.rows(ROWS), rows, "{place}");
            let failed: Vec<_> =
                words.iter().filter_map(|(name, word)| Some((name.clone(), word.standing.clone()?))).collect();
            let store = Store::open(&world.database(), Access::ReadOnly).unwrap();
            let keys = failures::keys(store.reader()).unwrap();
            let keys: Vec<_> = keys.into_iter().map(|failed| (failed.key, failed.standing)).collect();
            assert_eq!(keys, failed, "{place} {counts:?}");
            drop(store);
            let shown = failed.iter().filter(|(_, standing)| standing.state != FailureState::Dropped);
            assert_eq!((counts.errors, counts.unsettled_keys), (0, shown.count() as u64), "{place}");
            assert_eq!(world.rows("SELECT count(*) FROM facts.touched_keys"), ["0"], "{place}");
        }
    }
}

/// The usage processor, which records the keys that it settles.
struct Noting(Mutex<Vec<String>>);

impl Processor for Noting {
    fn manifest(&self) -> &Manifest {
        Usage.manifest()
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Usage.open(file)
    }

    fn settle(&self, of: &Settlement, key: &str, inputs: Inputs<'_>, entities: &mut Rows) -> Result<(), Failure> {
        self.0.lock().unwrap().push(key.to_owned());
        Usage.settle(of, key, inputs, entities)
    }
}

#[test]
fn a_file_that_grows_settles_only_the_keys_of_its_new_lines() {
    let world = World::new();
    world.write("ada/a.jsonl", (0..50).map(|n| response(&format!("m{n}"), "10:00:00", 5)).collect::<String>());
    world.write("bob/b.jsonl", response("m7", "11:00:00", 5)).pass();
    let rowids = "SELECT message_id, rowid FROM facts.usage_copies WHERE message_id <> 'm7' ORDER BY ALL";
    let before = world.rows(rowids);
    world.append("ada/a.jsonl", &response("m7", "10:00:01", 9));
    let noting = Noting(Mutex::default());
    world.pass_of(&[&noting]).unwrap();
    assert_eq!(noting.0.into_inner().unwrap(), ["m7"]);
    assert_eq!(world.rows(rowids), before, "facts that did not change are not written again");
    assert_eq!(world.rows("SELECT output_tokens, copies FROM usage_responses WHERE message_id = 'm7'"), ["9|2"]);
}

#[test]
fn settling_again_finds_nothing_to_write_of_keys_that_were_settled_on_the_way_in() {
    let world = World::new();
    world.pass();
    Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(TABLES).unwrap();
    for (file, lines) in [("ada/a.jsonl", [("ash", 1), ("elm", -2), ("ash", 3)]), ("bob/b.jsonl", [("elm", 1); 3])] {
        world.write(file, text(&lines.to_vec()));
    }
    let lines = |count| (0..count).map(|n| response(&format!("m{n}"), "10:00:00", n)).collect::<String>();
    world.write("eve/c.jsonl", lines(20)).write("eve/d.jsonl", lines(5));
    let faults = Faults::from([("elm", Fault::Fails(FailureClass::Permanent))]);
    let processor = Sums::new(1, 1, faults);
    world.pass_of(&[&processor, &Usage]).unwrap();
    let rows = || {
        let tables = ["test_sums", "test_signs", "usage_copies", "usage_responses"];
        let rows = tables.map(|table| world.rows(&format!("SELECT rowid, * FROM facts.{table} ORDER BY ALL")));
        let failures =
            world.rows("SELECT * EXCLUDE (first_failed_at, last_failed_at, next_try_at) FROM settling_failures");
        (rows, failures)
    };
    let before = rows();
    assert_eq!(before.0.each_ref().map(Vec::len), [1, 1, 25, 5]);
    assert_eq!(before.1.len(), 1);
    let touch = "INSERT INTO facts.touched_keys BY NAME
                 SELECT 'sums' AS processor_name, 'test_words' AS facts_table, key_hash FROM facts.test_words
                 UNION SELECT 'usage', 'usage_copies', key_hash FROM facts.usage_copies";
    Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(touch).unwrap();
    world.pass_of(&[&processor, &Usage]).unwrap();
    assert_eq!(rows(), before);
    assert_eq!(world.rows("SELECT count(*) FROM facts.touched_keys"), ["0"]);
}

#[test]
fn entities_of_a_first_run_stand_as_their_facts_do() {
    let world = World::new();
    let lines: String = (0..50).map(|number| response(&format!("m{number}"), "10:00:00", number + 1)).collect();
    world.write("ada/s.jsonl", &lines).write("ada/t.jsonl", lines).pass();
    let facts =
        world.rows("SELECT message_id FROM facts.usage_copies WHERE session_file = 'ada/s.jsonl' ORDER BY rowid");
    assert_eq!(facts.len(), 50);
    assert_eq!(world.rows("SELECT message_id FROM facts.usage_responses ORDER BY rowid"), facts);
}

#[test]
fn responses_whose_ids_share_a_hash_are_told_apart() {
    // The first 64 bits of the MD5 of both ids are equal.
    let [one, other] =
        ["ajmnggedldoioddn", "cfbkiokakbailkbl"].map(|id| move |output| response(id, "10:00:00", output));
    let outputs = "SELECT output_tokens FROM usage_responses ORDER BY ALL";
    let hashes = "SELECT count(DISTINCT key_hash), count(*) FROM facts.usage_copies";
    let in_a_file = World::new();
    in_a_file.write("ada/a.jsonl", one(5) + &other(7) + &response("m1", "10:00:00", 9)).pass();
    assert_eq!(in_a_file.rows(hashes), ["2|3"]);
    assert_eq!(in_a_file.rows(outputs), ["5", "7", "9"]);
    let in_two = World::new();
    in_two.write("ada/a.jsonl", one(5)).write("bob/b.jsonl", other(7)).pass();
    assert_eq!(in_two.rows(outputs), ["5", "7"]);
    in_two.write("eve/c.jsonl", one(5)).pass();
    assert_eq!(in_two.rows(outputs), ["5", "7"]);
    std::fs::remove_file(in_two.root().join("eve/c.jsonl")).unwrap();
    in_two.append("bob/b.jsonl", &one(5)).pass();
    assert_eq!(in_two.rows(outputs), ["5", "7"]);
}
