//! Writes diagnostics to stderr, without colours. `SESSIONMILL_LOG=debug` shows more of them.
//!
//! In a service, lines go through a queue to a thread that writes them. If stderr were a full pipe that nobody reads,
//! writing directly would block every thread that logs, and with them all requests. Lines that do not fit into the
//! queue are dropped, and the log says how many.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The most lines in the queue.
const LINES: usize = 1000;
/// How long a process waits at its end until the queue is written.
const PATIENCE: Duration = Duration::from_secs(1);

/// Starts to log events of `level` and above, unless the environment sets another level. Of a panic, only the place is
/// logged: its message could quote a transcript.
pub(crate) fn begin(level: LevelFilter, queue: Option<Queue>) {
    let filter = EnvFilter::builder().with_default_directive(level.into());
    let filter = filter.with_env_var("SESSIONMILL_LOG").from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    // The journal adds the time to each line, and reads the priority from its beginning.
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

/// Whether stderr is connected to the journal, as described in systemd.exec(5). The variable alone proves nothing,
/// because child processes inherit it even if their stderr is redirected.
pub(crate) fn is_journal() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else { return false };
    let same = |stat: rustix::fs::Stat| stream.to_str() == Some(&*format!("{}:{}", stat.st_dev, stat.st_ino));
    rustix::fs::fstat(io::stderr()).is_ok_and(same)
}

/// The priority of an error, which begins each line in the journal.
pub(crate) const ERROR: &str = "<3>";

/// Where lines are written.
struct Stderr {
    /// Each line begins with its priority (sd-daemon(3)).
    is_journal: bool,
    queue: Option<Queue>,
}

/// A line that is being written.
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
    /// Called once for each event.
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
pub(crate) struct Queue {
    waiting: SyncSender<Waiting>,
    dropped: Arc<AtomicU64>,
}

enum Waiting {
    Line(Vec<u8>),
    /// A request to answer once all earlier lines are written.
    End(SyncSender<()>),
}

impl Queue {
    /// Starts the thread.
    pub(crate) fn start() -> Self {
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

    /// Waits until the lines are written, but not for long.
    pub(crate) fn end(&self) {
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
