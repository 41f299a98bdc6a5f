//! Named points at which a development build dies or stops on demand, so that tests can prove that it may.
//! A release build has none of this.
//!
//! `SESSIONMILL_FAILPOINT=<how>:<point>[@<text>][:<n>]` ends the process at the n-th time (else the first)
//! that the point is passed with the text in what it is about. How: `kill`, `term`, `abort`, `overflow` (of the
//! stack), `memory` (until there is none; set a limit first). `stop` and `suspend` only stop it: as SIGSTOP does, and
//! as Ctrl-Z.

/// Passes a point. `about` is the file or the table that it is about.
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

    /// Passes a point. `about` is the file or the table that it is about.
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
