//! Passes of a processor that waits for a network: they are independent of passes that compute, do not keep the
//! database open while they wait, and stop when asked to.

use crate::faulty::Faulty;
use crate::world::{World, response};
use sessionmill::base::error::Status;
use sessionmill::base::holder::Holder;
use sessionmill::base::lock::ProcessorLock;
use sessionmill::pass::network::Network;
use sessionmill::plugs::PLUGS;
use sessionmill::run::request::{Origin, Request};
use sessionmill::run::summary::Counts;
use sessionmill::store::{Access, DatabaseFile, Store};
use sessionmill_contract::{
    Bound, Event, Failure, FailureClass, Fold, Inputs, Manifest, Processor, Rows, Settlement, SourceFile,
};
use sessionmill_usage::Usage;
use std::sync::Mutex;
use std::time::Duration;

/// A processor that asks a server about each file, and stores nothing.
struct Asking<F>(F);

static ASKING: Manifest = Manifest {
    name: "asking",
    version: 1,
    cadence: Duration::from_secs(900),
    bound: Bound::Network,
    facts: &[],
    settlements: &[],
};

impl<F: Fn(&str) -> Result<(), Failure> + Send + Sync> Processor for Asking<F> {
    fn manifest(&self) -> &'static Manifest {
        &ASKING
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(Question { ask: &self.0, file })
    }

    fn settle(&self, _: &Settlement, _: &str, _: Inputs<'_>, _: &mut Rows) -> Result<(), Failure> {
        unreachable!("there are no facts")
    }
}

struct Question<'s, F> {
    ask: &'s F,
    file: &'s SourceFile,
}

impl<F: Fn(&str) -> Result<(), Failure>> Fold for Question<'_, F> {
    fn event(&mut self, _: &Event<'_>) {}

    fn held(&self) -> usize {
        0
    }

    fn finish(self: Box<Self>, _: &mut Rows) -> Result<(), Failure> {
        (self.ask)(&self.file.session_file)
    }
}

/// A world with this number of files.
fn world(files: usize) -> World {
    let world = World::new();
    for number in 0..files {
        world.write(&format!("ada/{number:03}.jsonl"), response(&format!("m{number}"), "10:00:00", 5));
    }
    world
}

fn counts(world: &World, answer: impl Fn(&str) -> Result<(), Failure> + Send + Sync) -> Counts {
    world.pass_of(&[&Asking(answer)]).unwrap().remove(0)
}

fn outcome(counts: &Counts) -> (u64, u64, u64) {
    (counts.processed, counts.deferred, counts.errors)
}

const PAUSE: &str = "SELECT processor_name, strikes, reason FROM processor_pauses";

#[test]
fn the_database_is_free_while_a_processor_waits() {
    let world = world(3);
    let database = world.database();
    let seen = Mutex::new(Vec::new());
    let asked = Asking(|_: &str| {
        // The pass of the computing processor is over. It did not wait for this one.
        let store = Store::open(&database, Access::ReadOnly).unwrap();
        seen.lock().unwrap().push(crate::world::rows_of(&store, "SELECT count(*) FROM usage_responses").remove(0));
        Ok(())
    });
    let counts = world.pass_of(&[&asked, &Usage]).unwrap();
    let names: Vec<_> = counts.iter().map(|counts| (&*counts.processor, counts.processed)).collect();
    assert_eq!(names, [("usage", 3), ("asking", 3)]);
    assert_eq!(seen.into_inner().unwrap(), ["3", "3", "3"]);
    assert_eq!(world.rows("SELECT count(DISTINCT run_id), count(*) FROM processor_runs"), ["2|2"]);
    assert_eq!(world.rows("SELECT count(*) FROM session_files"), ["3"]);
}

