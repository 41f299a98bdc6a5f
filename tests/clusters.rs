//! Claims are settled by clusters of claims that are related.

use crate::world::World;
use sessionmill::store::{Access, Store};
use sessionmill_contract::{
    Bound, Cells as _, Clusters, Failure, FailureClass, Fold, Inputs, Manifest, Member, Processor, Row as _, Rows,
    Settlement, SourceFile, Value,
};
use sessionmill_verification::Verification;
use sessionmill_verification::claim::CLAIMS;
use sessionmill_verification::review::{Action, ReviewRow};
use sessionmill_verification::statement;
use sessionmill_verification::{Claim, Detection, Detector, Domain, Role, Scope, Turn, View, Window};
use std::sync::Mutex;
use std::time::Duration;

/// Takes every statement of a person as a definition.
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

/// Settles as usual, and records how many claims are settled together.
struct Watched {
    usual: Verification,
    /// The processor fails to settle claims with this text.
    fails: Option<&'static str>,
    /// Whether it fails to find clusters.
    is_lost: bool,
    seen: Mutex<Vec<usize>>,
}

impl Watched {
    fn new() -> Self {
        let usual = Verification::new(Box::new(Credulous));
        Self { usual, fails: None, is_lost: false, seen: Mutex::default() }
    }

    /// The numbers of claims settled together in a pass, and the number of unsettled keys.
    fn pass(&self, world: &World) -> (Vec<usize>, u64) {
        self.seen.lock().unwrap().clear();
        let counts = world.pass_of(&[self]).unwrap().remove(0);
        assert_eq!(counts.errors, 0, "{counts:?}");
        let mut seen = self.seen.lock().unwrap().clone();
        seen.sort_unstable();
        (seen, counts.unsettled_keys)
    }
}

impl Processor for Watched {
    fn manifest(&self) -> &Manifest {
        self.usual.manifest()
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        self.usual.open(file)
    }

    fn clusters(
        &self,
        settlement: &Settlement,
        facts: &[Member<'_>],
        reviews: &[Vec<Value>],
    ) -> Result<Clusters, Failure> {
        assert!(!self.is_lost, "no cluster is found");
        self.usual.clusters(settlement, facts, reviews)
    }

    fn settle(
        &self,
        settlement: &Settlement,
        key: &str,
        inputs: Inputs<'_>,
        entities: &mut Rows,
    ) -> Result<(), Failure> {
        self.seen.lock().unwrap().push(inputs.facts.len());
        let content = CLAIMS.position("content").unwrap();
        let has =
            |words: &str| inputs.facts.iter().any(|fact| fact.values.cell(content).as_str().unwrap().contains(words));
        // Rows that a failed attempt made must not be written.
        self.usual.settle(settlement, key, inputs, entities)?;
        match self.fails.is_some_and(has) {
            true => Err(Failure::new(FailureClass::Environment, "no room")),
            false => Ok(()),
        }
    }
}

fn said(number: usize) -> String {
    format!("The seller of number {number} gets the commission of region {number} when contract {number} is signed")
}

fn line(content: &str) -> String {
    format!("{{\"role\":\"user\",\"content\":\"{content}\"}}\n{{\"role\":\"assistant\",\"content\":\"Yes.\"}}\n")
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| line(&said(number))).collect()
}

/// The number of people behind each of these statements, and its status.
fn items(world: &World, numbers: &[usize]) -> Vec<String> {
    let item = |number: &usize| {
        let id = statement::id("a fact", &said(*number));
        let sql = format!("SELECT verifiers, status FROM knowledge_items WHERE item_id = '{id}'");
        world.rows(&sql).join(" and ")
    };
    numbers.iter().map(item).collect()
}

