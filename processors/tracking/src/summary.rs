//! Computes the columns of one session from its events.

use crate::channel::{self, Arrival};
use crate::class::Class;
use crate::domain;
use crate::id::session_id;
use crate::json;
use crate::line::{Line, folder_and_kind};
use crate::nobody::is_nobody;
use crate::people::People;
use crate::preset::Bounce;
use crate::rules::{Found, Rules};
use crate::session::SessionRow;
use crate::setting::Setting;
use crate::work::{KIND, PAUSE, Work};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde_json::{Map, Value};
use sessionmill_contract::Rows;
use std::collections::HashSet;

/// A session with more activity counts as engaged.
const ENGAGED: TimeDelta = TimeDelta::seconds(10);

/// Adds the row of a session. Returns its id.
pub(crate) fn push(
    key: &str,
    session: &Found<'_>,
    lines: &[Line<'_>],
    people: &People<'_>,
    rules: Rules<'_>,
    entities: &mut Rows,
) -> String {
    let settings = rules.settings;
    let members: Vec<&Line<'_>> = session.members.iter().map(|position| &lines[*position]).collect();
    let first = &lines[session.first];
    // The owner of the session. If the client named it, the last event determines the owner.
    let owner = if session.client.is_some() { &lines[session.last] } else { first };
    let (username, kind) = folder_and_kind(first.row.person);
    let acts = || members.iter().copied().filter(|line| matches!(line.class, Class::View | Class::Event));
    let views = || members.iter().copied().filter(|line| line.class == Class::View);
    let named = |names: &[&str]| members.iter().filter(|line| names.contains(&line.row.name)).count() as u64;
    let (page_views, event_count) = (views().count() as u64, acts().count() as u64);
    let autocaptures = named(&["$autocapture"]);

    let lasts = |line: &&&Line<'_>| settings.switches.ping_lasts || line.class != Class::Ping;
    let seen_until = members.iter().filter(lasts).map(|line| line.row.time).max();
    let seen_until = seen_until.unwrap_or(session.last_at);
    let duration_seconds = whole_seconds(seen_until.signed_duration_since(session.started_at));
    let active = active(&members);
    let entry = views().find(|line| line.row.url.is_some()).or_else(|| acts().find(|line| line.row.url.is_some()));
    let exit = views().rev().find(|line| line.row.url.is_some());
    let exit = exit.or_else(|| acts().rev().find(|line| line.row.url.is_some()));

    let brought = brought(session, lines, &members);
    let source = brought.and_then(|line| line.row.source).map(json::read).unwrap_or_default();
    let value = |key: &str| source.get(key).and_then(Value::as_str);
    let referrer = brought.and_then(|line| line.row.referrer);
    let referring_domain = referrer.and_then(|referrer| rules.sites.external(referrer, brought?.row.url));
    let setting = Setting::of(&members, rules.devices);
    let channel = (kind != KIND).then(|| channel(&source, referrer, referring_domain.is_some(), entry, rules));
    let shown = |key: &str| setting.get(key);
    let properties = properties(&members, rules);
    let counted = match settings.switches.bounce {
        Bounce::Views => page_views + autocaptures,
        Bounce::Events => event_count,
    };
    let is_short = duration_seconds < settings.bounce_seconds || settings.switches.bounce == Bounce::Events;
    let is_converted = acts().any(|line| settings.conversions.contains(line.row.name));
    let work = (kind == KIND).then(|| Work::of(&members));
    let expires_at = match settings.switches.max_length.filter(|_| session.client.is_none()) {
        Some(most) => later(session.started_at, most).min(later(session.last_at, settings.switches.idle)),
        None => later(session.last_at, settings.switches.idle),
    };
    let id = session_id(username, &first.identity(), first.row.time);
    entities.push(SessionRow {
        person: key,
        session_id: &id,
        username,
        kind,
        person_id: people.person_id(owner.row.person),
        distinct_id: owner.distinct_id(),
        started_at: session.started_at,
        last_at: session.last_at,
        seen_until,
        closed_at: session.end.map_or(session.last_at, |end| lines[end].row.time),
        close_reason: session.reason.name(),
        expires_at,
        attaches_until: session.attaches_until,
        active_until: settings.switches.runs_until(session.last_at),
        page_views,
        event_count,
        screens: views().filter(|line| matches!(line.row.name, "$screen" | "screen")).count() as u64,
        autocaptures,
        entry_url: entry.and_then(|line| line.row.url),
        exit_url: exit.and_then(|line| line.row.url),
        landing_page: entry.and_then(path),
        exit_page: exit.and_then(path),
        referrer,
        referring_domain: referring_domain.as_deref(),
        utm_source: value("source"),
        utm_medium: value("medium"),
        utm_campaign: value("name"),
        utm_term: value("term"),
        utm_content: value("content"),
        gclid: value("gclid"),
        gad_source: value("gad_source"),
        gclsrc: value("gclsrc"),
        fbclid: value("fbclid"),
        msclkid: value("msclkid"),
        ttclid: value("ttclid"),
        li_fat_id: value("li_fat_id"),
        twclid: value("twclid"),
        wbraid: value("wbraid"),
        gbraid: value("gbraid"),
        dclid: value("dclid"),
        mc_cid: value("mc_cid"),
        igshid: value("igshid"),
        epik: value("epik"),
        qclid: value("qclid"),
        sccid: value("sccid"),
        irclid: value("irclid"),
        _kx: value("_kx"),
        device_type: shown("device_type"),
        os: shown("os"),
        os_version: shown("os_version"),
        browser: shown("browser"),
        browser_version: shown("browser_version"),
        screen_resolution: shown("screen"),
        country: shown("country"),
        region: shown("region"),
        city: shown("city"),
        timezone: shown("timezone"),
        properties: properties.as_deref(),
        duration_seconds,
        active_seconds: whole_seconds(active),
        channel: channel.as_deref(),
        is_bounce: (counted > 0).then_some(counted == 1 && is_short),
        is_engaged: active > ENGAGED || page_views >= 2 || is_converted,
        unique_urls: acts().filter_map(|line| line.row.url).collect::<HashSet<_>>().len() as u64,
        is_bot: setting.is_bot,
        client_session_id: session.client,
        suspect_time: members.iter().any(|line| !(2000..2100).contains(&line.row.time.year())),
        nobody: is_nobody(owner.distinct_id()),
        files: members.iter().map(|line| line.file).collect::<HashSet<_>>().len() as u64,
        prompts: work.as_ref().map(|work| work.prompts),
        responses: work.as_ref().map(|work| work.responses),
        tool_calls: work.as_ref().map(|work| work.tool_calls),
        errors: work.as_ref().map(|work| work.errors),
        projects: work.as_ref().map(|work| &*work.projects),
        agents: work.as_ref().map(|work| &*work.agents),
        parallel_transcripts: work.as_ref().map(|work| work.parallel_transcripts),
    });
    id
}

fn later(at: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    at.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn whole_seconds(time: TimeDelta) -> u64 {
    u64::try_from(time.num_seconds()).unwrap_or_default()
}

/// The time between neighbouring events, without pauses. Events that only identify somebody do not count as activity.
fn active(members: &[&Line<'_>]) -> TimeDelta {
    let times: Vec<_> = members.iter().filter(|line| line.class != Class::Identity).map(|line| line.row.time).collect();
    let gaps = times.windows(2).map(|pair| pair[1].signed_duration_since(pair[0]));
    gaps.filter(|gap| *gap <= PAUSE).sum()
}

/// The path of a view: as the log gives it, else that of its URL, else the name of the screen or directory.
fn path<'l>(line: &Line<'l>) -> Option<&'l str> {
    if line.class != Class::View {
        return None;
    }
    let url = line.row.url;
    line.row.path.or_else(|| domain::path(url?)).or(url)
}

/// The event that shows what brought the person: the view whose campaign or referrer the session adopted, else the
/// first view, else the first event with a campaign or referrer.
fn brought<'m, 'l>(session: &Found<'_>, lines: &'m [Line<'l>], members: &[&'m Line<'l>]) -> Option<&'m Line<'l>> {
    let acts = || members.iter().copied().filter(|line| matches!(line.class, Class::View | Class::Event));
    let adopted = session.adopted.map(|position| &lines[position]);
    adopted
        .or_else(|| acts().find(|line| line.class == Class::View))
        .or_else(|| acts().find(|line| line.row.source.is_some() || line.row.referrer.is_some()))
}

/// The marketing channel. The referrer only counts if it is external.
fn channel(
    source: &Map<String, Value>,
    referrer: Option<&str>,
    is_external: bool,
    page: Option<&Line<'_>>,
    rules: Rules<'_>,
) -> String {
    let value = |key: &str| source.get(key).and_then(Value::as_str);
    let from = if is_external { referrer.and_then(domain::host) } else { None };
    let host = page.and_then(|line| domain::host(line.row.url?));
    let arrival = Arrival {
        source: value("source"),
        medium: value("medium"),
        campaign: value("name"),
        // A visitor who comes from the site itself has no other referrer.
        referring_domain: from.as_deref().or(referrer.map(|_| domain::DIRECT)),
        has_gclid: source.contains_key("gclid"),
        has_fbclid: source.contains_key("fbclid"),
        gad_source: value("gad_source"),
        host: host.as_deref(),
        path: page.and_then(path),
    };
    channel::channel(&arrival, &rules.settings.channels).to_owned()
}

/// Each kept property, from the earliest event that has it.
fn properties(members: &[&Line<'_>], rules: Rules<'_>) -> Option<String> {
    let mut missing: Vec<&str> = rules.settings.properties.iter().map(String::as_str).collect();
    let mut found: Vec<(&str, Value)> = Vec::new();
    for text in members.iter().filter_map(|line| line.row.properties) {
        if missing.is_empty() {
            break;
        }
        let mut object: Map<String, Value> = json::read(text);
        missing.retain(|key| match object.remove(*key) {
            Some(value) => {
                found.push((key, value));
                false
            }
            None => true,
        });
    }
    found.sort_unstable_by_key(|(key, _)| *key);
    let mut object = json::Object::default();
    found.iter().for_each(|(key, value)| object.raw(key, &value.to_string()));
    object.end()
}
