//! A key of many facts: others have the database while it is settled, and what they change counts.

use crate::world::World;
use sessionmill::store::{Access, Store};
use sessionmill_contract::{
    Bound, Failure, FailureClass, Fold, Inputs, Manifest, Processor, Row as _, Rows, Settlement, SourceFile,
};
use sessionmill_verification::Verification;
use sessionmill_verification::review::{Action, ReviewRow};
use sessionmill_verification::statement;
use sessionmill_verification::{Claim, Detection, Detector, Domain, Role, Scope, Turn, View, Window};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Takes whatever a person says for a definition.
struct Credulous;

impl Detector for Credulous {
    fn name(&self) -> &str {
        "credulous"
    }

    fn version(&self) -> u32 {
        1
    }

    fn bound(&self) -> Bound {
        Bound::Cpu
    }

    fn window(&self) -> Window {
        Window { turns: 100, overlap: 0 }
    }

    fn claims(&self, _: &SourceFile, view: &View<'_>) -> Result<Vec<Claim>, Failure> {
        let said = view.turns.iter().enumerate().filter(|(_, turn)| turn.role == Role::Person);
        let claim = |(turn, said): (usize, &Turn)| Claim {
            turn,
            detection: Detection::UnpromptedDefinition,
            title: "a fact".to_owned(),
            content: said.text.clone(),
            quote: said.text.clone(),
            domain: Domain::Finance,
            scope: Scope::Project,
            likelihood: None,
            signs: Vec::new(),
            entities: Vec::new(),
        };
        Ok(said.map(claim).collect())
    }
}

/// What somebody else does to the database.
type Meddles = Box<dyn Fn(&Store, &Settlement) + Send + Sync>;

/// Settles as usual, and notes of how many facts, with how many rows of a memo, and whether somebody else
/// could have the database. The first time, somebody else meddles meanwhile, if they are to.
struct Meddling {
    usual: Verification,
    database: PathBuf,
    meddles: Option<Meddles>,
    /// Whether it cannot settle.
    fails: bool,
    seen: Mutex<Vec<(usize, usize, bool)>>,
}

impl Meddling {
    fn new(world: &World, meddles: Option<Meddles>) -> Self {
        let usual = Verification::new(Box::new(Credulous));
        Self { usual, database: world.database(), meddles, fails: false, seen: Mutex::default() }
    }

    /// What was settled in one pass.
    fn pass(&self, world: &World) -> Vec<(usize, usize, bool)> {
        self.seen.lock().unwrap().clear();
        let counts = world.pass_of(&[self]).unwrap().remove(0);
        assert_eq!((counts.errors, counts.unsettled_keys), (0, 0), "{counts:?}");
        self.seen.lock().unwrap().clone()
    }
}

impl Processor for Meddling {
    fn manifest(&self) -> &Manifest {
        self.usual.manifest()
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        self.usual.open(file)
    }

    fn settle(
        &self,
        settlement: &Settlement,
        key: &str,
        inputs: Inputs<'_>,
        entities: &mut Rows,
    ) -> Result<(), Failure> {
        let mut seen = self.seen.lock().unwrap();
        let store = Store::open_by(&self.database, Access::ReadWrite, Instant::now());
        seen.push((inputs.facts.len(), inputs.memo.len(), store.is_ok()));
        if let (1, Ok(store), Some(meddles)) = (seen.len(), store, &self.meddles) {
            meddles(&store, settlement);
        }
        match self.fails {
            true => Err(Failure::new(FailureClass::Environment, "no room")),
            false => self.usual.settle(settlement, key, inputs, entities),
        }
    }
}

fn said(number: usize) -> String {
    format!("The seller of number {number} gets the commission of region {number} when contract {number} is signed")
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers
        .map(|n| {
            format!(
                "{{\"role\":\"user\",\"content\":\"{}\"}}\n{{\"role\":\"assistant\",\"content\":\"Yes.\"}}\n",
                said(n)
            )
        })
        .collect()
}

