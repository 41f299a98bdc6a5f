//! Change detection with file systems whose clocks are coarse, wrong, set back or ignored. Simulated files are written
//! just before and after the passes look at them.

use crate::world::{self, response, rounds};
use fastrand::Rng;
use sessionmill::base::hash::Hash;
use sessionmill::base::moment::{Moment, Steady};
use sessionmill::pass::plan;
use sessionmill::run::policy::Policy;
use sessionmill::service::history;
use sessionmill::source::ledger::{Known, Ledger, LedgerRow};
use sessionmill::source::look::{Look, Reading};
use sessionmill::source::retry::Retries;
use sessionmill::source::scan::{Found, Walk};
use sessionmill::source::stat::Stat;
use sessionmill_contract::{Manifest, Processor, SourceFile};
use sessionmill_usage::Usage;
use std::collections::BTreeMap;
use std::time::Duration;

const FILES: usize = 2_000;
const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;
/// The wall time when the steady clock is 0, in 2027.
const EPOCH: i64 = 1_800_000_000 * SECOND;

/// How a file system and its clock behave.
#[derive(Clone, Copy, Default)]
struct Scenario {
    name: &'static str,
    /// The file system's clock minus ours.
    skew: i64,
    /// Timestamps are multiples of this.
    tick: i64,
    /// The file system's clock is set by this in the middle; ours, too, if they are the same.
    step: i64,
    /// Whether some writers restore the old mtime, or set that of another file.
    keeps_mtimes: bool,
}

const SCENARIOS: [Scenario; 8] = [
    Scenario { name: "equal clocks", skew: 0, tick: 4 * MS, step: 0, keeps_mtimes: false },
    Scenario { name: "ticks of 1 s", skew: 0, tick: SECOND, step: 0, keeps_mtimes: false },
    Scenario { name: "5 s behind", skew: -5 * SECOND, tick: 4 * MS, step: 0, keeps_mtimes: false },
    Scenario { name: "5 s ahead", skew: 5 * SECOND, tick: 4 * MS, step: 0, keeps_mtimes: false },
    Scenario { name: "2 min behind", skew: -120 * SECOND, tick: 4 * MS, step: 0, keeps_mtimes: false },
    Scenario { name: "a stepped clock", skew: 0, tick: 4 * MS, step: -30 * SECOND, keeps_mtimes: false },
    Scenario { name: "kept mtimes", skew: 0, tick: 4 * MS, step: 0, keeps_mtimes: true },
    Scenario { name: "all of them", skew: -5 * SECOND, tick: SECOND, step: 30 * SECOND, keeps_mtimes: true },
];

/// A coarse clock that is set back repeats its timestamps, so a file can change without any change in its stat.
const REPEATED: Scenario =
    Scenario { name: "repeated seconds", skew: 0, tick: SECOND, step: -30 * SECOND, keeps_mtimes: true };

/// A file, and the times at which it will be written.
struct File {
    stat: Stat,
    /// Stands for the bytes.
    content: u64,
    writes: Vec<i64>,
}

struct World {
    scenario: Scenario,
    random: Rng,
    files: Vec<File>,
    /// When the clock is set.
    middle: i64,
}

impl World {
    /// Passes begin at these times. Files are written until the sixth pass from the end.
    fn new(scenario: Scenario, passes: &[i64], looks: &[Vec<i64>], random: Rng) -> Self {
        let busy = &looks[..passes.len() - 5];
        let mut world = Self { scenario, random, files: Vec::new(), middle: passes[busy.len() / 2] };
        for number in 0..FILES {
            let mut writes = Vec::new();
            for look in busy.iter().map(|look| look[number]) {
                // Most writes come within ten milliseconds of a look, some in the gap after it.
                for _ in 0..world.random.u32(0..3) {
                    let near = look + world.random.i64(-10 * MS..10 * MS);
                    let far = look + world.random.i64(0..20 * SECOND);
                    writes.push(if world.random.u32(0..4) > 0 { near } else { far });
                }
            }
            writes.retain(|write| *write < passes[busy.len()]);
            writes.sort_unstable_by(|a, b| b.cmp(a));
            let age = world.random.i64(0..4) * 2000 * SECOND;
            let old = world.stamp(-age);
            let stat = Stat { size: 100, mtime_ns: old, ctime_ns: old, inode: number as u64 };
            world.files.push(File { stat, content: 0, writes });
        }
        world
    }

    /// The timestamp that the file system would store: a little early, and rounded down to its tick.
    fn stamp(&mut self, steady: i64) -> i64 {
        let early = self.random.i64(0..7 * MS);
        let step = if steady >= self.middle { self.scenario.step } else { 0 };
        let clock = EPOCH + steady - early + self.scenario.skew + step;
        clock - clock.rem_euclid(self.scenario.tick)
    }

    /// The time on our clocks. A file system with a skew is on another machine.
    fn moment(&self, steady: i64) -> Moment {
        let step = if self.is_local() && steady >= self.middle { self.scenario.step } else { 0 };
        let wall = chrono::DateTime::from_timestamp_nanos(EPOCH + steady + step);
        Moment { wall, steady: Steady { boot: Some("boot".into()), ns: steady } }
    }

    fn is_local(&self) -> bool {
        self.scenario.skew == 0
    }

    /// Applies the writes to a file up to a time.
    fn advance(&mut self, number: usize, until: i64) {
        while let Some(write) = self.files[number].writes.pop_if(|write| *write <= until) {
            let now = self.stamp(write);
            let keeps = self.scenario.keeps_mtimes && self.random.bool();
            let grows = self.random.u32(0..4) == 0;
            let file = &mut self.files[number];
            file.content += 1;
            file.stat.size += u64::from(grows);
            file.stat.ctime_ns = now;
            if !keeps {
                file.stat.mtime_ns = now;
            }
        }
    }
}

