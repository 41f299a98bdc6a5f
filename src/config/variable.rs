//! Environment variables of the older Python program, which win over the configuration file.

use crate::config::Declaration;

/// An environment variable and the setting that it replaces. The value is always a whole number above zero.
#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    /// The table and key of the setting.
    pub key: [&'static str; 2],
    /// Writes a value as TOML.
    setting: fn(u32) -> String,
}

/// Variables that do not belong to a processor.
const ENGINE: [Variable; 2] = [
    Variable { name: "SCHEDULER_TICK_SECONDS", key: ["daemon", "tick"], setting: seconds },
    Variable { name: "SESSION_PROCESSOR_MAX_PER_RUN", key: ["daemon", "max_files"], setting: number },
];

/// All variables.
pub fn all(processors: &[Declaration]) -> Vec<Variable> {
    let schedule = |declared: &Declaration| Some(Variable::schedule(declared.interval?, declared.name));
    ENGINE.into_iter().chain(processors.iter().filter_map(schedule)).collect()
}

fn seconds(seconds: u32) -> String {
    format!("\"{seconds}s\"")
}

/// Seconds as an interval in minutes, rounded up as in the older program.
fn minutes(seconds: u32) -> String {
    format!("\"every {}m\"", seconds.div_ceil(60))
}

fn number(number: u32) -> String {
    number.to_string()
}

impl Variable {
    /// The variable that sets the interval of a processor, in seconds.
    const fn schedule(name: &'static str, processor: &'static str) -> Self {
        Self { name, key: ["schedule", processor], setting: minutes }
    }

    /// The setting in TOML for a value of the variable.
    ///
    /// # Errors
    ///
    /// If the value is not a whole number above zero.
    pub fn setting(&self, value: &str) -> Result<String, String> {
        let number = value.trim().parse().ok().filter(|number| *number > 0);
        number.map(self.setting).ok_or_else(|| format!("`{value}` is not a whole number above 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_older_program() {
        let every = Variable::schedule("EVERY", "a");
        assert_eq!(every.key, ["schedule", "a"]);
        for (value, minutes) in [("600", "10"), ("601", "11"), ("1", "1"), (" 60 ", "1")] {
            let expected = Ok(format!("\"every {minutes}m\""));
            assert_eq!(every.setting(value), expected);
        }
        let [tick, max_files] = &ENGINE;
        assert_eq!(tick.setting("90"), Ok("\"90s\"".to_owned()));
        assert_eq!(max_files.setting("7"), Ok("7".to_owned()));
        for wrong in ["0", "-1", "ten", "1.5", "1e3", "4294967296", "10m"] {
            let expected = Err(format!("`{wrong}` is not a whole number above 0"));
            [tick, max_files, &every].iter().for_each(|variable| assert_eq!(variable.setting(wrong), expected));
        }
    }
}
