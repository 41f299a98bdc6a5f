//! Activity sessions: who was active when, from where and with which device, for web events and for work with agents.
//!
//! The fold notes each event with its person, and the links that join ids to one person. Links become edges, by which
//! the store brings all events of a person together. Wherever a person pauses for long enough, the events are split
//! into stretches. Each stretch is settled by itself and cut into sessions.
//!
//! | module | noun |
//! | --- | --- |
//! | `fold` | the state over one source file |
//! | `transcript` | events of agents' transcripts |
//! | [`line`](mod@line) | an event as one source file has it |
//! | [`class`] | the effect of an event on a session |
//! | [`link`] | links between ids in source files |
//! | [`edge`] | which ids are settled together |
//! | [`erased`] | people whose events are ignored |
//! | `people` | which ids are one person |
//! | [`nobody`] | ids that stand for no particular person |
//! | [`settings`] | what sessions depend on, besides the events |
//! | [`preset`] | named ways to cut activity into sessions |
//! | `rules` | when a session begins and ends |
//! | `named` | sessions that clients name |
//! | `settle` | sessions and people, from all events of one stretch |
//! | [`session`], `summary` | an activity session, and its columns |
//! | `campaign` | what identifies a campaign |
//! | `setting` | the device and place of a session |
//! | `work` | additional columns for work with agents |
//! | [`presence`] | which ids a person used |
//! | [`member`] | which session each event belongs to |
//! | [`replay`] | positions of parts of recordings |
//! | [`id`] | ids of sessions |
//! | `address` | the part of a URL that is kept where queries are masked |
//! | [`places`] | the places of network addresses |
//! | `json` | small objects of texts |
//! | [`bot`] | programs without a human user |
//! | [`channel`] | the marketing channel of a visit |
//! | [`device`] | the device, by user agent string |
//! | [`domain`] | the host of a URL, its registrable domain, and which referrers are external |

mod address;
pub mod bot;
mod campaign;
pub mod channel;
pub mod class;
pub mod device;
pub mod domain;
pub mod edge;
pub mod erased;
mod fold;
pub mod id;
mod json;
pub mod line;
pub mod link;
pub mod member;
mod named;
pub mod nobody;
mod people;
pub mod places;
pub mod presence;
pub mod preset;
mod punycode;
pub mod replay;
mod rules;
pub mod session;
mod setting;
pub mod settings;
mod settle;
mod summary;
#[cfg(test)]
mod tests;
mod transcript;
mod work;

pub use settings::Settings;

use crate::device::Devices;
use crate::domain::Sites;
use crate::places::Places;
use crate::rules::Rules;
use sessionmill_contract::{
    Bound, Edges, Failure, Fold, Inputs, Islands, Manifest, Processor, Rows, Settlement, SourceFile,
};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// The name of the processor.
pub const NAME: &str = "tracking";

/// The processor.
#[derive(Debug)]
pub struct Tracking {
    manifest: Manifest,
    settings: Settings,
    sites: Sites,
    devices: Devices,
    places: Option<Places>,
}

static MANIFEST: Manifest = Manifest {
    name: NAME,
    version: 6,
    cadence: Duration::from_secs(600),
    bound: Bound::Cpu,
    // Links come first: events are settled when it is known which ids are one person.
    facts: &[&link::LINKS, &line::LINES, &replay::REPLAY],
    settlements: &[
        Settlement {
            name: "links",
            version: 1,
            facts: &link::LINKS,
            key: Some("node"),
            edges: None,
            islands: None,
            order: &["time", "session_file", "line", "part", "role", "other"],
            reviews: None,
            entities: &[&edge::EDGES],
            clusters: None,
            expires: None,
            alone: None,
        },
        Settlement {
            name: "sessions",
            version: 3,
            facts: &line::LINES,
            key: Some("person"),
            edges: Some(&Edges { table: &edge::EDGES, ids: ["id", "other"] }),
            islands: Some(&Islands { at: "time", span: "client_session_id", start: "started_at" }),
            order: &["time", "session_file", "line", "part"],
            reviews: None,
            entities: &[&session::SESSIONS, &presence::PRESENCE, &member::MEMBERS],
            clusters: None,
            expires: None,
            alone: None,
        },
    ],
};

/// Versions that depend on settings of the fold start here.
const VERSIONS: u32 = 1 << 16;

impl Tracking {
    /// With the places of network addresses, if a file of them is configured.
    pub fn new(settings: Settings, places: Option<Places>) -> Self {
        let manifest = Manifest { version: version(&settings, places.as_ref()), ..MANIFEST };
        let sites = Sites::new(&settings.own_domains, &settings.excluded_referrers);
        Self { manifest, settings, sites, devices: Devices::default(), places }
    }
}

impl Default for Tracking {
    fn default() -> Self {
        Self::new(Settings::default(), None)
    }
}

/// The version of the fold with these settings. Masking, kept properties and the file of places determine what is
/// stored for a source file. So a change of them is a new version, and every file is processed again.
fn version(Settings { mask, properties, .. }: &Settings, places: Option<&Places>) -> u32 {
    if *mask == settings::Mask::default() && properties.is_empty() && places.is_none() {
        return MANIFEST.version;
    }
    let build = places.map(|places| &places.build);
    // Properties that are addresses by name were not masked before.
    let rules = if mask.query && !properties.is_empty() { " 2" } else { "" };
    let text = format!("{mask:?} {properties:?} {build:?}{rules}");
    let hash: [u8; 32] = Sha256::digest(text).into();
    MANIFEST.version * VERSIONS + u32::from(u16::from_be_bytes([hash[0], hash[1]]))
}

impl Processor for Tracking {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(fold::TrackingFold::new(file, &self.settings, self.places.as_ref()))
    }

    fn settings(&self, settlement: &Settlement) -> String {
        let Settings {
            switches,
            session_source,
            identity,
            own_domains,
            excluded_referrers,
            bounce_seconds,
            conversions,
            zone,
            properties,
            mask: _,
            channels,
            erased: _,
        } = &self.settings;
        if settlement.facts.name == link::LINKS.name {
            return format!("{identity:?}");
        }
        let (sites, counted) = ((own_domains, excluded_referrers, channels), (bounce_seconds, conversions, properties));
        format!("{switches:?} {session_source:?} {sites:?} {counted:?} {zone}")
    }

    fn gap(&self, settlement: &Settlement) -> Duration {
        let gap = settlement.islands.map(|_| self.settings.switches.gap());
        gap.and_then(|gap| gap.to_std().ok()).unwrap_or_default()
    }

    fn settle(
        &self,
        settlement: &Settlement,
        key: &str,
        inputs: Inputs<'_>,
        entities: &mut Rows,
    ) -> Result<(), Failure> {
        if settlement.facts.name == link::LINKS.name {
            return link::settle(key, inputs.facts, self.settings.identity, entities);
        }
        let rules = Rules { settings: &self.settings, sites: &self.sites, devices: &self.devices };
        settle::settle(key, inputs, rules, entities)
    }
}
