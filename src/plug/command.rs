//! A command of the command line that a processor provides, and what all commands get.

use crate::base::error::{Error, Result, Status};
use crate::base::moment::Moment;
use crate::config::Environment;
use crate::plug::{Plugs, Resources};
use crate::store::DatabaseFile;
use clap::{ArgMatches, FromArgMatches};

/// What a command gets from the process.
pub(crate) struct Context {
    pub now: Moment,
    pub environment: Environment,
    pub plugs: Plugs,
}

impl Context {
    /// What processors are created from.
    pub(crate) fn resources(&self, database: &DatabaseFile) -> Resources {
        Resources::new(&self.environment, database, self.plugs, self.now.wall)
    }
}

/// A command, or a subcommand of `report`.
#[derive(Clone, Copy)]
pub struct Command {
    pub(crate) name: &'static str,
    /// Adds the arguments and the help to a command.
    pub(crate) arguments: fn(clap::Command) -> clap::Command,
    pub(crate) run: fn(&ArgMatches, &Context) -> Result<Status>,
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
pub(crate) fn parsed<T: FromArgMatches>(matches: &ArgMatches) -> Result<T> {
    T::from_arg_matches(matches).map_err(|error| Error::new(Status::Usage, error.to_string()))
}
