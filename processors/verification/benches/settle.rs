//! Measures how long claims take to settle all at once, and how long clustering takes, for all claims and for one new
//! claim.
//!
//! `cargo bench -p sessionmill-verification --bench settle -- hostile 20000` settles 20,000 claims of the hostile
//! material; without a name, both materials are measured. The realistic one has a large vocabulary with few frequent
//! words, and repeats a third of its statements in other words. The hostile one has only twelve words, so nearly all
//! statements are similar. The fingerprint is a hash of all rows: equal fingerprints mean equal results.

use chrono::DateTime;
use fastrand::Rng;
use sessionmill_contract::{Columns, FactRow, Inputs, Member, Rows, Table, Value};
use sessionmill_verification::Detection;
use sessionmill_verification::claim::CLAIMS;
use sessionmill_verification::cluster::{CLUSTER_INPUTS, clusters};
use sessionmill_verification::evidence::EVIDENCE;
use sessionmill_verification::item::{self, ITEMS};
use sessionmill_verification::material::Material;
use sessionmill_verification::relation::RELATIONS;
use sessionmill_verification::settle::settle;
use sessionmill_verification::statement::Statement;
use std::error::Error;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

/// The number of rounds. The fastest counts, since other processes can only make rounds slower.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds an option of its own.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let (counts, names): (Vec<_>, Vec<_>) = arguments.iter().partition(|argument| argument.parse::<usize>().is_ok());
    let counts: Vec<usize> = match counts.iter().filter_map(|count| count.parse().ok()).collect::<Vec<_>>() {
        none if none.is_empty() => vec![5_000, 20_000],
        counts => counts,
    };
    println!("material   claims  read ms  items ms  settle ms  cluster ms  one ms    items  relations  fingerprint");
    for (name, recipe) in [("realistic", Recipe::realistic()), ("hostile", Recipe::hostile())] {
        if !names.is_empty() && !names.iter().any(|chosen| *chosen == name) {
            continue;
        }
        for &count in &counts {
            let claims = recipe.claims(&mut Rng::with_seed(1), count);
            let mut columns = Columns::new(&CLAIMS);
            claims.iter().for_each(|claim| columns.push(claim.values.iter().map(Value::cell)));
            let facts = claims
                .iter()
                .zip(columns.rows())
                .map(|(Claim { session_file, username, .. }, values)| FactRow { session_file, username, values });
            let facts: Vec<_> = facts.collect();
            let (read, material) = least(|| Statement::all(&facts).and_then(|all| Material::new(all, &[])));
            let material = material.map_err(|failure| failure.message)?;
            let (items, _) = least(|| item::items(&material));
            let (whole, rows) = least(|| {
                let mut rows = Rows::default();
                settle(Inputs { facts: &facts, edges: &[], reviews: &[] }, &mut rows).map(|()| rows)
            });
            let rows = rows.map_err(|failure| failure.message)?;
            let mut told = Columns::new(&CLUSTER_INPUTS);
            for claim in &claims {
                told.push(
                    CLUSTER_INPUTS
                        .names()
                        .iter()
                        .map(|name| claim.values[CLAIMS.position(name).unwrap_or_default()].cell()),
                );
            }
            let mut members: Vec<_> = told.rows().map(|values| Member { values, cluster: None }).collect();
            let (clustered, found) = least(|| clusters(&members, &[]));
            let found = found.map_err(|failure| failure.message)?;
            // The last claim is new.
            members.iter_mut().zip(&found.of).take(count - 1).for_each(|(member, of)| member.cluster = Some(*of));
            let (one, _) = least(|| clusters(&members, &[]));
            let [read, items, whole, clustered, one] =
                [read, items, whole, clustered, one].map(|time| time.as_secs_f64() * 1e3);
            let (items_found, related) = (rows.of(&ITEMS).count(), rows.of(&RELATIONS).count());
            println!(
                "{name:9} {count:7}  {read:7.1}  {items:8.1}  {whole:9.1}  {clustered:10.1}  {one:6.1}  {items_found:7}  {related:9}  {:016x}",
                fingerprint(&rows)
            );
        }
    }
    Ok(())
}

/// The shortest time of several rounds, and the result of the last round.
fn least<T>(mut make: impl FnMut() -> T) -> (Duration, T) {
    let mut time = || {
        let start = Instant::now();
        let made = make();
        (start.elapsed(), made)
    };
    (1..ROUNDS).fold(time(), |(least, _), _| {
        let (elapsed, made) = time();
        (least.min(elapsed), made)
    })
}

fn fingerprint(rows: &Rows) -> u64 {
    let mut hasher = DefaultHasher::new();
    let tables: [&Table; 3] = [&ITEMS, &EVIDENCE, &RELATIONS];
    for row in tables.into_iter().flat_map(|table| rows.of(table)) {
        format!("{row:?}").hash(&mut hasher);
    }
    hasher.finish()
}

