//! The `[tracking]` table of the configuration: when a session ends, which ids are the same person, and what is not
//! stored.

use crate::base::duration;
use crate::config::section;
use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sessionmill_tracking::channel::Rule;
use sessionmill_tracking::erased::Erased;
use sessionmill_tracking::preset::{Campaigns, PRESETS, Switches};
use sessionmill_tracking::settings::{self, Identity, Mask, SessionSource};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The preset with the rules for splitting activity into sessions.
    pub preset: String,
    /// The pause after which a session ends. Overrides the preset.
    pub idle: Option<Time>,
    /// The maximum length of a session. Overrides the preset.
    pub max_length: Option<Time>,
    /// Whether another campaign starts a new session. Overrides the preset.
    pub new_session_on_utm_change: Option<bool>,
    /// Whether another external referrer starts a new session. Overrides the preset.
    pub new_session_on_referrer_change: Option<bool>,
    pub session_source: Source,
    pub identity: Join,
    /// Domains that count as internal, besides that of the page.
    pub own_domains: Vec<String>,
    /// Hosts that do not count as external referrers, besides the built-in ones of payment and sign-in.
    pub excluded_referrers: Vec<String>,
    /// A session with a single view shorter than this is a bounce.
    #[serde(with = "crate::config::time")]
    pub bounce: Duration,
    /// Names of events that make a session engaged.
    pub conversions: BTreeSet<String>,
    /// The time zone of days, for presets that end sessions with the day.
    pub timezone: Tz,
    /// Names of properties that are stored.
    pub properties: BTreeSet<String>,
    /// What is not stored.
    pub mask: BTreeSet<Masked>,
    /// A file that maps network addresses to places.
    pub geo_file: Option<PathBuf>,
    /// Rules for channels that take precedence over the built-in ones.
    pub channels: Vec<Rule>,
}

/// A positive duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Time(#[serde(with = "crate::config::time")] Duration);

/// Whether sessions are those that the client reports, or computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    #[default]
    Auto,
    Client,
    Computed,
}

/// Which links between ids join them to one person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Join {
    #[default]
    First,
    Union,
}

/// Data that is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Masked {
    ClickIds,
    Ip,
    Query,
}

/// The longest duration in the table.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

impl Default for Settings {
    fn default() -> Self {
        Self {
            preset: "default".to_owned(),
            idle: None,
            max_length: None,
            new_session_on_utm_change: None,
            new_session_on_referrer_change: None,
            session_source: Source::default(),
            identity: Join::default(),
            own_domains: Vec::new(),
            excluded_referrers: Vec::new(),
            bounce: Duration::from_secs(10),
            conversions: BTreeSet::new(),
            timezone: Tz::UTC,
            properties: BTreeSet::new(),
            mask: BTreeSet::new(),
            geo_file: None,
            channels: Vec::new(),
        }
    }
}

impl section::Settings for Settings {
    fn check(&self) -> Result<(), String> {
        self.switches()?;
        for (name, time) in [("idle", self.idle), ("max_length", self.max_length)] {
            if time.is_some_and(|Time(time)| time > LONGEST) {
                return Err(format!("`{name}` is at most {}", duration::text(LONGEST)));
            }
        }
        match self.channels.iter().position(|rule| !rule.is_complete()) {
            Some(number) => {
                Err(format!("entry {} of `channels` needs a `channel` and at least one condition", number + 1))
            }
            None => Ok(()),
        }
    }
}

impl Settings {
    /// The rules of the preset, changed by the other settings.
    fn switches(&self) -> Result<Switches, String> {
        let known = || PRESETS.map(|(name, _)| format!("`{name}`")).join(", ");
        let switches = Switches::by_name(&self.preset);
        let mut switches = switches.ok_or_else(|| format!("unknown preset `{}`; known: {}", self.preset, known()))?;
        let time = |Time(time): Time| TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
        switches.idle = self.idle.map_or(switches.idle, time);
        switches.max_length = self.max_length.map(time).or(switches.max_length);
        match self.new_session_on_utm_change {
            Some(true) if switches.campaign == Campaigns::Ignored => switches.campaign = Campaigns::ByAll,
            Some(false) => switches.campaign = Campaigns::Ignored,
            _ => {}
        }
        switches.splits_on_referrer = self.new_session_on_referrer_change.unwrap_or(switches.splits_on_referrer);
        Ok(switches)
    }

