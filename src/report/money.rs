//! Amounts of money as text and numbers. They are exact everywhere except in tables, where they are rounded.

use crate::base::error::thousands;
use crate::price::PicoUsd;

const DOLLAR: PicoUsd = 1_000_000_000_000;
const CENT: PicoUsd = DOLLAR / 100;

/// All digits: `0.1575`.
pub fn exact(money: PicoUsd) -> String {
    let sign = if money < 0 { "-" } else { "" };
    let (dollars, rest) = (money.unsigned_abs() / DOLLAR.unsigned_abs(), money.unsigned_abs() % DOLLAR.unsigned_abs());
    let text = format!("{sign}{dollars}.{rest:012}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Dollars as a JSON number, as precise as the format allows.
pub fn dollars(money: PicoUsd) -> f64 {
    exact(money).parse().unwrap_or(f64::NAN)
}

/// Rounded to cents: `$1,234.56`, `-$0.23`. An amount below half a cent is `<$0.01`, not zero.
pub fn rounded(money: PicoUsd) -> String {
    let sign = if money < 0 { "-" } else { "" };
    let cents = (money.abs() + CENT / 2) / CENT;
    if money != 0 && cents == 0 {
        return format!("{sign}<$0.01");
    }
    format!("{sign}${}.{:02}", thousands(cents / 100), cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact_until_it_is_rounded() {
        for (money, text, table) in [
            (0, "0", "$0.00"),
            (1, "0.000000000001", "<$0.01"),
            (4_999_999_999, "0.004999999999", "<$0.01"),
            (5_000_000_000, "0.005", "$0.01"),
            (157_500_000_000, "0.1575", "$0.16"),
            (999_999_999_999_999, "999.999999999999", "$1,000.00"),
            (-230_000_000_000, "-0.23", "-$0.23"),
            (-1, "-0.000000000001", "-<$0.01"),
            (1_234_567_890_000_000_000, "1234567.89", "$1,234,567.89"),
        ] {
            assert_eq!((exact(money).as_str(), rounded(money).as_str()), (text, table));
        }
        assert_eq!(dollars(66_324_357_500_000), 66.324_357_5);
    }
}
