//! Removes from a sentence what people say at its beginning and end when they talk to an agent.

/// Beginnings of requests.
const BEGINNINGS: [&str; 15] = [
    "no",
    "yes",
    "ok",
    "okay",
    "also",
    "and",
    "so",
    "but",
    "instead",
    "please",
    "pls",
    "i think",
    "just",
    "from now on",
    "going forward",
];

/// Words after such a beginning that make it a part of the sentence: `instead of`.
const GOES_ON: [(&str, &[&str]); 3] = [
    ("instead", &["of"]),
    ("so", &["that", "far", "long", "many", "much"]),
    ("just", &["as", "because", "in", "like"]),
];

/// Words after a `no` without a comma that show that it is an answer: `no we do`, but not `no tokens are stored`.
const AFTER_NO: [&str; 41] = [
    "actually", "add", "always", "change", "do", "don't", "he", "i", "i'd", "i'm", "instead", "it", "it's", "just",
    "keep", "leave", "let's", "lets", "make", "never", "not", "please", "pls", "put", "remove", "revert", "she",
    "show", "stop", "that", "that's", "the", "there", "these", "they", "this", "those", "undo", "use", "we", "you",
];

/// Further beginnings, which ask for something. A following `not` negates the request.
const ASKS: [&str; 11] = [
    "can we",
    "can you",
    "could we",
    "could you",
    "would you",
    "i'd like you to",
    "i would like you to",
    "i want you to",
    "you should",
    "let's",
    "lets",
];

/// Whether a beginning only leads up to what follows.
fn leads_up(beginning: &str, tail: &str) -> bool {
    let next = tail.trim_start_matches([' ', ',']).split([' ', ',', '.']).next().unwrap_or_default().to_lowercase();
    let goes_on = GOES_ON.iter().any(|(of, words)| *of == beginning && words.contains(&&*next));
    tail.starts_with(',') || !goes_on && (beginning != "no" || AFTER_NO.contains(&&*next))
}

/// A line without its lead, without its number in a list of answers, and without a bracket whose other half is missing.
pub fn to_the_point(line: &str) -> String {
    let mut rest = line.trim();
    let inner = rest.trim_end_matches('.').strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    if let Some(inner) = inner.filter(|inner| !inner.contains(['(', ')'])) {
        rest = inner;
    } else if !rest.contains('(') && rest.trim_end_matches('.').ends_with(')') {
        rest = rest.trim_end_matches(['.', ')']);
    } else if !rest.contains(')') {
        rest = rest.trim_start_matches('(');
    }
    let mut asks = false;
    loop {
        let number = rest.find(['.', ')']).filter(|at| {
            let mark = &rest[..*at];
            mark.len() <= 2
                && !mark.is_empty()
                && mark.chars().all(char::is_alphanumeric)
                && rest[at + 1..].starts_with(' ')
        });
        let after = |beginning: &'static str| {
            let head = rest.get(..beginning.len())?;
            let tail = rest.get(beginning.len()..)?;
            let is_it = head.eq_ignore_ascii_case(beginning) && tail.starts_with([' ', ',']);
            (is_it && leads_up(beginning, tail)).then_some((beginning, tail))
        };
        let shorter = match number {
            Some(at) => &rest[at + 1..],
            None => match BEGINNINGS.into_iter().chain(ASKS).find_map(after) {
                Some((beginning, tail)) => {
                    asks = ASKS.contains(&beginning);
                    tail
                }
                None => break,
            },
        };
        rest = shorter.trim_start_matches([' ', ',']);
    }
    let rest = rest.strip_suffix(" please.").unwrap_or(rest);
    let denied = if asks && rest.starts_with("not ") { format!("do {rest}") } else { rest.to_owned() };
    let rest = denied.as_str();
    let is_word = rest.split(' ').next().is_some_and(|first| first.chars().all(|c| c.is_lowercase() || c == '\''));
    let mut chars = rest.chars();
    let mut line: String = match chars.next().filter(|_| is_word) {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => rest.to_owned(),
    };
    if !line.ends_with(['.', '!', '?', '…']) {
        line.push('.');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_to_the_point() {
        for (said, line) in [
            ("No, please use US English everywhere please.", "Use US English everywhere."),
            ("Can we please log an entry.", "Log an entry."),
            ("2. we don't store tokens.", "We don't store tokens."),
            ("B) `make lint` runs first.", "`make lint` runs first."),
            ("Nothing is stored.", "Nothing is stored."),
            ("Docs should be the source of truth).", "Docs should be the source of truth."),
            ("(docs should be the source of truth).", "Docs should be the source of truth."),
            ("Run `make` (not `cargo`).", "Run `make` (not `cargo`)."),
            ("No tokens are stored", "No tokens are stored."),
            ("No, tokens are stored", "Tokens are stored."),
            ("no we removed that on purpose", "We removed that on purpose."),
            ("Instead of `npm` we use `pnpm`", "Instead of `npm` we use `pnpm`."),
            ("Instead, use `pnpm`", "Use `pnpm`."),
            ("So that nobody waits, jobs are short", "So that nobody waits, jobs are short."),
            ("You should not commit generated files", "Do not commit generated files."),
            ("please can you not use mocks", "Do not use mocks."),
            ("Let's always run `make lint`", "Always run `make lint`."),
        ] {
            assert_eq!(to_the_point(said), line);
        }
    }
}
