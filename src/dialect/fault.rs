//! Classifies why tool calls failed and why the API returned errors, by the text that the model or the person got.
//!
//! A phrase is only recognised at the beginning of an error, because the output of a command further down can quote
//! anything.

use sessionmill_contract::event::Decliner;
use sessionmill_contract::{ApiCause, Cause};

/// Beginnings of errors, and their causes.
const BEGINNINGS: [(&str, Cause); 29] = [
    ("Exit code ", Cause::Exit),
    ("Command failed", Cause::Exit),
    ("Pre-commit validation failed", Cause::Exit),
    ("Sibling tool call errored", Cause::NotRun),
    ("Cancelled: parallel tool call", Cause::NotRun),
    ("String to replace not found in file", Cause::EditTarget),
    ("String not found in file", Cause::EditTarget),
    ("No changes to make", Cause::EditTarget),
    ("apply_patch verification failed", Cause::EditTarget),
    ("File has not been read yet", Cause::NotRead),
    ("File has been modified since read", Cause::NotRead),
    ("File has been unexpectedly modified", Cause::NotRead),
    ("File does not exist", Cause::NoFile),
    ("Path does not exist", Cause::NoFile),
    ("Directory does not exist", Cause::NoFile),
    ("ENOENT", Cause::NoFile),
    ("EACCES", Cause::Permission),
    ("EPERM", Cause::Permission),
    ("Permission denied", Cause::Permission),
    ("Command timed out", Cause::Timeout),
    ("Timeout", Cause::Timeout),
    ("Request timed out", Cause::Timeout),
    ("Unknown skill", Cause::UnknownTool),
    ("Unknown tool", Cause::UnknownTool),
    ("No such tool available", Cause::UnknownTool),
    ("unsupported call", Cause::UnknownTool),
    ("InputValidationError", Cause::Arguments),
    ("failed to parse function arguments", Cause::Arguments),
    ("Output too large", Cause::TooLarge),
];

/// Beginnings of the answer if a person interrupted the turn.
const INTERRUPTED: [&str; 3] = ["Interrupted by user", "[Request interrupted by user", "aborted by user"];

/// Why a call failed.
pub(super) fn cause(declined_by: Option<Decliner>, message: &str) -> Cause {
    let text = inner(message);
    match declined_by {
        Some(Decliner::Person) if INTERRUPTED.iter().any(|start| text.starts_with(start)) => Cause::Interrupted,
        Some(Decliner::Person) => Cause::Declined,
        Some(Decliner::Policy) => Cause::Permission,
        Some(Decliner::Client) => Cause::NotRun,
        None => by_text(text),
    }
}

fn by_text(text: &str) -> Cause {
    if let Some((_, cause)) = BEGINNINGS.iter().find(|(start, _)| text.starts_with(start)) {
        return *cause;
    }
    let first = text.lines().next().unwrap_or_default();
    let is = |start: &str, end: &str| first.starts_with(start) && first.contains(end);
    if is("Found ", " matches of the string to replace") {
        Cause::EditTarget
    } else if is("Agent type ", " not found") {
        Cause::UnknownTool
    } else if first.contains("exceeds maximum allowed") {
        Cause::TooLarge
    } else if first.contains("No such file or directory") || first.contains("no such file or directory") {
        Cause::NoFile
    } else if first.contains("TimeoutError") || first.contains("timed out") {
        Cause::Timeout
    } else {
        Cause::Other
    }
}

/// An error without the wrappers and prefixes that clients add.
pub(super) fn inner(message: &str) -> &str {
    let text = message.trim();
    let text = text.strip_prefix("<tool_use_error>").unwrap_or(text);
    let text = text.strip_suffix("</tool_use_error>").unwrap_or(text).trim_start();
    let text = text.strip_prefix("### Error").map_or(text, str::trim_start);
    text.strip_prefix("Error: ").unwrap_or(text)
}