#[test]
fn passes_side_by_side_see_a_file_once() {
    let world = world(2);
    let (root, database) = (world.root(), world.database());
    counts(&world, |_| {
        // A run of the other processor, during this one's.
        let sources = [sessionmill::source::Source::new("sessions", &root, sessionmill::source::Layout::Users)];
        let other = sessionmill::pass::Pass {
            database: &DatabaseFile::new(&database, PLUGS.schema()),
            sources: &sources,
            processors: &[&Usage],
            now: world_now(),
            request: &Request::new(Origin::Cli, "other"),
            login: "tester",
            limits: &sessionmill::base::limits::Limits::default(),
            caps: sessionmill::read::Caps::default(),
            threads: 2,
            networks: &[],
            lookups: &[],
            adopt: false,
            trial: &|_, _| Ok(()),
            remark: &|_, _| Vec::new(),
            leave: &drop,
            progress: &|_| {},
        };
        match sessionmill::pass::run(&other) {
            Err(error) => assert_eq!(error.status, Status::Busy, "{error:?}"),
            Ok(summary) => assert!(!summary.failed()),
        }
        Ok(())
    });
    assert_eq!(world.rows("SELECT session_file FROM session_files ORDER BY ALL"), ["ada/000.jsonl", "ada/001.jsonl"]);
    let states = "SELECT processor_name, count(*) FROM session_processor_state GROUP BY ALL ORDER BY ALL";
    assert_eq!(world.rows(states), ["asking|2", "usage|2"]);
}

fn world_now() -> sessionmill::base::moment::Moment {
    World::new().next()
}

#[test]
fn one_that_is_running_elsewhere_does_not_undo_the_others() {
    let world = world(1);
    std::fs::create_dir_all(world.path("data")).unwrap();
    let _lock = ProcessorLock::take(&world.database(), "asking", &Holder::new("schedule", world.next().wall)).unwrap();
    let asking = Asking(|_: &str| Ok(()));
    let counts = world.pass_of(&[&Usage, &asking]).unwrap();
    assert_eq!((counts.len(), &*counts[0].processor, counts[0].processed), (1, "usage", 1));
    assert_eq!(world.pass_of(&[&asking]).unwrap_err().status, Status::Busy);
}

#[test]
fn files_over_the_cap_are_left_and_hash_skips_do_not_count() {
    let mut world = world(60);
    assert_eq!(outcome(&counts(&world, |_| Ok(()))), (50, 10, 0), "50, where nobody says otherwise");
    assert_eq!(outcome(&counts(&world, |_| Ok(()))), (10, 0, 0));
    for number in 0..60 {
        world.touch(&format!("ada/{number:03}.jsonl"), 1_000_000_000);
    }
    world.limits.files = Some(1);
    world.append("ada/059.jsonl", "\n");
    let touched = counts(&world, |_| Ok(()));
    assert_eq!((touched.processed, touched.touched, touched.deferred), (1, 59, 0));
}

#[test]
fn a_file_that_failed_in_its_own_way_costs_itself_only() {
    let world = world(5);
    let failure =
        |class| move |file: &str| if file == "ada/002.jsonl" { Err(Failure::new(class, "no")) } else { Ok(()) };
    assert_eq!(outcome(&counts(&world, failure(FailureClass::Budget))), (4, 1, 0));
    assert_eq!(outcome(&counts(&world, failure(FailureClass::Transient))), (0, 0, 1));
    assert_eq!(world.rows("SELECT class, attempts FROM session_failures"), ["transient|1"]);
    assert_eq!(outcome(&counts(&world, |_| Ok(()))), (1, 0, 0));
}

#[test]
fn who_is_throttled_pauses_and_uses_up_no_attempt() {
    let mut world = world(9);
    world.networks = vec![("asking", Network { connections: 1, ..Network::default() })];
    let throttled = |retry_after: Option<Duration>| {
        move |file: &str| match file {
            "ada/000.jsonl" => Ok(()),
            _ => Err(Failure { retry_after, ..Failure::new(FailureClass::Throttled, "the server asks to wait (429)") }),
        }
    };
    let summary = world.summary_of(&[&Asking(throttled(None))]).unwrap();
    assert_eq!(outcome(&summary.processors[0]), (1, 8, 0));
    assert!(!summary.failed());
    let [warning] = &summary.notices.warnings[..] else { panic!("{:?}", summary.notices) };
    assert!(warning.starts_with("`asking` is paused until 2079-07-08 00:02:"), "{warning}");
    assert!(warning.ends_with(" UTC: the server asks to wait (429)"), "{warning}");
    assert!(world.rows("FROM session_failures").is_empty());

    let nobody = |_: &str| panic!("asked in a pause");
    world.wait_back(Duration::from_secs(30));
    let paused = world.summary_of(&[&Asking(nobody)]).unwrap();
    assert_eq!((outcome(&paused.processors[0]), paused.processors[0].bytes_read), ((0, 8, 0), 0));
    assert_eq!(paused.notices.warnings, summary.notices.warnings);

    assert_eq!(outcome(&counts(&world, throttled(None))), (0, 8, 0));
    assert_eq!(world.rows(PAUSE), ["asking|2|the server asks to wait (429)"], "the next one is longer");
    world.wait(Duration::from_secs(120));
    assert_eq!(outcome(&counts(&world, throttled(Some(Duration::from_secs(3600))))), (0, 8, 0));
    world.wait(Duration::from_secs(3600 - 90));
    assert_eq!(outcome(&counts(&world, nobody)), (0, 8, 0));
    world.wait(Duration::from_secs(60));
    assert_eq!(outcome(&counts(&world, |_| Ok(()))), (8, 0, 0));
    assert!(world.rows(PAUSE).is_empty());
}

