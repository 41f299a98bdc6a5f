//! The rules for the begin and end of sessions. They go through the events of one person in order of time.
//!
//! The first view or event opens a session. Each following view or event begins a new one if one of these conditions
//! holds, checked in this order: an event of class *end* came; nothing happened for too long (*idle*); the session is
//! too long (*length*); a new calendar day has begun (*day*); the session has too many events (*actions*); another
//! *campaign* or another *referrer* brought the person. [`Switches`](crate::preset::Switches) determine which of these
//! conditions apply.
//!
//! ```text
//! 10:00 view  /            opens A
//! 10:20 view  /cans        A, 20 minutes later
//! 10:50 view  /cart        A, exactly 30 minutes later
//! 11:21 event pay          opens B: A was idle for 31 minutes
//! ```

use crate::campaign;
use crate::class::Class;
use crate::device::Devices;
use crate::domain::Sites;
use crate::line::Line;
use crate::preset::{Campaigns, Reach, Switches};
use crate::settings::Settings;
use chrono::{DateTime, TimeDelta, Utc};

/// What the rules depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'r> {
    pub(crate) settings: &'r Settings,
    /// Decides which referrers are external.
    pub(crate) sites: &'r Sites,
    /// Knows devices by user agent string.
    pub(crate) devices: &'r Devices,
}

/// A session. Events are given by position among all events that are settled together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found<'l> {
    /// The name that the client gave it; `None` if rules found it.
    pub(crate) client: Option<&'l str>,
    /// All its events, in order.
    pub(crate) members: Vec<usize>,
    /// The first view or event.
    pub(crate) first: usize,
    /// The last view or event. In a session that the client named, only events that name it count.
    pub(crate) last: usize,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) last_at: DateTime<Utc>,
    /// Events that name no session belong to this one until this time.
    pub(crate) attaches_until: DateTime<Utc>,
    /// The event that ended it.
    pub(crate) end: Option<usize>,
    pub(crate) reason: Reason,
    /// The view whose campaign or referrer it adopted.
    pub(crate) adopted: Option<usize>,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    End,
    Idle,
    Length,
    Day,
    Actions,
    Campaign,
    Referrer,
    Client,
}

impl Reason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Idle => "idle",
            Self::Length => "length",
            Self::Day => "day",
            Self::Actions => "actions",
            Self::Campaign => "campaign",
            Self::Referrer => "referrer",
            Self::Client => "client",
        }
    }
}

/// The effect of an event, by its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Opens,
    Extends,
    Attaches,
    Ends,
}

impl Role {
    pub(crate) fn of(class: Class, switches: &Switches) -> Self {
        let reach = match class {
            Class::View | Class::Event => return Self::Opens,
            Class::End => return Self::Ends,
            Class::Passive => switches.passive,
            Class::Ping => switches.ping,
            Class::Recording => switches.recording,
            Class::Identity => switches.identity,
        };
        match reach {
            Reach::Opens => Self::Opens,
            Reach::Extends => Self::Extends,
            Reach::Attaches => Self::Attaches,
        }
    }
}

/// A session during the pass over its events.
struct Running<'l> {
    found: Found<'l>,
    /// The campaign and the referrer that brought the person, as the rules compare them.
    campaign: Option<String>,
    referrer: Option<String>,
    has_view: bool,
    actions: u64,
    /// The time of the last view or event, not counting others that kept it alive.
    acted_at: DateTime<Utc>,
}

impl<'l> Found<'l> {
    /// A session that begins with this event.
    pub(crate) fn at(position: usize, line: &Line<'l>, switches: &Switches) -> Self {
        let at = line.row.time;
        Self {
            client: None,
            members: vec![position],
            first: position,
            last: position,
            started_at: at,
            last_at: at,
            attaches_until: switches.runs_until(at),
            end: None,
            reason: Reason::Idle,
            adopted: None,
        }
    }

    /// Ends the session with this event.
    pub(crate) fn close(&mut self, position: usize) {
        self.end = Some(position);
        self.reason = Reason::End;
    }

    /// Keeps the session alive until after this event.
    pub(crate) fn extend(&mut self, at: DateTime<Utc>, switches: &Switches) {
        self.last_at = self.last_at.max(at);
        self.attaches_until = self.attaches_until.max(switches.runs_until(at));
    }
}

/// The sessions that have begun, during a pass over events in order of time.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    /// The number of sessions that have begun.
    count: usize,
    /// Sessions that are not over, ordered by start. Some that are over can be among them.
    running: Vec<usize>,
}

