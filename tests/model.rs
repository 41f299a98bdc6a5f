//! Random actions on files, with passes in between. Afterwards the database must equal one that is built from the last
//! bytes that a pass saw of each path.

use crate::faulty::Faulty;
use crate::world::{DAY, World, response, rounds};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

const SEQUENCES: u64 = 40;
const ACTIONS: u32 = 32;
const FILES: [&str; 5] = ["ada/a.jsonl", "ada/b.jsonl", "ada/deep/er/c.jsonl", "bob/d.jsonl", "bob/e.jsonl"];

/// A world, and what its database should be built from.
struct Model {
    world: World,
    random: Rng,
    version: u32,
    seen: BTreeMap<&'static str, Vec<u8>>,
    /// All actions so far, to explain a failure.
    story: Vec<String>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let story = vec![format!("seed {seed}")];
        Self { world: World::new(), random: Rng::with_seed(seed), version: 1, seen: BTreeMap::new(), story }
    }

    fn tell(&mut self, what: &str, file: &str) {
        self.story.push(format!("{what} {file}"));
    }

    fn file(&mut self) -> &'static str {
        FILES[self.random.usize(..FILES.len())]
    }

    /// Some lines with few ids, so that files share responses.
    fn lines(&mut self) -> String {
        let random = &mut self.random;
        let count = random.u32(1..4);
        let mut line = || {
            let time = format!("10:00:{:02}", random.u32(0..60));
            response(&format!("m{}", random.u32(0..12)), &time, random.u64(10..99))
        };
        (0..count).map(|_| line()).collect()
    }

    /// Changes a file in place, in a way that its stat shows on every file system.
    fn change(&mut self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.world.root().join(file);
        let before = fs::metadata(&path).ok();
        let mut bytes = fs::read(&path).unwrap_or_default();
        change(&mut bytes);
        self.world.write(file, bytes);
        show(&path, before);
    }

    fn act(&mut self) {
        let file = self.file();
        let path = self.world.root().join(file);
        let exists = path.exists();
        match self.random.u32(0..18) {
            0..4 => {
                self.tell("append", file);
                let lines = self.lines();
                self.change(file, |bytes| bytes.extend_from_slice(lines.as_bytes()));
            }
            4 => {
                self.tell("half a line", file);
                let line = self.lines();
                self.change(file, |bytes| bytes.extend_from_slice(&line.as_bytes()[..line.len() / 2]));
            }
            5 if exists => {
                self.tell("same size", file);
                let digit = b'1' + self.random.u8(0..9);
                self.change(file, |bytes| bytes.iter_mut().filter(|b| b.is_ascii_digit()).for_each(|b| *b = digit));
            }
            6 if exists => {
                self.tell("truncate", file);
                self.change(file, |bytes| bytes.truncate(bytes.len() / 2));
            }
            7 => {
                self.tell("rewrite", file);
                let lines = self.lines();
                self.change(file, |bytes| *bytes = lines.into_bytes());
            }
            8 if exists => {
                let to = self.file();
                self.tell(&format!("rename to {to}"), file);
                let to = self.world.root().join(to);
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                let before = fs::metadata(&to).ok();
                fs::rename(&path, &to).unwrap();
                show(&to, before);
            }
            9 => {
                self.tell("replace", file);
                let lines = self.lines();
                let aside = self.world.path("aside");
                fs::write(&aside, lines).unwrap();
                let before = fs::metadata(&path).ok();
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::rename(aside, &path).unwrap();
                show(&path, before);
            }
            10 if exists => {
                self.tell("delete", file);
                fs::remove_file(&path).unwrap();
            }
            11 if exists => {
                self.tell("kept mtime", file);
                let mtime = fs::metadata(&path).unwrap().modified().unwrap();
                let lines = self.lines();
                self.change(file, |bytes| *bytes = lines.into_bytes());
                set_mtime(&path, mtime);
            }
            12 if exists => {
                self.tell("touch", file);
                set_mtime(&path, SystemTime::UNIX_EPOCH + DAY * self.random.u32(1..30_000));
            }
            13 if exists => {
                self.tell("chmod", file);
                let mode = if self.random.bool() { 0o000 } else { 0o644 };
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
            14 => {
                self.tell("version bump", "");
                self.version += 1;
            }
            15 => self.pass(Some(file)),
            16 => self.killed_pass(),
            _ => self.pass(None),
        }
    }

    /// A pass. The processor can fail on one file, which is tried again only when it changes.
    fn pass(&mut self, fails: Option<&'static str>) {
        self.tell("pass, failing on", fails.unwrap_or("nothing"));
        let mut faulty = Faulty::new(self.version);
        match self.random.u32(0..3) {
            0 => faulty.fails = fails.unwrap_or("-"),
            1 => faulty.panics = fails.unwrap_or("-"),
            _ => faulty.tires = fails.unwrap_or("-"),
        }
        faulty.refuses = if fails.is_some() { "m3" } else { "-" };
        let counts = self.world.wait(DAY).pass_of(&[&faulty]).unwrap().remove(0);
        assert_eq!(counts.files, counts.unchanged + counts.scanned, "{:?}", self.story);
        let failed: Vec<_> = counts.errors_detail.iter().map(|error| error.session.as_str()).collect();
        self.saw(&failed);
    }

    /// A run of the real binary that is killed before or after it commits.
    fn killed_pass(&mut self) {
        let point = if self.random.bool() { "commit" } else { "after-commit" };
        self.tell("killed at", point);
        let fault = format!("kill:{point}");
        let run = ["run", "usage", "--sessions", "root"];
        let said = self.world.mill_with(&run, &[("SESSIONMILL_FAILPOINT", &fault)]);
        assert!(matches!(said.status, -9 | 0 | 1), "{said:?} {:?}", self.story);
        // The ledger says which files the run got to; the facts are compared at the end.
        let rows = self.world.rows("SELECT session_file, file_hash FROM session_processor_state");
        let kept = |file: &str, bytes: &[u8]| {
            use md5::Digest;
            let hash: String = md5::Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            rows.contains(&format!("{file}|{hash}"))
        };
        for file in FILES {
            if let Ok(bytes) = fs::read(self.world.root().join(file))
                && kept(file, &bytes)
            {
                self.seen.insert(file, bytes);
            }
        }
    }

    /// Records that a pass saw all files except those that it failed on.
    fn saw(&mut self, failed: &[&str]) {
        for file in FILES.into_iter().filter(|file| !failed.contains(file)) {
            if let Ok(bytes) = fs::read(self.world.root().join(file)) {
                self.seen.insert(file, bytes);
            }
        }
    }

    /// Runs a pass without failures, and compares.
    fn check(mut self) {
        for file in FILES {
            let _ = fs::set_permissions(self.world.root().join(file), fs::Permissions::from_mode(0o644));
        }
        self.version += 1;
        self.pass(None);
        let fresh = World::new();
        for (file, bytes) in &self.seen {
            fresh.write(file, bytes);
        }
        fresh.pass_of(&[&Faulty::new(self.version)]).unwrap();
        assert_eq!(self.world.dump(), fresh.dump(), "{:#?}", self.story);
        let counts = self.world.pass_of(&[&Faulty::new(self.version)]).unwrap().remove(0);
        assert_eq!((counts.processed, counts.errors), (0, 0), "{:#?}", self.story);
    }
}

/// Makes sure that a file's stat differs from before, as it would after some time.
fn show(path: &Path, before: Option<fs::Metadata>) {
    let same = |now: &fs::Metadata| before.as_ref().is_some_and(|before| before.ctime_nsec() == now.ctime_nsec());
    while same(&fs::metadata(path).unwrap()) {
        fs::set_permissions(path, fs::metadata(path).unwrap().permissions()).unwrap();
    }
}

fn set_mtime(path: &Path, time: SystemTime) {
    // The owner of a read-only file can still change its mtime.
    let permissions = fs::metadata(path).unwrap().permissions();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    fs::set_permissions(path, permissions).unwrap();
}

fn sequences(first: u64) {
    for seed in first..first + rounds(SEQUENCES) {
        let mut model = Model::new(seed);
        for _ in 0..ACTIONS {
            model.act();
        }
        model.check();
    }
}

// Two halves, for two cores.

#[test]
fn random_actions_end_as_a_fresh_database() {
    sequences(0);
}

#[test]
fn random_actions_end_as_a_fresh_database_in_other_worlds() {
    sequences(1_000_000);
}