#[test]
fn a_server_that_cannot_be_reached_is_not_asked_about_every_file() {
    let mut world = world(9);
    world.networks = vec![("asking", Network { connections: 1, ..Network::default() })];
    let gone = |_: &str| Err(Failure::new(FailureClass::Environment, "cannot be reached"));
    assert_eq!(outcome(&counts(&world, gone)), (0, 8, 1));
    assert_eq!(world.rows("SELECT class, attempts FROM session_failures"), ["environment|0"]);
    assert_eq!(outcome(&counts(&world, |_| Ok(()))), (9, 0, 0));
}

#[test]
fn a_process_that_ends_while_it_waits_says_nothing_about_the_file() {
    let world = world(1);
    let flight = sessionmill::store::beside(&world.database(), "asking.flight");
    counts(&world, |_| {
        assert!(std::fs::read(&flight).unwrap().iter().all(|byte| *byte == 0), "the file is marked as in flight");
        Ok(())
    });
}

#[test]
fn what_a_wrong_clock_dealt_with_puts_nothing_off() {
    let world = World::new();
    let years = Duration::from_secs(3650 * 86_400);
    let now = || world.next().wall.timestamp() as u64;
    world.write("ada/a.jsonl", "\n").touch("ada/a.jsonl", now()).wait(years);
    assert_eq!(outcome(&counts(&world, |_| Ok(()))), (1, 0, 0));
    world.wait_back(years);
    let mut deferred = 0;
    let mut grow = || {
        world.wait(Duration::from_secs(240)).append("ada/a.jsonl", "\n").touch("ada/a.jsonl", now());
        let (processed, waits, _) = outcome(&counts(&world, |_| Ok(())));
        deferred += waits;
        processed
    };
    let processed: u64 = (0..14).map(|_| grow()).sum();
    assert_eq!((processed, deferred), (1, 13), "every five minutes for an hour, and then it is due");
}

#[test]
fn a_file_that_grows_waits_until_it_is_quiet_but_an_hour_at_most() {
    let world = World::new();
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let now = || world.next().wall.timestamp() as u64;
    let grow = |line: &str| {
        world.append("ada/a.jsonl", line).touch("ada/a.jsonl", now());
        outcome(&counts(&world, |_| Ok(())))
    };
    world.write("ada/a.jsonl", "").write("ada/old.jsonl", response("m1", "10:00:00", 5));
    assert_eq!(grow("\n"), (1, 1, 0));
    let waits = "SELECT processor_name, session_file, since FROM session_waits";
    assert_eq!(world.rows(waits), ["asking|ada/a.jsonl|2079-07-08T00:01:00Z"]);
    world.wait(minutes(9));
    assert_eq!(outcome(&counts(&world, |_| Ok(()))), (1, 0, 0), "quiet for ten minutes");
    assert!(world.rows(waits).len() == 1, "until the next plan");
    let mut deferred = 0;
    while grow("\n").1 == 1 {
        deferred += 1;
        world.wait(minutes(4));
    }
    assert_eq!(deferred, 12, "every five minutes for an hour");
    assert_eq!(grow("\n"), (0, 1, 0), "what was dealt with waits anew");
    world.wait(minutes(10));
    counts(&world, |_| Ok(()));
    assert_eq!(outcome(&counts(&world, |_| Ok(()))), (0, 0, 0));
    assert!(world.rows(waits).is_empty());
    world.append("ada/a.jsonl", "\n").touch("ada/a.jsonl", now());
    let usage = world.pass_of(&[&Faulty::new(1)]).unwrap().remove(0);
    assert_eq!((usage.processed, usage.deferred), (2, 0), "what costs nothing does not wait");
}
