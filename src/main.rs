//! Reads the clock, runs the command line, and ends with its status.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "here the clock is read; everything else is told the time")]
    let now = chrono::Utc::now();
    ExitCode::from(sessionmill::cli::main(now) as u8)
}
