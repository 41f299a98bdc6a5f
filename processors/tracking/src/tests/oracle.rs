//! Compares the sessions of random logs with those of a second implementation, which is slow and keeps no state. The
//! logs have copies, late lines, links and client sessions, and are read in any order, as one island or as several.

use super::*;
use crate::preset::{Campaigns, PRESETS, Reach};
use crate::settings::SessionSource;
use std::collections::BTreeSet;

/// Numbers that a seed repeats: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// A log of some people, with gaps around the limits.
fn log(random: &mut Random, switches: &Switches) -> Vec<Web> {
    let idle = switches.idle.num_microseconds().unwrap();
    // Around midnight, where days count.
    let start = if switches.splits_on_day { 48_000_000_000 } else { 0 };
    let (mut events, mut micros) = (Vec::new(), start);
    for number in 0..random.below(30) {
        let more = random.one(&[0, 1, idle / 3, idle - 1, idle, idle + 1, idle + 59_999_999, idle + 60_000_000]);
        micros += if random.below(2) == 0 { i64::try_from(random.below(300_000_000)).unwrap() } else { more };
        let (class, name) = random.one(&[
            (Class::View, "$pageview"),
            (Class::View, "$screen"),
            (Class::Event, "add to cart"),
            (Class::Event, "$autocapture"),
            (Class::Passive, "$pageleave"),
            (Class::Passive, "$snapshot"),
            (Class::Ping, "engagement"),
            (Class::End, "$session_end"),
        ]);
        let who = random.one(&["ada", "anon-1", "anon-2", "bob", "null"]);
        let link = random.one(&[
            None,
            None,
            None,
            None,
            Some(("ada", "anon-1", false)),
            Some(("bob", "anon-1", false)),
            Some(("ada", "anon-2", false)),
            Some(("bob", "ada", false)),
            Some(("bob", "ada", true)),
        ]);
        let (class, name) = if link.is_some() { (Class::Identity, "$identify") } else { (class, name) };
        let event = Web {
            file: random.one(&["shop/a.jsonl", "shop/b.jsonl", "shop/c.jsonl"]),
            id: (random.below(3) > 0).then(|| format!("e{number}")),
            at: at(0, micros),
            class,
            name,
            client: random.one(&[None, None, None, Some("s1"), Some("s2")]).map(str::to_owned),
            url: random.one(&[None, Some("https://shop.example/"), Some("https://shop.example/cans")]),
            referrer: random.one(&[
                None,
                None,
                Some("$direct"),
                Some("https://a.example/"),
                Some("https://b.example/"),
            ]),
            campaign: random.one(&[None, None, None, Some("spring"), Some("summer")]),
            link: link.map(|(user, anonymous, is_forced)| (user.to_owned(), anonymous.to_owned(), is_forced)),
            ..Web::view(0).by(who)
        };
        // Some of the events without an id of their own are identified by their content.
        let event = if event.id.is_none() && random.below(2) == 0 {
            Web { id: Some(format!("c{number}")), has_own_id: false, ..event }
        } else {
            event
        };
        if event.id.is_some() && random.below(4) == 0 {
            events.push(Web { file: random.one(&["shop/a.jsonl", "shop/d.jsonl"]), ..event.clone() });
        }
        events.push(event);
    }
    // Lines stand in any order.
    for position in (1..events.len()).rev() {
        events.swap(position, random.below(position as u64 + 1) as usize);
    }
    numbered(&events)
}

fn compared(session: &SessionRow<'_>) -> String {
    format!("{} {} closed {:?} seen {:?}", session.person_id, outline(session), session.closed_at, session.seen_until)
}

#[test]
fn random_logs_give_the_sessions_of_the_slow_way() {
    let mut random = Random(0x5e55_1041);
    let (mut sessions, mut reasons) = (0, BTreeSet::new());
    for round in 0..1_800 {
        let (name, switches) = &PRESETS[round % PRESETS.len()];
        let session_source = random.one(&[SessionSource::Auto, SessionSource::Client, SessionSource::Computed]);
        let settings = Settings { switches: switches.clone(), session_source, ..Settings::default() };
        let events = log(&mut random, switches);
        let tracking = Tracking::new(settings.clone(), None);
        let rows = settled(&tracking, &folded(&tracking, &events), Cut::Islands);
        let mut fast = each_session(&rows, compared);
        let mut slow = slow::sessions(&settings, &events);
        fast.sort();
        slow.sort();
        assert_eq!(fast, slow, "{name} {session_source:?} {events:#?}");
        sessions += fast.len();
        reasons.extend(each_session(&rows, |session| session.close_reason.to_owned()));
    }
    assert!(sessions > 4_500, "{sessions}");
    let all = ["campaign", "client", "day", "end", "idle", "referrer"];
    assert!(all.iter().all(|reason| reasons.contains(*reason)), "{reasons:?}");
}

