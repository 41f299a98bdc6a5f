//! Joined keys, islands of their facts, a later settlement, and rows that end, all at the same time: whatever happens
//! to files, the rows equal those of one run over everything.

use crate::visits::{Line, Visits, dump, execute, link, oracle, pass, rows, text, visit, world};
use crate::world::{DAY, World, rounds};
use chrono::TimeDelta;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const SECOND: i64 = 1_000_000;

const PEOPLE: [&str; 7] = ["ada", "bob", "cleo", "dan", "eve", "flo", "gus"];

/// Times are often exactly a gap apart, or a microsecond more.
fn line(random: &mut Rng) -> Line {
    let person = PEOPLE[random.usize(..PEOPLE.len())];
    if random.u32(..5) == 0 {
        return link(&format!("l{}", random.u32(..6)), person, PEOPLE[random.usize(..PEOPLE.len())]);
    }
    let at = random.i64(0..40) * 5 * SECOND + random.i64(0..2);
    let span = (random.u32(..4) == 0).then(|| format!("s{}", random.u32(..4)));
    visit(person, at, span.as_deref(), random.i64(-5..20))
}

#[test]
fn random_files_settle_as_one_run_over_everything() {
    const FILES: [&str; 4] = ["ada/a.jsonl", "ada/b.jsonl", "bob/c.jsonl", "eve/d.jsonl"];
    for seed in 0..rounds(2) {
        let mut random = Rng::with_seed(seed);
        let (world, mut visits) = (world(), Visits::default());
        let mut files: BTreeMap<&'static str, Vec<Line>> = BTreeMap::new();
        for step in 0..20 {
            let lines = files.entry(FILES[random.usize(..FILES.len())]).or_default();
            let place = |random: &mut Rng, lines: &Vec<Line>| random.usize(..=lines.len());
            match random.u32(..12) {
                0..4 => (0..5).for_each(|_| lines.push(line(&mut random))),
                4 => lines.insert(place(&mut random, lines), line(&mut random)),
                5 => lines.truncate(place(&mut random, lines)),
                6 => random.shuffle(lines),
                7 => {
                    lines.extend_from_within(..);
                    lines.truncate(25);
                }
                8 => *lines = (0..3).map(|_| line(&mut random)).collect(),
                9 => lines.retain(|line| matches!(line, Line::Visit(..))),
                10 => {
                    let value = random.i64(-5..20);
                    let is_new = !visits.faulty.remove(&value);
                    visits.faulty.extend(is_new.then_some(value));
                }
                _ => {
                    world.wait(Duration::from_secs(random.u64(..12 * 3_600)));
                    visits.gap = TimeDelta::seconds(random.i64(1..4) * 5);
                }
            }
            for (file, lines) in &files {
                world.write(file, text(lines));
            }
            let now = world.next().wall;
            pass(&world, &visits);
            let place = format!("seed {seed}, step {step}");
            assert_eq!(
                world.rows("SELECT key_hash FROM facts.touched_keys UNION SELECT key_hash FROM facts.touched_moments"),
                [""; 0],
                "{place}"
            );
            let failed: BTreeSet<String> = world.rows("SELECT key FROM settling_failures").into_iter().collect();
            let fine = |rows: Vec<String>| {
                let is_fine = |row: &String| {
                    let key = row.split('|').next().unwrap();
                    // Days have several people.
                    !failed.contains(key) && (failed.is_empty() || !key.contains('/'))
                };
                rows.into_iter().filter(is_fine).collect::<Vec<_>>()
            };
            assert_eq!(fine(rows(&world)), fine(oracle(&files, visits.gap, now)), "{place}");
        }
        visits.faulty.clear();
        let now = world.wait(DAY).next().wall;
        pass(&world, &visits);
        assert_eq!(rows(&world), oracle(&files, visits.gap, now), "seed {seed}");
        // Compare hashes and groups, too.
        let fresh = crate::visits::world();
        fresh.wait((now - fresh.next().wall).to_std().unwrap());
        for (file, lines) in &files {
            fresh.write(file, text(lines));
        }
        pass(&fresh, &visits);
        assert_eq!(dump(&world, "*"), dump(&fresh, "*"), "seed {seed}");
        // A checkpoint renumbers rows after deletions. The next pass must find nothing to do.
        execute(&world, "CHECKPOINT");
        let before = dump(&world, "rowid, *");
        touch_all(&world);
        world.wait_back(Duration::from_secs(60));
        pass(&world, &visits);
        assert_eq!(dump(&world, "rowid, *"), before, "seed {seed}: settling everything again writes nothing");
    }
}

fn touch_all(world: &World) {
    for (table, hash) in [("test_links", "key_hash"), ("test_visits", "key_hash"), ("test_days", "chain_hash")] {
        let sql = format!("SELECT 'visits' AS processor_name, '{table}' AS facts_table, {hash} AS key_hash");
        execute(world, &format!("INSERT INTO facts.touched_keys BY NAME {sql} FROM facts.{table}"));
    }
}

