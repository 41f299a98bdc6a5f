//! The history of runs, and runs that end early.

use crate::faulty::Faulty;
use crate::world::{World, response};
use md5::{Digest, Md5};
use sessionmill::base::error::Error;
use sessionmill::base::heartbeat::Heartbeat;
use sessionmill::base::holder::Holder;
use sessionmill::base::limits::Limits;
use sessionmill::base::lock::{ProcessorLock, beside};
use sessionmill::pass::trial::Trial;
use sessionmill::pass::{self, Pass};
use sessionmill::plugs::PLUGS;
use sessionmill::read::Caps;
use sessionmill::read::job::Job;
use sessionmill::run::request::{Origin, Request};
use sessionmill::run::summary::Summary;
use sessionmill::source::{Layout, Source};
use sessionmill_contract::{Bound, Event, Failure, Fold, Inputs, Manifest, Processor, Rows, Settlement, SourceFile};
use sessionmill_usage::Usage;
use std::fs;
use std::time::Duration;

const HISTORY: &str = "SELECT run_id, processor_name, trigger, requested_by, outcome, coalesce(message, ''), processed
                       FROM processor_runs ORDER BY ALL";

#[test]
fn every_run_is_in_the_history_however_it_ends() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    world.pass_of(&[&Usage]).unwrap();
    world.pass_of(&[&Usage]).unwrap();
    let lock = ProcessorLock::take(&world.database(), "usage", &Holder::new("schedule", world.next().wall)).unwrap();
    world.pass_of(&[&Usage]).unwrap_err();
    drop(lock);
    std::fs::rename(world.root(), world.path("away")).unwrap();
    world.pass_of(&[&Usage]).unwrap_err();
    std::fs::rename(world.path("away"), world.root()).unwrap();
    world.append("ada/a.jsonl", &response("m2", "10:00:00", 5));
    world.pass_of(&[&Faulty { fails: "ada/a.jsonl", ..Faulty::new(1) }]).unwrap();
    let busy = format!(
        "processor `usage` is already running (pid {}, schedule since 2079-07-08 00:03:00 UTC)",
        std::process::id()
    );
    let gone = format!("cannot read `{}`: there is no such file or folder", world.root().display());
    assert_eq!(
        world.rows(HISTORY),
        [
            "1|usage|cli|tester|done||1",
            "2|usage|cli|tester|done||0",
            &format!("3|usage|cli|tester|busy|{busy}|0"),
            &format!("4|usage|cli|tester|failed|{gone}|0"),
            "5|usage|cli|tester|failed||0",
        ]
    );
    let said = world.mill(&["runs", "--limit", "2", "--processor", "usage"]);
    assert_eq!((said.status, said.stderr.as_str()), (0, ""));
    let table = "Run Processor Started (UTC) Took By Outcome\n\
                 5 usage 2079-07-08 00:05:00 ms cli (tester) failed 0 of 1 files changed, 1 failed\n\
                 4 usage 2079-07-08 00:04:00 ms cli (tester) failed cannot read `[world]/root`: there is no such file or folder\n";
    assert_eq!(timeless(&said.stdout), table);
    let json: serde_json::Value =
        serde_json::from_str(&world.mill(&["runs", "--limit", "1", "--json"]).stdout).unwrap();
    assert_eq!(json[0]["action"], "run_session_processor:usage");
    assert_eq!(json[0]["errors_detail"][0]["session"], "ada/a.jsonl");
}

/// The text of a table, without durations.
fn timeless(text: &str) -> String {
    let mut words = String::new();
    for line in text.lines().filter(|line| !line.starts_with('─')) {
        let mut line: Vec<_> = line.split_whitespace().collect();
        if let Some(unit) = line.iter().position(|word| ["ms", "s"].contains(word)) {
            line.remove(unit - 1);
        }
        words += &(line.join(" ") + "\n");
    }
    words
}

#[test]
fn a_screen_leaves_out_runs_of_reports_that_found_nothing_new() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    assert_eq!(world.mill(&["run", "usage", "--sessions", "root"]).status, 0);
    (0..2).for_each(|_| assert_eq!(world.mill(&["report"]).status, 0));
    world.write("ada/b.jsonl", response("m2", "10:00:00", 5));
    assert_eq!(world.mill(&["report"]).status, 0);
    let shown = world.terminal(120, &["runs"], &[]).stdout;
    let note = "note: 2 runs by reports found nothing new and are left out; --all shows them\n";
    assert!(shown.starts_with(note), "{shown}");
    let runs = |shown: &str| shown.lines().filter(|line| line.contains(" usage ")).count();
    let all = world.terminal(120, &["runs", "--all"], &[]).stdout;
    assert_eq!([runs(&shown), runs(&all), runs(&world.mill(&["runs"]).stdout)], [2, 4, 4], "{shown}\n{all}");
}

#[test]
fn one_that_is_running_elsewhere_does_not_stop_those_that_would_share_a_run_with_it() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    let by_name = |name: &str| (PLUGS.find(name).unwrap().default)();
    let processors = [by_name("usage"), by_name("verification")];
    world.pass_of(&processors[..1]).unwrap();
    let holder = Holder::new("cli", world.next().wall);
    let lock = ProcessorLock::take(&world.database(), "usage", &holder).unwrap();
    let outcome = |(name, result): (&'static str, Result<Summary, Error>)| match result {
        Ok(summary) => format!("{name}: {} of {}", summary.processors[0].processed, summary.processors.len()),
        Err(error) => format!("{name}: {:?} {:?}", error.status, error.holder.map(|holder| holder.trigger)),
    };
    let results: Vec<_> = world.free_pass_of(&processors).into_iter().map(outcome).collect();
    assert_eq!(results, ["usage: Busy Some(\"cli\")", "verification: 1 of 1"]);
    drop(lock);
    let results: Vec<_> = world.free_pass_of(&processors).into_iter().map(outcome).collect();
    assert_eq!(results, ["usage: 0 of 1", "verification: 0 of 1"]);
    let runs = "SELECT run_id, processor_name, outcome FROM processor_runs ORDER BY ALL";
    let expected = ["1|usage|done", "2|usage|busy", "3|verification|done", "4|usage|done", "4|verification|done"];
    assert_eq!(world.rows(runs), expected);
}

