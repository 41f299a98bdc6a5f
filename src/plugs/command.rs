//! A command of the command line that a processor provides.

use crate::base::error::{Error, Result, Status};
use crate::cli::Context;
use clap::{ArgMatches, FromArgMatches};

/// A command, or a subcommand of `report`.
#[derive(Clone, Copy)]
pub struct Command {
    pub(super) name: &'static str,
    /// Adds the arguments and the help to a command.
    pub(super) arguments: fn(clap::Command) -> clap::Command,
    pub(super) run: fn(&ArgMatches, &Context) -> Result<Status>,
}

impl Command {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The command, for the parser.
    pub(crate) fn parser(&self) -> clap::Command {
        (self.arguments)(clap::Command::new(self.name))
    }

    /// Runs the command with its parsed arguments.
    ///
    /// # Errors
    ///
    /// If the command fails.
    pub(crate) fn run(&self, matches: &ArgMatches, context: &Context) -> Result<Status> {
        (self.run)(matches, context)
    }
}

/// The arguments of a command, from clap's matches.
pub(super) fn parsed<T: FromArgMatches>(matches: &ArgMatches) -> Result<T> {
    T::from_arg_matches(matches).map_err(|error| Error::new(Status::Usage, error.to_string()))
}
