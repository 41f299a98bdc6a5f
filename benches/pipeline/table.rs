//! The result: what was measured, as a ratio to its yardstick, and whether it is within its bound.

use crate::Result;
use crate::process::{Sample, Samples};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use std::time::Duration;

/// How many times the CPU time of its yardstick a measurement may take. CPU times of the same round vary far less than
/// times on the clock, which other work on the machine lengthens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// What has been reached, and a margin for noise. Above it, something has become slower.
    pub bound: f64,
    /// What is aimed at.
    pub target: f64,
}

/// Peak memory of any command, whatever the size: the bound, and what is aimed at.
const MEMORY: (u64, u64) = (300_000_000, 200_000_000);

/// Rows in the order in which they are added.
pub(crate) struct Results {
    table: Table,
    /// What is over its bound.
    over: Vec<String>,
}

impl Results {
    pub(crate) fn new() -> Self {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        table.set_header(["what", "median", "range", "CPU", "peak MB", "x wall", "x CPU", "bound", "target"]);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        Self { table, over: Vec::new() }
    }

    /// Adds a measurement beside its yardstick, if it is not one itself. Nothing is added for what did not run.
    pub(crate) fn add(&mut self, what: &str, samples: &Samples, yardstick: Option<&Samples>, limit: Option<Limit>) {
        let (Some(sample), Some((least, most))) = (samples.median(), samples.range()) else { return };
        let Sample { wall, cpu, peak } = sample;
        let yard = yardstick.and_then(Samples::median);
        let ratio = |time: fn(&Sample) -> Duration| {
            yard.as_ref().map(|yard| time(&sample).as_secs_f64() / time(yard).as_secs_f64().max(1e-6))
        };
        let [by_wall, by_cpu] = [ratio(|sample| sample.wall), ratio(|sample| sample.cpu)];
        if let (Some(ratio), Some(Limit { bound, .. })) = (by_cpu, limit)
            && ratio > bound
        {
            self.over.push(format!("{what}: {ratio:.2} times the CPU time of its yardstick, over {bound}"));
        }
        if yard.is_some() && peak > MEMORY.0 {
            self.over.push(format!("{what}: {} MB of memory, over {}", peak / 1_000_000, MEMORY.0 / 1_000_000));
        }
        let number = |number: Option<f64>| number.map(|number| format!("{number:.2}")).unwrap_or_default();
        self.table.add_row([
            what.to_owned(),
            time(wall),
            format!("{}..{}", time(least), time(most)),
            time(cpu),
            format!("{:.0}", peak as f64 / 1e6),
            number(by_wall),
            number(by_cpu),
            number(limit.map(|limit| limit.bound)),
            number(limit.map(|limit| limit.target)),
        ]);
    }

    /// The table, and how to read it.
    pub(crate) fn text(&self) -> String {
        let over = if self.over.is_empty() { "Nothing is over its bound.".to_owned() } else { self.over.join("\n") };
        format!(
            "{}\n\nThe yardstick of cold runs over transcripts is `find -print0 | xargs -0 -P2 -n32 md5sum` over the same \
             files, that of cold runs over events a query of DuckDB over the same lines, that of all else the floor: a \
             process that opens an empty database in memory. Each is measured in the same rounds. bound and target \
             are ratios of CPU times. Peak memory has a bound of {} MB and a target of {} MB.\n{over}\n",
            self.table,
            MEMORY.0 / 1_000_000,
            MEMORY.1 / 1_000_000,
        )
    }

    /// Fails if something is over its bound.
    pub(crate) fn gate(&self) -> Result<()> {
        match self.over.len() {
            0 => Ok(()),
            over => Err(format!("over the bound: {over} of the measurements above").into()),
        }
    }
}

/// `12.3 ms`, `4.56 s`.
fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}
