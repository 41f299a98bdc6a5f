//! The result: what was measured, beside the yardstick, and whether it is fast enough.

use crate::process::{Sample, Samples};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use std::fmt::Write as _;
use std::time::Duration;

/// What a measurement must not be above.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// Times the wall time of the yardstick.
    Ratio(f64),
    Wall(Duration),
    None,
}

/// Peak memory of any command, whatever the size.
const MEMORY: u64 = 300_000_000;

/// Rows in the order in which they are added.
pub(crate) struct Results {
    table: Table,
    missed: u64,
}

impl Results {
    pub(crate) fn new() -> Self {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header(["what", "median", "range", "CPU", "peak MB", "x md5sum", "target", "met"]);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        Self { table, missed: 0 }
    }

    /// Adds a measurement beside its yardstick, if it is not one itself. Nothing is added for what
    /// did not run.
    pub(crate) fn add(&mut self, what: &str, samples: &Samples, yardstick: Option<&Samples>, target: Target) {
        let (Some(Sample { wall, cpu, peak }), Some((least, most))) = (samples.median(), samples.range()) else {
            return;
        };
        let ratio = yardstick.and_then(Samples::median).map(|yard| wall.as_secs_f64() / yard.wall.as_secs_f64());
        let (target, met) = match target {
            Target::Ratio(most) => (format!("{most} x"), ratio.is_some_and(|ratio| ratio <= most)),
            Target::Wall(most) => (time(most), wall <= most),
            Target::None => (String::new(), true),
        };
        let light = yardstick.is_none() || peak <= MEMORY;
        let mut verdict = String::new();
        for (missed, name) in [(!met, "time"), (!light, "memory")] {
            if missed {
                self.missed += 1;
                let _ = write!(verdict, "{}{name}", if verdict.is_empty() { "no: " } else { ", " });
            }
        }
        if verdict.is_empty() && !target.is_empty() {
            verdict = "yes".to_owned();
        }
        self.table.add_row([
            what.to_owned(),
            time(wall),
            format!("{}..{}", time(least), time(most)),
            time(cpu),
            format!("{:.0}", peak as f64 / 1e6),
            ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            target,
            verdict,
        ]);
    }

    /// The table, and how to read it.
    pub(crate) fn text(&self) -> String {
        format!(
            "{}\n\nmd5sum: find -print0 | xargs -0 -P2 -n32 md5sum over the same files, in the same rounds. floor: a \
             process that opens an empty database in memory. Peak memory is at most {} MB by target.\n\
             {} missed.\n",
            self.table,
            MEMORY / 1_000_000,
            match self.missed {
                0 => "no target".to_owned(),
                1 => "1 target".to_owned(),
                more => format!("{more} targets"),
            }
        )
    }
}

/// `12.3 ms`, `4.56 s`.
fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}
