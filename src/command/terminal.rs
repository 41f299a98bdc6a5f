//! Output on the terminal: its width, and remarks on stderr, which are written as whole lines.

use crate::base::error::Error;
use crate::base::printable::printable;
use crate::command::log;
use crate::report::screen::Screen;
use rustix::fd::AsFd;
use std::ffi::OsString;
use std::io::{IsTerminal, Write as _};
use unicode_width::UnicodeWidthStr as _;

/// The screen of stdout: its width is that of the terminal, else `COLUMNS`. It has colours if it is a terminal, unless
/// the environment says otherwise.
pub(crate) fn screen() -> Screen {
    let is_terminal = std::io::stdout().is_terminal();
    Screen { width: width(&std::io::stdout()), is_terminal, has_colour: has_colour(is_terminal, &variable) }
}

/// Whether a stream has colours. `NO_COLOR` turns them off; `CLICOLOR_FORCE` turns them on even for a pipe.
fn has_colour(is_terminal: bool, variable: &dyn Fn(&str) -> Option<OsString>) -> bool {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let is_forced = variable("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    let is_able = || is_terminal && variable("TERM").is_some_and(|term| term != "dumb");
    !is_set("NO_COLOR") && (is_forced || is_able())
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn width(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    let size = if stream.is_terminal() { rustix::termios::tcgetwinsize(stream).ok() } else { None };
    let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    // Shells export their width, and a pager behind a pipe has the same width.
    columns.or_else(|| columns_of(&std::env::var("COLUMNS").ok()?))
}

fn columns_of(variable: &str) -> Option<usize> {
    variable.trim().parse().ok().filter(|columns| *columns > 0)
}

/// Prints an error and its hint.
pub(crate) fn say(error: &Error) {
    let hint = error.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    alert(&format!("sessionmill: {error}{hint}"));
}

/// Prints something important. In the journal, each line needs its own priority at the beginning.
pub(crate) fn alert(text: &str) {
    if log::is_journal() {
        text.lines().filter(|line| !line.is_empty()).for_each(|line| remark(&format!("{}{line}", log::ERROR)));
    } else {
        remark(text);
    }
}

/// Prints a remark to stderr. Control characters in quoted text are escaped.
pub(crate) fn remark(text: &str) {
    let width = width(&std::io::stderr());
    let line = |line: &str| width.map_or_else(|| printable(line), |width| wrapped(&printable(line), width, 0));
    write(&text.split('\n').map(line).collect::<Vec<_>>().join("\n"));
}

/// Wraps lines for stdout between words. The rest of a line is indented to a column, or a little more than the line
/// itself.
pub(crate) fn fitted(text: &str, column: usize) -> String {
    let Some(width) = width(&std::io::stdout()) else { return text.to_owned() };
    text.split('\n').map(|line| wrapped(line, width, column)).collect::<Vec<_>>().join("\n")
}

/// Prints an error of the command line.
pub(crate) fn usage(error: &clap::Error) {
    let text = error.render();
    if log::is_journal() {
        return alert(&text.to_string());
    }
    let is_colourful = has_colour(std::io::stderr().is_terminal(), &variable);
    write(if is_colourful { text.ansi().to_string() } else { text.to_string() }.trim_end());
}

/// Opens a page in the user's browser, if there is one.
pub(crate) fn open(url: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = std::process::Command::new(program);
    let quiet = || std::process::Stdio::null();
    if command.arg(url).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().is_err() {
        remark("note: no browser could be started: open it yourself");
    }
}

/// Writes lines with a single call, so that lines of other processes do not mix with them.
fn write(text: &str) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Wraps a line between words. The rest is indented to a column, or a little more than the line itself. A word longer
/// than a line stays whole, because it can be a path to copy.
fn wrapped(line: &str, width: usize, column: usize) -> String {
    if line.width() <= width {
        return line.to_owned();
    }
    let words = line.trim_start();
    let indent = " ".repeat(line.len() - words.len());
    let hanging = " ".repeat(column.max(indent.len() + 2));
    let mut lines = vec![indent];
    for word in words.split(' ') {
        let Some(last) = lines.last_mut() else { break };
        let is_begun = !last.trim_start().is_empty();
        if is_begun && last.width() + 1 + word.width() > width {
            lines.push(format!("{hanging}{word}"));
        } else {
            if is_begun {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_a_long_word_stays_whole() {
        let note = "note: no price of `claude-opus-99`, whose cost is left out";
        assert_eq!(wrapped(note, 60, 0), note);
        assert_eq!(wrapped(note, 40, 0), "note: no price of `claude-opus-99`,\n  whose cost is left out");
        let hint = "  hint: name it with --database /a/very/long/path/that/is/to/be/copied FILE";
        assert_eq!(
            wrapped(hint, 30, 0),
            "  hint: name it with\n    --database\n    /a/very/long/path/that/is/to/be/copied\n    FILE"
        );
        assert_eq!(wrapped("  月次 売上高 の 定義", 10, 0), "  月次\n    売上高\n    の\n    定義");
        assert_eq!(wrapped("a b", 1, 0), "a\n  b");
        assert_eq!(
            wrapped("usage    ok, 12 items from 3 files", 24, 9),
            "usage    ok, 12 items\n         from 3 files"
        );
    }

    #[test]
    fn a_variable_that_is_no_width_is_none() {
        let columns = ["120", " 80 ", "0", "-1", "wide", "", "80x24"].map(columns_of);
        assert_eq!(columns, [Some(120), Some(80), None, None, None, None, None]);
    }

    #[test]
    fn variables_decide_about_colours() {
        let of = |is_terminal: bool, variables: &[(&str, &str)]| {
            let found = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            has_colour(is_terminal, &found)
        };
        let term = ("TERM", "xterm");
        assert!(of(true, &[term]) && !of(false, &[term]) && !of(true, &[]) && !of(true, &[("TERM", "dumb")]));
        assert!(!of(true, &[term, ("NO_COLOR", "1")]) && of(true, &[term, ("NO_COLOR", "")]));
        assert!(of(false, &[("CLICOLOR_FORCE", "1")]) && !of(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!of(false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    }
}
