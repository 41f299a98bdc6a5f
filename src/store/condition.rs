//! Builds an SQL condition part by part, together with its parameters.

use crate::base::days::Days;
use crate::base::zone;
use crate::store::reader::Param;
use chrono_tz::Tz;

/// A condition on rows: all parts must hold. Without parts, it is true for every row.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    parts: Vec<String>,
    /// In the order of the `?` in the parts.
    pub params: Vec<Param>,
}

impl Condition {
    /// Adds a part, which has one `?` for each parameter.
    pub fn add(&mut self, part: impl Into<String>, params: impl IntoIterator<Item = Param>) {
        self.parts.push(part.into());
        self.params.extend(params);
    }

    /// Adds that a column has one of these texts. If there are no texts, the condition is false for every row.
    pub fn is_one_of(&mut self, column: &str, texts: impl IntoIterator<Item = String>) {
        let params: Vec<_> = texts.into_iter().map(Param::Text).collect();
        let part = if params.is_empty() { "false".to_owned() } else { one_of(column, params.len()) };
        self.add(part, params);
    }

    /// Adds that the time in a column is within a range of days in a time zone. The last day is included. For example,
    /// 1 February 2026 in Berlin is from 2026-01-31 23:00 to before 2026-02-01 23:00 UTC.
    pub fn is_in_days(&mut self, column: &str, days: Days, zone: Tz) {
        if let Some(day) = days.since {
            self.add(format!("{column} >= ?"), [Param::Time(zone::begin(day, zone))]);
        }
        if let Some(day) = days.until {
            self.add(format!("{column} < ?"), [Param::Time(zone::end(day, zone))]);
        }
    }

    /// The condition, to follow `WHERE`.
    pub fn clause(&self) -> String {
        if self.parts.is_empty() { "true".to_owned() } else { self.parts.join(" AND ") }
    }
}

/// `column IN (?, ?)`, with one `?` per value.
pub fn one_of(column: &str, values: usize) -> String {
    format!("{column} IN ({})", vec!["?"; values].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_parameters_keep_their_order() {
        let mut condition = Condition::default();
        assert_eq!(condition.clause(), "true");
        condition.is_one_of("username", ["ada".to_owned(), "bob".to_owned()]);
        let days = Days { since: "2026-02-01".parse().ok(), until: "2026-02-01".parse().ok() };
        condition.is_in_days("created_at", days, Tz::Europe__Berlin);
        condition.add("kind = ?", ["web".into()]);
        let clause = "username IN (?, ?) AND created_at >= ? AND created_at < ? AND kind = ?";
        assert_eq!(condition.clause(), clause);
        let params: Vec<_> = condition.params.iter().map(|param| format!("{param:?}")).collect();
        let times = ["Time(2026-01-31T23:00:00Z)", "Time(2026-02-01T23:00:00Z)"];
        assert_eq!(params, [r#"Text("ada")"#, r#"Text("bob")"#, times[0], times[1], r#"Text("web")"#]);
    }

    #[test]
    fn nothing_is_one_of_none() {
        let mut condition = Condition::default();
        condition.is_one_of("username", []);
        assert_eq!((condition.clause(), condition.params.len()), ("false".to_owned(), 0));
    }
}
