//! Diagnostics go to stderr, without colours. `SESSIONMILL_LOG=debug` shows more of them.
//!
//! The lines of a service wait in a queue for a thread that writes them. Otherwise a pipe that is full, because nobody
//! reads it, would stop whoever has something to say, and with that every request. Lines that the queue has no room for are
//! dropped, and the log says how many.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait to be written.
const LINES: usize = 1000;
/// How long a process waits for them at its end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Begins to write diagnostics of a level and above, unless the environment says otherwise. A panic tells
/// where it was and nothing else: its message could quote a transcript.
pub(super) fn begin(level: LevelFilter, queue: Option<Queue>) {
    let filter = EnvFilter::builder().with_default_directive(level.into());
    let filter = filter.with_env_var("SESSIONMILL_LOG").from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    // The journal has the time of each line, and reads its priority from the front of it.
    let _ = if is_journal() {
        log.without_time().with_level(false).with_writer(Stderr { is_journal: true, queue }).try_init()
    } else {
        log.with_writer(Stderr { is_journal: false, queue }).try_init()
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}

/// Whether stderr leads to the journal, as systemd.exec(5) has it: the variable is inherited by those whose
/// stderr is another one.
pub(super) fn is_journal() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else { return false };
    let same = |stat: rustix::fs::Stat| stream.to_str() == Some(&*format!("{}:{}", stat.st_dev, stat.st_ino));
    rustix::fs::fstat(io::stderr()).is_ok_and(same)
}

/// The priority of an error, in front of each line in the journal.
pub(super) const ERROR: &str = "<3>";

/// Where lines go.
struct Stderr {
    /// Each line begins with its priority, as sd-daemon(3) has it.
    is_journal: bool,
    queue: Option<Queue>,
}

/// A line on its way there.
struct Line<'s> {
    priority: &'static [u8],
    queue: Option<&'s Queue>,
}

impl<'s> MakeWriter<'s> for Stderr {
    type Writer = Line<'s>;

    fn make_writer(&'s self) -> Line<'s> {
        Line { priority: b"", queue: self.queue.as_ref() }
    }

    fn make_writer_for(&'s self, metadata: &Metadata<'_>) -> Line<'s> {
        let priority: &[u8] = match *metadata.level() {
            _ if !self.is_journal => b"",
            Level::ERROR => ERROR.as_bytes(),
            Level::WARN => b"<4>",
            Level::INFO => b"<6>",
            _ => b"<7>",
        };
        Line { priority, ..self.make_writer() }
    }
}

impl io::Write for Line<'_> {
    /// One event is one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = [std::mem::take(&mut self.priority), line].concat();
        match self.queue {
            Some(queue) => queue.put(text),
            None => io::stderr().write_all(&text)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines that a thread writes.
#[derive(Clone)]
pub(super) struct Queue {
    waiting: SyncSender<Waiting>,
    dropped: Arc<AtomicU64>,
}

enum Waiting {
    Line(Vec<u8>),
    /// Somebody waits until everything before it is written.
    End(SyncSender<()>),
}

impl Queue {
    /// Starts the thread.
    pub(super) fn start() -> Self {
        let (waiting, lines) = sync_channel(LINES);
        let queue = Self { waiting, dropped: Arc::default() };
        let dropped = Arc::clone(&queue.dropped);
        std::thread::spawn(move || write(&lines, &dropped));
        queue
    }

    fn put(&self, line: Vec<u8>) {
        if self.waiting.try_send(Waiting::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits a moment until the lines are written.
    pub(super) fn end(&self) {
        let (done, written) = sync_channel(1);
        if self.waiting.try_send(Waiting::End(done)).is_ok() {
            let _ = written.recv_timeout(PATIENCE);
        }
    }
}

fn write(lines: &Receiver<Waiting>, dropped: &AtomicU64) {
    for waiting in lines {
        match waiting {
            Waiting::Line(line) => {
                let _ = io::stderr().write_all(&line);
                let dropped = dropped.swap(0, Ordering::Relaxed);
                if dropped > 0 {
                    let _ = writeln!(io::stderr(), "{dropped} lines of the log were dropped: stderr was not read");
                }
            }
            Waiting::End(done) => drop(done.send(())),
        }
    }
}
