//! Diagnostics go to stderr, without colours. `SESSIONMILL_LOG=debug` shows more of them.

use std::io::{self, Stderr, Write};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Begins to write diagnostics of a level and above, unless the environment says otherwise. A panic tells
/// where it was and nothing else: its message could quote a transcript.
pub(super) fn begin(level: LevelFilter) {
    let filter = EnvFilter::builder().with_default_directive(level.into());
    let filter = filter.with_env_var("SESSIONMILL_LOG").from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    // The journal has the time of each line, and reads its priority from the front of it.
    let _ = if is_journal() {
        log.without_time().with_level(false).with_target(false).with_writer(Journal).try_init()
    } else {
        log.with_target(false).with_writer(io::stderr).try_init()
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

/// Stderr that leads to the journal: each line begins with its priority, as sd-daemon(3) has it.
struct Journal;

/// A line on its way there.
struct Line {
    priority: Option<&'static [u8]>,
    stderr: Stderr,
}

impl<'w> MakeWriter<'w> for Journal {
    type Writer = Line;

    fn make_writer(&'w self) -> Line {
        Line { priority: None, stderr: io::stderr() }
    }

    fn make_writer_for(&'w self, metadata: &Metadata<'_>) -> Line {
        let priority: &[u8] = match *metadata.level() {
            Level::ERROR => ERROR.as_bytes(),
            Level::WARN => b"<4>",
            Level::INFO => b"<6>",
            _ => b"<7>",
        };
        Line { priority: Some(priority), stderr: io::stderr() }
    }
}

impl Write for Line {
    /// One event is one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = [self.priority.take().unwrap_or_default(), line].concat();
        self.stderr.write_all(&text)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stderr.flush()
    }
}