const STAYS: &str = "SELECT person, epoch_us(started_at), places FROM facts.test_stays ORDER BY ALL";

#[test]
fn a_gap_cuts_where_it_is_a_microsecond_longer_than_the_longest() {
    let (world, visits) = (world(), Visits::default());
    let at = |micros: i64| visit("ada", micros, None, 1);
    world.write("ada/a.jsonl", text(&[at(0), at(10 * SECOND), at(20 * SECOND + 1)]));
    assert_eq!(pass(&world, &visits)[..2], ["stays ada 2", "stays ada 1"]);
    assert_eq!(world.rows(STAYS), ["ada|0|ada/a.jsonl:1=ada ada/a.jsonl:2=ada ", "ada|20000001|ada/a.jsonl:3=ada "]);
    let visits = Visits { gap: visits.gap + TimeDelta::microseconds(1), ..visits };
    assert_eq!(pass(&world, &visits)[..1], ["stays ada 3"], "another gap has every key settled again");
    assert_eq!(world.rows("SELECT count(*) FROM facts.test_stays"), ["1"]);
    assert_eq!(pass(&world, &visits), [""; 0]);
}

#[test]
fn a_change_settles_the_islands_around_it_alone() {
    let (world, visits) = (world(), Visits::default());
    let at = |seconds: i64| visit("ada", seconds * SECOND, None, 1);
    let many: Vec<_> = (0..50).map(|number| at(number * 100)).collect();
    world.write("ada/a.jsonl", text(&many)).write("ada/b.jsonl", text(&[at(1_005), at(1_015)]));
    pass(&world, &visits);
    let stays = |visits: &Visits| {
        let mut seen = pass(&world, visits);
        seen.retain(|seen| seen.starts_with("stays"));
        seen
    };
    // Settling the other stays again would overwrite this mark.
    let mark = "UPDATE facts.test_stays SET edges = 'kept' WHERE epoch_us(started_at) NOT BETWEEN 900e6 AND 1300e6";
    duckdb::Connection::open(world.database()).unwrap().execute_batch(mark).unwrap();
    let kept = "SELECT count(*) FROM facts.test_stays WHERE edges = 'kept'";
    assert_eq!(world.rows(kept), ["45"]);
    world.append("ada/b.jsonl", &text(&[at(1_090)]));
    assert_eq!(stays(&visits), ["stays ada 2"], "a fact that is near to the next island");
    world.append("ada/b.jsonl", &text(&[at(1_020), at(1_030), at(1_040), at(1_050), at(1_060), at(1_070), at(1_080)]));
    assert_eq!(stays(&visits), ["stays ada 12"], "facts that bridge two islands");
    world.write(
        "ada/b.jsonl",
        text(&[at(1_005), at(1_015), at(1_090), at(1_020), at(1_030), at(1_050), at(1_060), at(1_070), at(1_080)]),
    );
    assert_eq!(stays(&visits), ["stays ada 5", "stays ada 6"], "a fact whose absence cuts, and others in their place");
    world.write("ada/b.jsonl", "");
    assert_eq!(stays(&visits), ["stays ada 1", "stays ada 1"]);
    assert_eq!(world.rows(kept), ["45"]);
    assert_eq!(world.rows("SELECT count(*) FROM facts.test_stays"), ["50"]);
    world.write("ada/a.jsonl", "");
    assert_eq!(stays(&visits), [""; 0]);
    assert_eq!(world.rows(STAYS), [""; 0], "a key without facts has no entities");
}

#[test]
fn a_span_is_one_island_whatever_lies_between() {
    let (world, visits) = (world(), Visits::default());
    let at = |seconds: i64, span| visit("ada", seconds * SECOND, span, 1);
    world.write("ada/a.jsonl", text(&[at(0, Some("s")), at(500, None), at(1_000, Some("s")), at(1_011, None)]));
    assert_eq!(pass(&world, &visits)[..2], ["stays ada 3", "stays ada 1"]);
    // Without its last fact, which is far from the others, each of these is on its own.
    world.write("ada/a.jsonl", text(&[at(0, Some("s")), at(500, None)]));
    assert_eq!(pass(&world, &visits)[..2], ["stays ada 1", "stays ada 1"]);
    assert_eq!(world.rows("SELECT epoch_us(started_at) FROM facts.test_stays ORDER BY ALL"), ["0", "500000000"]);
}