fn hash(content: u64) -> Hash {
    let mut hash = [0; 16];
    hash[..8].copy_from_slice(&content.to_le_bytes());
    hash
}

fn name(number: usize) -> String {
    format!("ada/{number:04}")
}

/// The number of files that differ from what the last pass saw, after all writes, by four rules: ours, that of equal
/// stats, that which compares the mtime with the time of the last look, and ours a week later.
fn stale(scenario: Scenario, seed: u64) -> [usize; 4] {
    let mut random = Rng::with_seed(seed);
    let mut passes = vec![0];
    for number in 0..12 {
        let gap = if number >= 8 || random.bool() { random.i64(3..60) * SECOND } else { random.i64(50..2_400) * MS };
        passes.push(passes[number] + 100 * MS + gap);
    }
    let quiet = passes.len() - 1;
    passes.push(passes[quiet] + 8 * 86_400 * SECOND);
    let looks: Vec<Vec<i64>> =
        passes.iter().map(|pass| (0..FILES).map(|_| pass + random.i64(0..100 * MS)).collect()).collect();
    let mut world = World::new(scenario, &passes, &looks, random);
    let manifests: [&Manifest; 1] = [Usage.manifest()];
    let mut ledger = Ledger::default();
    let mut equal: Vec<Option<(Stat, u64)>> = vec![None; FILES];
    let mut naive: Vec<Option<(i64, u64)>> = vec![None; FILES];
    let mut stale = [0; 4];
    for (number, (pass, looks)) in passes.iter().zip(&looks).enumerate() {
        let start = world.moment(*pass);
        let mut walked: Vec<(i64, usize)> = looks.iter().copied().zip(0..).collect();
        walked.sort_unstable();
        for (look, number) in walked {
            world.advance(number, look);
            let stat = world.files[number].stat;
            let file = SourceFile::new(name(number), "ada");
            let found = Found { path: name(number).into(), file, source: 0, stat: Ok(stat) };
            let walk = Walk { found: vec![found], ..Walk::default() };
            let retries = Retries { now: start.wall, is_asked: false };
            let due = plan::jobs(&walk, &ledger, &manifests, &Policy::default(), retries).jobs.pop();
            let equal_is_due = equal[number].is_none_or(|(seen, _)| seen != stat);
            let naive_is_due = naive[number].is_none_or(|(processed_at, _)| stat.mtime_ns > processed_at);
            // The file can change between the stat and the last byte.
            world.advance(number, look + MS);
            let content = world.files[number].content;
            if let Some(job) = due {
                let ended = world.moment(look + MS);
                let local = world.is_local();
                let reading = Reading { stat, hash: hash(content), begun: world.moment(look), ended, local };
                let look = Look::of(reading, job.known.as_ref().and_then(|known| known.look.as_ref()), start.wall);
                let state = LedgerRow { version: Some(Usage.manifest().version), hash: Some(look.hash) };
                let known = Known { look: Some(look), states: vec![Some(state)], source: Some(0), ..Known::default() };
                ledger.files.insert(name(number).into(), known);
            }
            if equal_is_due {
                equal[number] = Some((stat, content));
            }
            if naive_is_due {
                naive[number] = start.wall.timestamp_nanos_opt().map(|processed_at| (processed_at, content));
            }
        }
        let content = |number: usize| world.files[number].content;
        let count = |is_stale: &dyn Fn(usize) -> bool| (0..FILES).filter(|number| is_stale(*number)).count();
        let seen = |number: usize| ledger.files[&*name(number)].look.as_ref().map(|look| look.hash);
        let ours = count(&|number| seen(number) != Some(hash(content(number))));
        if number == quiet {
            let equal = count(&|number| equal[number].is_none_or(|(_, seen)| seen != content(number)));
            let naive = count(&|number| naive[number].is_none_or(|(_, seen)| seen != content(number)));
            stale = [ours, equal, naive, 0];
        }
        stale[3] = ours;
    }
    stale
}

#[test]
fn no_file_is_stale_whatever_the_clock_of_its_file_system() {
    let mut stale_by_rule: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for seed in 0..rounds(1) {
        for scenario in SCENARIOS.into_iter().chain([REPEATED]) {
            let sums = stale_by_rule.entry(scenario.name).or_default();
            sums.iter_mut().zip(stale(scenario, seed)).for_each(|(sum, stale)| *sum += stale);
        }
    }
    let shown = format!("stale by our rule, by equality, by mtime, by our rule a week later: {stale_by_rule:?}");
    for scenario in SCENARIOS {
        let [ours, equal, naive, _] = stale_by_rule[scenario.name];
        assert_eq!(ours, 0, "{}: {shown}", scenario.name);
        assert!(equal > 0, "{}: equality alone would do: {shown}", scenario.name);
        assert!(naive > 0 || scenario.skew > 0, "{}: mtimes alone would do: {shown}", scenario.name);
    }
    assert!(stale_by_rule.values().all(|[.., scrubbed]| *scrubbed == 0), "{shown}");
    println!("{shown}");
}

#[test]
fn a_run_that_a_wrong_clock_dated_does_not_put_off_the_next_one() {
    let years = Duration::from_secs(3650 * 86_400);
    let world = world::World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).pass();
    let last_run = || {
        let now = world.next();
        let last = history::last_run(&world.database_file(), "usage", &now).unwrap();
        (now.wall - last.started.wall).num_minutes()
    };
    assert_eq!(last_run(), 1);
    world.wait(years).pass();
    world.wait_back(years);
    assert_eq!(last_run(), 2, "the run of before counts, whenever the service is started again");
    world.pass();
    assert_eq!(last_run(), 1);
}
