//! Failpoints: named places at which a development build dies or stops on demand. Tests use them to prove that a run
//! survives a kill at that place. A release build has none.
//!
//! `SESSIONMILL_FAILPOINT=<how>:<point>[@<text>][:<n>]` acts when the point is passed for the n-th time (default 1),
//! counting only passes about a file or table whose name contains the text. These end the process: `kill`, `term`,
//! `abort`, `overflow` (of the stack) and `memory` (allocates until none is left; set a limit first). These only stop
//! it: `stop` (SIGSTOP) and `suspend` (as Ctrl-Z does).
//!
//! For example, `kill:settle@claims:2` kills the process before it settles the table `claims` for the second time.

/// Passes a point. `about` is the file or table that is being worked on.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_point: &str, _about: &str) {}

#[cfg(debug_assertions)]
pub use armed::point;

#[cfg(debug_assertions)]
mod armed {
    use std::hint::black_box;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Failpoint {
        how: String,
        point: String,
        text: String,
        left: AtomicU64,
    }

    static FAILPOINT: OnceLock<Option<Failpoint>> = OnceLock::new();

    /// Passes a point. `about` is the file or table that is being worked on.
    pub fn point(point: &str, about: &str) {
        let Some(failpoint) = FAILPOINT.get_or_init(wanted) else { return };
        let here = failpoint.point == point && about.contains(&failpoint.text);
        if here && failpoint.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            die(&failpoint.how);
        }
    }

    fn wanted() -> Option<Failpoint> {
        let wish = std::env::var("SESSIONMILL_FAILPOINT").ok()?;
        let mut parts = wish.splitn(3, ':');
        let (how, place) = (parts.next()?, parts.next()?);
        let (point, text) = place.split_once('@').unwrap_or((place, ""));
        let left = parts.next().and_then(|n| n.parse().ok()).unwrap_or(1);
        Some(Failpoint { how: how.into(), point: point.into(), text: text.into(), left: AtomicU64::new(left) })
    }

    fn die(how: &str) {
        match how {
            "kill" => {
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            }
            "term" => {
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
                std::thread::sleep(std::time::Duration::from_secs(60));
            }
            "stop" => {
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
            }
            "suspend" => {
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP);
                while !crate::base::suspension::is_wanted() {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
            "overflow" => _ = deeper(0),
            "memory" => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(black_box(vec![1_u8; 16 << 20]));
                }
            }
            _ => std::process::abort(),
        }
    }

    #[expect(unconditional_recursion, reason = "it is meant to end at the end of the stack")]
    fn deeper(depth: u64) -> u64 {
        black_box(deeper(black_box(depth + 1)) + depth)
    }
}