#[test]
fn edges_move_facts_to_the_smallest_id_and_back() {
    let (world, visits) = (world(), Visits::default());
    let people = ["bob", "cleo", "dan", "eve"];
    let all: Vec<_> =
        people.iter().zip(0..).map(|(person, number)| visit(person, number * 100 * SECOND, None, 1)).collect();
    world.write("ada/a.jsonl", text(&all)).write("ada/l.jsonl", text(&[link("1", "cleo", "dan")]));
    pass(&world, &visits);
    let keys = "SELECT person, count(*), min(edges) FROM facts.test_stays GROUP BY ALL ORDER BY ALL";
    assert_eq!(world.rows(keys), ["bob|1|", "cleo|2|1 ", "eve|1|"]);
    world.append("ada/l.jsonl", &text(&[link("2", "dan", "bob")]));
    pass(&world, &visits);
    assert_eq!(world.rows(keys), ["bob|3|1 2 ", "eve|1|"]);
    assert_eq!(world.rows("SELECT id, key FROM facts.key_groups ORDER BY ALL"), ["bob|bob", "cleo|bob", "dan|bob"]);
    assert_eq!(world.rows("SELECT DISTINCT person FROM facts.test_visits ORDER BY ALL"), people, "facts keep their id");
    world.append("ada/a.jsonl", &text(&[visit("dan", 201 * SECOND, None, 1)]));
    assert_eq!(pass(&world, &visits)[..1], ["stays bob 2"], "a new fact is one of the group");
    world.write("ada/l.jsonl", text(&[link("2", "dan", "bob")]));
    pass(&world, &visits);
    assert_eq!(world.rows(keys), ["bob|2|2 ", "cleo|1|", "eve|1|"]);
    world.write("ada/l.jsonl", "");
    pass(&world, &visits);
    assert_eq!(world.rows(keys), ["bob|1|", "cleo|1|", "dan|1|", "eve|1|"]);
    assert_eq!(world.rows("SELECT count(*) FROM facts.key_groups"), ["0"]);
}

#[test]
fn one_island_that_fails_fails_its_key_which_is_tried_again_as_a_whole() {
    let (world, visits) = (world(), Visits::default());
    let at = |seconds: i64, value| visit("ada", seconds * SECOND, None, value);
    world.write("ada/a.jsonl", text(&[at(0, 1), at(100, 2), at(200, 4)]));
    pass(&world, &visits);
    let before = world.rows(STAYS);
    let faulty = Visits { faulty: BTreeSet::from([8]), ..Visits::default() };
    world.append("ada/a.jsonl", &text(&[at(101, 7), at(201, 8)]));
    assert_eq!(pass(&world, &faulty)[..2], ["stays ada 2", "stays ada 2"]);
    assert_eq!(world.rows(STAYS), before, "nothing of it is written");
    assert_eq!(world.rows("SELECT key, class FROM settling_failures"), ["ada|transient"]);
    world.append("ada/a.jsonl", &text(&[at(300, 1)]));
    assert_eq!(pass(&world, &visits)[..4], ["stays ada 1", "stays ada 2", "stays ada 2", "stays ada 1"]);
    assert_eq!(world.rows("SELECT count(*) FROM facts.test_stays"), ["4"]);
    assert_eq!(world.rows("SELECT count(*) FROM settling_failures"), ["0"]);
}

#[test]
fn entities_that_start_outside_of_their_facts_are_a_failure() {
    let (world, visits) = (world(), Visits { late: TimeDelta::microseconds(1), ..Visits::default() });
    world.write("ada/a.jsonl", text(&[visit("ada", 0, None, 1)]));
    pass(&world, &visits);
    let why = "ada|permanent|a row of `test_stays` starts outside of the facts that it was settled from";
    assert_eq!(world.rows("SELECT key, class, message FROM settling_failures"), [why]);
}

#[test]
fn a_ring_of_many_edges_costs_as_much_as_its_edges() {
    let (world, visits) = (world(), Visits::default());
    let name = |number: u32| format!("p{number:05}");
    let ring: Vec<_> =
        (0..2_000).map(|number| link(&number.to_string(), &name(number), &name((number + 1) % 2_000))).collect();
    world.write("ada/l.jsonl", text(&ring)).write("ada/a.jsonl", text(&[visit(&name(1_999), 0, None, 1)]));
    pass(&world, &visits);
    assert_eq!(world.rows("SELECT count(*), min(key), max(key) FROM facts.key_groups"), ["2000|p00000|p00000"]);
    assert_eq!(world.rows("SELECT person FROM facts.test_stays"), ["p00000"]);
    // First a chain, then two.
    world.write("ada/l.jsonl", text(&ring[1..]));
    pass(&world, &visits);
    assert_eq!(world.rows("SELECT person FROM facts.test_stays"), ["p00000"]);
    world.write("ada/l.jsonl", text(&[&ring[1..1_000], &ring[1_001..]].concat()));
    pass(&world, &visits);
    assert_eq!(
        world.rows("SELECT key, count(*) FROM facts.key_groups GROUP BY ALL ORDER BY ALL"),
        ["p00000|1000", "p00001|1000"]
    );
}
