//! Trees that hundreds of users write to, some with bad intent: nothing but a user's own transcripts is read, and no
//! user can harm others.

use crate::world::{World, response};
use sessionmill::run::summary::Counts;
use sessionmill::source::open::{Refusal, Root};
use sessionmill_contract::{Event, Failure, Fold, Inputs, Manifest, Processor, Rows, Settlement, SourceFile};
use sessionmill_usage::Usage;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A program that does not answer for this long hangs, even on a busy machine.
const HANG: Duration = Duration::from_secs(600);

/// Rejected files, with the reasons.
fn rejected(counts: &Counts) -> Vec<(&str, &str)> {
    counts.rejected_detail.iter().map(|e| (e.session.as_str(), e.error.as_str())).collect()
}

/// Failed files, with class and message.
fn failed(counts: &Counts) -> Vec<(&str, &str, &str)> {
    counts.errors_detail.iter().map(|e| (e.session.as_str(), e.class, e.error.as_str())).collect()
}

const IDS: &str = "SELECT message_id FROM usage_responses ORDER BY ALL";
const GONE: &str = "SELECT session_file FROM session_files WHERE gone_since IS NOT NULL ORDER BY ALL";

/// A folder outside of the root with a transcript that must never be read.
fn canary(world: &World) -> std::path::PathBuf {
    let outside = world.path("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("canary.jsonl"), response("canary", "10:00:00", 5)).unwrap();
    outside
}

#[test]
fn what_is_no_regular_file_is_rejected_beside_healthy_neighbours() {
    let world = World::new();
    let canary = canary(&world).join("canary.jsonl");
    for name in ["good", "con", "nul", "-rf", " ", "*", "tty0", "null"] {
        world.write(&format!("ada/{name}.jsonl"), response(name, "10:00:00", 5));
    }
    world.write("ada/folder.jsonl/inside.jsonl", response("inside", "10:00:00", 5));
    world.write("ada/.jsonl", response("hidden", "10:00:00", 5));
    let ada = |name: &str| world.root().join("ada").join(name);
    let made = |program: &str, args: &[&OsStr]| Command::new(program).args(args).output().unwrap().status.success();
    assert!(made("mkfifo", &[ada("fifo.jsonl").as_os_str()]));
    let device = ["c".as_ref(), "1".as_ref(), "5".as_ref()];
    let device = made("mknod", &[&[ada("zero.jsonl").as_os_str()], &device[..]].concat());
    let _socket = UnixListener::bind(ada("socket.jsonl")).unwrap();
    symlink(&canary, ada("link.jsonl")).unwrap();
    symlink("nowhere", ada("dangling.jsonl")).unwrap();
    symlink("folder.jsonl", ada("linked-folder.jsonl")).unwrap();
    fs::hard_link(&canary, ada("hard.jsonl")).unwrap();
    let counts = world.pass();
    let mut expected = vec![
        ("ada/dangling.jsonl", "a symbolic link"),
        ("ada/fifo.jsonl", "not a regular file"),
        ("ada/hard.jsonl", "has several names (hard links)"),
        ("ada/link.jsonl", "a symbolic link"),
        ("ada/linked-folder.jsonl", "a symbolic link"),
        ("ada/socket.jsonl", "not a regular file"),
    ];
    expected.extend(device.then_some(("ada/zero.jsonl", "not a regular file")));
    assert_eq!(rejected(&counts), expected);
    assert_eq!((counts.processed, counts.errors, counts.deferred), (9, 0, 0));
    assert_eq!(world.rows(IDS), [" ", "*", "-rf", "con", "good", "inside", "nul", "null", "tty0"]);
    let counts = world.pass();
    assert_eq!(
        (counts.unchanged, counts.rejected, counts.files),
        (9, expected.len() as u64, 9 + expected.len() as u64)
    );
}

/// The walk checks a file before it is opened; a file that is replaced in between is refused, too.
#[test]
fn what_takes_the_place_of_a_file_after_the_walk_is_refused_at_once() {
    let world = World::new();
    let canary = canary(&world);
    world.write("ada/good.jsonl", "{}").write("ada/large.jsonl", "{} {}").write("ada/p/s.jsonl", "{}");
    let ada = |name: &str| world.root().join("ada").join(name);
    assert!(Command::new("mkfifo").arg(ada("fifo.jsonl")).status().unwrap().success());
    let _socket = UnixListener::bind(ada("socket.jsonl")).unwrap();
    symlink(canary.join("canary.jsonl"), ada("link.jsonl")).unwrap();
    symlink(&canary, ada("linked")).unwrap();
    symlink("p", ada("near")).unwrap();
    fs::hard_link(canary.join("canary.jsonl"), ada("hard.jsonl")).unwrap();
    let root = world.root();
    let (answer, answers) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let root = Root::open(&root).unwrap();
        for file in [
            "ada/good.jsonl",
            "ada/large.jsonl",
            "ada/p",
            "ada/fifo.jsonl",
            "ada/socket.jsonl",
            "ada/link.jsonl",
            "ada/linked/canary.jsonl",
            "ada/near/s.jsonl",
            "ada/hard.jsonl",
            "ada/good.jsonl/s.jsonl",
            "../outside/canary.jsonl",
        ] {
            let said = match root.file(Path::new(file), 4) {
                Ok(_) => "opened",
                Err(Refusal::Rejected(rejection)) => rejection.words(),
                Err(_) => "failed",
            };
            answer.send((file, said)).unwrap();
        }
    });
    let answers: Vec<_> = (0..11).map(|_| answers.recv_timeout(HANG).unwrap()).collect();
    assert_eq!(
        answers,
        [
            ("ada/good.jsonl", "opened"),
            ("ada/large.jsonl", "over the size cap"),
            ("ada/p", "not a regular file"),
            ("ada/fifo.jsonl", "not a regular file"),
            ("ada/socket.jsonl", "not a regular file"),
            ("ada/link.jsonl", "behind a symbolic link"),
            ("ada/linked/canary.jsonl", "behind a symbolic link"),
            ("ada/near/s.jsonl", "behind a symbolic link"),
            ("ada/hard.jsonl", "has several names (hard links)"),
            ("ada/good.jsonl/s.jsonl", "behind a symbolic link"),
            ("../outside/canary.jsonl", "behind a symbolic link"),
        ]
    );
}