const ITEMS: &str =
    "SELECT count(*) FILTER (status = 'pending'), count(*) FILTER (status = 'rejected') FROM knowledge_items";

#[test]
fn others_have_the_database_while_a_large_key_is_settled() {
    let world = World::new();
    let processor = Meddling::new(&world, None);
    world.write("ada/a.jsonl", lines(0..10));
    assert_eq!(processor.pass(&world), [(10, 0, false)]);
    world.write("bob/b.jsonl", lines(10..5_000));
    assert_eq!(processor.pass(&world), [(5_000, 10, true)]);
    assert_eq!(world.rows(ITEMS), ["5000|0"]);
    assert_eq!(processor.pass(&world), []);
    world.write("eve/e.jsonl", lines(5_000..5_001));
    assert_eq!(processor.pass(&world), [(5_001, 5_000, true)]);
    world.write("ada/a.jsonl", lines(0..8));
    assert_eq!(processor.pass(&world), [(4_999, 0, false)]);
    assert_eq!(world.rows(ITEMS), ["4999|0"]);
}

#[test]
fn what_changes_while_a_large_key_is_settled_counts() {
    let world = World::new();
    let item = statement::id("a fact", &said(7));
    let rejected = item.clone();
    let reject = move |store: &Store, settlement: &Settlement| {
        let now = chrono::DateTime::UNIX_EPOCH;
        let row = ReviewRow::new(&rejected, Action::Reject.name(), None, "eve", now);
        let usual = Verification::new(Box::new(Credulous));
        store.review(usual.manifest(), settlement, &[row.values()], &["finance".to_owned()]).unwrap();
    };
    let processor = Meddling::new(&world, Some(Box::new(reject)));
    world.write("ada/a.jsonl", lines(0..5_000));
    assert_eq!(processor.pass(&world), [(5_000, 0, true), (5_000, 0, false)]);
    assert_eq!(world.rows(ITEMS), ["4999|1"]);
    assert_eq!(world.rows("SELECT item_id FROM knowledge_items WHERE status = 'rejected'"), [item]);
    assert_eq!(world.rows("SELECT count(*) FROM facts.touched_keys"), ["0"]);
}

#[test]
fn a_fact_that_changes_while_its_large_key_is_settled_counts() {
    for (change, facts, items) in [
        ("DELETE FROM facts.verification_claims WHERE content LIKE '%number 7 %'", 4_999, "4999|0"),
        ("UPDATE facts.verification_claims SET content = 'else' WHERE content LIKE '%number 7 %'", 5_000, "5000|0"),
    ] {
        let world = World::new();
        let change = move |store: &Store, _: &Settlement| store.connection().execute_batch(change).unwrap();
        let processor = Meddling::new(&world, Some(Box::new(change)));
        world.write("ada/a.jsonl", lines(0..5_000));
        assert_eq!(processor.pass(&world), [(5_000, 0, true), (facts, 0, false)]);
        assert_eq!(world.rows(ITEMS), [items]);
        let old = statement::id("a fact", &said(7));
        assert_eq!(world.rows(&format!("SELECT count(*) FROM knowledge_items WHERE item_id = '{old}'")), ["0"]);
    }
}

#[test]
fn a_large_key_that_fails_is_tried_once_and_waits() {
    let world = World::new();
    let processor = Meddling { fails: true, ..Meddling::new(&world, None) };
    world.write("ada/a.jsonl", lines(0..5_000));
    let mut seen = Vec::new();
    for minutes in [0, 0, 0, 2] {
        let counts = world.wait(Duration::from_secs(60 * minutes)).pass_of(&[&processor]).unwrap().remove(0);
        assert_eq!(counts.unsettled_keys, 1);
        seen.push(processor.seen.lock().unwrap().len());
    }
    assert_eq!(seen, [1, 2, 2, 3], "a minute, then two");
    let processor = Meddling { fails: false, ..processor };
    world.wait(Duration::from_secs(240));
    assert_eq!(processor.pass(&world), [(5_000, 0, true)]);
    assert_eq!(world.rows(ITEMS), ["5000|0"]);
}