#[test]
fn islands_and_files_in_any_order_give_the_rows_of_the_whole() {
    let mut random = Random(0x0015_1a4d);
    for round in 0..90 {
        let (_, switches) = &PRESETS[round % PRESETS.len()];
        let tracking = Tracking::new(Settings { switches: switches.clone(), ..Settings::default() }, None);
        let events = log(&mut random, switches);
        let mut files = folded(&tracking, &events);
        let sorted = |rows: &Rows| {
            let mut sessions: Vec<_> = rows.of(&SESSIONS).map(|row| format!("{row:?}")).collect();
            sessions.sort();
            sessions
        };
        let whole = sorted(&settled(&tracking, &files, Cut::Nowhere));
        assert_eq!(sorted(&settled(&tracking, &files, Cut::Islands)), whole, "{events:#?}");
        files.reverse();
        assert_eq!(sorted(&settled(&tracking, &files, Cut::Islands)), whole, "{events:#?}");
    }
}

/// The rules again, from scratch for each event.
mod slow {
    use super::*;
    use crate::domain::Sites;
    use crate::nobody::is_nobody;

    type Session<'e> = (Option<&'e str>, Vec<&'e Web>, Option<DateTime<Utc>>, &'static str);

    fn opens(switches: &Switches, event: &Web) -> bool {
        matches!(event.class, Class::View | Class::Event) || reach(switches, event) == Some(Reach::Opens)
    }

    fn reach(switches: &Switches, event: &Web) -> Option<Reach> {
        match event.class {
            Class::Passive if event.name == "$snapshot" => Some(switches.recording),
            Class::Passive => Some(switches.passive),
            Class::Ping => Some(switches.ping),
            Class::Identity => Some(switches.identity),
            _ => None,
        }
    }

    /// The events that count, by time, file and line.
    fn distinct(events: &[Web]) -> Vec<&Web> {
        // Equal events of one file differ by their number.
        let number = |event: &Web| {
            let is_alike = |other: &&Web| other.id == event.id && other.file == event.file && other.line <= event.line;
            if event.has_own_id { 0 } else { events.iter().filter(is_alike).count() }
        };
        let is_first = |event: &&Web| {
            let is_earlier = |other: &Web| {
                other.id == event.id
                    && (other.file, other.line) < (event.file, event.line)
                    && number(other) == number(event)
            };
            // The processor compares ids only among people it settles together. Here, events with one id always are.
            event.id.is_none() || !events.iter().any(is_earlier)
        };
        let mut events: Vec<&Web> = events.iter().filter(is_first).collect();
        events.sort_by_key(|event| (event.at, event.file, event.line));
        events
    }

    /// The person of each id.
    fn people(events: &[Web]) -> BTreeMap<&str, &str> {
        let links = || {
            let links = events.iter().filter_map(|event| Some((event, event.link.as_ref()?)));
            links.filter(|(_, (user, anonymous, _))| !is_nobody(user) && !is_nobody(anonymous))
        };
        let mut joined: Vec<(&str, &str)> = Vec::new();
        for (event, (user, anonymous, is_forced)) in links() {
            let is_earliest = links()
                .all(|(other, (_, id, is_forced))| id != anonymous || *is_forced || place(event) <= place(other));
            let is_user = links().any(|(_, (user, _, _))| user == anonymous);
            if *is_forced || is_earliest && !is_user {
                joined.push((user, anonymous));
            }
        }
        let ids: BTreeSet<&str> = events.iter().map(|event| &*event.who).collect();
        let person = |id: &str| {
            let mut known = BTreeSet::from([id]);
            for _ in 0..joined.len() {
                for (user, anonymous) in &joined {
                    if known.contains(user) || known.contains(anonymous) {
                        known.extend([user, anonymous]);
                    }
                }
            }
            let users = joined.iter().map(|(user, _)| *user).filter(|user| known.contains(user));
            users.min().map_or_else(|| id.to_owned(), str::to_owned)
        };
        ids.into_iter().map(|id| (id, &*person(id).leak())).collect()
    }

    /// Why a session ends before an event.
    fn splits(settings: &Settings, session: &Session<'_>, event: &Web, last: DateTime<Utc>) -> Option<&'static str> {
        let (switches, sites) = (&settings.switches, Sites::new(&[], &[]));
        let acts = || session.1.iter().filter(|event| opens(switches, event));
        let views = || acts().filter(|event| event.class == Class::View);
        let start = acts().next().unwrap().at;
        let last_act = acts().next_back().unwrap().at;
        let campaign = |event: &Web| event.campaign.map(str::to_owned);
        let referrer = |event: &Web| sites.external(event.referrer?, event.url);
        let other = |own: Option<String>, new: Option<String>, adopts_late: bool| match (own, new) {
            (Some(own), Some(new)) => own != new,
            (None, Some(_)) => !adopts_late && views().next().is_some(),
            _ => false,
        };
        let is_view = event.class == Class::View;
        let adopts_late = switches.campaign == Campaigns::ByName;
        if session.2.is_some() {
            Some("end")
        } else if event.at > switches.runs_until(last) {
            Some("idle")
        } else if switches.max_length.is_some_and(|most| event.at - start > most) {
            Some("length")
        } else if switches.splits_on_day && last_act.date_naive() != event.at.date_naive() {
            Some("day")
        } else if is_view
            && switches.campaign != Campaigns::Ignored
            && other(views().find_map(|event| campaign(event)), campaign(event), adopts_late)
        {
            Some("campaign")
        } else if is_view
            && switches.splits_on_referrer
            && other(views().find_map(|event| referrer(event)), referrer(event), false)
        {
            Some("referrer")
        } else {
            None
        }
    }

    /// The last sign that somebody was there.
    fn last(switches: &Switches, session: &Session<'_>) -> DateTime<Utc> {
        let keeps = |event: &&&Web| opens(switches, event) || reach(switches, event) == Some(Reach::Extends);
        session.1.iter().filter(keeps).map(|event| event.at).max().unwrap()
    }

    /// The sessions of one person by rules, each with the time of the last event that shows activity.
    fn computed<'e>(settings: &Settings, events: &[&'e Web]) -> Vec<(Session<'e>, DateTime<Utc>)> {
        let switches = &settings.switches;
        let mut sessions: Vec<Session<'e>> = Vec::new();
        for event in events {
            let current = sessions.last_mut();
            if opens(switches, event) {
                match current {
                    Some(session) => match splits(settings, session, event, last(switches, session)) {
                        Some(reason) => {
                            session.3 = reason;
                            sessions.push((None, vec![event], None, "idle"));
                        }
                        None => session.1.push(event),
                    },
                    None => sessions.push((None, vec![event], None, "idle")),
                }
            } else if let Some(session) = current
                && session.2.is_none()
                && event.at <= switches.runs_until(last(switches, session))
            {
                if event.class == Class::End {
                    (session.2, session.3) = (Some(event.at), "end");
                    session.1.push(event);
                } else if reach(switches, event) == Some(Reach::Extends) {
                    session.1.push(event);
                }
            }
        }
        // An event after an end belongs to the session but does not extend it.
        let lasts: Vec<_> = sessions.iter().map(|session| last(switches, session)).collect();
        for event in events {
            let running = sessions.iter_mut().zip(&lasts).rfind(|(session, _)| {
                session.1.iter().filter(|event| opens(switches, event)).map(|event| event.at).min().unwrap() <= event.at
            });
            if let Some((session, last)) = running
                && event.at <= switches.runs_until(*last)
                && !session.1.iter().any(|other| std::ptr::eq(*other, *event))
                && !opens(switches, event)
                && event.class != Class::End
            {
                session.1.push(event);
            }
        }
        sessions.into_iter().zip(lasts).collect()
    }

    /// The sessions, in the form of `compared`.
    pub(super) fn sessions(settings: &Settings, events: &[Web]) -> Vec<String> {
        let (switches, people) = (&settings.switches, people(events));
        let events = distinct(events);
        let names_count = settings.session_source != SessionSource::Computed;
        // A client session of unknown people is not that of a known person, even if its name is the same.
        let name = |event: &Web| {
            let client = event.client.clone().filter(|_| names_count)?;
            Some((client, is_nobody(&event.who)))
        };
        let mut named: Vec<Session<'_>> = Vec::new();
        for own in events.iter().filter_map(|event| name(event)).collect::<BTreeSet<_>>() {
            let members: Vec<&Web> =
                events.iter().copied().filter(|event| name(event).as_ref() == Some(&own)).collect();
            if members.iter().any(|event| opens(switches, event)) {
                named.push((members[0].client.as_deref(), members, None, "client"));
            }
        }
        let owner = |session: &Session<'_>| {
            let event = if session.0.is_some() {
                session.1.iter().rfind(|event| opens(switches, event) && event.client.as_deref() == session.0)
            } else {
                session.1.iter().find(|event| opens(switches, event))
            };
            people[&*event.unwrap().who]
        };
        let start = |session: &Session<'_>| session.1.iter().find(|event| opens(switches, event)).unwrap().at;
        let is_in_named =
            |event: &Web| named.iter().any(|session| session.1.iter().any(|other| std::ptr::eq(*other, event)));
        let rest: Vec<&Web> = events.iter().copied().filter(|event| !is_in_named(event)).collect();
        // Of the sessions of the event's person that are running at its time: the one that began last.
        let latest = |named: &[Session<'_>], event: &Web, until: &dyn Fn(&Session<'_>) -> DateTime<Utc>| {
            let is_running = |session: &Session<'_>| {
                owner(session) == people[&*event.who] && start(session) <= event.at && event.at <= until(session)
            };
            let by_start = (0..named.len()).filter(|session| is_running(&named[*session]));
            by_start
                .max_by_key(|session| named[*session].1.iter().copied().find(|event| opens(switches, event)).map(place))
        };
        let runs_until = |session: &Session<'_>| switches.runs_until(last_of_named(switches, session));
        let mut left: BTreeMap<&str, Vec<&Web>> = BTreeMap::new();
        for event in rest {
            let until = |session: &Session<'_>| match end_of_named(switches, session) {
                Some(end) if place(end) < place(event) => DateTime::<Utc>::MIN_UTC,
                _ => runs_until(session),
            };
            match latest(&named, event, &until) {
                Some(session) => named[session].1.push(event),
                None => left.entry(people[&*event.who]).or_default().push(event),
            }
        }
        let mut others: Vec<(&str, (Session<'_>, DateTime<Utc>))> = Vec::new();
        if settings.session_source != SessionSource::Client {
            for (person, events) in &left {
                others.extend(computed(settings, events).into_iter().map(|session| (*person, session)));
            }
        }
        // What a client sends without a person belongs to a closed session if none is running.
        let is_by_itself = |event: &&Web| !opens(switches, event) && event.class != Class::End;
        let is_in_other =
            |event: &Web| others.iter().any(|(_, (session, _))| session.1.iter().any(|e| std::ptr::eq(*e, event)));
        let late = left.values().flatten().copied().filter(|event| is_by_itself(event) && !is_in_other(event));
        let late: Vec<_> = late.filter_map(|event| Some((latest(&named, event, &runs_until)?, event))).collect();
        let lasts: Vec<_> = named.iter().map(|session| last_of_named(switches, session)).collect();
        for session in &mut named {
            if let Some(end) = end_of_named(switches, session) {
                (session.2, session.3) = (Some(end.at), "end");
            }
        }
        late.into_iter().for_each(|(session, event)| named[session].1.push(event));
        let mut lines = Vec::new();
        let mut tell = |session: &Session<'_>, person: &str, last: DateTime<Utc>| {
            let seconds = |time: DateTime<Utc>| time.signed_duration_since(at(0, 0)).num_seconds();
            let start = session.1.iter().filter(|event| opens(switches, event)).map(|event| event.at).min().unwrap();
            let count = |classes: &[Class]| session.1.iter().filter(|event| classes.contains(&event.class)).count();
            let lasts = |event: &&&Web| switches.ping_lasts || event.class != Class::Ping;
            let seen = session.1.iter().filter(lasts).map(|event| event.at).max().unwrap_or(last);
            lines.push(format!(
                "{person} {}-{} {} {}/{} closed {:?} seen {seen:?}",
                seconds(start),
                seconds(last),
                session.3,
                count(&[Class::View]),
                count(&[Class::View, Class::Event]),
                session.2.unwrap_or(last),
            ));
        };
        for (session, last) in named.iter().zip(lasts) {
            tell(session, owner(session), last);
        }
        for (person, (session, last)) in &others {
            tell(session, person, *last);
        }
        lines
    }

    fn place(event: &Web) -> (DateTime<Utc>, &str, u64) {
        (event.at, event.file, event.line)
    }

    /// The events that extend a session named by its client. Events before the one that opens it do not.
    fn keeping<'s, 'e>(switches: &Switches, session: &'s Session<'e>) -> impl Iterator<Item = &'e Web> + use<'s, 'e> {
        let switches = switches.clone();
        let start = session.1.iter().find(|event| opens(&switches, event)).unwrap().at;
        session.1.iter().copied().filter(move |event| {
            opens(&switches, event) || reach(&switches, event) == Some(Reach::Extends) && event.at >= start
        })
    }

    fn last_of_named(switches: &Switches, session: &Session<'_>) -> DateTime<Utc> {
        keeping(switches, session).map(|event| event.at).max().unwrap()
    }

    /// The first end after everything that keeps it alive.
    fn end_of_named<'e>(switches: &Switches, session: &Session<'e>) -> Option<&'e Web> {
        let last = keeping(switches, session).map(place).max();
        let ends = session.1.iter().copied().filter(|event| event.class == Class::End);
        ends.filter(|event| Some(place(event)) > last).min_by_key(|event| place(event))
    }
}
