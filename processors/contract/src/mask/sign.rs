//! Tells texts that hold no credential, which nearly all are, far faster than a search for one.
//!
//! Each shape has a sign that no text of that shape is without: the word that it begins with, or a long row of bytes of
//! one kind. What follows the word is looked at with less care than by the search: a sign can be a false one, but no
//! credential is without. A letter that is not ASCII counts as whatever would make it a sign.

use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// What stands behind the word of a sign.
#[derive(Clone, Copy)]
enum Then {
    Anything,
    /// At least this number of letters, digits, `_` or `-`.
    Word(usize),
    /// Blanks, and at least this number of characters of a token.
    Token(usize),
    /// A name, a colon, a password and an `@`; or a long name and an `@`.
    Password,
    /// A `:`, `=` or `is`, perhaps behind a quote and blanks, and a word with a digit; or blanks, and a long one.
    Value,
}

const WORDS: [(&str, Then); 53] = [
    ("-----begin ", Then::Anything),
    ("sk-", Then::Word(16)),
    ("sk_", Then::Word(16)),
    ("pk-", Then::Word(16)),
    ("pk_", Then::Word(16)),
    ("rk-", Then::Word(16)),
    ("rk_", Then::Word(16)),
    ("gho_", Then::Word(10)),
    ("ghp_", Then::Word(10)),
    ("ghr_", Then::Word(10)),
    ("ghs_", Then::Word(10)),
    ("ghu_", Then::Word(10)),
    ("github_pat_", Then::Word(10)),
    ("glpat-", Then::Word(10)),
    ("npm_", Then::Word(10)),
    ("hf_", Then::Word(10)),
    ("xox", Then::Word(11)),
    ("akia", Then::Word(16)),
    ("asia", Then::Word(16)),
    ("aiza", Then::Word(30)),
    ("eyj", Then::Word(8)),
    ("://", Then::Password),
    ("bearer", Then::Token(16)),
    ("basic", Then::Token(16)),
    ("password", Then::Value),
    ("passwd", Then::Value),
    ("passphrase", Then::Value),
    ("pwd", Then::Value),
    ("secret", Then::Value),
    ("token", Then::Value),
    ("apikey", Then::Value),
    ("api key", Then::Value),
    ("api_key", Then::Value),
    ("api-key", Then::Value),
    ("accesskey", Then::Value),
    ("access key", Then::Value),
    ("access_key", Then::Value),
    ("access-key", Then::Value),
    ("_pass", Then::Value),
    ("-pass", Then::Value),
    ("passwort", Then::Value),
    ("kennwort", Then::Value),
    ("contrase", Then::Anything),
    ("пароль", Then::Value),
    ("Пароль", Then::Value),
    ("ПАРОЛЬ", Then::Value),
    ("age-secret-key-1", Then::Word(20)),
    ("sg.", Then::Word(16)),
    (":aa", Then::Word(33)),
    ("curl", Then::Anything),
    ("mysql", Then::Anything),
    ("sshpass", Then::Anything),
    // Two letters that Unicode takes for an `s` and a `k`: a name can be spelled with them.
    ("\u{17f}", Then::Anything),
];

/// The other one; it has no place in the list, whose words are compared without case.
const KELVIN: &str = "\u{212a}";

/// The words, in any case.
static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = WORDS.iter().map(|(word, _)| *word);
    AhoCorasick::builder().ascii_case_insensitive(true).build(words.chain([KELVIN])).ok()
});

/// What a text can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// No credential.
    Nothing,
    /// Long texts and numbers of cards alone.
    Row,
    /// Any.
    Word,
}