#[test]
fn linked_folders_are_not_followed_and_told() {
    let world = World::new();
    let outside = canary(&world);
    world.write("ada/s.jsonl", response("m1", "10:00:00", 5));
    symlink(&outside, world.root().join("ada/project")).unwrap();
    symlink(&outside, world.root().join("eve")).unwrap();
    symlink("ada", world.root().join("bob")).unwrap();
    symlink("..", world.root().join("ada/loop")).unwrap();
    let summary = world.summary();
    assert_eq!((summary.processors[0].files, summary.processors[0].processed), (1, 1));
    let links = ["ada/loop", "ada/project", "bob", "eve"];
    let warnings = links.map(|link| format!("`{link}` is a symbolic link, which is not followed"));
    assert_eq!(summary.notices.warnings, warnings);
    assert!(!summary.failed());
    assert_eq!(world.rows(IDS), ["m1"]);
}

#[test]
fn a_huge_sparse_file_stalls_nobody_and_the_cap_is_configured() {
    let world = World::new();
    world.write("ada/s.jsonl", response("m1", "10:00:00", 5)).write("eve/huge.jsonl", "");
    File::options().write(true).open(world.root().join("eve/huge.jsonl")).unwrap().set_len(1 << 40).unwrap();
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, 0, "{said:?}");
    let bytes = response("m1", "10:00:00", 5).len() as i64;
    assert_eq!(world.rows("SELECT bytes_read FROM processor_runs WHERE processor_name = 'usage'"), [bytes.to_string()]);
    assert!(said.stdout.starts_with("usage: 2 files, 1 changed, 1 rejected; 1 item from "), "{}", said.stdout);
    assert!(said.stdout.ends_with("\n  rejected `eve/huge.jsonl`: over the size cap\n"), "{}", said.stdout);
    world.append("ada/s.jsonl", &response("m2", "10:00:00", 5));
    fs::write(world.path("mill.toml"), "[caps]\nfile = 300\n").unwrap();
    let run = || world.mill(&["run", "--sessions", "root", "--config", "mill.toml"]).stdout;
    assert!(run().contains("\n  rejected `ada/s.jsonl`: over the size cap\n"));
    assert_eq!(world.rows(IDS), ["m1"], "what it said stays");
    fs::write(world.path("mill.toml"), "[caps]\nline = 200\n").unwrap();
    let said = run();
    assert!(said.contains("; 0 items from ") && said.contains(", 2 malformed lines skipped"), "{said}");
    fs::write(world.path("mill.toml"), "[caps]\nfacts = 1\n").unwrap();
    world.append("ada/s.jsonl", "\n");
    assert!(run().contains("\n  rejected `ada/s.jsonl`: over the cap on facts of a file\n"));
    fs::write(world.path("mill.toml"), "[caps]\nfiles = 1\n").unwrap();
    assert_eq!(world.mill(&["run", "--config", "mill.toml"]).status, 78);
    let help = world.mill(&["run", "--help"]).stdout;
    assert!(help.contains("[caps]"), "{help}");
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")).unwrap();
    let sessionmill::read::Caps { file, line, facts } = sessionmill::read::Caps::default();
    for cap in [format!("file = {file} "), format!("line = {line} "), format!("facts = {facts} ")] {
        assert!(page.contains(&cap), "the documentation does not say `{cap}`");
    }
}

