//! What the rows of the report of activity are grouped by.

use clap::ValueEnum;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Day on which the session began.
    Day,
    /// Named after its Monday.
    Week,
    /// Hour of the day in which the session began.
    Hour,
    /// Weekday on which the session began.
    Weekday,
    /// For web events the site and the id of the visitor; for agents a person with all their folders.
    #[value(alias = "person")]
    User,
    /// Team of the person who works with agents.
    Team,
    /// For agents: a session counts in each of its projects, and once in the total.
    Project,
    /// Kind of traffic that led to the visit.
    Channel,
    /// Source of the campaign, else the domain of the referrer.
    Source,
    Campaign,
    Country,
    /// Type of the device.
    Device,
    /// Path of the first page.
    Entry,
    /// Path of the last page.
    Exit,
}

impl By {
    /// The name in JSON and CSV.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Hour => "hour",
            Self::Weekday => "weekday",
            Self::User => "user",
            Self::Team => "team",
            Self::Project => "project",
            Self::Channel => "channel",
            Self::Source => "source",
            Self::Campaign => "campaign",
            Self::Country => "country",
            Self::Device => "device",
            Self::Entry => "entry",
            Self::Exit => "exit",
        }
    }

    /// The SQL expression that gives the name of a row, as text.
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Day | Self::Week | Self::Hour | Self::Weekday | Self::User | Self::Team => "NULL::VARCHAR",
            Self::Project => "projects",
            Self::Channel => "channel",
            // Lower case, as in the rules for channels: `Newsletter` and `newsletter` are the same.
            Self::Source => "coalesce(lower(trim(utm_source)), referring_domain)",
            Self::Campaign => "lower(trim(utm_campaign))",
            Self::Country => "country",
            Self::Device => "device_type",
            Self::Entry => "landing_page",
            Self::Exit => "exit_page",
        }
    }

    /// Whether rows are sorted by time instead of by size.
    pub(super) fn is_time(self) -> bool {
        matches!(self, Self::Day | Self::Week | Self::Hour | Self::Weekday)
    }
}
