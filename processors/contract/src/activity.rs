//! What a log of web or app events says: who did what, where, with which device.
//!
//! Text is as the log has it, trimmed; empty text and `"null"` are absent. What a dialect has to look for in several
//! places, such as campaign values in properties and in the query of a url, it has looked for. Addresses are cut at
//! [`Activity::LONGEST_URL`] bytes, other text at [`Activity::LONGEST`], between characters; an id that is longer is
//! absent.

/// One event.
#[derive(Clone, Copy, Debug)]
pub struct Activity<'a> {
    pub class: Class,
    /// Name of the event, as the log has it: `$pageview`, `page`, `Order Completed`.
    pub name: &'a str,
    /// Position among the events of its line, from 0: a line can be a batch.
    pub part: u32,
    /// Who did it: never empty. The fallback of an empty id has been taken.
    pub distinct_id: &'a str,
    /// The session that the client says it belongs to.
    pub client_session_id: Option<&'a str>,
    /// Identities that the event says are one person.
    pub links: &'a [Link<'a>],
    /// Address of the page; a screen has its name here.
    pub url: Option<&'a str>,
    /// Path of the page, where the log gives it apart from the address.
    pub path: Option<&'a str>,
    /// As the log has it; `$direct` for none.
    pub referrer: Option<&'a str>,
    pub campaign: Campaign<'a>,
    /// Click ids by name, such as `gclid`.
    pub click_ids: &'a [(&'static str, &'a str)],
    pub device: Device<'a>,
    pub geo: Geo<'a>,
    /// The properties of the event as JSON text, for those that the configuration keeps.
    pub properties: &'a str,
    /// A part of a recording.
    pub replay: Option<Replay>,
}

impl Activity<'_> {
    /// Bytes of a text at most, but for addresses and properties.
    pub const LONGEST: usize = 512;
    /// Bytes of an address at most.
    pub const LONGEST_URL: usize = 4096;
}

/// What an event does to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A page or a screen was seen.
    View,
    /// Anything else that a person did.
    Event,
    /// Sent by the client by itself: leaving a page, a recording, a flag.
    Passive,
    /// A page-leave or an engagement ping: passive, and a sign that somebody is there.
    Ping,
    /// Says who somebody is.
    Identity,
    /// The session ends here.
    End,
}

/// Two ids that an event says are one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The id of a known user, or the one that stays.
    pub user: &'a str,
    /// The id that is joined to it.
    pub anonymous: &'a str,
    /// Joins whatever else is known of the two.
    pub is_forced: bool,
}

/// What brought somebody here. Values are trimmed, in the case that the log has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Campaign<'a> {
    pub source: Option<&'a str>,
    pub medium: Option<&'a str>,
    pub name: Option<&'a str>,
    pub term: Option<&'a str>,
    pub content: Option<&'a str>,
}

/// What it was seen on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device<'a> {
    /// `Desktop`, `Mobile`, `Tablet` and others, as the log has it.
    pub kind: Option<&'a str>,
    pub os: Option<&'a str>,
    pub os_version: Option<&'a str>,
    pub browser: Option<&'a str>,
    pub browser_version: Option<&'a str>,
    /// Width and height in pixels.
    pub screen: Option<(u32, u32)>,
    /// What the browser calls itself.
    pub user_agent: Option<&'a str>,
}

/// Where it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Geo<'a> {
    pub ip: Option<&'a str>,
    /// Two letters, ISO 3166.
    pub country: Option<&'a str>,
    pub region: Option<&'a str>,
    pub city: Option<&'a str>,
    pub timezone: Option<&'a str>,
}

/// Where a part of a recording stands in the text of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// `dom`, `mouse`, `scroll`, `input`, `viewport` or `custom`; `mixed` for a line that has several of them.
    pub kind: &'static str,
    /// Byte of the text of the file, unpacked, at which the line begins.
    pub offset: u64,
    /// Length of the line in bytes, without its line feed.
    pub length: u64,
}