/// Swaps two names again and again until it is stopped; counts the swaps.
fn swap(a: &Path, b: &Path, stop: &AtomicBool, swaps: &AtomicUsize) {
    let aside = b.with_extension("aside");
    while !stop.load(Ordering::Relaxed) {
        fs::rename(a, &aside).unwrap();
        fs::rename(b, a).unwrap();
        fs::rename(&aside, b).unwrap();
        swaps.fetch_add(1, Ordering::Relaxed);
    }
}

/// Stops threads when dropped, however a test ends.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const SWAPS: usize = 10_000;

#[test]
fn ten_thousand_swaps_for_links_never_lead_outside() {
    let world = World::new();
    let outside = canary(&world);
    fs::create_dir(outside.join("deep")).unwrap();
    fs::copy(outside.join("canary.jsonl"), outside.join("deep/canary.jsonl")).unwrap();
    let real = |id: &str| response(id, "10:00:00", 5);
    world.write("ada/s.jsonl", real("m1")).write("ada/p/s.jsonl", real("m2")).write("eve/s.jsonl", real("m3"));
    world.write("bob/s.jsonl", real("m4"));
    let root = world.root();
    let links = [("ada/s.jsonl", "canary.jsonl"), ("ada/p", "."), ("eve", "deep")];
    let (stop, swaps) = (AtomicBool::new(false), [const { AtomicUsize::new(0) }; 3]);
    let enough = || swaps.iter().all(|swaps| swaps.load(Ordering::Relaxed) >= SWAPS);
    std::thread::scope(|scope| {
        for ((inside, target), swaps) in links.iter().zip(&swaps) {
            let (inside, link) = (root.join(inside), world.path(&format!("link-to-{}", target.len())));
            symlink(outside.join(target), &link).unwrap();
            let stop = &stop;
            scope.spawn(move || swap(&inside, &link, stop, swaps));
        }
        let _stop = Stop(&stop);
        let open = Root::open(&root).unwrap();
        let mut read = [0; 3];
        for round in 0.. {
            for (file, read) in ["ada/s.jsonl", "ada/p/s.jsonl", "eve/s.jsonl"].iter().zip(&mut read) {
                if let Ok((mut file, _)) = open.file(Path::new(file), 1 << 20) {
                    let mut text = String::new();
                    file.read_to_string(&mut text).unwrap();
                    assert!(!text.contains("canary"), "a link was followed");
                    *read += 1;
                }
            }
            for path in ["ada/s.jsonl", "ada/p/canary.jsonl", "eve/canary.jsonl"] {
                let opened = open.file(Path::new(path), 1 << 20);
                assert!(opened.is_err() || path == "ada/s.jsonl", "{path} was opened");
            }
            if round % 500 == 0 {
                let counts = world.pass();
                let known = ["ada/s.jsonl", "ada/p/s.jsonl", "eve/s.jsonl"].map(|file| (file, "a symbolic link"));
                assert!(counts.processed + counts.unchanged + counts.skipped >= 1, "bob is not disturbed");
                for (file, reason) in rejected(&counts) {
                    let behind = known.contains(&(file, reason)) || reason == "behind a symbolic link";
                    assert!(behind && !file.contains("canary"), "{file}: {reason}");
                }
                assert!(failed(&counts).iter().all(|(_, class, _)| *class == "changed"), "{:?}", failed(&counts));
                if round >= 5_000 && enough() {
                    break;
                }
            }
        }
        assert!(read.iter().all(|read| *read > 0), "the files were read now and then: {read:?}");
    });
    assert!(world.rows(IDS).iter().all(|id| ["m1", "m2", "m3", "m4"].contains(&id.as_str())), "{:?}", world.rows(IDS));
    let said = "SELECT count(*) FROM session_files WHERE session_file LIKE '%canary%'";
    assert_eq!(world.rows(said), ["0"]);
    for file in fs::read_dir(world.path("data")).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(memchr::memmem::find(&bytes, b"canary").is_none(), "the canary is in the database");
    }
}

