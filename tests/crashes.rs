//! The real binary is killed at named points and at random moments. Then it runs to its end, and the database must
//! equal one that is built from the current bytes of each path.

use crate::world::{World, response, rounds};
use fastrand::Rng;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

const RUN: [&str; 3] = ["run", "--sessions", "root"];

/// Appends to, rewrites and creates some transcripts. Several files have the same responses.
fn change(world: &World, random: &mut Rng) {
    for _ in 0..random.u32(1..4) {
        let file = format!("u{}/{}.jsonl", random.u32(0..3), random.u32(0..5));
        let line = |random: &mut Rng| {
            let time = format!("10:{:02}:{:02}", random.u32(0..60), random.u32(0..60));
            response(&format!("m{}", random.u32(0..40)), &time, random.u64(1..100))
        };
        let lines: String = (0..random.u32(1..20)).map(|_| line(random)).collect();
        let lines = lines + &definition(random);
        if random.u32(0..4) > 0 && world.root().join(&file).exists() {
            world.append(&file, &lines);
        } else {
            world.write(&file, lines);
        }
    }
}

/// A definition by a person, in one of a few wordings.
fn definition(random: &mut Rng) -> String {
    let (uuid, day, days) = (random.u32(0..30), random.u32(1..28), random.u32(14..17));
    let refunds = ["before refunds are made", "before refunds are paid"][random.usize(..2)];
    format!(
        r#"{{"type":"user","uuid":"d{uuid}","sessionId":"s1","timestamp":"2026-02-{day:02}T10:00:00Z","message":{{"role":"user","content":"By the way, GMV means gross merchandise value of {days} days {refunds}."}}}}"#
    ) + "\n"
}

/// Runs to the end, and compares with a database that was never killed.
fn check(world: &World, about: &str) {
    let said = world.mill(&RUN);
    assert_eq!(said.status, 0, "{about}: {said:?}");
    let fresh = World::new();
    let root = world.root();
    let said = fresh.mill(&["run", "--sessions", root.to_str().unwrap()]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(world.dump(), fresh.dump(), "{about}");
    assert!(!world.rows("FROM verification_evidence").is_empty(), "{about}");
}

#[test]
fn killed_at_any_point_nothing_is_lost_or_counted_twice() {
    let mut random = Rng::with_seed(1);
    // A file that is read in a process of its own reaches the first two points once.
    let read = ["open", "read"].map(|point| (point, [2, 3, 2], 0));
    let written = ["before-commit", "commit", "after-commit", "before-settle", "settle", "after-settle"];
    let written = written.map(|point| (point, [1, 2, 1], 0));
    // The log of this many responses is long enough to be moved into the database.
    let moved = ["before-checkpoint", "after-checkpoint"].map(|point| (point, [1, 2, 1], 2_500));
    for (point, nths, many) in read.into_iter().chain(written).chain(moved) {
        let world = World::new();
        if many > 0 {
            let many = (0..many).map(|number| response(&format!("big{number}"), "10:00:00", number));
            world.write("big/big.jsonl", many.collect::<String>());
        }
        let mut deaths = 0;
        for nth in nths {
            change(&world, &mut random);
            change(&world, &mut random);
            let fault = format!("kill:{point}:{nth}");
            let said = world.mill_with(&RUN, &[("SESSIONMILL_FAILPOINT", &fault)]);
            deaths += u32::from(said.status == -9);
            assert!(said.status == -9 || said.status == 0, "{fault}: {said:?}");
        }
        assert!(deaths > 0, "{point} is never passed");
        check(&world, point);
    }
}

#[test]
fn a_signal_ends_a_run_in_order() {
    let mut random = Rng::with_seed(3);
    let world = World::new();
    let mut stopped = 0;
    for number in 0..20 {
        (0..30).for_each(|_| change(&world, &mut random));
        let mut run = world.spawn(&RUN);
        if number % 4 > 0 {
            // The process handles signals before it takes its lock.
            while sessionmill::base::lock::holder(&world.database(), "usage").is_none()
                && run.try_wait().unwrap().is_none()
            {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        std::thread::sleep(Duration::from_millis(random.u64(0..100)));
        let term = rustix::process::kill_process(rustix::process::Pid::from_child(&run), rustix::process::Signal::TERM);
        let status = run.wait().unwrap();
        // Before the process handles signals, SIGTERM kills it.
        assert!(status.success() || status.signal() == Some(15), "{status}");
        stopped += u32::from(term.is_ok() && status.success());
    }
    assert!(stopped > 0);
    assert!(world.rows("SELECT 1 FROM processor_runs WHERE outcome IN ('running', 'killed')").is_empty());
    check(&world, "signals");
}

#[test]
fn random_kills_lose_nothing_and_count_nothing_twice() {
    let mut random = Rng::with_seed(2);
    // The run is killed at a random moment within the longest time that a run takes.
    let mut longest = Duration::from_millis(150);
    for batch in 0..rounds(10) {
        let world = World::new();
        let mut kills = 0;
        while kills < 10 {
            change(&world, &mut random);
            let mut run = world.spawn(&RUN);
            std::thread::sleep(longest.mul_f64(random.f64()));
            run.kill().unwrap();
            let killed = !run.wait().unwrap().success();
            kills += u32::from(killed);
            longest = longest.mul_f64(if killed { 1.01 } else { 0.95 });
        }
        check(&world, &format!("batch {batch}"));
    }
}
