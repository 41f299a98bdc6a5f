//! An activity session: what one person did in one visit.

use chrono::{DateTime, Utc};
use sessionmill_contract::table;

table! {
    /// one row per activity session: what a person did, until they were idle for too long or came from elsewhere
    pub static SESSIONS: Table = "activity_sessions", Viewed;

    /// An activity session. Campaign and referrer are taken from one event; each value of device and place from the
    /// earliest event that has it.
    #[derive(Clone, Debug, PartialEq)]
    pub struct SessionRow<'a> {
        person: &'a str,
        /// made of the time and the identity of the first event: a UUID of version 7
        session_id: &'a str,
        /// folder of the log
        username: &'a str,
        /// web, or agent for work with coding agents
        kind: &'a str,
        /// smallest id of a known user among those of the person, else the smallest id
        person_id: &'a str,
        /// id of the first event; of the last one in a session that the client names
        distinct_id: &'a str,
        /// time of the first view or event, UTC
        started_at: DateTime<Utc>,
        /// time of the last view or event
        last_at: DateTime<Utc>,
        /// time of the last event of any class
        seen_until: DateTime<Utc>,
        /// last_at, or the time of the event that ended it
        closed_at: DateTime<Utc>,
        /// why the next event began another session: end, idle, length, campaign, referrer, day, actions or client
        close_reason: &'a str,
        /// when it ends if nothing more happens
        expires_at: DateTime<Utc>,
        attaches_until: DateTime<Utc>,
        active_until: DateTime<Utc>,
        /// pages and screens seen; for agents prompts
        page_views: u64,
        /// views and events
        event_count: u64,
        screens: u64,
        autocaptures: u64,
        /// address of the first view, else of the first event
        entry_url: Option<&'a str>,
        /// address of the last view, else of the last event
        exit_url: Option<&'a str>,
        /// path of entry_url, if that was a view
        landing_page: Option<&'a str>,
        /// path of exit_url, if that was a view
        exit_page: Option<&'a str>,
        /// where the person came from; $direct for nowhere
        referrer: Option<&'a str>,
        /// registrable domain of the referrer, if it is another site
        referring_domain: Option<&'a str>,
        /// of the campaign
        utm_source: Option<&'a str>,
        /// of the campaign
        utm_medium: Option<&'a str>,
        /// name of the campaign
        utm_campaign: Option<&'a str>,
        /// of the campaign
        utm_term: Option<&'a str>,
        /// of the campaign
        utm_content: Option<&'a str>,
        /// click id of Google Ads
        gclid: Option<&'a str>,
        /// click id of Google Ads: the kind of source
        gad_source: Option<&'a str>,
        /// click id of Search Ads 360
        gclsrc: Option<&'a str>,
        /// click id of Facebook
        fbclid: Option<&'a str>,
        /// click id of Microsoft Advertising
        msclkid: Option<&'a str>,
        /// click id of TikTok
        ttclid: Option<&'a str>,
        /// click id of LinkedIn
        li_fat_id: Option<&'a str>,
        /// click id of X
        twclid: Option<&'a str>,
        /// click id of Google Ads, from the web to an app
        wbraid: Option<&'a str>,
        /// click id of Google Ads, from an app
        gbraid: Option<&'a str>,
        /// click id of Google Marketing Platform
        dclid: Option<&'a str>,
        /// campaign id of Mailchimp
        mc_cid: Option<&'a str>,
        /// click id of Instagram
        igshid: Option<&'a str>,
        /// click id of Pinterest
        epik: Option<&'a str>,
        /// click id of Quora
        qclid: Option<&'a str>,
        /// click id of Snapchat
        sccid: Option<&'a str>,
        /// click id of Impact
        irclid: Option<&'a str>,
        /// click id of Klaviyo
        _kx: Option<&'a str>,
        /// Desktop, Mobile, Tablet and others
        device_type: Option<&'a str>,
        /// operating system
        os: Option<&'a str>,
        /// version of the operating system
        os_version: Option<&'a str>,
        /// name of the browser
        browser: Option<&'a str>,
        /// version of the browser
        browser_version: Option<&'a str>,
        /// width and height in pixels, such as 1920x1080
        screen_resolution: Option<&'a str>,
        /// two letters, ISO 3166
        country: Option<&'a str>,
        /// part of the country
        region: Option<&'a str>,
        /// name of the city
        city: Option<&'a str>,
        /// time zone of the client, as the log has it
        timezone: Option<&'a str>,
        /// properties that the configuration keeps, each of its earliest event: a JSON object
        properties: Option<&'a str>,
        /// from started_at to seen_until, whole seconds
        duration_seconds: u64,
        /// sum of the gaps of at most ten minutes between neighbouring events
        active_seconds: u64,
        /// kind of traffic that brought the person: Direct, Organic Search, Email and others
        channel: Option<&'a str>,
        /// one view or click, and gone in less than ten seconds; null without either
        is_bounce: Option<bool>,
        /// active for more than ten seconds, two views, or a conversion
        is_engaged: bool,
        /// different addresses seen
        unique_urls: u64,
        /// the client says that it is a program
        is_bot: bool,
        /// the session that the client says it is; null where rules found it
        client_session_id: Option<&'a str>,
        /// a time lies outside of the years 2000 to 2099
        suspect_time: bool,
        /// the id means nobody, such as `anonymous` or `null`
        nobody: bool,
        /// source files that its events are from
        files: u64,
        /// what the person wrote to agents; null for kind web
        prompts: Option<u64>,
        /// responses of models, those of subagents included; null for kind web
        responses: Option<u64>,
        /// calls of tools, those of subagents included; null for kind web
        tool_calls: Option<u64>,
        /// failed calls of tools and of the API; null for kind web
        errors: Option<u64>,
        /// working directories: a JSON list of texts, in order; null for kind web
        projects: Option<&'a str>,
        /// agents: a JSON list of texts, in order; null for kind web
        agents: Option<&'a str>,
        /// most transcripts at work at one time; null for kind web
        parallel_transcripts: Option<u64>,
    }
}