    /// The settings of the processor, without the erased people.
    pub fn of_processor(&self) -> settings::Settings {
        let masks = |what| self.mask.contains(&what);
        settings::Settings {
            // A configuration with an unknown preset was already refused when it was read.
            switches: self.switches().unwrap_or_default(),
            session_source: match self.session_source {
                Source::Auto => SessionSource::Auto,
                Source::Client => SessionSource::Client,
                Source::Computed => SessionSource::Computed,
            },
            identity: match self.identity {
                Join::First => Identity::First,
                Join::Union => Identity::Union,
            },
            own_domains: self.own_domains.clone(),
            excluded_referrers: self.excluded_referrers.clone(),
            bounce_seconds: self.bounce.as_secs(),
            conversions: self.conversions.clone(),
            zone: self.timezone,
            properties: self.properties.clone(),
            mask: Mask { query: masks(Masked::Query), click_ids: masks(Masked::ClickIds), ip: masks(Masked::Ip) },
            channels: self.channels.clone(),
            erased: Erased::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::section::Settings as _;

    fn read(text: &str) -> Result<Settings, String> {
        let settings: Settings = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        settings.check().map(|()| settings)
    }

    #[test]
    fn a_preset_is_changed_by_what_is_set_beside_it() {
        let switches = |text| read(text).unwrap().of_processor().switches;
        assert_eq!(switches(""), Switches::default());
        assert_eq!(switches("preset = 'matomo'"), Switches::by_name("matomo").unwrap());
        let ga4 = Switches::by_name("ga4").unwrap();
        let changed = "preset = 'ga4'\nidle = '20m'\nmax_length = '4h'\nnew_session_on_utm_change = true\n\
                       new_session_on_referrer_change = true";
        let expected = Switches {
            idle: TimeDelta::minutes(20),
            max_length: Some(TimeDelta::hours(4)),
            campaign: Campaigns::ByAll,
            splits_on_referrer: true,
            ..ga4
        };
        assert_eq!(switches(changed), expected);
        let kept = switches("preset = 'matomo'\nnew_session_on_utm_change = true");
        assert_eq!(kept.campaign, Campaigns::ByName, "a preset that tells campaigns apart goes on to do it in its way");
        assert_eq!(switches("new_session_on_utm_change = false").campaign, Campaigns::Ignored);
    }

    #[test]
    fn what_is_masked_is_said_by_name() {
        let mask = |text| read(text).unwrap().of_processor().mask;
        assert_eq!(mask("mask = ['ip', 'query']"), Mask { query: true, click_ids: false, ip: true });
        assert_eq!(mask("mask = ['click_ids']"), Mask { query: false, click_ids: true, ip: false });
        assert!(read("mask = ['face']").unwrap_err().contains("unknown variant `face`"));
    }

    #[test]
    fn a_table_that_makes_no_sense_is_explained() {
        for (text, wrong) in [
            (
                "preset = 'ga5'",
                "unknown preset `ga5`; known: `default`, `posthog`, `ga4`, `matomo`, `plausible`, `rudderstack`",
            ),
            ("idle = '0s'", "`0s` is not a time such as 150s, 5m or 1h"),
            ("max_length = '9000h'", "`max_length` is at most 366d"),
            ("channels = [{ channel = 'Club' }]", "entry 1 of `channels` needs a `channel` and at least one condition"),
        ] {
            assert_eq!(read(text).unwrap_err(), wrong, "{text}");
        }
        assert!(read("idel = '1m'").unwrap_err().contains("unknown field `idel`"));
        assert!(read("timezone = 'Mars/Base'").is_err());
    }
}