#[test]
fn a_claim_more_has_its_own_cluster_settled_again() {
    let (world, processor) = (World::new(), Watched::new());
    world.write("ada/a.jsonl", lines(0..300));
    assert_eq!(processor.pass(&world), (vec![1; 300], 0));
    assert_eq!(processor.pass(&world), (vec![], 0));
    world.write("bob/b.jsonl", lines(7..8));
    assert_eq!(processor.pass(&world), (vec![2], 0));
    // The same in other words with a higher id, and something new.
    world.write("eve/e.jsonl", line(&said(7).replace("The", "Some")) + &lines(300..301));
    assert_eq!(processor.pass(&world), (vec![1, 3], 0));
    assert_eq!(items(&world, &[7, 8, 300]), ["3|pending", "1|pending", "1|pending"]);
    // A statement of two files loses one of them; a statement of one file disappears.
    world.write("ada/a.jsonl", lines(0..6));
    assert_eq!(processor.pass(&world), (vec![2], 0));
    assert_eq!(items(&world, &[5, 6, 7]), ["1|pending", "", "2|pending"]);
    assert_eq!(world.rows("SELECT count(*) FROM facts.touched_keys"), ["0"]);
}

#[test]
fn a_decision_has_the_clusters_settled_again_that_it_is_about() {
    let (world, processor) = (World::new(), Watched::new());
    world.write("ada/a.jsonl", lines(0..50));
    processor.pass(&world);
    let decide = |action: Action, item: usize, other: Option<usize>| {
        let store = Store::open(&world.database(), Access::ReadWrite).unwrap();
        let [item, other] = [Some(item), other].map(|number| Some(statement::id("a fact", &said(number?))));
        let now = chrono::DateTime::UNIX_EPOCH;
        let row = ReviewRow::new(item.as_deref().unwrap(), action.name(), other.as_deref(), "eve", now).values();
        let manifest = processor.manifest();
        let settlement = manifest.settlement_of(&CLAIMS).unwrap();
        store.review(manifest, settlement, &[row], &["knowledge".to_owned()]).unwrap();
    };
    decide(Action::Reject, 7, None);
    assert_eq!(processor.pass(&world), (vec![1], 0));
    assert_eq!(items(&world, &[7, 8]), ["1|rejected", "1|pending"]);
    decide(Action::Merge, 9, Some(8));
    assert_eq!(processor.pass(&world), (vec![1, 2], 0), "7 and the two that are one");
    assert_eq!(items(&world, &[8, 9]), ["1|pending", ""]);
}

#[test]
fn a_cluster_that_fails_stays_what_it_was_and_no_other_does() {
    let world = World::new();
    let processor = Watched { fails: Some("number 7 "), ..Watched::new() };
    world.write("ada/a.jsonl", lines(0..7) + &lines(8..20));
    assert_eq!(processor.pass(&world), (vec![1; 19], 0));
    let processor = Watched { fails: None, ..processor };
    world.append("ada/a.jsonl", &lines(7..8));
    assert_eq!(processor.pass(&world), (vec![1], 0));
    let processor = Watched { fails: Some("number 7 "), ..processor };
    world.write("bob/b.jsonl", lines(6..9));
    assert_eq!(processor.pass(&world), (vec![2; 3], 1));
    assert_eq!(items(&world, &[6, 7, 8]), ["2|pending", "1|pending", "2|pending"]);
    assert_eq!(processor.pass(&world), (vec![2], 1), "it waits for a minute, then for two");
    // Two clusters fail independently.
    let processor = Watched { fails: Some("number 1"), ..processor };
    world.write("eve/e.jsonl", lines(10..12));
    assert_eq!(processor.pass(&world), (vec![2; 2], 3));
    let processor = Watched { fails: None, ..processor };
    world.wait(Duration::from_secs(120));
    assert_eq!(processor.pass(&world), (vec![2; 3], 0));
    assert_eq!(items(&world, &[7, 10, 11]), ["2|pending"; 3]);
}

#[test]
fn claims_whose_clusters_are_not_found_are_settled_together() {
    let world = World::new();
    let processor = Watched { is_lost: true, ..Watched::new() };
    world.write("ada/a.jsonl", lines(0..10));
    assert_eq!(processor.pass(&world), (vec![10], 0));
    let processor = Watched { is_lost: false, ..processor };
    world.write("bob/b.jsonl", lines(7..8));
    assert_eq!(processor.pass(&world), ([vec![1; 9], vec![2]].concat(), 0));
    assert_eq!(items(&world, &[6, 7]), ["1|pending", "2|pending"]);
}
