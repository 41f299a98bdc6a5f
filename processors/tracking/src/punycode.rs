//! Host name labels in ASCII: Punycode, RFC 3492.
//!
//! Browsers send hosts in this form. Texts by people, such as a configuration, can contain the Unicode letters.

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const INITIAL_BIAS: u32 = 72;
const INITIAL_N: u32 = 128;

/// The label in ASCII: unchanged if it is ASCII already, else `xn--` and its Punycode. `None` if it is too long for a
/// label.
pub(crate) fn ascii(label: &str) -> Option<String> {
    if label.is_ascii() {
        return Some(label.to_owned());
    }
    // A valid label has at most 63 bytes in ASCII, so a longer text is refused before it takes time.
    let letters: Vec<u32> = label.chars().take(64).map(u32::from).collect();
    if letters.len() > 63 {
        return None;
    }
    let mut text: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(text.len()).ok()?;
    if basic > 0 {
        text.push('-');
    }
    let (mut n, mut delta, mut bias, mut handled) = (INITIAL_N, 0_u32, INITIAL_BIAS, basic);
    while (handled as usize) < letters.len() {
        let next = letters.iter().copied().filter(|letter| *letter >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for &letter in &letters {
            if letter < n {
                delta = delta.checked_add(1)?;
            }
            if letter == n {
                push_number(&mut text, delta, bias);
                bias = adapted(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n += 1;
    }
    (text.len() <= 59).then(|| format!("xn--{text}"))
}

/// Writes a number of variable length (section 6.3).
fn push_number(text: &mut String, number: u32, bias: u32) {
    let mut rest = number;
    for k in (BASE..).step_by(BASE as usize) {
        let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if rest < threshold {
            break;
        }
        text.push(digit(threshold + (rest - threshold) % (BASE - threshold)));
        rest = (rest - threshold) / (BASE - threshold);
    }
    text.push(digit(rest));
}

/// The bias for the next number (section 6.1).
fn adapted(delta: u32, points: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

/// The character of a digit: `a` to `z` are 0 to 25, `0` to `9` are 26 to 35.
fn digit(value: u32) -> char {
    let value = u8::try_from(value).unwrap_or_default();
    char::from(if value < 26 { b'a' + value } else { b'0' + value - 26 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_written_in_ascii() {
        for (label, expected) in [
            ("shop", "shop"),
            ("müller", "xn--mller-kva"),
            ("bücher", "xn--bcher-kva"),
            ("ü", "xn--tda"),
            ("例え", "xn--r8jz45g"),
            ("пример", "xn--e1afmkfd"),
            ("mañana", "xn--maana-pta"),
            ("☃-⌘", "xn----dqo34k"),
        ] {
            assert_eq!(ascii(label).as_deref(), Some(expected), "{label}");
        }
    }

    #[test]
    fn a_label_of_any_length_costs_little() {
        assert_eq!(ascii(&"ü".repeat(1_000_000)), None);
        assert_eq!(ascii(&"例え".repeat(31)), None);
    }
}
