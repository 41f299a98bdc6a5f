//! Settling against a naive second implementation: whatever happens to files, rules and settings, the
//! entities are those of settling everything from scratch.

use crate::world::{World, response, rounds};
use fastrand::Rng;
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
        sign: i64,
    }
}

static OF_FILES: [&Table; 1] = [&FACTS];
static OF_WORDS: [&Table; 2] = [&ENTITIES, &SIGNS];

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS facts.test_words (
        session_file VARCHAR, username VARCHAR, key_hash BIGINT, word VARCHAR, line BIGINT, value BIGINT);
    CREATE TABLE IF NOT EXISTS facts.test_sums (
        key_hash BIGINT, word VARCHAR, files BIGINT, sum BIGINT, places VARCHAR);
    CREATE TABLE IF NOT EXISTS facts.test_signs (key_hash BIGINT, word VARCHAR, sign BIGINT)";

/// Adds up the values of each word: `word value` is a prompt.
struct Sums {
    manifest: &'static Manifest,
    /// Stands for a rule of the settlement.
    version: u32,
    /// Stands for a setting.
    factor: i64,
    /// The word that it cannot settle.
    refuses: Option<&'static str>,
}

impl Sums {
    fn new(version: u32, factor: i64, refuses: Option<&'static str>) -> Self {
        let settlement = Settlement {
            name: "sums",
            version,
            facts: &FACTS,
            key: "word",
            order: &["session_file", "line"],
            reviews: None,
            entities: &OF_WORDS,
            memo: None,
        };
        let manifest = Manifest {
            name: "sums",
            version: 1,
            cadence: Duration::from_secs(60),
            bound: Bound::Cpu,
            facts: &OF_FILES,
            settlements: Box::leak(Box::new([settlement])),
        };
        Self { manifest: Box::leak(Box::new(manifest)), version, factor, refuses }
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
            files.push(&fact.session_file);
            let WordRow { line, value, .. } = WordRow::read(&fact.values)?;
            sum += value * self.factor;
            places += &format!("{}:{line} ", fact.session_file);
        }
        files.dedup();
        let sum = if self.version > 1 { sum + i64::from(self.version) } else { sum };
        entities.push(SumRow { word: key, files: files.len() as u64, sum, places: &places });
        entities.push(SignRow { word: key, sign: sum.signum() });
        if self.refuses == Some(key) {
            return Err(Failure::new(FailureClass::Environment, "not this word"));
        }
        Ok(())
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
        for (word, line, value) in self.0 {
            facts.push(WordRow { word: &word, line, value });
        }
        Ok(())
    }
}

type Lines = Vec<(&'static str, i64)>;

/// What the entities of each word have to be.
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

#[test]
fn random_files_rules_and_settings_settle_as_from_scratch() {
    const FILES: [&str; 4] = ["ada/a.jsonl", "ada/b.jsonl", "bob/c.jsonl", "eve/d.jsonl"];
    const WORDS: [&str; 6] = ["ash", "birch", "cedar", "elm", "fir", "oak"];
    for seed in 0..rounds(3) {
        let mut random = Rng::with_seed(seed);
        let world = World::new();
        world.pass();
        Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(TABLES).unwrap();
        let mut files: BTreeMap<&'static str, Lines> = BTreeMap::new();
        let mut processor = Sums::new(1, 1, None);
        let mut last = BTreeMap::new();
        for step in 0..25 {
            let file = FILES[random.usize(..FILES.len())];
            let line = |random: &mut Rng| (WORDS[random.usize(..WORDS.len())], random.i64(-3..4));
            let what = random.u32(..100);
            match what {
                // Appended, inserted, removed, reordered, repeated, written anew.
                0..35 => (0..3).for_each(|_| files.entry(file).or_default().push(line(&mut random))),
                35..45 => {
                    let lines = files.entry(file).or_default();
                    lines.insert(random.usize(..=lines.len()), line(&mut random));
                }
                45..55 => files.entry(file).or_default().truncate(2),
                55..62 => random.shuffle(files.entry(file).or_default()),
                62..68 => {
                    let lines = files.entry(file).or_default();
                    lines.extend_from_within(..);
                    lines.truncate(30);
                }
                68..74 => *files.entry(file).or_default() = vec![line(&mut random)],
                74..80 => processor = Sums::new(processor.version + 1, processor.factor, processor.refuses),
                80..86 => processor = Sums::new(processor.version, random.i64(1..4), processor.refuses),
                86..93 => {
                    let word = WORDS[random.usize(..WORDS.len())];
                    processor = Sums::new(processor.version, processor.factor, Some(word));
                }
                _ => processor = Sums::new(processor.version, processor.factor, None),
            }
            for (file, lines) in &files {
                world.write(file, text(lines));
            }
            let counts = world.pass_of(&[&processor]).unwrap().remove(0);
            let mut expected = oracle(&files, &processor);
            let mut failed = 0;
            if let Some(word) = processor.refuses {
                let old: Option<&String> = last.get(word);
                let is_touched = counts.unsettled_keys > 0;
                if is_touched {
                    failed = 1;
                    match old {
                        Some(old) => expected.insert(word.to_owned(), old.clone()),
                        None => expected.remove(word),
                    };
                }
            }
            let rows: Vec<_> = expected.values().cloned().collect();
            assert_eq!(world.rows(ROWS), rows, "seed {seed}, step {step}, what {what}");
            assert_eq!(counts.unsettled_keys, failed, "seed {seed}, step {step}, what {what}");
            let touched = world.rows("SELECT count(DISTINCT key_hash) FROM facts.touched_keys");
            assert_eq!(touched, [failed.to_string()], "seed {seed}, step {step}");
            last = expected;
        }
    }
}

/// The usage processor, which notes the keys that it settles.
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
