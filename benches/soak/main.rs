//! The service under load for a while: people write, the daemon is killed, stopped and started, triggers
//! are dropped, others read. In the end its database must be the one that is made anew from the last bytes
//! seen of every file, and it must not have grown.
//!
//! `make soak ARGS="--help"` shows the choices. The first third of the time is for kills and stops; in the
//! rest one daemon runs through, and its memory and descriptors are watched.

#![allow(clippy::disallowed_methods, reason = "transcripts are opened here, never the database")]

mod daemon;
mod tree;

use clap::Parser;
use daemon::{Daemon, Vitals, Workspace};
use fastrand::Rng;
use md5::{Digest as _, Md5};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tree::Person;

/// The daemon under load: memory, descriptors, backlog, and whether its numbers are right in the end
#[derive(Debug, Parser)]
#[command(name = "make soak ARGS=...")]
struct Args {
    /// How long people write
    #[arg(long, value_name = "N", default_value_t = 15.0)]
    minutes: f64,

    /// How many of them
    #[arg(long, value_name = "N", default_value_t = 3)]
    people: u64,

    /// Keep the transcripts, the database and the daemon's log
    #[arg(long)]
    keep: bool,

    /// Cargo says this to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Between two things that a person does.
const PAUSE: Duration = Duration::from_millis(50);
/// People write for the first half of this time, and rest for the second, in which the daemon comes to
/// rest: what it holds then is what it keeps.
const ROUND: Duration = Duration::from_secs(30);
/// Between two looks at the daemon.
const LOOK: Duration = Duration::from_secs(2);
/// A daemon that is asked to stop ends within this time.
const STOP: Duration = Duration::from_secs(25);
/// Nobody waits for a report any longer.
const REPORT: Duration = Duration::from_secs(10);
/// Memory may grow by so many bytes in a minute once it is warm: the noise of a quarter of an hour.
const SLOPE: f64 = 1_500_000.0;
const WINDOWS: usize = 10;
/// Files that wait for the next run are at most those of so much time.
const BACKLOG: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let args = Args::parse();
    let mut temporary = tempfile::Builder::new().prefix("sessionmill-soak-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    if args.keep {
        temporary.disable_cleanup(true);
        eprintln!("keeping {}", temporary.path().display());
    }
    let place = Workspace { folder: temporary.path().to_owned() };
    let root = place.folder.join("sessions");
    fs::create_dir(&root)?;
    // Whoever builds meanwhile builds another one.
    fs::copy(env!("CARGO_BIN_EXE_sessionmill"), place.folder.join("sessionmill"))?;
    configure(&place, &root)?;

    let mut people = (0..args.people).map(|number| Person::new(&root, number)).collect::<std::io::Result<Vec<_>>>()?;
    let (begun, end) = (Instant::now(), AtomicBool::new(false));
    let (daemon, told) = std::thread::scope(|scope| {
        for person in &mut people {
            let end = &end;
            scope.spawn(move || {
                while !end.load(Ordering::Relaxed) {
                    if begun.elapsed().as_millis() % ROUND.as_millis() < ROUND.as_millis() / 2 {
                        person.act().expect("only this thread writes there");
                    }
                    std::thread::sleep(PAUSE);
                }
            });
        }
        let result = watch(&place, &root, Duration::from_secs_f64(args.minutes * 60.0));
        end.store(true, Ordering::Relaxed);
        result
    })?;
    let actions = people.iter().map(|person| person.actions).sum();
    let different = settle(&place, &root, daemon, &people)?;
    let faults = told.faults(actions, &different);
    print!("{}", told.words(actions));
    for fault in &faults {
        println!("FAULT: {fault}");
    }
    if faults.is_empty() { Ok(()) } else { Err(format!("{} faults", faults.len()).into()) }
}

fn configure(place: &Workspace, root: &Path) -> Result<()> {
    let text = format!(
        "database = {:?}\n[schedule]\nusage = \"every 3s\"\nverification = \"every 5s\"\n\
         [daemon]\ntick = \"1s\"\n[[source]]\nname = \"soak\"\npath = {root:?}\nlayout = \"users\"\n",
        place.folder.join("data/soak.duckdb"),
    );
    Ok(fs::write(place.folder.join("config.toml"), text)?)
}

/// What was seen.
#[derive(Debug, Default)]
struct Told {
    kills: u32,
    stops: Vec<Duration>,
    triggers: u32,
    reports: Vec<Duration>,
    /// Queries that did not get the database in time.
    busy: usize,
    /// Of the daemon that runs through.
    vitals: Vec<Vitals>,
    faults: Vec<String>,
}