impl Begun {
    /// The session that began last and is not over at this time. A session that is over stays over.
    pub(crate) fn latest(
        &mut self,
        sessions: &[Found<'_>],
        at: DateTime<Utc>,
        is_over: impl Fn(&Found<'_>) -> bool,
    ) -> Option<usize> {
        let begun = sessions[self.count..].iter().take_while(|session| session.started_at <= at).count();
        self.running.extend(self.count..self.count + begun);
        self.count += begun;
        while let Some(&session) = self.running.last() {
            if !is_over(&sessions[session]) {
                return Some(session);
            }
            self.running.pop();
        }
        None
    }
}

/// The sessions of one person's events, which are given by position, and the positions of events without a session.
pub(crate) fn sessions<'l>(lines: &[Line<'l>], positions: &[usize], rules: Rules<'_>) -> (Vec<Found<'l>>, Vec<usize>) {
    let switches = &rules.settings.switches;
    let mut sessions: Vec<Running<'l>> = Vec::new();
    let (mut others, mut without) = (Vec::new(), Vec::new());
    for &position in positions {
        let line = &lines[position];
        let role = Role::of(line.class, switches);
        if matches!(role, Role::Extends | Role::Attaches) {
            others.push(position);
        }
        match (role, sessions.last_mut()) {
            (Role::Opens, Some(session)) => match session.ends(line, rules) {
                None => session.take(position, line, rules),
                Some(reason) => {
                    session.found.reason = reason;
                    sessions.push(Running::begin(position, line, rules));
                }
            },
            (Role::Opens, None) => sessions.push(Running::begin(position, line, rules)),
            (Role::Extends, Some(session)) if session.runs(line) => session.found.extend(line.row.time, switches),
            (Role::Ends, Some(session)) if session.runs(line) => {
                session.found.members.push(position);
                session.found.close(position);
            }
            // An end that closes no session belongs to none.
            (Role::Ends, _) => without.push(position),
            _ => {}
        }
    }
    let mut found: Vec<Found<'l>> = sessions.into_iter().map(|session| session.found).collect();
    without.extend(attach(&mut found, lines, others));
    (found, without)
}

/// Adds each event to the latest session that would still run at its time, even if an end closed it. Returns the events
/// that fit none. An event at the exact time of a session's first event belongs to it, wherever it stands in the file.
pub(crate) fn attach(sessions: &mut [Found<'_>], lines: &[Line<'_>], positions: Vec<usize>) -> Vec<usize> {
    let (mut begun, mut loose) = (Begun::default(), Vec::new());
    for position in positions {
        let at = lines[position].row.time;
        match begun.latest(sessions, at, |session| at > session.attaches_until) {
            Some(session) => sessions[session].members.push(position),
            None => loose.push(position),
        }
    }
    sessions.iter_mut().for_each(|session| session.members.sort_unstable());
    loose
}

impl<'l> Running<'l> {
    fn begin(position: usize, line: &Line<'l>, rules: Rules<'_>) -> Self {
        let found = Found::at(position, line, &rules.settings.switches);
        let acted_at = line.row.time;
        let mut session = Self { found, campaign: None, referrer: None, has_view: false, actions: 1, acted_at };
        session.note(line, rules);
        session
    }

    /// Whether the session runs at the time of an event, so that the event can keep it alive or end it.
    fn runs(&self, line: &Line<'_>) -> bool {
        self.found.end.is_none() && line.row.time <= self.found.attaches_until
    }

    /// Why the session ends before this view or event; `None` if it does not.
    fn ends(&self, line: &Line<'_>, rules: Rules<'_>) -> Option<Reason> {
        let (Settings { switches, zone, .. }, at) = (rules.settings, line.row.time);
        let Found { started_at, attaches_until, end, .. } = self.found;
        let day = |at: DateTime<Utc>| at.with_timezone(zone).date_naive();
        let is_too_long = |length: TimeDelta| at.signed_duration_since(started_at) > length;
        if end.is_some() {
            Some(Reason::End)
        } else if at > attaches_until {
            Some(Reason::Idle)
        } else if switches.max_length.is_some_and(is_too_long) {
            Some(Reason::Length)
        } else if switches.splits_on_day && day(self.acted_at) != day(at) {
            Some(Reason::Day)
        } else if switches.max_actions.is_some_and(|most| self.actions >= most) {
            Some(Reason::Actions)
        } else if self.differs(&self.campaign, campaign_of(line, rules), switches.campaign == Campaigns::ByName) {
            Some(Reason::Campaign)
        } else if self.differs(&self.referrer, referrer_of(line, rules), false) {
            Some(Reason::Referrer)
        } else {
            None
        }
    }

    /// Whether a campaign or referrer differs from the one that brought the person first. A session without one adopts
    /// it, until its first view or at any time.
    fn differs(&self, own: &Option<String>, other: Option<String>, adopts_late: bool) -> bool {
        match (own, other) {
            (_, None) => false,
            (Some(own), Some(other)) => *own != other,
            (None, Some(_)) => self.has_view && !adopts_late,
        }
    }

    fn take(&mut self, position: usize, line: &Line<'l>, rules: Rules<'_>) {
        self.found.members.push(position);
        self.found.last = position;
        self.found.extend(line.row.time, &rules.settings.switches);
        self.actions += 1;
        self.acted_at = line.row.time;
        if self.note(line, rules) {
            self.found.adopted = Some(position);
        }
    }

    /// Notes the campaign and referrer. Returns whether one of them is new.
    fn note(&mut self, line: &Line<'_>, rules: Rules<'_>) -> bool {
        let (campaign, referrer) = (campaign_of(line, rules), referrer_of(line, rules));
        let is_new = campaign.is_some() && self.campaign.is_none() || referrer.is_some() && self.referrer.is_none();
        self.campaign = self.campaign.take().or(campaign);
        self.referrer = self.referrer.take().or(referrer);
        self.has_view |= line.class == Class::View;
        is_new
    }
}

/// The campaign of a view, if campaigns matter.
fn campaign_of(line: &Line<'_>, rules: Rules<'_>) -> Option<String> {
    let source = line.row.source.filter(|_| line.class == Class::View)?;
    campaign::mark(source, rules.settings.switches.campaign)
}

/// The domain of a view's external referrer, if referrers matter.
fn referrer_of(line: &Line<'_>, rules: Rules<'_>) -> Option<String> {
    let counts = rules.settings.switches.splits_on_referrer && line.class == Class::View;
    rules.sites.external(line.row.referrer.filter(|_| counts)?, line.row.url)
}
