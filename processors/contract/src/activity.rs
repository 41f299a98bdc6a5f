//! Events of web and app logs: who did what, where, and with which device.
//!
//! Text is as in the log, without surrounding white space; empty text and `"null"` are absent. A dialect has already
//! searched all places where a value can stand, such as the properties and the query of a URL for campaign values. URLs
//! are cut to [`Activity::LONGEST_URL`] bytes and other text to [`Activity::LONGEST`], between characters; an id that
//! is longer is absent.

/// One event.
#[derive(Clone, Copy, Debug)]
pub struct Activity<'a> {
    pub class: Class,
    /// The event's name, as in the log: `$pageview`, `page`, `Order Completed`.
    pub name: &'a str,
    /// The position among the events of its line, from 0: a line can be a batch.
    pub part: u32,
    /// Whether the log gives the event an id. If not, its id is a hash of its content: a copy in another file has the
    /// same id, but so has an equal event of the same file.
    pub has_own_id: bool,
    /// The id of the person. Never empty: the dialect has replaced an empty id by a fallback.
    pub distinct_id: &'a str,
    /// The session that the client assigned.
    pub client_session_id: Option<&'a str>,
    /// Pairs of ids that the event joins to one person.
    pub links: &'a [Link<'a>],
    /// The URL of the page, or the name of the screen.
    pub url: Option<&'a str>,
    /// The path of the page, if the log has it separately from the URL.
    pub path: Option<&'a str>,
    /// As in the log; `$direct` for none.
    pub referrer: Option<&'a str>,
    pub campaign: Campaign<'a>,
    /// Click ids by name, such as `gclid`.
    pub click_ids: &'a [(&'static str, &'a str)],
    pub device: Device<'a>,
    pub geo: Geo<'a>,
    /// The properties of the event as JSON text. The configuration chooses which of them are kept.
    pub properties: &'a str,
    /// The recording that the event is a part of.
    pub replay: Option<Replay>,
}

impl Activity<'_> {
    /// The most bytes of a text other than URLs and properties.
    pub const LONGEST: usize = 512;
    /// The most bytes of a URL.
    pub const LONGEST_URL: usize = 4096;
}

/// The effect of an event on a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A page or a screen was viewed.
    View,
    /// Any other action of a person.
    Event,
    /// Sent by the client on its own: leaving a page, a recording, a feature flag.
    Passive,
    /// A page leave or an engagement ping: passive, but a sign that somebody is there.
    Ping,
    /// Says who somebody is.
    Identity,
    /// The session ends here.
    End,
}

/// Two ids that an event joins to one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The id of a known user, or the id that is kept.
    pub user: &'a str,
    /// The id that is joined to it.
    pub anonymous: &'a str,
    /// Joined even if other links contradict it.
    pub is_forced: bool,
}

/// What brought a visitor here. Without surrounding white space; case as in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Campaign<'a> {
    pub source: Option<&'a str>,
    pub medium: Option<&'a str>,
    pub name: Option<&'a str>,
    pub term: Option<&'a str>,
    pub content: Option<&'a str>,
}

/// The device on which it happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device<'a> {
    /// `Desktop`, `Mobile`, `Tablet` and others, as in the log.
    pub kind: Option<&'a str>,
    pub os: Option<&'a str>,
    pub os_version: Option<&'a str>,
    pub browser: Option<&'a str>,
    pub browser_version: Option<&'a str>,
    /// Width and height in pixels.
    pub screen: Option<(u32, u32)>,
    /// The user agent string.
    pub user_agent: Option<&'a str>,
}

/// Where it happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Geo<'a> {
    pub ip: Option<&'a str>,
    /// Two letters, ISO 3166.
    pub country: Option<&'a str>,
    pub region: Option<&'a str>,
    pub city: Option<&'a str>,
    pub timezone: Option<&'a str>,
}

/// The position of a part of a recording in the text of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// `dom`, `mouse`, `scroll`, `input`, `viewport` or `custom`; `mixed` for a line that has several of them.
    pub kind: &'static str,
    /// The byte at which the line begins, in the unpacked text of the file.
    pub offset: u64,
    /// Length of the line in bytes, without its line feed.
    pub length: u64,
}