/// Disturbs the daemon for a third of the time and watches it for the rest. Returns the last one.
fn watch(place: &Workspace, root: &Path, time: Duration) -> Result<(Daemon, Told)> {
    let mut random = Rng::with_seed(1);
    let mut told = Told::default();
    let begun = Instant::now();
    let mut daemon = Daemon::start(place)?;
    while begun.elapsed() < time / 3 {
        std::thread::sleep(Duration::from_millis(random.u64(200..8_000)));
        if random.bool() {
            daemon.kill()?;
            told.kills += 1;
        } else {
            told.stops.push(daemon.stop()?);
        }
        daemon = Daemon::start(place)?;
    }
    while begun.elapsed() < time {
        std::thread::sleep(LOOK);
        if !daemon.is_running()? {
            return Err("the daemon has ended by itself; --keep keeps its log".into());
        }
        let (memory, descriptors) = daemon.vitals()?;
        let Ok(backlog) = backlog(place, root) else {
            told.busy += 1;
            continue;
        };
        let at = begun.elapsed().as_secs_f64();
        if told.vitals.last().is_none_or(|last| (last.at / 30.0) as u64 != (at / 30.0) as u64) {
            eprintln!("{at:.0} s: {:.1} MB, {descriptors} descriptors, {backlog} files wait", memory / 1e6);
        }
        told.vitals.push(Vitals { at, memory, descriptors, backlog });
        match random.u32(0..4) {
            0 => {
                let (output, _) = place.ask(&["trigger", "usage", "--wait"])?;
                told.triggers += 1;
                if !matches!(output.status.code(), Some(0 | 1 | 75)) {
                    told.faults.push(format!("a trigger: {}", String::from_utf8_lossy(&output.stderr)));
                }
            }
            1 => {
                let (output, took) = place.ask(&["report", "--by", "user", "--no-refresh"])?;
                told.reports.push(took);
                if !output.status.success() {
                    told.faults.push(format!("a report: {}", String::from_utf8_lossy(&output.stderr)));
                }
            }
            _ => {}
        }
    }
    Ok((daemon, told))
}

/// Files below the root.
fn files(root: &Path) -> BTreeMap<String, PathBuf> {
    let entries = walkdir::WalkDir::new(root).into_iter().flatten().filter(|entry| entry.file_type().is_file());
    let named = |entry: walkdir::DirEntry| {
        let name = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_string_lossy().into_owned();
        (name, entry.into_path())
    };
    entries.map(named).filter(|(name, _)| name.ends_with(".jsonl")).collect()
}

/// How many files the database does not know as they are.
fn backlog(place: &Workspace, root: &Path) -> Result<usize> {
    let known = place.rows("SELECT session_file, size FROM session_files")?;
    let known: BTreeMap<_, _> = known.iter().filter_map(|row| row.split_once(',')).collect();
    let is_known = |(name, path): (String, PathBuf)| {
        let size = fs::metadata(path).map_or(0, |file| file.len()).to_string();
        known.get(name.as_str()).is_some_and(|known| *known == size)
    };
    Ok(files(root).into_iter().filter(|file| !is_known(file.clone())).count())
}

/// What the database says of a tree, but for times and versions.
const CONTENT: [&str; 7] = [
    "FROM facts.usage_copies ORDER BY ALL",
    "FROM facts.usage_responses ORDER BY ALL",
    "FROM facts.usage_sessions ORDER BY ALL",
    "FROM facts.usage_tool_calls ORDER BY ALL",
    "FROM facts.usage_tool_events ORDER BY ALL",
    "FROM facts.verification_claims ORDER BY ALL",
    "SELECT processor_name, session_file, username, items_extracted, file_hash FROM session_processor_state ORDER BY ALL",
];