/// How claims are generated. The first words and entities are the most frequent.
struct Recipe {
    words: Vec<String>,
    entities: Vec<String>,
    /// How much more frequent the first ones are: the exponent of Zipf's law.
    skew: f64,
    length: [usize; 2],
    /// The share of claims that repeat an earlier one.
    again: f64,
}

impl Recipe {
    fn realistic() -> Self {
        // Numbers and negations are about as frequent as content words.
        let mut words: Vec<_> = (0..6_000).map(pronounceable).collect();
        for (rank, word) in [(40, "not"), (90, "never"), (60, "30"), (75, "14"), (120, "2024"), (200, "90")] {
            words[rank] = word.to_owned();
        }
        let entities = (0..400).map(|number| format!("Entity {}", pronounceable(number))).collect();
        Self { words, entities, skew: 1.0, length: [8, 25], again: 1.0 / 3.0 }
    }

    fn hostile() -> Self {
        const WORDS: &str = "revenue counts signed contracts of the customers that pay every month not";
        Self {
            words: WORDS.split(' ').map(str::to_owned).collect(),
            entities: ["a", "b", "c", "d", "e"].map(str::to_owned).into(),
            skew: 0.0,
            length: [6, 13],
            again: 0.75,
        }
    }

    fn claims(&self, random: &mut Rng, count: usize) -> Vec<Claim> {
        let (words, names) = (Zipf::new(self.words.len(), self.skew), Zipf::new(self.entities.len(), self.skew));
        let mut known: Vec<(Vec<usize>, Vec<usize>)> = Vec::with_capacity(count);
        let claim = |number| {
            let (mut text, mut entities) = match random.choice(&known) {
                Some(earlier) if random.f64() < self.again => earlier.clone(),
                _ => {
                    let length = random.usize(self.length[0]..=self.length[1]);
                    let text = (0..length).map(|_| words.pick(random)).collect();
                    (text, (0..random.usize(2..=5)).map(|_| names.pick(random)).collect())
                }
            };
            for _ in 0..random.usize(0..4) {
                let at = random.usize(..text.len());
                match random.u8(0..4) {
                    0 => text[at] = words.pick(random),
                    1 => text.insert(at, words.pick(random)),
                    2 if text.len() > 4 => drop(text.remove(at)),
                    _ => entities[0] = names.pick(random),
                }
            }
            known.push((text.clone(), entities.clone()));
            entities.sort_unstable();
            entities.dedup();
            self.fact(random, number, &text, &entities)
        };
        (0..count).map(claim).collect()
    }

    fn fact(&self, random: &mut Rng, number: usize, text: &[usize], entities: &[usize]) -> Claim {
        let content = text.iter().map(|word| &*self.words[*word]).collect::<Vec<_>>().join(" ");
        let entities: Vec<_> = entities.iter().map(|entity| &self.entities[*entity]).collect();
        let entities = serde_json::json!(entities).to_string();
        let title: String = content.chars().take(40).collect();
        let [user, file] = [random.u8(0..30), random.u8(0..100)];
        let time = DateTime::from_timestamp(random.i64(1_700_000_000..1_760_000_000), 0);
        Claim {
            session_file: format!("{user}/{file}.jsonl"),
            username: user.to_string(),
            values: vec![
                "finance".into(),
                format!("uuid:{number}:0").as_str().into(),
                Detection::ALL[random.usize(..3)].name().into(),
                title.as_str().into(),
                content.as_str().into(),
                content.as_str().into(),
                entities.as_str().into(),
                time.into(),
                file.to_string().as_str().into(),
                random.u64(1..2_000).into(),
                "project".into(),
                "/src".into(),
                Value::Null,
                "[]".into(),
                Value::Null,
            ],
        }
    }
}

/// A claim, with the file that it comes from.
struct Claim {
    session_file: String,
    username: String,
    values: Vec<Value>,
}

/// A word without digits, different for every number.
fn pronounceable(number: usize) -> String {
    const SYLLABLES: [&str; 20] = [
        "ba", "co", "du", "fe", "gi", "ka", "lo", "mu", "ne", "pi", "ra", "so", "tu", "ve", "xi", "za", "bel", "cor",
        "dun", "fin",
    ];
    let mut word = String::new();
    let mut rest = number + SYLLABLES.len();
    while rest > 0 {
        word.push_str(SYLLABLES[rest % SYLLABLES.len()]);
        rest /= SYLLABLES.len();
    }
    word
}

/// Random numbers, of which lower ones are more frequent.
struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    fn new(count: usize, skew: f64) -> Self {
        let mut sum = 0.0;
        let mut add = |rank: usize| {
            sum += (rank as f64).powf(-skew);
            sum
        };
        Self { cumulative: (1..=count).map(&mut add).collect() }
    }

    fn pick(&self, random: &mut Rng) -> usize {
        let most = self.cumulative.last().copied().unwrap_or_default();
        let at = random.f64() * most;
        self.cumulative.partition_point(|sum| *sum <= at).min(self.cumulative.len() - 1)
    }
}
