//! The `[verification]` table of the configuration: which detector finds claims, its cost limits, and how confidence is
//! computed.

use super::llm::address::Address;
use super::llm::api::Api;
use super::llm::budget::Spent;
use super::llm::journal::Keeps;
use crate::config::section;
use crate::run::quiet::Quiet;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sessionmill_verification::confidence::Weights;
use std::path::PathBuf;
use std::time::Duration;

/// Unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub detector: Detector,
    /// The model's name on the server.
    pub model: Option<String>,
    /// The address of the server, if it is not the vendor's.
    pub base_url: Option<String>,
    /// The file with the key. Without it, the service's credential `model-key` is used.
    pub key_file: Option<PathBuf>,
    /// The timeout of a call.
    #[serde(with = "crate::config::time")]
    pub timeout: Duration,
    /// The most calls at the same time.
    pub connections: usize,
    /// The most tokens of an answer.
    pub max_tokens: u64,
    pub calls_per_run: u64,
    pub calls_per_day: u64,
    pub tokens_per_run: Option<u64>,
    pub tokens_per_day: Option<u64>,
    pub dollars_per_run: Option<f64>,
    pub dollars_per_day: Option<f64>,
    /// Prices in US dollars per million tokens.
    pub input_price: Option<f64>,
    pub output_price: Option<f64>,
    /// A file is sent after it has not changed for this time.
    #[serde(with = "crate::config::wait")]
    pub quiet: Duration,
    /// A file that keeps changing is sent this time after its first change that was not sent.
    #[serde(with = "crate::config::wait")]
    pub quiet_at_most: Duration,
    /// Older answers are deleted.
    #[serde(with = "crate::config::time")]
    pub answers_age: Duration,
    /// The most bytes of stored answers.
    pub answers_size: u64,
    /// People whose transcripts are not read.
    pub exclude_users: Vec<String>,
    /// The weights of evidence.
    pub confidence: Weights,
}

/// The detector that finds claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Detector {
    /// Rules, without a network.
    #[default]
    Rules,
    Anthropic,
    OpenAi,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            detector: Detector::default(),
            model: None,
            base_url: None,
            key_file: None,
            timeout: Duration::from_secs(60),
            connections: 4,
            max_tokens: 4096,
            calls_per_run: 200,
            calls_per_day: 2000,
            tokens_per_run: None,
            tokens_per_day: None,
            dollars_per_run: None,
            dollars_per_day: None,
            input_price: None,
            output_price: None,
            quiet: Duration::from_secs(600),
            quiet_at_most: Duration::from_secs(3600),
            answers_age: Duration::from_secs(365 * 86_400),
            answers_size: 1 << 30,
            exclude_users: Vec::new(),
            confidence: Weights::default(),
        }
    }
}

impl section::Settings for Settings {
    fn check(&self) -> Result<(), String> {
        let Some(api) = self.api() else { return Ok(()) };
        if self.model.as_ref().is_none_or(|model| model.trim().is_empty()) {
            return Err(format!("detector `{}` needs a `model`", api.name()));
        }
        if !(1..=64).contains(&self.connections) {
            return Err("`connections` is a number from 1 to 64".to_owned());
        }
        let prices = [self.input_price, self.output_price];
        let money = [self.dollars_per_run, self.dollars_per_day];
        if prices.iter().chain(&money).flatten().any(|amount| !amount.is_finite() || *amount < 0.0) {
            return Err("an amount of money is below zero".to_owned());
        }
        if money.iter().any(Option::is_some) && prices.iter().any(Option::is_none) {
            return Err("a limit in dollars needs `input_price` and `output_price`".to_owned());
        }
        let address = self.address(api)?;
        // The key can also come from the service; then it is checked when it is used.
        if self.key_file.is_some() || api == Api::Anthropic { address.may_see_key() } else { Ok(()) }
    }
}

impl Settings {
    /// The API of the server; `None` for rules, which ask no server.
    pub fn api(&self) -> Option<Api> {
        match self.detector {
            Detector::Rules => None,
            Detector::Anthropic => Some(Api::Anthropic),
            Detector::OpenAi => Some(Api::OpenAi),
        }
    }

    /// The address of the server.
    ///
    /// # Errors
    ///
    /// With the reason why the address is invalid.
    pub fn address(&self, api: Api) -> Result<Address, String> {
        Address::parse(self.base_url.as_deref().unwrap_or(api.base_url()))
    }

