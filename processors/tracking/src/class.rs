//! The effect of an event on a session, in its stored form.

use sessionmill_contract::activity;

/// The class of an event. Recordings are separate from other passive events, because one preset treats them
/// differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A page or a screen was viewed, or a prompt was written.
    View,
    /// Any other action of a person.
    Event,
    /// Sent by the client on its own.
    Passive,
    /// Passive, but a sign that somebody is there.
    Ping,
    /// A part of a recording.
    Recording,
    /// Says who somebody is.
    Identity,
    /// Ends a session.
    End,
}

impl Class {
    const ALL: [Self; 7] =
        [Self::View, Self::Event, Self::Passive, Self::Ping, Self::Recording, Self::Identity, Self::End];

    /// The class of an event, from the class that its dialect assigned.
    pub fn of(class: activity::Class, name: &str) -> Self {
        match class {
            activity::Class::View => Self::View,
            activity::Class::Event => Self::Event,
            activity::Class::Passive if name == "$snapshot" => Self::Recording,
            activity::Class::Passive => Self::Passive,
            activity::Class::Ping => Self::Ping,
            activity::Class::Identity => Self::Identity,
            activity::Class::End => Self::End,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Event => "event",
            Self::Passive => "passive",
            Self::Ping => "ping",
            Self::Recording => "recording",
            Self::Identity => "identity",
            Self::End => "end",
        }
    }

    /// The class with this stored name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}