/// The signs in a text.
pub(super) fn of(text: &str) -> Sign {
    let Some(search) = &*SEARCH else { return Sign::Word };
    let bytes = text.as_bytes();
    let is_sign = |end: usize, word: usize| {
        let behind = &bytes[end..];
        match WORDS.get(word).map_or(Then::Anything, |(_, then)| *then) {
            Then::Anything => true,
            Then::Word(least) => behind.iter().take(least).filter(|byte| is_word(**byte)).count() == least,
            Then::Token(least) => is_token(behind, least),
            Then::Password => is_password(behind),
            Then::Value => is_value(behind),
        }
    };
    let mut words = search.find_overlapping_iter(text);
    if words.any(|found| is_sign(found.end(), found.pattern().as_usize())) {
        Sign::Word
    } else if has_long_word(bytes) || has_card(bytes) {
        Sign::Row
    } else {
        Sign::Nothing
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_blank(byte: &u8) -> bool {
    byte.is_ascii_whitespace() || *byte == 0x0b || !byte.is_ascii()
}

fn is_token(behind: &[u8], least: usize) -> bool {
    let is_part = |byte: &&u8| is_word(**byte) || b"._~+/".contains(*byte);
    let blanks = behind.iter().take_while(|byte| is_blank(byte)).count();
    blanks > 0 && behind[blanks..].iter().take(least).take_while(is_part).count() == least
}

fn is_password(behind: &[u8]) -> bool {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'/' || *byte == b'@';
    let Some(end) = behind.iter().position(ends) else { return false };
    behind[end] == b'@' && (end >= 20 || behind[..end].contains(&b':'))
}

fn is_value(behind: &[u8]) -> bool {
    let behind = after_quote(behind);
    let rest = after_blanks(behind);
    let blanks = &behind[..behind.len() - rest.len()];
    if !blanks.is_ascii() {
        return true;
    }
    let value = match rest {
        [b':' | b'=', value @ ..] => Some(value),
        [b'i' | b'I', b's' | b'S', value @ ..] if value.first().is_some_and(is_blank) => Some(value),
        _ => None,
    };
    if let Some(value) = value {
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"',;".contains(byte);
        return has_digit(after_quote(after_blanks(value)), |byte| !ends(byte));
    }
    let is_long = rest.iter().take(24).filter(|byte| is_word(**byte)).count() == 24;
    !blanks.is_empty() && is_long && has_digit(rest, |byte| is_word(*byte))
}

fn after_quote(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\"").or_else(|| bytes.strip_prefix(b"'")).unwrap_or(bytes)
}

fn after_blanks(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| is_blank(byte)).count()..]
}

/// Whether the bytes of a kind that it begins with have a digit among them, or are so many that it takes too long to say.
fn has_digit(bytes: &[u8], kind: impl Fn(&u8) -> bool) -> bool {
    const MANY: usize = 64;
    let mut row = bytes.iter().take_while(|byte| kind(byte));
    row.by_ref().take(MANY).any(u8::is_ascii_digit) || row.next().is_some()
}

/// Whether there is a row of at least `least` bytes of a kind that `is_one` takes.
fn has_row(bytes: &[u8], least: usize, kind: fn(u8) -> bool, is_one: impl Fn(&[u8]) -> bool) -> bool {
    // One of the bytes in such a row is at each multiple of its least length.
    let mut at = least - 1;
    while let Some(byte) = bytes.get(at) {
        if !kind(*byte) {
            at += least;
            continue;
        }
        let start = bytes[..at].iter().rposition(|byte| !kind(*byte)).map_or(0, |before| before + 1);
        let end = bytes[at..].iter().position(|byte| !kind(*byte)).map_or(bytes.len(), |length| at + length);
        if end - start >= least && is_one(&bytes[start..end]) {
            return true;
        }
        at = end + least;
    }
    false
}

/// Whether a long word is mixed enough to be random, as a whole or in one of its parts, or can have a number of 256 bits
/// in it.
fn has_long_word(bytes: &[u8]) -> bool {
    let is_part = |byte: u8| is_word(byte) || byte == b'+' || byte == b'/';
    has_row(bytes, 40, is_part, |row| {
        let count = |kind: fn(&u8) -> bool| row.iter().filter(|byte| kind(byte)).count();
        let mixed = [count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase), count(u8::is_ascii_digit)];
        mixed.iter().all(|count| *count >= 2) || count(u8::is_ascii_hexdigit) >= 64
    })
}

/// Whether digits, with or without a separator between two of them, are as many as those of a card.
fn has_card(bytes: &[u8]) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b' ' || byte == b'-';
    has_row(bytes, 13, is_part, |row| {
        let mut parts = row.chunk_by(|one, next| one.is_ascii_digit() || next.is_ascii_digit());
        parts.any(|part| part.iter().filter(|byte| byte.is_ascii_digit()).count() >= 13)
    })
}
