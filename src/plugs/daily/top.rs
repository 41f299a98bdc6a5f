//! `sessionmill top`: the live view of today's usage.
//!
//! It reads new transcripts every few seconds, as a report does. The pause in between is at least fifty times as long
//! as the last reading took, so it uses at most a fiftieth of a core.

use super::now::{Key, Now, Wish};
use crate::base::error::{Error, Result, Status};
use crate::base::moment::Clock;
use crate::command::scope::{Current, ReportSetup};
use crate::command::screen;
use crate::plug::Context;
use crate::price::Prices;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use sessionmill_usage::NAME;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::emulate_default_handler;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Show usage live, as it happens
///
/// Sessions, projects, people or models of today with their tokens and cost, and the last hour by minute. Keys: s, p, u
/// and m show sessions, projects, people and models; c, t and l sort them by cost, tokens and time; q quits.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Seconds between updates; more if an update takes long
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,

    #[command(flatten)]
    current: Current,
}

/// The pause before the next reading, as a multiple of the time that a reading takes.
const REST: u32 = 50;

/// The longest time until a signal is noticed.
const NOTICE: Duration = Duration::from_millis(250);

pub(super) fn top(args: &Args, context: &Context) -> Result<Status> {
    if !screen().is_terminal {
        return Err(
            Error::new(Status::Usage, "`top` is for a terminal").hint("`sessionmill overview` writes text or JSON")
        );
    }
    let setup = args.current.setup(&[NAME], context)?;
    let prices = Prices::new(&setup.config.price)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        flag::register(signal, stop.clone()).map_err(|error| Error::cannot("listen to", "signals", error))?;
    }
    let broken = |error: std::io::Error| Error::cannot("use", "the terminal", error);
    // This also sets a hook that restores the terminal if the program panics.
    let mut terminal = ratatui::try_init().map_err(broken)?;
    end_with_terminal();
    let clock = Clock::begin(context.now.clone());
    let view = View { args, context, setup: &setup, prices: &prices, stop: &stop, clock };
    let shown = view.show(&mut terminal);
    ratatui::try_restore().map_err(broken)?;
    shown.map(|()| Status::Done)
}

/// Ends the program when its terminal is gone, for example because the window was closed. The library that reads keys
/// never returns in this case: reading from such a terminal returns nothing at once, so the library loops.
fn end_with_terminal() {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(NOTICE);
            if rustix::termios::tcgetattr(std::io::stdout()).is_err() {
                let _ = emulate_default_handler(SIGHUP);
            }
        }
    });
}

/// The open view.
struct View<'v> {
    args: &'v Args,
    context: &'v Context,
    setup: &'v ReportSetup,
    prices: &'v Prices,
    stop: &'v AtomicBool,
    clock: Clock,
}

impl View<'_> {
    fn show(&self, terminal: &mut DefaultTerminal) -> Result<()> {
        let mut wish = Wish::default();
        loop {
            let look = Instant::now();
            let Context { environment, plugs, .. } = self.context;
            let context = Context { now: self.clock.read(), environment: environment.clone(), plugs: *plugs };
            // An error is shown, and the next reading can succeed.
            let trouble = self.args.current.renew(&[NAME], self.setup, &context).err().map(|error| error.to_string());
            let now =
                self.setup.read(&context, |reader| Now::read(reader, self.setup, self.prices, context.now.wall))?;
            let next = Instant::now() + Duration::from_secs(self.args.every).max(look.elapsed() * REST);
            loop {
                let draw = terminal.draw(|frame| now.draw(frame, wish, trouble.as_deref()));
                draw.map_err(|error| Error::cannot("use", "the terminal", error))?;
                match self.key_before(next)? {
                    Some(Key::Quit) => return Ok(()),
                    Some(Key::Wish(changed)) => wish = changed(wish),
                    Some(Key::Redraw) => {}
                    None => break,
                }
            }
        }
    }

    /// Waits for a key; `None` when it is time for the next reading.
    fn key_before(&self, next: Instant) -> Result<Option<Key>> {
        let broken = |error: std::io::Error| Error::cannot("read", "the terminal", error);
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(Some(Key::Quit));
            }
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            if !event::poll(left.min(NOTICE)).map_err(broken)? {
                continue;
            }
            match event::read().map_err(broken)? {
                Event::Resize(..) => return Ok(Some(Key::Redraw)),
                Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
                    KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(Some(Key::Quit)),
                    KeyCode::Esc => return Ok(Some(Key::Quit)),
                    KeyCode::Char(letter) => {
                        if let Some(key) = Key::of(letter) {
                            return Ok(Some(key));
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }
}
