//! Masks credentials in texts before they are searched, sent or stored.
//!
//! Only known forms are masked: keys and tokens of services, private keys, passwords in URLs and after the word
//! "password", long random texts, and numbers of payment cards. Names, mail addresses, telephone numbers and ids are
//! kept: they are not credentials, and a fact can be about them.

mod sign;

use regex::{Captures, Regex, RegexBuilder};
use sign::Sign;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Replaces a credential.
const MASK: &str = "[masked]";

/// One form per line. Text in the group `keep` is kept before a credential. A `value` or `long` text is only masked if
/// it looks random, and a `card` only if it can be the number of a card.
static SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let shapes = [
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
        r"(?-u:\b)(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}",
        r"(?-u:\b)(?:gh[opsru]_|github_pat_|glpat-|npm_|hf_|xox[abeprs]-)[A-Za-z0-9_-]{10,}",
        r"(?-u:\b)(?:AKIA|ASIA)[A-Z0-9]{16}(?-u:\b)",
        r"(?-u:\b)AIza[A-Za-z0-9_-]{30,}",
        r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
        r"(?P<keep>(?-u:\b)[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?P<at>@)",
        r"(?P<account>(?-u:\b)[A-Za-z][A-Za-z0-9+.-]*://)[A-Za-z0-9_-]{20,}:?(?P<host>@)",
        r"(?-u:\b)SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        r"(?i:AGE-SECRET-KEY-1)[A-Za-z0-9]{20,}",
        r"(?-u:\b)[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
        r"(?P<scheme>(?-u:\b)(?:[Bb]earer|[Bb]asic)\s+)[A-Za-z0-9._~+/-]{16,}=*",
        concat!(
            r#"(?P<name>(?i:password|passwd|passphrase|pwd|[_-]pass|passwort|kennwort|contraseña|(?-i:пароль|Пароль|ПАРОЛЬ)|"#,
            r#"secret|token|api[ _-]?key|access[ _-]?key)["']?(?:\s*[:=：]\s*|\s+(?i:is|ist)\s+)["']?)"#,
            r#"(?P<value>[^\s"',;]{6,})"#
        ),
        r"(?P<spaced>(?i:token|api[ _-]?key|access[ _-]?key)\s+)(?P<key>[A-Za-z0-9_-]{24,})",
        r#"(?P<login>(?-u:\b)curl(?-u:\b)[^\n|;&]*?\s(?:-u|--user)[ =]?["']?[^\s:"']{1,64}:)[^\s"']+"#,
        r"(?P<flag>(?-u:\b)mysql(?:dump|admin)?(?-u:\b)[^\n|;&]*?\s-p)[^\s-]\S*",
        r"(?P<option>(?-u:\b)sshpass\s+-p\s*)\S+",
        ROW,
    ];
    search(&shapes.join("|"))
});

/// The last two of these forms.
const ROW: &str = r"(?P<long>[A-Za-z0-9+/_-]{40,}={0,2})|(?P<card>(?-u:\b)[0-9](?:[ -]?[0-9]){12,18}(?-u:\b))";

/// Searching only for these takes a fraction of the time.
static IN_ROW: LazyLock<Option<Regex>> = LazyLock::new(|| search(ROW));

/// If the forms cannot be compiled, nothing may pass unmasked: [`mask`] ensures that.
fn search(shapes: &str) -> Option<Regex> {
    RegexBuilder::new(shapes).dfa_size_limit(STATES).build().ok()
}

/// The most bytes of a search's state cache. The forms count characters, which needs many states. With less memory, the
/// search would drop states and compute them again all the time.
const STATES: usize = 32 << 20;

/// The text with credentials masked.
pub fn mask(text: &str) -> Cow<'_, str> {
    let secret = match sign::of(text) {
        Sign::Nothing => return Cow::Borrowed(text),
        Sign::Row => &*IN_ROW,
        Sign::Word => &*SECRET,
    };
    secret.as_ref().map_or(Cow::Borrowed(MASK), |secret| secret.replace_all(text, replacement))
}

