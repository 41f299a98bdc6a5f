//! The sentences that a person wrote in a turn: without code, quotations, pasted documents, and output of programs.

use crate::rules::sentence::Sentence;

/// The most sentences that are used. Later ones in a long turn were probably pasted.
const SENTENCES: usize = 60;

/// The sentences of a turn, in order.
pub(super) fn sentences(text: &str) -> Vec<Sentence<'_>> {
    let mut sentences = Vec::new();
    let (mut start, mut in_code) = (0, false);
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let trimmed = line.trim_start();
        let is_fence = trimmed.starts_with("```") || trimmed.starts_with("~~~");
        if is_heading(line) && !in_code {
            break;
        }
        if is_fence {
            in_code = !in_code;
        } else if !in_code && !is_pasted(line) {
            cut(text, start, end, &mut sentences);
        }
        start = end;
        if sentences.len() >= SENTENCES {
            break;
        }
    }
    sentences
}

/// Cuts a line into sentences: at punctuation that ends one and is followed by a space.
fn cut<'t>(text: &'t str, start: usize, end: usize, sentences: &mut Vec<Sentence<'t>>) {
    let mut begin = start;
    let line = &text[start..end];
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(c, '.' | '!' | '?' | ';' | '…' | ')') {
            continue;
        }
        let follows_space = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        let at = start + at;
        let is_date = c == '.' && is_day(&text[begin..at], line.get(at - start + 1..).unwrap_or_default());
        let is_smile = c == ')' && matches!(line.as_bytes().get((at - start).wrapping_sub(1)), Some(b':' | b';'));
        if (is_smile || c != ')') && follows_space && !is_abbreviation(&text[begin..at]) && !is_date {
            push(text, begin, at + c.len_utf8(), sentences);
            begin = at + c.len_utf8();
        }
    }
    push(text, begin, end, sentences);
}

fn push<'t>(text: &'t str, start: usize, end: usize, sentences: &mut Vec<Sentence<'t>>) {
    let part = &text[start..end];
    let line = part.trim_start();
    let listed = line.trim_start_matches(['-', '*', '•', '#']);
    // A minus sign that is attached to a word belongs to it: "-80 for those".
    let bare =
        if listed.starts_with(char::is_alphanumeric) && line.starts_with('-') { line } else { listed.trim_start() };
    let bare = &bare[enumerator(bare)..];
    let start = end - bare.len();
    let end = start + bare.trim_end().len();
    if start < end {
        sentences.push(Sentence::new(text, start..end));
    }
}

/// The bytes of the number or letter of a list entry: `2. `, `b) `.
fn enumerator(text: &str) -> usize {
    let mark = text.find(['.', ')']).filter(|at| text[at + 1..].starts_with(' '));
    let is_number = |mark: &str| (1..=2).contains(&mark.len()) && mark.bytes().all(|b| b.is_ascii_digit());
    let is_letter =
        |at: usize| at == 1 && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text[at..].starts_with(')');
    mark.filter(|at| is_number(&text[..*at]) || is_letter(*at)).map_or(0, |at| at + 2)
}

/// Whether a full stop after this text belongs to an abbreviation or to the number of an entry.
fn is_abbreviation(before: &str) -> bool {
    const KNOWN: [&str; 12] = ["e.g", "i.e", "etc", "approx", "vs", "incl", "excl", "z.b", "d.h", "bzw", "ca", "p.ex"];
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
    let word = word.trim_start_matches('(');
    KNOWN.contains(&word) || !word.is_empty() && before.trim_start() == word && word.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a full stop belongs to a date, as in "am 31. März".
fn is_day(before: &str, after: &str) -> bool {
    const MONTHS: [&str; 12] = ["jan", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez"];
    let day = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let next = after.trim_start().to_lowercase();
    matches!(day.len(), 1 | 2)
        && day.bytes().all(|b| b.is_ascii_digit())
        && MONTHS.iter().any(|month| next.starts_with(month))
}

/// Whether the line is a heading. Then a document begins, such as a plan or an issue, which was pasted and mostly
/// written by a model.
fn is_heading(line: &str) -> bool {
    let text = line.trim_start_matches('#');
    text.len() < line.len() && text.starts_with(' ')
}

/// Whether a line is a quotation or looks like output of a program.
fn is_pasted(line: &str) -> bool {
    const BEGINNINGS: [&str; 26] = [
        ">",
        "|",
        "$ ",
        "+ ",
        "+++",
        "---",
        "@@",
        "at ",
        "error:",
        "error ",
        "warn ",
        "info ",
        "debug ",
        "error[",
        "warning:",
        "note:",
        "traceback",
        "file \"",
        "fatal:",
        "npm ",
        "panic",
        "//",
        "/*",
        "<",
        "{",
        "[",
    ];
    let trimmed = line.trim();
    let begins = |begin: &&str| trimmed.get(..begin.len()).is_some_and(|head| head.eq_ignore_ascii_case(begin));
    let is_indented = line.starts_with("    ") || line.starts_with('\t');
    let is_stamped = trimmed.len() > 10
        && trimmed.get(..4).is_some_and(|year| year.bytes().all(|b| b.is_ascii_digit()))
        && trimmed.as_bytes().get(4) == Some(&b'-');
    let is_noise = || {
        let letters = trimmed.chars().filter(|c| c.is_alphabetic() || c.is_whitespace()).count();
        letters * 10 < trimmed.chars().count() * 6
    };
    is_indented || is_stamped || BEGINNINGS.iter().any(begins) || is_noise()
}
