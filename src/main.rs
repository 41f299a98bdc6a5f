//! Reads the clock, runs the command line, and ends with its status.

use sessionmill::base::moment::Moment;
use sessionmill::plugs::PLUGS;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(sessionmill::cli::main(PLUGS, Moment::now()) as u8)
}
