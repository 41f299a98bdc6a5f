//! Hints for an invalid command line: which command an option or a name belongs to, and in which order arguments are
//! written.

use super::REPORT;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};
use std::ffi::OsString;

/// The most commands that a hint names.
const MOST: usize = 3;

/// Adds a hint to an error of the command line, if there is one.
pub(super) fn with_hint(parser: &Command, mut error: Error, arguments: &[OsString]) -> Error {
    let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let line = Line::read(parser, &words);
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let hint = match error.kind() {
        // A subcommand with a typo gets the parser's own suggestion.
        ErrorKind::InvalidSubcommand
            if line.path.len() > 1 && error.get(ContextKind::SuggestedSubcommand).is_some() =>
        {
            None
        }
        ErrorKind::InvalidSubcommand => text(ContextKind::InvalidSubcommand).and_then(|name| line.for_name(&name)),
        ErrorKind::ArgumentConflict => {
            let name = text(ContextKind::InvalidSubcommand);
            name.and_then(|name| line.in_order(&name).or_else(|| line.for_name(&name)))
        }
        ErrorKind::UnknownArgument => text(ContextKind::InvalidArg).and_then(|given| match given.starts_with('-') {
            true => line.for_option(&given),
            false => line.in_order(&given).or_else(|| line.for_name(&given)),
        }),
        _ => None,
    };
    if let Some(hint) = hint {
        // The hint is better than the parser's suggestions, which only compare spellings.
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
    }
    error
}

/// The commands that a command line names.
struct Line<'a> {
    words: &'a [String],
    /// The commands, beginning with the program. Each is a subcommand of the one before.
    path: Vec<&'a Command>,
    /// The index of the word after the last command's name.
    after: usize,
}

impl<'a> Line<'a> {
    fn read(parser: &'a Command, words: &'a [String]) -> Self {
        let mut line = Self { words, path: vec![parser], after: 0 };
        for (at, word) in words.iter().enumerate() {
            let Some(command) = line.last().find_subcommand(word) else { continue };
            // A command after an option gets a hint of its own.
            if at > line.after {
                break;
            }
            line.path.push(command);
            line.after = at + 1;
        }
        line
    }

    fn last(&self) -> &'a Command {
        self.path.last().copied().unwrap_or(self.path[0])
    }

    /// The names of the commands, without the program.
    fn names(&self) -> Vec<&'a str> {
        self.path.iter().skip(1).map(|command| command.get_name()).collect()
    }

    /// The hint to write options after the command instead of before.
    fn in_order(&self, name: &str) -> Option<String> {
        let rest = self.words.get(self.after..)?;
        let at = rest.iter().position(|word| word == name).filter(|at| *at > 0)?;
        self.last().find_subcommand(name)?;
        let (options, command) = rest.split_at(at);
        let words = self.names().into_iter().chain(command.iter().chain(options).map(String::as_str));
        let words = words.collect::<Vec<_>>().join(" ");
        Some(format!("options come after the command: sessionmill {words}"))
    }

    /// The hint that a report has this name, or that another command that shows something takes a
    /// name and the last one does not.
    fn for_name(&self, name: &str) -> Option<String> {
        if let [program] = &self.path[..] {
            let report = program.find_subcommand(REPORT)?.find_subcommand(name)?;
            return Some(format!("a report has that name: sessionmill {REPORT} {}", report.get_name()));
        }
        let takes_names = |command: &Command| command.get_positionals().next().is_some();
        // A subcommand that changes something takes other names.
        let shows = |names: &str| names.rsplit(' ').next().is_some_and(|name| name == "show") || !names.contains(' ');
        let (names, _) = self.relatives().into_iter().find(|(names, command)| shows(names) && takes_names(command))?;
        Some(format!("another command takes this: sessionmill {names} {name}"))
    }

    /// The hint that other commands take this option.
    fn for_option(&self, given: &str) -> Option<String> {
        let name = given.split('=').next().unwrap_or(given);
        let is_it = |arg: &Arg| {
            let long = arg.get_long_and_visible_aliases().unwrap_or_default();
            long.iter().any(|long| name.strip_prefix("--") == Some(long))
        };
        let takes_it = |command: &Command| command.get_arguments().any(is_it);
        let takers = self.relatives().into_iter().filter(|(_, command)| takes_it(command));
        let takers: Vec<_> = takers.take(MOST).map(|(names, _)| format!("sessionmill {names}")).collect();
        (!takers.is_empty()).then(|| format!("{name} is an option of another command: {}", takers.join(", ")))
    }

    /// Commands that may be meant instead of the last one, with their full names, the most likely first: the report
    /// with its name, and its subcommands. For a report, also the command with its name, and `report` itself.
    fn relatives(&self) -> Vec<(String, &'a Command)> {
        let (names, last, program) = (self.names(), self.last(), self.path[0]);
        let mut relatives = Vec::new();
        let mut add = |names: &[&str], command: &'a Command| {
            relatives.push((names.join(" "), command));
            for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
                relatives.push(([names, &[below.get_name()]].concat().join(" "), below));
            }
        };
        let Some((own, above)) = names.split_last() else { return relatives };
        let of_same_name = || program.find_subcommand(REPORT).and_then(|report| report.find_subcommand(own));
        if let Some(report) = of_same_name().filter(|_| above.is_empty()) {
            add(&[REPORT, own], report);
        }
        add(&names, last);
        if *above == [REPORT] {
            let singular = own.trim_end_matches('s');
            for name in [own, singular] {
                program.find_subcommand(name).into_iter().for_each(|command| add(&[name], command));
            }
            relatives.push((REPORT.to_owned(), self.path[1]));
        }
        relatives
    }
}
