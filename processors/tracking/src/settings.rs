//! What sessions depend on, beside the events.

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
    /// Domains that are not external, beside that of the page.
    pub own_domains: Vec<String>,
    /// Hosts that are not external, beside those of payment and sign-in that are known.
    pub excluded_referrers: Vec<String>,
    /// One view that lasts less is a bounce.
    pub bounce_seconds: u64,
    /// Names of events that make a session engaged.
    pub conversions: BTreeSet<String>,
    /// Where days begin.
    pub zone: Tz,
    /// Properties of events that are kept.
    pub properties: BTreeSet<String>,
    pub mask: Mask,
    /// Channels that come before those that are built in.
    pub channels: Vec<Rule>,
    /// People whose events are passed over.
    pub erased: Erased,
}

/// Which sessions count: those that clients name, or those that rules find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionSource {
    /// Those of clients where they name one, and rules for everything else.
    #[default]
    Auto,
    /// Those of clients alone.
    Client,
    /// Rules alone.
    Computed,
}

/// Which links between ids join them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// An anonymous id joins the user of its earliest link, unless it is a user itself.
    #[default]
    First,
    /// All of them do.
    Union,
}

/// What is not stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// In addresses what follows `?` or `#`, the user, and the parameters of the path.
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
