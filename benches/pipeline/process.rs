//! Whole processes: how long one takes, how much memory it has at its peak, what it says.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4 as _;

/// One run of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub wall: Duration,
    /// User and system time.
    pub cpu: Duration,
    /// Largest resident set, in bytes.
    pub peak: u64,
}

/// Several runs of the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Sample>);

impl Samples {
    pub(crate) fn push(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    /// The median of each time, with the largest peak of all; `None` if nothing ran.
    pub(crate) fn median(&self) -> Option<Sample> {
        let middle = |time: fn(&Sample) -> Duration| {
            let mut times: Vec<_> = self.0.iter().map(time).collect();
            times.sort();
            times.get(times.len() / 2).copied()
        };
        let peak = self.0.iter().map(|sample| sample.peak).max()?;
        Some(Sample { wall: middle(|sample| sample.wall)?, cpu: middle(|sample| sample.cpu)?, peak })
    }

    /// The fastest and the slowest wall time.
    pub(crate) fn range(&self) -> Option<(Duration, Duration)> {
        let walls = self.0.iter().map(|sample| sample.wall);
        walls.clone().min().zip(walls.max())
    }
}

/// Where processes run: a folder that is their home too, and holds what they say on stderr.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub folder: PathBuf,
}

impl Workspace {
    /// Runs a program to its end. Returns what it said on stdout.
    ///
    /// The environment is empty but for the search path, so that no configuration of the user's
    /// matters.
    pub(crate) fn run<'a>(
        &self,
        program: impl AsRef<std::ffi::OsStr>,
        args: impl IntoIterator<Item = &'a str>,
    ) -> io::Result<(Sample, String)> {
        let errors = self.folder.join("stderr");
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.folder).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", &self.folder).env("USER", "bench");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&errors)?);
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let mut said = String::new();
        if let Some(mut stdout) = child.stdout.take() {
            stdout.read_to_string(&mut said)?;
        }
        let end = child.wait4()?;
        let wall = begun.elapsed();
        if !end.status.success() {
            let reason = std::fs::read_to_string(&errors)?;
            return Err(io::Error::other(format!("{command:?} failed with {}:\n{reason}", end.status)));
        }
        let cpu = end.rusage.utime + end.rusage.stime;
        Ok((Sample { wall, cpu, peak: end.rusage.maxrss }, said))
    }

    /// The yardstick: MD5 of all transcripts below a folder, by two processes.
    pub(crate) fn md5sum(&self, root: &Path) -> io::Result<Sample> {
        let script = "find \"$0\" -name '*.jsonl' -print0 | xargs -0 -P2 -n32 md5sum > /dev/null";
        Ok(self.run("sh", ["-c", script, text(root)?])?.0)
    }

    /// A query of DuckDB over the lines of a log, by a process of its own. Returns what it counts.
    pub(crate) fn query(&self, sql: &str) -> io::Result<(Sample, String)> {
        self.run(std::env::current_exe()?, ["--query", sql])
    }

    /// Removes a database in the folder, and what belongs to it.
    pub(crate) fn forget(&self, database: &str) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.is_file() && text(&path)?.starts_with(database) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// What no command can go below: a process that starts and opens an empty database in memory.
    pub(crate) fn floor(&self) -> io::Result<Sample> {
        Ok(self.run(std::env::current_exe()?, ["--floor"])?.0)
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| io::Error::other("the temporary folder's path is not Unicode"))
}
