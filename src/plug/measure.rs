//! Metrics of a processor, for monitoring.

use std::fmt::Write as _;

/// A metric, with its values by labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// The name, without the prefix `sessionmill_`.
    pub name: &'static str,
    pub help: &'static str,
    pub values: Vec<(Vec<(&'static str, String)>, f64)>,
}

impl Measure {
    /// The metric in the text format of Prometheus.
    pub fn text(&self) -> String {
        let Self { name, help, values } = self;
        if values.is_empty() {
            return String::new();
        }
        let mut text = format!("# HELP sessionmill_{name} {help}\n# TYPE sessionmill_{name} gauge\n");
        for (labels, value) in values {
            let labels = labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value)));
            let _ = writeln!(text, "sessionmill_{name}{{{}}} {value}", labels.collect::<Vec<_>>().join(","));
        }
        text
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_label_says_stays_a_label() {
        let values = vec![(vec![("person", "a\"b\\c\nd".to_owned())], 1.5)];
        let text = Measure { name: "x", help: "X.", values }.text();
        assert_eq!(
            text,
            "# HELP sessionmill_x X.\n# TYPE sessionmill_x gauge\nsessionmill_x{person=\"a\\\"b\\\\c\\nd\"} 1.5\n"
        );
    }
}
