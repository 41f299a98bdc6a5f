//! The state over one source file: its events, its links between ids, its recordings.

use crate::address::bare;
use crate::bot;
use crate::campaign;
use crate::class::Class;
use crate::line::{LineRow, WEB, numbered, person};
use crate::link::{ANONYMOUS, CLIENT, LinkRow, USER};
use crate::nobody::is_nobody;
use crate::places::{Place, Places};
use crate::replay::ReplayRow;
use crate::setting;
use crate::settings::{Mask, Settings};
use crate::transcript::Transcripts;
use crate::{json, link};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sessionmill_contract::activity::Geo;
use sessionmill_contract::{Activity, Event, Failure, Fold, Rows, Said, SourceFile};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// The fold of this processor.
pub(crate) struct TrackingFold<'s> {
    username: &'s str,
    settings: &'s Settings,
    places: Option<&'s Places>,
    /// The last address that was looked up, and its place: events of one address often follow each other.
    last_place: Option<(String, Place)>,
    rows: Rows,
    /// The number of rows.
    count: usize,
    /// The number of events with an id, for ids that are hashes of the content.
    alike: HashMap<String, u64>,
    /// The first occurrence of each link.
    links: BTreeMap<LinkKey, Moment>,
    transcripts: Transcripts<'s>,
}

