//! Suggestions as a Markdown page, with who said what.

use super::prompt::Prompt;
use super::{Line, Page, Quote, Written};
use crate::base::error::count;
use crate::base::printable::printable;
use crate::report::money::rounded;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Headings for lines about how to work, and for lines about how things are.
pub(super) const HEADINGS: [&str; 2] = ["How to work", "What to know"];

/// The page as Markdown.
pub(crate) fn markdown(page: &Page) -> String {
    let name = page.file.as_ref().and_then(|file| file.file_name()).map(|name| name.to_string_lossy().into_owned());
    let mut text = format!("# {}\n", one_line(&page.about));
    let them = if page.lines.len() == 1 { "it" } else { "them" };
    let file =
        name.map_or("no file of it is on this machine".to_owned(), |name| format!("`{name}` does not say {them}"));
    if !page.lines.is_empty() {
        let _ = writeln!(text, "\n{}; {file}.", count(page.lines.len() as u64, "line"));
    }
    for (heading, is_rule) in HEADINGS.into_iter().zip([true, false]) {
        let mut lines = page.lines.iter().filter(|line| line.is_rule() == is_rule).peekable();
        if lines.peek().is_some() {
            let _ = writeln!(text, "\n## {heading}\n");
        }
        lines.for_each(|line| write_line(&mut text, line));
    }
    if !page.less_sure.is_empty() {
        text.push_str("\n## Less sure\n\n");
        page.less_sure.iter().for_each(|line| write_line(&mut text, line));
    }
    if !page.said_again.is_empty() {
        text.push_str("\n## Said again after it was written down\n\n");
        page.said_again.iter().for_each(|line| write_line(&mut text, line));
    }
    if !page.prompts.is_empty() {
        text.push_str("\n## Prompts that come back\n\n");
        page.prompts.iter().for_each(|prompt| write_prompt(&mut text, prompt));
    }
    if page.is_empty() {
        text.push_str("\nNothing to suggest.\n");
    }
    if page.unsure > 0 {
        let _ = writeln!(text, "\n{} of lower confidence: `--all` shows them.", count(page.unsure, "line"));
    }
    text
}

fn write_line(text: &mut String, line: &Line) {
    let _ = writeln!(text, "- {}", one_line(&line.line));
    if let Some(said_of) = &line.said_of {
        let _ = writeln!(text, "  - said of: {}", one_line(said_of));
    }
    if let Some(Written { file, line, since, times }) = &line.written {
        let since =
            since.as_deref().and_then(|time| time.get(..10)).map(|day| format!(" since {day}")).unwrap_or_default();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let _ =
            writeln!(text, "  - line {line} of `{name}` says so{since}; said again {} after that", times_of(*times));
    }
    let last = line.last.as_deref().and_then(|time| time.get(..10)).map(|day| format!(", last on {day}"));
    let _ = writeln!(
        text,
        "  - said {} in {} by {}{}; {}confidence {:.2}, `{}`",
        times_of(line.times),
        count(line.sessions, "session"),
        people(&line.people),
        last.unwrap_or_default(),
        if line.status == "approved" { "approved, " } else { "" },
        line.confidence,
        line.item_id,
    );
    for Quote { user, time, quote } in &line.quotes {
        let day = time.as_deref().and_then(|time| time.get(..10)).map(|day| format!(", {day}")).unwrap_or_default();
        let _ = writeln!(text, "  - “{}” ({}{day})", one_line(quote), one_line(user));
    }
}

fn write_prompt(text: &mut String, prompt: &Prompt) {
    let cost = prompt.cost().map(|[all, each]| format!("; {} in all, {} each time", rounded(all), rounded(each)));
    let _ = writeln!(
        text,
        "- “{}”: a command could say it, such as `/{}`\n  - {} in {} by {}{}",
        one_line(&prompt.text),
        prompt.command,
        times_of(prompt.times),
        count(prompt.sessions, "session"),
        people(&prompt.people),
        cost.unwrap_or_default(),
    );
}

fn times_of(number: u64) -> String {
    if number == 1 { "once".to_owned() } else { count(number, "time").to_string() }
}

/// `ada`, `ada and bob`, `ada, bob and 3 others`.
fn people(people: &BTreeSet<String>) -> String {
    let names: Vec<_> = people.iter().map(|name| one_line(name)).collect();
    match &names[..] {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        [one, other, rest @ ..] => format!("{one}, {other} and {}", count(rest.len() as u64, "other")),
    }
}

/// A text of a person as a single line.
pub(super) fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}