fn replacement(found: &Captures<'_>) -> String {
    let group = |name: &str| found.name(name).map(|group| group.as_str());
    let has_digit = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
    let harmless = ["value", "key"].into_iter().find_map(group).is_some_and(|value| !has_digit(value))
        || group("long").is_some_and(|long| !is_random(long))
        || group("card").is_some_and(|card| !is_card(card));
    if harmless {
        return found[0].to_owned();
    }
    let before = ["keep", "account", "scheme", "name", "spaced", "login", "flag", "option"]
        .into_iter()
        .find_map(group)
        .unwrap_or_default();
    format!("{before}{MASK}{}", ["at", "host"].into_iter().find_map(group).unwrap_or_default())
}

/// Whether a long text is random rather than a word, a path or a short hash: it mixes upper case, lower case and
/// digits, or is a number of 256 bits.
///
/// A path such as `com/Mill/Oil/pull/123` mixes them across its parts. Base64 also contains slashes, but few, and each
/// part between them is mixed. So a text with two or more slashes is random if one of its parts is random, or if most
/// parts are mixed.
fn is_random(text: &str) -> bool {
    let is_number = |text: &str| text.len() >= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mixes = |text: &str, least: usize| {
        [u8::is_ascii_uppercase, u8::is_ascii_lowercase, u8::is_ascii_digit]
            .iter()
            .all(|kind| text.bytes().filter(kind).count() >= least)
    };
    match text.matches('/').count() {
        0 | 1 => is_number(text) || mixes(text, 3),
        slashes => {
            let is_random = |part: &str| is_number(part) || part.len() >= 8 && mixes(part, 2);
            let mixed = text.split('/').filter(|part| mixes(part, 1)).count();
            mixed * 2 > slashes || text.split('/').any(is_random)
        }
    }
}