/// Node, role, other end, and whether the link is forced.
type LinkKey = (String, &'static str, String, bool);

/// Time, line and part.
type Moment = (DateTime<Utc>, u64, u64);

impl<'s> TrackingFold<'s> {
    pub(crate) fn new(file: &'s SourceFile, settings: &'s Settings, places: Option<&'s Places>) -> Self {
        Self {
            username: &file.username,
            settings,
            places,
            last_place: None,
            rows: Rows::default(),
            count: 0,
            alike: HashMap::new(),
            links: BTreeMap::new(),
            transcripts: Transcripts::new(file),
        }
    }

    fn activity(&mut self, event: &Event<'_>, at: DateTime<Utc>, activity: &Activity<'_>) {
        let Mask { query, click_ids, ip } = self.settings.mask;
        let (line, part) = (event.line, u64::from(activity.part));
        let who = person(self.username, WEB, activity.distinct_id);
        let erased = &self.settings.erased;
        if erased.has(&who) {
            return;
        }
        // `undefined` and the like are not session ids: they would join the visits of all people in one session.
        let client = activity.client_session_id.filter(|id| !is_nobody(id));
        let clicks = if click_ids { &[] } else { activity.click_ids };
        let source = campaign::stored(&activity.campaign, clicks);
        let place = self.place(activity.geo);
        let geo = match &place {
            Some(Place { country, region, city }) => {
                let [country, region, city] = [country, region, city].map(Option::as_deref);
                Geo { country, region, city, ..activity.geo }
            }
            None => activity.geo,
        };
        let device = setting::stored(&activity.device, &geo, bot::is_marked(activity.properties));
        let properties = self.properties(activity);
        let [url, path, referrer] = [activity.url, activity.path, activity.referrer].map(|address| {
            address.map(|address| if query { Cow::Owned(bare(address)) } else { Cow::Borrowed(address) })
        });
        let id = match event.id {
            Some(content) if !activity.has_own_id => Some(Cow::Owned(numbered(&mut self.alike, content.to_owned()))),
            own => own.map(Cow::Borrowed),
        };
        self.rows.push(LineRow {
            person: &who,
            time: at,
            event_id: id.as_deref(),
            line,
            part,
            class: Class::of(activity.class, activity.name).name(),
            name: activity.name,
            client_session_id: client,
            url: url.as_deref(),
            path: path.as_deref(),
            referrer: referrer.as_deref(),
            source: source.as_deref(),
            device: device.as_deref(),
            ip: activity.geo.ip.filter(|_| !ip),
            properties: properties.as_deref(),
            agent: None,
            transcript: None,
        });
        self.count += 1;
        if let Some(replay) = activity.replay {
            self.rows.push(ReplayRow {
                distinct_id: activity.distinct_id,
                client_session_id: activity.client_session_id,
                time: at,
                event_type: replay.kind,
                line,
                part,
                offset_bytes: replay.offset,
                length_bytes: replay.length,
            });
            self.count += 1;
        }
        let place = (at, line, part);
        for link in activity.links {
            if link.user != link.anonymous && !is_nobody(link.user) && !is_nobody(link.anonymous) {
                let [user, anonymous] = [link.user, link.anonymous].map(|id| person(self.username, WEB, id));
                if erased.has(&user) || erased.has(&anonymous) {
                    continue;
                }
                self.link((anonymous.clone(), ANONYMOUS, user.clone(), link.is_forced), place);
                self.link((user, USER, anonymous, link.is_forced), place);
            }
        }
        if let Some(session) = client
            && !is_nobody(activity.distinct_id)
        {
            let node = person(self.username, link::CLIENT, session);
            self.link((node, CLIENT, who, false), place);
        }
    }

    /// The place of an event's address, if the event itself does not name a place.
    fn place(&mut self, geo: Geo<'_>) -> Option<Place> {
        let places = self.places.filter(|_| geo.country.or(geo.region).or(geo.city).is_none())?;
        let ip = geo.ip?;
        if self.last_place.as_ref().is_none_or(|(last, _)| last != ip) {
            self.last_place = Some((ip.to_owned(), places.of(ip)));
        }
        self.last_place.as_ref().map(|(_, place)| place.clone())
    }

    /// Notes a link, keeping its first occurrence.
    fn link(&mut self, key: LinkKey, place: Moment) {
        let first = self.links.entry(key).or_insert(place);
        *first = place.min(*first);
    }

    /// The properties that the configuration keeps, with masking applied.
    fn properties(&self, activity: &Activity<'_>) -> Option<String> {
        if self.settings.properties.is_empty() {
            return None;
        }
        let mask = self.settings.mask;
        let is_masked = |key: &str| {
            let name = key.trim_start_matches('$').trim_start_matches("initial_");
            mask.ip && name == "ip" || mask.click_ids && activity.click_ids.iter().any(|(click, _)| *click == name)
        };
        let mut properties = json::read(activity.properties);
        let mut object = json::Object::default();
        for key in self.settings.properties.iter().filter(|key| !is_masked(key)) {
            if let Some(mut value) = properties.remove(key).filter(|value| !value.is_null()) {
                if mask.query {
                    mask_addresses(&mut value, names_address(key));
                }
                object.raw(key, &value.to_string());
            }
        }
        object.end()
    }
}

/// Applies [`bare`] to all addresses in a value. `is_address` says that its name is that of an address, so any text is
/// one.
fn mask_addresses(value: &mut Value, is_address: bool) {
    match value {
        Value::String(text) if is_address || text.contains("://") || text.trim_start().starts_with('/') => {
            *text = bare(text.trim_start());
        }
        Value::Array(values) => values.iter_mut().for_each(|value| mask_addresses(value, is_address)),
        Value::Object(values) => {
            values.iter_mut().for_each(|(key, value)| mask_addresses(value, is_address || names_address(key)));
        }
        _ => {}
    }
}

/// Whether a property is an address by its name, as `$current_url`, `$pathname`, `referrer` and `href` are.
fn names_address(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["url", "uri", "href", "path", "pathname", "location", "referrer", "referer"].iter().any(|end| key.ends_with(end))
}

impl Fold for TrackingFold<'_> {
    fn event(&mut self, event: &Event<'_>) {
        match (event.said, event.time) {
            (Said::Activity(activity), Some(at)) => self.activity(event, at, activity),
            (Said::Agent(transcript, said), _) => {
                self.count += self.transcripts.event(event, transcript, &said, &mut self.rows);
            }
            _ => {}
        }
    }

    fn held(&self) -> usize {
        // Each event that is numbered has a row.
        self.count + self.links.len() + self.transcripts.held()
    }

    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        facts.append(self.rows);
        for ((node, role, other, is_forced), (time, line, part)) in &self.links {
            let (is_forced, time, line, part) = (*is_forced, *time, *line, *part);
            facts.push(LinkRow { node, role, other, is_forced, time, line, part });
        }
        Ok(())
    }
}
