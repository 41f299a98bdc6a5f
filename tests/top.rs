//! `top` on a pseudo-terminal from `script`: its stdin is the keyboard, its stdout is the screen.

use crate::world::{World, response};
use chrono::Utc;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// What a terminal gets when the program takes over the screen, and when it restores the screen.
const TAKEN: &str = "\u{1b}[?1049h";
const GIVEN_BACK: &str = "\u{1b}[?1049l";

const LONG: Duration = Duration::from_secs(30);

struct Top {
    script: Child,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Top {
    /// Starts `top`, optionally by another program.
    fn start(world: &World, by: &str) -> Self {
        let mill = env!("CARGO_BIN_EXE_sessionmill");
        let line = format!("stty cols 100 rows 30; exec {by} '{mill}' top --no-refresh --every 1 --timezone UTC");
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).stdout(Stdio::piped());
        let mut script = world.typed(&mut command).env("TERM", "xterm").spawn().unwrap();
        let (sender, screen) = channel();
        let mut stdout = script.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { script, screen, seen: String::new() }
    }

    /// Waits until all of these texts were written since the last call, in any order.
    fn shows(&mut self, texts: &[&str]) {
        let end = Instant::now() + LONG;
        while !texts.iter().all(|text| self.seen.contains(text)) {
            let left = end.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.seen += &String::from_utf8_lossy(&bytes),
                Err(error) => panic!("no {texts:?}, {error}: {:?}", self.seen),
            }
        }
        self.seen.clear();
    }

    fn press(&mut self, keys: &str) {
        self.script.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        let _ = self.script.kill();
    }
}

fn world() -> World {
    let world = World::new();
    let now = Utc::now().format("%FT%T").to_string();
    let prompt = format!(
        "{{\"type\":\"user\",\"uuid\":\"p\",\"sessionId\":\"s1\",\"timestamp\":\"{now}Z\",\"message\":{{\"role\":\"user\",\"content\":\"Oil the mill\"}}}}\n"
    );
    world.write("ada/a.jsonl", prompt + &response("m1", "10:00:00", 40_000).replace("2026-02-01T10:00:00", &now));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    world
}

#[test]
fn top_shows_sessions_takes_keys_and_gives_the_screen_back() {
    let world = world();
    let mut top = Top::start(&world, "");
    top.shows(&[TAKEN, "sessionmill top", "Oil the mill", "$1.00"]);
    top.press("p");
    top.shows(&["Project", "shop "]);
    top.press("q");
    top.shows(&[GIVEN_BACK]);
    assert_eq!(top.script.wait().unwrap().code(), Some(0));
}

#[test]
fn top_ends_with_its_terminal() {
    let world = world();
    // In a new session, so that no signal arrives when the terminal is gone.
    let mut top = Top::start(&world, "setsid -w");
    top.shows(&[TAKEN, "Oil the mill"]);
    let programs = || {
        let of_world = |entry: &std::fs::DirEntry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let place = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            place == world.path("").canonicalize().unwrap() && line.windows(4).any(|word| word == b"\0top")
        };
        std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).filter(of_world).count()
    };
    assert!(programs() > 0);
    // The terminal disappears with the process that created it.
    top.script.kill().unwrap();
    top.script.wait().unwrap();
    let end = Instant::now() + LONG;
    while programs() > 0 {
        assert!(Instant::now() < end, "it goes on without a terminal");
        std::thread::sleep(Duration::from_millis(50));
    }
}