/// Whether digits are grouped like those of a card, or their checksum is that of a card (ISO/IEC 7812-1, annex B).
fn is_card(text: &str) -> bool {
    let groups: Vec<usize> = text.split([' ', '-']).map(str::len).collect();
    let digits = text.bytes().filter(u8::is_ascii_digit).map(|byte| u32::from(byte - b'0')).rev();
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
        .sum();
    groups == [4, 4, 4, 4] || sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_known_shapes_are_masked() {
        let random = "Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4f";
        for (text, masked) in [
            (format!("key sk-ant-api03-{random}, ok"), "key [masked], ok"),
            (format!("ghp_{random}"), "[masked]"),
            ("AKIAIOSFODNN7EXAMPLE".to_owned(), "[masked]"),
            (format!("eyJ{random}.eyJ{random}.{random}"), "[masked]"),
            ("https://ada:hunter2@example.org/".to_owned(), "https://ada:[masked]@example.org/"),
            ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nok".to_owned(), "[masked]\nok"),
            ("-----BEGIN RSA PRIVATE KEY-----MIIE and more".to_owned(), "[masked]"),
            (format!("Authorization: Bearer {random}"), "Authorization: Bearer [masked]"),
            ("DB_PASSWORD=\"s3cret!pass\"".to_owned(), "DB_PASSWORD=\"[masked]\""),
            ("my api_key: abc123def".to_owned(), "my api_key: [masked]"),
            (format!("secret: {}1", "o.O".repeat(40)), "secret: [masked]"),
            (format!("it is {random}Gh7iJk0l"), "it is [masked]"),
            (format!("it is {random}/+{random}=="), "it is [masked]"),
            (format!("https://example.org/a/b/{random}/c"), "https://example.[masked]"),
            ("wJalr7XUtnFEM/K7MDENG/bPx2RfiCY1EXAMPLEKEY".to_owned(), "[masked]"),
            ("0123456789abcdef".repeat(4), "[masked]"),
            ("aB3d/eF6h/iJ9k/lM2n/oP5q/rS8t/uV1w/xY4z/bC5d".to_owned(), "[masked]"),
            (format!("https://{random}@example.org/a"), "https://[masked]@example.org/a"),
            (format!("https://{random}:@example.org/a"), "https://[masked]@example.org/a"),
            (format!("SG.{}.{random}", &random[..22]), "[masked]"),
            (format!("AGE-SECRET-KEY-1{}", random.to_uppercase()), "[masked]"),
            (format!("bot 123456789:AA{random}x"), "bot [masked]"),
            ("API key 0123456789abcdef0123456789abcdef, ok".to_owned(), "API key [masked], ok"),
            ("db_pass: 'hunter22'".to_owned(), "db_pass: '[masked]'"),
            ("Passwort: geheim99".to_owned(), "Passwort: [masked]"),
            ("ПАРОЛЬ: тайна99".to_owned(), "ПАРОЛЬ: [masked]"),
            ("token：abc123def".to_owned(), "token：[masked]"),
            ("my password is hunter22".to_owned(), "my password is [masked]"),
            ("curl -s -u ada:hunter2 https://example.org".to_owned(), "curl -s -u ada:[masked] https://example.org"),
            ("curl --user='ada:hunter2' -o x".to_owned(), "curl --user='ada:[masked]' -o x"),
            ("mysqldump -h db -u root -phunter2 shop".to_owned(), "mysqldump -h db -u root -p[masked] shop"),
            ("sshpass -p hunter2 ssh ada@host".to_owned(), "sshpass -p [masked] ssh ada@host"),
            ("pay with 4111 1111 1111 1112".to_owned(), "pay with [masked]"),
            ("or 4111111111111111.".to_owned(), "or [masked]."),
        ] {
            assert_eq!(mask(&text), masked, "{text}");
        }
        for of in ["api", "Access"] {
            for mark in ["", " ", "_", "-"] {
                assert_eq!(mask(&format!("{of}{mark}key: abc123def")), format!("{of}{mark}key: [masked]"));
            }
        }
    }

    #[test]
    fn a_text_without_a_sign_has_no_credential() {
        const PIECES: [&str; 53] = [
            "sk-",
            "pk_",
            "rk-",
            "ghp_",
            "github_pat_",
            "glpat-",
            "npm_",
            "hf_",
            "xoxb-",
            "AKIA",
            "ASIA",
            "AIza",
            "eyJ",
            ".eyJ",
            "https://",
            "a:",
            "@",
            "Bearer ",
            "Basic\u{a0}",
            "password",
            "PaSſWord",
            "toKen",
            "\"",
            "'",
            " ",
            "=",
            ": ",
            " is ",
            "Пароль",
            "_pass",
            "：",
            "SG.",
            "AGE-SECRET-KEY-1",
            ":AA",
            "-----BEGIN ",
            "PRIVATE KEY-----",
            "hunter2",
            "Ab3",
            "0123456789abcdef",
            "4111 1111 ",
            "1111-",
            "11111111",
            "ABCDEFGHIJKLMNOP",
            "abcdefgh",
            "_-+/",
            "ü",
            "\n",
            "curl",
            " -u ",
            "--user=",
            "mysql",
            "sshpass",
            " -p",
        ];
        let secret = SECRET.as_ref().unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let (mut with, mut without) = (0, 0);
        for _ in 0..60_000 {
            let few: Vec<_> = (0..4).map(|_| *random.choice(&PIECES).unwrap()).collect();
            let text: String = (0..random.usize(1..16)).map(|_| *random.choice(&few).unwrap()).collect();
            if sign::of(&text) != Sign::Nothing {
                with += 1;
                assert_eq!(mask(&text), secret.replace_all(&text, replacement));
            } else {
                without += 1;
                assert_eq!(secret.replace_all(&text, replacement), text);
            }
        }
        assert!(with > 10_000 && without > 10_000, "{with} with a sign, {without} without");
    }

    #[test]
    fn text_that_is_not_a_credential_is_kept() {
        for text in [
            "the token: expires after an hour",
            "the password is wrong, and the token is expired",
            "curl -u ada https://example.org:8080/",
            "mysql -u root -p shop",
            "an api key for-every-machine-in-the-mill",
            "ssh://git@example.org/mill.git",
            "step_one_of_the_pass: later",
            "secret = the sauce",
            "ada@example.org, +49 160 1234567",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "/home/ada/projects/shop/src/checkout/cart/taxes_per_country",
            "/Users/Ada/Documents/Projects2024/ShopAPI/v1/Taxes123.rs",
            "https://github.com/Ada-Mill/OilPress/blob/main/src/Grinder/README.md?plain=1#L123-L456",
            "http://localhost:8080/a@b",
            "1234567890123 rows",
            "skate-boarding-in-the-park-at-night",
            "a word-that-is-very-long-and-goes-on-and-on-and-on",
            "Größe 秘密 🔑",
        ] {
            assert_eq!(mask(text), text);
        }
    }
}