/// Lets the daemon come to rest, and compares. Returns the tables that differ.
fn settle(place: &Workspace, root: &Path, daemon: Daemon, people: &[Person]) -> Result<Vec<String>> {
    // What was seen last of a deleted file is only known if both processors saw the last there was.
    let hashes = "SELECT session_file, min(file_hash) FROM session_processor_state
                  GROUP BY ALL HAVING count(*) = 2 AND min(file_hash) = max(file_hash)
                  UNION ALL SELECT session_file, '' FROM session_processor_state
                  GROUP BY ALL HAVING count(*) = 1 OR min(file_hash) < max(file_hash)";
    let deleted =
        people.iter().flat_map(|person| person.deleted.iter().map(move |(name, bytes)| (person, name, bytes)));
    let until = Instant::now() + Duration::from_secs(120);
    // A soak that has waited in vain has counted it; it still wants to know how all ends.
    let rows = loop {
        match place.rows(hashes) {
            Err(_) if Instant::now() < until => std::thread::sleep(LOOK),
            rows => break rows?,
        }
    };
    let seen: BTreeMap<_, _> =
        rows.iter().filter_map(|row| row.split_once(',')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    let mut gone = BTreeMap::new();
    for (person, name, bytes) in deleted.filter(|(_, name, _)| !root.join(name).exists()) {
        match seen.get(name) {
            Some(hash) if *hash == hex::encode(Md5::digest(bytes)) => _ = gone.insert(name, bytes),
            Some(_) => person.restore(root, name)?,
            None => {}
        }
    }
    while !backlog(place, root).is_ok_and(|files| files == 0) {
        if Instant::now() > until {
            return Err("the daemon does not come to rest".into());
        }
        std::thread::sleep(LOOK);
    }
    // Equal sizes are not yet equal bytes: every processor looks once more.
    std::thread::sleep(Duration::from_secs(15));
    let took = daemon.stop()?;
    eprintln!("stopped in {took:?}; {} files, {} of them gone", seen.len(), gone.len());

    let anew = Workspace { folder: place.folder.join("anew") };
    let copy = anew.folder.join("sessions");
    for (name, path) in files(root) {
        let to = copy.join(name);
        fs::create_dir_all(to.parent().unwrap_or(&copy))?;
        fs::copy(path, to)?;
    }
    for (name, bytes) in gone {
        fs::write(copy.join(name), bytes)?;
    }
    fs::copy(place.folder.join("sessionmill"), anew.folder.join("sessionmill"))?;
    configure(&anew, &copy)?;
    let (output, _) = anew.ask(&["run"])?;
    if !output.status.success() {
        return Err(format!("the run that makes it anew: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let mut different = Vec::new();
    for sql in CONTENT {
        let (left, right) = (place.rows(sql)?, anew.rows(sql)?);
        if left.is_empty() || left != right {
            different.push(format!("{} and {} rows of {sql}", left.len(), right.len()));
        }
    }
    Ok(different)
}

impl Told {
    /// Growth of memory once it is warm, in bytes a minute: the least squares over the later two thirds, of
    /// the least in each of some windows. That is what is held at rest.
    fn slope(&self) -> f64 {
        let warm = &self.vitals[self.vitals.len() / 3..];
        let least = |window: &[Vitals]| window.iter().copied().min_by(|a, b| a.memory.total_cmp(&b.memory));
        let least: Vec<_> = warm.chunks(warm.len().div_ceil(WINDOWS).max(1)).filter_map(least).collect();
        let mean = |of: fn(&Vitals) -> f64| least.iter().map(of).sum::<f64>() / least.len().max(1) as f64;
        let (at, memory) = (mean(|v| v.at), mean(|v| v.memory));
        let both: f64 = least.iter().map(|v| (v.at - at) * (v.memory - memory)).sum();
        let spread: f64 = least.iter().map(|v| (v.at - at).powi(2)).sum();
        if spread > 0.0 { both / spread * 60.0 } else { 0.0 }
    }

    /// The most descriptors of the first quarter, and the fewest of the last: a run has some, between runs
    /// there are fewer.
    fn descriptors(&self) -> (usize, usize) {
        let quarter = self.vitals.len().div_ceil(4);
        let of = |part: &[Vitals]| part.iter().map(|v| v.descriptors).collect::<Vec<_>>();
        let first = of(&self.vitals[..quarter]).into_iter().max();
        let last = of(&self.vitals[self.vitals.len() - quarter..]).into_iter().min();
        (first.unwrap_or_default(), last.unwrap_or_default())
    }

    fn backlog(&self) -> usize {
        self.vitals.iter().map(|v| v.backlog).max().unwrap_or_default()
    }

    fn faults(&self, actions: u64, different: &[String]) -> Vec<String> {
        let mut faults = self.faults.clone();
        let (first, last) = self.descriptors();
        let longest = self.stops.iter().max().copied().unwrap_or_default();
        let slowest = self.reports.iter().max().copied().unwrap_or_default();
        let seconds = self.vitals.last().map_or(1.0, |v| v.at);
        let most = (actions as f64 / seconds * BACKLOG.as_secs_f64()) as usize;
        let mut claim = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        claim(
            self.vitals.len() >= 12,
            format!("{} looks are too few to say anything: more --minutes", self.vitals.len()),
        );
        claim(self.slope() < SLOPE, format!("memory grows by {:.0} kB in a minute", self.slope() / 1e3));
        claim(last <= first, format!("{first} descriptors at most have become {last} at least"));
        claim(longest < STOP, format!("a stop took {longest:?}"));
        claim(slowest < REPORT, format!("a report took {slowest:?}"));
        claim(self.busy * 100 <= self.vitals.len(), format!("{} queries did not get the database in time", self.busy));
        claim(self.backlog() <= most, format!("{} files waited at once, of {most} at most", self.backlog()));
        for tables in different {
            claim(false, format!("the database is not what it is when it is made anew: {tables}"));
        }
        faults
    }

    fn words(&self, actions: u64) -> String {
        let (first, last) = self.descriptors();
        let memory = |vitals: Option<&Vitals>| vitals.map_or(0.0, |v| v.memory / 1e6);
        let longest = |times: &[Duration]| times.iter().max().copied().unwrap_or_default();
        format!(
            "actions      {actions}\nkills        {}\nstops        {}, longest {:.1?}\ntriggers     {}\n\
             reports      {}, slowest {:.1?}\nbusy         {} of {} queries\nmemory       {:.1} MB at first, {:.1} MB at last, {:+.0} kB/min when warm\n\
             descriptors  {first} at most at first, {last} at least at last\nbacklog      {} files at most, {} at last\n",
            self.kills,
            self.stops.len(),
            longest(&self.stops),
            self.triggers,
            self.reports.len(),
            longest(&self.reports),
            self.busy,
            self.busy + self.vitals.len(),
            memory(self.vitals.first()),
            memory(self.vitals.last()),
            self.slope() / 1e3,
            self.backlog(),
            self.vitals.last().map_or(0, |v| v.backlog),
        )
    }
}
