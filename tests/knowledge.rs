//! Knowledge through real passes and the real binary: items depend only on the current bytes of each path and on the
//! reviews, and reviews survive whatever happens to the claims.

use crate::world::{Said, World, rounds};
use fastrand::Rng;
use sessionmill::store::{Access, Store};
use sessionmill_contract::{Bound, Failure, Processor, Row as _, SourceFile};
use sessionmill_verification::Verification;
use sessionmill_verification::claim::CLAIMS;
use sessionmill_verification::review::{Action, ReviewRow};
use sessionmill_verification::statement;
use sessionmill_verification::{Claim, Detection, Detector, Domain, Role, Scope, View, Window};

/// Reads claims in the form `claim <type> <domain> <entity,…>: <content>`.
struct Scripted(u32);

impl Detector for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn version(&self) -> u32 {
        self.0
    }

    fn bound(&self) -> Bound {
        Bound::Cpu
    }

    fn window(&self) -> Window {
        Window { turns: 4, overlap: 1 }
    }

    fn claims(&self, _: &SourceFile, view: &View<'_>) -> Result<Vec<Claim>, Failure> {
        let fresh = view.turns.iter().enumerate().skip(view.fresh).filter(|(_, turn)| turn.role == Role::Person);
        Ok(fresh.filter_map(|(turn, said)| scripted(turn, &said.text)).collect())
    }
}

fn scripted(turn: usize, text: &str) -> Option<Claim> {
    let (head, content) = text.strip_prefix("claim ")?.split_once(": ")?;
    let [kind, domain, entities] = head.split(' ').collect::<Vec<_>>().try_into().ok()?;
    Some(Claim {
        turn,
        detection: Detection::ALL.into_iter().find(|known| known.name() == kind)?,
        title: title(content),
        content: content.to_owned(),
        quote: content.to_owned(),
        domain: Domain::ALL.into_iter().find(|known| known.name() == domain)?,
        scope: Scope::Project,
        entities: entities.split(',').map(str::to_owned).collect(),
        likelihood: None,
        signs: Vec::new(),
    })
}