#[test]
fn what_may_not_be_read_fails_or_is_told_until_it_may() {
    let world = World::new();
    for file in ["ada/a.jsonl", "ada/p/b.jsonl", "bob/q/c.jsonl", "eve/d.jsonl"] {
        world.write(file, response(file, "10:00:00", 5));
    }
    let allow = |path: &str, mode: u32| {
        fs::set_permissions(world.root().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    let run = || world.mill_unprivileged(&["run", "--sessions", "root", "--json"], &[]);
    allow("ada/a.jsonl", 0);
    let Some(said) = run() else { return };
    assert_eq!(said.status, 1, "{said:?}");
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let counts = &json["processors"][0];
    assert_eq!((&counts["processed"], &counts["errors"]), (&3.into(), &1.into()));
    let error = serde_json::json!([{"session": "ada/a.jsonl", "class": "environment", "error": "cannot be opened: permission denied"}]);
    assert_eq!(counts["errors_detail"], error);
    allow("ada/a.jsonl", 0o644);
    allow("ada/p", 0);
    allow("bob/q", 0o444);
    let said = run().unwrap();
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let alarms = ["ada/p", "bob/q"].map(|folder| format!("cannot list `{folder}`: permission denied"));
    assert_eq!((said.status, &json["alarms"]), (1, &serde_json::json!(alarms)));
    assert!(world.rows(GONE).is_empty(), "what cannot be seen is not gone");
    fs::remove_file(world.root().join("eve/d.jsonl")).unwrap();
    run();
    assert_eq!(world.rows(GONE), ["eve/d.jsonl"], "and hides nobody else's absence");
    allow("ada/p", 0o755);
    allow("bob/q", 0o755);
    let said = run().unwrap();
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(json["alarms"], serde_json::json!([]), "{said:?}");
    assert_eq!(world.rows(GONE), ["eve/d.jsonl"]);
}

/// The usage processor, which damages the tree when it reaches a file, or the file's first line.
struct Vandal<'v> {
    at: &'v str,
    at_once: bool,
    harm: &'v (dyn Fn() + Sync),
}

struct VandalFold<'s>(Option<&'s Vandal<'s>>, Box<dyn Fold + 's>);

impl Processor for Vandal<'_> {
    fn manifest(&self) -> &'static Manifest {
        Usage.manifest()
    }
    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        let here = file.session_file == self.at;
        if here && self.at_once {
            (self.harm)();
        }
        Box::new(VandalFold((here && !self.at_once).then_some(self), Usage.open(file)))
    }
    fn settle(&self, settlement: &Settlement, key: &str, inputs: Inputs<'_>, rows: &mut Rows) -> Result<(), Failure> {
        Usage.settle(settlement, key, inputs, rows)
    }
}

