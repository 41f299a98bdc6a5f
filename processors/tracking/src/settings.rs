//! What sessions depend on, besides the events.

use crate::channel::Rule;
use crate::erased::Erased;
use crate::preset::Switches;
use chrono_tz::Tz;
use std::collections::BTreeSet;

/// The settings of the processor.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub switches: Switches,
    pub session_source: SessionSource,
    pub identity: Identity,
    /// Domains that are not external, besides that of the page.
    pub own_domains: Vec<String>,
    /// Hosts that are not external, besides the built-in ones of payment and sign-in services.
    pub excluded_referrers: Vec<String>,
    /// A single view that lasts a shorter time is a bounce.
    pub bounce_seconds: u64,
    /// Names of events that make a session engaged.
    pub conversions: BTreeSet<String>,
    /// The time zone in which days begin.
    pub zone: Tz,
    /// The properties of events that are kept.
    pub properties: BTreeSet<String>,
    pub mask: Mask,
    /// Channels that come before the built-in ones.
    pub channels: Vec<Rule>,
    /// People whose events are ignored.
    pub erased: Erased,
}

/// Whether sessions are those that clients name or those that rules find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionSource {
    /// Clients' sessions where they name one, and rules for all other events.
    #[default]
    Auto,
    /// Only clients' sessions.
    Client,
    /// Only rules.
    Computed,
}

/// Which links join ids to one person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// An anonymous id joins the user of its earliest link, unless it is a user itself.
    #[default]
    First,
    /// All links.
    Union,
}

/// What is not stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// In URLs: the query, the fragment, the user and path parameters.
    pub query: bool,
    pub click_ids: bool,
    pub ip: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            switches: Switches::default(),
            session_source: SessionSource::default(),
            identity: Identity::default(),
            own_domains: Vec::new(),
            excluded_referrers: Vec::new(),
            bounce_seconds: 10,
            conversions: BTreeSet::new(),
            zone: Tz::UTC,
            properties: BTreeSet::new(),
            mask: Mask::default(),
            channels: Vec::new(),
            erased: Erased::default(),
        }
    }
}