#[test]
fn a_run_that_was_killed_is_told_by_the_next_one() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    let run = ["run", "usage", "--sessions", "root"];
    assert_eq!(world.mill_with(&run, &[("SESSIONMILL_FAILPOINT", "kill:commit")]).status, -9);
    assert_eq!(world.rows(OUTCOMES), ["1|running"]);
    assert_eq!(world.mill(&run).status, 0);
    assert_eq!(world.rows(OUTCOMES), ["1|killed", "2|done"]);
}

const OUTCOMES: &str = "SELECT run_id, outcome FROM processor_runs ORDER BY ALL";

#[test]
fn a_pass_that_is_stopped_keeps_what_it_has_and_leaves_the_rest() {
    let world = World::new();
    for number in 0..1200 {
        world.write(&format!("ada/{number}.jsonl"), response(&format!("m{number}"), "10:00:00", 5));
    }
    let heartbeat = Heartbeat::default();
    let stopper = Stopper { heartbeat: &heartbeat, at: "ada/500.jsonl" };
    let summary = pass_with(&world, &[&stopper], &|_, _| Ok(()), &heartbeat);
    let counts = &summary.processors[0];
    assert!(summary.is_stopped && counts.processed > 0 && counts.deferred > 0, "{counts:?}");
    assert_eq!(counts.processed + counts.deferred, 1200);
    assert_eq!(world.rows(OUTCOMES), ["1|stopped"]);
    let processed = counts.processed;
    assert_eq!(world.pass().processed, 1200 - processed);
    assert_eq!(world.rows("SELECT count(*) FROM usage_responses"), ["1200"]);
}

/// The usage processor, with a signal that arrives when it opens a file.
struct Stopper<'p> {
    heartbeat: &'p Heartbeat,
    at: &'p str,
}

impl Processor for Stopper<'_> {
    fn manifest(&self) -> &'static Manifest {
        Usage.manifest()
    }
    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        if file.session_file == self.at {
            self.heartbeat.stop();
        }
        Usage.open(file)
    }
    fn settle(&self, settlement: &Settlement, key: &str, inputs: Inputs<'_>, rows: &mut Rows) -> Result<(), Failure> {
        Usage.settle(settlement, key, inputs, rows)
    }
}

/// A processor without output.
struct Silent;

struct SilentFold;

impl Processor for Silent {
    fn manifest(&self) -> &'static Manifest {
        static MANIFEST: Manifest = Manifest {
            name: "silent",
            version: 1,
            cadence: Duration::from_secs(600),
            bound: Bound::Cpu,
            facts: &[],
            settlements: &[],
        };
        &MANIFEST
    }
    fn open<'s>(&'s self, _: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(SilentFold)
    }
    fn settle(&self, _: &Settlement, _: &str, _: Inputs<'_>, _: &mut Rows) -> Result<(), Failure> {
        Ok(())
    }
}

impl Fold for SilentFold {
    fn event(&mut self, _: &Event<'_>) {}
    fn held(&self) -> usize {
        0
    }
    fn finish(self: Box<Self>, _: &mut Rows) -> Result<(), Failure> {
        Ok(())
    }
}

#[test]
fn two_processors_that_meet_at_a_file_know_it_once() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    fs::create_dir_all(world.path("data")).unwrap();
    // The state after a pass that died at the file: the next pass closes the database to try the file.
    fs::write(beside(&world.database(), "usage.flight"), Md5::digest("ada/a.jsonl")).unwrap();
    let meanwhile = |_: &Job, _: &[&dyn Processor]| {
        let counts = world.pass_of(&[&Silent]).unwrap().remove(0);
        assert_eq!(counts.processed, 1);
        Ok(())
    };
    let summary = pass_with(&world, &[&Usage], &meanwhile, &Heartbeat::default());
    assert_eq!(summary.processors[0].processed, 1);
    assert_eq!(world.rows("SELECT session_file FROM session_files"), ["ada/a.jsonl"]);
    assert_eq!(
        world.rows("SELECT run_id, processor_name, outcome FROM processor_runs ORDER BY ALL"),
        ["1|usage|done", "2|silent|done"]
    );
}

/// A pass with a trial, and a callback after each commit.
fn pass_with(world: &World, processors: &[&dyn Processor], trial: &Trial<'_>, heartbeat: &Heartbeat) -> Summary {
    let summary = pass::run(&Pass {
        database: &world.database_file(),
        sources: &[Source::new("sessions", world.root(), Layout::Users)],
        processors,
        now: world.next(),
        request: &Request::new(Origin::Cli, "tester"),
        login: "tester",
        limits: &Limits { stop: heartbeat.clone(), ..Limits::default() },
        caps: Caps::default(),
        threads: 2,
        networks: &[],
        lookups: &[],
        adopt: false,
        trial,
        remark: &|_, _| Vec::new(),
        leave: &drop,
        progress: &|_| {},
    });
    summary.unwrap()
}