impl Fold for VandalFold<'_> {
    fn event(&mut self, event: &Event<'_>) {
        if let Some(vandal) = self.0.take() {
            (vandal.harm)();
        }
        self.1.event(event);
    }
    fn held(&self) -> usize {
        self.1.held()
    }
    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        self.1.finish(facts)
    }
}

/// A world with a file of several megabytes, read by one thread.
fn big() -> World {
    let mut world = World::new();
    world.threads = 1;
    let lines: String = (0..20_000).map(|n| response(&format!("m{n}"), "10:00:00", 5)).collect();
    world.write("ada/big.jsonl", lines).write("zoe/z.jsonl", response("z", "10:00:00", 5));
    world
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_left_for_the_next_pass() {
    let world = big();
    let file = File::options().write(true).open(world.root().join("ada/big.jsonl")).unwrap();
    let shrink = || file.set_len(response("m0", "10:00:00", 5).len() as u64).unwrap();
    let counts = world.pass_of(&[&Vandal { at: "ada/big.jsonl", at_once: false, harm: &shrink }]).unwrap().remove(0);
    assert_eq!(failed(&counts), [("ada/big.jsonl", "changed", "became shorter while it was read")]);
    assert_eq!((counts.processed, world.rows(IDS)), (1, vec!["z".to_owned()]));
    assert_eq!(world.pass().processed, 1);
    assert_eq!(world.rows(IDS), ["m0", "z"]);
}

#[test]
fn a_file_that_grows_while_it_is_read_says_what_it_was() {
    let world = big();
    let file = File::options().append(true).open(world.root().join("ada/big.jsonl")).unwrap();
    let append = || (&file).write_all(response("new", "10:00:00", 5).as_bytes()).unwrap();
    let counts = world.pass_of(&[&Vandal { at: "ada/big.jsonl", at_once: false, harm: &append }]).unwrap().remove(0);
    let new = "SELECT count(*), count(*) FILTER (message_id = 'new') FROM usage_responses";
    assert_eq!((counts.processed, world.rows(new)), (2, vec!["20001|0".to_owned()]));
    assert_eq!((world.pass().processed, world.rows(new)), (1, vec!["20002|1".to_owned()]));
}

#[test]
fn a_file_that_others_cut_and_fill_is_in_a_legal_state_and_right_in_the_end() {
    let world = big();
    let path = world.root().join("ada/big.jsonl");
    let whole = fs::read(&path).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = File::options().write(true).open(&path).unwrap();
            for round in (0..u64::MAX).take_while(|_| !stop.load(Ordering::Relaxed)) {
                file.set_len(round * 7919 % whole.len() as u64).unwrap();
                file.write_all_at(&whole, 0).unwrap();
            }
        });
        let _stop = Stop(&stop);
        for _ in 0..12 {
            let counts = world.pass();
            assert!(failed(&counts).iter().all(|(file, class, _)| (*file, *class) == ("ada/big.jsonl", "changed")));
            assert_eq!((counts.files, counts.rejected, counts.deferred), (2, 0, 0));
            assert_eq!(counts.unchanged + counts.processed + counts.skipped + counts.errors, 2);
        }
    });
    world.pass();
    assert_eq!(world.rows("SELECT count(*) FROM usage_responses"), ["20001"]);
}

