//! A fast check for texts without credentials, which nearly all texts are.
//!
//! Every form of a credential has a *sign* that no text of that form lacks: the word with which it begins, or a long
//! run of bytes of one kind. What follows the word is checked less precisely than in the real search. So a sign can be
//! a false alarm, but no credential is missed. A letter outside ASCII counts as whatever makes the check succeed.

use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// What must follow the word of a sign.
#[derive(Clone, Copy)]
enum Then {
    Anything,
    /// At least this many letters, digits, `_` or `-`.
    Word(usize),
    /// Spaces, and at least this many characters of a token.
    Token(usize),
    /// A name, a colon, a password and an `@`; or a long name and an `@`.
    Password,
    /// A `:`, `=` or `is`, possibly after a quote and spaces, and a word with a digit; or spaces and a long word.
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
    // Two characters that Unicode treats as case variants of `s` and `k`, so a word can be spelled with them.
    ("\u{17f}", Then::Anything),
];

/// The second of them. It cannot be in the list, because the words are compared as ASCII without case.
const KELVIN: &str = "\u{212a}";

/// Finds the words, ignoring case.
static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = WORDS.iter().map(|(word, _)| *word);
    AhoCorasick::builder().ascii_case_insensitive(true).build(words.chain([KELVIN])).ok()
});

/// What a text may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// No credential.
    Nothing,
    /// Only long random texts and card numbers.
    Row,
    /// Any credential.
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

/// Whether the run of bytes of this kind at the beginning contains a digit, or is too long to check.
fn has_digit(bytes: &[u8], kind: impl Fn(&u8) -> bool) -> bool {
    const MANY: usize = 64;
    let mut row = bytes.iter().take_while(|byte| kind(byte));
    row.by_ref().take(MANY).any(u8::is_ascii_digit) || row.next().is_some()
}

/// Whether there is a run of at least `least` bytes of a kind for which `is_one` holds.
fn has_row(bytes: &[u8], least: usize, kind: fn(u8) -> bool, is_one: impl Fn(&[u8]) -> bool) -> bool {
    // Every such run contains a byte at a multiple of `least`, so only these need to be checked.
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

/// Whether there is a long word that is mixed enough to be random, as a whole or in one of its parts, or that may
/// contain a number of 256 bits.
fn has_long_word(bytes: &[u8]) -> bool {
    let is_part = |byte: u8| is_word(byte) || byte == b'+' || byte == b'/';
    has_row(bytes, 40, is_part, |row| {
        let count = |kind: fn(&u8) -> bool| row.iter().filter(|byte| kind(byte)).count();
        let mixed = [count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase), count(u8::is_ascii_digit)];
        mixed.iter().all(|count| *count >= 2) || count(u8::is_ascii_hexdigit) >= 64
    })
}

/// Whether there are as many digits as a card has, possibly with single separators between them.
fn has_card(bytes: &[u8]) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b' ' || byte == b'-';
    has_row(bytes, 13, is_part, |row| {
        let mut parts = row.chunk_by(|one, next| one.is_ascii_digit() || next.is_ascii_digit());
        parts.any(|part| part.iter().filter(|byte| byte.is_ascii_digit()).count() >= 13)
    })
}