/// Why the API returned an error, by the client's text about it.
pub(super) fn api(text: &str) -> ApiCause {
    const CAUSES: [(&str, ApiCause); 16] = [
        ("529", ApiCause::Overload),
        ("overloaded", ApiCause::Overload),
        ("at capacity", ApiCause::Overload),
        ("503", ApiCause::Overload),
        ("429", ApiCause::Limit),
        ("rate limit", ApiCause::Limit),
        ("rate_limit", ApiCause::Limit),
        ("usage limit", ApiCause::Limit),
        ("limit reached", ApiCause::Limit),
        ("hit your limit", ApiCause::Limit),
        ("credit balance", ApiCause::Limit),
        ("401", ApiCause::Auth),
        ("403", ApiCause::Auth),
        ("api key", ApiCause::Auth),
        ("authentication", ApiCause::Auth),
        ("/login", ApiCause::Auth),
    ];
    let head: String = text.chars().take(300).collect::<String>().to_lowercase();
    // A status must be a whole word, because ids can contain its digits.
    let has = |sign: &str| match sign.starts_with(|first: char| first.is_ascii_digit()) {
        true => head.split(|c: char| !c.is_alphanumeric()).any(|word| word == sign),
        false => head.contains(sign),
    };
    CAUSES.iter().find(|(sign, _)| has(sign)).map_or(ApiCause::Other, |(_, cause)| *cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_error_shows_its_cause() {
        for (message, expected) in [
            ("Exit code 1\nENOENT: no such file", Cause::Exit),
            ("<tool_use_error>Sibling tool call errored</tool_use_error>", Cause::NotRun),
            ("<tool_use_error>String to replace not found in file.\nString: a</tool_use_error>", Cause::EditTarget),
            ("<tool_use_error>Found 3 matches of the string to replace, but replace_all is false", Cause::EditTarget),
            ("<tool_use_error>File has not been read yet. Read it first</tool_use_error>", Cause::NotRead),
            ("<tool_use_error>File does not exist. Did you mean a.rs?</tool_use_error>", Cause::NoFile),
            ("Error: ENOENT: no such file or directory, open '/x'", Cause::NoFile),
            ("sed: /x: No such file or directory", Cause::NoFile),
            ("### Error\nTimeoutError: locator.click: Timeout 5000ms exceeded.", Cause::Timeout),
            ("Command timed out after 2m 0.0s", Cause::Timeout),
            ("<tool_use_error>Unknown skill: commit</tool_use_error>", Cause::UnknownTool),
            ("Agent type 'oiler' not found. Available agents: miller", Cause::UnknownTool),
            ("<tool_use_error>InputValidationError: Read failed</tool_use_error>", Cause::Arguments),
            ("File content (31000 tokens) exceeds maximum allowed tokens (25000).", Cause::TooLarge),
            ("permission denied for schema mill", Cause::Other),
            ("the word is\nExit code 1", Cause::Other),
            ("", Cause::Other),
        ] {
            assert_eq!(cause(None, message), expected, "{message}");
        }
    }

    #[test]
    fn the_cause_follows_from_who_declined_a_call() {
        let stopped = "[Request interrupted by user for tool use]";
        assert_eq!(cause(Some(Decliner::Person), stopped), Cause::Interrupted);
        assert_eq!(cause(Some(Decliner::Person), "The user doesn't want to proceed"), Cause::Declined);
        assert_eq!(cause(Some(Decliner::Policy), "Exit code 1"), Cause::Permission);
        assert_eq!(cause(Some(Decliner::Client), ""), Cause::NotRun);
    }

    #[test]
    fn errors_of_the_api_are_classified() {
        for (text, expected) in [
            ("API Error: 529 {\"type\":\"overloaded_error\"}", ApiCause::Overload),
            ("Claude AI usage limit reached|1772366400", ApiCause::Limit),
            ("API Error: 429 rate_limit_error", ApiCause::Limit),
            ("Invalid API key · Please run /login", ApiCause::Auth),
            ("API Error: 500 internal server error (request req_4290)", ApiCause::Other),
            ("", ApiCause::Other),
        ] {
            assert_eq!(api(text), expected, "{text}");
        }
    }
}