#[test]
fn a_user_or_a_root_that_vanishes_in_the_middle_of_a_pass_costs_its_own_files() {
    let world = big();
    world.write("bob/s.jsonl", response("b", "10:00:00", 5));
    let bob = world.root().join("bob");
    let remove = || fs::remove_dir_all(&bob).unwrap();
    let counts = world.pass_of(&[&Vandal { at: "ada/big.jsonl", at_once: true, harm: &remove }]).unwrap().remove(0);
    assert_eq!(failed(&counts), [("bob/s.jsonl", "changed", "moved while it was opened")]);
    assert_eq!(counts.processed, 2);
    let counts = world.pass();
    assert_eq!((counts.files, counts.unchanged, counts.errors), (2, 2, 0));

    let world = big();
    let (root, aside) = (world.root(), world.path("aside"));
    let replace = || {
        fs::rename(&root, &aside).unwrap();
        fs::create_dir(&root).unwrap();
    };
    let counts = world.pass_of(&[&Vandal { at: "ada/big.jsonl", at_once: true, harm: &replace }]).unwrap().remove(0);
    assert_eq!((counts.processed, counts.errors), (2, 0), "the pass stays in the root that it began with");
    assert_eq!(world.summary().notices.alarms.len(), 1);
    assert!(world.rows(GONE).is_empty());
}

#[test]
fn a_root_that_is_empty_freezes_with_an_alarm_until_it_is_back_or_meant() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).write("bob/b.jsonl", response("m2", "10:00:00", 5));
    let run = |args: &[&str]| world.mill(&[&["run", "--sessions", "root"], args].concat());
    assert_eq!(run(&[]).status, 0);
    fs::rename(world.root(), world.path("aside")).unwrap();
    let said = world.mill(&["run"]);
    assert_eq!(said.status, 2);
    let missing = "cannot read `[world]/root`: there is no such file or folder\n  hint: is the folder mounted? name another with --sessions DIR; if a known source has moved: `sessionmill sources moved NAME DIR`\n";
    assert!(said.stderr.ends_with(missing), "{}", said.stderr);
    fs::create_dir(world.root()).unwrap();
    let alarm = "alarm: `[world]/root` is empty, but 2 transcripts were there before: check that it is mounted, or pass --adopt to accept that they are gone";
    let said = run(&[]);
    assert_eq!(said.status, 1);
    assert!(said.stdout.ends_with(&format!("\n  {alarm}\n")), "{}", said.stdout);
    assert!(world.rows(GONE).is_empty());
    assert!(world.mill(&["status"]).stdout.contains(&format!("\n              {alarm}\n")));
    let said = world.mill(&["report", "--by", "user"]);
    assert!(said.stderr.contains(alarm), "{}", said.stderr);
    fs::remove_dir(world.root()).unwrap();
    fs::rename(world.path("aside"), world.root()).unwrap();
    let said = run(&[]);
    assert_eq!((said.status, said.stdout.contains("2 files, 0 changed")), (0, true), "{said:?}");
    assert!(!world.mill(&["status"]).stdout.contains("alarm"));
    fs::remove_dir_all(world.root()).unwrap();
    fs::create_dir(world.root()).unwrap();
    assert_eq!(run(&["--adopt"]).status, 0);
    assert_eq!(world.rows(GONE), ["ada/a.jsonl", "bob/b.jsonl"]);
    assert_eq!(world.rows(IDS), ["m1", "m2"], "what they said is kept");
}

/// Makes the database remember another device for the root.
fn move_device(world: &World) {
    let connection = duckdb::Connection::open(world.database()).unwrap();
    assert_eq!(connection.execute("UPDATE sources SET device = device + 1", []).unwrap(), 1);
}

