//! The daemon as a process: started, killed, stopped, and looked at from outside.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder with the program and its configuration.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub folder: PathBuf,
}

impl Workspace {
    /// The program in an environment that knows only this place.
    pub(crate) fn mill(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.folder.join("sessionmill"));
        command.args(args).env_clear().env("HOME", &self.folder).env("USER", "soak").env("TZ", "UTC");
        // As the service's unit has it.
        command.env("SESSIONMILL_CONFIG", self.folder.join("config.toml")).env("MALLOC_ARENA_MAX", "2");
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end. Returns what it said and how long it took.
    pub(crate) fn ask(&self, args: &[&str]) -> io::Result<(Output, Duration)> {
        let begun = Instant::now();
        Ok((self.mill(args).output()?, begun.elapsed()))
    }

    /// The rows of a query, as CSV without its header.
    pub(crate) fn rows(&self, sql: &str) -> io::Result<Vec<String>> {
        let (output, _) = self.ask(&["query", sql, "--format", "csv"])?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).lines().skip(1).map(str::to_owned).collect())
    }
}

/// A daemon that runs.
#[derive(Debug)]
pub(crate) struct Daemon(Child);

/// What it costs at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vitals {
    /// Seconds since the beginning.
    pub at: f64,
    /// Resident set, in bytes.
    pub memory: f64,
    pub descriptors: usize,
    /// Files that the database does not know as they are.
    pub backlog: usize,
}

impl Drop for Daemon {
    /// A soak that breaks off leaves none behind.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Daemon {
    pub(crate) fn start(place: &Workspace) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(place.folder.join("daemon.log"))?;
        let child = place.mill(&["daemon"]).stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Self(child))
    }

    pub(crate) fn is_running(&mut self) -> io::Result<bool> {
        Ok(self.0.try_wait()?.is_none())
    }

    pub(crate) fn kill(mut self) -> io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(drop)
    }

    /// Asks it to stop. Returns how long that took.
    pub(crate) fn stop(mut self) -> io::Result<Duration> {
        let begun = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let status = self.0.wait()?;
        if !status.success() {
            return Err(io::Error::other(format!("the daemon was asked to stop and ended with {status}")));
        }
        Ok(begun.elapsed())
    }

    /// Its resident set and descriptors.
    pub(crate) fn vitals(&self) -> io::Result<(f64, usize)> {
        let process = Path::new("/proc").join(self.0.id().to_string());
        let status = fs::read_to_string(process.join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().map_err(io::Error::other)?;
        Ok((kilobytes * 1024.0, fs::read_dir(process.join("fd"))?.count()))
    }
}