fn title(content: &str) -> String {
    content.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn id(content: &str) -> String {
    statement::id(&title(content), content)
}

/// A person says something, and the assistant answers.
fn says(uuid: &str, day: u32, said: &str) -> String {
    format!(
        r#"{{"type":"user","uuid":"{uuid}","sessionId":"s1","timestamp":"2026-02-{day:02}T10:00:00Z","message":{{"role":"user","content":"claim {said}"}}}}
{{"type":"assistant","uuid":"{uuid}-a","sessionId":"s1","timestamp":"2026-02-{day:02}T10:00:01Z","message":{{"role":"assistant","content":[{{"type":"text","text":"I see."}}]}}}}
"#
    )
}

fn pass(world: &World, version: u32) {
    let counts = world.pass_of(&[&Verification::new(Box::new(Scripted(version)))]).unwrap().remove(0);
    assert_eq!((counts.errors, counts.unsettled_keys), (0, 0), "{counts:?}");
}

/// Adds a decision without checking its item.
fn review(world: &World, action: Action, item: &str, other: &str) {
    let processor = Verification::new(Box::new(Scripted(1)));
    let store = Store::open(&world.database(), Access::ReadWrite).unwrap();
    let other = matches!(action, Action::Merge | Action::Split).then_some(other);
    let now = chrono::DateTime::UNIX_EPOCH;
    let row = ReviewRow::new(item, action.name(), other, "eve", now);
    let settlement = processor.manifest().settlement_of(&CLAIMS).unwrap();
    store.review(processor.manifest(), settlement, &[row.values()], &[settlement.name.to_owned()]).unwrap();
}

const FILES: [&str; 6] = ["ada/a.jsonl", "ada/b.jsonl", "bob/c.jsonl", "bob/d.jsonl", "eve/e.jsonl", "eve/p/f.jsonl"];

/// Claims close to each other, some of them copies of claims in other files.
fn lines(random: &mut Rng) -> String {
    let mut line = || {
        let content = contents()[random.usize(..contents().len())].clone();
        let kind = Detection::ALL[random.usize(..Detection::ALL.len())].name();
        let domain = ["finance", "data"][random.usize(..2)];
        let entities = ["revenue,plan", "revenue", "plan,region"][random.usize(..3)];
        says(&format!("u{}", random.u32(0..60)), random.u32(1..28), &format!("{kind} {domain} {entities}: {content}"))
    };
    (0..3).map(|_| line()).collect()
}

fn contents() -> Vec<String> {
    let mut all = Vec::new();
    for days in ["14 days", "30 days", "30 days, not 14 days"] {
        for whom in ["every customer", "each customer", "every new customer", "partners"] {
            all.push(format!("The refund window of the consumer plan is {days} for {whom} of the region"));
        }
    }
    all
}

#[test]
fn settling_again_writes_no_row_that_is_the_same() {
    let world = World::new();
    let (first, second) = ("confirmation finance ARR: ARR counts contracts", "correction finance DSO: DSO is in days");
    world.write("ada/a.jsonl", says("u1", 1, first) + &says("u2", 2, second));
    pass(&world, 1);
    let row = |content: &str| {
        let sql = "SELECT rowid, verifiers FROM facts.knowledge_items WHERE item_id = ";
        let row = world.rows(&format!("{sql}'{}'", id(content))).remove(0);
        row.split_once('|').map(|(id, verifiers)| (id.to_owned(), verifiers.to_owned())).unwrap()
    };
    let before = [row("ARR counts contracts"), row("DSO is in days")];
    assert!(before.iter().all(|(_, verifiers)| verifiers == "1"), "{before:?}");
    world.write("bob/b.jsonl", says("u3", 3, first));
    pass(&world, 1);
    let after = row("ARR counts contracts");
    assert!(after.0 != before[0].0 && after.1 == "2", "{after:?}");
    assert_eq!(row("DSO is in days"), before[1]);
}

#[test]
fn whatever_the_order_items_are_those_of_a_fresh_database() {
    let mut related = 0;
    for seed in 0..rounds(25) {
        let mut random = Rng::with_seed(seed);
        let (mut world, mut version) = (World::new(), 1);
        pass(&world, version);
        let mut reviews = Vec::new();
        for _ in 0..14 {
            let file = FILES[random.usize(..FILES.len())];
            match random.u32(0..8) {
                0..3 if world.root().join(file).exists() => drop(world.append(file, &lines(&mut random))),
                0..4 => drop(world.write(file, lines(&mut random))),
                4 => version += 1,
                5 => {
                    let [item, other] = [0, 1].map(|_| id(&contents()[random.usize(..contents().len())]));
                    let action = [Action::Approve, Action::Reject, Action::Merge, Action::Split][random.usize(..4)];
                    review(&world, action, &item, &other);
                    reviews.push((action, item, other));
                }
                _ => {
                    world.limits.files = random.bool().then_some(1);
                    pass(&world, version);
                }
            }
        }
        world.limits.files = None;
        pass(&world, version);
        let fresh = World::new();
        pass(&fresh, version);
        for (action, item, other) in &reviews {
            review(&fresh, *action, item, other);
        }
        for file in FILES.into_iter().filter(|file| world.root().join(file).exists()) {
            fresh.write(file, std::fs::read(world.root().join(file)).unwrap());
        }
        pass(&fresh, version);
        assert_eq!(world.dump(), fresh.dump(), "seed {seed}");
        let before = world.dump();
        pass(&world, version + 1);
        assert_eq!(world.dump(), before, "seed {seed}: processing again");
        related += world.rows("FROM knowledge_relations").len();
    }
    assert!(related > 20, "{related}");
}

const ARR: &str = "Annual recurring revenue counts signed contracts of paying customers only";
const ARR_AGAIN: &str = "Annual recurring revenue counts signed contracts of paying customers";
const DAYS_14: &str = "The refund window of the consumer plan is 14 days in Europe";
const DAYS_30: &str = "The refund window of the consumer plan is 30 days in Europe";

/// Three items in two domains.
fn curated() -> World {
    let world = World::new();
    let ada = says("u1", 1, &format!("unprompted_definition finance ARR: {ARR}"))
        + &says("u2", 2, &format!("confirmation product refund,Europe: {DAYS_14}"));
    let bob = says("u3", 3, &format!("confirmation finance ARR,Contracts: {ARR_AGAIN}"))
        + &says("u4", 4, &format!("correction product refund,Europe: {DAYS_30}"));
    world.write("ada/a.jsonl", ada).write("bob/b.jsonl", bob);
    pass(&world, 1);
    // The half-life is so long that the day of the test does not matter.
    std::fs::write(world.path("mill.toml"), "[verification.confidence]\nhalf_life_months = 1e9\n").unwrap();
    world
}

fn knowledge_of(world: &World, args: &[&str]) -> Said {
    // Commands that list items would read the transcripts with the program's own detector.
    let lists = args.first().is_none_or(|first| first.starts_with('-') || ["list", "export"].contains(first));
    let still: &[&str] = if lists { &["--no-refresh"] } else { &[] };
    let mut said = world.mill_with(&[&["knowledge"], args, still].concat(), &[("SESSIONMILL_CONFIG", "mill.toml")]);
    for text in [&mut said.stdout, &mut said.stderr] {
        *text = named(text);
    }
    said
}

/// What a command prints to stderr. Checks that it prints nothing to stdout.
fn remarks(world: &World, args: &[&str]) -> String {
    let said = knowledge_of(world, args);
    assert_eq!((said.status, &*said.stdout), (0, ""), "{said:?}");
    said.stderr
}

fn statuses(world: &World) -> Vec<String> {
    let rows =
        world.rows("SELECT item_id, status, evidence, reviewer FROM knowledge_items ORDER BY domain, first_verified");
    rows.iter().map(|row| named(row)).collect()
}

/// A text with names of contents instead of ids.
fn named(text: &str) -> String {
    let names = [(ARR, "[arr]"), (ARR_AGAIN, "[arr-again]"), (DAYS_14, "[14-days]"), (DAYS_30, "[30-days]")];
    names.iter().fold(text.to_owned(), |text, (content, name)| text.replace(&id(content), name))
}

#[test]
fn items_are_listed_and_filtered() {
    let world = curated();
    let list = |args: &[&str]| {
        let said = knowledge_of(&world, &[&["list", "--format", "csv"], args].concat());
        assert_eq!(said.status, 0, "{said:?}");
        let rows: Vec<_> = said.stdout.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
        rows.join(" ")
    };
    assert_eq!(list(&["--min-confidence", "0"]), "[arr] [30-days] [14-days]");
    assert_eq!(list(&["--all"]), "[arr] [30-days] [14-days]");
    assert_eq!(list(&["--type", "confirmation"]), "[14-days]", "the best, where none is sure");
    assert_eq!(list(&[]), "[arr]");
    let note = "note: 2 items of lower confidence not shown; `--all` shows them\n";
    assert_eq!(knowledge_of(&world, &[]).stderr, note);
    assert_eq!(list(&["--domain", "product", "--status", "pending"]), "[30-days] [14-days]");
    assert_eq!(list(&["--user", "bob", "--min-confidence", "0"]), "[arr] [30-days]");
    assert_eq!(list(&["--user", "b*", "--min-confidence", "0"]), "[arr] [30-days]");
    assert_eq!(list(&["--type", "confirmation", "--status", "pending"]), "[14-days]");
    assert_eq!(list(&["--status", "approved"]), "");
    assert_eq!(list(&["--text", "EUROPE", "--min-confidence", "0"]), "[30-days] [14-days]");
    assert_eq!(list(&["--min-confidence", "0.25"]), "[arr] [30-days] [14-days]");
    assert_eq!(list(&["--min-confidence", "0.5"]), "[arr] [30-days]");
    assert_eq!(list(&["--min-confidence", "0.7"]), "[arr]");
    assert_eq!(list(&["--all", "--order", "date"]), "[30-days] [arr] [14-days]");
    assert_eq!(list(&["--all", "--order", "Evidence"]), "[arr] [30-days] [14-days]");
    assert_eq!(list(&["--all", "--order", "date", "--limit", "2"]), "[30-days] [arr]");
    let note = "note: 1 of 3 items, those of the most people first; --limit N shows more\n";
    assert_eq!(knowledge_of(&world, &["--all", "--order", "people", "--limit", "1"]).stderr, note);
    let said = knowledge_of(&world, &["--user", "bop"]);
    assert_eq!((said.status, &*said.stdout), (64, ""));
    assert_eq!(said.stderr, "sessionmill: unknown user `bop`; known: `ada`, `bob`\n  hint: did you mean `bob`?\n");
    assert_eq!(world.mill(&["knowledge", "--min-confidence", "2"]).status, 64);
    assert_eq!(world.mill(&["knowledge", "--domain", "sports"]).status, 64);
}

#[test]
fn an_item_is_shown_with_all_that_is_known_of_it() {
    let world = curated();
    let said = knowledge_of(&world, &["show", &id(ARR), &id(DAYS_30)]);
    assert_eq!(
        said.stdout,
        "[arr]  Annual recurring revenue
Annual recurring revenue counts signed contracts of paying customers only

domain      finance
status      pending
confidence  0.72: 1 confirmation, 1 definition by 2 people, last on 2026-02-03
scope       project
entities    ARR
evidence    definition by ada, 2026-02-01 10:00 UTC, ada/a.jsonl:1
            “Annual recurring revenue counts signed contracts of paying customers only”
evidence    confirmation by bob, 2026-02-03 10:00 UTC, bob/b.jsonl:1
            “Annual recurring revenue counts signed contracts of paying customers”
            in other words, as [arr-again]

[30-days]  The refund window
The refund window of the consumer plan is 30 days in Europe

domain      product
status      pending
confidence  0.60: 1 correction by 1 person, last on 2026-02-04
scope       project
entities    Europe, refund
evidence    correction by bob, 2026-02-04 10:00 UTC, bob/b.jsonl:3
            “The refund window of the consumer plan is 30 days in Europe”
relation    contradicts [14-days] (0.92): The refund window
relation    is likely a duplicate of [14-days] (1.00): The refund window
"
    );
    let said = knowledge_of(&world, &["show", &id(DAYS_14), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let expected = serde_json::json!([{
        "id": "[14-days]",
        "item": {
            "item_id": "[14-days]", "domain": "product", "title": "The refund window", "content": DAYS_14,
            "type": "confirmation", "entities": ["Europe", "refund"], "status": "pending", "confidence": 0.28,
            "evidence": 1, "corrections": 0, "confirmations": 1, "definitions": 0, "verifiers": 1,
            "first_verified": "2026-02-02T10:00:00Z", "last_verified": "2026-02-02T10:00:00Z",
            "reviewer": null, "reviewed_at": null, "instructions": 0, "sessions": 1, "contradictions": 1, "contradicted_since": 0,
            "scope": "project", "project": null, "likelihood": null, "signs": [],
        },
        "evidence": [{
            "statement_id": "[14-days]", "type": "confirmation", "user": "ada", "session": "ada/a.jsonl", "line": 3,
            "time": "2026-02-02T10:00:00Z", "quote": DAYS_14, "project": null,
        }],
        "relations": [
            {"kind": "contradicts", "from": "[30-days]", "to": "[14-days]", "score": 0.916, "title": "The refund window"},
            {"kind": "likely_duplicate", "from": "[30-days]", "to": "[14-days]", "score": 1.0, "title": "The refund window"},
        ],
        "reviews": [],
    }]);
    assert_eq!(json, expected);
    let relations = |action: Action| {
        review(&world, action, &id(DAYS_30), &id(DAYS_14));
        pass(&world, 1);
        let said = knowledge_of(&world, &["show", &id(DAYS_14), "--json"]);
        let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        let relations = json[0]["relations"].as_array().unwrap().iter();
        relations.map(|relation| relation["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // Items with nothing in common, and items about the same thing.
    let far = says("u5", 5, "confirmation data payouts,partners: Payouts to partners in Europe wait for refunds")
        + &says("u6", 6, "confirmation product refund,Asia: Partners in Asia get each refund a month later");
    world.write("eve/e.jsonl", far);
    assert_eq!(relations(Action::Approve), ["contradicts", "likely_duplicate"]);
    assert_eq!(relations(Action::Reject), [""; 0], "what was rejected is near nothing");
    assert_eq!(relations(Action::Approve), ["contradicts", "likely_duplicate"]);
    assert_eq!(relations(Action::Split), ["contradicts"], "they are not the same, as somebody decided");
    review(&world, Action::Merge, &id(DAYS_14), &id(DAYS_30));
    assert_eq!(relations(Action::Merge), ["contradicts", "likely_duplicate"], "merged in a circle, they stay two");
}

#[test]
fn a_narrow_terminal_breaks_no_id() {
    let world = curated();
    for columns in [200, 120, 80, 60, 40] {
        let said = world.terminal(columns, &["knowledge", "--no-refresh", "--min-confidence", "0"], &[]);
        for item in [ARR, DAYS_14, DAYS_30] {
            assert!(said.stdout.contains(&format!("\n {} ", id(item))), "{columns}:\n{}", said.stdout);
        }
        assert!(said.stdout.lines().all(|line| line.chars().count() <= columns), "{columns}:\n{}", said.stdout);
    }
    let said = world.terminal(120, &["knowledge", "--no-refresh", "--min-confidence", "0"], &[]);
    assert_eq!(said.stdout.matches("unprompted_definition").count(), 1, "{}", said.stdout);
}

#[test]
fn a_decision_is_taken_once_and_outlives_the_claims() {
    let world = curated();
    let (arr, again, old, new) = (&id(ARR), &id(ARR_AGAIN), &id(DAYS_14), &id(DAYS_30));
    assert_eq!(
        remarks(&world, &["approve", new, arr, "--by", "carol"]),
        "`[arr]` is approved\n`[30-days]` is approved\n"
    );
    assert_eq!(remarks(&world, &["approve", arr, "--by", "dora"]), "`[arr]` is approved already\n");
    assert_eq!(remarks(&world, &["reject", old]), "`[14-days]` is rejected\n");
    assert_eq!(remarks(&world, &["split", again]), "`[arr-again]` is split off `[arr]`\n");
    assert_eq!(remarks(&world, &["split", again]), "`[arr-again]` is an item of its own already\n");
    let expected = [
        "[arr]|approved|1|carol",
        "[arr-again]|pending|1|",
        "[14-days]|rejected|1|tester",
        "[30-days]|approved|1|carol",
    ];
    assert_eq!(statuses(&world), expected);
    assert_eq!(remarks(&world, &["merge", again, "--into", arr]), "`[arr-again]` is merged into `[arr]`\n");
    assert_eq!(remarks(&world, &["merge", again, "--into", arr]), "`[arr-again]` is evidence of `[arr]` already\n");
    let expected = ["[arr]|approved|2|carol", "[14-days]|rejected|1|tester", "[30-days]|approved|1|carol"];
    assert_eq!(statuses(&world), expected);
    let said = knowledge_of(&world, &["show", arr]);
    let holds: Vec<_> =
        said.stdout.lines().filter_map(|line| line.split_once(" UTC by ")).map(|(_, what)| what).collect();
    assert_eq!(
        holds,
        ["carol: approve [arr]", "tester: merge [arr-again] into [arr]"],
        "what does not hold is not shown"
    );
    pass(&world, 2);
    assert_eq!(statuses(&world), expected, "processing everything again changes nothing");
    // For a while nobody states it.
    let ada = std::fs::read_to_string(world.root().join("ada/a.jsonl")).unwrap();
    world.write("ada/a.jsonl", "");
    pass(&world, 2);
    assert_eq!(statuses(&world), ["[arr-again]|pending|1|", "[30-days]|approved|1|carol"]);
    let said = knowledge_of(&world, &["show", arr]);
    assert!(said.stdout.starts_with("[arr]  nobody states it any more\nreview      "), "{said:?}");
    assert!(
        said.stdout.ends_with(" UTC by carol: approve [arr]\nreview      ") || said.stdout.contains("approve [arr]")
    );
    let said = knowledge_of(&world, &["reviews", "--format", "csv"]);
    let rows: Vec<_> = said.stdout.lines().map(|line| line.split_once(',').unwrap().1).collect();
    let expected = [
        "reviewer,action,item_id,other_id,stated,item_now,other_now",
        "carol,approve,[arr],,no,,",
        "carol,approve,[30-days],,yes,,",
        "tester,reject,[14-days],,no,,",
        "tester,split,[arr-again],[arr],yes,,",
        "tester,merge,[arr-again],[arr],yes,,",
    ];
    assert_eq!(rows, expected);
    world.write("ada/a.jsonl", ada);
    pass(&world, 2);
    assert_eq!(
        statuses(&world),
        ["[arr]|approved|2|carol", "[14-days]|rejected|1|tester", "[30-days]|approved|1|carol"]
    );
}

#[test]
fn what_cannot_be_decided_is_refused_with_a_way_out() {
    let world = curated();
    let refused = |args: &[&str], expected: &str| {
        let said = knowledge_of(&world, args);
        assert_eq!((said.status, &*said.stderr), (64, expected), "{args:?}");
    };
    let (arr, again, old) = (&id(ARR), &id(ARR_AGAIN), &id(DAYS_14));
    let typo = format!("{}0", &arr[..arr.len() - 1]);
    let said = knowledge_of(&world, &["approve", old, &typo]);
    assert_eq!(said.status, 64);
    assert!(said.stderr.starts_with(&format!("sessionmill: unknown item `{typo}`; known: ")), "{said:?}");
    assert!(said.stderr.ends_with("\n  hint: did you mean `[arr]`?\n"), "{said:?}");
    assert_eq!(statuses(&world)[1], "[14-days]|pending|1|", "all or none");
    refused(
        &["approve", again],
        "sessionmill: `[arr-again]` is no item of its own, but evidence of `[arr]`\n  \
         hint: decide about `[arr]`, or take it out with `sessionmill knowledge split [arr-again]`\n",
    );
    refused(&["merge", arr, "--into", arr], "sessionmill: `[arr]` cannot be merged into itself\n");
    refused(
        &["show", again],
        "sessionmill: `[arr-again]` is evidence of `[arr]`\n  hint: `sessionmill knowledge show [arr]` shows it\n",
    );
    for blank in ["", " \t"] {
        assert_eq!(knowledge_of(&world, &["reject", old, "--by", blank]).status, 64);
    }
    assert!(world.rows("FROM knowledge_reviews").is_empty());
}

#[test]
fn an_export_has_quotes_only_if_asked_for() {
    let world = curated();
    remarks(&world, &["reject", &id(DAYS_14)]);
    let said = knowledge_of(&world, &["export"]);
    let lines: Vec<serde_json::Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "a rejected item is left out");
    assert_eq!((&lines[0]["item_id"], &lines[0]["sources"][1]["user"]), (&"[arr]".into(), &"bob".into()));
    assert!(lines[0]["sources"][0].get("quote").is_none());
    let said = knowledge_of(
        &world,
        &["export", "--format", "markdown", "--domain", "product", "--status", "rejected", "--quotes"],
    );
    let (before, after) = said.stdout.split_once(", rejected by tester, ").unwrap();
    let page = format!("{before}, rejected by tester{}", &after["2026-02-01 10:00 UTC".len()..]);
    assert_eq!(
        page,
        "# Knowledge

## product

### The refund window

The refund window of the consumer plan is 14 days in Europe

- `[14-days]`, rejected by tester
- confidence 0.40: 1 confirmation by 1 person, last on 2026-02-02
- ada, ada/a.jsonl:3
  > The refund window of the consumer plan is 14 days in Europe
"
    );
}

#[test]
fn what_people_wrote_steers_no_terminal() {
    let world = World::new();
    let text = "An escape \\u001b[2J in a quote of more than forty characters";
    world.write("ada/a.jsonl", says("u1", 1, &format!("confirmation data escape: {text}")));
    pass(&world, 1);
    let id = id(&text.replace("\\u001b", "\u{1b}"));
    for args in [
        &["list", "--no-refresh", "--min-confidence", "0"][..],
        &["show", &id],
        &["export", "--no-refresh"],
        &["export", "--no-refresh", "--format", "markdown", "--quotes"],
    ] {
        let said = world.mill(&[&["knowledge"], args].concat());
        assert_eq!(said.status, 0, "{said:?}");
        let shown = ["\\u{1b}", "\\u001b", "\\\\u\\{1b\\}"].iter().any(|escape| said.stdout.contains(escape));
        assert!(shown && !said.stdout.contains('\u{1b}'), "{said:?}");
    }
}

#[test]
fn a_report_counts_items_and_their_evidence() {
    let world = curated();
    remarks(&world, &["approve", &id(ARR)]);
    let report = |args: &[&str]| {
        let said = world.mill(&[&["report", "verification", "--no-refresh", "--timezone", "UTC"], args].concat());
        assert_eq!((said.status, &*said.stderr), (0, ""), "{said:?}");
        said.stdout
    };
    assert_eq!(
        report(&[]),
        " Domain    Items   Approved   Pending   Evidence   Corrections   Confirmations   Definitions   People
──────────────────────────────────────────────────────────────────────────────────────────────────────
 finance       1          1         0          2             0               1             1        2
 product       2          0         2          2             1               1             0        2
──────────────────────────────────────────────────────────────────────────────────────────────────────
 Total         3          1         2          4             1               2             1        2
"
    );
    let rows =
        |args: &[&str]| report(&[args, &["--format", "csv"]].concat()).lines().skip(1).collect::<Vec<_>>().join(" ");
    assert_eq!(rows(&["--by", "user"]), "ada,2,1,1,0,2,0,1,1,1,0 bob,2,1,1,0,2,1,1,0,1,0");
    assert_eq!(
        rows(&["--by", "type"]),
        "confirmation,2,1,1,0,2,0,2,0,2,0 correction,1,0,1,0,1,1,0,0,1,0 unprompted_definition,1,1,0,0,1,0,0,1,1,0"
    );
    assert_eq!(rows(&["--by", "month", "--user", "ada"]), "2026-02,2,1,1,0,2,0,1,1,1,0");
    assert_eq!(rows(&["--since", "2026-02-03"]), "finance,1,1,0,0,1,0,1,0,1,0 product,1,0,1,0,1,1,0,0,1,0");
    assert_eq!(rows(&["--until", "2026-01-31"]), "");
    world.write("eve/e.jsonl", says("u5", 5, "instruction data amounts: Amounts are written in cents"));
    pass(&world, 1);
    assert_eq!(rows(&["--user", "eve"]), "data,1,0,1,0,1,0,0,0,1,1");
}

#[test]
fn what_is_said_under_several_domains_is_one_item() {
    let world = World::new();
    let (first, second) = ("The limit is 90 days for each customer", "Refunds are paid within a week of the claim");
    let said = |domain: &str| format!("correction {domain} limit: {first}");
    world.write(
        "ada/a.jsonl",
        says("u1", 1, &said("finance")) + &says("u3", 3, &format!("correction finance refund: {second}")),
    );
    world.write("bob/b.jsonl", says("u2", 2, &said("data")));
    let items = |expected: &[&str]| {
        pass(&world, 1);
        let sql = "SELECT domain, left(content, 7), evidence, status FROM knowledge_items ORDER BY ALL";
        assert_eq!(world.rows(sql), expected);
    };
    items(&["finance|Refunds|1|pending", "finance|The lim|2|pending"]);
    let knowledge = |args: &[&str]| world.mill(&[&["knowledge"], args].concat());
    assert_eq!(knowledge(&["approve", &id(first)]).status, 0);
    world.write("eve/e.jsonl", says("u4", 4, &said("data")));
    items(&["data|The lim|3|approved", "finance|Refunds|1|pending"]);
    // Neither a merge nor a split depends on the domain.
    let said = knowledge(&["merge", &id(second), "--into", &id(first)]);
    assert_eq!(said.stderr, format!("`{}` is merged into `{}`\n", id(second), id(first)));
    items(&["data|The lim|3|approved"]);
    let said = knowledge(&["split", &id(second)]);
    assert_eq!(said.stderr, format!("`{}` is split off `{}`\n", id(second), id(first)));
    items(&["data|The lim|3|approved", "finance|Refunds|1|pending"]);
}

#[test]
fn the_beginning_of_an_id_is_enough_and_what_contradicts_an_approved_item_is_shown() {
    let world = curated();
    let old = id(DAYS_14);
    let said = world.mill(&["knowledge", "show", &old[3..9]]);
    assert!(said.stdout.starts_with(&old), "{said:?}");
    let said = world.mill(&["knowledge", "approve", "kv_"]);
    assert_eq!(said.status, 64, "{said:?}");
    // It was contradicted before it was approved.
    let said = world.mill(&["knowledge", "approve", &old[..8]]);
    assert_eq!(said.stderr, format!("`{old}` is approved\n"));
    let since = |world: &World| -> u64 {
        let said = world.mill(&["knowledge", "show", &old, "--json"]);
        let pages: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        pages[0]["item"]["contradicted_since"].as_u64().unwrap()
    };
    assert_eq!(since(&world), 0);
    let later = says("u9", 9, &format!("correction product Europe,refund: {}", DAYS_14.replace("14", "60")));
    world.write("eve/e.jsonl", later.replace("2026-02-09", "2999-02-09"));
    pass(&world, 1);
    assert_eq!(since(&world), 1);
    let said = world.mill(&["knowledge", "--no-refresh"]);
    assert!(said.stdout.contains("approved, contradicted"), "{said:?}");
}

/// The same claims as rules of another version find them: in other words, in another domain, from a shorter quote; and
/// without the statement about the plan.
struct Reworded;

impl Detector for Reworded {
    fn name(&self) -> &str {
        "reworded"
    }

    fn version(&self) -> u32 {
        2
    }

    fn bound(&self) -> Bound {
        Bound::Cpu
    }

    fn window(&self) -> Window {
        Scripted(2).window()
    }

    fn claims(&self, file: &SourceFile, view: &View<'_>) -> Result<Vec<Claim>, Failure> {
        let claims = Scripted(2).claims(file, view)?.into_iter().filter(|claim| !claim.content.contains("plan"));
        let reworded = |claim: Claim| {
            let content = reworded(&claim.content);
            let quote = claim.quote.split_once(' ').unwrap().1.to_owned();
            Claim { title: title(&content), content, quote, domain: Domain::Data, ..claim }
        };
        Ok(claims.map(reworded).collect())
    }
}

fn reworded(content: &str) -> String {
    format!("As a rule, {content}")
}

/// Evidence of an older version, which had a domain.
const DOMAINS: &str = "ALTER TABLE facts.verification_evidence ADD COLUMN domain VARCHAR;
    UPDATE facts.verification_evidence AS piece SET domain = claim.domain FROM facts.verification_claims AS claim
    WHERE claim.session_file = piece.session_file AND claim.claim_id = piece.claim_id";

#[test]
fn a_decision_survives_other_words_and_one_without_an_item_is_listed() {
    const GMV: &str = "Gross merchandise value includes refunds of the quarter";
    const NOW: &str = "SELECT domain, status, reviewer, content FROM knowledge_items ORDER BY ALL";
    let decided = || {
        let world = curated();
        world.write("eve/c.jsonl", says("u9", 9, &format!("correction finance GMV: {GMV}")));
        pass(&world, 1);
        for (action, item) in [("approve", ARR), ("reject", GMV), ("approve", DAYS_30)] {
            assert_eq!(knowledge_of(&world, &[action, &id(item), "--by", "carol"]).status, 0);
        }
        world
    };
    let reword = |world: &World| {
        world.pass_of(&[&Verification::new(Box::new(Reworded))]).unwrap();
    };
    let expected = [format!("data|approved|carol|{}", reworded(ARR)), format!("data|rejected|carol|{}", reworded(GMV))];
    let ids = |content: &str| (id(content), id(&reworded(content)));
    let ((arr, arr_now), (gmv, gmv_now)) = (ids(ARR), ids(GMV));
    let listed = [
        format!("carol,approve,{arr},,yes,{arr_now},"),
        format!("carol,reject,{gmv},,yes,{gmv_now},"),
        "carol,approve,[30-days],,no,,".to_owned(),
    ];
    let list = |world: &World| -> Vec<String> {
        let said = knowledge_of(world, &["reviews", "--format", "csv"]).stdout;
        let said = said.lines().skip(1).map(|line| line.split_once(',').unwrap().1.replace("[arr]", &arr));
        said.collect()
    };

    let world = decided();
    let grounds = "SELECT review_id, grounds, other_grounds FROM knowledge_reviews ORDER BY ALL";
    let of_new = world.rows(grounds);
    assert!(of_new.iter().all(|row| row.len() > 40) && !of_new.join("").contains("revenue"), "{of_new:?}");
    reword(&world);
    assert_eq!((world.rows(NOW), list(&world)), (expected.to_vec(), listed.to_vec()));
    let said = knowledge_of(&world, &["reviews"]).stdout;
    assert_eq!(said.matches("without an item").count(), 1, "{said}");
    // With an older id, too, the item and its decisions are found.
    let said = world.mill(&["knowledge", "show", &gmv]).stdout;
    assert!(said.starts_with(&format!("{gmv_now}  As a rule,")), "{said}");
    assert!(said.ends_with(&format!(" UTC by carol: reject {gmv_now} (then {gmv})\n")), "{said}");
    let said = remarks(&world, &["reject", &gmv]);
    assert_eq!(said, format!("`{gmv_now}` is rejected already\n"));

    // The file has the grounds of decisions, so a new database has the same items.
    for extension in ["", ".wal", ".origin"] {
        let _ = std::fs::remove_file(world.path(&format!("data/mill.duckdb{extension}")));
    }
    reword(&world);
    assert_eq!((world.rows(NOW), list(&world)), (expected.to_vec(), listed.to_vec()));

    // A database from before decisions had grounds, and its file.
    let world = decided();
    let file = world.path("data/mill.duckdb.knowledge_reviews");
    let newer = std::fs::read_to_string(&file).unwrap();
    let older = |line: &str| {
        let mut row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        assert!(row.remove("grounds").is_some_and(|grounds| grounds.is_string()));
        assert!(row.remove("other_grounds").is_some());
        serde_json::Value::Object(row).to_string() + "\n"
    };
    std::fs::write(&file, newer.lines().map(older).collect::<String>()).unwrap();
    let store = Store::open(&world.database(), Access::ReadWrite).unwrap();
    let downgrade = "ALTER TABLE knowledge_reviews DROP COLUMN grounds;
        ALTER TABLE knowledge_reviews DROP COLUMN other_grounds;
        DROP TABLE facts.verification_heirs;
        DELETE FROM schema_migrations WHERE version >= 45";
    store.connection().execute_batch(&format!("{downgrade};{DOMAINS}")).unwrap();
    drop(store);
    reword(&world);
    assert_eq!(world.rows(grounds), of_new);
    assert_eq!((world.rows(NOW), list(&world)), (expected.to_vec(), listed.to_vec()));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), newer, "the file is of the newest form");
}

#[test]
fn what_older_rules_heard_in_files_that_are_gone_goes_unless_it_was_approved() {
    const CONTENTS: &str = "SELECT content FROM verification_claims ORDER BY ALL";
    let world = curated();
    let of_eve =
        |number: u32, content: &str| says(&format!("e{number}"), number, &format!("confirmation data x: {content}"));
    let (kept, dropped) = ("Invoices are numbered by year", "What does the test print now");
    world.write("eve/gone.jsonl", of_eve(1, kept) + &of_eve(2, dropped)).write("eve/here.jsonl", of_eve(3, ARR_AGAIN));
    pass(&world, 1);
    assert_eq!(knowledge_of(&world, &["approve", &id(kept)]).status, 0);
    world.remove("eve/gone.jsonl");
    pass(&world, 1);
    let before = world.rows(CONTENTS);
    assert!(before.contains(&dropped.to_owned()), "{before:?}");
    // The version of another processor does not matter.
    let store = Store::open(&world.database(), Access::ReadWrite).unwrap();
    let other =
        "INSERT INTO session_processor_state SELECT * REPLACE ('usage' AS processor_name, 3 AS processor_version)
                 FROM session_processor_state";
    store.connection().execute_batch(other).unwrap();
    drop(store);
    let again = |version: u32| {
        let store = Store::open(&world.database(), Access::ReadWrite).unwrap();
        let older = format!(
            "UPDATE session_processor_state SET processor_version = {version} WHERE processor_name = 'verification';
            DELETE FROM schema_migrations WHERE version >= 46;{DOMAINS}"
        );
        store.connection().execute_batch(&older).unwrap();
        drop(store);
        pass(&world, version);
        world.rows(CONTENTS)
    };
    assert_eq!(again(8), before, "rules of today");
    let after: Vec<_> = before.iter().filter(|content| **content != dropped).cloned().collect();
    assert_eq!(again(7), after);
    let items = world.rows("SELECT status, evidence FROM knowledge_items ORDER BY ALL");
    assert_eq!(items, ["approved|1", "pending|1", "pending|1", "pending|3"], "and the items follow");
}

#[test]
#[cfg(feature = "console")]
fn the_beginning_of_an_id_says_nothing_about_items_of_others() {
    use crate::console::{Console, add};
    let world = World::new();
    let number = |number: u32| format!("confirmation data thing-{number}: Thing {number} is counted on day {number}");
    // Of 17 items, two begin with the same digit.
    world.write("bob/b.jsonl", (1..=17).map(|day| says(&format!("b{day}"), day, &number(day))).collect::<String>());
    world.write("ada/a.jsonl", says("a1", 20, &number(20)).replace("\"s1\"", "\"s2\""));
    pass(&world, 1);
    let ids = |user: &str| -> Vec<String> {
        world.rows(&format!("SELECT item_id FROM verification_evidence WHERE username = '{user}' ORDER BY ALL"))
    };
    let (of_bob, of_ada) = (ids("bob"), ids("ada").remove(0));
    assert_eq!(of_bob.len(), 17);
    let first = |id: &String| id[3..4].to_owned();
    let twice = of_bob.windows(2).map(|two| (first(&two[0]), first(&two[1]))).find(|(a, b)| a == b).unwrap().0;
    let [ada, cyd] = [("ada", "member"), ("cyd", "curator")].map(|(user, role)| add(&world, user, role));
    let console = Console::start(&world, "");
    let ask = |beginning: &str, token: &str| {
        let answer = console.api(&format!("GET /knowledge/{beginning}"), token);
        (answer.status, answer.json()["item"]["item_id"].as_str().map(str::to_owned))
    };
    let own = Some(of_ada.clone());
    let expected = if first(&of_ada) == twice { (200, own.clone()) } else { (404, None) };
    assert_eq!((ask(&twice, &cyd).0, ask(&twice, &ada)), (400, expected));
    assert_eq!((ask(&first(&of_ada), &ada), ask(&of_ada, &ada)), ((200, own.clone()), (200, own)));
    assert_eq!((ask(&of_bob[0], &ada).0, ask(&of_bob[0], &cyd).0), (404, 200));
}