#[test]
fn a_root_on_another_device_is_taken_only_with_the_files_that_are_known() {
    let mut world = World::new();
    for file in ["ada/a.jsonl", "ada/b.jsonl", "bob/c.jsonl"] {
        world.write(file, response(file, "10:00:00", 5));
    }
    world.pass();
    let device = world.rows("SELECT device FROM sources");
    move_device(&world);
    world.append("ada/b.jsonl", &response("m2", "10:00:00", 5));
    let summary = world.summary();
    assert_eq!((summary.notices.alarms.len(), summary.processors[0].processed), (0, 1), "a restart, or a copy");
    assert_eq!(world.rows("SELECT device FROM sources"), device);

    move_device(&world);
    fs::remove_dir_all(world.root().join("ada")).unwrap();
    world.write("bob/c.jsonl", response("other", "10:00:00", 6)).write("eve/e.jsonl", response("m3", "10:00:00", 7));
    for _ in 0..2 {
        let summary = world.summary();
        let path = world.root().display().to_string();
        let alarm = format!(
            "`{path}` is on another device and has other files than before: check the mount, or pass --adopt to read them"
        );
        assert_eq!(summary.notices.alarms, [alarm]);
        let reason = "its root is on another device than before";
        assert_eq!(rejected(&summary.processors[0]), [("bob/c.jsonl", reason), ("eve/e.jsonl", reason)]);
        assert!(world.rows(GONE).is_empty());
        assert_eq!(world.rows(IDS), ["ada/a.jsonl", "ada/b.jsonl", "bob/c.jsonl", "m2"]);
    }
    world.adopt = true;
    let summary = world.summary();
    assert_eq!((summary.notices.alarms.len(), summary.processors[0].processed), (0, 2));
    assert_eq!(world.rows(GONE), ["ada/a.jsonl", "ada/b.jsonl"]);
    assert_eq!(world.rows("SELECT device FROM sources"), device);
    world.adopt = false;
    assert_eq!(world.summary().notices.alarms.len(), 0);
}

#[test]
fn many_files_that_vanish_at_once_are_a_warning() {
    let world = World::new();
    for file in 0..40 {
        world.write(&format!("ada/{file}.jsonl"), response(&format!("m{file}"), "10:00:00", 5));
    }
    world.pass();
    for file in 0..9 {
        world.remove(&format!("ada/{file}.jsonl"));
    }
    assert!(world.summary().notices.warnings.is_empty(), "some go every day");
    for file in 9..20 {
        world.remove(&format!("ada/{file}.jsonl"));
    }
    let summary = world.summary();
    let path = world.root().display().to_string();
    assert_eq!(
        summary.notices.warnings,
        [format!("11 transcripts of 31 in `{path}` are gone; what they said is kept")]
    );
    assert!(!summary.failed());
    assert_eq!((world.rows(GONE).len(), world.rows(IDS).len()), (20, 40));
    assert!(world.summary().notices.warnings.is_empty(), "they are gone once");
}

/// The largest resident set that any input may cause.
const MEMORY: u64 = 256 << 20;

#[test]
fn a_line_of_a_gigabyte_is_one_malformed_line_in_flat_memory() {
    let world = World::new();
    let good = |id: &str| response(id, "10:00:00", 5);
    world.write("ada/zeros.jsonl", good("m1")).write("ada/letters.jsonl", good("m3"));
    let zeros = File::options().write(true).open(world.root().join("ada/zeros.jsonl")).unwrap();
    zeros.write_all_at(format!("\n{}", good("m2")).as_bytes(), 1 << 30).unwrap();
    let letters = File::options().write(true).open(world.root().join("ada/letters.jsonl")).unwrap();
    let begin = good("m3").len() as u64;
    let piece = vec![b'x'; 1 << 20];
    for at in 0..64 {
        letters.write_all_at(&piece, begin + (at << 20)).unwrap();
    }
    letters.write_all_at(format!("\n{}", good("m4")).as_bytes(), begin + (64 << 20)).unwrap();
    let (said, peak) = world.mill_measured(&["run", "--sessions", "root"]);
    assert!(
        said.stdout.contains("2 files, 2 changed; 4 items") && said.stdout.contains("2 malformed lines"),
        "{said:?}"
    );
    assert!(peak < MEMORY, "{peak} bytes");
    assert_eq!(world.rows(IDS), ["m1", "m2", "m3", "m4"]);
    assert_eq!(world.rows("SELECT lines, malformed_lines FROM session_files"), ["3|1", "3|1"]);
}