    /// When a file that grows is sent.
    pub fn quiet(&self) -> Quiet {
        let time = |time: Duration| TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
        Quiet { after: time(self.quiet), at_most: time(self.quiet_at_most) }
    }

    /// Which answers are kept.
    pub fn keeps(&self) -> Keeps {
        let age = TimeDelta::from_std(self.answers_age).unwrap_or(TimeDelta::MAX);
        Keeps { age: age.min(TimeDelta::days(365_000)), bytes: self.answers_size }
    }

    /// What a call with these numbers of tokens costs.
    pub fn cost(&self, input_tokens: u64, output_tokens: u64) -> Spent {
        // A dollar per million tokens is a millionth of a dollar per token.
        let micros = |tokens: u64, price: Option<f64>| (tokens as f64 * price.unwrap_or_default()).ceil() as u64;
        let micro_usd = micros(input_tokens, self.input_price) + micros(output_tokens, self.output_price);
        Spent { calls: 0, tokens: input_tokens.saturating_add(output_tokens), micro_usd }
    }

    /// The limits of a run and of a day.
    pub fn limits(&self) -> [Spent; 2] {
        let most = |calls: u64, tokens: Option<u64>, dollars: Option<f64>| Spent {
            calls,
            tokens: tokens.unwrap_or(u64::MAX),
            micro_usd: dollars.map_or(u64::MAX, |dollars| (dollars * 1e6) as u64),
        };
        [
            most(self.calls_per_run, self.tokens_per_run, self.dollars_per_run),
            most(self.calls_per_day, self.tokens_per_day, self.dollars_per_day),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::section::Settings as _;

    fn checked(text: &str) -> Result<(), String> {
        toml::from_str::<Settings>(text).map_err(|error| error.message().to_owned())?.check()
    }

    #[test]
    fn a_table_that_makes_no_sense_is_explained() {
        let anthropic = "detector = 'anthropic'\nmodel = 'm'\n";
        assert_eq!(checked(""), Ok(()));
        assert_eq!(checked(anthropic), Ok(()));
        for (more, wrong) in [
            ("connections = 0", "`connections` is a number from 1 to 64"),
            ("dollars_per_day = 1", "a limit in dollars needs `input_price` and `output_price`"),
            ("input_price = -1", "an amount of money is below zero"),
            ("base_url = 'ftp://x'", "`base_url` begins with https:// or http://, not `ftp://x`"),
            (
                "base_url = 'http://gpu.lan/v1'\nkey_file = 'k'",
                "the key would travel in the clear to `http://gpu.lan/v1`: name it with https://",
            ),
            (
                "base_url = 'http://gpu.lan'",
                "the key would travel in the clear to `http://gpu.lan`: name it with https://",
            ),
            (
                "base_url = 'http://localhost:x@127.0.0.2:1'",
                "`base_url` has a user or a password in it: a key belongs into `key_file`",
            ),
            ("timeout = '1w'", "`1w` is not a time such as 150s, 5m or 1h"),
        ] {
            assert_eq!(checked(&format!("{anthropic}{more}")), Err(wrong.to_owned()), "{more}");
        }
        assert_eq!(checked("quiet = '0s'\nquiet_at_most = '0m'"), Ok(()), "at once");
        assert_eq!(checked("quiet = '-1s'"), Err("`-1s` is not a time such as 150s, 5m or 1h, or 0s for none".into()));
        let own = "detector = 'openai'\nmodel = 'm'\nbase_url = 'http://gpu.lan/v1'";
        assert_eq!(checked(own), Ok(()), "a server that wants no key");
        assert_eq!(checked("detector = 'openai'"), Err("detector `openai` needs a `model`".to_owned()));
        assert!(checked("detectr = 'rules'").unwrap_err().contains("unknown field `detectr`"));
        assert_eq!(checked(&format!("{anthropic}base_url = 'http://localhost:8080/v1'\nkey_file = 'k'")), Ok(()));
    }

    #[test]
    fn a_price_is_for_a_million_tokens() {
        let settings = Settings { input_price: Some(0.25), output_price: Some(5.0), ..Settings::default() };
        assert_eq!(settings.cost(1_000_000, 100), Spent { calls: 0, tokens: 1_000_100, micro_usd: 250_500 });
        assert_eq!(settings.cost(1, 0).micro_usd, 1, "in favour of the limit");
    }
}