#[test]
fn no_line_within_the_cap_takes_much_memory_to_read() {
    let world = World::new();
    let size = sessionmill::read::Caps::default().line - 200;
    let long = |begin: &str, piece: &str, end: &str| [begin, &piece.repeat(size / piece.len()), end].concat();
    for (number, line) in [
        "{}".repeat(size / 16),
        long(r#"{"type":"user","message":{"role":"user","content":["#, r#""a","#, "1]}}"),
        long(r#"{"type":"assistant","message":{"role":"assistant","content":["#, r#"{"type":"tool_use"},"#, "1]}}"),
        long(r#"{"type":"assistant","message":{"usage":{"iterations":["#, "{},", "1]}}}"),
        long(r#"{"type":"user","message":{"role":"user","content":""#, "\\ud83d", r#""}}"#),
        long(r#"{"type":"assistant","message":{"role":"assistant","usage":{},"id":""#, "m", r#""}}"#),
    ]
    .iter()
    .enumerate()
    {
        world.write("ada/s.jsonl", [line, "\n"].concat());
        let (said, peak) = world.mill_measured(&["run", "--sessions", "root"]);
        assert!(peak < MEMORY, "{number}: {peak} bytes, {said:?}");
    }
}

/// Creates nested folders until the path is longer than the system can open, with a transcript in the last one.
fn deep(world: &World, user: &str) {
    use rustix::fs::{Mode, OFlags, mkdirat, openat};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let name = "d".repeat(200);
    fs::create_dir_all(world.root().join(user)).unwrap();
    let mut folder = rustix::fs::open(world.root().join(user), flags, Mode::empty()).unwrap();
    for _ in 0..25 {
        mkdirat(&folder, &*name, Mode::from_raw_mode(0o755)).unwrap();
        folder = openat(&folder, &*name, flags, Mode::empty()).unwrap();
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
    let file = openat(&folder, "s.jsonl", flags, Mode::from_raw_mode(0o644)).unwrap();
    File::from(file).write_all(response("deep", "10:00:00", 5).as_bytes()).unwrap();
}

#[test]
fn a_path_that_is_too_long_is_named_for_what_it_is_and_costs_itself_only() {
    let world = World::new();
    deep(&world, "eve");
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).write("eve/e.jsonl", response("m2", "10:00:00", 5));
    for changed in [2, 0] {
        let said = world.mill(&["run", "usage", "--sessions", "root"]);
        assert_eq!(said.status, 0, "{said:?}");
        assert!(said.stdout.contains(&format!("3 files, {changed} changed, 1 rejected")), "{}", said.stdout);
        assert!(said.stdout.ends_with("ddd`: its path is longer than 4,095 bytes\n"), "{}", said.stdout);
        assert!(said.stdout.lines().all(|line| line.chars().count() < 300), "{}", said.stdout);
        assert!(!said.stdout.contains("alarm"), "{}", said.stdout);
    }
    assert_eq!(world.rows(IDS), ["m1", "m2"]);
    let counts = world.pass();
    let [(path, reason)] = rejected(&counts)[..] else { panic!("{counts:?}") };
    assert!(path.len() > 4095 && reason == "its path is longer than 4,095 bytes", "{path}");
}

#[test]
fn names_that_are_not_utf8_are_told_apart_and_found_again() {
    let world = World::new();
    let names: [&[u8]; 4] = [b"caf\xe9.jsonl", b"caf%E9.jsonl", "café.jsonl".as_bytes(), b"\xff\xfe.jsonl"];
    fs::create_dir_all(world.root().join(OsStr::from_bytes(b"eve\xff"))).unwrap();
    for name in names {
        let path = world.root().join(OsStr::from_bytes(b"eve\xff")).join(OsStr::from_bytes(name));
        if fs::write(path, response(&name.escape_ascii().to_string(), "10:00:00", 5)).is_err() {
            return; // A file system that has no such names has no such files.
        }
    }
    assert_eq!(world.pass().processed, 4);
    assert_eq!(world.pass().unchanged, 4);
    assert_eq!(
        world.rows("SELECT session_file, username FROM session_files ORDER BY ALL"),
        [
            "eve%FF/%FF%FE.jsonl|eve%FF",
            "eve%FF/caf%25E9.jsonl|eve%FF",
            "eve%FF/caf%E9.jsonl|eve%FF",
            "eve%FF/café.jsonl|eve%FF"
        ]
    );
}
